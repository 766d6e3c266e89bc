"""Building blocks for the sentences of explanations. Pure; times are in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from callbridge.core.model.plan import Plan
from callbridge.core.model.skills import AllOf, AnyOf, AtLeast, Profile, Requirement, SkillNode

FactFields = Mapping[str, Any]
"""A fact as plain data, see ``timelines.plain_fact``."""
Sentences = Mapping[str, Callable[[FactFields, Plan, float], str]]
"""For a type of fact: its sentence, from the fact, the present plan and the time at which the call arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLine:
    """One sentence of an explanation. ``code`` names its kind for programs; ``at`` is when it happened, in epoch seconds.
    ``values``: what an alert says, for screens that say it in another language; lengths are in seconds."""

    code: str
    text: str
    at: float | None = None
    values: Mapping[str, str | float] = field(default_factory=dict)

    def plain(self) -> dict[str, object]:
        """The line as a JSON object."""
        return {"code": self.code, "text": self.text} | ({} if self.at is None else {"at": self.at})


def span(seconds: float) -> str:
    """``4 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min" if minutes_left else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def some(names: Iterable[str], most: int = 5, of: int = 0) -> str:
    """Names as a list within a sentence: ``ann, bob and 3 more``. ``of``: how many there are, when only the first are given."""
    listed = list(names)
    there = max(of, len(listed))
    if there > most:
        return f"{', '.join(listed[:most])} and {there - most} more"
    return ", ".join(listed)


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 caller``, ``2 callers``; ``many``: the plural where it does not end in s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def lacking(requirement: Requirement, profile: Profile) -> str:
    """The part of a requirement that a profile does not meet: ``support >= 4 (has 3)``; empty when it matches."""
    levels = dict(profile)
    return "" if requirement.strength(profile) is not None else _lacking(requirement.node, levels)


def _lacking(node: SkillNode, levels: Mapping[str, int]) -> str:
    match node:
        case AtLeast(skill, level):
            has = levels.get(skill, 0)
            return "" if has >= level else f"{skill} >= {level} (has {has or 'none'})"
        case AllOf(parts):
            told = ((part, _lacking(part, levels)) for part in parts)
            return " and ".join(
                f"({text})" if isinstance(part, AnyOf) and len(parts) > 1 else text for part, text in told if text
            )
        case AnyOf(parts):
            missing = [_lacking(part, levels) for part in parts]
            return " or ".join(missing) if all(missing) else ""


PHONE_FAULTS = {
    "no_common_codec": "it has no codec in common with the PBX (488): compare allow= of the endpoint with the phone's codecs",
    "no_media": "it answers without a usable media description (no SDP, or 415): check the media settings of both",
    "authentication": "it wants a password or takes no calls from this PBX (401, 403, 407): check its SIP security settings",
    "unknown_endpoint": "the PBX has no such endpoint, or the phone does not know who is called (404): compare both",
}
"""What is wrong with a phone that cannot be called, and where to look."""


def agent_in(fact: FactFields, plan: Plan) -> str:
    """The agent of a fact, with the name."""
    agent = str(fact.get("agent", ""))
    known = plan.agents.get(agent)
    return named(agent, known.name if known is not None else "") or "somebody"


def named(agent: str, name: str) -> str:
    """An agent as people know them, and as the configuration does: ``Alice Morgan (1001)``."""
    return f"{name} ({agent})" if name not in ("", agent) else agent
