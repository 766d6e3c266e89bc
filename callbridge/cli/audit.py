"""The audit of a campaign's abandon rate: every attempt, by day and over the window, by both definitions."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from callbridge.adapters.database.attempt_counts import WINDOW_DAYS, AttemptCounts, MachineEstimate
from callbridge.adapters.report_forms.values import harmless
from callbridge.adapters.system.private_files import open_private

REPORT_DAYS = WINDOW_DAYS
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
    def rate(self) -> float:
        return self.abandoned / self.live if self.live else 0.0

    def rate_uk(self, estimate: MachineEstimate) -> float | None:
        """None when it cannot be said; 0 on a day on which nobody answered."""
        machines = self.taken_for_machines, self.told_as_machines
        counts = AttemptCounts(self.attempts, self.live, self.abandoned, self.late, *machines)
        listens = estimate.listens or self.taken_for_machines > 0
        known = estimate.false_positives is not None if listens else not self.told_as_machines
        found = counts.rate_uk(estimate)
        return 0.0 if found is None and known and not self.live else found

    @property
    def window_rate(self) -> float:
        return self.window_abandoned / self.window_live if self.window_live else 0.0


def days(attempts: Iterable[dict[str, Any]], zone: ZoneInfo) -> list[Day]:
    """Day by day, those without attempts too. Answers to an agent who was there first make no rate better: not counted."""
    counts: dict[str, AttemptCounts] = {}
    for one in attempts:
        of_day = counts.setdefault(day_of(one["at"], zone), AttemptCounts())
        of_day.add(one["outcome"], late=bool(one["late"]), manual=bool(one["manual"]), agent=bool(one["agent"]))
    found: list[Day] = []
    for day, back in _calendar(counts):
        own, window = counts.get(day, AttemptCounts()), [counts[each] for each in back if each in counts]
        found.append(
            Day(
                day=day,
                attempts=own.attempts,
                live=own.live,
                abandoned=own.abandoned,
                window_live=sum(each.live for each in window),
                window_abandoned=sum(each.abandoned for each in window),
                taken_for_machines=own.taken_for_machines,
                told_as_machines=own.told_as_machines,
                late=own.late,
            )
        )
    return found


def _calendar(made: Collection[str]) -> Iterator[tuple[str, list[str]]]:
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
    with TextIOWrapper(open_private(path), encoding="utf-8", newline="") as file:
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
    return harmless(text) if isinstance(text, str) else text
