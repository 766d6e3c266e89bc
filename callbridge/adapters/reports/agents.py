"""Agents, clipped: the seconds of each state in the interval in which they pass; what they handled where it began."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import Engine, Executable, Select, case, func, or_, select

from callbridge.adapters.database.history_tables import agent_states, offers, segments
from callbridge.adapters.reports.intervals import Interval
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row, rows_of, seconds, share
from callbridge.adapters.reports.slots import labels_of, slot_of
from callbridge.core.model.agent import State


@dataclass(slots=True)
class ClippedFigures:
    """Of one agent in one interval. ``seconds``: by state; ``reasons``: seconds not ready, by reason."""

    seconds: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, float] = field(default_factory=dict)
    handled: int = 0
    ended: int = 0
    """Of these, the talks that are over."""
    talked: float = 0.0
    hold: float = 0.0
    wrap_up: float = 0.0
    missed: int = 0
    rejected: int = 0

    @property
    def staffed(self) -> float:
        """Seconds logged in."""
        return sum(seconds for state, seconds in self.seconds.items() if state != State.LOGGED_OUT)

    @property
    def occupancy(self) -> float | None:
        """(talk with hold + wrap-up) / (talk + wrap-up + ready + ringing). None: nothing of these."""
        busy = self._sum("talking", "wrap_up")
        whole = busy + self._sum("ready", "ringing", "connecting")
        return busy / whole if whole else None

    @property
    def utilisation(self) -> float | None:
        """(talk with hold + wrap-up + ready) / staffed."""
        return self._sum("talking", "wrap_up", "ready") / self.staffed if self.staffed else None

    @property
    def aht(self) -> float | None:
        """Average handle time: (talk with hold + wrap-up) / talks that are over, in seconds."""
        return (self.talked + self.wrap_up) / self.ended if self.ended else None

    def _sum(self, *states: str) -> float:
        return sum(self.seconds.get(state, 0.0) for state in states)


_COUNT, _SECONDS, _SHARE = ValueKind.COUNT, ValueKind.SECONDS, ValueKind.SHARE
AGENT_COLUMNS = (
    ReportColumn("logged_in", _SECONDS, "logged in", "time logged in: the sum of the states"),
    ReportColumn("ready", _SECONDS, "ready", "time ready for a call"),
    ReportColumn("talking", _SECONDS, "talk", "time in a call, hold included"),
    ReportColumn("wrap_up", _SECONDS, "wrap-up", "time of after-call work"),
    ReportColumn("not_ready", _SECONDS, "not ready", "time not ready, for any reason"),
    ReportColumn("handled", _COUNT, "handled", "talks that began in the interval"),
    ReportColumn("aht", _SECONDS, "AHT", "average handle time: (talk with hold + wrap-up) / talks that began here and are over"),
    ReportColumn("missed", _COUNT, "missed", "offers that the agent did not answer"),
    ReportColumn("occupancy", _SHARE, "occup.", "(talk + wrap-up) / (talk + wrap-up + ready + ringing)"),
    ReportColumn("utilisation", _SHARE, "util.", "(talk + wrap-up + ready) / logged in", brief=False),
    ReportColumn("ringing", _SECONDS, "ringing", "time in which the agent's phone rang, or was being connected", brief=False),
    ReportColumn("busy_elsewhere", _SECONDS, "busy", "time in calls outside callbridge", brief=False),
    ReportColumn("offline", _SECONDS, "offline", "time in which the phone could not be reached", brief=False),
    ReportColumn("hold", _SECONDS, "hold", "time on hold in the talks that began", brief=False),
    ReportColumn("rejected", _COUNT, "rejected", "offers that the agent rejected", brief=False),
)

_CPCM = ReportColumn(
    "cpcm", ValueKind.MONEY, "CPCM", "cost per call minute: cost of the time logged in / minutes of talk", brief=False
)


def agents_report(engine: Engine, query: ReportQuery) -> Report:
    """Each not-ready reason has its own column."""
    pieces = query.pieces()
    found = report_agents(engine, pieces, query.now, query.agents)
    reasons = sorted({reason for one in found.values() for reason in one.reasons})
    cost = query.terms.agent_hour
    priced = () if cost is None else (_CPCM,)
    columns = (*AGENT_COLUMNS, *priced, *(_of_reason(reason) for reason in reasons))
    return Report(
        "agents",
        FigureFamily.CLIPPED,
        (INTERVAL, ReportColumn("agent", ValueKind.TEXT, "agent"), *columns),
        rows_of(pieces, found, lambda one: (*_values(one), *_cost(one, cost), *_by_reason(one, reasons)), len(columns)),
        Chart.BARS,
        ("talking", "ready"),
        ["Seconds of a state count in the interval in which they pass; talks and offers where they began."],
    )


def _of_reason(reason: str) -> ReportColumn:
    shown = reason or "no reason"
    return ReportColumn(f"not_ready: {shown}", _SECONDS, shown, f"of this time not ready: {shown}", brief=False)


def _cost(one: ClippedFigures, agent_hour: float | None) -> Row:
    if agent_hour is None:
        return ()
    minutes = one.seconds.get("talking", 0.0) / 60
    return (round(one.staffed / 3600 * agent_hour / minutes, 4) if minutes else None,)


def _by_reason(one: ClippedFigures, reasons: list[str]) -> Row:
    return tuple(seconds(one.reasons.get(reason, 0.0)) for reason in reasons)


def _values(one: ClippedFigures) -> Row:
    states = [seconds(one.seconds.get(state, 0.0)) for state in ("ready", "talking", "wrap_up", "not_ready")]
    rest = [seconds(one.seconds.get(state, 0.0)) for state in ("busy_elsewhere", "offline")]
    ringing = seconds(one.seconds.get("ringing", 0.0) + one.seconds.get("connecting", 0.0))
    handled = (one.handled, seconds(one.aht), one.missed, share(one.occupancy), share(one.utilisation))
    return (seconds(one.staffed), *states, *handled, ringing, *rest, seconds(one.hold), one.rejected)


FiguresOfAgents = dict[tuple[str, str], ClippedFigures]


def report_agents(engine: Engine, pieces: list[Interval], now: float, only: Collection[str] = ()) -> FiguresOfAgents:
    """(label of the interval, agent) -> figures, in order. The present state lasts until ``now``. Agents who were logged out all
    the time are left out. Raises SQLAlchemyError."""
    begin, end = pieces[0].began, pieces[-1].ended
    begins, labels = [piece.began for piece in pieces], labels_of(pieces)
    found: FiguresOfAgents = {}
    with engine.connect() as link:
        for row in link.execute(_short_states(begin, end, only)):
            _add_state(found, (labels[row.slot], row.agent), row, row.seconds)
        for row in chain.from_iterable(map(link.execute, _states(begin, end, only))):
            until = now if row.ended_at is None else row.ended_at
            for piece, seconds in _clipped(pieces, begins, row.began_at, until):
                _add_state(found, (piece.label, row.agent), row, seconds)
        for row in link.execute(_segments(begin, end, only)):
            figures = found.setdefault((labels[row.slot], row.agent), ClippedFigures())
            figures.handled += row.number
            figures.ended += row.ended
            figures.talked += row.talked or 0.0
            figures.hold += row.hold or 0.0
            figures.wrap_up += row.wrap_up or 0.0
        for row in link.execute(_offers(begin, end, only)):
            figures = found.setdefault((labels[row.slot], row.agent), ClippedFigures())
            figures.missed += row.missed
            figures.rejected += row.rejected
    order = {label: place for place, label in enumerate(dict.fromkeys(piece.label for piece in pieces))}
    there = {key: one for key, one in found.items() if one.staffed or one.handled}
    return dict(sorted(there.items(), key=lambda item: (order[item[0][0]], item[0][1])))


def _add_state(found: FiguresOfAgents, key: tuple[str, str], row: Any, seconds: float) -> None:
    figures = found.setdefault(key, ClippedFigures())
    figures.seconds[row.state] = figures.seconds.get(row.state, 0.0) + seconds
    if row.state == "not_ready":
        figures.reasons[row.reason] = figures.reasons.get(row.reason, 0.0) + seconds


def _clipped(pieces: list[Interval], begins: list[float], began: float, ended: float) -> Iterator[tuple[Interval, float]]:
    """The intervals that a time touches, and for how many seconds."""
    for piece in pieces[max(0, bisect_right(begins, began) - 1) :]:
        if piece.began >= ended:
            return
        seconds = min(ended, piece.ended) - max(began, piece.began)
        if seconds > 0:
            yield piece, seconds


def _short_states(begin: float, end: float, only: Collection[str]) -> Executable:
    """Most states by far are within one quarter of an hour: the database adds them up."""
    states = agent_states.c
    slot = slot_of(states.began_at)
    wanted = select(
        slot.label("slot"),
        states.agent,
        states.state,
        states.reason,
        func.sum(states.ended_at - states.began_at).label("seconds"),
    ).where(states.began_at >= begin, states.began_at < end, states.ended_at <= end, slot == slot_of(states.ended_at))
    wanted = wanted.where(states.agent.in_(only)) if only else wanted
    return wanted.group_by(slot, states.agent, states.state, states.reason)


def _states(begin: float, end: float, only: Collection[str]) -> Iterator[Select[Any]]:
    """Of each agent the state in which the period found them, and those that began in it and are not short. Every agent has a
    present state, so that the agents are known without a look at all states."""
    states, agents = agent_states.c, agent_states.alias("agents").c
    wanted = select(states.agent, states.state, states.reason, states.began_at, states.ended_at)
    earlier = agent_states.alias("earlier").c
    latest = select(func.max(earlier.began_at)).where(earlier.agent == agents.agent, earlier.began_at < begin).scalar_subquery()
    found = wanted.where(agents.ended_at.is_(None), states.agent == agents.agent, states.began_at == latest)
    long = or_(states.ended_at.is_(None), states.ended_at > end, slot_of(states.began_at) != slot_of(states.ended_at))
    for each in (found, wanted.where(states.began_at >= begin, states.began_at < end, long)):
        yield each.where(states.agent.in_(only)) if only else each


def _segments(begin: float, end: float, only: Collection[str]) -> Executable:
    own, slot = segments.c, slot_of(segments.c.began_at)
    wanted = select(
        slot.label("slot"),
        own.agent,
        func.count().label("number"),
        func.count(own.talked).label("ended"),
        func.sum(own.talked).label("talked"),
        func.sum(own.hold).label("hold"),
        func.sum(own.wrap_up).label("wrap_up"),
    ).where(own.began_at >= begin, own.began_at < end, own.agent != "", func.coalesce(own.ended_by, "") != "short")
    return (wanted.where(own.agent.in_(only)) if only else wanted).group_by(slot, own.agent)


def _offers(begin: float, end: float, only: Collection[str]) -> Executable:
    own, slot = offers.c, slot_of(offers.c.began_at)
    missed, rejected = (func.sum(case((own.result == result, 1), else_=0)) for result in ("no_answer", "rejected"))
    wanted = select(slot.label("slot"), own.agent, missed.label("missed"), rejected.label("rejected")).where(
        own.began_at >= begin, own.began_at < end, own.result.in_(("no_answer", "rejected"))
    )
    return (wanted.where(own.agent.in_(only)) if only else wanted).group_by(slot, own.agent)
