"""Servers for tests: in this process, and as a process of their own that can be killed."""

import asyncio
import contextlib
import json
import os
import pathlib
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from novacron.cloud.v1 import provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_sandbox import Sandbox
from novacron_server.config import Config, load


def flags(folder: pathlib.Path, **more: object) -> dict[str, Any]:
    """Settings of a server of a test: everything in a folder of its own, any free port, quick to stop."""
    return {
        "listen": "127.0.0.1:0",
        "database": f"sqlite:///{folder / 'state.db'}",
        "key_file": folder / "sealing.key",
        "shutdown_grace": 2,
        **more,
    }


async def configured(folder: pathlib.Path, **more: object) -> Config:
    """The configuration that these settings make."""
    return await asyncio.to_thread(load, None, flags(folder, **more))


def aws_config(sandbox: Sandbox) -> provider_pb2.ProviderConfig:
    """How to reach the sandbox's AWS."""
    return provider_pb2.ProviderConfig(
        auth={key: sandbox.aws[key] for key in ("access_key_id", "secret_access_key")},
        endpoint=sandbox.aws["endpoint"],
        regions=sandbox.aws["regions"],
        default_region=sandbox.aws["regions"][0],
    )


def azure_config(sandbox: Sandbox) -> provider_pb2.ProviderConfig:
    """How to reach the sandbox's Azure, with a client secret."""
    azure = sandbox.azure
    config = provider_pb2.ProviderConfig(
        auth={key: azure[key] for key in ("tenant_id", "client_id", "client_secret")},
        endpoint=azure["endpoint"],
        project=azure["subscription_id"],
        regions=azure["regions"],
        default_region=azure["regions"][0],
    )
    options = ("authority", "ca_file", "resource_group", "metrics_endpoint", "custom_metrics_endpoint")
    config.options.update({f"azure.{key}": azure[key] for key in options})
    return config


def gcp_config(sandbox: Sandbox) -> provider_pb2.ProviderConfig:
    """How to reach the sandbox's Google Cloud, with a service account's key."""
    gcp = sandbox.gcp
    config = provider_pb2.ProviderConfig(
        auth={"service_account_json": pathlib.Path(gcp["credentials_file"]).read_text()},
        endpoint=gcp["endpoint"],
        project=gcp["project"],
        regions=gcp["regions"],
        default_region=gcp["regions"][0],
    )
    config.options.update({"gcp.monitoring_endpoint": gcp["monitoring_endpoint"], "gcp.token_urls": [gcp["token_url"]]})
    return config


CONFIGS = {"aws": aws_config, "azure": azure_config, "gcp": gcp_config}


def registration(sandbox: Sandbox, name: str = "aws", kind: str = "aws") -> pb.RegisterProviderRequest:
    """A request that registers one of the sandbox's clouds."""
    provider = provider_pb2.Provider(kind=kind, config=CONFIGS[kind](sandbox))
    return pb.RegisterProviderRequest(provider_id=name, provider=provider)


class ServerEnded(AssertionError):
    """A server ended before it served, with an exit status; the message ends with what it logged."""

    def __init__(self, status: int, log: str) -> None:
        super().__init__(f"the server ended with {status}: {log}")
        self.status = status


@dataclass
class ServerProcess:
    """`novacron-cloud serve` as a process of its own."""

    process: asyncio.subprocess.Process
    address: str
    log: pathlib.Path

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()

    async def terminate(self) -> int:
        """SIGTERM; gives the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 40)

    def lines(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextlib.asynccontextmanager
async def server_process(
    folder: pathlib.Path, *, program: Sequence[str] = ("-m", "novacron_cli", "serve"), **more: str
) -> AsyncIterator[ServerProcess]:
    """Start a server on the state in `folder`; whatever is left of it is killed at the end.

    `program` is what Python runs; `more` are further settings, or a `failpoint` at which it dies.
    """
    ready, log = folder / "ready.json", folder / "server.log"
    ready.unlink(missing_ok=True)
    settings = flags(folder, **{"log_level": "debug", "ready_file": ready, **more})
    variables = {f"NOVACRON_{key.upper()}": str(value) for key, value in settings.items()}
    # Python keeps what it has compiled, as it does by default: without, a start takes several times as long.
    variables["PYTHONDONTWRITEBYTECODE"] = ""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, env={**os.environ, **variables}, stderr=output
        )
    try:
        async with asyncio.timeout(30):
            while not ready.exists():
                if process.returncode is not None:
                    raise ServerEnded(process.returncode, log.read_text()[-2000:])
                await asyncio.sleep(0.02)
        yield ServerProcess(process, json.loads(ready.read_text())["address"], log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
