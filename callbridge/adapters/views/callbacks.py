"""Callbacks that are owed, as others see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from callbridge.adapters.facts.privacy import mask, scrub
from callbridge.core.model.callback import Callback
from callbridge.core.model.world_view import WorldView


def callbacks(world: WorldView, *, masked: bool = True) -> list[dict[str, object]]:
    """Every open callback, per queue in the order in which they will be made."""
    return in_order(world.callbacks.values(), masked=masked)


def in_order(rows: Iterable[Callback], *, masked: bool = True) -> list[dict[str, object]]:
    """These, per queue in the order in which they will be made."""
    ordered = sorted(rows, key=lambda callback: (callback.queue, callback.rank, callback.id))
    return [dict(_row(callback, masked)) for callback in ordered]


def callback_queues(world: WorldView) -> list[str]:
    """The queues in which a callback can be made: those that have ``callbacks``, if numbers outside can be called at all."""
    plan = world.plan
    return sorted(name for name, queue in plan.queues.items() if queue.callback is not None) if plan.outside else []


def callback_to(world: WorldView, queue: str, number: str, *, masked: bool = True) -> dict[str, object] | None:
    """The one that this number is owed in this queue."""
    callback = world.callback_for(queue, world.plan.numbers.identity(number))
    return None if callback is None else dict(_row(callback, masked))


def shown(callback: Callback, *, masked: bool = True) -> dict[str, object]:
    """One of them."""
    return dict(_row(callback, masked))


def _row(callback: Callback, masked: bool) -> Iterator[tuple[str, object]]:
    yield "id", callback.id
    yield "queue", callback.queue
    yield "number", mask(callback.number) if masked else callback.number
    yield "name", scrub(callback.name) if masked else callback.name
    yield "tier", callback.tier
    yield "state", state(callback)
    yield "made_at", callback.made_at
    yield "due", callback.rests_until if callback.rests_until is not None else ""
    yield "expires_at", callback.expires_at
    yield "attempts", callback.attempts
    yield "agent", callback.agent
    yield "call", callback.call
    yield "by", callback.by
    yield "recording", callback.recording


def state(callback: Callback) -> str:
    """``standing`` in line, ``resting`` until it is due, or ``active``: a call keeps it, or the customer is on the line."""
    if callback.call:
        return "active"
    return "standing" if callback.stands else "resting"
