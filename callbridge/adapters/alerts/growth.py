"""How much counters grew within a period until now. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")


class RecentGrowth(Generic[Key]):
    """``step`` is called with the counters every few seconds. What was counted before the first call is not recent."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._before: dict[Key, float] | None = None
        self._grown: deque[tuple[float, Key, float]] = deque()
        self._sums: dict[Key, float] = defaultdict(float)

    def step(self, now: float, counters: Mapping[Key, float]) -> dict[Key, float]:
        """By how much each of these has grown; 0 for those that have not."""
        before = counters if self._before is None else self._before
        for key, count in counters.items():
            amount = count - before.get(key, 0.0)
            if amount > 0.0:
                self._grown.append((now, key, amount))
                self._sums[key] += amount
        self._before = dict(counters)
        while self._grown and self._grown[0][0] <= now - self._period:
            _, key, amount = self._grown.popleft()
            self._sums[key] -= amount
        return {key: self._sums.get(key, 0.0) for key in counters}
