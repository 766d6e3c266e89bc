"""Recordings over a restart, on the real PBX: ours is found again and ended, somebody else's on the same channel is not."""

import asyncio
from typing import Any

import pytest

from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import StopRecording
from callbridge.wire.ami import recording_request
from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

RECORDS = True
"""This module's AMI user may start MixMonitor."""
ON_16 = {
    "test_after_a_restart_our_recording_is_stopped_and_no_other",
    "test_a_recording_whose_start_was_lost_begins_with_the_restart",
}

VOICE, REPLY = (sounds.TONES[name] for name in ("caller", "agent"))
FOREIGN = "foreign.wav"


def desks() -> dict[str, Any]:
    """Bob, who is asked last, is not recorded."""
    queues: dict[str, dict[str, Any]] = {
        "support": {"steps": [{"skills": "support"}], "record": {"file": "{call}-{part}.wav"}},
        "sales": {"steps": [{"skills": "sales"}]},
    }
    return floor({"ann": agent("1001", {"support": 1}), "bob": agent("1007", {"sales": 1})}, queues)


async def channel(pbx: Pbx) -> str:
    lines = (await pbx.cli("core show channels concise")).splitlines()
    (name,) = [
        line.partition("!")[0] for line in lines if line.startswith("PJSIP/") and "-1001" not in line and "/1001" not in line
    ]
    return name


async def files(pbx: Pbx, name: str) -> set[str]:
    """Into which files the channel is being recorded."""
    lines = (await pbx.cli(f"mixmonitor list {name}")).split()
    return {word.rpartition("/")[2] + ".wav" for word in lines if "/monitor/" in word}


async def restarted(bridge: Callbridge) -> None:
    await bridge.kill()
    await bridge.start()
    await bridge.until_state("ann", "talking")


async def test_after_a_restart_our_recording_is_stopped_and_no_other(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    async with Softphone(pbx, "1001", tone=REPLY) as ann, Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await ann.until_hears(VOICE)
        name, (row,) = await channel(pbx), await bridge.calls()
        ours = f"{row['id']}-1.wav"
        await bridge.eventually((pbx.folder / "spool" / "monitor" / ours).exists)
        await pbx.cli(f"mixmonitor start {name} {FOREIGN}")
        assert await files(pbx, name) == {ours, FOREIGN}
        await restarted(bridge)
        await asyncio.to_thread(bridge.client.act_on_call, row["id"], "transfer", to="queue:sales")
        await bridge.until("call_recorded")
        async with asyncio.timeout(5.0):
            while ours in await files(pbx, name):
                await asyncio.sleep(0.1)
        assert await files(pbx, name) == {FOREIGN}
        caller.hang_up()
        await bridge.until("call_ended")
    assert not bridge.facts("recording_failed")


async def test_a_recording_whose_start_was_lost_begins_with_the_restart(house: House, pbx: Pbx) -> None:
    """Lost as by a crash between save and send: the PBX has neither the recording nor its ID."""
    bridge = await house.open(desks())
    async with Softphone(pbx, "1001", tone=REPLY) as ann, Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await ann.until_hears(VOICE)
        name, (row,) = await channel(pbx), await bridge.calls()
        ours = f"{row['id']}-1.wav"
        await bridge.eventually((pbx.folder / "spool" / "monitor" / ours).exists)
        await bridge.kill()
        variable = recording_request(StopRecording(leg=leg_id("pbx1", name), call="", file=ours))["Variable"]
        await pbx.cli(f'dialplan set chanvar {name} {variable} ""')
        await pbx.cli(f"mixmonitor stop {name}")
        assert await files(pbx, name) == set()
        await asyncio.sleep(2.0)
        await bridge.start()
        failed = await bridge.until("recording_failed")
        assert failed["why"].startswith("not recorded until now")
        async with asyncio.timeout(5.0):
            while await files(pbx, name) != {ours}:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)
        caller.hang_up()
        told = await bridge.until("call_recorded")
        ended = await bridge.until("talk_ended")
    assert told["lasted"] < ended["talked"] - 2.0, "of what is in the file"
