"""When the file of a recording was deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    op.add_column("recordings", sa.Column("deleted_at", sa.Float(), nullable=True))
