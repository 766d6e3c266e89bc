"""Positions in the queue, who used the API from where, legal holds, and indexes for what is open and for all of a call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    op.add_column("visits", sa.Column("entered_at_position", sa.Integer(), nullable=True))
    op.add_column("visits", sa.Column("left_at_position", sa.Integer(), nullable=True))
    op.add_column("changes", sa.Column("role", sa.String(length=16), nullable=True))
    op.add_column("changes", sa.Column("origin", sa.Text(), nullable=True))
    op.add_column("changes", sa.Column("details", sa.Text(), nullable=True))
    op.create_table(
        "legal_holds",
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("number", sa.String(length=128), nullable=True),
        sa.Column("held_at", sa.Float(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person"),
    )
    for table in ("survey_answers", "surveys", "changes"):
        op.create_index(f"{table}_call", table, ["call"], unique=False)
    op.create_index("agent_states_agent", "agent_states", ["agent", "began_at"], unique=False)
    is_open = sa.text("ended_at IS NULL")
    for table in ("calls", "visits", "offers", "segments", "transfers", "agent_states"):
        column = "agent" if table == "agent_states" else "call"
        op.create_index(f"{table}_open", table, [column], unique=False, sqlite_where=is_open, postgresql_where=is_open)
