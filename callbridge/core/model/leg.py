"""The leg: one Asterisk channel that we own. It belongs to a call or to an agent's session.

A leg that we hung up is kept until the PBX reports its end: ``hung_at`` marks it, and any further event of it is answered
with another HangUp. A leg never counts as ended without ChannelDestroyed or a 404.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callbridge.core.model.events import CallerArrived
from callbridge.core.model.ids import LegId


class LegRole(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    """An agent's leg, made for one call."""
    SESSION = "session"
    """An agent's leg, nailed up for the login."""
    CONSULT = "consult"
    """An agent who has a caller and calls one of our entries, perhaps to transfer the caller there."""
    OUTSIDE = "outside"
    """The far party of a transfer, not ours to offer or count."""
    SUPERVISOR = "supervisor"
    """The phone of a supervisor."""
    SNOOP = "snoop"
    """Asterisk's Snoop channel on the agent's leg."""
    FEATURE = "feature"
    """A phone that has dialled a feature code."""
    PARKED = "parked"
    """A Local half that just arrived: a caller, or a transfer whose other half is not known yet."""


SESSION_LINE = "session"


@dataclass(frozen=True, kw_only=True)
class Leg:
    id: LegId
    role: LegRole
    call: str = ""
    agent: str = ""
    up_at: float | None = None
    up_said_at: float | None = None
    """The same by the PBX's clock; it may be long before we learned of it."""
    rang: bool = False
    """The phone has reported ringing."""
    bridge: str | None = None
    heard_at: float = 0.0
    """When an order or an event last changed it."""
    hung_at: float | None = None
    left: bool = False
    """It has left Stasis (StasisEnd); a probe is to show whether it still exists."""
    missing_since: float | None = None
    """A snapshot did not list it; it was last known alive at this time."""
    music_owed: bool = False
    transfers: bool = False
    """Its phone has transferred its peer, but no leg has replaced it: the target hung up at once."""
    transferred_call: str = ""
    """The call that this leg's phone transferred away."""
    gave_away: str = ""
    """Whose phone that was: ``customer`` or ``outside``; or SESSION_LINE, a nailed-up agent's. Empty: another agent's."""
    device: str = ""
    """Of a leg to one of several devices of an agent: what was dialled."""
    transferred_by: str | None = None
    """Of a customer's leg whose number is not known yet, because a transfer put it here: the phone that transferred (empty: not
    known). None: the number is known."""
    ask_at: float | None = None
    """When the PBX is asked again whose number it is."""
    pair: str = ""
    """A Local channel's name without its ``;1`` or ``;2``."""
    unread: bool = False
    """Where the phone that it replaces has referred the other party to is still to be read."""
    arrival: CallerArrived | None = None
    phone: str = ""
    """Of a feature call, and of an agent's own call to an entry: the endpoint that dialled it."""
    tries: int = 0
    deadline: float | None = None
