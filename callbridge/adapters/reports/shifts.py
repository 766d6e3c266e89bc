"""The schedule: a CSV file of the shifts of agents, as planning tools and spreadsheets write it. Read when a report is made."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

SHIFT_COLUMNS = ("agent", "start", "end")
MOST_SHIFTS = 1_000_000
LONGEST_SHIFT = 2 * 86_400.0
FAULTS_NAMED = 5


@dataclass(frozen=True, slots=True)
class Shift:
    """Epoch seconds."""

    agent: str
    began: float
    ended: float


@dataclass(slots=True)
class Schedule:
    """``faults``: what of the file is not used, one line for people each, the first few only."""

    shifts: list[Shift] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    left_out: int = 0

    def leave_out(self, why: str) -> None:
        self.left_out += 1
        if len(self.faults) < FAULTS_NAMED:
            self.faults.append(why)


def read_schedule(path: Path, zone: ZoneInfo) -> Schedule:
    """The shifts of a file with the columns ``agent``, ``start`` and ``end``: local times (``2026-11-30T08:00``), or with an
    offset. A file that cannot be read has no shifts, and says why."""
    found = Schedule()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, row in _rows(csv.DictReader(file), found, path.name):
                try:
                    found.shifts.append(_shift(row, zone))
                except ValueError as wrong:
                    found.leave_out(f"{path.name}:{line}: {wrong}")
    except (OSError, UnicodeDecodeError, csv.Error) as trouble:
        why = trouble.strerror if isinstance(trouble, OSError) and trouble.strerror else "it is not a CSV file in UTF-8"
        found.leave_out(f"{path.name}: {why}")
    return found


def _rows(reader: csv.DictReader[str], found: Schedule, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    missing = [column for column in SHIFT_COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        found.leave_out(f"{name}:1: no column {', '.join(missing)}")
        return
    for number, row in enumerate(reader):
        if number == MOST_SHIFTS:
            found.leave_out(f"{name}: more than {MOST_SHIFTS:,} shifts")
            return
        yield reader.line_num, {column: (row[column] or "").strip() for column in SHIFT_COLUMNS}


def _shift(row: dict[str, str], zone: ZoneInfo) -> Shift:
    if not row["agent"]:
        raise ValueError("no agent")
    began, ended = (_moment(row[column], zone) for column in ("start", "end"))
    if not began < ended <= began + LONGEST_SHIFT:
        raise ValueError("a shift ends after it begins, and within two days")
    return Shift(row["agent"], began, ended)


def _moment(text: str, zone: ZoneInfo) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r:.40} is not a time such as 2026-11-30T08:00") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp()
