"""How values are written for people and for spreadsheets."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from callbridge.adapters.reports.report import ReportValue, ValueKind

_FORMULA = re.compile(r"(?:\A|(?<=[,;\t\r\n]))(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])(?!\+?\d+(?:[,;]|\Z))")
"""Where a formula may begin, written wide, too: also behind what separates cells in another country's spreadsheet."""
PHONE = re.compile(r"\+?\d+")


def shown(value: ReportValue, kind: ValueKind, zone: ZoneInfo, nothing: str = "-") -> str:
    """For people. ``nothing``: stands for no value."""
    if value is None:
        return nothing
    match kind:
        case ValueKind.SECONDS:
            return clock(float(value))
        case ValueKind.SHARE:
            return f"{float(value):.1%}"
        case ValueKind.DECIMAL | ValueKind.MONEY:
            return f"{float(value):,.2f}"
        case ValueKind.MOMENT:
            return f"{local(float(value), zone):%Y-%m-%d %H:%M:%S}"
        case ValueKind.COUNT | ValueKind.TEXT | ValueKind.FIELDS:
            return str(value)


def clock(seconds: float) -> str:
    """``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, rest = divmod(round(abs(seconds)), 60)
    sign = "-" if round(seconds) < 0 else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{sign}{minutes}:{rest:02}"


def local(at: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at, zone)


def harmless(text: str) -> str:
    """A spreadsheet takes some texts for formulas: an apostrophe keeps them what they are. A phone number is no formula."""
    return _FORMULA.sub("'", text)
