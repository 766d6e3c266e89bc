"""What is wrong with an agent's phone, as calls and the PBX have shown it: what that changes for the agent, and when it is over.

A trouble found in a call keeps the agent from being offered calls for a while. It is over when the phone works: it answers, dials
a feature code, changes its state in the PBX, or its agent asks to be ready. Its alert is raised once, until it works again.
"""

from __future__ import annotations

from callbridge.core.entities.agent_phones import DND_STATE
from callbridge.core.model.agent import DND, MISCONFIGURED, SILENT, Agent
from callbridge.core.model.changes import AgentChanges
from callbridge.core.model.facts import AgentAlerted
from callbridge.core.model.phones import endpoint_of_phone, is_of_pbx, parts_of, phone_on
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.world import World

REST = 30.0
"""Seconds for which such a phone is left alone where nothing else says for how long."""
_ALERTS = {SILENT: "phone_silent"} | dict.fromkeys(MISCONFIGURED, "phone_misconfigured")
_ON = frozenset({"INUSE", "BUSY"})
_TECHNOLOGIES = ("PJSIP/", "SIP/", "IAX2/")
_NOTHING: AgentChanges = {}


def found(world: World, agent: Agent, trouble: str, rest_until: float, *, paused: bool = False) -> AgentChanges:
    """What a trouble found in a call changes. ``rest_until``: when the phone's penalty for it ends; ``paused``: it is a pause."""
    if not trouble:
        return _NOTHING
    kind = _ALERTS.get(trouble, "")
    if kind and trouble != agent.trouble:
        world.emit(AgentAlerted(seq=world.next_seq(), at=world.now, agent=agent.id, kind=kind, reason=trouble))
    if paused:
        return {"trouble": trouble, "trouble_until": 0.0}
    until = rest_until if rest_until > world.now else world.now + REST
    return {"trouble": trouble, "trouble_until": until, "rest_until": max(agent.rest_until, until)}


def is_unknown(world: World, phone: str) -> bool:
    """Has the PBX no such endpoint? Of each PJSIP endpoint it tells the state, of one without a contact, too."""
    device = device_of(world, phone)
    pbx, endpoint = parts_of(world.plan, device)
    named = endpoint.startswith("PJSIP/") and "@" not in endpoint
    return named and device not in world.phones and _are_listed(world, pbx)


def _are_listed(world: World, pbx: str) -> bool:
    """Are the phones of this PBX known?"""
    return any(is_of_pbx(world.plan, pbx, phone) for phone in world.phones.rows())


def device_of(world: World, phone: str) -> str:
    """The device whose state the PBX tells: a phone may name one contact (``PJSIP/1001/sip:...``)."""
    pbx, endpoint = parts_of(world.plan, phone)
    return phone_on(world.plan, pbx, "/".join(endpoint.split("/")[:2]))


def over(agent: Agent) -> AgentChanges:
    """What changes for an agent whose phone works."""
    if not agent.trouble:
        return _NOTHING
    changes: AgentChanges = {"trouble": "", "trouble_until": 0.0}
    if agent.trouble_until:
        changes["rest_until"] = 0.0
    return changes


def is_ended_by(world: World, agent: Agent, before: str, *, reachable: bool, settled: bool) -> bool:
    """Does a change of the phone's state in the PBX show that it works? Not while it may be our own call that changed it, and
    nothing that the phone does says that it is off do not disturb."""
    shown = bool(before) and reachable and settled and agent.leg is None
    return shown and agent.trouble_until > 0 and agent.trouble != DND


def dnd_state(world: World, phone: str) -> str:
    """The device state that may say that this phone is on do not disturb: ``Custom:DND1001`` for ``PJSIP/1001``."""
    pbx, endpoint = parts_of(world.plan, phone)
    extension = endpoint.partition("/")[2].partition("/")[0].partition("@")[0]
    return phone_on(world.plan, pbx, DND_STATE + extension) if extension else ""


def is_dnd_state(world: World, device: str) -> bool:
    """Does the device state say whether a phone is on do not disturb?"""
    return endpoint_of_phone(world.plan, device).startswith(DND_STATE)


def is_dnd(world: World, agent: Agent) -> bool:
    """Does the PBX say so? A nailed-up agent's line is up all the same."""
    states = [dnd_state(world, phone) for phone in agent.phones]
    states += [device for device in world.hints.get(agent.id) or () if is_dnd_state(world, device)]
    on = any(state and (world.phones.get(state) or "") in _ON for state in states)
    return on and agent.connect is not ConnectMode.NAILED_UP


def agents_at(world: World, state: str) -> list[Agent]:
    """Whose phones a do-not-disturb state is about."""
    pbx, endpoint = parts_of(world.plan, state)
    extension = endpoint.removeprefix(DND_STATE)
    found = (world.agent_at(phone_on(world.plan, pbx, technology + extension)) for technology in _TECHNOLOGIES)
    return [*(agent for agent in found if agent is not None), *world.hinted_at(state)]
