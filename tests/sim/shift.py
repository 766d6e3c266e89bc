"""A shift of a dialling floor, second by second: what pacing is judged by, with people who never answer twice alike.

A pacer sees only what a pacer sees on the wire: who is free, how long the others have talked, how old the dials are, and what
became of them. The laws below are drawn from; nobody is told them. Times in seconds.

- A conversation is log-normal (mean 120, coefficient of variation 1.0), and so is wrap-up (20, 0.6).
- A dial is answered by a person with the share in force at dialling, after 2 s and a log-normal ring (10, 0.5), unless that
  takes longer than the time-out of 22; or by a machine, fails fast, or rings out.
- A person who finds nobody free waits 2 s; anybody who is freed meanwhile takes the call, else it is abandoned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import exp, log, pi, sin, sqrt
from random import Random
from typing import Protocol

from callbridge.core.pacing.pacer import PacerInput

TICK = 0.25
SPELL = 600.0
SOONEST = 0.5
"""Seconds between two decisions, at least: half as often as campaigns decide, so that a shift takes half the time."""
AT_LEAST = 1.0
"""Seconds after which a decision is due although nothing happened: dials and talks have grown older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What the pacer does not know. Times in seconds."""

    agents: int
    jumping: bool = False
    people: float = 0.25
    talk: float = 120.0
    talk_cv: float = 1.0
    wrap: float = 20.0
    wrap_cv: float = 0.6
    ring: float = 10.0
    ring_cv: float = 0.5
    ring_out: float = 22.0
    machine: float = 0.15
    fast: float = 0.15
    grace: float = 2.0
    length: float = 8 * 3600.0
    warm_up: float = 1800.0
    talks: Callable[[Random], float] | None = None
    """Another law of conversations."""
    levels: Callable[[Random, float], list[tuple[float, float]]] | None = None
    """Another course of the share of people: (from, share), in order."""


@dataclass(slots=True)
class Tally:
    """What a shift came to, without its warm-up."""

    busy: float = 0.0
    staffed: float = 0.0
    answered: int = 0
    abandoned: int = 0
    dials: int = 0
    decisions: int = 0
    first: list[bool] = field(default_factory=list)
    """Whether each of the first answers, warm-up included, was abandoned."""
    spells: dict[int, list[int]] = field(default_factory=dict)
    """Answers and abandoned calls of each ten minutes, warm-up included."""

    @property
    def utilisation(self) -> float:
        return self.busy / self.staffed if self.staffed else 0.0

    @property
    def abandon_rate(self) -> float:
        return self.abandoned / self.answered if self.answered else 0.0


class Driver(Protocol):
    """A pacer in the simulator: told what happens, asked every tick."""

    def told_dial(self, at: float, age: float, *, person: bool) -> None: ...

    def told_talk(self, seconds: float) -> None: ...

    def told_wrap(self, seconds: float) -> None: ...

    def told_answer(self, at: float, *, abandoned: bool) -> None: ...

    def dials(self, now: float, seen: PacerInput, waiting: int) -> int:
        """How many to dial now; ``waiting``: people who answered and have nobody yet."""


def _log_normal(rng: Random, mean: float, cv: float) -> float:
    spread = log(1.0 + cv * cv)
    return exp(rng.gauss(log(mean) - spread / 2.0, sqrt(spread)))


class Shift:
    def __init__(self, floor: Floor, driver: Driver, seed: int) -> None:
        self.floor, self.driver = floor, driver
        self.rng = Random(seed)
        self.tally = Tally()
        self.free: deque[int] = deque(range(floor.agents))
        self.talking: dict[int, float] = {}
        self.wrapping: dict[int, float] = {}
        self.out: dict[int, float] = {}
        self.waiting: deque[int] = deque()
        self._events: list[tuple[float, int, str, int]] = []
        self._n = 0
        self._changed = True
        self._busy_since: dict[int, float] = {}
        self._levels = (floor.levels or _course)(Random(seed * 7919 + 1), floor.length) if floor.jumping or floor.levels else []
        self._phase = Random(seed).uniform(0.0, 2 * pi)

    def people(self, at: float) -> float:
        """The share of dials that a person answers now."""
        if not self._levels:
            return self.floor.people
        level = next(share for begin, share in reversed(self._levels) if begin <= at)
        if self.floor.levels is not None:
            return level
        return min(0.7, max(0.03, self.floor.people * level * (1.0 + 0.15 * sin(2 * pi * at / 5400.0 + self._phase))))

    def run(self) -> Tally:
        now, floor, decided = 0.0, self.floor, float("-inf")
        while now < floor.length:
            while self._events and self._events[0][0] <= now:
                at, _, what, who = heappop(self._events)
                self._changed = True
                getattr(self, what)(at, who)
            if now - decided >= (SOONEST if self._changed else AT_LEAST):
                self._changed, decided = False, now
                wanted = self.driver.dials(now, self._seen(now), len(self.waiting))
                self.tally.decisions += 1
                for _ in range(wanted):
                    self._dial(now)
            now += TICK
        for agent in [*self.talking, *self.wrapping]:
            self._count_busy(floor.length, agent)
        self.tally.staffed = floor.agents * (floor.length - floor.warm_up)
        return self.tally

    def _seen(self, now: float) -> PacerInput:
        ages = ([now - since for since in part.values()] for part in (self.talking, self.wrapping, self.out))
        return PacerInput(len(self.free), *ages)

    def _later(self, at: float, what: str, who: int) -> None:
        self._n += 1
        heappush(self._events, (at, self._n, what, who))

    def _dial(self, now: float) -> None:
        rng, floor = self.rng, self.floor
        self._n += 1
        dial = self._n
        self.out[dial] = now
        self.tally.dials += now >= floor.warm_up
        people = self.people(now)
        rest = (1.0 - people) / (1.0 - 0.25)
        chance = rng.random()
        if chance < people:
            rings = 2.0 + _log_normal(rng, floor.ring, floor.ring_cv)
            if rings <= floor.ring_out:
                self._later(now + rings, "_answer", dial)
            else:
                self._later(now + floor.ring_out, "_nobody", dial)
        elif chance < people + floor.machine * rest:
            self._later(now + min(floor.ring_out, 20.0 * rng.uniform(0.7, 1.3)) + 3.0, "_nobody", dial)
        elif chance < people + (floor.machine + floor.fast) * rest:
            self._later(now + 2.0 + rng.uniform(0.0, 2.0), "_nobody", dial)
        else:
            self._later(now + floor.ring_out, "_nobody", dial)

    def _nobody(self, at: float, dial: int) -> None:
        self.driver.told_dial(at, at - self.out.pop(dial), person=False)

    def _answer(self, at: float, dial: int) -> None:
        self.driver.told_dial(at, at - self.out.pop(dial), person=True)
        if self.free:
            self._talk(at, self.free.popleft())
        else:
            self.waiting.append(dial)
            self._later(at + self.floor.grace, "_give_up", dial)

    def _give_up(self, at: float, dial: int) -> None:
        if dial in self.waiting:
            self.waiting.remove(dial)
            self._count(at, abandoned=True)

    def _count(self, at: float, *, abandoned: bool) -> None:
        spell = self.tally.spells.setdefault(int(at // SPELL), [0, 0])
        spell[0] += 1
        spell[1] += abandoned
        if len(self.tally.first) < 100:
            self.tally.first.append(abandoned)
        if at >= self.floor.warm_up:
            self.tally.answered += 1
            self.tally.abandoned += abandoned
        self.driver.told_answer(at, abandoned=abandoned)

    def _talk(self, at: float, agent: int) -> None:
        self._count(at, abandoned=False)
        self._busy_since[agent] = at
        self.talking[agent] = at
        floor = self.floor
        talk = floor.talks(self.rng) if floor.talks is not None else _log_normal(self.rng, floor.talk, floor.talk_cv)
        self._later(at + talk, "_wrap", agent)

    def _wrap(self, at: float, agent: int) -> None:
        self.driver.told_talk(at - self.talking.pop(agent))
        self.wrapping[agent] = at
        self._later(at + _log_normal(self.rng, self.floor.wrap, self.floor.wrap_cv), "_done", agent)

    def _done(self, at: float, agent: int) -> None:
        self.driver.told_wrap(at - self.wrapping.pop(agent))
        self._count_busy(at, agent)
        if self.waiting:
            self.waiting.popleft()
            self._talk(at, agent)
        else:
            self.free.append(agent)

    def _count_busy(self, at: float, agent: int) -> None:
        began = max(self.floor.warm_up, self._busy_since[agent])
        self.tally.busy += max(0.0, min(at, self.floor.length) - began)


def _course(rng: Random, length: float) -> list[tuple[float, float]]:
    """Every 20 to 60 minutes another level, 0.4 to 1.6 of the usual one."""
    at, made = 0.0, []
    while at < length:
        made.append((at, rng.uniform(0.4, 1.6)))
        at += rng.uniform(1200.0, 3600.0)
    return made
