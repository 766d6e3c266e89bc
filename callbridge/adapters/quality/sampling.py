"""Which recordings of a period are reviewed: the same share of each agent's, at least one, in an order that nobody chooses.

The order is that of a hash of seed, period, sample and recording: who knows the seed can draw the sample again, and nobody can
steer it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import floor
from zoneinfo import ZoneInfo


class SamplePeriod(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTerms:
    """``rate``: share of each agent's recordings of each period. ``second_review``: a recording with a failed fatal criterion
    also goes to a second reviewer. Empty names: of all agents, queues, campaigns."""

    name: str
    rate: float
    each: SamplePeriod
    form: str
    seed: str = ""
    second_review: bool = False
    agents: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PooledRecording:
    id: str
    agent: str


def draw(terms: SampleTerms, period: str, pool: Iterable[PooledRecording]) -> list[str]:
    """The recordings to review: first one of each agent, then the second ones, and so on, so that an unfinished review is fair,
    too."""
    by_agent: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in pool:
        by_agent[one.agent].append((_order(terms, period, one.id), one.id))
    drawn: list[tuple[int, str, str]] = []
    for theirs in by_agent.values():
        count = max(1, floor(terms.rate * len(theirs) + 0.5))
        drawn += [(place, order, name) for place, (order, name) in enumerate(sorted(theirs)[:count])]
    return [name for _, _, name in sorted(drawn)]


def _order(terms: SampleTerms, period: str, recording: str) -> str:
    return hashlib.sha256("\0".join((terms.seed, period, terms.name, recording)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Period:
    name: str
    begin: float
    end: float


def past_periods(each: SamplePeriod, now: float, zone: ZoneInfo) -> list[Period]:
    """The last days (7), weeks (4) or months (3) that are over, the latest first. Only a period that is over can be drawn the
    same again; several, because nobody may ask every day."""
    day = _first_day(each, datetime.fromtimestamp(now, zone).date())
    shape, count = _NAMED[each]
    found: list[Period] = []
    for _ in range(count):
        begin = _first_day(each, day - timedelta(days=1))
        found.append(Period(f"{begin:{shape}}", _midnight(begin, zone), _midnight(day, zone)))
        day = begin
    return found


_NAMED = {SamplePeriod.DAY: ("%Y-%m-%d", 7), SamplePeriod.WEEK: ("%G-W%V", 4), SamplePeriod.MONTH: ("%Y-%m", 3)}


def _first_day(each: SamplePeriod, day: date) -> date:
    match each:
        case SamplePeriod.DAY:
            return day
        case SamplePeriod.WEEK:
            return day - timedelta(days=day.weekday())
        case SamplePeriod.MONTH:
            return day.replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
