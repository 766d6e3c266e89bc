"""Limits on callers: when a PBX, an entry or a queue is full, further callers go elsewhere or are refused before the answer.

A waiting caller costs the PBX a thread, music and memory, and a refused one almost nothing. A caller who has waited in one queue
is never refused by the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from callbridge.core.entities import estimates
from callbridge.core.model.call import Call, DiversionReason
from callbridge.core.model.facts import CallRefused
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.plan import Entry, Limit, Refusal, ToDialplan, ToFlow, ToQueue, WhenFull
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import segments, visits

FORGETS = 0.98
"""By what factor a caller counts less for the shares of the tiers with each later caller."""
_GOLDEN = 0.6180339887498949
"""Multiples of it are spread evenly between 0 and 1 (Weyl's sequence), so that nothing is decided by chance."""


@dataclass(frozen=True, slots=True)
class Full:
    """What is full, and what happens to the caller. ``of``: ``pbx``, ``entry``, ``queue``, or ``load`` of a PBX that responds too
    slowly."""

    of: str
    name: str
    most: int
    to: Refusal | ToDialplan


def at_entry(world: World, leg: LegId, entry: str, tier: str, destination: Entry, admitted: float = 1.0) -> Entry | Full:
    """Where a new caller at this entry goes: to ``destination`` unless something is full. ``admitted``: the share of new callers
    that the PBX can take."""
    pbx = pbx_of(leg)
    if (load := world.plan.load_limit) is not None and not _has_time_for(world, tier, admitted):
        return _instead(world, "load", pbx, Limit(0, load.when_full))
    if (limit := world.plan.most_calls) is not None and world.callers_on(pbx) >= limit.most:
        return _instead(world, "pbx", pbx, limit)
    if (limit := world.plan.entry_limits.get(entry)) is not None and world.callers_by(entry) >= limit.most:
        return _instead(world, "entry", entry, limit)
    return into_queue(world, destination.queue) if isinstance(destination, ToQueue) else destination


def into_queue(world: World, queue: str, past: frozenset[str] = frozenset()) -> Entry | Full:
    """Where a caller who has not waited yet goes instead of this queue, if it is full. ``past``: full queues seen before."""
    plan = world.plan.queues.get(queue)
    limit = plan.most_waiting if plan is not None else None
    if limit is None or estimates.waiting(world, queue) < limit.most:
        return ToQueue(queue)
    return _instead(world, "queue", queue, limit, past | {queue})


def turn_away(world: World, call: Call, full: Full) -> None:
    """This caller, who is in no queue, is refused or goes to the dialplan."""
    match full.to:
        case ToDialplan(context, extension):
            visits.leave(world, call, context, extension, DiversionReason.FULL)
        case Refusal(reason):
            world.emit(
                CallRefused(
                    seq=world.next_seq(),
                    at=world.now,
                    call=call.id,
                    queue=full.name if full.of == "queue" else "",
                    leg=call.leg,
                    entry=call.entry,
                    full=full.of,
                    most=full.most,
                    response=reason,
                )
            )
            segments.end_call(world, evolve(call, outcome="refused"), reason)


def _has_time_for(world: World, tier: str, admitted: float) -> bool:
    """Of a PBX that is too slow for all of its new callers: those of the lowest tier are refused first, and of the tier in which
    the line falls as many as it takes, evenly."""
    lately = world.callers_by_tier
    for each in lately:
        lately[each] *= FORGETS
    lately[tier] = lately.get(tier, 0.0) + 1.0
    if admitted >= 1.0:
        return True
    order = {name: place for place, name in enumerate(world.plan.tiers)}
    place = order.get(tier, len(order))
    lower = sum(callers for each, callers in lately.items() if order.get(each, len(order)) > place)
    same = sum(callers for each, callers in lately.items() if order.get(each, len(order)) == place)
    refused = ((1.0 - admitted) * sum(lately.values()) - lower) / same
    return world.minted * _GOLDEN % 1.0 >= refused


def _instead(world: World, of: str, name: str, limit: Limit, past: frozenset[str] = frozenset()) -> Entry | Full:
    to: WhenFull = limit.when_full
    match to:
        case ToQueue(queue) if queue in past:
            return Full(of, name, limit.most, Refusal())  # all queues of a circle are full
        case ToQueue(queue):
            return into_queue(world, queue, past)
        case ToFlow():
            return to
        case _:
            return Full(of, name, limit.most, to)
