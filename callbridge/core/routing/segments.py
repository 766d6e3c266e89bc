"""The ends of conversations: of a segment, the bridge, the supervision and the call itself."""

from __future__ import annotations

from callbridge.core.entities import agent_states, callbacks, legs, recordings
from callbridge.core.model.call import Call, Move, Segment, Supervision, VisitOutcome, after
from callbridge.core.model.facts import CallEnded, SupervisionEnded, TalkEnded
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import DropBridge, StartMusic
from callbridge.core.model.plan import ToFlow, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import answers, visits

CLOSE_CHECK = 2.0
"""Seconds for which the phone that transferred its caller may keep its own leg (it waits for a NOTIFY)."""


def end_segment(
    world: World,
    call: Call,
    by: str,
    when: float,
    estimated: bool = False,
    *,
    keep_bridge: bool = False,
    by_phone: bool = False,
) -> Call:
    """End an agent's segment: emit it, and release the agent into wrap-up. Returns the call without it.

    ``keep_bridge``: the call continues in it. ``by_phone``: the phone itself transferred the call; so the bridge stays, and
    the phone hangs up its leg when it has received the result."""
    call = answers.count(world, call)
    segment = call.segment
    assert segment is not None
    call = recordings.end(world, call, segment, when)
    emit_talk_ended(world, call, segment, by, when, estimated)
    served = segment.agent, segment.queue
    call = evolve(
        end_supervision(world, call),
        segment=None,
        keys="",
        keys_until=None,
        served=served,
        served_segment=segment.id,
        failed_transfer=("", ""),
    )
    if not (by_phone or keep_bridge):
        call = drop_bridge(world, call, (call.leg, segment.leg))
    leg = world.legs.get(segment.leg)
    agent = world.agents.get(segment.agent)
    if leg is not None and by_phone:
        leg = world.put_leg(leg, transferred_call=call.id)
    if leg is not None and leg.role is LegRole.SESSION:
        world.put_leg(leg, call="", bridge=None)
    elif leg is not None and by_phone:
        world.put_leg(leg, call="", deadline=world.now + CLOSE_CHECK)
    else:
        legs.hang_up(world, segment.leg)
    if agent is not None and agent.call == call.id:
        if leg is None:
            agent = agent_states.without_leg(world, agent)
        elif leg.role is LegRole.SESSION:
            agent = agent_states.change(world, agent, leg=None)
        queue = world.plan.queues.get(segment.queue)
        wrap_up = queue.wrap_up if queue is not None else 0.0
        agent_states.release(world, agent, segment.queue, wrap_up, call=call, segment=segment.id)
    return call


def emit_talk_ended(world: World, call: Call, segment: Segment, by: str, when: float, estimated: bool = False) -> None:
    world.emit(
        TalkEnded(
            seq=world.next_seq(),
            at=when,
            call=call.id,
            agent=segment.agent,
            queue=segment.queue,
            talked=max(0.0, when - segment.began_at),
            hold_seconds=min(max(0.0, segment.held_until(when)), max(0.0, when - segment.began_at)),
            ended_by=by,
            segment=segment.id,
            estimated=estimated or segment.estimated,
            direction=call.direction,
        )
    )


def drop_bridge(world: World, call: Call, inside: tuple[LegId, ...]) -> Call:
    """Drop the call's bridge, if it has one; returns the call without it."""
    if call.bridge is not None:
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=inside))
        call = evolve(call, bridge=None)
    return call


def end_call(world: World, call: Call, reason: str = "normal") -> None:
    """No other party is left: hang up the customer's leg, for this reason (``HangUp``)."""
    call = drop_bridge(world, call, (call.leg,))
    if call.leg not in world.legs:
        finish(world, call, world.now)  # the customer has not been dialled yet
        return
    world.calls.put(call.id, evolve(call, phase=after(call.phase, Move.HANG_UP), deadline=None))
    legs.hang_up(world, call.leg, reason)


def finish(world: World, call: Call, when: float, estimated: bool = False) -> None:
    """Remove the call from the world and emit its end."""
    call = drop_bridge(world, call, ())
    if call.visit is not None:  # of a callback: no queue counts it
        call = visits.end_visit(world, call, VisitOutcome.FAILED)
    world.calls.drop(call.id)
    emit_ended(world, call, when, estimated)


def emit_ended(world: World, call: Call, when: float, estimated: bool = False) -> None:
    callbacks.call_over(world, call)
    world.emit(
        CallEnded(
            seq=world.next_seq(),
            at=when,
            call=call.id,
            lasted=max(0.0, when - call.arrived_at),
            outcome=call.outcome or call.dial_result,
            segments=call.segments,
            estimated=estimated,
        )
    )


def queue_again(world: World, call: Call, queue: str) -> None:
    """The next visit of the same call; tier, arrival time and timeline are kept."""
    call = out_of_bridge(world, call)
    world.order(StartMusic(leg=call.leg, music=world.plan.queues[queue].music))
    visits.begin_visit(world, call, queue)


def by_entry(world: World, call: Call, reason: str) -> bool:
    """Send the call to the destination of its entry; False when there is none."""
    match world.plan.destination_of(call.entry):
        case ToQueue(queue):
            queue_again(world, call, queue)
        case ToFlow(flow):
            visits.into_flow(world, out_of_bridge(world, call), flow, reason)
        case None:
            return False
    return True


def out_of_bridge(world: World, call: Call) -> Call:
    """Take the caller out of the bridge, for music; everybody else in the bridge leaves it, too."""
    if call.bridge is not None:
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=(call.leg,)))
        customer = world.legs.get(call.leg)
        if customer is not None:
            world.put_leg(customer, bridge=None)
    return evolve(call, bridge=None)


def end_supervision(world: World, call: Call) -> Call:
    """Disconnect all supervisors: nobody may listen after the conversation. Returns the call without them."""
    for one in call.supervisions:
        release(world, call, one)
    return evolve(call, supervisions=()) if call.supervisions else call


def release(world: World, call: Call, one: Supervision, *, keep_leg: bool = False) -> None:
    """Disconnect one supervisor; ``keep_leg``: the phone stays connected, for another mode."""
    if not keep_leg:
        legs.hang_up(world, one.leg)
    unhook(world, one)  # after the hang-up: otherwise the end of the bridge could overtake the order that creates it
    if not one.up:
        return  # a supervisor who never picked up did not take part
    world.emit(
        SupervisionEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=one.agent,
            queue=call.segment.queue if call.segment is not None else "",
            by=one.by,
            mode=one.mode,
            phone=one.phone,
            lasted=world.now - one.began_at,
        )
    )


def unhook(world: World, one: Supervision) -> None:
    """Remove the Snoop channel and its bridge."""
    legs.hang_up(world, one.snoop)
    if one.bridge is not None:
        world.order(DropBridge(bridge=one.bridge, pbx=pbx_of(one.leg), legs=(one.leg,)))
