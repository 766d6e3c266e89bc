"""When an answer counts. Once both legs are in the bridge the conversation has started and is published; but a phone that hangs
up within the queue's ``short_talk`` has not answered. Such an offer has failed, and the caller keeps the place.

Until then the call is talking *and* still has its visit and its offer. Anything else that happens to the call makes the answer
certain: the caller hangs up, the call is transferred, moved or supervised, or there is any request about it.
"""

from __future__ import annotations

from callbridge.core.entities import agent_states, attempts, callbacks
from callbridge.core.model.agent import Agent
from callbridge.core.model.call import Call, Offer, OfferResult, Segment, VisitOutcome
from callbridge.core.model.events import LegEnded
from callbridge.core.model.facts import OfferEnded
from callbridge.core.model.leg import Leg
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import visits

SILENCE = 1.0
"""Seconds for which an agent who picked up may hear silence because we learned of it late."""


def short_talk(world: World, queue: str) -> float:
    """Seconds within which a hang-up by the agent means that the call was not answered; 0: an answer counts at once."""
    plan = world.plan.queues.get(queue)
    return plan.short_talk if plan is not None else 0.0


def is_short(world: World, call: Call, event: LegEnded) -> bool:
    """Does the agent's hang-up come too soon for an answer?"""
    due = call.offer.certain_at if call.is_uncertain and call.offer is not None else None
    if due is None or call.segment is None:
        return False
    return lasted(world, call.segment, event) < due - call.segment.began_at


def lasted(world: World, segment: Segment, event: LegEnded) -> float:
    """Seconds from the start of the conversation to the end of this leg, by the PBX's clock if it reports both: after a stall we
    may receive both events at the same moment, or late."""
    if segment.began_said_at is not None and event.said_at is not None and event.said_at >= segment.began_said_at:
        return event.said_at - segment.began_said_at
    return world.now - segment.began_at


def outlasted(world: World, agent: str, certain_at: float, event: LegEnded) -> bool:
    """Did an agent who was consulted talk until the answer was certain, by the PBX's clock if the end is reported late?"""
    known = world.agents.get(agent)
    return known is not None and (world.now if event.said_at is None else min(world.now, event.said_at)) >= certain_at


def was_in_silence(world: World, leg: Leg, event: LegEnded) -> bool:
    """Did the agent pick up long before we learned of it, hear silence and hang up? Then it was not the agent's fault."""
    if leg.up_at is None or leg.up_said_at is None or event.said_at is None:
        return False
    return (event.said_at - leg.up_said_at) - (world.now - leg.up_at) > SILENCE


def count(world: World, call: Call) -> Call:
    """The answer is certain: emit and count it with the time when the conversation started. Returns the call in any case."""
    segment = call.segment
    if not call.is_uncertain or segment is None:
        return call
    call = counted(world, call, segment.began_at, estimated=segment.estimated)
    agent = world.agents.get(segment.agent)
    if agent is not None:
        agent_states.change(world, agent, misses=0)
    world.calls.put(call.id, call)
    return call


def counted(world: World, call: Call, at: float, *, estimated: bool = False) -> Call:
    """Offer and visit end as ``answered``, a callback as kept. Returns the call without them."""
    offer = call.offer
    assert offer is not None
    leg = world.legs.get(offer.leg)
    callbacks.kept(world, call)
    attempts.connected(world, call, at)
    rang_until = leg.up_at if leg is not None and not offer.nailed else None
    emit_offer_ended(world, call, offer, OfferResult.ANSWERED, at=at, rang_until=rang_until)
    call = visits.end_visit(world, call, VisitOutcome.ANSWERED, at=at, estimated=estimated)
    return evolve(call, offer=None, segments=call.segments + 1, rejoined_at=None, deadline=call.keys_until)


def emit_unheard(world: World, agent: Agent, call: str, result: OfferResult) -> None:
    """How an offer ended of which the agent's row alone is left."""
    rang_for, leg = max(0.0, world.now - agent.since), agent.leg or ""
    world.emit(
        OfferEnded(seq=world.next_seq(), at=world.now, call=call, agent=agent.id, leg=leg, result=result, rang_for=rang_for)
    )


def emit_offer_ended(
    world: World,
    call: Call,
    offer: Offer,
    result: OfferResult,
    *,
    at: float | None = None,
    rang_until: float | None = None,
    cause: int = 0,
    trouble: str = "",
) -> None:
    at = world.now if at is None else at
    until = at if rang_until is None else rang_until
    world.emit(
        OfferEnded(
            seq=world.next_seq(),
            at=at,
            call=call.id,
            agent=offer.agent,
            queue=call.visit.queue if call.visit else "",
            leg=offer.leg,
            result=result,
            rang_for=max(0.0, until - offer.at),
            offer=offer.id,
            visit=call.visit.id if call.visit else 0,
            cause=cause,
            trouble=trouble,
        )
    )
