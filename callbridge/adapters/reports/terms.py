"""What the configuration says that reports need and the history does not hold: scales of questions, terms of campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from callbridge.adapters.database.attempt_counts import MachineEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignTerms:
    """``number``: the number that people see; ``cap``: the largest share of abandoned calls that is allowed. ``reached``,
    ``successes``, ``codes``: dispositions of talks with the right person, of those that achieved the purpose, and all.
    ``labels``: what agents read in place of a code, of those that have one."""

    number: str = ""
    cap: float = 0.03
    most_attempts: int = 0
    estimate: MachineEstimate = field(default_factory=MachineEstimate)
    codes: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    successes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTargets:
    """What the figures of a queue should be: the least service level, the longest AHT in seconds, the least CSAT."""

    service_level: float | None = None
    aht: float | None = None
    csat: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTerms:
    """``scales``: (survey, question) -> its answers from the worst to the best; none, where it asks for no rating. ``answers``:
    (script, field) -> the answers that it lists; none, where it asks for a text, a number or a date. Answers to questions that
    are no longer configured are counted only."""

    scales: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    answers: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    campaigns: Mapping[str, CampaignTerms] = field(default_factory=dict)
    """The campaigns that are configured; of others dispositions mean nothing."""

    queues: Mapping[str, QueueTargets] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Queue -> what agents read in place of a disposition's code, of those that have a label."""

    agent_hour: float | None = None
    """What an hour of an agent who is logged in costs."""

    shifts: Path | None = None
    """The file of the schedule."""

    adherence: float | None = None
    """What an agent's adherence should at least be."""

    def disposition_label(self, code: str, queue: str, campaign: str) -> str:
        """Of the campaign where it has the code, else of the queue; empty: there is none."""
        made_by = self.campaigns.get(campaign)
        if made_by is not None and code in made_by.codes:
            return made_by.labels.get(code, "")
        return self.labels.get(queue, {}).get(code, "")

    @property
    def ratings(self) -> list[tuple[str, str]]:
        """The questions that ask for a rating, with their survey."""
        return [question for question, scale in self.scales.items() if scale]
