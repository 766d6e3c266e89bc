"""The toy PBX as a stage: virtual time, no chance, and people who do only what the scenario says."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from callbridge.core.model.events import AnyEvent, DeviceChanged, DigitPressed, LegHeld, LegUnheld, PbxLost
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import HangUp, Order
from tests.sim import transfers
from tests.sim.agenda import Agenda
from tests.sim.lanes import Lanes, Weather
from tests.sim.parts import Channel, Code, Kind, Phone, Witness
from tests.sim.stage import PATIENCE, Stage
from tests.sim.toy import PBX, ToyPbx

START = 1_000_000.0
CAUSES = {404: 1, 480: 19, 486: 17, 503: 34, 603: 21}
"""What Asterisk makes of a phone's refusal."""
ENTRIES = ("sales", "support")
FEATURES = {"*11": "login", "*19": "state"}


class ToyStage(Stage, Witness):
    def __init__(self, phones: tuple[str, ...], offline: tuple[str, ...]) -> None:
        super().__init__()
        self.agenda = Agenda(START)
        rng = Random(1)
        self.toy = ToyPbx(self.agenda, rng, self._hear)
        self.toy.people = self
        self.toy.phones = {f"PJSIP/{name}": Phone(f"PJSIP/{name}", online=name not in offline) for name in phones}
        self.lanes = Lanes(self.agenda, rng, self.toy, Weather(), self._hear)
        self._minted = 0
        self._heard_at = START
        self._answers: LegId | None = None

    # -- the scenario's side

    def fresh_id(self) -> str:
        self._minted += 1
        return f"cb-{self._minted}"

    async def call_in(self, name: str, entry: str) -> LegId:
        leg = self.call(self.toy.new_id(), name)
        number = len(self.toy.customers)
        channel = Channel(
            id=leg,
            name=f"PJSIP/trunk-{number:08x}",
            kind=Kind.CUSTOMER,
            created_at=self.agenda.now,
            entry=entry,
            tier="standard",
        )
        self.toy.arrive(channel)
        self._run(lambda: any(getattr(event, "leg", "") == leg for event in self.told))
        return leg

    async def dial(self, name: str, phone: str, code: str) -> LegId:
        before = list(self.toy.codes)
        leg = self.call(self.toy.new_id(), name)
        feature = FEATURES[code[:3]]
        self.toy.codes[leg] = Code(f"PJSIP/{phone}", feature, code[3:], "")
        channel = Channel(
            id=leg,
            name=f"PJSIP/{phone}-{len(before):08x}",
            kind=Kind.FEATURE,
            created_at=self.agenda.now,
            phone=f"PJSIP/{phone}",
        )
        self.toy.arrive(channel)
        self._run(lambda: self.dialled(*before) is not None)
        return leg

    async def order(self, *orders: Order) -> None:
        self.lanes.put(list(orders))
        self._run(lambda: not any(self.lanes.outstanding(leg) for order in orders for leg in order.legs))
        self._let_pass(0.01)

    async def answer(self, leg: LegId) -> None:
        self.toy.answer(leg)

    async def refuse(self, leg: LegId, code: int) -> None:
        self.toy.end(leg, CAUSES[code], sip=code)

    async def hang_up(self, leg: LegId) -> None:
        self.toy.leave(leg)

    async def hold(self, leg: LegId) -> None:
        self.toy.say(LegHeld(at=0.0, leg=leg))

    async def unhold(self, leg: LegId) -> None:
        self.toy.say(LegUnheld(at=0.0, leg=leg))

    async def press(self, leg: LegId, digit: str) -> None:
        self.toy.say(DigitPressed(at=0.0, leg=leg, digit=digit))

    async def transfer(self, leg: LegId, to: str, *, stays: bool = False) -> None:
        agent = self.toy.channels[leg]
        near, far = transfers.halves(self.toy, to, serial=1, context="from-phones")
        self.call(near.id, "near half")
        self.call(far.id, "far half")
        transfers.blind(self.toy, agent, near, far, to, at_entry=to in ENTRIES)
        if not stays:
            self.agenda.after(0.1, lambda: self.toy.leave(leg))

    async def race(self, leg: LegId, order: Order, *, answer_first: bool) -> None:
        assert isinstance(order, HangUp)
        self._answers = leg if answer_first else None
        await self.order(order)

    async def lose_link(self) -> None:
        self._heard_at = self.agenda.now
        self.toy.go_deaf()
        self.lanes.freeze()
        self.told.append(PbxLost(at=self.agenda.now, pbx=PBX))

    async def regain_link(self) -> None:
        self.toy.reconnect()
        self.lanes.thaw()
        self.told.append(self.toy.snapshot(self.agenda.now, self._heard_at))
        self.toy.release_held()

    async def rest(self, seconds: float) -> None:
        self._let_pass(seconds)

    async def until_arrived(self, *before: LegId) -> LegId:
        self._run(lambda: self.arrival(*before) is not None)
        leg = self.arrival(*before)
        assert leg is not None, "nobody arrives"
        return leg

    async def until(self, leg: LegId | str, kind: type[AnyEvent], count: int = 1) -> AnyEvent:
        self._run(lambda: self.found(leg, kind, count) is not None)
        event = self.found(leg, kind, count)
        assert event is not None, f"no {kind.__name__} of {self.named(leg)}"
        return event

    def _hear(self, event: AnyEvent) -> None:
        """What ARI tells; phones' states are AMI's, and not of this stage."""
        if not isinstance(event, DeviceChanged):
            self.told.append(event)

    # -- the people's side

    def races(self, leg: LegId) -> bool:
        return leg == self._answers

    # -- time

    def _run(self, done: Callable[[], bool]) -> None:
        end = self.agenda.now + PATIENCE
        while not done() and (due := self.agenda.next_at()) is not None and due <= end:
            self.agenda.do_next()

    def _let_pass(self, seconds: float) -> None:
        end = self.agenda.now + seconds
        while (due := self.agenda.next_at()) is not None and due <= end:
            self.agenda.do_next()
        self.agenda.now = end
