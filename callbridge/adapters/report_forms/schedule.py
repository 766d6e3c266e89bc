"""When a report is due, and of which period. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class ReportPeriod(StrEnum):
    YESTERDAY = "yesterday"
    LAST_WEEK = "last_week"
    LAST_MONTH = "last_month"


@dataclass(frozen=True, slots=True)
class DueReport:
    """``label`` names the period in file names and subjects; ``first`` and ``last`` are its days, ``ended`` is when it ended,
    ``due`` when the report is to be sent: epoch seconds."""

    label: str
    first: date
    last: date
    ended: float
    due: float


def latest_due(period: ReportPeriod, at: str, zone: ZoneInfo, now: float) -> DueReport:
    """The report that was due last: that of the day, week (from Monday) or month before the last time that the clock said
    ``at`` on a day for sending."""
    hour, _, minute = at.partition(":")
    today = datetime.fromtimestamp(now, zone).date()
    sent_on = _sending_day(period, today)
    due = datetime.combine(sent_on, time(int(hour), int(minute)), tzinfo=zone).timestamp()
    if due > now:
        sent_on = _sending_day(period, sent_on - timedelta(days=1))
        due = datetime.combine(sent_on, time(int(hour), int(minute)), tzinfo=zone).timestamp()
    last = sent_on - timedelta(days=1)
    first = _sending_day(period, last)
    ended = datetime.combine(sent_on, time.min, tzinfo=zone).timestamp()
    return DueReport(_label(period, first), first, last, ended, due)


def _sending_day(period: ReportPeriod, day: date) -> date:
    """The day on which a report is sent, this day or the last one before: also the first day of a period."""
    match period:
        case ReportPeriod.YESTERDAY:
            return day
        case ReportPeriod.LAST_WEEK:
            return day - timedelta(days=day.weekday())
        case ReportPeriod.LAST_MONTH:
            return day.replace(day=1)


def _label(period: ReportPeriod, first: date) -> str:
    match period:
        case ReportPeriod.YESTERDAY:
            return first.isoformat()
        case ReportPeriod.LAST_WEEK:
            return f"{first:%G-W%V}"
        case ReportPeriod.LAST_MONTH:
            return f"{first:%Y-%m}"
