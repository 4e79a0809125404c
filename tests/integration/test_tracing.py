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
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests import logs
from tests.servers import configured, registration, server_process

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
    # At "info" there would be no lines of reads that are quick.
    stop = setup_logs("debug", "json", out)
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


async def test_spans_and_metrics_go_to_the_otlp_endpoint(tmp_path: pathlib.Path) -> None:
    spans: list[str] = []
    meters: list[str] = []

    async def take_spans(request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:
        spans.extend(s.name for r in request.resource_spans for scope in r.scope_spans for s in scope.spans)
        return ExportTraceServiceResponse()

    async def take_metrics(request: ExportMetricsServiceRequest, context: object) -> ExportMetricsServiceResponse:
        meters.extend(m.name for r in request.resource_metrics for scope in r.scope_metrics for m in scope.metrics)
        return ExportMetricsServiceResponse()

    collector = grpc.aio.server()
    for service, method, handler, request in (
        ("trace", "TraceService", take_spans, ExportTraceServiceRequest),
        ("metrics", "MetricsService", take_metrics, ExportMetricsServiceRequest),
    ):
        export: Any = grpc.unary_unary_rpc_method_handler(
            handler, request.FromString, lambda answer: answer.SerializeToString()
        )
        name = f"opentelemetry.proto.collector.{service}.v1.{method}"
        collector.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": export}),))
    port = collector.add_insecure_port("127.0.0.1:0")
    await collector.start()
    async with server_process(tmp_path, otlp_endpoint=f"http://127.0.0.1:{port}") as server:
        async with novacron_client.connect(server.address) as client:
            await client.call(pb.ListProvidersRequest())
        assert await server.terminate() == 0
    await collector.stop(0)
    assert "novacron.cloud.v1.ProviderService/ListProviders" in spans
    assert {"novacron.rpc.calls", "novacron.rpc.duration"} <= set(meters)
