"""Tables of another system, exported as CSV: recognised by their headings, whatever the files are called."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import phonenumbers

from callbridge.cli.importing.converted import Looks
from callbridge.wire.csv_layout import CsvLayout, UnreadableFile, layout_of
from callbridge.wire.phone_numbers import IMPOSSIBLE, PhoneNumbers

LONGEST_VALUE_OF_A_LEAD = 200
"""Characters of a lead's value; longer ones are cut."""
MAX_ROWS_NAMED = 20
_NULLS = frozenset({"NULL", "\\N", "null"})
_SUFFIXES = (".csv", ".txt", ".tsv", ".xlsx", ".xls")
"""Workbooks are refused by name, with the way out."""


@dataclass(frozen=True, slots=True)
class ExportRow:
    line: int
    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def is_yes(self, name: str) -> bool:
        return self[name].upper() in ("Y", "YES", "1", "A", "TRUE")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a table is known by: the headings that it needs, and where others would mean another table, all that it may have."""

    needed: tuple[str, ...]
    most: tuple[str, ...] = ()

    def fits(self, headings: Sequence[str]) -> bool:
        return set(self.needed) <= set(headings) and (not self.most or set(headings) <= set(self.most))


@dataclass(slots=True)
class ExportTable:
    """One file. ``kind``: what it was recognised as."""

    name: str
    kind: str
    rows: list[ExportRow]


def read_tables(folder: Path, kinds: Mapping[str, Kind], looks: Looks) -> list[ExportTable]:
    """A table is of the first kind that fits. Files that are of none are named."""
    tables = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file()):
        data = path.read_bytes()
        try:
            layout = layout_of(partial(iter, [data]))
        except UnreadableFile as why:
            looks.add(path.name, str(why))
            continue
        headings, rows = _rows(data.decode(layout.encoding).lstrip("\ufeff"), layout)
        kind = next((name for name, kind in kinds.items() if kind.fits(headings)), "")
        if kind:
            tables.append(ExportTable(path.name, kind, rows))
        else:
            looks.add(path.name, f"none of the tables that are read here, by its headings: {', '.join(headings)[:120] or 'none'}")
    return tables


def _rows(text: str, layout: CsvLayout) -> tuple[list[str], list[ExportRow]]:
    reader = csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=layout.delimiter)
    try:
        for _ in range(1, layout.first_line):
            next(reader, [])
        headings = [heading.strip().lower().strip("`") for heading in next(reader, [])]
        rows, before = [], reader.line_num
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(ExportRow(before + 1, {name: _value(cell) for name, cell in zip(headings, cells, strict=False)}))
            before = reader.line_num
    except csv.Error:
        return [], []
    return headings, rows


def _value(cell: str) -> str:
    return "" if cell.strip() in _NULLS else " ".join(cell.split())


# -- numbers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportedNumbers:
    """Numbers as E.164. ``region``: whose numbers they are that have no country code of their own, such as US."""

    region: str

    def read(self, number: str, country_code: str = "", *, dialled: bool = False) -> tuple[str, str]:
        """The number, or "" and why it is none. ``dialled``: only what may be called and has been given out."""
        region = self.region
        if country_code.isascii() and country_code.isdigit():
            found = phonenumbers.region_code_for_country_code(int(country_code[:4]))
            region = found if found not in ("ZZ", "001") else region
        read = PhoneNumbers(region).read(number)
        why = read.fault or (read.refusal or ("" if read.exists else IMPOSSIBLE) if dialled else "")
        return ("", why) if why else (read.e164, "")


@dataclass(slots=True)
class Refused:
    """Rows that were left out, each with its reason."""

    lines: list[tuple[str, int, str, str]] = field(default_factory=list)

    def add(self, table: ExportTable, row: ExportRow, number: str, why: str) -> None:
        self.lines.append((table.name, row.line, number, why))

    def report(self, looks: Looks) -> None:
        for name, line, number, why in self.lines[:MAX_ROWS_NAMED]:
            looks.add(f"{name}:{line}", f"{number[:40]!r} was left out: {why}")
        if len(self.lines) > MAX_ROWS_NAMED:
            looks.add("", f"{len(self.lines) - MAX_ROWS_NAMED} more rows were left out: see left-out.csv")

    def text(self) -> str:
        return csv_text(
            ["file", "line", "number", "reason"], ([name, str(line), number, why] for name, line, number, why in self.lines)
        )


def csv_text(headings: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return out.getvalue()
