"""Callers who hung up while they waited, one row each: where in the queue, after how long, and whether the same person has talked
with us since, by another call or because we called back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, ScalarSelect, Select, and_, func, select

from callbridge.adapters.database.history_tables import calls, segments, visits
from callbridge.adapters.reports.report import FigureFamily, Report, ReportColumn, ReportQuery, ReportValue, ValueKind
from callbridge.adapters.reports.rows import seconds

VISITS_AT_ONCE = 500
ABANDONED = ("abandoned", "short_abandoned")

_COUNT, _MOMENT, _SECONDS, _TEXT = ValueKind.COUNT, ValueKind.MOMENT, ValueKind.SECONDS, ValueKind.TEXT
_COLUMNS = (
    ReportColumn("call", _TEXT, "call", "call ID, for the details", brief=False),
    ReportColumn("entered_at", _MOMENT, "entered", "when the caller entered the queue", brief=False),
    ReportColumn("abandoned_at", _MOMENT, "abandoned", "when the caller hung up"),
    ReportColumn("number", _TEXT, "number", "as stored"),
    ReportColumn("queue", _TEXT, "queue"),
    ReportColumn("tier", _TEXT, "tier", brief=False),
    ReportColumn("entered_at_position", _COUNT, "came as", "place in line on entry; 1 is served next", brief=False),
    ReportColumn("left_at_position", _COUNT, "left as", "place in line when the caller hung up", brief=False),
    ReportColumn("waited", _SECONDS, "waited", "since the call arrived, including other queues"),
    ReportColumn("outcome", _TEXT, "outcome", "short_abandoned: within the queue's short_abandon", brief=False),
    ReportColumn("expected", _SECONDS, "expected", "estimated wait on entry", brief=False),
    ReportColumn("reached_at", _MOMENT, "reached", "the person's next talk with us", brief=False),
    ReportColumn("reached_after", _SECONDS, "after", "from the hang-up to that talk"),
    ReportColumn("reached_by", _TEXT, "by", "inbound: the person called us; callback, campaign: we called", brief=False),
    ReportColumn("reached_agent", _TEXT, "agent", "agent who talked with the person then"),
    ReportColumn("called_back_at", _MOMENT, "called back", "the first talk in a callback since", brief=False),
    ReportColumn("called_back_by", _TEXT, "called back by", "the agent of that talk", brief=False),
)
_NOTES = (
    "A visit counts in the period in which it began. Callers who withheld their number cannot be identified.",
    "Persons are identified by number: several people at one number count as one.",
)

_NEXT, _CALLED_BACK = "next_call", "callback_call"


def abandoned_report(engine: Engine, query: ReportQuery) -> Report:
    """In the order in which they came."""
    return Report("abandoned", FigureFamily.ROWS, _COLUMNS, _rows(engine, query), notes=list(_NOTES))


def _rows(engine: Engine, query: ReportQuery) -> Iterator[tuple[ReportValue, ...]]:
    with engine.connect() as link:
        found = link.execute(_abandoned(query), execution_options={"yield_per": VISITS_AT_ONCE})
        for part in found.partitions():
            talks = _talks(link, {call for row in part for call in (row.next_call, row.callback_call) if call is not None})
            for row in part:
                yield _values(row, talks)


def _abandoned(query: ReportQuery) -> Select[Any]:
    own = visits.c
    wanted = (
        select(own.call, own.began_at, own.ended_at, own.queue, own.tier, own.waited, own.outcome, own.expected, calls.c.number)
        .add_columns(
            own.entered_at_position,
            own.left_at_position,
            _next_call().label(_NEXT),
            _next_call(to_keep_a_callback=True).label(_CALLED_BACK),
        )
        .join(calls, calls.c.call == own.call)
        .where(own.began_at >= query.begin, own.began_at < query.end, own.outcome.in_(ABANDONED))
        .order_by(own.began_at, own.call)
    )
    for column, names in ((own.queue, query.queues), (own.tier, query.tiers), (calls.c.entry, query.entries)):
        if names:
            wanted = wanted.where(column.in_(names))
    if query.person:
        wanted = wanted.where(calls.c.person == query.person)
    return wanted.where(own.outcome == query.outcome) if query.outcome else wanted


def _next_call(*, to_keep_a_callback: bool = False) -> ScalarSelect[str]:
    """The first call of the same person since in which an agent talked after the visit: by the index of persons, up to the first
    that is found."""
    later = calls.alias()
    same = and_(later.c.person == calls.c.person, later.c.person != "", later.c.arrived_at >= visits.c.began_at)
    talked = select(segments.c.call).where(
        segments.c.call == later.c.call, segments.c.began_at > visits.c.ended_at, *_is_talk(segments.c)
    )
    found = select(later.c.call).where(same, talked.correlate(later, visits).exists())
    if to_keep_a_callback:
        found = found.where(func.coalesce(later.c.callback, "") != "")
    return found.order_by(later.c.arrived_at).limit(1).correlate(calls, visits).scalar_subquery()


def _is_talk(segment: Any) -> tuple[ColumnElement[bool], ...]:
    return segment.kind == "talk", segment.agent != "", func.coalesce(segment.ended_by, "") != "short"


def _talks(link: Connection, those: set[str]) -> Mapping[str, list[Any]]:
    """Of these calls, in order of time."""
    found: dict[str, list[Any]] = defaultdict(list)
    if those:
        own = segments.c
        wanted = select(own.call, own.agent, own.began_at, calls.c.direction, calls.c.callback, calls.c.campaign)
        wanted = wanted.join(calls, calls.c.call == own.call).where(own.call.in_(those), *_is_talk(own)).order_by(own.began_at)
        for row in link.execute(wanted):
            found[row.call].append(row)
    return found


def _values(row: Any, talks: Mapping[str, list[Any]]) -> tuple[ReportValue, ...]:
    def talk_in(call: str | None) -> Any:
        return next((talk for talk in talks.get(call or "", ()) if talk.began_at > row.ended_at), None)

    reached, called_back = talk_in(row.next_call), talk_in(row.callback_call)
    return (
        row.call,
        row.began_at,
        row.ended_at,
        row.number or None,
        row.queue,
        row.tier or None,
        row.entered_at_position,
        row.left_at_position,
        seconds(row.waited),
        row.outcome,
        seconds(row.expected),
        reached.began_at if reached else None,
        seconds(reached.began_at - row.ended_at) if reached else None,
        _by(reached) if reached else None,
        reached.agent if reached else None,
        called_back.began_at if called_back else None,
        called_back.agent if called_back else None,
    )


def _by(talk: Any) -> str:
    if talk.callback:
        return "callback"
    if talk.campaign:
        return "campaign"
    return "inbound" if talk.direction == "in" else "outgoing"
