"""A report as CSV, row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from callbridge.adapters.report_forms.values import PHONE, harmless, local
from callbridge.adapters.reports.report import Report, ReportValue, ValueKind

BOM = "\ufeff"
_LONGEST_NUMBER = 5
"""Digits: a text of more that are digits only is a phone number and no quantity, which Excel would round."""


def as_csv(report: Report, zone: ZoneInfo, *, excel: bool = False, separator: str = ",") -> Iterator[str]:
    """In pieces, the heading first. ``excel``: begins with a byte order mark, so that text in any language is shown; phone
    numbers stay as they are; times are of a form that it reads. With the separator ``;`` decimals have a comma, as Excel
    has it in those countries. Else times say their offset."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\r\n")
    kinds = [column.kind for column in report.columns]
    if excel:
        buffer.write(BOM)
    writer.writerow([harmless(column.name) for column in report.columns])
    yield buffer.getvalue()
    for row in report.rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([_written(*one, zone, excel, separator) for one in zip(row, kinds, strict=True)])
        yield buffer.getvalue()


def _written(value: ReportValue, kind: ValueKind, zone: ZoneInfo, excel: bool, separator: str) -> str:
    if value is None:
        return ""
    if kind is ValueKind.MOMENT:
        at = local(float(value), zone)
        return f"{at:%Y-%m-%d %H:%M:%S}" if excel else at.isoformat(timespec="seconds")
    if isinstance(value, str):
        number = excel and PHONE.fullmatch(value) and (len(value) > _LONGEST_NUMBER or value.startswith(("0", "+")))
        return f'="{value}"' if number else harmless(value)
    return str(value).replace(".", ",") if separator == ";" else str(value)
