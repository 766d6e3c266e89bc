"""CSV files that lookups read: a number in each row, and what is known of it under the headings of the columns."""

from __future__ import annotations

import csv
import pathlib
import re
from collections.abc import Iterable

from callbridge.core.model.numbers import SPREADSHEET, fault_of, normalise
from callbridge.wire.csv_rows import UNCLOSED, CsvRow, LeftOut, in_one_line, is_separated, one_line, rows

MOST_ROWS = 1_000_000
LONGEST_VALUE = 100
_HEADING = re.compile("[a-z][a-z0-9_]{0,31}")


class BadList(Exception):
    """A file that cannot be used; the message says why."""


Rows = dict[str, dict[str, str]]


def key_of(number: str, country_code: str = "") -> str:
    """A number as a list knows it: with or without ``+``; "" for what is none."""
    return normalise(number, country_code).lstrip("+")


def read_list(path: pathlib.Path, country_code: str = "") -> tuple[Rows, LeftOut]:
    """Number -> values by heading, the last row of a number counts; and the rows that were left out. Raises BadList."""
    try:
        if path.exists() and not path.is_file():
            raise BadList("is not a regular file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = one_line(file.readline())
            if cells is None:
                raise BadList(f"line 1: {UNCLOSED}")
            headings = [cell.strip().lower() for cell in cells]
            if len(headings) < 2 or not all(_HEADING.fullmatch(heading) for heading in headings[1:]):
                raise BadList("expected headings such as number,agent in the first line: a-z, 0-9 and _")
            return _read(file, headings, country_code)
    except (OSError, ValueError, csv.Error) as error:
        reason = (error.strerror or "cannot be read").lower() if isinstance(error, OSError) else str(error)
        raise BadList(f"cannot be read: {reason}") from None


def _read(lines: Iterable[str], headings: list[str], country_code: str) -> tuple[Rows, LeftOut]:
    found, left_out = Rows(), LeftOut()
    for row in rows(lines, first=2):
        if len(found) >= MOST_ROWS:
            raise BadList(f"has more than {MOST_ROWS:,} rows")
        number = key_of(row.cells[0], country_code) if row.cells else ""
        values = {name: text for name, cell in zip(headings[1:], row.cells[1:], strict=False) if (text := in_one_line(cell))}
        if why := _fault(row, number, values, len(headings)):
            left_out.add(row.line, why)
        else:
            found[number] = values
    return found, left_out


def _fault(row: CsvRow, number: str, values: dict[str, str], headings: int) -> str:
    """Why a row is not used; empty when it is."""
    if row.fault:
        return row.fault
    surplus = any(cell.strip() for cell in row.cells[headings:])
    if is_separated(row.cells, surplus=surplus):
        return SPREADSHEET
    if not number:
        return f"the first column is {fault_of(row.cells[0])}"
    if any(len(value) > LONGEST_VALUE for value in values.values()):
        return f"a value of more than {LONGEST_VALUE} characters"
    return ""
