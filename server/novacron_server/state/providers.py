"""Registered providers, as they are stored."""

from dataclasses import asdict, dataclass
from typing import Final

from novacron_providers.contract.errors import EtagMismatch

from novacron_server.state.connection import Connection
from novacron_server.state.store import Store

_REPLACE = """
    update provider
    set kind = :kind, display_name = :display_name, config = :config, auth = :auth, is_default = :is_default,
        version = :version, origin = :origin, created = :create_time
    where id = :id
"""
_ADD = """
    insert into provider (id, kind, display_name, config, auth, is_default, version, origin, created)
    values (:id, :kind, :display_name, :config, :auth, :is_default, :version, :origin, :create_time)
"""


# Final and not frozen, which takes twice as long to make, at each start.
@dataclass(slots=True)
class ProviderRow:
    """A provider; immutable.

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

    id: Final[str]
    kind: Final[str]
    display_name: Final[str]
    config: Final[bytes]
    auth: Final[bytes]
    is_default: Final[bool]
    version: Final[int]
    origin: Final[str]
    create_time: Final[float]


async def all_providers(store: Store) -> list[ProviderRow]:
    """Every provider, by id."""

    def work(connection: Connection) -> list[ProviderRow]:
        found = connection.rows(
            """
            select id, kind, display_name, config, auth, is_default, version, origin, created as create_time
            from provider order by id
            """
        )
        return [ProviderRow(**{**row._asdict(), "is_default": bool(row.is_default)}) for row in found]

    return await store.read(work)


async def put_provider(store: Store, row: ProviderRow, expected_version: int | None = None) -> None:
    """Keep a provider in place of the one with its id, if any.

    With `expected_version` only if the stored one has that version; raises EtagMismatch when it has another or is gone.
    """
    values = asdict(row)

    def work(connection: Connection) -> None:
        if expected_version is not None:
            if not connection.change(f"{_REPLACE} and version = :expected", expected=expected_version, **values):
                raise EtagMismatch(
                    f"provider {row.id!r} was changed or removed meanwhile; read it, merge, repeat",
                    resource=f"providers/{row.id}",
                )
        elif not connection.change(_REPLACE, **values):
            connection.change(_ADD, **values)

    await store.write(work)


async def delete_provider(store: Store, name: str) -> bool:
    """Forget a provider and its credentials; whether it was there."""

    def work(connection: Connection) -> bool:
        return bool(connection.change("delete from provider where id = :id", id=name))

    return await store.write(work)
