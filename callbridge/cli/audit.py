"""The audit of a campaign's abandon rate: every attempt, by day and over the window, by both definitions.

``rate``: abandoned / live answers (United States, 16 CFR 310.4(b)(4): 3 % over 30 days); a machine that an agent had is no live
answer. ``rate_uk``: abandoned / (abandoned + calls passed to an agent) in 24 hours (Ofcom, persistent misuse, annex 3), by what
is believed of machines. What nobody knows (``unknown``), and what an agent reached too late, counts as abandoned.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

REPORT_DAYS = 30
COLUMNS = (
    "id",
    "at",
    "day",
    "lead",
    "number",
    "outcome",
    "cause",
    "heard",
    "live",
    "abandoned",
    "late",
    "manual",
    "answered_at",
    "spoken_at",
    "connected_at",
    "ended_at",
    "agent",
    "call",
    "disposition",
)


@dataclass(frozen=True, slots=True)
class MachineEstimate:
    """What is believed of machines. ``listens``: answering machine detection decides; ``false_positives``: the share of its
    machines that were people, nobody having heard them (None: nobody has estimated it)."""

    listens: bool = False
    false_positives: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """One day, and the ``REPORT_DAYS`` days that end with it."""

    day: str
    attempts: int
    live: int
    abandoned: int
    window_live: int
    window_abandoned: int
    taken_for_machines: int = 0
    """By detection."""
    told_as_machines: int = 0
    """By agents."""
    late: int = 0
    """Abandoned, because an agent talked to them too late: people, for certain."""

    @property
    def connected(self) -> int:
        """Live answers that an agent had in time."""
        return self.live - self.abandoned

    @property
    def rate(self) -> float:
        return self.abandoned / self.live if self.live else 0.0

    def rate_uk(self, estimate: MachineEstimate) -> float | None:
        """People whom detection took for machines are abandoned, too; without detection, as many of the abandoned calls were
        machines' as of those that agents had. None when nobody has estimated how often detection is wrong, or when all that
        agents had were machines."""
        abandoned, people = float(self.abandoned), self.connected + self.late
        if estimate.listens or self.taken_for_machines:
            if estimate.false_positives is None:
                return None
            abandoned += self.taken_for_machines * estimate.false_positives
        elif self.told_as_machines:
            if not people:
                return None
            abandoned = self.late + (self.abandoned - self.late) * people / (people + self.told_as_machines)
        return abandoned / (abandoned + self.connected) if abandoned + self.connected else 0.0

    @property
    def window_rate(self) -> float:
        return self.window_abandoned / self.window_live if self.window_live else 0.0


def days(attempts: Iterable[dict[str, Any]], zone: ZoneInfo) -> list[Day]:
    """Day by day, those without attempts too. Answers to an agent who was there first make no rate better: not counted."""
    made: Counter[str] = Counter()
    live: Counter[str] = Counter()
    abandoned: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    told: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for one in attempts:
        day = day_of(one["at"], zone)
        made[day] += 1
        live[day] += one["live"]
        abandoned[day] += one["abandoned"]
        late[day] += one["late"]
        if one["outcome"] == "machine" and not one["manual"]:
            (told if one["agent"] else verdicts)[day] += 1
    return [
        Day(
            day=day,
            attempts=made[day],
            live=live[day],
            abandoned=abandoned[day],
            window_live=sum(live[each] for each in back),
            window_abandoned=sum(abandoned[each] for each in back),
            taken_for_machines=verdicts[day],
            told_as_machines=told[day],
            late=late[day],
        )
        for day, back in _calendar(made)
    ]


def _calendar(made: Counter[str]) -> Iterator[tuple[str, list[str]]]:
    """Each day from the first to the last, and the days that its window holds."""
    if not made:
        return
    day, last = (datetime.fromisoformat(each) for each in (min(made), max(made)))
    while day <= last:
        back = [(day - timedelta(days=ago)).date().isoformat() for ago in range(REPORT_DAYS)]
        yield back[0], back
        day += timedelta(days=1)


def day_of(at: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at, zone).date().isoformat()


def export(attempts: Iterable[dict[str, Any]], path: Path, zone: ZoneInfo) -> int:
    """Write every attempt as a row; returns their number."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one in attempts:
            writer.writerow([_cell(name, one, zone) for name in COLUMNS])
            count += 1
    return count


def _cell(name: str, one: dict[str, Any], zone: ZoneInfo) -> object:
    if name == "day":
        return day_of(one["at"], zone)
    value = one[name]
    if value is not None and (name == "at" or name.endswith("_at")):
        return datetime.fromtimestamp(value, zone).isoformat(timespec="milliseconds")
    text = "" if value is None else value
    # A spreadsheet would treat such text as a formula.
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "@", "+", "-") and name != "number" else text
