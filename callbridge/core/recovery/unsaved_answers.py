"""Answers that were acted on and never saved: Redis did not reply in time, callbridge went on without it, and ended.

In the restored world the caller waits, or a phone rings; in the PBX the caller is in a bridge with an agent. The rows are brought
up to date, and nobody is disconnected. A caller without a row is ``adoption``'s.
"""

from __future__ import annotations

from collections.abc import Mapping

from callbridge.core.calls import calls, talks
from callbridge.core.entities import agent_states
from callbridge.core.model.agent import Agent, Work
from callbridge.core.model.call import Call, Move, OfferResult, Phase, after
from callbridge.core.model.events import LegEnded, PbxSnapshot, SeenBridge, SeenLeg
from callbridge.core.model.ids import LegId
from callbridge.core.model.leg import LegRole
from callbridge.core.model.rows import evolve
from callbridge.core.model.slices import Slices
from callbridge.core.model.world import World
from callbridge.core.recovery import adoption
from callbridge.core.routing import announcements, offers


def find(world: World, event: PbxSnapshot) -> Slices:
    """Callers in a bridge with an agent who, by the rows, was not offered the call."""
    seen = {leg.leg: leg for leg in event.legs}
    yield len(event.legs)
    for bridge in event.bridges:
        yield 1
        for leg in bridge.legs:
            if leg in seen:
                _end_former(world, seen[leg], seen)
        call = _waiting(world, bridge)
        found = _talker(world, call, bridge, seen) if call is not None else None
        if call is not None and found is not None:
            _offered(world, call, bridge, *found)


def joined(world: World, call: Call, bridge: str) -> None:
    """The agent who is offered the call is in the bridge with the caller."""
    if call.phase is Phase.OFFERED:
        call = announcements.stop_prompt(world, evolve(call, phase=after(call.phase, Move.ANSWER)))
    call = evolve(call, bridge=bridge)
    world.calls.put(call.id, call)
    talks.joined(world, call, estimated=True)


def _end_former(world: World, leg: SeenLeg, seen: Mapping[LegId, SeenLeg]) -> None:
    """The agent of this leg is in a call, by the rows, whose leg is not there any more: it has ended before this one began."""
    agent = adoption.named(world, leg)
    former = world.legs.get(agent.leg) if agent is not None else None
    if agent is None or former is None or leg.leg in world.legs or former.id in seen or former.missing_since is None:
        return
    calls.leg_ended(world, former, LegEnded(at=world.now, leg=former.id, estimated=True))
    agent = world.agents[agent.id]
    if agent.work is Work.WRAP_UP:
        agent_states.settle(world, agent_states.change(world, agent, wrap_until=world.now))


def _waiting(world: World, bridge: SeenBridge) -> Call | None:
    """The call whose customer is in the bridge, and which was still looking for an agent."""
    for leg in bridge.legs:
        row = world.legs.get(leg)
        call = world.calls.get(row.call) if row is not None and row.hung_at is None else None
        if call is not None and call.leg == leg and call.phase in (Phase.WAITING, Phase.OFFERED, Phase.JOINING):
            return call
    return None


def _talker(world: World, call: Call, bridge: SeenBridge, seen: Mapping[LegId, SeenLeg]) -> tuple[SeenLeg, Agent] | None:
    """The agent's leg in the bridge, unless it is the one that the call is offered to."""
    if call.visit is None or (call.offer is not None and call.offer.leg in bridge.legs):
        return None
    for leg in bridge.legs:
        row = world.legs.get(leg)
        if leg in seen and (row is None or (row.role is LegRole.SESSION and not row.call)):
            agent = adoption.agent_of(world, seen[leg])
            if agent is not None:
                return seen[leg], agent
    return None


def _offered(world: World, call: Call, bridge: SeenBridge, leg: SeenLeg, agent: Agent) -> None:
    if call.offer is not None:
        offers.retry(world, call, OfferResult.CANCELLED)
        call = world.calls[call.id]
    adoption.open_agents_leg(world, leg, call, agent, bridge.bridge)
    agent = agent_states.change(world, agent, **adoption.at_work(world, agent, leg))
    joined(world, offers.found(world, call, agent, leg.leg), bridge.bridge)
