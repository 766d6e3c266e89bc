"""Callbacks that are owed, as others see them."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.adapters.facts.privacy import mask
from callbridge.core.model.callback import Callback
from callbridge.core.model.numbers import normalise
from callbridge.core.model.world import World


def callbacks(world: World, *, masked: bool = True) -> list[dict[str, object]]:
    """Every promise, each queue's in the order in which they will be kept."""
    ordered = sorted(world.promises.values(), key=lambda promise: (promise.queue, promise.rank, promise.id))
    return [dict(_row(promise, masked)) for promise in ordered]


def callback_to(world: World, queue: str, number: str, *, masked: bool = True) -> dict[str, object] | None:
    """The one that this number is owed in this queue."""
    promise = world.promise_to(queue, normalise(number, world.plan.country_code))
    return None if promise is None else dict(_row(promise, masked))


def _row(promise: Callback, masked: bool) -> Iterator[tuple[str, object]]:
    yield "id", promise.id
    yield "queue", promise.queue
    yield "number", mask(promise.number) if masked else promise.number
    yield "tier", promise.tier
    yield "state", state(promise)
    yield "made_at", promise.made_at
    yield "due", promise.rests_until if promise.rests_until is not None else ""
    yield "expires_at", promise.expires_at
    yield "attempts", promise.attempts
    yield "agent", promise.agent
    yield "call", promise.call
    yield "by", promise.by
    yield "recording", promise.recording


def state(promise: Callback) -> str:
    """``standing`` in line, ``resting`` until it is due, or ``active``: a call keeps it, or the customer is on the line."""
    if promise.call:
        return "active"
    return "standing" if promise.stands else "resting"
