"""The clock: monotonic time, anchored to the epoch once, so that an NTP step moves no deadline."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

WRONG_BY = 2.0
"""Seconds by which a wall clock may differ from the former leader's time before it is not believed: less is what NTP leaves, and
what the reading of that time is delayed by."""


class Clock:
    """``now()`` is epoch seconds that never run backwards, not even behind the time of a saved world.

    They begin with the wall clock, unless a former leader's time says otherwise: ``ahead`` is how far that was ahead of this
    machine's monotonic clock (``leader_time``).
    """

    def __init__(self, not_before: float = 0.0, ahead: float | None = None) -> None:
        monotonic = time.monotonic()
        own = time.time() - monotonic
        self.corrected = 0.0
        """Seconds by which the wall clock was ahead of the former leader's time; 0 where it was believed."""
        if ahead is not None and abs(own - ahead) > WRONG_BY:
            own, self.corrected = ahead, own - ahead
        self._anchor = max(own, not_before - monotonic)

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
