"""Before the talk and beside it, on the real PBX: whisper, agent's number, confirming by key, recordings, agent of last time."""

import asyncio
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.lab import sounds
from tests.lab.audio import Softphone, loudness
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

RECORDS = True
"""This module's AMI user may start MixMonitor."""
ON_16 = {
    "test_both_are_told_and_then_talk",
    "test_a_mobile_phone_takes_a_call_by_a_key",
    "test_a_talk_is_recorded_pauses_and_goes_on",
}

VOICE, REPLY, MUSIC, THIRD, APOLOGY = (sounds.TONES[name] for name in ("caller", "agent", "music", "third", "apology"))
WHISPER, READ_OUT = "sound:/lab/sounds/tones/third", "sound:/lab/sounds/tones/apology"


def desk(queue: dict[str, Any], connect: str = "ring", **more: Any) -> dict[str, Any]:
    staff = agent("1001", {"support": 1}, connect) | more.pop("agent", {})
    return floor({"1001": staff}, {"support": {"steps": [{"skills": "support"}]} | queue}, **more)


@pytest.mark.parametrize("connect", ["ring", "nailed_up"])
async def test_both_are_told_and_then_talk(house: House, pbx: Pbx, connect: str) -> None:
    bridge = await house.open(desk({"whisper": WHISPER, "read_out": READ_OUT}, connect))
    async with Softphone(pbx, "1001", tone=REPLY) as ann, Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        if connect == "nailed_up":
            await bridge.until("agent_changed", agent="1001", state="ready")
        await caller.call("support")
        await asyncio.gather(ann.until_hears(THIRD, limit=10), caller.until_hears(APOLOGY, limit=10))
        assert not ann.hears(VOICE, last=0.3)
        await ann.until_hears(VOICE, limit=10)
        await caller.until_hears(REPLY)
        assert not ann.hears(APOLOGY, last=0.3)
        caller.hang_up()
        await bridge.until("talk_ended")
        if connect == "nailed_up":
            await bridge.ask("1001", "logout")


async def test_a_mobile_phone_takes_a_call_by_a_key(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desk({}, agent={"confirm": True}, prompts={"confirm": WHISPER}))
    async with Softphone(pbx, "1001", tone=REPLY) as ann, Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await ann.until_hears(THIRD, limit=10)
        assert not caller.hears(REPLY, last=0.3)
        ann.press("1")
        await ann.until_hears(VOICE)
        await caller.until_hears(REPLY)
        caller.hang_up()
        await bridge.until("talk_ended")


async def test_a_voicemail_takes_no_call(house: House, pbx: Pbx) -> None:
    config = desk({"no_answer": {"rest": "1h"}}, agent={"confirm": True}, prompts={"confirm": WHISPER})
    bridge = await house.open(config)
    async with Softphone(pbx, "1001", tone=REPLY), Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        ended = await bridge.until("offer_ended", limit=30)
        assert ended["result"] == "no_answer"
        await caller.until_hears(MUSIC)
        caller.hang_up()
        await bridge.until("call_ended")


def seconds(path: Path) -> float:
    with wave.open(str(path)) as file:
        return float(file.getnframes() / file.getframerate())


async def test_a_talk_is_recorded_pauses_and_goes_on(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desk({"record": {"file": "{day}/{call}-{part}.wav"}}, keys={"*7": "pause_recording"}))
    async with Softphone(pbx, "1001", tone=REPLY) as ann, Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await ann.until_hears(VOICE)
        (row,) = await bridge.calls()
        await asyncio.sleep(1.0)
        ann.press("*7")
        await bridge.until("request_granted", request="pause_recording")
        await asyncio.sleep(2.0)
        await asyncio.to_thread(bridge.client.act_on_call, row["id"], "resume-recording")
        await asyncio.sleep(1.0)
        caller.hang_up()
        told = await bridge.until("call_recorded")
    assert told["file"] == f"{told['file'].split('/')[0]}/{row['id']}-1.wav"
    assert 1.5 < told["paused"] < told["lasted"]
    file = pbx.folder / "spool" / "monitor" / told["file"]
    for _ in range(50):
        if file.exists() and seconds(file) > told["lasted"] - 1.5:
            break
        await asyncio.sleep(0.1)
    assert abs(seconds(file) - told["lasted"]) < 1.5, "what is paused is silent in it"
    for tone in (VOICE, REPLY):
        assert loudness(file, tone, 0.5) > 0.01, "both sides, at the end again"


async def test_a_recording_that_fails_is_told_and_the_talk_goes_on(house: House, pbx: Pbx) -> None:
    house.explains_pbx("app_mixmonitor.c: .*")
    bridge = await house.open(desk({"record": {"file": "x/{call}-{part}.wav"}}))
    async with Phone(pbx, "1001", PhoneScript.answers()), Softphone(pbx, "4930100", trunk=True) as caller:
        await pbx.cli("module unload app_mixmonitor.so")
        try:
            await caller.call("support")
            failed = await bridge.until("recording_failed")
            assert failed["why"].startswith("not recorded: refused")
            await bridge.until("talk_began")
        finally:
            await pbx.cli("module load app_mixmonitor.so")
        caller.hang_up()
        await bridge.until("talk_ended")


async def test_a_caller_is_led_to_the_agent_of_last_time_and_counted_as_a_repeat(house: House, pbx: Pbx) -> None:
    staff = {"1001": agent("1001", {"support": 1}), "1002": agent("1002", {"support": 1})}
    queues = {"support": {"steps": [{"skills": "support"}], "wrap_up": "0s", "prefer": {"for": "10s", "last_agent": "30d"}}}
    bridge = await house.open(floor(staff, queues, repeat_calls={"within": "24h"}))
    async with (
        Phone(pbx, "1001", PhoneScript.answers(talk=0.5)) as one,
        Phone(pbx, "1002", PhoneScript.answers(talk=0.5)) as two,
        Softphone(pbx, "4930100", trunk=True) as caller,
    ):
        for turn in range(1, 4):
            await caller.call("support")
            await bridge.until("talk_ended", count=turn)
            await caller.until_state("DISCONNECTED", call=turn)
        assert sorted([len(one.records()), len(two.records())]) == [0, 3], "the other one was idle for longer"
        repeats = bridge.facts("call_repeated")
        assert [(line["agent"], line["queue"]) for line in repeats] == [(bridge.facts("talk_began")[0]["agent"], "support")] * 2
