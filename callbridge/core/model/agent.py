"""The agent: intent, work and device, kept apart; the published state is a pure function of the three.

A pause, log-out or new phone requested while talking changes the intent at once and the state at the end,
because work outranks intent in ``published``. Trouble with the device never changes the intent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callbridge.core.model.ids import LegId
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.skills import Profile


class Intent(StrEnum):
    LOGGED_OUT = "logged_out"
    READY = "ready"
    NOT_READY = "not_ready"


class Work(StrEnum):
    IDLE = "idle"
    OFFERED = "offered"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class Device(StrEnum):
    AVAILABLE = "available"
    BUSY_ELSEWHERE = "busy_elsewhere"
    OFFLINE = "offline"


class State(StrEnum):
    """The published state."""

    LOGGED_OUT = "logged_out"
    READY = "ready"
    RINGING = "ringing"
    CONNECTING = "connecting"
    """The agent has picked up, and the customer is being called."""
    TALKING = "talking"
    WRAP_UP = "wrap_up"
    NOT_READY = "not_ready"
    BUSY_ELSEWHERE = "busy_elsewhere"
    OFFLINE = "offline"


SILENT, DND = "silent", "dnd"
"""Troubles of a phone, each of them the reason of the state that is published meanwhile: it does not reply to an INVITE at all;
it is on do not disturb."""
NO_COMMON_CODEC, NO_MEDIA, AUTHENTICATION, UNKNOWN_ENDPOINT = "no_common_codec", "no_media", "authentication", "unknown_endpoint"
MISCONFIGURED = (NO_COMMON_CODEC, NO_MEDIA, AUTHENTICATION, UNKNOWN_ENDPOINT)
"""Troubles that the configuration of the phone or of the PBX must remedy: no codec in common; no usable SDP; the phone wants a
password, or takes no calls from this PBX; there is no such endpoint, or the phone does not know who is called."""

WORK_MOVES: dict[Work, frozenset[Work]] = {
    Work.IDLE: frozenset({Work.OFFERED, Work.TALKING}),
    Work.OFFERED: frozenset({Work.IDLE, Work.TALKING, Work.WRAP_UP}),
    Work.TALKING: frozenset({Work.WRAP_UP, Work.IDLE}),
    Work.WRAP_UP: frozenset({Work.IDLE}),
}
"""offered -> wrap_up only when an internal error ends the offer (quarantine); talking -> idle only on log-out; idle -> talking
only when a conversation without a row is found in the PBX."""


@dataclass(frozen=True, kw_only=True)
class Agent:
    """``leg`` is the leg of the present call until it is really gone; ``session`` the nailed-up leg of the login."""

    id: str
    name: str
    profile: Profile
    phone: str
    home: str
    """The phone that the plan names; ``phone`` is the one in force."""
    also: tuple[str, ...] = ()
    """The agent's other phones: they ring at the same time, and calls from them are this agent's."""
    connect: ConnectMode
    intent: Intent = Intent.LOGGED_OUT
    reason: str = ""
    work: Work = Work.IDLE
    device: Device = Device.AVAILABLE
    next_phone: str = ""
    call: str = ""
    connecting: bool = False
    """During an offer: the agent has picked up, and the customer is being called."""
    leg: LegId | None = None
    also_ringing: tuple[LegId, ...] = ()
    """The legs to the agent's other devices that ring for the same call (``devices``), or have yet to stop."""
    session: LegId | None = None
    session_up: bool = False
    session_at: float | None = None
    """When a nailed-up agent whose session was lost is rung again."""
    session_tries: int = 0
    """How often that was decided since the line died."""
    since: float = 0.0
    """When the published state began."""
    idle_since: float = 0.0
    wrap_began: float = 0.0
    wrap_until: float = 0.0
    wrap_queue: str = ""
    wrap_call: str = ""
    wrap_segment: int = 0
    """The segment of that call which the wrap-up follows."""
    wrap_direction: str = "in"
    """Direction of that call: ``in``, or ``out`` if callbridge made it."""
    rest_until: float = 0.0
    reserved_for: str = ""
    """The agent is reserved for this call, whose customer is being called first."""
    return_at: float | None = None
    limit_at: float | None = None
    """When the reason for being not ready has lasted its limit."""
    misses: int = 0
    """Offers in a row that came to nothing by the agent's or the phone's doing."""
    wrong_pins: int = 0
    """Wrong PINs in a row at phones."""
    pin_locked_until: float = 0.0
    trouble: str = ""
    """What calls have shown to be wrong with the phone (``silent``, ``dnd``) since it last worked."""
    trouble_until: float = 0.0
    """While that keeps the agent from being offered calls: until when. 0: it does not."""
    dnd: bool = False
    """The PBX has a do-not-disturb state for the phone, and it is on."""
    back_at: float = 0.0
    """When the phone was last reachable again."""
    steady_at: float | None = None
    """When a phone that comes and goes counts as reachable, if it stays until then."""
    leg_gone_at: float = 0.0
    inspect_at: float | None = None
    deadline: float | None = None

    @property
    def phones(self) -> tuple[str, ...]:
        """All phones in force, the first one first."""
        return (self.phone, *self.also) if self.phone else ()


def named(agent: Agent) -> str:
    """How people are told which agent is meant."""
    return f"{agent.name} ({agent.id})" if agent.name and agent.name != agent.id else f"agent {agent.id}"


def follows(agent: Agent) -> tuple[State | None, str]:
    """The state, and its reason, that was requested for the end of the talk or wrap-up. None: the agent stays available."""
    if agent.work not in (Work.TALKING, Work.WRAP_UP) or agent.intent is Intent.READY:
        return None, ""
    return (State.NOT_READY, agent.reason) if agent.intent is Intent.NOT_READY else (State.LOGGED_OUT, "")


def published(agent: Agent) -> tuple[State, str]:
    """The published state and reason."""
    if agent.work is Work.TALKING:
        return State.TALKING, ""
    if agent.work is Work.WRAP_UP:
        return State.WRAP_UP, ""
    if agent.intent is Intent.LOGGED_OUT:
        return State.LOGGED_OUT, ""
    if agent.work is Work.OFFERED:
        return State.CONNECTING if agent.connecting else State.RINGING, ""
    if agent.intent is Intent.NOT_READY:
        return State.NOT_READY, agent.reason
    if agent.device is Device.OFFLINE:
        return State.OFFLINE, ""
    if agent.trouble_until > 0 and agent.trouble != DND:
        return State.OFFLINE, agent.trouble
    if agent.device is Device.BUSY_ELSEWHERE:
        return State.BUSY_ELSEWHERE, ""
    if agent.dnd or agent.trouble_until > 0:
        return State.BUSY_ELSEWHERE, DND
    return State.READY, ""


def eligible(agent: Agent, now: float) -> bool:
    """May this agent be offered a call now?"""
    return (
        agent.intent is Intent.READY
        and agent.work is Work.IDLE
        and agent.device is Device.AVAILABLE
        and agent.leg is None
        and agent.rest_until <= now
        and not agent.trouble_until
        and not agent.dnd
        and not agent.reserved_for
        and (agent.connect is not ConnectMode.NAILED_UP or agent.session_up)
    )


def own_deadline(agent: Agent) -> float | None:
    """The next moment at which something about this agent is due. One that passed stays due until it was met."""
    wrap_until = agent.wrap_until if agent.work is Work.WRAP_UP and agent.leg is None else None
    times = (
        agent.return_at,
        agent.inspect_at,
        agent.limit_at,
        agent.rest_until or None,
        agent.session_at,
        agent.trouble_until or None,
        agent.steady_at,
        wrap_until,
    )
    return min([time for time in times if time is not None], default=None)
