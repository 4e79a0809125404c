"""What reading metrics was billed, by provider and day: one count for all replicas and over restarts."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from novacron_server.state.dialect import insert_new
from novacron_server.state.store import Store
from novacron_server.state.tables import spend


async def add_spend(store: Store, day: int, more: Mapping[str, int]) -> dict[str, int]:
    """Add what was billed to each provider's count of a day, and return what the day has then.

    Days are since 1970, UTC. Earlier ones are forgotten. Raises StoreUnavailable, with nothing added or with all.
    """

    def work(connection: Connection) -> dict[str, int]:
        connection.execute(delete(spend).where(spend.c.day < day))
        insert_new(connection, spend, [{"provider": name, "day": day, "billed": 0} for name in more])
        for name, billed in more.items():
            one = (spend.c.provider == name, spend.c.day == day)
            connection.execute(update(spend).where(*one).values(billed=spend.c.billed + billed))
        found = connection.execute(select(spend.c.provider, spend.c.billed).where(spend.c.day == day))
        return {row.provider: row.billed for row in found}

    return await store.write(work)
