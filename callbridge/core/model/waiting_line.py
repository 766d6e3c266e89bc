"""Waiting callers of one group, or idle agents of one profile, in order of a fixed key."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush


@dataclass(slots=True)
class WaitingLine:
    """A heap with lazy deletion."""

    members: dict[str, float] = field(default_factory=dict)
    heap: list[tuple[float, str]] = field(default_factory=list)

    def add(self, member: str, key: float) -> None:
        self.members[member] = key
        if len(self.heap) > 64 + 4 * len(self.members):
            self.heap = [(key, member) for member, key in self.members.items()]
            heapify(self.heap)
        else:
            heappush(self.heap, (key, member))

    def remove(self, member: str) -> None:
        self.members.pop(member, None)

    def first(self) -> tuple[float, str] | None:
        heap = self.heap
        while heap:
            key, member = heap[0]
            if self.members.get(member) == key:
                return heap[0]
            heappop(heap)
        return None

    def first_but(self, without: frozenset[str]) -> tuple[float, str] | None:
        """The first one who is not among these."""
        skipped: list[tuple[float, str]] = []
        while (found := self.first()) is not None and found[1] in without:
            skipped.append(heappop(self.heap))
        for one in skipped:
            heappush(self.heap, one)
        return found
