"""Operations as rows: the intent, each step that was begun and its outcome, what is shown, and who may run them.

Each change that is shown has a position, greater than that of every change that was committed before it; this holds
over all replicas, because one transaction writes at a time. All are plain functions of a Connection, run by the store.
Those that name an `owner` change nothing unless that process still owns the operation: this is the fence that a replica
which lost its lease, and does not know it, runs into.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from novacron_providers.contract.errors import Busy
from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, true, tuple_, update

from novacron_server.state.dialect import insert_new, now
from novacron_server.state.records import Mutation, close_operation, open_record
from novacron_server.state.requests import reused
from novacron_server.state.tables import database, line, operation, step, target


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An operation that was asked for and is not written yet.

    Attributes:
        id: Hex, from the principal and the request_id.
        digest: Of the method and the parameters: equal for equal requests.
        request_id: The caller's, or one that the server made.
        peer: Where the caller connected from.
        resource: Name of what the request is about.
        public: The request without its secrets.
        holds: Name of the resource that no other operation may touch meanwhile; None for none.
        body: An Operation message.
        created: Seconds since 1970.
    """

    id: str
    provider: str
    principal: str
    request_id: str
    method: str
    digest: bytes
    request: bytes
    public: bytes
    peer: str
    resource: str
    holds: str | None
    body: bytes
    state: int
    created: float


class Outcome(NamedTuple):
    """How a step ended: the text that it gave, or a google.rpc.Status when it failed."""

    failed: bool
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An operation that this process may run.

    Attributes:
        cancel: Whether it was asked to stop.
        begun: Names of its steps that may have been sent, and have no outcome.
        outcomes: Of its finished steps, by name.
    """

    id: str
    method: str
    request: bytes
    body: bytes
    cancel: bool = False
    begun: set[str] = field(default_factory=set)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An operation as it is to be shown, with what was added since the last one.

    Attributes:
        targets: Names of its targets; None when they are as they were.
        lines: (key, OperationLogEntry) of its log; the key is None for a line that is always news.
        ended: Seconds since 1970; None while it is not done.
        outcome: A google.rpc.Status: why it ended as it did.
    """

    id: str
    body: bytes
    state: int
    revision: int
    targets: Sequence[str] | None = None
    lines: Sequence[tuple[str | None, bytes]] = ()
    ended: float | None = None
    outcome: bytes = b""


class Page(NamedTuple):
    """Which operations to list.

    Attributes:
        provider: Id; empty for all.
        conditions: (column, equal, value); a column of the operation, or "target" for the name of one of its targets.
        after: (created, id) of the last one of the page before.
        size: At most this many.
    """

    provider: str
    conditions: Sequence[tuple[str, bool, str | int]]
    after: tuple[float, str] | None
    size: int


class Listed(NamedTuple):
    """An operation of a page."""

    id: str
    created: float
    body: bytes


class Changed(NamedTuple):
    """An operation that changed: where that was, whether it meets the conditions now, and how it is."""

    position: int
    meets: bool
    body: bytes


def begin(connection: Connection, intent: Intent, owner: str, lease: float) -> bytes | None:
    """Write an operation down, owned from the start; or give the body of the one that this request began before.

    Raises RequestIdReused, Busy.
    """
    row = {
        "id": intent.id,
        "provider": intent.provider,
        "principal": intent.principal,
        "request_id": intent.request_id,
        "method": intent.method,
        "digest": intent.digest,
        "request": intent.request,
        "body": intent.body,
        "state": intent.state,
        "done": False,
        "cancel": False,
        "holds": intent.holds,
        "owner": owner,
        "lease": now() + lease,
        "created": intent.created,
        "position": _next_position(connection),
    }
    # What stood in the way may end before it is looked at; then nothing does.
    while not insert_new(connection, operation, [row]):
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
    same = connection.execute(
        select(operation.c.digest, operation.c.body).where(operation.c.id == intent.id)
    ).one_or_none()
    if same is not None:
        if same.digest != intent.digest:
            raise reused(intent.request_id)
        return bytes(same.body)
    if intent.holds is None:
        return None
    other = connection.execute(
        select(operation.c.id, operation.c.provider, operation.c.method).where(operation.c.holds == intent.holds)
    ).one_or_none()
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
    rows = connection.execute(
        update(operation)
        .where(operation.c.owner == owner, operation.c.lease.is_not(None))
        .values(lease=now() + lease)
        .returning(operation.c.id, operation.c.cancel)
    )
    return {row.id: row.cancel for row in rows}


def adopt(connection: Connection, owner: str, lease: float, *, everything: bool = False) -> list[str]:
    """Take over the operations whose lease has ended, or `everything` that is not done; gives their ids."""
    free = operation.c.lease.is_not(None) if everything else operation.c.lease < now()
    taken = update(operation).where(free, operation.c.owner != owner).values(owner=owner, lease=now() + lease)
    return list(connection.scalars(taken.returning(operation.c.id)))


def release(connection: Connection, owner: str) -> None:
    """End the leases of an owner that stops, so that others need not wait for their end."""
    connection.execute(
        update(operation).where(operation.c.owner == owner, operation.c.lease.is_not(None)).values(owner="", lease=0.0)
    )


def load(connection: Connection, owner: str, ids: Sequence[str]) -> list[Claimed]:
    """What is needed to run operations, oldest first; without those that are done or have another owner by now."""
    outcomes: dict[str, dict[str, Outcome]] = {}
    begun: dict[str, set[str]] = {}
    for row in connection.execute(select(step).where(step.c.operation.in_(ids))):
        if row.outcome is None:
            begun.setdefault(row.operation, set()).add(row.name)
        else:
            outcomes.setdefault(row.operation, {})[row.name] = Outcome(row.failed, bytes(row.outcome))
    # Nobody owns what is done, and an owner is never empty.
    mine = operation.c.id.in_(ids) & (operation.c.owner == owner)
    found = select(operation).where(mine).order_by(operation.c.created, operation.c.id)
    return [
        Claimed(
            id=row.id,
            method=row.method,
            request=bytes(row.request),
            body=bytes(row.body),
            cancel=row.cancel,
            begun=begun.get(row.id, set()),
            outcomes=outcomes.get(row.id, {}),
        )
        for row in connection.execute(found)
    ]


def begin_step(connection: Connection, owner: str, id_: str, name: str) -> bool:
    """Note that a step may have been sent from now on. False when the owner is another."""
    if not _owns(connection, owner, id_):
        return False
    insert_new(connection, step, [{"operation": id_, "name": name, "failed": False, "outcome": None}])
    return True


def keep(connection: Connection, owner: str, id_: str, name: str, outcome: Outcome) -> Outcome | None:
    """Keep the outcome of a step and give what is kept: of two the first one. None when the owner is another."""
    if not _owns(connection, owner, id_):
        return None
    row = {"operation": id_, "name": name, "failed": outcome.failed, "outcome": outcome.data}
    if insert_new(connection, step, [row]):
        return outcome
    this = (step.c.operation == id_) & (step.c.name == name)
    if connection.execute(update(step).where(this, step.c.outcome.is_(None)).values(row)).rowcount:
        return outcome
    kept = connection.execute(select(step).where(this)).one()
    return Outcome(kept.failed, bytes(kept.outcome))


def save(connection: Connection, owner: str, shown: Snapshot) -> bool:
    """Keep what is shown of an operation; with `ended` it is done. False when the owner is another."""
    values: dict[str, object] = {"body": shown.body, "state": shown.state, "position": _next_position(connection)}
    if shown.ended is not None:
        values |= {"done": True, "ended": shown.ended, "request": b"", "holds": None, "owner": "", "lease": None}
    mine = (operation.c.id == shown.id) & (operation.c.owner == owner)
    if not connection.execute(update(operation).where(mine).values(values)).rowcount:
        return False
    if shown.targets is not None:
        connection.execute(delete(target).where(target.c.operation == shown.id))
        insert_new(connection, target, [{"operation": shown.id, "name": name} for name in shown.targets])
    insert_new(
        connection,
        line,
        [{"operation": shown.id, "revision": shown.revision, "key": key, "entry": entry} for key, entry in shown.lines],
    )
    if shown.ended is not None:
        connection.execute(delete(step).where(step.c.operation == shown.id))
        kept = connection.scalars(select(target.c.name).where(target.c.operation == shown.id).order_by(target.c.name))
        close_operation(connection, shown.id, shown.ended, shown.outcome, list(kept))
    return True


def ask_cancel(connection: Connection, id_: str) -> None:
    """Note that an operation is to stop; nothing happens to one that is done."""
    connection.execute(
        update(operation).where(operation.c.id == id_, operation.c.lease.is_not(None)).values(cancel=True)
    )


def body_of(connection: Connection, provider: str, id_: str) -> bytes | None:
    """An Operation message; None when it is not known."""
    found = select(operation.c.body).where(operation.c.id == id_, operation.c.provider == provider)
    body = connection.execute(found).scalar_one_or_none()
    return None if body is None else bytes(body)


def lines(
    connection: Connection, id_: str, after: int, until: int, position: int, limit: int
) -> list[tuple[int, bytes]]:
    """(id, OperationLogEntry) of the lines shown after one revision and until another, behind a line's id."""
    found = (
        select(line.c.id, line.c.entry)
        .where(line.c.operation == id_, line.c.revision > after, line.c.revision <= until, line.c.id > position)
        .order_by(line.c.id)
        .limit(limit)
    )
    return [(row.id, bytes(row.entry)) for row in connection.execute(found)]


def page(connection: Connection, asked: Page) -> list[Listed]:
    """One page of operations, newest first."""
    found = select(operation.c.id, operation.c.created, operation.c.body)
    if asked.provider:
        found = found.where(operation.c.provider == asked.provider)
    for column, equal, value in asked.conditions:
        found = found.where(_condition(column, equal, value))
    if asked.after is not None:
        found = found.where(tuple_(operation.c.created, operation.c.id) < tuple_(*asked.after))
    found = found.order_by(operation.c.created.desc(), operation.c.id.desc()).limit(asked.size)
    return [Listed(row.id, row.created, bytes(row.body)) for row in connection.execute(found)]


def position(connection: Connection) -> tuple[int, int]:
    """Position of the newest change, and the greatest one of an operation that was forgotten."""
    row = connection.execute(select(database.c.position, database.c.forgotten)).one()
    return row.position, row.forgotten


def changes(connection: Connection, asked: Page, after: int, until: int | None, *, active: bool) -> list[Changed]:
    """The newest change of each operation after one position and until another, in order; of a Page without `after`.

    Those that do not meet the conditions are told too, unless `active`, which leaves out what is done as well.
    """
    conditions = [_condition(*condition) for condition in asked.conditions]
    meets = and_(true(), *conditions)
    found = select(operation.c.position, meets.label("meets"), operation.c.body).where(operation.c.position > after)
    if until is not None:
        found = found.where(operation.c.position <= until)
    if asked.provider:
        found = found.where(operation.c.provider == asked.provider)
    if active:
        found = found.where(operation.c.lease.is_not(None), meets)
    rows = connection.execute(found.order_by(operation.c.position).limit(asked.size))
    return [Changed(row.position, bool(row.meets), bytes(row.body)) for row in rows]


def count_active(connection: Connection, provider: str) -> int:
    """How many operations of a provider are not done."""
    found = select(func.count()).where(operation.c.provider == provider, operation.c.lease.is_not(None))
    return connection.execute(found).scalar_one()


def forget(connection: Connection, before: float) -> int:
    """Forget the operations that ended before a time, and return how many those were."""
    old = operation.c.ended < before
    newest = connection.execute(select(func.max(operation.c.position)).where(old)).scalar_one()
    if newest is None:
        return 0
    connection.execute(update(database).where(database.c.forgotten < newest).values(forgotten=newest))
    return connection.execute(delete(operation).where(old)).rowcount


def _next_position(connection: Connection) -> int:
    step_on = update(database).values(position=database.c.position + 1).returning(database.c.position)
    found: int = connection.execute(step_on).scalar_one()
    return found


def _owns(connection: Connection, owner: str, id_: str) -> bool:
    """Whether an operation has this owner; nobody can take it over before the transaction ends."""
    found = select(operation.c.id).where(operation.c.id == id_, operation.c.owner == owner)
    return connection.execute(found).one_or_none() is not None


def _condition(column: str, equal: bool, value: str | int) -> ColumnElement[bool]:
    if column == "target":
        return operation.c.id.in_(select(target.c.operation).where(target.c.name == value))
    return operation.c[column] == value if equal else operation.c[column] != value
