"""Who may run a shift: our pacer, and the rivals that it is compared with."""

from __future__ import annotations

from callbridge.core.pacing.budget import Rules
from callbridge.core.pacing.pacer import Pacer, PacerInput


class _Plain:
    """Learns nothing."""

    def told_dial(self, at: float, age: float, *, person: bool) -> None: ...

    def told_talk(self, seconds: float) -> None: ...

    def told_wrap(self, seconds: float) -> None: ...

    def told_answer(self, at: float, *, abandoned: bool) -> None: ...


class Progressive(_Plain):
    """One line for each free agent."""

    def dials(self, now: float, seen: PacerInput, waiting: int) -> int:
        return max(0, seen.free - len(seen.dials))


class Power(_Plain):
    """``factor`` lines for each free agent."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def dials(self, now: float, seen: PacerInput, waiting: int) -> int:
        return max(0, int(self.factor * seen.free + 0.5) - len(seen.dials))


class Ratio(_Plain):
    """``level`` lines for each agent who talks or is free, looked at every 2.5 s."""

    def __init__(self, level: float) -> None:
        self.level = level
        self._next = 0.0

    def dials(self, now: float, seen: PacerInput, waiting: int) -> int:
        if now < self._next:
            return 0
        self._next = now + 2.5
        talking = len(seen.talking)
        return max(0, int(self.level * (talking + seen.free)) - talking - len(seen.dials))


class Adaptive(Ratio):
    """After VICIdial's published method: every 15 s the level, from 1 to 3, moves with the agents who were free too many, and
    falls to 1 while more than 3 % of the day's answers are abandoned."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self._samples: list[int] = []
        self._moves = 15.0
        self._answered = self._abandoned = 0

    def told_answer(self, at: float, *, abandoned: bool) -> None:
        self._answered += 1
        self._abandoned += abandoned

    def dials(self, now: float, seen: PacerInput, waiting: int) -> int:
        agents = seen.free + len(seen.talking) + len(seen.wrapping)
        self._samples.append(seen.free - waiting)
        if now >= self._moves:
            self._moves = now + 15.0
            too_many = sum(self._samples) / len(self._samples) / agents
            self.level = min(3.0, max(1.0, self.level * (1 + too_many)))
            self._samples = []
            if self._abandoned > 0.03 * self._answered:
                self.level = 1.0
        return super().dials(now, seen, waiting)


class Ours:
    """The pacer of campaigns. It is given no parameter of the floor."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.pacer = Pacer(rules)
        self._risk = 0.0

    def told_dial(self, at: float, age: float, *, person: bool) -> None:
        self.pacer.dial_ended(age, person=person)

    def told_talk(self, seconds: float) -> None:
        self.pacer.talked(seconds)

    def told_wrap(self, seconds: float) -> None:
        self.pacer.wrapped_up(seconds)

    def told_answer(self, at: float, *, abandoned: bool) -> None:
        self.pacer.answered(at, abandoned=abandoned, risk=self._risk)

    def dials(self, now: float, seen: PacerInput, waiting: int) -> int:
        made = self.pacer.decide(now, seen)
        if made.dials:
            self._risk = made.risk
        return made.dials
