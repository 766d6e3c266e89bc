"""What the ledger says of campaigns: attempts by interval, the window of the abandon rate, and how far each list is dialled."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, select

from callbridge.adapters.database.attempt_counts import WINDOW_DAYS, AttemptCounts
from callbridge.adapters.database.ledger_tables import attempts, leads
from callbridge.adapters.reports.agents import report_agents
from callbridge.adapters.reports.report import ReportQuery
from callbridge.adapters.reports.slots import SLOT, labels_of, slot_of


@dataclass(slots=True)
class DiallingFigures:
    """Of one campaign in one interval. ``staffed``: seconds for which its agents were logged in; ``new``: leads dialled for the
    first time; ``codes``: how often agents gave each disposition."""

    counts: AttemptCounts = field(default_factory=AttemptCounts)
    connected: int = 0
    machines: int = 0
    talks: int = 0
    new: int = 0
    staffed: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class SlotSums:
    """Numbers by slot, to be added up over any slots."""

    by_slot: Counter[int] = field(default_factory=Counter)
    _slots: list[int] = field(default_factory=list)
    _sums: list[int] = field(default_factory=list)

    def between(self, begin: float, end: float) -> int:
        """The sum from the slot in which ``begin`` is, up to the one in which ``end`` is or with which it begins."""
        if not self._slots:
            self._slots = sorted(self.by_slot)
            self._sums = [0, *accumulate(self.by_slot[slot] for slot in self._slots)]
        first, last = (bisect_left(self._slots, slot) for slot in (int(begin // SLOT), -int(-end // SLOT)))
        return self._sums[last] - self._sums[first]


@dataclass(slots=True)
class CampaignList:
    """All of one campaign's leads, as they are now, and when they were dialled first; ``live`` and ``abandoned``: of the period
    and of the window before it. ``open``: leads by the number of their attempts, of those that are not done."""

    leads: int = 0
    open: Counter[int] = field(default_factory=Counter)
    dialled: SlotSums = field(default_factory=SlotSums)
    live: SlotSums = field(default_factory=SlotSums)
    abandoned: SlotSums = field(default_factory=SlotSums)


FiguresOfCampaigns = dict[tuple[str, str], DiallingFigures]
"""(label of the interval, campaign) -> figures."""
CampaignLists = dict[str, CampaignList]


def find_campaigns(engine: Engine, query: ReportQuery) -> tuple[FiguresOfCampaigns, CampaignLists]:
    """Raises SQLAlchemyError and BadPeriod."""
    labels = labels_of(query.pieces())
    found: FiguresOfCampaigns = defaultdict(DiallingFigures)
    lists: CampaignLists = defaultdict(CampaignList)
    with engine.connect() as link:
        _add_attempts(link, query, labels, found, lists)
        _add_leads(link, query, labels, found, lists)
        _add_staffed(engine, link, query, found)
    return found, lists


def window_begin(end: float, zone: ZoneInfo) -> float:
    """The midnight with which the window begins whose last day is that of the moment before ``end``."""
    last = datetime.fromtimestamp(end - 0.001, zone).date()
    return datetime.combine(last - timedelta(days=WINDOW_DAYS - 1), time.min, tzinfo=zone).timestamp()


def _chosen(query: ReportQuery, campaign: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    return (campaign.in_(query.campaigns),) if query.campaigns else ()


def _add_attempts(
    link: Connection, query: ReportQuery, labels: Mapping[int, str], found: FiguresOfCampaigns, lists: CampaignLists
) -> None:
    own = attempts.c
    slot, inside = slot_of(own.at).label("slot"), case((own.at >= query.begin, 1), else_=0).label("inside")
    has_agent = case((own.agent != "", 1), else_=0).label("has_agent")
    by = (own.campaign, own.outcome, own.late, own.manual, own.disposition)
    since = window_begin(query.pieces()[0].ended, query.zone)
    counted = (func.count().label("number"), func.count(own.answered_at).label("answered"))
    wanted = select(slot, inside, has_agent, *by, *counted).where(own.at >= min(since, query.begin), own.at < query.end)
    for row in link.execute(wanted.where(*_chosen(query, own.campaign)).group_by("slot", "inside", "has_agent", *by)):
        counts = AttemptCounts()
        counts.add(row.outcome, row.number, late=bool(row.late), manual=bool(row.manual), agent=bool(row.has_agent))
        lists[row.campaign].live.by_slot[row.slot] += counts.live
        lists[row.campaign].abandoned.by_slot[row.slot] += counts.abandoned
        if not row.inside:
            continue
        one = found[labels[row.slot], row.campaign]
        one.counts.add(row.outcome, row.number, late=bool(row.late), manual=bool(row.manual), agent=bool(row.has_agent))
        one.connected += row.answered
        one.machines += row.number * (row.outcome == "machine")
        one.talks += row.number * (row.outcome == "answered")
        one.codes[row.disposition] += row.number


def _add_leads(
    link: Connection, query: ReportQuery, labels: Mapping[int, str], found: FiguresOfCampaigns, lists: CampaignLists
) -> None:
    own = leads.c
    done = case((own.state == "done", 1), else_=0).label("done")
    state = select(own.campaign, done, own.attempts, func.count().label("number")).where(*_chosen(query, own.campaign))
    for row in link.execute(state.group_by("done", own.campaign, own.attempts)):
        lists[row.campaign].leads += row.number
        lists[row.campaign].open[row.attempts] += 0 if row.done else row.number
    of_list = and_(leads.c.id == attempts.c.lead, leads.c.campaign == attempts.c.campaign)
    first = (
        select(attempts.c.campaign, attempts.c.lead, func.min(attempts.c.at).label("at"))
        .join(leads, of_list)
        .where(*_chosen(query, attempts.c.campaign))
        .group_by(attempts.c.campaign, attempts.c.lead)
        .subquery()
    )
    slot, inside = slot_of(first.c.at).label("slot"), case((first.c.at >= query.begin, 1), else_=0).label("inside")
    dialled = select(first.c.campaign, slot, inside, func.count().label("number")).where(first.c.at < query.end)
    for row in link.execute(dialled.group_by("slot", "inside", first.c.campaign)):
        lists[row.campaign].dialled.by_slot[row.slot] += row.number
        if row.inside:
            found[labels[row.slot], row.campaign].new += row.number


def _add_staffed(engine: Engine, link: Connection, query: ReportQuery, found: FiguresOfCampaigns) -> None:
    """The agents of a campaign are those who had a call of it in the period."""
    own = attempts.c
    wanted = select(own.campaign, own.agent).where(own.at >= query.begin, own.at < query.end, own.agent != "")
    agents: dict[str, set[str]] = defaultdict(set)
    for row in link.execute(wanted.where(*_chosen(query, own.campaign)).distinct()):
        agents[row.agent].add(row.campaign)
    if not agents:
        return
    for (label, agent), figures in report_agents(engine, query.pieces(), query.now, agents).items():
        for campaign in agents[agent]:
            found[label, campaign].staffed += figures.staffed
