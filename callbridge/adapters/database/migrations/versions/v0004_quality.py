"""Samples of recordings for review, and their scores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    op.create_table(
        "quality_marks",
        sa.Column("score", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("criterion", sa.String(length=64), nullable=False),
        sa.Column("section", sa.String(length=64), nullable=False),
        sa.Column("fatal", sa.Boolean(), nullable=False),
        sa.Column("mark", sa.Float(), nullable=True),
        sa.Column("most", sa.Float(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("heard_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("score", "criterion"),
    )
    op.create_table(
        "quality_samples",
        sa.Column("sample", sa.String(length=64), nullable=False),
        sa.Column("recording", sa.String(length=48), nullable=False),
        sa.Column("period", sa.String(length=16), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.Column("call", sa.String(length=128), nullable=False),
        sa.Column("segment", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("agent", sa.String(length=128), nullable=False),
        sa.Column("queue", sa.String(length=128), server_default="", nullable=False),
        sa.Column("campaign", sa.String(length=128), server_default="", nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.Float(), nullable=False),
        sa.Column("drawn_at", sa.Float(), nullable=False),
        sa.Column("taken_by", sa.String(length=128), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sample", "recording"),
    )
    op.create_index("quality_samples_period", "quality_samples", ["sample", "period", "place"], unique=False)
    op.create_table(
        "quality_scores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sample", sa.String(length=64), nullable=False),
        sa.Column("recording", sa.String(length=48), nullable=False),
        sa.Column("reviewer", sa.String(length=128), nullable=False),
        sa.Column("call", sa.String(length=128), nullable=False),
        sa.Column("agent", sa.String(length=128), nullable=False),
        sa.Column("queue", sa.String(length=128), server_default="", nullable=False),
        sa.Column("campaign", sa.String(length=128), server_default="", nullable=False),
        sa.Column("recorded_at", sa.Float(), nullable=False),
        sa.Column("calibrates", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.Column("form_version", sa.String(length=16), server_default="", nullable=False),
        sa.Column("assigned_at", sa.Float(), nullable=False),
        sa.Column("scored_at", sa.Float(), nullable=True),
        sa.Column("points", sa.Float(), nullable=True),
        sa.Column("failed", sa.Integer(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("disputed_at", sa.Float(), nullable=True),
        sa.Column("disputed_by", sa.String(length=128), nullable=True),
        sa.Column("dispute", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reviewer", "recording"),
    )
    op.create_index("quality_scores_recorded", "quality_scores", ["recorded_at", "agent"], unique=False)
    op.create_index("quality_scores_recording", "quality_scores", ["recording"], unique=False)
