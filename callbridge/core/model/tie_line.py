"""What calls have shown of the tie line from one PBX to another. Never saved: it is learned again after a start.

To the matcher the PBXs of an agent's phones are something that the agent can do, under names that no skill has: so it can leave
out those whom a caller's PBX cannot reach at present.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from callbridge.core.model.skills import Profile, profile

PBX_MARK = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class TieLine:
    """From ``pbx`` to ``to``; only of a line over which calls came to nothing."""

    pbx: str
    to: str
    unanswered: int = 0
    """Calls in a row to which the other PBX has not replied at all."""
    deadline: float | None = None
    """Until when no call is sent over it; None while it is in use."""

    @property
    def key(self) -> str:
        return key_of(self.pbx, self.to)


def key_of(pbx: str, to: str) -> str:
    return f"{pbx} {to}"


@lru_cache(maxsize=4096)
def with_phones_on(skills: Profile, pbxs: frozenset[str]) -> Profile:
    """The profile of an agent who has phones on these PBXs."""
    return profile({**dict(skills), **{PBX_MARK + pbx: 1 for pbx in pbxs if pbx}})


def phones_on(skills: Profile) -> frozenset[str]:
    """The PBXs named by such a profile; none: a phone that is not of any one PBX."""
    return frozenset(name.removeprefix(PBX_MARK) for name, _ in skills if name.startswith(PBX_MARK))
