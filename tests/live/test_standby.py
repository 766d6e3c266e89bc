"""Two instances, one Redis, one PBX: whatever happens to the leader, the standby serves in seconds, and all keep their places."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lab.bridge import Callbridge
from tests.lab.redis import RedisServer
from tests.live.house import crowded
from tests.live.scene import CONFIG, Scene, now, setting

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
TAKEN_OVER = 3.0
"""Seconds from a leader's death to the standby serving."""


def named(name: str, **more: Any) -> dict[str, Any]:
    return CONFIG | {"standby": {"address": f"http://{name}.example:8090"}} | more


@contextlib.asynccontextmanager
async def pair(version: int, redis: RedisServer, **more: Any) -> AsyncIterator[tuple[Scene, Callbridge]]:
    """A scene whose callbridge leads, and its standby."""
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(setting(version, redis, config=named("first")))
        other = await stack.enter_async_context(standby(scene, redis, **more))
        await other.until_missing("first.example:8090 leads")
        yield scene, other


@contextlib.asynccontextmanager
async def standby(scene: Scene, redis: RedisServer, **more: Any) -> AsyncIterator[Callbridge]:
    other = Callbridge(scene.pbx, named("second", **more), redis=redis, warm=True)
    try:
        await other.launch()
        yield other
    finally:
        print(other.last_words())
        await other.close()


@pytest.mark.parametrize("version", [22, 16])
async def test_a_leader_that_is_killed_is_replaced_within_seconds_and_nobody_loses_a_place(version: int) -> None:
    async with RedisServer() as redis, pair(version, redis) as (scene, other):
        await scene.begin()
        died = now()
        await scene.bridge.kill()
        await other.until("ari link up", limit=10)
        await other.until_ready()
        assert now() - died < TAKEN_OVER + crowded()
        scene.bridge = other
        await scene.rung_again(now())
        await scene.all_is_well()
        await scene.everybody_leaves()
        assert scene.trouble() == []
