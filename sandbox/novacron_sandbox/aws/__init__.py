"""AWS on loopback: moto, with what it lacks put in front of it and inside it.

moto knows the services' shapes and keeps the resources. Here is added what AWS does and moto does not: keys that are
checked, idempotency by ClientToken, paging by instance, changes of state that take time, metrics that move, and faults.
"""

import os
from pathlib import Path
from typing import Any

from novacron_sandbox.clouds import Options
from novacron_sandbox.server import Server

# What moto and botocore read while they are imported: refuse what AWS refuses, load a handful of images instead of
# 1,300, and leave alone what the person at this machine keeps for the real AWS.
ENVIRONMENT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "MOTO_ENABLE_AMI_VALIDATION": "true",
    "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    "MOTO_AMIS_PATH": str(Path(__file__).with_name("images.json")),
}


class Aws:
    """AWS behind a server of its own."""

    def __init__(self, server: Server, access: dict[str, Any]) -> None:
        self._server = server
        self.ready = {"endpoint": server.endpoint, **access}

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop()


def start(options: Options) -> Aws:
    """Have AWS answer; its metrics are those of five minutes unless the options say otherwise."""
    server = Server(options.port)
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    # Importing moto reads the environment, so it has to come after.
    from novacron_sandbox.aws.cloud import Cloud

    cloud = Cloud(
        options.clock,
        boot_seconds=options.boot_seconds,
        metrics_period=300 if options.metrics_period is None else options.metrics_period,
        metrics_lag=300.0 if options.metrics_lag is None else options.metrics_lag,
    )
    server.start(cloud)
    return Aws(server, cloud.access)
