"""Leases and the database's failures, with two replicas in one process and a database that a test locks."""

import asyncio
import pathlib
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import psycopg
import pytest
import structlog
from novacron.cloud.v1 import compute_pb2, operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import Unavailable
from novacron_server.operations.watch import LOOK
from novacron_server.state import journal
from novacron_server.state.errors import StoreUnavailable
from novacron_server.state.store import Store
from sqlalchemy import make_url

from tests.unit.operations.bed import ANN, CANCELLED, LEASE, SUCCEEDED, Bed, Replica, bed_on, is_at, reached, two


class Slow:
    """A method whose one step is let through by a test."""

    def __init__(self) -> None:
        self.sent = 0
        self.gate = asyncio.Event()

    async def __call__(self, request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", self.send)
        await op.step("tag", self.tag)
        return compute_pb2.Instance()

    async def send(self, token: str) -> str:
        self.sent += 1
        await self.gate.wait()
        return "i-1"

    async def tag(self, token: str) -> str:
        return ""


async def test_what_one_replica_runs_the_other_one_shows_and_does_not_run(store: Store) -> None:
    method = Slow()
    async with two(store) as (a, b):
        a.methods["create_instance"] = b.methods["create_instance"] = method
        name = (await a.create()).name
        await a.seen(name, is_at("launch"))
        assert (await b.get(name)).name == name
        waiting = asyncio.create_task(b.end(name))
        # Longer than a lease: it is renewed.
        await asyncio.sleep(LEASE * 1.5)
        assert method.sent == 1
        method.gate.set()
        assert (await waiting).state == SUCCEEDED
        # Each is told of the end once, though one of them has only heard of it.
        await reached(lambda: len(b.ended) == 1)
        await asyncio.sleep(2 * LOOK)
        assert (len(a.ended), len(b.ended), method.sent) == (1, 1, 1)


async def test_a_cancel_reaches_the_replica_that_runs_it(store: Store) -> None:
    async with two(store) as (a, b):

        async def method(request: Any, op: Op) -> compute_pb2.Instance:
            await op.until("running", probe)
            return compute_pb2.Instance()

        async def probe() -> float:
            return 0.0

        a.methods["create_instance"] = method
        name = (await a.create()).name
        await a.seen(name, is_at("running"))
        await b.cancel(name)
        assert (await b.end(name)).state == CANCELLED


async def test_a_replica_that_stops_hands_over_at_once(store: Store) -> None:
    method = Slow()
    async with two(store) as (a, b):
        a.methods["create_instance"] = b.methods["create_instance"] = method
        name = (await a.create()).name
        await a.seen(name, is_at("launch"))
        await a.operations.close()
        await reached(lambda: method.sent == 2)
        method.gate.set()
        assert (await b.end(name)).state == SUCCEEDED
        assert [operation.name for operation in b.ended] == [name]


async def test_a_run_whose_operation_another_one_owns_is_ended(store: Store) -> None:
    polls = 0
    left = asyncio.Event()

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        try:
            await op.until("running", probe)
        finally:
            left.set()
        return compute_pb2.Instance()

    async def probe() -> float:
        nonlocal polls
        polls += 1
        return 0.0

    replica = Replica(store, "a")
    await replica.launch()
    replica.methods["create_instance"] = method
    name = (await replica.create()).name
    await replica.seen(name, is_at("running"))
    watching = asyncio.create_task(replica.end(name))
    await store.write(partial(journal.adopt, owner="thief", lease=60.0, everything=True))
    async with asyncio.timeout(10):
        await left.wait()
    before = polls
    await replica.clock.advance(20)
    assert polls == before
    # Who waits here hears of the end all the same, wherever it comes.
    thief = Bed(store)
    assert await thief.launch() == 1
    await thief.end(name)
    assert (await watching).state == SUCCEEDED
    await thief.operations.close()
    await replica.operations.close()


async def test_connections_that_are_cut_lose_nothing(postgresql: str) -> None:
    count, cuts = 30, 5
    sent: list[str] = []

    async def send(token: str) -> str:
        sent.append(token)
        await asyncio.sleep(0.05)
        return ""

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        for number in range(5):
            await op.step(f"step-{number}", send)
        return compute_pb2.Instance()

    def cut() -> None:
        with psycopg.connect(make_url(postgresql).set(drivername="postgresql").render_as_string(False)) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

    store = await Store.open(postgresql)
    async with bed_on(store) as bed:
        bed.methods["create_instance"] = method
        started = await asyncio.gather(*(bed.create(f"web{number}") for number in range(count)))
        for _ in range(cuts):
            await asyncio.to_thread(cut)
            await asyncio.sleep(0.05)
        ends = await asyncio.gather(*(ended(bed, operation.name) for operation in started))
        assert all(operation.state == SUCCEEDED for operation in ends)
        # No step was sent again: its outcome was in the process, and was written as soon as that could be done.
        assert len(sent) == len(set(sent)) == 5 * count
    await store.close()


async def ended(bed: Bed, name: str) -> operations_pb2.Operation:
    """The end of an operation, asked for again when the database fails meanwhile."""
    while True:
        try:
            return await bed.end(name)
        except StoreUnavailable:
            await asyncio.sleep(0.05)


async def test_a_lone_process_goes_on_with_everything_at_once(store: Store) -> None:
    method = Slow()
    replica = Replica(store, "a")
    replica.lease = 1000.0
    replica.operations = replica._made()
    await replica.launch()
    replica.methods["create_instance"] = method
    name = (await replica.create()).name
    await replica.seen(name, is_at("launch"))
    # As if it had died: its lease goes on for long.
    alone = Bed(store)
    alone.methods["create_instance"] = method
    assert await alone.launch() == 1
    await reached(lambda: method.sent == 2)
    method.gate.set()
    assert (await alone.end(name)).state == SUCCEEDED
    # The other one finds out when it writes.
    assert (await replica.seen(name, lambda operation: operation.done)).state == SUCCEEDED
    assert len(alone.ended) == 1 and not replica.ended
    await replica.operations.close()
    await alone.operations.close()


@pytest.fixture
async def lockable(tmp_path: pathlib.Path) -> AsyncIterator[tuple[Store, sqlite3.Connection]]:
    """A store that gives up soon, and a connection that can lock it."""
    path = tmp_path / "state.db"
    store = await Store.open(f"sqlite:///{path}?timeout=0.02")
    other = sqlite3.connect(path, isolation_level=None)
    yield store, other
    other.close()
    await store.close()


async def test_an_outcome_is_kept_however_long_the_database_fails(
    lockable: tuple[Store, sqlite3.Connection],
) -> None:
    store, other = lockable
    method = Slow()
    async with bed_on(store) as bed:
        bed.methods["create_instance"] = method
        name = (await bed.create()).name
        await bed.seen(name, is_at("launch"))
        other.execute("begin immediate")
        with structlog.testing.capture_logs() as logged:
            method.gate.set()
            await asyncio.sleep(0.5)
        assert any(line["event"] == "waiting for the database" for line in logged)
        assert not (await bed.get(name)).done
        other.execute("rollback")
        assert (await bed.end(name)).state == SUCCEEDED
        assert method.sent == 1


async def test_nothing_is_sent_while_the_lease_cannot_be_renewed(
    lockable: tuple[Store, sqlite3.Connection],
) -> None:
    store, other = lockable
    sent: list[str] = []
    locked = asyncio.Event()

    async def launch(token: str) -> str:
        sent.append(token)
        if len(sent) == 1:
            await locked.wait()
            raise Unavailable("no answer", sent=True)
        return ""

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", launch)
        return compute_pb2.Instance()

    replica = Replica(store, "a")
    await replica.launch()
    replica.methods["create_instance"] = method
    name = (await replica.create()).name
    await replica.seen(name, is_at("launch"))
    other.execute("begin immediate")
    await asyncio.sleep(LEASE * 1.3)
    # Asking again would come now, after the end of the lease.
    locked.set()
    await reached(lambda: True)
    await replica.clock.advance(5)
    await asyncio.sleep(0.3)
    assert len(sent) == 1
    other.execute("rollback")
    assert (await replica.end(name)).state == SUCCEEDED and len(sent) == 2
    await replica.operations.close()


async def test_a_start_that_the_database_refuses_is_an_error_and_can_be_repeated(
    lockable: tuple[Store, sqlite3.Connection],
) -> None:
    store, other = lockable
    async with bed_on(store) as bed:
        other.execute("begin immediate")
        with pytest.raises(Exception, match="database"):
            await bed.create()
        other.execute("rollback")
        await bed.end((await bed.create()).name)


async def test_closing_takes_no_longer_than_the_slowest_may(store: Store) -> None:
    async def stubborn(request: Any, op: Op) -> compute_pb2.Instance:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)
        return compute_pb2.Instance()

    async with bed_on(store) as bed:
        bed.methods["create_instance"] = stubborn
        started = [await bed.create() for _ in range(20)]
        await bed.seen(started[-1].name, lambda operation: operation.revision > 1)
        async with asyncio.timeout(3):
            await bed.operations.close()
            await bed.operations.close()
        answer = await bed.operations.list_operations(
            pb.ListOperationsRequest(parent="providers/-", filter='done = "false"'), ANN
        )
        assert len(answer.operations) == 20
        # They go on by themselves.
        bed.methods["create_instance"] = finishes
        assert await bed.restart() == 20
        await asyncio.gather(*(bed.end(operation.name) for operation in started))


async def finishes(request: Any, op: Op) -> compute_pb2.Instance:
    return compute_pb2.Instance()


async def test_a_hundred_operations_of_five_steps(store: Store) -> None:
    sent: list[str] = []

    async def send(token: str) -> str:
        sent.append(token)
        return ""

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({f"step-{number}": "Step" for number in range(5)})
        for number in range(5):
            await op.step(f"step-{number}", send)
        return compute_pb2.Instance()

    async with bed_on(store) as bed:
        bed.methods["create_instance"] = method
        started = await asyncio.gather(*(bed.create(f"web{number}") for number in range(100)))
        ends = await asyncio.gather(*(bed.end(operation.name) for operation in started))
        assert all(operation.state == SUCCEEDED and len(operation.steps) == 5 for operation in ends)
        assert len(sent) == len(set(sent)) == 500
