"""Callbacks from requested to kept: place in the queue, rests and outcome. The calls themselves: ``outbound/callback_calls``.

An attempt (one dialling of one number) is made at most once: it is counted before it is sent, and its result may remain
``unknown``. A callback is made at least once: it keeps its place in the queue until customer and agent have talked.
"""

from __future__ import annotations

from callbridge.core.entities import agent_states, attempts, avoided, hours
from callbridge.core.model.call import Call, VisitOutcome
from callbridge.core.model.callback import Callback, KeptPlace, place_key
from callbridge.core.model.facts import CallbackEnded, CallbackMoved, CallbackRefused, CallbackRequested, CallbackTried
from callbridge.core.model.flow import fits
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.numbers import plain, spellings
from callbridge.core.model.plan import CallbackTerms, Plan, ToQueue
from callbridge.core.model.rank import head_start_with, rank_of, rank_shift
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence, Unknown, packed
from callbridge.core.model.world import World

CLOSED_CHECK = 3600.0
"""Seconds until the next check whether customers may be called, if no calendar says when."""
REOPENED_CHECK = 60.0
"""The same while the calendar is closed manually."""
UNSENT_CALLBACK_REST = 5.0
"""Seconds until the next try when the dialling never left us."""

CANCELLED = "cancelled"
"""Result of an attempt whose callback was cancelled; its call may still be ending."""

_BUSY = frozenset({17})
_NO_ANSWER = frozenset({18, 19, 16, 127})
_REJECTED = frozenset({21})
_INVALID = frozenset({1, 2, 3, 22, 28})


def result_of(cause: int) -> str:
    """What the end of a customer's leg that never answered means, by its Q.850 cause. 16 (normal clearing) is what a
    dialling that we gave up ends with."""
    if cause in _BUSY:
        return "busy"
    if cause in _NO_ANSWER:
        return "no_answer"
    if cause in _REJECTED:
        return "rejected"
    return "invalid" if cause in _INVALID else "congestion"


_NO_TRUNK = Sentence("outside numbers cannot be called: the setting 'outside' is missing")
_LISTED = Sentence("the number is on the do-not-call list")
_NOT_ALLOWED = Sentence("the setting callbacks.numbers does not allow this number")

# -- made -------------------------------------------------------------------------------------------------------------


def who_of(world: World, number: str) -> str:
    """The normalised number, as in callbacks and places; "" when it is not a number."""
    return world.plan.numbers.identity(number)


def refusal(world: World, queue: str, number: str) -> Sentence | None:
    """Why a callback to this number for this queue is refused; None when it is possible."""
    if reason := unfit(world, queue, number):
        return reason
    terms = terms_of(world, queue)
    full = terms is not None and world.callbacks_owed(queue) >= terms.most
    return Sentence("too many callbacks are open") if full and world.callback_for(queue, who_of(world, number)) is None else None


def unfit(world: World, queue: str, number: str) -> Sentence | None:
    """Why this number cannot be called back for this queue, however many callbacks are open; None when it can."""
    if terms_of(world, queue) is None:
        return _none_offered(queue) if queue in world.plan.queues else Unknown("no such queue: {queue}", queue=queue)
    if not world.plan.outside:
        return _NO_TRUNK
    who = who_of(world, number)
    if not who:
        return Sentence("not a phone number")
    if is_listed(world, who):
        return _LISTED
    if not may_dial(world.plan, number):
        return _NOT_ALLOWED
    fault = world.plan.numbers.refusal(number)
    return Sentence("cannot be called back: {fault}", fault=Sentence(fault)) if fault else None


def is_refused(world: World, call: Call, queue: str, number: str, recording: str = "") -> bool:
    """Whether a callback requested by this call's caller is refused; if so, the reason is published as a fact."""
    reason = refusal(world, queue, number)
    if reason:
        world.emit(
            CallbackRefused(
                seq=world.next_seq(),
                at=world.now,
                call=call.id,
                queue=queue,
                number=number,
                reason=reason,
                **packed(reason),
                recording=recording,
            )
        )
    return bool(reason)


def is_listed(world: World, who: str) -> bool:
    """Is it on the do-not-call list, with or without its ``+``?"""
    return not world.plan.do_not_call.isdisjoint(spellings(who))


def may_dial(plan: Plan, number: str) -> bool:
    """Does the number that would be dialled match one of the patterns?"""
    digits = plain(number)
    return bool(digits) and any(fits(pattern, digits) for pattern in plan.call_back_to)


def is_due(world: World, callback: Callback) -> bool:
    """May the customer be called now?"""
    return why_not_due(world, callback) is None


def why_not_due(world: World, callback: Callback) -> Sentence | None:
    """Why the customer may not be called now; None if so."""
    if not world.plan.outside:
        return _NO_TRUNK
    if world.unsaved:
        return Sentence("the store is behind")
    if world.now >= callback.expires_at:
        return Sentence("the callback has expired")
    if is_listed(world, callback.who):
        return _LISTED
    if not may_dial(world.plan, callback.number):
        return _NOT_ALLOWED
    if may_call(world, callback.queue):
        return None
    terms = terms_of(world, callback.queue)
    return _none_offered(callback.queue) if terms is None else Sentence("calendar {calendar} is closed", calendar=terms.calendar)


def _none_offered(queue: str) -> Sentence:
    return Sentence("queue {queue} offers no callbacks", queue=queue)


def make(world: World, call: Call, queue: str, number: str, rank: float | None, recording: str = "") -> Callback:
    """Create a callback for the customer of this call, at the place held (``rank``) or at the place of a new caller.
    Ask ``is_refused`` first."""
    since = world.now if call.queued_at is None else call.queued_at
    callback = Callback(
        id=world.mint("callback"),
        queue=queue,
        number=plain(number),
        who=who_of(world, number),
        tier=call.tier,
        name=call.name,
        entry=call.entry,
        pbx=pbx_of(call.leg),
        made_at=world.now,
        waits_since=since,
        rank=place(world, queue, call.tier, since, call.head_start) if rank is None else rank,
        expires_at=world.now,
        values=call.values,
        language=call.language,
        recording=recording,
    )
    return enter(world, callback, call.id)


def enter(world: World, callback: Callback, call: str = "") -> Callback:
    """A new callback - or, if the number already has one in this queue, that one at the better place."""
    terms = terms_of(world, callback.queue)
    assert terms is not None, "a queue that calls back"
    callback = evolve(callback, expires_at=max(world.now, callback.waits_since) + terms.keep_for)
    known = world.callback_for(callback.queue, callback.who)
    if known is not None:
        recording = callback.recording or known.recording
        rank = min(known.rank, callback.rank)
        callback = evolve(known, rank=rank, expires_at=callback.expires_at, values=callback.values, recording=recording)
        world.callbacks.put(callback.id, callback)
    else:
        world.emit(
            CallbackRequested(
                seq=world.next_seq(),
                at=world.now,
                call=call,
                agent=callback.agent,
                queue=callback.queue,
                callback=callback.id,
                number=callback.number,
                tier=callback.tier,
                rank=callback.rank,
                expires_at=callback.expires_at,
                by=callback.by,
                recording=callback.recording,
            )
        )
    return callback if callback.call else stand(world, callback, rest=callback.waits_since - world.now)


def place(world: World, queue: str, tier: str, since: float, more: float | None = None) -> float:
    """The rank of a customer of this tier who has waited since then. ``more``: seconds on top of the tier's head start."""
    routing = world.matcher.routing(queue, tier)
    return rank_of(routing, since, None if more is None else head_start_with(routing, None, more))


def terms_of(world: World, queue: str) -> CallbackTerms | None:
    plan = world.plan.queues.get(queue)
    return plan.callback if plan is not None else None


# -- standing and resting ---------------------------------------------------------------------------------------------


def stand(world: World, callback: Callback, *, rest: float = 0.0) -> Callback:
    """Back in the queue - after a rest, and only while customers may be called."""
    routing = world.matcher.routing(callback.queue, callback.tier)
    callback = avoided.of_callback(world, evolve(callback, call=""))
    if is_listed(world, callback.who):
        return end(world, callback, "failed", "do_not_call")
    if world.now >= callback.expires_at:
        return end(world, callback, "expired", "")
    if routing is None or terms_of(world, callback.queue) is None:
        return _queue_removed(world, callback, rest)
    until = world.now + rest if rest > 0 else None
    if until is None and not is_due(world, callback):
        until = world.now + UNSENT_CALLBACK_REST if world.unsaved else _opens(world, callback.queue)
    window = min(routing.window_at(world.now - callback.waits_since), len(routing.steps) - 1)
    ends = routing.window_ends(window)
    due = [callback.expires_at, until]
    if ends is not None and callback.waits_since + ends > world.now:
        due.append(callback.waits_since + ends)
    if callback.avoids:
        due.append(avoided.lifted_at(world, callback.queue, callback.waits_since))
    deadline = min(at for at in due if at is not None)
    callback = evolve(callback, window=window, rests_until=until, deadline=deadline)
    world.callbacks.put(callback.id, callback)
    return callback


def _queue_removed(world: World, callback: Callback, rest: float) -> Callback:
    """Its queue is no longer configured, or no longer offers callbacks: it moves to the queue of its entry; if that offers none
    either, it is kept until a queue can take it."""
    home = home_of(world, callback)
    if home:
        moved = move(world, callback, home)
        return moved if moved.call else stand(world, moved, rest=rest)
    callback = evolve(callback, window=0, rests_until=callback.expires_at, deadline=callback.expires_at)
    world.callbacks.put(callback.id, callback)
    return callback


def home_of(world: World, callback: Callback) -> str:
    """The queue to which the callback's entry leads now, if it offers callbacks; else empty."""
    return home_in(world.plan, callback)


def home_in(plan: Plan, callback: Callback) -> str:
    """The same by any plan."""
    destination = plan.destination_of(callback.entry)
    return destination.queue if isinstance(destination, ToQueue) and plan.queues[destination.queue].callback is not None else ""


def move(world: World, callback: Callback, queue: str) -> Callback:
    """Move it to another queue, at the place of a caller who has waited there for as long."""
    rank = place(world, queue, callback.tier, callback.waits_since)
    moved = carry(world, evolve(callback, rank=rank), queue)
    if moved.id == callback.id:
        seq, before = world.next_seq(), callback.queue
        world.emit(CallbackMoved(seq=seq, at=world.now, queue=queue, callback=callback.id, previous_queue=before))
    return moved


def carry(world: World, callback: Callback, queue: str) -> Callback:
    """Put it under another queue. Of two for the same number one is left, at the better place."""
    other = world.callback_for(queue, callback.who)
    if other is not None and other.id != callback.id:
        callback, other = (callback, other) if callback.call or not other.call else (other, callback)
        end(world, other, "cancelled", "owed_already")
        recording = callback.recording or other.recording
        expires_at = max(callback.expires_at, other.expires_at)
        callback = evolve(callback, rank=min(callback.rank, other.rank), expires_at=expires_at, recording=recording)
    callback = evolve(callback, queue=queue)
    world.callbacks.put(callback.id, callback)
    return callback


def place_again(world: World, callback: Callback, old: Plan) -> None:
    """A new plan: the rank follows the plan's head start for the tier; a callback that is no longer possible ends. One that was
    reserved for an agent who has been removed is for all agents."""
    if callback.agent and callback.agent not in world.plan.agents:
        callback = evolve(callback, agent="")
    before = old.queues[callback.queue].routings.get(callback.tier) if callback.queue in old.queues else None
    now = world.matcher.routing(callback.queue, callback.tier)
    if before is not None and now is not None:
        callback = evolve(callback, rank=callback.rank + rank_shift(before, now))
    home = home_of(world, callback) if terms_of(world, callback.queue) is None else ""
    if callback.call and home:
        move(world, callback, home)
    elif callback.call:
        world.callbacks.put(callback.id, callback)
    else:
        without_queue = callback.rests_until == callback.expires_at
        stand(world, callback, rest=0.0 if without_queue else left_to_rest(world, callback))


def left_to_rest(world: World, callback: Callback) -> float:
    """Seconds until its rest is over."""
    return max(0.0, callback.rests_until - world.now) if callback.rests_until is not None else 0.0


def may_call(world: World, queue: str) -> bool:
    """Is it a time at which the queue's customers may be called?"""
    terms = terms_of(world, queue)
    return terms is not None and (not terms.calendar or hours.is_open(world, terms.calendar, queue=queue))


def _opens(world: World, queue: str) -> float:
    """When to look again whether they may: soon where somebody closed it, who may open it at any moment."""
    terms = terms_of(world, queue)
    if terms is None or not terms.calendar:
        return world.now + CLOSED_CHECK
    most = REOPENED_CHECK if hours.closed_manually(world, terms.calendar, queue=queue) else CLOSED_CHECK
    opens = hours.opens_after(world, terms.calendar, queue=queue)
    wait = opens - hours.wall(world) if opens is not None else 0.0
    return world.now + (wait if 0 < wait < most else most)


def deadline_passed(world: World, callback: Callback) -> None:
    """A rest is over, the next step is due, or the callback has expired."""
    if callback.call:
        world.callbacks.put(callback.id, evolve(callback, deadline=None))
    elif callback.rests_until is not None and callback.rests_until > world.now and callback.expires_at > world.now:
        world.callbacks.put(callback.id, evolve(callback, deadline=min(callback.rests_until, callback.expires_at)))
    else:
        stand(world, callback)


# -- the call that keeps it -------------------------------------------------------------------------------------------


def kept(world: World, call: Call) -> None:
    """Customer and agent are connected."""
    callback = world.callbacks.get(call.callback) if call.is_callback else None
    if callback is not None and callback.call == call.id:
        emit_tried(world, call, callback, "answered")
        end(world, callback, "kept", "")


def call_over(world: World, call: Call) -> None:
    """A call has ended: the agent reserved for it is free, and its callback continues."""
    release(world, call)
    attempts.call_over(world, call)
    if call.is_callback:
        _tried(world, call)
    owed = world.callbacks.get(call.owed)
    if owed is not None and owed.call == call.id:
        if call.segments:
            end(world, owed, "kept", "called_again")
        else:
            stand(world, owed, rest=left_to_rest(world, owed))


def release(world: World, call: Call) -> None:
    """The agent reserved for this customer is available to all callers again."""
    agent = world.agents.get(call.reserved_agent)
    if agent is not None and agent.reserved_for == call.id:
        agent_states.change(world, agent, reserved_for="")


def _tried(world: World, call: Call) -> None:
    """The attempt ended without a conversation."""
    callback = world.callbacks.get(call.callback)
    if callback is None:
        return
    callback = evolve(callback, rejected_by=call.rejected_by)
    if call.dial_result == "unsent":
        callback = evolve(callback, attempts=callback.attempts - 1)
    elif call.dial_result:
        emit_tried(world, call, callback, call.dial_result)
    terms = terms_of(world, callback.queue)
    if callback.call != call.id:  # the customer has called again meanwhile
        world.callbacks.put(callback.id, callback)
    elif call.dial_result == "unsent":
        stand(world, callback, rest=UNSENT_CALLBACK_REST)
    elif not call.dial_result:
        stand(world, callback)  # no agent, so the customer was not called
    elif terms is not None and callback.attempts >= terms.attempts:
        end(world, callback, "failed", call.dial_result)
    else:
        stand(world, callback, rest=terms.retry_after if terms is not None else CLOSED_CHECK)


def lost(world: World, callback: Callback) -> None:
    """Its call has no row (or one that could not be read): what became of it is not known."""
    terms = terms_of(world, callback.queue)
    stand(world, callback, rest=terms.retry_after if terms is not None else CLOSED_CHECK)


def emit_tried(world: World, call: Call, callback: Callback, result: str) -> None:
    world.emit(
        CallbackTried(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=call.segment.agent if call.segment is not None else "",
            queue=callback.queue,
            callback=callback.id,
            attempt=callback.attempts,
            result=result,
        )
    )


def end(world: World, callback: Callback, outcome: str, reason: str, by: str = "") -> Callback:
    """It ends, exactly once."""
    world.callbacks.drop(callback.id)
    _is_over(world, world.calls.get(callback.call), callback)
    world.emit(
        CallbackEnded(
            seq=world.next_seq(),
            at=world.now,
            call=callback.call,
            queue=callback.queue,
            callback=callback.id,
            outcome=outcome,
            reason=reason,
            waited=max(0.0, world.now - callback.made_at),
            attempts=callback.attempts,
            number=callback.number,
            by=by,
        )
    )
    return callback


def _is_over(world: World, call: Call | None, callback: Callback) -> None:
    """Clear the callback of its call: otherwise a start would take an ended callback for a lost row."""
    if call is not None and call.callback == callback.id:
        world.calls.put(call.id, evolve(call, callback_over=True))


# -- callers who call again -------------------------------------------------------------------------------------------


def came_again(world: World, call: Call, queue: str, rank: float) -> tuple[Call, float]:
    """A caller joins a queue in which the number has a callback, or waited before: the caller gets that place, if it is
    better. Returns the call and the rank."""
    who = who_of(world, call.number) if not call.placed else ""
    if not who:
        return call, rank
    place = world.places.get(place_key(queue, who))
    if place is not None:
        world.places.drop(place.id)
        rank -= max(0.0, call.waiting_since - place.since)
    callback = world.callback_for(queue, who)
    if callback is None or call.owed in world.callbacks:
        return call, rank
    keeping = world.calls.get(callback.call)
    leg = world.legs.get(keeping.leg) if keeping is not None else None
    if keeping is not None and (not keeping.is_callback or (leg is not None and leg.up_at is not None)):
        return call, rank  # on another line already
    if keeping is not None:
        _is_over(world, keeping, callback)
        world.overtaken.append((keeping.id, "called_again"))
    world.callbacks.put(callback.id, evolve(callback, call=call.id, deadline=None))
    return evolve(call, owed=callback.id), min(rank, callback.rank)


def not_again(world: World, call: Call) -> Call:
    """The caller is somebody else than the number said: what is owed to that number stays owed. Returns the call."""
    owed = world.callbacks.get(call.owed)
    if owed is not None and owed.call == call.id:
        stand(world, owed, rest=left_to_rest(world, owed))
    return evolve(call, owed="")


def left_again(world: World, call: Call, queue: str, outcome: VisitOutcome) -> Call:
    """A caller left a queue: a conversation fulfils an open callback; a caller who gave up may come back. Returns the call."""
    who = who_of(world, call.number) if not call.placed else ""
    if not who:
        return call
    owed = world.callbacks.get(call.owed)
    if owed is not None and owed.call == call.id and outcome is VisitOutcome.ANSWERED:
        end(world, owed, "kept", "called_again")
        return evolve(call, owed="")
    plan = world.plan.queues.get(queue)
    gone = outcome in (VisitOutcome.ABANDONED, VisitOutcome.SHORT_ABANDONED)
    if plan is not None and plan.reclaim_within > 0 and gone and owed is None:
        key = place_key(queue, who)
        world.places.put(key, KeptPlace(id=key, since=call.waiting_since, deadline=world.now + plan.reclaim_within))
    return call
