"""The order in which recordings were scored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    op.add_column("quality_scores", sa.Column("change", sa.BigInteger(), nullable=True))
    op.create_index("quality_scores_change", "quality_scores", ["change"], unique=True)
