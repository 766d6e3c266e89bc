"""The calls of a period, one row each: searched by person, names, outcome and survey score. Read from the database while the rows
are taken, a few hundred calls at a time, so a report of any length needs little memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, Float, Select, Table, and_, cast, func, or_, select, tuple_

from callbridge.adapters.database.history_tables import LONG, calls, recordings, segments, survey_answers, transfers, visits
from callbridge.adapters.reports.report import FigureFamily, Report, ReportColumn, ReportQuery, ReportValue, ValueKind
from callbridge.adapters.reports.rows import seconds

CALLS_AT_ONCE = 500
RATINGS = tuple("12345")
"""What may be pressed for a rating."""
COMPLETED = ("completed", "conference")
"""Results of transfers in which the caller reached the target."""

_COUNT, _MOMENT, _SECONDS, _TEXT = ValueKind.COUNT, ValueKind.MOMENT, ValueKind.SECONDS, ValueKind.TEXT
_COLUMNS = (
    ReportColumn("call", _TEXT, "call", "call ID, for the details", brief=False),
    ReportColumn("began", _MOMENT, "began"),
    ReportColumn(
        "direction", _TEXT, "dir.", "in: the customer called; out: we called, for a callback or a campaign", brief=False
    ),
    ReportColumn("number", _TEXT, "number", "as stored"),
    ReportColumn("name", _TEXT, "name", "as received with the call", brief=False),
    ReportColumn("entry", _TEXT, "entry", brief=False),
    ReportColumn("tier", _TEXT, "tier", brief=False),
    ReportColumn("queues", _TEXT, "queues", "in the order in which the call entered them"),
    ReportColumn("agents", _TEXT, "agents", "agents who talked with the caller, in order"),
    ReportColumn("waited", _SECONDS, "waited", "total time in queues"),
    ReportColumn("talked", _SECONDS, "talked", "talk with agents, hold included"),
    ReportColumn("hold", _SECONDS, "hold", "of the talk: on hold", brief=False),
    ReportColumn("wrap_up", _SECONDS, "wrap-up", "after-call work", brief=False),
    ReportColumn("outcome", _TEXT, "outcome", "of its last visit, flow or attempt; empty while it lasts"),
    ReportColumn("ended_by", _TEXT, "ended by", "how the last talk ended", brief=False),
    ReportColumn("transfers", _COUNT, "transfers", "transfers in which the caller reached the target", brief=False),
    ReportColumn("recording", _TEXT, "recording", "files in the PBX's recordings folder", brief=False),
    ReportColumn("score", ValueKind.DECIMAL, "score", "mean of the ratings in the survey, 1 to 5", brief=False),
    ReportColumn("repeated_after", _SECONDS, "repeated", "time since the person's previous talk with us began", brief=False),
    ReportColumn("callback", _TEXT, "callback", "callback that the call was made for", brief=False),
    ReportColumn("campaign", _TEXT, "campaign", "campaign that called the customer", brief=False),
)


@dataclass(frozen=True, slots=True)
class CallRows:
    """What the history has of some calls beside their own rows, by call, in order of time."""

    visits: Mapping[str, Sequence[Any]]
    segments: Mapping[str, Sequence[Any]]
    transfers: Mapping[str, Sequence[Any]]
    recordings: Mapping[str, Sequence[Any]]
    answers: Mapping[str, Sequence[Any]]


def calls_report(engine: Engine, query: ReportQuery) -> Report:
    """In order of arrival, or the newest first."""
    return Report("calls", FigureFamily.ROWS, _COLUMNS, _rows(engine, query))


def _rows(engine: Engine, query: ReportQuery) -> Iterator[tuple[ReportValue, ...]]:
    with engine.connect() as link:
        found = link.execute(_calls(query), execution_options={"yield_per": CALLS_AT_ONCE})
        for part in found.partitions():
            belonging = _belonging(link, [row.call for row in part], query)
            for row in part:
                yield _values(row, belonging, query.now)


def _calls(query: ReportQuery) -> Select[Any]:
    own = calls.c
    columns = (own.call, own.arrived_at, own.direction, own.number, own.name, own.entry, own.tier, own.outcome)
    wanted = select(*columns, own.repeated_after, own.callback, own.campaign)
    wanted = wanted.where(own.arrived_at >= query.begin, own.arrived_at < query.end, *_conditions(query))
    order = (own.arrived_at.desc(), own.call.desc()) if query.newest else (own.arrived_at, own.call)
    return wanted.order_by(*order).limit(query.limit or None).offset(query.offset or None)


def _conditions(query: ReportQuery) -> Iterator[ColumnElement[bool]]:
    for column, names in ((calls.c.tier, query.tiers), (calls.c.entry, query.entries), (calls.c.campaign, query.campaigns)):
        if names:
            yield column.in_(names)
    if query.person:
        yield calls.c.person == query.person
    if query.outcome:
        yield calls.c.outcome == query.outcome
    if query.queues:
        yield or_(_has(visits, visits.c.queue.in_(query.queues)), _has(segments, segments.c.queue.in_(query.queues)))
    if query.agents:
        own = segments.c
        talked = (own.agent.in_(query.agents), func.coalesce(own.ended_by, "") != "short")
        yield calls.c.call.in_(select(own.call).where(*_since(own.began_at, query), *talked))
    if query.least_score is not None or query.most_score is not None:
        yield calls.c.call.in_(_rated(query))


def _has(table: Table, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(table.c.call).where(table.c.call == calls.c.call, *conditions).exists()


def _rated(query: ReportQuery) -> Select[tuple[str]]:
    """The calls whose mean rating is one of those that are asked for."""
    own = survey_answers.c
    mean = func.avg(cast(own.answer, Float))
    found = select(own.call).where(*_since(own.at, query), _is_rating(query)).group_by(own.call)
    if query.least_score is not None:
        found = found.having(mean >= query.least_score)
    return found if query.most_score is None else found.having(mean <= query.most_score)


def _is_rating(query: ReportQuery) -> ColumnElement[bool]:
    own = survey_answers.c
    return and_(tuple_(own.survey, own.question).in_(query.terms.ratings), own.answer.in_(RATINGS))


def _since(at: ColumnElement[float], query: ReportQuery) -> tuple[ColumnElement[bool], ...]:
    """Bounds by which an index finds what belongs to the calls of the period."""
    return at >= query.begin, at < query.end + LONG


def _belonging(link: Connection, those: Sequence[str], query: ReportQuery) -> CallRows:
    """What belongs to these calls."""
    visited, spoken, recorded, answered = visits.c, segments.c, recordings.c, survey_answers.c
    passed = (visited.queue, visited.lasted, visited.began_at, visited.ended_at, visited.consulted_by)
    said = (spoken.queue, spoken.agent, spoken.kind, spoken.talked, spoken.hold, spoken.wrap_up, spoken.ended_by)
    talks = _of(segments, those, *said, spoken.began_at, spoken.ended_at)
    talks = talks.where(func.coalesce(spoken.ended_by, "") != "short").order_by(spoken.segment)
    files = _of(recordings, those, recorded.file).where(recorded.failure.is_(None)).order_by(recorded.at)
    return CallRows(
        visits=_by_call(link, _of(visits, those, *passed).order_by(visited.visit)),
        segments=_by_call(link, talks),
        transfers=_by_call(link, _of(transfers, those).where(transfers.c.result.in_(COMPLETED))),
        recordings=_by_call(link, files),
        answers=_by_call(link, _of(survey_answers, those, answered.answer).where(_is_rating(query))),
    )


def _of(table: Table, those: Sequence[str], *columns: Column[Any]) -> Select[Any]:
    return select(table.c.call, *columns).where(table.c.call.in_(those))


def _by_call(link: Connection, wanted: Select[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in link.execute(wanted).all():  # at once: one by one takes three times as long
        found.setdefault(row.call, []).append(row)
    return found


def _values(call: Any, belonging: CallRows, now: float) -> tuple[ReportValue, ...]:
    key = call.call
    visited, spoken = belonging.visits.get(key, ()), belonging.segments.get(key, ())
    talks = [one for one in spoken if one.kind == "talk"]
    ratings = [int(one.answer) for one in belonging.answers.get(key, ())]
    return (
        key,
        call.arrived_at,
        call.direction,
        call.number or None,
        call.name or None,
        call.entry or None,
        call.tier or None,
        _named([one.queue for one in visited], [one.queue for one in spoken]),
        _named([one.agent for one in spoken]),
        seconds(sum([_lasted(one, one.lasted, now) for one in visited if not one.consulted_by])),
        seconds(sum([_lasted(one, one.talked, now) for one in talks])),
        seconds(sum([one.hold or 0.0 for one in talks])),
        seconds(sum([one.wrap_up or 0.0 for one in talks])),
        call.outcome or None,
        (talks[-1].ended_by or None) if talks else None,
        len(belonging.transfers.get(key, ())),
        _named([one.file for one in belonging.recordings.get(key, ())]),
        round(sum(ratings) / len(ratings), 2) if ratings else None,
        seconds(call.repeated_after),
        call.callback or None,
        call.campaign or None,
    )


def _lasted(one: Any, lasted: float | None, now: float) -> float:
    """What has not ended lasts until now."""
    if lasted is not None or one.began_at is None:
        return lasted or 0.0
    ended: float = now if one.ended_at is None else one.ended_at
    return max(0.0, ended - float(one.began_at))


def _named(*names: list[str | None]) -> str | None:
    """Each name once, in the order of their first mention."""
    found = dict.fromkeys(chain.from_iterable(names))
    return ", ".join([name for name in found if name]) or None
