"""What Asterisk makes of a phone's REFER: a Local channel in the agent's place, its other half where it was sent.

The order of what is told is that of Asterisk 22. Whether somebody transfers, and where to, is decided by others.
"""

from __future__ import annotations

from callbridge.core.model.events import LegAnswered, LegReplaced, LegTransferred, LegUnheld
from tests.sim.parts import Channel, Kind
from tests.sim.toy import ToyPbx


def halves(toy: ToyPbx, to: str, *, serial: int, context: str, up: bool = False, entry: str = "") -> tuple[Channel, Channel]:
    """The two halves of ``Local/<to>``, not yet in the world."""
    one, two = toy.new_id(), toy.new_id()
    name = f"Local/{to}@{context}-{serial:08x}"
    now = toy.agenda.now
    near = Channel(id=one, name=f"{name};1", kind=Kind.NEAR_HALF, created_at=now, up=True, other=two)
    far = Channel(id=two, name=f"{name};2", kind=Kind.FAR_HALF, created_at=now, up=up, other=one, entry=entry, tier="standard")
    return near, far


def take_the_place(toy: ToyPbx, agent: Channel, near: Channel, target: str, *, attended: bool) -> None:
    """The near half replaces the agent in the bridge and inherits our subscription: of the agent's leg no
    ChannelDestroyed will be heard unless we subscribe again. Asterisk takes the phone off hold first."""
    toy.say(LegUnheld(at=0.0, leg=agent.id))
    toy.say(LegReplaced(at=0.0, leg=agent.id, by=near.id, by_name=near.name))
    toy.swap(agent, near)
    agent.handed_on, agent.told, near.told = True, False, True
    toy.say(LegTransferred(at=0.0, leg=agent.id, target=target, attended=attended, worked=True))


def give(toy: ToyPbx, desk: Channel, customer: Channel) -> None:
    """A receptionist completes an attended transfer: the customer takes the place of the desk's call, whose channel ends."""
    told = LegTransferred(at=0.0, leg=desk.id, target="reception", attended=True, worked=True)
    talks = desk.bridge is not None
    if not talks:
        toy.say(told)
    toy.open(customer)
    toy.customers.add(customer.id)
    customer.talked, toy.given[desk.id] = desk.talked, customer.id
    for ringing in [one for one in toy.channels.values() if one.caller == desk.id]:
        ringing.caller, ringing.named = customer.id, ringing.named or desk.id
    toy.say(LegReplaced(at=0.0, leg=desk.id, by=customer.id, by_name=customer.name, phone="PJSIP/reception"))
    if talks:
        toy.swap(desk, customer)
        toy.say(told)
    toy.end(desk.id, 16)


def blind(toy: ToyPbx, agent: Channel, near: Channel, far: Channel, to: str, *, at_entry: bool) -> None:
    """One whole blind transfer without any chance."""
    far.in_app = at_entry
    far.entry = to if at_entry else ""
    toy.open(near)
    take_the_place(toy, agent, near, f"{to}@from-phones", attended=False)
    if at_entry:
        toy.arrive(far)
    else:
        toy.open(far)
        toy.agenda.after(0.01, lambda: toy.say(LegAnswered(at=0.0, leg=near.id)))
