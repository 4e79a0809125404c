"""Answers of changes of the sidecar itself, so that a request with the same request_id gets the same answer."""

from novacron_providers.contract.errors import RequestIdReused
from sqlalchemy import Connection, delete, select

from novacron_server.state.dialect import insert_new, now
from novacron_server.state.store import Store
from novacron_server.state.tables import answer

# Seconds that an answer is kept.
KEPT = 24 * 3600.0


async def recall(store: Store, principal: str, request_id: str, digest: bytes) -> bytes | None:
    """The answer that this request got before; None for a request that is new.

    Raises RequestIdReused when the request_id came from this principal with another digest.
    """

    def work(connection: Connection) -> tuple[bytes, bytes] | None:
        found = connection.execute(
            select(answer.c.digest, answer.c.answer).where(
                answer.c.principal == principal, answer.c.request_id == request_id, answer.c.created > now() - KEPT
            )
        ).one_or_none()
        return None if found is None else (found.digest, found.answer)

    kept = await store.read(work)
    if kept is None:
        return None
    if kept[0] != digest:
        raise reused(request_id)
    return kept[1]


async def remember(store: Store, principal: str, request_id: str, digest: bytes, response: bytes) -> None:
    """Keep the answer of a request for 24 hours; of two answers the first one."""

    def work(connection: Connection) -> None:
        connection.execute(delete(answer).where(answer.c.created <= now() - KEPT))
        row = {
            "principal": principal,
            "request_id": request_id,
            "digest": digest,
            "answer": response,
            "created": now(),
        }
        insert_new(connection, answer, [row])

    await store.write(work)


def reused(request_id: str) -> RequestIdReused:
    """The error for a request_id that came before with another request."""
    return RequestIdReused(
        f"request_id {request_id!r} came before with other parameters; take a new one for another request",
        field="request_id",
    )
