"""Legs: opened, hung up, and watched until the PBX reports that they have ended."""

from __future__ import annotations

from callbridge.core.model.call import NodeActivity, Phase
from callbridge.core.model.ids import LegId
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import HangUp, Probe, StartMusic
from callbridge.core.model.plan import ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

HANG_UP_CHECK = 0.5
"""Seconds after a HangUp before we ask whether it worked; doubles up to SLOWEST_CHECK."""
SLOWEST_CHECK = 5.0
LEFT_CHECK = 0.2
"""Seconds after an unordered StasisEnd within which ChannelDestroyed usually comes."""
DIALLED_LEFT_CHECK = 2.0
"""The same for a leg that we dial: its cause is worth waiting for."""
MUSIC_RETRY = 1.0
CONSULT_CHECK = 2.0
"""Seconds after which, and at which interval, we look whether an agent who consults an entry still has a caller."""


def open_leg(world: World, leg: LegId, role: LegRole, *, call: str = "", agent: str = "") -> Leg:
    """Create the row of a new leg, before any order about it."""
    new = Leg(id=leg, role=role, call=call, agent=agent, heard_at=world.now)
    world.legs.put(leg, new)
    return new


def hang_up(world: World, leg: LegId | None, reason: str = "normal") -> None:
    """End a leg: at once, and watched until it is gone. Harmless for a leg unknown or hung up already."""
    known = world.legs.get(leg)
    if known is None or known.hung_at is not None:
        return
    world.put_leg(known, hung_at=world.now, deadline=world.now + HANG_UP_CHECK, tries=0)
    world.order(HangUp(leg=known.id, reason=reason))


def entered(world: World, leg: LegId) -> None:
    """A leg of ours exists. If it has no row, it was given up and probed, and was created all the same: Asterisk took longer for
    the create than we waited. Nobody else would ever hang it up."""
    known = world.legs.get(leg)
    if known is None:
        world.order(HangUp(leg=leg))
    elif known.hung_at is not None:
        hang_up_again(world, known)


def hang_up_again(world: World, leg: Leg) -> None:
    """A leg that we hung up shows a sign of life: a late answer is never bridged."""
    world.order(HangUp(leg=leg.id))


def probe_soon(world: World, leg: Leg, after: float) -> None:
    """Probe the leg after a while, unless its end is reported before."""
    world.put_leg(leg, deadline=world.now + after)


def probe_now(world: World, leg: Leg) -> None:
    """Ask whether the leg lives, and again later if no answer comes."""
    world.order(Probe(leg=leg.id))
    world.legs.put(leg.id, evolve(leg, deadline=world.now + HANG_UP_CHECK))


def deadline_passed(world: World, leg: Leg) -> None:
    """The expected event of this leg has not come in time."""
    wait = min(SLOWEST_CHECK, HANG_UP_CHECK * 2 ** min(leg.tries + 1, 10))
    if leg.hung_at is not None:
        world.order(HangUp(leg=leg.id))
        world.order(Probe(leg=leg.id))
        world.legs.put(leg.id, evolve(leg, tries=leg.tries + 1, deadline=world.now + wait))
    elif (leg.role is LegRole.AGENT and not leg.call) or (leg.role is LegRole.SUPERVISOR and leg.up_at is None):
        hang_up(world, leg.id)
    elif leg.music_owed and not leg.left and leg.missing_since is None:
        _pay_music(world, leg)
    else:
        world.order(Probe(leg=leg.id))
        world.legs.put(leg.id, evolve(leg, tries=leg.tries + 1, deadline=world.now + wait))


def entry_music(world: World, entry: str) -> str:
    """The music of the queue where this entry leads."""
    destination = world.plan.destination_of(entry)
    queue = world.plan.queues.get(destination.queue) if isinstance(destination, ToQueue) else None
    return queue.music if queue is not None else "default"


def _pay_music(world: World, leg: Leg) -> None:
    if leg.role is LegRole.CONSULT and leg.arrival is not None:
        world.put_leg(leg, music_owed=False, deadline=world.now + CONSULT_CHECK)
        world.order(StartMusic(leg=leg.id, music=entry_music(world, leg.arrival.entry)))
        return
    world.put_leg(leg, music_owed=False, deadline=leg.ask_at)
    call = world.calls.get(leg.call)
    if call is None:
        return
    queue, speaking = "", call.announcing is not None and bool(call.announcing.playback)
    if call.visit is not None and call.phase in (Phase.WAITING, Phase.OFFERED):
        queue = call.visit.queue
    elif call.transfer is not None and leg.id == call.leg and leg.bridge is None:
        queue, speaking = call.transfer.queue, False
    elif call.segment is not None and call.segment.on_hold and leg.id == call.leg:
        queue = call.segment.queue
    elif call.visit is not None and call.transfer is not None and call.transfer.waits and leg.bridge is None:
        queue = call.visit.queue  # an agent who waits in a queue
    if call.flow_position is not None and call.flow_position.activity in (NodeActivity.LISTENING, NodeActivity.LOOKING):
        flow = world.flow(call.flow_position.flow, call.flow_position.version)
        world.order(StartMusic(leg=leg.id, music=flow.music if flow else "default"))
    elif queue and not speaking:
        plan = world.plan.queues.get(queue)
        world.order(StartMusic(leg=leg.id, music=plan.music if plan else "default"))
