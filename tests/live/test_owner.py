"""Others reach for what is ours: a debugging client on our application, a second instance that is broken. Calls go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.redis import RedisServer
from tests.lab.sip import Call
from tests.live.scene import CONFIG, Scene, now, pause, setting

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
EXTRA = "4930200"
BACK = 6.0
"""Seconds within which the application is ours again; without Redis the PBX's stamp is watched first."""


@contextlib.asynccontextmanager
async def debugging_client(pbx: Pbx) -> AsyncIterator[list[str]]:
    """Somebody's ``wscat`` on our application; gives the types of what it hears."""
    headers = {"Authorization": aiohttp.encode_basic_auth(pbx.ari_user, pbx.ari_password)}
    heard: list[str] = []
    async with aiohttp.ClientSession(headers=headers) as session:
        socket = await session.ws_connect(f"{pbx.ari_url}/events?app=callbridge")

        async def listen() -> None:
            while True:
                heard.append(str((await socket.receive_json())["type"]))

        listening = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await socket.close()


@contextlib.asynccontextmanager
async def second(scene: Scene, store: RedisServer | None, **more: Any) -> AsyncIterator[Callbridge]:
    """Another callbridge beside the same PBX, launched."""
    other = Callbridge(scene.pbx, {**CONFIG, **more}, redis=store, warm=True)
    try:
        await other.launch()
        yield other
    finally:
        await other.close()


async def token(redis: RedisServer) -> bytes:
    client = Redis.from_url(redis.url)
    try:
        found: Any = await client.hget("callbridge:{callbridge}:meta", "token")
        return bytes(found)
    finally:
        await client.aclose()


async def the_first_serves(scene: Scene, ups: int = 1) -> None:
    assert scene.bridge.process.running
    assert len(scene.bridge.facts("ari link up")) == ups
    await scene.all_is_well()
    await scene.call(Call(dialled="spare", number=EXTRA, hang_up_after=1.0))
    await scene.bridge.until("talk_began", agent="spare")


def links(scene: Scene, **ari: Any) -> Mapping[str, Any]:
    pbx = scene.pbx
    return {"ari": {"url": pbx.ari_url, "user": pbx.ari_user, "password": pbx.ari_password} | ari}


@pytest.mark.parametrize(("version", "stored"), [(22, True), (16, True), (22, False)])
async def test_a_debugging_client_on_our_application_costs_nobody_a_call(version: int, stored: bool) -> None:
    async with contextlib.AsyncExitStack() as stack:
        redis = await stack.enter_async_context(RedisServer()) if stored else None
        scene = await stack.enter_async_context(setting(version, redis))
        await scene.begin()
        async with debugging_client(scene.pbx) as heard:
            await scene.bridge.until("ari link up", count=2, limit=BACK + 4)
            back = now()
            (fact,) = scene.bridge.facts("application_replaced")
            assert fact["pbx"] == "pbx1"
            await scene.rung_again(back)
            assert heard[-1] == "ApplicationReplaced"
            await the_first_serves(scene, ups=2)
            assert await scene.metric("application_replaced_total") == 1
            assert (await scene.bridge.probe("/healthz"))[0] == 200
            assert (await scene.bridge.probe())[0] == 200


async def test_a_client_that_comes_again_and_again_is_answered_ever_more_slowly() -> None:
    async with RedisServer() as redis, setting(22, redis) as scene:
        await scene.begin()
        for times in range(1, 4):
            async with debugging_client(scene.pbx):
                await scene.bridge.until("ari link up", count=times + 1, limit=25)
        told = scene.bridge.facts("another client opened our application; taking it back")
        assert [line["times"] for line in told] == [1, 2, 3]
        await scene.all_is_well()


async def test_without_redis_a_second_instance_is_known_by_its_stamp_and_the_first_one_goes() -> None:
    async with setting(22, None) as scene:
        first = scene.bridge
        async with second(scene, None) as other:
            await other.until_ready()
            assert await first.process.wait(12) == 3
            assert first.facts("another callbridge owns the application; standing down")
            await pause(3.0)
            assert other.process.running
            assert (await other.probe())[0] == 200


async def test_a_second_instance_with_a_wrong_password_displaces_nobody() -> None:
    async with RedisServer() as redis, setting(22, redis) as scene:
        await scene.begin()
        before = await token(redis)
        async with second(scene, redis, pbx=links(scene, password="wrong")) as other:
            missing = await other.until_missing("another instance")
            assert "pbx1" in missing
            assert "401" in missing
            await pause(4.0)
            assert await token(redis) == before
            await the_first_serves(scene)
            assert other.process.running


async def test_a_second_instance_takes_over_when_the_first_one_is_gone_and_its_pbx_answers_or_not() -> None:
    async with RedisServer() as redis, setting(22, redis) as scene:
        before = await token(redis)
        async with second(scene, redis, pbx=links(scene, password="wrong")) as other:
            await other.until_missing("another instance")
            await scene.bridge.kill()
            await other.until("serving", limit=10)
            assert await token(redis) > before
            await other.until_missing("no ARI link")


async def test_a_second_instance_whose_ledger_cannot_be_opened_displaces_nobody() -> None:
    async with RedisServer() as redis, setting(22, redis) as scene:
        await scene.begin()
        before = await token(redis)
        async with second(scene, redis, database={"url": "sqlite:////proc/nowhere/campaigns.db"}) as other:
            missing = await other.until_missing("another instance")
            assert "ledger: unable to open database file" in missing
            await pause(4.0)
            assert await token(redis) == before
            assert other.process.running
            await the_first_serves(scene)


async def test_a_second_instance_that_cannot_reach_redis_leaves_a_living_owner_alone() -> None:
    async with RedisServer() as redis, RedisServer() as nowhere, setting(22, redis) as scene:
        await nowhere.kill()
        await scene.begin()
        async with second(scene, redis, redis={"url": nowhere.url, "wait_at_start": 1}) as other:
            await other.until_missing("another instance")
            await pause(8.0)
            assert not other.facts("started without the store")
            await the_first_serves(scene)
