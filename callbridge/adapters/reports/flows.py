"""Flows as funnels: who came in, which nodes they reached, which keys led on, and where they left.

A passage is one time that a call goes through one flow. Everything in it counts in the interval in which it began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from typing import Any

from sqlalchemy import Engine, Select, and_, func, select

from callbridge.adapters.database.history_tables import calls, flow_steps, segments
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, mean, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row
from callbridge.adapters.reports.slots import SLOT, labels_of
from callbridge.core.model.plan import SURVEY

_CONTAINED = frozenset({"flow", "left_flow"})
"""Outcomes of calls whose last part was a flow, which is to be continued by nobody: no voicemail, no callback."""


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A node that the caller reached; ``key``: the one that led here."""

    node: str
    key: str


@dataclass(slots=True)
class Passage:
    """``result`` is empty while the caller is in the flow, or when its end was not heard."""

    flow: str
    began_at: float
    steps: list[FlowStep] = field(default_factory=list)
    result: str = ""
    went_to: str = ""
    lasted: float = 0.0
    contained: bool | None = None
    """None: the call has not ended, or this is a survey, which follows a talk."""


@dataclass(slots=True)
class NodeFigures:
    """``passages``: those that came here at all; ``ways``: how often callers went on by (key, to where)."""

    visits: int = 0
    passages: int = 0
    exits: int = 0
    hung_up: int = 0
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class FlowFigures:
    """Of one flow in one interval. ``ended``: passages whose end is known; ``decided``: those of which it is known whether they
    were contained."""

    passages: int = 0
    ended: int = 0
    lasted: float = 0.0
    decided: int = 0
    contained: int = 0
    nodes: dict[str, NodeFigures] = field(default_factory=dict)


_TEXT, _COUNT, _SHARE, _SECONDS = ValueKind.TEXT, ValueKind.COUNT, ValueKind.SHARE, ValueKind.SECONDS
_NAMES = (
    ReportColumn("flow", _TEXT, "flow"),
    ReportColumn("node", _TEXT, "node", "empty: the flow as a whole"),
    ReportColumn("key", _TEXT, "key", "the key pressed in the node"),
    ReportColumn("went_to", _TEXT, "went to", "the next node, or in parentheses how the flow ended; empty: the node as a whole"),
)
_COLUMNS = (
    ReportColumn("passages", _COUNT, "came in", "times that a call entered the flow"),
    ReportColumn("contained", _COUNT, "cont.", "of these: the call ended in a flow, without an agent, callback or voicemail"),
    ReportColumn("containment", _SHARE, "cont. %", "contained / passages of calls that have ended; surveys have none"),
    ReportColumn("mean_time", _SECONDS, "time", "time in the flow / passages that have ended"),
    ReportColumn("visits", _COUNT, "visits", "times that a caller reached the node"),
    ReportColumn("reach", _SHARE, "reach", "passages that reached the node at least once / passages", brief=False),
    ReportColumn("exits", _COUNT, "exits", "times that the flow ended in the node"),
    ReportColumn("hung_up", _COUNT, "hung up", "of these: the caller hung up", brief=False),
    ReportColumn("times", _COUNT, "times", "times that callers left the node this way"),
    ReportColumn("times_share", _SHARE, "share", "times / visits of the node", brief=False),
)


def flows_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    labels = labels_of(pieces)
    found: dict[tuple[str, str], FlowFigures] = {}
    with engine.connect() as link:
        for passage in _passages(link.execute(_steps(query)), query):
            label = labels[int(passage.began_at // SLOT)]
            _count(found.setdefault((label, passage.flow), FlowFigures()), passage)
    rows = dict(
        row for (label, flow), figures in sorted(found.items(), key=lambda item: item[0]) for row in _rows(label, flow, figures)
    )
    return Report(
        "flows",
        FigureFamily.COHORT,
        (INTERVAL, *_NAMES, *_COLUMNS),
        keyed_rows(pieces, rows, len(_NAMES), len(_COLUMNS)),
        Chart.BARS,
        ("passages", "contained"),
        ["A flow counts in the interval in which the caller entered it, with everything that followed in it."],
    )


def _passages(rows: Any, query: ReportQuery) -> Iterator[Passage]:
    """Of the rows of ``_steps``: those that began in the period."""
    for _, of_call in groupby(rows, lambda row: row.call):
        for passage in _of_call(sorted(of_call, key=lambda row: (row.at, _seq(row.fact)))):
            if query.begin <= passage.began_at < query.end:
                yield passage


def _steps(query: ReportQuery) -> Select[Any]:
    """All steps of all calls that entered a flow in the period, call by call, with what became of the call."""
    entered = select(flow_steps.c.call).where(
        flow_steps.c.kind == "began", flow_steps.c.at >= query.begin, flow_steps.c.at < query.end
    )
    last_talk = (
        select(segments.c.call, func.max(segments.c.began_at).label("at"))
        .where(segments.c.call.in_(entered), segments.c.kind == "talk", func.coalesce(segments.c.ended_by, "") != "short")
        .group_by(segments.c.call)
        .subquery()
    )
    chosen = and_(
        *([calls.c.entry.in_(query.entries)] if query.entries else []),
        *([calls.c.tier.in_(query.tiers)] if query.tiers else []),
        flow_steps.c.call.in_(entered),
        flow_steps.c.at >= query.begin,
    )
    return (
        select(flow_steps, calls.c.outcome, calls.c.ended_at.label("call_ended_at"), last_talk.c.at.label("last_talk_at"))
        .join(calls, calls.c.call == flow_steps.c.call, isouter=True)
        .join(last_talk, last_talk.c.call == flow_steps.c.call, isouter=True)
        .where(chosen)
        .order_by(flow_steps.c.call)
    )


def _seq(fact: str) -> tuple[int, int]:
    token, _, seq = fact.partition("-")
    return int(token), int(seq)


def _of_call(rows: list[Any]) -> Iterator[Passage]:
    current: Passage | None = None
    for row in rows:
        if row.kind == "began":
            if current is not None:
                yield current
            current = Passage(row.flow or "", row.at)
        if current is None or row.flow != current.flow:
            continue  # it began before the period, or before there was a history
        if row.kind == "node":
            current.steps.append(FlowStep(row.node or "", row.key or ""))
        elif row.kind == "ended":
            current.result, current.went_to, current.lasted = row.result or "", row.went_to or "", row.lasted or 0.0
            current.contained = _contained(current, row)
            yield current
            current = None
    if current is not None:
        yield current


def _contained(passage: Passage, row: Any) -> bool | None:
    if row.call_ended_at is None or passage.flow.startswith(SURVEY):
        return None
    talked = row.last_talk_at is not None and row.last_talk_at >= passage.began_at
    return row.outcome in _CONTAINED and not talked


def _count(flow: FlowFigures, passage: Passage) -> None:
    flow.passages += 1
    flow.ended += bool(passage.result)
    flow.lasted += passage.lasted
    flow.decided += passage.contained is not None
    flow.contained += bool(passage.contained)
    for step, following in zip_longest(passage.steps, passage.steps[1:]):
        node = flow.nodes.setdefault(step.node, NodeFigures())
        node.visits += 1
        if following is not None:
            node.ways[following.key, following.node] += 1
        elif passage.result:
            node.exits += 1
            node.hung_up += passage.result == "hung_up"
            node.ways["", f"({passage.went_to or passage.result})"] += 1
    for name in {step.node for step in passage.steps}:
        flow.nodes[name].passages += 1


def _rows(label: str, name: str, flow: FlowFigures) -> Iterator[tuple[Key, Row]]:
    """A row for the flow, for each node and for each way on, most used first. A column has values in one of the three only, so
    it adds up."""
    contained = (flow.contained, ratio(flow.contained, flow.decided), mean(flow.lasted, flow.ended))
    yield (label, name, "", "", ""), (flow.passages, *contained, *(None,) * 6)
    for node, one in sorted(flow.nodes.items(), key=lambda item: (-item[1].visits, item[0])):
        visits = (one.visits, ratio(one.passages, flow.passages), one.exits, one.hung_up)
        yield (label, name, node, "", ""), (*(None,) * 4, *visits, None, None)
        for (key, went_to), times in sorted(one.ways.items(), key=lambda item: (-item[1], item[0])):
            yield (label, name, node, key, went_to), (*(None,) * 8, times, ratio(times, one.visits))
