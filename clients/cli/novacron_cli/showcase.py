"""What the demo does, one thing after the other."""

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import novacron_client
from google.protobuf.struct_pb2 import Struct
from novacron.cloud.v1.compute_pb2 import Instance, InstanceSpec
from novacron.cloud.v1.provider_pb2 import Provider, ProviderConfig
from novacron.cloud.v1.provider_service_pb2 import CreateInstanceRequest, ListInstancesRequest, RegisterProviderRequest
from novacron_client import Client, CloudError
from novacron_sandbox import Sandbox

from novacron_cli.dashboard import COLUMNS, Fleet, Screen
from novacron_cli.failure import tell
from novacron_cli.output import clock, write
from novacron_cli.progress import Progress
from novacron_cli.server_process import ServerProcess

PARENT = "providers/aws"
TYPES = ("t3.micro", "t3.small", "m5.large", "c5.large")
REGIONS = 2
INVENTORY_INTERVAL = 3.0


class Showcase:
    """A sandbox cloud and a server for it, instances, and their metrics until the time is over or Ctrl-C."""

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
            Sandbox(clouds=("aws",), metrics_period=1, metrics_lag=0) as sandbox,
            novacron_client.connect(await server.ready()) as client,
        ):
            regions = sandbox.aws["regions"][:REGIONS]
            _introduce(sandbox.aws["endpoint"], client.address)
            await self._register(client, sandbox.aws, regions)
            fleet = Fleet(await self._create(client, sandbox.aws["image"], regions))
            await self._watch(client, fleet)

    async def _register(self, client: Client, aws: dict[str, Any], regions: Sequence[str]) -> None:
        options = Struct()
        options.update({"metrics.period": 1, "metrics.lag": 0})
        config = ProviderConfig(
            auth={name: aws[name] for name in ("access_key_id", "secret_access_key")},
            endpoint=aws["endpoint"],
            regions=regions,
            default_region=regions[0],
            options=options,
        )
        provider = Provider(kind="aws", display_name="Sandbox", config=config, is_default=True)
        request = RegisterProviderRequest(provider_id="aws", provider=provider)
        registered = (await client.call(request)).provider
        _say(f"registered {registered.name}: account {registered.native_id}, regions {' '.join(regions)}")

    async def _create(self, client: Client, image: str, regions: Sequence[str]) -> list[Instance]:
        _say(f"creating {self._instances} instances")

        async def create(index: int, progress: Progress) -> Instance:
            spec = InstanceSpec(
                display_name=f"web-{index + 1}",
                region=regions[index % len(regions)],
                instance_type=TYPES[index % len(TYPES)],
                image=image,
                tags={"demo": "novacron-cloud"},
            )
            operation = await client.start(CreateInstanceRequest(parent=PARENT, spec=spec))
            label = f"{spec.display_name} {spec.region} {spec.instance_type}"
            return await operation.wait(progress=partial(progress.update, label))

        with Progress(on_stdout=True) as progress:
            return await asyncio.gather(*(create(index, progress) for index in range(self._instances)))

    async def _watch(self, client: Client, fleet: Fleet) -> None:
        until = "Ctrl-C ends it" if self._seconds is None else f"for {self._seconds:g} s"
        _say(f"streaming their metrics, {until}")
        metrics = [metric for _, _, metric in COLUMNS]
        inventory = asyncio.create_task(_follow_inventory(client, fleet))
        try:
            with suppress(TimeoutError), Screen(fleet, client.address) as screen:
                async with (
                    asyncio.timeout(self._seconds),
                    client.stream_metrics(PARENT, metrics=metrics, give_up_after=10) as stream,
                ):
                    async for update in stream:
                        screen.show(update)
        finally:
            inventory.cancel()


async def _follow_inventory(client: Client, fleet: Fleet) -> None:
    """Show also what others do meanwhile: instances that they create, stop or delete."""
    while True:
        await asyncio.sleep(INVENTORY_INTERVAL)
        try:
            fleet.set([instance async for instance in client.list(ListInstancesRequest(parent=PARENT))])
        except CloudError as error:
            tell(f"{clock(time.time())} the instances cannot be listed: {error}")


def _introduce(endpoint: str, address: str) -> None:
    write(
        f"""
  sandbox  {endpoint}  (AWS)
  server   {address}  (gRPC)

In another terminal, meanwhile:
  novacron-cloud instances list --server {address}
  novacron-cloud metrics watch --server {address} -m cloud.instance.cpu.utilization
  grpcurl -plaintext -d '{{"parent": "providers/-"}}' {address} novacron.cloud.v1.ProviderService/ListInstances
"""
    )


def _say(text: str) -> None:
    write(f"{clock(time.time())} {text}")
