"""Callbacks that stay in line but could not be called any more by a new plan: without a warning they would expire in silence."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.entities import callbacks
from callbridge.core.model.plan import Plan
from callbridge.core.model.world import World


def undialled(world: World, new: Plan) -> Iterator[str]:
    """What is missing, one sentence each."""
    owed = world.callbacks.values()
    if owed and world.plan.outside and not new.outside:
        yield f"{_many(len(owed))} cannot be called: the setting outside is missing"
    before = [one for one in owed if callbacks.may_dial(world.plan, one.number)]
    lost = sum(not callbacks.may_dial(new, one.number) for one in before)
    if lost:
        yield f"{_many(lost)} cannot be called any more and will expire: callbacks.numbers does not allow the number"


def _many(number: int) -> str:
    return f"{number} callback{'' if number == 1 else 's'}"
