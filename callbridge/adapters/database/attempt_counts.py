"""What the attempts of campaigns count as in abandon rates, by both legal definitions: for the audit, reports and live figures.

``rate``: abandoned / live answers (United States, 16 CFR 310.4(b)(4): 3 % over 30 days); a machine that an agent had is no live
answer. ``rate_uk``: abandoned / (abandoned + calls passed to an agent) in 24 hours (Ofcom, persistent misuse, annex 3), by what
is believed of machines. What nobody knows (``unknown``), and what an agent reached too late, counts as abandoned.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_DAYS = 30
"""Of ``rate``: days over which it is measured."""


@dataclass(frozen=True, slots=True)
class MachineEstimate:
    """What is believed of machines. ``listens``: answering machine detection decides; ``false_positives``: the share of its
    machines that were people, nobody having heard them (None: nobody has estimated it)."""

    listens: bool = False
    false_positives: float | None = None


@dataclass(slots=True)
class AttemptCounts:
    """``live``: a person answered, or may have, who was not to be left alone because of an agent who was there first."""

    attempts: int = 0
    live: int = 0
    abandoned: int = 0
    late: int = 0
    """Abandoned, because an agent talked to them too late: people, for certain."""
    taken_for_machines: int = 0
    """By detection."""
    told_as_machines: int = 0
    """By agents."""

    def add(self, outcome: str, number: int = 1, *, late: bool, manual: bool, agent: bool) -> None:
        """``number`` attempts that ended so. ``manual``: an agent was there first; ``agent``: one had the call."""
        live, abandoned = counts_as(outcome, late=late, manual=manual)
        self.attempts += number
        self.live += number * live
        self.abandoned += number * abandoned
        self.late += number * late
        if outcome == "machine" and not manual:
            if agent:
                self.told_as_machines += number
            else:
                self.taken_for_machines += number

    @property
    def connected(self) -> int:
        """Live answers that an agent had in time."""
        return self.live - self.abandoned

    @property
    def rate(self) -> float | None:
        """None: nobody answered."""
        return self.abandoned / self.live if self.live else None

    def rate_uk(self, estimate: MachineEstimate) -> float | None:
        """People whom detection took for machines are abandoned, too; without detection, as many of the abandoned calls were
        machines' as of those that agents had. None when nobody answered, when nobody has estimated how often detection is
        wrong, or when all that agents had were machines."""
        abandoned, people = float(self.abandoned), self.connected + self.late
        if estimate.listens or self.taken_for_machines:
            if estimate.false_positives is None:
                return None
            abandoned += self.taken_for_machines * estimate.false_positives
        elif self.told_as_machines:
            if not people:
                return None
            abandoned = self.late + (self.abandoned - self.late) * people / (people + self.told_as_machines)
        return abandoned / (abandoned + self.connected) if abandoned + self.connected else None


def counts_as(outcome: str, *, late: bool, manual: bool) -> tuple[bool, bool]:
    """Whether an attempt is a live answer, and whether it is an abandoned one."""
    abandoned = late or outcome in ("abandoned", "unknown")
    return abandoned or (outcome == "answered" and not manual), abandoned
