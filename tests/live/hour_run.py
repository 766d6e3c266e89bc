"""What happens in the compressed hour besides calls: somebody reads the public stream, supervisors act, and things break."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any, Self

from redis.asyncio import Redis

from callbridge.cli.client import ApiError
from tests.adapters.postgres import stopped
from tests.lab.bridge import Callbridge
from tests.lab.redis import RedisServer

Fact = dict[str, Any]
STREAM = "callbridge:facts"
DESKS = {"1151": "1152", "1152": "1151"}
"""Who sits at the desk, and whom they consult: each other."""
ANSWERS_WITHIN = 10.0
"""Seconds within which a consulted agent answers, however busy the machine is."""
ACTS = ("queue", "blind", "complete", "return", "stay")
"""What is done with talks at the desk, in turn: given to a queue, to the colleague, the colleague consulted, nothing."""


class StreamReader:
    """Everybody else's view: the public stream in Redis, read as it grows, over a Redis that forgets everything."""

    def __init__(self, redis: RedisServer) -> None:
        self.facts: list[Fact] = []
        self._redis: Redis = Redis.from_url(redis.url)
        self._last = b"0-0"
        self._reading = asyncio.Lock()
        """Two who read at the same time would both take what is new."""

    async def read(self) -> None:
        async with self._reading:
            found: Any = await self._redis.xrange(STREAM, min=b"(" + self._last)
            self._take(found)

    async def forget(self) -> None:
        """Redis forgets everything, right after what it has in the stream was read."""
        async with self._reading:
            pipe = self._redis.pipeline(transaction=True)
            pipe.xrange(STREAM, min=b"(" + self._last)
            pipe.flushall()
            read, _ = await pipe.execute()
            self._take(read)

    def _take(self, entries: list[Any]) -> None:
        for entry_id, entry in entries:
            self._last = entry_id
            plain = {name.decode(): value.decode() for name, value in entry.items()}
            about = {"event": plain["type"], "id": plain["id"], "seq": int(plain["seq"]), "at": float(plain["at"])}
            self.facts.append(json.loads(plain["data"]) | about | {"call": plain["call"]})

    def of(self, kind: str, **fields: Any) -> list[Fact]:
        return [one for one in self.facts if one["event"] == kind and all(one[name] == value for name, value in fields.items())]

    async def run(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.read()
            await asyncio.sleep(0.1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()


@dataclass(slots=True)
class Deeds:
    """What supervisors did: by call the acts that were granted, each with its moment; calls that they hung up."""

    acts: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    cut: set[str] = field(default_factory=set)


class Supervisors:
    """They transfer the talks of the desk, each time in another way, and hang up every fifth caller of the night."""

    def __init__(self, bridge: Callbridge, stream: StreamReader) -> None:
        self.bridge, self.stream, self.deeds = bridge, stream, Deeds()
        self._seen: set[int] = set()
        self._turn = 0

    async def run(self, over: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as acting:
            while not over.is_set():
                for fact in self.stream.of("talk_began", queue="desk") + self.stream.of("visit_began", queue="night"):
                    if fact["seq"] not in self._seen:
                        self._seen.add(fact["seq"])
                        acting.create_task(self._deal_with(fact))
                await asyncio.sleep(0.1)

    async def _deal_with(self, fact: Fact) -> None:
        if fact["event"] == "visit_began":
            arrived = self.stream.of("call_arrived", call=fact["call"])
            if arrived and int(arrived[0]["number"][-1]) % 5 == 0 and await self._asked(fact["call"], "hang-up"):
                self.deeds.cut.add(fact["call"])
        elif not self.deeds.acts[fact["call"]]:
            what, self._turn = ACTS[self._turn % len(ACTS)], self._turn + 1
            await asyncio.sleep(0.6)
            await self._act(fact["call"], fact["agent"], what)

    async def _act(self, call: str, agent: str, what: str) -> None:
        other = f"agent:{DESKS[agent]}"
        match what:
            case "queue":
                await self._asked(call, "transfer", to="queue:sales")
            case "blind":
                await self._asked(call, "transfer", to=other)
            case "complete" | "return":
                if await self._asked(call, "consult", to=other):
                    await asyncio.sleep(1.5)
                    await self._end_consult(call, what)

    async def _end_consult(self, call: str, what: str) -> None:
        """Refused until the other agent has answered, which takes longer on a busy machine, and once the consult is over."""
        latest = time.time() + ANSWERS_WITHIN
        while not await self._asked(call, what) and not self.stream.of("transfer_ended", call=call) and time.time() < latest:
            await asyncio.sleep(0.1)

    async def _asked(self, call: str, act: str, **more: str) -> bool:
        """Whether it was granted. Nobody answers while callbridge is down."""
        asked = time.time()
        try:
            await asyncio.to_thread(self.bridge.client.act_on_call, call, act, **more)
        except ApiError:
            return False
        self.deeds.acts[call].append((f"{act} {more.get('to', '')}".strip(), asked))
        return True


@dataclass(slots=True)
class Breaks:
    """``down``: when callbridge was away, each time from the kill to the moment when it was ready again."""

    down: list[tuple[float, float]] = field(default_factory=list)

    def during(self, moment: float, slack: float) -> bool:
        return any(began - slack <= moment <= ended + slack for began, ended in self.down)

    def longest(self) -> float:
        return max((ended - began for began, ended in self.down), default=0.0)


async def kill_and_start(bridge: Callbridge, breaks: Breaks, pause: float) -> None:
    killed = time.time()
    await bridge.kill()
    await asyncio.sleep(pause)
    await bridge.start(60.0)
    breaks.down.append((killed, time.time()))


@asynccontextmanager
async def database_away(url: str) -> AsyncIterator[None]:
    """Somebody else holds the database, or its server stands still."""
    if not url.startswith("sqlite"):
        with stopped():
            yield
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def helped_by(*work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """These run meanwhile; whatever one of them raises is raised. They end by themselves: a cancellation can be lost on its way
    through a client of Redis."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one(over))
        try:
            yield
        finally:
            over.set()
