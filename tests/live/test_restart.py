"""callbridge is killed or stopped under calls and started again: nobody is lost, and everybody keeps the place."""

from __future__ import annotations

import pytest

from tests.lab.redis import RedisServer
from tests.lab.sip import Call
from tests.live.foreign import foreign
from tests.live.house import crowded
from tests.live.scene import (
    AGENT_LEAVES,
    CUSTOMER_LEAVES,
    GOLD,
    IMPATIENT,
    NAILED,
    PLAIN,
    RINGING,
    TALKERS,
    TALKING,
    THIRD,
    WRAP_UP,
    Scene,
    now,
    pause,
    setting,
)

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
CASES = [(22, "kill", 0.0), (22, "kill", 3.0), (22, "stop", 3.0), (16, "kill", 3.0)]


async def _away(scene: Scene, how: str) -> None:
    if how == "kill":
        await scene.bridge.kill()
    else:
        await scene.bridge.stop()
        assert scene.bridge.process.returncode == 0


@pytest.mark.parametrize(("version", "how", "gap"), CASES)
async def test_a_restart_under_calls_loses_nobody(version: int, how: str, gap: float) -> None:
    warm = gap == 0.0  # else as a shell starts it, with other hashes, imports and an end of its own
    async with RedisServer() as redis, setting(version, redis, warm=warm) as scene, foreign(scene.pbx) as other:
        bridge = scene.bridge
        await scene.begin()
        await _away(scene, how)
        await scene.people_leave()
        await scene.newcomer_is_in_the_fallback()
        await pause(gap)
        await bridge.start()
        back = now()

        await scene.rung_again(back)
        await scene.the_books_know_who_left(estimated=True)
        await scene.all_is_well()
        await bridge.until_state("wrap", "ready", limit=WRAP_UP + 3)
        over = await bridge.until("wrap_up_ended", agent="wrap")  # the log may be a moment behind
        assert len(bridge.facts("wrap_up_ended", agent="wrap")) == 1
        assert WRAP_UP - 0.1 <= over["lasted"] < WRAP_UP + 0.5 + crowded()
        await scene.everybody_leaves()
        await other.unharmed()
        assert scene.trouble() == []


@pytest.mark.parametrize("version", [22, 16])
async def test_a_ring_and_a_wrap_up_that_end_while_we_are_away_cost_nobody_anything(version: int) -> None:
    async with RedisServer() as redis, setting(version, redis) as scene:
        bridge = scene.bridge
        await bridge.ask("paused", "not-ready", reason="lunch")
        await scene.call(Call(dialled="ring", number=RINGING))
        await scene.phones["1001"].until(lambda record: record.ringing_at)
        await scene.call(Call(dialled="talk", number=TALKING, hang_up_after=1.0))
        await bridge.until("talk_ended")
        await bridge.kill()
        await pause(7.0)
        await bridge.start()
        await scene.rung_again(now())
        assert await bridge.state("bell") == "ringing"
        assert await bridge.state("ann") == "ready"
        assert {fact["result"] for fact in bridge.facts("offer_ended", agent="bell")} == {"cancelled"}
        assert len(bridge.facts("offer_made", agent="bell")) == 2


@pytest.mark.parametrize("version", [22, 16])
async def test_without_a_saved_world_callers_are_queued_by_the_age_of_their_channel(version: int) -> None:
    async with setting(version, None) as scene:
        bridge = scene.bridge
        await scene.begin()
        await bridge.kill()
        await scene.hang_up(CUSTOMER_LEAVES)
        await bridge.start()
        back = now()
        found = await bridge.until("call_arrived", count=10 + 5)
        assert found["found_waiting"] is True
        first = scene.phones["1001"].records()[0]
        await bridge.eventually(lambda: scene.phones["1001"].records()[0].ended_at, 3)
        assert (scene.phones["1001"].records()[0].ended_at or 0.0) < back + 1.0 + crowded()
        again = await scene.phones["1001"].until(lambda record: record.call_id != first.call_id)
        assert again.outcome == "ringing"
        await scene.still_talking(TALKING, AGENT_LEAVES, NAILED)
        await bridge.eventually(lambda: scene.at_phone(TALKERS[CUSTOMER_LEAVES])[0].ended_at, 3)
        arrived = {row["number"]: row["arrived_at"] for row in await bridge.calls()}
        waiting = (PLAIN, GOLD, THIRD, IMPATIENT)
        for number in waiting:
            assert abs(arrived[number] - scene.arrived[number]) < 0.2 + crowded()
        await bridge.until_state("nailed", "talking")
        for number in (TALKING, NAILED, RINGING):
            assert scene.record(number).ended_at is None
        await scene.serve_the_line()
        await bridge.eventually(lambda: scene.record(IMPATIENT).ended_at)
        assert list(dict.fromkeys(record.caller_number for record in scene.at_phone("1004"))) == [GOLD, PLAIN, THIRD, IMPATIENT]
        await scene.figures_add_up()
