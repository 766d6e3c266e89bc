"""Indexes of what lasted for over a month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    is_long = sa.text("ended_at - began_at > 2678400.0")
    for table in ("visits", "segments", "agent_states"):
        op.create_index(f"{table}_long", table, ["ended_at"], unique=False, sqlite_where=is_long, postgresql_where=is_long)
