"""Three clouds behind one server, each in a process of its own: one that stands still takes nobody else down."""

import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import grpc
import novacron_client
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client
from novacron_sandbox import Sandbox
from novacron_server.app import App

from tests.servers import configured, registration

CLOUDS = ("aws", "azure", "gcp")
# Seconds that a caller gives the whole list.
DEADLINE = 4.0
# What a cloud that does not answer is: its SDK gave up just before the deadline, or was still waiting.
SILENT = (grpc.StatusCode.UNAVAILABLE.value[0], grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
# What was kept of an earlier answer would hide that a cloud is frozen.
REQUEST = pb.ListInstancesRequest(parent="providers/-", return_partial_success=True, max_staleness=Duration())

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    """A process for each cloud, with two instances in it."""
    found = {cloud: Sandbox(clouds=(cloud,)) for cloud in CLOUDS}
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        for sandbox in found.values():
            stack.callback(sandbox.stop)
        list(pool.map(Sandbox.start, found.values()))
        for cloud, sandbox in found.items():
            sandbox.seed(2, cloud=cloud)
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(sandboxes: dict[str, Sandbox], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A server that has all three."""
    settings = await configured(tmp_path_factory.mktemp("server"))
    async with App(settings) as app, novacron_client.connect(app.address) as client:
        for cloud, sandbox in sandboxes.items():
            await client.call(registration(sandbox, cloud, cloud))
        # The first call of a kind imports its SDK, which may take seconds and is not what is measured.
        await client.call(REQUEST)
        yield client


@contextmanager
def frozen(sandbox: Sandbox) -> Iterator[None]:
    """A process that takes connections, as its kernel does, and says nothing."""
    os.kill(sandbox.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(sandbox.pid, signal.SIGCONT)


def owners(answer: pb.ListInstancesResponse) -> set[str]:
    """The clouds whose instances are in an answer; all of a cloud's are, or none."""
    found = [instance.name.split("/")[1] for instance in answer.instances]
    assert all(found.count(cloud) == 2 for cloud in found)
    return set(found)


async def ask(client: Client) -> pb.ListInstancesResponse:
    """The list, within the deadline, past the client's own repeats."""
    answer = await client.providers.ListInstances(REQUEST, timeout=DEADLINE)
    assert isinstance(answer, pb.ListInstancesResponse)
    return answer


@pytest.mark.parametrize("cloud", CLOUDS)
async def test_a_frozen_cloud_is_named_and_the_others_are_there_in_time(
    client: Client, sandboxes: dict[str, Sandbox], cloud: str
) -> None:
    others = {*CLOUDS} - {cloud}
    assert owners(await ask(client)) == {*CLOUDS}
    with frozen(sandboxes[cloud]):
        begin = time.monotonic()
        answer = await ask(client)
        assert time.monotonic() - begin < DEADLINE
        assert owners(answer) == others
        (missing,) = answer.unreachable
        assert missing.name == f"providers/{cloud}"
        assert missing.status.code in SILENT and missing.status.message
    after = await ask(client)
    assert owners(after) == {*CLOUDS} and not after.unreachable
