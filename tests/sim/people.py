"""What customers, agents and far parties do with their phones: by chance, all of it from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random

from callbridge.core.model.events import AgentRequest, DigitPressed, LegHeld, LegReplaced, LegUnheld
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Ring
from callbridge.core.model.plan import AgentPlan
from callbridge.core.routing.lost_phones import NO_RTP, NO_SIP
from tests.sim import transfers
from tests.sim.agenda import Action, Agenda
from tests.sim.parts import Channel, Code, Kind, Witness
from tests.sim.toy import ToyPbx

GIVEN_UP = 9.0
"""Seconds after which the PBX gives up a caller who does not acknowledge the answer: 32 in real life."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How likely people are to do what hurts."""

    rude: float = 0.06
    """A customer, or the agent, hangs up in the moment of the agent's answer."""
    race: float = 0.3
    """A phone answers in the moment in which it is cancelled."""
    dies: float = 0.03
    """A phone loses its power: Asterisk ends the leg for want of RTP."""
    transfer: float = 0.22
    hold: float = 0.2
    patience: float = 14.0
    talk: float = 5.0
    calm: bool = False
    """Customers wait until they are served, and phones that ring are answered."""


class People(Witness):
    def __init__(self, toy: ToyPbx, agenda: Agenda, rng: Random, manners: Manners, entries: list[str]) -> None:
        self.toy = toy
        self.agenda = agenda
        self.rng = rng
        self.manners = manners
        self.entries = entries
        self._in_talk: set[str] = set()
        self._keys: dict[LegId, str] = {}
        """What somebody who dialled a feature code will type after the next prompt."""

    # -- customers ------------------------------------------------------------------------------------------------

    def call_in(self, entry: str, tier: str) -> None:
        leg = self.toy.new_id()
        channel = Channel(
            id=leg,
            name=f"PJSIP/trunk-{len(self.toy.customers):08x}",
            kind=Kind.CUSTOMER,
            created_at=self.agenda.now,
            up=self.rng.random() < 0.2,
            entry=entry,
            tier=tier,
        )
        if self.toy.silent and self.rng.random() < self.toy.silent:
            channel.silent = True
            self.agenda.after(GIVEN_UP, lambda: self._give_up(channel))
        self.toy.arrive(channel)
        short = self.rng.random() < 0.1
        patience = self.rng.uniform(0.0, 0.3) if short else self.rng.expovariate(1 / self.manners.patience)
        if self.manners.calm:
            return
        self.agenda.after(patience, lambda: self._lose_patience(leg))

    def _give_up(self, channel: Channel) -> None:
        """Asterisk has repeated its 200 for long enough, and nobody has acknowledged it."""
        if not self._with_company(channel):
            self.toy.end(channel.id, NO_SIP)

    def call_from_the_desk(self, entry: str, tier: str) -> None:
        """A receptionist calls an entry, and gives us a customer who is on another line."""
        desk = Channel(
            id=self.toy.new_id(),
            name=f"PJSIP/reception-{len(self.toy.customers):08x}",
            kind=Kind.CUSTOMER,
            created_at=self.agenda.now,
            entry=entry,
            tier="standard",
        )
        self.toy.arrive(desk)
        self.agenda.after(self.rng.uniform(0.0, 9.0), lambda: self._give(desk, tier))

    def _give(self, desk: Channel, tier: str) -> None:
        """In a conversation a Local channel leads to the customer, and says nothing of an entry."""
        if desk.id not in self.toy.channels or not desk.in_app or not self.toy.app_up:
            self.toy.leave(desk.id)
            return
        talks = desk.bridge is not None
        leg = self.toy.new_id()
        customer = Channel(
            id=leg,
            name=f"Local/_attended@transfer-{leg[-6:]};2" if talks else f"PJSIP/trunk-{len(self.toy.customers):08x}",
            kind=Kind.CUSTOMER,
            created_at=self.agenda.now,
            up=True,
            entry="" if talks else desk.entry,
            tier=tier,
            number=f"+4930{len(self.toy.customers):06d}",
            given=True,
        )
        transfers.give(self.toy, desk, customer)
        self.agenda.after(self.rng.expovariate(1 / self.manners.patience), lambda: self._lose_patience(leg))

    def _lose_patience(self, leg: LegId) -> None:
        channel = self.toy.channels.get(leg)
        if channel is not None and not self._with_company(channel):
            self.toy.leave(leg)

    def _with_company(self, channel: Channel) -> bool:
        return channel.bridge is not None and len(self.toy.bridges[channel.bridge]) > 1

    # -- agents' phones -------------------------------------------------------------------------------------------

    def rings(self, leg: LegId, order: Ring) -> None:
        others = [channel for channel in self.toy.on_phone(order.phone) if channel.id != leg]
        chance = self.rng.random()
        if others:
            self._reject(leg, 17, 0.05)
        elif self.manners.calm:
            self._answer(leg, self.rng.uniform(0.1, 2.0))
        elif order.role == "session":
            self._answer(leg, self.rng.uniform(0.2, 2.0)) if chance < 0.9 else self._reject(leg, 21, 1.0)
        elif order.auto_answer:
            self._answer(leg, self.rng.uniform(0.05, 0.2)) if chance < 0.95 else self._reject(leg, 17, 0.05)
        elif order.role in ("outside", "customer") and chance > 0.5:
            self._reject(leg, 17, 1.0) if chance > 0.8 else None
        elif chance < 0.7:
            self._answer(leg, self.rng.uniform(0.1, 3.0))
        elif chance < 0.8:
            self._answer(leg, order.give_up - 5.0 + self.rng.uniform(-0.05, 0.2))
        elif chance < 0.9:
            self._reject(leg, self.rng.choice([17, 21]), self.rng.uniform(0.1, 2.0))

    def _answer(self, leg: LegId, after: float) -> None:
        self.agenda.after(after, lambda: self.toy.answer(leg))

    def _reject(self, leg: LegId, cause: int, after: float) -> None:
        def reject() -> None:
            channel = self.toy.channels.get(leg)
            if channel is not None and not channel.up:
                self.toy.end(leg, cause)

        self.agenda.after(after, reject)

    def answered(self, leg: LegId) -> None:
        channel = self.toy.channels[leg]
        if channel.kind is Kind.CUSTOMER and not self.manners.calm:
            self.agenda.after(self.rng.expovariate(1 / self.manners.patience), lambda: self._lose_patience(leg))
        if channel.caller is not None and self.rng.random() < self.manners.rude:
            caller = channel.caller
            self.agenda.after(self.rng.choice([0.0, 0.01, 0.05]), lambda: self.toy.leave(caller))
        elif channel.kind is Kind.AGENT and self.rng.random() < self.manners.rude:
            self._bye(channel, self.rng.choice([0.0, 0.03, 0.1]))

    def races(self, leg: LegId) -> bool:
        channel = self.toy.channels[leg]
        return channel.kind is Kind.AGENT and self.rng.random() < self.manners.race

    # -- talking --------------------------------------------------------------------------------------------------

    def together(self, bridge: str) -> None:
        """Two parties are in a bridge: they talk, and one of them ends it in one way or another."""
        channels = [self.toy.channels[leg] for leg in self.toy.bridges[bridge]]
        customer = next((channel for channel in channels if channel.kind is Kind.CUSTOMER), None)
        agent = next((channel for channel in channels if channel.kind in (Kind.AGENT, Kind.SESSION, Kind.OUTSIDE)), None)
        if customer is None and len(channels) > 1 and bridge not in self._in_talk:
            self._in_talk.add(bridge)
            self._bye(self.rng.choice(channels), self.rng.uniform(0.5, 8.0))
        if customer is None or agent is None or bridge in self._in_talk:
            return
        self._in_talk.add(bridge)
        customer.talked = True
        lasts = self.rng.choice([0.0, self.rng.uniform(0.0, 1.0), self.rng.uniform(0.0, 2 * self.manners.talk)])
        if self.manners.calm:
            lasts = self.rng.uniform(1.0, 2.0) * self.manners.talk
        if self.rng.random() < self.manners.hold:
            self._hold(agent.id, lasts)
        ending = self._ending(customer, agent, bridge)
        self.agenda.after(lasts, ending)

    def _hold(self, leg: LegId, lasts: float) -> None:
        self.agenda.after(lasts * 0.3, lambda: self.toy.say(LegHeld(at=0.0, leg=leg)))
        if self.rng.random() < 0.7:
            self.agenda.after(lasts * 0.6, lambda: self.toy.say(LegUnheld(at=0.0, leg=leg)))

    def _ending(self, customer: Channel, agent: Channel, bridge: str) -> Action:
        chance = self.rng.random()
        if chance < self.manners.transfer and agent.kind is Kind.AGENT:
            attended, inside = self.rng.random() < 0.35, self.rng.random() < 0.6
            entry = self.rng.choice(self.entries) if inside else ""
            return lambda: self._transfer(agent, bridge, entry, attended=attended)
        by_customer = chance < 0.65 if agent.kind is Kind.AGENT else chance < 0.85
        first = customer if by_customer else agent
        if chance > 1 - self.manners.dies or 0 < 0.65 - chance < self.manners.dies:
            return lambda: self.toy.end(first.id, NO_RTP)
        return lambda: self.toy.leave(first.id)

    # -- transfers ------------------------------------------------------------------------------------------------

    def _transfer(self, agent: Channel, bridge: str, entry: str, *, attended: bool) -> None:
        if agent.id not in self.toy.channels or agent.bridge != bridge or not self._with_company(agent):
            return
        if attended and entry:
            self._consult(agent, bridge, entry)
        else:
            self._complete_transfer(agent, bridge, entry, attended=attended)

    def _consult(self, agent: Channel, bridge: str, entry: str) -> None:
        """The agent's phone calls one of our entries on its second line; then joins the two, or thinks better of it."""
        consult = Channel(
            id=self.toy.new_id(),
            name=f"{agent.phone}-{self.rng.randrange(1 << 32):08x}",
            kind=Kind.CONSULT,
            created_at=self.agenda.now,
            phone=agent.phone,
            entry=entry,
        )
        self.toy.arrive(consult)

        def go_on() -> None:
            if consult.id not in self.toy.channels:
                return
            there = agent.id in self.toy.channels and agent.bridge == bridge and self._with_company(agent)
            if there and self.rng.random() < 0.8:
                self._complete_transfer(agent, bridge, entry, attended=True, consult=consult)
            else:
                self.toy.end(consult.id)
                self._bye(agent, 0.3)

        self.agenda.after(self.rng.uniform(0.3, 1.5), go_on)

    def _complete_transfer(
        self, agent: Channel, bridge: str, entry: str, *, attended: bool, consult: Channel | None = None
    ) -> None:
        """A Local channel takes the agent's place; its other half goes where the agent wants it."""
        at_once = consult is not None
        near, far = transfers.halves(
            self.toy,
            entry or "8005",
            serial=self.rng.randrange(1 << 32),
            context="agents",
            up=at_once,
            entry="" if at_once else entry,
        )
        customer = next(leg for leg in self.toy.bridges[bridge] if leg != agent.id)
        to_us = self.toy.app_up and bool(entry)
        far.in_app = to_us
        self.toy.open(near)
        first = self.rng.random() < 0.5
        if to_us and first:
            self._far_end(far, consult)
        transfers.take_the_place(self.toy, agent, near, entry or "8005", attended=attended)
        if not to_us:
            self.toy.open(far)
            first_to_go = far.id if self.rng.random() < 0.5 else customer
            self.agenda.after(self.rng.uniform(0.2, 8.0), lambda: self.toy.end(first_to_go))
        elif not first:
            self.agenda.after(self.rng.uniform(0.0, 0.1), lambda: self._far_end(far, consult))
        if self.rng.random() < 0.85:
            self._bye(agent, self.rng.uniform(0.0, 1.5))

    def _far_end(self, far: Channel, consult: Channel | None) -> None:
        if far.other not in self.toy.channels:
            return
        if consult is None:
            self.toy.arrive(far)
            return
        self.toy.open(far)
        if consult.id in self.toy.channels:
            self.toy.say(LegReplaced(at=0.0, leg=consult.id, by=far.id, by_name=far.name))
            self._bye(consult, 0.1)

    def _bye(self, channel: Channel, after: float) -> None:
        self.agenda.after(after, lambda: self.toy.leave(channel.id))

    # -- the rest of the office -----------------------------------------------------------------------------------

    def private_call(self, phone: str, lasts: float) -> None:
        """The agent uses the phone for something that is none of our business."""
        if not self.toy.phones[phone].online or self.toy.on_phone(phone):
            return
        channel = Channel(
            id=self.toy.new_id(),
            name=self.toy.channel_name(phone, self.rng.randrange(1 << 32)),
            kind=Kind.PRIVATE,
            created_at=self.agenda.now,
            phone=phone,
            up=True,
            in_app=False,
        )
        self.toy.open(channel)
        self._bye(channel, lasts)

    def dial_code(self, phone: str, agents: list[AgentPlan]) -> None:
        """Somebody dials a feature code, at the own phone or at another's, and knows the PIN that is needed or not."""
        mine = self.toy.on_phone(phone)
        if not self.toy.phones[phone].online or not all(channel.up for channel in mine):
            return
        leg, rng = self.toy.new_id(), self.rng
        feature = str(rng.choice([*AgentRequest, AgentRequest.LOGIN, AgentRequest.LOGIN, "state", "nonsense"]))
        someone = rng.choice(agents)
        argument = ""
        if feature == AgentRequest.LOGIN:
            argument = rng.choice(["", someone.id])
        elif feature == AgentRequest.NOT_READY:
            argument = rng.choice(["", "1", "9"])
        owner = someone if argument == someone.id else next((each for each in agents if phone in each.phones), someone)
        honest = rng.random() < 0.6
        self._keys[leg] = rng.choice([owner.pin, owner.pin + "#"]) if honest else rng.choice(["", "0", "12#", "#"])
        knows = owner.id if (honest and owner.pin) or (not owner.pin and phone in owner.phones) else ""
        self.toy.codes[leg] = Code(phone, feature, argument, knows)
        channel = Channel(
            id=leg,
            name=f"{phone}-{rng.randrange(1 << 32):08x}",
            kind=Kind.FEATURE,
            created_at=self.agenda.now,
            phone=phone,
            up=rng.random() < 0.1,
        )
        self.toy.arrive(channel)
        if rng.random() < 0.2:
            self._bye(channel, rng.uniform(0.0, 3.0))

    def spoken_to(self, leg: LegId) -> None:
        """Type, in the middle of the prompt or after it; key by key."""
        wait = self.rng.uniform(0.05, 1.0)
        for key in self._keys.get(leg, ""):
            self.agenda.after(wait, partial(self._press, leg, key))
            wait += self.rng.uniform(0.05, 0.4)

    def _press(self, leg: LegId, key: str) -> None:
        if leg in self.toy.channels and leg in self._keys:
            self.toy.say(DigitPressed(at=0.0, leg=leg, digit=key))

    def unplug(self, phone: str, lasts: float) -> None:
        """The phone loses its registration for a while; a call in progress goes on."""
        self.toy.phones[phone].online = False
        self.toy.device_moved(phone)

        def back() -> None:
            self.toy.phones[phone].online = True
            self.toy.device_moved(phone)

        self.agenda.after(lasts, back)

    def all_leave(self) -> None:
        """The day is over: every customer who is still there hangs up, and nobody presses a key any more."""
        self._keys.clear()
        for channel in list(self.toy.channels.values()):
            if channel.kind in (Kind.CUSTOMER, Kind.CONSULT):
                self.toy.leave(channel.id)
