"""Calls transferred, and supervisors in talks, with real voice: who hears whom, and nobody is left in silence."""

import asyncio
from typing import Any

import pytest

from callbridge.cli.client import ApiError
from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.config import PHONES_HOST
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House
from tests.live.talks import REPLY, THIRD, VOICE, talking

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_a_colleague_who_leaves_a_conference_is_in_the_calls_record",
    "test_a_consult_that_is_completed",
    "test_a_caller_whom_nobody_takes_is_back_with_the_agent",
    "test_a_supervisor_listens_whispers_barges_in_and_leaves",
    "test_supervision_ends_with_the_talk_and_taking_over_goes_on",
}

MUSIC = sounds.TONES["music"]
KEYS = {"*1": "transfer", "*2": "consult", "*3": "complete", "*4": "return", "*5": "conference"}


def three_desks(connect: str = "ring") -> dict[str, Any]:
    """Ann talks to callers; bob, whose id is 1007, knows better. 1005 is nobody's phone."""
    return floor(
        {"ann": agent("1008", {"support": 1}), "1007": agent("1007", {"sales": 1}, connect)},
        {"support": {"steps": [{"skills": "support"}]}, "sales": {"steps": [{"skills": "sales"}], "extension": "800"}},
        keys=KEYS,
        outside={"dial": "Local/{number}@lab-numbers/n", "numbers": ["100X"]},
    )


@pytest.mark.parametrize("connect", ["ring", "nailed_up"])
async def test_a_consult_that_is_completed(house: House, pbx: Pbx, connect: str) -> None:
    bridge = await house.open(three_desks(connect))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        if connect == "nailed_up":
            await bridge.until("agent_changed", agent="1007", state="ready")
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*21007#")
        await caller.until_hears(MUSIC, limit=10.0)
        await ann.until_hears(THIRD)
        await bob.until_hears(REPLY)
        assert not bob.hears(VOICE, last=0.3)
        ann.press("*3")
        await caller.until_hears(THIRD)
        await bob.until_hears(VOICE)
        await ann.until_state("DISCONNECTED")
        talks = bridge.facts("talk_began")
        assert [talk["agent"] for talk in talks] == ["ann", "1007"]
        assert await bridge.state("1007") == "talking"
        caller.hang_up()
        ended = await bridge.until("call_ended")
    (told,) = bridge.facts("call_transferred")
    assert (told["attended"], ended["segments"]) == (True, 2)
    row = await bridge.queue("support")
    assert (int(row["offered"]), int(row["answered"])) == (1, 1)


async def test_a_consult_that_is_given_up_brings_the_caller_back(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with Softphone(pbx, "1007", tone=THIRD) as bob, talking(pbx, bridge) as (ann, caller):
        ann.press("*21007#")
        await ann.until_hears(THIRD)
        ann.press("*4")
        await bob.until_state("DISCONNECTED")
        await caller.until_hears(REPLY)
        await ann.until_hears(VOICE)
        await caller.until_hears_no_more(MUSIC)
        ann.hang_up()
        await caller.until_state("DISCONNECTED")
        await bridge.until("agent_changed", agent="1007", state="ready", previous="talking")
    assert [fact["result"] for fact in bridge.facts("transfer_ended")] == ["returned"]


async def test_three_talk_and_the_caller_stays_with_the_colleague(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with Softphone(pbx, "1007", tone=THIRD) as bob, talking(pbx, bridge) as (ann, caller):
        ann.press("*21007#")
        await ann.until_hears(THIRD)
        ann.press("*5")
        for phone, tones in ((caller, (REPLY, THIRD)), (ann, (VOICE, THIRD)), (bob, (VOICE, REPLY))):
            for tone in tones:
                await phone.until_hears(tone)
        ann.hang_up()
        await bridge.until("talk_began", agent="1007")
        await bob.until_hears(VOICE)
        await caller.until_hears(THIRD)
        bob.hang_up()
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
    (told,) = bridge.facts("conference_ended")
    assert (told["agent"], told["by"], told["talked"] > 0.5, ended["segments"]) == ("1007", "ann", True, 2)


async def test_a_colleague_who_leaves_a_conference_is_in_the_calls_record(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with Softphone(pbx, "1007", tone=THIRD) as bob, talking(pbx, bridge) as (ann, caller):
        ann.press("*21007#")
        await ann.until_hears(THIRD)
        ann.press("*5")
        await caller.until_hears(THIRD)
        began = await bridge.until("conference_began")
        await asyncio.sleep(0.5)
        bob.hang_up()
        over = await bridge.until("conference_ended")
        await bridge.until("agent_changed", agent="1007", state="wrap_up")
        await caller.until_hears(REPLY)
        await ann.until_hears(VOICE)
        caller.hang_up()
        ended = await bridge.until("call_ended")
        await bridge.until("agent_changed", agent="1007", state="ready", previous="wrap_up")
    assert (over["agent"], over["talked"]) == ("1007", pytest.approx(over["at"] - began["at"], abs=0.01))
    assert ([fact["result"] for fact in bridge.facts("transfer_ended")], ended["segments"]) == (["conference"], 2)
    shown = str(await asyncio.to_thread(bridge.client.explain, "calls", ended["call"]))
    assert "conference: the caller, Agent 1008 (ann)" in shown
    assert "conference over: agent Agent 1007 (1007) talked with the caller for" in shown


async def test_a_caller_whom_nobody_takes_is_back_with_the_agent(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with Phone(pbx, "1007", PhoneScript.rejects()), talking(pbx, bridge) as (ann, caller):
        ann.press("*11007#")
        await ann.until_state("DISCONNECTED")
        await bridge.until("talk_began", count=2, agent="ann")
        await ann.until("media", call=2)
        await ann.until_hears(VOICE, 2)
        await caller.until_hears(REPLY)
        await caller.until_hears_no_more(MUSIC)
        (row,) = await bridge.calls()
        assert (row["transfer"], row["transfer_failed"], row["transfer_failed_to"]) == ("", "rejected", "agent:1007")
        ann.hang_up(2)
        await caller.until_state("DISCONNECTED")
    assert [(fact["kind"], fact["result"]) for fact in bridge.facts("transfer_ended")] == [
        ("blind", "rejected"),
        ("back", "completed"),
    ]


async def test_a_phones_own_transfer_that_nobody_answers_is_back_with_the_agent(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with Phone(pbx, "1005", PhoneScript.rejects()), talking(pbx, bridge) as (ann, caller):
        ann.transfer("try-1005")
        await bridge.until("talk_began", count=2, agent="ann")
        await ann.until("media", call=2)
        await ann.until_hears(VOICE, 2)
        await caller.until_hears(REPLY)
        ann.hang_up(2)
        await caller.until_state("DISCONNECTED")


async def test_a_number_outside_and_a_queue_by_its_extension(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1005", tone=THIRD) as outside,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        first = await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*1999#")
        await bridge.until("request_refused", reason="calls may not be transferred to this number")
        ann.press("*11005#")
        await ann.until_state("DISCONNECTED")
        await caller.until_hears(THIRD, first)
        await outside.until_hears(VOICE)
        await bridge.until("agent_changed", agent="ann", state="ready", previous="wrap_up")
        outside.hang_up()
        await caller.until_state("DISCONNECTED", first)
        second = await caller.call("support")
        await ann.until("media", call=2)
        await ann.until_hears(VOICE, 2)
        async with Softphone(pbx, "1007", tone=THIRD) as bob:
            ann.press("*1800#", 2)
            await caller.until_hears(THIRD, second)
            await bob.until_hears(VOICE)
            bob.hang_up()
            await caller.until_state("DISCONNECTED", second)
    visits = [fact["queue"] for fact in bridge.facts("visit_began")]
    assert visits == ["support", "support", "sales"]


# -- supervisors ------------------------------------------------------------------------------------------------------


async def act(bridge: Callbridge, what: str, **body: str) -> None:
    """Somebody at the API asks something about the one call there is."""
    (call,) = await bridge.calls()
    await asyncio.to_thread(bridge.client.act_on_call, call["id"], what, **body)


async def test_a_supervisor_listens_whispers_barges_in_and_leaves(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with Softphone(pbx, "1005", tone=THIRD) as boss, talking(pbx, bridge) as (ann, caller):
        await act(bridge, "listen", phone="PJSIP/1005")
        await boss.until_hears(VOICE)
        await boss.until_hears(REPLY)
        await asyncio.sleep(1.5)
        assert not ann.hears(THIRD)
        assert not caller.hears(THIRD, last=0.5)
        await act(bridge, "whisper", phone="PJSIP/1005")
        await ann.until_hears(THIRD)
        await boss.until_hears(VOICE)
        await asyncio.sleep(1.5)
        assert not caller.hears(THIRD)
        await act(bridge, "barge", phone="PJSIP/1005")
        await caller.until_hears(THIRD)
        await boss.until_hears(REPLY)
        await act(bridge, "release")
        await boss.until_state("DISCONNECTED")
        await caller.until_hears_no_more(THIRD)
        assert caller.hears(REPLY, last=0.5)
        ann.hang_up()
        await caller.until_state("DISCONNECTED")
    told = [
        (fact["event"], fact["mode"]) for fact in bridge.lines() if fact["event"] in ("supervision_started", "supervision_ended")
    ]
    assert told == [
        (kind, mode) for mode in ("listen", "whisper", "barge") for kind in ("supervision_started", "supervision_ended")
    ]


async def test_supervision_by_a_phone_that_cannot_be_rung_is_refused(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with talking(pbx, bridge) as (_, caller):
        with pytest.raises(ApiError, match=r"no such phone: PJSIP/9999 is not an endpoint of the PBX"):
            await act(bridge, "listen", phone="PJSIP/9999")
        with pytest.raises(ApiError, match=r"phone PJSIP/2002 cannot be reached: it is not registered"):
            await act(bridge, "barge", phone="PJSIP/2002")
        caller.hang_up()
        await bridge.until("call_ended")
    assert not bridge.facts("order_given_up")


async def test_a_log_in_at_a_phone_that_does_not_exist_is_refused(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    with pytest.raises(ApiError, match=r"no such phone: PJSIP/9999 is not an endpoint of the PBX"):
        await bridge.ask("1007", "login", phone="PJSIP/9999")
    assert (await bridge.ask("1007", "login", phone="PJSIP/2002"))["phone"] == "PJSIP/2002", "it exists, and is away"


async def test_only_agents_phones_and_allowed_ones_are_used(house: House, pbx: Pbx) -> None:
    """1005 exists on the PBX and is nobody's; an address behind a technology reached any host."""
    bridge = await house.open(three_desks() | {"phones": {"allowed": ["PJSIP/20*"]}})
    async with talking(pbx, bridge) as (_, caller):
        for phone in ("PJSIP/1005", "SIP/203.0.113.9", "IAX2/host.example"):
            refusal = (
                f"{phone} may not be used: it is not an agent's phone, and phones.allowed in the configuration does not list it"
            )
            with pytest.raises(ApiError, match=refusal):
                await bridge.ask("1007", "login", phone=phone)
            with pytest.raises(ApiError, match=refusal):
                await act(bridge, "listen", phone=phone)
        caller.hang_up()
        await bridge.until("call_ended")
    assert (await bridge.ask("1007", "login", phone="PJSIP/2002"))["phone"] == "PJSIP/2002"
    async with Callers(pbx, [Call(dialled="*111007", number="1005")], host=PHONES_HOST) as callers:
        await callers.wait(30)
    refused = await bridge.until("request_refused", agent="1007", request="login")
    reason = "PJSIP/1005 may not be used: it is not an agent's phone, and phones.allowed in the configuration does not list it"
    assert refused["reason"] == reason


async def test_supervision_ends_with_the_talk_and_taking_over_goes_on(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        first = await caller.call("support")
        await ann.until_hears(VOICE)
        await act(bridge, "listen", phone="PJSIP/1007")
        await bob.until_hears(VOICE)
        caller.hang_up(first)
        await bob.until_state("DISCONNECTED", 1)
        second = await caller.call("support")
        await ann.until("media", call=2)
        await ann.until_hears(VOICE, 2)
        await act(bridge, "take-over", phone="PJSIP/1007")
        await ann.until_state("DISCONNECTED", 2)
        await bob.until("media", call=2)
        await bob.until_hears(VOICE, 2)
        await caller.until_hears(THIRD, second)
        assert await bridge.state("1007") == "talking"
        bob.hang_up(2)
        await caller.until_state("DISCONNECTED", second)
    assert [fact["ended_by"] for fact in bridge.facts("talk_ended")] == ["customer", "taken_over", "agent"]


async def test_a_supervisor_listens_from_any_phone_by_code(house: House, pbx: Pbx) -> None:
    agents = {"1001": agent("1008", {"support": 1}), "1007": agent("1007", {"sales": 1}, login=False) | {"supervisor": True}}
    bridge = await house.open(floor(agents))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1005", tone=THIRD) as boss,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await bridge.ask("1007", "login", phone="PJSIP/1005")
        await bridge.ask("1007", "not-ready")
        await caller.call("support")
        await ann.until_hears(VOICE)
        stranger = await boss.call("*319999")
        await boss.until_state("DISCONNECTED", stranger)
        assert not bridge.facts("supervision_started")
        listening = await boss.call("*311001")
        await boss.until_hears(VOICE, listening)
        await boss.until_hears(REPLY, listening)
        await asyncio.sleep(0.5)
        assert not ann.hears(THIRD, last=0.5)
        ann.hang_up()
        await boss.until_state("DISCONNECTED", listening)
        await caller.until_state("DISCONNECTED")
    assert [(fact["by"], fact["mode"]) for fact in bridge.facts("supervision_started")] == [("1007", "listen")]


async def test_a_consult_and_a_held_caller_never_hear_silence(house: House, pbx: Pbx) -> None:
    bridge = await house.open(three_desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await caller.until_hears(REPLY)
        ann.hold()
        await caller.until_hears(MUSIC)
        ann.unhold()
        await caller.until_hears(REPLY)
        await act(bridge, "consult", to="agent:1007")
        await caller.until_hears(MUSIC)
        await bob.until_hears(REPLY)
        await act(bridge, "return")
        await caller.until_hears(REPLY)
        ann.hang_up()
        await caller.until_state("DISCONNECTED")
