"""The entry point of the core: ``step(world, event) -> Outcome``.

A step has three parts: it applies the event, pairs available agents with waiting callers, and returns the resulting orders,
facts and changes. A step that raises leaves the world untouched. Every event has one line here. Two are too long for one step,
and are taken in ``slices``.
"""

from __future__ import annotations

from typing import assert_never

from callbridge.core import decisions
from callbridge.core.calls import (
    call_requests,
    callers,
    calls,
    far_legs,
    in_call_codes,
    phone_transfers,
    referrals,
    talks,
    transferred_parties,
)
from callbridge.core.entities import agent_states, attempts, callbacks, closures, device_records, legs, switches, tie_lines
from callbridge.core.flows import interpreter
from callbridge.core.model import slices
from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    AgentRequested,
    AmdDetourEnded,
    AnyEvent,
    ApplicationTaken,
    AttemptClosed,
    AttemptsReserved,
    CallbackChangeRequested,
    CallerArrived,
    CallerAudible,
    CallerIdentified,
    CallRequested,
    CampaignRecalled,
    CampaignRequested,
    ClockMoved,
    ClosureRequested,
    ContactsChanged,
    DayBegan,
    DeadlinePassed,
    DeviceChanged,
    DevicesListed,
    DigitPressed,
    DispositionRequested,
    EntityFaulted,
    FeatureDialled,
    HintRead,
    LeadsFound,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegHeld,
    LegJoined,
    LegLeft,
    LegMoved,
    LegParted,
    LegProbed,
    LegReplaced,
    LegRinging,
    LegTransferred,
    LegUnheld,
    LookedUp,
    NoteRequested,
    NumberBlocked,
    OrderFailed,
    PartyFound,
    PbxHeard,
    PbxLost,
    PbxSnapshot,
    PhoneInspected,
    PinEntered,
    PlanChanged,
    PlaybackEnded,
    QualityMeasured,
    RecordingEnded,
    RecordingScored,
    ReferralRead,
    ReopeningRequested,
    RequestCarriedOut,
    ScriptAnswersGiven,
    StoreChanged,
    SwitchTurned,
    TokenUsed,
)
from callbridge.core.model.facts import ApplicationReplaced
from callbridge.core.model.ids import LegId, channel_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import HangUp
from callbridge.core.model.tally import Tally
from callbridge.core.model.world import Outcome, World
from callbridge.core.outbound import callback_calls, callback_requests, campaigns, dialer
from callbridge.core.recovery import order_failures, quarantine, snapshots
from callbridge.core.reload import plan_change
from callbridge.core.requests import (
    after_call,
    agent_requests,
    audit,
    call_quality,
    feature_codes,
    pin_guards,
    scores,
    scripts,
)
from callbridge.core.routing import announcements, audio, devices, offers, phone_replies
from callbridge.core.transfers import holds, supervision, transfers


def step(world: World, event: AnyEvent) -> Outcome:
    """Advance the world by one event; return the orders, the facts and the changed rows.

    Raises whatever our own bugs raise, with the world as it was before; and SliceFailed, with the world half-way.
    """
    goes_on = slices.is_next(world, event)
    if world.unfinished is not None and not goes_on:
        _finish(world)
    mark, to_review, faults = world.mark(), world.reviews, len(world.faults)
    try:
        world.now = max(world.now, event.at)
        _apply(world, event)
        decisions.after_event(world, event, mark.facts)
    except BaseException as error:
        world.undo_to(mark)
        world.reviews, world.unfinished = to_review, None
        del world.faults[faults:]
        if goes_on:
            raise slices.SliceFailed(repr(error)) from error
        raise
    return world.commit()


def _finish(world: World) -> None:
    """An event has come before the last slice of the previous step: finish the remaining slices at once. Their orders and facts
    go out with the event's outcome, or with the next one if the event's step raises."""
    emitted = len(world.emitted())
    try:
        slices.finish(world)
        decisions.after_event(world, None, emitted)
    except Exception as error:
        world.unfinished = None
        raise slices.SliceFailed(repr(error)) from error


def _apply(world: World, event: AnyEvent) -> None:
    match event:
        case CallerArrived():
            phone_transfers.arrived(world, event)
        case FeatureDialled():
            feature_codes.dialled(world, event)
        case LegEntered():
            _leg_entered(world, event.leg)
        case LegRinging():
            _leg_ringing(world, event)
        case LegAnswered():
            _leg_answered(world, event)
        case LegEnded():
            leg = world.legs.get(event.leg)
            if leg is not None and leg.role is LegRole.FEATURE:
                feature_codes.leg_gone(world, leg)
            elif leg is not None:
                calls.leg_ended(world, leg, event)
        case DeadlinePassed():
            _deadline_passed(world, event)
        case LegLeft():
            leg = world.legs.get(event.leg)
            if leg is not None:
                calls.leg_left(world, leg)
        case LegMoved():
            leg = world.legs.get(event.leg)
            if leg is not None:
                calls.leg_moved(world, leg)
        case AmdDetourEnded():
            campaigns.returned(world, event)
        case LegProbed():
            leg = world.legs.get(event.leg)
            if leg is not None and leg.role is LegRole.FEATURE and not event.in_app and leg.hung_at is None:
                feature_codes.leg_gone(world, leg)
            elif leg is not None:
                calls.leg_probed(world, leg, event)
        case LegJoined():
            _leg_joined(world, event)
        case LegParted():
            _leg_parted(world, event)
        case LegHeld():
            holds.by_phone(world, event.leg, held=True)
        case LegUnheld():
            holds.by_phone(world, event.leg, held=False)
        case LegReplaced():
            phone_transfers.replaced(world, event)
        case LegTransferred():
            phone_transfers.transferred(world, event)
        case DigitPressed():
            audio.pressed(world, event.leg)
            offers.pressed(world, event)
            transfers.pressed(world, event)
            in_call_codes.pressed(world, event)
            feature_codes.pressed(world, event)
            interpreter.pressed(world, event)
        case PlaybackEnded():
            _playback_ended(world, event)
        case OrderFailed():
            order_failures.order_failed(world, event)
        case AgentRequested():
            agent_requests.requested(world, event)
        case CallRequested():
            call_requests.requested(world, event)
        case CallbackChangeRequested():
            callback_requests.requested(world, event)
        case CampaignRequested():
            campaigns.requested(world, event)
        case DispositionRequested():
            after_call.set_disposition(world, event)
        case NoteRequested():
            after_call.noted(world, event)
        case ScriptAnswersGiven():
            scripts.answered(world, event)
        case LeadsFound():
            dialer.found(world, event)
        case AttemptsReserved():
            campaigns.reserved(world, event)
        case AttemptClosed():
            attempts.closed(world, event)
        case NumberBlocked():
            campaigns.blocked(world, event)
        case CampaignRecalled():
            campaigns.recalled(world, event)
        case SwitchTurned():
            switches.turned(world, event)
        case ClosureRequested():
            closures.requested(world, event)
        case ReopeningRequested():
            closures.reopened(world, event)
        case DeviceChanged():
            agent_states.device_changed(world, event.phone, event.state)
            transferred_parties.phone_changed(world, event.phone)
            far_legs.phone_changed(world, event.phone)
        case ContactsChanged():
            devices.contacts_changed(world, event)
        case DevicesListed():
            _devices_listed(world, event)
        case HintRead():
            agent_states.hint_read(world, event)
        case CallerAudible():
            audio.audible(world, event.leg)
        case PartyFound():
            transferred_parties.found(world, event)
        case ReferralRead():
            phone_transfers.referral_read(world, event)
        case CallerIdentified():
            callers.identified(world, event)
        case PhoneInspected():
            feature_codes.phone_inspected(world, event.phone, event.legs)
            agent_states.phone_inspected(world, event.phone, event.legs)
        case RecordingEnded():
            interpreter.recorded(world, event)
        case LookedUp():
            callers.looked_up(world, event)
        case PbxSnapshot():
            slices.begin(world, snapshots.snapshot(world, event))
        case PbxLost():
            snapshots.lost(world, event.pbx)
            far_legs.pbx_lost(world, event.pbx)
        case PbxHeard():
            world.hear(event.pbx, event.until)
        case ApplicationTaken():
            world.emit(ApplicationReplaced(seq=world.next_seq(), at=world.now, pbx=event.pbx))
        case StoreChanged():
            world.unsaved = not event.safe
        case ClockMoved():
            world.wall_offset = event.offset
            world.clock_moved_at = world.now
            closures.clock_moved(world)
        case DayBegan():
            _day_began(world, event)
        case PlanChanged():
            slices.begin(world, plan_change.changed(world, event))
        case TokenUsed():
            audit.token_used(world, event)
        case RequestCarriedOut():
            audit.carried_out(world, event)
        case PinEntered():
            pin_guards.entered(world, event)
        case RecordingScored():
            scores.scored(world, event)
        case QualityMeasured():
            call_quality.measured(world, event)
        case EntityFaulted():
            quarantine.faulted(world, event)
        case _:
            assert_never(event)


def _sign_of_life(world: World, key: LegId) -> Leg | None:
    """The leg, unless it is unknown or should have ended; one that should have ended is hung up (again)."""
    leg = world.legs.get(key)
    if leg is None:
        if channel_of(key).startswith(world.plan.prefix + "-"):
            world.order(HangUp(leg=key))  # a Ring that we had given up was carried out after all
        return None
    if leg.hung_at is not None:
        legs.hang_up_again(world, leg)
        return None
    return leg


def _leg_entered(world: World, key: LegId) -> None:
    legs.entered(world, key)
    leg = world.legs.get(key)
    call = world.calls.get(leg.call) if leg is not None else None
    if leg is not None and call is not None and leg.role is LegRole.SNOOP and leg.hung_at is None:
        supervision.entered(world, call, key)
    elif leg is not None:
        phone_replies.watch(world, leg)


def _leg_ringing(world: World, event: LegRinging) -> None:
    leg = _sign_of_life(world, event.leg)
    if leg is not None and not leg.rang:
        device_records.reacted(world, leg.device)
        world.put_leg(phone_replies.heard(world, leg), rang=True)
        call = world.calls.get(leg.call)
        if call is not None:
            offers.rings(world, call, leg)


def _leg_answered(world: World, event: LegAnswered) -> None:
    campaigns.answered_too_late(world, event.leg)
    leg = _sign_of_life(world, event.leg)
    if leg is None:
        return
    up = (leg.up_at, leg.up_said_at) if leg.up_at is not None else (world.now, event.said_at)
    leg = world.put_leg(phone_replies.heard(world, leg), up_at=up[0], up_said_at=up[1])
    agent = world.agents.get(leg.agent)
    if agent is not None:
        agent = agent_states.phone_works(world, agent)
    call = world.calls.get(leg.call)
    if call is not None and call.leg == leg.id:
        call = audio.answered(world, call, leg)
    if call is not None and leg.device:
        device_records.reacted(world, leg.device)
        call = devices.answered(world, call, leg)
    if leg.role is LegRole.SESSION and agent is not None and agent.session == leg.id and not agent.session_up:
        agent_states.session_answered(world, agent)
    elif call is not None and call.phase is Phase.OFFERED and call.offer is not None and call.offer.leg == leg.id:
        offers.answered(world, call)
    elif call is not None and call.phase is Phase.DIALLING and call.leg == leg.id:
        callback_calls.answered(world, call)
    elif call is not None and call.transfer is not None and call.transfer.leg == leg.id:
        transfers.answered(world, call)
    elif call is not None and call.far == leg.id:
        transferred_parties.look(world, leg)
    elif call is not None and leg.role is LegRole.SUPERVISOR:
        supervision.answered(world, call, leg)


def _leg_joined(world: World, event: LegJoined) -> None:
    leg = world.legs.get(event.leg)
    if leg is None:
        return
    leg = world.put_leg(leg, bridge=event.bridge)
    call = world.calls.get(leg.call)
    if call is not None:
        talks.joined(world, call, event.said_at)
        transfers.joined(world, world.calls[call.id], event.said_at)


def _leg_parted(world: World, event: LegParted) -> None:
    """A leg left the bridge: either it is about to end, or something is wrong and it will be probed."""
    leg = world.legs.get(event.leg)
    if leg is None or leg.bridge != event.bridge:
        return
    leg = world.put_leg(leg, bridge=None)
    call = world.calls.get(leg.call)
    if call is not None and call.bridge == event.bridge and call.phase is Phase.TALKING and leg.deadline is None:
        legs.probe_soon(world, leg, legs.HANG_UP_CHECK)


def _playback_ended(world: World, event: PlaybackEnded) -> None:
    """The beep for a nailed-up agent is over: connect the call. Or a prompt of a feature call has ended."""
    feature_codes.playback_ended(world, event.leg, event.playback)
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    if call is not None and call.offer is not None and event.playback in (call.offer.playback, call.offer.reading):
        offers.playback_ended(world, call, event.playback, failed=event.failed)
    elif call is not None and call.transfer is not None and call.transfer.playback == event.playback:
        transfers.answered(world, call)
    elif call is not None and call.leg == event.leg:
        interpreter.playback_ended(world, call, event)
        announcements.playback_ended(world, world.calls[call.id], event)
    elif call is not None and announcements.listener(call) == event.leg:
        announcements.playback_ended(world, call, event)


def _devices_listed(world: World, event: DevicesListed) -> None:
    agent_states.devices_changed(world, event.states)
    for agent in [one for one in world.agents.values() if one.dnd]:
        agent_states.refresh_dnd(world, agent)  # the state may no longer be listed
    world.matcher.agents_known(True)


def _deadline_passed(world: World, event: DeadlinePassed) -> None:
    match event.kind:
        case "call":
            call = world.calls.get(event.id)
            if call is not None:
                calls.deadline_passed(world, call)
        case "announcing":
            call = world.calls.get(event.id)
            if call is not None:
                announcements.deadline_passed(world, call)
        case "leg":
            leg = world.legs.get(event.id)
            if leg is not None and leg.role is LegRole.PARKED and not leg.left:
                phone_transfers.park_is_over(world, leg)
            elif leg is not None and not _own_deadline(world, leg):
                legs.deadline_passed(world, leg)
        case "agent":
            agent = world.agents.get(event.id)
            if agent is not None:
                if agent.inspect_at is not None and agent.inspect_at <= world.now:
                    far_legs.inspect(world, agent)
                agent_states.deadline_passed(world, world.agents[agent.id])
        case "callback":
            callback = world.callbacks.get(event.id)
            if callback is not None:
                callbacks.deadline_passed(world, callback)
        case "place":
            world.places.drop(event.id)
        case "closure":
            closure = world.closures.get(event.id)
            if closure is not None:
                closures.deadline_passed(world, closure)
        case "script_answers":
            row = world.script_answers.get(event.id)
            if row is not None:
                scripts.deadline_passed(world, row)
        case "attempt":
            attempt = world.attempts.get(event.id)
            if attempt is not None:
                attempts.deadline_passed(world, attempt)
        case "block":
            block = world.blocks.get(event.id)
            if block is not None:
                attempts.write_block(world, block)
        case "campaign":
            if event.id in world.campaign_states:
                world.campaign_states[event.id].wakes_at = None  # the decision is made at the end of every step
        case "review":
            pass  # the remaining callers are reviewed at the end of every step
        case "slice":
            slices.go_on(world)
        case "tie":
            line = world.ties.get(event.id)
            if line is not None:
                tie_lines.deadline_passed(world, line)
        case "feature":
            talk = world.dialogues.get(event.id)
            if talk is not None:
                feature_codes.deadline_passed(world, talk)
        case _:
            raise ValueError(f"a deadline of an unknown kind: {event.kind}")


def _own_deadline(world: World, leg: Leg) -> bool:
    """Is it a deadline that means more than a doubt whether the leg lives?"""
    if referrals.overdue(world, leg):
        phone_transfers.referral_read(world, ReferralRead(at=world.now, leg=leg.id, host=""))
        return True
    if callers.ask_again(world, leg) or transferred_parties.look_again(world, leg) or phone_transfers.consults_nobody(world, leg):
        return True
    return phone_replies.ask(world, leg)


def _day_began(world: World, event: DayBegan) -> None:
    """Today's figures start at zero; figures of days without a waiting visit are dropped."""
    if event.day == world.day:
        return
    world.day = event.day
    alive = {(call.visit.queue, call.visit.day) for call in world.calls.values() if call.visit is not None}
    for tally in world.tallies.values():
        if tally.day != event.day and (tally.queue, tally.day) not in alive:
            world.tallies.drop(f"{tally.queue}|{tally.day}")
    for queue in world.plan.queues:
        if world.tallies.get(f"{queue}|{event.day}") is None:
            world.tallies.put(f"{queue}|{event.day}", Tally(queue=queue, day=event.day))
