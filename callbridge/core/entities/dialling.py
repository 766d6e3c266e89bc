"""Calling a customer: the one place where the core orders it."""

from __future__ import annotations

from callbridge.core.entities import agent_states, attempts, callbacks, hours, legs
from callbridge.core.model.attempt import AttemptMove, Lead, Running
from callbridge.core.model.call import Call, Move, after
from callbridge.core.model.dial_rules import is_open
from callbridge.core.model.facts import AttemptMade, CallArrived
from callbridge.core.model.leg import LegRole
from callbridge.core.model.numbers import spellings
from callbridge.core.model.orders import Ring, StartRinging
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import World

CLOCK_REST = 60.0
"""Seconds for which campaigns dial nothing after the wall clock was moved: their rules are about that clock."""
SAFETY = 5.0
"""Seconds that Asterisk's own dial time-out comes after ours."""


def dial(world: World, call: Call) -> bool:
    """Call the customer of a callback or a campaign; an agent who waits hears ringing. The attempt counts from now, whatever its
    result. False when the customer may not be called, or not any more."""
    if call.campaign:
        return _dial_lead(world, call)
    callback = world.callbacks.get(call.callback)
    terms = callbacks.terms_of(world, callback.queue) if callback is not None else None
    if callback is None or terms is None or not callbacks.is_due(world, callback):
        return False
    world.callbacks.put(callback.id, evolve(callback, attempts=callback.attempts + 1))
    legs.open_leg(world, call.leg, LegRole.CUSTOMER, call=call.id)
    ring(world, evolve(call, number=callback.number), world.plan.outside, terms.ring_for, terms.number, terms.name)
    return True


def emit_begun(world: World, call: Call, queue: str) -> None:
    """An outbound call begins, for a callback or a campaign."""
    world.emit(
        CallArrived(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            queue=queue,
            leg=call.leg,
            entry=call.entry,
            tier=call.tier,
            number=call.number,
            name=call.name,
            uniqueid="",
            linkedid="",
            direction="out",
            callback=call.callback,
            campaign=call.campaign,
        )
    )


def ring(world: World, call: Call, dial: str, ring_for: float, number: str, name: str) -> None:
    """Have the customer's phone ring; ``number`` and ``name`` are what it shows."""
    if call.offer is not None:
        world.order(StartRinging(leg=call.offer.leg))
        agent_states.change(world, world.agents[call.offer.agent], connecting=True)
    phase = after(call.phase, Move.DIAL)
    world.calls.put(call.id, evolve(call, phase=phase, dial_result="unknown", deadline=world.now + ring_for))
    world.order(
        Ring(
            leg=call.leg,
            phone=dial.replace("{number}", call.number),
            role="customer",
            agent="",
            give_up=ring_for + SAFETY,
            call=call.id,
            number=number,
            name=name,
        )
    )


def _dial_lead(world: World, call: Call) -> bool:
    plan, attempt = world.plan.campaigns.get(call.campaign), attempts.of(world, call)
    row = world.campaigns.get(call.campaign)
    if plan is None or attempt is None or row is None or row.state is not Running.RUNNING or held_back(world, plan.name):
        return False
    wall = world.now + world.wall_offset
    if is_blocked(world, call.campaign, attempt.lead) or not is_open(plan.limits, attempt.lead.zones, wall):
        return False
    attempts.move(world, attempt, AttemptMove.DIAL, dialled_at=world.now, until=None)
    legs.open_leg(world, call.leg, LegRole.CUSTOMER, call=call.id)
    ring(world, call, plan.dial, plan.ring_for, plan.number, plan.caller_name)
    world.emit(
        AttemptMade(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            campaign=plan.name,
            attempt=attempt.id,
            lead=attempt.lead.id,
            number=attempt.lead.number,
            risk=attempt.risk,
        )
    )
    return True


def held_back(world: World, campaign: str) -> str:
    """Why dialling for a campaign is suspended; empty when it is not."""
    if world.unsaved:
        return Sentence("the store is behind")
    if world.now < world.clock_moved_at + CLOCK_REST:
        return Sentence("the wall clock was changed")
    if world.plan.pbx_of_campaign(campaign) in world.down:
        return Sentence("the link to the PBX is down")
    plan = world.plan.campaigns.get(campaign)
    calendar = plan.limits.calendar if plan is not None else None
    if calendar is not None and hours.closed_manually(world, calendar.name, queue=plan.queue if plan is not None else ""):
        return Sentence("calendar {calendar} was closed manually", calendar=calendar.name)
    return ""


def is_blocked(world: World, campaign: str, lead: Lead) -> bool:
    """Was the number blocked while the ledger was busy?"""
    numbers = spellings(lead.number)
    if not world.plan.do_not_call.isdisjoint(numbers):
        return True
    scopes = [(scope, number) for scope in ("", campaign) for number in numbers]
    pending = any(f"{scope}|{number}" in world.blocks for scope, number in scopes)
    return pending or any(world.blocked.get(scope, 0.0) > world.now for scope in scopes)
