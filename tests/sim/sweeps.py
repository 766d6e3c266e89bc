"""What ``python -m tests.sim`` runs with many seeds: for each name what one seed does, and how much of it there was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from tests.sim.crashes import SERVED, Calm, Dies, Forked, Killed
from tests.sim.drive import Day
from tests.sim.pair import PairDay
from tests.sim.rivals import HOUSES, holds

ROUGH_CRASHES = 5
"""Of a usual day, at so many steps: each of them is a whole day."""


@dataclass(frozen=True, slots=True)
class Found:
    """A rule that was broken, and by what: enough to bring it about again."""

    where: str
    what: str


class Sweep:
    """What one seed has counted and found."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.counted = Counter[str]()
        self.found: list[Found] = []

    @contextmanager
    def looking(self, *where: object) -> Iterator[None]:
        """Any error in here is a finding: one of the core's own as well as a broken rule."""
        try:
            yield
        except Exception as broken:  # noqa: BLE001 - to find them all is what it is for
            first = f"{type(broken).__name__}: {broken}".partition("\n")[0]
            self.found.append(Found(" ".join(str(word) for word in ("seed", self.seed, *where)), first[:500]))


def crashed_rows(sweep: Sweep) -> None:
    """after each step of a usual day, a new process comes to the rows of the one that lived on"""
    if sweep.seed >= 200 and sweep.seed % 3 == 2:
        return  # a campaign's day: estimates are learned again
    with sweep.looking():
        day = Forked(sweep.seed)
        day.run()
        sweep.counted["crashes"] += day.compared


def crashed_callers(sweep: Sweep) -> None:
    """killed at every step of a calm day, before the save, after it and after the orders, every caller is served once"""
    with sweep.looking("without a crash"):
        calm = Calm(sweep.seed)
        calm.run()
        for at in range(1, calm.steps + 1):
            for when in Dies:
                with sweep.looking("step", at, when):
                    sweep.counted["crashes"] += 1
                    day = Calm(sweep.seed, dies_at=at, when=when)
                    day.run()
                    assert set(day.ends()) == SERVED, day.ends()


def crashed_days(sweep: Sweep) -> None:
    """killed at some steps of a usual day, every rule of the simulator holds to its end"""
    with sweep.looking("without a crash"):
        steps, chance = Day(sweep.seed).run().steps, Random(sweep.seed)
        for _ in range(ROUGH_CRASHES):
            at, when = chance.randint(1, steps), chance.choice([*Dies])
            with sweep.looking("step", at, when):
                sweep.counted["crashes"] += 1
                Killed(sweep.seed, dies_at=at, when=when).run()


def pairs(sweep: Sweep) -> None:
    """with two PBXs, of which one is lost, the tie line, or both, every rule holds"""
    with sweep.looking():
        day = PairDay(sweep.seed)
        day.run()
        sweep.counted["steps"] += day.steps
        sweep.counted.update(f"{what} lost" for what in day.broken)


def rivals(sweep: Sweep) -> None:
    """of several instances, cut off, stopped and forgotten, one decides"""
    for name, faults in HOUSES.items():
        with sweep.looking(name):
            sweep.counted["opened"] += holds(sweep.seed, faults)


SWEEPS: dict[str, Callable[[Sweep], None]] = {
    "crashed-rows": crashed_rows,
    "crashed-callers": crashed_callers,
    "crashed-days": crashed_days,
    "pairs": pairs,
    "rivals": rivals,
}


def sweep(name: str, seed: int) -> tuple[Counter[str], list[Found]]:
    one = Sweep(seed)
    SWEEPS[name](one)
    return one.counted, one.found
