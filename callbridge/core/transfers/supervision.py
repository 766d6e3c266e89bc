"""Supervision: listen, whisper to the agent, barge in, take over. It ends with the conversation at the latest.

Listening and whispering use a Snoop channel on the agent's leg, which a separate bridge connects to the supervisor's phone;
barging in is one more leg in the call's bridge. Every start and end is emitted as a fact.
"""

from __future__ import annotations

from callbridge.core.entities import agent_phones, agent_states, allowed_phones, legs, phone_troubles
from callbridge.core.model.agent import Intent, Work
from callbridge.core.model.call import Call, Move, Phase, Supervision, SupervisionMode, Transfer, TransferKind, after
from callbridge.core.model.facts import SupervisionStarted, TransferStarted
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import Bridge, DropBridge, Ring, Snoop
from callbridge.core.model.phones import pbx_of_phone
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import World
from callbridge.core.routing import displays, offers, segments
from callbridge.core.transfers import transfers

SUPERVISOR_RINGS_FOR = 20.0
"""Seconds for which a supervisor's phone rings."""


def refusal(world: World, call: Call, phone: str, by: str) -> Sentence | None:
    """Why this supervisor cannot join now; None when it is possible."""
    if call.phase is not Phase.TALKING or call.segment is None:
        return Sentence("no agent is talking to the caller")
    if pbx_of(call.leg) in world.down:
        return Sentence("PBX {pbx} cannot be reached", pbx=pbx_of(call.leg))
    if _of(call, by) is not None:
        return None
    if not phone:
        return Sentence("the phone is missing")
    if refused := allowed_phones.named_refusal(world, phone):
        return refused
    if not agent_phones.is_linked(world, phone):
        return Sentence("PBX {pbx} of phone {phone} cannot be reached", pbx=pbx_of_phone(world.plan, phone), phone=phone)
    if world.phones.get(phone_troubles.device_of(world, phone)) in agent_phones.OFFLINE_STATES:
        return Sentence("phone {phone} cannot be reached: it is not registered", phone=phone)
    holder = world.agent_at(phone)
    if holder is not None and holder.leg is not None:
        return Sentence("phone {phone} is in a call", phone=phone)
    return None


def join(world: World, call: Call, mode: SupervisionMode, phone: str, by: str) -> None:
    """Ring the supervisor's phone; a supervisor who is already connected changes the mode."""
    segment = call.segment
    assert segment is not None
    known = _of(call, by)
    if known is not None:
        if known.up:
            segments.release(world, call, known, keep_leg=True)
        known = evolve(known, mode=mode, snoop=None, bridge=None, began_at=world.now)
        call = _put(world, call, known)
        if known.up:
            _connect(world, call, known)
        return
    leg = world.mint_leg(pbx_of(call.leg), "supervisor")
    world.put_leg(legs.open_leg(world, leg, LegRole.SUPERVISOR, call=call.id), deadline=world.now + SUPERVISOR_RINGS_FOR)
    name = f"{mode} {segment.agent}"
    give_up = SUPERVISOR_RINGS_FOR + offers.SAFETY
    world.order(Ring(leg=leg, phone=phone, role="supervisor", agent="", give_up=give_up, call=call.id, name=name))
    one = Supervision(leg=leg, by=by, phone=phone, mode=mode, agent=segment.agent, began_at=world.now)
    _put(world, call, one)


def join_from(world: World, call: Call, mode: SupervisionMode, leg: Leg, phone: str, by: str) -> None:
    """The supervisor has dialled a feature code: this leg joins."""
    segment, known = call.segment, _of(call, by)
    assert segment is not None
    if known is not None:
        _end(world, call, known)
        call = world.calls[call.id]
    world.put_leg(leg, role=LegRole.SUPERVISOR, call=call.id, up_at=world.now)
    one = Supervision(leg=leg.id, by=by, phone=phone, mode=mode, agent=segment.agent, began_at=world.now, up=True)
    _connect(world, _put(world, call, one), one)


def leave(world: World, call: Call, by: str) -> Sentence | None:
    """The supervisor leaves. Returns why not; None when it is done."""
    one = _of(call, by)
    if one is None:
        return Sentence("{supervisor} is not supervising this call", supervisor=by or "nobody")
    _end(world, call, one)
    return None


def answered(world: World, call: Call, leg: Leg) -> None:
    """The supervisor picked up."""
    one = next((one for one in call.supervisions if one.leg == leg.id), None)
    if one is None or one.up:
        return
    world.put_leg(leg, deadline=None)
    one = evolve(one, up=True, began_at=world.now)
    _connect(world, _put(world, call, one), one)


def _connect(world: World, call: Call, one: Supervision) -> None:
    segment = call.segment
    assert segment is not None
    world.emit(
        SupervisionStarted(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=segment.agent,
            queue=segment.queue,
            by=one.by,
            mode=one.mode,
            phone=one.phone,
        )
    )
    match one.mode:
        case SupervisionMode.LISTEN | SupervisionMode.WHISPER:
            snoop = world.mint_leg(pbx_of(call.leg), "snoop")
            legs.open_leg(world, snoop, LegRole.SNOOP, call=call.id)
            world.order(Snoop(leg=snoop, of=segment.leg, whisper=one.mode is SupervisionMode.WHISPER, call=call.id))
            _put(world, call, evolve(one, snoop=snoop))
        case SupervisionMode.BARGE if call.bridge is not None:
            world.order(Bridge(bridge=call.bridge, legs=(one.leg,), call=call.id))
        case SupervisionMode.BARGE:
            _end(world, call, one)
        case SupervisionMode.TAKE_OVER:
            _take_over(world, call, one)


def entered(world: World, call: Call, snoop: LegId) -> None:
    """The Snoop channel is up: connect it to the supervisor's phone."""
    one = next((one for one in call.supervisions if one.snoop == snoop), None)
    if one is None or one.bridge is not None:
        return
    bridge = world.mint("ear")
    world.order(Bridge(bridge=bridge, legs=(one.leg, snoop), call=call.id))
    _put(world, call, evolve(one, bridge=bridge))


def leg_gone(world: World, call: Call, leg: Leg) -> None:
    """The supervisor hung up, or the Snoop channel has ended."""
    one = next((one for one in call.supervisions if leg.id in (one.leg, one.snoop)), None)
    if one is not None:
        _end(world, call, one)


def bridge_failed(world: World, call: Call, order: Bridge) -> bool:
    """Could a supervisor not be connected? That does not affect the conversation."""
    one = next((one for one in call.supervisions if one.bridge == order.bridge or one.leg in order.legs), None)
    if one is not None:
        _end(world, call, one)
    return one is not None


def _take_over(world: World, call: Call, one: Supervision) -> None:
    """The supervisor's leg replaces the agent's: with a segment if it is an agent's phone, else as an outside party."""
    segment = call.segment
    assert segment is not None
    call = transfers.cancel(world, _without(call, one))
    old = world.legs.get(segment.leg)
    call = segments.end_segment(world, call, "taken_over", world.now, keep_bridge=True)
    if old is not None and old.role is LegRole.SESSION and call.bridge is not None:
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=(call.leg, segment.leg)))
        world.put_leg(world.legs[call.leg], bridge=None)
        call = evolve(call, bridge=None)
    agent = world.agent_at(one.phone)
    if agent is not None and (agent.intent is Intent.LOGGED_OUT or agent.work is not Work.IDLE or agent.leg is not None):
        agent = None
    role = LegRole.AGENT if agent is not None else LegRole.OUTSIDE
    world.put_leg(world.legs[one.leg], role=role, agent=agent.id if agent is not None else "")
    if agent is not None:
        agent_states.change(world, agent, work=Work.OFFERED, call=call.id, leg=one.leg)
    bridge, name = call.bridge or world.mint("bridge"), agent.id if agent is not None else ""
    world.order(Bridge(bridge=bridge, legs=(call.leg, one.leg), call=call.id, queue=segment.queue, agent=name))
    displays.show(world, call, one.leg, segment.queue)
    to, kind, seq = f"agent:{agent.id}" if agent is not None else f"phone:{one.phone}", TransferKind.BLIND, world.next_seq()
    by, queue = segment.agent, segment.queue
    world.emit(TransferStarted(seq=seq, at=world.now, call=call.id, agent=by, queue=queue, to=to, kind=kind, leg=one.leg))
    transfer = Transfer(
        to=to,
        leg=one.leg,
        agent=agent.id if agent is not None else "",
        by=by,
        queue=queue,
        began_at=world.now,
        until=world.now + offers.JOIN_CHECK,
        kind=kind,
        reached=True,
        id=seq,
    )
    call = evolve(call, bridge=bridge, transfer=transfer, transferred_by=segment.agent, transferred_from=segment.queue)
    world.calls.put(call.id, evolve(call, phase=after(call.phase, Move.TRANSFER), deadline=transfer.until))
    transfers.joined(world, world.calls[call.id])  # a supervisor who had barged in is already in the bridge


def _of(call: Call, by: str) -> Supervision | None:
    return next((one for one in call.supervisions if one.by == by), None)


def _without(call: Call, one: Supervision) -> Call:
    return evolve(call, supervisions=tuple(other for other in call.supervisions if other.leg != one.leg))


def _put(world: World, call: Call, one: Supervision) -> Call:
    call = _without(call, one)
    call = evolve(call, supervisions=(*call.supervisions, one))
    world.calls.put(call.id, call)
    return call


def _end(world: World, call: Call, one: Supervision) -> None:
    segments.release(world, call, one)
    world.calls.put(call.id, _without(call, one))
