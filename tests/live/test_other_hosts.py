"""A standby on a machine with another clock, or of an older version; and a Redis that fails over to an older copy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.lab.bridge import STARTS, Callbridge
from tests.lab.redis import RedisServer
from tests.live.scene import Scene, now, pause, setting
from tests.live.test_standby import has_a_standby, named, nobody_lost, pair, stands_by, until_leading

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]


@contextlib.asynccontextmanager
async def beside(scene: Scene, redis: RedisServer, fault: str) -> AsyncIterator[Callbridge]:
    """A standby with that fault."""
    other = Callbridge(scene.pbx, named("second"), redis=redis, module=("tests.lab.another_host", fault))
    try:
        await other.launch()
        yield other
    finally:
        print(other.last_words())
        await other.close()


@pytest.mark.parametrize("ahead", [-3600, 20, 3600])
async def test_a_standby_with_another_clock_leaves_the_leader_alone_and_replaces_a_dead_one(ahead: int) -> None:
    """Nobody's wait jumps by the difference: it would send all callers away by their queue's longest wait."""
    async with RedisServer() as redis, setting(22, redis, config=named("first")) as scene:
        began = now()
        await scene.begin()
        async with beside(scene, redis, f"clock:{ahead}") as other:
            await stands_by(other, "first", limit=30)
            await has_a_standby(scene.bridge)
            await pause(4.0)
            assert len(scene.bridge.facts("ari link up")) == 1
            await scene.all_is_well()
            died = now()
            await scene.bridge.kill()
            await until_leading(other, died)
            scene.bridge = other
            await scene.all_is_well()
            await scene.serve_the_line()
            await other.until("visit_ended", count=3, outcome="answered", limit=20)
            served = other.facts("visit_ended", outcome="answered")
            assert all(0.0 < fact["waited"] < now() - began for fact in served)
            (told,) = other.facts("our clock differs from the former leader's, whose time continues")
            assert abs(told["ahead"] - ahead) < 2.0


async def test_a_standby_of_an_older_version_says_so_and_takes_nothing_even_from_a_dead_leader() -> None:
    async with RedisServer() as redis, setting(22, redis, config=named("first")) as scene:
        await scene.begin()
        async with beside(scene, redis, "older") as other:
            said = await other.until_missing("saved world has schema", limit=STARTS)
            assert "start the newer one" in said
            assert (await scene.bridge.probe())[1]["notes"] == ["no standby could take over"]
            await pause(4.0)
            await scene.all_is_well()
            await scene.bridge.kill()
            await pause(4.0)
            assert (await other.probe())[1]["role"] == "standby"
            assert other.facts("ari link up") == []
            await scene.bridge.launch()
            await scene.bridge.until_ready()
            await scene.all_is_well()


async def _tell(server: RedisServer, *words: str) -> Any:
    async with Redis.from_url(server.url) as client:
        return await client.execute_command(*words)  # type: ignore[no-untyped-call]


class TwoServers(RedisServer):
    """The first of two, by a URL that names both; ``second`` is a copy of it."""

    second: RedisServer

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port},127.0.0.1:{self.second.port}/0"


async def test_a_redis_that_fails_over_to_an_older_copy_leaves_the_leader_in_place() -> None:
    """The copy knows neither the last lease nor the last calls: the leader writes both again."""
    async with RedisServer() as second:
        first = TwoServers()
        first.second = second
        async with first, pair(22, first) as (scene, other):
            await _tell(second, "REPLICAOF", "127.0.0.1", str(first.port))
            async with asyncio.timeout(20):
                while (await _tell(second, "ROLE"))[3] != b"connected":
                    await asyncio.sleep(0.05)
            await _tell(second, "REPLICAOF", "NO", "ONE")  # from now on it is behind
            await scene.begin()
            await first.kill()
            await scene.bridge.until("store is back", limit=20)
            await stands_by(other, "first")
            await pause(7.0)  # more than the time after which a missing lease may be claimed
            await stands_by(other, "first")
            assert len(scene.bridge.facts("ari link up")) == 1
            await scene.all_is_well()
            died = now()
            await scene.bridge.kill()
            await until_leading(other, died)
            await nobody_lost(scene, other)
