"""Numbers are read in another way now: by another region, or by another version. Rows that are kept by number are read again."""

from __future__ import annotations

from callbridge.core.entities import callbacks
from callbridge.core.model.callback import KeptPlace, place_key
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World


def read_again(world: World) -> None:
    """Bring callbacks, kept places and numbers on their way to the do-not-call list to the spelling of this plan. Of two
    callbacks that turn out to be for one person the one at the better place is left."""
    identity = world.plan.numbers.identity
    for callback in world.callbacks.values():
        who = identity(callback.number)
        if who and who != callback.who and callback.id in world.callbacks:
            callbacks.carry(world, evolve(world.callbacks[callback.id], who=who), callback.queue)
    for place in world.places.values():
        queue, _, number = place.id.rpartition("|")
        who = identity(number)
        if who and who != number:
            put_place(world, place, place_key(queue, who))
    for block in world.blocks.values():
        who = identity(block.number)
        if who and who != block.number:
            world.blocks.drop(block.id)
            read = evolve(block, id=f"{block.campaign}|{who}", number=who, ordered_by="")
            world.blocks.put(read.id, read)  # ordered again when its deadline passes


def put_place(world: World, place: KeptPlace, key: str) -> None:
    """Keep a place under another key; of two the longer wait and the later end hold."""
    world.places.drop(place.id)
    there = world.places.get(key)
    since = place.since if there is None else min(place.since, there.since)
    deadline = place.deadline if there is None else max(place.deadline, there.deadline)
    world.places.put(key, KeptPlace(id=key, since=since, deadline=deadline))
