"""Where metrics are: providers that have any, and their regions."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from novacron.cloud.v1 import capabilities_pb2, provider_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError, Unsupported
from novacron_providers.contract.metrics import Metrics
from novacron_providers.contract.names import WILDCARD
from novacron_providers.contract.provider import Connection

from novacron_server.inventory.budget import Budget
from novacron_server.telemetry.demand import Scope
from novacron_server.telemetry.selector import Selector


class Providers(Protocol):
    """The registry of providers, as far as it matters here."""

    def names(self) -> list[str]:
        """Ids of all."""

    def connection(self, name: str) -> Connection:
        """Connection of one; raises NotFound, or why there is none."""

    def config(self, name: str) -> provider_pb2.ProviderConfig:
        """Configuration of one; raises NotFound."""

    def has(self, name: str, capability: int) -> bool:
        """Whether one has a capability; raises NotFound."""

    def budget(self, name: str) -> Budget:
        """What reading the metrics of one costs; raises NotFound."""

    def report(self, name: str, region: str, error: CloudError | None) -> None:
        """Take in what a background read of a region found; None when it worked."""


def metrics_of(connection: Connection) -> Metrics:
    """Metrics of an account; raises Unsupported when it has none."""
    for area in connection.areas:
        if isinstance(area, Metrics):
            return area
    raise Unsupported("the provider has no metrics; GetCapabilities tells what it can do")


def metered(providers: Providers, provider: str) -> list[str]:
    """The provider with that id, or with "-" all that have metrics.

    Raises NotFound for one that is not registered, Unsupported for one that has no metrics.
    """
    capability = capabilities_pb2.CAPABILITY_METRICS
    if provider == WILDCARD:
        return [name for name in providers.names() if providers.has(name, capability)]
    if not providers.has(provider, capability):
        raise Unsupported(
            f"provider {provider!r} has no metrics; GetCapabilities tells what it can do",
            facts={"provider": provider, "capability": "METRICS"},
        )
    return [provider]


def metric_types(providers: Providers, selector: Selector) -> set[str]:
    """Types of all metrics under the selector's parent; raises as `metered` and Providers.connection do."""
    found: set[str] = set()
    for name in metered(providers, selector.provider):
        try:
            descriptors = metrics_of(providers.connection(name)).descriptors()
        except CloudError:
            # One account that is configured badly must not hide the others; alone, it is the answer.
            if selector.provider != WILDCARD:
                raise
        else:
            found.update(descriptor.type for descriptor in descriptors)
    return found


async def resolve(providers: Providers, selector: Selector, call: Call) -> tuple[list[Scope], dict[str, CloudError]]:
    """Regions in which something can be selected, and the error of each provider whose regions cannot be told.

    Raises as `metered` does.
    """
    names = metered(providers, selector.provider)

    async def regions(name: str) -> Sequence[str] | CloudError:
        try:
            return await providers.connection(name).regions(call)
        except CloudError as error:
            return error.about(provider=name)

    scopes: list[Scope] = []
    faults: dict[str, CloudError] = {}
    for name, found in zip(names, await asyncio.gather(*map(regions, names)), strict=True):
        if isinstance(found, CloudError):
            faults[name] = found
        else:
            scopes += [Scope(name, region) for region in selector.narrow(name, found)]
    return scopes, faults
