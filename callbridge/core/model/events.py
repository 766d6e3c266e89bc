"""Events: every input of the core. Past tense, frozen; ``at`` is epoch seconds and never runs backwards.

The adapters make them from what Asterisk, people and the clock say. An event about a leg that the core does not
know is news like any other: it is answered or ignored, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callbridge.core.model.attempt import Lead, Running
from callbridge.core.model.ids import LegId
from callbridge.core.model.numbers import Withheld
from callbridge.core.model.orders import Order
from callbridge.core.model.plan import ConsultQueue, Plan, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerArrived(Event):
    """A channel entered Stasis from the dialplan with our arguments ``inbound,<entry>``."""

    leg: LegId
    entry: str
    channel_name: str
    """Asterisk's name, ``PJSIP/trunk-00000001`` or ``Local/x@y-00000001;2``: it shows the endpoint, or the half of a Local
    channel."""
    number: str
    name: str
    tier: str
    up: bool = False
    uniqueid: str = ""
    linkedid: str = ""
    since: float | None = None
    """When the caller, who was elsewhere in the PBX meanwhile (the fallback), first came; None: now."""
    withheld: Withheld | None = None
    """What the caller withholds; ``number`` and ``name`` are without it. None from the inbox on."""
    overloaded: bool = False
    """The runtime is too far behind to take new calls."""
    transferred: bool = False
    """See ``SeenLeg``."""
    admitted: float = 1.0
    """The share of new callers that the PBX can take now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDialled(Event):
    """Somebody dialled a feature code: a channel entered Stasis with our arguments ``feature,<feature>,<argument>``.
    Who it is follows from the endpoint in the channel's name and from a PIN, never from a caller's number."""

    leg: LegId
    feature: str
    argument: str
    channel_name: str
    up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEntered(Event):
    """A leg that we made is in Stasis now."""

    leg: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRinging(Event):
    leg: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAnswered(Event):
    """ChannelStateChange to Up. ``said_at``: by the PBX's clock, which is to be compared with itself only."""

    leg: LegId
    said_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded(Event):
    """ChannelDestroyed with its Q.850 cause, or confirmed absence (``estimated``: the moment is not known). ``said_at``: by the
    PBX's clock."""

    leg: LegId
    said_at: float | None = None
    cause: int = 0
    sip: int | None = None
    """The SIP status, if Asterisk reports it (20.17 / 22.7 and later)."""
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LegLeft(Event):
    """StasisEnd that we did not order: hung up, or taken away; which one is not known yet."""

    leg: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMoved(Event):
    """StasisEnd that we ordered: the leg continues in the dialplan and is no longer ours."""

    leg: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class AmdDetourEnded(Event):
    """A leg has returned from answering machine detection in the dialplan: ``verdict`` and ``cause`` are AMD()'s AMDSTATUS and
    AMDCAUSE."""

    leg: LegId
    verdict: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegProbed(Event):
    """The answer to Probe for a channel that still exists."""

    leg: LegId
    in_app: bool
    up: bool
    replied: bool | None = None
    """Whether its phone has replied anything to our INVITE, be it 100 Trying; None when that was not asked, or is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegJoined(Event):
    """ChannelEnteredBridge. ``said_at``: by the PBX's clock."""

    leg: LegId
    bridge: str
    said_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegParted(Event):
    leg: LegId
    bridge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegHeld(Event):
    leg: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegUnheld(Event):
    leg: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegReplaced(Event):
    """StasisStart with ``replace_channel``: a transfer put channel ``by`` in the place of ``leg``."""

    leg: LegId
    by: LegId
    by_name: str
    phone: str = ""
    """The endpoint of ``leg``, whose phone transferred."""
    up: bool = True
    """``by`` is already connected to somebody; False for a Local half whose dialplan has not reached anybody yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegTransferred(Event):
    """The phone of ``leg`` transferred its peer (BridgeBlindTransfer, BridgeAttendedTransfer)."""

    leg: LegId
    target: str
    attended: bool
    worked: bool
    target_leg: LegId | None = None
    """The channel that an attended transfer connected the peer to, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPressed(Event):
    leg: LegId
    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackEnded(Event):
    leg: LegId
    playback: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp(Event):
    """The answer to LookUp; ``found`` is None when none came in time, or it was unreadable."""

    call: str
    question: str
    found: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEnded(Event):
    """``lasted``: seconds of sound."""

    leg: LegId
    recording: str
    lasted: float
    failed: bool


class Why(StrEnum):
    """Why an order came to nothing."""

    REFUSED = "refused"
    """Asterisk refused (4xx, 5xx)."""
    TIMEOUT = "timeout"
    """No answer in time: it may have worked."""
    UNSENT = "unsent"
    """Never left us: the link was down, our ownership in doubt, or the state unsaved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFailed(Event):
    order: Order
    why: Why
    status: int = 0
    """The HTTP status when refused."""
    detail: str = ""


class AgentRequest(StrEnum):
    """Requests by or for an agent."""

    LOGIN = "login"
    READY = "ready"
    NOT_READY = "not_ready"
    LOGOUT = "logout"
    END_WRAP_UP = "end_wrap_up"
    EXTEND_WRAP_UP = "extend_wrap_up"
    """More time for notes: wrap-up lasts until its queue's maximum, or until it is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRequested(Event):
    agent: str
    request: AgentRequest
    reason: str = ""
    phone: str = ""
    """With LOGIN: the phone to move to; empty keeps the one in force."""
    by: str = ""
    """The requester if not the agent: a supervisor or a program, by the name of its token. Emitted as an audit fact."""


class CallRequest(StrEnum):
    """Requests about a call."""

    HANG_UP = "hang_up"
    MOVE = "move"
    """To another queue (``to``): the arrival is kept. A call that an agent has is taken from the agent."""
    HEAD_START = "head_start"
    """A waiting call gets this advantage (``seconds``) instead of its tier's."""
    PULL = "pull"
    """A waiting call is offered to this agent (``to``) now, even if others fit better; if that fails it waits on."""
    TRANSFER = "transfer"
    """To a queue, an agent or an outside number (``to``); the agent is free at once."""
    CONSULT = "consult"
    """The agent consults an agent, a queue or an outside number (``to``) while the caller hears music."""
    COMPLETE = "complete"
    """After a consult, or during it: the agent leaves, caller and target go on."""
    RETURN = "return"
    """After a consult, or during it: the target goes, agent and caller go on."""
    CONFERENCE = "conference"
    """After a consult: all three."""
    HOLD = "hold"
    """The caller hears music, and the agent nothing."""
    UNHOLD = "unhold"
    """Caller and agent talk again."""
    RECORD = "record"
    """Record this talk from now on."""
    PAUSE_RECORDING = "pause_recording"
    RESUME_RECORDING = "resume_recording"
    """Record silence, for example while the caller reads out a card number."""
    SURVEY = "survey"
    """The talk is over for the agent; the caller is led into the queue's survey."""
    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"
    TAKE_OVER = "take_over"
    """A supervisor (``phone``) joins the conversation; another of these requests by the same supervisor changes the mode."""
    RELEASE = "release"
    """The supervisor (``by``) leaves the talk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequested(Event):
    call: str
    request: CallRequest
    to: Target | None = None
    seconds: float = 0.0
    phone: str = ""
    """Where to ring the supervisor."""
    by: str = ""
    """The requester: the name of a token, or the agent's ID."""
    consult_queue: ConsultQueue | None = None
    """How to consult a queue; None: as the plan says."""


class CallbackChange(StrEnum):
    MAKE = "make"
    CANCEL = "cancel"
    CALL_NOW = "call_now"
    """Before everybody who waits, and before it is due."""
    RESCHEDULE = "reschedule"
    """Not before another time."""
    NUMBER = "number"
    """To another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackChangeRequested(Event):
    """Request a callback for a customer (``queue``, ``number``), or change one that is open (``callback``): cancel it, have it
    made now, at another time (``not_before``), or to another ``number``."""

    change: CallbackChange
    callback: str = ""
    queue: str = ""
    number: str = ""
    name: str = ""
    tier: str = ""
    agent: str = ""
    """The only agent who is to call; empty: any matching agent. Of one that is to be made now: the agent who asks, who may have
    the own ones only; empty: a supervisor."""
    not_before: float = 0.0
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRequested(Event):
    """Start, pause or stop a campaign: ``to`` is the wanted state."""

    campaign: str
    to: Running
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRequested(Event):
    """Add a note to the agent's call, during the call or in wrap-up, by or for the agent."""

    agent: str
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionRequested(Event):
    """Set the disposition of the agent's call, during the call or in wrap-up, by or for the agent."""

    agent: str
    code: str
    call_back_at: float | None = None
    own: bool = False
    """Only this agent is to call back."""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptAnswersGiven(Event):
    """Answers to fields of a step of a call's script, by or for the agent who has the call. ``to``: the step to which the agent
    goes; empty: stays."""

    agent: str
    call: str
    script: str
    step: str
    answers: tuple[tuple[str, str], ...]
    to: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadsFound(Event):
    """The answer to FindLeads. ``ready``: how many the campaign has that may be dialled in all."""

    campaign: str
    leads: tuple[Lead, ...]
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsReserved(Event):
    """The answer to ReserveAttempts: these are written down and may be dialled now; the others may not, and why."""

    campaign: str
    reserved: tuple[str, ...]
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptClosed(Event):
    """The ledger has written the outcome, and the disposition so far."""

    attempt: str
    disposition: str = ""
    call_back_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberBlocked(Event):
    """A number is on the do-not-call list from now on. ``block``: the pending block that this confirms."""

    number: str
    campaign: str
    block: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRecalled(Event):
    """What the ledger knows of a campaign's window: (begin of an hour, answers, abandoned), oldest first."""

    campaign: str
    hours: tuple[tuple[float, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchTurned(Event):
    """A switch was set. It stays until it is set back, also across restarts."""

    switch: str
    on: bool
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRequested(Event):
    """Close a ``calendar``, a ``queue`` or an ``entry`` (``kind``) of this name. ``begins`` and ``ends``: epoch seconds of the
    clock on the wall."""

    kind: str
    name: str
    begins: float
    ends: float
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopeningRequested(Event):
    """End a closure before its time, or before it has begun."""

    closure: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChanged(Event):
    """AMI DeviceStateChange; ``state`` as Asterisk spells it (NOT_INUSE, INUSE, UNAVAILABLE, ...)."""

    phone: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesListed(Event):
    """All device states, listed after each connect."""

    states: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactsChanged(Event):
    """Where the devices are that have registered at this phone's account: several of them, or none when there are not several."""

    phone: str
    contacts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HintRead(Event):
    """The devices of the hint of the agent's extension, do not disturb (``Custom:DND1001``) among them. None: no hint."""

    agent: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyFound(Event):
    """The answer to FindParty: the endpoint at the other half of the Local channel ``leg``; empty while nobody is there."""

    leg: LegId
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerAudible(Event):
    """The answer to WatchAudio: audio has come from this leg, or the PBX cannot tell whether it has."""

    leg: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralRead(Event):
    """The answer to ReadReferral: the host of Refer-To in lower case, empty when there is none. ``is_address``: it is an IP
    address, not a name; ``own``: the host of Referred-By, by which the phone names itself."""

    leg: LegId
    host: str
    is_address: bool = False
    own: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentified(Event):
    """The answer to IdentifyCaller: whose number is at a leg that a transfer has put here."""

    leg: LegId
    found: bool = True
    """False while nobody is at the other half of a Local channel."""
    number: str = ""
    name: str = ""
    tier: str = ""
    withheld: Withheld | None = None
    """See ``CallerArrived``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneInspected(Event):
    """The answer to InspectPhone: the channels that the endpoint has now."""

    phone: str
    legs: tuple[LegId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLeg:
    """One channel of ours in a snapshot."""

    leg: LegId
    name: str
    up: bool
    created_at: float
    number: str = ""
    caller_name: str = ""
    entry: str | None = None
    """Set when it came from the dialplan with our arguments."""
    tier: str = ""
    withheld: Withheld | None = None
    """See ``CallerArrived``."""
    transferred: bool = False
    """A transfer has put it in the place of the channel that came from the dialplan: number and name are not known yet."""
    feature: bool = False
    """It came from the dialplan by a feature code."""
    role: str = ""
    """Its role if we created it (see ``Ring.role``); empty if it came from elsewhere."""
    agent: str = ""
    """The agent for whom we rang it; empty if unknown."""
    customer: LegId | None = None
    """With whom the leg was to be connected."""
    call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBridge:
    """``call``, ``queue`` and ``agent`` of the conversation that it was made for; empty when its name does not say."""

    bridge: str
    legs: tuple[LegId, ...]
    call: str = ""
    queue: str = ""
    agent: str = ""
    created_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxSnapshot(Event):
    """All that is ours on a PBX, listed after a (re)connect. ``requested_at``: when the listing began."""

    pbx: str
    requested_at: float
    last_heard_at: float
    """When the previous connection was last known to be good: what ended since then ended somewhere in between."""
    legs: tuple[SeenLeg, ...]
    bridges: tuple[SeenBridge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationTaken(Event):
    """Another client, which is no owner, opened our application on a PBX; we take it back."""

    pbx: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxLost(Event):
    """The event socket of a PBX is lost (or its echo is late): no events come, and nothing is sent."""

    pbx: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxHeard(Event):
    """All events that a PBX sent before ``until`` have been posted: our echo, sent then, has come back."""

    pbx: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed(Event):
    """The runtime took a due deadline out of the world: kind (``call``, ``leg``, ``agent``, ``feature``,
    ``announcing``, ``callback``, ``place``, ``attempt``, ``block``, ``closure``,
    ``campaign``, ``review``, ``slice``) and id of its owner."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChanged(Event):
    """Whether decisions can currently be saved before they are carried out."""

    safe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMoved(Event):
    """The wall clock is off by ``offset`` seconds from ours; no deadline shifts."""

    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBegan(Event):
    """A new day in the configured time zone, as ``2026-11-21``: figures of today start at zero."""

    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged(Event):
    """Adopt a configuration. One that removes a queue with callers or callbacks is refused without ``force``; ``by``: the
    requester. ``details``: what else it changes, as ``ConfigReloaded`` has it."""

    plan: Plan
    force: bool = False
    by: str = ""
    details: str = "[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsed(Event):
    """A token of the HTTP interface was used by ``by`` from an address for the first time in 24 hours, or ``by`` has logged in.
    ``agent``: who that is, or whose token it is, if it is one agent's."""

    by: str
    role: str
    origin: str
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCarriedOut(Event):
    """``by`` had something done that is none of the core's, such as leads entered: it is only recorded. ``to``: what it was
    about, as ``campaign:spring``; never a number."""

    by: str
    request: str
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinEntered(Event):
    """Somebody logs in as an agent elsewhere than at a phone. ``place``: from where; wrong PINs are counted there as at a phone.
    The answer is whether the PIN was right and may be tried there."""

    agent: str
    pin: str = field(repr=False)
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingScored(Event):
    """A reviewer has scored a recording, or scored it again after a dispute (``rescored``). ``change``: the number of the score,
    which grows with each that is written. ``points``: 0 to 1, of the criteria that are not fatal; ``failed``: the fatal criteria
    that were not met. ``calibrates``: a second opinion. ``callback``: the campaign that calls the customer back,
    ``callback_outcome``: what came of it."""

    change: int
    review: int
    recording: str
    sample: str
    call: str
    agent: str
    queue: str
    form: str
    form_version: str
    by: str
    score: float | None
    points: float | None
    failed: tuple[str, ...] = ()
    calibrates: bool = False
    rescored: bool = False
    callback: str = ""
    callback_outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityMeasured(Event):
    """A phone in the browser has measured how the share of ``agent`` in a call sounded. ``received`` and ``lost``: packets of the
    caller's voice; ``jitter`` and ``rtt`` (round trip): mean, seconds; ``loss_sent``: the share of the agent's packets that
    the PBX did not get; ``mos``: mean opinion score, 1 to 5; ``worst_mos``: of the worst two seconds."""

    call: str
    agent: str
    queue: str
    codec: str
    received: int
    lost: int
    mos: float
    worst_mos: float
    jitter: float | None = None
    rtt: float | None = None
    loss_sent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityFaulted(Event):
    """A bug of ours: the step of this entity raised. The core quarantines the entity as gently as it can."""

    kind: str
    id: str


PbxReport = (
    CallerArrived
    | FeatureDialled
    | LegEntered
    | LegRinging
    | LegAnswered
    | LegEnded
    | LegLeft
    | LegMoved
    | AmdDetourEnded
    | LegProbed
    | LegJoined
    | LegParted
    | LegHeld
    | LegUnheld
    | LegReplaced
    | LegTransferred
    | DigitPressed
    | PlaybackEnded
    | RecordingEnded
    | PbxSnapshot
    | PbxHeard
)
"""Events about a PBX's channels: a new snapshot replaces all of them. Everything else comes only once."""

SubmittedEvent = (
    AgentRequested
    | CallRequested
    | CallbackChangeRequested
    | CampaignRequested
    | DispositionRequested
    | NoteRequested
    | ScriptAnswersGiven
    | SwitchTurned
    | ClosureRequested
    | ReopeningRequested
)
"""Requests from outside, each of which the core carries out or refuses."""

AnyEvent = (
    PbxReport
    | OrderFailed
    | SubmittedEvent
    | LeadsFound
    | AttemptsReserved
    | AttemptClosed
    | NumberBlocked
    | CampaignRecalled
    | DeviceChanged
    | ContactsChanged
    | DevicesListed
    | HintRead
    | PartyFound
    | CallerAudible
    | ReferralRead
    | CallerIdentified
    | PhoneInspected
    | LookedUp
    | PbxLost
    | ApplicationTaken
    | DeadlinePassed
    | StoreChanged
    | ClockMoved
    | DayBegan
    | PlanChanged
    | TokenUsed
    | RequestCarriedOut
    | PinEntered
    | RecordingScored
    | QualityMeasured
    | EntityFaulted
)
