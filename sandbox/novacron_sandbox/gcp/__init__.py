"""Google Cloud on loopback: Compute Engine over HTTP, Monitoring over gRPC, and every way to get a token.

All of it is our own: Google has no emulator of them. Types of resources are a table (kinds.py); what they share is
written once (compute.py), what only machines do is in instances.py. The discovery documents judge it in tests.
"""

from typing import Any, Protocol

from novacron_sandbox.clouds import Options
from novacron_sandbox.server import Server

# What Compute Engine's own metrics have.
_PERIOD = 60
_LAG = 240.0


class _Stops(Protocol):
    def stop(self) -> None: ...


class Gcp:
    """Google Cloud behind three servers: HTTP, gRPC and the metadata server's."""

    def __init__(self, servers: tuple[_Stops, ...], ready: dict[str, Any]) -> None:
        self._servers = servers
        self.ready = ready

    def stop(self) -> None:
        """Answer no more."""
        for server in self._servers:
            server.stop()


def start(options: Options) -> Gcp:
    """Have Google Cloud answer; its metrics are of a minute and four minutes late unless the options say otherwise."""
    server, metadata = Server(options.port), Server()
    # Monitoring's message classes take most of a second to load, and a port that is taken should be known before.
    from novacron_sandbox.gcp import catalog
    from novacron_sandbox.gcp.cloud import Cloud
    from novacron_sandbox.gcp.compute import Compute
    from novacron_sandbox.gcp.credentials import ACCOUNT, Directory
    from novacron_sandbox.gcp.custom import CustomStore
    from novacron_sandbox.gcp.monitoring import Monitoring
    from novacron_sandbox.gcp.rpc import RpcServer
    from novacron_sandbox.recorder import Recorder
    from novacron_sandbox.samples import Samples

    compute = Compute(options.clock, boot_seconds=options.boot_seconds, user=ACCOUNT)
    directory, recorder = Directory(options.folder, server.endpoint), Recorder("gcp")
    written = CustomStore(options.clock)
    cloud = Cloud(compute, directory, recorder, written)
    period = _PERIOD if options.metrics_period is None else options.metrics_period
    lag = _LAG if options.metrics_lag is None else options.metrics_lag
    monitoring = Monitoring(compute.store, Samples(options.clock, period, lag), written, cloud.front.gate)
    rpc = RpcServer(monitoring, directory, cloud.front, recorder)
    server.start(cloud)
    metadata.start(cloud.metadata)
    ready = {
        "endpoint": server.endpoint,
        "monitoring_endpoint": rpc.address,
        "metadata_host": metadata.endpoint.removeprefix("http://"),
        "project": catalog.PROJECT,
        "regions": list(catalog.REGIONS),
        "image": catalog.IMAGE,
        "instance_type": "e2-medium",
        **directory.access,
    }
    return Gcp((server, metadata, rpc), ready)
