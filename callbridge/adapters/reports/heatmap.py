"""Each hour of the week: what became of the callers, and how much was talked. An hour that a change of the clocks brings twice
counts twice, and one that it leaves out not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, func, select

from callbridge.adapters.database.history_tables import calls, segments
from callbridge.adapters.reports.concurrency import spans, sweep
from callbridge.adapters.reports.intervals import BadPeriod, Interval
from callbridge.adapters.reports.keyed_rows import mean
from callbridge.adapters.reports.queues import Chosen, CohortFigures, added_up, report_queues
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ReportValue, ValueKind
from callbridge.adapters.reports.rows import share
from callbridge.adapters.reports.slots import SLOT

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = tuple(f"{hour:02}:00" for hour in range(24))
_CELLS = tuple(f"{weekday} {hour}" for weekday in _WEEKDAYS for hour in _HOURS)

_COUNT, _NUMBER, _SHARE, _TEXT = ValueKind.COUNT, ValueKind.DECIMAL, ValueKind.SHARE, ValueKind.TEXT
_COLUMNS = (
    ReportColumn("weekday", _TEXT, "day"),
    ReportColumn("hour", _TEXT, "hour", "start of the hour, local time"),
    ReportColumn("offered", _COUNT, "offered", "visits that began in this hour of these weekdays"),
    ReportColumn("answered", _COUNT, "answ.", "of these: connected with an agent, both in the call"),
    ReportColumn("service_level", _SHARE, "SL", "answered within the target / (answered + abandoned)"),
    ReportColumn("abandon_rate", _SHARE, "ab. rate", "abandoned / (answered + abandoned)"),
    ReportColumn("mean_wait", ValueKind.SECONDS, "wait", "wait of the answered and the abandoned / (answered + abandoned)"),
    ReportColumn(
        "talk_erlangs", _NUMBER, "erlangs", "average number of simultaneous conversations: their seconds in this hour / hours"
    ),
    ReportColumn("hours", _NUMBER, "hours", "how often this hour of the week occurred in the period"),
)
_NOTES = (
    "Visits count where they began, conversations where their seconds pass. An hour that was not in the period has no figures.",
)


def heatmap_report(engine: Engine, query: ReportQuery) -> Report:
    """A row for each hour of the week, from Monday, 0:00."""
    quarters = list(_quarters(query))
    lengths: dict[str, float] = defaultdict(float)
    for quarter in quarters:
        lengths[quarter.label] += quarter.ended - quarter.began
    figures = _figures(engine, query, quarters)
    talked = _talked(engine, query, quarters)
    rows = []
    for cell in _CELLS:
        weekday, hour = cell.split()
        rows.append((weekday, hour, *_values(figures.get(cell, CohortFigures()), talked[cell], lengths[cell])))
    return Report("heatmap", FigureFamily.COHORT, _COLUMNS, rows, Chart.HEATMAP, ("offered", "talk_erlangs"), list(_NOTES))


def _quarters(query: ReportQuery) -> Iterator[Interval]:
    """All quarters of an hour of the period that have begun, each with the name of its hour of the week."""
    end = min(query.end, query.now)
    if not query.begin < query.end:
        raise BadPeriod("the period ends before it begins")
    for slot in range(int(query.begin // SLOT), -int(-end // SLOT)):
        local = datetime.fromtimestamp(slot * SLOT, query.zone)
        cell = _CELLS[local.weekday() * 24 + local.hour]
        yield Interval(cell, max(float(slot * SLOT), query.begin), min(float((slot + 1) * SLOT), end))


def _figures(engine: Engine, query: ReportQuery, quarters: list[Interval]) -> dict[str, CohortFigures]:
    if not quarters:
        return {}
    chosen: Chosen = {"queue": query.queues, "tier": query.tiers, "entry": query.entries}
    return {cell: one for (cell, _), one in added_up(report_queues(engine, quarters, "queue", chosen), "").items()}


def _talked(engine: Engine, query: ReportQuery, quarters: list[Interval]) -> dict[str, float]:
    """Seconds of conversations in each hour of the week."""
    found: dict[str, float] = defaultdict(float)
    if quarters:
        begin, end = quarters[0].began, quarters[-1].ended
        cells = {int(quarter.began // SLOT): quarter.label for quarter in quarters}
        with engine.connect() as link:
            for slot, load in sweep(link, spans(segments, begin, end, *_talks(query)), begin, end).get("", {}).items():
                found[cells[slot]] += load.seconds
    return found


def _talks(query: ReportQuery) -> Iterator[ColumnElement[bool]]:
    own = segments.c
    yield own.kind == "talk"
    yield func.coalesce(own.ended_by, "") != "short"
    if query.queues:
        yield own.queue.in_(query.queues)
    of_call = [column.in_(names) for column, names in ((calls.c.tier, query.tiers), (calls.c.entry, query.entries)) if names]
    if of_call:
        yield select(calls.c.call).where(calls.c.call == own.call, *of_call).exists()


def _values(one: CohortFigures, talked: float, length: float) -> tuple[ReportValue, ...]:
    hours = round(length / 3600, 2)
    if length <= 0:
        return (*(None for _ in _COLUMNS[3:]), hours)
    waited, counted = one.waited_answered + one.waited_abandoned, one.answered + one.abandoned
    rates = (share(one.service_level), share(one.abandon_rate), mean(waited, counted))
    return (one.offered, one.answered, *rates, round(talked / length, 3), hours)
