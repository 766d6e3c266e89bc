"""An agent consults a queue about the caller, with real voice: who hears whom, what is counted, and nobody is left in silence."""

import asyncio
from typing import Any

import pytest

from callbridge.cli.client import ApiError
from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Phone, PhoneScript, Talk
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_an_expert_answers_and_gets_the_caller",
    "test_an_agent_waits_in_the_queue_and_comes_back",
    "test_an_agent_who_leaves_while_waiting_gives_the_caller_the_place",
}

NUMBER = "4930777"
VOICE, REPLY, THIRD, MUSIC = (sounds.TONES[name] for name in ("caller", "agent", "third", "music"))
KEYS = {"*2": "consult", "*3": "complete", "*4": "return", "*5": "conference", "*6": "consult_wait"}


def desks(connect: str = "ring", **experts: Any) -> dict[str, Any]:
    """Ann talks to callers; bob, whose id is 1007, is the expert."""
    settings = {"steps": [{"skills": "sales"}], "extension": "800", "wrap_up": "1s", **experts}
    return floor(
        {"ann": agent("1008", {"support": 1}), "1007": agent("1007", {"sales": 1}, connect)},
        {"support": {"steps": [{"skills": "support"}]}, "sales": settings},
        keys=KEYS,
    )


async def figures(bridge: Callbridge, queue: str) -> dict[str, int]:
    row = await bridge.queue(queue)
    names = ("offered", "answered", "abandoned", "short_abandoned", "overflowed", "failed", "waiting")
    return {name: int(row[name]) for name in names if int(row[name])}


@pytest.mark.parametrize("connect", ["ring", "nailed_up"])
async def test_an_expert_answers_and_gets_the_caller(house: House, pbx: Pbx, connect: str) -> None:
    bridge = await house.open(desks(connect))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await bridge.until("agent_changed", agent="1007", state="ready")
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*2800#")
        await ann.until_hears(THIRD)
        await bob.until_hears(REPLY)
        await caller.until_hears(MUSIC)
        assert not bob.hears(VOICE, last=0.3)
        offer = await bridge.until("offer_ended", agent="1007")
        assert (offer["queue"], offer["result"]) == ("sales", "answered")
        assert await figures(bridge, "sales") == {"offered": 1, "answered": 1}
        ann.press("*3")
        await caller.until_hears(THIRD)
        await bob.until_hears(VOICE)
        await ann.until_state("DISCONNECTED")
        talk = await bridge.until("talk_began", agent="1007")
        assert talk["queue"] == "sales"
        caller.hang_up()
        ended = await bridge.until("call_ended")
        await bridge.until("agent_changed", agent="1007", state="wrap_up")
        await bridge.until("agent_changed", agent="1007", state="ready", previous="wrap_up")
    assert (ended["segments"], ended["outcome"], len(bridge.facts("call_arrived"))) == (2, "answered", 1)
    assert [(fact["queue"], fact.get("consulted_by", "")) for fact in bridge.facts("visit_began")] == [
        ("support", ""),
        ("sales", "ann"),
    ]
    (told,) = bridge.facts("call_transferred")
    assert told["attended"]
    assert (await figures(bridge, "support"), await figures(bridge, "sales")) == (
        {"offered": 1, "answered": 1},
        {"offered": 1, "answered": 1},
    )
    shown = str(await asyncio.to_thread(bridge.client.explain, "calls", ended["call"]))
    assert "consults queue sales; the caller hears music" in shown
    assert "waits in queue sales for one of its agents" in shown


async def test_the_experts_phone_shows_the_customer(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Phone(pbx, "1007", PhoneScript.answers(talk=1.5)) as bob,
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*2800#")
        rung = await bob.until(lambda record: record.answered_at)
        assert rung.caller_number == NUMBER
        await bridge.until("transfer_ended", result="returned")  # the expert has hung up
        await caller.until_hears(REPLY)
        await ann.until_hears(VOICE)
        await bridge.until("agent_changed", agent="1007", state="wrap_up")
        ann.hang_up()
        await caller.until_state("DISCONNECTED")


async def test_with_nobody_free_the_caller_never_leaves(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await bridge.ask("1007", "not-ready")
    async with Softphone(pbx, "1008", tone=REPLY) as ann, Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await ann.until_hears(VOICE)
        call = bridge.facts("call_arrived")[0]["call"]
        with pytest.raises(ApiError, match="no agent of queue sales who fits is free"):
            await asyncio.to_thread(bridge.client.act_on_call, call, "consult", to="queue:sales")
        ann.press("*2800#")
        refused = await bridge.until("request_refused", count=2)
        assert refused["reason"] == "no agent of queue sales who fits is free"
        await ann.until_hears(VOICE)
        await caller.until_hears(REPLY)
        caller.hang_up()
        await bridge.until("call_ended")
    assert await figures(bridge, "sales") == {}


async def test_an_expert_who_does_not_pick_up_and_the_next_one_who_rejects(house: House, pbx: Pbx) -> None:
    config = desks(ring_for="2s")
    config["agents"]["cid"] = agent("1005", {"sales": 1})
    bridge = await house.open(config)
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Phone(pbx, "1007", PhoneScript.rings_out()),
        Phone(pbx, "1005", PhoneScript.rings_out()),
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*2800#")
        over = await bridge.until("transfer_ended")
        assert over["result"] == "nobody_free"
        await caller.until_hears(REPLY)
        await ann.until_hears(VOICE)
        assert {fact["result"] for fact in bridge.facts("offer_ended", queue="sales")} == {"no_answer"}
        assert {await bridge.state("1007"), await bridge.state("cid")} == {"not_ready"}
        ann.hang_up()
        await caller.until_state("DISCONNECTED")
    assert await figures(bridge, "sales") == {"offered": 1, "overflowed": 1}


async def test_an_agent_waits_in_the_queue_and_comes_back(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await bridge.ask("1007", "not-ready")
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*6800#")
        await ann.until_hears(MUSIC)
        await caller.until_hears(MUSIC)
        assert await figures(bridge, "sales") == {"offered": 1, "waiting": 1}
        await bridge.ask("1007", "ready")
        await ann.until_hears(THIRD)
        await bob.until_hears(REPLY)
        await ann.until_hears_no_more(MUSIC)
        visit = await bridge.until("visit_ended", queue="sales")
        began = bridge.facts("visit_began", queue="sales")[0]
        assert visit["waited"] == pytest.approx(visit["at"] - began["at"], abs=0.01)
        ann.press("*4")
        await bob.until_state("DISCONNECTED")
        await caller.until_hears(REPLY)
        await ann.until_hears(VOICE)
        await caller.until_hears_no_more(MUSIC)
        await bridge.until("agent_changed", agent="1007", state="wrap_up")
        await bridge.until("agent_changed", agent="1007", state="ready", previous="wrap_up")
        ann.hang_up()
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
    assert [fact["result"] for fact in bridge.facts("transfer_ended")] == ["returned"]
    assert (ended["segments"], await figures(bridge, "sales")) == (1, {"offered": 1, "answered": 1})


async def test_an_agent_who_leaves_while_waiting_gives_the_caller_the_place(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await bridge.ask("1007", "not-ready")
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*6800#")
        await ann.until_hears(MUSIC)
        began = await bridge.until("visit_began", queue="sales")
        ann.hang_up()
        await bridge.until("call_transferred", target="queue:sales")
        await bridge.until("agent_changed", agent="ann", state="wrap_up")
        await caller.until_hears(MUSIC)
        assert await figures(bridge, "sales") == {"offered": 1, "waiting": 1}
        await bridge.ask("1007", "ready")
        await caller.until_hears(THIRD)
        await bob.until_hears(VOICE)
        visit = await bridge.until("visit_ended", queue="sales")
        caller.hang_up()
        ended = await bridge.until("call_ended")
    assert visit["waited"] == pytest.approx(visit["at"] - began["at"], abs=0.01)
    assert (ended["segments"], await figures(bridge, "sales")) == (2, {"offered": 1, "answered": 1})


async def test_an_agent_who_completes_while_it_rings_gives_the_caller_the_offer(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Phone(pbx, "1007", PhoneScript(ring=3.0, steps=[Talk(1.5)], hangs_up=True, audio="agent")) as bob,
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*2800#")
        await bridge.until("offer_made", agent="1007")
        ann.press("*3")
        await ann.until_state("DISCONNECTED")
        await caller.until_hears(REPLY)
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
    assert (len(bob.records()), len(bridge.facts("offer_made", queue="sales"))) == (1, 1)
    assert (ended["segments"], await figures(bridge, "sales")) == (2, {"offered": 1, "answered": 1})


async def test_three_talk_about_it(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*2800#")
        await ann.until_hears(THIRD)
        ann.press("*5")
        for phone, tones in ((caller, (REPLY, THIRD)), (ann, (VOICE, THIRD)), (bob, (VOICE, REPLY))):
            for tone in tones:
                await phone.until_hears(tone)
        bob.hang_up()
        over = await bridge.until("conference_ended")
        await caller.until_hears(REPLY)
        ann.hang_up()
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
    assert (over["agent"], over["by"], over["queue"], ended["segments"]) == ("1007", "ann", "sales", 2)
    assert await figures(bridge, "sales") == {"offered": 1, "answered": 1}


@pytest.mark.parametrize("rings", [False, True], ids=["waits", "rings"])
async def test_a_caller_on_hold_who_hangs_up_ends_the_consult(house: House, pbx: Pbx, *, rings: bool) -> None:
    bridge = await house.open(desks())
    if not rings:
        await bridge.ask("1007", "not-ready")
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Phone(pbx, "1007", PhoneScript.rings_out()) as bob,
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*6800#")
        await ann.until_hears(MUSIC)
        if rings:
            await bob.until(lambda record: record.invite_at)
        caller.hang_up()
        await ann.until_state("DISCONNECTED")
        await bridge.until("call_ended")
        await bridge.until("agent_changed", agent="ann", state="wrap_up")
        if rings:
            await bob.until(lambda record: record.ended_at)
    (visit,) = bridge.facts("visit_ended", queue="sales")
    assert visit["outcome"] in ("abandoned", "short_abandoned")


async def test_a_kill_while_an_agent_waits_changes_nothing_for_those_on_the_line(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await bridge.ask("1007", "not-ready")
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, NUMBER, trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*6800#")
        await ann.until_hears(MUSIC)
        await bridge.kill()
        await bridge.start()
        await bridge.until_state("ann", "talking")
        await ann.until_hears(MUSIC)
        await caller.until_hears(MUSIC)
        await bridge.ask("1007", "ready")
        await ann.until_hears(THIRD)
        await bob.until_hears(REPLY)
        ann.press("*3")
        await caller.until_hears(THIRD)
        caller.hang_up()
        ended = await bridge.until("call_ended")
    assert (ended["segments"], await figures(bridge, "sales")) == (2, {"offered": 1, "answered": 1})
