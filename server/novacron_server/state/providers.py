"""Registered providers, as they are stored."""

from dataclasses import dataclass

from novacron_providers.contract.errors import EtagMismatch
from sqlalchemy import Connection, Row, delete, insert, select, update

from novacron_server.state.store import Store
from novacron_server.state.tables import provider


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider.

    Attributes:
        id: "aws-main".
        kind: Adapter: "aws".
        display_name: For people.
        config: A ProviderConfig without auth.
        auth: Sealed credentials; empty for the machine's own identity.
        is_default: Whether "providers/default" means it.
        version: Grows with each change.
        origin: "config" or "rpc": what registered it.
        create_time: Seconds since 1970.
    """

    id: str
    kind: str
    display_name: str
    config: bytes
    auth: bytes
    is_default: bool
    version: int
    origin: str
    create_time: float


async def all_providers(store: Store) -> list[ProviderRow]:
    """Every provider, by id."""

    def work(connection: Connection) -> list[ProviderRow]:
        return [_row(found) for found in connection.execute(select(provider).order_by(provider.c.id))]

    return await store.read(work)


async def put_provider(store: Store, row: ProviderRow, expected_version: int | None = None) -> None:
    """Keep a provider in place of the one with its id, if any.

    With `expected_version` only if the stored one has that version; raises EtagMismatch when it has another or is gone.
    """
    values = {
        "kind": row.kind,
        "display_name": row.display_name,
        "config": row.config,
        "auth": row.auth,
        "is_default": row.is_default,
        "version": row.version,
        "origin": row.origin,
        "created": row.create_time,
    }

    def work(connection: Connection) -> None:
        change = update(provider).where(provider.c.id == row.id).values(values)
        if expected_version is not None:
            change = change.where(provider.c.version == expected_version)
        if connection.execute(change).rowcount:
            return
        if expected_version is not None:
            raise EtagMismatch(
                f"provider {row.id!r} was changed or removed meanwhile; read it, merge, repeat",
                resource=f"providers/{row.id}",
            )
        connection.execute(insert(provider).values(id=row.id, **values))

    await store.write(work)


async def delete_provider(store: Store, name: str) -> bool:
    """Forget a provider and its credentials; whether it was there."""

    def work(connection: Connection) -> bool:
        return bool(connection.execute(delete(provider).where(provider.c.id == name)).rowcount)

    return await store.write(work)


def _row(found: Row[tuple[object, ...]]) -> ProviderRow:
    values = dict(found._mapping)
    return ProviderRow(create_time=values.pop("created"), **values)
