"""The pulse: whether the process itself was stalled a moment ago. Then no task has run, and what looks stuck may be on time.

When a process that was stopped, or paused with its machine, continues, everything is late at once: the last save, the oldest
event, the last retry of a link. Code that judges something by its age checks the pulse first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

BEAT_EVERY = 1.0
BEAT_LATE = 3.0
"""Seconds by which a beat may be late before the process counts as stalled. A shorter delay makes nothing look stuck."""
TURN = 10.0
"""Seconds of running within which every task has had a turn. Only after that may the next stall excuse anything; otherwise a
process that stalls all the time would never be detected."""


class Pulse:
    """Beats while the event loop runs."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._beat_at = now()
        self._back_at = float("-inf")

    async def run(self) -> NoReturn:
        while True:
            await asyncio.sleep(BEAT_EVERY)
            self.look()

    @property
    def has_settled(self) -> bool:
        """Has every task had a turn since the last stall?"""
        self.look()  # this may be called before the beat that is due
        return self._now() - self._back_at >= TURN

    def look(self) -> None:
        now = self._now()
        if now - self._beat_at > BEAT_EVERY + BEAT_LATE and self._beat_at - self._back_at >= TURN:
            self._back_at = now
        self._beat_at = now
