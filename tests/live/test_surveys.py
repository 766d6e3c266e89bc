"""Surveys after the talk on the real PBX: complete, partial, refused, no answer, hung up at each question, never too often."""

import asyncio
from typing import Any

import pytest

from tests.lab import sounds
from tests.lab.audio import Softphone, longest_silence
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {"test_a_caller_answers_every_question", "test_a_restart_in_a_survey_asks_again"}
ASK = "sound:/lab/sounds/tones/third"


def surveyed(**more: Any) -> dict[str, Any]:
    questions = [
        {"ask": ASK, "name": "friendly", "alert": [1]},
        {"ask": ASK, "name": "solved", "kind": "yes_no"},
    ]
    survey = {"opt_in": ASK, "questions": questions, "thanks": "beep", "wait": "3s", "tries": 1} | more
    queues = {"support": {"steps": [{"skills": "support"}], "survey": "service"}}
    return floor({"1001": agent("1001", {"support": 1})}, queues, surveys={"service": survey}, keys={"*9": "survey"})


async def talked(bridge: Callbridge, caller: Softphone, to: str = "support") -> None:
    """Until the agent has hung up and the survey has asked whether the caller will, or has passed the caller over."""
    count = len(bridge.facts("flow_stepped")) + 2
    await caller.call(to)
    await bridge.until("flow_stepped", count=count)


async def press(bridge: Callbridge, caller: Softphone, *keys: str) -> None:
    for key in keys:
        count = len(bridge.facts("flow_stepped")) + 1
        caller.press(key, len([event for event in caller.events if event["event"] == "calling"]))
        await bridge.until("flow_stepped", count=count)


async def test_a_caller_answers_every_question(house: House, pbx: Pbx) -> None:
    async with Phone(pbx, "1001", PhoneScript.answers(talk=1.0)), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(surveyed())
        await talked(bridge, caller)
        await press(bridge, caller, "1", "4", "2")
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("survey_ended")
        assert (ended["result"], ended["answers"], ended["agent"], ended["queue"]) == ("complete", 2, "1001", "support")
        told = [(line["question"], line["answer"]) for line in bridge.facts("survey_answered")]
        assert told == [("friendly", "4"), ("solved", "2")]
        assert (await bridge.until("call_ended"))["outcome"] == "answered"
    assert longest_silence(caller.recording()) < 2.0


@pytest.mark.parametrize(("keys", "result"), [((), "no_answer"), (("2",), "refused"), (("1", "1"), "partial")])
async def test_silence_and_refusal_come_to_an_end(house: House, pbx: Pbx, keys: tuple[str, ...], result: str) -> None:
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(surveyed())
        await talked(bridge, caller)
        await press(bridge, caller, *keys)
        await caller.until_state("DISCONNECTED", limit=30)
        assert (await bridge.until("survey_ended"))["result"] == result
        assert len(bridge.facts("survey_alerted")) == ("1" in keys[1:])


@pytest.mark.parametrize("keys", [(), ("1",), ("1", "4")], ids=["opt-in", "first", "second"])
async def test_a_caller_may_hang_up_at_each_question(house: House, pbx: Pbx, keys: tuple[str, ...]) -> None:
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(surveyed())
        await talked(bridge, caller)
        await press(bridge, caller, *keys)
        caller.hang_up()
        ended = await bridge.until("survey_ended")
        assert ended["answers"] == max(0, len(keys) - 1)
        await bridge.until("call_ended")


async def test_nobody_is_asked_twice_or_who_hung_up_first(house: House, pbx: Pbx) -> None:
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(surveyed())
        await talked(bridge, caller)
        caller.hang_up()
        await bridge.until("call_ended")
        await talked(bridge, caller)
        await caller.until_state("DISCONNECTED", call=2)
        await bridge.until("call_ended", count=2)  # the phone may know it first
        assert [line["result"] for line in bridge.facts("survey_ended")] == ["refused", "skipped"]
    async with Phone(pbx, "1001"), Softphone(pbx, "4930101", trunk=True) as other:
        await other.call("support")
        await bridge.until("talk_began", count=3)
        other.hang_up()
        await bridge.until("call_ended", count=3)
        assert len(bridge.facts("survey_ended")) == 2


async def test_an_agent_s_code_begins_the_survey(house: House, pbx: Pbx) -> None:
    async with Softphone(pbx, "1001", tone=sounds.TONES["agent"]) as desk, Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(surveyed())
        await caller.call("support")
        await bridge.until("talk_began")
        await asyncio.sleep(0.5)
        desk.press("*9")
        await desk.until_state("DISCONNECTED")
        await caller.until_hears(sounds.TONES["third"])
        caller.hang_up()
        await bridge.until("survey_ended")


async def test_a_restart_in_a_survey_asks_again(house: House, pbx: Pbx) -> None:
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(surveyed(wait="9s"))
        await talked(bridge, caller)
        await press(bridge, caller, "1", "4")
        await bridge.kill()
        await bridge.start()
        await caller.until_hears(sounds.TONES["third"], limit=10)
        caller.press("1")
        await caller.until_state("DISCONNECTED", limit=20)
        assert (await bridge.until("survey_ended"))["result"] == "complete"


async def test_a_flow_may_lead_into_a_survey_too(house: House, pbx: Pbx) -> None:
    config = surveyed()
    config["flows"] = {"ask": {"nodes": {"ask": {"survey": "service"}}}}
    config["entries"] = {"ask": {"flow": "ask"}}
    async with Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(config)
        await caller.call("ask")
        await bridge.until("flow_stepped", count=3)
        await press(bridge, caller, "1", "5", "1")
        await caller.until_state("DISCONNECTED")
        assert (await bridge.until("survey_ended"))["result"] == "complete"
