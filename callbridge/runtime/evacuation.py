"""The evacuation carried out: over our own links, again and again while time allows, and nobody is forgotten silently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from callbridge.adapters.pbx_link import LinkEnded, OrderRefused
from callbridge.core.model.events import AnyEvent, CallerArrived, OrderFailed
from callbridge.core.model.orders import HangUp, LeaveToDialplan, Order
from callbridge.core.model.world import World
from callbridge.core.recovery.evacuation import Evacuation, Evacuee, evacuation

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

EVACUATION_TIMEOUT = 8.0
"""Seconds for all of it. The service manager would lose patience with us after 10."""
EVACUATION_RETRY = 0.5
_NOT_IN_STASIS = (404, 409)
"""Gone, or in the dialplan already."""


@dataclass(frozen=True, slots=True)
class Evacuated:
    """How many were sent on their way, and how many are left where they are, for ``callbridge rescue`` or the next start."""

    sent: int
    left: int


def everybody(world: World, orders: Iterable[Order], inbox: Iterable[AnyEvent]) -> Evacuation:
    """Everybody once: the callers in the books, those whom an order that did not go out would have sent on (``orders`` are the
    batch's, those of the lanes are in the ``inbox`` as failed), and those whose arrival nobody will step."""
    found = evacuation(world)
    by_leg = {one.order.leg: one for one in found.evacuees}
    hang_ups = list(found.hang_ups)
    events = list(inbox)
    for order in [*orders, *(event.order for event in events if isinstance(event, OrderFailed))]:
        if isinstance(order, LeaveToDialplan):
            by_leg.setdefault(order.leg, Evacuee(call="", order=order))
        elif isinstance(order, HangUp):
            hang_ups.append(order)
    for event in events:
        if isinstance(event, CallerArrived) and event.leg not in world.legs:
            context, entry = world.plan.fallback_context, event.entry or "unknown"
            order = LeaveToDialplan(leg=event.leg, context=context, extension=entry)
            by_leg.setdefault(event.leg, Evacuee(call="", order=order))
    return Evacuation(evacuees=tuple(by_leg.values()), hang_ups=tuple(hang_ups))


async def evacuate(whom: Evacuation, perform: Callable[[Order], Awaitable[None]]) -> Evacuated:
    """Send everybody at once. Those who cannot be sent are tried again while there is time, and named in the log at the end."""
    until = asyncio.get_running_loop().time() + EVACUATION_TIMEOUT
    done = await asyncio.gather(*(_send(one, perform, until) for one in whom.evacuees))
    return Evacuated(sent=sum(done), left=len(done) - sum(done))


async def _send(one: Evacuee, perform: Callable[[Order], Awaitable[None]], until: float) -> bool:
    why = "no answer in time"
    try:
        async with asyncio.timeout_at(until):
            while True:
                try:
                    await perform(one.order)
                    return True
                except LinkEnded as ended:
                    why = str(ended)
                    break
                except OrderRefused as refusal:
                    if refusal.status in _NOT_IN_STASIS:
                        return True
                    why = str(refusal)
                except Exception as trouble:  # noqa: BLE001 - whatever it is: others are waiting, and there is time to try again
                    why = str(trouble) or type(trouble).__name__
                await asyncio.sleep(EVACUATION_RETRY)
    except TimeoutError:
        pass
    log.error("somebody could not be sent on and stays in Asterisk", call=one.call, leg=one.order.leg, why=why)
    return False
