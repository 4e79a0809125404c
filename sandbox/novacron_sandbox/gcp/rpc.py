"""Monitoring's door: gRPC on loopback without TLS, whose every call carries the caller's token as metadata."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud import monitoring_v3

from novacron_sandbox.faults import Faults
from novacron_sandbox.gcp import faults as odd
from novacron_sandbox.gcp.credentials import Directory
from novacron_sandbox.gcp.errors import GoogleError
from novacron_sandbox.gcp.monitoring import Monitoring
from novacron_sandbox.ledger import Ledger
from novacron_sandbox.recorder import Recorder

SERVICE = "/google.monitoring.v3.MetricService/"
_SIZE = 64 << 20


class RpcServer:
    """Serves Monitoring on a free port of 127.0.0.1 from threads of its own."""

    def __init__(
        self, monitoring: Monitoring, directory: Directory, faults: Faults, ledger: Ledger, recorder: Recorder
    ) -> None:
        self._directory, self._faults, self._ledger, self._recorder = directory, faults, ledger, recorder
        options = [("grpc.so_reuseport", 0), ("grpc.max_send_message_length", _SIZE)]
        self._server = grpc.server(ThreadPoolExecutor(8, "grpc"), options=options)
        self._server.add_generic_rpc_handlers((_Router(self._methods(monitoring)),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop(None).wait()

    def _methods(self, monitoring: Monitoring) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
        listed = monitoring_v3.ListTimeSeriesRequest, monitoring_v3.ListTimeSeriesResponse
        described = monitoring_v3.ListMetricDescriptorsRequest, monitoring_v3.ListMetricDescriptorsResponse
        return {
            f"{SERVICE}ListTimeSeries": self._method("timeSeries.list", *listed, monitoring.list_time_series),
            f"{SERVICE}ListMetricDescriptors": self._method(
                "metricDescriptors.list", *described, monitoring.list_metric_descriptors
            ),
        }

    def _method(
        self, action: str, request: Any, response: Any, answer: Callable[[Any], Any]
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        def behave(asked: Any, context: grpc.ServicerContext) -> Any:
            metadata = {key: str(value) for key, value in context.invocation_metadata() if key != "authorization"}
            path = SERVICE + answer.__name__.title().replace("_", "")
            status, found = grpc.StatusCode.OK, None
            try:
                found = self._answer(action, asked, context, answer)
            except GoogleError as refusal:
                status = refusal.status
                context.abort(status, refusal.message)
            finally:
                names = {"grpc-message-type": asked.DESCRIPTOR.full_name}
                answered = {"grpc-message-type": response.pb().DESCRIPTOR.full_name} if found is not None else {}
                self._recorder.add("GRPC", path, metadata | names, None, status.value[0], answered, None)
            return found

        return grpc.unary_unary_rpc_method_handler(
            behave, request.pb().FromString, lambda found: bytes(found.SerializeToString())
        )

    def _answer(self, action: str, asked: Any, context: grpc.ServicerContext, answer: Callable[[Any], Any]) -> Any:
        self._ledger.called(action)
        bearer = dict(context.invocation_metadata()).get("authorization", "")
        self._directory.check(str(bearer).removeprefix("Bearer "))
        fault = self._faults.take(action)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        elif fault and not fault.after:
            raise odd.error(fault)
        found = answer(asked)
        if fault and fault.kind != "slow":
            raise odd.error(fault)
        return found


class _Router(grpc.GenericRpcHandler):
    def __init__(self, methods: "dict[str, grpc.RpcMethodHandler[Any, Any]]") -> None:
        self._methods = methods

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return what answers a path; None is UNIMPLEMENTED."""
        return self._methods.get(handler_call_details.method)
