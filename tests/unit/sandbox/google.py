"""Google's own libraries against a sandbox: one attempt a call, so that a test sees what the sandbox answered."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.api_core.client_options import ClientOptions
from google.auth.transport.requests import Request
from google.cloud import compute_v1, monitoring_v3
from google.oauth2 import service_account
from novacron_sandbox import Sandbox

C = TypeVar("C")
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
ZONE = "us-central1-a"


def from_key(document: dict[str, Any]) -> Any:
    """The credentials of a service account's key."""
    # google.auth has no types.
    kind: Any = service_account.Credentials
    return kind.from_service_account_info(document, scopes=SCOPES)


def key(sandbox: Sandbox) -> Any:
    """The credentials of the sandbox's key file."""
    return from_key(json.loads(Path(sandbox.gcp["credentials_file"]).read_text()))


def token(credentials: Any) -> str:
    """A fresh token, asked for over the wire."""
    credentials.refresh(Request())
    return str(credentials.token)


def client(kind: type[C], sandbox: Sandbox, credentials: Any = None) -> C:
    """A client of compute_v1 with the sandbox's key, or with other credentials."""
    options = ClientOptions(api_endpoint=sandbox.gcp["endpoint"])
    return kind(credentials=credentials or key(sandbox), client_options=options)  # type: ignore[call-arg]


class Project:
    """The machines of a sandbox's project, changed and waited for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.name: str = sandbox.gcp["project"]
        self.image: str = sandbox.gcp["image"]
        self.instances = client(compute_v1.InstancesClient, sandbox)
        self.operations = client(compute_v1.ZoneOperationsClient, sandbox)

    def spec(self, name: str, *, zone: str = ZONE, kind: str = "e2-medium", **more: Any) -> compute_v1.Instance:
        """What the smallest of machines needs."""
        params = compute_v1.AttachedDiskInitializeParams(source_image=self.image)
        disk = compute_v1.AttachedDisk(boot=True, auto_delete=True, initialize_params=params)
        nic = compute_v1.NetworkInterface(access_configs=[compute_v1.AccessConfig(name="External NAT")])
        machine_type = f"zones/{zone}/machineTypes/{kind}"
        return compute_v1.Instance(name=name, machine_type=machine_type, disks=[disk], network_interfaces=[nic], **more)

    def insert(self, spec: compute_v1.Instance, *, zone: str = ZONE, request_id: str = "") -> compute_v1.Operation:
        """Begin to make a machine."""
        request = compute_v1.InsertInstanceRequest(project=self.name, zone=zone, instance_resource=spec)
        if request_id:
            request.request_id = request_id
        return self.instances.insert_unary(request=request, retry=None)

    def make(self, name: str, **more: Any) -> compute_v1.Instance:
        """Make a machine and return it when it runs."""
        self.wait(self.insert(self.spec(name, **more)))
        return self.get(name)

    def do(self, verb: str, name: str, **more: Any) -> compute_v1.Operation:
        """Change a machine, and return the operation once it is done."""
        call = getattr(self.instances, f"{verb}_unary")
        return self.wait(call(project=self.name, zone=ZONE, instance=name, **more))

    def get(self, name: str) -> compute_v1.Instance:
        """Return a machine."""
        return self.instances.get(project=self.name, zone=ZONE, instance=name)

    def wait(self, operation: compute_v1.Operation) -> compute_v1.Operation:
        """Return an operation once it is done."""
        return self.operations.wait(project=self.name, zone=operation.zone.rpartition("/")[2], operation=operation.name)


class Metrics:
    """Monitoring over a channel without TLS; the token goes along as metadata."""

    def __init__(self, sandbox: Sandbox, bearer: str | None = None) -> None:
        self._channel = grpc.insecure_channel(sandbox.gcp["monitoring_endpoint"])
        kind = monitoring_v3.MetricServiceClient.get_transport_class("grpc")
        self.client = monitoring_v3.MetricServiceClient(transport=kind(channel=self._channel))
        self.name = f"projects/{sandbox.gcp['project']}"
        self.metadata = [("authorization", f"Bearer {bearer if bearer is not None else token(key(sandbox))}")]

    def series(self, metric: str, start: float, end: float, **more: Any) -> Sequence[monitoring_v3.TimeSeries]:
        """All series of a metric of compute.googleapis.com/instance/ in (start, end]; `filter` adds terms."""
        return list(self.pages(metric, start, end, **more))

    def pages(self, metric: str, start: float, end: float, *, filter: str = "", **more: Any) -> Any:
        """The same as a pager."""
        return self._list(f'metric.type = "compute.googleapis.com/instance/{metric}"{filter}', start, end, **more)

    def series_of(self, metric: str, start: float, end: float) -> Sequence[monitoring_v3.TimeSeries]:
        """All series of any metric in (start, end]."""
        return list(self._list(f'metric.type = "{metric}"', start, end))

    def _list(self, filter: str, start: float, end: float, **more: Any) -> Any:
        request = monitoring_v3.ListTimeSeriesRequest(
            name=self.name,
            filter=filter,
            interval=monitoring_v3.TimeInterval(start_time={"seconds": int(start)}, end_time={"seconds": int(end)}),
            **more,
        )
        return self.client.list_time_series(request=request, metadata=self.metadata, retry=None)

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


def points(series: monitoring_v3.TimeSeries) -> dict[int, float]:
    """Value by end of period, newest first as it came."""
    raw: Any = monitoring_v3.TimeSeries.pb(series)
    return {
        point.interval.end_time.seconds: float(getattr(point.value, point.value.WhichOneof("value")))
        for point in raw.points
    }
