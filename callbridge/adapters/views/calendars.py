"""Calendars as others see them: who is open now, and who closed what."""

from __future__ import annotations

from callbridge.core.entities.conditions import is_open
from callbridge.core.model.switch import closing
from callbridge.core.model.world_view import WorldView


def hours(world: WorldView, now: float) -> list[dict[str, object]]:
    """Every calendar as it is now."""
    return [_row(world, name, now) for name in sorted(world.plan.calendars)]


def _row(world: WorldView, name: str, now: float) -> dict[str, object]:
    switch = world.switches.get(closing(name))
    open_now = is_open(world, name)
    opens = None if open_now else world.plan.calendars[name].opens_after(now + world.wall_offset)
    return {
        "name": name,
        "open": open_now,
        "closed": switch is not None and switch.on,
        "by": switch.by if switch is not None else "",
        "since": switch.since if switch is not None else "",
        "opens": "" if opens is None or (switch is not None and switch.on) else opens,
    }
