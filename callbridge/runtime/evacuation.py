"""Carries out an evacuation over our own links: retries while time allows, and logs every caller who could not be moved."""

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
"""Seconds for the whole evacuation. systemd kills the process after 10 (TimeoutStopSec)."""
EVACUATION_RETRY = 0.5
_NOT_IN_STASIS = (404, 409)
"""The channel has ended, or is already in the dialplan."""


@dataclass(frozen=True, slots=True)
class Evacuated:
    """How many callers were sent, and how many are left for ``callbridge rescue`` or the next start."""

    sent: int
    left: int


def everybody(world: World, orders: Iterable[Order], inbox: Iterable[AnyEvent]) -> Evacuation:
    """Everybody exactly once: the callers in the world, those whom an unsent order would have sent on (``orders`` are those of
    the batch; those of the lanes are in the ``inbox`` as failed), and new callers whose arrival has not been stepped."""
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
    """Send all callers in parallel. Failures are retried while there is time, and logged at the end."""
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
                except Exception as trouble:  # noqa: BLE001 - any error: the others go on, and there is time to retry
                    why = str(trouble) or type(trouble).__name__
                await asyncio.sleep(EVACUATION_RETRY)
    except TimeoutError:
        pass
    log.error("a caller could not be sent to the fallback", call=one.call, leg=one.order.leg, why=why)
    return False
