"""The history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    op.create_table(
        "agent_states",
        sa.Column("agent", sa.String(length=128), nullable=False),
        sa.Column("fact", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("began_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("agent", "fact"),
    )
    op.create_index("agent_states_time", "agent_states", ["began_at", "ended_at"], unique=False)
    op.create_table(
        "callback_attempts",
        sa.Column("callback", sa.String(length=128), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("callback", "attempt"),
    )
    op.create_table(
        "callbacks",
        sa.Column("callback", sa.String(length=128), nullable=False),
        sa.Column("call", sa.String(length=128), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("tier", sa.String(length=128), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("number", sa.String(length=128), nullable=True),
        sa.Column("requested_at", sa.Float(), nullable=True),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("waited", sa.Float(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("callback"),
    )
    op.create_index("callbacks_person", "callbacks", ["person", "requested_at"], unique=False)
    op.create_index("callbacks_requested", "callbacks", ["requested_at"], unique=False)
    op.create_table(
        "calls",
        sa.Column("call", sa.String(length=128), nullable=False),
        sa.Column("source", sa.String(length=16), server_default="callbridge", nullable=False),
        sa.Column("direction", sa.String(length=8), server_default="in", nullable=False),
        sa.Column("pbx", sa.String(length=128), nullable=True),
        sa.Column("uniqueid", sa.String(length=128), nullable=True),
        sa.Column("linkedid", sa.String(length=128), nullable=True),
        sa.Column("entry", sa.String(length=128), nullable=True),
        sa.Column("tier", sa.String(length=128), nullable=True),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("number", sa.String(length=128), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("callback", sa.String(length=128), nullable=True),
        sa.Column("campaign", sa.String(length=128), nullable=True),
        sa.Column("arrived_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("lasted", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("repeated_after", sa.Float(), nullable=True),
        sa.Column("repeated_agent", sa.String(length=128), nullable=True),
        sa.Column("repeated_queue", sa.String(length=128), nullable=True),
        sa.Column("diverted_to", sa.Text(), nullable=True),
        sa.Column("diverted_reason", sa.Text(), nullable=True),
        sa.Column("estimated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("call"),
    )
    op.create_index("calls_arrived", "calls", ["arrived_at"], unique=False)
    op.create_index("calls_person", "calls", ["person", "arrived_at"], unique=False)
    op.create_table(
        "changes",
        sa.Column("fact", sa.String(length=48), nullable=False),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("request", sa.String(length=128), nullable=True),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("call", sa.String(length=128), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("campaign", sa.String(length=128), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("fact"),
    )
    op.create_index("changes_at", "changes", ["at"], unique=False)
    op.create_table(
        "flow_steps",
        sa.Column("fact", sa.String(length=48), nullable=False),
        sa.Column("call", sa.String(length=128), nullable=True),
        sa.Column("flow", sa.String(length=128), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=True),
        sa.Column("node", sa.String(length=128), nullable=True),
        sa.Column("key", sa.String(length=8), nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.Column("lasted", sa.Float(), nullable=True),
        sa.Column("went_to", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("fact"),
    )
    op.create_index("flow_steps_at", "flow_steps", ["at", "flow"], unique=False)
    op.create_index("flow_steps_call", "flow_steps", ["call"], unique=False)
    op.create_table(
        "history_cursors",
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("reader"),
    )
    op.create_table(
        "offers",
        sa.Column("call", sa.String(length=128), nullable=False),
        sa.Column("offer", sa.BigInteger(), nullable=False),
        sa.Column("visit", sa.BigInteger(), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("tier", sa.String(length=128), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("needs", sa.Text(), nullable=True),
        sa.Column("began_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("waited", sa.Float(), nullable=True),
        sa.Column("rang_for", sa.Float(), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.Column("cause", sa.Integer(), nullable=True),
        sa.Column("trouble", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("call", "offer"),
    )
    op.create_index("offers_began", "offers", ["began_at", "agent"], unique=False)
    op.create_table(
        "recordings",
        sa.Column("fact", sa.String(length=48), nullable=False),
        sa.Column("call", sa.String(length=128), nullable=True),
        sa.Column("segment", sa.BigInteger(), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("lasted", sa.Float(), nullable=True),
        sa.Column("paused", sa.Float(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("fact"),
    )
    op.create_index("recordings_at", "recordings", ["at"], unique=False)
    op.create_index("recordings_call", "recordings", ["call"], unique=False)
    op.create_table(
        "segments",
        sa.Column("call", sa.String(length=128), nullable=False),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("visit", sa.BigInteger(), nullable=True),
        sa.Column("offer", sa.BigInteger(), nullable=True),
        sa.Column("transfer", sa.BigInteger(), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("kind", sa.String(length=16), server_default="talk", nullable=False),
        sa.Column("began_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("waited", sa.Float(), nullable=True),
        sa.Column("talked", sa.Float(), nullable=True),
        sa.Column("hold", sa.Float(), nullable=True),
        sa.Column("ended_by", sa.String(length=16), nullable=True),
        sa.Column("wrap_up", sa.Float(), nullable=True),
        sa.Column("wrapped_up_at", sa.Float(), nullable=True),
        sa.Column("estimated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("call", "segment"),
    )
    op.create_index("segments_agent", "segments", ["agent", "began_at"], unique=False)
    op.create_index("segments_began", "segments", ["began_at", "agent"], unique=False)
    op.create_table(
        "survey_answers",
        sa.Column("fact", sa.String(length=48), nullable=False),
        sa.Column("call", sa.String(length=128), nullable=True),
        sa.Column("segment", sa.BigInteger(), nullable=True),
        sa.Column("survey", sa.String(length=128), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("question", sa.String(length=128), nullable=True),
        sa.Column("answer", sa.String(length=8), nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("fact"),
    )
    op.create_index("survey_answers_at", "survey_answers", ["at", "survey"], unique=False)
    op.create_table(
        "surveys",
        sa.Column("fact", sa.String(length=48), nullable=False),
        sa.Column("call", sa.String(length=128), nullable=True),
        sa.Column("segment", sa.BigInteger(), nullable=True),
        sa.Column("survey", sa.String(length=128), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.Column("answers", sa.Integer(), nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("fact"),
    )
    op.create_index("surveys_at", "surveys", ["at", "survey"], unique=False)
    op.create_table(
        "transfers",
        sa.Column("call", sa.String(length=128), nullable=False),
        sa.Column("transfer", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.String(length=128), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("party", sa.String(length=16), nullable=True),
        sa.Column("began_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("call", "transfer"),
    )
    op.create_index("transfers_began", "transfers", ["began_at"], unique=False)
    op.create_table(
        "visits",
        sa.Column("call", sa.String(length=128), nullable=False),
        sa.Column("visit", sa.BigInteger(), nullable=False),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("tier", sa.String(length=128), nullable=True),
        sa.Column("consulted_by", sa.String(length=128), nullable=True),
        sa.Column("began_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("waited", sa.Float(), nullable=True),
        sa.Column("lasted", sa.Float(), nullable=True),
        sa.Column("within_target", sa.Boolean(), nullable=True),
        sa.Column("expected", sa.Float(), nullable=True),
        sa.Column("went_to", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("estimated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("call", "visit"),
    )
    op.create_index("visits_began", "visits", ["began_at", "queue"], unique=False)
