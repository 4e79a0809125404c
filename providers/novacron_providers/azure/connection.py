"""One Azure subscription: its configuration checked, and what it can be asked."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from novacron.cloud.v1 import provider_pb2

from novacron_providers.azure.auth import Auth
from novacron_providers.azure.client import SUBSCRIPTIONS, Client
from novacron_providers.azure.compute import VirtualMachines
from novacron_providers.azure.custom import CustomMonitor
from novacron_providers.azure.endpoints import Endpoints
from novacron_providers.azure.metrics import Monitor
from novacron_providers.azure.rates import RATES
from novacron_providers.azure.regions import Regions
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CredentialsInvalid, InvalidArgument, NotFound
from novacron_providers.contract.provider import Area, Connection, Identity, OpenCircuit, Settings
from novacron_providers.kit.settings import check_shared, check_url, make_callers, read_options

# Options of this kind of provider, with their defaults; numbers are seconds.
OPTIONS: Mapping[str, str | float] = {
    "azure.authority": "",
    "azure.ca_file": "",
    "azure.custom_metrics_endpoint": "",
    "azure.imds_endpoint": "",
    "azure.logs_endpoint": "",
    "azure.metrics_endpoint": "",
    "azure.resource_group": "novacron",
    "azure.workspace_id": "",
    "metrics.period": 60.0,
    "metrics.lag": 120.0,
}
# Periods that Azure Monitor has; shorter ones than a minute only a sandbox.
PERIODS = (60, 300, 900, 1800, 3600, 21600, 43200, 86400)
_HTTPS_ONLY = ("azure.authority", "azure.custom_metrics_endpoint", "azure.logs_endpoint", "azure.metrics_endpoint")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REGION = re.compile(r"[a-z]+[a-z0-9]*")
_GROUP = re.compile(r"[\w.()-]{0,89}[\w()-]")


class AzureConnection(Connection):
    """An Azure subscription that can be called."""

    def __init__(self, settings: Settings) -> None:
        config, options = settings.config, _options(settings.config)
        self._callers = make_callers("azure", settings, RATES)
        self._callers.account = config.project
        endpoints = Endpoints(
            arm=config.endpoint,
            authority=options["azure.authority"],
            metrics=options["azure.metrics_endpoint"],
            custom=options["azure.custom_metrics_endpoint"],
            logs=options["azure.logs_endpoint"],
            imds=options["azure.imds_endpoint"],
            ca_file=options["azure.ca_file"],
        )
        auth = Auth.read(settings.auth)
        # Who signs in is no secret; a managed identity that the system assigned has no name here.
        self._principal = auth.client_id.reveal()
        self._client = Client(self._callers, auth, subscription=config.project, endpoints=endpoints)
        self._regions = Regions(self._client, settings.provider, config.regions, settings.clock)
        self._areas: Sequence[Area] = (
            VirtualMachines(self._client, self._regions, settings, options["azure.resource_group"]),
            Monitor(
                self._client,
                settings.provider,
                period=options["metrics.period"],
                lag=options["metrics.lag"],
                workspace=options["azure.workspace_id"],
            ),
            CustomMonitor(self._client),
        )

    @property
    def areas(self) -> Sequence[Area]:
        return self._areas

    async def identify(self, call: Call) -> Identity:
        try:
            path = f"/subscriptions/{self._client.subscription}"
            answer = await self._client.arm("GET", path, SUBSCRIPTIONS, call)
        except NotFound as error:
            raise CredentialsInvalid(
                f"the credentials do not lead to subscription {self._client.subscription}; "
                "correct the project or the credentials with UpdateProvider",
                facts=error.facts,
            ) from error
        return Identity(account=str(answer.body["subscriptionId"]), principal=self._principal)

    async def regions(self, call: Call) -> Sequence[str]:
        return await self._regions.usable(call)

    async def probe(self, region: str, call: Call) -> None:
        # Resource Manager is one for all regions.
        if region not in await self._regions.read(call):
            raise NotFound(f"the subscription has no region {region}")

    def throttled_calls(self) -> int:
        return self._callers.throttled_last_hour()

    def circuits(self) -> Sequence[OpenCircuit]:
        return self._callers.circuits()

    async def close(self) -> None:
        await self._client.close()


def check(settings: Settings) -> None:
    """Check a configuration without calling Azure; raises InvalidArgument, naming config.{field}."""
    config = settings.config
    Auth.read(settings.auth)
    _options(config)
    if not _GUID.fullmatch(config.project):
        raise InvalidArgument(
            f"{config.project!r} is no id of a subscription: 8-4-4-4-12 hex digits", field="config.project"
        )
    if config.endpoint:
        check_url(config.endpoint, "config.endpoint", ("https",))
    check_shared(config, _REGION, cloud="Azure", example="westeurope")
    if config.default_zone and (not config.default_region or not config.default_zone.isdigit()):
        raise InvalidArgument(
            f"default_zone {config.default_zone!r} is a number such as 1, in default_region",
            field="config.default_zone",
        )


def _options(config: provider_pb2.ProviderConfig) -> dict[str, Any]:
    field, found = "config.options", read_options(config, OPTIONS)
    for key in _HTTPS_ONLY:
        if found[key]:
            check_url(found[key], field, ("https",))
    if found["azure.imds_endpoint"]:
        check_url(found["azure.imds_endpoint"], field)
    if not _GROUP.fullmatch(found["azure.resource_group"]):
        raise InvalidArgument("azure.resource_group has letters, digits and _.()-, and no dot at its end", field=field)
    if found["metrics.period"] not in PERIODS and found["metrics.period"] >= 60:
        raise InvalidArgument(f"Azure Monitor has periods of {', '.join(map(str, PERIODS))} s", field=field)
    return found
