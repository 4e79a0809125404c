"""Positions of changes, steps that were begun, and the record of every mutation."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # 0 is no position.
    op.add_column("database", sa.Column("position", sa.BigInteger, nullable=False, server_default="1"))
    op.add_column("database", sa.Column("forgotten", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("operation", sa.Column("position", sa.BigInteger, nullable=False, server_default="1"))
    op.create_index("operation_position", "operation", ["position"])
    with op.batch_alter_table("operation_step") as step:
        step.alter_column("outcome", existing_type=sa.LargeBinary, nullable=True)
    op.create_table(
        "record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("principal", sa.String, nullable=False),
        sa.Column("peer", sa.String, nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("resource", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("operation", sa.String),
        sa.Column("began", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("outcome", sa.LargeBinary),
        sa.Column("targets", sa.String, nullable=False),
    )
    op.create_index("record_began", "record", ["began"])
    op.create_index("record_operation", "record", ["operation"])
    op.create_index("record_resource", "record", ["resource"])
