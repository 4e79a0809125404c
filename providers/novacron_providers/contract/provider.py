"""What a plug-in is: PROVIDER of a package, named by an entry point of the group "novacron_cloud.providers".

The entry point has the name of its kind, so that the package is imported only where a provider of that kind is.

    PROVIDER = Provider(kind="aws", display_name="Amazon Web Services", capabilities=(...), connect=connect)

`connect` makes a Connection from a configuration; it does no I/O and imports no SDK: the first call does, in a thread.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from novacron.cloud.v1 import capabilities_pb2, provider_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock, SystemClock
from novacron_providers.contract.errors import CloudError
from novacron_providers.contract.secret import Secret


class Area(ABC):
    """What a cloud can do in one field: Compute, Metrics. Its methods are named after RPCs in snake_case."""


# No dataclasses: one takes seven times as long to make, and each start makes them all.
class Identity(NamedTuple):
    """Who the credentials are.

    Attributes:
        account: Account, subscription or project that they lead to.
        principal: The cloud's name of the identity, such as an ARN.
        expire_time: When the credentials end, seconds since 1970; None when they do not or it is not known.
    """

    account: str
    principal: str = ""
    expire_time: float | None = None


class OpenCircuit(NamedTuple):
    """Calls that fail at once for now, because too many before them failed.

    Attributes:
        region: Whose calls they are; empty for those that belong to no region.
        retry_time: When one is let through to try, seconds since 1970.
        error: What they fail with: Unavailable or CredentialsInvalid.
    """

    region: str
    retry_time: float
    error: CloudError


class Settings(NamedTuple):
    """How to reach an account.

    Attributes:
        provider: Id of the provider: "aws-main"; the {provider} of its resource names.
        config: ProviderConfig without auth.
        auth: ProviderConfig.auth, as Secrets.
        clock: Where time comes from.
    """

    provider: str
    config: provider_pb2.ProviderConfig
    auth: Mapping[str, Secret] = MappingProxyType({})
    clock: Clock = SystemClock()


class Connection(ABC):
    """An account that can be called. One for each registered provider and version of its configuration."""

    @property
    @abstractmethod
    def areas(self) -> Sequence[Area]:
        """What it can do; the first area with a method of an RPC's name implements the RPC."""

    @abstractmethod
    async def identify(self, call: Call) -> Identity:
        """Prove the credentials with the cloud's cheapest identity call (STS GetCallerIdentity).

        Raises CredentialsInvalid, PermissionMissing, Unavailable.
        """

    @abstractmethod
    async def regions(self, call: Call) -> Sequence[str]:
        """Regions to use: config.regions, or every region that the account can use."""

    @abstractmethod
    async def probe(self, region: str, call: Call) -> None:
        """One cheap read in a region; returns when it worked, raises a CloudError when not."""

    @abstractmethod
    def throttled_calls(self) -> int:
        """Calls that the cloud throttled in the last hour."""

    def circuits(self) -> Sequence[OpenCircuit]:
        """Where calls fail at once for now; nowhere, for an adapter that always asks its cloud."""
        return ()

    @abstractmethod
    async def close(self) -> None:
        """Release threads and connections. Calls that are under way may fail."""


class Provider(NamedTuple):
    """A kind of cloud.

    Attributes:
        kind: "aws"; ProviderConfig's kind.
        display_name: For people.
        capabilities: What it can do, with limits; what is not listed is SUPPORT_LEVEL_NONE.
        check: Raises InvalidArgument, naming config.{field}, for a configuration that this kind cannot have; no I/O.
        connect: Makes a Connection; no I/O, no SDK import.
    """

    kind: str
    display_name: str
    capabilities: Sequence[capabilities_pb2.CapabilityStatus]
    check: Callable[[Settings], None]
    connect: Callable[[Settings], Connection]
