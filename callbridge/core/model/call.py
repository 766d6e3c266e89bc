"""The call: one customer interaction, and the visits, offers and segments in it.

Everything that may happen to a call's phase is in ALLOWED; nothing outside this file names a new phase.
The engine's stories move calls with ``after`` and decide what each move means for legs and agents.

    waiting -> offered -> joining -> talking -> ending     the ordinary way
    talking -> waiting                                     the agent's phone hung up at once: nobody has answered
    talking -> handing -> talking, outside                 handed on: the caller hears music until the target answers
    talking -> outside                                     transferred on the phone to somebody who is not ours
    offered -> dialling -> joining                         a callback, the agent first
    dialling -> waiting                                    a callback, the customer first
    talking, outside -> waiting                            transferred to one of our own entries: the next visit
    waiting -> leaving                                     on its way to the dialplan
    waiting -> flow -> waiting, leaving, ending            a flow says and asks; the visit goes on when a key opened it
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callbridge.core.model.ids import LegId


class Phase(StrEnum):
    WAITING = "waiting"
    FLOW = "flow"
    OFFERED = "offered"
    DIALLING = "dialling"
    """The customer is being called."""
    JOINING = "joining"
    TALKING = "talking"
    TRANSFERRING = "transferring"
    OUTSIDE = "outside"
    LEAVING = "leaving"
    ENDING = "ending"


class Move(StrEnum):
    OFFER = "offer"
    RETRY = "retry"
    DIAL = "dial"
    ANSWER = "answer"
    JOIN = "join"
    TRANSFER = "transfer"
    GO_OUTSIDE = "go_outside"
    QUEUE = "queue"
    FLOW = "flow"
    LEAVE = "leave"
    HANG_UP = "hang_up"


CALL_TRANSITIONS: dict[Phase, dict[Move, Phase]] = {
    Phase.WAITING: {
        Move.OFFER: Phase.OFFERED,
        Move.DIAL: Phase.DIALLING,
        Move.QUEUE: Phase.WAITING,
        Move.FLOW: Phase.FLOW,
        Move.LEAVE: Phase.LEAVING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.FLOW: {
        Move.QUEUE: Phase.WAITING,
        Move.FLOW: Phase.FLOW,
        Move.LEAVE: Phase.LEAVING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.OFFERED: {
        Move.RETRY: Phase.WAITING,
        Move.DIAL: Phase.DIALLING,
        Move.ANSWER: Phase.JOINING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.DIALLING: {
        Move.QUEUE: Phase.WAITING,
        Move.ANSWER: Phase.JOINING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.JOINING: {
        Move.RETRY: Phase.WAITING,
        Move.JOIN: Phase.TALKING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.TALKING: {
        Move.RETRY: Phase.WAITING,
        Move.TRANSFER: Phase.TRANSFERRING,
        Move.GO_OUTSIDE: Phase.OUTSIDE,
        Move.QUEUE: Phase.WAITING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.TRANSFERRING: {
        Move.TRANSFER: Phase.TRANSFERRING,
        Move.JOIN: Phase.TALKING,
        Move.GO_OUTSIDE: Phase.OUTSIDE,
        Move.QUEUE: Phase.WAITING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.OUTSIDE: {
        Move.TRANSFER: Phase.TRANSFERRING,
        Move.GO_OUTSIDE: Phase.OUTSIDE,
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
        return CALL_TRANSITIONS[phase][move]
    except KeyError:
        raise IllegalMove(f"a call that is {phase} cannot {move}") from None


class VisitOutcome(StrEnum):
    """How a visit ended."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    SHORT_ABANDONED = "short_abandoned"
    OVERFLOWED = "overflowed"
    FAILED = "failed"


class OfferResult(StrEnum):
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
    estimate: float | None = None
    """The wait that was expected when it began, in seconds; None when nobody could tell."""
    head_start: float | None = None
    """Seconds, when somebody gave this caller another advantage than the tier's."""
    prefers: str = ""
    """The agent who is tried first, alone."""
    steps_from: float | None = None
    """When the steps' windows begin; None: with the visit."""
    back_to: str = ""
    """The agent whose phone died in this call, and who gets it first when back before ``back_until``."""
    back_until: float = 0.0


class OfferStage(StrEnum):
    """How far an offer is: the phone rings, or beeps; the agent is to press a key; both are told whom they get."""

    RINGING = "ringing"
    CONFIRMING = "confirming"
    TELLING = "telling"


@dataclass(frozen=True, kw_only=True)
class Offer:
    agent: str
    leg: LegId
    at: float
    nailed: bool = False
    playback: str = ""
    """What the agent hears now: the beep of a nailed-up one, what is to be confirmed, or who is there."""
    reading: str = ""
    """What the caller is told meanwhile."""
    stage: OfferStage = OfferStage.RINGING
    certain_at: float | None = None
    """While both talk already: when the answer counts, unless the agent is gone before."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Of one segment. ``paused``: seconds of the pauses that are over."""

    file: str
    began_at: float
    paused: float = 0.0
    paused_since: float | None = None


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One agent's share of the call."""

    agent: str
    leg: LegId
    queue: str
    began_at: float
    began_said_at: float | None = None
    """The same by the PBX's clock, where it is known."""
    hold_seconds: float = 0.0
    held_since: float | None = None
    recording: Recording | None = None
    met_at: float | None = None
    """When agent and customer met in a conference, before the share began."""

    def held_until(self, at: float) -> float:
        """Seconds on hold up to ``at``."""
        return self.hold_seconds + (at - self.held_since if self.held_since is not None else 0.0)


class TransferKind(StrEnum):
    """How a call is handed on."""

    BLIND = "blind"
    """The agent is free at once; the caller hears music until the target answers."""
    CONSULT = "consult"
    """The agent talks to the target first, and then completes, returns to the caller, or joins all three."""
    BACK = "back"
    """Nobody answered: back to the agent who handed the call on."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A call on its way to a target. ``queue`` is whose call it is: its wrap-up, and the way back."""

    to: str
    """``agent:1001`` or ``number:4420...``"""
    leg: LegId | None
    """The target's leg; None while the agent's phone, to which the call goes back, is not free yet."""
    agent: str
    """The target when it is an agent."""
    by: str
    queue: str
    began_at: float
    until: float | None
    """When the target has rung for long enough, or what was ordered must have happened."""
    kind: TransferKind
    playback: str = ""
    """The beep of a nailed-up agent."""
    confirming: bool = False
    """The target, an agent, is to press a key first."""
    reached: bool = False
    """The target has answered."""
    together: bool = False
    """Caller, agent and target are in one bridge."""
    together_at: float | None = None


class SupervisionMode(StrEnum):
    """How a supervisor takes part in a talk."""

    LISTEN = "listen"
    WHISPER = "whisper"
    """Heard by the agent only."""
    BARGE = "barge"
    """Heard by both."""
    TAKE_OVER = "take_over"
    """In place of the agent."""


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """One supervisor with one talk. ``leg`` is the supervisor's phone, ``snoop`` what it listens through."""

    leg: LegId
    by: str
    phone: str
    mode: SupervisionMode
    agent: str
    began_at: float
    up: bool = False
    snoop: LegId | None = None
    bridge: str | None = None


class NodeActivity(StrEnum):
    """What goes on at a node of a flow."""

    SAYING = "saying"
    LISTENING = "listening"
    LOOKING = "looking"
    """Another system is being asked."""
    RECORDING = "recording"


@dataclass(frozen=True, kw_only=True)
class FlowPosition:
    """Where a caller is in a flow. ``node`` is empty before the first one."""

    flow: str
    version: str
    began_at: float
    node: str = ""
    activity: NodeActivity = NodeActivity.SAYING
    playback: str = ""
    """What is being said; while another system is asked: the question's id; while a message is recorded: its name."""
    since: float = 0.0
    """When the recording began."""
    checking: bool = False
    """What was typed is being read back."""
    typed: str = ""
    """For this node, so far."""
    ahead: str = ""
    """Keys pressed before anybody asked."""
    tries: int = 0
    full: bool = False
    """A value was complete by its length: the key ``ends`` that people press all the same means nothing then."""
    ends: str = ""
    hops: int = 0
    """Nodes since something was heard to its end, pressed or waited for."""
    answers: int = 0
    """Of a survey, so far."""
    silences: int = 0
    """Times in a row that the caller was asked and pressed nothing."""
    due: float | None = None
    """When waiting for the caller, a prompt's end or an answer is over."""


@dataclass(frozen=True, kw_only=True)
class AnnouncementState:
    """What a waiting caller hears besides music: ``at`` is when the next thing is due, or the end of what is said counts
    as unheard."""

    at: float | None
    playback: str = ""
    what: str = ""
    """What is said now."""
    key: str = ""
    """Pressed while an agent was being reached: looked at when nobody answered."""
    greeted: bool = False
    told_at: float | None = None
    """When position and wait were told last, and as what."""
    minutes: int | None = None
    turn: int = 0
    """Periodic messages said."""
    turned_at: float | None = None
    sorry: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """One customer interaction. ``visit`` is set while in a queue, ``offer`` while an agent is being reached (both also until the
    answer is certain), ``segment`` while an agent talks, ``transfer`` while it is being handed on, ``far`` while with
    somebody who is not ours, ``flow_position`` while in a flow."""

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
    transfer: Transfer | None = None
    flow_position: FlowPosition | None = None
    announcing: AnnouncementState | None = None
    values: tuple[tuple[str, str], ...] = ()
    """What the caller typed, and what other systems said, by name."""
    language: str = ""
    """Of the prompts that this caller hears, as Asterisk names it; empty: the channel's own."""
    head_start: float | None = None
    """Seconds of advantage that a flow gave this caller in the queues to come, instead of the tier's."""
    served: tuple[str, str] = ("", "")
    """Agent and queue of the last talk."""
    surveyed: bool = False
    callback: str = ""
    """The callback that it keeps: then we called the customer, and it is in no queue's figures."""
    callback_over: bool = False
    """That callback has ended, or is another call's, though this one has not ended yet."""
    campaign: str = ""
    attempt_id: str = ""
    """The attempt of that campaign which this call is."""
    dial_result: str = ""
    """What became of calling the customer; empty: not called yet."""
    reserved_agent: str = ""
    """The agent who is held free while a customer is called first."""
    owed: str = ""
    """The callback that this caller, who has called again, is owed: not made while the caller is here."""
    ways: int = 0
    """Queues and flows entered so far."""
    queued_at: float | None = None
    """When it came into its first queue: what waits are counted from (a talk with a machine is no wait)."""
    far: LegId | None = None
    transferred_by: str = ""
    """The agent who handed the call on last, from ``transferred_from``: to whom it comes back when nobody answers."""
    transferred_from: str = ""
    supervisions: tuple[Supervision, ...] = ()
    keys: str = ""
    """What the agent has pressed of a code so far."""
    keys_until: float | None = None
    recording_paused: bool = False
    """The recording was paused when its talk ended: the next one begins paused."""
    bridge: str | None = None
    outcome: str = ""
    segments: int = 0
    short_talks: int = 0
    """How often an agent's phone hung up too soon for a talk; each may have a recording of its own."""
    failures: int = 0
    """Orders that failed for this call in a way that had to be mended."""
    exit: tuple[str, str] | None = None
    """While leaving: the context and extension of the dialplan."""
    deadline: float | None = None

    @property
    def is_callback(self) -> bool:
        """Is it a callback, and nobody has talked yet? Then no queue counts it, and it goes its own way."""
        return bool(self.callback) and not self.segments

    @property
    def placed(self) -> bool:
        """Did we call the customer, for a promise or a campaign, and has nobody talked yet? Then no queue counts it, and it goes
        its own way."""
        return bool(self.callback or self.campaign) and not self.segments

    @property
    def is_uncertain(self) -> bool:
        """Do they talk, and the answer does not count yet? Visit and offer are still open then."""
        return self.phase is Phase.TALKING and self.offer is not None

    @property
    def standing(self) -> Visit | None:
        """The visit in which the caller stands in line: not once somebody talks to them, though it may not count yet."""
        return None if self.is_uncertain else self.visit

    @property
    def waiting_since(self) -> float:
        """Since when the caller waits for a person."""
        return self.arrived_at if self.queued_at is None else self.queued_at
