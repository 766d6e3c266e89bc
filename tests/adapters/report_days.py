"""Histories for the tests of reports: a day of the simulator at any time of the year, and rows put in by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from random import Random
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
QUEUES, AGENTS = ("sales", "support", "orders"), ("ann", "bob", "eve")
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


def busy(store: HistoryStore, seed: int, origin: float) -> tuple[float, float]:
    """A hundred random calls in eleven hours from ``origin``, with all results of offers, visits and transfers; begin and end."""
    rng, end = Random(seed), origin + 11 * HOUR
    made: dict[Table, list[dict[str, Any]]] = {table: [] for table in tables.HISTORY_TABLES}
    for number in range(100):
        call, queue, began = f"c{number}", rng.choice(QUEUES), rng.uniform(origin, end - 1)
        waited = rng.choice((rng.uniform(0, 40), rng.uniform(0, 900)))
        outcome = rng.choice(("answered", "answered", "answered", "abandoned", "short_abandoned", "overflowed", "failed", None))
        caller = {
            "call": call,
            "entry": rng.choice(("main", "night")),
            "tier": rng.choice(("gold", "silver")),
            "arrived_at": began,
        }
        made[tables.calls].append(caller)
        visit = {"call": call, "visit": 1, "queue": queue, "tier": caller["tier"], "began_at": began, "outcome": outcome}
        visit |= {"waited": None, "ended_at": None, "within_target": False}
        if outcome is not None:
            visit |= {"waited": waited, "ended_at": began + waited, "within_target": waited <= 20}
        made[tables.visits].append(visit)
        for offer in range(rng.randrange(4)):
            result = rng.choice(
                ("answered", "no_answer", "rejected", "offline", "unavailable", "misconfigured", "cancelled", None)
            )
            offered = {"call": call, "offer": 10 + offer, "queue": queue, "tier": caller["tier"], "agent": rng.choice(AGENTS)}
            offered |= {"result": result, "rang_for": rng.uniform(0, 20), "began_at": began + rng.uniform(0, waited)}
            made[tables.offers].append(offered | {"cause": rng.choice((0, 17, 20)), "trouble": rng.choice(("", "", "dnd"))})
        if outcome == "answered":
            talked = rng.choice((rng.uniform(1, 300), rng.uniform(1, 4000)))
            made[tables.segments] += _segments(rng, call, queue, began + waited, talked)
            if rng.random() < 0.5:
                given = {
                    "call": call,
                    "transfer": 50,
                    "agent": rng.choice(AGENTS),
                    "queue": queue,
                    "kind": rng.choice(("blind", "consult")),
                }
                given |= {
                    "target": rng.choice(("agent:bob", "queue:support", "number:4711")),
                    "party": rng.choice(("agent", "customer")),
                }
                made[tables.transfers].append(
                    given | {"began_at": began + waited + talked, "result": rng.choice(("completed", "failed", None))}
                )
    with store.database.engine.begin() as link:
        for table, rows in made.items():
            if rows:
                link.execute(insert(table), rows)
    return origin, end


def _segments(rng: Random, call: str, queue: str, began: float, talked: float) -> list[dict[str, Any]]:
    """A talk, and often one after a transfer."""
    own = {"call": call, "queue": queue, "kind": "talk", "visit": 1, "transfer": 0, "segment": 30, "agent": rng.choice(AGENTS)}
    own |= {
        "began_at": began,
        "ended_at": began + talked,
        "talked": talked,
        "ended_by": rng.choice(("agent", "customer", "short")),
    }
    after = own | {"segment": 60, "visit": 0, "transfer": 50, "agent": rng.choice(AGENTS), "began_at": began + talked}
    after |= {"ended_at": began + 2 * talked, "ended_by": "customer"}
    return [own, after] if rng.random() < 0.5 else [own]


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
