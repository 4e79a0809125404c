"""What OpenTelemetry is told of RPCs; imported where somebody can have asked for it (see `observability.signals`).

That costs next to nothing until there is an SDK. The context of the caller's trace is taken from its metadata, so its
spans and ours are one trace.
"""

import sys
from contextvars import Token
from typing import NamedTuple

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode

from novacron_server.observability import Metadata
from novacron_server.rpc import Rpc

_tracer = trace.get_tracer("novacron.server")
_meter = metrics.get_meter("novacron.server")
# Keys of metadata that tell of a caller's trace.
_FIELDS = frozenset(propagate.get_global_textmap().fields)
# Whether there was an SDK before us. Each call asks for one, and OpenTelemetry's own answer looks into the environment.
_is_provided = type(trace.get_tracer_provider()) is not trace.ProxyTracerProvider


class Traced(NamedTuple):
    """The span of a call, and what ends that it is the context's; None for one that never was."""

    span: Span
    token: Token[Context] | None

    @property
    def trace_id(self) -> str:
        """Id of its trace, in hex; "" for none."""
        told = self.span.get_span_context()
        return f"{told.trace_id:032x}" if told.is_valid else ""

    def end(self, code: str) -> None:
        """End the span, and leave its context."""
        self.span.set_attribute("rpc.response.status_code", code)
        if code in ("INTERNAL", "UNKNOWN", "UNAVAILABLE"):
            self.span.set_status(StatusCode.ERROR)
        self.span.end()
        if self.token is not None:
            context.detach(self.token)


class Signals:
    """The metrics of all RPCs, and a span of each that is traced."""

    def __init__(self) -> None:
        self._calls = _meter.create_counter("novacron.rpc.calls", "{call}", "RPCs served, by method and status")
        self._seconds = _meter.create_histogram(
            "novacron.rpc.duration", "s", "Time from request to answer, by method and status"
        )
        self._open = _meter.create_up_down_counter("novacron.rpc.open", "{call}", "RPCs under way, by method")

    def begin(self, rpc: Rpc, metadata: Metadata) -> Traced | None:
        """Note that a call begins; gives its span, in the caller's trace if it has one; None where nobody traces."""
        self._open.add(1, {"rpc.method": rpc.path})
        # Without an SDK a span is no more than what the caller's headers say.
        if not (_is_provided or "opentelemetry.sdk.trace" in sys.modules):
            return None
        traced = {key: str(value) for key, value in metadata() or () if key in _FIELDS}
        name = f"{rpc.service}/{rpc.name}"
        attributes = {"rpc.system.name": "grpc", "rpc.method": name}
        span = _tracer.start_span(name, propagate.extract(traced), kind=SpanKind.SERVER, attributes=attributes)
        # A generator may be closed from another context than it began in, so streams do not set theirs; what they read
        # is read by collectors, for all of them.
        return Traced(span, None if rpc.is_stream else context.attach(trace.set_span_in_context(span)))

    def end(self, rpc: Rpc, code: str, seconds: float) -> None:
        """Note how a call ended."""
        ended = {"rpc.method": rpc.path, "rpc.response.status_code": code}
        self._open.add(-1, {"rpc.method": rpc.path})
        self._calls.add(1, ended)
        if not rpc.is_stream:
            self._seconds.record(seconds, ended)


# One for the process, as its instruments are.
SIGNALS = Signals()
