"""Dispatch: what the contract declares is served, or the server does not start."""

from typing import Any

import pytest
from novacron_server.dispatch import Dispatch, UnservedError
from novacron_server.inventory.resources import Resources
from novacron_server.inventory.service import ProvidersService
from novacron_server.operations import Operations
from novacron_server.telemetry.service import Telemetry

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
