"""Virtual time: what will happen when. Nothing here reads a clock, so a run is its seed and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

Action = Callable[[], None]


class Agenda:
    """Things to do, in order of time; things of one moment in the order in which they were planned."""

    def __init__(self, start: float) -> None:
        self.started_at = self.now = start
        self._heap: list[tuple[float, int, Action]] = []
        self._planned = 0

    def at(self, when: float, action: Action) -> None:
        self._planned += 1
        heappush(self._heap, (max(when, self.now), self._planned, action))

    def after(self, delay: float, action: Action) -> None:
        self.at(self.now + delay, action)

    def next_at(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def do_next(self) -> None:
        """Move the time on to the next thing and do it."""
        when, _, action = heappop(self._heap)
        self.now = when
        action()
