"""An offer from the first ring to its end: answered, not answered, refused, impossible, or the caller is gone."""

import asyncio
import sys
import time
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.process import output
from tests.lab.sip import Call, Callers, Phone, PhoneRecord, PhoneScript, Talk, call, register
from tests.live.house import House, served

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NOW: dict[str, Any] = {"wrap_up": 0}


def pair(first: str = "1001", second: str = "1002", connect: str = "ring", **defaults: Any) -> dict[str, Any]:
    """Two agents for one queue; ann has been idle longer, because bob comes later."""
    agents = {
        "ann": agent(first, {"support": 1}, connect),
        "bob": agent(second, {"support": 1}, connect, login=False),
    }
    return floor(agents, queue_defaults=NOW | defaults)


async def both(house: House, **options: Any) -> Callbridge:
    bridge = await house.open(pair(**options))
    await bridge.ask("bob", "login")
    return bridge


async def test_who_does_not_answer_is_paused_and_the_next_agent_rings_at_once(house: House, pbx: Pbx) -> None:
    bridge = await both(house, ring_for=1.0)
    async with (
        Phone(pbx, "1001", PhoneScript.rings_out()) as first,
        Phone(pbx, "1002", PhoneScript.answers(talk=0.4)) as second,
        Callers(pbx, [Call(dialled="support", number=str(n)) for n in (49301, 49302)], rate=5) as callers,
    ):
        await callers.wait()
        lost = await first.until(lambda record: record.ended_at)
        (won, later) = sorted(second.records(), key=lambda record: record.answered_at or 0)
    assert served(first.records()) == ["49301"]
    assert lost.ended_at
    assert lost.ended_at - lost.invite_at == pytest.approx(1.0, abs=0.1 + house.slack)
    # The second caller had the second agent meanwhile; the first has kept the place and is next.
    assert [won.caller_number, later.caller_number] == ["49302", "49301"]
    assert (await bridge.until("offer_ended", agent="ann"))["result"] == "no_answer"
    change = await bridge.until("agent_changed", agent="ann", state="not_ready")
    assert change["reason"] == "rona"
    await bridge.ask("ann", "ready")
    await bridge.until_state("ann", "ready")


async def test_the_next_agent_rings_at_once_after_no_answer(house: House, pbx: Pbx) -> None:
    await both(house, ring_for=1.0)
    async with Phone(pbx, "1001", PhoneScript.rings_out()) as first, Phone(pbx, "1002", PhoneScript.answers(talk=0.5)) as second:
        await call(pbx, Call(dialled="support"))
        lost, won = first.records()[0], second.records()[0]
    assert lost.ended_at
    assert -0.05 - house.slack < won.invite_at - lost.ended_at < 0.1 + house.slack


async def test_a_pause_for_no_answer_ends_by_itself_where_that_is_configured(house: House, pbx: Pbx) -> None:
    penalty = {"not_ready": "rona", "return_after": "1s"}
    defaults = NOW | {"ring_for": 0.5, "no_answer": penalty}
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1})}, queue_defaults=defaults))
    async with Phone(pbx, "1001", PhoneScript.rings_out()):
        await call(pbx, Call(dialled="support", hang_up_after=1.3))
    paused = await bridge.until("agent_changed", agent="ann", state="not_ready")
    back = await bridge.until("agent_changed", agent="ann", state="ready", previous="not_ready")
    assert back["at"] - paused["at"] == pytest.approx(1.0, abs=0.1 + house.slack)


@pytest.mark.parametrize("code", [486, 603])
async def test_a_refused_call_goes_to_the_next_agent_and_the_refusing_one_rests(house: House, pbx: Pbx, code: int) -> None:
    bridge = await both(house, rejected={"rest": 1.0})
    async with (
        Phone(pbx, "1001", PhoneScript.rejects(code)) as first,
        Phone(pbx, "1002", PhoneScript.answers(talk=0.5)) as second,
    ):
        await call(pbx, Call(dialled="support"))
        lost, won = first.records()[0], second.records()[0]
        assert (await bridge.until("offer_ended", agent="ann"))["result"] == "rejected"
        await bridge.ask("bob", "not-ready")
        # At rest no call comes; then the next one does.
        made = await call(pbx, Call(dialled="support", number="49302", hang_up_after=2.0))
    assert lost.ended_at
    assert won.invite_at - lost.ended_at < 0.1 + house.slack
    assert made.ended_by == "caller"
    again = first.records()[1]
    assert again.invite_at - lost.ended_at == pytest.approx(1.0, abs=0.2 + house.slack)


async def test_an_unreachable_phone_costs_the_caller_nothing(house: House, pbx: Pbx) -> None:
    bridge = await both(house, first="2002")
    async with Phone(pbx, "1002", PhoneScript.answers(talk=0.5)) as second:
        made = await call(pbx, Call(dialled="support"))
        won = second.records()[0]
    assert won.invite_at - made.started_at < 0.3 + house.slack
    await bridge.until("call_ended")


async def test_a_phone_that_is_gone_is_offline_until_it_registers_again(house: House, pbx: Pbx) -> None:
    bridge = await house.open(floor({"ann": agent("2001", {"support": 1})}, queue_defaults=NOW))
    async with Phone(pbx, "2001", PhoneScript.answers(talk=0.5)) as phone:
        await register(pbx, "2001")
        await bridge.until_state("ann", "ready")
        await call(pbx, Call(dialled="support"))
        await register(pbx, "2001", expires=0)
        gone_at = time.time()
        await bridge.until_state("ann", "offline")
        await call(pbx, Call(dialled="support", hang_up_after=0.6))
        assert [record for record in phone.records() if record.invite_at > gone_at] == []
        await register(pbx, "2001")
        back_at = time.time()
        await bridge.until_state("ann", "ready")
        await call(pbx, Call(dialled="support"))
        assert [record.outcome for record in phone.records() if record.invite_at > back_at] == ["answered"]
        await register(pbx, "2001", expires=0)


async def test_the_phone_stops_when_the_caller_is_gone(house: House, pbx: Pbx) -> None:
    bridge = await both(house)
    async with Phone(pbx, "1001", PhoneScript.rings_out()) as phone:
        made = await call(pbx, Call(dialled="support", hang_up_after=0.7))
        seen = await phone.until(lambda record: record.ended_at)
        free = await bridge.until("agent_changed", agent="ann", state="ready", previous="ringing")
    assert made.ended_at
    assert seen.ended_at
    assert (seen.outcome, seen.ended_by) == ("cancelled", "pbx")
    assert seen.ended_at - made.ended_at < 0.2 + house.slack
    assert free["at"] - made.ended_at < 1.0 + house.slack
    assert (await bridge.until("visit_ended"))["outcome"] == "short_abandoned"


async def test_an_answer_in_the_moment_of_the_hang_up_leaves_nobody_with_a_dead_line(house: House, pbx: Pbx) -> None:
    house.explains_pbx("Session already DISCONNECTED")  # the race itself, as chan_pjsip sees it
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1})}, queue_defaults=NOW))
    outcomes: list[str] = []
    for ring in range(450, 620, 10) if pbx.version == 22 else range(390, 620, 23):
        async with Phone(pbx, "1001", PhoneScript.answers(ring=ring / 1000)) as phone:
            made = await call(pbx, Call(dialled="support", hang_up_after=0.5))
            seen = await phone.until(lambda record: record.ended_at)
            assert made.ended_at
            assert seen.ended_at
            assert seen.ended_at - made.ended_at < 0.4 + house.slack
            free = await bridge.until("agent_changed", agent="ann", state="ready", count=len(outcomes) + 2)
            assert free["at"] - made.ended_at < 1.0 + house.slack
            outcomes.append(seen.outcome)
            await pbx.quiet()
    # Else the sweep has missed the moment.
    assert {"answered", "cancelled"} <= set(outcomes)


async def test_auto_answer_asks_the_phone_to_answer(house: House, pbx: Pbx) -> None:
    await house.open(floor({"ann": agent("1001", {"support": 1}, "auto_answer")}, queue_defaults=NOW))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0, talk=0.5)) as phone:
        await call(pbx, Call(dialled="support"))
        seen = await phone.until(lambda record: record.headers)
    assert "answer-after=0" in seen.headers["call-info"]
    assert "auto" in seen.headers["alert-info"]


async def test_the_phone_is_asked_to_answer_in_its_vendors_words(house: House, pbx: Pbx) -> None:
    one = agent("1001", {"support": 1}, "auto_answer") | {"auto_answer": {"preset": "yealink", "headers": {"X-Floor": "two"}}}
    await house.open(floor({"ann": one}, queue_defaults=NOW))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0, talk=0.5)) as phone:
        await call(pbx, Call(dialled="support"))
        seen = await phone.until(lambda record: record.headers)
    assert seen.headers["alert-info"] == "<sip:callbridge>;info=alert-autoanswer;delay=0"
    assert seen.headers["x-floor"] == "two"
    assert "call-info" not in seen.headers


async def test_an_ordinary_phone_is_not_asked_to_answer_by_itself(house: House, pbx: Pbx) -> None:
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1})}, queue_defaults=NOW))
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)) as phone:
        await call(pbx, Call(dialled="support"))
        seen = await phone.until(lambda record: record.headers)
    assert {"call-info", "alert-info"}.isdisjoint(seen.headers)
    assert seen.headers["x-callbridge-call"] == bridge.facts("call_arrived")[0]["call"]


async def test_a_nailed_up_agent_takes_many_calls_over_one_leg_until_log_out(house: House, pbx: Pbx) -> None:
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1}, "nailed_up")}, queue_defaults=NOW))
    async with Phone(pbx, "1001") as phone:
        await bridge.until_state("ann", "ready")
        for number in ("49301", "49302", "49303"):
            made = await call(pbx, Call(dialled="support", number=number, hang_up_after=1.2))
            assert made.ended_by == "caller"
            await bridge.until_state("ann", "ready")
        assert len(bridge.facts("talk_ended", agent="ann")) == 3
        assert [record.ended_at for record in phone.records()] == [None]
        await bridge.ask("ann", "logout")
        seen = await phone.until(lambda record: record.ended_at)
    assert (len(phone.records()), seen.ended_by) == (1, "pbx")
    await bridge.until_state("ann", "logged_out")


async def test_a_nailed_up_agent_who_logs_out_while_talking_keeps_the_caller_to_the_end(house: House, pbx: Pbx) -> None:
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1}, "nailed_up")}, queue_defaults=NOW))
    async with Phone(pbx, "1001") as phone, Callers(pbx, [Call(dialled="support", hang_up_after=1.5)]) as callers:
        await bridge.until("talk_began")
        await bridge.ask("ann", "logout")
        (made,) = await callers.wait()
        seen = await phone.until(lambda record: record.ended_at)
    assert made.ended_by == "caller"
    assert made.ended_at
    assert seen.ended_at
    assert made.ended_at <= seen.ended_at < made.ended_at + 0.5 + house.slack


async def test_a_nailed_up_agent_who_hangs_up_ends_the_call_and_is_offline(house: House, pbx: Pbx) -> None:
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1}, "nailed_up")}, queue_defaults=NOW))
    async with Phone(pbx, "1001", PhoneScript(steps=[Talk(1.5)], hangs_up=True)):
        await bridge.until_state("ann", "ready")
        made = await call(pbx, Call(dialled="support"))
        await bridge.until_state("ann", "offline")
    assert made.ended_by == "pbx"
    assert (await bridge.until("talk_ended"))["ended_by"] == "agent"


async def test_agents_come_and_go_by_command(house: House, pbx: Pbx) -> None:
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1}, login=False)}, queue_defaults=NOW))

    async def command(*words: str) -> str:
        return await output(sys.executable, "-m", "callbridge", "agents", *words, "--url", bridge.url)

    assert "logged_out" in await command("list")
    async with Phone(pbx, "1003", PhoneScript.answers(talk=0.5)) as phone:
        assert "ready" in await command("login", "ann", "--phone", "PJSIP/1003")
        await call(pbx, Call(dialled="support"))
        assert len(phone.records()) == 1
    assert "not_ready (lunch)" in await command("not-ready", "ann", "--reason", "lunch")
    assert "ready" in await command("ready", "ann")
    assert "logged_out" in await command("logout", "ann")
    with pytest.raises(RuntimeError, match="not logged in"):
        await command("ready", "ann")
    with pytest.raises(RuntimeError, match="no such agent: nobody"):
        await command("login", "nobody")


async def test_a_pause_while_ringing_gives_the_call_to_the_next(house: House, pbx: Pbx) -> None:
    bridge = await both(house)
    async with (
        Phone(pbx, "1001", PhoneScript.rings_out()) as first,
        Phone(pbx, "1002", PhoneScript.answers(talk=0.5)) as second,
        Callers(pbx, [Call(dialled="support")]) as callers,
    ):
        await first.until(lambda record: record.ringing_at)
        await bridge.ask("ann", "not-ready", reason="coffee")
        await callers.wait()
        stopped, won = await _ended(first), await _ended(second)
    assert (stopped.outcome, won.outcome) == ("cancelled", "answered")
    assert await bridge.state("ann") == "not_ready"


async def _ended(phone: Phone) -> PhoneRecord:
    return await phone.until(lambda record: record.ended_at)


async def test_many_callers_who_give_up_at_any_time_leave_nothing_ringing(house: House, pbx: Pbx) -> None:
    bridge = await both(house)
    calls = [Call(dialled="support", number=f"4930{n:03}", hang_up_after=0.05 + n % 13 * 0.05) for n in range(40)]
    script = PhoneScript(ring=(0.0, 0.5), steps=[Talk(0.0, 0.3)], hangs_up=True)
    async with (
        Phone(pbx, "1001", script) as first,
        Phone(pbx, "1002", script) as second,
        Callers(pbx, calls, rate=8) as callers,
    ):
        made = await callers.wait()
        await asyncio.gather(bridge.until("call_ended", count=len(calls)), pbx.quiet(10))
        assert all(record.ended_at for record in made)
        # A phone that had not replied to the INVITE when its caller gave up can be cancelled only later, with its channel gone.
        await bridge.eventually(lambda: all(record.ended_at for record in (*first.records(), *second.records())))
