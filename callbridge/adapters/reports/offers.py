"""Offers: how often each agent's phone rang for callers of each queue, and what came of it. An offer counts where it began."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Select, func, select

from callbridge.adapters.database.history_tables import offers
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, mean, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row
from callbridge.adapters.reports.slots import labels_of, slot_of

UNREACHABLE = frozenset({"offline", "unavailable", "misconfigured"})
USER_BUSY = 17
"""The cause of a phone that answers 486."""


@dataclass(slots=True)
class OfferFigures:
    """Of one agent and queue in one interval. ``rang``: seconds of the answered. ``causes``: of the unreachable, and of those
    whose trouble is known."""

    offered: int = 0
    answered: int = 0
    missed: int = 0
    rejected: int = 0
    busy: int = 0
    unreachable: int = 0
    cancelled: int = 0
    ringing: int = 0
    rang: float = 0.0
    causes: Counter[str] = field(default_factory=Counter)


def find_offers(engine: Engine, query: ReportQuery) -> dict[tuple[str, str, str], OfferFigures]:
    """(label of the interval, agent, queue) -> figures, by agent and queue. Raises SQLAlchemyError."""
    labels = labels_of(query.pieces())
    found: dict[tuple[str, str, str], OfferFigures] = {}
    with engine.connect() as link:
        for row in link.execute(_offers(query)):
            key = (labels[row.slot], row.agent or "", row.queue or "")
            _add(found.setdefault(key, OfferFigures()), row)
    return dict(sorted(found.items(), key=lambda item: item[0][1:]))


def _offers(query: ReportQuery) -> Select[Any]:
    own = offers.c
    slot = slot_of(own.began_at).label("slot")
    what = (slot, own.agent, own.queue, own.result, own.cause, own.trouble)
    wanted = select(*what, func.count().label("number"), func.sum(own.rang_for).label("rang")).group_by(*what)
    wanted = wanted.where(own.began_at >= query.begin, own.began_at < query.end)
    for column, names in ((own.agent, query.agents), (own.queue, query.queues), (own.tier, query.tiers)):
        if names:
            wanted = wanted.where(column.in_(names))
    return wanted


def _add(figures: OfferFigures, row: Any) -> None:
    figures.offered += row.number
    match row.result:
        case "answered":
            figures.answered += row.number
            figures.rang += row.rang or 0.0
        case "no_answer":
            figures.missed += row.number
        case "rejected":
            figures.rejected += row.number
            figures.busy += row.number if row.cause == USER_BUSY else 0
        case "cancelled":
            figures.cancelled += row.number
        case None:
            figures.ringing += row.number
        case _:
            figures.unreachable += row.number
    if row.trouble or row.result in UNREACHABLE:
        figures.causes[str(row.trouble or row.cause or row.result)] += row.number


_COUNT, _TEXT = ValueKind.COUNT, ValueKind.TEXT
_COLUMNS = (
    ReportColumn("offered", _COUNT, "offered", "offers that began in the interval"),
    ReportColumn("answered", _COUNT, "answ.", "of these: the agent picked up"),
    ReportColumn("missed", _COUNT, "missed", "of these: rang for the queue's whole ring time"),
    ReportColumn("rejected", _COUNT, "rejected", "of these: the agent or the phone declined"),
    ReportColumn("unreachable", _COUNT, "unreach.", "of these: the phone could not be reached, or cannot take calls"),
    ReportColumn("cancelled", _COUNT, "cancelled", "of these: withdrawn because the caller hung up or another device answered"),
    ReportColumn("still_ringing", _COUNT, "ringing", "of these: not ended yet", brief=False),
    ReportColumn("busy", _COUNT, "busy", "of the rejected: the phone was busy", brief=False),
    ReportColumn("answer_rate", ValueKind.SHARE, "answ. rate", "answered / (answered + missed + rejected + unreachable)"),
    ReportColumn("ring_time", ValueKind.SECONDS, "ring", "mean ring time of the answered"),
    ReportColumn("causes", _TEXT, "causes", "phone trouble or line cause, with the number of offers", brief=False),
)
_NOTES = ("An offer counts in the interval in which it began; those of callbacks and campaigns count, too.",)


def offers_report(engine: Engine, query: ReportQuery) -> Report:
    """A row for each agent and queue of each interval."""
    found: dict[Key, Row] = {key: _values(one) for key, one in find_offers(engine, query).items()}
    columns = (INTERVAL, ReportColumn("agent", _TEXT, "agent"), ReportColumn("queue", _TEXT, "queue"), *_COLUMNS)
    rows = keyed_rows(query.pieces(), found, 2, len(_COLUMNS))
    return Report("offers", FigureFamily.COHORT, columns, rows, Chart.BARS, ("offered", "missed"), list(_NOTES))


def _values(one: OfferFigures) -> Row:
    ends = (one.answered, one.missed, one.rejected, one.unreachable, one.cancelled, one.ringing)
    rate = ratio(one.answered, one.answered + one.missed + one.rejected + one.unreachable)
    causes = ", ".join(f"{cause} {number}" for cause, number in sorted(one.causes.items()))
    return (one.offered, *ends, one.busy, rate, mean(one.rang, one.answered), causes or None)
