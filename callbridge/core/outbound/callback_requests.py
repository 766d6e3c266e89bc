"""Requests about callbacks by somebody other than the customer: add one, change it, have it made now, cancel it."""

from __future__ import annotations

from typing import assert_never

from callbridge.core.entities import callbacks, refusals
from callbridge.core.model.call import Phase
from callbridge.core.model.callback import Callback
from callbridge.core.model.events import CallbackChange, CallbackChangeRequested
from callbridge.core.model.facts import CallbackChanged, RequestGranted
from callbridge.core.model.numbers import plain
from callbridge.core.model.plan import ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.world import World
from callbridge.core.outbound import callback_calls

AHEAD_OF_ALL = 365 * 86_400.0
"""Seconds: nobody has waited for so long, whatever head start a tier has."""
CLOCK_TOLERANCE = 300.0
"""Seconds. A client whose clock is slow may ask for a new callback "now" with a time that is a little past here."""
_PASSED = Sentence("the time has passed: choose a later one")


def requested(world: World, event: CallbackChangeRequested) -> None:
    """A request by somebody other than the customer to add, change or cancel a callback."""
    match event.change:
        case CallbackChange.MAKE:
            _request(world, event)
        case CallbackChange.CALL_NOW:
            _call_now(world, event)
        case CallbackChange.RESCHEDULE:
            _reschedule(world, event)
        case CallbackChange.NUMBER:
            _set_number(world, event)
        case CallbackChange.CANCEL:
            _cancel(world, event)
        case _:
            assert_never(event.change)


def _cancel(world: World, event: CallbackChangeRequested) -> None:
    callback = world.callbacks.get(event.callback)
    call = world.calls.get(callback.call) if callback is not None else None
    if callback is None:
        _refuse(world, event, Unknown("no such callback, or it is over"))
        return
    if call is not None and call.is_callback and (call.phase is Phase.JOINING or call.is_uncertain):
        _refuse(world, event, Sentence("customer and agent are being connected"))
        return
    _grant(world, event, callback)
    if call is not None and call.is_callback:
        if call.dial_result:
            callbacks.emit_tried(world, call, callback, callbacks.CANCELLED)
        callbacks.end(world, callback, callbacks.CANCELLED, "", event.by)
        if call.phase is Phase.ENDING:
            world.calls.put(call.id, evolve(call, dial_result=callbacks.CANCELLED))
        else:
            callback_calls.give_up(world, call, callbacks.CANCELLED)
    else:
        callbacks.end(world, callback, "cancelled", "", event.by)


def _call_now(world: World, event: CallbackChangeRequested) -> None:
    """It is made before it is due, as the next call of an agent who may make it."""
    callback = _at_rest(world, event)
    if callback is None:
        return
    if (not_now := callbacks.why_not_due(world, callback)) is not None:
        _refuse(world, event, Sentence("this customer may not be called now: {cause}", cause=not_now))
        return
    _grant(world, event, callback)
    since = min(callback.waits_since, world.now)
    callbacks.stand(world, evolve(callback, waits_since=since, rank=min(callback.rank, world.now - AHEAD_OF_ALL)))


def _reschedule(world: World, event: CallbackChangeRequested) -> None:
    """It rests until the new time, sooner or later than before, and then has the place that it had, if that is better."""
    callback = _at_rest(world, event)
    terms = callbacks.terms_of(world, callback.queue) if callback is not None else None
    if callback is None:
        return
    if terms is None:
        _refuse(world, event, Sentence("queue {queue} offers no callbacks", queue=callback.queue))
    elif event.not_before <= world.now:
        _refuse(world, event, _PASSED)
    else:
        rank = callbacks.place(world, callback.queue, callback.tier, event.not_before)
        changed = evolve(
            callback,
            rank=min(callback.rank, rank),
            waits_since=min(callback.waits_since, event.not_before),
            expires_at=max(callback.expires_at, event.not_before + terms.keep_for),
        )
        _change(world, event, changed, rest=event.not_before - world.now)


def _set_number(world: World, event: CallbackChangeRequested) -> None:
    """The attempts at the former number count: the callback is the same."""
    callback = _at_rest(world, event)
    if callback is None:
        return
    who = callbacks.who_of(world, event.number)
    reason = callbacks.unfit(world, callback.queue, event.number)
    if reason is None and who != callback.who:
        reason = _number_taken(world, callback.queue, who)
    if reason is not None:
        _refuse(world, event, reason)
        return
    changed = evolve(callback, number=plain(event.number), who=who)
    _change(world, event, changed, rest=callbacks.left_to_rest(world, callback))


def _at_rest(world: World, event: CallbackChangeRequested) -> Callback | None:
    """The callback, unless it is over, another agent's, or being made now: then the request is refused."""
    callback = world.callbacks.get(event.callback)
    if callback is None:
        _refuse(world, event, Unknown("no such callback, or it is over"))
    elif event.agent and callback.agent != event.agent:
        _refuse(world, event, Unknown("no such callback of this agent, or it is over"))
    elif callback.call:
        _refuse(world, event, Sentence("the customer is being called, or is on the line"))
    else:
        return callback
    return None


def _change(world: World, event: CallbackChangeRequested, changed: Callback, *, rest: float) -> None:
    _grant(world, event, changed)
    world.emit(
        CallbackChanged(
            seq=world.next_seq(),
            at=world.now,
            queue=changed.queue,
            callback=changed.id,
            number=changed.number,
            due=world.now + rest if rest > 0 else 0.0,
            expires_at=changed.expires_at,
            by=event.by,
        )
    )
    callbacks.stand(world, changed, rest=rest)


def _request(world: World, event: CallbackChangeRequested) -> None:
    reason = callbacks.refusal(world, event.queue, event.number) or _not_now(world, event)
    if reason is not None:
        _refuse(world, event, reason)
        return
    entries = [name for name, way in world.plan.entries.items() if way == ToQueue(event.queue)]
    tier = event.tier or world.plan.default_tier
    since = max(world.now, event.not_before)
    callback = Callback(
        id=world.mint("callback"),
        queue=event.queue,
        number=plain(event.number),
        who=callbacks.who_of(world, event.number),
        tier=tier,
        name=event.name,
        entry=next(iter(entries), "unknown"),
        pbx=next((pbx for pbx in world.plan.pbxs if pbx not in world.down), world.plan.pbxs[0]),
        made_at=world.now,
        waits_since=since,
        rank=callbacks.place(world, event.queue, tier, since),
        expires_at=world.now,
        by=event.by,
        agent=event.agent,
    )
    _grant(world, event, callback)
    callbacks.enter(world, callback)


def _not_now(world: World, event: CallbackChangeRequested) -> Sentence | None:
    who = callbacks.who_of(world, event.number)
    if event.agent and event.agent not in world.agents:
        return Unknown("no such agent: {agent}", agent=event.agent)
    if event.tier and event.tier not in world.plan.queues[event.queue].routings:
        return Unknown("no such tier: {tier}", tier=event.tier)
    if 0.0 < event.not_before < world.now - CLOCK_TOLERANCE:
        return _PASSED
    return _number_taken(world, event.queue, who)


def _number_taken(world: World, queue: str, who: str) -> Sentence | None:
    if world.callback_for(queue, who) is not None:
        return Sentence("this number already has a callback in this queue")
    inside = (call for call in world.calls.values() if call.visit is not None and call.visit.queue == queue)
    if any(callbacks.who_of(world, call.number) == who for call in inside):
        return Sentence("this number is waiting in the queue right now")
    return None


def _grant(world: World, event: CallbackChangeRequested, callback: Callback) -> None:
    request, to = f"callback_{event.change}", f"queue:{callback.queue}"
    world.emit(RequestGranted(seq=world.next_seq(), at=world.now, request=request, by=event.by, to=to, reason=callback.id))


def _refuse(world: World, event: CallbackChangeRequested, reason: Sentence) -> None:
    refusals.refuse(world, f"callback_{event.change}", reason, by=event.by)
