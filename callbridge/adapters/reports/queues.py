"""Queues, tiers and entries, as cohorts: what became of the visits that began in each interval."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Engine, Select, and_, case, func, select

from callbridge.adapters.database.history_tables import calls, segments, visits
from callbridge.adapters.reports.intervals import Interval
from callbridge.adapters.reports.slots import labels_of, slot_of

Of = Literal["queue", "tier", "entry"]


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
        """Average handle time: (talk with hold + wrap-up) / segments, in seconds."""
        return _ratio(self.talked + self.wrap_up, self.segments)


def report_queues(
    engine: Engine, pieces: list[Interval], of: Of = "queue", only: Collection[str] = ()
) -> dict[tuple[str, str], CohortFigures]:
    """(label of the interval, name) -> figures, in order; intervals without a visit have no row. ``only``: these names. Calls
    that we made are in no queue's figures. Raises SQLAlchemyError."""
    labels = labels_of(pieces)
    found: dict[tuple[str, str], CohortFigures] = {}
    begin, end = pieces[0].began, pieces[-1].ended
    with engine.connect() as link:
        for row in link.execute(_visits(begin, end, of, only)):
            _add_visits(found.setdefault((labels[row.slot], row.name or ""), CohortFigures()), row)
        for row in link.execute(_segments(begin, end, of, only)):
            figures = found.setdefault((labels[row.slot], row.name or ""), CohortFigures())
            figures.segments += row.number
            figures.talked += row.talked or 0.0
            figures.hold += row.hold or 0.0
            figures.wrap_up += row.wrap_up or 0.0
    order = {label: place for place, label in enumerate(dict.fromkeys(piece.label for piece in pieces))}
    return dict(sorted(found.items(), key=lambda item: (order[item[0][0]], item[0][1])))


def _visits(begin: float, end: float, of: Of, only: Collection[str]) -> Select[Any]:
    name = calls.c.entry if of == "entry" else visits.c[of]
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
    if of == "entry":
        wanted = wanted.join(calls, calls.c.call == visits.c.call)
    return (wanted.where(name.in_(only)) if only else wanted).group_by(slot, name, visits.c.outcome)


def _add_visits(figures: CohortFigures, row: Any) -> None:
    figures.offered += row.number
    figures.within += row.within or 0
    match row.outcome:
        case "answered":
            figures.answered += row.number
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


def _segments(begin: float, end: float, of: Of, only: Collection[str]) -> Select[Any]:
    """Talks count where the visit that led to them began; after a transfer there is none, and the call's arrival counts."""
    began: ColumnElement[float] = func.coalesce(visits.c.began_at, calls.c.arrived_at, segments.c.began_at)
    name = {"queue": segments.c.queue, "tier": calls.c.tier, "entry": calls.c.entry}[of]
    slot = slot_of(began).label("slot")
    inbound = and_(func.coalesce(calls.c.callback, "") == "", func.coalesce(calls.c.campaign, "") == "")
    wanted = (
        select(
            slot,
            name.label("name"),
            func.count().label("number"),
            func.sum(segments.c.talked).label("talked"),
            func.sum(segments.c.hold).label("hold"),
            func.sum(segments.c.wrap_up).label("wrap_up"),
        )
        .join(calls, calls.c.call == segments.c.call)
        .join(visits, and_(visits.c.call == segments.c.call, visits.c.visit == segments.c.visit), isouter=True)
        .where(began >= begin, began < end, inbound)
        .where(segments.c.kind == "talk", func.coalesce(segments.c.ended_by, "") != "short", segments.c.queue != "")
    )
    return (wanted.where(name.in_(only)) if only else wanted).group_by(slot, name)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
