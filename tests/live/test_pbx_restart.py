"""Asterisk itself goes away under calls: the books end cleanly, the agents can be used again, the next call is served."""

from __future__ import annotations

import pytest

from tests.lab.redis import RedisServer
from tests.lab.sip import Call
from tests.live.scene import NAILED, RINGING, TALKING, WRAP_UP, Scene, setting

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
AGAIN = {"talk": "4930101", "nail": "4930102", "line": "4930103"}


async def _fall(scene: Scene, how: str) -> None:
    if how == "kill":
        await scene.pbx.kill()
        await scene.pbx.start()
    else:
        await scene.pbx.restart()


@pytest.mark.parametrize("version", [22, 16])
@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_when_asterisk_falls_the_books_end_and_the_next_call_is_served(version: int, how: str) -> None:
    async with RedisServer() as redis, setting(version, redis) as scene:
        bridge = scene.bridge
        await scene.begin()
        await _fall(scene, how)
        await bridge.until("ari link up", count=2, limit=20)
        await scene.nobody_left()
        await scene.figures_add_up()
        figures = await scene.figures()
        assert [row["waiting"] for row in figures.values()] == [0] * len(figures)
        for number in (TALKING, NAILED, RINGING):
            assert len(bridge.facts("call_ended", call=scene.call_of(number))) == 1
        for who in ("ann", "bob", "cid", "bell", "spare", "nailed"):
            await bridge.until_state(who, "ready", limit=20)
        await bridge.until_state("wrap", "ready", limit=WRAP_UP + 5)
        assert await bridge.state("paused") == "not_ready"
        await bridge.ask("paused", "ready")
        for entry, number in AGAIN.items():
            await scene.call(Call(dialled=entry, number=number, hang_up_after=1.5))
        await bridge.eventually(lambda: len(bridge.facts("talk_ended")) >= 6 + 2, 10)
        await scene.nobody_left()
        await scene.figures_add_up()
        scene.no_id_twice()
