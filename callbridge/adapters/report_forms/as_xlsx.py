"""A report as an Excel workbook: figures of the right types on the first sheet, definitions on the last. Written row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import IO, Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from callbridge.adapters.report_forms.values import local
from callbridge.adapters.report_forms.words import Language, cell_text, definition, heading, phrase, title
from callbridge.adapters.reports.report import Report, ReportColumn, ReportQuery, ReportValue, ValueKind

MOST_SHEET_ROWS = 1_048_576
"""As many rows as a sheet of Excel has; what is more goes on the next one."""
_LONGEST = 32_767
"""Characters of a cell."""
_FORMATS = {
    ValueKind.COUNT: "#,##0",
    ValueKind.DECIMAL: "#,##0.00",
    ValueKind.MONEY: "#,##0.00",
    ValueKind.SECONDS: "[h]:mm:ss",
    ValueKind.SHARE: "0.0%",
    ValueKind.MOMENT: "yyyy-mm-dd hh:mm:ss",
    ValueKind.TEXT: "@",
    ValueKind.FIELDS: "@",
}
_WIDTHS = {ValueKind.TEXT: 18.0, ValueKind.FIELDS: 18.0, ValueKind.MOMENT: 20.0}
_BOLD = Font(bold=True)
_WRAPPED = Alignment(wrap_text=True, vertical="top")


def write_xlsx(report: Report, query: ReportQuery, to: IO[bytes], language: Language = Language.ENGLISH) -> None:
    """Durations are times of the format ``[h]:mm:ss``, moments dates in the site's time zone, phone numbers and names texts: no
    text is taken for a formula."""
    book = Workbook(write_only=True)
    name = title(report.name, language)
    sheet, written, sheets = _sheet(book, name, report.columns, language), 1, 1
    for row in report.rows:
        if written == MOST_SHEET_ROWS:
            sheets += 1
            sheet, written = _sheet(book, f"{name} {sheets}", report.columns, language), 1
        sheet.append(
            [_cell(sheet, value, column, query.zone, language) for value, column in zip(row, report.columns, strict=True)]
        )
        written += 1
    _definitions(book, report, query, language)
    book.save(to)


def _sheet(book: Workbook, name: str, columns: tuple[ReportColumn, ...], language: Language) -> Any:
    sheet: Any = book.create_sheet(name[:31])
    sheet.freeze_panes = "A2"
    for at, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(at)].width = _WIDTHS.get(column.kind, 12.0)
    sheet.append([_text(sheet, heading(column, language), bold=True) for column in columns])
    return sheet


def _cell(sheet: Any, value: ReportValue, column: ReportColumn, zone: ZoneInfo, language: Language) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return _text(sheet, cell_text(value, column, language) if column.kind is ValueKind.TEXT else value)
    made: Any = value
    kind = column.kind
    if kind is ValueKind.SECONDS:
        made = timedelta(seconds=value)
    elif kind is ValueKind.MOMENT:
        made = local(value, zone).replace(tzinfo=None, microsecond=0)
    cell = WriteOnlyCell(sheet, made)
    cell.number_format = _FORMATS[kind]
    return cell


def _text(sheet: Any, text: str, *, bold: bool = False) -> Any:
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("�", text)[:_LONGEST])
    cell.data_type = "s"  # also of what begins with =
    cell.number_format = "@"
    if bold:
        cell.font = _BOLD
    return cell


def _definitions(book: Workbook, report: Report, query: ReportQuery, language: Language) -> None:
    sheet: Any = book.create_sheet(phrase("definitions", language))
    sheet.freeze_panes = "A2"
    for letter, width in (("A", 24.0), ("B", 18.0), ("C", 90.0)):
        sheet.column_dimensions[letter].width = width
    sheet.append([_text(sheet, phrase(word, language), bold=True) for word in ("column", "heading", "definition")])
    for column in report.columns:
        cells = [_text(sheet, text) for text in (column.name, heading(column, language), definition(column, language))]
        cells[2].alignment = _WRAPPED
        sheet.append(cells)
    sheet.append([])
    for note in report.notes:
        sheet.append([_text(sheet, phrase(note, language))])
    period = [f"{local(at, query.zone):%Y-%m-%d %H:%M:%S}" for at in (query.begin, query.end)]
    sheet.append([_text(sheet, phrase("period", language)), *(_text(sheet, at) for at in period)])
    sheet.append([_text(sheet, phrase("time zone", language)), _text(sheet, query.zone.key)])
