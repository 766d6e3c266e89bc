"""CSV files that lookups read: a number in each row, and what is known of it under the headings of the columns."""

from __future__ import annotations

import csv
import pathlib
import re
from collections.abc import Iterable

from callbridge.core.numbers import normalise

MOST_ROWS = 1_000_000
LONGEST_VALUE = 100
_BROKEN = '"'
"""What stands for a line that is no CSV."""
_HEADING = re.compile("[a-z][a-z0-9_]{0,31}")


class BadList(Exception):
    """A file that cannot be used; the message says why."""


Rows = dict[str, dict[str, str]]


def key_of(number: str, country_code: str = "") -> str:
    """A number as a list knows it: with or without ``+``; "" for what is none."""
    return normalise(number, country_code).lstrip("+")


def read_list(path: pathlib.Path, country_code: str = "") -> tuple[Rows, str]:
    """Number -> values by heading, the last row of a number counts; and a complaint about rows that were left out, if any.
    Raises BadList."""
    try:
        if path.exists() and not path.is_file():
            raise BadList("is not a regular file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            headings = [cell.strip().lower() for cell in _cells(file.readline())]
            if len(headings) < 2 or not all(_HEADING.fullmatch(heading) for heading in headings[1:]):
                raise BadList("expected headings such as number,agent in the first line: a-z, 0-9 and _")
            return _rows(file, headings, country_code)
    except (OSError, ValueError, csv.Error) as error:
        reason = (error.strerror or "cannot be read").lower() if isinstance(error, OSError) else str(error)
        raise BadList(f"cannot be read: {reason}") from None


def _cells(line: str) -> list[str]:
    """The cells of one line. A cell that goes on in the next line is none: a stray quote would swallow the lines after it."""
    try:
        return next(csv.reader([line.rstrip("\r\n")], strict=True), [])
    except csv.Error:
        return [_BROKEN]


def _rows(lines: Iterable[str], headings: list[str], country_code: str) -> tuple[Rows, str]:
    found: Rows = {}
    bad, first = 0, ""
    for at, line in enumerate(lines, 2):
        row = _cells(line)
        if not any(cell.strip() for cell in row):
            continue
        number = key_of(row[0], country_code)
        values = {heading: cell.strip() for heading, cell in zip(headings[1:], row[1:], strict=False) if cell.strip()}
        if len(found) >= MOST_ROWS:
            raise BadList(f"has more than {MOST_ROWS:,} rows")
        if number and all(len(value) <= LONGEST_VALUE for value in values.values()):
            found[number] = values
            continue
        bad += 1
        why = f"a value of more than {LONGEST_VALUE} characters" if number else "the first column is no phone number"
        first = first or f"line {at}: {'a quote that is not closed' if row == [_BROKEN] else why}"
    return found, f"{bad} rows left out, {len(found)} used; {first}" if bad else ""
