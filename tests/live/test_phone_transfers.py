"""The transfer button of a phone: who has the call then, in the books as on the line."""

import asyncio

import pytest

from tests.lab.audio import Softphone
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House
from tests.live.talks import REPLY, THIRD, VOICE, talking

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_an_agent_who_calls_a_queue_is_served_and_busy_meanwhile",
    "test_a_blind_transfer_to_an_agents_phone_is_that_agents_talk",
    "test_a_phones_transfer_to_another_host_is_not_taken_for_a_local_number",
    "test_a_caller_who_transfers_is_reported_and_the_third_party_has_the_call",
}

CONFIG = floor(
    {"ann": agent("1008", {"support": 1}), "bob": agent("1007", {"sales": 1})},
    {"support": {"steps": [{"skills": "support"}], "wrap_up": 1}, "sales": {"steps": [{"skills": "sales"}]}},
)


async def test_a_blind_transfer_to_an_agents_phone_is_that_agents_talk(house: House, pbx: Pbx) -> None:
    bridge = await house.open(CONFIG)
    async with Softphone(pbx, "1007", tone=THIRD) as bob, talking(pbx, bridge) as (ann, caller):
        ann.transfer("1007")
        await bridge.until("talk_began", agent="bob")
        assert await bridge.state("bob") == "talking"
        await caller.until_hears(THIRD)
        await bob.until_hears(VOICE)
        bob.hang_up()
        await caller.until_state("DISCONNECTED")
        await bridge.until("agent_changed", agent="bob", state="wrap_up")
        await bridge.until("agent_changed", agent="bob", state="ready", previous="wrap_up")
        ended = await bridge.until("call_ended")
    assert [(talk["agent"], talk["ended_by"]) for talk in bridge.facts("talk_ended")] == [("ann", "transfer"), ("bob", "agent")]
    assert ended["segments"] == 2
    assert [told["target"].partition("@")[0] for told in bridge.facts("call_transferred")] == ["1007"]


async def test_an_agent_who_moves_the_call_to_another_phone_of_ones_own_goes_on_talking(house: House, pbx: Pbx) -> None:
    ann = agent("", {"support": 1}) | {"phones": ["PJSIP/1001", "PJSIP/1008"]}
    del ann["phone"]
    bridge = await house.open(floor({"ann": ann}, {"support": {"steps": [{"skills": "support"}], "wrap_up": 1}}))
    async with talking(pbx, bridge) as (softphone, caller), Softphone(pbx, "1001", tone=THIRD) as desk_phone:
        softphone.transfer("1001")
        await caller.until_hears(THIRD)
        await bridge.until_state("ann", "talking")
        desk_phone.hang_up()
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
        await bridge.until_state("ann", "ready")
    assert [(talk["agent"], talk["ended_by"]) for talk in bridge.facts("talk_ended")] == [("ann", "transfer"), ("ann", "agent")]
    assert ended["segments"] == 2
    await house.at_the_end()


async def test_an_attended_transfer_to_an_agents_phone_is_that_agents_talk(house: House, pbx: Pbx) -> None:
    bridge = await house.open(CONFIG)
    async with Softphone(pbx, "1007", tone=THIRD) as bob, talking(pbx, bridge) as (ann, caller):
        consult = await ann.call("1007")
        await ann.until_state("CONFIRMED", consult)
        ann.transfer_to(consult)
        await bridge.until("talk_began", agent="bob")
        await bob.until_hears(VOICE)
        caller.hang_up()
        await bob.until_state("DISCONNECTED")
        await bridge.until("agent_changed", agent="bob", state="wrap_up")
        ended = await bridge.until("call_ended")
    assert [(talk["agent"], talk["ended_by"]) for talk in bridge.facts("talk_ended")] == [
        ("ann", "transfer"),
        ("bob", "customer"),
    ]
    assert ended["segments"] == 2


async def test_an_agent_who_was_given_a_call_by_a_phone_may_transfer_it_on(house: House, pbx: Pbx) -> None:
    bridge = await house.open(CONFIG)
    async with (
        Softphone(pbx, "1007", tone=REPLY) as bob,
        Softphone(pbx, "1009", tone=THIRD) as colleague,
        talking(pbx, bridge) as (ann, caller),
    ):
        ann.transfer("1007")
        await bridge.until("talk_began", agent="bob")
        await bob.until_hears(VOICE)
        bob.transfer("1009")
        await colleague.until_hears(VOICE)
        await bridge.until("talk_ended", agent="bob", ended_by="transfer")
        await bridge.until("agent_changed", agent="bob", state="ready", previous="wrap_up")
        caller.hang_up()
        await colleague.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
    assert ended["segments"] == 2


async def test_a_caller_who_transfers_is_reported_and_the_third_party_has_the_call(house: House, pbx: Pbx) -> None:
    bridge = await house.open(CONFIG)
    async with Softphone(pbx, "1009", tone=THIRD) as third, talking(pbx, bridge) as (ann, caller):
        caller.transfer("try-1009")
        await ann.until_hears(THIRD)
        await caller.until_state("DISCONNECTED")
        told = await bridge.until("call_transferred")
        third.hang_up()
        await ann.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
    assert (told.get("agent", ""), told["call"], told["party"]) == ("", ended["call"], "customer")
    assert [(talk["agent"], talk["ended_by"]) for talk in bridge.facts("talk_ended")] == [("ann", "customer")]
    shown = await asyncio.to_thread(bridge.client.explain, "calls", ended["call"])
    assert "transferred blind to try-1009@" in str(shown) and "by the caller's own phone" in str(shown)


async def test_an_agent_who_calls_a_queue_is_served_and_busy_meanwhile(house: House, pbx: Pbx) -> None:
    bridge = await house.open(CONFIG)
    async with Softphone(pbx, "1008", tone=REPLY) as ann, Softphone(pbx, "1007", tone=THIRD) as bob:
        asks = await ann.call("sales")
        await bridge.until("talk_began", agent="bob", queue="sales")
        await ann.until_hears(THIRD, asks)
        await bob.until_hears(REPLY)
        assert (await bridge.state("ann"), await bridge.state("bob")) == ("busy_elsewhere", "talking")
        ann.hang_up(asks)
        await bridge.until("agent_changed", agent="ann", state="ready", previous="busy_elsewhere")
        ended = await bridge.until("call_ended")
    assert (ended["segments"], ended["outcome"]) == (1, "answered")
    row = await bridge.queue("sales")
    assert (int(row["offered"]), int(row["answered"])) == (1, 1)


async def test_a_nailed_up_agent_whose_phone_transfers_gets_the_line_back(house: House, pbx: Pbx) -> None:
    bridge = await house.open(
        floor(
            {"ann": agent("1008", {"support": 1}, "nailed_up")},
            {"support": {"steps": [{"skills": "support"}], "wrap_up": 1}},
        )
    )
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1009", tone=THIRD) as colleague,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await bridge.until("agent_changed", agent="ann", state="ready")
        first = await caller.call("support")
        await bridge.until("talk_began", agent="ann")
        ann.transfer("1009")
        await colleague.until_hears(VOICE)
        await ann.until("media", call=2)
        await bridge.until_state("ann", "ready")
        caller.hang_up(first)
        await colleague.until_state("DISCONNECTED")
        second = await caller.call("support")
        await bridge.until("talk_began", count=2, agent="ann")
        await ann.until_hears(VOICE, 2)
        caller.hang_up(second)
        await bridge.until("call_ended", count=2)


@pytest.mark.parametrize("target", ["sales", "1007"], ids=["an entry", "a phone"])
async def test_a_phones_transfer_to_another_host_is_not_taken_for_a_local_number(house: House, pbx: Pbx, target: str) -> None:
    """Asterisk's dialplan has both."""
    bridge = await house.open(CONFIG)
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD, answers=False),
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await bridge.until("talk_began", agent="ann")
        ann.transfer(f"{target}@evil.example")
        refused = await bridge.until("request_refused", request="transfer")
        assert refused["reason"] == "the phone transfers to the host evil.example, which is not in phones.domains"
        await bridge.until("talk_began", agent="ann", count=2)
        await caller.until_hears(REPLY)
        caller.hang_up()
        await bridge.until("call_ended")
    assert bridge.facts("offer_made", agent="bob") == []
    assert bridge.facts("talk_began", agent="bob") == []
    assert bridge.facts("visit_began", queue="sales") == []


async def test_a_phones_transfer_to_a_host_of_the_settings_is_local(house: House, pbx: Pbx) -> None:
    bridge = await house.open(CONFIG | {"phones": {"domains": ["PBX.example"]}})
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD),
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await bridge.until("talk_began", agent="ann")
        ann.transfer("1007@pbx.example")
        await bridge.until("talk_began", agent="bob")
        caller.hang_up()
        await bridge.until("call_ended")
