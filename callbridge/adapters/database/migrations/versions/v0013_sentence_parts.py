"""The parts of the sentences that say why something was refused or failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"


def upgrade() -> None:
    op.add_column("changes", sa.Column("reason_parts", sa.Text(), nullable=True))
    op.add_column("recordings", sa.Column("failure_parts", sa.Text(), nullable=True))
