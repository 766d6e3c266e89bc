"""After the talk: wrap-up, and what was asked for meanwhile. And a phone that is busy with something else."""

from typing import Any

import pytest

from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


def two_queues(wrap_up: float = 1.5) -> dict[str, Any]:
    """One agent in both, and a phone to spare."""
    queues = {name: {"steps": [{"skills": name}]} for name in ("support", "sales")}
    return floor({"ann": agent("1001", {"support": 1, "sales": 1})}, queues, queue_defaults={"wrap_up": wrap_up})


async def test_there_is_one_wrap_up_for_all_queues(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_queues())
    calls = [Call(dialled="support", number="49301"), Call(dialled="sales", number="49302")]
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)) as phone, Callers(pbx, calls, rate=10) as callers:
        await callers.wait()
        first, second = sorted(phone.records(), key=lambda record: record.invite_at)
        await bridge.until("wrap_up_ended", count=2)
    assert first.ended_at
    assert second.invite_at - first.ended_at == pytest.approx(1.5, abs=0.2 + house.slack)


async def test_wrap_up_ends_early_on_request(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_queues(wrap_up=30))
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)):
        await call(pbx, Call(dialled="support"))
        await bridge.until("agent_changed", state="wrap_up")
        await bridge.ask("ann", "end-wrap-up")
        await bridge.until_state("ann", "ready", limit=1)
        await call(pbx, Call(dialled="sales"))
        await bridge.until_state("ann", "wrap_up")
        assert (await bridge.ask("ann", "ready"))["state"] == "ready"


async def test_a_pause_asked_for_while_talking_comes_after_the_wrap_up(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_queues(wrap_up=0.5))
    async with Phone(pbx, "1001", PhoneScript.answers(talk=1.0)) as phone, Callers(pbx, [Call(dialled="support")]) as callers:
        await bridge.until("talk_began")
        assert (await bridge.ask("ann", "not-ready", reason="lunch"))["state"] == "talking"
        await callers.wait()
        await bridge.until("agent_changed", state="wrap_up", previous="talking")
        paused = await bridge.until("agent_changed", state="not_ready")
        await call(pbx, Call(dialled="sales", hang_up_after=0.4))
    assert (paused["reason"], paused["previous"]) == ("lunch", "wrap_up")
    assert len(phone.records()) == 1


async def test_a_log_out_asked_for_while_talking_comes_at_the_end_of_the_talk(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_queues())
    async with Phone(pbx, "1001", PhoneScript.answers(talk=1.0)) as phone, Callers(pbx, [Call(dialled="support")]) as callers:
        await bridge.until("talk_began")
        assert (await bridge.ask("ann", "logout"))["state"] == "talking"
        (made,) = await callers.wait()
        out = await bridge.until("agent_changed", state="logged_out")
        await call(pbx, Call(dialled="sales", hang_up_after=0.4))
    assert (made.ended_by, out["previous"]) == ("pbx", "talking")
    assert len(phone.records()) == 1


async def test_another_phone_asked_for_while_talking_gets_the_next_call(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_queues(wrap_up=0.3))
    async with (
        Phone(pbx, "1001", PhoneScript.answers(talk=1.0)) as old,
        Phone(pbx, "1002", PhoneScript.answers(talk=0.5)) as new,
        Callers(pbx, [Call(dialled="support")]) as callers,
    ):
        await bridge.until("talk_began")
        await bridge.ask("ann", "login", phone="PJSIP/1002")
        (made,) = await callers.wait()
        await bridge.until("agent_changed", state="ready", previous="wrap_up")
        await call(pbx, Call(dialled="sales"))
        assert (len(old.records()), len(new.records())) == (1, 1)
    assert made.answered_at
    assert made.ended_at
    assert made.ended_at - made.answered_at > 1.0


async def test_a_phone_that_talks_elsewhere_gets_no_call_until_it_is_free(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_queues(wrap_up=0))
    async with (
        Phone(pbx, "1001", PhoneScript.answers(ring=0.1)) as phone,
        Callers(pbx, [Call(dialled="dial-1001", number="private", hang_up_after=1.5)]) as private,
    ):
        await bridge.until("agent_changed", state="busy_elsewhere")
        async with Callers(pbx, [Call(dialled="support", number="49301", hang_up_after=3.0)]) as callers:
            (elsewhere,) = await private.wait()
            free = await bridge.until("agent_changed", state="ready", previous="busy_elsewhere")
            ours = await phone.until(lambda record: record.caller_number == "49301" and record.answered_at)
            await callers.wait()
    assert elsewhere.ended_at
    assert ours.invite_at > elsewhere.ended_at
    assert free["at"] - elsewhere.ended_at < 0.5 + house.slack


async def test_a_private_call_during_wrap_up_is_seen_when_it_is_over(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_queues(wrap_up=1.0))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=2.0)):
        await call(pbx, Call(dialled="support", hang_up_after=1.5))
        await call(pbx, Call(dialled="dial-1001"))
        await bridge.until_state("ann", "ready")
    states = [(fact["previous"], fact["state"]) for fact in bridge.facts("agent_changed", agent="ann")]
    assert states[-2:] == [("wrap_up", "busy_elsewhere"), ("busy_elsewhere", "ready")]
