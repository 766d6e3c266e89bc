"""Who has a call that a phone transferred by itself: a phone of an agent means that this agent talks.

The PBX puts a Local channel in our bridge; the party it reached is at the other half, in a bridge that is not ours. When
the half in our bridge is answered, the PBX is asked who that is (``FindParty``). The half is the agent's leg from then on: it
ends when the phone hangs up. It does not end when the phone transfers the call on, so the PBX is asked again when the phone is
free.

    outside -- an agent's phone has answered --> talking -- that phone has transferred it on --> outside
"""

from __future__ import annotations

from callbridge.core.entities import agent_phones, agent_states, recordings
from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.call import Call, Move, Phase, Segment, after
from callbridge.core.model.events import PartyFound
from callbridge.core.model.facts import TalkBegan
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import FindParty
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import segments

FIRST_RETRY = 0.5
"""Seconds until the PBX is asked again when nobody is at the other half yet; doubles each time, up to LONGEST_RETRY."""
LONGEST_RETRY = 5.0
MAX_RETRIES = 8


def look(world: World, leg: Leg) -> None:
    """Ask who is at the other half of a Local channel that stands in our bridge."""
    if leg.pair and leg.hung_at is None:
        world.put_leg(leg, tries=0, deadline=None)
        world.order(FindParty(leg=leg.id))


def look_again(world: World, leg: Leg) -> bool:
    """A deadline of this leg has passed: is it the one after which the PBX is asked again?"""
    call = world.calls.get(leg.call)
    if leg.role is not LegRole.OUTSIDE or not leg.tries or not leg.pair or call is None or call.far != leg.id:
        return False
    if leg.hung_at is not None or leg.left or leg.missing_since is not None:
        return False
    world.put_leg(leg, deadline=None)
    world.order(FindParty(leg=leg.id))
    return True


def phone_changed(world: World, phone: str) -> None:
    """An agent's phone is free though the half of its call is still up: it may have transferred the call on."""
    agent = world.agent_at(phone)
    leg = world.legs.get(agent.leg) if agent is not None else None
    if agent is None or leg is None or not leg.pair or agent.work is not Work.TALKING:
        return
    if world.phones.get(phone) not in agent_phones.IN_USE_STATES:
        look(world, leg)


def found(world: World, event: PartyFound) -> None:
    """The PBX has answered; an empty ``phone``: nobody is there, or not yet."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    if leg is None or call is None or leg.hung_at is not None:
        return
    if call.segment is not None and call.segment.leg == leg.id:
        talker = world.agents.get(call.segment.agent)
        if talker is None or event.phone in talker.phones:
            return
        call, leg = transferred_on(world, call, leg, talker)
    if call.far != leg.id or call.phase is not Phase.OUTSIDE:
        return
    agent = world.agent_at(event.phone) if event.phone else None
    if agent is not None:
        _talks(world, call, leg, agent)
    elif not event.phone:
        not_found(world, leg)


def not_found(world: World, leg: Leg) -> None:
    """Nobody is at the other half yet, the PBX did not say, or the agent there is not free yet: ask again after a while."""
    if leg.role is LegRole.OUTSIDE and leg.tries < MAX_RETRIES:
        wait = min(LONGEST_RETRY, FIRST_RETRY * 2.0**leg.tries)
        world.put_leg(leg, tries=leg.tries + 1, deadline=world.now + wait)


def _talks(world: World, call: Call, leg: Leg, agent: Agent) -> None:
    """An agent's phone has answered the transferred call: the agent's segment begins."""
    if agent.work is Work.WRAP_UP and agent.leg is None:
        agent = agent_states.settle(world, agent_states.change(world, agent, wrap_until=world.now))
    if agent.intent is Intent.LOGGED_OUT:
        return
    if agent.work is not Work.IDLE or agent.leg is not None:  # the phone that gave the call away, or an offer, is not over yet
        not_found(world, leg)
        return
    world.put_leg(leg, role=LegRole.AGENT, agent=agent.id, tries=0, deadline=None)
    segment = Segment(agent=agent.id, leg=leg.id, queue=call.transferred_from, began_at=world.now, began_said_at=leg.up_said_at)
    segment = recordings.begin(world, call, segment)
    seq = world.next_seq()
    segment = evolve(segment, id=seq)
    call = evolve(call, phase=after(call.phase, Move.JOIN), far=None, segment=segment, segments=call.segments + 1)
    world.calls.put(call.id, call)
    world.emit(
        TalkBegan(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=agent.id,
            queue=segment.queue,
            leg=leg.id,
            waited=world.now - call.waiting_since,
        )
    )
    agent_states.change(world, agent, work=Work.TALKING, call=call.id, leg=leg.id, misses=0)


def transferred_on(world: World, call: Call, leg: Leg, agent: Agent) -> tuple[Call, Leg]:
    """The agent's phone has given the call to somebody else; the half in our bridge stays."""
    segment = call.segment
    assert segment is not None
    call = segments.end_segment(world, call, "transfer", world.now, by_phone=True)
    leg = world.put_leg(world.legs[leg.id], role=LegRole.OUTSIDE, agent="", call=call.id, transferred_call="", deadline=None)
    agent_states.leg_gone(world, world.agents[agent.id])
    phase = after(call.phase, Move.GO_OUTSIDE)
    call = evolve(call, phase=phase, far=leg.id, transferred_by=agent.id, transferred_from=segment.queue)
    world.calls.put(call.id, call)
    return call, leg
