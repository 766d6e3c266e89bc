"""Lanes: orders for one leg are sent one after the other, orders for different legs in parallel, up to a limit per PBX.

An order names every leg that it touches. It starts when it is at the head of all their lanes and its PBX has capacity. HangUp
never queues behind other orders: it drops the unsent orders of its leg - except DropBridge, which only stops waiting for that
leg, unless the Bridge that it undoes is in progress there - and is sent at once. If even the capacity reserved for hang-ups is
used up, it is sent next. Of the other orders that wait for capacity a Bridge is sent first: an agent who has picked up hears
nothing until then, while hundreds of new callers may be owed an answer and music.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

import structlog

from callbridge.adapters.pbx_link import NotSent, OrderTrouble, TimedOut
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.orders import (
    Bridge,
    DropBridge,
    HangUp,
    InspectPhone,
    OfRecording,
    Order,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_ORDERS = 48
"""Orders in progress per PBX."""
MAX_WITH_HANG_UPS = 56
"""The limit including hang-ups. The ARI pool has a connection for each, so that no order waits for a connection."""
LANES_CLOSE_TIMEOUT = 2.0
"""Seconds that orders in progress may take at shutdown."""


@dataclass(slots=True, eq=False)
class _QueuedOrder:
    order: Order
    lanes: list[LegId]
    pbx: str
    behind: int = 0
    """The number of its lanes in which another order is ahead."""
    started: bool = False
    """In progress, or dropped: must not be started again."""

    @property
    def urgent(self) -> bool:
        return isinstance(self.order, HangUp)

    @property
    def awaited(self) -> bool:
        """Does a party hear silence until the order is done?"""
        return isinstance(self.order, Bridge)


@dataclass(slots=True)
class _PbxOrders:
    """The orders of one PBX that are in progress, and those that are ready to start."""

    busy: int = 0
    urgent: deque[_QueuedOrder] = field(default_factory=deque)
    awaited: deque[_QueuedOrder] = field(default_factory=deque)
    others: deque[_QueuedOrder] = field(default_factory=deque)

    def ready(self) -> Iterator[_QueuedOrder]:
        """All that wait for orders alone; some may have been dropped."""
        return chain(self.urgent, self.awaited, self.others)

    def next(self) -> _QueuedOrder | None:
        for waiting, most in ((self.urgent, MAX_WITH_HANG_UPS), (self.awaited, MAX_ORDERS), (self.others, MAX_ORDERS)):
            while waiting and self.busy < most:
                job = waiting.popleft()
                if not job.started:
                    return job
        return None


@dataclass(slots=True)
class Lanes:
    """``perform`` carries out one order or raises; ``failed`` is called for every order that failed, or may have failed."""

    perform: Callable[[Order], Awaitable[None]]
    failed: Callable[[Order, OrderTrouble], None]
    _lanes: dict[LegId, deque[_QueuedOrder]] = field(default_factory=dict)
    _by_pbx: dict[str, _PbxOrders] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def put(self, order: Order) -> None:
        """Send the order as soon as its legs are free and there is capacity; a HangUp at once."""
        if isinstance(order, HangUp):
            self._drop_unsent(order.leg)
            self._start(_QueuedOrder(order, [], pbx_of(order.leg)))
            return
        job = _QueuedOrder(order, list(dict.fromkeys(order.legs)), _limited_by(order))
        for leg in job.lanes:
            lane = self._lanes.setdefault(leg, deque())
            job.behind += bool(lane)
            lane.append(job)
        if not job.behind:
            self._start(job)

    @property
    def unsent(self) -> int:
        """Orders that wait for other orders, or for capacity."""
        queued = {id(job) for lane in self._lanes.values() for job in lane if not job.started}
        ready = {id(job) for orders in self._by_pbx.values() for job in orders.ready() if not job.started}
        return len(queued | ready)

    def freeze(self, pbx: str) -> None:
        """The link is down: unsent orders for this PBX fail; the core decides again after the next snapshot."""
        mine = pbx + "/"
        jobs = {id(job): job for leg, lane in self._lanes.items() if leg.startswith(mine) for job in lane if not job.started}
        orders = self._by_pbx.get(pbx, _PbxOrders())
        jobs |= {id(job): job for job in orders.ready() if not job.started}
        self._remove(list(jobs.values()))
        for job in jobs.values():
            self.failed(job.order, NotSent("frozen"))

    async def close(self) -> None:
        """Let orders in progress finish and send hang-ups; nothing else is sent."""
        self._lanes.clear()
        for orders in self._by_pbx.values():
            orders.awaited.clear()
            orders.others.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LANES_CLOSE_TIMEOUT):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    def _drop_unsent(self, leg: LegId) -> None:
        lane = list(self._lanes.get(leg, ()))
        unsent = [job for job in lane if not job.started]
        # A DropBridge that overtook the order that creates its bridge would find none, and the bridge would stay.
        in_progress = {job.order.bridge for job in lane if job.started and isinstance(job.order, Bridge)}
        self._remove([job for job in unsent if not isinstance(job.order, DropBridge)])
        for job in unsent:
            drops = isinstance(job.order, DropBridge) and job.order.bridge not in in_progress
            if drops and leg in job.lanes and not job.started:
                was_behind = job.behind
                self._leave(job, leg)
                if was_behind and not job.behind:
                    self._start(job)

    def _remove(self, jobs: list[_QueuedOrder]) -> None:
        for job in jobs:
            job.started = True  # none of them may start because another one was removed
        for job in jobs:
            for leg in list(job.lanes):
                self._leave(job, leg)

    def _leave(self, job: _QueuedOrder, leg: LegId) -> None:
        """Remove a job from one lane; the next one there may now start."""
        lane = self._lanes[leg]
        was_head = lane[0] is job
        lane.remove(job)
        job.lanes.remove(leg)
        if not was_head:
            job.behind -= 1
        elif lane:
            follower = lane[0]
            follower.behind -= 1
            if not follower.behind and not follower.started:
                self._start(follower)
        if not lane:
            del self._lanes[leg]

    def _start(self, job: _QueuedOrder) -> None:
        """Its legs are free: send it when its PBX has capacity."""
        if not job.pbx:
            self._send(job)
            return
        orders = self._by_pbx.setdefault(job.pbx, _PbxOrders())
        (orders.urgent if job.urgent else orders.awaited if job.awaited else orders.others).append(job)
        self._fill(orders)

    def _fill(self, orders: _PbxOrders) -> None:
        while (job := orders.next()) is not None:
            orders.busy += 1
            self._send(job)

    def _send(self, job: _QueuedOrder) -> None:
        job.started = True
        task = asyncio.create_task(self._run(job), name=type(job.order).__name__)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: _QueuedOrder) -> None:
        try:
            await self.perform(job.order)
        except OrderTrouble as trouble:
            self.failed(job.order, trouble)
        except Exception as fault:  # any bug of ours: the core must learn that its order failed
            log.error("an order raised an exception", order=type(job.order).__name__, fault=repr(fault), exc_info=fault)
            self.failed(job.order, TimedOut("internal error; see the log of callbridge"))  # it may have been written
        finally:
            for leg in list(job.lanes):
                if leg in self._lanes:
                    self._leave(job, leg)
            if job.pbx:
                orders = self._by_pbx[job.pbx]
                orders.busy -= 1
                self._fill(orders)


def _limited_by(order: Order) -> str:
    """The PBX whose ARI carries the order; empty when another adapter does, which has its own limits."""
    if isinstance(order, OfRecording):
        return ""
    if isinstance(order, DropBridge | InspectPhone):
        return order.pbx
    return pbx_of(order.legs[0]) if order.legs else ""
