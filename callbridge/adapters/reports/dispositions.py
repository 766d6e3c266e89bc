"""Dispositions: how often agents gave each code, by queue for conversations and by campaign for its attempts.

A conversation counts in the interval in which it began, an attempt in the one in which the number was dialled. A campaign's
attempts are in no queue's figures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, literal, or_, select

from callbridge.adapters.database.history_tables import calls, is_blank, segments
from callbridge.adapters.database.ledger_tables import attempts
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, mean, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL
from callbridge.adapters.reports.slots import labels_of, slot_of


@dataclass(slots=True)
class CodeFigures:
    """Of one code in one queue or campaign, in one interval. ``timed``: of these, with a known length."""

    times: int = 0
    timed: int = 0
    talked: float = 0.0


_TEXT = ValueKind.TEXT
_NAMES = (
    ReportColumn("queue", _TEXT, "queue", "empty: attempts of a campaign"),
    ReportColumn("campaign", _TEXT, "campaign", "empty: conversations of a queue"),
    ReportColumn("disposition", _TEXT, "code", "empty: the agent set none"),
)
_COLUMNS = (
    ReportColumn("times", ValueKind.COUNT, "times", "conversations, or answered attempts of the campaign, with this code"),
    ReportColumn(
        "times_share", ValueKind.SHARE, "share", "of the conversations of the queue, or answered attempts of the campaign"
    ),
    ReportColumn("mean_talk", ValueKind.SECONDS, "mean talk", "mean time of these with the agent, hold included"),
)
_NOTE = "A conversation counts where it began, an attempt where the number was dialled."


def dispositions_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    found, totals = _figures(engine, query, labels_of(pieces))
    rows = {
        key: (one.times, ratio(one.times, totals[key[:-1]]), mean(one.talked, one.timed)) for key, one in sorted(found.items())
    }
    made = keyed_rows(pieces, rows, len(_NAMES), len(_COLUMNS))
    return Report("dispositions", FigureFamily.COHORT, (INTERVAL, *_NAMES, *_COLUMNS), made, Chart.BARS, ("times",), [_NOTE])


def _figures(engine: Engine, query: ReportQuery, labels: Mapping[int, str]) -> tuple[dict[Key, CodeFigures], Counter[Key]]:
    """(label, queue, campaign, code) -> figures; and (label, queue, campaign) -> how many there are with and without a code."""
    found: dict[Key, CodeFigures] = defaultdict(CodeFigures)
    totals: Counter[Key] = Counter()
    with engine.connect() as link:
        for row in _counted(link, query):
            of = (labels[row.slot], row.queue or "", row.campaign or "")
            one = found[*of, row.disposition or ""]
            one.times += row.number
            one.timed += row.timed
            one.talked += row.talked or 0.0
            totals[of] += row.number
    return found, totals


def _counted(link: Connection, query: ReportQuery) -> Iterator[Any]:
    """An attempt has no queue, so nobody who may see some queues only sees any; and a conversation has no campaign."""
    if not query.campaigns:
        yield from link.execute(_conversations(query))
    if not query.queues:
        yield from link.execute(_attempts(query))


def _conversations(query: ReportQuery) -> Select[Any]:
    """Of calls that no campaign made."""
    own = segments.c
    slot = slot_of(own.began_at).label("slot")
    of_campaign = and_(calls.c.call == own.call, ~is_blank(calls.c.campaign))
    counted = (func.count().label("number"), func.count(own.talked).label("timed"), func.sum(own.talked).label("talked"))
    wanted = select(slot, own.queue, literal("").label("campaign"), own.disposition, *counted)
    wanted = wanted.join(calls, of_campaign, isouter=True)
    wanted = wanted.where(own.began_at >= query.begin, own.began_at < query.end, own.kind == "talk", calls.c.call.is_(None))
    wanted = wanted.where(~is_blank(own.agent), func.coalesce(own.ended_by, "") != "short")
    wanted = wanted.where(own.agent.in_(query.agents)) if query.agents else wanted
    wanted = wanted.where(own.queue.in_(query.queues)) if query.queues else wanted
    return wanted.group_by("slot", own.queue, own.disposition)


def _attempts(query: ReportQuery) -> Select[Any]:
    """In which an agent talked to somebody, or to which one gave a code. The ledger does not know how long they talked."""
    own, talk = attempts.c, segments.c
    of_agent = and_(
        talk.call == own.call, talk.agent == own.agent, talk.kind == "talk", func.coalesce(talk.ended_by, "") != "short"
    )
    lasted = select(func.sum(talk.talked)).where(of_agent).correlate(attempts).scalar_subquery()
    slot = slot_of(own.at).label("slot")
    counted = (func.count().label("number"), func.count(lasted).label("timed"), func.sum(lasted).label("talked"))
    wanted = select(slot, literal("").label("queue"), own.campaign, own.disposition, *counted)
    wanted = wanted.where(own.at >= query.begin, own.at < query.end, or_(own.outcome == "answered", own.disposition != ""))
    wanted = wanted.where(own.agent.in_(query.agents)) if query.agents else wanted
    wanted = wanted.where(own.campaign.in_(query.campaigns)) if query.campaigns else wanted
    return wanted.group_by("slot", own.campaign, own.disposition)
