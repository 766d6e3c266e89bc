"""Rows of reports over intervals: one for each interval and name, and one without figures for each empty interval."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from callbridge.adapters.reports.intervals import Interval
from callbridge.adapters.reports.report import ReportColumn, ReportValue, ValueKind

Figures = TypeVar("Figures")
Row = tuple[ReportValue, ...]

INTERVAL = ReportColumn(
    "interval", ValueKind.TEXT, "interval", "start of the interval in local time, or the hours or weekdays that it combines"
)
"""The first column of every report over intervals. A terminal leaves it out when there is one interval only."""


def rows_of(
    pieces: Iterable[Interval], found: Mapping[tuple[str, str], Figures], values: Callable[[Figures], Row], width: int
) -> list[Row]:
    """Interval, name and ``values``, in the order of ``found``. ``width``: the number of values."""
    by_label: dict[str, list[Row]] = {piece.label: [] for piece in pieces}
    for (label, name), figures in found.items():
        by_label[label].append((label, name, *values(figures)))
    if len(by_label) == 1:
        return [one for those in by_label.values() for one in those]
    return [one for label, those in by_label.items() for one in (those or [(label, "", *((None,) * width))])]


def together_name(names: Collection[str]) -> str:
    """Of the row for several names: what was asked for, or ``all``."""
    return ", ".join(sorted(names)) or "all"


def share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
