"""CSV files that lookups read: a number in each row, and what is known of it under the headings of the columns."""

from __future__ import annotations

import csv
import pathlib
import re
from collections.abc import Iterator

from callbridge.core.numbers import normalise

MOST_ROWS = 1_000_000
LONGEST_VALUE = 100
_HEADING = re.compile("[a-z][a-z0-9_]{0,31}")


class BadList(Exception):
    """A file that cannot be used; the message says why."""


def read_list(path: pathlib.Path, country_code: str = "") -> dict[str, dict[str, str]]:
    """Normalised number -> values by heading; the last row of a number counts. Raises BadList."""
    try:
        if path.exists() and not path.is_file():
            raise BadList("is not a regular file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            headings = [cell.strip().lower() for cell in next(rows, [])]
            if len(headings) < 2 or not all(_HEADING.fullmatch(heading) for heading in headings[1:]):
                raise BadList("expected headings such as number,agent in the first line: a-z, 0-9 and _")
            return _rows(rows, headings, country_code)
    except (OSError, ValueError, csv.Error) as error:
        reason = (error.strerror or "cannot be read").lower() if isinstance(error, OSError) else str(error)
        raise BadList(f"cannot be read: {reason}") from None


def _rows(rows: Iterator[list[str]], headings: list[str], country_code: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        number = normalise(row[0], country_code)
        if not number:
            raise BadList(f"line {line}: the first column is no phone number")
        if len(found) >= MOST_ROWS:
            raise BadList(f"has more than {MOST_ROWS:,} rows")
        values = {heading: cell.strip() for heading, cell in zip(headings[1:], row[1:], strict=False) if cell.strip()}
        if any(len(value) > LONGEST_VALUE for value in values.values()):
            raise BadList(f"line {line}: a value of more than {LONGEST_VALUE} characters")
        found[number] = values
    return found
