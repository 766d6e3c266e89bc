"""Hold: the caller hears the queue's music and the agent nothing, until they talk again.

Two can put a caller on hold: the agent's phone itself, which the PBX reports, and a request through the API or a code, for which
caller and agent leave their bridge as they do for a consult. The time on hold counts while either is in force. Each is ended by
whatever began it, so that neither contradicts the other; a request's ends with the agent's share and with a consult, too.

    talking -- hold --> on hold -- unhold --------------------> talking
                        on hold -- consult -------------------> the caller hears music on; then talking, or with the target
                        on hold -- transfer, agent gone, end -> as from the conversation

A recording goes on while the caller is on hold; it can be paused as in the conversation.
"""

from __future__ import annotations

from callbridge.core.model.call import Call, Phase, Segment, SupervisionMode
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import Leg
from callbridge.core.model.orders import Bridge, DropBridge, StartMusic
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import World
from callbridge.core.routing import segments
from callbridge.core.transfers import records, targets


def hold(world: World, call: Call) -> Sentence | None:
    """Put the caller on hold. Returns why not; None when it is being done."""
    segment = call.segment
    if call.phase is not Phase.TALKING or segment is None:
        return Sentence("no agent is talking to the caller")
    if call.transfer is not None:
        return (
            Sentence("the caller is in a conference")
            if call.transfer.together
            else Sentence("a consult is in progress: the caller hears music")
        )
    if segment.on_hold:
        return Sentence("the caller is already on hold")
    if segment.held_since is not None:
        return Sentence("the agent's phone has put the caller on hold already")
    if pbx_of(call.leg) in world.down:
        return Sentence("PBX {pbx} cannot be reached", pbx=pbx_of(call.leg))
    call, segment = part(world, call, segment)
    records.put(world, evolve(call, segment=changed(segment, world.now, on_hold=True, phone_holds=False)))
    world.order(StartMusic(leg=call.leg, music=targets.music(world, segment.queue)))
    return None


def unhold(world: World, call: Call) -> Sentence | None:
    """Let caller and agent talk again. Returns why not; None when it is being done."""
    segment = call.segment
    if segment is None or segment.held_since is None:
        return Sentence("the caller is not on hold")
    if not segment.on_hold:
        return Sentence("the agent's phone has put the caller on hold: only the phone can end that")
    if pbx_of(call.leg) in world.down:
        return Sentence("PBX {pbx} cannot be reached", pbx=pbx_of(call.leg))
    segment = changed(segment, world.now, on_hold=False, phone_holds=segment.phone_holds)
    bridge = world.mint("bridge")
    world.order(Bridge(bridge=bridge, legs=(call.leg, segment.leg), call=call.id, queue=segment.queue, agent=segment.agent))
    records.put(world, evolve(call, segment=segment, bridge=bridge))
    return None


def by_phone(world: World, leg: LegId, *, held: bool) -> None:
    """The agent's phone put the customer on hold, or took the customer back."""
    known = world.legs.get(leg)
    call = world.calls.get(known.call) if known is not None else None
    if call is None or call.segment is None or call.segment.leg != leg:
        return
    segment = changed(call.segment, world.now, on_hold=call.segment.on_hold, phone_holds=held)
    world.calls.put(call.id, evolve(call, segment=segment))


def part(world: World, call: Call, segment: Segment) -> tuple[Call, Segment]:
    """Caller and agent leave their bridge, for a hold or a consult, each to hear something else. A hold by request is over, and a
    supervisor who had barged in is disconnected. Returns the call and its segment."""
    for one in call.supervisions:
        if one.mode is SupervisionMode.BARGE:
            segments.release(world, call, one)
    segment = changed(segment, world.now, on_hold=False, phone_holds=segment.phone_holds) if segment.on_hold else segment
    others = tuple(one for one in call.supervisions if one.mode is not SupervisionMode.BARGE)
    call = evolve(call, supervisions=others, segment=segment)
    if call.bridge is not None:
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=(call.leg, segment.leg)))
    targets.unbridge(world, call.leg, segment.leg)
    return evolve(call, bridge=None), segment


def reconcile(world: World, call: Call, customer: Leg) -> None:
    """After a gap in the events the caller is on hold still: what was ordered may not have been done."""
    segment = call.segment
    assert segment is not None
    agents = world.legs.get(segment.leg)
    for bridge in dict.fromkeys(leg.bridge for leg in (customer, agents) if leg is not None and leg.bridge is not None):
        world.order(DropBridge(bridge=bridge, pbx=pbx_of(call.leg), legs=(call.leg, segment.leg)))
    targets.unbridge(world, call.leg, segment.leg)
    world.order(StartMusic(leg=call.leg, music=targets.music(world, segment.queue)))


def changed(segment: Segment, at: float, *, on_hold: bool, phone_holds: bool) -> Segment:
    """The segment with these holds in force from ``at`` on; see ``Segment``."""
    since, seconds = segment.held_since, segment.hold_seconds
    if (on_hold or phone_holds) and since is None:
        since = at
    elif not (on_hold or phone_holds):
        since, seconds = None, segment.held_until(at)
    return evolve(segment, held_since=since, hold_seconds=seconds, on_hold=on_hold, phone_holds=phone_holds)
