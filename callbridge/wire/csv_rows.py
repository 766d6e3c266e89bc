"""Rows of CSV text, each with the line that it begins in.

A value in quotes may hold line breaks (RFC 4180). A stray quote looks the same and would swallow the rows after it, so it is one
when its value is not closed as the format wants it, or when what it holds looks like rows: a number in the number's own column.
Then its line is refused, and so are the lines that seem to belong to it; all others are rows.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from callbridge.core.model.numbers import is_of_spreadsheet, plain

MAX_LINES = 100
"""Lines that one row may have."""
LONGEST_QUOTE = 10
"""Lines that are refused with a quote that is not closed."""
LEAST_DIGITS = 7
"""Of what looks like a phone number; lines of addresses begin with postcodes."""
_OPENS = re.compile(r'(?:^|[,;\t])[ \t]*"[^"]*$')
MAX_ROWS_NAMED = 20
"""Rows left out that are named one by one."""
UNCLOSED = "a quote that is not closed"
SWALLOWS = "a quote that is not closed before line {line}, and what looks like rows is in it"
SURPLUS = "more values than there are headings: quote those with the separator in them"
HELD = "part of the value whose quote opens in line {line}"


@dataclass(frozen=True, slots=True)
class CsvRow:
    """``fault``: why its cells cannot be read; then there are none."""

    line: int
    cells: tuple[str, ...] = ()
    fault: str = ""


@dataclass(slots=True)
class LeftOut:
    """Rows that are not used: how many, and (line, why) of the first ones."""

    count: int = 0
    named: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, why: str) -> None:
        self.count += 1
        if len(self.named) < MAX_ROWS_NAMED:
            self.named.append((line, why))

    def report(self, used: int) -> Iterator[tuple[int, str]]:
        """One line for people each: first of all of them (as line 0), then (line, why). Nothing when all rows are used."""
        if self.count:
            few = f"; the first {len(self.named)}:" if self.count > len(self.named) else ""
            yield 0, f"{self.count} {'row' if self.count == 1 else 'rows'} left out, {used} used{few}"
            yield from self.named


class Quotes:
    """For readers that change lines before they are rows: does the next line seem to begin within a quoted value?"""

    def __init__(self) -> None:
        self.inside = False

    def take(self, text: str) -> None:
        """The next line is this one."""
        quotes = text.count('"')
        if quotes % 2:
            self.inside = not self.inside and _OPENS.search(text) is not None
        elif quotes:
            self.inside = False  # a row of its own, after a stray quote


def rows(lines: Iterable[str], first: int = 1, delimiter: str = ",", number_at: int = 0) -> Iterator[CsvRow]:
    """Rows that are not blank. ``first``: the number of the first line; ``number_at``: the column of the phone number."""
    ahead, source, line = deque[str](), iter(lines), first
    while (text := ahead.popleft() if ahead else next(source, None)) is not None:
        cells, used, fault = one_line(text, delimiter), 1, ""
        if cells is None:
            ahead.extend(islice(source, MAX_LINES - 1 - len(ahead)))
            cells, used, fault = _several([text, *ahead], line, delimiter, number_at)
        if fault:
            yield CsvRow(line, fault=fault)
            yield from (CsvRow(line + more, fault=HELD.format(line=line)) for more in range(1, used))
        elif any(cell.strip() for cell in cells or ()):
            yield CsvRow(line, cells or ())
        for _ in range(used - 1):
            ahead.popleft()
        line += used


def one_line(text: str, delimiter: str = ",") -> tuple[str, ...] | None:
    """The cells of a row that is one line; None when a quote in it is not closed as it should be."""
    text = text.rstrip("\r\n")
    if '"' not in text:
        return tuple(text.split(delimiter))
    try:
        return tuple(next(csv.reader([text], strict=True, delimiter=delimiter), ()))
    except csv.Error:
        return None


def in_one_line(cell: str) -> str:
    """A value as it is said or shown where there is one line only."""
    return " ".join(part.strip() for part in cell.splitlines()).strip() if "\n" in cell else cell.strip()


def is_separated(cells: Sequence[str], *, surplus: bool) -> bool:
    """Do these cells, from that of the number on, begin with one number of a spreadsheet, which its comma parts in several?
    ``surplus``: there are more cells than headings; else ``020794600,0`` may be a number and a nought."""
    joined = (",".join(cells[:count]) for count in range(2, len(cells) + 1 if surplus else 3))
    return any(is_of_spreadsheet(text) and (surplus or "e" in text.lower()) for text in joined)


def _several(lines: Sequence[str], line: int, delimiter: str, number_at: int) -> tuple[tuple[str, ...], int, str]:
    """The cells of the row that the first of these lines begins, how many of them it is, and why it is none, if so."""
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    try:
        cells = tuple(cell.replace("\r\n", "\n").replace("\r", "\n") for cell in next(reader))
    except csv.Error:
        return (), _spoilt(lines, delimiter), UNCLOSED
    used = reader.line_num
    return cells, used, SWALLOWS.format(line=line + used - 1) if _swallows(cells, delimiter, number_at) else ""


def _spoilt(lines: Sequence[str], delimiter: str) -> int:
    """How many lines a quote spoils that is not closed as it should be: its own, and those up to a quote that closes a value, not
    one that begins another."""
    for count, text in enumerate(lines[1:LONGEST_QUOTE], 2):
        before, quote, _ = text.partition('"')
        if quote:
            return count if lines[0].count('"') % 2 and before and not before.endswith(delimiter) else 1
    return 1


def _swallows(cells: Sequence[str], delimiter: str, number_at: int) -> bool:
    """Does a value of several lines hold what looks like rows? Its first line may have begun amid one."""
    for at, cell in enumerate(cells):
        first, *others = cell.split("\n")
        if others and (
            (at < number_at and _like_row(first, delimiter, number_at - at))
            or any(_like_row(inner, delimiter, number_at) for inner in others)
        ):
            return True
    return False


def _like_row(text: str, delimiter: str, number_at: int) -> bool:
    cells = text.split(delimiter)
    return len(cells) > max(1, number_at) and len(plain(cells[number_at]).lstrip("+")) >= LEAST_DIGITS
