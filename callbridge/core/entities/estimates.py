"""Estimated wait of a caller, from how fast the queue has been served recently; None when it cannot be estimated.

The pace is the smoothed time between two answers while others were waiting: it covers staffing, talk and wrap-up in one
measured figure. A caller's wait is the pace times the number of callers to be served up to and including this one.
"""

from __future__ import annotations

from callbridge.core.model.call import Call, Visit
from callbridge.core.model.pace import Pace
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

WEIGHT = 0.2
"""Of the newest interval in the smoothed one."""
LONGEST_PACE = 900.0
"""The most seconds that one interval counts: a queue that was not served for an hour must not distort the whole day."""
LEAST = 4
"""Intervals that an estimate needs."""
STALE = 600.0
"""Seconds without an answer, and three times the pace, after which there is nothing to estimate from."""


def answered(world: World, queue: str, call: str = "") -> None:
    """This caller of this queue was answered just now."""
    known = world.paces.get(queue)
    others = _others_wait(world, queue, call)
    if known is None:
        world.paces.put(queue, Pace(queue=queue, answered_at=world.now, others=others))
        return
    pace = evolve(known, answered_at=world.now, others=others)
    if known.others:
        lasted = min(LONGEST_PACE, world.now - known.answered_at)
        interval = lasted if not known.count else (1 - WEIGHT) * known.interval + WEIGHT * lasted
        pace = evolve(pace, interval=interval, count=known.count + 1)
    world.paces.put(queue, pace)


def left(world: World, queue: str, call: str = "") -> None:
    """This caller left unanswered: if nobody is left waiting, the time to the next answer is meaningless."""
    known = world.paces.get(queue)
    if known is not None and known.others and not _others_wait(world, queue, call):
        world.paces.put(queue, evolve(known, others=False))


def _others_wait(world: World, queue: str, call: str) -> bool:
    """Is anybody waiting besides this caller, whose visit is just ending?"""
    row = world.calls.get(call)
    still_there = row is not None and row.standing is not None and row.standing.queue == queue
    return waiting(world, queue) > still_there


def expected(world: World, queue: str, position: int) -> float | None:
    """Seconds until the caller at ``position`` (the first is 1) is answered; None when it is not to be trusted."""
    pace = world.paces.get(queue)
    return at_pace(pace, position, world.now) if pace is not None and staffed(world, queue) else None


def at_pace(pace: Pace | None, position: int, now: float) -> float | None:
    """The same for a queue that is staffed."""
    if pace is None or pace.count < LEAST or now - pace.answered_at > max(STALE, 3 * pace.interval):
        return None
    return position * pace.interval


def waiting(world: World, queue: str) -> int:
    """Callers in the queue now."""
    return world.line(queue).count


def position(world: World, call: Call) -> int:
    """The caller to be served next is at 1."""
    visit = call.visit
    assert visit is not None, "only who waits has a position"
    return position_in(world, call.id, visit)


def position_in(world: World, call: str, visit: Visit) -> int:
    """The call's position in line with this visit, whether it is in line yet or not. Its own former place in the same queue,
    which it leaves for this one, is not ahead of it."""
    saved = world.calls.get(call)
    left = saved.standing if saved is not None else None
    itself = left is not None and left.queue == visit.queue and left.rank < visit.rank
    return 1 + world.line(visit.queue).before(visit.rank, call) - itself


def staffed(world: World, queue: str) -> int:
    """Logged-in agents who match a step of the queue."""
    plan = world.plan.queues.get(queue)
    return world.matcher.staffed(plan) if plan is not None else 0
