"""The promise: a callback owed. It holds a place in its queue by its rank, has no leg and is no visit.

    standing --(its turn)--> called --(nobody talked)--> resting --> standing
    standing --(the caller calls again)--> with the caller --(left once more)--> standing

It ends exactly once: ``kept`` when customer and agent talked, ``failed`` after the last attempt, ``expired`` when its
time is over, ``cancelled`` when somebody said so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Callback:
    """``call`` is the call that keeps it now, or that of the caller who called again meanwhile."""

    id: str
    queue: str
    number: str
    """What is dialled: digits, perhaps a ``+`` before them."""
    who: str
    """The number normalised: one promise for each in a queue."""
    tier: str
    name: str
    entry: str
    pbx: str
    made_at: float
    waits_since: float
    """Since when the customer waits for a person: before the promise was made."""
    rank: float
    expires_at: float
    by: str = ""
    """Who asked for it, when it was not the customer."""
    recording: str = ""
    """The message in which the customer asked for it."""
    agent: str = ""
    """The only one who is to call, if it is for one."""
    values: tuple[tuple[str, str], ...] = ()
    language: str = ""
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
