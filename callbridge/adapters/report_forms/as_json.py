"""A report as a JSON array of objects, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator

from callbridge.adapters.reports.report import FieldsText, Report, ReportValue
from callbridge.adapters.views.phrasing import in_parts


def as_json(report: Report) -> Iterator[str]:
    """In pieces. Moments are seconds since 1970, durations seconds, shares from 0 to 1, fields an object, and what there is
    no value for null. A field whose text has values in it has them apart, too, in another with ``_parts`` after its name."""
    names = [column.name for column in report.columns]
    before = "["
    for row in report.rows:
        yield before + json.dumps(dict(zip(names, map(_plain, row), strict=True)), ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[" else "]\n"


def _plain(value: ReportValue) -> object:
    if not isinstance(value, FieldsText):
        return value
    parts = {f"{name}_parts": in_parts(text) for name, text in value.fields.items() if isinstance(text, str)}
    return {**value.fields, **{name: apart for name, apart in parts.items() if apart}}
