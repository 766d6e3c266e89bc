"""How conversations sounded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"


def upgrade() -> None:
    name = sa.String(length=128)
    op.create_table(
        "voice_quality",
        sa.Column("fact", sa.String(length=48), nullable=False),
        sa.Column("call", name, nullable=True),
        sa.Column("queue", name, nullable=True),
        sa.Column("agent", name, nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("codec", sa.String(length=32), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=True),
        sa.Column("lost", sa.BigInteger(), nullable=True),
        sa.Column("mos", sa.Float(), nullable=True),
        sa.Column("worst_mos", sa.Float(), nullable=True),
        sa.Column("jitter", sa.Float(), nullable=True),
        sa.Column("rtt", sa.Float(), nullable=True),
        sa.Column("loss_sent", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("fact"),
    )
    op.create_index("voice_quality_at", "voice_quality", ["at", "agent"], unique=False)
    op.create_index("voice_quality_call", "voice_quality", ["call"], unique=False)
