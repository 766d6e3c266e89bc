"""Sessions: each log-in of an agent, and the pauses in it. One that touches the period is listed whole, so it is looked for
before and after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from callbridge.adapters.database.history_tables import agent_states
from callbridge.adapters.reports.concurrency import passing
from callbridge.adapters.reports.report import FigureFamily, Report, ReportColumn, ReportQuery, ReportValue, ValueKind
from callbridge.adapters.reports.rows import seconds
from callbridge.core.model.agent import State

_DAY = 86_400.0
_STATES = agent_states.c
_LOGGED_OUT, _NOT_READY = State.LOGGED_OUT.value, State.NOT_READY.value
"""As they are kept: a year has millions of states, and plain texts are compared quickly."""
_by_time = attrgetter("began_at")


@dataclass(slots=True)
class Pause:
    """``ended_at``: None while it lasts."""

    reason: str
    began_at: float
    ended_at: float | None


@dataclass(slots=True)
class Session:
    """From log-in to log-out; ``ended_at`` is None while the agent is logged in. ``states``: seconds by state."""

    agent: str
    phone: str
    began_at: float
    ended_at: float | None = None
    states: dict[str, float] = field(default_factory=dict)
    pauses: list[Pause] = field(default_factory=list)


def find_sessions(engine: Engine, query: ReportQuery) -> list[Session]:
    """By agent, then in order of time. Raises SQLAlchemyError."""
    with engine.connect() as link:
        found = _states(link, query)
    sessions = [one for agent in sorted(found) for one in _sessions(found[agent], query.now)]
    return [one for one in sessions if one.began_at < query.end and (one.ended_at is None or one.ended_at > query.begin)]


def _states(link: Connection, query: ReportQuery) -> dict[str, list[Any]]:
    """The states of all sessions that touch the period, by agent, in order of time; also the time logged out before each."""
    found: dict[str, list[Any]] = {}
    of_agents = [_STATES.agent.in_(query.agents)] if query.agents else []
    touching = passing(_select().where(*of_agents), agent_states, query.begin, query.end)
    for row in link.execute(touching).all():  # at once: one by one takes three times as long
        found.setdefault(row.agent, []).append(row)
    earliest = link.scalar(select(func.min(_STATES.began_at)))
    if earliest is None:
        return found
    for rows in found.values():
        rows.sort(key=_by_time)
    _look_back(link, found, earliest, query.begin)
    _look_on(link, found, query)
    return found


def _look_back(link: Connection, found: dict[str, list[Any]], earliest: float, until: float) -> None:
    """Back to the log-in of those who were logged in when the period began: further each time, for few sessions are long."""
    span = _DAY
    while until > earliest and (begun := [agent for agent, rows in found.items() if _logged_in(rows[0])]):
        for row in _between(link, until - span, until, begun):
            rows = found[row.agent]
            if row.began_at < rows[0].began_at and _logged_in(rows[0]):
                rows.insert(0, row)
        until, span = until - span, span * 2


def _look_on(link: Connection, found: dict[str, list[Any]], query: ReportQuery) -> None:
    """On to the log-out of those who were logged in when the period ended."""
    since, span = query.end, _DAY
    while since < query.now:
        staying = [agent for agent, rows in found.items() if _logged_in(rows[-1]) and rows[-1].ended_at is not None]
        if not staying:
            return
        for row in reversed(_between(link, since, since + span, staying)):
            rows = found[row.agent]
            if row.began_at > rows[-1].began_at and _logged_in(rows[-1]):
                rows.append(row)
        since, span = since + span, span * 2


def _between(link: Connection, begin: float, end: float, agents: list[str]) -> list[Any]:
    """The latest first."""
    wanted = _select().where(_STATES.began_at >= begin, _STATES.began_at < end, _STATES.agent.in_(agents))
    return sorted(link.execute(wanted), key=_by_time, reverse=True)


def _select() -> Select[Any]:
    return select(_STATES.agent, _STATES.state, _STATES.reason, _STATES.phone, _STATES.began_at, _STATES.ended_at)


def _logged_in(row: Any) -> bool:
    return bool(row.state != _LOGGED_OUT)


def _sessions(states: Iterable[Any], now: float) -> Iterator[Session]:
    """Of one agent. A state's phone is the one at its end, so that of a session is in the time logged out before it."""
    session: Session | None = None
    former = ""
    for agent, state, reason, phone, began_at, ended_at in states:
        if state == _LOGGED_OUT:
            if session is not None:
                yield session
            session, former = None, phone or ""
            continue
        if session is None:
            session = Session(agent, former or phone or "", began_at)
        session.ended_at = ended_at
        lasted = (now if ended_at is None else ended_at) - began_at
        if lasted > 0:
            session.states[state] = session.states.get(state, 0.0) + lasted
        if state == _NOT_READY:
            _add_pause(session, reason or "", began_at, ended_at)
    if session is not None:
        yield session


def _add_pause(session: Session, reason: str, began_at: float, ended_at: float | None) -> None:
    last = session.pauses[-1] if session.pauses else None
    if last is not None and last.reason == reason and last.ended_at == began_at:
        last.ended_at = ended_at
    else:
        session.pauses.append(Pause(reason, began_at, ended_at))


_TIMES = (State.READY, State.RINGING, State.TALKING, State.WRAP_UP, State.NOT_READY, State.BUSY_ELSEWHERE, State.OFFLINE)
_MOMENT, _SECONDS, _TEXT = ValueKind.MOMENT, ValueKind.SECONDS, ValueKind.TEXT
_COLUMNS = (
    ReportColumn("agent", _TEXT, "agent"),
    ReportColumn("what", _TEXT, "what", "session: from log-in to log-out; pause: a time not ready in the session above it"),
    ReportColumn("from", _MOMENT, "from"),
    ReportColumn("to", _MOMENT, "to", "empty while it lasts"),
    ReportColumn("length", _SECONDS, "length", "from the beginning to the end, or until now"),
    ReportColumn("reason", _TEXT, "reason", "of a pause: the reason"),
    ReportColumn("phone", _TEXT, "phone", "phone at which the agent logged in", brief=False),
    ReportColumn("ready", _SECONDS, "ready", "time ready for a call", brief=False),
    ReportColumn("ringing", _SECONDS, "ringing", "time in which the agent's phone rang, or was being connected", brief=False),
    ReportColumn("talking", _SECONDS, "talk", "time in a call, hold included", brief=False),
    ReportColumn("wrap_up", _SECONDS, "wrap-up", "time of after-call work", brief=False),
    ReportColumn("not_ready", _SECONDS, "not ready", "time not ready, for any reason", brief=False),
    ReportColumn("busy_elsewhere", _SECONDS, "busy", "time in calls outside callbridge", brief=False),
    ReportColumn("offline", _SECONDS, "offline", "time in which the phone could not be reached", brief=False),
)
_NOTES = ("A session that overlaps the period is listed in full, including the parts before and after it.",)


def sessions_report(engine: Engine, query: ReportQuery) -> Report:
    """A row for each log-in, and below it one for each pause."""
    rows = [row for one in find_sessions(engine, query) for row in _rows(one, query.now)]
    return Report("sessions", FigureFamily.ROWS, _COLUMNS, rows, notes=list(_NOTES))


def _rows(one: Session, now: float) -> Iterator[tuple[ReportValue, ...]]:
    def lasted(part: Session | Pause) -> float | None:
        return seconds((now if part.ended_at is None else part.ended_at) - part.began_at)

    times = dict(one.states)
    times[State.RINGING] = times.get(State.RINGING, 0.0) + times.pop(State.CONNECTING, 0.0)
    spent = (seconds(times.get(state, 0.0)) for state in _TIMES)
    yield (one.agent, "session", one.began_at, one.ended_at, lasted(one), None, one.phone, *spent)
    for pause in one.pauses:
        row = (one.agent, "pause", pause.began_at, pause.ended_at, lasted(pause), pause.reason, None)
        yield (*row, *(None for _ in _TIMES))
