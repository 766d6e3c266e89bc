"""All forms by name, as bytes in pieces."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from enum import StrEnum

from callbridge.adapters.report_forms.as_csv import as_csv
from callbridge.adapters.report_forms.as_html import as_html
from callbridge.adapters.report_forms.as_json import as_json
from callbridge.adapters.report_forms.words import Language
from callbridge.adapters.reports.goals import with_target_columns
from callbridge.adapters.reports.report import Report, ReportQuery

PIECE = 65_536
"""Bytes that are gathered before they are passed on."""


class ReportForm(StrEnum):
    JSON = "json"
    CSV = "csv"
    EXCEL = "excel"
    XLSX = "xlsx"
    HTML = "html"


MEDIA = {
    ReportForm.JSON: "application/json",
    ReportForm.CSV: "text/csv",
    ReportForm.EXCEL: "text/csv",
    ReportForm.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportForm.HTML: "text/html",
}
SUFFIX = {ReportForm.EXCEL: "csv"}
"""Of a file's name, where it is not the form's."""


def written(
    report: Report, query: ReportQuery, form: ReportForm, language: Language = Language.ENGLISH, separator: str = ","
) -> Iterator[bytes]:
    """The report in pieces of some size, read from the database as they are needed. Raises SQLAlchemyError."""
    match form:
        case ReportForm.JSON:
            return _gathered(as_json(report))
        case ReportForm.CSV | ReportForm.EXCEL:
            report = with_target_columns(report, query.terms)
            return _gathered(as_csv(report, query.zone, excel=form is ReportForm.EXCEL, separator=separator))
        case ReportForm.HTML:
            return _gathered(as_html(report, query, language))
        case ReportForm.XLSX:
            return _workbook(with_target_columns(report, query.terms), query, language)


def _gathered(texts: Iterator[str]) -> Iterator[bytes]:
    piece = bytearray()
    for text in texts:
        piece += text.encode("utf-8", "replace")
        if len(piece) >= PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _workbook(report: Report, query: ReportQuery, language: Language) -> Iterator[bytes]:
    """A workbook is an archive, which is complete at its end only."""
    from callbridge.adapters.report_forms.as_xlsx import write_xlsx  # loads openpyxl

    with tempfile.TemporaryFile() as file:
        write_xlsx(report, query, file, language)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece
