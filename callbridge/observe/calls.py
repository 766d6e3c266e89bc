"""What happens to callers: they arrive, wait, are offered, talk and leave.

app_queue reports a caller who leaves after a time-out as abandoned as well (its log says EXITWITHTIMEOUT). The caller's hang-up
is published before that report, so an abandonment without one is an overflow.
"""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.model.call import Call, Phase, Segment, Visit, VisitOutcome
from callbridge.core.model.facts import (
    CallArrived,
    CallEnded,
    CallTransferred,
    OfferEnded,
    OfferMade,
    TalkBegan,
    TalkEnded,
    VisitBegan,
    VisitEnded,
)
from callbridge.core.model.ids import leg_id
from callbridge.core.model.rows import evolve
from callbridge.core.model.tally import ended, offered, tally_key
from callbridge.observe import members
from callbridge.observe.floor import SOURCE, AmiMessage, ObservedFloor, OpenOffer, agent_id, known_text, number_in

_RESULTS = {
    "BUSY": "rejected",
    "DONTCALL": "rejected",
    "TORTURE": "rejected",
    "CONGESTION": "offline",
    "CHANUNAVAIL": "offline",
}
"""DIALSTATUS -> the result of the offer; any other that is no answer is ``no_answer``."""
_ENDED_BY = {"caller": "customer", "agent": "agent", "transfer": "transfer"}
ANSWER, CANCEL = "ANSWER", "CANCEL"
AWAIT_COMPLETE = 2.0
"""Seconds for which a talk whose caller's channel has ended waits for AgentComplete."""


# -- arriving and waiting ---------------------------------------------------------------------------------------------


def joined(floor: ObservedFloor, message: AmiMessage, *, since: float | None = None) -> None:
    """A caller is in a queue; ``since``: found waiting there since then, which is only known to the second."""
    world, key, queue = floor.world, message.get("Uniqueid", ""), message.get("Queue", "")
    if not key or not queue:
        return
    at = world.now if since is None else since
    floor.add_queue(queue)
    call = world.calls.get(key)
    if call is None:
        call = _arrived(floor, message, at, found=since is not None)
    elif call.visit is not None and call.visit.queue == queue and key not in floor.leaving:
        return  # found by the listing just now
    elif call.visit is not None:
        call = end_visit(floor, call, VisitOutcome.OVERFLOWED, to=f"queue:{queue}")
    floor.leaving.discard(key)
    floor.hung_up.discard(key)
    seq = world.next_seq()
    world.emit(
        VisitBegan(
            seq=seq,
            at=at,
            call=key,
            queue=queue,
            tier=call.tier,
            rank=at,
            day=world.day,
            position=int(number_in(message, "Position")),
        )
    )
    visit = Visit(queue=queue, began_at=at, window=0, rank=at, day=world.day, id=seq)
    tally = world.tally(queue, world.day)
    world.tallies.put(tally_key(queue, world.day), offered(tally))
    world.calls.put(key, evolve(call, visit=visit, phase=Phase.WAITING, ways=call.ways + 1))


def _arrived(floor: ObservedFloor, message: AmiMessage, at: float, *, found: bool) -> Call:
    world, key = floor.world, message["Uniqueid"]
    written = known_text(message.get("CallerIDNum", ""))
    call = Call(
        id=key,
        leg=leg_id(floor.pbx, key),
        entry=message.get("Exten", ""),
        tier=world.plan.default_tier,
        number=world.plan.numbers.identity(written) or written,
        name=known_text(message.get("CallerIDName", "")),
        arrived_at=at,
        queued_at=at,
    )
    world.emit(
        CallArrived(
            seq=world.next_seq(),
            at=at,
            call=key,
            leg=call.leg,
            entry=call.entry,
            tier=call.tier,
            number=call.number,
            name=call.name,
            uniqueid=key,
            linkedid=message.get("Linkedid", ""),
            found_waiting=found,
            source=SOURCE,
        )
    )
    return call


def caller_hangs_up(floor: ObservedFloor, message: AmiMessage) -> None:
    """The caller's side ends the call: what app_queue reports next is an abandonment, if it waits."""
    if message.get("Uniqueid", "") in floor.world.calls:
        floor.hung_up.add(message["Uniqueid"])


def abandoned(floor: ObservedFloor, message: AmiMessage) -> None:
    """Reported for every caller who leaves unanswered, before QueueCallerLeave."""
    call = floor.world.calls.get(message.get("Uniqueid"))
    if call is not None and call.visit is not None and call.visit.queue == message.get("Queue"):
        position = int(number_in(message, "Position"))
        if call.id in floor.hung_up:
            end_visit(floor, call, VisitOutcome.ABANDONED, position=position)
        else:
            end_visit(floor, call, VisitOutcome.OVERFLOWED, to="dialplan", position=position)


def left(floor: ObservedFloor, message: AmiMessage) -> None:
    """The caller is out of the line: answered if a member's phone is still being rung, else out by a key or an empty queue."""
    call = floor.world.calls.get(message.get("Uniqueid"))
    if call is None or call.visit is None or call.visit.queue != message.get("Queue"):
        return
    if floor.offers_of(call.id):
        floor.leaving.add(call.id)
    else:
        _unanswered(floor, call)


def _unanswered(floor: ObservedFloor, call: Call) -> None:
    by_caller = call.id in floor.hung_up
    outcome = VisitOutcome.ABANDONED if by_caller else VisitOutcome.OVERFLOWED
    end_visit(floor, call, outcome, to="" if by_caller else "dialplan")


def end_visit(
    floor: ObservedFloor,
    call: Call,
    outcome: VisitOutcome,
    *,
    to: str = "",
    reason: str = "",
    position: int = 0,
    estimated: bool = False,
) -> Call:
    """The visit is over, and with it every offer in it. Gives the call as it is now."""
    world, visit = floor.world, call.visit
    if visit is None:
        return call
    waited = max(0.0, world.now - call.arrived_at)
    floor.add_queue(visit.queue)  # after a restart the PBX may not have it any more
    answer_within = world.plan.queues[visit.queue].routings[world.plan.default_tier].answer_within
    counts = outcome in (VisitOutcome.ANSWERED, VisitOutcome.ABANDONED)
    within = counts and waited <= answer_within
    if outcome is not VisitOutcome.ANSWERED:
        for offer in floor.offers_of(call.id):
            end_offer(floor, offer, "cancelled")
    world.emit(
        VisitEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            queue=visit.queue,
            tier=call.tier,
            outcome=outcome,
            waited=waited,
            within_target=within,
            day=visit.day,
            to=to,
            reason=reason,
            estimated=estimated,
            lasted=max(0.0, world.now - visit.began_at),
            visit=visit.id,
            position=position,
        )
    )
    world.tallies.put(
        tally_key(visit.queue, visit.day),
        ended(world.tally(visit.queue, visit.day), outcome, within and outcome is VisitOutcome.ANSWERED),
    )
    floor.leaving.discard(call.id)
    call = evolve(call, visit=None, phase=Phase.LEAVING, outcome=outcome)
    world.calls.put(call.id, call)
    return call


# -- offers -----------------------------------------------------------------------------------------------------------


def called(floor: ObservedFloor, message: AmiMessage) -> None:
    """A member's phone is rung; with ``strategy=ringall`` several are at once."""
    world, channel = floor.world, message.get("DestUniqueid", "")
    call = world.calls.get(message.get("Uniqueid"))
    if call is None or call.visit is None or not channel:
        return
    agent, seq = agent_id(message.get("Interface", "")), world.next_seq()
    members.meet(floor, message)
    world.emit(
        OfferMade(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=agent,
            queue=call.visit.queue,
            leg=leg_id(floor.pbx, channel),
            tier=call.tier,
            needs=call.visit.queue,
            waited=max(0.0, world.now - call.arrived_at),
            visit=call.visit.id,
        )
    )
    floor.offers[channel] = OpenOffer(
        id=seq, call=call.id, agent=agent, queue=call.visit.queue, channel=channel, at=world.now, visit=call.visit.id
    )
    members.review(floor, agent)


def dial_ended(floor: ObservedFloor, message: AmiMessage) -> None:
    """How ringing a member's phone ended. ``CANCEL``: somebody else answered, or the caller is gone."""
    offer, status = floor.offers.get(message.get("DestUniqueid", "")), message.get("DialStatus", "")
    if offer is None or status == ANSWER:
        return
    if status != CANCEL:
        floor.offers[offer.channel] = replace(offer, dial_status=status)
        return
    end_offer(floor, offer, "cancelled")
    _left_unanswered(floor, offer.call)


def not_answered(floor: ObservedFloor, message: AmiMessage) -> None:
    offer = floor.offers.get(message.get("DestUniqueid", ""))
    if offer is not None:
        end_offer(floor, offer, _RESULTS.get(offer.dial_status, "no_answer"))
        _left_unanswered(floor, offer.call)


def _left_unanswered(floor: ObservedFloor, key: str) -> None:
    """The caller left while phones rang, and none of them rings any more: nobody has answered."""
    call = floor.world.calls.get(key)
    if key in floor.leaving and call is not None and not floor.offers_of(key):
        _unanswered(floor, call)


def end_offer(floor: ObservedFloor, offer: OpenOffer, result: str) -> None:
    world = floor.world
    del floor.offers[offer.channel]
    world.emit(
        OfferEnded(
            seq=world.next_seq(),
            at=world.now,
            call=offer.call,
            agent=offer.agent,
            queue=offer.queue,
            leg=leg_id(floor.pbx, offer.channel),
            result=result,
            rang_for=max(0.0, world.now - offer.at),
            offer=offer.id,
            visit=offer.visit,
        )
    )
    members.review(floor, offer.agent)


# -- talks ------------------------------------------------------------------------------------------------------------


def connected(floor: ObservedFloor, message: AmiMessage) -> None:
    """A member has answered and talks with the caller."""
    world, channel = floor.world, message.get("DestUniqueid", "")
    call = world.calls.get(message.get("Uniqueid"))
    if call is None or call.visit is None:
        return
    visit, agent = call.visit, agent_id(message.get("Interface", ""))
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
    """Somebody in the conversation gave it away; AgentComplete says next that the member's talk is over."""
    world = floor.world
    prefix = "OrigTransferer" if attended else "Transferer"
    giver = message.get(f"{prefix}Uniqueid", "")
    extension, context = message.get("Extension", ""), message.get("Context", "")
    target = f"{extension}@{context}" if extension else message.get("TransferTargetCallerIDNum", "")
    for call in [one for one in world.calls.rows().values() if one.segment is not None]:
        segment = call.segment
        if segment is None or giver not in (call.id, segment.leg.partition("/")[2]):
            continue
        world.emit(
            CallTransferred(
                seq=world.next_seq(),
                at=world.now,
                call=call.id,
                agent=segment.agent,
                queue=segment.queue,
                target=target,
                attended=attended,
                party="customer" if giver == call.id else "agent",
            )
        )
        return


def _completed_call(floor: ObservedFloor, message: AmiMessage) -> Call | None:
    """Once the caller's channel has ended, AgentComplete names neither of the channels, only queue and member."""
    known = floor.world.calls.get(message.get("Uniqueid"))
    if known is not None or message.get("Uniqueid"):
        return known
    theirs = message.get("Queue", ""), agent_id(message.get("Interface", ""))
    return next(
        (
            call
            for call in floor.world.calls.rows().values()
            if call.deadline is not None and call.segment is not None and (call.segment.queue, call.segment.agent) == theirs
        ),
        None,
    )


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
        _left_unanswered(floor, offer.call)
    call = floor.world.calls.get(channel)
    if call is not None and call.segment is not None:
        # Two threads of Asterisk tell these: AgentComplete, which says by whom the talk ended, may be the later one.
        floor.world.calls.put(call.id, evolve(call, deadline=floor.world.now + AWAIT_COMPLETE))
    elif call is not None:
        end_call(floor, call)


def overdue(floor: ObservedFloor, key: str) -> None:
    """The caller's channel has ended, and nothing came that says who ended the talk."""
    call = floor.world.calls.get(key)
    if call is not None and call.deadline is not None:
        end_call(floor, call, at=call.deadline - AWAIT_COMPLETE)


def end_call(floor: ObservedFloor, call: Call, *, at: float | None = None, estimated: bool = False) -> None:
    """The caller's channel is gone, at ``at`` if not just now, or was not found any more (``estimated``)."""
    world, until = floor.world, floor.world.now if at is None else at
    if call.visit is not None and estimated:
        call = end_visit(floor, call, VisitOutcome.FAILED, reason="connection_lost", estimated=True)
    elif call.visit is not None:
        _unanswered(floor, call)
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
    floor.leaving.discard(call.id)
    floor.hung_up.discard(call.id)
