"""How long a supervision lasted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"


def upgrade() -> None:
    op.add_column("changes", sa.Column("lasted", sa.Float(), nullable=True))
