"""Agents who picked up while nobody listened, and hear silence: the offer goes on where they are, instead of beginning again.

Only of a phone that rang for this call: a nailed-up line is up all the time, which says nothing.
"""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.entities import agent_states
from callbridge.core.model.call import Call, OfferStage, Phase
from callbridge.core.model.leg import Leg
from callbridge.core.model.orders import Bridge
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import devices, offers


def has_picked_up(world: World, call: Call) -> Leg | None:
    """The leg of the agent to whom the call is offered, if it is up."""
    offer = call.offer
    agent = world.agents.get(offer.agent) if offer is not None else None
    if offer is None or offer.nailed or agent is None:
        return None
    legs = (world.legs.get(leg) for leg in (agent.leg, *agent.also_ringing) if leg is not None)
    return next((leg for leg in legs if leg is not None and leg.up_at is not None and leg.missing_since is None), None)


def go_on(world: World, call: Call, leg: Leg) -> None:
    """Prompts that the agent may not have heard to the end are played once more, and a join that may be lost is ordered again."""
    agent_states.phone_works(world, world.agents[leg.agent])
    call = devices.answered(world, call, leg)
    offer = call.offer
    assert offer is not None
    if call.phase is Phase.JOINING and call.bridge is not None:
        queue = call.visit.queue if call.visit is not None else ""
        world.order(Bridge(bridge=call.bridge, legs=(call.leg, leg.id), call=call.id, queue=queue, agent=offer.agent))
        world.calls.put(call.id, evolve(call, deadline=world.now + offers.JOIN_CHECK))
        return
    call = evolve(call, offer=replace(offer, stage=OfferStage.RINGING, playback="", reading=""))
    world.calls.put(call.id, call)
    offers.answered(world, call)
