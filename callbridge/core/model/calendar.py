"""Calendars: opening hours by weekday in a time zone, with holidays. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

Span = tuple[int, int]
"""From and to, in minutes of the day; 1440 is its end."""
MINUTES_A_DAY = 1440


@dataclass(frozen=True, slots=True)
class Calendar:
    """``week``: the spans of each weekday, Monday first. A day in ``holidays`` (``2026-12-25``) has those spans instead."""

    name: str
    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    holidays: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    def is_open(self, wall: float) -> bool:
        """Whether ``wall`` (epoch seconds) lies in a span of its own day. Clocks that are put back or forward are the zone's
        business: what counts is what the clock on the wall shows."""
        moment = datetime.fromtimestamp(wall, self.zone)
        minute = moment.hour * 60 + moment.minute
        return any(begin <= minute < end for begin, end in self.spans(moment))

    def spans(self, moment: datetime) -> tuple[Span, ...]:
        """The spans of this day."""
        return self.holidays.get(moment.strftime("%Y-%m-%d"), self.week[moment.weekday()])

    def changes_after(self, wall: float) -> float:
        """The next beginning or end of a span after ``wall``; at the latest the day after tomorrow's midnight."""
        today = datetime.fromtimestamp(wall, self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        moments = [_real(today + timedelta(days=2))]
        for day in (today, today + timedelta(days=1)):
            moments += [_real(day + timedelta(minutes=minute)) for span in self.spans(day) for minute in span]
        return min(moment for moment in moments if moment > wall)

    def opens_after(self, wall: float, days: int = 14) -> float | None:
        """The next moment, from ``wall`` on, at which it is open; None when that is more than ``days`` away."""
        if self.is_open(wall):
            return wall
        today = datetime.fromtimestamp(wall, self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        for ahead in range(days + 1):
            day = today + timedelta(days=ahead)  # on the wall's clock, so a day of 23 or 25 hours is one day
            begins = sorted(_real(day + timedelta(minutes=begin)) for begin, end in self.spans(day) if begin < end)
            later = next((begin for begin in begins if begin > wall), None)
            if later is not None:
                return later
        return None


def _real(moment: datetime) -> float:
    """When the clock on the wall shows this. In the hour that is left out in spring it never does: then, when that is over."""
    late = moment.timestamp()
    if datetime.fromtimestamp(late, moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None):
        return late
    early = moment.replace(fold=1).timestamp()
    new = datetime.fromtimestamp(late, moment.tzinfo).utcoffset()
    minutes = range(int(early), int(late) + 1, 60)
    return float(next(each for each in minutes if datetime.fromtimestamp(each, moment.tzinfo).utcoffset() == new))
