"""A queue that prefers agents of the caller's own site for a while: meanwhile the others are offered the caller only where nobody
of that site who is logged in fits. The steps go on.
"""

from __future__ import annotations

from callbridge.core.model.call import Call, Visit
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

_ROUNDING = 1e-6


def prefer(world: World, call: Call, visit: Visit) -> Visit:
    """The visit that begins, with the caller's site if the queue prefers it."""
    queue = world.plan.queues.get(visit.queue)
    site = world.plan.site_of(pbx_of(call.leg), call.entry) if queue is not None and queue.own_site > 0 else ""
    return evolve(visit, site=site) if site else visit


def over_at(world: World, visit: Visit) -> float:
    """When agents of all sites are alike."""
    queue = world.plan.queues.get(visit.queue)
    return visit.began_at + (queue.own_site if queue is not None else 0.0)


def until_over(world: World, visit: Visit) -> Visit:
    """The visit, without the site when the time is over."""
    return evolve(visit, site="") if visit.site and world.now + _ROUNDING >= over_at(world, visit) else visit
