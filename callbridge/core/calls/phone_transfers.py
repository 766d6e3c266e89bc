"""Transfers made on the phone: the agent's segment ends, the call continues, and nothing is counted twice.

How Asterisk reports one: the first half of a Local channel takes the agent's place in our bridge
(LegReplaced); its second half runs the dialplan, and when that leads to one of our own entries it arrives like a
caller. The two halves share a name, ``Local/...`` without ``;1`` or ``;2``: the *pair*. Either may be reported first.
"""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.calls import callers, calls, referrals, transferred_parties
from callbridge.core.entities import agent_states, legs, recordings
from callbridge.core.flows import interpreter
from callbridge.core.model.agent import Agent, Work
from callbridge.core.model.call import Call, DiversionReason, Move, Phase, after
from callbridge.core.model.events import CallerArrived, LegReplaced, LegTransferred, PartyFound, ReferralRead
from callbridge.core.model.facts import CallTransferred
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import SESSION_LINE, Leg, LegRole
from callbridge.core.model.orders import Answer, Bridge, HangUp, StartMusic, Subscribe
from callbridge.core.model.phones import phone_of
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import announcements, segments, visits
from callbridge.core.transfers import targets, transfers

PARK = 0.3
"""Seconds that a Local half waits for news of its other half before it counts as a caller; with music, and only while a phone has
a talk that it could transfer."""


def pair_of(channel_name: str) -> str:
    """The name that both halves of a Local channel share; empty for any other channel."""
    return channel_name.rpartition(";")[0] if channel_name.startswith("Local/") else ""


def arrived(world: World, event: CallerArrived, *, found: bool = False) -> None:
    """A channel entered Stasis with our arguments: a caller, an agent's consult, or the far end of a transfer.

    ``found``: its arrival was not reported; it was found in a snapshot."""
    if event.leg in world.legs:
        return
    pair = pair_of(event.channel_name)
    if pair:
        _half_arrived(world, event, pair)
        return
    phone = phone_of(world.plan, event.leg, event.channel_name)
    agent = world.agent_at(phone)
    if agent is not None and agent.work is Work.TALKING:
        consult(world, event, agent)
        return
    calls.arrive(world, event, found=found, phone=phone if agent is not None else "")
    if event.transferred and (leg := world.legs.get(event.leg)) is not None:
        callers.identify(world, leg, "")


def _half_arrived(world: World, event: CallerArrived, pair: str) -> None:
    leg = legs.open_leg(world, event.leg, LegRole.PARKED)
    leg = world.put_leg(leg, pair=pair, arrival=event, deadline=world.now + PARK)
    _match_halves(world, pair)
    if world.legs.get(leg.id) is not leg:
        return  # a transfer led here
    if not _may_be_transfer(world, leg):
        parked_too_long(world, leg)
        return
    if not event.up:
        world.put_leg(leg, arrival=replace(event, up=True))
    _hear_music(world, event)


def _may_be_transfer(world: World, leg: Leg) -> bool:
    """Has some phone of this PBX a talk, or a consult, that it could be transferring just now?"""
    pbx = pbx_of(leg.id)
    others = (one for one in world.legs.values() if one.bridge is not None or one.role is LegRole.CONSULT)
    return any(pbx_of(one.id) == pbx for one in others)


def _hear_music(world: World, event: CallerArrived) -> None:
    """Answered, with the music of the queue where the entry leads."""
    world.order(Subscribe(leg=event.leg))
    if not event.up:
        world.order(Answer(leg=event.leg))
    world.order(StartMusic(leg=event.leg, music=legs.entry_music(world, event.entry)))


def consult(world: World, event: CallerArrived, agent: Agent) -> None:
    """An agent who has a caller calls one of our entries: answered with music, never offered, never counted."""
    leg = legs.open_leg(world, event.leg, LegRole.CONSULT, agent=agent.id)
    world.put_leg(leg, arrival=event, deadline=world.now + legs.CONSULT_CHECK)
    _hear_music(world, event)


def consults_nobody(world: World, leg: Leg) -> bool:
    """Has the agent of this consult no caller any more? Then the agent is served like a caller."""
    agent = world.agents.get(leg.agent)
    if leg.role is not LegRole.CONSULT or leg.arrival is None or agent is None or agent.work is Work.TALKING:
        return False
    gone = leg.pair or leg.hung_at is not None or leg.left or leg.missing_since is not None
    if gone or world.now - agent.since < legs.CONSULT_CHECK:
        return False  # the other half of the transfer may be reported in a moment
    world.legs.drop(leg.id)
    dialled = phone_of(world.plan, leg.id, leg.arrival.channel_name)
    calls.arrive(world, replace(leg.arrival, up=True), phone=dialled if dialled in agent.phones else agent.phone)
    return True


def park_is_over(world: World, leg: Leg) -> None:
    """The wait for news of the other half is over. While the link is down no news arrives: after a restart the
    other half may have been put in an agent's place meanwhile."""
    if pbx_of(leg.id) in world.down:
        world.put_leg(leg, deadline=world.now + PARK)
    else:
        parked_too_long(world, leg)


def parked_too_long(world: World, leg: Leg) -> None:
    """No transfer was reported: the Local half is a caller after all, with the arrival time of the channel."""
    if any(other.unread for other in world.legs_of_pair(leg.pair)):
        world.put_leg(leg, deadline=world.now + PARK)
        return
    world.legs.drop(leg.id)
    if leg.arrival is not None:
        calls.arrive(world, leg.arrival)


def replaced(world: World, event: LegReplaced) -> None:
    """A transfer put another channel in the place of a leg of ours."""
    leg = world.legs.get(event.leg)
    if leg is None or event.by in world.legs:
        return
    pair = pair_of(event.by_name)
    call = world.calls.get(leg.call)
    match leg.role:
        case LegRole.AGENT | LegRole.SESSION if call is not None and call.segment is not None and call.segment.leg == leg.id:
            by, queue = call.segment.agent, call.segment.queue
            call = segments.end_segment(world, transfers.cancel(world, call), "transfer", world.now, by_phone=True)
            call = evolve(call, transferred_by=by, transferred_from=queue)
            if leg.role is LegRole.SESSION:
                _session_given_away(world, leg)
            _transfer(world, call, event, pair)
            if pair and not event.up:
                referrals.read(world, world.legs[event.by])
        case LegRole.OUTSIDE if call is not None:
            _let_go(world, leg)
            _transfer(world, call, event, pair)
        case LegRole.CUSTOMER if call is not None:
            _customer_replaced(world, call, leg, event)
        case LegRole.CONSULT:
            _let_go(world, leg)
            new = legs.open_leg(world, event.by, LegRole.CONSULT, agent=leg.agent)
            world.put_leg(new, pair=pair, arrival=leg.arrival)
            world.order(Subscribe(leg=event.by))
        case LegRole.FEATURE:
            legs.hang_up(world, leg.id)
            world.order(HangUp(leg=event.by))
        case _:  # the phone transferred a conversation that had just ended for us: nobody is left to transfer
            legs.hang_up(world, legs.open_leg(world, event.by, LegRole.AGENT).id)
            return
    if pair:
        _match_halves(world, pair)


def _session_given_away(world: World, leg: Leg) -> None:
    """A nailed-up phone ends the line that it transferred: nothing more is offered on it, and it is rung again afterwards."""
    agent = world.agents.get(leg.agent)
    if agent is not None and agent.session == leg.id:
        agent_states.session_gone(world, agent)
    _let_go(world, world.legs[leg.id])
    world.put_leg(world.legs[leg.id], gave_away=SESSION_LINE)


def _transfer(world: World, call: Call, event: LegReplaced, pair: str) -> None:
    leg = legs.open_leg(world, event.by, LegRole.OUTSIDE, call=call.id)
    world.put_leg(leg, pair=pair, bridge=call.bridge, up_at=world.now if event.up else None)
    world.order(Subscribe(leg=event.by))
    bridge = call.bridge
    if bridge is None:  # the agent had just requested a consult, and we had dropped the bridge
        bridge = world.mint("bridge")
        world.order(Bridge(bridge=bridge, legs=(call.leg, event.by), call=call.id, queue=call.transferred_from))
    elif (customer := world.legs.get(call.leg)) is not None and customer.bridge != bridge:
        world.order(Bridge(bridge=bridge, legs=(call.leg,), call=call.id))  # a caller on hold during a consult
    call = evolve(call, phase=after(call.phase, Move.GO_OUTSIDE), far=event.by, bridge=bridge, deadline=None)
    world.calls.put(call.id, call)
    if event.up and pair:
        transferred_parties.look(world, world.legs[event.by])
    elif event.up:
        phone = phone_of(world.plan, event.by, event.by_name)
        transferred_parties.found(world, PartyFound(at=world.now, leg=event.by, phone=phone))


def _let_go(world: World, leg: Leg) -> None:
    """A leg that was replaced: its phone usually hangs up by itself. Its report, which is to come, names the call that it had."""
    had, party = leg.transferred_call or leg.call, _party(leg)
    closed = world.now + segments.CLOSE_CHECK
    world.put_leg(
        leg, call="", role=LegRole.AGENT, deadline=closed, transferred_call=had, gave_away="" if party == "agent" else party
    )


def _party(leg: Leg) -> str:
    """Who gives the call away when this leg's phone does."""
    match leg.role:
        case LegRole.CUSTOMER:
            return "customer"
        case LegRole.OUTSIDE:
            return "outside"
        case _:
            return leg.gave_away if leg.gave_away in ("customer", "outside") else "agent"


def _customer_replaced(world: World, call: Call, old: Leg, event: LegReplaced) -> None:
    """The caller's phone has put somebody else in the caller's place: most likely a receptionist who gives us a customer."""
    by = event.by
    _let_go(world, old)
    new = legs.open_leg(world, by, LegRole.CUSTOMER, call=call.id)
    world.put_leg(new, up_at=world.now, bridge=old.bridge)
    world.order(Subscribe(leg=by))
    # Who is transferred here has been talking, to the phone that transferred.
    call = evolve(recordings.move(world, call, by), audible=True, audio_until=None)
    world.calls.put(call.id, call)
    if call.phase is Phase.ENDING:  # the leg that was hung up is not this one
        legs.hang_up(world, by)
        return
    if call.phase is Phase.LEAVING:  # the order went to the leg that is being replaced
        calls.leave_again(world, call)
    elif call.phase is Phase.FLOW:
        interpreter.reconcile(world, call)
    elif call.phase in (Phase.WAITING, Phase.OFFERED) and call.visit is not None:
        queue = world.plan.queues.get(call.visit.queue)
        world.order(StartMusic(leg=by, music=queue.music if queue is not None else "default"))
        if call.announcing is not None:
            call = evolve(call, announcing=evolve(call.announcing, playback=""))
        world.calls.put(call.id, announcements.resume(world, call))
    elif call.transfer is not None and old.bridge is None:  # apart from the agent, in a consult
        world.order(StartMusic(leg=by, music=targets.music(world, call.transfer.queue)))
    elif call.segment is not None and call.segment.on_hold:
        world.order(StartMusic(leg=by, music=targets.music(world, call.segment.queue)))
    callers.identify(world, world.legs[by], event.phone)


def _match_halves(world: World, pair: str) -> None:
    """If one half stands for an agent and the other one has entered an entry, the call goes to that entry."""
    halves = world.legs_of_pair(pair)
    far = next((leg for leg in halves if leg.role is LegRole.OUTSIDE), None)
    near = next((leg for leg in halves if leg.role in (LegRole.PARKED, LegRole.CONSULT) and leg.arrival is not None), None)
    if far is None or near is None or near.arrival is None or far.unread:
        return
    call = world.calls.get(far.call)
    # Sent elsewhere while the transfer was in progress, or refused; or the caller hung up in that moment.
    if call is None or call.far != far.id or far.hung_at is not None:
        world.put_leg(near, role=LegRole.AGENT, pair="")
        legs.hang_up(world, near.id)
        return
    entry = near.arrival.entry
    legs.hang_up(world, near.id)
    legs.hang_up(world, far.id)
    world.put_leg(world.legs[far.id], call="", pair="")
    world.put_leg(world.legs[near.id], role=LegRole.AGENT, pair="")
    _requeue(world, evolve(call, far=None), entry)


def referral_read(world: World, event: ReferralRead) -> None:
    """It is known where the phone's transfer leads: it is followed, unless it was refused."""
    leg = world.legs.get(event.leg)
    if referrals.was_read(world, event) and leg is not None and leg.pair:
        _match_halves(world, leg.pair)


def _requeue(world: World, call: Call, entry: str) -> None:
    """The same call's next visit, by the entry that the transfer led to."""
    call = evolve(call, entry=world.plan.entry_named(entry))
    if not segments.by_entry(world, call, "entry"):
        call = segments.out_of_bridge(world, call)
        call = evolve(call, phase=after(call.phase, Move.QUEUE))
        visits.leave(world, call, world.plan.fallback_context, entry, DiversionReason.UNKNOWN_ENTRY)


def transferred(world: World, event: LegTransferred) -> None:
    """The phone's own transfer, as Asterisk reports it: only emitted as a fact; its effect follows from the legs."""
    leg = world.legs.get(event.leg)
    call = (leg.call or leg.transferred_call) if leg is not None else ""
    if leg is None or not call or not event.worked:  # the report of an attended one names a consult's leg too
        return
    talk = world.calls.get(leg.call)
    if talk is not None and talk.segment is not None and talk.segment.leg == leg.id and not event.attended:
        leg = world.put_leg(leg, transfers=True)
    to = world.legs.get(event.target_leg)
    customer = world.calls.get(to.call) if to is not None and to.role is LegRole.CUSTOMER else None
    world.emit(
        CallTransferred(
            seq=world.next_seq(),
            at=world.now,
            call=call,
            agent=leg.agent,
            target=customer.number if customer is not None else event.target,  # which may be withheld
            attended=event.attended,
            party=_party(leg),
        )
    )
