"""What happens to callers until they are answered: they arrive, wait, are offered, and leave.

app_queue reports a caller who leaves after a time-out as abandoned as well (its log says EXITWITHTIMEOUT). The caller's hang-up
is published before that report, so an abandonment without one is an overflow.
"""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.model.call import Call, Phase, Visit, VisitOutcome
from callbridge.core.model.facts import (
    CallArrived,
    OfferEnded,
    OfferMade,
)
from callbridge.core.model.ids import leg_id
from callbridge.core.model.rows import evolve
from callbridge.core.routing.visit_counts import count_begun, count_ended
from callbridge.observe import members
from callbridge.observe.floor import AmiMessage, ObservedFloor, OpenOffer, known_text, number_in

_RESULTS = {
    "BUSY": "rejected",
    "DONTCALL": "rejected",
    "TORTURE": "rejected",
    "CONGESTION": "offline",
    "CHANUNAVAIL": "offline",
}
"""DIALSTATUS -> the result of the offer; any other status without an answer is ``no_answer``."""
ANSWER, CANCEL = "ANSWER", "CANCEL"
AWAIT_CONNECT = 2.0
"""Seconds for which a caller who leaves the line may have been answered by a phone whose ringing we have not heard begin."""


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
    visit = Visit(queue=queue, began_at=at, window=0, rank=at, day=world.day)
    visit = count_begun(world, call, visit, position=int(number_in(message, "Position")))
    world.calls.put(key, evolve(call, visit=visit, phase=Phase.WAITING, ways=call.ways + 1))


def _arrived(floor: ObservedFloor, message: AmiMessage, at: float, *, found: bool) -> Call:
    world, queue, key = floor.world, message["Queue"], message["Uniqueid"]
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
            source=floor.source_of(queue),
        )
    )
    return call


def caller_hangs_up(floor: ObservedFloor, message: AmiMessage) -> None:
    """The caller's side ends the call: what app_queue reports next is an abandonment, if it waits."""
    channel = message.get("Uniqueid", "")
    if channel in floor.world.calls:
        floor.hung_up.add(channel)
    if channel in floor.taken:
        floor.hung_up.add(floor.taken[channel])


def abandoned(floor: ObservedFloor, message: AmiMessage) -> None:
    """Reported for every caller who leaves unanswered, before QueueCallerLeave."""
    call = floor.call_in_line(message)
    if call is not None and call.visit is not None and call.visit.queue == message.get("Queue"):
        position = int(number_in(message, "Position"))
        if call.id in floor.hung_up:
            end_visit(floor, call, VisitOutcome.ABANDONED, position=position)
        else:
            end_visit(floor, call, VisitOutcome.OVERFLOWED, to="dialplan", position=position)


def left(floor: ObservedFloor, message: AmiMessage) -> None:
    """The caller is out of the line: answered if a member's phone is still being rung, else out by a key or an empty queue."""
    call = floor.call_in_line(message)
    if call is None or call.visit is None or call.visit.queue != message.get("Queue"):
        return
    if floor.offers_of(call.id):
        floor.leaving.add(call.id)
    elif call.id in floor.perhaps_rung:
        floor.world.calls.put(call.id, evolve(call, deadline=floor.world.now + AWAIT_CONNECT))
    else:
        unanswered(floor, call)


def unanswered(floor: ObservedFloor, call: Call) -> None:
    """The caller is out of the line, and nobody has answered."""
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
    """End the visit and all its offers. Returns the call as it is now."""
    world, visit = floor.world, call.visit
    if visit is None:
        return call
    floor.add_queue(visit.queue)  # after a restart the PBX may not have it any more
    if outcome is not VisitOutcome.ANSWERED:
        for offer in floor.offers_of(call.id):
            end_offer(floor, offer, "cancelled")
    count_ended(
        world,
        call,
        visit,
        outcome,
        at=world.now,
        waited=max(0.0, world.now - call.arrived_at),
        answer_within=world.plan.queues[visit.queue].routings[world.plan.default_tier].answer_within,
        position=position,
        to=to,
        reason=reason,
        estimated=estimated,
    )
    floor.leaving.discard(call.id)
    floor.perhaps_rung.discard(call.id)
    call = evolve(call, visit=None, deadline=None, phase=Phase.LEAVING, outcome=outcome)
    world.calls.put(call.id, call)
    return call


# -- offers -----------------------------------------------------------------------------------------------------------


def called(floor: ObservedFloor, message: AmiMessage) -> None:
    """A member's phone rings; with ``strategy=ringall`` several ring at once."""
    world, channel = floor.world, message.get("DestUniqueid", "")
    call = floor.call_in_line(message)
    if call is None or call.visit is None or not channel:
        return
    floor.perhaps_rung.discard(call.id)  # app_queue rings for a caller again only when that is over
    agent, seq = floor.agent_of(message.get("Interface", "")), world.next_seq()
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
    left_unanswered(floor, offer.call)


def not_answered(floor: ObservedFloor, message: AmiMessage) -> None:
    offer = floor.offers.get(message.get("DestUniqueid", ""))
    if offer is not None:
        end_offer(floor, offer, _RESULTS.get(offer.dial_status, "no_answer"))
        left_unanswered(floor, offer.call)


def left_unanswered(floor: ObservedFloor, key: str) -> None:
    """The caller left while phones rang, and none of them rings any more: nobody has answered."""
    call = floor.world.calls.get(key)
    if key in floor.leaving and call is not None and not floor.offers_of(key):
        unanswered(floor, call)


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
