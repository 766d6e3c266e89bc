"""Detects gaps: whether the process was stalled (stopped, paused with its machine, blocked) between two looks at the clock."""

from __future__ import annotations

from collections.abc import Callable

GAP = 0.5
"""Seconds by which the loop may be late. After a longer gap, events that arrived meanwhile are processed before any decision."""


class Gaps:
    """Call ``look`` at every turn, and ``rest`` before an intentional wait."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._expected = now()
        self._lost = 0.0

    def rest(self, seconds: float) -> None:
        """An intentional wait of at most so many seconds begins."""
        self.look()
        self._expected += seconds

    def look(self) -> bool:
        """Has there been a gap whose events have not been processed yet?"""
        now = self._now()
        late, self._expected = now - self._expected, now
        if late > GAP:
            self._lost += late
        return self._lost > 0.0

    def made_up(self) -> float:
        """The events of the gap have been processed, which may itself have taken time. Returns the length of the gap in
        seconds."""
        lost, self._lost = self._lost, 0.0
        self._expected = self._now()
        return lost
