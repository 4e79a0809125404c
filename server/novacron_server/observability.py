"""What operators see of the server: log lines, spans, metrics.

At level info the log tells what changes something, what fails and what takes long. A read that simply succeeds is at
debug: the metrics count it, and its line costs more than the rest of the call.

Logs go through a queue to a thread of their own, so that a full pipe on standard error never holds up a call. Spans
and metrics use the OpenTelemetry API (`signals.py`), which a start does not wait for, and cost next to nothing until an
OTLP endpoint is configured; the SDK is only imported then.
"""

import asyncio
import functools
import logging
import logging.handlers
import queue
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import structlog
from google.rpc import code_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError

from novacron_server.rpc import Rpc

if TYPE_CHECKING:
    from novacron_server.signals import Signals

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.rpc")
_threshold = logging.getLogger("novacron.rpc")

# The W3C's header that tells of a caller's trace, with the trace's id.
_TRACEPARENT = re.compile(r"(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-[\da-f]{16}-[\da-f]{2}(?:-.*)?")


@functools.cache
def signals() -> "Signals":
    """What is told of RPCs by OpenTelemetry. Blocking where it is not imported yet."""
    from novacron_server.signals import SIGNALS

    return SIGNALS


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
    from opentelemetry import metrics, trace
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
    # Here, because it may block.
    signals()

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

    __slots__ = ("_begin", "_call", "_facts", "_metadata", "_rpc", "_signals", "_span")

    def __init__(self, rpc: Rpc, call: Call, metadata: Metadata, facts: dict[str, str]) -> None:
        self._rpc, self._call, self._metadata, self._facts = rpc, call, metadata, facts

    def __enter__(self) -> None:
        self._begin = time.perf_counter()
        # While nobody has imported any of OpenTelemetry, nobody can take what it is told.
        self._signals = signals() if "opentelemetry" in sys.modules else None
        self._span = self._signals.begin(self._rpc, self._metadata) if self._signals else None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        code = "OK" if error is None else _code(error)
        if isinstance(error, CloudError):
            self._facts.update(reason=error.reason, message=error.message, **error.facts)
        seconds = time.perf_counter() - self._begin
        if self._signals:
            self._signals.end(self._rpc, code, seconds)
        level = _level(self._rpc, code, seconds)
        # Asked of the standard library, before anything of the line is made: structlog would ask it last.
        if _threshold.isEnabledFor(level):
            trace_id = self._span.trace_id if self._span else _trace_id(self._metadata)
            _line(level, self._rpc, self._call, code, seconds, trace_id, self._facts)
        if self._span:
            self._span.end(code)


def _code(error: BaseException) -> str:
    """Name of the gRPC code that an error ends a call with."""
    if isinstance(error, CloudError):
        return str(code_pb2.Code.Name(error.code))
    # The reader of a stream went away while we were sending; or the caller of anything else.
    if isinstance(error, GeneratorExit | asyncio.CancelledError):
        return "CANCELLED"
    return "INTERNAL"


def _trace_id(metadata: Metadata) -> str:
    """Id of the trace that a caller tells of; "" for none."""
    told = dict(metadata() or ()).get("traceparent", "")
    found = _TRACEPARENT.fullmatch(told) if isinstance(told, str) else None
    return found[1] if found else ""


def _line(level: int, rpc: Rpc, call: Call, code: str, seconds: float, trace_id: str, facts: Mapping[str, str]) -> None:
    fields: dict[str, Any] = {"method": rpc.path, "code": code, "ms": round(seconds * 1000, 1), **facts}
    fields["principal"] = call.principal
    if call.request_id:
        fields["request_id"] = call.request_id
    if trace_id:
        fields["trace_id"] = trace_id
    _log.log(level, "rpc", **fields)


def _level(rpc: Rpc, code: str, seconds: float) -> int:
    """How much a call matters to who operates the server."""
    if code == "OK":
        return logging.DEBUG if rpc.is_read and seconds < SLOW else logging.INFO
    if code == "INTERNAL":
        return logging.ERROR
    return logging.WARNING if code in ("UNKNOWN", "UNAVAILABLE") else logging.INFO
