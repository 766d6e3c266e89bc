"""The call: one customer interaction, and the visits, offers and segments in it.

Everything that may happen to a call's phase is in ALLOWED; nothing outside this file names a new phase.
The packages above move calls with ``after`` and decide what each move means for legs and agents.

    waiting -> offered -> joining -> talking -> ending     the normal case
    talking -> waiting                                     the agent's phone hung up at once: not answered
    talking -> transferring -> talking, outside            transferred: the caller hears music until the target answers
    talking -> outside                                     transferred on the phone to an outside party
    outside -> talking                                     that party's phone is an agent's
    offered -> dialling -> joining                         a callback, the agent first
    dialling -> waiting                                    a callback, the customer first
    talking, outside -> waiting                            transferred to one of our own entries: the next visit
    waiting -> leaving                                     on its way to the dialplan
    waiting -> flow -> waiting, leaving, ending            a flow runs; the visit continues if a key opened it
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callbridge.core.model.ids import LegId
from callbridge.core.model.illegal_move import IllegalMove


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
        Move.JOIN: Phase.TALKING,
        Move.TRANSFER: Phase.TRANSFERRING,
        Move.GO_OUTSIDE: Phase.OUTSIDE,
        Move.QUEUE: Phase.WAITING,
        Move.HANG_UP: Phase.ENDING,
    },
    Phase.LEAVING: {Move.HANG_UP: Phase.ENDING},
    Phase.ENDING: {},
}


_GOING = (Phase.LEAVING, Phase.ENDING)


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


class DiversionReason(StrEnum):
    """Why a call was sent to the fallback, or elsewhere in the dialplan."""

    BYPASS = "bypass"
    OVERLOAD = "overload"
    UNKNOWN_ENTRY = "unknown_entry"
    UNKNOWN_QUEUE = "unknown_queue"
    UNKNOWN_FLOW = "unknown_flow"
    QUEUE_REMOVED = "queue_removed"
    OVERFLOW = "overflow"
    FLOW = "flow"
    """A dialplan node of a flow."""
    FLOW_FAILED = "flow_failed"
    FULL = "full"
    """A limit on calls or waiting callers was reached."""
    TOO_MANY_WAYS = "too_many_ways"
    """A loop in the routing."""
    ANSWER = "answer"
    """The PBX could not answer the call."""
    BRIDGE = "bridge"
    """The PBX could not connect it to an agent."""
    FAULT = "fault"
    MACHINE = "machine"
    """A campaign's call that was answered by a machine, which gets the message for machines."""
    ABANDONED = "abandoned"
    """A campaign's call for which no agent was free in time: the safe-harbour message."""


class OfferResult(StrEnum):
    """How an offer ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    OFFLINE = "offline"
    """The phone cannot be reached, or does not reply at all."""
    UNAVAILABLE = "unavailable"
    """The phone refused at once without ringing for anybody: do not disturb."""
    MISCONFIGURED = "misconfigured"
    """The phone, or its endpoint in the PBX, is not set up so that it can be called."""
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
    """The estimated wait when it began, in seconds; None when there was no estimate."""
    head_start: float | None = None
    """Seconds, if this caller was given another head start than the tier's."""
    prefers: str = ""
    """The agent who is tried first, exclusively."""
    steps_from: float | None = None
    """When the steps' windows begin; None: with the visit."""
    back_to: str = ""
    """The agent whose phone was lost in this call, and who gets it first if back before ``back_until``."""
    back_until: float = 0.0
    avoids: tuple[str, ...] = ()
    """The agents to whom this caller is not offered, by a value of the call."""
    id: int = 0
    """The ``seq`` of its VisitBegan; 0 for a call that we made."""
    wait_from: float | None = None
    """Begun by an agent who consults the queue: the wait for an agent counts from then on, not from the caller's arrival."""
    site: str = ""
    """The caller's own site, as long as its agents are preferred."""


class OfferStage(StrEnum):
    """The stage of an offer: the phone rings or beeps; the agent must press a key; whisper and read-out are playing."""

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
    """The prompt that the agent hears now: the beep of a nailed-up agent, the confirmation prompt, or the whisper."""
    reading: str = ""
    """The prompt that the caller hears meanwhile."""
    stage: OfferStage = OfferStage.RINGING
    id: int = 0
    """The ``seq`` of its OfferMade."""
    declined: str = ""
    """How one of the agent's devices has declined the call (``rejected``, ``unavailable``) while others went on ringing."""
    certain_at: float | None = None
    """During a conversation: when the answer counts, unless the agent hangs up before."""


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
    """Of the holds that are over."""
    held_since: float | None = None
    """Since when the customer is on hold, by request or by the agent's phone."""
    on_hold: bool = False
    """By request: customer and agent are apart, and the customer hears music."""
    phone_holds: bool = False
    """The agent's phone has put the customer on hold. A row of an older version does not say so."""
    recording: Recording | None = None
    met_at: float | None = None
    """When agent and customer met in a conference, before the share began."""
    id: int = 0
    """The ``seq`` of the fact with which it began."""
    estimated: bool = False
    """Its beginning was not observed."""

    def held_until(self, at: float) -> float:
        """Seconds on hold up to ``at``."""
        return self.hold_seconds + (at - self.held_since if self.held_since is not None else 0.0)


class TransferKind(StrEnum):
    """How a call is transferred."""

    BLIND = "blind"
    """The agent is free at once; the caller hears music until the target answers."""
    CONSULT = "consult"
    """The agent talks to the target first, and then completes, returns to the caller, or joins all three."""
    BACK = "back"
    """The target did not answer: back to the agent who transferred the call."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A transfer in progress. ``queue``: for the wrap-up, and for the return."""

    to: str
    """``agent:1001``, ``number:4420...``, or ``queue:support`` for a consult."""
    leg: LegId | None
    """The target's leg; None while the agent's phone, to which the call goes back, is not free yet, and while a consulted queue
    has nobody to offer the consult to."""
    agent: str
    """The target when it is an agent, also one of a consulted queue."""
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
    id: int = 0
    """The ``seq`` of its TransferStarted."""
    conference: int = 0
    """The ``seq`` of its ConferenceBegan: the number of the target's segment."""
    consulted: str = ""
    """The queue that is consulted: the target is one of its agents."""
    waits: bool = False
    """The agent waits in that queue while nobody there is free."""
    offer: Offer | None = None
    """The offer of the consult to one of its agents, until the answer counts."""

    @property
    def target_queue(self) -> str:
        """The queue for which the target talks: it decides about ring time and wrap-up."""
        return self.consulted or self.queue


class SupervisionMode(StrEnum):
    """How a supervisor takes part in a conversation."""

    LISTEN = "listen"
    WHISPER = "whisper"
    """Heard by the agent only."""
    BARGE = "barge"
    """Heard by both."""
    TAKE_OVER = "take_over"
    """In place of the agent."""


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """One supervisor of one call. ``leg`` is the supervisor's phone, ``snoop`` the Snoop channel."""

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
    """The activity at a node of a flow."""

    SAYING = "saying"
    LISTENING = "listening"
    LOOKING = "looking"
    """Waiting for a lookup."""
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
    """The playback; during a lookup: its ID; while a message is recorded: its name."""
    since: float = 0.0
    """When the recording began."""
    checking: bool = False
    """What was typed is being read back."""
    typed: str = ""
    """For this node, so far."""
    ahead: str = ""
    """Keys that were typed ahead."""
    tries: int = 0
    full: bool = False
    """A value was complete by its length: the key ``ends`` that people press all the same means nothing then."""
    ends: str = ""
    hops: int = 0
    """Nodes since the last complete prompt, key or wait."""
    answers: int = 0
    """Of a survey, so far."""
    silences: int = 0
    """Prompts in a row without a key."""
    due: float | None = None
    """When waiting for the caller, a prompt's end or an answer is over."""


@dataclass(frozen=True, kw_only=True)
class AnnouncementState:
    """Announcements of a waiting caller: ``at`` is when the next one is due, or when the end of the current playback counts as
    not reported."""

    at: float | None
    playback: str = ""
    what: str = ""
    """The current playback."""
    key: str = ""
    """A key pressed during an offer: handled if the offer fails."""
    greeted: bool = False
    told_at: float | None = None
    """When position and wait were last announced, and their values."""
    minutes: int | None = None
    turn: int = 0
    """Periodic messages played."""
    turned_at: float | None = None
    sorry: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """One customer interaction. ``visit`` is set while in a queue, ``offer`` during an offer (both also until the answer is
    certain), ``segment`` during a conversation with an agent, ``transfer`` during a transfer, ``far`` while connected to an
    outside party, ``flow_position`` while in a flow."""

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
    """What the caller typed, and the answers of lookups, by name."""
    looked_up: tuple[tuple[str, str], ...] = ()
    """Each lookup about this caller that was answered, with the names of its values; one without a value has the name ""."""
    asked_again: tuple[tuple[str, str, float], ...] = ()
    """Lookups that are asked again, because the caller has changed: question, lookup, and when."""
    flow_tier: str = ""
    """The tier that a flow gave the call: it stays when the caller changes."""
    language: str = ""
    """The language of this caller's prompts, as Asterisk names it; empty: the channel's."""
    head_start: float | None = None
    """Seconds of advantage that a flow gave this caller in the queues to come, on top of the tier's."""
    served: tuple[str, str] = ("", "")
    """Agent and queue of the last conversation."""
    served_segment: int = 0
    """The number of that conversation."""
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
    """The agent reserved while the customer is called first."""
    owed: str = ""
    """The open callback of this caller, who has called again: not made while the caller is on the line."""
    ways: int = 0
    """Queues and flows entered so far."""
    audible: bool = False
    """Audio has arrived from the caller, or the PBX cannot tell: the caller is no longer held back."""
    audio_until: float | None = None
    """Epoch seconds until which the caller, whose line has carried no audio yet, is not offered; None: may be offered."""
    queued_at: float | None = None
    """When it came into its first queue: what waits are counted from (a talk with a machine is no wait)."""
    rejoined_at: float | None = None
    """When it came back into a queue after a conversation: what waits are counted from until the next one begins."""
    far: LegId | None = None
    transferred_by: str = ""
    """The agent who last transferred the call, from ``transferred_from``: it returns to this agent if nobody answers."""
    transferred_from: str = ""
    failed_transfer: tuple[str, str] = ("", "")
    """Target and result of the last transfer or consult, if it failed and the agent's conversation goes on."""
    supervisions: tuple[Supervision, ...] = ()
    keys: str = ""
    """What the agent has pressed of a code so far."""
    keys_until: float | None = None
    recording_paused: bool = False
    """The recording was paused when its conversation ended: the next one begins paused."""
    bridge: str | None = None
    outcome: str = ""
    segments: int = 0
    short_talks: int = 0
    """How often an agent's phone hung up too soon for a conversation; each time may have its own recording."""
    rejected_by: tuple[str, ...] = ()
    """The agents who have rejected this call, the last ones only."""
    failures: int = 0
    """Failed orders for this call that needed a correction."""
    exit: tuple[str, str] | None = None
    """While leaving: the context and extension of the dialplan."""
    deadline: float | None = None

    @property
    def direction(self) -> str:
        """``out`` if callbridge made it, for a callback or a campaign: its talks then count in no queue's figures."""
        return "out" if self.callback or self.campaign else "in"

    @property
    def is_caller(self) -> bool:
        """Did this call come in, and is it here still? Then it counts for the limits on calls."""
        return self.phase not in _GOING and not (self.callback or self.campaign)

    @property
    def is_callback(self) -> bool:
        """Is it a callback without a conversation so far? Then no queue counts it, and special rules apply."""
        return bool(self.callback) and not self.segments

    @property
    def placed(self) -> bool:
        """Is it an outbound call, for a callback or a campaign, without a conversation so far? Then no queue counts it, and
        special rules apply."""
        return bool(self.callback or self.campaign) and not self.segments

    @property
    def is_uncertain(self) -> bool:
        """Are they talking while the answer does not count yet? Then visit and offer are still open."""
        return self.phase is Phase.TALKING and self.offer is not None

    @property
    def standing(self) -> Visit | None:
        """The visit in which the caller, or an agent in a consult, is waiting; None during a conversation, even if the answer
        does not count yet."""
        consult = self.transfer.offer if self.transfer is not None else None
        uncertain = self.is_uncertain or (consult is not None and consult.certain_at is not None)
        return None if uncertain else self.visit

    @property
    def consults_queue(self) -> bool:
        """Has the agent who has the caller consulted a queue that has not answered yet? Then the visit is the consult's."""
        return self.visit is not None and self.transfer is not None and bool(self.transfer.consulted)

    @property
    def is_in_line(self) -> bool:
        """Whether it is in line for an agent of its queue."""
        if self.visit is None or self.transfer is None:
            return self.visit is not None and self.phase is Phase.WAITING
        return bool(self.transfer.consulted) and self.transfer.leg is None

    @property
    def may_be_offered(self) -> bool:
        """Whether it may be offered to an agent of its queue now."""
        return self.audio_until is None and self.is_in_line

    @property
    def wait_from(self) -> float:
        """Since when the wait of the present visit counts."""
        visit = self.visit
        own = None if visit is None else visit.wait_from
        since = self.rejoined_at if own is None else own
        return self.waiting_since if since is None else since

    @property
    def waiting_since(self) -> float:
        """Since when the caller waits for a person."""
        return self.arrived_at if self.queued_at is None else self.queued_at
