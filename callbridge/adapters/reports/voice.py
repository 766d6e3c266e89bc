"""Voice quality: how conversations sounded at phones in the browser, by agent. A conversation counts in the interval in which
its measurement was reported, at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from sqlalchemy import Connection, Engine, Select, select

from callbridge.adapters.database.history_tables import voice_quality
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row
from callbridge.adapters.reports.slots import SLOT, labels_of

POOR_MOS = 3.6
"""Below it many users are dissatisfied (ITU-T G.107, annex B)."""


@dataclass(slots=True)
class VoiceFigures:
    """Of one agent in one interval; a value for each measured conversation."""

    scores: list[float] = field(default_factory=list)
    worst: list[float] = field(default_factory=list)
    jitter: list[float] = field(default_factory=list)
    rtt: list[float] = field(default_factory=list)
    received: int = 0
    lost: int = 0


_COUNT, _SHARE, _DECIMAL = ValueKind.COUNT, ValueKind.SHARE, ValueKind.DECIMAL
_NAMES = (ReportColumn("agent", ValueKind.TEXT, "agent"),)
_COLUMNS = (
    ReportColumn("measured", _COUNT, "measured", "conversations whose voice a phone in the browser measured"),
    ReportColumn("median_mos", _DECIMAL, "median MOS", "median of their mean opinion scores, 1 to 4.5 (E-model, ITU-T G.107)"),
    ReportColumn("lowest_mos", _DECIMAL, "lowest MOS", "the lowest of these scores"),
    ReportColumn("poor", _COUNT, "poor", "of these: with a score below 3.6, which many users find bad"),
    ReportColumn("poor_share", _SHARE, "poor %", "poor / measured"),
    ReportColumn("worst_moment", _DECIMAL, "worst 2 s", "score of the worst two seconds of all", brief=False),
    ReportColumn("packets_lost", _SHARE, "lost", "packets of the callers' voices that were lost / sent", brief=False),
    ReportColumn("jitter_ms", _DECIMAL, "jitter", "mean jitter of the conversations, milliseconds", brief=False),
    ReportColumn("round_trip_ms", _DECIMAL, "RTT", "mean round trip of the conversations, milliseconds", brief=False),
)
_NOTE = "Measured at the agent's side: a bad line of the caller is not in these figures. A conversation counts where it ended."


def voice_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    with engine.connect() as link:
        found = _figures(link, query, labels_of(pieces))
    rows = {key: _values(found[key]) for key in sorted(found)}
    made = keyed_rows(pieces, rows, len(_NAMES), len(_COLUMNS))
    return Report("voice", FigureFamily.COHORT, (INTERVAL, *_NAMES, *_COLUMNS), made, Chart.BARS, ("measured", "poor"), [_NOTE])


def _values(one: VoiceFigures) -> Row:
    poor = sum(score < POOR_MOS for score in one.scores)
    scores = (len(one.scores), round(median(one.scores), 2), round(min(one.scores), 2), poor, ratio(poor, len(one.scores)))
    loss = ratio(one.lost, one.received + one.lost)
    return *scores, round(min(one.worst), 2), loss, _milliseconds(one.jitter), _milliseconds(one.rtt)


def _milliseconds(values: list[float]) -> float | None:
    return round(1000 * fmean(values), 1) if values else None


def _figures(link: Connection, query: ReportQuery, labels: Mapping[int, str]) -> dict[Key, VoiceFigures]:
    """(label, agent) -> figures."""
    found: dict[Key, VoiceFigures] = defaultdict(VoiceFigures)
    for row in link.execute(_measured(query)):
        one = found[labels[int(row.at // SLOT)], row.agent or ""]
        one.scores.append(row.mos)
        one.worst.append(row.worst_mos)
        one.jitter += [] if row.jitter is None else [row.jitter]
        one.rtt += [] if row.rtt is None else [row.rtt]
        one.received += row.received
        one.lost += row.lost
    return found


def _measured(query: ReportQuery) -> Select[Any]:
    """A median needs each of them: no database adds it up."""
    own = voice_quality.c
    wanted = select(own.at, own.agent, own.mos, own.worst_mos, own.jitter, own.rtt, own.received, own.lost)
    wanted = wanted.where(own.at >= query.begin, own.at < query.end)
    for column, names in ((own.agent, query.agents), (own.queue, query.queues)):
        wanted = wanted.where(column.in_(names)) if names else wanted
    return wanted
