"""callbridge is killed or stopped under calls and started again: nobody is lost, and everybody keeps the place."""

from __future__ import annotations

import pytest

from tests.lab.redis import RedisServer
from tests.lab.sip import Call
from tests.live.scene import (
    AGENT_LEAVES,
    CUSTOMER_LEAVES,
    IMPATIENT,
    NAILED,
    NEWCOMER,
    RINGING,
    TALKERS,
    TALKING,
    WRAP_UP,
    WRAPPED,
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
    async with RedisServer() as redis, setting(version, redis) as scene:
        bridge = scene.bridge
        await scene.begin()
        talking_since = {number: scene.record(number).answered_at for number in TALKERS}
        spare = scene.at_phone("1005")

        await _away(scene, how)
        await scene.hang_up(IMPATIENT)
        await scene.hang_up(CUSTOMER_LEAVES)
        await scene.hang_up_phone(TALKERS[AGENT_LEAVES])
        await scene.call(Call(dialled="line", number=NEWCOMER, name="newcomer"))
        await scene.until_answered(NEWCOMER)
        await scene.until_in_fallback(1)
        await pause(gap)
        await bridge.start()
        back = now()

        await scene.rung_again(back)
        for number in (IMPATIENT, CUSTOMER_LEAVES):
            (ended,) = [await bridge.until("call_ended", call=scene.call_of(number))]
            assert ended["estimated"] is True
        (left,) = bridge.facts("visit_ended", call=scene.call_of(IMPATIENT))
        assert left["outcome"] in ("abandoned", "short_abandoned")
        assert left["estimated"] is True
        lost = await bridge.until("talk_ended", call=scene.call_of(AGENT_LEAVES))
        assert lost["estimated"] is True
        await bridge.eventually(lambda: scene.record(AGENT_LEAVES).ended_at)
        await scene.still_talking(TALKING, NAILED)
        assert scene.record(TALKING).answered_at == talking_since[TALKING]
        assert await bridge.state("ann") == "talking"
        assert await bridge.state("nailed") == "talking"
        assert await bridge.state("spare") == "ready"
        assert scene.at_phone("1005") == spare
        assert await bridge.state("paused") == "not_ready"
        await scene.figures_add_up()
        await scene.places_kept()
        await bridge.until_state("wrap", "ready", limit=WRAP_UP + 3)
        (over,) = bridge.facts("wrap_up_ended", agent="wrap")
        assert WRAP_UP - 0.1 <= over["lasted"] < WRAP_UP + max(0.5, back - 1 - scene.arrived[RINGING])
        for who in ("bob", "cid"):
            await bridge.until_state(who, "ready")
        await scene.hang_up(RINGING)
        await scene.hang_up(TALKING)
        await scene.hang_up(NAILED)
        await bridge.eventually(lambda: scene.record(NAILED).ended_at)
        await bridge.until("call_ended", count=10)
        await scene.figures_add_up()
        assert await scene.figures() == {
            "line": _row(offered=4, answered=3, **{left["outcome"]: 1}),
            "ring": _row(offered=1, abandoned=1),
            "talk": _row(offered=3, answered=3),
            "wrap": _row(offered=1, answered=1),
            "nail": _row(offered=1, answered=1),
            "spare": _row(),
        }
        scene.no_id_twice()
        assert scene.record(WRAPPED).ended_by == "caller"
        assert scene.trouble() == []


def _row(**counts: int) -> dict[str, int]:
    names = ("offered", "answered", "abandoned", "short_abandoned", "overflowed", "failed", "waiting")
    return {name: counts.get(name, 0) for name in names}
