"""One Google Cloud project: its configuration checked, and what it can be asked."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from novacron.cloud.v1 import provider_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CredentialsInvalid, InvalidArgument, NotFound
from novacron_providers.contract.provider import Area, Connection, Identity, OpenCircuit, Settings
from novacron_providers.gcp.auth import Auth
from novacron_providers.gcp.client import Client, Endpoints
from novacron_providers.gcp.compute import ComputeEngine
from novacron_providers.gcp.custom import CustomMonitoring
from novacron_providers.gcp.metrics import Monitoring
from novacron_providers.gcp.rates import RATES
from novacron_providers.gcp.regions import Regions, region_of
from novacron_providers.kit.settings import check_shared, check_url, make_callers, read_options

# Options of this kind of provider, with their defaults; numbers are seconds.
OPTIONS: Mapping[str, str | float | tuple[str, ...]] = {
    "gcp.iam_endpoint": "",
    "gcp.metadata_host": "",
    "gcp.monitoring_endpoint": "",
    "gcp.token_urls": (),
    "metrics.period": 60.0,
    "metrics.lag": 240.0,
}
_PROJECT = re.compile(r"([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_HOST = re.compile(r"[\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")


class GcpConnection(Connection):
    """A Google Cloud project that can be called."""

    def __init__(self, settings: Settings) -> None:
        config, options = settings.config, _options(settings.config)
        self._callers = make_callers("gcp", settings, RATES)
        self._callers.account = config.project
        endpoints = Endpoints(
            compute=config.endpoint,
            monitoring=options["gcp.monitoring_endpoint"],
            metadata=options["gcp.metadata_host"],
            iam=options["gcp.iam_endpoint"],
        )
        auth = Auth.read(settings.auth, options["gcp.token_urls"])
        self._client = Client(self._callers, auth, project=config.project, endpoints=endpoints)
        self._regions = Regions(self._client, settings.provider, config.regions, settings.clock)
        self._areas: Sequence[Area] = (
            ComputeEngine(self._client, self._regions, settings),
            Monitoring(self._client, settings.provider, period=options["metrics.period"], lag=options["metrics.lag"]),
            CustomMonitoring(self._client),
        )

    @property
    def areas(self) -> Sequence[Area]:
        return self._areas

    async def identify(self, call: Call) -> Identity:
        try:
            await self._client.read("projects.get", "", call, {"fields": "name"})
        except NotFound as error:
            raise CredentialsInvalid(
                f"the credentials do not lead to project {self._client.project}; "
                "correct the project or the credentials with UpdateProvider",
                facts=error.facts,
            ) from error
        self._callers.account = self._client.project
        self._client.prepare()
        return Identity(account=self._client.project, principal=self._client.principal)

    async def regions(self, call: Call) -> Sequence[str]:
        return await self._regions.usable(call)

    async def probe(self, region: str, call: Call) -> None:
        # The API is one for all regions.
        if region not in await self._regions.read(call):
            raise NotFound(f"the project has no region {region}")

    def throttled_calls(self) -> int:
        return self._callers.throttled_last_hour()

    def circuits(self) -> Sequence[OpenCircuit]:
        return self._callers.circuits()

    async def close(self) -> None:
        await self._client.close()


def check(settings: Settings) -> None:
    """Check a configuration without calling Google; raises InvalidArgument, naming config.{field}."""
    config, options = settings.config, _options(settings.config)
    auth = Auth.read(settings.auth, options["gcp.token_urls"])
    if config.project and not _PROJECT.fullmatch(config.project):
        raise InvalidArgument(f"{config.project!r} is no id of a project: my-project-1", field="config.project")
    if auth.external_account_json and not config.project:
        raise InvalidArgument("external_account_json names no project; give one", field="config.project")
    if config.endpoint:
        check_url(config.endpoint, "config.endpoint")
    check_shared(config, _REGION, cloud="Google", example="us-central1")
    if config.default_zone and region_of(config.default_zone) != config.default_region:
        raise InvalidArgument(
            f"default_zone {config.default_zone} is not in default_region", field="config.default_zone"
        )


def _options(config: provider_pb2.ProviderConfig) -> dict[str, Any]:
    field, found = "config.options", read_options(config, OPTIONS)
    if found["gcp.iam_endpoint"]:
        check_url(found["gcp.iam_endpoint"], field)
    for key in ("gcp.metadata_host", "gcp.monitoring_endpoint"):
        if found[key] and not _HOST.fullmatch(found[key]):
            raise InvalidArgument(f"option {key} is host:port", field=field)
    # Shorter ones than a minute only a sandbox has.
    if found["metrics.period"] % (60 if found["metrics.period"] >= 60 else 1):
        raise InvalidArgument("Cloud Monitoring has periods of whole minutes", field=field)
    return found
