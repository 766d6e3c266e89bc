"""Answers in the scripts of calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"


def upgrade() -> None:
    name = sa.String(length=128)
    op.create_table(
        "script_answers",
        sa.Column("call", name, nullable=False),
        sa.Column("script", name, nullable=False),
        sa.Column("field", name, nullable=False),
        sa.Column("step", name, nullable=True),
        sa.Column("queue", name, nullable=True),
        sa.Column("agent", name, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("call", "script", "field"),
    )
    op.create_index("script_answers_at", "script_answers", ["at", "script"], unique=False)
