"""Calendars as others see them: who is open now, and who closed what."""

from __future__ import annotations

from callbridge.core.entities.hours import is_open, opens_after
from callbridge.core.model.switch import closing
from callbridge.core.model.world_view import WorldView


def hours(world: WorldView) -> list[dict[str, object]]:
    """Every calendar as it is now."""
    return [_row(world, name) for name in sorted(world.plan.calendars)]


def _row(world: WorldView, name: str) -> dict[str, object]:
    switch = world.switches.get(closing(name))
    open_now = is_open(world, name)
    opens = None if open_now else opens_after(world, name)
    return {
        "name": name,
        "open": open_now,
        "closed": switch is not None and switch.on,
        "by": switch.by if switch is not None else "",
        "since": switch.since if switch is not None else "",
        "opens": "" if opens is None else opens,
    }
