"""Customers who are called back because a fatal criterion failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    op.add_column("quality_scores", sa.Column("callback", sa.String(length=64), nullable=True))
    op.add_column("quality_scores", sa.Column("callback_outcome", sa.Text(), nullable=True))
