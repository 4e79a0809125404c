"""What operators see of the server: log lines, spans, metrics.

At level info the log tells what changes something, what fails and what takes long. A read that simply succeeds is at
debug: the metrics count it, and its line costs more than the rest of the call.

Logs go through a queue to a thread of their own, so that a full pipe on standard error never holds up a call. Spans
and metrics use the OpenTelemetry API and cost next to nothing until an OTLP endpoint is configured; the SDK is only
imported then. The context of the caller's trace is taken from its metadata, so its spans and ours are one trace.
"""

import asyncio
import logging
import logging.handlers
import queue
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextvars import Token
from typing import Any

import structlog
from google.rpc import code_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError
from opentelemetry import context, metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode

from novacron_server.rpc import Rpc

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.rpc")
_threshold = logging.getLogger("novacron.rpc")
_tracer = trace.get_tracer("novacron.server")
_meter = metrics.get_meter("novacron.server")
_calls = _meter.create_counter("novacron.rpc.calls", "{call}", "RPCs served, by method and status")
_seconds = _meter.create_histogram("novacron.rpc.duration", "s", "Time from request to answer, by method and status")
_open = _meter.create_up_down_counter("novacron.rpc.open", "{call}", "RPCs under way, by method")
# Keys of metadata that tell of a caller's trace.
_TRACED = frozenset(propagate.get_global_textmap().fields)
# Whether there was an SDK before us. Each call asks for one, and OpenTelemetry's own answer looks into the environment.
_is_provided = type(trace.get_tracer_provider()) is not trace.ProxyTracerProvider

# Seconds from which on a read that succeeds is told at level info.
SLOW = 1.0

# The last fence: values that look like credentials, whatever key they stand under. Types keep them out before this.
_CREDENTIAL = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?i:\b(?:sig|signature|password|secret(?:_access_key)?|session_token)=)[^\s&\"']+"
)
_NAMED = re.compile(r"(?i)secret|password|token$|authorization|private_key|user_data|^auth$")


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that hides what looks like a credential, by its key and by its form."""
    for key, value in event.items():
        if _NAMED.search(key):
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = _CREDENTIAL.sub("***", value)
    return event


def _hold_exception(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take the exception of this moment along to the thread that renders the line."""
    if event.get("exc_info") is True:
        event["exc_info"] = sys.exc_info()
    return event


def setup_logs(level: str, form: str, stream: Any = None) -> Callable[[], None]:
    """Send all log lines, also those of libraries, to `stream` (standard error); gives what flushes and stops it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hold_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        # What is below the level is dropped before anything of a line is made.
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    final: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            # In the listener's thread: a traceback reads source files.
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                final,
            ],
        )
    )
    lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
    root = logging.getLogger()
    before, root.handlers = root.handlers, [_Enqueue(lines)]
    level_before = root.level
    root.setLevel(level.upper())
    # At DEBUG these print signed requests.
    for name in ("botocore", "boto3", "urllib3", "azure", "google", "grpc", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # Which parts it is made of; which migrations it runs is told.
    logging.getLogger("alembic.runtime.plugins").setLevel(max(logging.WARNING, root.level))
    listener = logging.handlers.QueueListener(lines, handler)
    listener.start()

    def stop() -> None:
        root.handlers = before
        root.setLevel(level_before)
        listener.stop()

    return stop


class _Enqueue(logging.handlers.QueueHandler):
    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Keep the record whole: structlog's event is a dictionary until the listener's thread renders it."""
        return record


def setup_export(endpoint: str) -> Callable[[], None]:
    """Export spans and metrics by OTLP; gives what flushes and stops it. Blocking: imports the SDK."""
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": "novacron-cloud"})
    insecure = not endpoint.startswith("https://")
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=insecure)))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=endpoint, insecure=insecure))
    meters = MeterProvider(resource=resource, metric_readers=[reader])
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)

    def stop() -> None:
        tracers.shutdown()
        meters.shutdown()

    return stop


Metadata = Callable[[], Iterable[tuple[str, str | bytes]] | None]
"""Gives what came with a call. It is asked only where its trace is told of, since to read it costs more than that."""


class Observed:
    """One span, the log line and the metrics of one RPC, around what serves it; `facts` may be filled meanwhile.

    A class, because a generator as a context manager costs more than what is done here.
    """

    __slots__ = ("_begin", "_call", "_facts", "_label", "_metadata", "_rpc", "_span", "_token")

    def __init__(self, rpc: Rpc, call: Call, metadata: Metadata, facts: dict[str, str]) -> None:
        self._rpc, self._call, self._metadata, self._facts = rpc, call, metadata, facts
        self._label = {"rpc.method": rpc.path}
        self._token: Token[Context] | None = None
        # Without an SDK a span is no more than what the caller's headers say.
        is_traced = _is_provided or "opentelemetry.sdk.trace" in sys.modules
        self._span = _span(rpc, metadata) if is_traced else None

    def __enter__(self) -> None:
        self._begin = time.perf_counter()
        _open.add(1, self._label)
        # A generator may be closed from another context than it began in, so streams do not set theirs; what they read
        # is read by collectors, for all of them.
        if self._span is not None and not self._rpc.is_stream:
            self._token = context.attach(trace.set_span_in_context(self._span))

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        code = "OK" if error is None else _code(error)
        if isinstance(error, CloudError):
            self._facts.update(reason=error.reason, message=error.message, **error.facts)
        seconds = time.perf_counter() - self._begin
        ended = {"rpc.method": self._rpc.path, "rpc.response.status_code": code}
        _open.add(-1, self._label)
        _calls.add(1, ended)
        if not self._rpc.is_stream:
            _seconds.record(seconds, ended)
        level = _level(self._rpc, code, seconds)
        # Asked of the standard library, before anything of the line is made: structlog would ask it last.
        if _threshold.isEnabledFor(level):
            span = self._span or _span(self._rpc, self._metadata)
            _line(level, self._rpc, self._call, code, seconds, span, self._facts)
        if self._span is not None:
            self._span.set_attribute("rpc.response.status_code", code)
            if code in ("INTERNAL", "UNKNOWN", "UNAVAILABLE"):
                self._span.set_status(StatusCode.ERROR)
            self._span.end()
        if self._token is not None:
            context.detach(self._token)


def _code(error: BaseException) -> str:
    """Name of the gRPC code that an error ends a call with."""
    if isinstance(error, CloudError):
        return str(code_pb2.Code.Name(error.code))
    # The reader of a stream went away while we were sending; or the caller of anything else.
    if isinstance(error, GeneratorExit | asyncio.CancelledError):
        return "CANCELLED"
    return "INTERNAL"


def _span(rpc: Rpc, metadata: Metadata) -> Span:
    """The span of a call, in the caller's trace if it has one."""
    traced = {key: str(value) for key, value in metadata() or () if key in _TRACED}
    attributes = {"rpc.system.name": "grpc", "rpc.method": f"{rpc.service}/{rpc.name}"}
    return _tracer.start_span(
        f"{rpc.service}/{rpc.name}", propagate.extract(traced), kind=SpanKind.SERVER, attributes=attributes
    )


def _line(level: int, rpc: Rpc, call: Call, code: str, seconds: float, span: Span, facts: Mapping[str, str]) -> None:
    fields: dict[str, Any] = {"method": rpc.path, "code": code, "ms": round(seconds * 1000, 1), **facts}
    fields["principal"] = call.principal
    if call.request_id:
        fields["request_id"] = call.request_id
    if (told := span.get_span_context()).is_valid:
        fields["trace_id"] = f"{told.trace_id:032x}"
    _log.log(level, "rpc", **fields)


def _level(rpc: Rpc, code: str, seconds: float) -> int:
    """How much a call matters to who operates the server."""
    if code == "OK":
        return logging.DEBUG if rpc.is_read and seconds < SLOW else logging.INFO
    if code == "INTERNAL":
        return logging.ERROR
    return logging.WARNING if code in ("UNKNOWN", "UNAVAILABLE") else logging.INFO
