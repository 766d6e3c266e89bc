"""Calling a customer: the one place where the core orders it."""

from __future__ import annotations

from callbridge.core import legs, promises
from callbridge.core.call import Call, Move, after
from callbridge.core.leg import Role
from callbridge.core.orders import Ring, StartRinging
from callbridge.core.rows import evolve
from callbridge.core.world import World

SAFETY = 5.0
"""Seconds that Asterisk's own dial time-out comes after ours."""


def dial(world: World, call: Call) -> bool:
    """Call the customer to whom the promise was made; an agent who waits hears it ring. The attempt counts from now,
    whatever becomes of it. False when that may not be, or no more."""
    promise = world.promises.get(call.promise)
    terms = promises.terms_of(world, promise.queue) if promise is not None else None
    if promise is None or terms is None or not promises.is_due(world, promise):
        return False
    world.promises.put(promise.id, evolve(promise, attempts=promise.attempts + 1))
    legs.open_leg(world, call.leg, Role.CUSTOMER, call=call.id)
    if call.offer is not None:
        world.order(StartRinging(leg=call.offer.leg))
    phase = after(call.phase, Move.DIAL)
    world.calls.put(call.id, evolve(call, phase=phase, attempt="unknown", deadline=world.now + terms.ring_for))
    world.order(
        Ring(
            leg=call.leg,
            phone=world.plan.outside.replace("{number}", promise.number),
            role="customer",
            agent="",
            give_up=terms.ring_for + SAFETY,
            call=call.id,
            number=terms.number,
            name=terms.name,
        )
    )
    return True
