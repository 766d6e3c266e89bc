"""Agents with several phones: all ring, the first to answer has the call, no other one shows a missed call."""

import asyncio
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript, call, register
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_all_phones_ring_and_the_first_to_answer_has_the_call",
    "test_one_phone_that_rejects_and_one_that_is_dead_leave_the_third_ringing",
    "test_all_devices_at_one_account_ring_as_soon_as_they_have_registered",
    "test_the_hint_of_the_extension_tells_of_do_not_disturb_and_of_other_calls",
}
PJSIP = """
[both](lab-phone)
aors=both

[both]
type=aor
max_contacts=3
remove_existing=no
qualify_frequency=0
"""
"""An account at which several devices may register."""
RINGS = PhoneScript.rings_out()


def one_agent(*phones: str, connect: str = "ring", **defaults: Any) -> dict[str, Any]:
    ann = agent("", {"support": 1}, connect) | {"phones": [f"PJSIP/{phone}" for phone in phones]}
    del ann["phone"]
    return floor({"ann": ann}, queue_defaults={"wrap_up": 0, "ring_for": 15, **defaults})


async def at_work(house: House, *phones: str, **more: Any) -> Callbridge:
    bridge = await house.open(one_agent(*phones, **more))
    await bridge.until_state("ann", "ready")
    return bridge


async def explained(bridge: Callbridge) -> dict[str, Any]:
    return await asyncio.to_thread(bridge.client.explain, "agents", "ann")


def results(bridge: Callbridge) -> list[str]:
    return [fact["result"] for fact in bridge.facts("offer_ended")]


async def test_all_phones_ring_and_the_first_to_answer_has_the_call(house: House, pbx: Pbx) -> None:
    bridge = await at_work(house, "1001", "1002", "1003")
    async with (
        Phone(pbx, "1001", RINGS) as first,
        Phone(pbx, "1002", PhoneScript.answers(0.4, talk=0.5)) as second,
        Phone(pbx, "1003", RINGS) as third,
    ):
        made = await call(pbx, Call(dialled="support"))
        await bridge.until("call_ended")
        await bridge.until_state("ann", "ready")
        lost = [await phone.until(lambda record: record.cancel) for phone in (first, third)]
        (won,) = second.records()
    assert made.answered_at
    assert won.answered_at
    assert max(record.invite_at for record in lost) - won.invite_at < 0.2 + house.slack, "all ring at the same time"
    for record in lost:
        assert record.outcome == "cancelled"
        assert "cause=200" in record.cancel["reason"].replace(" ", ""), "answered elsewhere: no missed call"
    assert results(bridge) == ["answered"]
    assert len(bridge.facts("offer_made")) == len(bridge.facts("talk_began")) == 1


async def test_one_phone_that_rejects_and_one_that_is_dead_leave_the_third_ringing(house: House, pbx: Pbx) -> None:
    bridge = await at_work(house, "1001", "1002", "1003")
    async with (
        Phone(pbx, "1001", PhoneScript.rejects(486)),
        Phone(pbx, "1002", PhoneScript.answers()) as dead,
        Phone(pbx, "1003", PhoneScript.answers(3.0, talk=0.5)),
    ):
        dead.freeze()
        await call(pbx, Call(dialled="support"))
        dead.thaw()
        await bridge.until("call_ended")
        await bridge.until_state("ann", "ready")
    assert results(bridge) == ["answered"]
    assert [fact for fact in bridge.facts("agent_changed") if fact.get("reason")] == []


async def test_when_all_reject_the_offer_is_rejected_and_the_caller_waits(house: House, pbx: Pbx) -> None:
    bridge = await at_work(house, "1001", "1002", rejected={"rest": 30})
    async with Phone(pbx, "1001", PhoneScript.rejects(486)), Phone(pbx, "1002", PhoneScript.rejects(603, 0.3)):
        async with Callers(pbx, [Call(dialled="support", hang_up_after=1.5)]) as callers:
            await bridge.until("offer_ended")
            await callers.wait()
        await bridge.until("call_ended")
    assert results(bridge) == ["rejected"]


BRIEFLY = PhoneScript.answers(0.3, talk=0.3)


async def test_two_that_answer_at_the_same_moment_make_one_talk(house: House, pbx: Pbx) -> None:
    bridge = await at_work(house, "1001", "1002")
    async with Phone(pbx, "1001", BRIEFLY) as first, Phone(pbx, "1002", BRIEFLY) as second:
        for _ in range(5):
            await call(pbx, Call(dialled="support"))
            await bridge.until_state("ann", "ready")
        records = [*first.records(), *second.records()]
    assert len(records) == 10
    assert results(bridge) == ["answered"] * 5
    assert len(bridge.facts("talk_began")) == 5


async def test_a_log_in_at_the_second_phone_nails_up_that_one(house: House, pbx: Pbx) -> None:
    bridge = await house.open(one_agent("1001", "1002", connect="nailed_up"))
    await bridge.ask("ann", "logout")
    async with Phone(pbx, "1001", PhoneScript.answers()) as first, Phone(pbx, "1002", PhoneScript.answers()) as second:
        await bridge.ask("ann", "login", phone="PJSIP/1002")
        await bridge.until_state("ann", "ready")
        await call(pbx, Call(dialled="support", hang_up_after=1.5))
        await bridge.until("call_ended")
        line, *more = second.records()
        rung = len(first.records())
        await bridge.ask("ann", "logout")
    assert (line.outcome, more, results(bridge)) == ("answered", [], ["answered"])
    assert rung <= 1, "only by the log-in at the start"


async def test_a_phone_that_a_colleague_gives_back_rings_again(house: House, pbx: Pbx) -> None:
    config = one_agent("1001", "1002")
    config["agents"]["ann"]["login"] = False
    config["agents"]["bob"] = agent("1003", {"support": 1}, login=False)
    bridge = await house.open(config)
    await bridge.ask("bob", "login", phone="PJSIP/1002")
    await bridge.ask("ann", "login")
    await bridge.ask("bob", "logout")
    async with Phone(pbx, "1001", RINGS) as desk, Phone(pbx, "1002", PhoneScript.answers(0.3, talk=0.3)) as borrowed:
        await call(pbx, Call(dialled="support"))
        await bridge.until_state("ann", "ready")
        assert len(desk.records()) == len(borrowed.records()) == 1
    assert results(bridge) == ["answered"]


async def test_all_devices_at_one_account_ring_as_soon_as_they_have_registered(house: House, pbx: Pbx) -> None:
    places = [pbx.address(name) for name in ("1001", "1002", "1003")]
    for at in places[:2]:
        await register(pbx, "both", at=at)
    bridge = await at_work(house, "both")
    async with asyncio.timeout(10):
        while "contacts" not in [line["code"] for line in (await explained(bridge))["lines"]]:
            await asyncio.sleep(0.1)
    async with (
        Phone(pbx, "1001", RINGS) as first,
        Phone(pbx, "1002", PhoneScript.answers(0.4, talk=0.5)) as second,
        Phone(pbx, "1003", RINGS) as third,
    ):
        await call(pbx, Call(dialled="support"))
        await bridge.until_state("ann", "ready")
        lost = await first.until(lambda record: record.cancel)
        assert "cause=200" in lost.cancel["reason"].replace(" ", ""), "answered elsewhere: no missed call"
        assert third.records() == [], "it has not registered"
        await register(pbx, "both", at=places[2])
        await register(pbx, "both", 0, at=places[0])
        async with asyncio.timeout(30):
            while not third.records():
                await call(pbx, Call(dialled="support"))
                await bridge.until_state("ann", "ready")
        for at in places[1:]:
            await register(pbx, "both", 0, at=at)
    assert set(results(bridge)) == {"answered"}
    assert second.records()[0].answered_at


async def test_a_phone_that_never_reacts_is_reported_and_its_agent_goes_on_answering(house: House, pbx: Pbx) -> None:
    bridge = await at_work(house, "1001", "1002")
    async with Phone(pbx, "1001", PhoneScript.answers()) as dead, Phone(pbx, "1002", PhoneScript.answers(4.0, talk=0.3)):
        dead.freeze()
        for _ in range(3):
            await call(pbx, Call(dialled="support"))
            await bridge.until_state("ann", "ready")
        dead.thaw()
        told = await bridge.until("agent_alerted")
        why = await explained(bridge)
    assert (told["kind"], told["device"], told["reason"], told["count"]) == ("device_dead", "PJSIP/1001", "silent", 3)
    assert [line["text"].partition(":")[0] for line in why["lines"] if line["code"] == "device_dead"] == [
        "PJSIP/1001 has not reacted to the last 3 calls"
    ]
    assert results(bridge) == ["answered"] * 3


async def test_the_hint_of_the_extension_tells_of_do_not_disturb_and_of_other_calls(house: House, pbx: Pbx) -> None:
    await pbx.cli("dialplan add extension 77,hint,PJSIP/1001&PJSIP/1002&Custom:DND77 into lab-hints")
    config = floor({"ann": agent("1001", {"support": 1}) | {"hint": "77@lab-hints"}}, queue_defaults={"wrap_up": 0})
    bridge = await house.open(config)
    await bridge.until_state("ann", "ready")
    await pbx.cli("devstate change Custom:DND77 INUSE")
    await bridge.until("agent_changed", agent="ann", state="busy_elsewhere", reason="dnd")
    await pbx.cli("devstate change Custom:DND77 NOT_INUSE")
    await bridge.until_state("ann", "ready")
    async with Phone(pbx, "1002", PhoneScript.answers(0.1, talk=1.0)):
        async with Callers(pbx, [Call(dialled="try-1002")]) as callers:
            await bridge.until_state("ann", "busy_elsewhere")
            await callers.wait()
        await bridge.until_state("ann", "ready")


async def test_a_phone_that_the_pbx_does_not_have_is_named_and_the_other_one_rings(house: House, pbx: Pbx) -> None:
    bridge = await at_work(house, "9999", "1002")
    house.explains_pbx("9999")
    house.explains("order gave up")
    async with Phone(pbx, "1002", PhoneScript.answers(0.2, talk=0.3)):
        await call(pbx, Call(dialled="support"))
        await bridge.until_state("ann", "ready")
    (told,) = bridge.facts("agent_alerted")
    assert (told["kind"], told["device"], told["reason"]) == ("phone_misconfigured", "PJSIP/9999", "unknown_endpoint")
    assert results(bridge) == ["answered"]
    assert "Specified endpoint '9999' was not found" not in pbx.log_path.read_text(), "its contacts are not asked for"
