"""The share of abandoned calls: what it was in the window, and what the next answers may add."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    predicted: float = 0.0
    missed: float = 0.0
    """Recent abandoned calls as they were predicted, and as they came: their ratio is the bias of the predictions."""

    def answered(self, at: float, *, abandoned: bool, risk: float) -> None:
        """A person answered; ``risk`` is what was predicted for it."""
        if not self.days or at - self.days[-1][0] >= 3600.0:
            self.days.append([at, 0.0, 0.0])
        self.days[-1][1] += 1
        self.days[-1][2] += abandoned
        while self.days and at - self.days[0][0] > self.rules.window:
            self.days.pop(0)
        keep = 0.995
        self.predicted = self.predicted * keep + risk
        self.missed = self.missed * keep + abandoned

    @property
    def answers(self) -> float:
        return sum(day[1] for day in self.days)

    @property
    def abandoned(self) -> float:
        return sum(day[2] for day in self.days)

    @property
    def rate(self) -> float:
        """Abandoned of answered in the window; 0 when nobody has answered."""
        return self.abandoned / self.answers if self.answers else 0.0

    def bears_one_more(self) -> bool:
        """Would the window keep its cap if the next one were abandoned?"""
        return self.abandoned + 1 <= self.rules.cap * (self.answers + 1)

    def theta(self) -> float:
        """The chance that one more dial may have of finding nobody."""
        answers = min(self.answers, 4000.0)
        share = self.rate
        wanted = (self.rules.aim * (answers + self.ahead) - share * answers) / self.ahead
        bias = min(3.0, max(0.4, (self.missed + 3.0) / (self.predicted + 3.0)))
        return min(0.25, max(0.0, wanted / bias))
