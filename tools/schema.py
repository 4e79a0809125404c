"""Write the statements that make a new database, from its tables; with --check, only tell whether they are up to date.

Used by `make docs` and `make check`. A start runs these statements as they are, without SQLAlchemy, which takes longer
to import than a start may take.
"""

import sys

from novacron_server.state.schema import schema_file
from novacron_server.state.tables import metadata
from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, create_mock_engine
from sqlalchemy.schema import CreateIndex, CreateTable

# How SQLAlchemy names the drivers of both databases.
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
# Alembic's own table, apart from ours because it is not ours to change.
VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def schema_text(name: str) -> str:
    """All statements for a database of this name."""
    dialect = create_mock_engine(f"{DRIVERS[name]}://", print).dialect
    statements: list[CreateTable | CreateIndex] = []
    for table in (*metadata.sorted_tables, VERSION):
        statements += [CreateTable(table), *map(CreateIndex, sorted(table.indexes, key=lambda index: str(index.name)))]
    texts = [str(statement.compile(dialect=dialect)) for statement in statements]
    return "".join("\n".join(line.rstrip() for line in text.strip().splitlines()) + ";\n" for text in texts)


def stale() -> list[str]:
    """Names of the files that are not as they should be."""
    files = {schema_file(name): schema_text(name) for name in DRIVERS}
    return [path.name for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main() -> None:
    if "--check" in sys.argv:
        if names := stale():
            raise SystemExit(f"not up to date, run `make docs`: {', '.join(names)}")
        print("the schema of new databases is that of the tables")
        return
    for name in DRIVERS:
        schema_file(name).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
