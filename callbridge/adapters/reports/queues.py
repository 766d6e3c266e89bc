"""Queues, tiers and entries, as cohorts: what became of the visits that began in each interval."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Engine, Executable, Select, and_, case, exists, func, select

from callbridge.adapters.database.history_tables import calls, is_blank, segments, visits
from callbridge.adapters.reports.intervals import Interval
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row, rows_of, seconds, share, together_name
from callbridge.adapters.reports.slots import labels_of, slot_of

Of = Literal["queue", "tier", "entry"]
Chosen = Mapping[Of, Collection[str]]
"""Only these names; all, where there are none."""


@dataclass(slots=True)
class CohortFigures:
    """Of one queue (tier, entry) in one interval. Waits and talks are sums of seconds; ``waiting``: not ended yet."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    overflowed: int = 0
    failed: int = 0
    waiting: int = 0
    within: int = 0
    waited_answered: float = 0.0
    waited_abandoned: float = 0.0
    longest_answered: float = 0.0
    longest_abandoned: float = 0.0
    segments: int = 0
    segments_ended: int = 0
    talked: float = 0.0
    hold: float = 0.0
    wrap_up: float = 0.0

    @property
    def service_level(self) -> float | None:
        """within / (answered + abandoned); short abandons are in neither. None: there were none."""
        return _ratio(self.within, self.answered + self.abandoned)

    @property
    def abandon_rate(self) -> float | None:
        """abandoned / (answered + abandoned)."""
        return _ratio(self.abandoned, self.answered + self.abandoned)

    @property
    def asa(self) -> float | None:
        """Average speed of answer: wait of the answered / answered, in seconds."""
        return _ratio(self.waited_answered, self.answered)

    @property
    def mean_abandoned(self) -> float | None:
        """Mean wait of the abandoned, in seconds."""
        return _ratio(self.waited_abandoned, self.abandoned)

    @property
    def aht(self) -> float | None:
        """Average handle time: (talk with hold + wrap-up) / segments that are over, in seconds."""
        return _ratio(self.talked + self.wrap_up, self.segments_ended)


_COUNT, _SECONDS, _SHARE = ValueKind.COUNT, ValueKind.SECONDS, ValueKind.SHARE
QUEUE_COLUMNS = (
    ReportColumn("offered", _COUNT, "offered", "visits that began in the interval"),
    ReportColumn("answered", _COUNT, "answ.", "of these: connected with an agent, both in the call"),
    ReportColumn("abandoned", _COUNT, "aband.", "of these: the caller hung up while waiting, not within the short time"),
    ReportColumn(
        "short_abandoned", _COUNT, "short", "of these: the caller hung up within the queue's short_abandon", brief=False
    ),
    ReportColumn(
        "overflowed",
        _COUNT,
        "over",
        "of these: left for another queue, a flow, a callback, voicemail or the dialplan",
        brief=False,
    ),
    ReportColumn("failed", _COUNT, "fail", "of these: ended by a fault, or in an unknown way", brief=False),
    ReportColumn("waiting", _COUNT, "wait", "of these: not ended yet", brief=False),
    ReportColumn("service_level", _SHARE, "SL", "answered within the target / (answered + abandoned)"),
    ReportColumn("asa", _SECONDS, "ASA", "average speed of answer: wait of the answered / answered"),
    ReportColumn("aht", _SECONDS, "AHT", "average handle time: (talk with hold + wrap-up) / talks that are over"),
    ReportColumn("abandon_rate", _SHARE, "ab. rate", "abandoned / (answered + abandoned)", brief=False),
    ReportColumn("longest_wait", _SECONDS, "longest", "longest wait of the answered", brief=False),
    ReportColumn("mean_abandoned", _SECONDS, "wait ab.", "mean wait of the abandoned", brief=False),
    ReportColumn("longest_abandoned", _SECONDS, "longest ab.", "longest wait of the abandoned", brief=False),
    ReportColumn("talks", _COUNT, "talks", "talks with an agent; a transferred call has several", brief=False),
    ReportColumn("hold", _SECONDS, "hold", "sum of the time on hold, which is part of the talk", brief=False),
)


COST_COLUMNS = (
    ReportColumn(
        "handle_cost", ValueKind.MONEY, "cost", "cost of the agents' time: (talk with hold + wrap-up) x hour", brief=False
    ),
    ReportColumn("cost_per_answered", ValueKind.MONEY, "per answ.", "cost of the agents' time / answered", brief=False),
)
"""With the cost of an agent's hour. The time in which agents wait belongs to no queue: it is in the agents' cost per minute."""


def queues_report(engine: Engine, query: ReportQuery) -> Report:
    return _report(engine, query, "queues", "queue")


def tiers_report(engine: Engine, query: ReportQuery) -> Report:
    return _report(engine, query, "tiers", "tier")


def entries_report(engine: Engine, query: ReportQuery) -> Report:
    return _report(engine, query, "entries", "entry")


def _report(engine: Engine, query: ReportQuery, name: str, of: Of) -> Report:
    pieces = query.pieces()
    chosen: Chosen = {"queue": query.queues, "tier": query.tiers, "entry": query.entries}
    found = report_queues(engine, pieces, of, chosen)
    if query.together:
        found = added_up(found, together_name(chosen[of]))
    cost = query.terms.agent_hour
    columns = QUEUE_COLUMNS if cost is None else (*QUEUE_COLUMNS, *COST_COLUMNS)
    return Report(
        name,
        FigureFamily.COHORT,
        (INTERVAL, ReportColumn(of, ValueKind.TEXT, of), *columns),
        rows_of(pieces, found, lambda one: (*_values(one), *_cost(one, cost)), len(columns)),
        Chart.BARS,
        ("offered", "abandoned"),
        ["A visit counts in the interval in which it began. Calls that callbridge made are in no queue's figures."],
    )


def added_up(found: Mapping[tuple[str, str], CohortFigures], name: str) -> dict[tuple[str, str], CohortFigures]:
    """(label, ``name``) -> the figures of all names of the label together."""
    sums: dict[tuple[str, str], CohortFigures] = {}
    for (label, _), one in found.items():
        of_label = sums.setdefault((label, name), CohortFigures())
        for figure in fields(CohortFigures):
            both = getattr(of_label, figure.name), getattr(one, figure.name)
            setattr(of_label, figure.name, max(both) if figure.name.startswith("longest") else sum(both))
    return sums


def _values(one: CohortFigures) -> Row:
    counts = (one.offered, one.answered, one.abandoned, one.short_abandoned, one.overflowed, one.failed, one.waiting)
    speed = (share(one.service_level), seconds(one.asa), seconds(one.aht), share(one.abandon_rate))
    waits = (_longest(one.longest_answered, one.answered), seconds(one.mean_abandoned))
    return (*counts, *speed, *waits, _longest(one.longest_abandoned, one.abandoned), one.segments, seconds(one.hold))


def _cost(one: CohortFigures, agent_hour: float | None) -> Row:
    if agent_hour is None:
        return ()
    cost = (one.talked + one.wrap_up) / 3600 * agent_hour
    return round(cost, 4), round(cost / one.answered, 4) if one.answered else None


def _longest(longest: float, number: int) -> float | None:
    return seconds(longest) if number else None


def report_queues(
    engine: Engine, pieces: list[Interval], of: Of = "queue", chosen: Chosen | None = None
) -> dict[tuple[str, str], CohortFigures]:
    """(label of the interval, name) -> figures, in order; intervals without a visit have no row. Calls that we made are in no
    queue's figures. Raises SQLAlchemyError."""
    labels = labels_of(pieces)
    found: dict[tuple[str, str], CohortFigures] = {}
    begin, end = pieces[0].began, pieces[-1].ended
    with engine.connect() as link:
        for row in link.execute(_visits(begin, end, of, chosen or {})):
            _add_visits(found.setdefault((labels[row.slot], row.name or ""), CohortFigures()), row)
        for row in chain.from_iterable(map(link.execute, _segments(begin, end, of, chosen or {}))):
            figures = found.setdefault((labels[row.slot], row.name or ""), CohortFigures())
            figures.segments += row.number
            figures.segments_ended += row.ended
            figures.talked += row.talked or 0.0
            figures.hold += row.hold or 0.0
            figures.wrap_up += row.wrap_up or 0.0
    order = {label: place for place, label in enumerate(dict.fromkeys(piece.label for piece in pieces))}
    return dict(sorted(found.items(), key=lambda item: (order[item[0][0]], item[0][1])))


def _visits(begin: float, end: float, of: Of, chosen: Chosen) -> Executable:
    names: dict[Of, Column[str]] = {"queue": visits.c.queue, "tier": visits.c.tier, "entry": calls.c.entry}
    name = names[of]
    slot = slot_of(visits.c.began_at).label("slot")
    wanted = select(
        slot,
        name.label("name"),
        visits.c.outcome,
        func.count().label("number"),
        func.sum(visits.c.waited).label("waited"),
        func.max(visits.c.waited).label("longest"),
        func.sum(case((visits.c.within_target, 1), else_=0)).label("within"),
    ).where(visits.c.began_at >= begin, visits.c.began_at < end)
    if of == "entry" or chosen.get("entry"):
        wanted = wanted.join(calls, calls.c.call == visits.c.call)
    return wanted.where(*_only(names, chosen)).group_by(slot, name, visits.c.outcome)


def _add_visits(figures: CohortFigures, row: Any) -> None:
    figures.offered += row.number
    match row.outcome:
        case "answered":
            figures.answered += row.number
            figures.within += row.within or 0
            figures.waited_answered += row.waited or 0.0
            figures.longest_answered = max(figures.longest_answered, row.longest or 0.0)
        case "abandoned":
            figures.abandoned += row.number
            figures.waited_abandoned += row.waited or 0.0
            figures.longest_abandoned = max(figures.longest_abandoned, row.longest or 0.0)
        case "short_abandoned":
            figures.short_abandoned += row.number
        case "overflowed":
            figures.overflowed += row.number
        case None:
            figures.waiting += row.number
        case _:
            figures.failed += row.number


def _segments(begin: float, end: float, of: Of, chosen: Chosen) -> Iterator[Executable]:
    """Talks count where the visit that led to them began; after a transfer there is none, and the call's arrival counts; where
    that is not known either, their own beginning. A statement for each, so that an index finds the rows of the period."""
    visit = and_(visits.c.call == segments.c.call, visits.c.visit == segments.c.visit)
    without_visit = ~exists(select(1).where(visit))
    yield _talks(visits.c.began_at, of, chosen, begin, end).join(visits, visit)
    yield _talks(calls.c.arrived_at, of, chosen, begin, end).where(without_visit)
    yield _talks(segments.c.began_at, of, chosen, begin, end).where(without_visit, calls.c.arrived_at.is_(None))


def _talks(began: Column[float], of: Of, chosen: Chosen, begin: float, end: float) -> Select[int, str, int, int, Any, Any, Any]:
    names: dict[Of, Column[str]] = {"queue": segments.c.queue, "tier": calls.c.tier, "entry": calls.c.entry}
    name = names[of]
    slot = slot_of(began).label("slot")
    inbound = and_(is_blank(calls.c.callback), is_blank(calls.c.campaign))
    return (
        select(
            slot,
            name.label("name"),
            func.count().label("number"),
            func.count(segments.c.talked).label("ended"),
            func.sum(segments.c.talked).label("talked"),
            func.sum(segments.c.hold).label("hold"),
            func.sum(segments.c.wrap_up).label("wrap_up"),
        )
        .select_from(segments)
        .join(calls, calls.c.call == segments.c.call)
        .where(began >= begin, began < end, inbound)
        .where(segments.c.kind == "talk", func.coalesce(segments.c.ended_by, "") != "short", segments.c.queue != "")
        .where(*_only(names, chosen))
        .group_by(slot, name)
    )


def _only(names: Mapping[Of, Column[str]], chosen: Chosen) -> list[ColumnElement[bool]]:
    return [names[of].in_(those) for of, those in chosen.items() if those]


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
