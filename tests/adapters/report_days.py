"""Histories for the tests of reports: a day of the simulator at any time of the year, and rows put in by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, insert

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.intervals import By, moment_of
from callbridge.adapters.reports.report import Report, ReportQuery, ReportValue

from .days import facts_of

LONDON, BERLIN, LORD_HOWE = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
HOUR = 3600.0
SPRING = datetime(2026, 3, 28, 22, 41, tzinfo=UTC).timestamp()
"""Eleven hours from here have a change of the clocks in Europe, and a midnight."""
AUTUMN = datetime(2026, 10, 24, 20, 7, tzinfo=UTC).timestamp()
MONTH_END = datetime(2026, 10, 31, 17, 3, tzinfo=UTC).timestamp()
ORIGINS = (SPRING, AUTUMN, MONTH_END)
_NUMBERS = count(1)


def spread(store: HistoryStore, seed: int, origin: float) -> tuple[float, float]:
    """A day of the simulator, pulled apart to eleven hours from ``origin``; its begin and end."""
    facts = facts_of(seed)
    store.write(facts, 0.0)
    first, last = facts[0].at, facts[-1].at
    stretch = 11 * HOUR / (last - first)
    with store.database.engine.begin() as link:
        for table in tables.HISTORY_TABLES:
            moments = [column for column in table.c if column.name.endswith("_at") or column.name == "at"]
            if moments:
                link.execute(table.update().values({column: origin + (column - first) * stretch for column in moments}))
    return origin, origin + 11 * HOUR


def put(store: HistoryStore, table: Table, **values: Any) -> None:
    """A row; what is left of its key gets a new number."""
    for column in table.primary_key:
        if column.name not in values:
            values[column.name] = f"{column.name}{next(_NUMBERS)}" if column.type.python_type is str else next(_NUMBERS)
    with store.database.engine.begin() as link:
        link.execute(insert(table).values(values))


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    """A moment of local time."""
    return moment_of(text, zone)


def query(begin: float, end: float, by: By = By.WHOLE, zone: ZoneInfo = BERLIN, **changes: Any) -> ReportQuery:
    return ReportQuery(begin, end, changes.pop("now", end), zone, by, **changes)


def table(report: Report) -> list[dict[str, ReportValue]]:
    """Its rows by the names of their columns."""
    names = [column.name for column in report.columns]
    return [dict(zip(names, row, strict=True)) for row in report.rows]


def sums(found: Iterable[dict[str, ReportValue]], names: Iterable[str], columns: Iterable[str]) -> dict[Any, Counter[str]]:
    """The columns added up, for each combination of ``names``."""
    names, columns = tuple(names), tuple(columns)
    made: dict[Any, Counter[str]] = {}
    for row in found:
        values = {column: row[column] or 0 for column in columns}
        if any(values.values()):
            key = tuple(row[name] for name in names)
            made.setdefault(key, Counter()).update(values)
    return made
