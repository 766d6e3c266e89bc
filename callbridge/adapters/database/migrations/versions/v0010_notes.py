"""Notes of calls, and the dispositions of conversations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    op.create_table(
        "call_notes",
        sa.Column("fact", sa.String(length=48), nullable=False),
        sa.Column("call", sa.String(length=128), nullable=True),
        sa.Column("segment", sa.BigInteger(), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("fact"),
    )
    op.create_index("call_notes_call", "call_notes", ["call"], unique=False)
    op.create_index("call_notes_at", "call_notes", ["at"], unique=False)
    op.add_column("segments", sa.Column("disposition", sa.String(length=64), nullable=True))
