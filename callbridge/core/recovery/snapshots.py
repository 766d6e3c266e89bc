"""After a gap in the events: compares the world with a snapshot of the PBX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from callbridge.core.calls import calls, phone_transfers
from callbridge.core.entities import agent_states, attempts, callbacks, legs, recordings
from callbridge.core.flows import interpreter
from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.attempt import campaign_of
from callbridge.core.model.call import Call, OfferResult, Phase
from callbridge.core.model.events import CallerArrived, PbxSnapshot, SeenLeg
from callbridge.core.model.facts import DifferenceFound
from callbridge.core.model.ids import LegId, channel_of, pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import Answer, Bridge, DropBridge, HangUp, LeaveToDialplan, StartMusic, Subscribe
from callbridge.core.model.phones import phone_of
from callbridge.core.model.plan import SAFE_HARBOUR_CONTEXT
from callbridge.core.model.slices import Slices, each
from callbridge.core.model.world import World
from callbridge.core.outbound import callback_calls, campaigns
from callbridge.core.recovery import adoption, references, unsaved_answers
from callbridge.core.requests import feature_codes
from callbridge.core.routing import announcements, audio, offers, segments, visits
from callbridge.core.transfers import holds, transfers


def lost(world: World, pbx: str) -> None:
    """The link to the PBX is lost: no offers to its callers until the next snapshot."""
    world.down.add(pbx)
    world.matcher.close(pbx)
    agent_states.link_changed(world, pbx)


def snapshot(world: World, event: PbxSnapshot) -> Slices:
    """Reconcile the world with the PBX after a gap in the events."""
    pbx = event.pbx
    yield from references.complete(world, event)
    yield from _compare(world, event)
    ours = {call.bridge for call in world.calls.values()}  # before the calls are reconciled, which drops bridges, too
    ours |= {one.bridge for call in world.calls.values() for one in call.supervisions}
    yield len(world.calls)
    yield from unsaved_answers.find(world, event)
    yield from each(world, "call", _on(pbx, world.calls.values()), partial(_reconcile, world))
    adopted: list[str] = []
    yield from adoption.adopt(world, event, adopted)
    for key in adopted:
        _differs(world, pbx, "conversation_without_call", world.calls[key].leg)
    yield from references.settle(world, event, adopted)
    for callback in world.callbacks.values():
        if callback.call and callback.call not in world.calls and callback.pbx == pbx:
            callbacks.lost(world, callback)
    attempts.reconcile(world)
    for agent in world.agents.values():
        if agent.reserved_for and agent.reserved_for not in world.calls:
            agent_states.change(world, agent, reserved_for="")
    ours |= {call.bridge for call in world.calls.values()}
    over = {bridge.legs[0] for bridge in event.bridges if bridge.bridge not in ours and len(bridge.legs) == 1}
    for bridge in event.bridges:
        if bridge.bridge not in ours:  # before the legs inside get music
            _differs(world, pbx, "bridge_without_call", "")
            world.order(DropBridge(bridge=bridge.bridge, pbx=pbx, legs=bridge.legs))
    agents_by_phone = adoption.agents_by_phone(world, event.legs)
    yield len(world.calls) + len(event.legs)
    for found in event.legs:
        if found.leg not in world.legs:
            _found(world, found, pbx, agents_by_phone, over=found.leg in over)
        yield 1
    references.give_up(world, pbx)
    yield len(world.calls)
    world.down.discard(pbx)
    agent_states.link_changed(world, pbx)
    yield from each(world, "agent", world.agents.values(), partial(_open_for_business, world))
    world.matcher.open(pbx)


def _on(pbx: str, calls: Iterable[Call]) -> Iterator[Call]:
    return (call for call in calls if pbx_of(call.leg) == pbx)


def _compare(world: World, event: PbxSnapshot) -> Slices:
    """Compare every leg with what the PBX shows."""
    seen = {leg.leg: leg for leg in event.legs}
    inside = {leg: bridge.bridge for bridge in event.bridges for leg in bridge.legs}
    heard_at = min(event.last_heard_at, event.requested_at)
    yield len(event.legs)

    def compare(leg: Leg) -> None:
        if leg.id in seen:
            _still_there(world, leg, seen[leg.id], inside.get(leg.id), heard_at)
        elif leg.heard_at <= event.requested_at:
            _missing(world, leg, event)

    legs_there = (leg for leg in world.legs.values() if pbx_of(leg.id) == event.pbx)
    yield from each(world, "leg", legs_there, compare)


def _differs(world: World, pbx: str, kind: str, leg: str) -> None:
    world.emit(DifferenceFound(seq=world.next_seq(), at=world.now, pbx=pbx, kind=kind, leg=leg))


def _still_there(world: World, leg: Leg, seen: SeenLeg, bridge: str | None, heard_at: float) -> None:
    up_at = leg.up_at if leg.up_at is not None or not seen.up else world.now
    if leg.up_at is None and seen.up and leg.role is LegRole.CUSTOMER:
        campaigns.answered_too_late(world, leg.id)
        up_at = max(leg.heard_at, heard_at)  # the time of the answer was not reported: assume the earliest possible
    world.put_leg(leg, up_at=up_at, bridge=bridge, left=False, missing_since=None)
    agent = world.agents.get(leg.agent)
    if leg.hung_at is not None:
        world.order(HangUp(leg=leg.id))
    elif leg.role is LegRole.FEATURE:
        feature_codes.give_up(world, world.legs[leg.id])  # prompts and keys of the gap are lost
    elif agent is not None and agent.session == leg.id and not agent.session_up:
        _half_made_session(world, agent, up=seen.up)
    else:
        world.order(Subscribe(leg=leg.id))


def _half_made_session(world: World, agent: Agent, *, up: bool) -> None:
    """If it was answered meanwhile, use it. Otherwise it may have been created and never dialled: hang it up and ring again."""
    if up:
        agent_states.session_answered(world, agent)
    else:
        legs.hang_up(world, agent.session)
        agent_states.session_gone(world, agent)


def _missing(world: World, leg: Leg, event: PbxSnapshot) -> None:
    """Not listed, and no event since: probe it before it counts as ended."""
    since = max(leg.heard_at, min(event.last_heard_at, event.requested_at))
    world.put_leg(leg, heard_at=leg.heard_at, missing_since=since)
    legs.probe_now(world, world.legs[leg.id])


def _reconcile(world: World, call: Call) -> None:
    """Repeat what was half done; leave alone what continued without us."""
    customer = world.legs.get(call.leg)
    if (customer is None and call.phase is not Phase.WAITING) or call.phase is Phase.DIALLING:
        callback_calls.reconcile(world, call, customer)
        return
    if customer is None or customer.missing_since is not None:
        return
    audio.watch_again(world, call, customer)
    recordings.reconcile(world, call)
    if call.supervisions:
        call = segments.end_supervision(world, call)
        world.calls.put(call.id, call)
    if call.transfer is not None:
        transfers.reconcile(world, call)
        return
    match call.phase:
        case Phase.WAITING:
            _restart_media(world, call, customer)
        case Phase.OFFERED | Phase.JOINING:
            agent_leg = world.legs.get(call.offer.leg) if call.offer is not None else None
            known = call.offer is not None and call.offer.agent in world.agents
            if known and agent_leg is not None and agent_leg.bridge == customer.bridge and customer.bridge:
                unsaved_answers.joined(world, call, customer.bridge)
                return
            _restart_media(world, call, customer)
            offers.retry(world, world.calls[call.id], OfferResult.CANCELLED)
        case Phase.TALKING if call.segment is not None and call.segment.on_hold:
            holds.reconcile(world, call, customer)
        case Phase.TALKING:
            agent_leg = world.legs.get(call.segment.leg) if call.segment is not None else None
            if agent_leg is not None and agent_leg.missing_since is None and call.bridge is not None:
                out = tuple(leg.id for leg in (customer, agent_leg) if leg.bridge != call.bridge)
                if out:
                    world.order(Bridge(bridge=call.bridge, legs=out, call=call.id))
        case Phase.LEAVING:
            calls.leave_again(world, call)
        case Phase.FLOW:
            if customer.up_at is None:
                world.order(Answer(leg=call.leg))
            interpreter.reconcile(world, call)
        case Phase.DIALLING | Phase.TRANSFERRING | Phase.OUTSIDE | Phase.ENDING:
            pass


def _restart_media(world: World, call: Call, customer: Leg) -> None:
    """Restart music and announcements of a waiting caller, and answer the call first, if that order was never sent."""
    if customer.up_at is None:
        world.order(Answer(leg=call.leg))
    if call.phase is not Phase.JOINING:  # giving up a join starts the music anyway
        call = announcements.stop_prompt(world, call)
        world.order(StartMusic(leg=call.leg, music=visits.queue_music(world, call)))
        known = call.announcing is not None or call.visit is None or call.visit.queue not in world.plan.queues
        # Rows of a version without announcements do not know whether the caller was greeted: do not greet again.
        world.calls.put(call.id, announcements.resume(world, call) if known else announcements.begin(world, call, greeted=True))


def _found(world: World, seen: SeenLeg, pbx: str, agents_by_phone: Mapping[str, Agent], *, over: bool) -> None:
    """Ours by its arguments or its ID, but without a row: a caller to serve, or a leftover to clear. ``over``: alone in a bridge
    of ours, because the other party hung up meanwhile: that ends the call, as it does when we hear of it."""
    if over and seen.role in ("", "customer"):
        _differs(world, pbx, "conversation_over", seen.leg)
        _clear(world, seen.leg)
    elif seen.role or channel_of(seen.leg).startswith(world.plan.prefix + "-"):
        _differs(world, pbx, "leg_without_owner", seen.leg)
        campaign = campaign_of(channel_of(seen.leg), world.plan.prefix)
        if campaign and seen.up:  # the customer has answered a campaign call that we no longer know
            world.order(LeaveToDialplan(leg=seen.leg, context=SAFE_HARBOUR_CONTEXT, extension=campaign))
        else:
            _clear(world, seen.leg)
    elif seen.feature:
        _differs(world, pbx, "feature_leftover", seen.leg)
        legs.open_leg(world, seen.leg, LegRole.FEATURE)
        world.order(Subscribe(leg=seen.leg))
        legs.hang_up(world, seen.leg)
    elif seen.entry is not None and not seen.name.startswith("Local/"):
        _differs(world, pbx, "caller_not_known", seen.leg)
        at_phone = agents_by_phone.get(phone_of(world.plan, seen.leg, seen.name))
        if at_phone is not None and at_phone.work is Work.TALKING:
            phone_transfers.consult(world, _arrival(seen), at_phone)
        else:
            phone_transfers.arrived(world, _arrival(seen), found=True)
    elif seen.name.startswith("Local/") and seen.entry is not None and world.legs_of_pair(phone_transfers.pair_of(seen.name)):
        phone_transfers.arrived(
            world, _arrival(seen)
        )  # part of a transfer to one of our entries; the customer is connected to the other half
    elif seen.name.startswith("Local/"):
        _differs(world, pbx, "transfer_leftover", seen.leg)
        _clear(world, seen.leg)
    else:
        _differs(world, pbx, "stray_in_app", seen.leg)
        world.order(LeaveToDialplan(leg=seen.leg, context=world.plan.fallback_context, extension="unknown"))


def _clear(world: World, leg: LegId) -> None:
    """Hang it up, and watch it until it has ended."""
    legs.hang_up(world, legs.open_leg(world, leg, LegRole.AGENT).id)


def _arrival(seen: SeenLeg) -> CallerArrived:
    return CallerArrived(
        at=seen.created_at,
        leg=seen.leg,
        entry=seen.entry or "",
        channel_name=seen.name,
        number=seen.number,
        name=seen.caller_name,
        tier=seen.tier,
        up=seen.up,
        transferred=seen.transferred,
    )


def _open_for_business(world: World, agent: Agent) -> None:
    """Open the session of a nailed-up agent who is ready and has none."""
    if agent.intent is Intent.READY:
        agent_states.open_session(world, agent)
