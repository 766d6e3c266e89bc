"""Callbacks: what became of those that were requested in each interval, and how long the customers waited for the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select

from callbridge.adapters.database.history_tables import callback_attempts, callbacks, calls, changes
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, mean, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row
from callbridge.adapters.reports.slots import labels_of, slot_of


@dataclass(slots=True)
class CallbackFigures:
    """Of one queue and tier in one interval. ``waited``: sum of the seconds of those that were kept."""

    kept: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    waiting: int = 0
    refused: int = 0
    attempts: int = 0
    waited: float = 0.0
    longest: float = 0.0


_TEXT, _COUNT, _SHARE, _SECONDS = ValueKind.TEXT, ValueKind.COUNT, ValueKind.SHARE, ValueKind.SECONDS
_NAMES = (ReportColumn("queue", _TEXT, "queue"), ReportColumn("tier", _TEXT, "tier"))
_COLUMNS = (
    ReportColumn(
        "requested", _COUNT, "asked", "callbacks requested in the interval: kept + failed + expired + cancelled + waiting"
    ),
    ReportColumn("kept", _COUNT, "kept", "of these: customer and agent talked"),
    ReportColumn("failed", _COUNT, "failed", "of these: given up after the last attempt"),
    ReportColumn("expired", _COUNT, "expired", "of these: not reached before they expired"),
    ReportColumn("cancelled", _COUNT, "canc.", "of these: cancelled on request", brief=False),
    ReportColumn("waiting", _COUNT, "waiting", "of these: not ended yet"),
    ReportColumn(
        "refused",
        _COUNT,
        "refused",
        "callers who asked for one in a flow and were refused; not included in requested",
        brief=False,
    ),
    ReportColumn("kept_share", _SHARE, "kept %", "kept / (kept + failed + expired)"),
    ReportColumn("attempts", _COUNT, "calls", "times that the customers were called"),
    ReportColumn("mean_wait", _SECONDS, "wait", "mean time from the request to the talk, of those kept"),
    ReportColumn("longest_wait", _SECONDS, "longest", "longest time from the request to the talk", brief=False),
    ReportColumn("attempts_each", ValueKind.DECIMAL, "calls each", "attempts / requested", brief=False),
)


def callbacks_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    with engine.connect() as link:
        found = _figures(link, query, labels_of(pieces))
    return Report(
        "callbacks",
        FigureFamily.COHORT,
        (INTERVAL, *_NAMES, *_COLUMNS),
        keyed_rows(pieces, {key: _values(found[key]) for key in sorted(found)}, len(_NAMES), len(_COLUMNS)),
        Chart.BARS,
        ("requested", "kept"),
        ["A callback counts in the interval in which it was requested, with all its attempts."],
    )


def _values(one: CallbackFigures) -> Row:
    ends = (one.kept, one.failed, one.expired, one.cancelled, one.waiting)
    requested = sum(ends)
    owed = one.kept + one.failed + one.expired
    waits = mean(one.waited, one.kept), round(one.longest, 1) if one.kept else None
    each = round(one.attempts / requested, 2) if requested else None
    return (requested, *ends, one.refused, ratio(one.kept, owed), one.attempts, *waits, each)


def _figures(link: Connection, query: ReportQuery, labels: Mapping[int, str]) -> dict[Key, CallbackFigures]:
    """(label, queue, tier) -> figures."""
    found: dict[Key, CallbackFigures] = {}

    def of(row: Any) -> CallbackFigures:
        return found.setdefault((labels[row.slot], row.queue or "", row.tier or ""), CallbackFigures())

    for row in link.execute(_requested(query)):
        _add(of(row), row)
    for row in link.execute(_attempts(query)):
        of(row).attempts += row.number
    for row in link.execute(_refused(query)):
        of(row).refused += row.number
    return found


def _add(figures: CallbackFigures, row: Any) -> None:
    match row.outcome:
        case "kept":
            figures.kept += row.number
            figures.waited += row.waited or 0.0
            figures.longest = max(figures.longest, row.longest or 0.0)
        case "expired":
            figures.expired += row.number
        case "cancelled":
            figures.cancelled += row.number
        case None:
            figures.waiting += row.number
        case _:
            figures.failed += row.number


def _requested(query: ReportQuery) -> Select[Any]:
    own = callbacks.c
    waited = (func.sum(own.waited).label("waited"), func.max(own.waited).label("longest"))
    return _counted(query, own.requested_at, own.queue, own.tier, own.outcome, more=waited)


def _attempts(query: ReportQuery) -> Select[Any]:
    own = callbacks.c
    wanted = _counted(query, own.requested_at, own.queue, own.tier)
    return wanted.join_from(callbacks, callback_attempts, callback_attempts.c.callback == own.callback)


def _refused(query: ReportQuery) -> Select[Any]:
    wanted = _counted(query, changes.c.at, changes.c.queue, calls.c.tier).where(changes.c.kind == "callback_refused")
    return wanted.join_from(changes, calls, calls.c.call == changes.c.call, isouter=True)


def _counted(
    query: ReportQuery,
    at: ColumnElement[float],
    queue: ColumnElement[str],
    tier: ColumnElement[str],
    *by: ColumnElement[Any],
    more: tuple[ColumnElement[Any], ...] = (),
) -> Select[Any]:
    """How many rows there are, by slot, queue, tier and ``by``."""
    slot = slot_of(at).label("slot")
    wanted = select(slot, queue, tier, *by, func.count().label("number"), *more).where(at >= query.begin, at < query.end)
    wanted = wanted.where(queue.in_(query.queues)) if query.queues else wanted
    wanted = wanted.where(tier.in_(query.tiers)) if query.tiers else wanted
    return wanted.group_by(slot, queue, tier, *by)
