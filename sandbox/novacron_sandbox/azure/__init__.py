"""Azure on loopback: Resource Manager, Entra ID, Monitor and Log Analytics over HTTPS with a CA of the sandbox's own.

A resource type is a few lines of kinds.py; verbs, pages, long-running operations, etags, references and refusals are
the same for all of them (arm.py).
"""

from typing import TYPE_CHECKING, Any

from novacron_sandbox.azure.catalog import REGIONS
from novacron_sandbox.server import Server

if TYPE_CHECKING:
    from novacron_sandbox.clouds import Options


class Azure:
    """Azure behind its servers: one for everything, one for the metadata that a machine finds at a fixed address."""

    def __init__(self, ready: dict[str, Any], *servers: Server) -> None:
        self.ready, self._servers = ready, servers

    def stop(self) -> None:
        """Answer no more."""
        for server in self._servers:
            server.stop()


def start(options: "Options") -> Azure:
    """Have Azure answer; its metrics are those of a minute, two minutes late, unless the options say otherwise."""
    # Loading cryptography takes a while, and some want only another cloud.
    from novacron_sandbox.azure.certificates import Certificates
    from novacron_sandbox.azure.cloud import GROUP, Cloud
    from novacron_sandbox.azure.directory import Directory
    from novacron_sandbox.samples import Samples
    from novacron_sandbox.tokens import Signer

    signer = Signer()
    certificates = Certificates(options.folder, signer.key)
    server, metadata = Server(options.port, certificates.tls), Server()
    directory = Directory(server.endpoint, signer, options.folder)
    period = 60 if options.metrics_period is None else options.metrics_period
    lag = 120.0 if options.metrics_lag is None else options.metrics_lag
    cloud = Cloud(directory, Samples(options.clock, period, lag), options.boot_seconds)
    server.start(cloud)
    metadata.start(cloud.metadata)
    ready = {
        "endpoint": server.endpoint,
        "ca_file": str(certificates.ca_file),
        **directory.access,
        "certificate_file": str(certificates.certificate_file),
        "imds_endpoint": metadata.endpoint,
        "identity_endpoint": f"{metadata.endpoint}/msi/token",
        "subscription_id": cloud.subscription_id,
        "resource_group": GROUP,
        "regions": list(REGIONS),
        "image": "Canonical:ubuntu-24_04-lts:server:latest",
        "instance_type": "Standard_B2s",
        "metrics_endpoint": server.endpoint,
        "custom_metrics_endpoint": server.endpoint,
        "logs_endpoint": server.endpoint,
        "workspace_id": cloud.workspace_id,
    }
    return Azure(ready, server, metadata)
