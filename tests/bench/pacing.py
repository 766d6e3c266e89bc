"""How well campaigns are paced: agents' utilisation at 3 % abandoned calls, ours and rivals', on the same simulated shifts.

The floor is that of ``tests/sim/shift.py``. Utilisation: time in talk and wrap-up / time at work; abandon rate: abandoned /
answered by people, over all shifts of a row; the first half hour is not counted. ``power`` and ``ratio`` are tuned in hindsight:
the best factor of a grid that stays at 3 % on the very shifts that it is shown on. Ours learns everything from each shift again.

``--full``: more shifts of large floors, the rivals on as many as ours; ``--quick``: a quarter of the shifts; ``--smoke``: one
short shift each, to see that it runs.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import exp, pi, sin, sqrt
from random import Random
from typing import Any

from callbridge.core.pacing.budget import Rules
from callbridge.core.pacing.pacer import Pacer, PacerInput
from tests.sim.pacers import Adaptive, Ours, Power, Progressive, Ratio
from tests.sim.shift import Driver, Floor, Shift, Tally

CAP = 0.03
FLOORS = (5, 10, 20, 50, 100)
STEP_AT = 5400.0
POWERS = tuple(1.0 + each / 5 for each in range(16))
LEVELS = tuple(1.0 + each / 10 for each in range(16))
TUNED_ON = 4

Maker = Callable[[], Driver]


def tripled(rng: Random, length: float) -> list[tuple[float, float]]:
    """The share of people triples at once."""
    return [(0.0, 0.15), (STEP_AT, 0.45)]


def a_day(rng: Random, length: float) -> list[tuple[float, float]]:
    """Few are at home in the morning, many at lunch and towards the evening; by the quarter of an hour."""
    offset = rng.uniform(-0.05, 0.05)
    return [(at, 0.18 + offset + 0.1 * sin(2 * pi * at / length * 1.5)) for at in range(0, int(length), 900)]


def short_or_long(rng: Random) -> float:
    """Four of ten say no at once, the others talk for minutes."""
    return rng.uniform(8.0, 30.0) if rng.random() < 0.4 else 60.0 + exp(rng.gauss(5.0, 0.5))


SCENARIOS: dict[str, dict[str, Any]] = {
    "stationary": {},
    "jumping": {"jumping": True},
    "few_people": {"jumping": True, "people": 0.1},
    "long_talks": {"jumping": True, "talk": 300.0},
    "own": {"levels": a_day, "talks": short_or_long, "ring": 7.0, "ring_cv": 0.8, "machine": 0.3, "wrap": 35.0, "wrap_cv": 1.2},
    "step": {"levels": tripled, "length": STEP_AT + 1200.0},
}
OURS: dict[str, Maker] = {
    "predictive": Ours,
    "predictive_daily": partial(Ours, Rules(window=86400.0, hard=True)),
}


def run(*rest: str) -> dict[str, Any]:
    options = argparse.ArgumentParser(prog="tests.bench pacing", description=__doc__)
    options.add_argument("--full", action="store_true")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--smoke", action="store_true")
    chosen = options.parse_args(rest)
    base = random.SystemRandom().randrange(10**6, 10**9)
    began = time.monotonic()
    result: dict[str, Any] = {"fresh_seeds_from": base, **timings()}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        work = Work(pool, base, full=chosen.full, quick=chosen.quick, smoke=chosen.smoke)
        result["rows"] = list(work.rows())
        result |= work.starts()
        result |= work.step()
    result["minutes"] = round((time.monotonic() - began) / 60, 1)
    return result


class Work:
    """All shifts, on as many cores as there are."""

    def __init__(self, pool: ProcessPoolExecutor, base: int, *, full: bool, quick: bool, smoke: bool) -> None:
        self.pool, self.base, self.full, self.quick, self.smoke = pool, base, full, quick, smoke
        self.first: list[list[bool]] = []

    def seeds(self, agents: int) -> list[int]:
        """Fixed ones, and as many that nobody has seen."""
        each = 1 if self.smoke else 20 if agents <= 20 or self.full else 4
        each = max(2, each // 4) if self.quick else each
        return [*range(each), *range(self.base, self.base + each)]

    def rows(self) -> Iterable[dict[str, Any]]:
        campaign_states = FLOORS[:2] if self.smoke else FLOORS
        for scenario in ("stationary", "jumping"):
            for agents in campaign_states:
                yield from self.floor(scenario, agents)
        for scenario, sizes in (("few_people", (5, 20, 50)), ("long_talks", (5, 20, 50)), ("own", (5, 20, 50))):
            for agents in sizes[:1] if self.smoke else sizes:
                seeds = self.seeds(agents)[:: 1 if self.full or self.smoke else 4]
                yield self.row("predictive", Ours, scenario, agents, seeds)
                yield self.row("progressive", Progressive, scenario, agents, seeds[:2])

    def floor(self, scenario: str, agents: int) -> Iterable[dict[str, Any]]:
        seeds = self.seeds(agents)
        few = seeds if self.full else seeds[:TUNED_ON]
        for name, maker in OURS.items():
            yield self.row(name, maker, scenario, agents, seeds)
        yield self.row("progressive", Progressive, scenario, agents, few)
        yield self.row("adaptive", Adaptive, scenario, agents, few)
        yield self.hindsight("power", Power, POWERS, scenario, agents, seeds[:TUNED_ON])
        yield self.hindsight("ratio", Ratio, LEVELS, scenario, agents, seeds[:TUNED_ON])

    def hindsight(
        self, name: str, maker: Callable[[float], Driver], grid: tuple[float, ...], scenario: str, agents: int, seeds: list[int]
    ) -> dict[str, Any]:
        """The largest factor that stays under the cap: by halving, more lines always meaning more abandoned calls."""
        low, high = 0, len(grid) - 1
        best = self.shifts(partial(maker, grid[0]), scenario, agents, seeds)
        while low < high:
            middle = (low + high + 1) // 2
            tried = self.shifts(partial(maker, grid[middle]), scenario, agents, seeds)
            if pooled(tried) <= CAP:
                low, best = middle, tried
            else:
                high = middle - 1
        return self.tell(f"{name} x{grid[low]:g}", scenario, agents, best)

    def row(self, name: str, maker: Maker, scenario: str, agents: int, seeds: list[int]) -> dict[str, Any]:
        tallies = self.shifts(maker, scenario, agents, seeds)
        if name in OURS and agents == 50 and scenario in ("stationary", "jumping"):
            self.first += [tally.first for tally in tallies]
        return self.tell(name, scenario, agents, tallies)

    def shifts(self, maker: Maker, scenario: str, agents: int, seeds: list[int]) -> list[Tally]:
        about = {"agents": agents, **SCENARIOS[scenario]}
        if self.smoke:
            about |= {"length": 2400.0}
        return list(self.pool.map(shift, [(maker, about, seed) for seed in seeds]))

    def tell(self, name: str, scenario: str, agents: int, tallies: list[Tally]) -> dict[str, Any]:
        used = [tally.utilisation for tally in tallies]
        spread = 1.96 * statistics.stdev(used) / sqrt(len(used)) if len(used) > 1 else 0.0
        counted = [tally for tally in tallies if tally.answered >= 100]
        row = {
            "pacer": name,
            "n": agents,
            "scenario": scenario,
            "utilisation": round(statistics.fmean(used), 4),
            "within": round(spread, 4),
            "abandon_rate": round(pooled(tallies), 4),
            "worst_shift_abandon_rate": round(max((tally.abandon_rate for tally in counted), default=0.0), 4),
            "shifts": len(tallies),
        }
        print(*(f"{key} {value}" for key, value in row.items()), file=sys.stderr, flush=True)
        return row

    def starts(self) -> dict[str, float]:
        """Abandoned among the first 100 answers of a start without history, 50 agents."""
        answers = [abandoned for first in self.first for abandoned in first]
        return {"cold_start_abandon_rate": round(sum(answers) / len(answers), 4) if answers else 0.0}

    def step(self) -> dict[str, float]:
        """Abandoned in the ten minutes after the share of people has tripled, 20 agents."""
        tallies = list(self.pool.map(shift, [(Ours, {"agents": 20, **SCENARIOS["step"]}, seed) for seed in self.seeds(20)]))
        after = [tally.spells.get(int(STEP_AT // 600), [0, 0]) for tally in tallies]
        answered, abandoned = (sum(each) for each in zip(*after, strict=True))
        return {"after_step_abandon_rate": round(abandoned / max(1, answered), 4)}


def shift(job: tuple[Maker, dict[str, Any], int]) -> Tally:
    maker, about, seed = job
    return Shift(Floor(**about), maker(), seed).run()


def pooled(tallies: list[Tally]) -> float:
    answered = sum(tally.answered for tally in tallies)
    return sum(tally.abandoned for tally in tallies) / answered if answered else 0.0


def timings() -> dict[str, float]:
    """Milliseconds of one decision, the median of many: the pacer knows the laws, a second passes between decisions."""
    return {"decision_ms": decision(100, 500), "decision_1000_ms": decision(1000, 5000)}


def decision(agents: int, dials: int) -> float:
    rng = Random(1)
    pacer = Pacer()
    for _ in range(2000):
        pacer.talked(rng.expovariate(1 / 120))
        pacer.wrapped_up(rng.expovariate(1 / 20))
        pacer.dial_ended(rng.uniform(2, 24), person=rng.random() < 0.2)
    free, wrapping = agents // 50, agents // 8
    took = []
    for second in range(300):
        seen = PacerInput(
            free,
            [rng.uniform(0, 300) for _ in range(agents - free - wrapping)],
            [rng.uniform(0, 30) for _ in range(wrapping)],
            [rng.uniform(0, 22) for _ in range(dials)],
        )
        began = time.perf_counter()
        pacer.decide(float(second), seen)
        took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 3)
