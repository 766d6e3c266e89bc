"""A report as a JSON array of objects, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator

from callbridge.adapters.reports.report import Report


def as_json(report: Report) -> Iterator[str]:
    """In pieces. Moments are seconds since 1970, durations seconds, shares from 0 to 1, and what there is no value for null."""
    names = [column.name for column in report.columns]
    before = "["
    for row in report.rows:
        yield before + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[" else "]\n"
