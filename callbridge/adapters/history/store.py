"""The history's door to the database. Every batch of facts is one transaction, with the place up to which they are written, so
each fact counts exactly once, whatever is told again. Blocks, so it is called in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Table, and_, select, update

from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import cursors
from callbridge.adapters.database.upsert import upsert
from callbridge.adapters.history.lost import Survivors, close_lost
from callbridge.adapters.history.people import People
from callbridge.adapters.history.rows import EndOpen, HistoryChange, RowChange, rows_of
from callbridge.adapters.outbox.envelope import BEGINNING, Envelope, Place, place_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

READER = "history"
_Key = tuple[str, tuple[Any, ...]]


class HistoryStore:
    """``statement_within``: seconds that a statement may take on the server, where somebody waits for it. ``survivors``: what
    goes on in the term that writes; with the first fact of it, everything else that is open is closed."""

    def __init__(
        self, url: str, people: People, statement_within: float | None = None, survivors: Survivors | None = None
    ) -> None:
        self.database = Database(url, statement_within)
        self._people = people
        self._survivors = survivors

    def open(self) -> None:
        """Create what is missing. Raises BadDatabase, NotAnswering when it may be better later."""
        self.database.open()

    def close(self) -> None:
        self.database.close()

    def cut(self, thread: int) -> None:
        """Have this thread wait no longer for the database."""
        self.database.cut(thread)

    def place(self) -> Place | None:
        """Up to which fact the history is written; None for one that begins."""
        with self.database.engine.begin() as link:
            return _place(link)

    def write(self, facts: Sequence[Envelope], at: float) -> int:
        """Write what is not written yet; returns how many facts that were. ``at``: now, by the clock on the wall."""
        with self.database.engine.begin() as link:
            written = _place(link, lock=True)
            new = [fact for fact in facts if written is None or place_of(fact.id) > written]
            if not new:
                return 0
            survivors = self._survivors
            if survivors is not None and (written or BEGINNING)[0] < survivors.token:
                former = [fact for fact in new if place_of(fact.id)[0] < survivors.token]
                self._write(link, former)
                if len(former) < len(new):
                    _close_lost(link, survivors, former[-1].at if former else 0.0)
                self._write(link, new[len(former) :])
            else:
                self._write(link, new)
            token, seq = place_of(new[-1].id)
            place = {"reader": READER, "token": token, "seq": seq, "at": at}
            _upsert(link, cursors, [place])
        return len(new)

    def _write(self, link: Connection, facts: Sequence[Envelope]) -> None:
        batch = _Batch(link)
        for fact in facts:
            batch.add(rows_of(fact, self._people))
        batch.flush()


def _close_lost(link: Connection, survivors: Survivors, at: float) -> None:
    """``at``: of the last fact before the term that is known here, if any."""
    written_at = link.scalar(select(cursors.c.at).where(cursors.c.reader == READER)) or 0.0
    closed = close_lost(link, survivors, max(written_at, at))
    if closed:
        log.warning("calls whose end was lost were closed in the history", calls=closed)


class _Batch:
    """Rows that change, each gathered from all that the facts say of it, and written together: a statement for each set of
    columns instead of one for each fact."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._tables: dict[str, Table] = {}
        self._rows: dict[_Key, dict[str, Any]] = {}

    def add(self, written: Iterable[HistoryChange]) -> None:
        for one in written:
            match one:
                case RowChange(table=table, key=key, values=values):
                    self._tables[table.name] = table
                    self._rows.setdefault((table.name, key), {}).update(values)
                case EndOpen():
                    self.flush()
                    self._end(one)

    def flush(self) -> None:
        alike: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = {}
        for (name, key), values in self._rows.items():
            columns = (column.name for column in self._tables[name].primary_key)
            row = dict(zip(columns, key, strict=True)) | values
            alike.setdefault((name, tuple(sorted(row))), []).append(row)
        for (name, _), rows in alike.items():
            _upsert(self._link, self._tables[name], rows)
        self._rows.clear()

    def _end(self, one: EndOpen) -> None:
        table = one.table
        _, number = table.primary_key.columns
        open_ = and_(table.c.call == one.call, table.c.ended_at.is_(None))
        found = self._link.scalar(select(number).where(open_).order_by(number).limit(1))
        if found is None:
            _upsert(self._link, table, [{"call": one.call, number.name: one.number} | one.values])
            return
        values = {name: value for name, value in one.values.items() if name != "began_at"}
        self._link.execute(update(table).where(table.c.call == one.call, number == found).values(values))


def _place(link: Connection, *, lock: bool = False) -> Place | None:
    """``lock``: nobody else writes until the transaction ends."""
    wanted = select(cursors.c.token, cursors.c.seq).where(cursors.c.reader == READER)
    row = link.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return None if row is None else (row.token, row.seq)


def _upsert(link: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows that have the same columns, or change those that are there."""
    link.execute(upsert(link, table, tuple(rows[0])), rows)
