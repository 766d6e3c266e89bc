"""Leads from a CSV file: numbers normalised, time zones found, and every row that cannot be used told with its reason."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from callbridge.adapters.ledger.lead_files import LEAD_FIELDS, FileRow, lead_file
from callbridge.adapters.ledger.store import LedgerStore
from callbridge.core.model.calendar import Calendar, Span
from callbridge.wire.csv_rows import in_one_line
from callbridge.wire.phone_numbers import IMPOSSIBLE, PhoneNumbers, first_of

BATCH = 1000
LONGEST_VALUE_OF_A_LEAD = 200
A_MONDAY = 1_780_272_000.0
"""In June 2026."""


class BadLead(ValueError):
    """One row cannot be used; the message says why."""


ALREADY_LOADED = "the campaign has this number already"


@dataclass(slots=True)
class Loaded:
    """What became of the rows. ``refused``: (line, number as written, why), for those that were not entered."""

    rows: int = 0
    entered: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    read_as: str = ""
    """How the file is written: its encoding, and what separates its columns."""

    @property
    def failed(self) -> bool:
        """Was there something to enter, and nothing of it could be? A file whose numbers are there already has done its work."""
        return not self.entered and any(why != ALREADY_LOADED for _, _, why in self.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadReader:
    """``zone``: of people whose number does not say it; ``columns``: our name -> theirs."""

    numbers: PhoneNumbers
    zone: str
    columns: Mapping[str, str] = field(default_factory=dict)
    calendar: Calendar | None = None
    """When the campaign may call; a number whose places have no hour of it in common is refused."""
    first: bool = False
    """Of several numbers in one value the first is taken."""

    def lead(self, row: Mapping[str, str]) -> dict[str, Any]:
        """One row as the ledger enters it. Raises BadLead."""
        given = {name: (row.get(self.columns.get(name, name)) or "").strip() for name in LEAD_FIELDS}
        number, zones = self._number(given["number"])
        theirs = {self.columns.get(name, name) for name in LEAD_FIELDS}
        details = {key.strip(): value.strip() for key, value in row.items() if key and key not in theirs and value}
        if any(len(value) > LONGEST_VALUE_OF_A_LEAD for value in [*given.values(), *details.values()]):
            raise BadLead(f"a value of more than {LONGEST_VALUE_OF_A_LEAD} characters")
        if any("\0" in value for value in [*given.values(), *details.keys(), *details.values()]):
            raise BadLead("a value with a NUL in it")
        if given["timezone"]:
            zones = (_zone(given["timezone"]),)
        if self.calendar is not None and not _ever_open(self.calendar, zones):
            raise BadLead(f"may be in {len(zones)} time zones with no common calling hour: give its timezone")
        return {
            "number": number,
            "zones": zones,
            "name": in_one_line(given["name"]),
            "agent": given["agent"],
            "priority": _whole(given["priority"]),
            "due_at": _due(given["due"], zones[0]),
            "details": details,
        }

    def _number(self, text: str) -> tuple[str, tuple[str, ...]]:
        if not text:
            raise BadLead("no number")
        found = self.numbers.read(first_of(text) if self.first else text)
        if found.refusal or not found.e164:
            raise BadLead(found.refusal or found.fault)
        if not found.exists:
            raise BadLead(IMPOSSIBLE)
        return found.e164, found.zones(self.zone)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadLead(f"no such time zone: {name:.40}") from None
    return name


@functools.lru_cache(maxsize=2000)
def _open_hours(calendar: str, week: tuple[tuple[Span, ...], ...], zone: str) -> frozenset[int]:
    """Half hours of some week, counted in UTC, at which it is open in this zone."""
    made = Calendar(calendar, ZoneInfo(zone), week)
    return frozenset(half for half in range(7 * 48) if made.is_open(A_MONDAY + half * 1800.0))


def _ever_open(calendar: Calendar, zones: tuple[str, ...]) -> bool:
    return bool(frozenset.intersection(*(_open_hours(calendar.name, calendar.week, zone) for zone in zones)))


def _whole(text: str) -> int:
    if not text:
        return 0
    if not re.fullmatch("-?[0-9]{1,5}", text):
        raise BadLead(f"priority is not a whole number: {text:.20}")
    return int(text)


def _due(text: str, zone: str) -> float:
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadLead(f"due is not a time such as 2026-11-30T14:00: {text:.30}") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))).timestamp()


def load(
    book: LedgerStore,
    campaign: str,
    path: Path,
    reader: LeadReader,
    *,
    now: float,
    agents: frozenset[str] | None = None,
    never: frozenset[str] = frozenset(),
    progress: Callable[[int], None] = lambda rows: None,
    result: Loaded | None = None,
    encoding: str = "",
    delimiter: str = "",
) -> Loaded:
    """Enter the rows of a file. Whatever is not entered is told, row by row; what was entered stays, whatever comes after it.
    ``encoding`` and ``delimiter`` are recognised when they are empty. Raises BadFile, before anything was entered."""
    file = lead_file(path, reader.columns, encoding, delimiter)
    file.ask(reader.numbers)
    result = Loaded() if result is None else result
    result.read_as = str(file)
    found = file.rows()
    return enter_rows(book, campaign, found, reader, now=now, agents=agents, never=never, progress=progress, result=result)


def enter_rows(
    book: LedgerStore,
    campaign: str,
    rows: Iterable[FileRow],
    reader: LeadReader,
    *,
    now: float,
    agents: frozenset[str] | None = None,
    never: frozenset[str] = frozenset(),
    progress: Callable[[int], None] = lambda rows: None,
    result: Loaded | None = None,
) -> Loaded:
    """Enter rows with the numbers of their lines. ``result`` is filled row by row: an interrupted load reports it."""
    result = Loaded() if result is None else result
    batch: dict[str, tuple[int, str, dict[str, Any]]] = {}
    seen: dict[str, int] = {}
    for line, row, fault in rows:
        result.rows += 1
        written = (row.get(reader.columns.get("number", "number")) or "").strip()
        try:
            if fault:
                raise BadLead(fault)
            lead = reader.lead(row)
            if lead["number"] in seen:
                raise BadLead(f"the same number as in line {seen[lead['number']]}")
            if agents is not None and lead["agent"] and lead["agent"] not in agents:
                raise BadLead(f"no such agent: {lead['agent']:.40}")
            if lead["number"] in never or lead["number"].lstrip("+") in never:
                raise BadLead("on the do-not-call list")
        except BadLead as wrong:
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


def _enter(
    book: LedgerStore, campaign: str, batch: dict[str, tuple[int, str, dict[str, Any]]], result: Loaded, now: float
) -> None:
    blocked = book.blocks(batch.keys(), campaign, now)
    wanted = {number: known for number, known in batch.items() if number not in blocked}
    there = book.load(campaign, [lead for _, _, lead in wanted.values()], now)
    for number, (line, written, _) in batch.items():
        if number in blocked:
            result.refused.append((line, written, "on the do-not-call list"))
        elif number in there:
            result.refused.append((line, written, ALREADY_LOADED))
        else:
            result.entered += 1
    batch.clear()
