"""The measures of the compressed hour (``live/test_hour``) are right: what reads the stream takes each fact once."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis

from tests.lab.redis import RedisServer
from tests.live.hour_run import STREAM, StreamReader


async def test_each_fact_is_taken_once_although_redis_forgets_everything_during_a_read() -> None:
    async with RedisServer() as server, Redis.from_url(server.url) as redis, StreamReader(server) as stream:
        for seq in range(1, 11):
            entry: dict[Any, Any] = {"type": "visit_began", "id": f"7-{seq}", "seq": seq, "at": 1.0, "data": "{}", "call": "c"}
            await redis.xadd(STREAM, entry, id=f"7-{seq}")
            await asyncio.gather(stream.read(), stream.forget())
    assert [fact["seq"] for fact in stream.facts] == list(range(1, 11))
