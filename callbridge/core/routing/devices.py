"""The devices of one agent: all that can be reached ring at the same time, and the first to answer has the call.

    ring -- one answers ---------------> the others stop ringing, as answered elsewhere: no missed call, no penalty
         -- one rejects, or is dead ---> the others ring on; with the last one the offer (or the transfer) ends

The agent's ``leg`` and the offer (or the transfer) name one of the legs, ``also_ringing`` the others. When the named leg ends,
another one takes its place: so nothing else needs to know that there are several. A device is a phone, or one of several that
have registered at a phone's account: the PBX rings only one of these when the phone is dialled. Of an agent whose phone answers
by itself only one phone is called: the first that can be reached, which is where the agent logged in.
"""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.entities import agent_phones, agent_states, device_records, legs, phone_troubles
from callbridge.core.model.agent import DND, Agent, Device
from callbridge.core.model.call import Call, OfferResult, OfferStage, Phase
from callbridge.core.model.events import ContactsChanged
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import Ring
from callbridge.core.model.phones import is_of_pbx
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing.phone_replies import PhoneReply

ANSWERED_ELSEWHERE = "answered_elsewhere"
_UNREACHABLE = frozenset({OfferResult.OFFLINE, OfferResult.MISCONFIGURED})


def ring(world: World, agent: Agent, order: Ring) -> None:
    """Carry out ``order`` for each device that can be reached. The leg that it names is there, and is the agent's."""
    first, *others = reachable(world, agent, pbx_of(order.leg))
    order = replace(order, phone=first) if order.phone != first else order
    world.order(order)
    if not others:
        return
    world.put_leg(world.legs[order.leg], device=first)
    also: list[Leg] = []
    for device in others:
        leg = legs.open_leg(world, world.mint_leg(pbx_of(order.leg), "agent"), LegRole.AGENT, call=order.call, agent=agent.id)
        also.append(world.put_leg(leg, device=device))
        world.order(replace(order, leg=leg.id, phone=device))
    agent_states.change(world, world.agents[agent.id], also_ringing=tuple(leg.id for leg in also))


def reachable(world: World, agent: Agent, pbx: str) -> list[str]:
    """What to dial from this PBX: the phones that are not reported offline, or the first one."""
    there = [phone for phone in agent.phones if _state(world, phone) is not Device.OFFLINE] if agent.also else []
    there = there or [agent.phone]
    if agent.connect is ConnectMode.AUTO_ANSWER:
        return there[:1]
    return [device for phone in there for device in _registered(world, phone, pbx)] if world.contacts else there


def _registered(world: World, phone: str, pbx: str) -> list[str]:
    """What to dial for all devices that have registered at this phone's account: dialling the phone rings one of them only. Those
    of another PBX are rung there by its dialplan."""
    if not is_of_pbx(world.plan, pbx, phone):
        return [phone]
    return [f"{phone}/{contact}" for contact in world.contacts.get(phone) or ()] or [phone]


def contacts_changed(world: World, event: ContactsChanged) -> None:
    """The devices that have registered at this phone's account are these now."""
    device_records.forget(world, event.phone, event.contacts)
    if event.contacts:
        world.contacts.put(event.phone, event.contacts)
    else:
        world.contacts.drop(event.phone)


def _state(world: World, phone: str) -> Device:
    if not agent_phones.is_linked(world, phone):
        return Device.OFFLINE
    return agent_phones.device_of(world.phones.get(phone_troubles.device_of(world, phone)) or "")


def answered(world: World, call: Call, leg: Leg) -> Call:
    """One of the devices was picked up: the call is there, and the others stop ringing. Returns the call."""
    agent = world.agents.get(leg.agent)
    if agent is None or not _rings_here(call, agent, leg):
        return call
    others = tuple(one for one in (agent.leg, *agent.also_ringing) if one is not None and one != leg.id)
    for other in others:
        legs.hang_up(world, other, ANSWERED_ELSEWHERE)
    return _name(world, call, agent, (leg.id, *others))  # until they have stopped, the agent is offered nothing else


def drop_out(world: World, call: Call, leg: Leg, reply: PhoneReply) -> bool:
    """A device rings no longer, or never did. True: others still ring, so that this alone ends nothing."""
    agent = world.agents.get(leg.agent)
    if agent is None or not _rings_here(call, agent, leg):
        return False
    left = tuple(one for one in (agent.leg, *agent.also_ringing) if one is not None and one != leg.id and one in world.legs)
    if not left:
        return False
    if reply.result in _UNREACHABLE and not leg.rang:
        device_records.ignored(world, agent.id, leg.device, reply.trouble)
    elif reply.result is not OfferResult.CANCELLED:
        device_records.reacted(world, leg.device)
    if call.offer is not None and reply.result in (OfferResult.REJECTED, OfferResult.UNAVAILABLE):
        declined = OfferResult.REJECTED if OfferResult.REJECTED in (call.offer.declined, reply.result) else reply.result
        call = evolve(call, offer=evolve(call.offer, declined=declined))
    _name(world, call, agent, left)
    return True


def rang(world: World, call: Call) -> bool:
    """Has one of the devices of the call's offer reported ringing?"""
    agent = world.agents.get(call.offer.agent) if call.offer is not None else None
    also = agent.also_ringing if agent is not None and agent.call == call.id else ()
    there = [world.legs.get(leg) for leg in (call.offer.leg, *also)] if call.offer is not None else []
    return any(leg is not None and leg.rang for leg in there)


def verdict(call: Call, reply: PhoneReply) -> PhoneReply:
    """How the offer ended whose last device has given this reply: a person who has rejected it at another one was there."""
    declined = call.offer.declined if call.offer is not None else ""
    if declined == OfferResult.REJECTED:
        return PhoneReply(OfferResult.REJECTED)
    if declined == OfferResult.UNAVAILABLE and reply.result in _UNREACHABLE:
        return PhoneReply(OfferResult.UNAVAILABLE, DND)
    return reply


def stop(world: World, agent: Agent, reason: str) -> None:
    """The devices besides the one that the offer or the transfer names ring no longer."""
    for leg in agent.also_ringing:
        legs.hang_up(world, leg, reason)


def ended(world: World, agent: Agent, leg: Leg) -> Agent:
    """A leg to one of the devices is gone, after the call was offered or transferred elsewhere."""
    left = tuple(one for one in agent.also_ringing if one != leg.id)
    return agent_states.change(world, agent, also_ringing=left) if left != agent.also_ringing else agent


def _rings_here(call: Call, agent: Agent, leg: Leg) -> bool:
    """Is this leg one of several that ring for the call?"""
    if not agent.also_ringing or agent.call != call.id or leg.id not in (agent.leg, *agent.also_ringing):
        return False
    if call.offer is not None and call.offer.agent == agent.id:
        return call.phase is Phase.OFFERED and call.offer.stage is OfferStage.RINGING
    return call.transfer is not None and call.transfer.agent == agent.id and not call.transfer.reached


def _name(world: World, call: Call, agent: Agent, left: tuple[LegId, ...]) -> Call:
    """The first of these legs is that of the agent and of the offer (or the transfer)."""
    first = left[0]
    agent_states.change(world, agent, leg=first, also_ringing=left[1:])
    if call.offer is not None:
        call = evolve(call, offer=evolve(call.offer, leg=first))
    elif call.transfer is not None:
        offer = call.transfer.offer
        offer = evolve(offer, leg=first) if offer is not None else None
        call = evolve(call, transfer=evolve(call.transfer, leg=first, offer=offer))
    world.calls.put(call.id, call)
    return call
