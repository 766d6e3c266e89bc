"""Failed orders, one reaction per type: a call ends in exactly one outcome whatever Asterisk refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from callbridge.core.calls import callers, calls, phone_transfers, transferred_parties
from callbridge.core.entities import agent_states, attempts, legs, phone_troubles, recordings, tie_lines
from callbridge.core.flows import interpreter
from callbridge.core.model.agent import UNKNOWN_ENDPOINT
from callbridge.core.model.attempt import campaign_of
from callbridge.core.model.call import Call, DiversionReason, Move, OfferResult, Phase, VisitOutcome, after
from callbridge.core.model.events import AmdDetourEnded, LookedUp, OrderFailed, PlaybackEnded, RecordingEnded, ReferralRead, Why
from callbridge.core.model.facts import OrderGivenUp
from callbridge.core.model.ids import LegId, channel_of, pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import (
    Answer,
    BlockNumber,
    Bridge,
    CheckRecording,
    CloseAttempt,
    DropBridge,
    FindLeads,
    FindParty,
    HangUp,
    IdentifyCaller,
    InspectPhone,
    LeaveToDialplan,
    LookUp,
    OfRecording,
    Order,
    PauseRecording,
    Play,
    Probe,
    ReadReferral,
    Record,
    ReserveAttempts,
    Ring,
    ShowCaller,
    Snoop,
    StartAmdDetour,
    StartMusic,
    StartRecording,
    StartRinging,
    StopMusic,
    StopPlaying,
    StopRecording,
    StopRinging,
    Subscribe,
    WatchAudio,
)
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.outbound import callback_calls, campaigns
from callbridge.core.requests import feature_codes
from callbridge.core.routing import announcements, audio, devices, offers, phone_replies, segments, visits
from callbridge.core.transfers import supervision, transfers

DROP_TRIES = 3
LEG_IS_GONE = (400, 422)
"""Asterisk's answers to a bridge with a channel that it has not, or not in our application, any more."""
NOT_ALLOCATED = 500
"""Asterisk's answer where it can create no channel: it has no such endpoint, or no contact of it is reachable."""
UNSENT_ORDER_REST = 0.2
"""Seconds before an agent whose Ring could not be sent gets another offer."""
ORDER_RETRY = 1.0
"""Seconds until an unanswered probe of a leg or a phone is repeated."""


def order_failed(world: World, event: OrderFailed) -> None:
    """Orders that were unsent because the link is down are left to the next snapshot; all others are handled here."""
    order = event.order
    if event.why is Why.UNSENT and (_left_to_the_snapshot(world, order) or _sent_again(world, order)):
        return
    match order:
        case Subscribe(leg=leg):
            _doubt(world, leg)
        case Answer(leg=leg):
            _cannot_answer(world, leg, event)
        case StartMusic(leg=leg):
            _owe_music(world, leg)
        case StopMusic() | StartRinging() | StopRinging() | StopPlaying():
            pass
        case Snoop(leg=leg):
            _cannot_snoop(world, leg)
        case Play(leg=leg, playback=playback):
            feature_codes.playback_ended(world, leg, playback)
            _prompt_failed(world, order)
            _beep_failed(world, order)
        case Record(leg=leg, recording=recording):
            interpreter.recorded(world, RecordingEnded(at=world.now, leg=leg, recording=recording, lasted=0.0, failed=True))
        case StartRecording() | CheckRecording() | PauseRecording() | StopRecording():
            recordings.failed(world, order, event)
        case Ring():
            _ring_failed(world, order, event)
        case Bridge():
            _bridge_failed(world, order, event)
        case DropBridge():
            if order.tries < DROP_TRIES:
                world.order(replace(order, tries=order.tries + 1))
        case HangUp(leg=leg):
            _watch(world, leg)
        case StartAmdDetour(leg=leg):
            if event.why is not Why.TIMEOUT:  # else it may have worked: the leg comes back, or its time is over
                campaigns.returned(world, AmdDetourEnded(at=world.now, leg=leg, verdict="NOTSURE", cause="NOT-STARTED"))
                _doubt(world, leg)
        case LeaveToDialplan():
            _cannot_leave(world, order, event)
        case Probe(leg=leg):
            _watch(world, leg)
        case WatchAudio(leg=leg):
            audio.audible(world, leg)  # there is no telling
        case ReadReferral(leg=leg):
            phone_transfers.referral_read(world, ReferralRead(at=world.now, leg=leg, host=""))
        case FindParty(leg=leg):
            if (known := world.legs.get(leg)) is not None:
                transferred_parties.not_found(world, known)
        case IdentifyCaller() | ShowCaller():
            pass  # asked again when its deadline passes; a phone that cannot be told shows the caller before
        case InspectPhone(phone=phone):
            agent = world.agent_at(phone)
            if agent is not None:
                agent_states.change(world, agent, inspect_at=world.now + ORDER_RETRY)
        case CloseAttempt():
            if attempts.not_written(world, order):
                _given_up(world, order.attempt.call, order, event)
        case BlockNumber():
            if attempts.not_blocked(world, order):
                _given_up(world, "", order, event)
        case LookUp(call=call, question=question):
            callers.looked_up(world, LookedUp(at=world.now, call=call, question=question, found=None))
        case FindLeads() | ReserveAttempts():
            pass  # leads are requested again after a while; attempts that are not reserved in time are taken back
        case _:
            assert_never(order)


def _left_to_the_snapshot(world: World, order: Order) -> bool:
    """The link is down: the next snapshot repeats what is needed for existing legs. It does not know of legs that were to be
    created or hung up, nor of files."""
    if isinstance(order, Ring | HangUp | Probe | StartAmdDetour | OfRecording):
        return False
    pbx = order.pbx if isinstance(order, DropBridge | InspectPhone) else pbx_of(order.legs[0]) if order.legs else ""
    return pbx in world.down


def _sent_again(world: World, order: Order) -> bool:
    """The link is up, but the order could not be sent for seconds: nothing was done. Orders on which nothing else depends are
    repeated; the others are treated as refused."""
    match order:
        case LeaveToDialplan(leg=leg) if leg not in world.legs:
            world.order(order)  # a caller whom we did not accept: there is no row that would remember it
            return True
        case Subscribe(leg=leg) | Answer(leg=leg) | StopRinging(leg=leg) | StopPlaying(leg=leg):
            known = world.legs.get(leg)
        case _:
            return False
    if known is None or known.hung_at is not None or known.tries >= offers.MAX_FAILURES:
        return False
    world.put_leg(known, tries=known.tries + 1)
    if not (isinstance(order, Answer) and known.up_at is not None):
        world.order(order)
    return True


def _given_up(world: World, call: str, order: Order, event: OrderFailed) -> None:
    detail = f"{event.status} {event.detail}".strip() if event.status else event.detail
    world.emit(
        OrderGivenUp(seq=world.next_seq(), at=world.now, call=call, order=type(order).__name__, why=event.why, detail=detail)
    )


def _doubt(world: World, leg: LegId) -> None:
    """A refused subscription: the leg may be gone already."""
    known = world.legs.get(leg)
    if known is not None:
        legs.probe_soon(world, known, 0.0)


def _watch(world: World, leg: LegId) -> None:
    known = world.legs.get(leg)
    if known is not None and known.deadline is None:
        legs.probe_soon(world, known, ORDER_RETRY)


def _cannot_answer(world: World, leg: LegId, event: OrderFailed) -> None:
    known = world.legs.get(leg)
    if known is None:
        return
    legs.probe_soon(world, known, 0.0)
    call = world.calls.get(known.call)
    if known.role in (LegRole.CONSULT, LegRole.FEATURE):
        legs.hang_up(world, leg)
    waits = call is not None and call.segment is None and (call.visit is not None or call.flow_position is not None)
    if call is None or call.leg != leg or not waits or event.status == 404:
        return
    _given_up(world, call.id, event.order, event)
    if call.flow_position is not None:
        call = evolve(interpreter.leave(world, call, "failed"), phase=after(call.phase, Move.QUEUE))
    if call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
        call = evolve(call, phase=after(call.phase, Move.RETRY))
    if call.phase is Phase.WAITING:
        if call.visit is not None:
            call = visits.end_visit(world, call, VisitOutcome.FAILED, reason="answer")
        visits.leave(world, call, world.plan.fallback_context, call.entry, DiversionReason.ANSWER)


def _owe_music(world: World, leg: LegId) -> None:
    known = world.legs.get(leg)
    if known is not None and known.hung_at is None and known.tries < offers.MAX_FAILURES:
        deadline = world.now + legs.MUSIC_RETRY if known.deadline in (None, known.ask_at) else known.deadline
        world.put_leg(known, music_owed=True, tries=known.tries + 1, deadline=deadline)


def _beep_failed(world: World, order: Play) -> None:
    """A nailed-up agent without a beep still gets the call."""
    known = world.legs.get(order.leg)
    call = world.calls.get(known.call) if known is not None else None
    if call is not None and call.offer is not None and order.playback in (call.offer.playback, call.offer.reading):
        offers.playback_ended(world, call, order.playback, failed=True)
    elif call is not None and call.transfer is not None and call.transfer.playback == order.playback:
        transfers.answered(world, call)


def _prompt_failed(world: World, order: Play) -> None:
    """A prompt could not be played: continue at once, as after its end."""
    known = world.legs.get(order.leg)
    call = world.calls.get(known.call) if known is not None else None
    if call is None or order.leg not in (call.leg, announcements.listener(call)):
        return
    ended = PlaybackEnded(at=world.now, leg=order.leg, playback=order.playback, failed=True)
    if call.leg == order.leg:
        interpreter.playback_ended(world, call, ended)
    announcements.playback_ended(world, world.calls[call.id], ended)


def _cannot_snoop(world: World, leg: LegId) -> None:
    known = world.legs.get(leg)
    if known is None:
        return
    call = world.calls.get(known.call)
    if call is not None:
        supervision.leg_gone(world, call, known)
    legs.hang_up(world, leg)


def _ring_failed(world: World, order: Ring, event: OrderFailed) -> None:
    """The phone could not be called. The channel may exist all the same: hang it up and probe it."""
    leg = world.legs.get(order.leg)
    if leg is None:
        return
    if event.why is Why.TIMEOUT and (leg.rang or leg.up_at is not None):
        return  # the phone's events show that it worked: only the reply was lost
    call = world.calls.get(leg.call)
    unheard = event.why is Why.TIMEOUT and pbx_of(leg.id) in world.down  # the link failed; this says nothing about the phone
    offer = call.offer or (call.transfer.offer if call.transfer is not None else None) if call is not None else None
    to = tie_lines.end_of(world, leg) if event.why is Why.REFUSED and event.status == NOT_ALLOCATED else ""
    if to:
        tie_lines.unanswered(world, leg, to)
    reply = phone_replies.PhoneReply(OfferResult.CANCELLED) if to else _reply(world, order, event)
    if call is not None and devices.drop_out(world, call, leg, reply):
        _given_up(world, call.id, order, event)
        legs.hang_up(world, leg.id)
    elif call is not None and offer is not None and offer.leg == leg.id:
        _given_up(world, call.id, order, event)
        unsent = event.why is Why.UNSENT
        if unsent and (agent := world.agents.get(leg.agent)) is not None:
            # Nothing of the agent's doing; but offering again at once, and again, would be a busy loop.
            agent_states.change(world, agent, rest_until=world.now + UNSENT_ORDER_REST)
        unknown = not unsent and not unheard and not to and _is_unknown(world, order, event)
        result = OfferResult.CANCELLED if unsent or unheard or to else OfferResult.OFFLINE
        result, trouble = (OfferResult.MISCONFIGURED, UNKNOWN_ENDPOINT) if unknown else (result, "")
        if call.offer is not None:
            offers.retry(world, call, result, trouble=trouble)
        else:
            transfers.failed(world, call, result, trouble)
    elif call is not None and call.leg == leg.id:
        _given_up(world, call.id, order, event)
        _cannot_dial(world, call, leg, event)
        return
    elif call is not None and call.transfer is not None and call.transfer.leg == leg.id:
        _given_up(world, call.id, order, event)
        transfers.failed(world, call, OfferResult.CANCELLED if event.why is Why.UNSENT or unheard else OfferResult.OFFLINE)
    elif call is not None and leg.role is LegRole.SUPERVISOR:
        _given_up(world, call.id, order, event)
        supervision.leg_gone(world, call, leg)
    elif leg.role is LegRole.SESSION:
        legs.hang_up(world, leg.id)
    leg = world.legs.get(order.leg)
    if leg is not None and event.why is not Why.UNSENT:
        legs.probe_now(world, leg)
    elif leg is not None:
        _never_was(world, leg)


def _is_unknown(world: World, order: Ring, event: OrderFailed) -> bool:
    """Did the PBX refuse because it has no such endpoint? An endpoint without a contact is refused alike, but has a state."""
    return event.why is Why.REFUSED and event.status == NOT_ALLOCATED and phone_troubles.is_unknown(world, order.phone)


def _reply(world: World, order: Ring, event: OrderFailed) -> phone_replies.PhoneReply:
    if event.why is Why.UNSENT or (event.why is Why.TIMEOUT and pbx_of(order.leg) in world.down):
        return phone_replies.PhoneReply(OfferResult.CANCELLED)
    if _is_unknown(world, order, event):
        return phone_replies.PhoneReply(OfferResult.MISCONFIGURED, UNKNOWN_ENDPOINT)
    return phone_replies.PhoneReply(OfferResult.OFFLINE)


def _cannot_dial(world: World, call: Call, leg: Leg, event: OrderFailed) -> None:
    """The customer was not dialled, or it is unknown."""
    if event.why is Why.UNSENT:
        callback_calls.never_was(world, call, leg)
    elif call.phase is Phase.DIALLING:
        callback_calls.give_up(world, call, "congestion" if event.why is Why.REFUSED else "unknown")


def _never_was(world: World, leg: Leg) -> None:
    """An unsent Ring: there is no channel, so its leg is removed without a probe."""
    world.legs.drop(leg.id)
    agent = world.agents.get(leg.agent)
    if agent is not None and agent.leg == leg.id:
        agent_states.leg_gone(world, agent)
    elif agent is not None and agent.session == leg.id:
        agent_states.session_gone(world, agent)


def _bridge_failed(world: World, order: Bridge, event: OrderFailed) -> None:
    call = world.calls.get(order.call)
    if call is not None and supervision.bridge_failed(world, call, order):
        return
    if call is None or call.bridge != order.bridge:
        # Given up while it was in progress; it may have been half done after the order that was to undo it.
        world.order(DropBridge(bridge=order.bridge, pbx=pbx_of(order.legs[0]), legs=()))
        return
    if call.transfer is not None:
        _given_up(world, call.id, order, event)
        transfers.failed(world, call, "failed")
    elif call.phase is Phase.JOINING and event.why is Why.REFUSED and event.status in LEG_IS_GONE:
        offers.one_is_gone(world, call)
    elif call.phase is Phase.JOINING and event.why is Why.TIMEOUT:
        offers.may_have_joined(world, call)
    elif call.phase is Phase.JOINING:
        offers.failed_to_join(world, call, f"{event.why} {event.status} {event.detail}".strip())
    elif call.segment is not None and call.failures + 1 >= offers.MAX_FAILURES:
        _given_up(world, call.id, order, event)
        segments.end_call(world, segments.end_segment(world, call, "fault", world.now))
    else:
        world.calls.put(call.id, evolve(call, failures=call.failures + 1))
        for leg in order.legs:
            _doubt(world, leg)


def _cannot_leave(world: World, order: LeaveToDialplan, event: OrderFailed) -> None:
    leg = world.legs.get(order.leg)
    if leg is None and event.status == 409 and campaign_of(channel_of(order.leg), world.plan.prefix):
        return  # already in the dialplan, with its message
    if leg is None:
        if event.status != 404:  # a caller whom we did not accept and who is stuck: watched, so that nobody is left in silence
            legs.hang_up(world, legs.open_leg(world, order.leg, LegRole.AGENT).id)
        return
    call = world.calls.get(leg.call)
    if event.status == 409 and call is not None and call.campaign and call.placed and call.phase is Phase.LEAVING:
        world.legs.drop(leg.id)  # it is in the dialplan; should it come back from there, it is sent on
        segments.finish(world, call, world.now)
        return
    if event.status == 404 or call is None:
        legs.probe_soon(world, leg, 0.0)
    elif call.phase is Phase.LEAVING:
        _given_up(world, call.id, order, event)
        calls.leave_again(world, call)
