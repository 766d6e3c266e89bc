"""Occupancy, clipped: how many agents were in each state, how many callers waited and talked, on average and at most at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine, func

from callbridge.adapters.database.history_tables import agent_states, segments, visits
from callbridge.adapters.reports.concurrency import Load, Loads, spans, sweep
from callbridge.adapters.reports.intervals import Interval
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ReportValue, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, seconds, share
from callbridge.adapters.reports.slots import labels_of
from callbridge.core.model.agent import State

_STATES = tuple(state for state in State if state is not State.LOGGED_OUT)
_BUSY = (State.TALKING, State.WRAP_UP)
_LOADED = (*_BUSY, State.READY, State.RINGING, State.CONNECTING)


@dataclass(slots=True)
class OccupancyFigures:
    """Of one interval of ``length`` seconds, what lies in the future left out. ``states``: seconds of all agents together."""

    length: float = 0.0
    states: dict[str, float] = field(default_factory=dict)
    waited: float = 0.0
    talked: float = 0.0
    peak_waiting: int = 0
    peak_talking: int = 0

    @property
    def staffed(self) -> float:
        return self.sum(*_STATES)

    @property
    def occupancy(self) -> float | None:
        """(talk with hold + wrap-up) / (talk + wrap-up + ready + ringing). None: nothing of these."""
        return _ratio(self.sum(*_BUSY), self.sum(*_LOADED))

    @property
    def utilisation(self) -> float | None:
        """(talk with hold + wrap-up + ready) / staffed."""
        return _ratio(self.sum(*_BUSY, State.READY), self.staffed)

    @property
    def not_ready(self) -> float | None:
        return _ratio(self.sum(State.NOT_READY), self.staffed)

    def sum(self, *states: str) -> float:
        return sum(self.states.get(state, 0.0) for state in states)

    def mean(self, passed: float) -> float | None:
        """How many at once on average. None: the interval has not begun."""
        return None if self.length <= 0 else round(passed / self.length, 2)


def find_occupancy(engine: Engine, query: ReportQuery, pieces: list[Interval]) -> dict[str, OccupancyFigures]:
    """Label of the interval -> figures, for every interval. The agents of the query are those whose states and conversations
    count, its queues those whose callers and conversations count. Raises SQLAlchemyError."""
    begin, end = pieces[0].began, min(pieces[-1].ended, query.now)
    found: dict[str, OccupancyFigures] = {}
    for piece in pieces:
        figures = found.setdefault(piece.label, OccupancyFigures())
        figures.length += max(0.0, min(piece.ended, end) - piece.began)
    if begin >= end:
        return found
    states, talks, waits = _loads(engine, query, begin, end)
    labels = labels_of(pieces)
    for state, by_slot in states.items():
        for slot, load in by_slot.items():
            sums = found[labels[slot]].states
            sums[state] = sums.get(state, 0.0) + load.seconds
    for slot, load in _of_all(talks).items():
        figures = found[labels[slot]]
        figures.talked += load.seconds
        figures.peak_talking = max(figures.peak_talking, load.peak)
    for slot, load in _of_all(waits).items():
        figures = found[labels[slot]]
        figures.waited += load.seconds
        figures.peak_waiting = max(figures.peak_waiting, load.peak)
    return found


def _loads(engine: Engine, query: ReportQuery, begin: float, end: float) -> tuple[Loads, Loads, Loads]:
    """Of the agents' states by state, of all conversations, and of all waits."""
    state, talk, wait = agent_states.c, segments.c, visits.c
    of_state = [state.state != State.LOGGED_OUT.value]
    of_talk = [talk.kind == "talk", func.coalesce(talk.ended_by, "") != "short"]
    of_wait = []
    if query.agents:
        of_state.append(state.agent.in_(query.agents))
        of_talk.append(talk.agent.in_(query.agents))
    if query.queues:
        of_talk.append(talk.queue.in_(query.queues))
        of_wait.append(wait.queue.in_(query.queues))
    with engine.connect() as link:
        return (
            sweep(link, spans(agent_states, begin, end, *of_state, name=state.state), begin, end),
            sweep(link, spans(segments, begin, end, *of_talk), begin, end),
            sweep(link, spans(visits, begin, end, *of_wait), begin, end),
        )


def _of_all(loads: Loads) -> Mapping[int, Load]:
    return loads.get("", {})


_NUMBER, _SHARE, _COUNT = ValueKind.DECIMAL, ValueKind.SHARE, ValueKind.COUNT
_COLUMNS = (
    INTERVAL,
    ReportColumn(
        "mean_staffed", _NUMBER, "staffed", "agents logged in on average: seconds of all agents / length of the interval"
    ),
    ReportColumn("mean_ready", _NUMBER, "ready", "agents ready on average"),
    ReportColumn("mean_talking", _NUMBER, "talk", "agents in a call on average, hold included: the load in erlangs"),
    ReportColumn("mean_wrap_up", _NUMBER, "wrap-up", "agents in after-call work on average"),
    ReportColumn("mean_not_ready", _NUMBER, "not ready", "agents not ready on average"),
    ReportColumn("occupancy", _SHARE, "occup.", "(talk + wrap-up) / (talk + wrap-up + ready + ringing)"),
    ReportColumn("utilisation", _SHARE, "util.", "(talk + wrap-up + ready) / staffed"),
    ReportColumn("not_ready_rate", _SHARE, "n. r. rate", "not ready / staffed", brief=False),
    ReportColumn(
        "mean_ringing", _NUMBER, "ringing", "agents whose phone rang, or who were being connected, on average", brief=False
    ),
    ReportColumn("mean_busy_elsewhere", _NUMBER, "busy", "agents in calls outside callbridge, on average", brief=False),
    ReportColumn("mean_offline", _NUMBER, "offline", "agents whose phone could not be reached, on average", brief=False),
    ReportColumn("mean_conversations", _NUMBER, "convers.", "average number of simultaneous conversations", brief=False),
    ReportColumn("mean_waiting", _NUMBER, "waiting", "callers waiting on average", brief=False),
    ReportColumn("peak_talking", _COUNT, "most talk", "most simultaneous conversations", brief=False),
    ReportColumn("peak_waiting", _COUNT, "most wait", "most callers waiting at the same time"),
    ReportColumn("staffed_time", ValueKind.SECONDS, "logged in", "time logged in of all agents together", brief=False),
    ReportColumn("talking_time", ValueKind.SECONDS, "talk time", "time in a call of all agents together", brief=False),
)
_NOTES = (
    "Seconds count in the interval in which they pass. What ends at a moment does not overlap what begins at that moment.",
    "Agents are those of the whole site or of --agent; --queue limits the callers and conversations only.",
)


def occupancy_report(engine: Engine, query: ReportQuery) -> Report:
    """A row for every interval."""
    found = find_occupancy(engine, query, query.pieces())
    rows = [(label, *_values(figures)) for label, figures in found.items()]
    charted = ("mean_talking", "mean_staffed")
    return Report("occupancy", FigureFamily.CLIPPED, _COLUMNS, rows, Chart.BARS, charted, list(_NOTES))


def _values(one: OccupancyFigures) -> tuple[ReportValue, ...]:
    def mean(*states: str) -> float | None:
        return one.mean(one.sum(*states))

    begun = one.length > 0
    return (
        one.mean(one.staffed),
        *(mean(state) for state in (State.READY, State.TALKING, State.WRAP_UP, State.NOT_READY)),
        share(one.occupancy),
        share(one.utilisation),
        share(one.not_ready),
        mean(State.RINGING, State.CONNECTING),
        mean(State.BUSY_ELSEWHERE),
        mean(State.OFFLINE),
        one.mean(one.talked),
        one.mean(one.waited),
        one.peak_talking if begun else None,
        one.peak_waiting if begun else None,
        seconds(one.staffed) if begun else None,
        seconds(one.sum(State.TALKING)) if begun else None,
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
