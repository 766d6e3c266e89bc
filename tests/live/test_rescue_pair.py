"""``rescue`` beside an instance of a pair: it leaves the callers to who holds the lease, unless that one cannot reach the PBX or
keeps starting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from callbridge.adapters.ari.restarts import MOST_STARTS
from tests.lab.process import Process
from tests.lab.redis import RedisServer
from tests.live.forwarder import Forwarder
from tests.live.scene import NAILED, TALKING, WAITING, Scene, pause, setting
from tests.live.test_standby import named

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(150)]
FALLBACK = "a stranded caller was sent to the fallback"
LEFT = "the callers are left to an instance that is there"


async def _rescued(scene: Scene) -> list[dict[str, Any]]:
    """What it says in one run, on a machine that reaches the PBX."""
    config = json.loads(scene.bridge.path.read_text())
    config["pbx"][0]["ari"]["url"] = scene.pbx.ari_url
    path, log = Path(scene.bridge.folder, "rescue.yaml"), Path(scene.bridge.folder, "rescue")
    path.write_text(json.dumps(config))
    log.unlink(missing_ok=True)
    process = await Process.callbridge("rescue", "-c", path, log=log)
    assert await process.wait(60.0) == 0
    return [json.loads(line) for line in log.read_text().splitlines()]


def _helped(said: list[dict[str, Any]]) -> int:
    return sum(line["event"] == FALLBACK for line in said)


async def test_callers_of_a_leader_go_to_the_fallback_when_it_is_cut_off_from_the_pbx_and_when_it_is_dead() -> None:
    async with RedisServer() as redis, Forwarder() as wire, setting(22, redis, config=named("first"), via=wire.to) as scene:
        await scene.begin()
        wire.cut(refuse=True)
        await scene.bridge.until_missing("no ARI link")
        assert _helped(await _rescued(scene)) >= len(WAITING)
        wire.restore()
        await scene.bridge.until_ready()
        await scene.still_talking(TALKING, NAILED)
        await scene.bridge.kill()
        assert LEFT not in [line["event"] for line in await _rescued(scene)]
        assert scene.record(TALKING).ended_at is None


async def test_callers_of_a_callbridge_that_starts_again_and_again_go_to_the_fallback_though_it_has_the_lease() -> None:
    async with RedisServer() as redis, setting(22, redis, config=named("first")) as scene:
        await scene.begin()
        for start in range(MOST_STARTS):
            await scene.bridge.kill()
            await scene.bridge.launch()
            await scene.bridge.until("ari link up", count=start + 2, limit=20)
            await pause(0.6)  # until it has stamped
        assert "callers are left to rescue" in " ".join((await scene.bridge.probe())[1]["notes"])
        assert _helped(await _rescued(scene)) >= len(WAITING)
        assert (await scene.bridge.probe())[1]["role"] == "leader"
