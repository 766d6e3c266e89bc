"""What an event makes possible, when it has been applied: callers are sent elsewhere, offers made, numbers dialled.

Deciding is isolated: what it is about when it raises is quarantined, and the others go on.
"""

from __future__ import annotations

from callbridge.core.model.events import AnyEvent
from callbridge.core.model.world import DecisionFault, World
from callbridge.core.outbound import callback_calls, dialer
from callbridge.core.routing import lost_phones, offers, reviews
from callbridge.core.transfers import queue_consults


def after_event(world: World, event: AnyEvent | None, known: int) -> None:
    """What the event makes possible, when it is over: offers, dials. ``known``: how many facts came before it."""
    if world.unfinished is not None:
        world.faults += _campaigns(world, known, dialling=False)
        return
    callback_calls.give_up_overtaken(world)
    world.faults += reviews.after_event(world, event)
    world.faults += _match(world)
    callback_calls.give_up_overtaken(world)
    world.faults += _campaigns(world, known, dialling=True)


def _match(world: World) -> list[DecisionFault]:
    """Make every offer that can be made. A caller about whom deciding raises is quarantined; the others go on."""
    faults: list[DecisionFault] = []
    while (pair := lost_phones.next_pair(world) or world.matcher.next_pair()) is not None:
        mark = world.mark()
        is_callback = pair.call in world.callbacks
        try:
            if is_callback:
                callback_calls.begin(world, pair)
            elif world.calls[pair.call].consults_queue:
                queue_consults.offer(world, pair)
            else:
                offers.make(world, pair)
        except Exception as error:  # noqa: BLE001 - any bug of ours: the runtime logs it and quarantines the call
            world.undo_to(mark)
            world.quarantine(pair.call)
            faults.append(DecisionFault("callback" if is_callback else "call", pair.call, error))
    return faults


def _campaigns(world: World, known: int, *, dialling: bool) -> list[DecisionFault]:
    """Learn from the facts, and dial what may be dialled. A fault of ours in that stops the campaigns, not the calls."""
    if not world.plan.campaigns and not world.attempts:
        return []
    mark = world.mark()
    try:
        dialer.learn(world, known)
        if dialling:
            dialer.after_step(world)
    except Exception as error:  # noqa: BLE001 - any bug of ours: the runtime logs it and stops the campaigns
        world.undo_to(mark)
        return [DecisionFault("campaign", "", error)]
    return []
