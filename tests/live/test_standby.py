"""Two instances, one Redis, one PBX: whatever happens to the leader, the standby serves in seconds, and all keep their places."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Phone, PhoneScript
from tests.live.forwarder import Forwarder
from tests.live.house import crowded
from tests.live.scene import CONFIG, GOLD, NAILED, PLAIN, RINGING, TALKING, THIRD, Scene, now, pause, setting

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
Via = Callable[[Pbx], Awaitable[dict[str, Any]]]
TAKEN_OVER = 3.0
"""Seconds from a leader's death to the standby serving."""
SILENCE = 2.0
"""Seconds after which an agent is told who has picked up for a leader that is dead."""


def named(name: str, **more: Any) -> dict[str, Any]:
    return CONFIG | {"standby": {"address": f"http://{name}.example:8090"}} | more


@contextlib.asynccontextmanager
async def pair(
    version: int, redis: RedisServer, *, via: Via | None = None, first: Mapping[str, Any] | None = None
) -> AsyncIterator[tuple[Scene, Callbridge]]:
    """A scene whose callbridge leads, and its standby, which could take over. ``first``: keys of the leader's configuration."""
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(setting(version, redis, config=named("first", **(first or {})), via=via))
        other = await stack.enter_async_context(standby(scene, redis))
        await stands_by(other, "first")
        yield scene, other


async def has_a_standby(leader: Callbridge) -> None:
    async with asyncio.timeout(10):
        while (await leader.probe())[1]["notes"]:
            await asyncio.sleep(0.05)
    assert (await leader.probe())[1]["role"] == "leader"


async def stands_by(one: Callbridge, leader: str, limit: float = 15.0) -> None:
    """It knows the leader, and nothing keeps it from taking over."""
    said: dict[str, Any] = {}
    try:
        async with asyncio.timeout(limit):
            while said.get("missing") != [f"standby: http://{leader}.example:8090 leads"]:
                _, said = await one.probe()
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(
            f"not the standby of {leader} within {limit} s: {said}; its last words: {one.last_words()}"
        ) from None
    status, said = await one.probe()
    assert (status, said["role"], said["leader"]) == (503, "standby", f"http://{leader}.example:8090")
    assert (await one.probe("/healthz"))[0] == 200


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


async def test_an_agent_who_picks_up_while_nobody_leads_is_not_left_in_silence() -> None:
    """Whom the dead leader rang finds nobody: the new one hangs up that phone, rings it again, and the caller is there."""
    async with RedisServer() as redis, pair(22, redis) as (scene, other):
        await scene.phones["1001"].stop()
        async with Phone(scene.pbx, "1001", PhoneScript.answers(ring=0.4, talk=20.0)) as phone:
            await scene.call(Call(dialled="ring", number=RINGING, name="ringing"))
            await phone.until(lambda record: record.ringing_at)
            await scene.bridge.kill()
            silent = await phone.until(lambda record: record.ended_at)
            assert scene.bridge.facts("talk_began") == []
            assert silent.ended_by == "pbx"
            assert silent.answered_at is not None
            assert silent.ended_at is not None
            assert silent.ended_at - silent.answered_at < SILENCE + crowded()
            again = await phone.until(lambda record: record.call_id != silent.call_id and record.answered_at)
            assert again.caller_number == RINGING
            await other.until("talk_began", agent="bell")


async def until_leading(other: Callbridge, since: float, within: float = TAKEN_OVER, *, count: int = 1) -> None:
    """``count``: how often it has led by then, counting this one."""
    await other.until("ari link up", limit=15, count=count)
    assert now() - since < within + crowded()
    await other.until_ready()


async def nobody_lost(scene: Scene, other: Callbridge) -> None:
    """The other one leads: those who talked talk, those who waited have their places, and a new caller is served."""
    scene.bridge = other
    await scene.all_is_well()
    await scene.places_kept()


async def test_stepping_down_takes_less_than_a_second_and_can_be_done_back_again() -> None:
    async with RedisServer() as redis, pair(22, redis) as (scene, other):
        first = scene.bridge
        await scene.begin()
        await has_a_standby(first)
        began = now()
        answer = await asyncio.to_thread(first.client.step_down)
        assert answer == {"leader": "http://second.example:8090"}
        await other.until("ari link up")
        assert now() - began < 1.0 + crowded()
        await other.until_ready()
        scene.bridge = other
        await scene.all_is_well()
        await stands_by(first, "second")

        await first.stop()  # its upgrade
        await first.launch()
        await stands_by(first, "second")
        await has_a_standby(other)
        began = now()
        assert (await asyncio.to_thread(other.client.step_down))["leader"] == "http://first.example:8090"
        await first.until("ari link up", count=2)
        assert now() - began < 1.0 + crowded()
        await first.until_ready()
        await nobody_lost(scene, first)
        assert [line["event"] for line in (*first.trouble(), *other.trouble())] == []


async def test_a_leader_that_is_stopped_by_its_service_manager_hands_over_at_once() -> None:
    async with RedisServer() as redis, pair(22, redis) as (scene, other):
        await scene.begin()
        began = now()
        stopping = asyncio.create_task(scene.bridge.stop())
        await until_leading(other, began, 1.2)
        await stopping
        assert scene.bridge.process.returncode == 0
        await nobody_lost(scene, other)


async def test_a_leader_that_was_stopped_under_orders_does_nothing_when_it_continues() -> None:
    async with RedisServer() as redis, pair(22, redis) as (scene, other):
        first = scene.bridge
        await scene.begin()
        burst = [Call(dialled="spare", number=f"49302{n:02}") for n in range(20)]
        await scene.call(*burst, rate=200.0)
        await first.until("call_arrived", count=12)
        stopped = now()
        first.process.signal(signal.SIGSTOP)  # its orders for the new callers are in its lanes
        await until_leading(other, stopped)
        await pause(2.0)
        first.process.signal(signal.SIGCONT)
        await stands_by(first, "second")
        assert first.facts("no longer leading")
        assert len(first.facts("ari link up")) == 1  # it has not taken the application back
        assert not other.facts("another client opened our application; taking it back")
        scene.bridge = other
        async with asyncio.timeout(10):  # each of them waits or talks, and has come once
            while sorted(row["number"] for row in await other.calls() if row["queue"] == "spare") != [
                one.number for one in burst
            ]:
                await asyncio.sleep(0.1)
        await scene.still_talking(TALKING, NAILED)
        await scene.places_kept()


@pytest.mark.parametrize("what", ["redis", "pbx", "both"])
async def test_a_leader_that_is_cut_off_is_replaced_and_becomes_the_standby(what: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        redis = await stack.enter_async_context(RedisServer())
        to_redis = await stack.enter_async_context(Forwarder())
        to_pbx = await stack.enter_async_context(Forwarder())
        url = to_redis.to_port(redis.port)
        scene, other = await stack.enter_async_context(pair(22, redis, via=to_pbx.to, first={"redis": {"url": url}}))
        first = scene.bridge
        await scene.begin()
        wires = [wire for name, wire in (("redis", to_redis), ("pbx", to_pbx)) if what in (name, "both")]
        cut = now()
        for wire in wires:
            wire.cut(refuse=True)
        await until_leading(other, cut)
        await nobody_lost(scene, other)
        for wire in wires:
            wire.restore()
        await stands_by(first, "second", limit=30.0)
        await pause(3.0)
        assert len(other.facts("ari link up")) == 1
        assert len(first.facts("ari link up")) == 1
        await scene.still_talking(NAILED)


async def test_a_standby_with_a_wrong_password_displaces_nobody() -> None:
    async with RedisServer() as redis, setting(22, redis, config=named("first")) as scene:
        await scene.begin()
        pbx = scene.pbx
        wrong = {"ari": {"url": pbx.ari_url, "user": pbx.ari_user, "password": "wrong"}}
        async with standby(scene, redis, pbx=wrong) as other:
            assert "401" in await other.until_missing("pbx pbx1")
            await pause(4.0)
            assert len(scene.bridge.facts("ari link up")) == 1
            await scene.all_is_well()


async def test_redis_restarted_empty_leaves_the_leader_in_place() -> None:
    async with RedisServer() as redis, pair(22, redis) as (scene, other):
        await scene.begin()
        await redis.kill()
        await pause(4.0)
        await redis.start()
        await scene.bridge.until("store is back", limit=15)
        await pause(7.0)  # more than the time after which a missing lease may be claimed
        await stands_by(other, "first")
        assert len(scene.bridge.facts("ari link up")) == 1
        await scene.all_is_well()
        died = now()
        await scene.bridge.kill()
        await until_leading(other, died)
        await nobody_lost(scene, other)


async def test_two_who_die_in_turn_lose_nobody() -> None:
    """Ping-pong on purpose: each leader dies as soon as the other one stands by."""
    async with RedisServer() as redis, pair(22, redis) as (scene, other):
        names = ["first", "second"]
        await scene.begin()
        leader = scene.bridge
        for turn in range(4):
            died = now()
            ups = len(other.facts("ari link up"))
            await leader.kill()
            await other.until("ari link up", count=ups + 1)
            assert now() - died < TAKEN_OVER + crowded()
            leader, other = other, leader
            await other.launch()
            await stands_by(other, names[(turn + 1) % 2])
        scene.bridge = leader
        await scene.still_talking(TALKING, NAILED)
        await scene.places_kept()
        assert len({fact["call"] for fact in leader.facts("visit_ended", outcome="answered")}) >= len((GOLD, PLAIN, THIRD))


async def test_a_pbx_that_dies_and_comes_back_has_one_leader_that_serves() -> None:
    """Neither of them can reach it meanwhile, so nobody gains by leading."""
    async with RedisServer() as redis, pair(22, redis) as (scene, other):
        first = scene.bridge
        await scene.begin()
        await scene.pbx.kill()
        await pause(4.0)
        await scene.pbx.start()
        async with asyncio.timeout(20):
            while not (leaders := [one for one in (first, other) if (await one.probe())[0] == 200]):
                await asyncio.sleep(0.1)
        await pause(3.0)
        (leader,) = [one for one in (first, other) if (await one.probe())[1].get("role") == "leader"]
        assert leaders == [leader]
        assert first.process.running
        assert other.process.running
        scene.bridge = leader
        await scene.call(Call(dialled="spare", number="4930200", hang_up_after=1.0))
        await leader.until("talk_began", agent="spare")
        await has_a_standby(leader)
