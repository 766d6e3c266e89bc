"""An index of the leads that only one agent is to call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    own = sa.text("agent != ''")
    op.create_index("leads_agent", "leads", ["agent", "due_at"], unique=False, sqlite_where=own, postgresql_where=own)
