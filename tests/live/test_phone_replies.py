"""Phones that misbehave: silent, on do not disturb, wrongly configured."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.lab.bridge import Callbridge, Fact
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript, Talk, call
from tests.live.house import House
from tests.live.test_offers import both

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_a_silent_phone_gives_the_call_to_the_next_agent_after_two_seconds",
    "test_an_instant_480_is_do_not_disturb_and_no_ring_on_no_answer",
    "test_do_not_disturb_in_the_pbx_is_followed",
    "test_a_phone_that_is_not_set_up_to_be_called_is_named_as_such",
}


@contextlib.asynccontextmanager
async def frozen(pbx: Pbx, name: str) -> AsyncIterator[Phone]:
    """A phone whose address is there and that says nothing."""
    async with Phone(pbx, name, PhoneScript.answers(talk=0.4)) as phone:
        phone.freeze()
        try:
            yield phone
        finally:
            phone.thaw()


def alerts(bridge: Callbridge, kind: str) -> list[Fact]:
    return [fact for fact in bridge.facts("agent_alerted") if fact["kind"] == kind]


async def test_a_silent_phone_gives_the_call_to_the_next_agent_after_two_seconds(house: House, pbx: Pbx) -> None:
    bridge = await both(house, ring_for=15.0, offline={"rest": 3.0})
    async with frozen(pbx, "1001") as first, Phone(pbx, "1002", PhoneScript.answers(talk=0.4)) as second:
        async with Callers(pbx, [Call(dialled="support")]) as callers:
            made = await bridge.until("offer_made", agent="ann")
            ended = await bridge.until("offer_ended", agent="ann")
            assert (ended["result"], ended["trouble"]) == ("offline", "silent")
            assert ended["at"] - made["at"] == pytest.approx(2.0, abs=0.2 + house.slack)
            changed = await bridge.until("agent_changed", agent="ann", state="offline")
            assert changed["reason"] == "silent"
            won = await second.until(lambda record: record.answered_at)
            assert abs(won.invite_at - ended["at"]) < 0.3 + house.slack
            await callers.wait()
        assert [alert["agent"] for alert in alerts(bridge, "phone_silent")] == ["ann"]
        await bridge.ask("bob", "not-ready", reason="lunch")
        first.thaw()
        await bridge.until("agent_changed", agent="ann", state="ready", previous="offline")
        await call(pbx, Call(dialled="support"))
        await bridge.until("talk_began", agent="ann")
    assert [fact for fact in bridge.facts("agent_changed", agent="ann") if fact.get("reason") == "rona"] == []


async def test_a_phone_that_says_100_and_rings_late_is_waited_for(house: House, pbx: Pbx) -> None:
    bridge = await both(house, ring_for=15.0)
    async with Phone(pbx, "1001", PhoneScript(trying=3.0, ring=0.2, steps=[Talk(0.4)], hangs_up=True)):
        await call(pbx, Call(dialled="support"))
        assert [fact["result"] for fact in bridge.facts("offer_ended")] == ["answered"]


@pytest.mark.parametrize("ring", [0.0, 0.1])
async def test_an_instant_480_is_do_not_disturb_and_no_ring_on_no_answer(house: House, pbx: Pbx, ring: float) -> None:
    bridge = await both(house, ring_for=15.0, rejected={"rest": 2.0})
    async with (
        Phone(pbx, "1001", PhoneScript.rejects(480, ring)) as first,
        Phone(pbx, "1002", PhoneScript.answers(talk=0.4)) as second,
    ):
        await call(pbx, Call(dialled="support"))
        lost, won = first.records()[0], second.records()[0]
        ended = await bridge.until("offer_ended", agent="ann")
        assert (ended["result"], ended["trouble"]) == ("unavailable", "dnd")
        changed = await bridge.until("agent_changed", agent="ann", state="busy_elsewhere")
        assert changed["reason"] == "dnd"
        await bridge.until("agent_changed", agent="ann", state="ready", previous="busy_elsewhere")
    assert lost.ended_at
    assert won.invite_at - lost.ended_at < 0.1 + house.slack


async def test_an_instant_408_is_no_ring_on_no_answer(house: House, pbx: Pbx) -> None:
    bridge = await both(house, ring_for=15.0)
    async with Phone(pbx, "1001", PhoneScript.rejects(408, 0.0)), Phone(pbx, "1002", PhoneScript.answers(talk=0.4)):
        await call(pbx, Call(dialled="support"))
        assert (await bridge.until("offer_ended", agent="ann"))["result"] == "offline"
    assert await bridge.state("ann") == "ready"


async def test_do_not_disturb_in_the_pbx_is_followed(house: House, pbx: Pbx) -> None:
    bridge = await both(house)
    await pbx.cli("devstate change Custom:DND1001 BUSY")
    changed = await bridge.until("agent_changed", agent="ann", state="busy_elsewhere")
    assert changed["reason"] == "dnd"
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)) as first, Phone(pbx, "1002", PhoneScript.answers(talk=0.4)):
        await call(pbx, Call(dialled="support"))
        assert first.records() == []
        await pbx.cli("devstate change Custom:DND1001 NOT_INUSE")
        await bridge.until("agent_changed", agent="ann", state="ready", previous="busy_elsewhere")
        await bridge.ask("bob", "not-ready", reason="lunch")
        await call(pbx, Call(dialled="support"))
        assert len(first.records()) == 1


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        (PhoneScript.rejects(488, 0.0), "no_common_codec"),
        (PhoneScript(ring=0.0, codec=None), "no_media"),
        (PhoneScript.rejects(401, 0.0), "authentication"),
        (PhoneScript.rejects(404, 0.0), "unknown_endpoint"),
    ],
    ids=["488", "no_sdp", "401", "404"],
)
async def test_a_phone_that_is_not_set_up_to_be_called_is_named_as_such(
    house: House, pbx: Pbx, script: PhoneScript, trouble: str
) -> None:
    house.explains_pbx(r"401|[Aa]uth|No joint capabilities|negotiat|SDP")
    bridge = await both(house, ring_for=15.0, offline={"rest": 3.0})
    async with Phone(pbx, "1001", script), Phone(pbx, "1002", PhoneScript.answers(talk=0.4)) as second:
        await call(pbx, Call(dialled="support"))
        ended = await bridge.until("offer_ended", agent="ann")
        assert len(second.records()) == 1
        if trouble == "authentication" and pbx.version == 16:
            assert ended["result"] == "rejected", "no SIP status is told there"
            return
        assert (ended["result"], ended["trouble"]) == ("misconfigured", trouble)
        changed = await bridge.until("agent_changed", agent="ann", state="offline")
        assert changed["reason"] == trouble
        assert [alert["reason"] for alert in alerts(bridge, "phone_misconfigured")] == [trouble]


async def test_an_endpoint_that_the_pbx_does_not_have_is_named_as_such(house: House, pbx: Pbx) -> None:
    house.explains_pbx(r"9999|Unable to (create|request)|endpoint")
    bridge = await both(house, first="9999")
    async with Phone(pbx, "1002", PhoneScript.answers(talk=0.4)):
        await call(pbx, Call(dialled="support"))
        ended = await bridge.until("offer_ended", agent="ann")
    assert (ended["result"], ended["trouble"]) == ("misconfigured", "unknown_endpoint")
