"""Conversations found in the PBX without a row: the saved world, or a part of it, was lost. They are adopted and continue.

A leg of ours together with a customer in a bridge of ours is a conversation; so is an agent's leg with the target of a
consult, whose customer hears music meanwhile. The roles follow from the arguments of every leg and bridge (``Ring``,
``Bridge``), from the leg's ID and from the channel's name. An adopted conversation is not offered and not answered again:
it has a segment and no visit. If its agent is unknown, it is left alone until one side hangs up; then the other one ends, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from callbridge.core.calls import callers, phone_transfers
from callbridge.core.entities import agent_phones, agent_states, attempts, callbacks, legs
from callbridge.core.model.agent import Agent, Device, Intent, Work
from callbridge.core.model.attempt import campaign_of
from callbridge.core.model.call import Call, OfferResult, Phase, Segment, Transfer, TransferKind, VisitOutcome
from callbridge.core.model.changes import AgentChanges
from callbridge.core.model.events import PbxSnapshot, SeenBridge, SeenLeg
from callbridge.core.model.facts import CallAdopted
from callbridge.core.model.ids import LegId, channel_of
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Subscribe
from callbridge.core.model.phones import phone_of
from callbridge.core.model.plan import ConnectMode, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.slices import Slices
from callbridge.core.model.world import World
from callbridge.core.recovery import phones, references
from callbridge.core.routing import answers

_STAFF = ("agent", "session")
_NOT_PARTIES = ("supervisor", "snoop")
"""Legs that take part in a conversation of others: disconnected, as after any gap in the events."""


def adopt(world: World, event: PbxSnapshot, adopted: list[str]) -> Slices:
    """Create calls for all conversations that were found. They are added to ``adopted``."""
    known = {call.bridge for call in world.calls.values()}
    yield len(world.calls)
    seen = {leg.leg: leg for leg in event.legs if _is_free(world, leg.leg)}
    yield len(event.legs)
    bridged = {leg for bridge in event.bridges for leg in bridge.legs}
    elsewhere = {leg: one for leg, one in seen.items() if leg not in bridged}
    yield len(event.legs)
    for bridge in event.bridges:
        yield 1
        inside = sorted((seen[leg] for leg in bridge.legs if leg in seen), key=lambda leg: (leg.created_at, leg.leg))
        customer = _customer(world, inside)
        apart = customer is None
        if customer is None:
            customer = _who_waits(world, inside, elsewhere)
        talkers = [leg for leg in inside if leg is not customer and leg.role not in _NOT_PARTIES]
        if len(talkers) < (2 if apart else 1):  # a supervisor has taken over
            talkers += [leg for leg in inside if leg.role == "supervisor"]
        if customer is None or not talkers or bridge.bridge in known or (apart and len(talkers) < 2):
            continue
        call = _enter(world, bridge, customer, talkers, apart=apart)
        adopted += [call] if call else []


def _is_free(world: World, leg: LegId) -> bool:
    known = world.legs.get(leg)
    return known is None or references.is_orphan(world, known)


def _customer(world: World, inside: list[SeenLeg]) -> SeenLeg | None:
    """The customer in a bridge: a leg that came by an entry or was dialled; else one that replaced it by a transfer, or a Local
    channel that leads to that one."""
    customers = [leg for leg in inside if _is_customer(world, leg)]
    if customers:
        return customers[0]
    replaced = [leg for leg in inside if _replaced_one(leg)]
    staffed = any(leg.role in (*_STAFF, "outside") for leg in inside)
    taken_over = len(replaced) == 1 and any(leg.role == "supervisor" for leg in inside)
    return replaced[0] if replaced and (staffed or taken_over) else None


def _is_customer(world: World, leg: SeenLeg) -> bool:
    if leg.role:
        return leg.role == "customer"
    at_agents_phone = world.agent_at(phone_of(world.plan, leg.leg, leg.name)) is not None
    return leg.entry is not None and not phone_transfers.pair_of(leg.name) and not at_agents_phone


def _who_waits(world: World, inside: Iterable[SeenLeg], elsewhere: dict[LegId, SeenLeg]) -> SeenLeg | None:
    """The customer on hold during a consult."""
    found = (elsewhere.get(leg.customer) for leg in inside if leg.customer is not None)
    return next((leg for leg in found if leg is not None and (_is_customer(world, leg) or _replaced_one(leg))), None)


def _replaced_one(leg: SeenLeg) -> bool:
    """Has a transfer put it here? Then it says nothing of an entry."""
    return not leg.role and leg.entry is None


def _enter(world: World, bridge: SeenBridge, customer: SeenLeg, talkers: list[SeenLeg], *, apart: bool) -> str:
    """``apart``: the customer is not in the bridge. Returns the call; empty when too little is known."""
    staffed = [(leg, agent) for leg in talkers if (agent := agent_of(world, leg)) is not None]
    if apart and not staffed:
        return ""
    rows = (world.legs.get(leg.leg) for leg in (*talkers, customer))
    ids = [bridge.call, *(leg.call for leg in talkers), *(row.call for row in rows if row is not None)]
    call = _call(world, bridge, customer, ids)
    began_at = world.now if bridge.created_at is None else bridge.created_at
    queue = world.plan.queue_named(bridge.queue) or _queue_of(world, call.entry)
    inside = None if apart else bridge.bridge
    _open(world, customer, LegRole.CUSTOMER, call, bridge=inside)
    if not staffed:
        far = talkers[0]
        _open(world, far, LegRole.OUTSIDE, call, bridge=bridge.bridge)
        world.calls.put(call.id, evolve(call, phase=Phase.OUTSIDE, far=far.leg))
    else:
        leg, agent = next((each for each in staffed if each[1].id == bridge.agent), staffed[0])
        open_agents_leg(world, leg, call, agent, bridge.bridge)
        segment = Segment(agent=agent.id, leg=leg.leg, queue=queue, began_at=began_at, estimated=True)
        target = next((other for other in talkers if other is not leg), None)
        transfer = _target(world, call, segment, target, bridge, began_at, apart=apart) if target is not None else None
        world.calls.put(call.id, evolve(call, segment=segment, transfer=transfer))
        _talk(world, agent, call, leg)
    call = world.calls[call.id]
    _emit(world, call, queue, began_at)
    _keep_accounts(world, world.calls[call.id])
    if customer.transferred:
        callers.identify(world, world.legs[customer.leg], "")
    return call.id


def _call(world: World, bridge: SeenBridge, customer: SeenLeg, ids: Iterable[str]) -> Call:
    """Under its old id where that is written anywhere: other systems know it by that one."""
    campaign = campaign_of(channel_of(customer.leg), world.plan.prefix)
    arrived_at = min(customer.created_at, world.now)
    return Call(
        id=next((known for known in ids if known and known not in world.calls), "") or world.mint("call"),
        leg=customer.leg,
        entry=world.plan.entry_named(customer.entry or "") or (f"campaign:{campaign}" if campaign else "unknown"),
        tier=customer.tier or world.plan.default_tier,
        number=customer.number,
        name=customer.caller_name,
        arrived_at=arrived_at,
        queued_at=arrived_at,
        campaign=campaign,
        phase=Phase.TALKING,
        segments=1,
        outcome=VisitOutcome.ANSWERED,
        bridge=bridge.bridge,
    )


def _keep_accounts(world: World, call: Call) -> None:
    """Customer and agent are talking: update the callback or attempt that this call was for."""
    for callback in world.callbacks.values():
        if callback.call == call.id:
            callbacks.emit_tried(world, call, callback, "answered")
            callbacks.end(world, callback, "kept", "")
    for attempt in world.attempts.values():
        if attempt.call == call.id:
            world.calls.put(call.id, evolve(call, campaign=attempt.campaign, attempt_id=attempt.id))
            attempts.found_talking(world, attempt, call)


def _queue_of(world: World, entry: str) -> str:
    destination = world.plan.destination_of(entry)
    return destination.queue if isinstance(destination, ToQueue) else ""


def _open(world: World, seen: SeenLeg, role: LegRole, call: Call, *, agent: str = "", bridge: str | None) -> None:
    leg = legs.open_leg(world, seen.leg, role, call=call.id, agent=agent)
    pair = phone_transfers.pair_of(seen.name)
    world.put_leg(leg, up_at=min(seen.created_at, world.now) if seen.up else None, bridge=bridge, pair=pair)
    world.order(Subscribe(leg=seen.leg))


def open_agents_leg(world: World, seen: SeenLeg, call: Call, agent: Agent, bridge: str) -> None:
    role = LegRole.SESSION if seen.role == "session" else LegRole.AGENT
    _open(world, seen, role, call, agent=agent.id, bridge=bridge)


def _target(
    world: World, call: Call, by: Segment, seen: SeenLeg, bridge: SeenBridge, began_at: float, *, apart: bool
) -> Transfer:
    """The third party: the target of a consult, or of a conference."""
    agent = agent_of(world, seen)
    role = LegRole.OUTSIDE if agent is None else LegRole.SESSION if seen.role == "session" else LegRole.AGENT
    _open(world, seen, role, call, agent=agent.id if agent is not None else "", bridge=bridge.bridge)
    if agent is not None:
        _talk(world, agent, call, seen)
    return Transfer(
        to=f"agent:{agent.id}" if agent is not None else f"phone:{phone_of(world.plan, seen.leg, seen.name)}",
        leg=seen.leg,
        agent=agent.id if agent is not None else "",
        by=by.agent,
        queue=by.queue,
        began_at=began_at,
        until=None,
        kind=TransferKind.CONSULT,
        reached=True,
        together=not apart,
        together_at=None if apart else began_at,
    )


# -- the agent --------------------------------------------------------------------------------------------------------


def agent_of(world: World, leg: SeenLeg) -> Agent | None:
    """The agent of this leg; none if that agent is busy with another call."""
    agent = named(world, leg)
    if agent is None:
        return None
    free = agent.work is Work.IDLE and agent.leg is None
    return agent if free or (agent.call and agent.call not in world.calls) else None


def named(world: World, leg: SeenLeg) -> Agent | None:
    """The agent of this leg, by its arguments or by the phone."""
    if leg.role not in (*_STAFF, "supervisor"):
        return None
    return world.agents.get(leg.agent) or world.agent_at(phone_of(world.plan, leg.leg, leg.name))


def _talk(world: World, agent: Agent, call: Call, leg: SeenLeg) -> None:
    changes: AgentChanges = {"call": call.id, "leg": leg.leg, "work": Work.TALKING, "misses": 0}
    changes |= at_work(world, agent, leg)
    if agent.work is Work.OFFERED:
        answers.emit_unheard(world, agent, call.id, OfferResult.ANSWERED)
    agent_states.change(world, agent, **changes)


def at_work(world: World, agent: Agent, leg: SeenLeg) -> AgentChanges:
    """The agent is in a conversation, so must have logged in: at the phone at which it is held."""
    seat = phones.seat(world, agent, leg)
    changes: AgentChanges = {"device": _device(world, evolve(agent, **seat)), **seat}
    if agent.intent is Intent.LOGGED_OUT:
        changes |= agent_states.READY
    if agent.connect is ConnectMode.NAILED_UP and leg.role == "session":
        if agent.session not in (None, leg.leg):
            legs.hang_up(world, agent.session)  # the one that was about to be made
        changes |= {"session": leg.leg, "session_up": True}
    return changes


def _device(world: World, agent: Agent) -> Device:
    """In use by this very conversation, so otherwise free; but a phone that has lost its registration meanwhile cannot be rung
    afterwards."""
    offline = agent.connect is not ConnectMode.NAILED_UP and agent_phones.device(world, agent) is Device.OFFLINE
    return Device.OFFLINE if offline else Device.AVAILABLE


def agents_by_phone(world: World, seen: Iterable[SeenLeg]) -> dict[str, Agent]:
    """Phones at which agents were rung, also for other agents: a call from one of them is not from a customer."""
    found = ((leg, world.agents.get(leg.agent)) for leg in seen if leg.role in _STAFF)
    return {phone: agent for leg, agent in found if agent is not None and (phone := phones.hot_desk_phone(world, agent, leg))}


def _emit(world: World, call: Call, queue: str, began_at: float) -> None:
    """With an agent it is the beginning of a segment."""
    seq = world.next_seq()
    if call.segment is not None:
        world.calls.put(call.id, evolve(call, segment=evolve(call.segment, id=seq)))
    world.emit(
        CallAdopted(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=call.segment.agent if call.segment is not None else "",
            queue=queue,
            leg=call.leg,
            entry=call.entry,
            tier=call.tier,
            number=call.number,
            name=call.name,
            arrived_at=call.arrived_at,
            began_at=began_at,
        )
    )
