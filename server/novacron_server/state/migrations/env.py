"""Alembic's entry: runs the migrations on the connection that the store gives it."""

from alembic import context
from novacron_server.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by making it anew.
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
