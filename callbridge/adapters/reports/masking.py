"""Reports as others may see them: numbers and names masked as in facts, and numbers in text that people choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from callbridge.adapters.facts.privacy import hide, mask, mask_target, scrub
from callbridge.adapters.reports.report import Report, ReportColumn, ReportValue

_MASKS: Mapping[str, Callable[[str], str]] = {
    "number": mask,
    "name": hide,
    "target": mask_target,
    "party": mask_target,
    "went_to": mask_target,
    "diverted_to": mask_target,
    "reason": scrub,
    "phone": scrub,
    "reason_parts": scrub,
    "failure": scrub,
    "failure_parts": scrub,
    "trouble": scrub,
}
"""By the column's name, of a report as of the history's tables."""


def masked_report(report: Report) -> Report:
    """Its rows are still read as they are needed."""
    masks = [_MASKS.get(column.name) for column in report.columns]
    rows = (tuple(map(_masked, row, masks)) for row in report.rows)
    return replace(report, columns=tuple(map(_masked_column, report.columns)), rows=rows)


def _masked_column(column: ReportColumn) -> ReportColumn:
    """Some are named after reasons, which people may have typed."""
    return replace(column, name=scrub(column.name), heading=scrub(column.heading), definition=scrub(column.definition))


def masked_row(row: Any) -> Any:
    """A row of the history, by whose columns lines of text are written."""
    return SimpleNamespace(**{name: _masked(value, _MASKS.get(name)) for name, value in row._mapping.items()})


def _masked(value: ReportValue, masking: Callable[[str], str] | None) -> ReportValue:
    return masking(value) if masking is not None and isinstance(value, str) else value
