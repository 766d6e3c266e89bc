"""Transfers: who gave calls away and to whom, by kind and result; and who talked because of one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, func, select

from callbridge.adapters.database.history_tables import segments, transfers
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row
from callbridge.adapters.reports.slots import labels_of, slot_of

OUT, IN = "out", "in"
_NAMES = 6
"""Columns that say what is counted: agent, queue, direction, kind, party, result."""
TransferCounts = Counter[Key]


def find_transfers(engine: Engine, query: ReportQuery) -> tuple[TransferCounts, TransferCounts]:
    """(interval, agent, queue, direction, kind, other party, result) -> how many; and (interval, agent, queue) -> talks. Raises
    SQLAlchemyError."""
    labels = labels_of(query.pieces())
    found: TransferCounts = Counter()
    talks: TransferCounts = Counter()
    with engine.connect() as link:
        for row in link.execute(_out(query)):
            key = (row.agent or "", row.queue or "", OUT, row.kind or "", row.target or "", row.result or "")
            found[(labels[row.slot], *key)] += row.number
        for row in link.execute(_in(query)):
            key = (row.agent or "", row.queue or "", IN, row.kind or "", _giver(row), row.result or "")
            found[(labels[row.slot], *key)] += row.number
        for row in link.execute(_talks(query)):
            talks[labels[row.slot], row.agent or "", row.queue or ""] += row.number
    return found, talks


def _out(query: ReportQuery) -> Select[Any]:
    """What an agent gave away; a customer's own transfer is the customer's."""
    own = transfers.c
    what = (slot_of(own.began_at).label("slot"), own.agent, own.queue, own.kind, own.target, own.result)
    wanted = select(*what, func.count().label("number")).group_by(*what)
    agents = func.coalesce(own.party, "agent") == "agent"
    return wanted.where(*_period(own.began_at, query), agents, *_named(own.agent, own.queue, query))


def _in(query: ReportQuery) -> Select[Any]:
    """The talks to which a transfer led."""
    own, given = segments.c, transfers.c
    what = (slot_of(own.began_at).label("slot"), own.agent, own.queue, given.kind, given.agent.label("giver"), given.result)
    wanted = select(*what, func.count().label("number")).group_by(*what)
    led = and_(given.call == own.call, given.transfer == own.transfer)
    return wanted.join(transfers, led).where(*_period(own.began_at, query), *_is_talk(query))


def _talks(query: ReportQuery) -> Select[Any]:
    own = segments.c
    what = (slot_of(own.began_at).label("slot"), own.agent, own.queue)
    wanted = select(*what, func.count().label("number")).group_by(*what)
    return wanted.where(*_period(own.began_at, query), *_is_talk(query))


def _is_talk(query: ReportQuery) -> tuple[ColumnElement[bool], ...]:
    own = segments.c
    talk = (own.kind == "talk", func.coalesce(own.ended_by, "") != "short", own.agent != "")
    return (*talk, *_named(own.agent, own.queue, query))


def _period(began_at: ColumnElement[float], query: ReportQuery) -> tuple[ColumnElement[bool], ...]:
    return began_at >= query.begin, began_at < query.end


def _named(agent: ColumnElement[str], queue: ColumnElement[str], query: ReportQuery) -> list[ColumnElement[bool]]:
    return [column.in_(names) for column, names in ((agent, query.agents), (queue, query.queues)) if names]


def _giver(row: Any) -> str:
    return f"agent:{row.giver}" if row.giver else ""


_TEXT = ValueKind.TEXT
_COLUMNS = (
    INTERVAL,
    ReportColumn("agent", _TEXT, "agent"),
    ReportColumn("queue", _TEXT, "queue", "of the talk"),
    ReportColumn("direction", _TEXT, "dir.", "out: the agent transferred the call; in: the agent talked because of a transfer"),
    ReportColumn("kind", _TEXT, "kind", "blind, consult, back, or made on the phone (phone, phone_attended)"),
    ReportColumn("party", _TEXT, "to/from", "out: the target; in: the agent who transferred the call"),
    ReportColumn("result", _TEXT, "result", "empty while it lasts"),
    ReportColumn("transfers", ValueKind.COUNT, "number", "transfers that began (out), or talks that resulted from them (in)"),
    ReportColumn("share", ValueKind.SHARE, "share", "transfers / the agent's talks in this queue that began in the interval"),
)
_NOTES = ("Transfers and talks count where they began. A call transferred to a queue is a visit of that queue.",)


def transfers_report(engine: Engine, query: ReportQuery) -> Report:
    """A row for each agent, queue, direction, kind, other party and result of each interval."""
    found, talks = find_transfers(engine, query)
    by_name = sorted(found, key=lambda key: key[1:])
    rows: dict[Key, Row] = {key: (found[key], ratio(found[key], talks[key[:3]])) for key in by_name}
    listed = keyed_rows(query.pieces(), rows, _NAMES, 2)
    return Report("transfers", FigureFamily.COHORT, _COLUMNS, listed, Chart.NONE, notes=list(_NOTES))
