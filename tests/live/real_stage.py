"""The real PBX as a stage: the ARI adapter and the runtime's own lanes, softphones in the hands of the scenario.

Rule of this file: nothing of the core runs here. The house (PBX and softphones) outlives the stages that are played in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from callbridge.adapters.ari.link import Ari, AriSettings
from callbridge.adapters.pbx_link import NotSent, OrderRefused, OrderTrouble
from callbridge.core.model.events import (
    AnyEvent,
    CallerArrived,
    FeatureDialled,
    OrderFailed,
    PbxHeard,
    PbxSnapshot,
    Why,
)
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Bridge, DropBridge, Order, Ring
from callbridge.runtime.lanes import Lanes
from tests.lab.audio import Softphone
from tests.lab.pbx import Pbx, PhoneSpec
from tests.sim.conformance import OFFLINE, PHONES
from tests.sim.stage import PATIENCE, Stage, about, phone_of
from tests.sim.toy import PBX

T = TypeVar("T")
_serial = itertools.count(1)
SAME_MOMENT = 0.05
"""Seconds for which Asterisk stands still, so that what came meanwhile is found all at once."""

HEAD_START = 0.0095
"""Seconds by which an answer is ahead of the order in a race: in the lab it then wins about two times in three."""


@dataclass(frozen=True, slots=True)
class House:
    pbx: Pbx
    trunk: Softphone
    phones: dict[str, Softphone]
    earlier: set[str] = field(default_factory=set)
    """Legs of the scenarios before, of which a busy PBX may report the last events only now."""


@contextlib.asynccontextmanager
async def house(version: int) -> AsyncIterator[House]:
    specs = [PhoneSpec(name=name, contact="none" if name in OFFLINE else "static") for name in PHONES]
    async with contextlib.AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(Pbx(version, phones=specs))
        trunk = await stack.enter_async_context(Softphone(pbx, "4930100", trunk=True))
        phones = {
            name: await stack.enter_async_context(Softphone(pbx, name, answers=False)) for name in PHONES if name not in OFFLINE
        }
        yield House(pbx, trunk, phones)


@dataclass(slots=True)
class _Line:
    """A call at a softphone: its number is known once its INVITE has come."""

    phone: Softphone
    seen: int = 0
    number: int | None = None

    async def call(self) -> int:
        if self.number is None:
            self.number = int((await self.phone.until("incoming", after=self.seen))["call"])
        return self.number


class RealStage(Stage):
    def __init__(self, house: House) -> None:
        super().__init__()
        self.house = house
        self._news = asyncio.Event()
        self._lines: dict[LegId, _Line] = {}
        self._bridges: set[str] = set()
        self._under_way: dict[int, asyncio.Event] = {}
        self._lanes = Lanes(self._perform, self._failed)
        pbx = house.pbx
        settings = AriSettings(name=PBX, url=pbx.ari_url, user=pbx.ari_user, password=pbx.ari_password)
        self._ari = Ari(settings, post=self._tell, now=time.time, on_replaced=self._replaced)
        self._link: asyncio.Task[None] | None = None

    async def __aenter__(self) -> RealStage:
        await self.regain_link()
        self.told.clear()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave an empty house: everybody is hung up, no bridge stays."""
        try:
            await self.house.pbx.hang_up_all()
            await self.house.pbx.quiet()
            for bridge in self._bridges:
                await self._ari.perform(DropBridge(bridge=bridge, pbx=PBX))
        finally:
            await self._cut()
            self.house.earlier.update(filter(None, map(about, self.told)))

    # -- the scenario's side

    def fresh_id(self) -> str:
        return f"cb-{next(_serial)}"

    async def call_in(self, name: str, entry: str) -> LegId:
        trunk, before = self.house.trunk, [event.leg for event in self.told if isinstance(event, CallerArrived)]
        number = await trunk.call(entry)
        leg = self.call(await self.until_arrived(*before), name)
        self._lines[leg] = _Line(trunk, number=number)
        return leg

    async def dial(self, name: str, phone: str, code: str) -> LegId:
        desk, before = self.house.phones[phone], [event.leg for event in self.told if isinstance(event, FeatureDialled)]
        number = await desk.call(code)
        leg = self.call(await self._first(lambda: self.dialled(*before), "nobody dials"), name)
        self._lines[leg] = _Line(desk, number=number)
        return leg

    async def order(self, *orders: Order) -> None:
        done = [self._begin(order) for order in orders]
        for order in orders:
            self._lanes.put(order)
        async with asyncio.timeout(PATIENCE):
            for event in done:
                await event.wait()

    async def answer(self, leg: LegId) -> None:
        line = self._lines[leg]
        line.phone.answer(await line.call())

    async def refuse(self, leg: LegId, code: int) -> None:
        line = self._lines[leg]
        line.phone.hang_up(await line.call(), code)

    async def hang_up(self, leg: LegId) -> None:
        line = self._lines[leg]
        line.phone.hang_up(await line.call())

    async def hold(self, leg: LegId) -> None:
        line = self._lines[leg]
        line.phone.hold(await line.call())

    async def unhold(self, leg: LegId) -> None:
        line = self._lines[leg]
        line.phone.unhold(await line.call())

    async def press(self, leg: LegId, digit: str) -> None:
        line = self._lines[leg]
        line.phone.press(digit, await line.call())

    async def transfer(self, leg: LegId, to: str, *, stays: bool = False) -> None:
        line = self._lines[leg]
        line.phone.transfer(to, await line.call(), stays=stays)

    async def race(self, leg: LegId, order: Order, *, answer_first: bool) -> None:
        pbx = self.house.pbx
        await self._lines[leg].call()
        pbx.freeze()
        if answer_first:
            await self.answer(leg)
            await asyncio.sleep(SAME_MOMENT)
            pbx.thaw()
            await asyncio.sleep(HEAD_START)
            await self.order(order)
        else:
            ordered = asyncio.create_task(self.order(order))
            await asyncio.sleep(SAME_MOMENT)
            await self.answer(leg)
            await asyncio.sleep(SAME_MOMENT)
            pbx.thaw()
            await ordered

    async def lose_link(self) -> None:
        await self._cut()

    async def regain_link(self) -> None:
        before = len(self.told)
        self._link = asyncio.create_task(self._ari.run())
        await self._first(lambda: _of_kind(self.told[before:], PbxSnapshot), "no snapshot")

    async def rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, leg: LegId | str, kind: type[AnyEvent], count: int = 1) -> AnyEvent:
        return await self._first(lambda: self.found(leg, kind, count), f"no {kind.__name__} of {self.named(leg)}")

    async def until_arrived(self, *before: LegId) -> LegId:
        return await self._first(lambda: self.arrival(*before), "nobody arrives")

    # -- the runtime's side

    def _begin(self, order: Order) -> asyncio.Event:
        if isinstance(order, Ring) and phone_of(order) in self.house.phones:
            phone = self.house.phones[phone_of(order)]
            self._lines.setdefault(order.leg, _Line(phone, len(phone.events)))
        if isinstance(order, Bridge):
            self._bridges.add(order.bridge)
        return self._under_way.setdefault(id(order), asyncio.Event())

    async def _perform(self, order: Order) -> None:
        try:
            await self._ari.perform(order)
        finally:
            asyncio.get_running_loop().call_soon(self._under_way.pop(id(order)).set)

    def _failed(self, order: Order, trouble: OrderTrouble) -> None:
        why, status = Why.TIMEOUT, 0
        if isinstance(trouble, NotSent):
            why = Why.UNSENT
        elif isinstance(trouble, OrderRefused):
            why, status = Why.REFUSED, trouble.status
        self._tell(OrderFailed(at=time.time(), order=order, why=why, status=status, detail=str(trouble)))

    def _tell(self, event: AnyEvent) -> None:
        if isinstance(event, PbxHeard):  # told all the time, and of nobody
            return
        if about(event) in self.house.earlier:
            return
        self.told.append(event)
        self._news.set()

    def _replaced(self) -> None:
        raise AssertionError("another owner in a house of our own")

    async def _cut(self) -> None:
        if self._link is not None:
            self._link.cancel()
            await asyncio.gather(self._link, return_exceptions=True)
            self._link = None

    async def _first(self, look: Callable[[], T | None], missed: str) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                while (found := look()) is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{missed}; so far:\n{self.record()}") from None
        return found


def _of_kind(events: list[AnyEvent], kind: type[object]) -> AnyEvent | None:
    return next((event for event in events if isinstance(event, kind)), None)
