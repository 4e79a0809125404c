"""One trace from the caller through the RPC to the cloud, one log line per call, and the metrics of both."""

import io
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import grpc
import novacron_client
import pytest
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron.cloud.v1 import provider_service_pb2_grpc as stubs
from novacron_client import CloudError
from novacron_sandbox import Sandbox
from novacron_server.app import App
from novacron_server.observability import setup_logs
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests import logs
from tests.servers import configured, registration

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture(scope="module")
def reader() -> InMemoryMetricReader:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
    return reader


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    out = io.StringIO()
    stop = setup_logs("info", "json", out)
    yield out
    stop()
    logs.keep()


def hexed(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


async def test_the_spans_of_a_call_join_the_callers_trace(
    sandbox: Sandbox,
    tmp_path: pathlib.Path,
    spans: InMemorySpanExporter,
    reader: InMemoryMetricReader,
    log: io.StringIO,
) -> None:
    async with App(await configured(tmp_path)) as app:
        async with novacron_client.connect(app.address) as client:
            await client.call(registration(sandbox))
            with pytest.raises(CloudError):
                await client.call(pb.GetInstanceRequest(name="providers/nobody/instances/a~b"))
        async with grpc.aio.insecure_channel(app.address) as channel:
            service: Any = stubs.ProviderServiceStub(channel)
            await service.ListInstances(
                pb.ListInstancesRequest(parent="providers/aws"),
                metadata=(("traceparent", f"00-{TRACE}-{PARENT}-01"),),
            )
    ours = [span for span in spans.get_finished_spans() if hexed(span) == TRACE]
    rpc = next(span for span in ours if span.name == "novacron.cloud.v1.ProviderService/ListInstances")
    assert rpc.parent is not None and f"{rpc.parent.span_id:016x}" == PARENT
    cloud = [span for span in ours if "DescribeInstances" in span.name]
    assert len(cloud) == len(sandbox.aws["regions"])
    assert rpc.context is not None
    assert all(span.parent is not None and span.parent.span_id == rpc.context.span_id for span in cloud)

    data = reader.get_metrics_data()
    assert data is not None
    names = {m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert {"novacron.rpc.calls", "novacron.rpc.duration", "novacron.cloud.calls", "novacron.cloud.attempts"} <= names

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    calls = [line for line in lines if line["event"] == "rpc"]
    assert [(line["method"].split("/")[1], line["code"]) for line in calls] == [
        ("RegisterProvider", "OK"),
        ("GetInstance", "NOT_FOUND"),
        ("ListInstances", "OK"),
    ]
    assert calls[1]["reason"] == "RESOURCE_NOT_FOUND"
    assert calls[2]["trace_id"] == TRACE and calls[2]["provider"] == "aws" and calls[2]["ms"] > 0
