"""The share of abandoned calls: what it was in the window, and what the next answers may add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

AHEAD_PER_AGENT = 8.0
BANK, BANK_PER_AGENT = 4.0, 0.2
"""Abandoned calls that the window must still bear for theta to be whole."""
ANSWERS_KEPT_FOR = 30 * 86400.0
"""Seconds for which answers are remembered, whatever the window is."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a campaign allows. ``cap`` and ``aim`` are shares of the calls answered by people; ``window``: seconds over which the
    cap holds; ``hard``: never over-dial when one more abandoned call would break it."""

    cap: float = 0.03
    aim: float = 0.028
    window: float = 30 * 86400.0
    hard: bool = False


@dataclass(slots=True)
class Budget:
    """The share of abandoned calls so far in the window, and what the next answers may add."""

    rules: Rules
    ahead: float = 200.0
    """Answers over which the share is brought back to the aim."""
    days: list[list[float]] = field(default_factory=list)
    """(begin, answers, abandoned) by the hour, oldest first."""
    answers: float = 0.0
    abandoned: float = 0.0
    """In the window, as it was when the last one answered."""
    predicted: float = 0.0
    missed: float = 0.0
    """Recent abandoned calls as they were predicted, and as they came: their ratio is the bias of the predictions."""

    def answered(self, at: float, *, abandoned: bool, risk: float) -> None:
        """A person answered; ``risk`` is what was predicted for it."""
        if not self.days or at - self.days[-1][0] >= 3600.0:
            self.days.append([at, 0.0, 0.0])
        self.days[-1][1] += 1
        self.days[-1][2] += abandoned
        while self.days and at - self.days[0][0] > ANSWERS_KEPT_FOR:
            self.days.pop(0)
        self._count(at)
        keep = 0.995
        self.predicted = self.predicted * keep + risk
        self.missed = self.missed * keep + abandoned

    def correct(self, at: float, answers: int, abandoned: int) -> None:
        """So many more people (or fewer: it was a machine after all) had answered then, and so many of them were abandoned."""
        hour = next((day for day in reversed(self.days) if day[0] <= at), None)
        if hour is not None:
            hour[1], hour[2] = max(0.0, hour[1] + answers), max(0.0, hour[2] + abandoned)
            self._count(self.days[-1][0])

    def recall(self, hours: Sequence[tuple[float, int, int]]) -> None:
        """What the ledger holds: (begin of an hour, answers, abandoned), oldest first."""
        self.days = [[at, float(answers), float(abandoned)] for at, answers, abandoned in hours]
        if self.days:
            self._count(self.days[-1][0])

    def over(self, since: float) -> float:
        """Abandoned of answered since then; 0 when nobody has answered."""
        spans = [day for day in self.days if day[0] >= since]
        answers = sum(day[1] for day in spans)
        return sum(day[2] for day in spans) / answers if answers else 0.0

    def _count(self, at: float) -> None:
        spans = [day for day in self.days if at - day[0] <= self.rules.window]
        self.answers, self.abandoned = sum(day[1] for day in spans), sum(day[2] for day in spans)

    @property
    def rate(self) -> float:
        """Abandoned of answered in the window; 0 when nobody has answered."""
        return self.abandoned / self.answers if self.answers else 0.0

    def is_over(self) -> bool:
        """Is the window over its cap? One abandoned call is not: there is no share of one."""
        return self.abandoned > max(1.0, self.rules.cap * self.answers)

    def bears_one_more(self) -> bool:
        """Would the window keep its cap if the next one were abandoned?"""
        return self.abandoned + 1 <= self.rules.cap * (self.answers + 1)

    def theta(self, agents: int = 0) -> float:
        """The chance that one more dial may have of finding nobody, on a floor of so many agents: the more there are, the more
        answers a burst of abandoned calls may take to be made good."""
        ahead = self.ahead + AHEAD_PER_AGENT * agents
        answers = min(self.answers, 4000.0)
        share = self.rate
        wanted = (self.rules.aim * (answers + ahead) - share * answers) / ahead
        bias = min(3.0, max(0.4, (self.missed + 3.0) / (self.predicted + 3.0)))
        theta = min(0.25, max(0.0, wanted / bias))
        # The nearer the cap, the more slowly: to be held back by it costs far more than keeping away.
        left = self.rules.cap * (self.answers + 1) - self.abandoned - 1.0
        return theta * min(1.0, max(0.02, left / (BANK + BANK_PER_AGENT * agents)))
