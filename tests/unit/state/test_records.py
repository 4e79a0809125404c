"""The record of every mutation."""

from functools import partial
from typing import Any

from google.protobuf import struct_pb2
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_server.security.public import without_secrets
from novacron_server.state import journal
from novacron_server.state.journal import Intent, Snapshot
from novacron_server.state.records import Mutation, Record, close_record, find_records, forget_records, open_record
from novacron_server.state.store import Store


def mutation(**more: Any) -> Mutation:
    values = {
        "principal": "ann",
        "peer": "ipv4:10.0.0.7:5000",
        "method": "ProviderService/RegisterProvider",
        "resource": "providers/aws",
        "request_id": "",
        "digest": b"digest",
        "request": b"request",
        "began": 100.0,
    }
    return Mutation(**{**values, **more})


async def records(store: Store, **more: Any) -> list[Record]:
    return await store.read(partial(find_records, **{"since": 0.0, "until": 1e12, **more}))


async def test_a_mutation_is_there_before_its_outcome_is(store: Store) -> None:
    id_ = await store.write(partial(open_record, mutation=mutation()))
    (found,) = await records(store)
    assert found.mutation == mutation() and (found.ended, found.outcome) == (None, None) and found.targets == []
    await store.write(partial(close_record, id_=id_, ended=101.0, outcome=b"status"))
    (found,) = await records(store)
    assert (found.ended, found.outcome) == (101.0, b"status")


async def test_an_operation_is_on_record_from_its_intent_to_its_end(store: Store) -> None:
    intent = Intent(
        id="a",
        provider="aws",
        principal="ann",
        request_id="r",
        method="ProviderService/StopInstance",
        digest=b"digest",
        request=b"with secrets",
        public=b"request",
        peer="unix:",
        resource="providers/aws/instances/here~i-1",
        holds=None,
        body=b"body",
        state=1,
        created=200.0,
    )
    for _ in range(2):
        await store.write(partial(journal.begin, intent=intent, owner="me", lease=60.0))
    # The same request again is no other mutation.
    (found,) = await records(store, operation="a")
    assert found.mutation.request == b"request" and found.mutation.operation == "a" and found.ended is None
    end = Snapshot(id="a", body=b"end", state=5, revision=2, targets=["t2", "t1"], ended=201.0, outcome=b"why")
    # Who does not own it does not end its record either.
    assert not await store.write(partial(journal.save, owner="other", shown=end))
    assert (await records(store))[0].ended is None
    assert await store.write(partial(journal.save, owner="me", shown=end))
    (found,) = await records(store)
    assert (found.ended, found.outcome, found.targets) == (201.0, b"why", ["t1", "t2"])
    # It outlives the operation.
    assert await store.write(partial(journal.forget, before=300.0)) == 1
    assert await records(store) == [found]


async def test_records_are_found_by_time_principal_and_resource_and_forgotten_by_time(store: Store) -> None:
    for began, principal, resource in ((1.0, "ann", "x"), (2.0, "bob", "x"), (3.0, "ann", "y")):
        made = mutation(began=began, principal=principal, resource=resource)
        await store.write(partial(open_record, mutation=made))
    assert [r.mutation.began for r in await records(store)] == [1.0, 2.0, 3.0]
    assert [r.mutation.began for r in await records(store, since=2.0, until=3.0)] == [2.0]
    assert [r.mutation.began for r in await records(store, principal="ann")] == [1.0, 3.0]
    assert [r.mutation.began for r in await records(store, resource="x", limit=1)] == [1.0]
    assert await store.write(partial(forget_records, before=2.5)) == 2
    assert [r.mutation.began for r in await records(store)] == [3.0]


def test_a_request_on_record_has_no_secret() -> None:
    config = provider_pb2.ProviderConfig(auth={"secret": "hunter2"}, endpoint="https://here")
    shown = without_secrets(pb.RegisterProviderRequest(provider_id="aws", provider={"config": config}))
    assert shown.provider_id == "aws" and shown.provider.config.endpoint == "https://here"
    assert not shown.provider.config.auth
    options = struct_pb2.Struct()
    options["deep"] = {"kept": "yes"}
    spec = compute_pb2.InstanceSpec(
        image="i", user_data=b"hunter2", tags={"a": "b"}, provider_options=options, data_disks=[{"size_bytes": 1}]
    )
    request = pb.CreateInstanceRequest(parent="providers/aws", spec=spec)
    public = without_secrets(request)
    assert not public.spec.user_data and request.spec.user_data == b"hunter2"
    spec.ClearField("user_data")
    assert public.spec == spec
