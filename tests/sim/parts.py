"""What the toy PBX is made of: channels, phones, the link, and the people it asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from callbridge.core.model.events import AnyEvent
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Ring


class Kind(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SESSION = "session"
    CONSULT = "consult"
    NEAR_HALF = "near_half"
    """Local ``;1``, in our bridge in the place of somebody."""
    FAR_HALF = "far_half"
    """Local ``;2``, in the dialplan or at one of our entries."""
    OUTSIDE = "outside"
    """Somebody whom an agent had called, to hand a customer on to."""
    SUPERVISOR = "supervisor"
    SNOOP = "snoop"
    PRIVATE = "private"
    FEATURE = "feature"
    """Somebody who dialled a feature code."""
    FAR_END = "far_end"
    """At a phone, in the dialplan, of a call that came over the tie line."""


@dataclass(slots=True, kw_only=True)
class Channel:
    id: LegId
    name: str
    kind: Kind
    created_at: float
    phone: str = ""
    up: bool = False
    in_app: bool = True
    told: bool = False
    """Its ChannelDestroyed will be sent: made by us, or subscribed to."""
    bridge: str | None = None
    joined: bool = False
    """It was in a bridge at some time."""
    playing: list[str] = field(default_factory=list)
    """Playbacks under way or queued; orders that must wait for them wait until ``plays_until``."""
    plays_until: float = 0.0
    music: bool = False
    entry: str = ""
    tier: str = ""
    number: str = ""
    """Of somebody who came by a transfer or from the dialplan."""
    rings_until: float = float("inf")
    """The core's own ring deadline, sooner than Asterisk's."""
    caller: LegId | None = None
    """Of an agent's leg: the customer whom it rings for."""
    named: LegId | None = None
    """The same by our arguments, if a receptionist has put somebody else in that place since."""
    rung_for: str | None = None
    """The agent for whom we made it (empty: for nobody of ours); None: it came by itself."""
    other: LegId | None = None
    """A Local channel's other half: both end together."""
    talks_with: LegId | None = None
    """Of a half that is in a bridge which is not ours: the one other channel there."""
    tied: LegId | None = None
    """What it is connected with over the tie line, on the other PBX."""
    replied: bool = False
    """Of the near end of a tie line: the other PBX has replied to its INVITE."""
    spies_on: LegId | None = None
    """Of a Snoop channel: it ends with this leg, not the other way round."""
    talked: bool = False
    unwanted: bool = False
    """A supervisor wants this caller gone - or it is one whom we called, and may give up."""
    handed_on: bool = False
    silent: bool = False
    """No audio will come from this caller: the answer is never acknowledged."""
    given: bool = False
    """A receptionist has put it in the place of the desk's own call."""


@dataclass(frozen=True, slots=True)
class Code:
    """A feature code as it was dialled: at which phone, and as whom this person can prove to be."""

    phone: str
    feature: str
    argument: str
    knows: str


@dataclass(slots=True)
class Phone:
    name: str
    online: bool = True
    told: str = "NOT_INUSE"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request brought: its HTTP status, and what the adapter makes of the body."""

    status: int = 204
    news: AnyEvent | None = None


class Witness:
    """Anybody who wants to know what goes on inside the PBX; the people on the phones do."""

    def rings(self, leg: LegId, order: Ring) -> None: ...

    def answered(self, leg: LegId) -> None: ...

    def together(self, bridge: str) -> None: ...

    def spoken_to(self, leg: LegId) -> None:
        """A feature call hears the beginning of a prompt."""

    def races(self, leg: LegId) -> bool:
        """Does the phone answer in the very moment in which the call is cancelled?"""
        return False


@dataclass(slots=True)
class Link:
    """The event socket. ``epoch`` grows with every loss: what was on its way then is never heard."""

    up: bool = True
    holding: bool = False
    epoch: int = 0
    last_at: float = 0.0
    held: list[AnyEvent] = field(default_factory=list)
