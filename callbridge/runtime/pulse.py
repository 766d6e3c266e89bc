"""The pulse: whether the process itself stood still a moment ago. Then nobody has had a turn, and who looks stuck may be in time.

Stopped, or paused with its machine, a process finds everything late at once when it goes on: the last save, the oldest event, the
last try of a link. Code that judges others by their age asks the pulse first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

EVERY = 1.0
LATE = 3.0
"""Seconds by which a beat may be late; after more the process stood still. Less makes nobody look stuck."""
TURN = 10.0
"""Seconds awake within which everybody has had a turn. Only then may the next standstill excuse anybody, else a process that
stands still all the time would never be found out."""


class Pulse:
    """Beats while the event loop runs."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._beat_at = now()
        self._back_at = float("-inf")

    async def run(self) -> NoReturn:
        while True:
            await asyncio.sleep(EVERY)
            self.look()

    @property
    def has_settled(self) -> bool:
        """Has everybody had a turn since the process stood still?"""
        self.look()  # we may be asked before the beat that is due
        return self._now() - self._back_at >= TURN

    def look(self) -> None:
        now = self._now()
        if now - self._beat_at > EVERY + LATE and self._beat_at - self._back_at >= TURN:
            self._back_at = now
        self._beat_at = now
