"""The call: one customer interaction, and the visits, offers and segments in it.

Everything that may happen to a call's phase is in ALLOWED; nothing outside this file names a new phase.
The engine's stories move calls with ``after`` and decide what each move means for legs and agents.

    waiting -> offered -> joining -> talking -> ending     the ordinary way
    talking -> outside                                     transferred to somebody who is not ours; the call goes on
    talking, outside -> waiting                            transferred to one of our own entries: the next visit
    waiting -> leaving                                     on its way to the dialplan
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callbridge.core.ids import LegId


class Phase(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    JOINING = "joining"
    TALKING = "talking"
    OUTSIDE = "outside"
    LEAVING = "leaving"
    ENDING = "ending"


class Move(StrEnum):
    OFFER = "offer"
    RETRY = "retry"
    ANSWER = "answer"
    JOIN = "join"
    HAND_ON = "hand_on"
    QUEUE = "queue"
    LEAVE = "leave"
    HANG_UP = "hang_up"


ALLOWED: dict[Phase, dict[Move, Phase]] = {
    Phase.WAITING: {
        Move.OFFER: Phase.OFFERED,
        Move.QUEUE: Phase.WAITING,
        Move.LEAVE: Phase.LEAVING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.OFFERED: {
        Move.RETRY: Phase.WAITING,
        Move.ANSWER: Phase.JOINING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.JOINING: {
        Move.RETRY: Phase.WAITING,
        Move.JOIN: Phase.TALKING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.TALKING: {
        Move.HAND_ON: Phase.OUTSIDE,
        Move.QUEUE: Phase.WAITING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.OUTSIDE: {
        Move.HAND_ON: Phase.OUTSIDE,
        Move.QUEUE: Phase.WAITING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.LEAVING: {Move.HANG_UP: Phase.ENDING},
    Phase.ENDING: {},
}


class IllegalMove(RuntimeError):
    """Our own bug: a move that the table does not allow."""


def after(phase: Phase, move: Move) -> Phase:
    """The phase that ``move`` leads to. Raises IllegalMove."""
    try:
        return ALLOWED[phase][move]
    except KeyError:
        raise IllegalMove(f"a call that is {phase} cannot {move}") from None


class Outcome(StrEnum):
    """How a visit ended."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    SHORT_ABANDONED = "short_abandoned"
    OVERFLOWED = "overflowed"
    FAILED = "failed"


class Result(StrEnum):
    """How an offer ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    OFFLINE = "offline"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One stay in one queue. ``day`` is the day of its arrival, where its figures belong."""

    queue: str
    began_at: float
    window: int
    rank: float
    day: str
    head_start: float | None = None
    """Seconds, when somebody gave this caller another advantage than the tier's."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    agent: str
    leg: LegId
    at: float
    nailed: bool = False
    playback: str = ""
    """The beep of a nailed-up agent."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One agent's share of the call."""

    agent: str
    leg: LegId
    queue: str
    began_at: float
    held: float = 0.0
    held_since: float | None = None

    def held_until(self, at: float) -> float:
        """Seconds on hold up to ``at``."""
        return self.held + (at - self.held_since if self.held_since is not None else 0.0)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One customer interaction. ``visit`` is set while in a queue, ``offer`` while an agent is being reached,
    ``segment`` while an agent talks, ``far`` while transferred to somebody who is not ours."""

    id: str
    leg: LegId
    entry: str
    tier: str
    number: str
    name: str
    arrived_at: float
    phase: Phase = Phase.WAITING
    visit: Visit | None = None
    offer: Offer | None = None
    segment: Segment | None = None
    far: LegId | None = None
    bridge: str | None = None
    outcome: str = ""
    segments: int = 0
    failures: int = 0
    """Orders that failed for this call in a way that had to be mended."""
    exit: tuple[str, str] | None = None
    """While leaving: the context and extension of the dialplan."""
    deadline: float | None = None
