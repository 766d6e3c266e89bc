"""Intervals of local time: exact over midnight, both changes of the clocks, and the ends of months and years."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from callbridge.core.model.sentence import Sentence
from callbridge.wire.reports import By as By

MAX_INTERVALS = 100_000
_FIRST_YEAR = 1970
"""Of a period: the first years of the calendar are none in some time zones."""


class BadPeriod(ValueError):
    """The period cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``began`` to just before ``ended``, epoch seconds. Intervals with the same label are one row."""

    label: str
    began: float
    ended: float


_SECONDS = {By.QUARTER_HOUR: 900.0, By.HALF_HOUR: 1800.0, By.HOUR: 3600.0, By.HOUR_OF_DAY: 3600.0}
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def moment_of(text: str, zone: ZoneInfo, *, end: bool = False) -> float:
    """``2026-11-28`` or ``2026-11-28T09:30`` in the zone, as epoch seconds. ``end``: a date stands for the end of that day.
    Raises BadPeriod."""
    try:
        if "T" in text or ":" in text:
            read = datetime.fromisoformat(text)
            _see_that_it_is_ours(read)
            return (read if read.tzinfo is not None else read.replace(tzinfo=zone)).timestamp()
        day = date.fromisoformat(text)
        _see_that_it_is_ours(day)
        return _midnight(day + timedelta(days=1) if end else day, zone)
    except (ValueError, OverflowError):
        raise BadPeriod(Sentence("'{text}' is not a date: expected 2026-11-28, or 2026-11-28T09:30", text=text)) from None


def _see_that_it_is_ours(day: date) -> None:
    if day.year < _FIRST_YEAR:
        raise ValueError("long ago")


def intervals(begin: float, end: float, by: By, zone: ZoneInfo) -> list[Interval]:
    """All intervals from ``begin`` to ``end``, those without figures, too; the first and the last are cut there. Raises
    BadPeriod."""
    if not begin < end:
        raise BadPeriod("the period ends before it begins")
    if by is By.WHOLE:
        return [Interval(_day_text(begin, zone), begin, end)]
    found: list[Interval] = []
    for began, ended in _pieces(begin, end, by, zone):
        first, last = max(began, begin), min(ended, end)
        if first < last:
            found.append(Interval(_label(began, by, zone), first, last))
        if len(found) > MAX_INTERVALS:
            raise BadPeriod(
                Sentence("more than {most} intervals: choose a shorter period, or longer intervals", most=f"{MAX_INTERVALS:,}")
            )
    return found


def _pieces(begin: float, end: float, by: By, zone: ZoneInfo) -> Iterator[tuple[float, float]]:
    day = _first_day(_day_of(begin, zone), by)
    while (began := _midnight(day, zone)) < end:
        following = _next_day(day, by)
        ended = _midnight(following, zone)
        length = _SECONDS.get(by, ended - began)
        while began < ended:  # a day with a change of the clocks has 23 or 25 hours
            yield began, min(began + length, ended)
            began += length
        day = following


def _first_day(day: date, by: By) -> date:
    match by:
        case By.WEEK:
            return day - timedelta(days=day.weekday())
        case By.MONTH:
            return day.replace(day=1)
        case By.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case By.YEAR:
            return day.replace(month=1, day=1)
        case _:
            return day


def _next_day(day: date, by: By) -> date:
    """The first day of what follows."""
    match by:
        case By.WEEK:
            return day + timedelta(days=7)
        case By.MONTH | By.QUARTER | By.YEAR:
            months = {By.MONTH: 1, By.QUARTER: 3, By.YEAR: 12}[by]
            year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
            return date(year, month + 1, 1)
        case _:
            return day + timedelta(days=1)


def _label(began: float, by: By, zone: ZoneInfo) -> str:
    local = datetime.fromtimestamp(began, zone)
    match by:
        case By.DAY:
            return f"{local:%Y-%m-%d}"
        case By.WEEK:
            return f"{local:%G-W%V}"
        case By.MONTH:
            return f"{local:%Y-%m}"
        case By.QUARTER:
            return f"{local.year}-Q{(local.month + 2) // 3}"
        case By.YEAR:
            return f"{local.year}"
        case By.HOUR_OF_DAY:
            return f"{local:%H}:00"
        case By.WEEKDAY:
            return _WEEKDAYS[local.weekday()]
        case _:  # the hour in which the clocks go back is there twice: the offset tells which
            again = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
            return f"{local:%Y-%m-%d %H:%M}" + (f"{local:%z}" if again else "")


def _day_text(at: float, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d}"


def _day_of(at: float, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at, zone).date()


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime.combine(day, time.min, tzinfo=zone).timestamp()
