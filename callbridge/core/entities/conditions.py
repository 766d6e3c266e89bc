"""Whether a condition of a flow or of a queue's overflow holds for a caller now."""

from __future__ import annotations

from callbridge.core.entities import avoided, estimates, hours
from callbridge.core.model.call import Call
from callbridge.core.model.flow import Condition, fits
from callbridge.core.model.world import World

_ROUNDING = 1e-6


def holds(world: World, call: Call, when: Condition) -> bool:
    """Do all given parts of the condition hold?"""
    queue = when.queue or (call.visit.queue if call.visit is not None else "")
    return (
        (not when.tiers or call.tier in when.tiers)
        and (not when.languages or call.language in when.languages)
        and (not when.open or hours.is_open_to(world, call, when.open))
        and (not when.closed or not hours.is_open_to(world, call, when.closed))
        and (when.waited is None or _waited(world, call) >= when.waited - _ROUNDING)
        and (not when.value or _value_fits(call, when))
        and (when.agents is None or _staffed(world, call, queue) <= when.agents)
        and (when.waiting is None or _ahead(world, call, queue) >= when.waiting)
        and (when.wait is None or _wait_at_least(world, call, queue, when.wait))
    )


def next_look(world: World, call: Call, when: Condition) -> float | None:
    """When the clock alone may make the condition hold; None when only other news can."""
    moments = []
    if when.waited is not None and call.visit is not None:
        moments.append(call.visit.began_at + when.waited)
    for name in (when.open, when.closed):
        change = hours.changes_after(world, call, name) if name else None
        if change is not None:
            moments.append(change - world.wall_offset)
    return min((moment for moment in moments if moment > world.now), default=None)


def _staffed(world: World, call: Call, queue: str) -> int:
    """The logged-in agents of the queue, without those who are not offered this caller."""
    own = call.visit is not None and call.visit.queue == queue
    return estimates.staffed(world, queue) - (avoided.on_duty(world, call) if own else 0)


def _waited(world: World, call: Call) -> float:
    return world.now - call.visit.began_at if call.visit is not None else world.now - call.arrived_at


def _ahead(world: World, call: Call, queue: str) -> int:
    """The callers who would be served before this one. Not those who came later: a queue that grows behind a caller is no reason
    to leave."""
    if call.visit is not None and call.visit.queue == queue:
        return estimates.position(world, call) - 1
    return estimates.waiting(world, queue)


def _wait_at_least(world: World, call: Call, queue: str, wait: float) -> bool:
    expected = estimates.expected(world, queue, _ahead(world, call, queue) + 1)
    return expected is not None and expected >= wait


def _value_fits(call: Call, when: Condition) -> bool:
    value = dict(call.values).get(when.value, "")
    return (not when.is_any or value in when.is_any) and (not when.pattern or fits(when.pattern, value))
