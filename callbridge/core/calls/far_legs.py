"""Legs of agents whose phones belong to another PBX: their calls come to the phone over a tie line.

The phone's own PBX says whether it is in use. When it is not, the call is over for the agent, though the PBX of the call may not
say so: because the link to it is lost, or because the phone has given the call to somebody else.

    talking -- the phone is free, the PBX of the call is lost ------------> the agent is free; the call is settled when it is back
            -- the phone is free, and the leg is still up after a while --> the agent has transferred it on, to somebody outside
"""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.calls import calls, transferred_parties
from callbridge.core.entities import agent_phones, agent_states
from callbridge.core.model.agent import Agent, Work
from callbridge.core.model.events import LegEnded
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import Leg
from callbridge.core.model.world import World

LEFT_AFTER = 2.0
"""Seconds after which the PBX of the call has reported that the phone hung up."""


def pbx_lost(world: World, pbx: str) -> None:
    """The link to this PBX is lost."""
    if len(world.plan.pbxs) > 1:
        for agent in [one for one in world.agents.values() if one.leg is not None and pbx_of(one.leg) == pbx]:
            _end_unreported(world, agent)


def phone_changed(world: World, phone: str) -> None:
    """The PBX of this phone has reported its state."""
    agent = world.agent_at(phone)
    if agent is None or agent.leg is None or len(world.plan.pbxs) == 1:
        return
    if pbx_of(agent.leg) in world.down:
        _end_unreported(world, agent)
    elif agent.work is Work.TALKING and _is_free(world, agent) and any(_far_legs(world, agent)):
        agent_states.change(world, agent, inspect_at=world.now + LEFT_AFTER)


def inspect(world: World, agent: Agent) -> None:
    """The time for which the end of the leg was awaited is over."""
    if agent.work is not Work.TALKING or not _is_free(world, agent):
        return
    for leg in _far_legs(world, agent):
        call = world.calls.get(leg.call)
        if leg.hung_at is None and call is not None and call.segment is not None and call.segment.leg == leg.id:
            transferred_parties.transferred_on(world, call, leg, agent)


def _end_unreported(world: World, agent: Agent) -> None:
    if _is_free(world, agent):
        for leg in [*_far_legs(world, agent)]:
            calls.leg_ended(world, leg, LegEnded(at=world.now, leg=leg.id, estimated=True))


def _is_free(world: World, agent: Agent) -> bool:
    """Do the agent's phones, as far as they can be heard of, say that they are not in use?"""
    heard = any(agent_phones.is_linked(world, phone) and world.phones.get(phone) for phone in agent.phones)
    return heard and not agent_phones.in_use(world, agent)


def _far_legs(world: World, agent: Agent) -> Iterator[Leg]:
    """Those on PBXs that have none of the agent's phones."""
    for leg in [world.legs.get(key) for key in (agent.leg, *agent.also_ringing)]:
        if leg is not None and not agent_phones.is_at(world, agent, pbx_of(leg.id)):
            yield leg
