"""The record of every mutation: who asked for what, when, and what came of it.

A mutation is written down in the transaction before its first effect, and its outcome in the one that makes its end
known; a mutation whose record cannot be written is not made. A record without an outcome is of one that is under way,
or was when the process died; that of an operation gets its outcome when the operation is brought to its end.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from novacron_server.state.connection import Connection


class Mutation(NamedTuple):
    """A mutation before it is made.

    Attributes:
        principal: Who asked, as the server knows them.
        peer: Where they connected from, as gRPC names it.
        method: "ProviderService/CreateInstance".
        resource: What it is about: the name, else the parent, that the request names.
        request_id: The caller's, or one that the server made; empty for a change of the sidecar without one.
        digest: SHA-256 of method and request, secrets included: equal for equal requests.
        request: The request without its secrets.
        began: Seconds since 1970.
        operation: Id of the operation that it began; None for a change of the sidecar itself.
    """

    principal: str
    peer: str
    method: str
    resource: str
    request_id: str
    digest: bytes
    request: bytes
    began: float
    operation: str | None = None


class Record(NamedTuple):
    """A mutation and what came of it.

    Attributes:
        ended: Seconds since 1970; None while the outcome is not known.
        outcome: A google.rpc.Status; None while it is not known.
        targets: Names of what exists, or was changed, because of it.
    """

    mutation: Mutation
    ended: float | None
    outcome: bytes | None
    targets: Sequence[str]


def open_record(connection: Connection, mutation: Mutation) -> int:
    """Write a mutation down, before its first effect; gives the record's id."""
    made = connection.row(
        """
        insert into record (principal, peer, method, resource, request_id, digest, request, began, operation, targets)
        values (:principal, :peer, :method, :resource, :request_id, :digest, :request, :began, :operation, '[]')
        returning id
        """,
        **mutation._asdict(),
    )
    id_: int = made.id
    return id_


def close_record(connection: Connection, id_: int, ended: float, outcome: bytes) -> None:
    """Write down what came of a change of the sidecar itself."""
    connection.change(
        "update record set ended = :ended, outcome = :outcome where id = :id", id=id_, ended=ended, outcome=outcome
    )


def close_operation(
    connection: Connection, operation: str, ended: float, outcome: bytes, targets: Sequence[str]
) -> None:
    """Write down what came of an operation."""
    # An operation that was forgotten and begun anew by the same request has more records than this one.
    connection.change(
        """
        update record set ended = :ended, outcome = :outcome, targets = :targets
        where operation = :operation and ended is null
        """,
        operation=operation,
        ended=ended,
        outcome=outcome,
        targets=json.dumps(list(targets)),
    )


def find_records(
    connection: Connection,
    *,
    since: float,
    until: float,
    principal: str = "",
    resource: str = "",
    operation: str = "",
    limit: int = 1000,
) -> list[Record]:
    """The mutations that began in [since, until), oldest first.

    Args:
        since: Seconds since 1970, as `until`.
        principal: Only those that this one asked for; empty for all.
        resource: Only those about this resource; empty for all.
        operation: Only that of the operation with this id; empty for all.
        limit: At most this many.
    """
    wanted = {"principal": principal, "resource": resource, "operation": operation}
    narrower = "".join(f" and {column} = :{column}" for column, value in wanted.items() if value)
    found = connection.rows(
        f"""
        select principal, peer, method, resource, request_id, digest, request, began, operation, ended, outcome, targets
        from record where began >= :since and began < :until{narrower} order by began, id limit :limit
        """,
        since=since,
        until=until,
        limit=limit,
        **wanted,
    )
    return [
        Record(
            mutation=Mutation(**{name: getattr(row, name) for name in Mutation._fields}),
            ended=row.ended,
            outcome=row.outcome,
            targets=json.loads(row.targets),
        )
        for row in found
    ]


def forget_records(connection: Connection, before: float) -> int:
    """Forget the mutations that began before a time, and return how many those were."""
    return connection.change("delete from record where began < :before", before=before)
