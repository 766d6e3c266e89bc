"""The tally: what became of the visits that arrived on one day in one queue.

At every instant offered = answered + abandoned + short_abandoned + overflowed + failed + still waiting.
"""

from __future__ import annotations

from dataclasses import dataclass

from callbridge.core.model.call import VisitOutcome
from callbridge.core.model.rows import evolve


@dataclass(frozen=True, kw_only=True)
class Tally:
    queue: str
    day: str
    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    overflowed: int = 0
    failed: int = 0
    within_target: int = 0

    @property
    def ended(self) -> int:
        return self.answered + self.abandoned + self.short_abandoned + self.overflowed + self.failed

    @property
    def service_level(self) -> float | None:
        """Answered within target / (answered + abandoned); None before the first of them."""
        counted = self.answered + self.abandoned
        return self.within_target / counted if counted else None


def tally_key(queue: str, day: str) -> str:
    return f"{queue}|{day}"


def together(one: Tally, other: Tally) -> Tally:
    """The figures of both, as those of the first one's queue."""
    return Tally(
        queue=one.queue,
        day=one.day,
        offered=one.offered + other.offered,
        answered=one.answered + other.answered,
        abandoned=one.abandoned + other.abandoned,
        short_abandoned=one.short_abandoned + other.short_abandoned,
        overflowed=one.overflowed + other.overflowed,
        failed=one.failed + other.failed,
        within_target=one.within_target + other.within_target,
    )


def offered(tally: Tally) -> Tally:
    return evolve(tally, offered=tally.offered + 1)


def ended(tally: Tally, outcome: VisitOutcome, within_target: bool) -> Tally:
    match outcome:
        case VisitOutcome.ANSWERED:
            return evolve(tally, answered=tally.answered + 1, within_target=tally.within_target + within_target)
        case VisitOutcome.ABANDONED:
            return evolve(tally, abandoned=tally.abandoned + 1)
        case VisitOutcome.SHORT_ABANDONED:
            return evolve(tally, short_abandoned=tally.short_abandoned + 1)
        case VisitOutcome.OVERFLOWED:
            return evolve(tally, overflowed=tally.overflowed + 1)
        case VisitOutcome.FAILED:
            return evolve(tally, failed=tally.failed + 1)
