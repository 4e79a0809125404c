"""What the demo does, one thing after the other."""

import asyncio
import shutil
import signal
import sysconfig
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import novacron_client
from novacron.cloud.v1.common_pb2 import RESOURCE_TYPE_INSTANCE
from novacron.cloud.v1.compute_pb2 import Instance, InstanceSpec
from novacron.cloud.v1.provider_pb2 import Provider, ProviderConfig
from novacron.cloud.v1.provider_service_pb2 import CreateInstanceRequest, RegisterProviderRequest
from novacron_client import Client, CloudError
from novacron_sandbox import Sandbox
from novacron_sandbox.clouds import CLOUDS

from novacron_cli.dashboard import COLUMNS, Fleet, Screen
from novacron_cli.failure import tell
from novacron_cli.output import clock, write
from novacron_cli.progress import Progress
from novacron_cli.registration import Registration
from novacron_cli.server_process import ServerProcess

TYPES = {
    "aws": ("t3.micro", "m5.large", "t3.small", "c5.large"),
    "azure": ("Standard_B2s", "Standard_D2s_v5", "Standard_B1s", "Standard_F4s_v2"),
    "gcp": ("e2-medium", "n2-standard-2", "e2-small", "e2-standard-4"),
}
# Seconds between two values; the clouds themselves have one a minute or every five.
PERIOD = 1


class Showcase:
    """Sandbox clouds and a server for them, instances, and their metrics until the time is over or Ctrl-C."""

    def __init__(self, folder: Path, *, instances: int, seconds: float | None) -> None:
        self._folder, self._instances, self._seconds = folder, instances, seconds

    async def run(self) -> None:
        """Show all of it; whatever ends it, the children that it started end with it."""
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        # The server starts while the sandbox does.
        async with (
            ServerProcess(self._folder) as server,
            Sandbox(metrics_period=PERIOD, metrics_lag=0) as sandbox,
            novacron_client.connect(await server.ready()) as client,
        ):
            clouds: dict[str, dict[str, Any]] = {name: getattr(sandbox, name) for name in CLOUDS}
            _introduce(clouds, client.address)
            await asyncio.gather(*(_register(client, name, cloud) for name, cloud in clouds.items()))
            fleet = Fleet(await self._create(client, clouds))
            await self._watch(client, fleet)

    async def _create(self, client: Client, clouds: Mapping[str, Mapping[str, Any]]) -> list[Instance]:
        _say(f"creating instances, {self._instances} in each cloud")

        async def create(name: str, index: int, progress: Progress) -> Instance:
            cloud, types = clouds[name], TYPES[name]
            spec = InstanceSpec(
                display_name=f"web-{index + 1}",
                region=cloud["regions"][index % len(cloud["regions"])],
                instance_type=types[index % len(types)],
                image=cloud["image"],
                tags={"demo": "novacron-cloud"},
            )
            operation = await client.start(CreateInstanceRequest(parent=f"providers/{name}", spec=spec))
            label = f"{name:<5} {spec.display_name} {spec.instance_type:<15}"
            return await operation.wait(progress=partial(progress.update, label))

        with Progress(on_stdout=True) as progress:
            wanted = [(name, index) for name in clouds for index in range(self._instances)]
            return await asyncio.gather(*(create(name, index, progress) for name, index in wanted))

    async def _watch(self, client: Client, fleet: Fleet) -> None:
        until = "Ctrl-C ends it" if self._seconds is None else f"for {self._seconds:g} s"
        _say(f"streaming their metrics, {until}")
        metrics = [metric for _, _, metric in COLUMNS]
        inventory = asyncio.create_task(_follow_inventory(client, fleet))
        try:
            with suppress(TimeoutError), Screen(fleet, client.address) as screen:
                async with (
                    asyncio.timeout(self._seconds),
                    client.stream_metrics("providers/-", metrics=metrics, give_up_after=10) as stream,
                ):
                    async for update in stream:
                        screen.show(update)
        finally:
            inventory.cancel()


async def _register(client: Client, name: str, cloud: Mapping[str, Any]) -> None:
    registration = Registration.of(name, cloud, period=PERIOD, lag=0)
    config = ProviderConfig(**await asyncio.to_thread(registration.config))
    provider = Provider(kind=name, display_name="Sandbox", config=config, is_default=name == CLOUDS[0])
    registered = (await client.call(RegisterProviderRequest(provider_id=name, provider=provider))).provider
    _say(f"registered {registered.name}: account {registered.native_id}, regions {' '.join(registration.regions)}")


async def _follow_inventory(client: Client, fleet: Fleet) -> None:
    """Show also what others do meanwhile: instances that they create, stop or delete."""
    try:
        async with client.watch_resources(types=[RESOURCE_TYPE_INSTANCE], give_up_after=10) as stream:
            async for _ in stream:
                if stream.synced:
                    fleet.set(one for one in stream.latest.values() if isinstance(one, Instance))
    except CloudError as error:
        tell(f"{clock(time.time())} the instances cannot be watched: {error}")


def _introduce(clouds: Mapping[str, Mapping[str, Any]], address: str) -> None:
    # `make run` installs the command where a shell does not look for it.
    path = "" if shutil.which("novacron-cloud") else f' PATH="{sysconfig.get_path("scripts")}:$PATH"'
    places = "\n".join(f"  {name:<7} {cloud['endpoint']}" for name, cloud in clouds.items())
    write(
        f"""
{places}
  server  {address}  (gRPC)

In another terminal, meanwhile:
  export NOVACRON_SERVER={address}{path}
  novacron-cloud instances list
  novacron-cloud metrics watch -m cloud.instance.cpu.utilization
  novacron-cloud instances create -p gcp --image {clouds["gcp"]["image"]} --type e2-medium
  grpcurl -plaintext -d '{{"parent": "providers/-"}}' {address} novacron.cloud.v1.ProviderService/ListInstances
"""
    )


def _say(text: str) -> None:
    write(f"{clock(time.time())} {text}")
