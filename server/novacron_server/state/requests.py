"""Answers of changes of the sidecar itself, so that a request with the same request_id gets the same answer."""

from typing import Any

from novacron_providers.contract.errors import RequestIdReused

from novacron_server.state.connection import Connection
from novacron_server.state.store import Store

# Seconds that an answer is kept.
KEPT = 24 * 3600.0


async def recall(store: Store, principal: str, request_id: str, digest: bytes) -> bytes | None:
    """The answer that this request got before; None for a request that is new.

    Raises RequestIdReused when the request_id came from this principal with another digest.
    """

    def work(connection: Connection) -> Any:
        return connection.row(
            """
            select digest, answer from answer
            where principal = :principal and request_id = :request_id and created > now() - :kept
            """,
            principal=principal,
            request_id=request_id,
            kept=KEPT,
        )

    kept = await store.read(work)
    if kept is None:
        return None
    if kept.digest != digest:
        raise reused(request_id)
    answer: bytes = kept.answer
    return answer


async def remember(store: Store, principal: str, request_id: str, digest: bytes, response: bytes) -> None:
    """Keep the answer of a request for 24 hours; of two answers the first one."""

    def work(connection: Connection) -> None:
        connection.change("delete from answer where created <= now() - :kept", kept=KEPT)
        connection.change(
            """
            insert into answer (principal, request_id, digest, answer, created)
            values (:principal, :request_id, :digest, :answer, now())
            on conflict do nothing
            """,
            principal=principal,
            request_id=request_id,
            digest=digest,
            answer=response,
        )

    await store.write(work)


def reused(request_id: str) -> RequestIdReused:
    """The error for a request_id that came before with another request."""
    return RequestIdReused(
        f"request_id {request_id!r} came before with other parameters; take a new one for another request",
        field="request_id",
    )
