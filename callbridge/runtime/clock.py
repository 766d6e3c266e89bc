"""The clock: monotonic time, anchored to the epoch once, so that an NTP step moves no deadline."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


class Clock:
    """``now()`` is epoch seconds that never run backwards, not even behind the time of a saved world."""

    def __init__(self, not_before: float = 0.0) -> None:
        self._anchor = max(time.time(), not_before) - time.monotonic()

    def now(self) -> float:
        return self._anchor + time.monotonic()

    def wall(self) -> float:
        """Epoch seconds of the system's wall clock."""
        return self.now() + self.wall_offset()

    def wall_offset(self) -> float:
        """Seconds by which the machine's wall clock is ahead of ours."""
        return time.time() - self.now()


def day_of(wall: float, zone: ZoneInfo) -> str:
    """The date at this moment in this zone, as ``2026-11-21``."""
    return datetime.fromtimestamp(wall, zone).date().isoformat()


def next_midnight(wall: float, zone: ZoneInfo) -> float:
    """When the next day begins in this zone, epoch seconds; right on days of 23 and 25 hours too."""
    tomorrow = datetime.fromtimestamp(wall, zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).timestamp()
