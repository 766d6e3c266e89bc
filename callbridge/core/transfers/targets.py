"""The target of a transfer: who can be one, how it is reached, and how it is released."""

from __future__ import annotations

from typing import assert_never

from callbridge.core.entities import agent_states, legs
from callbridge.core.model.agent import Agent, Device, Intent, Work
from callbridge.core.model.call import Call, Transfer, TransferKind
from callbridge.core.model.facts import TransferStarted
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import DropBridge, Play, Ring
from callbridge.core.model.plan import ConnectMode, Target, ToAgent, ToNumber, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import devices, displays, offers
from callbridge.core.transfers import conferences

TARGET_RINGS_FOR = 20.0
"""Seconds for which a target rings if the queue has been removed."""


def target_text(to: Target | None) -> str:
    """A target as people write it: ``queue:sales``, ``agent:1001``, ``number:4420...``."""
    match to:
        case ToQueue(queue):
            return f"queue:{queue}"
        case ToAgent(agent):
            return f"agent:{agent}"
        case ToNumber(number):
            return f"number:{number}"
        case None:
            return ""
        case _:
            assert_never(to)


def can_take(agent: Agent) -> bool:
    """Can the agent take a transferred call? Also while not ready."""
    free = agent.intent is not Intent.LOGGED_OUT and agent.work is Work.IDLE and agent.leg is None
    free = free and not agent.trouble_until and not agent.dnd
    return free and agent.device is Device.AVAILABLE and (agent.connect is not ConnectMode.NAILED_UP or agent.session_up)


def reach(world: World, call: Call, to: ToAgent | ToNumber, *, by: str, queue: str, kind: TransferKind) -> Transfer:
    """Ring (or beep) the target."""
    plan = world.plan.queues.get(queue)
    ring_for = plan.ring_for if plan is not None else TARGET_RINGS_FOR
    playback, patience, rings = "", ring_for, None
    if isinstance(to, ToNumber):
        agent = None
        leg = world.mint_leg(pbx_of(call.leg), "outside")
        legs.open_leg(world, leg, LegRole.OUTSIDE, call=call.id)
        phone = world.plan.outside.replace("{number}", to.number)
        world.order(_ring(world, call, leg, phone, None, queue, ring_for))
    else:
        agent = world.agents[to.agent]
        if agent.connect is ConnectMode.NAILED_UP and agent.session is not None:
            leg, playback, patience = agent.session, world.mint("beep"), offers.BEEP_CHECK
            world.put_leg(world.legs[leg], call=call.id)
            world.order(Play(leg=leg, playback=playback, media=world.plan.beep))
        else:
            leg = world.mint_leg(pbx_of(call.leg), "agent")
            legs.open_leg(world, leg, LegRole.AGENT, call=call.id, agent=agent.id)
            rings = _ring(world, call, leg, agent.phone, agent, queue, ring_for)
        agent = agent_states.change(world, agent, work=Work.OFFERED, call=call.id, leg=leg)
        if rings is not None:
            devices.ring(world, agent, rings)
    text = target_text(to)
    seq = world.next_seq()
    world.emit(TransferStarted(seq=seq, at=world.now, call=call.id, agent=by, queue=queue, to=text, kind=kind, leg=leg))
    return Transfer(
        to=text,
        leg=leg,
        agent=agent.id if agent is not None else "",
        by=by,
        queue=queue,
        began_at=world.now,
        until=world.now + patience,
        kind=kind,
        playback=playback,
        id=seq,
    )


def _ring(world: World, call: Call, leg: LegId, phone: str, agent: Agent | None, queue: str, ring_for: float) -> Ring:
    return Ring(
        leg=leg,
        phone=phone,
        role="outside" if agent is None else "agent",
        agent="" if agent is None else agent.id,
        give_up=ring_for + offers.SAFETY,
        call=call.id,
        originator=call.leg,
        number=call.number,
        name=displays.shown(world, call, queue),
        auto_answer=agent is not None and agent.connect is ConnectMode.AUTO_ANSWER,
        headers=offers.asking_to_answer(world, agent) if agent is not None else (),
    )


def free(world: World, call: Call) -> Call:
    """Release the target; returns the call without it."""
    transfer = call.transfer
    assert transfer is not None
    leg = world.legs.get(transfer.leg)
    if leg is not None and leg.role is LegRole.SESSION:
        if transfer.reached and call.bridge is not None:
            inside = (call.leg, leg.id, *((call.segment.leg,) if call.segment is not None else ()))
            world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=inside))
            unbridge(world, *inside)
            call = evolve(call, bridge=None)
        leg = world.put_leg(world.legs[leg.id], call="", bridge=None)
    else:
        legs.hang_up(world, transfer.leg)
    agent = world.agents.get(transfer.agent)
    if agent is not None and agent.call == call.id:
        devices.stop(world, agent, "normal")
        answered_consult = bool(transfer.consulted) and transfer.offer is None
        if agent.work is Work.TALKING and (transfer.together or answered_consult):
            agent = conferences.release(world, agent, call, transfer)
        else:
            since = agent.idle_since if transfer.offer is not None else world.now
            agent = agent_states.change(world, agent, work=Work.IDLE, call="", idle_since=since)
        if leg is None or leg.role is LegRole.SESSION:
            agent_states.leg_gone(world, agent)
    return evolve(call, transfer=None)


def unbridge(world: World, *keys: LegId | None) -> None:
    for key in keys:
        leg = world.legs.get(key)
        if leg is not None:
            world.put_leg(leg, bridge=None)


def music(world: World, queue: str) -> str:
    plan = world.plan.queues.get(queue)
    return plan.music if plan is not None else "default"
