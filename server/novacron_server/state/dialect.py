"""What SQLite and PostgreSQL say differently."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Double, Table, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now(FunctionElement[float]):
    """Seconds since 1970 on the database's clock, which all replicas share."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite(element: now, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _postgresql(element: now, compiler: Any, **options: Any) -> str:
    # PostgreSQL's own now() would be the begin of the transaction.
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows that break no unique constraint, and return how many those were."""
    # Not imported before it is used: what SQLAlchemy has for PostgreSQL is a fifth of all its imports.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    inserted = 0
    for row in rows:
        # Row counts of inserts are not reliable on both; what is returned is.
        insert = dialect.insert(table).on_conflict_do_nothing().values(row).returning(literal(1))
        inserted += len(connection.execute(insert).all())
    return inserted
