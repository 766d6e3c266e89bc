"""Switches: what people turn on and off while everything runs, and what holds until it is turned back."""

from __future__ import annotations

from callbridge.core.entities import refusals
from callbridge.core.model.events import SwitchTurned
from callbridge.core.model.facts import SwitchChanged
from callbridge.core.model.sentence import Unknown
from callbridge.core.model.switch import BYPASS, Switch, closing
from callbridge.core.model.world import World
from callbridge.core.model.world_view import WorldView

FIXED_SWITCHES = frozenset({BYPASS})
"""What there is always; besides, each calendar has one that closes it."""


def known(world: World) -> frozenset[str]:
    """Every switch that can be turned."""
    return FIXED_SWITCHES | {closing(name) for name in world.plan.calendars}


def turned(world: World, event: SwitchTurned) -> None:
    """Set a switch; setting it to its present state changes nothing."""
    if event.switch not in known(world):
        refusals.refuse(world, "switch", Unknown("no such switch: {switch}", switch=event.switch), by=event.by)
        return
    if is_on(world, event.switch) is event.on:
        return
    world.switches.put(event.switch, Switch(id=event.switch, on=event.on, by=event.by, since=world.now))
    world.emit(SwitchChanged(seq=world.next_seq(), at=world.now, switch=event.switch, on=event.on, by=event.by))


def is_on(world: WorldView, switch: str) -> bool:
    row = world.switches.get(switch)
    return row is not None and row.on
