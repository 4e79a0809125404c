"""The store: one thread, one transaction for all that waits, errors that say what to do."""

import asyncio
import os
import pathlib
import sqlite3
import stat
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from novacron_providers.contract.errors import InvalidArgument, Unavailable
from novacron_server.state.connection import Connection
from novacron_server.state.dialect import Sqlite
from novacron_server.state.errors import Conflict, Outage, SqlError, StoreError, StoreUnavailable
from novacron_server.state.store import Store
from novacron_server.state.tables import metadata


def _put(request_id: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.change(
            """
            insert into answer (principal, request_id, digest, answer, created)
            values ('p', :request_id, :bytes, :bytes, 0)
            """,
            request_id=request_id,
            bytes=b"d",
        )
        return request_id

    return work


def _there(connection: Connection) -> list[str]:
    return sorted(row.request_id for row in connection.rows("select request_id from answer"))


@pytest.fixture
def before_commit(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[Connection], Any]]:
    """What is to happen at each COMMIT, before it is sent."""
    hooks: list[Callable[[Connection], Any]] = []
    commit = Connection.commit

    def committing(connection: Connection) -> None:
        for hook in hooks:
            hook(connection)
        commit(connection)

    monkeypatch.setattr(Connection, "commit", committing)
    return hooks


async def test_what_was_written_is_there_after_the_store_was_opened_anew(database: str) -> None:
    store = await Store.open(database)
    assert await store.write(_put("one")) == "one"
    await store.close()
    again = await Store.open(database)
    assert await again.read(_there) == ["one"]
    assert again.epoch == store.epoch
    await again.close()


async def test_two_databases_have_two_epochs(database: str, tmp_path: pathlib.Path) -> None:
    one, other = await Store.open(database), await Store.open(f"sqlite:///{tmp_path / 'other.db'}")
    assert one.epoch != other.epoch
    await one.close()
    await other.close()


async def test_work_that_fails_undoes_itself_and_nothing_beside_it(store: Store) -> None:
    def fails(connection: Connection) -> None:
        _put("half")(connection)
        raise ValueError("on purpose")

    results = await asyncio.gather(
        store.write(_put("a")),
        store.write(fails),
        store.write(_put("b")),
        store.write(_put("a")),
        return_exceptions=True,
    )
    assert [result for result in results if isinstance(result, str)] == ["a", "b"]
    assert isinstance(results[1], ValueError)
    assert isinstance(results[3], Conflict)
    assert await store.read(_there) == ["a", "b"]


async def test_what_waits_is_committed_together(store: Store, before_commit: list[Callable[[Connection], Any]]) -> None:
    commits: list[Connection] = []
    before_commit.append(commits.append)
    await asyncio.gather(*(store.write(_put(str(number))) for number in range(300)))
    before_commit.clear()
    assert len(await store.read(_there)) == 300
    assert len(commits) < 60


async def test_a_commit_that_fails_is_told_to_all_and_the_store_lives_on(
    store: Store, before_commit: list[Callable[[Connection], Any]]
) -> None:
    def full(connection: Connection) -> None:
        raise Outage("database or disk is full")

    before_commit.append(full)
    results = await asyncio.gather(*(store.write(_put(str(n))) for n in range(5)), return_exceptions=True)
    before_commit.clear()
    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert await store.read(_there) == []
    assert await store.write(_put("after")) == "after"


def _idle(connection: Connection) -> None:
    """Do nothing for longer than the database lets a transaction."""
    connection.change("set idle_in_transaction_session_timeout = '50ms'")
    time.sleep(0.3)


async def test_work_whose_connection_was_cut_is_done_once_more(postgresql: str) -> None:
    store = await Store.open(postgresql)
    tries = 0

    def work(connection: Connection) -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            _idle(connection)
        return _put("cut")(connection)

    # The first keeps the thread busy until all others wait.
    results = await asyncio.gather(
        store.read(lambda _: time.sleep(0.1)), store.write(_put("a")), store.write(work), store.write(_put("b"))
    )
    assert list(results[1:]) == ["a", "cut", "b"] and tries == 2
    assert await store.read(_there) == ["a", "b", "cut"]
    await store.close()


async def test_a_transaction_that_was_cut_before_its_commit_is_done_once_more(
    postgresql: str, before_commit: list[Callable[[Connection], Any]]
) -> None:
    store = await Store.open(postgresql)
    commits = 0

    def cut(connection: Connection) -> None:
        nonlocal commits
        commits += 1
        if commits == 1:
            _idle(connection)

    before_commit.append(cut)
    assert await store.write(_put("a")) == "a"
    before_commit.clear()
    assert commits == 2 and await store.read(_there) == ["a"]
    await store.close()


async def test_work_that_is_cut_again_and_again_is_given_up_with_all_beside_it(postgresql: str) -> None:
    store = await Store.open(postgresql)

    def work(connection: Connection) -> str:
        _idle(connection)
        return _put("cut")(connection)

    results = await asyncio.gather(
        store.read(lambda _: time.sleep(0.1)),
        store.write(_put("a")),
        store.write(work),
        store.write(_put("b")),
        return_exceptions=True,
    )
    assert [type(result) for result in results[1:]] == [StoreUnavailable] * 3
    assert await store.read(_there) == []
    assert await store.write(_put("after")) == "after"
    await store.close()


async def test_a_lock_that_another_program_holds_is_unavailable_and_passes(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "state.db"
    store = await Store.open(f"sqlite:///{path}?timeout=0.05")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    results = await asyncio.gather(*(store.write(_put(str(n))) for n in range(3)), return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results)
    error = results[0]
    assert isinstance(error, Unavailable) and error.retry_after and "locked" in error.message
    # Reading goes on meanwhile.
    assert await store.read(_there) == []
    other.execute("rollback")
    other.close()
    assert await store.write(_put("after")) == "after"
    await store.close()


async def test_a_connection_that_is_cut_is_unavailable_and_made_anew(postgresql: str) -> None:
    store = await Store.open(postgresql)

    def cut(connection: Connection) -> None:
        connection.rows("select pg_terminate_backend(pg_backend_pid())")

    results = await asyncio.gather(
        store.write(_put("a")), store.write(cut), store.write(_put("b")), return_exceptions=True
    )
    assert any(isinstance(result, StoreUnavailable) for result in results)
    assert await store.write(_put("after")) == "after"
    kept = await store.read(_there)
    # Whatever was answered without an error is there.
    assert set(kept) >= {result for result in results if isinstance(result, str)}
    await store.close()


async def test_a_connection_that_is_cut_while_nobody_uses_it_is_made_anew_unnoticed(postgresql: str) -> None:
    store, other = await Store.open(postgresql), await Store.open(postgresql)
    for number in range(3):
        await other.read(
            lambda connection: connection.rows(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                """
            )
        )
        assert await store.write(_put(str(number))) == str(number)
    assert await store.read(_there) == ["0", "1", "2"]
    await store.close()
    await other.close()


async def test_a_disk_that_is_full_is_told_to_all_whose_work_it_undid(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many pages as the tables take, and a few more.
    monkeypatch.setattr(Sqlite, "settings", (*Sqlite.settings, "pragma max_page_count = 50"))
    store = await Store.open(f"sqlite:///{tmp_path / 'state.db'}")

    def much(connection: Connection) -> None:
        for number in range(100):
            _put(f"{number}" * 1000)(connection)

    results = await asyncio.gather(
        store.read(lambda _: time.sleep(0.1)),
        store.write(_put("a")),
        store.write(much),
        store.write(_put("b")),
        return_exceptions=True,
    )
    assert all(isinstance(result, StoreUnavailable) and "full" in result.message for result in results[1:])
    assert await store.read(_there) == []
    assert await store.write(_put("after")) == "after"
    await store.close()


async def test_a_replica_that_freezes_in_a_transaction_lets_go_before_others_give_up(postgresql: str) -> None:
    store = await Store.open(postgresql)
    limits = await store.read(
        lambda connection: [
            connection.row(f"show {name}")[0]
            for name in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")
        ]
    )
    assert limits == ["2s", "3s", "30s"]
    await store.close()


async def test_a_text_that_cannot_be_stored_is_the_callers_error(postgresql: str) -> None:
    store = await Store.open(postgresql)
    with pytest.raises(InvalidArgument, match="NUL"):
        await store.write(_put("a\0b"))
    await store.close()


async def test_nothing_that_was_stored_shows_in_an_error(store: Store) -> None:
    secret = "hunter2"
    await store.write(_put(secret))
    with pytest.raises(Conflict) as caught:
        await store.write(_put(secret))
    # Nor in what a log would have of it.
    assert secret not in "".join(traceback.format_exception(caught.value))


async def test_a_value_that_is_the_fault_does_not_show_in_the_error(postgresql: str) -> None:
    store = await Store.open(postgresql)
    secret = "hunter2"
    with pytest.raises(SqlError) as caught:
        await store.read(lambda connection: connection.rows("select cast(:value as integer)", value=secret))
    assert secret not in "".join(traceback.format_exception(caught.value))
    await store.close()


async def test_work_for_a_caller_that_left_is_done_all_the_same(store: Store) -> None:
    task = asyncio.create_task(store.write(_put("left")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.read(_there) == ["left"]


async def test_closing_finishes_what_waits_and_refuses_what_comes_later(database: str) -> None:
    store = await Store.open(database)
    waiting = [asyncio.create_task(store.write(_put(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    assert await asyncio.gather(*waiting) == [str(number) for number in range(20)]
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.write(_put("late"))


async def test_the_file_is_for_its_owner_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new" / "folder" / "state.db"
    store = await Store.open(f"sqlite:///{path}")
    await store.write(_put("one"))
    modes = {file.name: stat.S_IMODE(os.stat(file).st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600} and "state.db-wal" in modes
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    await store.close()


async def test_sqlite_keeps_what_a_power_loss_must_not_take(tmp_path: pathlib.Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    settings = await store.read(lambda connection: [connection.row(f"pragma {name}")[0] for name in names])
    assert settings == ["wal", 2, 1, 1]
    await store.close()


async def test_an_sqlite_file_is_used_by_one_server_at_a_time(tmp_path: pathlib.Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    first = await Store.open(url)
    with pytest.raises(StoreError, match="another server uses it"):
        await Store.open(url)
    await first.close()
    await (await Store.open(url)).close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://root:hunter2@localhost/db", "sqlite:///PATH or postgresql"),
        ("sqlite://", "sqlite:///PATH or postgresql"),
        ("no url at all", "cannot be read"),
        ("postgresql+psycopg://me:hunter2@127.0.0.1:1/db", "cannot be used"),
        ("postgresql://me:hunter2@127.0.0.1:1/db", "cannot be used"),
        ("postgresql://127.0.0.1:1/db?user=me&password=hunter2", "cannot be used"),
        ("postgresql://me:hunter2@127.0.0.1:1/db?nonsense=1", "nonsense"),
        ("postgresql://me:hunter2@127.0.0.1:port/db", "cannot be read"),
        ("sqlite://host/path", "sqlite:///PATH or postgresql"),
        ("sqlite:///:memory:", "sqlite:///PATH or postgresql"),
        ("sqlite:////nowhere/state.db?mode=ro", "no option mode"),
        ("sqlite:////nowhere/state.db?timeout=soon", "no number of seconds"),
    ],
)
async def test_a_url_that_is_of_no_use_says_what_would_be(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        await Store.open(url)
    assert "hunter2" not in str(caught.value)


async def test_a_path_that_cannot_be_a_database_is_refused_and_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o666)
    before = stat.S_IMODE(os.stat(tmp_path / "pipe").st_mode)
    for path, says in (("file/state.db", "cannot be written"), ("folder", "cannot be written"), ("pipe", "no regular")):
        with pytest.raises(StoreError, match=says):
            await Store.open(f"sqlite:///{tmp_path / path}")
    assert stat.S_IMODE(os.stat(tmp_path / "pipe").st_mode) == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and they are longer than a header of sixteen bytes\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="cannot be used"):
        await Store.open(f"sqlite:///{path}")
    assert path.read_bytes() == before
    # The lock went with the refusal.
    path.unlink()
    await (await Store.open(f"sqlite:///{path}")).close()


def test_every_table_has_a_primary_key() -> None:
    assert all(table.primary_key for table in metadata.tables.values())
