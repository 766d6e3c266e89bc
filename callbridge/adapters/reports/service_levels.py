"""Service levels: the four usual formulas beside each other, and how many were answered within each of several times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, case, func, select

from callbridge.adapters.database.history_tables import calls, visits
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row, together_name
from callbridge.adapters.reports.slots import labels_of, slot_of

_TIMES = (10, 20, 30, 60, 120)
"""Seconds."""


@dataclass(slots=True)
class ServiceLevels:
    """Of one queue in one interval. ``within``: answered within the target; ``left_within``: abandoned within it, short abandons
    left out. ``answered_within``: by seconds."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    within: int = 0
    left_within: int = 0
    answered_within: dict[int, int] = field(default_factory=lambda: dict.fromkeys(_TIMES, 0))


def find_service_levels(engine: Engine, query: ReportQuery) -> dict[tuple[str, str], ServiceLevels]:
    """(label of the interval, queue) -> figures, by queue. Raises SQLAlchemyError."""
    labels = labels_of(query.pieces())
    found: dict[tuple[str, str], ServiceLevels] = {}
    with engine.connect() as link:
        for row in link.execute(_visits(query)):
            name = together_name(query.queues) if query.together else row.queue or ""
            one = found.setdefault((labels[row.slot], name), ServiceLevels())
            one.offered += row.offered
            one.answered += row.answered
            one.abandoned += row.abandoned
            one.short_abandoned += row.short_abandoned
            one.within += row.within
            one.left_within += row.left_within
            for seconds in _TIMES:
                one.answered_within[seconds] += getattr(row, f"within_{seconds}")
    return dict(sorted(found.items(), key=lambda item: item[0][1]))


def _visits(query: ReportQuery) -> Select[Any]:
    own = visits.c
    answered, abandoned = own.outcome == "answered", own.outcome == "abandoned"
    what = (slot_of(own.began_at).label("slot"), own.queue)
    wanted = select(
        *what,
        func.count().label("offered"),
        _number(answered, "answered"),
        _number(abandoned, "abandoned"),
        _number(own.outcome == "short_abandoned", "short_abandoned"),
        _number(and_(answered, own.within_target), "within"),
        _number(and_(abandoned, own.within_target), "left_within"),
        *(_number(and_(answered, own.waited <= seconds), f"within_{seconds}") for seconds in _TIMES),
    ).where(own.began_at >= query.begin, own.began_at < query.end)
    if query.entries:
        wanted = wanted.join(calls, calls.c.call == own.call).where(calls.c.entry.in_(query.entries))
    for column, names in ((own.queue, query.queues), (own.tier, query.tiers)):
        if names:
            wanted = wanted.where(column.in_(names))
    return wanted.group_by(*what)


def _number(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0)).label(name)


_COUNT, _SHARE = ValueKind.COUNT, ValueKind.SHARE
_COLUMNS = (
    ReportColumn("offered", _COUNT, "offered", "visits that began in the interval"),
    ReportColumn("answered", _COUNT, "answ.", "of these: connected with an agent, both in the call"),
    ReportColumn("abandoned", _COUNT, "aband.", "of these: the caller hung up while waiting, not within the short time"),
    ReportColumn(
        "short_abandoned", _COUNT, "short", "of these: the caller hung up within the queue's short_abandon", brief=False
    ),
    ReportColumn("within_target", _COUNT, "within", "answered within the target of queue and tier", brief=False),
    ReportColumn("service_level", _SHARE, "SL", "answered within the target / (answered + abandoned)"),
    ReportColumn("service_level_answered", _SHARE, "SL answ.", "answered within the target / answered"),
    ReportColumn(
        "service_level_with_abandoned",
        _SHARE,
        "SL + ab.",
        "(answered within the target + abandoned within the target) / (answered + abandoned)",
    ),
    ReportColumn("service_level_offered", _SHARE, "SL off.", "answered within the target / offered"),
    *(
        ReportColumn(f"within_{seconds}", _COUNT, f"{seconds} s", f"answered within {seconds} s", brief=False)
        for seconds in _TIMES
    ),
)
_NOTES = ("A visit counts in the interval in which it began. Short abandons count in the last formula only, as offered.",)


def service_level_report(engine: Engine, query: ReportQuery) -> Report:
    """A row for each queue of each interval."""
    found: dict[Key, Row] = {key: _values(one) for key, one in find_service_levels(engine, query).items()}
    columns = (INTERVAL, ReportColumn("queue", ValueKind.TEXT, "queue"), *_COLUMNS)
    rows = keyed_rows(query.pieces(), found, 1, len(_COLUMNS))
    return Report("service-level", FigureFamily.COHORT, columns, rows, Chart.BARS, ("offered", "within_target"), list(_NOTES))


def _values(one: ServiceLevels) -> Row:
    counted = one.answered + one.abandoned
    counts = (one.offered, one.answered, one.abandoned, one.short_abandoned, one.within)
    levels = (
        ratio(one.within, counted),
        ratio(one.within, one.answered),
        ratio(one.within + one.left_within, counted),
        ratio(one.within, one.offered),
    )
    return (*counts, *levels, *one.answered_within.values())
