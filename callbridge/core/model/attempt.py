"""Campaigns: which of them run, and each attempt (one dialling of one number) from reserved to closed.

Everything that may happen to an attempt's stage is in ATTEMPT_TRANSITIONS; ``entities/attempts`` moves attempts with ``after``.

    reserving -> dialling -> live -> talked -> closing   a person answers and an agent talks
    dialling -> listening -> live                        the PBX listens first whether it is a machine
    any of them -> closing                               no conversation; kept until the ledger has the outcome
    any before talked -> talked                          a conversation that was found in the PBX after a gap

An attempt is dialled only after the ledger has answered that it is written down, so no restart dials it twice. One that was never
dialled is taken back (``unsent``) and counts nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callbridge.core.model.illegal_move import IllegalMove

ATTEMPT = "attempt"
"""Begins the ids of attempts, which are those of the channels, too: ``cb-attempt.<campaign>-<boot>-<n>``, so that one who finds
such a channel knows for whom it was dialled."""


def campaign_of(channel: str, prefix: str) -> str:
    """For which campaign a channel was dialled; empty when it was not."""
    begins = f"{prefix}-{ATTEMPT}."
    return channel.removeprefix(begins).rsplit("-", 2)[0] if channel.startswith(begins) else ""


class Running(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    """Nobody is dialled; calls in progress are served."""
    STOPPED = "stopped"


class AttemptStage(StrEnum):
    RESERVING = "reserving"
    DIALLING = "dialling"
    LISTENING = "listening"
    """Answered; the PBX is detecting whether it is a machine."""
    LIVE = "live"
    """A person has answered, and no agent is connected yet."""
    TALKED = "talked"
    """Kept for the disposition, until the agent's wrap-up is over."""
    CLOSING = "closing"


class AttemptMove(StrEnum):
    DIAL = "dial"
    LISTEN = "listen"
    ANSWER = "answer"
    """A person answered, as far as we know."""
    CONNECT = "connect"
    """The agent is in the bridge with the customer."""
    FIND_TALKING = "find_talking"
    """After a gap in the events: customer and agent are in a bridge already."""
    CLOSE = "close"


ATTEMPT_TRANSITIONS: dict[AttemptStage, dict[AttemptMove, AttemptStage]] = {
    AttemptStage.RESERVING: {
        AttemptMove.DIAL: AttemptStage.DIALLING,
        AttemptMove.FIND_TALKING: AttemptStage.TALKED,
        AttemptMove.CLOSE: AttemptStage.CLOSING,
    },
    AttemptStage.DIALLING: {
        AttemptMove.LISTEN: AttemptStage.LISTENING,
        AttemptMove.ANSWER: AttemptStage.LIVE,
        AttemptMove.FIND_TALKING: AttemptStage.TALKED,
        AttemptMove.CLOSE: AttemptStage.CLOSING,
    },
    AttemptStage.LISTENING: {
        AttemptMove.ANSWER: AttemptStage.LIVE,
        AttemptMove.FIND_TALKING: AttemptStage.TALKED,
        AttemptMove.CLOSE: AttemptStage.CLOSING,
    },
    AttemptStage.LIVE: {
        AttemptMove.CONNECT: AttemptStage.TALKED,
        AttemptMove.FIND_TALKING: AttemptStage.TALKED,
        AttemptMove.CLOSE: AttemptStage.CLOSING,
    },
    AttemptStage.TALKED: {AttemptMove.CLOSE: AttemptStage.CLOSING},
    AttemptStage.CLOSING: {},
}


def after(stage: AttemptStage, move: AttemptMove) -> AttemptStage:
    """The stage that ``move`` leads to. Raises IllegalMove."""
    try:
        return ATTEMPT_TRANSITIONS[stage][move]
    except KeyError:
        raise IllegalMove(f"an attempt that is {stage} cannot {move}") from None


OUTCOMES = (
    "answered",
    "abandoned",
    "machine",
    "fax",
    "busy",
    "no_answer",
    "rejected",
    "invalid",
    "congestion",
    "unknown",
)
"""How attempts end. ``answered``: connected to an agent. ``abandoned``: a person answered and no agent was connected.
``unknown``: cannot be determined, so it counts as abandoned. ``unsent`` is not an outcome: nobody was called."""


@dataclass(frozen=True, kw_only=True)
class Lead:
    """One person to reach, from the ledger. ``zones``: the possible time zones of the person."""

    id: int
    number: str
    zones: tuple[str, ...] = ()
    name: str = ""
    values: tuple[tuple[str, str], ...] = ()
    agent: str = ""
    """The only agent for this lead; empty: any."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    id: str
    campaign: str
    lead: Lead
    stage: AttemptStage = AttemptStage.RESERVING
    call: str = ""
    reserved_at: float = 0.0
    dialled_at: float | None = None
    answered_at: float | None = None
    spoken_at: float | None = None
    """The end of the greeting, where it was measured: from there the seconds until an agent speaks are counted."""
    connected_at: float | None = None
    until: float | None = None
    """When we stop waiting for an agent."""
    risk: float = 0.0
    """The probability that no agent would be free, as expected by the pacer."""
    agent: str = ""
    """The agent who was connected."""
    agent_first: bool = False
    outcome: str = ""
    cause: int = 0
    heard: str = ""
    """What the PBX made of the greeting: AMD()'s status and cause."""
    disposition: str = ""
    call_back_at: float | None = None
    call_back_by: str = ""
    """From the disposition: when to call the customer again, and by which agent only."""
    recorded: bool = False
    """The ledger has all of this: only then it may be forgotten."""
    ordered_by: str = ""
    """The run (``World.boot``) that has sent it to the ledger and has no answer yet."""
    refusals: int = 0
    """How often in a row the ledger could not write it."""
    deadline: float | None = None

    @property
    def live_from(self) -> float | None:
        """From when on the person waits for an agent."""
        return self.answered_at if self.spoken_at is None else self.spoken_at


@dataclass(frozen=True, kw_only=True)
class PendingBlock:
    """A number on its way to the do-not-call list. ``id``: ``campaign|number``, the campaign empty for all of them."""

    id: str
    number: str
    campaign: str
    reason: str
    by: str
    ordered_by: str = ""
    refusals: int = 0
    """Both as of an attempt."""
    deadline: float | None = None


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """``id`` is the campaign's name in the configuration."""

    id: str
    state: Running = Running.STOPPED
    by: str = ""
    since: float = 0.0
