"""Leads from a CSV file: numbers normalised, time zones found, and every row that cannot be used told with its reason."""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone

from callbridge.adapters.ledger.book import Book

OWN = ("number", "name", "timezone", "agent", "priority", "due")
"""Columns with a meaning; all others are told to the agent with the call."""
BATCH = 1000
LONGEST = 200
UNKNOWN_ZONE = "Etc/Unknown"


class BadFile(Exception):
    """The file as a whole cannot be used; the message says why."""


class BadRow(ValueError):
    """One row cannot be used; the message says why."""


@dataclass(slots=True)
class Loaded:
    """What became of the rows. ``refused``: (line, number as written, why), for those that were not entered."""

    rows: int = 0
    entered: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """``region``: whose national numbers they are (``GB``); ``zone``: of people whose number does not say it; ``columns``: our
    name -> theirs."""

    region: str | None
    zone: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def lead(self, row: Mapping[str, str]) -> dict[str, Any]:
        """One row as the ledger enters it. Raises BadRow."""
        given = {name: (row.get(self.columns.get(name, name)) or "").strip() for name in OWN}
        number, zones = self._number(given["number"])
        theirs = {self.columns.get(name, name) for name in OWN}
        details = {key.strip(): value.strip() for key, value in row.items() if key and key not in theirs and value}
        if any(len(value) > LONGEST for value in [*given.values(), *details.values()]):
            raise BadRow(f"a value of more than {LONGEST} characters")
        if given["timezone"]:
            zones = (_zone(given["timezone"]),)
        return {
            "number": number,
            "zones": zones,
            "name": given["name"],
            "agent": given["agent"],
            "priority": _whole(given["priority"]),
            "due_at": _due(given["due"], zones[0]),
            "details": details,
        }

    def _number(self, text: str) -> tuple[str, tuple[str, ...]]:
        if not text:
            raise BadRow("no number")
        try:
            parsed = phonenumbers.parse(text, self.region)
        except phonenumbers.NumberParseException:
            raise BadRow("no phone number") from None
        if not phonenumbers.is_valid_number(parsed):
            raise BadRow("no such phone number can exist")
        number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        return number, _zones_of(number, self.zone)


@functools.lru_cache(maxsize=50_000)
def _zones_of(number: str, otherwise: str) -> tuple[str, ...]:
    """Where the person may be, by the number: all places count, so that nobody is called at night."""
    zones = [zone for zone in timezone.time_zones_for_number(phonenumbers.parse(number)) if zone != UNKNOWN_ZONE]
    return tuple(zones[:40]) or (otherwise,)


def region_of(country_code: str) -> str | None:
    """Whose national numbers are meant where this country code is used: ``GB`` for ``+44``."""
    digits = country_code.lstrip("+")
    region = phonenumbers.region_code_for_country_code(int(digits)) if digits.isdigit() else None
    return region if region not in (None, "ZZ", "001") else None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadRow(f"no such time zone: {name:.40}") from None
    return name


def _whole(text: str) -> int:
    if not text:
        return 0
    if not text.lstrip("-").isdigit() or len(text) > 6:
        raise BadRow(f"priority is no whole number: {text:.20}")
    return int(text)


def _due(text: str, zone: str) -> float:
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(f"due is no time such as 2026-11-30T14:00: {text:.30}") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))).timestamp()


def load(
    book: Book,
    campaign: str,
    path: Path,
    reader: Reader,
    *,
    now: float,
    agents: frozenset[str] | None = None,
    never: frozenset[str] = frozenset(),
    progress: Callable[[int], None] = lambda rows: None,
) -> Loaded:
    """Enter the rows of a file. Whatever is not entered is told, row by row; what was entered stays, whatever comes after it.
    Raises BadFile, before anything was entered."""
    column = reader.columns.get("number", "number")
    return enter_rows(book, campaign, _rows(path, column), reader, now=now, agents=agents, never=never, progress=progress)


def enter_rows(
    book: Book,
    campaign: str,
    rows: Iterator[tuple[int, Mapping[str, str]]],
    reader: Reader,
    *,
    now: float,
    agents: frozenset[str] | None = None,
    never: frozenset[str] = frozenset(),
    progress: Callable[[int], None] = lambda rows: None,
) -> Loaded:
    """Enter rows with the numbers of their lines."""
    result = Loaded()
    batch: dict[str, tuple[int, str, dict[str, Any]]] = {}
    seen: dict[str, int] = {}
    for line, row in rows:
        result.rows += 1
        written = (row.get(reader.columns.get("number", "number")) or "").strip()
        try:
            lead = reader.lead(row)
            if lead["number"] in seen:
                raise BadRow(f"the same number as in line {seen[lead['number']]}")
            if agents is not None and lead["agent"] and lead["agent"] not in agents:
                raise BadRow(f"no such agent: {lead['agent']:.40}")
            if lead["number"] in never or lead["number"].lstrip("+") in never:
                raise BadRow("on the do-not-call list")
        except BadRow as wrong:
            result.refused.append((line, written, str(wrong)))
            continue
        seen[lead["number"]] = line
        batch[lead["number"]] = (line, written, lead)
        if len(batch) >= BATCH:
            _enter(book, campaign, batch, result, now)
            progress(result.rows)
    _enter(book, campaign, batch, result, now)
    progress(result.rows)
    result.refused.sort()
    return result


def _enter(book: Book, campaign: str, batch: dict[str, tuple[int, str, dict[str, Any]]], result: Loaded, now: float) -> None:
    blocked = book.blocks(batch.keys(), campaign, now)
    wanted = {number: known for number, known in batch.items() if number not in blocked}
    there = book.load(campaign, [lead for _, _, lead in wanted.values()], now)
    for number, (line, written, _) in batch.items():
        if number in blocked:
            result.refused.append((line, written, "on the do-not-call list"))
        elif number in there:
            result.refused.append((line, written, "the campaign has this number already"))
        else:
            result.entered += 1
    batch.clear()


def _rows(path: Path, number: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(Line, row) by the headings of the first line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            headings = reader.fieldnames or []
            if number not in headings:
                known = ", ".join(headings) or "none"
                raise BadFile(f"{path}: no column {number!r} (there are: {known}); map yours with --column number=YOURS")
            reader.fieldnames = [heading.strip() for heading in headings]
            for row in reader:
                row.pop(None, None)
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as trouble:
        why = trouble.strerror if isinstance(trouble, OSError) else str(trouble)
        raise BadFile(f"{path}: cannot be read: {why}") from None
