"""Rows of reports that are kept by several names, such as queue and agent, in each interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from callbridge.adapters.reports.intervals import Interval
from callbridge.adapters.reports.rows import Row

Key = tuple[str, ...]
"""The label of the interval, and the names."""


def keyed_rows(pieces: Iterable[Interval], found: Mapping[Key, Row], names: int, width: int) -> list[Row]:
    """Interval, names and values, in the order of the intervals and of ``found``. An interval without any has a row
    without names, unless there is only one. ``names``, ``width``: how many names and values there are."""
    by_label: dict[str, list[Row]] = {piece.label: [] for piece in pieces}
    for key, values in found.items():
        by_label[key[0]].append((*key, *values))
    if len(by_label) > 1:
        for label, rows in by_label.items():
            if not rows:
                rows.append((label, *("",) * names, *(None,) * width))
    return [row for rows in by_label.values() for row in rows]


def ratio(part: float, whole: float) -> float | None:
    """0 to 1; None where there is nothing to divide by."""
    return round(part / whole, 4) if whole else None


def mean(total: float, count: float) -> float | None:
    return round(total / count, 1) if count else None
