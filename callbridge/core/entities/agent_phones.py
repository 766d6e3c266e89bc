"""An agent's phones, taken together: which of them are in force, and in which state they are.

The state is that of the best phone: the agent can be reached if one phone can. But who is in a call at one phone is busy at all,
and so is who is in a call at another device of the extension's hint.
"""

from __future__ import annotations

from callbridge.core.model.agent import Agent, Device, Work
from callbridge.core.model.changes import AgentChanges
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.phones import is_of_pbx, pbx_of_phone
from callbridge.core.model.world import World

OFFLINE_STATES = frozenset({"UNAVAILABLE", "INVALID"})
IN_USE_STATES = frozenset({"INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"})
TIE_DELAY = 0.7
"""Seconds that the end of a call may take to reach a phone over the tie line. Rung before, the phone would reply that it is busy.
Longer than until the PBX is queried whether the phone is in use."""
DND_STATE = "Custom:DND"
"""Begins the name of the device state that FreePBX keeps for an extension on do not disturb."""


def device_of(state: str) -> Device:
    """What a state that the PBX reports means."""
    if state in OFFLINE_STATES:
        return Device.OFFLINE
    return Device.BUSY_ELSEWHERE if state in IN_USE_STATES else Device.AVAILABLE


def is_linked(world: World, phone: str) -> bool:
    """Is there a link to the PBX of this phone? Of several PBXs one may be lost, with its phones; without the only one nothing is
    offered anyway, and agents keep their states."""
    return len(world.plan.pbxs) == 1 or pbx_of_phone(world.plan, phone) not in world.down


def is_at(world: World, agent: Agent, pbx: str) -> bool:
    """Has this PBX one of the agent's phones?"""
    return any(is_of_pbx(world.plan, pbx, phone) for phone in agent.phones)


def rests_until(world: World, agent: Agent) -> float:
    """Until when the agent is left alone, now that the leg has ended: if it came over a tie line, until the phone has ended it,
    too."""
    if agent.leg is None or is_at(world, agent, pbx_of(agent.leg)):
        return agent.rest_until
    has_hung_up = agent.work in (Work.TALKING, Work.WRAP_UP) and not in_use(world, agent)
    return agent.rest_until if has_hung_up else max(agent.rest_until, world.now + TIE_DELAY)


def has_heard(agent: Agent, device: Device) -> bool:
    """Does the phone, now reported so, end the wait of ``rests_until``?"""
    return device is Device.AVAILABLE and agent.rest_until == agent.leg_gone_at + TIE_DELAY


def device_at(world: World, phone: str) -> Device:
    """What the state of this phone means; offline on a PBX to which there is no link."""
    return device_of(world.phones.get(phone) or "") if is_linked(world, phone) else Device.OFFLINE


def device(world: World, agent: Agent) -> Device:
    """What the states of the agent's phones mean, taken together."""
    found = {device_of(world.phones.get(phone) or "") for phone in agent.phones if is_linked(world, phone)}
    if hint_in_use(world, agent):
        found.add(Device.BUSY_ELSEWHERE)
    return next((one for one in (Device.BUSY_ELSEWHERE, Device.AVAILABLE) if one in found), Device.OFFLINE)


def in_use(world: World, agent: Agent) -> list[str]:
    """The phones that the PBX reports in use."""
    return [phone for phone in agent.phones if (world.phones.get(phone) or "") in IN_USE_STATES]


def hint_in_use(world: World, agent: Agent) -> bool:
    """Is the agent in a call at a device of the extension's hint that is none of the phones which we ring?"""
    others = set(world.hints.get(agent.id) or ()) - {*agent.phones}
    return any((world.phones.get(device) or "") in IN_USE_STATES for device in others if DND_STATE not in device)


def makes_feature_call(world: World, agent: Agent) -> bool:
    """Does one of the phones call us just now: a feature code, or an entry?"""
    return any(world.features_at(phone) for phone in agent.phones)


def without(agent: Agent, phone: str) -> AgentChanges:
    """What changes for an agent who gives up this phone."""
    left = tuple(one for one in agent.phones if one != phone)
    return {"phone": left[0] if left else "", "also": left[1:]}


def by_plan(world: World, agent: Agent, phone: str) -> tuple[str, ...]:
    """The other phones that the plan gives the agent who is at this one; none at a desk that is not the agent's own."""
    plan = world.plan.agents.get(agent.id)
    return tuple(one for one in plan.phones if one != phone) if plan is not None and phone in plan.phones else ()


def owner(world: World, phone: str, borrower: str) -> Agent | None:
    """The agent to whom the plan gives a phone at which another one was."""
    own = world.plan.agents.get(borrower)
    if own is not None and phone in own.phones:
        return None  # the usual case, answered without a look at all agents
    return next((world.agents.get(plan.id) for plan in world.plan.agents.values() if phone in plan.phones), None)
