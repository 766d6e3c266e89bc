"""Gaps: whether the process stood still (stopped, paused with its machine, blocked) between two looks at the clock."""

from __future__ import annotations

from collections.abc import Callable

GAP = 0.5
"""Seconds by which the loop may be late; after more, what was said meanwhile is heard before anything is decided."""


class Gaps:
    """Looked at wherever time may have been lost: ``look`` at every turn, ``rest`` before time is passed on purpose."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._expected = now()
        self._lost = 0.0

    def rest(self, seconds: float) -> None:
        """From here we mean to wait for so many seconds, or less."""
        self.look()
        self._expected += seconds

    def look(self) -> bool:
        """Has time been lost of which nobody has heard what was said in it?"""
        now = self._now()
        late, self._expected = now - self._expected, now
        if late > GAP:
            self._lost += late
        return self._lost > 0.0

    def made_up(self) -> float:
        """What was said meanwhile has been heard, which may have taken its time. Gives the seconds that were lost."""
        lost, self._lost = self._lost, 0.0
        self._expected = self._now()
        return lost
