"""What a campaign learns of durations and of answers: hazards second by second, from everything that is at risk.

A dial, or a talk, counts in every second of its life and not only when it ends: fast failures end first, and counting ends would
flatter a fresh start. Method: competing risks after Aalen and Johansen (1978).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from operator import mul

HORIZON = 26
"""Seconds after which a dial is over, whatever became of it."""
STEP = 2
"""Seconds between the moments that are looked at."""
MOMENTS = tuple(range(STEP, HORIZON + 1, STEP))
MAX_SECONDS = 900
"""Seconds beyond which the age of a conversation says nothing more."""
SURE, SURER, MANY = 2.0, 4.0, 200.0
"""People whose answering is taken for granted, few dials saying little of the level: at a start more of them, and half as many
more after so many people."""
SHAPELESS, FEW = 0.15, 30.0
"""The doubt about when people answer at all: this much, and half of it after so many people."""
LATE_DIALS, LATEST_DIALS = 125.0, 20.0
"""Dials that ended for which the level is remembered, by the longer memory and by the shorter one; but never fewer than
LATE_OUT and LATEST_OUT times those that are out: those who answered are then remembered as long as those who have not yet."""
LATE_OUT, LATEST_OUT = 2.0, 1.0
SURPRISE = 2.0
"""Standard deviations by which the shorter memory must differ for the longer one to be given up."""


@dataclass(slots=True)
class Lifetimes:
    """The law of a duration, learned from what is at risk in each second; recent ones weigh more.

    ``prior``: so many durations are believed to have lasted for ever: nobody is taken to be free soon before it was seen."""

    prior: float = 5.0
    keep: float = 0.998
    """Of all weights, kept for each duration that ends."""
    ended: list[float] = field(default_factory=lambda: [0.0] * (MAX_SECONDS + 1))
    exposed: list[float] = field(default_factory=lambda: [0.0] * (MAX_SECONDS + 1))
    survives: list[float] = field(default_factory=list)
    count: int = 0
    _weight: float = 1.0

    def end(self, lasted: float) -> None:
        """One has ended: it was at risk in every second before."""
        self.count += 1
        self._weight /= self.keep
        last = min(MAX_SECONDS, int(lasted))
        weight = self._weight
        exposed = self.exposed
        for second in range(last + 1):
            exposed[second] += weight
        if last < MAX_SECONDS:
            self.ended[last] += weight

    def rebuild(self, under_way: Iterable[float] = ()) -> None:
        """The chance to last so long, from everything seen; those ``under_way`` have survived their age."""
        weight = self._weight
        exposed, ended = self.exposed[:], self.ended
        for age in under_way:
            for second in range(min(MAX_SECONDS, int(age))):
                exposed[second] += weight
        chance, survives = 1.0, [1.0]
        prior = self.prior * weight
        # Over windows that widen with the age: single seconds of single conversations say little.
        second = 0
        while second <= MAX_SECONDS:
            width = 1 + second // 10
            stop = min(MAX_SECONDS + 1, second + width)
            risk = sum(exposed[second:stop]) + prior * width * chance
            rate = sum(ended[second:stop]) / max(risk, 1e-9)
            for _ in range(second, stop):
                chance *= 1.0 - min(0.95, rate)
                survives.append(chance)
            second = stop
        self.survives = survives
        if weight > 1e100:
            self._rescale()

    def _rescale(self) -> None:
        self.ended = [value / self._weight for value in self.ended]
        self.exposed = [value / self._weight for value in self.exposed]
        self._weight = 1.0

    def over_within(self, age: int, seconds: int) -> float:
        """The chance that what has lasted ``age`` is over within so many seconds."""
        survives = self.survives
        now = survives[min(age, MAX_SECONDS)]
        return 1.0 - survives[min(age + seconds, MAX_SECONDS + 1)] / now if now > 1e-12 else 1.0


@dataclass(slots=True)
class Learned:
    """People who answered of late, and the seconds that dials have lived for it; ``dials``: how many that ended it holds."""

    dials: float
    people: float = 0.0
    lived: list[float] = field(default_factory=lambda: [0.0] * (HORIZON + 1))
    awaited: float = 0.0
    """People who would have answered in the long run: the seconds lived, each by its hazard."""

    def end(self, second: int, expected: float, *, person: bool) -> None:
        keep = 1.0 - 1.0 / self.dials
        self.people = self.people * keep + person
        self.awaited = self.awaited * keep + expected
        self.lived = [value * keep + (each <= second) for each, value in enumerate(self.lived)]

    def await_again(self, hazards: Sequence[float]) -> None:
        """The law has changed: what it would have brought."""
        self.awaited = sum(map(mul, self.lived, hazards))

    def take(self, other: Learned) -> None:
        """Remember no more than the other one does."""
        self.people, self.lived, self.awaited = other.people, other.lived, other.awaited


@dataclass(slots=True)
class Answers:
    """What becomes of dials: a person answers, or it ends otherwise; each a hazard by the second since dialling.

    Two memories: the shape of the law (when people answer) is learned over thousands of dials, its level (how many do) over the
    last hundred or so."""

    shape_keep: float = 0.9995
    people: list[float] = field(default_factory=lambda: [0.0] * (HORIZON + 1))
    others: list[float] = field(default_factory=lambda: [0.0] * (HORIZON + 1))
    exposed: list[float] = field(default_factory=lambda: [0.0] * (HORIZON + 1))
    person: list[float] = field(default_factory=list)
    """The hazard of a person, in the long run."""
    alive: list[float] = field(default_factory=list)
    """The chance that a dial is still out after so many seconds, in the long run."""
    expected: list[float] = field(default_factory=list)
    """People that a dial has brought in its first seconds, in the long run."""
    _late: Learned = field(default_factory=lambda: Learned(LATE_DIALS))
    _latest: Learned = field(default_factory=lambda: Learned(LATEST_DIALS))
    count: int = 0
    """People who answered since the start."""
    _weight: float = 1.0

    def __post_init__(self) -> None:
        # Before anything was seen: a third is answered, from the fifth second on. Rather too many: it is safe to dial less.
        for second in range(HORIZON + 1):
            self.exposed[second] = 6.0
            self.people[second] = 6.0 * 0.026 if 5 <= second < 22 else 0.0
            self.others[second] = 6.0 * 0.02
        self.rebuild(())

    def ended(self, age: float, *, person: bool) -> None:
        """A dial is over: answered by a person, or not. It was at risk in every second before."""
        second = min(HORIZON, int(age))
        self._weight /= self.shape_keep
        for each in range(second + 1):
            self.exposed[each] += self._weight
        (self.people if person else self.others)[second] += self._weight
        self.count += person
        self._late.end(second, self.expected[second + 1], person=person)
        self._latest.end(second, self.expected[second + 1], person=person)

    def rebuild(self, out: Iterable[float]) -> None:
        """The tables, from all that ended and what those have lived that are ``out``."""
        exposed = self.exposed[:]
        for age in out:
            for second in range(min(HORIZON, int(age))):
                exposed[second] += self._weight
        person, alive, expected, chance, total = [], [1.0], [0.0], 1.0, 0.0
        for second in range(HORIZON + 1):
            low, high = max(0, second - 1), min(HORIZON, second + 1)
            risk = max(sum(exposed[low : high + 1]), 1e-9)
            answers = min(0.9, sum(self.people[low : high + 1]) / risk)
            ends = sum(self.others[low : high + 1]) / risk
            person.append(answers)
            total += answers
            expected.append(total)
            chance *= max(0.02, 1.0 - answers - ends)
            alive.append(chance)
        self.person, self.alive, self.expected = person, alive, expected
        self._late.await_again(person)
        self._latest.await_again(person)
        if self._weight > 1e100:
            for values in (self.people, self.others, self.exposed):
                values[:] = [value / self._weight for value in values]
            self._weight = 1.0

    def level(self, out: Sequence[float]) -> float:
        """How many people answer now, against the long run. Dials that are ``out`` count with what they have lived so far: fast
        failures end first, and would flatter or damn a fresh start."""
        expected, last = self.expected, HORIZON + 1
        out_awaited = sum(count * expected[min(last, second)] for second, count in Counter(map(int, out)).items())
        self._late.dials, self._latest.dials = max(LATE_DIALS, LATE_OUT * len(out)), max(LATEST_DIALS, LATEST_OUT * len(out))
        level = self._level(self._late, out_awaited)
        latest = self._latest
        awaited = (latest.awaited + out_awaited) * level
        if abs(latest.people - awaited) > SURPRISE * sqrt(awaited + 1.0):
            self._late.take(latest)
            level = self._level(latest, out_awaited)
        return level

    def _level(self, memory: Learned, out_awaited: float) -> float:
        sure = self._sure
        return min(4.0, max(0.25, (memory.people + sure) / (memory.awaited + out_awaited + sure)))

    @property
    def _sure(self) -> float:
        return SURE + SURER * MANY / (self.count + MANY)

    @property
    def doubt(self) -> float:
        """The variance of the level, of its square: as of a count of so many people."""
        return 1.0 / (self._late.people + self._sure) + SHAPELESS * FEW / (self.count + FEW)

    def by(self, level: float) -> list[list[float]]:
        """The chances that a dial will have been answered by a person at each of the moments; by its age, from 0 to HORIZON."""
        later = [0.0] * (HORIZON + 1)
        made: list[list[float]] = []
        for second in range(HORIZON, -1, -1):
            person = self.person[second]
            hazard = min(0.9, person * level)
            left = max(0.0, self.alive[second + 1] / max(self.alive[second], 1e-9) - hazard + person)
            later = [0.0, *[hazard + left * chance for chance in later[:-1]]]
            made.append(later[STEP::STEP])
        return made[::-1]
