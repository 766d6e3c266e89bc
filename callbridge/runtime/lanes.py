"""Lanes: orders of one leg go out one after the other, orders of different legs side by side, so many at a time for one PBX.

An order names every leg that it touches and starts when it heads each of their lanes and its PBX has room. HangUp never queues
behind others: it drops what is unsent for its leg - but for DropBridge, which only stops waiting for that leg - and goes out
at once; should even the room kept for hang-ups be taken, it is the next to go.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from callbridge.adapters.pbx_link import NotSent, OrderTrouble, TimedOut
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.orders import DropBridge, HangUp, InspectPhone, Order, PauseRecording, StartRecording, StopRecording

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MOST = 48
"""Orders of one PBX under way at once."""
MOST_WITH_HANG_UPS = 56
"""The same when the last of them are hang-ups. ARI has a connection for each, so that none waits for one."""
LANES_CLOSE_TIMEOUT = 2.0
"""Seconds that orders under way may take when we stop."""


@dataclass(slots=True, eq=False)
class _QueuedOrder:
    order: Order
    lanes: list[LegId]
    pbx: str
    behind: int = 0
    """In how many of its lanes another order is ahead."""
    started: bool = False
    """Under way, or dropped: it is not to be started any more."""

    @property
    def urgent(self) -> bool:
        return isinstance(self.order, HangUp)


@dataclass(slots=True)
class _PbxOrders:
    """The orders of one PBX that are under way, and those that could be."""

    busy: int = 0
    urgent: deque[_QueuedOrder] = field(default_factory=deque)
    others: deque[_QueuedOrder] = field(default_factory=deque)

    def next(self) -> _QueuedOrder | None:
        for waiting, most in ((self.urgent, MOST_WITH_HANG_UPS), (self.others, MOST)):
            while waiting and self.busy < most:
                job = waiting.popleft()
                if not job.started:
                    return job
        return None


@dataclass(slots=True)
class Lanes:
    """``perform`` carries out one order or raises; ``failed`` is told of every order that came to nothing, or may have."""

    perform: Callable[[Order], Awaitable[None]]
    failed: Callable[[Order, OrderTrouble], None]
    _lanes: dict[LegId, deque[_QueuedOrder]] = field(default_factory=dict)
    _rooms: dict[str, _PbxOrders] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def put(self, order: Order) -> None:
        """Send the order as soon as its legs are free and there is room; a HangUp now."""
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
        """Orders that wait for others, or for room."""
        queued = {id(job) for lane in self._lanes.values() for job in lane if not job.started}
        ready = {id(job) for room in self._rooms.values() for job in (*room.urgent, *room.others) if not job.started}
        return len(queued | ready)

    def freeze(self, pbx: str) -> None:
        """The link is down: what is unsent for this PBX comes to nothing, and the core decides again on thaw."""
        mine = pbx + "/"
        jobs = {id(job): job for leg, lane in self._lanes.items() if leg.startswith(mine) for job in lane if not job.started}
        room = self._rooms.get(pbx, _PbxOrders())
        jobs |= {id(job): job for job in (*room.urgent, *room.others) if not job.started}
        self._remove(list(jobs.values()))
        for job in jobs.values():
            self.failed(job.order, NotSent("frozen"))

    async def close(self) -> None:
        """Let what is on its way finish, and hang-ups go; nothing else is sent."""
        self._lanes.clear()
        for room in self._rooms.values():
            room.others.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LANES_CLOSE_TIMEOUT):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    def _drop_unsent(self, leg: LegId) -> None:
        unsent = [job for job in self._lanes.get(leg, ()) if not job.started]
        self._remove([job for job in unsent if not isinstance(job.order, DropBridge)])
        for job in unsent:
            if isinstance(job.order, DropBridge) and leg in job.lanes and not job.started:
                was_behind = job.behind
                self._leave(job, leg)
                if was_behind and not job.behind:
                    self._start(job)

    def _remove(self, jobs: list[_QueuedOrder]) -> None:
        for job in jobs:
            job.started = True  # none of them may start because another one made way
        for job in jobs:
            for leg in list(job.lanes):
                self._leave(job, leg)

    def _leave(self, job: _QueuedOrder, leg: LegId) -> None:
        """Take a job out of one lane; the next one there may be free to go."""
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
        """Its legs are free: off it goes when its PBX has room."""
        if not job.pbx:
            self._send(job)
            return
        room = self._rooms.setdefault(job.pbx, _PbxOrders())
        (room.urgent if job.urgent else room.others).append(job)
        self._fill(room)

    def _fill(self, room: _PbxOrders) -> None:
        while (job := room.next()) is not None:
            room.busy += 1
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
        except Exception as fault:  # our own bug, whatever it is: the core must hear of its order all the same
            log.error("an order raised", order=type(job.order).__name__, fault=repr(fault), exc_info=fault)
            self.failed(job.order, TimedOut("a fault of callbridge; its log says more"))  # it may have been written
        finally:
            for leg in list(job.lanes):
                if leg in self._lanes:
                    self._leave(job, leg)
            if job.pbx:
                room = self._rooms[job.pbx]
                room.busy -= 1
                self._fill(room)


def _limited_by(order: Order) -> str:
    """The PBX whose ARI carries the order; empty when something else does, which has limits of its own."""
    if isinstance(order, StartRecording | PauseRecording | StopRecording):
        return ""
    if isinstance(order, DropBridge | InspectPhone):
        return order.pbx
    return pbx_of(order.legs[0]) if order.legs else ""
