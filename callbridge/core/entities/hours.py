"""Whether a calendar is open now, for whom, and when it opens: its hours, the switch that closes it, and closures by date."""

from __future__ import annotations

from callbridge.core.entities.switches import is_on
from callbridge.core.model.call import Call
from callbridge.core.model.closure import Closure
from callbridge.core.model.switch import closing
from callbridge.core.model.world_view import WorldView


def is_open(world: WorldView, calendar: str, *, queue: str = "", entry: str = "") -> bool:
    """Is the calendar open now, for callers in ``queue`` who came by ``entry``? One that was removed counts as open."""
    if closed_manually(world, calendar, queue=queue, entry=entry):
        return False
    hours = world.plan.calendars.get(calendar)
    return hours is None or hours.is_open(wall(world))


def is_open_to(world: WorldView, call: Call, calendar: str) -> bool:
    """Is it open now for the caller of this call?"""
    return is_open(world, calendar, queue=queue_of(call), entry=call.entry)


def closed_manually(world: WorldView, calendar: str, *, queue: str = "", entry: str = "") -> bool:
    """Has somebody closed it, whatever its hours say?"""
    if is_on(world, closing(calendar)):
        return True
    return any(one.holds(wall(world)) for one in closures_of(world, calendar, queue=queue, entry=entry))


def closures_of(world: WorldView, calendar: str, *, queue: str = "", entry: str = "") -> list[Closure]:
    """The present and coming closures of the calendar, for callers in ``queue`` who came by ``entry``."""
    closed = {("calendar", calendar), ("queue", queue), ("entry", world.plan.entry_named(entry))}
    return [one for one in world.closures.values() if (one.kind, one.name) in closed and one.name]


def opens_after(world: WorldView, calendar: str, *, queue: str = "") -> float | None:
    """The next moment (epoch seconds on the wall) at which it is open; None when nobody can tell, or it is weeks away."""
    hours = world.plan.calendars.get(calendar)
    if hours is None or is_on(world, closing(calendar)):
        return None
    closures = closures_of(world, calendar, queue=queue)
    moment = hours.opens_after(wall(world))
    while moment is not None and (until := max((one.ends for one in closures if one.holds(moment)), default=None)) is not None:
        moment = hours.opens_after(until)
    return moment


def changes_after(world: WorldView, call: Call, calendar: str) -> float | None:
    """When (epoch seconds on the wall) the calendar may next open or close for this caller."""
    hours, now = world.plan.calendars.get(calendar), wall(world)
    if hours is None:
        return None
    closures = closures_of(world, calendar, queue=queue_of(call), entry=call.entry)
    ends = [moment for one in closures for moment in (one.begins, one.ends) if moment > now]
    return min([hours.changes_after(now), *ends])


def queue_of(call: Call) -> str:
    return call.visit.queue if call.visit is not None else ""


def wall(world: WorldView) -> float:
    """What the clock on the wall shows, epoch seconds."""
    return world.now + world.wall_offset
