"""Get, list and wait."""

import asyncio
import time

import pytest
from google.protobuf.duration_pb2 import Duration
from novacron.cloud.v1 import common_pb2, compute_pb2, operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.errors import InvalidArgument, NotFound, PageTokenInvalid, QuotaExceeded

from tests.unit.operations.bed import ANN, CREATE, FAILED, INSTANCE, INSTANCE_REF, RUNNING, STOP, Bed, create, stop


async def forever(request: object, op: Op) -> compute_pb2.Instance:
    op.target(INSTANCE_REF)
    await asyncio.Event().wait()
    return compute_pb2.Instance()


async def fails(request: object, op: Op) -> compute_pb2.Instance:
    op.target(INSTANCE_REF)
    op.target(common_pb2.ResourceRef(name=INSTANCE + "-disk"))
    raise QuotaExceeded("too many")


async def names(bed: Bed, condition: str = "", parent: str = "providers/toy") -> list[str]:
    request = pb.ListOperationsRequest(parent=parent, filter=condition)
    return [o.name for o in (await bed.operations.list_operations(request, ANN)).operations]


async def test_what_is_not_known_is_not_found(bed: Bed) -> None:
    with pytest.raises(NotFound) as caught:
        await bed.get("providers/toy/operations/1")
    assert "30 days" in caught.value.message and caught.value.resource == "providers/toy/operations/1"


async def test_a_list_is_filtered_in_the_database(bed: Bed) -> None:
    done = (await bed.create()).name
    await bed.end(done)
    await bed.clock.advance(1)
    bed.methods |= {"create_instance": fails, "stop_instance": forever}
    failed = (await bed.create()).name
    await bed.end(failed)
    await bed.clock.advance(1)
    started = await bed.operations.start(STOP, stop(), Call(principal="bob"))
    running = started.name
    await bed.seen(running, lambda operation: bool(operation.targets))
    assert await names(bed) == [running, failed, done]
    for condition, wanted in (
        ('state = "RUNNING"', [running]),
        ('state != "RUNNING"', [failed, done]),
        ('done = "true"', [failed, done]),
        ('done = "false"', [running]),
        ('method = "ProviderService/StopInstance"', [running]),
        ('actor = "bob"', [running]),
        ('actor != "bob" AND state = "FAILED"', [failed]),
        (f'request_id = "{started.request_id}"', [running]),
        (f'targets.name:"{INSTANCE}"', [running, failed]),
        (f'targets.name:"{INSTANCE}-disk"', [failed]),
        (f'targets.name:"{INSTANCE}" AND done = "true"', [failed]),
        ('targets.name:"providers/toy/instances/another"', []),
    ):
        assert await names(bed, condition) == wanted, condition
    (listed,) = (
        await bed.operations.list_operations(
            pb.ListOperationsRequest(parent="providers/toy", filter='state = "FAILED"'), ANN
        )
    ).operations
    assert listed == await bed.get(failed) and listed.state == FAILED
    (shown,) = (
        await bed.operations.list_operations(
            pb.ListOperationsRequest(parent="providers/toy", filter='done = "false"'), ANN
        )
    ).operations
    assert shown.state == RUNNING and shown.targets[0] == INSTANCE_REF


@pytest.mark.parametrize(
    "condition",
    [
        'state = "NONSENSE"',
        'color = "red"',
        "state = RUNNING",
        'revision = "3"',
        f'targets.name = "{INSTANCE}"',
        'error = "x"',
    ],
)
async def test_a_filter_that_is_not_understood_is_refused(bed: Bed, condition: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await names(bed, condition)
    assert caught.value.violations[0].field == "filter"


async def test_a_list_is_of_one_provider_or_of_all(bed: Bed) -> None:
    first = (await bed.create()).name
    request = create()
    request.parent = "providers/other"
    second = (await bed.operations.start(CREATE, request, ANN)).name
    assert await names(bed) == [first]
    assert await names(bed, parent="providers/other") == [second]
    assert await names(bed, parent="providers/none") == []
    assert set(await names(bed, parent="providers/-")) == {first, second}


async def test_pages_are_whole_and_newest_first_also_among_equals(bed: Bed) -> None:
    made = []
    for number in range(11):
        made.append((await bed.create()).name)
        if number % 3 == 0:
            await bed.clock.advance(1)
    walked: list[operations_pb2.Operation] = []
    request = pb.ListOperationsRequest(parent="providers/-", page_size=4)
    sizes = []
    while True:
        page = await bed.operations.list_operations(request, ANN)
        walked.extend(page.operations)
        sizes.append(len(page.operations))
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
        # One that comes meanwhile belongs to a page that was read.
        await bed.clock.advance(1)
        await bed.create()
    assert sizes == [4, 4, 3]
    assert sorted(o.name for o in walked) == sorted(made)
    times = [o.create_time.ToNanoseconds() for o in walked]
    assert times == sorted(times, reverse=True)


async def test_a_page_token_belongs_to_its_query(bed: Bed) -> None:
    for _ in range(3):
        await bed.create()
    request = pb.ListOperationsRequest(parent="providers/toy", page_size=1)
    token = (await bed.operations.list_operations(request, ANN)).next_page_token
    for other in (
        pb.ListOperationsRequest(parent="providers/-", page_size=1, page_token=token),
        pb.ListOperationsRequest(parent="providers/toy", filter='done = "true"', page_token=token),
        pb.ListOperationsRequest(parent="providers/toy", page_token="nonsense"),
    ):
        with pytest.raises(PageTokenInvalid):
            await bed.operations.list_operations(other, ANN)
    more = pb.ListOperationsRequest(parent="providers/toy", page_size=9, page_token=token)
    assert len((await bed.operations.list_operations(more, ANN)).operations) == 2


async def test_a_wait_answers_at_its_timeout(bed: Bed) -> None:
    bed.methods["create_instance"] = forever
    name = (await bed.create()).name
    await bed.seen(name, lambda operation: bool(operation.targets))

    async def wait(timeout: Duration | None, seconds: float) -> None:
        request = pb.WaitOperationRequest(name=name, timeout=timeout)
        waiting = asyncio.create_task(bed.operations.wait_operation(request, ANN))
        await asyncio.sleep(0.05)
        await bed.clock.advance(seconds - 1)
        assert not waiting.done()
        await bed.clock.advance(1)
        assert not (await waiting).operation.done

    await wait(Duration(seconds=5), 5)
    await wait(None, 30)
    await wait(Duration(seconds=10_000), 600)
    at_once = pb.WaitOperationRequest(name=name, timeout=Duration())
    assert not (await bed.operations.wait_operation(at_once, ANN)).operation.done


async def test_a_wait_never_passes_the_deadline_of_the_call(bed: Bed) -> None:
    bed.methods["create_instance"] = forever
    name = (await bed.create()).name
    for left in (0.5, 0.1):
        begin = time.monotonic()
        call = Call(principal="ann", deadline=begin + left)
        answer = await bed.operations.wait_operation(pb.WaitOperationRequest(name=name), call)
        assert not answer.operation.done and time.monotonic() < begin + left


async def test_a_wait_answers_at_once_when_the_server_stops(bed: Bed) -> None:
    bed.methods["create_instance"] = forever
    name = (await bed.create()).name
    waiting = asyncio.create_task(bed.operations.wait_operation(pb.WaitOperationRequest(name=name), ANN))
    await asyncio.sleep(0.05)
    await bed.operations.close()
    assert not (await waiting).operation.done


async def test_what_ended_a_month_ago_is_forgotten_and_what_runs_is_not(bed: Bed) -> None:
    old = (await bed.create()).name
    await bed.end(old)
    bed.methods["stop_instance"] = forever
    running = (await bed.operations.start(STOP, stop(), ANN)).name
    await bed.clock.advance(20 * 24 * 3600)
    bed.methods["create_instance"] = fails
    young = (await bed.create()).name
    await bed.end(young)
    await bed.clock.advance(11 * 24 * 3600)
    await bed.restart()
    assert await names(bed) == [young, running]
    with pytest.raises(NotFound):
        await bed.get(old)


async def test_a_subscriber_that_fails_keeps_nothing_from_the_others(bed: Bed) -> None:
    def broken(operation: operations_pb2.Operation) -> None:
        raise ValueError("on purpose")

    heard: list[str] = []
    bed.operations.subscribe(broken)
    bed.operations.subscribe(lambda operation: heard.append(operation.name))
    name = (await bed.create()).name
    await bed.end(name)
    assert heard == [name]
