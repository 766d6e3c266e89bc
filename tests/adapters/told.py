"""Facts that tests make up, written into a history as the outbox would hand them over; and reports, read as rows by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from callbridge.adapters.history import HistoryStore
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.report import Report, ReportQuery, ValueKind
from callbridge.core.model.facts import AnyFact, CallArrived, TalkBegan, VisitBegan

ZONE = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 11, 27, 16, 0, tzinfo=UTC).timestamp()
"""Midnight in ``ZONE``."""
DAY = 86_400.0


def tell(store: HistoryStore, facts: Iterable[AnyFact]) -> None:
    """In the order of their times; facts of the same time in that of the list. A talk belongs to the latest visit of its call."""
    numbered: list[AnyFact] = []
    visits: dict[str, int] = {}
    for seq, fact in enumerate(sorted(facts, key=lambda fact: fact.at), 1):
        if isinstance(fact, VisitBegan):
            visits[fact.call] = seq
        fact = replace(fact, visit=visits.get(fact.call, 0)) if isinstance(fact, TalkBegan) else fact
        numbered.append(replace(fact, seq=seq))
    store.write(tuple(Stamper().stamp(1, numbered)), 0.0)


def arrival(call: str, at: float, *, number: str = "+442079460000", entry: str = "main", **more: Any) -> CallArrived:
    who = {"number": number, "name": "", "tier": "standard", "uniqueid": "", "linkedid": ""}
    return CallArrived(seq=0, at=at, call=call, leg=f"lab/{call}", entry=entry, **(who | more))


def asked(
    begin: float = MORNING, end: float = MORNING + DAY, by: By = By.WHOLE, now: float | None = None, **more: Any
) -> ReportQuery:
    return ReportQuery(begin=begin, end=end, now=end if now is None else now, zone=ZONE, by=by, **more)


def read(report: Report) -> list[dict[str, Any]]:
    """Its rows by the names of its columns, each as long as there are columns."""
    names = [column.name for column in report.columns]
    return [dict(zip(names, row, strict=True)) for row in report.rows]


def sums(report: Report, *left_out: str) -> dict[tuple[Any, ...], Counter[str]]:
    """The names of a row, without the interval -> the sums of its counts over all intervals."""
    named = [column.name for column in takewhile(lambda column: column.kind is ValueKind.TEXT, report.columns[1:])]
    counted = [column.name for column in report.columns if column.kind is ValueKind.COUNT and column.name not in left_out]
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for row in read(report):
        if any(row[name] for name in counted):
            of = found.setdefault(tuple(row[name] for name in named), Counter())
            of.update({name: row[name] for name in counted if row[name]})
    return found


def adds_up(make: Callable[[ReportQuery], Report], *left_out: str, begin: float = MORNING, end: float = MORNING + DAY) -> None:
    """The sums over quarters of an hour, hours and weekdays are those of the whole, and there is something to add."""
    whole = sums(make(asked(begin, end)), *left_out)
    assert whole
    for by in (By.QUARTER_HOUR, By.HOUR, By.HOUR_OF_DAY, By.WEEKDAY):
        assert sums(make(asked(begin, end, by)), *left_out) == whole
