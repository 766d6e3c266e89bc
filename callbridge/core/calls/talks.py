"""The start of a conversation: agent and customer are in the bridge - or the agent's phone hangs up at once, which is not an
answer."""

from __future__ import annotations

from callbridge.core.entities import agent_states, recordings
from callbridge.core.model.agent import Work
from callbridge.core.model.call import Call, Move, Phase, Segment, after
from callbridge.core.model.events import LegEnded
from callbridge.core.model.facts import TalkBegan
from callbridge.core.model.leg import Leg
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import answers, lost_phones, offers, phone_replies, segments
from callbridge.core.transfers import returns


def joined(world: World, call: Call, said_at: float | None = None, *, estimated: bool = False) -> None:
    """A leg entered the bridge, at ``said_at`` by the PBX's clock; with the second one the conversation starts. The answer counts
    now, or once it is certain. ``estimated``: they were found together, and have been so for a while."""
    offer = call.offer
    if call.phase is not Phase.JOINING or offer is None or call.visit is None:
        return
    customer, agents = world.legs.get(call.leg), world.legs.get(offer.leg)
    if customer is None or agents is None or customer.bridge != call.bridge or agents.bridge != call.bridge:
        return
    queue, visit, waited = call.visit.queue, call.visit.id, world.now - call.wait_from
    segment = Segment(
        agent=offer.agent, leg=offer.leg, queue=queue, began_at=world.now, began_said_at=said_at, estimated=estimated
    )
    segment = recordings.begin(world, call, segment)
    short = answers.short_talk(world, queue)
    if short > 0:
        certain_at = world.now + short
        call = evolve(call, offer=evolve(offer, certain_at=certain_at), deadline=certain_at)
    else:
        call = answers.counted(world, call, world.now, estimated=estimated)
    seq = world.next_seq()
    segment = evolve(segment, id=seq)
    world.calls.put(call.id, evolve(call, phase=after(call.phase, Move.JOIN), segment=segment, failures=0))
    world.emit(
        TalkBegan(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=offer.agent,
            queue=queue,
            leg=offer.leg,
            waited=waited,
            visit=visit,
            offer=offer.id,
            estimated=estimated,
        )
    )
    agent = world.agents[offer.agent]
    agent_states.change(world, agent, work=Work.TALKING, misses=agent.misses if short > 0 else 0)


def too_short(world: World, call: Call, leg: Leg, event: LegEnded) -> bool:
    """The agent's leg has ended. If that was too soon for a conversation, returns True, and the caller waits on or, if the
    call was transferred to this agent, goes back to where it came from."""
    segment = call.segment
    if segment is None or segment.leg != leg.id or leg.transfers or event.estimated or call.transfer is not None:
        return False
    if answers.is_short(world, call, event):
        _no_answer(world, call, leg, event)
        return True
    transferred = not call.is_uncertain and bool(call.transferred_by) and not lost_phones.died(leg, event)
    together = segment.began_at - segment.met_at if segment.met_at is not None else 0.0
    if transferred and together + answers.lasted(world, segment, event) < answers.short_talk(world, segment.queue):
        call = segments.end_segment(world, call, "short", world.now)
        if segment.agent == call.transferred_by:
            call = evolve(call, transferred_by="")  # already back with the agent once: now any agent may get it
        returns.come_back(world, call)
        return True
    return False


def _no_answer(world: World, call: Call, leg: Leg, event: LegEnded) -> None:
    """The offer failed after all; nothing is counted as answered or talked, and the next agent is offered the call."""
    segment, offer = call.segment, call.offer
    assert segment is not None
    assert offer is not None
    call = recordings.end(world, call, segment, world.now)
    segments.emit_talk_ended(world, call, segment, "short", world.now)
    call = evolve(segments.end_supervision(world, call), segment=None, keys="", keys_until=None, short_talks=call.short_talks + 1)
    lost, excused = offer.nailed or lost_phones.died(leg, event), answers.was_in_silence(world, leg, event)
    reply = phone_replies.reply_after_answer(leg, event, lost=lost, excused=excused)
    offers.retry(world, call, reply.result, cause=event.cause, trouble=reply.trouble)
