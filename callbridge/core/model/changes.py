"""Changes of the rows that change most, so that mypy checks each by name and type: ``change(world, agent, work=Work.IDLE)``.

A row's changes are its fields, none required; a test compares the two. An attempt's stage is none of them: it changes by a move.
"""

from __future__ import annotations

from typing import TypedDict

from callbridge.core.model.agent import Device, Intent, Work
from callbridge.core.model.attempt import Lead
from callbridge.core.model.events import CallerArrived
from callbridge.core.model.ids import LegId
from callbridge.core.model.leg import LegRole
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.skills import Profile


class AgentChanges(TypedDict, total=False):
    id: str
    name: str
    profile: Profile
    phone: str
    home: str
    also: tuple[str, ...]
    connect: ConnectMode
    intent: Intent
    reason: str
    work: Work
    device: Device
    next_phone: str
    call: str
    connecting: bool
    leg: LegId | None
    also_ringing: tuple[LegId, ...]
    session: LegId | None
    session_up: bool
    session_at: float | None
    session_tries: int
    since: float
    idle_since: float
    wrap_began: float
    wrap_until: float
    wrap_queue: str
    wrap_call: str
    wrap_segment: int
    wrap_direction: str
    rest_until: float
    reserved_for: str
    return_at: float | None
    limit_at: float | None
    misses: int
    wrong_pins: int
    pin_locked_until: float
    trouble: str
    trouble_until: float
    dnd: bool
    back_at: float
    steady_at: float | None
    leg_gone_at: float
    inspect_at: float | None
    deadline: float | None


class LegChanges(TypedDict, total=False):
    id: LegId
    role: LegRole
    call: str
    agent: str
    up_at: float | None
    up_said_at: float | None
    rang: bool
    bridge: str | None
    heard_at: float
    hung_at: float | None
    left: bool
    missing_since: float | None
    music_owed: bool
    transfers: bool
    transferred_call: str
    gave_away: str
    device: str
    transferred_by: str | None
    ask_at: float | None
    pair: str
    unread: bool
    arrival: CallerArrived | None
    phone: str
    tries: int
    deadline: float | None


class AttemptChanges(TypedDict, total=False):
    id: str
    campaign: str
    lead: Lead
    call: str
    reserved_at: float
    dialled_at: float | None
    answered_at: float | None
    spoken_at: float | None
    connected_at: float | None
    until: float | None
    risk: float
    agent: str
    agent_first: bool
    outcome: str
    cause: int
    heard: str
    disposition: str
    call_back_at: float | None
    call_back_by: str
    recorded: bool
    ordered_by: str
    refusals: int
    deadline: float | None
