"""Targets beside figures: which value of a row has one, and whether it is met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from callbridge.adapters.reports.report import Report, ReportColumn, ReportValue
from callbridge.adapters.reports.terms import QueueTargets, ReportTerms

AT_MOST = frozenset({"aht"})
"""Columns whose value is better the less it is."""
_OF_QUEUES = ("service_level", "aht", "csat")
"""Columns of whatever report that have a row for each queue."""


@dataclass(frozen=True, slots=True)
class Goal:
    value: float
    at_most: bool

    def is_met(self, value: float) -> bool:
        return value <= self.value if self.at_most else value >= self.value


def goals_of(columns: Sequence[ReportColumn], row: Sequence[ReportValue], terms: ReportTerms) -> dict[int, tuple[Goal, bool]]:
    """Place in the row -> the target of that figure, and whether it is met. Values that are not known have none."""
    names = [column.name for column in columns]
    found: dict[int, tuple[Goal, bool]] = {}
    for name, target in _targets_of(names, row, terms).items():
        at = names.index(name) if name in names else None
        value = row[at] if at is not None else None
        if at is not None and isinstance(value, int | float):
            goal = Goal(target, name in AT_MOST)
            found[at] = (goal, goal.is_met(value))
    return found


def _targets_of(names: Sequence[str], row: Sequence[ReportValue], terms: ReportTerms) -> dict[str, float]:
    """Column -> target: those of the row's queue, and the agents' adherence."""
    found = {} if terms.adherence is None else {"adherence": terms.adherence}
    if terms.queues and "queue" in names:
        targets = terms.queues.get(str(row[names.index("queue")]), _NONE)
        found |= {name: value for name in _OF_QUEUES if (value := getattr(targets, name)) is not None}
    return found


def with_target_columns(report: Report, terms: ReportTerms) -> Report:
    """The same report with a column for each target that it has, for forms that have no other place for it."""
    names = [column.name for column in report.columns]
    configured = {name for name in _OF_QUEUES if any(getattr(one, name) is not None for one in terms.queues.values())}
    there = [name for name in _OF_QUEUES if name in names and name in configured and "queue" in names]
    there += ["adherence"] if terms.adherence is not None and "adherence" in names else []
    if not there:
        return report
    columns = [replace(report.columns[names.index(name)], name=f"{name}_target") for name in there]
    columns = [replace(one, heading=f"{one.heading} target", definition=_DEFINITIONS[one.name], brief=False) for one in columns]

    def rows() -> Iterator[tuple[ReportValue, ...]]:
        for row in report.rows:
            targets = _targets_of(names, row, terms)
            yield (*row, *(targets.get(name) for name in there))

    return replace(report, columns=(*report.columns, *columns), rows=rows())


_NONE = QueueTargets()
_DEFINITIONS = {
    "service_level_target": "service level target of the queue",
    "aht_target": "average handle time target of the queue, an upper limit",
    "csat_target": "CSAT target of the queue",
    "adherence_target": "adherence target of agents",
}
