"""Calls from arrival to end, and what the end of each leg means for the others."""

from __future__ import annotations

from callbridge.core.calls import callers, in_call_codes, talks
from callbridge.core.entities import agent_states, legs, tie_lines
from callbridge.core.entities.switches import is_on
from callbridge.core.flows import interpreter, surveys
from callbridge.core.model.agent import SILENT
from callbridge.core.model.call import Call, DiversionReason, Move, OfferResult, Phase, VisitOutcome, after
from callbridge.core.model.events import CallerArrived, LegEnded, LegProbed
from callbridge.core.model.facts import CallArrived, CallDiverted
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import SESSION_LINE, Leg, LegRole
from callbridge.core.model.orders import Answer, Bridge, LeaveToDialplan, Probe, StartMusic, Subscribe
from callbridge.core.model.plan import MEMORY, ToFlow, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.switch import BYPASS
from callbridge.core.model.world import World
from callbridge.core.outbound import callback_calls, campaigns
from callbridge.core.routing import admission, answers, audio, devices, lost_phones, offers, phone_replies, segments, visits
from callbridge.core.transfers import queue_consults, returns, supervision, transfers

# -- arrival --------------------------------------------------------------------------------------------------------


def arrive(world: World, event: CallerArrived, *, found: bool = False, phone: str = "") -> None:
    """A caller comes in: from the dialplan just now, or found waiting after a restart. ``phone``: an agent's, which is in use
    with this call until it ends."""
    destination = world.plan.destination_of(event.entry)
    bypassed = is_on(world, BYPASS) and not found
    if event.overloaded or bypassed or destination is None:
        reason = DiversionReason.OVERLOAD if event.overloaded else DiversionReason.UNKNOWN_ENTRY
        divert(world, event, DiversionReason.BYPASS if bypassed else reason)
        return
    call = Call(
        id=world.mint("call"),
        leg=event.leg,
        entry=world.plan.entry_named(event.entry),
        tier=event.tier or world.plan.default_tier,
        number=event.number,
        name=event.name,
        arrived_at=min(event.at if event.since is None else event.since, world.now),
        audible=audio.is_exempt(event.channel_name, found=found and event.up),
    )
    way = destination if found else admission.at_entry(world, event.leg, call.entry, call.tier, destination, event.admitted)
    queue = way.queue if isinstance(way, ToQueue) else ""
    leg = legs.open_leg(world, event.leg, LegRole.CUSTOMER, call=call.id)
    if event.up:
        leg = world.put_leg(leg, up_at=world.now)
    at_phone = world.agent_at(phone) if phone else None
    if at_phone is not None:
        world.put_leg(leg, phone=phone)
        agent_states.refresh_device(world, at_phone)
    _emit_arrived(world, call, event, queue, found=found)
    world.order(Subscribe(leg=event.leg))
    if isinstance(way, admission.Full):
        admission.turn_away(world, call, way)
        return
    if not event.up:
        world.order(Answer(leg=event.leg))
    if way == destination and world.plan.remembers and call.number and MEMORY + call.entry in world.plan.flows:
        visits.into_flow(world, call, MEMORY + call.entry, "entry")
        return
    if isinstance(way, ToFlow):
        visits.into_flow(world, call, way.flow, "entry" if way == destination else "full")
        return
    world.order(StartMusic(leg=event.leg, music=world.plan.queues[queue].music))
    visits.begin_visit(world, call, queue)


def _emit_arrived(world: World, call: Call, event: CallerArrived, queue: str, *, found: bool) -> None:
    world.emit(
        CallArrived(
            seq=world.next_seq(),
            at=call.arrived_at,
            call=call.id,
            queue=queue,
            leg=event.leg,
            entry=call.entry,
            tier=call.tier,
            number=event.number,
            name=event.name,
            uniqueid=event.uniqueid,
            linkedid=event.linkedid,
            found_waiting=found,
        )
    )


def divert(world: World, event: CallerArrived, reason: DiversionReason) -> None:
    """Cannot be served: send the caller to the fallback, and count it."""
    world.order(LeaveToDialplan(leg=event.leg, context=world.plan.fallback_context, extension=event.entry or "unknown"))
    world.emit(CallDiverted(seq=world.next_seq(), at=world.now, leg=event.leg, entry=event.entry, reason=reason))


# -- ends -----------------------------------------------------------------------------------------------------------


def leg_ended(world: World, leg: Leg, event: LegEnded) -> None:
    """A leg is gone, by ChannelDestroyed or a confirmed absence."""
    world.legs.drop(leg.id)
    estimated = event.estimated and leg.missing_since is not None
    when = _unheard_end(world, leg) if estimated else world.now
    call = world.calls.get(leg.call)
    if leg.role is LegRole.CUSTOMER:
        if call is not None and call.leg == leg.id:
            if call.placed:
                call = callback_calls.leg_ended(world, call, leg, event.cause, estimated=event.estimated)
            customer_gone(world, call, when, estimated, unreachable=lost_phones.said_nothing(leg, event))
        _phone_free(world, leg, in_use=False)
        return
    if call is not None:
        _other_gone(world, call, leg, event, when, estimated)
    _phone_free(world, leg, in_use=True)  # of a supervisor who had dialled in
    agent = world.agents.get(leg.agent)
    if agent is None:
        return
    if lost_phones.died(leg, event):
        lost_phones.agents_phone(world, agent, leg, call)
        agent = world.agents[agent.id]
    agent = agent_states.leg_gone(world, agent) if agent.leg == leg.id else devices.ended(world, agent, leg)
    if agent.session is None and leg.gave_away == SESSION_LINE:
        agent_states.open_session(world, agent)  # the phone gave away its line with the caller
    if agent.session == leg.id:
        agent = agent_states.session_gone(world, agent)
        unanswered = leg.up_at is None and phone_replies.result_of(event.cause) is not OfferResult.REJECTED
        if estimated and leg.hung_at is None:
            agent_states.open_session(world, agent)  # the PBX lost it: the agent did not leave
        elif lost_phones.died(leg, event) or (unanswered and agent.session_tries):
            agent_states.session_died(world, agent)


def _phone_free(world: World, leg: Leg, *, in_use: bool) -> None:
    """A call that an agent's phone had made to us has ended."""
    agent = world.agent_at(leg.phone) if leg.phone else None
    if agent is not None:
        agent_states.feature_gone(world, agent, in_use=in_use)


def customer_gone(world: World, call: Call, when: float, estimated: bool, *, unreachable: bool = False) -> None:
    """The customer's leg is gone: whatever else belongs to the call ends now. ``unreachable``: the PBX gave it up."""
    call = answers.count(world, call)
    if call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
    call = transfers.cancel(world, interpreter.hung_up(world, call))
    if call.segment is not None:
        by = "lost" if estimated else "caller_lost" if unreachable else "customer"
        call = _talk_over(world, call, call.segment.leg, by, when, estimated)
        surveys.hung_up_first(world, call)
    if call.visit is not None:
        audio.gone(world, call, when, lost=unreachable)
        outcome = visits.abandoned(world, call, when)
        call = visits.end_visit(world, call, outcome, at=when, estimated=estimated)
    legs.hang_up(world, call.far)
    segments.finish(world, call, when, estimated)


def _unheard_end(world: World, leg: Leg) -> float:
    """When a leg that was found missing has ended, as well as we can know: in the middle of the time without news of it."""
    return world.now if leg.missing_since is None else (leg.missing_since + world.now) / 2


def _talk_over(world: World, call: Call, other: LegId, by: str, when: float, estimated: bool) -> Call:
    """A leg's end, at ``when``, ends the conversation, unless the ``other`` one has been missing since a gap in the events: then
    that one had ended before, unheard. Returns the call without the segment."""
    leg = world.legs.get(other)
    if leg is not None and leg.missing_since is not None:
        by, when, estimated = "lost", min(when, _unheard_end(world, leg)), True
    return segments.end_segment(world, call, by, when, estimated)


def _other_gone(world: World, call: Call, leg: Leg, event: LegEnded, when: float, estimated: bool) -> None:
    if talks.too_short(world, call, leg, event) or _others_ring(world, call, leg, event):
        return
    died, excused = lost_phones.died(leg, event), estimated or answers.was_in_silence(world, leg, event)
    if call.segment is not None and call.segment.leg == leg.id:
        call = answers.count(world, call)
    if call.offer is not None and call.offer.leg == leg.id and call.phase is Phase.DIALLING:
        callback_calls.give_up(world, call, "agent_gone")
    elif call.offer is not None and call.offer.leg == leg.id:
        if call.phase is Phase.OFFERED:
            reply = devices.verdict(call, phone_replies.reply_of(world, leg, event, _queue_of(call), call.offer.at))
            result, trouble = (OfferResult.CANCELLED, "") if excused else (reply.result, reply.trouble)
            if call.offer.nailed or died:
                result, trouble = OfferResult.OFFLINE, ""
            offers.retry(world, call, result, cause=event.cause, trouble=trouble)
        else:
            reply = phone_replies.reply_after_answer(leg, event, lost=call.offer.nailed or died, excused=excused)
            offers.retry(world, call, reply.result, cause=event.cause, trouble=reply.trouble)
    elif call.transfer is not None and call.transfer.leg == leg.id:
        _target_gone(world, call, leg, event, excused=estimated)
    elif call.transfer is not None and call.segment is not None and call.segment.leg == leg.id:
        if died and not call.transfer.reached:
            _agent_lost(world, transfers.cancel(world, call), when)
        else:
            transfers.agent_gone(world, call, "lost" if died else "transfer")
    elif leg.role is LegRole.SUPERVISOR or leg.role is LegRole.SNOOP:
        supervision.leg_gone(world, call, leg)
    elif call.segment is not None and call.segment.leg == leg.id and leg.transfers:
        by, queue = call.segment.agent, call.segment.queue
        call = segments.end_segment(world, call, "transfer", when, estimated)
        returns.come_back(world, evolve(call, transferred_by=by, transferred_from=queue))
    elif call.segment is not None and call.segment.leg == leg.id and died:
        _agent_lost(world, call, when)
    elif call.segment is not None and call.segment.leg == leg.id:
        call = _talk_over(world, call, call.leg, "lost" if estimated else "agent", when, estimated)
        surveys.after_talk(world, call)
    elif call.far == leg.id and died and call.transferred_from:
        lost_phones.keep_caller(world, evolve(call, far=None), call.transferred_from, call.transferred_by)
    elif call.far == leg.id and leg.up_at is None and call.transferred_by:
        returns.come_back(world, evolve(segments.drop_bridge(world, call, (call.leg,)), far=None))
    elif call.far == leg.id:
        surveys.after_talk(world, evolve(call, far=None))


def _others_ring(world: World, call: Call, leg: Leg, event: LegEnded) -> bool:
    """Was this the leg of one of several devices, while others ring on?"""
    if not leg.device:
        return False
    offer = call.offer or (call.transfer.offer if call.transfer is not None else None)
    began_at = offer.at if offer is not None else call.transfer.began_at if call.transfer is not None else world.now
    return devices.drop_out(world, call, leg, phone_replies.reply_of(world, leg, event, _queue_of(call), began_at))


def _queue_of(call: Call) -> str:
    return call.visit.queue if call.visit is not None else call.transfer.queue if call.transfer is not None else ""


def _target_gone(world: World, call: Call, leg: Leg, event: LegEnded, *, excused: bool) -> None:
    transfer = call.transfer
    assert transfer is not None
    offer = transfer.offer
    rings_since = offer.at if offer is not None else transfer.began_at
    reply = phone_replies.reply_of(world, leg, event, transfer.target_queue, rings_since)
    if offer is not None and transfer.reached:
        excused = excused or answers.was_in_silence(world, leg, event)
        lost = offer.nailed or lost_phones.died(leg, event)
        reply = phone_replies.reply_after_answer(leg, event, lost=lost, excused=excused)
    elif offer is not None and (offer.nailed or lost_phones.died(leg, event)):
        reply = phone_replies.PhoneReply(OfferResult.OFFLINE)
    elif excused:
        reply = phone_replies.PhoneReply(OfferResult.CANCELLED)
    if offer is not None and offer.certain_at is not None and answers.outlasted(world, transfer.agent, offer.certain_at, event):
        call = queue_consults.certain(world, call)
    transfers.target_gone(world, call, reply.result, cause=event.cause, trouble=reply.trouble)
    if offer is None:
        phone_replies.note(world, leg, reply.trouble)


def _agent_lost(world: World, call: Call, when: float) -> None:
    segment = call.segment
    assert segment is not None
    call = segments.end_segment(world, call, "lost", when)
    lost_phones.keep_caller(world, call, segment.queue, segment.agent)


# -- legs that leave, move or are probed ----------------------------------------------------------------------------


def leg_left(world: World, leg: Leg) -> None:
    """An unordered StasisEnd: most likely a hang-up whose ChannelDestroyed is on its way. A phone must not ring on
    for a caller who is no longer here, so an offer is cancelled at once."""
    call = world.calls.get(leg.call)
    if leg.role is LegRole.CUSTOMER and call is not None and call.phase is Phase.DIALLING:
        # The cause comes with ChannelDestroyed: a hang-up of ours would overtake it and change the cause.
        world.put_leg(leg, left=True, tries=0, deadline=world.now + legs.DIALLED_LEFT_CHECK)
        if call.offer is not None or not call.campaign:
            callback_calls.left(world, call)
        return
    world.put_leg(leg, left=True, tries=0, deadline=world.now + legs.LEFT_CHECK)
    if leg.role is LegRole.CUSTOMER and call is not None:
        call = answers.count(world, call)
    if leg.role is LegRole.CUSTOMER and call is not None and call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
        world.calls.put(call.id, evolve(call, phase=after(call.phase, Move.HANG_UP), deadline=None))
    elif leg.role is LegRole.CUSTOMER and call is not None and call.phase in (Phase.WAITING, Phase.FLOW):
        world.calls.put(call.id, evolve(call, phase=after(call.phase, Move.HANG_UP), deadline=None))


def leg_moved(world: World, leg: Leg) -> None:
    """The customer continues in the dialplan as we ordered: no longer ours, unless on the AMD detour."""
    call = world.calls.get(leg.call)
    if call is not None and call.leg == leg.id and campaigns.is_listening(world, call):
        return
    world.legs.drop(leg.id)
    if call is not None and call.leg == leg.id:
        if call.segment is not None:
            call = segments.end_segment(world, call, "taken", world.now)
        segments.finish(world, call, world.now)


def leg_probed(world: World, leg: Leg, event: LegProbed) -> None:
    """The probe found the channel. If it is outside Stasis without our order, somebody else has taken it (Redirect, Bridge)."""
    call = world.calls.get(leg.call)
    if leg.hung_at is not None:
        if event.up:
            campaigns.answered_too_late(world, leg.id)
        return
    if event.in_app and leg.left and not leg.tries:
        return  # it was asked for before the leg left, so the question whether it still exists stays open
    if not event.in_app and call is not None and call.leg == leg.id and campaigns.is_listening(world, call):
        world.put_leg(leg, left=False, missing_since=None, deadline=None)  # on the AMD detour
        return
    if not event.in_app and leg.role is LegRole.CUSTOMER and call is not None:
        world.legs.drop(leg.id)
        if call.phase is Phase.LEAVING:
            segments.finish(world, call, world.now)
        else:
            _taken_away(world, call)
        return
    if not event.in_app and call is not None and call.segment is not None and call.segment.leg == leg.id:
        if call.transfer is not None:
            transfers.agent_gone(world, call)
            return
        call = segments.end_segment(world, call, "agent", world.now)
        surveys.after_talk(world, call)
        return
    if call is not None and phone_replies.is_silent(world, leg, event):
        _phone_is_silent(world, call, leg)
        return
    if event.replied:
        tie_lines.answered(world, leg)
    found = leg.missing_since is not None
    again = asks = callers.next_question(world, leg)
    if leg.music_owed:
        again = world.now + legs.MUSIC_RETRY
    elif leg.role is LegRole.SESSION and not event.up:
        again = world.now + agent_states.SESSION_CHECK
    elif leg.role is LegRole.CONSULT:
        again = world.now + legs.CONSULT_CHECK
    elif leg.role is LegRole.AGENT and not leg.call:
        again = leg.deadline  # its phone has given the call away, and still has to hang up in time
    leg = world.put_leg(
        leg, ask_at=asks, left=False, missing_since=None, tries=0, deadline=again, up_at=leg.up_at or _up(world, event)
    )
    agent = world.agents.get(leg.agent)
    if leg.role is LegRole.SESSION and agent is not None and agent.session == leg.id and event.up and not agent.session_up:
        agent_states.session_answered(world, agent)
    if call is None:
        return
    if found and call.leg == leg.id and call.phase in (Phase.OFFERED, Phase.JOINING):
        offers.retry(world, call, OfferResult.CANCELLED)  # as a snapshot does it
    elif call.phase is Phase.DIALLING and call.leg == leg.id and event.up:
        callback_calls.answered(world, call)
    elif call.phase is Phase.LEAVING and call.leg == leg.id:
        leave_again(world, call)
    elif call.phase is Phase.TALKING and leg.bridge is None and call.bridge is not None and _belongs_inside(call, leg):
        world.order(Bridge(bridge=call.bridge, legs=(leg.id,), call=call.id))
    elif call.phase is Phase.ENDING and call.leg == leg.id:
        legs.hang_up(world, leg.id)
    elif call.phase is Phase.OFFERED and call.offer is not None and event.up:
        call = devices.answered(world, call, leg)
        if call.offer is not None and call.offer.leg == leg.id:
            offers.answered(world, call)


def _phone_is_silent(world: World, call: Call, leg: Leg) -> None:
    """The phone has not replied at all, or the PBX to which a tie line leads: offer the caller to the next agent at once."""
    to = tie_lines.end_of(world, leg)
    if to:
        tie_lines.unanswered(world, leg, to)
    reply = phone_replies.PhoneReply(OfferResult.CANCELLED) if to else phone_replies.PhoneReply(OfferResult.OFFLINE, SILENT)
    if devices.drop_out(world, call, leg, reply):
        legs.hang_up(world, leg.id)
    elif call.offer is not None and call.offer.leg == leg.id:
        reply = devices.verdict(call, reply)
        offers.retry(world, call, reply.result, trouble=reply.trouble)
    else:
        offered = call.transfer is not None and call.transfer.offer is not None
        consulted = reply.result if offered else OfferResult.OFFLINE
        transfers.target_gone(world, call, consulted, trouble=reply.trouble)
        if not offered:
            phone_replies.note(world, leg, reply.trouble)


def _belongs_inside(call: Call, leg: Leg) -> bool:
    """Is this leg a party of the conversation: neither a caller on hold during a consult nor a supervisor?"""
    if call.segment is not None and leg.id == call.segment.leg:
        return True
    return leg.id == call.leg and (call.transfer is None or call.transfer.together)


def _up(world: World, event: LegProbed) -> float | None:
    return world.now if event.up else None


def _taken_away(world: World, call: Call) -> None:
    call = answers.count(world, call)
    if call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
    call = transfers.cancel(world, interpreter.hung_up(world, call))
    if call.segment is not None:
        call = segments.end_segment(world, call, "taken", world.now)
    if call.visit is not None:
        call = visits.end_visit(world, call, VisitOutcome.FAILED, reason="taken_away")
    legs.hang_up(world, call.far)
    segments.finish(world, call, world.now)


def leave_again(world: World, call: Call) -> None:
    """The customer did not continue in the dialplan as ordered: try once more, then give up."""
    assert call.exit is not None
    if call.failures >= offers.MAX_FAILURES:
        segments.end_call(world, call)
        return
    context, extension = call.exit
    world.calls.put(call.id, evolve(call, failures=call.failures + 1, deadline=world.now + visits.LEAVE_CHECK))
    world.order(LeaveToDialplan(leg=call.leg, context=context, extension=extension))


def _is_missing(world: World, leg: LegId) -> bool:
    known = world.legs.get(leg)
    return known is not None and known.missing_since is not None


def deadline_passed(world: World, call: Call) -> None:
    """A call's watch ran out: what that means depends on its phase."""
    match call.phase:
        case Phase.WAITING:
            visits.wait(world, call)
        case Phase.FLOW:
            interpreter.deadline_passed(world, call)
        case Phase.OFFERED | Phase.JOINING if pbx_of(call.leg) in world.down or _is_missing(world, call.leg):
            # What the phone did meanwhile is unknown: after the next snapshot, or when the missing caller is found, the caller is
            # offered again, without a penalty.
            world.calls.put(call.id, evolve(call, deadline=world.now + offers.JOIN_CHECK))
        case Phase.OFFERED | Phase.JOINING:
            offers.deadline_passed(world, call)
        case Phase.DIALLING if pbx_of(call.leg) in world.down:
            world.calls.put(call.id, evolve(call, deadline=world.now + offers.JOIN_CHECK))
        case Phase.DIALLING if campaigns.is_listening(world, call):
            campaigns.not_returned(world, call)
        case Phase.DIALLING if call.offer is not None and call.offer.reading:
            offers.join(world, call)
        case Phase.DIALLING:
            callback_calls.give_up(world, call, "no_answer")
        case Phase.LEAVING:
            world.order(Probe(leg=call.leg))
            world.calls.put(call.id, evolve(call, deadline=world.now + visits.LEAVE_CHECK))
        case Phase.TALKING | Phase.TRANSFERRING:
            if call.offer is not None and call.offer.certain_at is not None and call.offer.certain_at <= world.now:
                call = answers.count(world, call)
            if call.keys_until is not None and call.keys_until <= world.now:
                call = in_call_codes.timed_out(world, call)
            if call.phase in (Phase.TALKING, Phase.TRANSFERRING):
                transfers.deadline_passed(world, call)
        case Phase.OUTSIDE | Phase.ENDING:
            world.calls.put(call.id, evolve(call, deadline=None))
