"""Counting attempts, so that guessing gets nowhere. Memory is bounded however many names are tried."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

_MAX_NAMES = 10_000


@dataclass(slots=True)
class _Count:
    times: deque[float] = field(default_factory=deque)
    shut_until: float = 0.0


class RateLimit:
    """``most`` attempts within ``within`` seconds; after the last of them the name is shut for ``shut`` seconds."""

    def __init__(self, most: int, *, now: Callable[[], float], within: float = 60.0, shut: float = 60.0) -> None:
        self._most = most
        self._within = within
        self._shut = shut
        self._now = now
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until ``name`` may try again; 0 when it may now."""
        count = self._counts.get(name)
        return 0.0 if count is None else max(0.0, count.shut_until - self._now())

    def forgive(self, name: str) -> None:
        """The last attempt was none that counts."""
        count = self._counts.get(name)
        if count is not None and count.times:
            count.times.pop()

    def count(self, name: str) -> None:
        """One attempt more."""
        now = self._now()
        count = self._counts.setdefault(name, _Count())
        self._counts.move_to_end(name)
        while count.times and count.times[0] <= now - self._within:
            count.times.popleft()
        count.times.append(now)
        if len(count.times) >= self._most:
            count.times.clear()
            count.shut_until = now + self._shut
        if len(self._counts) > _MAX_NAMES:
            self._counts.popitem(last=False)
