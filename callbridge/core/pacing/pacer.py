"""How many numbers a campaign dials now: from what is seen and what was learned to a number, and the reasons as data.

The model. A dial placed now is answered by a person, if at all, some seconds from now. By then some of the busy agents will be
free, each with a chance that depends on how long the conversation (or the wrap-up) has lasted already; and some of the dials that
are out will have been answered before, each with a chance that depends on its age. One more dial is placed as long as its own
person would find nobody, averaged over when that person would answer, with a chance of at most ``theta``. Theta is steered so
that the share of abandoned calls comes back to the aim over the next answers; a guard stops all over-dialling that the window
cannot bear.

Nothing is assumed of how long people talk or phones ring: the laws are learned as hazards second by second from everything that
is at risk, so that a dial counts in every second of its life and not only when it ends (fast failures end first; counting ends
would flatter a fresh start). How many people answer changes in the course of a day: that level has a short memory, the shape a
long one. Methods: competing risks after Aalen and Johansen (1978), sums of unequal chances by the normal law with continuity
correction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erf, exp, log, sqrt
from operator import mul

from callbridge.core.pacing.budget import Budget, Rules
from callbridge.core.pacing.learned import HORIZON, MAX_SECONDS, MOMENTS, Answers, Lifetimes

GRACE = 2
"""Seconds within which a person who answers must hear an agent."""
REBUILD, REBUILD_LATER, MANY_ANSWERS = 10.0, 20.0, 300
"""Seconds after which the dials' tables are rebuilt from what was learned meanwhile; the longer ones after so many people."""
NOTCH = 0.03
"""Tables are made for levels that differ by this share."""


@dataclass(frozen=True, slots=True)
class PacerInput:
    """The floor at this moment: ages in seconds."""

    free: int
    talking: Sequence[float]
    wrapping: Sequence[float]
    dials: Sequence[float]


@dataclass(frozen=True, slots=True)
class Decision:
    """``dials`` numbers now; ``why``: ``nobody`` (no agent is there), ``progressive`` (one for each free agent, no more), or
    ``predicted``. ``risk``: the chance that the last one placed finds nobody; ``theta``: what it may be."""

    dials: int
    why: str
    theta: float = 0.0
    risk: float = 0.0
    answer_chance: float = 0.0
    supply: float = 0.0
    demand: float = 0.0
    """Agents free, and people who will have answered, in the middle of the horizon."""


class Pacer:
    """One campaign's. It is told what happens, and asked what to do; it never looks at a clock."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.talks = Lifetimes()
        self.wraps = Lifetimes()
        self.answers = Answers()
        self.budget = Budget(self.rules)
        self._built_at = float("-inf")
        self._next_talks = 0
        self._talk_rows: list[Chances] = []
        self._wrap_rows: list[Chances] = []
        self._dial_rows: list[Chances] = []
        self._fresh: list[float] = []
        self._weights: list[float] = []
        self._tables: dict[int, tuple[list[Chances], list[float], list[float]]] = {}

    def adopt(self, rules: Rules) -> None:
        """Other rules from now on; what was learned stays."""
        self.rules = self.budget.rules = rules

    # -- what happens ---------------------------------------------------------------------------------------------

    def dial_ended(self, age: float, *, person: bool) -> None:
        self.answers.ended(age, person=person)

    def talked(self, seconds: float) -> None:
        self.talks.end(seconds)

    def wrapped_up(self, seconds: float) -> None:
        self.wraps.end(seconds)

    def answered(self, at: float, *, abandoned: bool, risk: float) -> None:
        self.budget.answered(at, abandoned=abandoned, risk=risk)

    # -- what to do -----------------------------------------------------------------------------------------------

    def decide(self, now: float, seen: PacerInput) -> Decision:
        """How many numbers to dial now."""
        agents = seen.free + len(seen.talking) + len(seen.wrapping)
        if not agents:
            return Decision(0, "nobody")
        self._learn(now, seen)
        progressive = max(0, seen.free - len(seen.dials))
        if self.rules.hard and not self.budget.bears_one_more(now):
            return Decision(progressive, "progressive")
        theta = self.budget.theta(now, agents)
        fresh, weights = self._fresh, self._weights
        whole = fresh[-1]
        if whole <= 0.0:
            return Decision(progressive, "progressive", theta)
        supply = _total([*_rows(self._talk_rows, AGE_INDEX, seen.talking), *_rows(self._wrap_rows, AGE_INDEX, seen.wrapping)])
        demand = _total(_rows(self._dial_rows, SECONDS, seen.dials))
        here = [seen.free + more - less for more, less in zip(supply[:LOOKS], demand[:LOOKS], strict=True)]
        spread = [one + other for one, other in zip(supply[LOOKS:], demand[LOOKS:], strict=True)]

        doubt = self.answers.doubt

        def risk(more: int) -> float:
            """That of the last one of ``more`` dials."""
            total, others = 0.0, more - 1
            for weight, mean, var, chance, less in zip(weights, here, spread, fresh, demand, strict=False):
                new = others * chance
                wrong = doubt * (less + new) * (less + new)
                total += weight * _nobody(mean - new, var + new * (1.0 - chance) + wrong)
            return total / whole

        dials = _most(risk, theta, 4 * agents + 8)
        half = LOOKS // 2
        why = "predicted" if dials > progressive else "progressive"
        dials = max(dials, progressive)
        return Decision(dials, why, theta, risk(max(1, dials)), whole, seen.free + supply[half], demand[half])

    # -- tables ---------------------------------------------------------------------------------------------------

    def _learn(self, now: float, seen: PacerInput) -> None:
        if self.talks.count >= self._next_talks:
            self._rebuild_talks(seen)
        if now - self._built_at >= (REBUILD_LATER if self.answers.count > MANY_ANSWERS else REBUILD):
            self._built_at = now
            self.answers.rebuild(seen.dials)
            self._tables.clear()
        notch = round(log(self.answers.level(seen.dials)) / NOTCH)
        if notch not in self._tables:
            self._tables[notch] = self._dial_tables(exp(notch * NOTCH))
        self._dial_rows, self._fresh, self._weights = self._tables[notch]

    def _rebuild_talks(self, seen: PacerInput) -> None:
        self._next_talks = self.talks.count + 1 + min(25, self.talks.count // 20)
        self.talks.rebuild(seen.talking)
        self.wraps.rebuild(seen.wrapping)
        talk, wrap = self.talks.survives, self.wraps
        ends = [sooner - later for sooner, later in pairwise(talk)] + [0.0] * (HORIZON + GRACE)
        wrapped = [wrap.over_within(0, seconds) for seconds in range(HORIZON + GRACE)][::-1]
        self._talk_rows = [_row(_freed(age, talk, ends, wrapped)) for age in AGES]
        self._wrap_rows = [_row([wrap.over_within(age, moment + GRACE) for moment in MOMENTS]) for age in AGES]

    def _dial_tables(self, level: float) -> tuple[list[Chances], list[float], list[float]]:
        """Of dials by their age: the chances to have been answered; of one dialled now: the same, and when it would be."""
        rows = [_row(chances) for chances in self.answers.by(level)]
        fresh = rows[0][:LOOKS]
        return rows, fresh, [later - sooner for sooner, later in pairwise([0.0, *fresh])]


Chances = list[float]
"""Chances at each of the moments, and behind them their variances."""
LOOKS = len(MOMENTS)
SECONDS = range(HORIZON + 1)
AGES = (*range(0, 60, 2), *range(60, 300, 6), *range(300, MAX_SECONDS + 1, 30))
"""The ages of conversations for which there is a row: old ones change little."""
AGE_INDEX = [sum(age <= second for age in AGES) - 1 for second in range(MAX_SECONDS + 1)]


def _freed(age: int, talk: list[float], ends: list[float], wrapped: list[float]) -> list[float]:
    """The chances that one who has talked for so long has ended, and wrapped up, by each moment and its grace. ``wrapped``: the
    chances to have wrapped up within so many seconds, backwards."""
    alive = talk[age]
    if alive < 1e-12:
        return [wrapped[-1 - moment] for moment in MOMENTS]
    return [min(1.0, sum(map(mul, ends[age : age + by], wrapped[-by:])) / alive) for by in BYS]


BYS = tuple(moment + GRACE for moment in MOMENTS)


def _row(chances: list[float]) -> Chances:
    return [*chances, *(chance * (1.0 - chance) for chance in chances)]


def _rows(rows: list[Chances], index: Sequence[int], ages: Sequence[float]) -> Iterator[Chances]:
    """The rows of these ages, those of one age together."""
    last = len(index) - 1
    places: dict[int, int] = {}
    for second, count in Counter(map(int, ages)).items():
        place = index[min(last, second)]
        places[place] = places.get(place, 0) + count
    for place, count in places.items():
        row = rows[place]
        yield row if count == 1 else [count * value for value in row]


def _total(rows: list[Chances] | Iterator[Chances]) -> Chances:
    return list(map(sum, zip(*rows, strict=True))) or NOTHING


NOTHING = [0.0] * (2 * LOOKS)


def _most(risk: Callable[[int], float], theta: float, limit: int) -> int:
    """The largest number whose risk is borne; nearly always none or a few."""
    if risk(1) > theta:
        return 0
    good, bad = 1, 2
    while bad <= limit and risk(bad) <= theta:
        good, bad = bad, 2 * bad
    bad = min(bad, limit + 1)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if risk(middle) <= theta else (good, middle)
    return good


def _nobody(mean: float, var: float) -> float:
    """The chance that agents less people, by the normal law, are none or fewer."""
    if var < 1e-9:
        return 1.0 if mean < 0.5 else 0.0
    return 0.5 * (1.0 + erf((0.5 - mean) / sqrt(2.0 * var)))
