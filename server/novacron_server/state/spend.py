"""What reading metrics was billed, by provider and day: one count for all replicas and over restarts."""

from collections.abc import Mapping

from novacron_server.state.connection import Connection
from novacron_server.state.store import Store


async def add_spend(store: Store, day: int, more: Mapping[str, int]) -> dict[str, int]:
    """Add what was billed to each provider's count of a day, and return what the day has then.

    Days are since 1970, UTC. Earlier ones are forgotten. Raises StoreUnavailable, with nothing added or with all.
    """

    def work(connection: Connection) -> dict[str, int]:
        connection.change("delete from spend where day < :day", day=day)
        for name, billed in more.items():
            connection.change(
                """
                insert into spend (provider, day, billed) values (:provider, :day, :billed)
                on conflict (provider, day) do update set billed = spend.billed + excluded.billed
                """,
                provider=name,
                day=day,
                billed=billed,
            )
        found = connection.rows("select provider, billed from spend where day = :day", day=day)
        return {row.provider: row.billed for row in found}

    return await store.write(work)
