"""Fakes at the runtime's seams: a store to break, a PBX that takes its time, a watcher that remembers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

from callbridge.adapters.pbx_link import OrderTrouble
from callbridge.adapters.store import Delta, MemoryStore, Whole
from callbridge.adapters.system.tasks import end
from callbridge.core.model.events import PbxSnapshot
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.orders import Order
from callbridge.core.model.world import World
from callbridge.runtime import Clock, Runtime
from callbridge.runtime.saver import Saver
from tests.adapters.waiting import HANGS
from tests.core.story import PBX, agent, plan, queue, routing

Told = TypeVar("Told")
PLAN = plan([queue("support", routing(("support", None)), ring_for=4.0, wrap_up=1.0)], [agent("bob", {"support": 3})])


class Breakable(MemoryStore):
    """A memory store whose saves wait, fail and are counted. ``trouble`` is raised by every save while it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.deltas: list[Delta] = []
        self.wholes: list[Whole] = []
        self.told: list[AnyFact] = []
        """The facts of every save that worked."""

    async def save(self, delta: Delta) -> None:
        self.deltas.append(delta)
        await self._breathe()
        await super().save(delta)
        self.told += delta.facts

    async def save_all(self, whole: Whole) -> None:
        self.wholes.append(whole)
        await self._breathe()
        await super().save_all(whole)
        self.told += whole.facts

    async def _breathe(self) -> None:
        await self.open.wait()
        if self.trouble is not None:
            raise self.trouble


@dataclass
class Line:
    """The way to a PBX: remembers every order; ``refuse`` may raise for one, ``gate`` holds all back."""

    sent: list[Order] = field(default_factory=list)
    done: list[Order] = field(default_factory=list)
    failed: list[tuple[Order, OrderTrouble]] = field(default_factory=list)
    refuse: Callable[[Order], OrderTrouble | None] = lambda _order: None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def perform(self, order: Order) -> None:
        self.sent.append(order)
        await self.gate.wait()
        trouble = self.refuse(order)
        if trouble is not None:
            raise trouble
        self.done.append(order)

    def fail(self, order: Order, trouble: OrderTrouble) -> None:
        self.failed.append((order, trouble))


@dataclass
class Memory:
    """The watcher that only remembers."""

    facts: list[AnyFact] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    behind: list[bool] = field(default_factory=list)

    def batch(
        self, facts: Sequence[AnyFact], changed: Mapping[tuple[str, str], object | None], ages: Sequence[float], waiting: int
    ) -> None:
        self.facts += facts
        self.batches.append(len(ages))

    def saved(self, seconds: float, *, degraded: bool) -> None:
        self.behind.append(degraded)

    def degraded(self, degraded: bool) -> None:
        self.behind.append(degraded)

    def lagged(self, seconds: float) -> None:
        pass


@dataclass
class House:
    """A runtime on fakes, running."""

    runtime: Runtime
    store: Breakable
    line: Line
    memory: Memory
    resyncs: list[str]
    listened: list[str]
    """PBXs of which PbxHeard was asked for."""
    displaced: list[bool]
    running: asyncio.Task[None]

    @property
    def world(self) -> World:
        return self.runtime.world

    def seen(self, kind: type[Told]) -> list[Told]:
        return [fact for fact in self.memory.facts if isinstance(fact, kind)]

    async def until(self, true: Callable[[], object], limit: float = HANGS) -> None:
        async with asyncio.timeout(limit):
            while not true():
                await asyncio.sleep(0.005)


def snapshot(at: float) -> PbxSnapshot:
    return PbxSnapshot(at=at, pbx=PBX, requested_at=at, last_heard_at=at, legs=(), bridges=())


@contextlib.asynccontextmanager
async def house(*, clock: Clock | None = None, zone: str = "UTC", made: Callable[..., Runtime] = Runtime) -> AsyncIterator[House]:
    """``made``: the class of the runtime, or what makes one."""
    world, store, line, memory = World(PLAN, "t"), Breakable(), Line(), Memory()
    await store.take_over()
    clock = clock or Clock()
    displaced: list[bool] = []
    resyncs: list[str] = []
    listened: list[str] = []
    saver = Saver(store, world, lambda: displaced.append(True))

    async def caught_up() -> None:
        await asyncio.sleep(0)

    runtime = made(
        world,
        clock,
        saver,
        perform=line.perform,
        resync=resyncs.append,
        listen=listened.append,
        caught_up=caught_up,
        zone=ZoneInfo(zone),
        watcher=memory,
    )
    runtime.post(snapshot(clock.now()))
    running = asyncio.create_task(runtime.run())
    try:
        yield House(runtime, store, line, memory, resyncs, listened, displaced, running)
    finally:
        await end((running,))
        line.gate.set()
        store.open.set()
        await runtime.lanes.close()
        await saver.close()
