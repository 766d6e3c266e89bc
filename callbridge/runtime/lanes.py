"""Lanes: orders of one leg go out one after the other, orders of different legs side by side.

An order names every leg that it touches and starts when it heads each of their lanes. HangUp never queues: it drops
what is unsent for its leg - but for DropBridge, which only stops waiting for that leg - and goes out at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from callbridge.adapters.link import NotSent, OrderTrouble
from callbridge.core.ids import LegId
from callbridge.core.orders import DropBridge, HangUp, Order


@dataclass(slots=True, eq=False)
class _Job:
    order: Order
    lanes: list[LegId]
    behind: int = 0
    """In how many of its lanes another order is ahead."""
    started: bool = False


@dataclass(slots=True)
class Lanes:
    """``perform`` carries out one order or raises OrderTrouble; ``failed`` is told of every order that came to nothing."""

    perform: Callable[[Order], Awaitable[None]]
    failed: Callable[[Order, OrderTrouble], None]
    _lanes: dict[LegId, deque[_Job]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def put(self, order: Order) -> None:
        """Send the order as soon as its legs are free; a HangUp now."""
        if isinstance(order, HangUp):
            self._drop_unsent(order.leg)
            self._start(_Job(order, []))
            return
        job = _Job(order, list(dict.fromkeys(order.legs)))
        for leg in job.lanes:
            lane = self._lanes.setdefault(leg, deque())
            job.behind += bool(lane)
            lane.append(job)
        if not job.behind:
            self._start(job)

    @property
    def unsent(self) -> int:
        """Orders that wait for others."""
        return len({id(job) for lane in self._lanes.values() for job in lane if not job.started})

    def freeze(self, pbx: str) -> None:
        """The link is down: what is unsent for this PBX comes to nothing, and the core decides anew on thaw."""
        mine = pbx + "/"
        jobs = {id(job): job for leg, lane in self._lanes.items() if leg.startswith(mine) for job in lane if not job.started}
        self._remove(list(jobs.values()))
        for job in jobs.values():
            self.failed(job.order, NotSent("frozen"))

    async def close(self) -> None:
        """Let what is on its way finish; nothing new is sent."""
        self._lanes.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)

    def _drop_unsent(self, leg: LegId) -> None:
        unsent = [job for job in self._lanes.get(leg, ()) if not job.started]
        self._remove([job for job in unsent if not isinstance(job.order, DropBridge)])
        for job in unsent:
            if isinstance(job.order, DropBridge) and leg in job.lanes and not job.started:
                self._leave(job, leg)
                if not job.behind:
                    self._start(job)

    def _remove(self, jobs: list[_Job]) -> None:
        for job in jobs:
            job.started = True  # none of them may start because another one made way
        for job in jobs:
            for leg in list(job.lanes):
                self._leave(job, leg)

    def _leave(self, job: _Job, leg: LegId) -> None:
        """Take a job out of one lane; whoever is next there may be free to go."""
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

    def _start(self, job: _Job) -> None:
        job.started = True
        task = asyncio.create_task(self._run(job), name=type(job.order).__name__)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: _Job) -> None:
        try:
            await self.perform(job.order)
        except OrderTrouble as trouble:
            self.failed(job.order, trouble)
        finally:
            for leg in list(job.lanes):
                if leg in self._lanes:
                    self._leave(job, leg)
