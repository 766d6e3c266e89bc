"""The callback: a call owed to a customer. It holds a place in its queue by its rank, has no leg and is no visit.

    waiting --(its turn)--> called --(no conversation)--> resting --> waiting
    waiting --(the caller calls again)--> with the caller --(left again)--> waiting

It ends exactly once: ``kept`` when customer and agent talked, ``failed`` after the last attempt, ``expired`` when its
time is over, ``cancelled`` on request.
"""

from __future__ import annotations

from dataclasses import dataclass

TRY_RESULTS = (
    "answered",
    "abandoned",
    "busy",
    "no_answer",
    "rejected",
    "invalid",
    "congestion",
    "agent_gone",
    "called_again",
    "cancelled",
    "unknown",
)
"""How one attempt to call the customer ends. ``abandoned``: the customer answered, and hung up before an agent was connected.
``called_again``: the customer called in meanwhile. ``unknown``: cannot be determined."""


@dataclass(frozen=True, kw_only=True)
class Callback:
    """``call`` is the call that fulfils it now, or that of the caller who has called again."""

    id: str
    queue: str
    number: str
    """The number to dial: digits, optionally after a ``+``."""
    who: str
    """The normalised number: it has at most one callback per queue."""
    tier: str
    name: str
    entry: str
    pbx: str
    made_at: float
    waits_since: float
    """Since when the customer has been waiting for a person, before the callback was requested."""
    rank: float
    expires_at: float
    by: str = ""
    """Who requested it, if not the customer."""
    recording: str = ""
    """The voicemail in which the customer requested it."""
    agent: str = ""
    """The only agent who is to call; empty: any."""
    values: tuple[tuple[str, str], ...] = ()
    language: str = ""
    avoids: tuple[str, ...] = ()
    """The agents who are not to call, by a value of the call in which it was requested."""
    rejected_by: tuple[str, ...] = ()
    """The agents who have rejected calls for it, the last ones only."""
    window: int = 0
    attempts: int = 0
    """Times that the customer's number was dialled."""
    call: str = ""
    rests_until: float | None = None
    deadline: float | None = None

    @property
    def stands(self) -> bool:
        """Does it stand in its queue's line?"""
        return not self.call and self.rests_until is None


@dataclass(frozen=True, kw_only=True)
class KeptPlace:
    """The place of a caller who left: a call from the same number before the deadline gets it back."""

    id: str
    """``queue|number``, the number normalised"""
    since: float
    """Since when the caller had waited."""
    deadline: float


def place_key(queue: str, number: str) -> str:
    return f"{queue}|{number}"
