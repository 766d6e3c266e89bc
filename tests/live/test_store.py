"""Redis is slow, dead or forgetful under calls: calls go on, and what it missed is in it again before it is needed."""

from __future__ import annotations

import pytest

from callbridge.adapters.redis.connection import RedisSettings
from tests.lab.bridge import Callbridge
from tests.lab.process import Process, output
from tests.lab.redis import RedisServer
from tests.lab.sip import Call
from tests.live.house import crowded
from tests.live.scene import (
    AGENT_LEAVES,
    CONFIG,
    CUSTOMER_LEAVES,
    GOLD,
    NAILED,
    PLAIN,
    RINGING,
    TALKING,
    THIRD,
    WRAPPED,
    Scene,
    now,
    pause,
    setting,
)

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
EXTRA = "4930200"


async def _a_call_is_served(scene: Scene) -> None:
    """Whatever the store does: somebody calls, talks and leaves."""
    served = len(scene.bridge.facts("wrap_up_ended"))
    await scene.bridge.ask("ann", "ready")
    await scene.call(Call(dialled="spare", number=EXTRA, hang_up_after=1.5))
    await scene.bridge.until("talk_ended", agent="spare")
    await scene.bridge.until("wrap_up_ended", count=served + 1)


async def _until_degraded(scene: Scene, degraded: float) -> None:
    for _ in range(100):
        if await scene.metric("store_degraded") == degraded:
            return
        await pause(0.1)
    raise AssertionError(f"store_degraded is not {degraded}")


async def _survives_a_restart(scene: Scene) -> None:
    await scene.bridge.kill()
    await scene.bridge.start()
    await scene.rung_again(now())
    await scene.all_is_well()
    await scene.places_kept()
    assert (await scene.figures())["spare"]["answered"] == 1


@pytest.mark.parametrize("version", [22, 16])
async def test_a_redis_that_stands_still_for_three_seconds_holds_up_nobody(version: int) -> None:
    async with RedisServer() as redis, setting(version, redis) as scene:
        await scene.begin()
        redis.freeze()
        await _a_call_is_served(scene)
        await _until_degraded(scene, 1.0)
        await pause(1.5)
        redis.thaw()
        await _until_degraded(scene, 0.0)
        await _survives_a_restart(scene)


@pytest.mark.parametrize("appendonly", [False, True])
async def test_a_redis_that_died_has_the_world_again_when_it_is_back(appendonly: bool) -> None:
    async with RedisServer(appendonly=appendonly) as redis, setting(22, redis) as scene:
        await scene.begin()
        await redis.kill()
        await _a_call_is_served(scene)
        await _until_degraded(scene, 1.0)
        await redis.start()
        await _until_degraded(scene, 0.0)
        await _survives_a_restart(scene)


async def test_a_redis_that_forgot_everything_in_a_quiet_moment_is_found_out() -> None:
    async with RedisServer() as redis, setting(22, redis) as scene:
        await scene.begin()
        await scene.hang_up(RINGING)
        await scene.bridge.until("call_ended", call=scene.call_of(RINGING))
        await pause(1.0)
        await redis.kill()
        await redis.start()
        await pause(3.0)
        await scene.bridge.kill()
        await scene.bridge.start()
        await scene.all_is_well()
        await scene.places_kept()


@pytest.mark.parametrize("version", [22, 16])
async def test_a_second_instance_takes_over_and_the_first_one_stands_down(version: int) -> None:
    async with RedisServer() as redis, setting(version, redis) as scene:
        await scene.begin()
        first = scene.bridge
        # Warm: a cold start may take longer than the phone rings, and then there is nothing to ring again.
        async with Callbridge(scene.pbx, CONFIG, redis=redis, warm=True) as second:
            back = now()
            assert await first.process.wait(5) == 3
            scene.bridge = second
            await scene.rung_again(back)
            await scene.all_is_well()
            await scene.places_kept()
            assert not [line for line in second.lines() if line["event"] == "store degraded" and line["why"] != "slow"]
            await second.kill()
            await second.start()
            await scene.still_talking(TALKING, NAILED)
            await scene.figures_add_up()
        scene.bridge = first


@pytest.mark.parametrize("version", [22, 16])
async def test_calls_whose_rows_cannot_be_read_are_found_again_in_the_pbx(version: int) -> None:
    async with RedisServer() as redis, setting(version, redis) as scene:
        bridge = scene.bridge
        await scene.begin()
        talking = {fact["agent"]: fact["call"] for fact in bridge.facts("talk_began")}
        await bridge.kill()
        calls = RedisSettings(url=redis.url, world="callbridge").private("calls")
        lost = [scene.call_of(number) for number in (PLAIN, RINGING, TALKING, NAILED)]
        for call in lost:
            await output("redis-cli", "-u", redis.url, "hset", calls, call, "[2,{}]")
        await bridge.start()
        unreadable = [line["key"] for line in bridge.lines() if line["event"] == "a saved row cannot be read"]
        assert sorted(unreadable) == sorted(lost)

        await scene.still_talking(TALKING, AGENT_LEAVES, CUSTOMER_LEAVES, NAILED)
        adopted = {fact["agent"]: fact["call"] for fact in bridge.facts("call_adopted")}
        assert adopted == {who: talking[who] for who in ("ann", "nailed")}
        assert [fact["reason"] for call in lost[:2] for fact in bridge.facts("visit_ended", call=call)] == ["lost", "lost"]
        assert sorted(fact["call"] for fact in bridge.facts("call_ended")) == sorted([scene.call_of(WRAPPED), *lost[:2]])
        await scene.figures_add_up()
        rows = {row["number"]: row for row in await bridge.calls()}
        for number in (PLAIN, GOLD, THIRD):
            assert rows[number]["state"] == "waiting"
            assert abs(rows[number]["arrived_at"] - scene.arrived[number]) < 0.2 + crowded()
        await scene.rung_again(now())
        await scene.hang_up(TALKING)
        await scene.hang_up(NAILED)
        for who in ("ann", "nailed"):
            await bridge.until_state(who, "ready")
        await scene.serve_the_line()
        assert [record.caller_number for record in scene.at_phone("1004")][:3] == [GOLD, PLAIN, THIRD]
        await scene.figures_add_up()


async def test_the_same_instance_started_twice_by_mistake_harms_nobody() -> None:
    async with RedisServer() as redis, setting(22, redis) as scene:
        await scene.begin()
        twin = await Process.callbridge("serve", "-c", scene.bridge.path, log=scene.bridge.folder / "twin")
        assert await twin.wait(10) == 1
        await pause(2.0)
        assert scene.bridge.process.running
        await scene.all_is_well()
        assert len(scene.phones["1001"].records()) == 1
