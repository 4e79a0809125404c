"""The first tables."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    database = op.create_table("database", sa.Column("epoch", sa.String, primary_key=True))
    op.bulk_insert(database, [{"epoch": uuid.uuid4().hex}])
    op.create_table(
        "provider",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("display_name", sa.String, nullable=False),
        sa.Column("config", sa.LargeBinary, nullable=False),
        sa.Column("auth", sa.LargeBinary, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_table(
        "answer",
        sa.Column("principal", sa.String, primary_key=True),
        sa.Column("request_id", sa.String, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("answer_created", "answer", ["created"])
    op.create_table(
        "operation",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("principal", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("holds", sa.String),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("lease", sa.Double),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.UniqueConstraint("holds", name="operation_holds"),
    )
    op.create_index("operation_newest", "operation", ["created", "id"])
    op.create_index("operation_request", "operation", ["request_id"])
    op.create_index("operation_owner", "operation", ["owner"])
    op.create_index("operation_lease", "operation", ["lease"])
    op.create_index("operation_ended", "operation", ["ended"])
    op.create_table(
        "operation_step",
        sa.Column("operation", sa.String, sa.ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "operation_target",
        sa.Column("operation", sa.String, sa.ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
    )
    op.create_index("operation_target_name", "operation_target", ["name"])
    op.create_table(
        "operation_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("operation", sa.String, sa.ForeignKey("operation.id", ondelete="CASCADE"), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("key", sa.String),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("operation", "key", name="operation_line_key"),
    )
    op.create_index("operation_line_revision", "operation_line", ["operation", "revision"])
