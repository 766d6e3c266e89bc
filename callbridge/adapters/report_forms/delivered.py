"""Up to which period each report has been sent to each target, beside the history's own place: so a restart sends nothing again.
Blocks, so it is called in a thread."""

from __future__ import annotations

import hashlib

from sqlalchemy import Engine, select

from callbridge.adapters.database.history_tables import cursors
from callbridge.adapters.database.upsert import upsert


def delivery_key(schedule: str, target: str) -> str:
    """A target may be an address or a URL with a password: only a hash of it is kept."""
    return "report:" + hashlib.sha256(f"{schedule}\0{target}".encode()).hexdigest()[:32]


def delivered_until(engine: Engine, key: str) -> float | None:
    """The end of the last period that was sent; None: nothing was yet. Raises SQLAlchemyError."""
    with engine.connect() as link:
        found = link.scalar(select(cursors.c.seq).where(cursors.c.reader == key))
    return None if found is None else float(found)


def note_delivered(engine: Engine, key: str, until: float, at: float) -> None:
    """Raises SQLAlchemyError."""
    row = {"reader": key, "token": 0, "seq": int(until), "at": at}
    with engine.begin() as link:
        link.execute(upsert(link, cursors, tuple(row)), row)
