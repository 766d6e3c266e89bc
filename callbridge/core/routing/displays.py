"""What agents' phones show as the caller: callbridge's display for the whole call, never a connected line update of Asterisk's.

A leg is rung with its display. What comes later is told by ShowCaller: who the caller is now, and, on a line that stays up for
the whole login, each caller.
"""

from __future__ import annotations

from callbridge.core.model.call import Call
from callbridge.core.model.ids import LegId
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import ShowCaller
from callbridge.core.model.world import World


def shown(world: World, call: Call, queue: str) -> str:
    """The name on the agent's display. What callers call themselves is put in last: it may look like a field."""
    known = {"{tier}": call.tier, "{queue}": queue, "{number}": call.number}
    head, field, tail = world.plan.display.partition("{name}")
    for name, value in known.items():
        head, tail = head.replace(name, value), tail.replace(name, value)
    whole = f"{head}{call.name if field else ''}{tail}"
    return " ".join(part for part in whole.split(" ") if part)


def show(world: World, call: Call, leg: LegId, queue: str) -> None:
    """Show the caller at this leg, which has been rung with somebody else's number or for no call at all."""
    plan = world.plan.queues.get(queue)
    name = shown(world, call, plan.name if plan is not None else "")
    world.order(ShowCaller(leg=leg, number=call.number, name=name))


def show_on_line(world: World, call: Call, leg: LegId, queue: str) -> None:
    """The same, if the leg is a line that was up before the call. Ordered after the bridge, so that the display delays nobody."""
    line = world.legs.get(leg)
    if line is not None and line.role is LegRole.SESSION:
        show(world, call, leg, queue)
