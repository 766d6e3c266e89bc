"""How long processes waited for a processor, by the kernel's own account: what a crowded machine adds to every time.

Rule of this file: a test is as strict as it says on a machine of its own; what it allows on a crowded one is measured, never
guessed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

EVERY = 0.2
BEFORE, AFTER = 1.0, 0.5
"""Seconds about a moment in which a wait for the processor may have moved it."""
Pids = Callable[[], Iterable[int]]


class Crowding:
    """``groups``: processes that a message passes one after the other; of each group the one that waited longest counts."""

    def __init__(self, *groups: Pids) -> None:
        self._groups = groups
        self._known: dict[tuple[int, str], int] = {}
        self._waited: list[tuple[float, float]] = []

    async def run(self, over: asyncio.Event) -> None:
        """Look, until it is over."""
        while not over.is_set():
            self._waited.append((time.time(), sum(self._longest(pids()) for pids in self._groups)))
            await asyncio.sleep(EVERY)

    def at(self, moment: float, until: float | None = None) -> float:
        """Seconds for which messages about this moment, or about the time until another, may have waited."""
        last = (moment if until is None else until) + AFTER + EVERY
        return sum(waited for at, waited in self._waited if moment - BEFORE <= at <= last)

    def _longest(self, pids: Iterable[int]) -> float:
        return max((self._grown(pid) for pid in pids), default=0.0)

    def _grown(self, pid: int) -> float:
        """Of the thread of this process that waited longest since the last look."""
        grown: Sequence[float] = [0.0]
        with suppress(OSError):
            grown = [self._of_thread(pid, thread) for thread in Path(f"/proc/{pid}/task").iterdir()] or grown
        return max(grown)

    def _of_thread(self, pid: int, thread: Path) -> float:
        waited = 0
        with suppress(OSError, IndexError):  # it may end while we look
            waited = int((thread / "schedstat").read_text().split()[1])
        before = self._known.get((pid, thread.name))
        self._known[pid, thread.name] = waited
        return 0.0 if before is None else max(0, waited - before) / 1e9
