"""Visits: a call's stays in queues - begun, widened step by step, ended exactly once, and counted."""

from __future__ import annotations

from callbridge.core.call import Call, Move, Outcome, Visit, after
from callbridge.core.facts import CallDiverted, StepBegan, VisitBegan, VisitEnded
from callbridge.core.ids import pbx_of
from callbridge.core.orders import LeaveToDialplan, StopMusic
from callbridge.core.plan import Then, ToDialplan, ToQueue
from callbridge.core.rows import evolve
from callbridge.core.tally import ended, offered, tally_key
from callbridge.core.world import World

LEAVE_CHECK = 5.0
"""Seconds after ordering a leg into the dialplan before we ask what became of it."""
_ROUNDING = 1e-6


def begin_visit(world: World, call: Call, queue: str) -> Call:
    """The call joins a queue; the place in line is decided now and never changes by itself."""
    ladder = world.matcher.ladder(queue, call.tier)
    if ladder is None:
        return leave(world, evolve(call, visit=None), world.plan.fallback_context, call.entry, "unknown_queue")
    rank = call.arrived_at + ladder.answer_within - ladder.head_start
    visit = Visit(queue=queue, began_at=world.now, window=0, rank=rank, day=world.day)
    call = evolve(call, phase=after(call.phase, Move.QUEUE), visit=visit)
    world.tallies.put(tally_key(queue, visit.day), offered(world.tally(queue, visit.day)))
    world.tell(
        VisitBegan(seq=world.next_seq(), at=world.now, call=call.id, queue=queue, tier=call.tier, rank=rank, day=visit.day)
    )
    return wait(world, call)


def wait(world: World, call: Call) -> Call:
    """Stand in line, at the step whose window holds the time waited in this queue; or leave when all are over."""
    visit = call.visit
    assert visit is not None, "only a call in a queue can wait"
    ladder = world.matcher.ladder(visit.queue, call.tier)
    if ladder is None:
        call = end_visit(world, call, Outcome.FAILED, reason="queue_removed")
        return leave(world, call, world.plan.fallback_context, call.entry, "queue_removed")
    window = ladder.window_at(world.now - visit.began_at + _ROUNDING)
    if window == len(ladder.steps):
        if ladder.then is not None:
            return overflow(world, call, ladder.then)
        window = len(ladder.steps) - 1
    ends = ladder.window_ends(window)
    deadline = None if ends is None or visit.began_at + ends <= world.now else visit.began_at + ends
    call = evolve(call, visit=evolve(visit, window=window), deadline=deadline)
    world.calls.put(call.id, call)
    if window != visit.window or visit.began_at == world.now:
        needs = world.matcher.needs_of((pbx_of(call.leg), visit.queue, call.tier, window))
        world.tell(
            StepBegan(
                seq=world.next_seq(),
                at=world.now,
                call=call.id,
                queue=visit.queue,
                tier=call.tier,
                step=window,
                needs=needs,
            )
        )
    return call


def overflow(world: World, call: Call, then: Then) -> Call:
    """The windows are over: on to the next queue with the arrival time kept, or out to the dialplan."""
    match then:
        case ToQueue(queue):
            call = end_visit(world, call, Outcome.OVERFLOWED, to=f"queue:{queue}", reason="waited")
            return begin_visit(world, call, queue)
        case ToDialplan(context, extension):
            call = end_visit(world, call, Outcome.OVERFLOWED, to=f"dialplan:{context},{extension}", reason="waited")
            return leave(world, call, context, extension, "overflow")


def end_visit(
    world: World,
    call: Call,
    outcome: Outcome,
    *,
    at: float | None = None,
    to: str = "",
    reason: str = "",
    estimated: bool = False,
) -> Call:
    """Count the end of the call's visit and give the call without it. ``at``: when it really ended."""
    visit = call.visit
    assert visit is not None, "a visit ends exactly once"
    at = world.now if at is None else at
    waited = max(0.0, at - call.arrived_at)
    ladder = world.matcher.ladder(visit.queue, call.tier)
    within = outcome is Outcome.ANSWERED and ladder is not None and waited <= ladder.answer_within
    world.tallies.put(tally_key(visit.queue, visit.day), ended(world.tally(visit.queue, visit.day), outcome, within))
    world.tell(
        VisitEnded(
            seq=world.next_seq(),
            at=at,
            call=call.id,
            queue=visit.queue,
            tier=call.tier,
            outcome=outcome,
            waited=waited,
            within_target=within,
            day=visit.day,
            to=to,
            reason=reason,
            estimated=estimated,
        )
    )
    return evolve(call, visit=None, outcome=outcome)


def abandoned(world: World, call: Call, at: float) -> Outcome:
    """Which kind of abandon a hang-up at this moment is."""
    assert call.visit is not None
    queue = world.plan.queues.get(call.visit.queue)
    short = queue is not None and at - call.arrived_at < queue.short_abandon
    return Outcome.SHORT_ABANDONED if short else Outcome.ABANDONED


def leave(world: World, call: Call, context: str, extension: str, reason: str) -> Call:
    """Send the customer on in the dialplan. The visit must have ended before."""
    assert call.visit is None, "a call leaves without a visit"
    call = evolve(call, phase=after(call.phase, Move.LEAVE), exit=(context, extension), deadline=world.now + LEAVE_CHECK)
    world.calls.put(call.id, call)
    world.order(StopMusic(leg=call.leg))
    world.order(LeaveToDialplan(leg=call.leg, context=context, extension=extension))
    world.tell(CallDiverted(seq=world.next_seq(), at=world.now, call=call.id, leg=call.leg, entry=call.entry, reason=reason))
    return call
