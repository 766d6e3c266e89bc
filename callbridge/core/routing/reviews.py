"""Reviews of waiting callers after a change that affects all of them: log-ins, a switch, a closure, the wall clock.

Many callers may be waiting, and each may have to leave the queue, so they are reviewed in slices. The rest is continued at the
end of every step, and a deadline that is due at once ensures that there is a next step.
"""

from __future__ import annotations

from itertools import chain, islice

from callbridge.core.model.events import (
    AnyEvent,
    ClockMoved,
    ClosureRequested,
    DeadlinePassed,
    DevicesListed,
    ReopeningRequested,
    SwitchTurned,
)
from callbridge.core.model.world import DecisionFault, World
from callbridge.core.routing import visits

MAX_LOOKED_AT, MAX_MOVED = 200, 25
"""Size of a slice: it ends after so many callers reviewed, or so many sent elsewhere, which costs ten times as much."""

_CONCERNS_ALL = (SwitchTurned, ClosureRequested, ReopeningRequested, ClockMoved, DevicesListed)


def after_event(world: World, event: AnyEvent | None) -> list[DecisionFault]:
    """Review the next callers who may be affected by a change. Returns the calls for which this raised."""
    staffing = world.staffing_changed and world.matcher.know_agents
    if staffing or _concerns_all(event):
        world.staffing_changed = False
        # Callers who are still to be reviewed keep their place, so that successive changes do not put anybody off for ever.
        world.reviews = tuple(dict.fromkeys(chain(world.reviews, *_concerned(world))))
    if not world.reviews:
        return []
    faults: list[DecisionFault] = []
    looked_at = moved = 0
    for key in islice(world.reviews, MAX_LOOKED_AT):
        looked_at += 1
        call = world.calls.get(key)
        if call is None:
            continue
        mark = world.mark()
        try:
            visits.look_again(world, call)
        except Exception as error:  # noqa: BLE001 - our own bug, whatever it is: the runtime logs it and quarantines the call
            world.undo_to(mark)
            faults.append(DecisionFault("call", key, error))
        moved += world.calls.get(key) is not call
        if moved == MAX_MOVED:
            break
    world.reviews = world.reviews[looked_at:]
    world.review_at = world.now if world.reviews else None
    if world.reviews:
        world.wake("review", "", world.now)
    return faults


def _concerns_all(event: AnyEvent | None) -> bool:
    return isinstance(event, _CONCERNS_ALL) or (isinstance(event, DeadlinePassed) and event.kind == "closure")


def _concerned(world: World) -> list[list[str]]:
    """Callers in queues with a preferred agent or with rules about agents, hours or pace. Waiting callbacks have no call yet."""
    return [
        world.line(queue.name).calls
        for queue in world.plan.queues.values()
        if queue.prefer is not None or any(rule.when.depends_on_others for rule in queue.overflow)
    ]
