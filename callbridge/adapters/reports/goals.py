"""Targets beside figures: which value of a row has one, and whether it is met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from callbridge.adapters.reports.report import Report, ReportColumn, ReportValue
from callbridge.adapters.reports.terms import QueueTargets

AT_MOST = frozenset({"aht"})
"""Columns whose value is better the less it is."""
_TARGETS = ("service_level", "aht", "csat")
"""Columns of whatever report that have a row for each queue."""


@dataclass(frozen=True, slots=True)
class Goal:
    value: float
    at_most: bool

    def is_met(self, value: float) -> bool:
        return value <= self.value if self.at_most else value >= self.value


def goals_of(
    columns: Sequence[ReportColumn], row: Sequence[ReportValue], queues: Mapping[str, QueueTargets]
) -> dict[int, tuple[Goal, bool]]:
    """Place in the row -> the target of the row's queue, and whether it is met. Values that are not known have none."""
    names = [column.name for column in columns]
    if not queues or "queue" not in names:
        return {}
    targets = queues.get(str(row[names.index("queue")]))
    found: dict[int, tuple[Goal, bool]] = {}
    for name in _TARGETS if targets is not None else ():
        target = getattr(targets, name)
        at = names.index(name) if name in names else None
        value = row[at] if at is not None else None
        if at is not None and target is not None and isinstance(value, int | float):
            goal = Goal(target, name in AT_MOST)
            found[at] = (goal, goal.is_met(value))
    return found


def with_target_columns(report: Report, queues: Mapping[str, QueueTargets]) -> Report:
    """The same report with a column for each target that any queue has, for forms that have no other place for it."""
    names = [column.name for column in report.columns]
    there = [name for name in _TARGETS if name in names and any(getattr(one, name) is not None for one in queues.values())]
    if "queue" not in names or not there:
        return report
    of_queue = names.index("queue")
    columns = [replace(report.columns[names.index(name)], name=f"{name}_target") for name in there]
    columns = [replace(one, heading=f"{one.heading} target", definition=_DEFINITIONS[one.name], brief=False) for one in columns]

    def rows() -> Iterator[tuple[ReportValue, ...]]:
        for row in report.rows:
            targets = queues.get(str(row[of_queue]), _NONE)
            yield (*row, *(getattr(targets, name) for name in there))

    return replace(report, columns=(*report.columns, *columns), rows=rows())


_NONE = QueueTargets()
_DEFINITIONS = {
    "service_level_target": "service level target of the queue",
    "aht_target": "average handle time target of the queue, an upper limit",
    "csat_target": "CSAT target of the queue",
}
