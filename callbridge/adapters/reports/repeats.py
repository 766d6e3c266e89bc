"""Repeat calls and first-call resolution: who called the same queue again within a day of talking to an agent of it.

Callers without a number are nobody's repeat: they are left out on both sides, as are calls that we made.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from math import inf
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, case, func, or_, select

from callbridge.adapters.database.history_tables import calls, segments, visits
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL
from callbridge.adapters.reports.slots import SLOT, labels_of

REPEAT_WITHIN = 86_400.0
"""Seconds from the beginning of the talk to the next call."""
_ROWS_AT_ONCE = 2000
_LONGEST_CALL = 7 * 86_400.0
"""Seconds within which a call enters its last queue: so a database need not look through all calls that there ever were."""


@dataclass(slots=True)
class RepeatFigures:
    """Of one queue and agent in one interval."""

    answered: int = 0
    repeated: int = 0
    repeat_calls: int = 0


_NAMES = (
    ReportColumn("queue", ValueKind.TEXT, "queue"),
    ReportColumn("agent", ValueKind.TEXT, "agent", "who talked to the caller the first time"),
)
_COLUMNS = (
    ReportColumn("answered", ValueKind.COUNT, "answered", "answered visits of callers with a number"),
    ReportColumn(
        "repeats", ValueKind.COUNT, "repeats", "of these: the same number called the same queue again within 24 h of the talk"
    ),
    ReportColumn("fcr", ValueKind.SHARE, "FCR", "first-call resolution: 1 - repeats / answered"),
    ReportColumn(
        "repeat_calls",
        ValueKind.COUNT,
        "calls again",
        "repeat calls, answered or not, each attributed to the talk before it",
        brief=False,
    ),
)


def repeats_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    with engine.connect() as link:
        found = _figures(link, query, labels_of(pieces))
    rows = {}
    for key in sorted(found):
        one = found[key]
        rows[key] = (one.answered, one.repeated, ratio(one.answered - one.repeated, one.answered), one.repeat_calls)
    notes = ["A visit counts in the interval in which it began; a repeat with the talk before it."]
    if query.end + REPEAT_WITHIN > query.now:
        notes.append("Figures of the last 24 hours may still change: some of these callers may yet call again.")
    columns = (INTERVAL, *_NAMES, *_COLUMNS)
    width = len(_COLUMNS)
    return Report(
        "repeats",
        FigureFamily.COHORT,
        columns,
        keyed_rows(pieces, rows, len(_NAMES), width),
        Chart.BARS,
        ("repeats",),
        notes,
    )


@dataclass(slots=True)
class AnsweredVisit:
    """``talked_at``: when the talk began. ``repeated``: the person called again within a day of it; ``calls_again``: how often
    before the next talk."""

    began_at: float
    tier: str
    agent: str
    talked_at: float
    repeated: bool = False
    calls_again: int = 0


def _figures(link: Connection, query: ReportQuery, labels: Mapping[int, str]) -> dict[Key, RepeatFigures]:
    """(label, queue, agent) -> figures."""
    found: dict[Key, RepeatFigures] = {}
    rows = link.execution_options(yield_per=_ROWS_AT_ONCE).execute(_visits(query))
    for (_, queue), of_person in groupby(rows, lambda row: (row.person, row.queue)):
        for one in _answered(of_person):
            if not (query.begin <= one.began_at < query.end) or not _is_chosen(one, query):
                continue
            figures = found.setdefault((labels[int(one.began_at // SLOT)], queue or "", one.agent), RepeatFigures())
            figures.answered += 1
            figures.repeated += one.repeated
            figures.repeat_calls += one.calls_again
    return found


def _is_chosen(one: AnsweredVisit, query: ReportQuery) -> bool:
    return (not query.agents or one.agent in query.agents) and (not query.tiers or one.tier in query.tiers)


def _answered(rows: Iterable[Any]) -> Iterator[AnsweredVisit]:
    """Of all visits of one person to one queue, the oldest first: those that were answered."""
    talks: list[AnsweredVisit] = []
    came: list[float] = []
    heard: set[str] = set()
    for row in rows:
        if row.call not in heard:  # of several visits of a call to the queue the first is its coming again
            heard.add(row.call)
            came.append(row.began_at)
        if row.talked_at is not None:
            talks.append(AnsweredVisit(row.began_at, row.tier or "", row.agent or "", row.talked_at))
    talks.sort(key=lambda talk: talk.talked_at)
    for place, talk in enumerate(talks):
        next_talk = talks[place + 1].talked_at if place + 1 < len(talks) else inf
        first, last = bisect_left(came, talk.talked_at), bisect_right(came, talk.talked_at + REPEAT_WITHIN)
        talk.repeated = first < last
        talk.calls_again = max(0, min(last, bisect_left(came, next_talk)) - first)
    yield from talks


def _visits(query: ReportQuery) -> Select[Any]:
    """All visits of the period, and later ones of those who talked in it, by person and queue, the oldest first."""
    own = visits.c
    talk = and_(
        segments.c.call == own.call,
        segments.c.visit == own.visit,
        segments.c.kind == "talk",
        func.coalesce(segments.c.ended_by, "") != "short",
    )
    talked_at = case((own.outcome == "answered", func.coalesce(segments.c.began_at, own.ended_at))).label("talked_at")
    earlier, caller = visits.alias(), calls.alias()
    talked = (
        select(caller.c.person)
        .join_from(earlier, caller, caller.c.call == earlier.c.call)
        .where(earlier.c.began_at >= query.begin, earlier.c.began_at < query.end, earlier.c.outcome == "answered")
    )
    wanted = (
        select(calls.c.person, own.queue, own.call, own.began_at, own.tier, segments.c.agent, talked_at)
        .join(calls, calls.c.call == own.call)
        .join(segments, talk, isouter=True)
        .where(own.began_at >= query.begin, own.began_at < query.end + 2 * REPEAT_WITHIN)  # nobody waits as long as a day
        .where(or_(own.began_at < query.end, calls.c.person.in_(talked)))
        .where(calls.c.arrived_at >= query.begin - _LONGEST_CALL, calls.c.arrived_at < query.end + 2 * REPEAT_WITHIN)
        .where(calls.c.direction == "in", func.coalesce(calls.c.person, "") != "")
    )
    wanted = wanted.where(own.queue.in_(query.queues)) if query.queues else wanted
    return wanted.order_by(calls.c.person, own.queue, own.began_at, own.call, own.visit)
