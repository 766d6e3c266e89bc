"""Evacuation: before a fatal exit, everybody who is not in a conversation is sent to where they are served without us.

Only decisions, no step: the world stays as it is, for the next start to compare with what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass

from callbridge.core.model.call import Call, Phase
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import HangUp, LeaveToDialplan
from callbridge.core.model.plan import SAFE_HARBOUR_CONTEXT
from callbridge.core.model.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Evacuee:
    """One customer; ``call`` is empty if there is no call yet."""

    call: str
    order: LeaveToDialplan


@dataclass(frozen=True, slots=True, kw_only=True)
class Evacuation:
    """Where each customer goes, and which legs to hang up: those that ring or wait for these customers, and phones that still
    ring."""

    evacuees: tuple[Evacuee, ...]
    hang_ups: tuple[HangUp, ...]


def evacuation(world: World) -> Evacuation:
    """Callers who wait, are in a flow or are being transferred go to the fallback; customers of campaigns who have answered hear
    the safe-harbour message. Conversations are left alone."""
    evacuees, hang_ups, helpers = list[Evacuee](), list[HangUp](), set[str]()
    for call in world.calls.values():
        customer = world.legs.get(call.leg)
        if _talks(call) or call.phase is Phase.ENDING:
            continue
        helpers.add(call.id)
        if customer is None or customer.hung_at is not None or customer.left:
            continue
        if call.placed and not (call.campaign and customer.up_at is not None):
            hang_ups.append(HangUp(leg=customer.id))  # not there yet; or owed a callback, which is saved and made again
        else:
            evacuees.append(Evacuee(call=call.id, order=_way_out(world, call, customer)))
    hang_ups += [HangUp(leg=leg.id) for leg in world.legs.values() if leg.call in helpers and _is_made_for_the_call(leg)]
    return Evacuation(evacuees=tuple(evacuees), hang_ups=tuple(hang_ups))


def _talks(call: Call) -> bool:
    """Is the customer in a conversation now? Not during a consult."""
    if call.phase is Phase.TALKING:
        return call.transfer is None or call.transfer.together
    return call.phase is Phase.OUTSIDE


def _is_made_for_the_call(leg: Leg) -> bool:
    return leg.role not in (LegRole.CUSTOMER, LegRole.SESSION) and leg.hung_at is None


def _way_out(world: World, call: Call, customer: Leg) -> LeaveToDialplan:
    if call.exit is not None:  # on the way already, perhaps
        context, extension = call.exit
    elif call.campaign and call.placed:
        context, extension = SAFE_HARBOUR_CONTEXT, call.campaign
    else:
        context, extension = world.plan.fallback_context, call.entry or "unknown"
    return LeaveToDialplan(leg=customer.id, context=context, extension=extension)
