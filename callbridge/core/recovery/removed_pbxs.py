"""PBXs that are no longer configured, or under another name: nobody will ever report the end of what was saved of them.

Their legs end at a start, and with them their calls. Callbacks that were owed from there are made from another PBX.
"""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.model.events import LegEnded
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import Leg
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World


def restored(world: World) -> None:
    """Before the first deadline of a saved row: nothing was heard of such a leg since it was saved, and callbacks that are not
    being made are the first PBX's from now on."""
    for leg in [*_legs(world)]:
        world.legs.put(leg.id, evolve(leg, missing_since=leg.heard_at))
    for callback in [*world.callbacks.values()]:
        if callback.pbx not in world.plan.pbxs and not callback.call:
            world.callbacks.put(callback.id, evolve(callback, pbx=world.plan.pbxs[0]))


def ended(world: World) -> list[LegEnded]:
    """The ends of all legs on such PBXs."""
    return [LegEnded(at=world.now, leg=leg.id, estimated=True) for leg in _legs(world)]


def _legs(world: World) -> Iterator[Leg]:
    return (leg for leg in world.legs.values() if pbx_of(leg.id) not in world.plan.pbxs)
