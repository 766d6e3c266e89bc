"""The callers of one queue in order of service. An index, changed only by the world."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field


@dataclass(slots=True)
class QueueLine:
    """All callers with a visit in the queue and without a conversation, including those being offered or in a flow."""

    _places: list[tuple[float, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self._places)

    @property
    def calls(self) -> list[str]:
        """The first comes first."""
        return [call for _, call in self._places]

    def before(self, rank: float, call: str) -> int:
        """How many come before a caller of this rank."""
        return bisect_left(self._places, (rank, call))

    def add(self, rank: float, call: str) -> None:
        insort(self._places, (rank, call))

    def remove(self, rank: float, call: str) -> None:
        index = bisect_left(self._places, (rank, call))
        del self._places[index]
