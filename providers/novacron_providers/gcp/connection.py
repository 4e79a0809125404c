"""One Google Cloud project: its configuration checked, and what it can be asked."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from novacron.cloud.v1 import provider_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CredentialsInvalid, InvalidArgument, NotFound
from novacron_providers.contract.provider import Area, Connection, Identity, OpenCircuit, Settings
from novacron_providers.gcp.auth import Auth
from novacron_providers.gcp.client import Client, Endpoints
from novacron_providers.gcp.compute import ComputeEngine
from novacron_providers.gcp.metrics import Monitoring
from novacron_providers.gcp.rates import RATES
from novacron_providers.gcp.regions import Regions, region_of
from novacron_providers.kit.call import Callers
from novacron_providers.kit.escape import from_struct

# Options of this kind of provider, with their defaults; numbers are seconds.
OPTIONS: Mapping[str, str | float | tuple[str, ...]] = {
    "gcp.iam_endpoint": "",
    "gcp.metadata_host": "",
    "gcp.monitoring_endpoint": "",
    "gcp.token_urls": (),
    "metrics.period": 60.0,
    "metrics.lag": 240.0,
}
_FIELD = "config.options"
_TIMEOUT, _RETRIES = 10.0, 4
_PROJECT = re.compile(r"([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_HOST = re.compile(r"[\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")


class GcpConnection(Connection):
    """A Google Cloud project that can be called."""

    def __init__(self, settings: Settings) -> None:
        config, options = settings.config, _options(settings.config)
        self._callers = Callers(
            "gcp",
            settings.provider,
            timeout=_timeout(config),
            attempts=1 + (config.max_retries if config.HasField("max_retries") else _RETRIES),
            rates=RATES,
            clock=settings.clock,
        )
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
        _check_url(config.endpoint, "config.endpoint")
    for field, regions in (("config.regions", config.regions), ("config.default_region", [config.default_region])):
        for region in regions:
            if region and not _REGION.fullmatch(region):
                raise InvalidArgument(f"{region!r} is not how Google spells a region: us-central1", field=field)
    if config.default_region and config.regions and config.default_region not in config.regions:
        raise InvalidArgument(
            f"default_region {config.default_region} is not among regions", field="config.default_region"
        )
    if config.default_zone and region_of(config.default_zone) != config.default_region:
        raise InvalidArgument(
            f"default_zone {config.default_zone} is not in default_region", field="config.default_zone"
        )
    if _timeout(config) <= 0:
        raise InvalidArgument("a timeout is more than 0 s", field="config.timeout")
    if config.max_retries < 0:
        raise InvalidArgument("max_retries must not be negative", field="config.max_retries")


def _check_url(text: str, field: str) -> None:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.path.strip("/"):
        raise InvalidArgument(f"{text!r} is no http or https URL without a path", field=field)


def _timeout(config: provider_pb2.ProviderConfig) -> float:
    return config.timeout.ToNanoseconds() / 1e9 if config.HasField("timeout") else _TIMEOUT


def _options(config: provider_pb2.ProviderConfig) -> dict[str, Any]:
    found: dict[str, Any] = dict(OPTIONS)
    for key, value in from_struct(config.options).items():
        if key not in OPTIONS:
            near = difflib.get_close_matches(key, OPTIONS, n=1) or sorted(OPTIONS)
            raise InvalidArgument(f"there is no option {key!r}; there is {' and '.join(near)}", field=_FIELD)
        if key == "gcp.token_urls":
            urls = [value] if isinstance(value, str) else value
            if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
                raise InvalidArgument(f"option {key} is a list of URLs", field=_FIELD)
            found[key] = tuple(urls)
        elif key.startswith("gcp."):
            if not isinstance(value, str) or not value:
                raise InvalidArgument(f"option {key} is a text", field=_FIELD)
            found[key] = value
        else:
            least = 1 if key == "metrics.period" else 0
            if not isinstance(value, int | float) or isinstance(value, bool) or value < least:
                raise InvalidArgument(f"option {key} is a number of seconds, at least {least}", field=_FIELD)
            found[key] = float(value)
    for url in found["gcp.token_urls"]:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InvalidArgument(f"gcp.token_urls: {url!r} is no http or https URL", field=_FIELD)
    if found["gcp.iam_endpoint"]:
        _check_url(found["gcp.iam_endpoint"], _FIELD)
    for key in ("gcp.metadata_host", "gcp.monitoring_endpoint"):
        if found[key] and not _HOST.fullmatch(found[key]):
            raise InvalidArgument(f"option {key} is host:port", field=_FIELD)
    # Shorter ones than a minute only a sandbox has.
    if found["metrics.period"] % (60 if found["metrics.period"] >= 60 else 1):
        raise InvalidArgument("Cloud Monitoring has periods of whole minutes", field=_FIELD)
    return found
