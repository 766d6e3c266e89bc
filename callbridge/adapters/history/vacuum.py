"""Deletes expired rows at once and releases their space."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from callbridge.adapters.database import Database
from callbridge.adapters.database.schema import ALL_TABLES
from callbridge.adapters.history.retention import Retention, prune

_SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """Bytes of the database, before and after."""

    deleted: int
    before: int
    after: int


def vacuum(database: Database, retention: Retention, now: float) -> Vacuumed:
    """Delete expired rows, compact the database, and update the statistics by which it plans its queries. SQLite lets
    nobody write meanwhile; PostgreSQL does, and keeps most of the space for new rows. Raises SQLAlchemyError."""
    before = _size(database)
    deleted = prune(database, retention, now)
    engine = database.engine
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
        if engine.dialect.name == "postgresql":
            for table in ALL_TABLES:
                link.execute(text(f"VACUUM (ANALYZE) {table.name}"))
        else:
            link.execute(text("VACUUM"))
            link.execute(text("ANALYZE"))
            link.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return Vacuumed(deleted, before, _size(database))


def _size(database: Database) -> int:
    with database.engine.connect() as link:
        return int(link.scalar(text(_SIZES[database.engine.dialect.name])) or 0)
