"""Who the caller is, when a phone has transferred somebody to us: a receptionist calls an entry and gives us the customer.

Until then the call is the receptionist's, with that number and tier. Asterisk puts the customer's channel, or a Local channel
that leads to it, in the place of the receptionist's; the PBX is asked whose number is there (``IdentifyCaller``), because no
event says whether it is withheld. With the answer everything that follows from a number is decided again: tier, place in the
queue, lookups, the last agent, what is owed to the number, and what agents are shown.
"""

from __future__ import annotations

from callbridge.core.entities import attempts, callbacks
from callbridge.core.flows import interpreter, repeated_lookups
from callbridge.core.model.call import Call, OfferStage, Phase
from callbridge.core.model.events import CallerIdentified, LookedUp
from callbridge.core.model.facts import CallerChanged
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.orders import IdentifyCaller
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import displays, visits

ASKED_FOR = 30.0
"""Seconds for which the PBX is asked again when it has not answered, or nobody is at the other half of a Local channel yet."""
FIRST_RETRY = 0.5
LONGEST_RETRY = 5.0


def identify(world: World, leg: Leg, phone: str) -> None:
    """Ask whose number is at this customer's leg, which ``phone`` has put here."""
    call = world.calls.get(leg.call)
    if call is None or call.callback or call.campaign:
        return  # whom we called: the number is the one that we dialled
    at = world.now + FIRST_RETRY
    world.put_leg(leg, transferred_by=phone, ask_at=at, deadline=at if leg.deadline is None else leg.deadline)
    world.order(IdentifyCaller(leg=leg.id))


def ask_again(world: World, leg: Leg) -> bool:
    """A deadline of this leg has passed: is it the one after which the PBX is asked again?"""
    gone = leg.hung_at is not None or leg.left or leg.missing_since is not None
    if leg.ask_at is None or leg.deadline != leg.ask_at or leg.music_owed or gone:
        return False
    at = next_question(world, leg)
    world.put_leg(leg, ask_at=at, deadline=at)
    if at is not None:
        world.order(IdentifyCaller(leg=leg.id))
    return True


def next_question(world: World, leg: Leg) -> float | None:
    """When to ask next who the caller at this leg is; None when that is known, or will not be known any more."""
    since = leg.up_at if leg.up_at is not None else leg.heard_at
    if leg.transferred_by is None or world.now - since >= ASKED_FOR:
        return None
    return world.now + min(LONGEST_RETRY, max(FIRST_RETRY, world.now - since))


def identified(world: World, event: CallerIdentified) -> None:
    """The PBX has answered."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    if leg is None or call is None or call.leg != leg.id or leg.role is not LegRole.CUSTOMER or leg.transferred_by is None:
        return
    if not event.found:
        return  # asked again when the deadline passes
    phone = leg.transferred_by
    asks = leg.deadline == leg.ask_at and not leg.music_owed  # else the deadline is about something else
    world.put_leg(leg, transferred_by=None, ask_at=None, deadline=None if asks else leg.deadline)
    if (call.number, call.name) != (event.number, event.name) or event.number == WITHHELD:
        _change(world, call, event, phone)


def _change(world: World, call: Call, event: CallerIdentified, phone: str) -> None:
    before = call.tier
    tier = call.flow_tier or event.tier or world.plan.default_tier
    call = callbacks.not_again(world, call)
    call = repeated_lookups.ask_again(world, evolve(call, number=event.number, name=event.name, tier=tier))
    talking = call.segment is not None
    talker = call.segment or call.offer
    queue = call.segment.queue if call.segment is not None else call.visit.queue if call.visit is not None else ""
    world.emit(
        CallerChanged(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=talker.agent if talker is not None else "",
            queue=queue,
            leg=event.leg,
            number=call.number,
            name=call.name,
            tier=call.tier,
            phone=phone,
            talking=talking,
        )
    )
    plan = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    if plan is not None and plan.do_not_call:
        attempts.block(world, call.number, "", "complaint", f"queue:{plan.name}")
    _follow(world, call, before)


def _follow(world: World, call: Call, tier: str) -> None:
    """The caller's number or tier has changed, from ``tier``: place and displays follow."""
    call = visits.change_caller(world, call, tier)
    if call.phase is Phase.FLOW:
        interpreter.caller_changed(world, call)
    _show(world, call)


def _show(world: World, call: Call) -> None:
    """Update the phones that ring or talk: they show callbridge's display and no connected line update of Asterisk's own."""
    offer, transfer = call.offer, call.transfer
    if call.segment is not None:
        displays.show(world, call, call.segment.leg, call.segment.queue)
    elif call.phase is Phase.OFFERED and offer is not None and offer.stage is OfferStage.RINGING and not offer.nailed:
        displays.show(world, call, offer.leg, call.visit.queue if call.visit is not None else "")
    if transfer is not None and transfer.agent and transfer.leg is not None:
        leg = world.legs.get(transfer.leg)
        if leg is not None and (leg.role is LegRole.AGENT or transfer.reached):
            displays.show(world, call, leg.id, transfer.target_queue)


def looked_up(world: World, event: LookedUp) -> None:
    """Another system answered, or did not: about this caller, or to a node of a flow."""
    call = world.calls.get(event.call)
    changed = repeated_lookups.answered_again(world, call, event) if call is not None else None
    if call is None or changed is None:
        interpreter.looked_up(world, event)
    elif call.visit is not None:
        _follow(world, changed, call.tier)
    else:
        world.calls.put(call.id, changed)
