"""Garbage collection in portions, so that no collection holds the event loop for long.

CPython starts a collection when objects created less objects freed pass a threshold. Where as many calls end as arrive, that
difference hardly grows, so the collection comes late and examines all that was created meanwhile; a full one examines the whole
world besides. Both took 50 to 80 ms with 5,000 waiting callers.

We count what was created, examine it while it is little, and set aside (freeze) what has survived three examinations: it is
examined no more, so the size of the world does not matter. Nearly everything is freed without the collector, frozen or not.
Only frozen objects that refer to each other in a circle stay until the next full collection, which waits for a quiet moment
unless memory has grown too much.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NoReturn

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_EVERY, LOOK_AT_LEAST_EVERY = 0.05, 0.4
"""Seconds between looks while objects are created, and, doubling up to the longest, while hardly any are: to count objects,
Python goes through them, which was a quarter of the processor time of an idle service. A burst meanwhile passes Python's
THRESHOLDS."""
PORTION = 1_000
"""Objects created since the last look from which on they are examined."""
HARDLY_ANY = PORTION // 20
"""Objects created between two looks."""
PORTIONS = 2
"""So many portions of a generation make one of the next."""
MAX_EXAMINED = 10_000
"""Objects in one collection, 3 to 5 ms. More at once, as a reload makes, are frozen unexamined."""
FULL_AFTER = 50_000
"""Objects frozen since the last full collection from which on another one is due."""
MAX_GROWTH = 512 * 2**20
"""Bytes by which memory may have grown since the last full collection; then one that is due waits no longer."""
THRESHOLDS = 10_000, 1_000, 1_000
"""Python's own: only a burst between two looks passes the first, and nothing the others."""
_KEPT = 1_000
"""Durations of collections between two looks."""


def _objects(generation: int) -> int:
    """How many objects are in this generation and the younger ones.

    One call from C to C, so that no other thread runs while the list refers to its objects: a tuple that a thread is building
    from a generator may not be referred to, and CPython would end the thread's work with a SystemError.
    """
    return sum(map(len, map(gc.get_objects, range(generation + 1))))


def resident() -> int:
    """Bytes of memory that the process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """No collection within: for work that creates many objects that stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Collector:
    """Collects garbage for the process. ``quiet``: would nobody notice a tenth of a second? ``observed`` is called with the
    generation and the seconds of every collection."""

    def __init__(
        self, quiet: Callable[[], bool], observed: Callable[[int, float], None], memory: Callable[[], int] = resident
    ) -> None:
        self._quiet, self._observed, self._memory = quiet, observed, memory
        self._frozen = 0
        self._young = 0
        """Objects not examined yet, at the last look."""
        self._memory_then = memory()
        self._began = 0.0
        self._pauses: deque[tuple[int, float]] = deque(maxlen=_KEPT)

    async def run(self) -> NoReturn:
        """Collect until cancelled."""
        before = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._note)
        pause = LOOK_EVERY
        try:
            while True:
                await asyncio.sleep(pause)
                pause = LOOK_EVERY if self.look() else min(pause * 2, LOOK_AT_LEAST_EVERY)
        finally:
            gc.callbacks.remove(self._note)
            gc.set_threshold(*before)

    def look(self) -> bool:
        """Do what is due. False when hardly any object has been created since the last look."""
        while self._pauses:
            self._observed(*self._pauses.popleft())
        if not gc.isenabled():
            return True
        before, self._young = self._young, _objects(0)
        if self._young >= PORTION:
            self._collect_portion()
            self._young = 0
            return True
        if self._frozen >= FULL_AFTER and (self._quiet() or self._has_grown()):
            self._collect_all()
        return abs(self._young - before) > HARDLY_ANY

    def _collect_portion(self) -> None:
        _, ones, twos = gc.get_count()
        generation: Literal[0, 1, 2] = 0 if ones < PORTIONS else 1 if twos < PORTIONS else 2
        size = _objects(generation)
        if size <= MAX_EXAMINED:
            gc.collect(generation)
        if size > MAX_EXAMINED or generation == 2:
            gc.freeze()
            self._frozen += size

    def _has_grown(self) -> bool:
        growth = self._memory() - self._memory_then
        if growth <= MAX_GROWTH:
            return False
        log.warning("memory has grown: full garbage collection", bytes=growth)
        return True

    def _collect_all(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._frozen, self._memory_then = 0, self._memory()

    def _note(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        """Called by Python within a collection, in any thread and perhaps under a metric's lock: it only notes."""
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._pauses.append((info["generation"], time.perf_counter() - self._began))
