"""The journal: what is kept of an operation, who may write it, and who may take it over."""

import asyncio
import time
from functools import partial

import pytest
from novacron_providers.contract.errors import Busy, RequestIdReused
from novacron_server.state import journal
from novacron_server.state.connection import Connection
from novacron_server.state.journal import Claimed, Intent, Outcome, Page, Snapshot
from novacron_server.state.store import Store

LEASE = 60.0
INSTANCE = "providers/aws/instances/us-east-1~i-0abc"


def intent(id_: str, **more: object) -> Intent:
    values: dict[str, object] = {
        "id": id_,
        "provider": "aws",
        "principal": "ann",
        "request_id": f"request of {id_}",
        "method": "ProviderService/StopInstance",
        "digest": b"digest",
        "request": b"request",
        "public": b"public",
        "peer": "ipv4:127.0.0.1:5000",
        "resource": "providers/aws",
        "holds": None,
        "body": f"body of {id_}".encode(),
        "state": 1,
        "created": 1_700_000_000.0,
    }
    return Intent(**{**values, **more})  # type: ignore[arg-type]  # the values above are of the right types


async def begin(store: Store, wanted: Intent, owner: str = "me", lease: float = LEASE) -> bytes | None:
    return await store.write(partial(journal.begin, intent=wanted, owner=owner, lease=lease))


async def save(store: Store, shown: Snapshot, owner: str = "me") -> bool:
    return await store.write(partial(journal.save, owner=owner, shown=shown))


async def keep(store: Store, id_: str, name: str, outcome: Outcome, owner: str = "me") -> Outcome | None:
    return await store.write(partial(journal.keep, owner=owner, id_=id_, name=name, outcome=outcome))


async def count(store: Store, table: str) -> int:
    return await store.read(lambda connection: len(connection.rows(f"select * from {table}")))


def done(id_: str, **more: object) -> Snapshot:
    values: dict[str, object] = {"body": b"the end", "state": 4, "revision": 9, "ended": 1_700_000_100.0}
    return Snapshot(id=id_, **{**values, **more})  # type: ignore[arg-type]  # as above


async def test_the_same_request_finds_the_operation_it_began_and_another_one_an_error(store: Store) -> None:
    assert await begin(store, intent("a")) is None
    assert await begin(store, intent("a", body=b"newer")) == b"body of a"
    with pytest.raises(RequestIdReused):
        await begin(store, intent("a", digest=b"other"))
    await save(store, done("a"))
    assert await begin(store, intent("a")) == b"the end"
    with pytest.raises(RequestIdReused):
        await store.read(partial(journal.clash, intent=intent("a", digest=b"other")))


async def test_a_resource_is_held_until_the_operation_ends(store: Store) -> None:
    assert await begin(store, intent("a", holds=INSTANCE)) is None
    with pytest.raises(Busy) as caught:
        await begin(store, intent("b", holds=INSTANCE))
    assert caught.value.facts == {"operation": "providers/aws/operations/a", "resource": INSTANCE}
    assert await begin(store, intent("c", holds=INSTANCE + "x")) is None
    # The same request is no rival of itself.
    assert await begin(store, intent("a", holds=INSTANCE)) == b"body of a"
    await save(store, done("a"))
    assert await begin(store, intent("b", holds=INSTANCE)) is None


async def test_only_the_owner_writes(store: Store) -> None:
    await begin(store, intent("a"), owner="me")
    assert not await save(store, done("a"), owner="zombie")
    assert await keep(store, "a", "launch", Outcome(False, b"i-1"), owner="zombie") is None
    assert await count(store, "operation_step") == 0
    assert await keep(store, "a", "launch", Outcome(False, b"i-1")) == Outcome(False, b"i-1")
    assert await save(store, done("a"))
    # Nobody owns what is done.
    assert not await save(store, done("a"))
    assert await keep(store, "a", "late", Outcome(False, b"i-1")) is None


async def test_of_two_outcomes_of_a_step_the_first_one_counts(store: Store) -> None:
    await begin(store, intent("a"))
    assert await keep(store, "a", "launch", Outcome(True, b"status")) == Outcome(True, b"status")
    assert await keep(store, "a", "launch", Outcome(False, b"i-2")) == Outcome(True, b"status")


async def test_a_recovery_finds_all_that_it_needs(store: Store) -> None:
    await begin(store, intent("b", created=2.0))
    await begin(store, intent("a", created=1.0))
    await keep(store, "a", "launch", Outcome(False, b"i-1"))
    await keep(store, "a", "attach", Outcome(True, b"status"))
    await store.write(partial(journal.ask_cancel, id_="a"))
    found = await store.read(partial(journal.load, owner="me", ids=["b", "a", "unknown"]))
    assert found == [
        Claimed(
            id="a",
            method="ProviderService/StopInstance",
            request=b"request",
            body=b"body of a",
            cancel=True,
            outcomes={"launch": Outcome(False, b"i-1"), "attach": Outcome(True, b"status")},
        ),
        Claimed(id="b", method="ProviderService/StopInstance", request=b"request", body=b"body of b"),
    ]


async def test_what_is_done_or_anothers_is_not_run(store: Store) -> None:
    for id_ in ("mine", "done"):
        await begin(store, intent(id_))
    await begin(store, intent("another's"), owner="other")
    await save(store, done("done"))
    found = await store.read(partial(journal.load, owner="me", ids=["mine", "done", "another's"]))
    assert [claimed.id for claimed in found] == ["mine"]


async def test_the_end_takes_along_what_only_a_recovery_needs(store: Store) -> None:
    await begin(store, intent("a", request=b"user_data with a password"))
    await keep(store, "a", "launch", Outcome(False, b"i-1"))
    await save(store, done("a"))
    row = await store.read(lambda connection: connection.row("select * from operation")._asdict())
    assert row["request"] == b"" and row["holds"] is None and row["lease"] is None and row["owner"] == ""
    assert row["done"] and row["ended"] == 1_700_000_100.0 and row["body"] == b"the end"
    assert await count(store, "operation_step") == 0


async def test_others_take_over_when_the_lease_has_ended_and_not_before(store: Store) -> None:
    await begin(store, intent("a"), owner="dead", lease=-1.0)
    await begin(store, intent("b"), owner="alive", lease=LEASE)
    await begin(store, intent("c"), owner="dead", lease=-1.0)
    await save(store, done("c"), owner="dead")
    adopt = partial(journal.adopt, owner="me", lease=LEASE)
    assert await store.write(adopt) == ["a"]
    assert await store.write(adopt) == []
    assert await store.write(partial(journal.adopt, owner="rival", lease=LEASE)) == []
    assert await store.write(partial(journal.renew, owner="me", lease=LEASE)) == {"a": False}
    assert await store.write(partial(journal.renew, owner="dead", lease=LEASE)) == {}
    # The only process of a database asks for no lease.
    assert sorted(await store.write(partial(journal.adopt, owner="alone", lease=LEASE, everything=True))) == ["a", "b"]


async def test_an_owner_that_stops_leaves_at_once(store: Store) -> None:
    await begin(store, intent("a"), owner="leaving")
    await store.write(partial(journal.release, owner="leaving"))
    assert await store.write(partial(journal.adopt, owner="me", lease=LEASE)) == ["a"]


async def test_a_renewal_tells_what_was_asked_to_stop(store: Store) -> None:
    await begin(store, intent("a"))
    await begin(store, intent("b"))
    await store.write(partial(journal.ask_cancel, id_="b"))
    assert await store.write(partial(journal.renew, owner="me", lease=LEASE)) == {"a": False, "b": True}


async def test_two_replicas_that_take_over_at_once_take_each_operation_once(postgresql: str) -> None:
    one, other = await Store.open(postgresql), await Store.open(postgresql)
    await begin(one, intent("a"), owner="dead", lease=-1.0)

    def adopt_slowly(connection: Connection) -> list[str]:
        taken = journal.adopt(connection, "one", LEASE)
        time.sleep(0.5)
        return taken

    first = asyncio.ensure_future(one.write(adopt_slowly))
    await asyncio.sleep(0.2)
    assert await other.write(partial(journal.adopt, owner="other", lease=LEASE)) == []
    assert await first == ["a"]
    await one.close()
    await other.close()


async def test_a_take_over_and_the_old_owners_write_exclude_each_other(postgresql: str) -> None:
    """The fence holds to the end of the transaction, not only at its begin."""
    one, other = await Store.open(postgresql), await Store.open(postgresql)
    await begin(one, intent("a"), owner="old")

    def keep_slowly(connection: Connection) -> Outcome | None:
        kept = journal.keep(connection, "old", "a", "launch", Outcome(False, b"i-1"))
        time.sleep(0.4)
        return kept

    def take(connection: Connection) -> dict[str, Outcome]:
        assert journal.adopt(connection, "new", LEASE, everything=True) == ["a"]
        (claimed,) = journal.load(connection, "new", ["a"])
        return claimed.outcomes

    writing = asyncio.ensure_future(one.write(keep_slowly))
    await asyncio.sleep(0.15)
    # It comes after the owner's write, and sees it.
    assert await other.write(take) == {"launch": Outcome(False, b"i-1")}
    assert await writing == Outcome(False, b"i-1")
    assert await keep(one, "a", "next", Outcome(False, b""), owner="old") is None
    await one.close()
    await other.close()


async def test_a_write_waits_for_a_take_over_and_is_refused_then(postgresql: str) -> None:
    one, other = await Store.open(postgresql), await Store.open(postgresql)
    await begin(one, intent("a"), owner="old")

    def take_slowly(connection: Connection) -> list[str]:
        taken = journal.adopt(connection, "new", LEASE, everything=True)
        time.sleep(0.3)
        return taken

    taking = asyncio.ensure_future(other.write(take_slowly))
    await asyncio.sleep(0.15)
    assert await keep(one, "a", "launch", Outcome(False, b"i-1"), owner="old") is None
    assert await taking == ["a"]
    assert await count(one, "operation_step") == 0
    await one.close()
    await other.close()


async def test_two_replicas_that_get_the_same_request_begin_one_operation(postgresql: str) -> None:
    stores = [await Store.open(postgresql) for _ in range(3)]
    asked = [begin(stores[number % 3], intent("a", holds=INSTANCE), owner=str(number)) for number in range(9)]
    bodies = await asyncio.gather(*asked)
    assert bodies.count(None) == 1 and bodies.count(b"body of a") == 8
    rivals = [begin(stores[n % 3], intent(f"b{n}", holds=INSTANCE + "b"), owner=str(n)) for n in range(9)]
    results = await asyncio.gather(*rivals, return_exceptions=True)
    assert results.count(None) == 1 and sum(isinstance(result, Busy) for result in results) == 8
    for store in stores:
        await store.close()


async def test_lines_are_kept_once_if_they_have_a_key(store: Store) -> None:
    await begin(store, intent("a"))
    first = Snapshot(id="a", body=b"1", state=2, revision=2, lines=[("0/1", b"one"), (None, b"two")])
    assert await save(store, first)
    again = Snapshot(id="a", body=b"2", state=2, revision=3, lines=[("0/1", b"one again"), (None, b"two")])
    assert await save(store, again)
    read = partial(journal.lines, id_="a", position=0, limit=10)
    found = await store.read(partial(read, after=0, until=9))
    assert [entry for _, entry in found] == [b"one", b"two", b"two"]
    assert [entry for _, entry in await store.read(partial(read, after=2, until=3))] == [b"two"]
    assert await store.read(partial(read, after=3, until=9)) == []
    rest = await store.read(partial(read, after=0, until=9, position=found[0][0], limit=1))
    assert rest == [found[1]]


async def test_pages_go_from_the_newest_on_and_meet_every_condition(store: Store) -> None:
    for number in range(7):
        more = {"created": float(number // 2), "provider": "gcp" if number == 3 else "aws"}
        await begin(store, intent(f"id{number}", **more))
    await save(store, done("id4", targets=[INSTANCE]))
    await save(store, Snapshot(id="id5", body=b"body of id5", state=2, revision=2, targets=[INSTANCE, "another"]))

    async def ids(*conditions: tuple[str, bool, str | int], provider: str = "", size: int = 99) -> list[str]:
        page = Page(provider=provider, conditions=conditions, after=None, size=size)
        return [listed.id for listed in await store.read(partial(journal.page, asked=page))]

    everything = ["id6", "id5", "id4", "id3", "id2", "id1", "id0"]
    assert await ids() == everything
    assert await ids(provider="gcp") == ["id3"]
    assert await ids(("done", True, True)) == ["id4"]
    assert "id4" not in await ids(("done", False, True))
    assert await ids(("state", True, 2)) == ["id5"]
    assert await ids(("target", True, INSTANCE)) == ["id5", "id4"]
    assert await ids(("target", True, INSTANCE), ("done", True, False)) == ["id5"]
    assert await ids(("principal", False, "ann")) == []
    walked: list[str] = []
    after: tuple[float, str] | None = None
    while found := await store.read(partial(journal.page, asked=Page("", [], after, 2))):
        walked += [listed.id for listed in found]
        after = (found[-1].created, found[-1].id)
    assert walked == everything


async def test_what_runs_is_counted_for_its_provider(store: Store) -> None:
    for id_, provider in (("a", "aws"), ("b", "aws"), ("c", "gcp")):
        await begin(store, intent(id_, provider=provider))
    assert await store.read(partial(journal.count_active, provider="aws")) == 2
    await save(store, done("a"))
    assert await store.read(partial(journal.count_active, provider="aws")) == 1
    assert await store.read(partial(journal.count_active, provider="azure")) == 0


async def test_old_ends_are_forgotten_with_all_that_belongs_to_them(store: Store) -> None:
    for id_ in ("old", "young", "running"):
        await begin(store, intent(id_))
    await save(store, done("old", targets=[INSTANCE], lines=[("k", b"line")], ended=100.0))
    await save(store, done("young", ended=200.0))
    assert await store.write(partial(journal.forget, before=150.0)) == 1
    assert await store.read(partial(journal.body_of, provider="aws", id_="old")) is None
    assert await store.read(partial(journal.body_of, provider="aws", id_="young")) == b"the end"
    assert await store.read(partial(journal.body_of, provider="gcp", id_="young")) is None
    assert await store.read(partial(journal.body_of, provider="aws", id_="running")) == b"body of running"
    assert await count(store, "operation_target") == 0 and await count(store, "operation_line") == 0


async def test_the_databases_clock_is_the_time(store: Store) -> None:
    told: float = await store.read(lambda connection: connection.row("select now() as told").told)
    assert abs(told - time.time()) < 5
