"""Two servers on one PostgreSQL: what one of them does, the other one does not answer without."""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import novacron_client
import pytest
import pytest_asyncio
from google.protobuf import empty_pb2
from novacron.cloud.v1 import capabilities_pb2, common_pb2, compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client
from novacron_providers.contract import Op, Provider, Settings
from novacron_server.app import App

from tests.databases import postgresql
from tests.servers import configured
from tests.unit.server.lazycloud import LazyCloud

__all__ = ["postgresql"]

INSTANCES = capabilities_pb2.CapabilityStatus(
    capability=capabilities_pb2.CAPABILITY_INSTANCES, level=capabilities_pb2.SUPPORT_LEVEL_NATIVE
)
# What is kept would be good for an hour.
LIST = pb.ListInstancesRequest(parent="providers/one")
LIST.max_staleness.FromSeconds(3600)


class Account(LazyCloud):
    """The account as one replica reaches it, in which machines are made and deleted.

    Attributes:
        lags: Whether its lists go on showing what there was.
    """

    lags = False

    async def create_instance(self, request: pb.CreateInstanceRequest, op: Op) -> compute_pb2.Instance:
        made = self.instance(request.spec.display_name)

        async def launch(token: str) -> str:
            if not self.lags:
                self.listed[made.native_id] = made
            return ""

        await op.step("launch", launch)
        return made

    async def delete_instance(self, request: pb.DeleteInstanceRequest, op: Op) -> empty_pb2.Empty:
        op.target(common_pb2.ResourceRef(name=request.name, type=common_pb2.RESOURCE_TYPE_INSTANCE))

        async def delete(token: str) -> str:
            if not self.lags:
                del self.listed[request.name.rpartition("~")[2]]
            return ""

        await op.step("delete", delete)
        return empty_pb2.Empty()


class Two(NamedTuple):
    """Two replicas by their clients, and the account as each of them reaches it; what it lists is the same."""

    a: Client
    b: Client
    of_a: Account
    of_b: Account


@pytest_asyncio.fixture
async def two(postgresql: str, tmp_path: pathlib.Path) -> AsyncIterator[Two]:
    accounts: list[Account] = []

    def connect(settings: Settings) -> Account:
        accounts.append(Account(settings))
        accounts[-1].listed = accounts[0].listed
        return accounts[-1]

    plugins = {
        "lazy": Provider(
            kind="lazy", display_name="Lazy", capabilities=(INSTANCES,), check=lambda settings: None, connect=connect
        )
    }
    async with contextlib.AsyncExitStack() as stack:
        clients: list[Client] = []
        for name in "ab":
            config = await configured(tmp_path, database=postgresql, replica=name)
            app = await stack.enter_async_context(App(config, plugins=plugins))
            clients.append(await stack.enter_async_context(novacron_client.connect(app.address)))
            if name == "a":
                provider = provider_pb2.Provider(kind="lazy")
                await clients[0].call(pb.RegisterProviderRequest(provider_id="one", provider=provider))
        yield Two(clients[0], clients[1], accounts[0], accounts[-1])


async def listed(client: Client, names: list[str]) -> None:
    """Return once these are listed, in any order."""
    async with asyncio.timeout(10):
        while sorted([i.native_id async for i in client.list(LIST)]) != names:  # noqa: ASYNC110  # it can only be asked
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("lags", [False, True], ids=["prompt", "lagging"])
async def test_what_one_replica_makes_and_deletes_the_other_one_lists_so(two: Two, lags: bool) -> None:
    two.of_a.add("old")
    two.of_a.lags = lags
    await listed(two.b, ["old"])
    asked = two.of_b.asked["list"]
    await listed(two.b, ["old"])
    assert two.of_b.asked["list"] == asked
    spec = compute_pb2.InstanceSpec(display_name="web", image="i", instance_type="t")
    await (await two.a.start(pb.CreateInstanceRequest(parent="providers/one", spec=spec))).wait(timeout=10)
    await listed(two.b, ["old", "web"])
    old = two.of_a.instance("old").name
    await (await two.a.start(pb.DeleteInstanceRequest(name=old))).wait(timeout=10)
    await listed(two.b, ["web"])
    # And what nobody changes is kept again.
    await asyncio.sleep(1.0)
    await listed(two.b, ["web"])
    asked = two.of_b.asked["list"]
    await listed(two.b, ["web"])
    assert two.of_b.asked["list"] == asked
