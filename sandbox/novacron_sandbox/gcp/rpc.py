"""Monitoring's door: gRPC on loopback without TLS, whose every call carries the caller's token as metadata."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud import monitoring_v3

from novacron_sandbox.faults import Fault
from novacron_sandbox.front import Front
from novacron_sandbox.gcp.credentials import Directory
from novacron_sandbox.gcp.errors import GoogleError, refusal
from novacron_sandbox.gcp.monitoring import Monitoring
from novacron_sandbox.recorder import Recorder

METHOD = "/google.monitoring.v3.MetricService/ListTimeSeries"
_ACTION = "timeSeries.list"
_SIZE = 64 << 20


class RpcServer:
    """Serves Monitoring on a free port of 127.0.0.1 from threads of its own."""

    def __init__(self, monitoring: Monitoring, directory: Directory, front: Front, recorder: Recorder) -> None:
        self._monitoring, self._directory, self._front, self._recorder = monitoring, directory, front, recorder
        options = [("grpc.so_reuseport", 0), ("grpc.max_send_message_length", _SIZE)]
        self._server = grpc.server(ThreadPoolExecutor(8, "grpc"), options=options)
        self._server.add_generic_rpc_handlers((_Router(self._list_time_series),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop(None).wait()

    def _list_time_series(self, asked: Any, context: grpc.ServicerContext) -> Any:
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        bearer = metadata.pop("authorization", "").removeprefix("Bearer ")
        status, answered = grpc.StatusCode.OK, {}
        try:
            found = self._answer(asked, bearer)
            answered = {"grpc-message-type": found.DESCRIPTOR.full_name}
            return found
        except GoogleError as trouble:
            status = trouble.status
            context.abort(status, trouble.message)
        finally:
            metadata["grpc-message-type"] = asked.DESCRIPTOR.full_name
            self._recorder.add("GRPC", METHOD, metadata, None, status.value[0], answered, None)

    def _answer(self, asked: Any, bearer: str) -> Any:
        self._front.ledger.called(_ACTION)
        self._directory.check(bearer)

        def spoil(fault: Fault) -> Any:
            raise refusal(fault)

        return self._front.pass_on(_ACTION, lambda _: self._monitoring.list_time_series(asked), spoil)


class _Router(grpc.GenericRpcHandler):
    def __init__(self, answer: Callable[[Any, grpc.ServicerContext], Any]) -> None:
        self._handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(
            answer,
            monitoring_v3.ListTimeSeriesRequest.pb().FromString,
            lambda found: bytes(found.SerializeToString()),
        )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return what answers a path; None is UNIMPLEMENTED."""
        return self._handler if handler_call_details.method == METHOD else None
