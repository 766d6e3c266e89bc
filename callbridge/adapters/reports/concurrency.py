"""How much of something passes at the same time: seconds and peaks in each quarter of an hour, exact to the edge.

The database sweeps over the beginnings and ends in order of time, so a year of conversations costs one sort there and a row for
each quarter of an hour here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Table,
    and_,
    case,
    func,
    literal,
    select,
    union_all,
)

from callbridge.adapters.database.history_tables import LONG, is_long
from callbridge.adapters.reports.slots import SLOT, slot_of


@dataclass(frozen=True, slots=True)
class Load:
    """In one quarter of an hour: the seconds of all that passed together, and how many there were at once at most."""

    seconds: float
    peak: int


Loads = Mapping[str, Mapping[int, Load]]
"""By name, then by slot. Slots in which nothing passed are not there."""


def passing(wanted: Select[Any], table: Table, begin: float, end: float) -> CompoundSelect[Any]:
    """Those rows of ``wanted`` that pass in the period, wholly or in part. An index finds each of the three: what began in the
    period or in the month before it, what is longer than that, and what has not ended. With OR between them, or if the index on
    beginnings could be used for the last two, SQLite would read everything since the beginning of the history instead."""
    began, ended = table.c.began_at, table.c.ended_at
    unindexed = began + 0.0
    recent = and_(began >= begin - LONG, began < end, ended > begin)
    long = and_(is_long(table), ended > begin, unindexed < begin - LONG)
    not_ended = and_(ended.is_(None), unindexed < end)
    return union_all(*(wanted.where(part) for part in (recent, long, not_ended)))


def spans(
    source: Table, begin: float, end: float, *only: ColumnElement[bool], name: ColumnElement[Any] | None = None
) -> CompoundSelect[Any]:
    """What ``source`` (with ``began_at`` and ``ended_at``) says passed, cut at the borders of the period. ``end``: not later than
    now, for what has not ended. ``name``: by which it is told apart; without one all is together, under an empty name."""
    began, ended = source.c.began_at, source.c.ended_at
    first = case((began < begin, begin), else_=began)
    last = case((ended.is_(None), end), (ended > end, end), else_=ended)
    wanted = select(
        literal("").label("name") if name is None else func.coalesce(name, "").label("name"),
        first.label("began"),
        last.label("ended"),
    )
    return passing(wanted.where(*only), source, begin, end)


def sweep(link: Connection, passed: CompoundSelect[Any], begin: float, end: float) -> Loads:
    """The load of each name. Raises SQLAlchemyError."""
    found: dict[str, dict[int, Load]] = {}
    edges: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in link.execute(_edges(passed)):
        edges[row.name][row.slot] = row
    for name, by_slot in edges.items():
        level, loads = 0, found.setdefault(name, {})
        for slot in range(int(begin // SLOT), -int(-end // SLOT)):
            edge = by_slot.get(slot)
            if edge is not None:
                seconds = level * SLOT + edge.rest
                peak = max(level - edge.ended_first, edge.highest or 0)
                level += edge.change
            else:
                seconds, peak = float(level * SLOT), level
            if seconds > 0 or peak:
                loads[slot] = Load(seconds, peak)
    return found


def _edges(passed: CompoundSelect[Any]) -> Select[Any]:
    """Of each slot with a beginning or an end: by how many the level changed, what these changes add to the seconds until the end
    of the slot, how many ended as it began, and the highest level that a beginning led to. What ends at a moment ends before what
    begins at it."""
    span = passed.cte()  # read once, though it is used twice
    lasting = span.c.ended > span.c.began
    edge = union_all(
        select(span.c.name, span.c.began.label("at"), literal(1).label("step")).where(lasting),
        select(span.c.name, span.c.ended.label("at"), literal(-1).label("step")).where(lasting),
    ).subquery()
    level = func.sum(edge.c.step).over(partition_by=edge.c.name, order_by=(edge.c.at, edge.c.step), rows=(None, 0))
    swept = select(edge.c.name, edge.c.at, edge.c.step, slot_of(edge.c.at).label("slot"), level.label("level")).subquery()
    left = (swept.c.slot + 1) * float(SLOT) - swept.c.at
    return select(
        swept.c.name,
        swept.c.slot,
        func.sum(swept.c.step).label("change"),
        func.sum(swept.c.step * left).label("rest"),
        func.sum(case((and_(swept.c.step == -1, left == float(SLOT)), 1), else_=0)).label("ended_first"),
        func.max(case((swept.c.step == 1, swept.c.level))).label("highest"),
    ).group_by(swept.c.name, swept.c.slot)
