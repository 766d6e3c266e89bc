"""What is drawn of a report: the values of a column over the intervals, or in the cells of a heat map."""

from __future__ import annotations

from collections.abc import Sequence

from callbridge.adapters.reports.report import Chart, Report, ReportValue, ValueKind

Rows = Sequence[tuple[ReportValue, ...]]
_SUMMED = frozenset({ValueKind.COUNT, ValueKind.SECONDS, ValueKind.MONEY})


def over_intervals(report: Report, rows: Rows, name: str) -> dict[str, float]:
    """Interval -> value. Counts and times of all rows of an interval are added up; shares and means cannot be, so they are there
    only if an interval has one row. Empty: there is nothing to be drawn."""
    places = {column.name: at for at, column in enumerate(report.columns)}
    if report.chart is not Chart.BARS or "interval" not in places or name not in places:
        return {}
    at, interval = places[name], places["interval"]
    sums: dict[str, float] = {}
    for row in rows:
        label, value = str(row[interval]), row[at]
        if label in sums and report.columns[at].kind not in _SUMMED:
            return {}
        sums[label] = sums.get(label, 0.0) + (float(value) if isinstance(value, int | float) else 0.0)
    return sums if len(sums) > 1 and any(sums.values()) else {}


def merged(values: Sequence[float], most: int, kind: ValueKind) -> tuple[list[float], int]:
    """At most ``most`` points, and how many neighbours make one: added up, or the greatest where sums mean nothing."""
    together = -(-len(values) // most)
    join = sum if kind in _SUMMED else max
    return [float(join(values[at : at + together])) for at in range(0, len(values), together)], together


def heat(report: Report, rows: Rows, name: str) -> tuple[list[str], list[str], dict[tuple[str, str], float]]:
    """Labels from top to bottom, labels from left to right, and the values that there are."""
    places = {column.name: at for at, column in enumerate(report.columns)}
    if report.chart is not Chart.HEATMAP or name not in places:
        return [], [], {}
    found = {(str(row[0]), str(row[1])): row[places[name]] for row in rows}
    known = {key: float(value) for key, value in found.items() if isinstance(value, int | float)}
    return list(dict.fromkeys(row for row, _ in found)), list(dict.fromkeys(column for _, column in found)), known
