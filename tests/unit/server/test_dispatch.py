"""Dispatch: what the contract declares is served, or the server does not start."""

from typing import Any

import pytest
from novacron.cloud.v1 import provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import InvalidArgument
from novacron_server.dispatch import KNOWN, KNOWN_BYTES, Dispatch, UnservedError
from novacron_server.inventory.resources import Resources
from novacron_server.inventory.service import ProvidersService
from novacron_server.operations import Operations
from novacron_server.telemetry.service import Telemetry
from novacron_server.validation import validate

SERVICES = {kind: kind.__new__(kind) for kind in (ProvidersService, Resources, Operations, Telemetry)}


def dispatch(services: list[object]) -> Dispatch:
    nothing: Any = None
    return Dispatch(services, nothing, nothing, nothing, nothing)


def test_every_rpc_of_the_contract_has_a_method() -> None:
    assert len(dispatch([*SERVICES.values()]).rpcs) == 29


@pytest.mark.parametrize("missing", SERVICES, ids=lambda kind: kind.__name__)
def test_an_rpc_that_nothing_implements_is_refused_at_start(missing: type) -> None:
    with pytest.raises(UnservedError, match="nothing implements"):
        dispatch([service for kind, service in SERVICES.items() if kind is not missing])


def test_a_stream_that_is_no_generator_is_refused_at_start() -> None:
    class Wrong:
        async def stream_metrics(self, request: object, call: object) -> None: ...

    with pytest.raises(UnservedError, match="must be an async generator"):
        dispatch([Wrong(), *SERVICES.values()])


class Answering(ProvidersService):
    """Answers at once, whatever it is asked."""

    def get_provider(self, request: pb.GetProviderRequest, call: Call) -> bytes:
        return pb.GetProviderResponse(provider=provider_pb2.Provider(name=request.name)).SerializeToString()

    async def register_provider(self, request: pb.RegisterProviderRequest, call: Call) -> pb.RegisterProviderResponse:
        return pb.RegisterProviderResponse()


class Looks:
    """A dispatch, and how often it has looked at whether a request is valid."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr("novacron_server.dispatch.validate", self._look)
        self._dispatch = dispatch([Answering.__new__(Answering), *SERVICES.values()])

    def _look(self, *args: Any) -> None:
        self.count += 1
        validate(*args)

    async def call(self, method: str, request: Any) -> Any:
        rpc = self._dispatch.rpcs[f"ProviderService/{method}"]
        return await self._dispatch.unary(rpc, request.SerializeToString(), Call(), tuple)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


async def test_a_read_that_is_repeated_is_validated_once(looks: Looks) -> None:
    for _ in range(3):
        for name in ("providers/a", "providers/b"):
            answer = await looks.call("GetProvider", pb.GetProviderRequest(name=name))
            assert pb.GetProviderResponse.FromString(answer).provider.name == name
    assert looks.count == 2


async def test_what_was_valid_for_one_method_is_not_for_another(looks: Looks) -> None:
    # The same bytes: a name is the first field of both, of another type.
    name = "providers/a"
    await looks.call("GetProvider", pb.GetProviderRequest(name=name))
    with pytest.raises(InvalidArgument, match="not of the form"):
        await looks.call("GetInstance", pb.GetInstanceRequest(name=name))


async def test_a_read_that_is_invalid_is_refused_each_time(looks: Looks) -> None:
    for _ in range(2):
        with pytest.raises(InvalidArgument, match="is required"):
            await looks.call("GetProvider", pb.GetProviderRequest())


async def test_a_change_is_validated_each_time_and_not_kept(looks: Looks) -> None:
    secret = pb.RegisterProviderRequest(provider_id="a", validate_only=True)
    secret.provider.kind = "toy"
    secret.provider.config.auth["key"] = "canary"
    for _ in range(2):
        await looks.call("RegisterProvider", secret)
    assert looks.count == 2


async def test_only_so_many_and_so_short_reads_are_known_to_be_valid(looks: Looks) -> None:
    long = pb.GetProviderRequest(name="providers/a")
    long.MergeFromString(b"\xfa\x3f" + bytes([0xFF, KNOWN_BYTES // 127]) + bytes(0x7F + 128 * (KNOWN_BYTES // 127)))
    for _ in range(2):
        await looks.call("GetProvider", long)
    assert looks.count == 2
    for n in range(KNOWN + 1):
        await looks.call("GetProvider", pb.GetProviderRequest(name=f"providers/a{n}"))
    await looks.call("GetProvider", pb.GetProviderRequest(name="providers/a0"))
    assert looks.count == 2 + KNOWN + 2
