"""A phone's own hold, blind and attended transfer: the segment ends, the call goes on, nothing sticks, nothing counts twice."""

from typing import Any

import pytest

from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Hold, Phone, PhoneScript, Talk, Transfer, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

VIP = "4930777"
VOICE, REPLY, THIRD = sounds.TONES["caller"], sounds.TONES["agent"], sounds.TONES["third"]


def two_desks(first: str, second: str) -> dict[str, Any]:
    """One agent in support, one in sales; a caller of note."""
    return floor(
        {"ann": agent(first, {"support": 1}), "bob": agent(second, {"sales": 1})},
        {"support": {"steps": [{"skills": "support"}]}, "sales": {"steps": [{"skills": "sales"}]}},
        tiers={"numbers": {"diamond": [VIP]}},
    )


def hands_over(to: str, talk: float = 0.8, linger: float = 0.5) -> PhoneScript:
    return PhoneScript(steps=[Talk(talk), Transfer(to, linger)], hangs_up=True)


async def figures(bridge: Callbridge, queue: str) -> dict[str, int]:
    row = await bridge.queue(queue)
    return {name: int(row[name]) for name in ("offered", "answered", "abandoned", "overflowed", "failed", "waiting")}


ONE_ANSWERED = {"offered": 1, "answered": 1, "abandoned": 0, "overflowed": 0, "failed": 0, "waiting": 0}


async def test_hold_is_counted(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    script = PhoneScript(steps=[Talk(0.4), Hold(0.8), Talk(0.3), Hold(0.3), Talk(0.2)], hangs_up=True)
    async with Phone(pbx, "1001", script):
        made = await call(pbx, Call(dialled="support"))
        talk = await bridge.until("talk_ended")
    assert made.ended_by == "pbx"
    assert talk["hold_seconds"] == pytest.approx(1.1, abs=0.25 + house.slack)
    assert talk["talked"] == pytest.approx(2.0, abs=0.35 + house.slack)


async def test_a_hold_that_the_end_of_the_call_cuts_short_is_counted_to_the_end(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    async with Phone(pbx, "1001", PhoneScript(steps=[Talk(0.4), Hold(30)])):
        await call(pbx, Call(dialled="support", hang_up_after=1.4))
        talk = await bridge.until("talk_ended")
    assert talk["ended_by"] == "customer"
    assert 0.3 < talk["hold_seconds"] < talk["talked"] < 1.4 + house.slack


async def test_a_blind_transfer_to_a_colleague_ends_the_segment_and_not_the_call(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    async with (
        Phone(pbx, "1001", hands_over("1005")) as first,
        Phone(pbx, "1005", PhoneScript.answers(talk=2.0)) as second,
        Callers(pbx, [Call(dialled="support")]) as callers,
    ):
        talk = await bridge.until("talk_ended")
        wrap = await bridge.until("agent_changed", agent="ann", state="wrap_up")
        assert talk["ended_by"] == "transfer"
        assert wrap["at"] == pytest.approx(talk["at"], abs=0.01)
        # Free for the next caller while the first one still talks to the colleague.
        await bridge.until("agent_changed", agent="ann", state="ready", previous="wrap_up")
        assert (await figures(bridge, "support")) == ONE_ANSWERED
        assert len(await bridge.calls()) == 1
        far = await second.until(lambda record: record.ended_at)
        near = await first.until(lambda record: record.ended_at)
        (made,) = await callers.wait()
    ended = await bridge.until("call_ended")
    assert (far.outcome, far.ended_by, near.outcome) == ("answered", "phone", "answered")
    assert near.answered_at
    assert far.ended_at
    assert talk["talked"] == pytest.approx(0.8, abs=0.25 + house.slack)
    assert made.ended_at
    assert (made.ended_by, ended["segments"], ended["outcome"]) == ("pbx", 1, "answered")
    assert made.ended_at == pytest.approx(far.ended_at, abs=0.3 + house.slack)
    assert len(bridge.facts("call_transferred")) == 1
    assert len(bridge.facts("call_arrived")) == 1


async def test_the_caller_may_hang_up_after_a_blind_transfer(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    async with Phone(pbx, "1001", hands_over("1005")), Phone(pbx, "1005") as second:
        made = await call(pbx, Call(dialled="support", hang_up_after=3.0))
        far = await second.until(lambda record: record.ended_at)
        ended = await bridge.until("call_ended")
    assert far.ended_at
    assert made.ended_at
    assert (far.outcome, far.ended_by) == ("answered", "pbx")
    assert far.ended_at == pytest.approx(made.ended_at, abs=0.3 + house.slack)
    assert ended["segments"] == 1


@pytest.mark.parametrize("target", ["try-1005", "try-2002"], ids=["refuses", "unreachable"])
async def test_a_blind_transfer_to_somebody_who_does_not_come_brings_the_caller_back(house: House, pbx: Pbx, target: str) -> None:
    house.explains_pbx(r"2002|dialog|outgoing session|app_dial|Unable to create")
    bridge = await house.open(two_desks("1001", "1002"))
    async with Phone(pbx, "1001", hands_over(target)), Phone(pbx, "1005", PhoneScript.rejects()):
        async with Callers(pbx, [Call(dialled="support", hang_up_after=6.0)]) as callers:
            await bridge.until("talk_began", count=2, agent="ann")
            (made,) = await callers.wait()
        ended = await bridge.until("call_ended")
        await bridge.until("agent_changed", agent="ann", state="ready", previous="wrap_up")
    assert made.ended_by == "caller"
    assert ended["segments"] >= 2
    assert bridge.facts("transfer_started", kind="back")


async def test_a_transfer_to_a_number_that_nobody_has_leaves_the_call_as_it_was(house: House, pbx: Pbx) -> None:
    house.explains_pbx(r"target does not exist")
    bridge = await house.open(two_desks("1008", "1002"))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as desk,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await bridge.until("talk_began")
        desk.transfer("*99")
        refused = await desk.until("transfer", final=True)
        assert refused["code"] >= 300
        await caller.until_hears(REPLY)
        assert await bridge.state("ann") == "talking"
        desk.hang_up()
        await caller.until_state("DISCONNECTED")
        await bridge.until("talk_ended", ended_by="agent")


async def test_a_phone_that_keeps_its_line_after_a_transfer_does_not_keep_its_agent(house: House, pbx: Pbx) -> None:
    """The channel is hung up; Asterisk itself holds the BYE back, for the phone is expected to hang up."""
    bridge = await house.open(two_desks("1001", "1002"))
    async with Phone(pbx, "1001", hands_over("1005", linger=30.0)), Phone(pbx, "1005"):
        await call(pbx, Call(dialled="support", hang_up_after=3.5))
        free = await bridge.until("agent_changed", agent="ann", state="ready", previous="wrap_up")
    assert free["at"] - bridge.facts("talk_ended")[0]["at"] < 3.0


async def test_an_agent_is_free_soon_after_the_phone_has_let_go(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002") | {"queue_defaults": {"wrap_up": 0}})
    async with Phone(pbx, "1001", hands_over("1005", linger=0.2)) as first, Phone(pbx, "1005", PhoneScript.answers(talk=1.5)):
        await call(pbx, Call(dialled="support"))
        near = await first.until(lambda record: record.ended_at)
        free = await bridge.until("agent_changed", agent="ann", state="ready", previous="wrap_up")
    assert near.ended_at
    assert free["at"] - near.ended_at < 0.3 + house.slack


async def test_what_is_told_of_a_transfer_names_the_call_and_is_told_once(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    async with Phone(pbx, "1001", hands_over("1005")), Phone(pbx, "1005", PhoneScript.answers(talk=0.5)):
        await call(pbx, Call(dialled="support"))
        told = await bridge.until("call_transferred")
    assert len(bridge.facts("call_transferred")) == 1
    assert told.get("call") == bridge.facts("call_arrived")[0]["call"]


async def test_a_blind_transfer_to_our_own_entry_is_one_call_with_two_segments(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    async with (
        Phone(pbx, "1001", hands_over("sales")) as first,
        Phone(pbx, "1002", PhoneScript.answers(talk=0.6)) as second,
        Callers(pbx, [Call(dialled="support", number=VIP)]) as callers,
    ):
        (made,) = await callers.wait()
        near = await first.until(lambda record: record.ended_at)
        far = await second.until(lambda record: record.ended_at)
        ended = await bridge.until("call_ended")
        await bridge.until("agent_changed", agent="ann", state="ready", previous="wrap_up")
    assert (near.caller_number, far.caller_number, far.outcome) == (VIP, VIP, "answered")
    assert [fact["pii.number"] for fact in bridge.facts("call_arrived")] == [VIP]
    visits = bridge.facts("visit_began")
    assert [(visit["queue"], visit["tier"]) for visit in visits] == [("support", "diamond"), ("sales", "diamond")]
    assert visits[0]["rank"] == visits[1]["rank"]  # the arrival is kept
    talks = bridge.facts("talk_ended")
    assert [(talk["agent"], talk["ended_by"]) for talk in talks] == [("ann", "transfer"), ("bob", "agent")]
    assert talks[0]["talked"] == pytest.approx(0.8, abs=0.25 + house.slack)
    assert talks[1]["talked"] == pytest.approx(0.6, abs=0.25 + house.slack)
    assert (ended["segments"], ended["outcome"]) == (2, "answered")
    assert (await figures(bridge, "support"), await figures(bridge, "sales")) == (ONE_ANSWERED, ONE_ANSWERED)
    assert made.answered_at
    assert far.answered_at
    waited = bridge.facts("talk_began", agent="bob")[0]["waited"]
    assert waited == pytest.approx(far.answered_at - visits[1]["at"], abs=0.2 + house.slack)  # the talk before is no wait


async def test_a_caller_who_is_transferred_to_an_entry_waits_there_with_music(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    await bridge.ask("bob", "not-ready")
    script = PhoneScript(steps=[Talk(1.5), Transfer("sales")], hangs_up=True, audio="agent")
    async with Phone(pbx, "1001", script), Softphone(pbx, VIP, trunk=True, tone=VOICE) as caller:
        waiting = await caller.call("support")
        await caller.until_hears(REPLY)
        await bridge.until("visit_began", queue="sales")
        await caller.until_hears(sounds.TONES["music"])
        assert (await figures(bridge, "sales"))["waiting"] == 1
        caller.hang_up(waiting)
        ended = await bridge.until("visit_ended", queue="sales")
    assert ended["outcome"] == "short_abandoned"  # soon after the transfer; the talk before is no wait


async def test_a_blind_transfer_to_an_unknown_entry_goes_to_the_fallback(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    async with Phone(pbx, "1001", hands_over("nowhere")):
        await call(pbx, Call(dialled="support", hang_up_after=2.5))
        diverted = await bridge.until("call_diverted")
    assert diverted["reason"] == "unknown_entry"
    assert len(bridge.facts("call_arrived")) == 1


async def test_a_chain_of_blind_transfers_is_one_call(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1001", "1002"))
    async with (
        Phone(pbx, "1001", hands_over("sales")),
        Phone(pbx, "1002", hands_over("1005")),
        Phone(pbx, "1005", PhoneScript.answers(talk=0.4)) as last,
    ):
        made = await call(pbx, Call(dialled="support"))
        assert (await last.until(lambda record: record.ended_at)).outcome == "answered"
        ended = await bridge.until("call_ended")
    assert (made.ended_by, ended["segments"]) == ("pbx", 2)


async def test_a_blind_transfer_with_real_audio_joins_caller_and_colleague(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1008", "1002"))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as desk,
        Softphone(pbx, "1009", tone=THIRD) as colleague,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await bridge.until("talk_began")
        desk.transfer("1009")
        await bridge.until("talk_ended", ended_by="transfer")
        await colleague.until("media")
        await caller.until_hears(THIRD)
        await colleague.until_hears(VOICE)
        await desk.until_state("DISCONNECTED")
        caller.hang_up()
        await colleague.until_state("DISCONNECTED")
        await bridge.until("call_ended")


async def test_an_attended_transfer_to_a_colleague_ends_the_segment_and_not_the_call(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1008", "1002"))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as desk,
        Softphone(pbx, "1009", tone=THIRD) as colleague,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await bridge.until("talk_began")  # nobody transfers sooner
        consult = await desk.call("1009")
        await desk.until_state("CONFIRMED", consult)
        desk.transfer_to(consult)
        await bridge.until("talk_ended", ended_by="transfer")
        await caller.until_hears(THIRD)
        await colleague.until_hears(VOICE)
        await desk.until_state("DISCONNECTED", 1)
        await bridge.until("agent_changed", agent="ann", state="ready", previous="wrap_up")
        assert len(await bridge.calls()) == 1
        colleague.hang_up()
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
    assert (ended["segments"], len(bridge.facts("call_arrived"))) == (1, 1)


async def test_an_attended_transfer_to_an_entry_is_the_same_calls_next_visit(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1008", "1002"))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as desk,
        Softphone(pbx, VIP, trunk=True, tone=VOICE) as caller,
        Phone(pbx, "1002", PhoneScript.answers(ring=0.1, talk=1.0)) as second,
    ):
        await caller.call("support")
        await bridge.until("talk_began")  # nobody transfers sooner
        consult = await desk.call("sales")
        await desk.until_state("CONFIRMED", consult)
        # A consult is no customer: nobody is called for it.
        await desk.until_hears(sounds.TONES["music"], consult)
        assert second.records() == []
        desk.transfer_to(consult)
        far = await second.until(lambda record: record.ended_at)
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
        await bridge.until("agent_changed", agent="ann", state="ready", previous="wrap_up")
    assert (far.outcome, far.caller_number) == ("answered", VIP)
    assert len(bridge.facts("call_arrived")) == 1
    assert [(visit["queue"], visit["tier"]) for visit in bridge.facts("visit_began")] == [
        ("support", "diamond"),
        ("sales", "diamond"),
    ]
    assert [talk["ended_by"] for talk in bridge.facts("talk_ended")] == ["transfer", "agent"]
    assert [(told["attended"], told.get("call")) for told in bridge.facts("call_transferred")] == [(True, ended["call"])]
    assert ended["segments"] == 2
    assert (await figures(bridge, "support"), await figures(bridge, "sales")) == (ONE_ANSWERED, ONE_ANSWERED)


async def test_an_agent_who_only_asks_an_entry_and_comes_back_leaves_nothing_behind(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two_desks("1008", "1002"))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as desk,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await bridge.until("talk_began")  # nobody transfers sooner
        consult = await desk.call("sales")
        await desk.until_state("CONFIRMED", consult)
        desk.hang_up(consult)
        await desk.until_state("DISCONNECTED", consult)
        await caller.until_hears(REPLY)
        caller.hang_up()
        await bridge.until("call_ended")
    assert len(bridge.facts("call_arrived")) == 1
    assert (await figures(bridge, "sales"))["offered"] == 0


async def test_a_caller_by_a_local_channel_is_answered_without_a_wait(house: House, pbx: Pbx) -> None:
    """A forwarder, a ring group or another PBX's dialplan: ``Dial(Local/...)``."""
    bridge = await house.open(two_desks("1001", "1002"))
    async with (
        Phone(pbx, "1001", PhoneScript.answers(ring=0.0)) as first,
        Callers(pbx, [Call(dialled="forwarded", hang_up_after=4.0)]) as callers,
    ):
        rings = await first.until(lambda record: record.invite_at)
        await bridge.until("talk_began")
        # Now somebody talks, and the next Local channel might be a transfer's: it hears music at once all the same.
        late = await call(pbx, Call(dialled="forwarded", number="49302", hang_up_after=1.0))
        (made,) = await callers.wait()
    assert made.answered_at
    assert late.answered_at
    # Version 16 itself takes 0.2 s for Dial(Local/...); waiting for a possible transfer's other half would be 0.3 s more.
    within = (0.2 if pbx.version == 22 else 0.4) + house.slack
    assert made.answered_at - made.started_at < within
    assert late.answered_at - late.started_at < within
    assert rings.invite_at - made.started_at < within
