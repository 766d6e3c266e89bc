"""callbridge starts beside a Redis that is away, refuses, or holds what cannot be read: callers are found and served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, Phone, PhoneScript

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
WAIT = 5.0
FLOOR = floor({"ann": agent("1001", {"support": 1}, login=False)})
FIRST, SECOND, THIRD = "4930101", "4930102", "4930103"


@dataclass
class Setting:
    pbx: Pbx
    bridge: Callbridge
    redis: RedisServer
    phone: Phone
    stack: contextlib.AsyncExitStack

    async def call(self, number: str) -> Callers:
        callers = Callers(self.pbx, [Call(dialled="support", number=number)])
        await self.stack.enter_async_context(callers)
        return callers

    async def ask(self, *words: Any) -> Any:
        """One command to Redis."""
        client = Redis.from_url(self.redis.url)
        try:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            await client.aclose()

    async def until_in_fallback(self, count: int) -> None:
        async with asyncio.timeout(10):
            while f" has {count} calls" not in await self.pbx.cli("queue show callbridge-fallback"):
                await asyncio.sleep(0.1)

    async def serve(self, number: str) -> None:
        """Ann takes the next caller, who is this one."""
        before = len(self.phone.records())
        await self.bridge.ask("ann", "login")
        await self.bridge.ask("ann", "ready")
        await self.bridge.eventually(lambda: [each for each in self.phone.records()[before:] if each.answered_at], 10)
        assert self.phone.records()[before].caller_number == number


@contextlib.asynccontextmanager
async def setting(version: int) -> AsyncIterator[Setting]:
    async with contextlib.AsyncExitStack() as stack:
        redis = await stack.enter_async_context(RedisServer(appendonly=True))
        pbx = await stack.enter_async_context(Pbx(version, phones=[PhoneSpec(name="1001")]))
        phone = await stack.enter_async_context(Phone(pbx, "1001", PhoneScript.answers(0.1)))
        links = {"redis": {"url": redis.url, "wait_at_start": WAIT}}
        bridge = Callbridge(pbx, FLOOR | links, redis=redis, warm=True)
        stack.push_async_callback(bridge.close)
        await bridge.start()
        yield Setting(pbx, bridge, redis, phone, stack)
        await pbx.hang_up_all()


@pytest.mark.parametrize(
    ("version", "key"),
    [(22, "meta"), (22, "calls"), (22, "agents"), (22, "outbox"), (22, "cursors"), (22, "timelines_cursor"), (16, "calls")],
)
async def test_a_key_of_the_wrong_type_is_set_aside_and_callers_are_served(version: int, key: str) -> None:
    async with setting(version) as here:
        bridge, name = here.bridge, f"callbridge:{{callbridge}}:{key}"
        await here.call(FIRST)
        await bridge.until("visit_began")
        await bridge.kill()
        await here.ask("DEL", name)
        await here.ask(
            "HSET" if key == "timelines_cursor" else "SET", name, "of", *(["another"] if key == "timelines_cursor" else [])
        )
        await bridge.start(limit=10)
        await here.serve(FIRST)
        (line,) = bridge.facts("a key of Redis cannot be read; set aside", redis_key=name)
        assert await here.ask("TYPE", line["kept_as"]) in (b"string", b"hash")
        assert 6 * 86400 < await here.ask("TTL", line["kept_as"]) <= 7 * 86400
        status, body = await bridge.probe()
        assert status == 200
        assert [note for note in body["notes"] if name in note and line["kept_as"] in note]
        told = len(await here.ask("XRANGE", "callbridge:facts", "-", "+"))
        await here.call(SECOND)
        await bridge.until("visit_began", count=len(bridge.facts("visit_began")) + 1)
        async with asyncio.timeout(5):
            while len(await here.ask("XRANGE", "callbridge:facts", "-", "+")) <= told:
                await asyncio.sleep(0.1)


async def test_a_start_without_redis_says_so_and_serves_after_its_time() -> None:
    async with setting(22) as here:
        bridge = here.bridge
        await here.call(FIRST)
        await bridge.until("visit_began")
        await bridge.kill()
        await here.redis.kill()

        await bridge.launch()
        missing = await bridge.until_missing("cannot be reached")
        assert "Redis" in missing
        assert (await bridge.probe("/healthz"))[0] == 200
        await here.call(SECOND)
        await here.until_in_fallback(1)

        await bridge.until("started without the store", limit=WAIT + 5)
        await bridge.until_missing("the store is behind")
        await here.serve(FIRST)
        assert len(bridge.facts("waiting to start")) == 1

        back = len(bridge.facts("store is back"))
        await here.redis.start()
        await bridge.until("store is back", count=back + 1, limit=10)
        (line,) = bridge.facts("a world saved before was set aside")
        assert line["redis_keys"]
        assert (await bridge.probe())[0] == 200
        talking = len(bridge.facts("talk_ended"))
        await bridge.kill()
        await bridge.start()
        assert await bridge.state("ann") == "talking"
        assert len(bridge.facts("talk_ended")) == talking


async def test_a_redis_that_comes_in_time_brings_everybody_s_place() -> None:
    async with setting(22) as here:
        bridge = here.bridge
        await here.call(FIRST)
        arrived = await bridge.until("call_arrived")
        await bridge.kill()
        await here.redis.kill()
        await bridge.launch()
        await bridge.until_missing("cannot be reached")
        await here.redis.start()
        await bridge.until_ready(5)
        assert [row["id"] for row in await bridge.calls()] == [arrived["call"]]
        await here.serve(FIRST)
