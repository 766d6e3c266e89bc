"""Garbage that only the collector can free is freed, in portions that do not grow with the world."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from callbridge.adapters.system import garbage
from callbridge.adapters.system.garbage import (
    FULL_AFTER,
    HARDLY_ANY,
    MAX_EXAMINED,
    MAX_GROWTH,
    PORTION,
    PORTIONS,
    Collector,
    postponed,
)
from tests.adapters.waiting import until

PROCESS_MEMORY = 100 * 2**20


class Circle:
    """Refers to itself: freed by the collector alone."""

    def __init__(self) -> None:
        self.me = self


@dataclass
class Rig:
    """A collector whose surroundings the test decides. ``pauses``: what it examined, in order."""

    quiet: bool = False
    memory: int = PROCESS_MEMORY
    pauses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.collector = Collector(lambda: self.quiet, lambda generation, _: self.pauses.append(generation), lambda: self.memory)

    def look(self) -> None:
        self.collector.look()

    def create(self, objects: int) -> list[list[int]]:
        """Objects that stay, with a look for each portion."""
        kept: list[list[int]] = []
        while len(kept) < objects:
            kept += [[] for _ in range(PORTION)]
            self.look()
        return kept


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Nobody but the collector collects, except for bursts that no test here makes."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10**6, 1_000, 1_000)
    try:
        yield Rig()
    finally:
        gc.set_threshold(*before)


def circle() -> Callable[[], bool]:
    """Makes garbage; tells whether it is still there."""
    seen = weakref.ref(Circle())
    return lambda: seen() is not None


def frozen_circle(rig: Rig) -> tuple[Callable[[], bool], list[list[int]]]:
    """Garbage that became garbage when it was frozen, and the objects that were frozen with it."""
    one = Circle()
    seen = weakref.ref(one)
    kept = rig.create(FULL_AFTER + MAX_EXAMINED)
    del one
    return lambda: seen() is not None, kept


def test_garbage_is_freed_with_the_portion_in_which_it_was_created(rig: Rig) -> None:
    there = circle()
    rig.look()
    assert there()  # for so little it is not worth while
    kept = rig.create(PORTION)
    assert not there()
    assert len(kept) == PORTION


def test_garbage_is_freed_although_it_was_in_use_when_it_was_first_examined(rig: Rig) -> None:
    one = Circle()
    there = weakref.ref(one)
    kept = rig.create(2 * PORTION)
    del one
    kept += rig.create(PORTIONS * PORTION)
    assert there() is None


def test_garbage_without_end_does_not_pile_up(rig: Rig) -> None:
    alive: weakref.WeakSet[Circle] = weakref.WeakSet()
    most = 0
    for _ in range(100):
        for _ in range(PORTION // 2):
            alive.add(Circle())
        most = max(most, len(alive))
        rig.look()
    assert 0 < most <= 2 * PORTION


def test_the_size_of_a_collection_does_not_grow_with_the_world(rig: Rig) -> None:
    sizes: list[int] = []

    def note(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            sizes.append(len(gc.get_objects()))

    gc.callbacks.append(note)
    try:
        kept = rig.create(10 * MAX_EXAMINED)
    finally:
        gc.callbacks.remove(note)
    assert len(kept) == 10 * MAX_EXAMINED
    assert len(sizes) == 10 * MAX_EXAMINED / PORTION
    assert max(sizes) <= MAX_EXAMINED


def test_a_burst_is_not_examined(rig: Rig) -> None:
    kept: list[list[int]] = [[] for _ in range(2 * MAX_EXAMINED)]
    ran = gc.get_stats()
    rig.look()
    assert [each["collections"] for each in gc.get_stats()] == [each["collections"] for each in ran]
    assert len(gc.get_objects()) < PORTION
    assert len(kept) == 2 * MAX_EXAMINED


@pytest.mark.slow  # looks at all objects of the process, of which the tests have very many
def test_frozen_garbage_is_freed_when_nobody_is_on_the_line(rig: Rig) -> None:
    there, kept = frozen_circle(rig)
    rig.look()
    assert there()
    rig.quiet = True
    rig.look()
    assert not there()
    assert len(kept) >= FULL_AFTER


@pytest.mark.slow  # looks at all objects of the process, of which the tests have very many
def test_frozen_garbage_is_freed_when_memory_has_grown(rig: Rig) -> None:
    there, kept = frozen_circle(rig)
    rig.memory += MAX_GROWTH
    rig.look()
    assert there()
    rig.memory += 1
    rig.look()
    assert not there()
    kept += rig.create(FULL_AFTER + MAX_EXAMINED)
    full = gc.get_stats()[2]["collections"]
    rig.look()
    assert gc.get_stats()[2]["collections"] == full  # memory is compared with what it was after the last full collection


def test_a_quiet_moment_is_used_only_when_enough_was_frozen(rig: Rig) -> None:
    rig.quiet = True
    full = gc.get_stats()[2]["collections"]
    kept = rig.create(PORTION)
    for _ in range(10):
        rig.look()
    assert gc.get_stats()[2]["collections"] == full
    assert len(kept) == PORTION


def test_a_thread_may_build_tuples_meanwhile(rig: Rig) -> None:
    """``tuple`` of a generator: an object that is not finished, and known to the collector."""
    faults: list[BaseException] = []
    built, over = [0], threading.Event()

    def build() -> None:
        try:
            while not over.is_set():
                built[0] += len(tuple([each] for each in range(20)))
        except SystemError as fault:
            faults.append(fault)

    before, thread = sys.getswitchinterval(), threading.Thread(target=build)
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        kept = [[each] for each in range(PORTION // 2)]
        until = time.monotonic() + 0.3
        while time.monotonic() < until and not faults:
            rig.look()
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(before)
    assert not faults
    assert built[0] > 1000
    assert len(kept) == PORTION // 2


def test_nothing_is_collected_while_that_is_postponed(rig: Rig) -> None:
    there = circle()
    with postponed():
        kept = rig.create(PORTION)
        assert there()
    rig.look()
    assert not there()
    assert len(kept) == PORTION


def test_an_idle_process_is_looked_at_less_often(rig: Rig) -> None:
    rig.look()
    kept: list[list[int]] = [[] for _ in range(HARDLY_ANY // 2)]
    assert not rig.collector.look()
    kept += [[] for _ in range(PORTION // 2)]
    assert rig.collector.look()
    assert not rig.collector.look()
    kept += rig.create(PORTION)
    assert len(kept) > PORTION


async def test_the_pause_between_looks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It doubles while nothing is created, and is the shortest again after a look that found something."""
    collector = Collector(lambda: True, lambda _generation, _seconds: None, lambda: PROCESS_MEMORY)
    found = iter([False, False, False, False, True, False])
    pauses: list[float] = []

    async def note(pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == 7:
            raise asyncio.CancelledError

    monkeypatch.setattr(collector, "look", lambda: next(found))
    monkeypatch.setattr(asyncio, "sleep", note)
    with pytest.raises(asyncio.CancelledError):
        await collector.run()
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.4, 0.05, 0.1]


@pytest.mark.slow  # looks at all objects of the process, of which the tests have very many
async def test_it_runs_beside_the_rest_and_tells_how_long_it_took(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LOOK_EVERY", 0.001)
    before, callbacks = gc.get_threshold(), len(gc.callbacks)
    running = asyncio.create_task(rig.collector.run())
    await until(lambda: gc.get_threshold() == garbage.THRESHOLDS)
    there, kept = circle(), [[0] for _ in range(PORTION)]
    await until(lambda: not there() and rig.pauses)
    assert rig.pauses[0] == 0
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (gc.get_threshold(), len(gc.callbacks), len(kept)) == (before, callbacks, PORTION)


def test_the_process_knows_its_memory() -> None:
    assert 10 * 2**20 < garbage.resident() < 10 * 2**30
