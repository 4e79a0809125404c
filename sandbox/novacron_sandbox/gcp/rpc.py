"""Monitoring's door: gRPC on loopback without TLS, whose every call carries the caller's token as metadata."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
from google.cloud import monitoring_v3
from google.protobuf import empty_pb2

from novacron_sandbox.faults import Fault
from novacron_sandbox.front import Front
from novacron_sandbox.gcp.credentials import Directory
from novacron_sandbox.gcp.errors import GoogleError, refusal
from novacron_sandbox.gcp.monitoring import Monitoring
from novacron_sandbox.recorder import Recorder

_SERVICE = "/google.monitoring.v3.MetricService/"
METHOD = f"{_SERVICE}ListTimeSeries"
_CREATE = f"{_SERVICE}CreateTimeSeries"
_SIZE = 64 << 20


class RpcServer:
    """Serves Monitoring on a free port of 127.0.0.1 from threads of its own."""

    def __init__(self, monitoring: Monitoring, directory: Directory, front: Front, recorder: Recorder) -> None:
        self._monitoring, self._directory, self._front, self._recorder = monitoring, directory, front, recorder
        options = [("grpc.so_reuseport", 0), ("grpc.max_send_message_length", _SIZE)]
        self._server = grpc.server(ThreadPoolExecutor(8, "grpc"), options=options)
        requests = monitoring_v3.ListTimeSeriesRequest.pb(), monitoring_v3.CreateTimeSeriesRequest.pb()
        routes = {
            METHOD: _handler(requests[0], partial(self._serve, METHOD, "timeSeries.list", monitoring.list_time_series)),
            _CREATE: _handler(requests[1], partial(self._serve, _CREATE, "timeSeries.create", self._create)),
        }
        self._server.add_generic_rpc_handlers((_Router(routes),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop(None).wait()

    def _create(self, asked: Any) -> Any:
        self._monitoring.custom.create(asked)
        self._front.ledger.carried_out("timeSeries.create")
        return empty_pb2.Empty()

    def _serve(
        self, method: str, action: str, carry_out: Callable[[Any], Any], asked: Any, context: grpc.ServicerContext
    ) -> Any:
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        bearer = metadata.pop("authorization", "").removeprefix("Bearer ")
        status, answered = grpc.StatusCode.OK, {}
        try:
            found = self._answer(action, carry_out, asked, bearer)
            answered = {"grpc-message-type": found.DESCRIPTOR.full_name}
            return found
        except GoogleError as trouble:
            status = trouble.status
            context.abort(status, trouble.message)
        finally:
            metadata["grpc-message-type"] = asked.DESCRIPTOR.full_name
            self._recorder.add("GRPC", method, metadata, None, status.value[0], answered, None)

    def _answer(self, action: str, carry_out: Callable[[Any], Any], asked: Any, bearer: str) -> Any:
        self._front.ledger.called(action)
        self._directory.check(bearer)

        def spoil(fault: Fault) -> Any:
            raise refusal(fault)

        return self._front.pass_on(action, lambda _: carry_out(asked), spoil)


def _handler(request: Any, answer: Callable[[Any, grpc.ServicerContext], Any]) -> "grpc.RpcMethodHandler[Any, Any]":
    return grpc.unary_unary_rpc_method_handler(
        answer, request.FromString, lambda found: bytes(found.SerializeToString())
    )


class _Router(grpc.GenericRpcHandler):
    def __init__(self, routes: "Mapping[str, grpc.RpcMethodHandler[Any, Any]]") -> None:
        self._routes = routes

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return what answers a path; None is UNIMPLEMENTED."""
        return self._routes.get(handler_call_details.method)
