"""One AWS account: its configuration checked, and what it can be asked."""

import re
from collections.abc import Sequence

from novacron.cloud.v1 import provider_pb2

from novacron_providers.aws.auth import Auth
from novacron_providers.aws.client import Client
from novacron_providers.aws.compute import Ec2
from novacron_providers.aws.custom import CustomCloudWatch
from novacron_providers.aws.metrics import CloudWatch
from novacron_providers.aws.rates import RATES
from novacron_providers.aws.regions import Regions
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CredentialsInvalid, InvalidArgument
from novacron_providers.contract.provider import Area, Connection, Identity, OpenCircuit, Settings
from novacron_providers.kit.settings import check_shared, check_url, make_callers, read_options

# Options of this kind of provider, with their defaults, in seconds: how often EC2 publishes a metric without detailed
# monitoring, and how long CloudWatch takes to have it.
OPTIONS = {"metrics.period": 300.0, "metrics.lag": 300.0}
# Asked for what belongs to no region, when the configuration names none.
_HOME = "us-east-1"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")


class AwsConnection(Connection):
    """An AWS account that can be called."""

    def __init__(self, settings: Settings) -> None:
        config = settings.config
        self._project = config.project
        self._callers = make_callers("aws", settings, RATES)
        home = config.default_region or next(iter(config.regions), _HOME)
        self._client = Client(self._callers, Auth.read(settings.auth), home=home, endpoint=config.endpoint)
        self._regions = Regions(self._client, settings.provider, config.regions, settings.clock)
        options = _options(config)
        self._areas: Sequence[Area] = (
            Ec2(self._client, self._regions, settings),
            CloudWatch(self._client, settings.provider, period=options["metrics.period"], lag=options["metrics.lag"]),
            CustomCloudWatch(self._client),
        )

    @property
    def areas(self) -> Sequence[Area]:
        return self._areas

    async def identify(self, call: Call) -> Identity:
        answer = await self._client.call("sts.GetCallerIdentity", self._client.home, call)
        account = str(answer["Account"])
        if self._project and self._project != account:
            raise CredentialsInvalid(
                f"the credentials lead to account {account}, and the configuration names {self._project}; "
                "correct one of them with UpdateProvider"
            )
        self._callers.account = account
        return Identity(account=account, principal=str(answer["Arn"]))

    async def regions(self, call: Call) -> Sequence[str]:
        return await self._regions.usable(call)

    async def probe(self, region: str, call: Call) -> None:
        await self._regions.zones(region, call)

    def throttled_calls(self) -> int:
        return self._callers.throttled_last_hour()

    def circuits(self) -> Sequence[OpenCircuit]:
        return self._callers.circuits()

    async def close(self) -> None:
        await self._client.close()


def check(settings: Settings) -> None:
    """Check a configuration without calling AWS; raises InvalidArgument, naming config.{field}."""
    config = settings.config
    Auth.read(settings.auth)
    _options(config)
    if config.endpoint:
        check_url(config.endpoint, "config.endpoint", path=True)
    check_shared(config, _REGION, cloud="AWS", example="us-east-1")
    if config.default_zone and not config.default_zone.startswith(config.default_region or " "):
        raise InvalidArgument(
            f"default_zone {config.default_zone} is not in default_region", field="config.default_zone"
        )


def _options(config: provider_pb2.ProviderConfig) -> dict[str, float]:
    found = read_options(config, OPTIONS)
    if found["metrics.period"] not in (1, 5, 10, 20, 30) and found["metrics.period"] % 60:
        raise InvalidArgument(
            "CloudWatch has periods of 1, 5, 10, 20, 30 and multiples of 60 s", field="config.options"
        )
    return found
