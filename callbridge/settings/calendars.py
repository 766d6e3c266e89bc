"""The shape of calendars: opening hours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from callbridge.core.model.calendar import MINUTES_A_DAY, Span
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import text
from callbridge.settings.values import Text, Zone

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*", re.ASCII)


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"expected hours such as 08:00-18:00, or closed, not {text!r:.40}")
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if int(found[2]) > 59 or int(found[4]) > 59 or end > MINUTES_A_DAY:
        raise ValueError(f"{text!r:.40} is not a time of day")
    if begin >= end:
        raise ValueError(
            f"{text.strip()!r:.40} ends before it begins: split hours past midnight between the two days (22:00-24:00)"
        )
    return begin, end


def _spans(value: object) -> tuple[Span, ...]:
    if value == "closed" or value is None:
        return ()
    if isinstance(value, tuple):
        return value  # read with its week already
    items = value if isinstance(value, list) else [value]
    spans = [_span(item) for item in items if isinstance(item, str)]
    if len(spans) < len(items):
        raise ValueError("expected hours such as 08:00-18:00, a list of them, or closed")
    return tuple(sorted(spans))


_HOURS = r"^\s*[0-9]{1,2}:[0-9]{2}\s*-\s*[0-9]{1,2}:[0-9]{2}\s*$|^closed$|\$\{"
_SPELT = {
    "title": "hours",
    "type": ["string", "array", "null"],
    "pattern": _HOURS,
    "items": {"type": "string", "pattern": _HOURS},
    "examples": ["08:00-18:00"],
}

Spans = Annotated[tuple[Span, ...], BeforeValidator(_spans), WithJsonSchema(_SPELT)]


def _day(value: object) -> object:
    text = value.isoformat() if isinstance(value, date) else str(value)
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"expected a day such as 2026-12-25, not {text!r:.40}") from None


def _days(value: object) -> object:
    """``mon-fri`` and ``sat, sun`` spelt out, day by day."""
    if not isinstance(value, Mapping):
        return value
    week: dict[object, object] = {}
    for key, hours in value.items():
        days = _named_days(str(key))
        try:
            spans = _spans(hours)
        except ValueError as wrong:
            raise ValueError(f"{key}: {wrong}") from None
        for day in days:
            if day in week:
                raise ValueError(f"{day} is given twice")
            week[day] = spans
    return week


def _named_days(text: str) -> list[str]:
    found: list[str] = []
    for part in text.lower().split(","):
        first, _, last = (piece.strip() for piece in part.partition("-"))
        last = last or first
        if first not in WEEKDAYS or last not in WEEKDAYS or WEEKDAYS.index(first) > WEEKDAYS.index(last):
            raise ValueError(f"expected days such as mon-fri or sat, not {text!r:.40}")
        found += WEEKDAYS[WEEKDAYS.index(first) : WEEKDAYS.index(last) + 1]
    return found


class CalendarConfig(ConfigSection):
    """Opening hours; days that are not listed are closed."""

    timezone: Zone | None = None
    """Time zone of the hours; by default that of the instance."""
    week: Annotated[dict[Text, Spans], BeforeValidator(_days)] = {}
    """Opening hours by weekday or range of weekdays; days left out are closed. Example: `{mon-fri: "08:00-18:00", sat:
    ["09:00-12:30", "13:30-16:00"]}`"""
    holidays: dict[Annotated[str, BeforeValidator(_day), text("day", "^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$")], Spans] = {}
    """Opening hours of single days, which replace those of the weekday. Example: `{2026-12-24: "08:00-12:00",
    2026-12-25: closed}`"""
