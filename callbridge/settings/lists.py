"""CSV files with a number in each row: those of lookups, whose other columns hold values by heading, and the list of numbers that
are never called."""

from __future__ import annotations

import csv
import pathlib
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from callbridge.core.model.numbers import NO_NUMBER, SPREADSHEET
from callbridge.wire.csv_layout import UnreadableFile, layout_of, separator_of
from callbridge.wire.csv_rows import UNCLOSED, CsvRow, LeftOut, Quotes, in_one_line, is_separated, one_line, rows
from callbridge.wire.number_column import NumberColumn
from callbridge.wire.phone_numbers import IMPOSSIBLE, PhoneNumbers

MAX_LIST_ROWS = 1_000_000
LONGEST_VALUE = 100
LINES_TRIED = 100
"""Lines among which the first number is looked for, to find its column."""
_HEADING = re.compile("[a-z][a-z0-9_]{0,31}")
_WITHOUT_DIGITS = re.compile(r"[^\W\d]\D*")


class BadList(Exception):
    """A file that cannot be used; the message says why."""


ListRows = dict[str, dict[str, str]]


def read_list(path: pathlib.Path, numbers: PhoneNumbers) -> tuple[ListRows, LeftOut]:
    """Number -> values by heading, the last row of a number counts; and the rows that were left out. Raises BadList."""
    try:
        if path.exists() and not path.is_file():
            raise BadList("is not a regular file")
        layout = layout_of(lambda: _pieces(path))
        with path.open(encoding=layout.encoding, newline="") as file:
            for _ in range(layout.first_line - 1):
                file.readline()
            cells = one_line(file.readline(), layout.delimiter)
            if cells is None:
                raise BadList(f"line {layout.first_line}: {UNCLOSED}")
            headings = [cell.strip().lower() for cell in cells]
            if len(headings) < 2 or not all(_HEADING.fullmatch(heading) for heading in headings[1:]):
                raise BadList("expected headings such as number,agent in the first line: a-z, 0-9 and _")
            return _read(rows(file, layout.first_line + 1, layout.delimiter), headings, numbers)
    except UnreadableFile as wrong:
        raise BadList(str(wrong)) from None
    except (OSError, ValueError, csv.Error) as error:
        reason = (error.strerror or "cannot be read").lower() if isinstance(error, OSError) else str(error)
        raise BadList(f"cannot be read: {reason}") from None


def _read(table: Iterable[CsvRow], headings: list[str], numbers: PhoneNumbers) -> tuple[ListRows, LeftOut]:
    found, left_out, column = ListRows(), LeftOut(), NumberColumn(numbers)
    for row in table:
        if len(found) >= MAX_LIST_ROWS:
            raise BadList(f"has more than {MAX_LIST_ROWS:,} rows")
        number = numbers.identity_of_row(row.cells[0]) if row.cells else ""
        values = {name: text for name, cell in zip(headings[1:], row.cells[1:], strict=False) if (text := in_one_line(cell))}
        if why := _fault(row, numbers, values, len(headings)):
            left_out.add(row.line, why)
        else:
            column.add(row.cells[0])
            if found.get(number, values) != values:
                left_out.add(row.line, "the number has other values in an earlier row, which is not used")
            found[number] = values
    if column.question:
        raise BadList(f"{column.question}: set without_plus to international or national")
    return found, left_out


def _pieces(path: pathlib.Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(65536), b"")


def _fault(row: CsvRow, numbers: PhoneNumbers, values: dict[str, str], headings: int) -> str:
    """Why a row is not used; empty when it is."""
    if row.fault:
        return row.fault
    surplus = any(cell.strip() for cell in row.cells[headings:])
    if is_separated(row.cells, surplus=surplus):
        return SPREADSHEET
    if not numbers.identity_of_row(row.cells[0]):
        return f"the first column is {numbers.read(row.cells[0]).fault}"
    if any(len(value) > LONGEST_VALUE for value in values.values()):
        return f"a value of more than {LONGEST_VALUE} characters"
    return ""


def read_never_called(path: pathlib.Path, numbers: PhoneNumbers) -> tuple[list[str], LeftOut]:
    """The numbers of such a file, and the rows that have none; ``#`` begins a remark, and the first row may be a heading. Raises
    BadList."""
    try:
        if path.exists() and not path.is_file():
            raise BadList("not a regular file")
        layout = layout_of(lambda: _pieces(path))
        with path.open(encoding=layout.encoding, newline="") as file:
            for _ in range(layout.first_line - 1):
                file.readline()
            return _never_called(file, numbers, layout.first_line)
    except UnreadableFile as wrong:
        raise BadList(f"it {wrong}") from None
    except (OSError, ValueError) as error:
        raise BadList((error.strerror or "cannot be read").lower() if isinstance(error, OSError) else str(error)) from None


def _never_called(lines: Iterable[str], numbers: PhoneNumbers, first: int) -> tuple[list[str], LeftOut]:
    found, odd, column = list[str](), LeftOut(), NumberColumn(numbers)
    ahead = list(islice(_without_remarks(lines), LINES_TRIED))
    delimiter = separator_of(next((line for line in ahead if any(char.isdigit() for char in line)), ""))
    heading: int | None = None
    for row in rows(chain(ahead, _without_remarks(lines)), first, delimiter):
        number = row.cells[0].strip() if row.cells else ""
        fault = row.fault or (SPREADSHEET if is_separated(row.cells, surplus=True) else never_fault(number, numbers))
        if heading is None and not row.fault and _WITHOUT_DIGITS.fullmatch(number):
            heading = row.line  # nobody's number is without a digit
            continue
        heading = heading or 0
        if fault:
            odd.add(row.line, fault)
        else:
            column.add(number)
            found.append(numbers.identity_of_row(number))
    if heading and not found:
        odd.add(heading, NO_NUMBER)
    if column.question:
        raise BadList(f"{column.question}: set callbacks.without_plus to international or national")
    return found, odd


def never_fault(number: str, numbers: PhoneNumbers) -> str:
    """Why nobody can be meant by this entry of the do-not-call list; empty when somebody is. An entry that is misread would let
    the person be called."""
    found = numbers.read(number)
    return found.fault if found.fault == IMPOSSIBLE or not numbers.identity(number) else ""


def _without_remarks(lines: Iterable[str]) -> Iterator[str]:
    """A ``#`` in quotes begins none."""
    quotes = Quotes()
    for line in lines:
        text = line
        if not quotes.inside:
            at = line.find("#")
            while at >= 0 and line.count('"', 0, at) % 2:
                at = line.find("#", at + 1)
            text = line if at < 0 else line[:at]
        quotes.take(text.rstrip("\r\n"))
        yield text
