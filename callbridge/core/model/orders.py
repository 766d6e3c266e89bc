"""What shall be done: every output of the core that touches the PBX. Imperatives, frozen.

``legs`` names every leg that an order touches: orders of one leg are carried out in order, others in parallel.
An order that fails comes back as the event OrderFailed; success shows in what the PBX reports, never in a reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callbridge.core.model.attempt import Attempt
from callbridge.core.model.ids import LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfLeg:
    leg: LegId

    @property
    def legs(self) -> tuple[LegId, ...]:
        return (self.leg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe(_OfLeg):
    """Ask for all events of a leg that came from the dialplan (its ChannelDestroyed is not sent otherwise)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(_OfLeg):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMusic(_OfLeg):
    music: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMusic(_OfLeg):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRinging(_OfLeg):
    """Play ringing to the leg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRinging(_OfLeg):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoop(_OfLeg):
    """Listen to both directions of the leg ``of`` through a new leg; with ``whisper``, speak to that leg only."""

    of: LegId
    whisper: bool
    call: str

    @property
    def legs(self) -> tuple[LegId, ...]:
        return (self.leg, self.of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play(_OfLeg):
    playback: str
    media: str
    """One or more of ARI's media, separated by commas."""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(_OfLeg):
    """Record what the leg says, after a beep, into a file of the PBX; RecordingEnded comes back. ``#`` ends it. Whatever else
    the leg is to hear or do waits until then."""

    recording: str
    longest: float
    silence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfRecording:
    """In a lane of their own: what goes by AMI must hold up nothing that goes by ARI, and the other way round."""

    leg: LegId
    call: str
    file: str

    @property
    def legs(self) -> tuple[LegId, ...]:
        return (LegId(f"{self.leg}#recording"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecording(_OfRecording):
    """Record the leg and its other party (MixMonitor) into a file of the PBX: relative to its folder ``monitor``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRecording(_OfRecording):
    """Record silence instead, or resume."""

    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecording(_OfRecording):
    """Was it started? The order may have been lost. Fails if it was not; a channel that has ended is no failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRecording(_OfRecording):
    """The file is complete; also when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlaying(_OfLeg):
    """Stop a playback; one that has already ended is not a failure."""

    playback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring(_OfLeg):
    """Create the leg under its id, then dial it. ``give_up`` is Asterisk's safety net; the core's deadline is sooner."""

    phone: str
    role: str
    """``agent`` (for one call), ``session`` (nailed up for the whole login), ``outside`` (the target of a transfer),
    ``supervisor`` or ``customer``."""
    agent: str
    give_up: float
    call: str = ""
    originator: LegId | None = None
    """The customer's leg: determines linkedid and codecs."""
    number: str = ""
    name: str = ""
    auto_answer: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    """Of the INVITE, if the phone speaks SIP: by which it is asked to answer by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """Stop the first leg's music, make the mixing bridge unless it is there, put the legs in."""

    bridge: str
    legs: tuple[LegId, ...]
    call: str
    queue: str = ""
    agent: str = ""
    """Of the conversation: written on the bridge, for a start that finds it without the saved world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBridge:
    """Destroy a bridge; legs still inside fall back to plain Stasis."""

    bridge: str
    pbx: str
    legs: tuple[LegId, ...] = ()
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp(_OfLeg):
    """Never queues: drops the leg's unsent orders (but for DropBridge) and goes out at once."""

    reason: str = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveToDialplan(_OfLeg):
    """Let the leg go on in the dialplan, priority 1. Done when LegMoved comes. ``stays``: sent there on purpose, so that it is
    not pulled back should it get into the fallback queue, after a restart of ours either."""

    context: str
    extension: str
    stays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAmdDetour(_OfLeg):
    """Let the dialplan do something with the leg and give it back: LegMoved when it is gone, AmdDetourEnded when it is back."""

    context: str
    extension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(_OfLeg):
    """Ask whether the channel still exists: LegEnded(estimated) or LegProbed comes back."""

    replies: bool = False
    """Ask as well whether its phone has replied anything to our INVITE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReferral(_OfLeg):
    """Ask where a phone has referred the peer of this Local channel to: ReferralRead comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindParty(_OfLeg):
    """Ask which phone is at the other half of this Local channel: PartyFound comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchAudio(_OfLeg):
    """Watch until the first audio arrives from this leg: the answer is CallerAudible, also when the PBX cannot tell; nothing when
    the leg has ended, or when ``until`` has passed."""

    until: float
    after: float = 0.0
    """Seconds until it is worth asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyCaller(_OfLeg):
    """Ask whose number is at this leg, or at the other end of it if it is a Local channel: CallerIdentified comes back. A number
    that is withheld is taken off the leg, as the dialplan does at an arrival."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCaller(_OfLeg):
    """Show the phone of this leg another caller than the one with whom it was rung."""

    number: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectPhone:
    """Ask which channels an endpoint has: PhoneInspected comes back."""

    pbx: str
    phone: str
    legs: tuple[LegId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """Ask another system about a caller; LookedUp comes back, whatever happens. Touches no leg."""

    lookup: str
    call: str
    question: str
    """Its id, which the answer bears."""
    values: Mapping[str, str]
    """What the question may hold: ``caller``, ``entry``, ``tier`` and all that the caller typed."""
    legs: tuple[LegId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfLedger:
    """For the campaigns' ledger, which is written in one order for all; touches no leg. The ledger tries until it is done."""

    @property
    def legs(self) -> tuple[LegId, ...]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindLeads(_OfLedger):
    """Up to ``count`` leads that may be dialled now: LeadsFound comes back. ``known``: those at hand already."""

    campaign: str
    count: int
    known: frozenset[int] = frozenset()
    busy: frozenset[str] = frozenset()
    """Agents who are not available: leads reserved for one of them are skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveAttempts(_OfLedger):
    """Write these attempts down, each if the rules allow it at this moment: AttemptsReserved comes back."""

    campaign: str
    attempts: tuple[tuple[str, int], ...]
    """Attempt and lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAttempt(_OfLedger):
    """The outcome and disposition of an attempt: AttemptClosed is the answer. ``unsent`` withdraws the attempt."""

    attempt: Attempt
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockNumber(_OfLedger):
    """On the do-not-call list, at once: of one campaign, or of all (``campaign`` empty). NumberBlocked comes back."""

    number: str
    campaign: str
    reason: str
    by: str


OfLedger = FindLeads | ReserveAttempts | CloseAttempt | BlockNumber
OfRecording = StartRecording | CheckRecording | PauseRecording | StopRecording
OfPbx = (
    Subscribe
    | Answer
    | StartMusic
    | StopMusic
    | StartRinging
    | StopRinging
    | Snoop
    | Play
    | Record
    | StopPlaying
    | Ring
    | Bridge
    | DropBridge
    | HangUp
    | LeaveToDialplan
    | StartAmdDetour
    | Probe
    | FindParty
    | WatchAudio
    | ReadReferral
    | IdentifyCaller
    | ShowCaller
    | InspectPhone
)
"""Everything else that is done to channels, bridges and phones."""
Order = OfPbx | OfRecording | LookUp | OfLedger


def calls_a_customer(order: Order) -> bool:
    """Does this order call a customer? Such an order is sent at most once, so only after it has been saved."""
    return isinstance(order, Ring) and order.role == "customer"
