"""Telemetry that is imported when it is needed: once, off the loop, and whole."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from google.protobuf import timestamp_pb2
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import DeadlineExceeded
from novacron_server.dispatch import Dispatch
from novacron_server.inventory.resources import Resources
from novacron_server.inventory.service import ProvidersService
from novacron_server.operations import Operations
from novacron_server.rpc import Kind, contract
from novacron_server.telemetry import late as module
from novacron_server.telemetry.late import LateTelemetry
from novacron_server.telemetry.service import Telemetry

ALL = "providers/-"


class Double:
    """Telemetry, as far as it matters here."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.open_streams, self.closed, self.changed = 0, False, list[str]()

    def inventory_changed(self, provider: str) -> None:
        self.changed.append(provider)

    async def query_metrics(self, request: pb.QueryMetricsRequest, call: Call) -> pb.QueryMetricsResponse:
        return pb.QueryMetricsResponse(next_page_token=request.parent)

    async def stream_metrics(self, request: pb.StreamMetricsRequest, call: Call) -> AsyncGenerator[bytes, None]:
        self.open_streams += 1
        try:
            while True:
                yield request.parent.encode()
        finally:
            self.open_streams -= 1

    async def close(self) -> None:
        self.closed = True


class Import:
    """An import that takes until it `may_end`.

    Attributes:
        threads: Where it was run.
    """

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.threads: list[int] = []

    def __call__(self) -> type[Double]:
        self.threads.append(threading.get_ident())
        assert self.may_end.wait(10)
        return Double


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Import:
    found = Import()
    monkeypatch.setattr(module, "_imported", found)
    return found


class Lists:
    """The fleet, as far as it matters here."""

    def __init__(self) -> None:
        self.changes: list[str] = []

    def changed(self, provider: str) -> None:
        self.changes.append(provider)


@pytest.fixture
def late(slow: Import) -> LateTelemetry:
    nothing: Any = None
    fleet: Any = Lists()
    return LateTelemetry(nothing, fleet, clock=nothing)


@pytest.fixture
def dispatch(late: LateTelemetry) -> Dispatch:
    nothing: Any = None
    services = [kind.__new__(kind) for kind in (ProvidersService, Resources, Operations)]
    return Dispatch(services, nothing, nothing, nothing, nothing, late)


def test_it_answers_what_telemetry_answers() -> None:
    rpcs = {rpc.attribute: rpc.kind for rpc in contract()}
    answers = {name: rpcs[name] for name in vars(Telemetry) if name in rpcs}
    assert LateTelemetry.answers == answers.keys()
    assert set(answers.values()) == {Kind.READ, Kind.STREAM}


async def test_calls_wait_for_it_and_it_is_imported_once_in_a_thread(slow: Import, dispatch: Dispatch) -> None:
    calls = [asyncio.create_task(query(dispatch)) for _ in range(3)]
    await asyncio.sleep(0.05)
    calls.pop().cancel()
    await asyncio.sleep(0)
    slow.may_end.set()
    assert [answer.next_page_token for answer in await asyncio.gather(*calls)] == [ALL, ALL]
    [thread] = slow.threads
    assert thread != threading.get_ident()


async def test_a_call_waits_no_longer_than_its_deadline(slow: Import, dispatch: Dispatch) -> None:
    with pytest.raises(DeadlineExceeded):
        await query(dispatch, deadline=time.monotonic() + 0.05)
    slow.may_end.set()
    assert (await query(dispatch)).next_page_token == ALL


async def test_a_stream_is_its_own_from_the_first_message(
    slow: Import, dispatch: Dispatch, late: LateTelemetry
) -> None:
    slow.may_end.set()
    assert late.open_streams == 0
    rpc = dispatch.rpcs["MetricsService/StreamMetrics"]
    request = pb.StreamMetricsRequest(parent=ALL)
    async with dispatch.stream(rpc, request.SerializeToString(), Call(), tuple) as stream:
        assert await anext(stream) == ALL.encode()
        assert late.open_streams == 1
        made: Any = await late.made()
        assert dispatch.method(rpc, request) == made.stream_metrics
    assert late.open_streams == 0


async def test_what_changes_before_it_is_there_is_news_to_the_lists_alone(slow: Import, late: LateTelemetry) -> None:
    late.inventory_changed("aws")
    assert slow.threads == []
    slow.may_end.set()
    made: Any = await late.made()
    late.inventory_changed("gcp")
    fleet: Any = late._fleet
    assert (fleet.changes, made.changed) == (["aws"], ["gcp"])


async def test_one_that_nobody_needed_is_closed_too(slow: Import, late: LateTelemetry) -> None:
    slow.may_end.set()
    await late.close()
    made: Any = await late.made()
    assert made.closed


async def query(dispatch: Dispatch, **fields: Any) -> pb.QueryMetricsResponse:
    request = pb.QueryMetricsRequest(parent=ALL, start_time=timestamp_pb2.Timestamp(seconds=1))
    rpc = dispatch.rpcs["MetricsService/QueryMetrics"]
    answer = await dispatch.unary(rpc, request.SerializeToString(), Call(**fields), tuple)
    assert isinstance(answer, pb.QueryMetricsResponse)
    return answer
