"""Telemetry that is imported when it is needed: once, off the loop, and whole."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_server import metrics
from novacron_server.metrics import LateTelemetry
from novacron_server.telemetry import Telemetry


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
    monkeypatch.setattr(metrics, "_imported", found)
    return found


@pytest.fixture
def late(slow: Import) -> LateTelemetry:
    nothing: Any = None
    return LateTelemetry(nothing, nothing, clock=nothing)


def test_it_has_what_telemetry_has() -> None:
    assert {name for name in vars(Telemetry) if name[0] != "_"} <= vars(LateTelemetry).keys()


async def test_it_is_imported_once_in_a_thread_for_all_who_wait(slow: Import, late: LateTelemetry) -> None:
    calls = [asyncio.create_task(late.query_metrics(pb.QueryMetricsRequest(parent="x"), Call())) for _ in range(3)]
    late.make()
    await asyncio.sleep(0.05)
    calls.pop().cancel()
    await asyncio.sleep(0)
    slow.may_end.set()
    assert [answer.next_page_token for answer in await asyncio.gather(*calls)] == ["x", "x"]
    [thread] = slow.threads
    assert thread != threading.get_ident()


async def test_a_stream_that_is_left_ends_behind_it_too(slow: Import, late: LateTelemetry) -> None:
    slow.may_end.set()
    stream = late.stream_metrics(pb.StreamMetricsRequest(parent="x"), Call())
    assert late.open_streams == 0
    assert await anext(stream) == b"x"
    assert late.open_streams == 1
    await stream.aclose()
    assert late.open_streams == 0


async def test_what_changes_before_it_is_there_is_no_news_to_it(slow: Import, late: LateTelemetry) -> None:
    late.inventory_changed("aws")
    assert slow.threads == []
    slow.may_end.set()
    await late.query_metrics(pb.QueryMetricsRequest(), Call())
    late.inventory_changed("gcp")
    made: Any = late._telemetry
    assert made.changed == ["gcp"]


async def test_one_that_nobody_needed_is_closed_too(slow: Import, late: LateTelemetry) -> None:
    slow.may_end.set()
    await late.close()
    made: Any = late._telemetry
    assert made.closed
