"""Every mutation that a server makes is on record, with who, what, when and the outcome."""

import pathlib
from collections.abc import Iterator
from functools import partial

import novacron_client
import pytest
from google.rpc import code_pb2, status_pb2
from novacron.cloud.v1 import operations_service_pb2 as operations
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import CloudError
from novacron_providers.contract.call import Call
from novacron_sandbox import Sandbox
from novacron_server.app import App
from novacron_server.state.records import Record, find_records
from novacron_server.state.store import Store

from tests.servers import configured, registration


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(boot_seconds=0.2) as sandbox:
        yield sandbox


def everything(folder: pathlib.Path) -> bytes:
    """Bytes of all files of a server but its key."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name != "sealing.key")


async def recorded(folder: pathlib.Path) -> list[Record]:
    store = await Store.open(f"sqlite:///{folder / 'state.db'}")
    found = await store.read(partial(find_records, since=0.0, until=1e12))
    await store.close()
    return found


def code(record: Record) -> int:
    assert record.outcome is not None
    found: int = status_pb2.Status.FromString(record.outcome).code
    return found


async def test_changes_of_the_sidecar_and_of_a_cloud_are_on_record(sandbox: Sandbox, tmp_path: pathlib.Path) -> None:
    register = registration(sandbox)
    async with App(await configured(tmp_path)) as app, novacron_client.connect(app.address) as client:
        await client.call(register)
        trial = pb.RegisterProviderRequest()
        trial.CopyFrom(register)
        trial.provider_id, trial.validate_only = "trial", True
        await client.call(trial)
        with pytest.raises(CloudError):
            await client.call(pb.UnregisterProviderRequest(name="providers/nobody"))
        create = pb.CreateInstanceRequest(parent="providers/aws")
        create.spec.image, create.spec.instance_type = sandbox.aws["image"], "t3.micro"
        create.spec.user_data = b"password: hunter2"
        operation = await client.start(create)
        made = await operation.wait(timeout=30)
        await client.call(operations.CancelOperationRequest(name=operation.name))
        await client.call(pb.ListInstancesRequest(parent="providers/aws"))
    found = await recorded(tmp_path)
    assert [(r.mutation.method.rpartition("/")[2], r.mutation.resource, code(r)) for r in found] == [
        ("RegisterProvider", "providers/aws", code_pb2.OK),
        ("UnregisterProvider", "providers/nobody", code_pb2.NOT_FOUND),
        ("CreateInstance", "providers/aws", code_pb2.OK),
        ("CancelOperation", operation.name, code_pb2.OK),
    ]
    for record in found:
        mutation = record.mutation
        assert mutation.principal == "local" and mutation.peer.startswith("ipv4:127.0.0.1:")
        assert record.ended is not None and record.ended >= mutation.began > 0 and len(mutation.digest) == 32
    assert made.name in found[2].targets and operation.name.endswith(f"/{found[2].mutation.operation}")
    told = pb.CreateInstanceRequest.FromString(found[2].mutation.request)
    assert told.spec.instance_type == "t3.micro" and not told.spec.user_data
    stored = everything(tmp_path)
    assert b"hunter2" not in stored and sandbox.aws["secret_access_key"].encode() not in stored


async def test_a_change_that_cannot_be_recorded_is_not_made(sandbox: Sandbox, tmp_path: pathlib.Path) -> None:
    async with App(await configured(tmp_path)) as app:
        dispatch = app._door._dispatch
        rpc = dispatch.rpcs["ProviderService/RegisterProvider"]
        await app._store.write(lambda connection: connection.change("alter table record rename to lost"))
        request = registration(sandbox).SerializeToString()
        with pytest.raises(Exception, match="no such table: record"):
            await dispatch.unary(rpc, request, Call(), tuple)
        assert app._providers.names() == []
        await app._store.write(lambda connection: connection.change("alter table lost rename to record"))
        await dispatch.unary(rpc, request, Call(), tuple)
        assert app._providers.names() == ["aws"]
