"""Operations as rows: the intent, each step that was begun and its outcome, what is shown, and who may run them.

Each change that is shown has a position, greater than that of every change that was committed before it; this holds
over all replicas, because one transaction writes at a time. All are plain functions of a Connection, run by the store.
Those that name an `owner` change nothing unless that process still owns the operation: this is the fence that a replica
which lost its lease, and does not know it, runs into.
"""

import json
from collections.abc import Sequence
from typing import Any

from novacron_providers.contract.errors import Busy

from novacron_server.state.connection import Connection
from novacron_server.state.operation import Changed as Changed
from novacron_server.state.operation import Claimed as Claimed
from novacron_server.state.operation import Intent as Intent
from novacron_server.state.operation import Listed as Listed
from novacron_server.state.operation import Outcome as Outcome
from novacron_server.state.operation import Page as Page
from novacron_server.state.operation import Snapshot as Snapshot
from novacron_server.state.records import Mutation, close_operation, open_record
from novacron_server.state.requests import reused

# Columns of an operation that a page can be narrowed by.
_FILTERED = frozenset({"state", "done", "method", "principal", "request_id"})
# What is kept of an operation that is done.
_END = ", done = true, ended = :ended, request = :nothing, holds = null, owner = '', lease = null"


def begin(connection: Connection, intent: Intent, owner: str, lease: float) -> bytes | None:
    """Write an operation down, owned from the start; or give the body of the one that this request began before.

    Raises RequestIdReused, Busy.
    """
    values = intent._asdict() | {"owner": owner, "lease": lease, "position": _next_position(connection)}
    # What stood in the way may end before it is looked at; then nothing does.
    while not connection.rows(
        """
        insert into operation (
            id, provider, principal, request_id, method, digest, request, body, state, done, cancel, holds, owner,
            lease, created, position
        ) values (
            :id, :provider, :principal, :request_id, :method, :digest, :request, :body, :state, false, false, :holds,
            :owner, now() + :lease, :created, :position
        ) on conflict do nothing returning id
        """,
        **values,
    ):
        if (body := clash(connection, intent)) is not None:
            return body
    open_record(
        connection,
        Mutation(
            principal=intent.principal,
            peer=intent.peer,
            method=intent.method,
            resource=intent.resource,
            request_id=intent.request_id,
            digest=intent.digest,
            request=intent.public,
            began=intent.created,
            operation=intent.id,
        ),
    )
    return None


def clash(connection: Connection, intent: Intent) -> bytes | None:
    """What stands in an operation's way: the body of the one that the same request began; None for nothing.

    Raises RequestIdReused when its request_id came with another request, Busy when another one holds its resource.
    """
    same = connection.row("select digest, body from operation where id = :id", id=intent.id)
    if same is not None:
        if same.digest != intent.digest:
            raise reused(intent.request_id)
        body: bytes = same.body
        return body
    if intent.holds is None:
        return None
    other = connection.row("select id, provider, method from operation where holds = :holds", holds=intent.holds)
    if other is not None:
        name = f"providers/{other.provider}/operations/{other.id}"
        raise Busy(
            f"{intent.holds} is held by {name} ({other.method}); wait for that operation, then repeat",
            resource=intent.holds,
            facts={"operation": name, "resource": intent.holds},
        )
    return None


def renew(connection: Connection, owner: str, lease: float) -> dict[str, bool]:
    """Extend the leases of an owner; gives the operations it still owns, and whether each was asked to stop."""
    found = connection.rows(
        """
        update operation set lease = now() + :lease where owner = :owner and lease is not null
        returning id, cancel
        """,
        owner=owner,
        lease=lease,
    )
    return {row.id: bool(row.cancel) for row in found}


def adopt(connection: Connection, owner: str, lease: float, *, everything: bool = False) -> list[str]:
    """Take over the operations whose lease has ended, or `everything` that is not done; gives their ids."""
    free = "lease is not null" if everything else "lease < now()"
    taken = connection.rows(
        f"update operation set owner = :owner, lease = now() + :lease where {free} and owner <> :owner returning id",
        owner=owner,
        lease=lease,
    )
    return [row.id for row in taken]


def release(connection: Connection, owner: str) -> None:
    """End the leases of an owner that stops, so that others need not wait for their end."""
    connection.change(
        "update operation set owner = '', lease = 0 where owner = :owner and lease is not null", owner=owner
    )


def load(connection: Connection, owner: str, ids: Sequence[str]) -> list[Claimed]:
    """What is needed to run operations, oldest first; without those that are done or have another owner by now."""
    asked = json.dumps(list(ids))
    outcomes: dict[str, dict[str, Outcome]] = {}
    begun: dict[str, set[str]] = {}
    for row in connection.rows(
        "select operation, name, failed, outcome from operation_step where operation in (each(:ids))", ids=asked
    ):
        if row.outcome is None:
            begun.setdefault(row.operation, set()).add(row.name)
        else:
            outcomes.setdefault(row.operation, {})[row.name] = Outcome(bool(row.failed), row.outcome)
    # Nobody owns what is done, and an owner is never empty.
    found = connection.rows(
        """
        select id, method, request, body, cancel from operation where id in (each(:ids)) and owner = :owner
        order by created, id
        """,
        ids=asked,
        owner=owner,
    )
    return [
        Claimed(
            id=row.id,
            method=row.method,
            request=row.request,
            body=row.body,
            cancel=bool(row.cancel),
            begun=begun.get(row.id, set()),
            outcomes=outcomes.get(row.id, {}),
        )
        for row in found
    ]


def begin_step(connection: Connection, owner: str, id_: str, name: str) -> bool:
    """Note that a step may have been sent from now on. False when the owner is another."""
    if not _owns(connection, owner, id_):
        return False
    connection.change(
        "insert into operation_step (operation, name, failed) values (:operation, :name, false) on conflict do nothing",
        operation=id_,
        name=name,
    )
    return True


def keep(connection: Connection, owner: str, id_: str, name: str, outcome: Outcome) -> Outcome | None:
    """Keep the outcome of a step and give what is kept: of two the first one. None when the owner is another."""
    if not _owns(connection, owner, id_):
        return None
    if connection.rows(
        """
        insert into operation_step (operation, name, failed, outcome) values (:operation, :name, :failed, :outcome)
        on conflict (operation, name) do update set failed = excluded.failed, outcome = excluded.outcome
        where operation_step.outcome is null returning name
        """,
        operation=id_,
        name=name,
        failed=outcome.failed,
        outcome=outcome.data,
    ):
        return outcome
    kept = connection.row(
        "select failed, outcome from operation_step where operation = :operation and name = :name",
        operation=id_,
        name=name,
    )
    return Outcome(bool(kept.failed), kept.outcome)


def save(connection: Connection, owner: str, shown: Snapshot) -> bool:
    """Keep what is shown of an operation; with `ended` it is done. False when the owner is another."""
    end = "" if shown.ended is None else _END
    if not connection.change(
        f"""
        update operation set body = :body, state = :state, position = :position{end}
        where id = :id and owner = :owner
        """,
        id=shown.id,
        owner=owner,
        body=shown.body,
        state=shown.state,
        position=_next_position(connection),
        ended=shown.ended,
        nothing=b"",
    ):
        return False
    if shown.targets is not None:
        connection.change("delete from operation_target where operation = :id", id=shown.id)
    for name in shown.targets or ():
        connection.change(
            "insert into operation_target (operation, name) values (:id, :name) on conflict do nothing",
            id=shown.id,
            name=name,
        )
    for key, entry in shown.lines:
        connection.change(
            """
            insert into operation_line (operation, revision, key, entry) values (:id, :revision, :key, :entry)
            on conflict do nothing
            """,
            id=shown.id,
            revision=shown.revision,
            key=key,
            entry=entry,
        )
    if shown.ended is not None:
        connection.change("delete from operation_step where operation = :id", id=shown.id)
        kept = connection.rows("select name from operation_target where operation = :id order by name", id=shown.id)
        close_operation(connection, shown.id, shown.ended, shown.outcome, [row.name for row in kept])
    return True


def ask_cancel(connection: Connection, id_: str) -> None:
    """Note that an operation is to stop; nothing happens to one that is done."""
    connection.change("update operation set cancel = true where id = :id and lease is not null", id=id_)


def body_of(connection: Connection, provider: str, id_: str) -> bytes | None:
    """An Operation message; None when it is not known."""
    found = connection.row(
        "select body from operation where id = :id and provider = :provider", id=id_, provider=provider
    )
    return None if found is None else found.body


def lines(
    connection: Connection, id_: str, after: int, until: int, position: int, limit: int
) -> list[tuple[int, bytes]]:
    """(id, OperationLogEntry) of the lines shown after one revision and until another, behind a line's id."""
    found = connection.rows(
        """
        select id, entry from operation_line
        where operation = :operation and revision > :after and revision <= :until and id > :position
        order by id limit :limit
        """,
        operation=id_,
        after=after,
        until=until,
        position=position,
        limit=limit,
    )
    return [(row.id, row.entry) for row in found]


def page(connection: Connection, asked: Page) -> list[Listed]:
    """One page of operations, newest first."""
    where, values = _meets(asked.conditions)
    if asked.provider:
        where += " and provider = :provider"
    if asked.after is not None:
        where += " and (created, id) < (:created, :id)"
        values |= {"created": asked.after[0], "id": asked.after[1]}
    found = connection.rows(
        f"select id, created, body from operation where {where} order by created desc, id desc limit :size",
        provider=asked.provider,
        size=asked.size,
        **values,
    )
    return [Listed(*row) for row in found]


def position(connection: Connection) -> tuple[int, int]:
    """Position of the newest change, and the greatest one of an operation that was forgotten."""
    row = connection.row("select position, forgotten from database")
    return row.position, row.forgotten


def changes(connection: Connection, asked: Page, after: int, *, active: bool) -> list[Changed]:
    """The newest change of each operation after a position, in order; of a Page without `after`.

    Those that do not meet the conditions are told too, unless `active`, which leaves out what is done as well.
    """
    meets, values = _meets(asked.conditions)
    where = "position > :after"
    if asked.provider:
        where += " and provider = :provider"
    if active:
        where += f" and lease is not null and {meets}"
    found = connection.rows(
        f"select position, {meets} as meets, body from operation where {where} order by position limit :size",
        after=after,
        provider=asked.provider,
        size=asked.size,
        **values,
    )
    return [Changed(row.position, bool(row.meets), row.body) for row in found]


def count_active(connection: Connection, provider: str) -> int:
    """How many operations of a provider are not done."""
    number: int = connection.row(
        "select count(*) as number from operation where provider = :provider and lease is not null", provider=provider
    ).number
    return number


def forget(connection: Connection, before: float) -> int:
    """Forget the operations that ended before a time, and return how many those were."""
    newest = connection.row("select max(position) as newest from operation where ended < :before", before=before).newest
    if newest is None:
        return 0
    connection.change("update database set forgotten = :newest where forgotten < :newest", newest=newest)
    return connection.change("delete from operation where ended < :before", before=before)


def _next_position(connection: Connection) -> int:
    found: int = connection.row("update database set position = position + 1 returning position").position
    return found


def _owns(connection: Connection, owner: str, id_: str) -> bool:
    """Whether an operation has this owner; nobody can take it over before the transaction ends."""
    return connection.row("select id from operation where id = :id and owner = :owner", id=id_, owner=owner) is not None


def _meets(conditions: Sequence[tuple[str, bool, str | int]]) -> tuple[str, dict[str, Any]]:
    """The conditions of a page as SQL, and the values that this names."""
    terms, values = ["true"], {}
    for number, (column, equal, value) in enumerate(conditions):
        values[f"value{number}"] = value
        if column == "target":
            terms.append(f"id in (select operation from operation_target where name = :value{number})")
        elif column in _FILTERED:
            terms.append(f"{column} {'=' if equal else '<>'} :value{number}")
        else:
            raise ValueError(f"operations are not filtered by {column!r}")
    return " and ".join(terms), values
