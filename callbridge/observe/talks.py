"""What happens to callers who are answered, and the end of every call: talks, hold, transfers, hang-ups."""

from __future__ import annotations

from callbridge.core.model.call import Call, Phase, Segment, VisitOutcome
from callbridge.core.model.facts import CallEnded, CallTransferred, TalkBegan, TalkEnded
from callbridge.core.model.ids import leg_id
from callbridge.core.model.rows import evolve
from callbridge.observe import members
from callbridge.observe.calls import end_offer, end_visit, left_unanswered, unanswered
from callbridge.observe.floor import AmiMessage, ObservedFloor

_ENDED_BY = {"caller": "customer", "agent": "agent", "transfer": "transfer"}
AWAIT_COMPLETE = 2.0
"""Seconds for which a talk whose caller's channel has ended waits for AgentComplete."""


# -- talks ------------------------------------------------------------------------------------------------------------


def connected(floor: ObservedFloor, message: AmiMessage) -> None:
    """A member has answered and talks with the caller."""
    world, channel = floor.world, message.get("DestUniqueid", "")
    call = floor.call_in_line(message)
    if call is None or call.visit is None:
        return
    visit, agent = call.visit, floor.agent_of(message.get("Interface", ""))
    offer = floor.offers.get(channel)
    call = end_visit(floor, call, VisitOutcome.ANSWERED)
    for each in floor.offers_of(call.id):
        end_offer(floor, each, "answered" if each.channel == channel else "cancelled")
    seq, leg = world.next_seq(), leg_id(floor.pbx, channel)
    world.emit(
        TalkBegan(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=agent,
            queue=visit.queue,
            leg=leg,
            waited=max(0.0, world.now - call.arrived_at),
            visit=visit.id,
            offer=offer.id if offer is not None else 0,
        )
    )
    segment = Segment(agent=agent, leg=leg, queue=visit.queue, began_at=world.now, id=seq)
    world.calls.put(call.id, evolve(call, segment=segment, phase=Phase.TALKING, segments=call.segments + 1))
    members.meet(floor, message)
    members.review(floor, agent)


def held(floor: ObservedFloor, message: AmiMessage, *, on: bool) -> None:
    """The member puts the caller on hold, or takes the caller back."""
    world = floor.world
    for call in [one for one in world.calls.rows().values() if one.segment is not None]:
        segment = call.segment
        if segment is None or segment.leg != leg_id(floor.pbx, message.get("Uniqueid", "")):
            continue
        if on and segment.held_since is None:
            world.calls.put(call.id, evolve(call, segment=evolve(segment, held_since=world.now)))
        elif not on and segment.held_since is not None:
            whole = segment.held_until(world.now)
            world.calls.put(call.id, evolve(call, segment=evolve(segment, held_since=None, hold_seconds=whole)))


def transferred(floor: ObservedFloor, message: AmiMessage, *, attended: bool) -> None:
    """Somebody in the conversation gave it away; AgentComplete says that the member's talk is over."""
    world = floor.world
    if attended:
        _place_taken(floor, message)
    prefix = "OrigTransferer" if attended else "Transferer"
    giver, behind = message.get(f"{prefix}Uniqueid", ""), message.get(f"{prefix}Linkedid", "")
    for call in [one for one in world.calls.rows().values() if one.segment is not None]:
        segment = call.segment
        if segment is None or (giver not in (call.id, segment.leg.partition("/")[2]) and behind != call.id):
            continue  # behind a member's Local channel, the phone is known by what it is linked to only
        world.emit(
            CallTransferred(
                seq=world.next_seq(),
                at=world.now,
                call=call.id,
                agent=segment.agent,
                queue=segment.queue,
                target=_target_of(message),
                attended=attended,
                party="customer" if giver == call.id else "agent",
            )
        )
        return


def _target_of(message: AmiMessage) -> str:
    extension, context = message.get("Extension", ""), message.get("Context", "")
    if extension:
        return f"{extension}@{context}"
    return message.get("TransferTargetCallerIDNum", "") or message.get("SecondTransfererExten", "")


def _place_taken(floor: ObservedFloor, message: AmiMessage) -> None:
    """A member who waits in a queue for a consult passes the place to the caller, whose channel continues there."""
    consult = floor.world.calls.get(message.get("SecondTransfererUniqueid"))
    caller = message.get("TransfereeUniqueid", "")
    if message.get("DestType") == "App" and caller and consult is not None and consult.visit is not None:
        floor.taken[caller] = consult.id


def _completed_call(floor: ObservedFloor, message: AmiMessage) -> Call | None:
    """Which talk of this member it was. The member's channel tells, if the message names it: it does not once that has ended.
    The caller's may be another one, that has taken the caller's place in a transfer; if neither is named, both have ended."""
    queue, channel = message.get("Queue", ""), message.get("DestUniqueid", "")
    talks = {
        call.segment.leg: call
        for call in floor.world.calls.rows().values()
        if call.segment is not None and call.segment.queue == queue
    }
    by_caller = (call for call in talks.values() if call.id == message.get("Uniqueid"))
    named = talks.get(leg_id(floor.pbx, channel)) or next(by_caller, None)
    if named is not None or channel or message.get("Uniqueid"):
        return named
    agent = floor.agent_of(message.get("Interface", ""))
    over = (call for call in talks.values() if call.deadline is not None)
    return next((call for call in over if call.segment is not None and call.segment.agent == agent), None)


def completed(floor: ObservedFloor, message: AmiMessage) -> None:
    call = _completed_call(floor, message)
    if call is not None and call.segment is not None:
        at = None if call.deadline is None else call.deadline - AWAIT_COMPLETE
        call = end_talk(floor, call, _ENDED_BY.get(message.get("Reason", ""), "customer"), at=at)
        if at is not None:
            end_call(floor, call, at=at)


def end_talk(floor: ObservedFloor, call: Call, ended_by: str, *, at: float | None = None, estimated: bool = False) -> Call:
    """``at``: when the caller's channel ended, if it was known before."""
    world, segment = floor.world, call.segment
    if segment is None:
        return call
    until = world.now if at is None else at
    world.emit(
        TalkEnded(
            seq=world.next_seq(),
            at=until,
            call=call.id,
            agent=segment.agent,
            queue=segment.queue,
            talked=max(0.0, until - segment.began_at),
            hold_seconds=segment.held_until(until),
            ended_by=ended_by,
            segment=segment.id,
            estimated=estimated,
        )
    )
    call = evolve(call, segment=None, phase=Phase.OUTSIDE)
    world.calls.put(call.id, call)
    members.talk_over(floor, segment.agent, segment.queue)
    return call


# -- the end ----------------------------------------------------------------------------------------------------------


def gone(floor: ObservedFloor, message: AmiMessage) -> None:
    """A channel has ended: the caller's, or a member's who was being rung."""
    channel = message.get("Uniqueid", "")
    offer = floor.offers.get(channel)
    if offer is not None and offer.call in floor.leaving:
        end_offer(floor, offer, "cancelled")
        left_unanswered(floor, offer.call)
    if channel in floor.taken.values():
        return  # the caller who was given its place goes on
    taken = floor.world.calls.get(floor.taken.pop(channel, None))
    for call in (floor.world.calls.get(channel), taken):
        if call is not None:
            _channel_gone(floor, call)


def _channel_gone(floor: ObservedFloor, call: Call) -> None:
    if call.segment is not None:
        # Two threads of Asterisk tell these: AgentComplete, which says by whom the talk ended, may be the later one.
        floor.world.calls.put(call.id, evolve(call, deadline=floor.world.now + AWAIT_COMPLETE))
    else:
        end_call(floor, call)


def overdue(floor: ObservedFloor, key: str) -> None:
    """Nothing came that says who ended the talk of a caller whose channel has ended, or that a caller who left was answered."""
    call = floor.world.calls.get(key)
    if call is not None and call.visit is not None:
        unanswered(floor, call)
    elif call is not None and call.deadline is not None:
        end_call(floor, call, at=call.deadline - AWAIT_COMPLETE)


def taken(floor: ObservedFloor, key: str) -> None:
    """callbridge itself has the caller now."""
    call = floor.world.calls.get(key)
    if call is not None:
        end_call(floor, call)


def end_call(floor: ObservedFloor, call: Call, *, at: float | None = None, estimated: bool = False) -> None:
    """The caller's channel is gone, at ``at`` if not just now, or was not found any more (``estimated``)."""
    world, until = floor.world, floor.world.now if at is None else at
    if call.visit is not None and estimated:
        call = end_visit(floor, call, VisitOutcome.FAILED, reason="connection_lost", estimated=True)
    elif call.visit is not None:
        unanswered(floor, call)
        call = world.calls[call.id]
    call = end_talk(floor, call, "lost" if estimated else "customer", at=at, estimated=estimated)
    world.emit(
        CallEnded(
            seq=world.next_seq(),
            at=until,
            call=call.id,
            lasted=max(0.0, until - call.arrived_at),
            outcome=call.outcome,
            segments=call.segments,
            estimated=estimated,
        )
    )
    world.calls.drop(call.id)
    floor.forget(call.id)
