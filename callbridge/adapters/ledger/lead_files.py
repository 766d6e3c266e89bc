"""Files of leads: rows by their headings, from CSV as spreadsheets write it, or from an Excel workbook.

How the file is written is recognised and reported; a column of numbers that may be meant in two ways stops the load before
anything is entered.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path

from callbridge.core.model.numbers import SPREADSHEET
from callbridge.wire.csv_layout import UNKNOWN_ENCODING, CsvLayout, UnreadableFile, layout_of
from callbridge.wire.csv_rows import SURPLUS, UNCLOSED, CsvRow, is_separated, one_line, rows
from callbridge.wire.number_column import NumberColumn
from callbridge.wire.phone_numbers import PhoneNumbers

LEAD_FIELDS = ("number", "name", "timezone", "agent", "priority", "due")
"""Columns with a meaning; all others are shown to the agent with the call."""
LARGEST_WORKBOOK = 500_000_000
"""Bytes of its unpacked text: a small file may unpack to anything."""
ROWS_ASKED_ABOUT = 20_000
_PIECE = 1 << 16
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, SyntaxError, OSError, EOFError),
    *(LookupError, ValueError, TypeError, AttributeError, ArithmeticError, NotImplementedError, RuntimeError),
)
"""What a broken archive makes the library raise; a broken part of it is a SyntaxError."""

FileRow = tuple[int, Mapping[str, str], str]
"""Line, values by their headings, and why they cannot be used, if that is known already."""


class BadFile(Exception):
    """The file as a whole cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFile:
    """``columns``: our name -> theirs; ``layout``: how it is written, None for an Excel workbook. Made by ``lead_file``."""

    path: Path
    columns: Mapping[str, str]
    layout: CsvLayout | None

    def __str__(self) -> str:
        """How it was read."""
        return "an Excel workbook" if self.layout is None else str(self.layout)

    def rows(self) -> Iterator[FileRow]:
        """Its rows, by the headings of the first line. Raises BadFile."""
        lines = _csv(self.path, self.layout, self._number) if self.layout is not None else _workbook(self.path)
        first = next(lines, CsvRow(1))
        if first.fault:
            raise BadFile(f"{self.path}: line {first.line}: {first.fault}")
        headings = _headings(self.path, first.cells, self.columns)
        number_at = headings.index(self._number)
        for row in lines:
            fault = row.fault or _misplaced(row.cells, len(headings), number_at)
            yield row.line, dict(zip(headings, row.cells, strict=False)), fault

    def ask(self, numbers: PhoneNumbers) -> None:
        """Raises BadFile when it is not clear whether the numbers are national or international."""
        column = NumberColumn(numbers)
        for _, row, _ in islice(self.rows(), ROWS_ASKED_ABOUT):
            if column.is_known:
                break
            column.add((row.get(self._number) or "").strip())
        if column.question:
            raise BadFile(f"{self.path}: {column.question}: say --international or --national")

    @property
    def _number(self) -> str:
        """The heading of the numbers."""
        return self.columns.get("number", "number")


def lead_file(path: Path, columns: Mapping[str, str], encoding: str = "", delimiter: str = "") -> LeadFile:
    """The file, and how it is written: ``encoding`` and ``delimiter`` are recognised when they are empty. Raises BadFile."""
    try:
        with path.open("rb") as file:
            workbook = file.read(4) == b"PK\x03\x04"
        number = columns.get("number", "number")
        layout = None if workbook else layout_of(lambda: pieces_of(path), encoding, delimiter, number)
    except UnreadableFile as wrong:
        raise BadFile(f"{path}: {wrong}" + (" (--encoding)" if wrong.args[0] == UNKNOWN_ENCODING else "")) from None
    except OSError as trouble:
        raise BadFile(f"{path}: cannot be read: {trouble.strerror}") from None
    return LeadFile(path=path, columns=columns, layout=layout)


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_PIECE), b"")


def _csv(path: Path, layout: CsvLayout, number: str) -> Iterator[CsvRow]:
    with path.open(encoding=layout.encoding, newline="") as file:
        for _ in range(layout.first_line - 1):
            file.readline()
        cells = one_line(file.readline(), layout.delimiter)
        yield CsvRow(layout.first_line, cells or (), "" if cells is not None else UNCLOSED)
        headings = [cell.strip() for cell in cells or ()]
        number_at = headings.index(number) if number in headings else 0
        yield from rows(file, layout.first_line + 1, layout.delimiter, number_at)


def _workbook(path: Path) -> Iterator[CsvRow]:
    """The rows of its first sheet."""
    from openpyxl import load_workbook  # only needed for such a file

    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > LARGEST_WORKBOOK:
                raise BadFile(f"{path}: the workbook is larger than {LARGEST_WORKBOOK // 1_000_000} MB: save it as CSV UTF-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles that it does not know
            book = load_workbook(path, read_only=True, data_only=True)
            try:
                for line, values in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
                    cells = tuple(map(_cell, values))
                    if line == 1 or any(cells):
                        yield CsvRow(line, cells)
            finally:
                book.close()
    except _BROKEN as trouble:
        raise BadFile(f"{path}: is not a readable Excel workbook ({type(trouble).__name__}): save it as CSV UTF-8") from None


def _cell(value: object) -> str:
    """What a person sees in the cell. A whole number is its digits: Excel keeps 15 of them, as phone numbers have at most."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return "" if value is None else str(value).strip()


def _headings(path: Path, cells: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    headings = [heading.strip() for heading in cells]
    for ours, theirs in ({"number": "number"} | dict(columns)).items():
        if ours not in LEAD_FIELDS:
            raise BadFile(f"--column {ours}={theirs}: there is no {ours!r}; there are {', '.join(LEAD_FIELDS)}")
        if theirs not in headings:
            if not any(headings):
                raise BadFile(f"{path}: is empty")
            known = ", ".join(heading for heading in headings if heading) or "none"
            raise BadFile(f"{path}: no column {theirs!r} (there are: {known}); map yours with --column {ours}=YOURS")
    twice = sorted({heading for heading in headings if heading and headings.count(heading) > 1})
    if twice:
        raise BadFile(f"{path}: two columns are called {twice[0]!r}")
    return headings


def _misplaced(cells: Sequence[str], headings: int, number_at: int) -> str:
    """Why values do not stand below their headings; empty when they do."""
    surplus = any(cell.strip() for cell in cells[headings:])
    if is_separated(cells[number_at:], surplus=surplus):
        return SPREADSHEET
    return SURPLUS if surplus else ""
