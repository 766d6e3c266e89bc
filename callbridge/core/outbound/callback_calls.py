"""Callback calls: the agent first, or the customer first, as the queue says.

    agent first:     offered -> dialling (the agent hears ringing) -> joining -> talking
    customer first:  dialling (an agent is reserved) -> waiting, first in line -> offered -> joining -> talking

Until the customer is dialled, such a call has no customer leg. A failed attempt ends the call; the callback itself continues
(``entities/callbacks``).
"""

from __future__ import annotations

from callbridge.core.entities import agent_states, attempts, callbacks, dialling
from callbridge.core.model.call import AnnouncementState, Call, Move, OfferResult, Phase, Visit, after
from callbridge.core.model.callback import Callback
from callbridge.core.model.flow import patience
from callbridge.core.model.ids import leg_id
from callbridge.core.model.leg import Leg
from callbridge.core.model.matcher import Pair
from callbridge.core.model.orders import Play, StartMusic
from callbridge.core.model.plan import CallFirst
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.outbound import campaigns
from callbridge.core.routing import announcements, offers, segments, visits

OWN_AGENT = 300.0
"""Seconds after which a customer on the line may go to any agent, if the only agent who was to call is not available."""


def begin(world: World, pair: Pair) -> None:
    """It is this callback's turn, and an agent is available."""
    callback = world.callbacks[pair.call]
    terms = callbacks.terms_of(world, callback.queue)
    if terms is None or not callbacks.is_due(world, callback):
        callbacks.stand(world, callback)  # where it rests, or ends
        return
    call = _call(world, callback)
    if terms.first is CallFirst.AGENT:
        world.calls.put(call.id, call)
        offers.make(world, Pair(call.id, pair.agent, pair.needs))
        return
    agent_states.change(world, world.agents[pair.agent], reserved_for=call.id)
    dialling.dial(world, evolve(call, reserved_agent=pair.agent))


def give_up_overtaken(world: World) -> None:
    """End the calls of callbacks that this step has made needless or impossible."""
    while world.overtaken:
        key, why = world.overtaken.pop()
        call = world.calls.get(key)
        if call is not None and call.campaign and call.placed and why == "abandoned":
            campaigns.out_of_time(world, call)
        elif call is not None and call.placed and call.phase in (Phase.OFFERED, Phase.DIALLING, Phase.WAITING):
            leg = world.legs.get(call.leg)
            there = leg is not None and leg.up_at is not None
            give_up(world, call, why if call.dial_result and not there else "")


def _call(world: World, callback: Callback) -> Call:
    """Create the call of a callback."""
    visit = Visit(
        queue=callback.queue,
        began_at=callback.waits_since,
        window=callback.window,
        rank=callback.rank,
        day=world.day,
        prefers=callback.agent,
        steps_from=world.now + OWN_AGENT if callback.agent else None,
        avoids=callback.avoids,
    )
    call = Call(
        id=world.mint("call"),
        leg=leg_id(callback.pbx, world.mint("customer")),
        entry=callback.entry,
        tier=callback.tier,
        number=callback.number,
        name=callback.name,
        arrived_at=world.now,
        queued_at=world.now,
        visit=visit,
        callback=callback.id,
        values=callback.values,
        rejected_by=callback.rejected_by,
        language=callback.language,
    )
    world.callbacks.put(callback.id, evolve(callback, call=call.id, deadline=None))
    dialling.emit_begun(world, call, callback.queue)
    return call


def answered(world: World, call: Call) -> None:
    """The customer answered: connect the waiting agent, or queue first in line."""
    if call.campaign:
        campaigns.answered(world, call)
        return
    call = evolve(call, dial_result="abandoned")  # unless an agent is connected
    if call.offer is not None:
        world.calls.put(call.id, call)
        if not offers.read_out(world, call):
            offers.join(world, call)
        return
    callbacks.release(world, call)
    call = evolve(call, phase=after(call.phase, Move.QUEUE), reserved_agent="")
    visit = call.visit
    assert visit is not None
    plan = world.plan.queues.get(visit.queue)
    greeting = plan.callback.greeting if plan is not None and plan.callback is not None else ""
    if greeting:
        playback = world.mint("say")
        world.order(Play(leg=call.leg, playback=playback, media=greeting, language=call.language))
        told = AnnouncementState(at=world.now + patience(greeting), playback=playback, what="callback", greeted=True)
        call = evolve(call, announcing=told)
    elif plan is not None:
        call = announcements.begin(world, call, greeted=True)
    world.order(StartMusic(leg=call.leg, music=plan.music if plan is not None else "default"))
    visits.wait(world, call)


def give_up(world: World, call: Call, attempt: str) -> None:
    """The attempt failed: the agent is free at once, and the customer's phone stops ringing. ``attempt``: its result. A
    customer of a campaign is not given up: the phone rings on."""
    if attempt == "agent_gone" and call.campaign and call.phase is Phase.DIALLING:
        campaigns.ring_on(world, call)
        return
    if attempt:
        call = evolve(call, dial_result=attempt)
    call = _let_go(world, call)
    if call.phase is Phase.OFFERED and call.leg in world.legs:
        call = evolve(call, phase=after(call.phase, Move.RETRY))
    segments.end_call(world, call)


def left(world: World, call: Call) -> None:
    """The customer's leg is about to end, and its cause is still to come: the agent is free at once, and nothing is hung up."""
    call = _let_go(world, call)
    world.calls.put(call.id, evolve(call, phase=after(call.phase, Move.HANG_UP), deadline=None))


def _let_go(world: World, call: Call) -> Call:
    """Release the agent. Returns the call without the offer."""
    callbacks.release(world, call)
    if call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
    return evolve(call, reserved_agent="")


def leg_ended(world: World, call: Call, leg: Leg, cause: int, *, estimated: bool) -> Call:
    """The customer's leg has ended. Returns the call with the result of the attempt."""
    if call.segments or leg.up_at is not None or call.dial_result not in ("unknown", ""):
        return call
    attempt = attempts.of(world, call)
    if attempt is not None:
        attempts.put(world, attempt, cause=cause)
    return evolve(call, dial_result="unknown" if estimated else callbacks.result_of(cause))


def never_was(world: World, call: Call, leg: Leg) -> None:
    """The customer's leg was never created: nobody was dialled."""
    world.legs.drop(leg.id)
    callbacks.release(world, call)
    if call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
    call = evolve(
        call,
        dial_result="unsent" if call.dial_result in ("unknown", "agent_gone", "no_answer") else call.dial_result,
        reserved_agent="",
    )
    segments.finish(world, call, world.now)


def reconcile(world: World, call: Call, customer: Leg | None) -> None:
    """After a gap in the events."""
    if customer is None:
        if call.offer is not None and call.phase is Phase.OFFERED:
            offers.retry(world, call, OfferResult.CANCELLED)
    elif call.phase is Phase.DIALLING and customer.up_at is not None and customer.missing_since is None:
        answered(world, call)
