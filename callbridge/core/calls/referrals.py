"""Where a phone's blind transfer really leads.

Asterisk looks for the user part of Refer-To in its own dialplan, whatever the host: ``<sip:800@partner.example>`` would reach our
own 800. So the PBX is asked what the phone wrote, and until it has answered the other half of the transfer is not followed. A
host that is none of ours is refused: the half in our bridge is hung up, and the caller comes back to the agent as after every
transfer that reached nobody.
"""

from __future__ import annotations

from callbridge.core.entities import legs, refusals
from callbridge.core.model.events import ReferralRead
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import ReadReferral
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import World

READ_WITHIN = 2.0
"""Seconds after which a transfer is followed though the PBX has not answered."""
ANY = "*"


def read(world: World, half: Leg) -> None:
    """Ask what the phone wrote that has put this half of a Local channel in its place."""
    world.put_leg(half, unread=True, deadline=world.now + READ_WITHIN)
    world.order(ReadReferral(leg=half.id))


def was_read(world: World, event: ReferralRead) -> bool:
    """The PBX has answered. False: the transfer leads elsewhere, and was refused."""
    leg = world.legs.get(event.leg)
    if leg is None or not leg.unread:
        return True
    # A channel of which nothing can be read may be gone: one that ended before we had subscribed to it is reported to nobody.
    leg = world.put_leg(leg, unread=False, deadline=None if event.host else world.now)
    call = world.calls.get(leg.call)
    if not event.host or call is None or call.far != leg.id or _is_ours(world, event):
        return True
    reason = Sentence("the phone transfers to the host {host}, which is not in phones.domains", host=event.host)
    agent = call.transferred_by
    refusals.refuse(world, "transfer", reason, by=agent, agent=agent, call=call.id)
    world.put_leg(leg, up_at=None)  # as if nobody had answered
    legs.hang_up(world, leg.id)
    for other in world.legs_of_pair(leg.pair):
        if other.role in (LegRole.PARKED, LegRole.CONSULT):
            world.put_leg(other, role=LegRole.AGENT, pair="")
            legs.hang_up(world, other.id)
    return False


def _is_ours(world: World, event: ReferralRead) -> bool:
    """A host by which phones know this PBX: where none is configured any address, since phones behind NAT use others than the
    PBX knows of, and the name that the phone gives as its own domain."""
    domains = world.plan.phones.domains
    if not domains:
        return event.is_address or event.host == event.own
    return ANY in domains or event.host in {name.casefold() for name in domains}


def overdue(world: World, leg: Leg) -> bool:
    """A deadline of this leg has passed: is it the one for the PBX's answer?"""
    return leg.unread and leg.role is LegRole.OUTSIDE
