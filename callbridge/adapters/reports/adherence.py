"""Adherence, clipped: agents' time logged in, compared with their shifts. Only time that has passed counts; a shift itself, and
whether somebody came late to it, counts in the interval in which it begins."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from callbridge.adapters.reports.intervals import Interval
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row, rows_of, seconds, share
from callbridge.adapters.reports.sessions import find_sessions
from callbridge.adapters.reports.shifts import Schedule, Shift, read_schedule

_Time = tuple[float, float]


@dataclass(slots=True)
class AdherenceFigures:
    """Of one agent in one interval; seconds, but for ``shifts`` and ``absent``."""

    scheduled: float = 0.0
    in_shift: float = 0.0
    logged_in: float = 0.0
    shifts: int = 0
    absent: int = 0
    late: float = 0.0
    left_early: float = 0.0


_COUNT, _SECONDS, _SHARE = ValueKind.COUNT, ValueKind.SECONDS, ValueKind.SHARE
_COLUMNS = (
    ReportColumn("scheduled", _SECONDS, "scheduled", "time of the shifts"),
    ReportColumn("in_shift", _SECONDS, "in shift", "of this: time logged in"),
    ReportColumn("logged_in", _SECONDS, "logged in", "time logged in, in a shift or not"),
    ReportColumn("adherence", _SHARE, "adherence", "time of the shifts in which the agent was logged in / time of the shifts"),
    ReportColumn("log_in_rate", _SHARE, "log-ins", "time logged in / time of the shifts"),
    ReportColumn("shifts", _COUNT, "shifts", "shifts that began in the interval", brief=False),
    ReportColumn("absent", _COUNT, "absent", "of these: without a login", brief=False),
    ReportColumn("late", _SECONDS, "late", "time from the start of these shifts to the login", brief=False),
    ReportColumn("left_early", _SECONDS, "early", "time from the last logout to the end of these shifts", brief=False),
)
_NO_SCHEDULE = "There is no schedule: the configuration has no section shifts."
_NOTE = "Seconds count in the interval in which they pass, as far as they have passed; a shift where it begins."


def adherence_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    path = query.terms.shifts
    schedule = read_schedule(path, query.zone) if path is not None else Schedule()
    wanted = [one for one in schedule.shifts if one.began < query.end and one.ended > query.begin]
    shifts = [one for one in wanted if not query.agents or one.agent in query.agents]
    sessions: dict[str, list[_Time]] = defaultdict(list)
    whole = replace(
        query,
        begin=min((query.begin, *(one.began for one in shifts))),
        end=min(query.now, max((query.end, *(one.ended for one in shifts)))),
    )  # of shifts that begin in the period, all of them
    for one in find_sessions(engine, whole):
        sessions[one.agent].append((one.began_at, query.now if one.ended_at is None else one.ended_at))
    found = _figures(pieces, shifts, sessions, query)
    notes = [_NOTE if path is not None else _NO_SCHEDULE, *schedule.faults]
    if schedule.left_out > len(schedule.faults):
        notes.insert(1, f"{schedule.left_out} rows of the schedule are not used; the first {len(schedule.faults)}:")
    columns = (INTERVAL, ReportColumn("agent", ValueKind.TEXT, "agent"), *_COLUMNS)
    made = rows_of(pieces, found, _values, len(_COLUMNS))
    return Report("adherence", FigureFamily.CLIPPED, columns, made, Chart.BARS, ("scheduled", "in_shift"), notes)


def _figures(
    pieces: list[Interval], shifts: Sequence[Shift], sessions: dict[str, list[_Time]], query: ReportQuery
) -> dict[tuple[str, str], AdherenceFigures]:
    """(label, agent) -> figures, in order."""
    found: dict[tuple[str, str], AdherenceFigures] = defaultdict(AdherenceFigures)
    begins = [piece.began for piece in pieces]
    for agent, times in sessions.items():
        for time in times:
            for label, lasted in _clipped(pieces, begins, time):
                found[label, agent].logged_in += lasted
    for agent, merged in _merged(shifts).items():  # shifts that overlap are no time twice
        for shift in merged:
            for label, lasted in _clipped(pieces, begins, shift):
                found[label, agent].scheduled += lasted
            for time in sessions.get(agent, ()):
                both = max(shift[0], time[0]), min(shift[1], time[1])
                for label, lasted in _clipped(pieces, begins, both):
                    found[label, agent].in_shift += lasted
    for one in shifts:
        if query.begin <= one.began < min(query.end, query.now):
            piece = pieces[bisect_right(begins, one.began) - 1]
            _add_shift(found[piece.label, one.agent], one, sessions.get(one.agent, ()), query.now)
    order = {label: place for place, label in enumerate(dict.fromkeys(piece.label for piece in pieces))}
    return dict(sorted(found.items(), key=lambda item: (order[item[0][0]], item[0][1])))


def _add_shift(figures: AdherenceFigures, shift: Shift, sessions: Sequence[_Time], now: float) -> None:
    there = [(began, ended) for began, ended in sessions if began < shift.ended and ended > shift.began]
    figures.shifts += 1
    if not there:
        over = shift.ended <= now
        figures.absent += over
        figures.late += min(shift.ended, now) - shift.began
        return
    figures.late += max(0.0, min(began for began, _ in there) - shift.began)
    if shift.ended <= now:
        figures.left_early += max(0.0, shift.ended - max(ended for _, ended in there))


def _merged(shifts: Sequence[Shift]) -> dict[str, list[_Time]]:
    found: dict[str, list[_Time]] = defaultdict(list)
    for one in sorted(shifts, key=lambda one: one.began):
        times = found[one.agent]
        if times and one.began <= times[-1][1]:
            times[-1] = times[-1][0], max(times[-1][1], one.ended)
        else:
            times.append((one.began, one.ended))
    return found


def _clipped(pieces: list[Interval], begins: list[float], time: _Time) -> Iterator[tuple[str, float]]:
    began, ended = time
    for piece in pieces[max(0, bisect_right(begins, began) - 1) :]:
        if piece.began >= ended:
            return
        lasted = min(ended, piece.ended) - max(began, piece.began)
        if lasted > 0:
            yield piece.label, lasted


def _values(one: AdherenceFigures) -> Row:
    scheduled = one.scheduled or None
    shares = (share(one.in_shift / scheduled), share(one.logged_in / scheduled)) if scheduled else (None, None)
    times = (seconds(one.scheduled), seconds(one.in_shift), seconds(one.logged_in))
    return (*times, *shares, one.shifts, one.absent, seconds(one.late), seconds(one.left_early))
