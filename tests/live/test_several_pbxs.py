"""Several PBXs: callers and agents on either, audio over the tie line, and one PBX that is lost takes only its own along."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from callbridge.cli.doctor import examine
from callbridge.cli.doctor.findings import Level
from callbridge.core.routing.offers import SAFETY
from callbridge.settings.loading import load
from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.sip import Call, Callers, Phone, PhoneScript, call
from tests.live.conftest import must_be_built
from tests.live.two_pbxs import EAST, WEST, Pair, desk, pair

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

VOICE, REPLY = sounds.TONES["caller"], sounds.TONES["agent"]
AT_ONCE = PhoneScript.answers(0.1, talk=0.4)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[(22, 22), (22, 16)], ids=["22-22", "22-16"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    for version in request.param:
        must_be_built(version)
    async with pair(*request.param) as running:
        yield running


async def test_the_longest_idle_agent_of_both_pbxs_serves_the_callers_of_either(both: Pair) -> None:
    agents = {"ann": desk(EAST, "1001", {"support": 1}), "bob": desk(WEST, "1001", {"support": 1})}
    async with (
        both.bridge(agents, queue_defaults={"wrap_up": 0}) as bridge,
        Phone(both.east, "1001", AT_ONCE) as near,
        Phone(both.west, "1001", AT_ONCE) as far,
    ):
        for who in agents:
            await bridge.until_state(who, "ready")
        for count, pbx in enumerate((both.east, both.east, both.west, both.west), 1):
            made = await call(pbx, Call(dialled="support", number=f"493010{count}"))
            assert made.answered_at
            await bridge.until("call_ended", count=count)
            for who in agents:
                await bridge.until_state(who, "ready")
        served = [fact["agent"] for fact in bridge.facts("talk_began")]
        assert served[0] != served[1] == served[3] != served[2] == served[0], "in turns, whichever PBX the caller is on"
        assert [fact["result"] for fact in bridge.facts("offer_ended")] == ["answered"] * 4
        for phone in (near, far):
            numbers = sorted(record.caller_number for record in phone.records())
            assert len(numbers) == 2
            assert all(number.startswith("493010") for number in numbers), "the caller's number goes over the tie line"
        assert [line for line in bridge.trouble() if line["event"] != "store degraded"] == []
    await both.east.quiet()
    await both.west.quiet()


async def test_a_caller_and_an_agent_of_the_other_pbx_hear_each_other(both: Pair) -> None:
    async with (
        both.bridge({"bob": desk(WEST, "1002", {"support": 1})}) as bridge,
        Softphone(both.west, "1002", tone=REPLY) as phone,
        Softphone(both.east, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        await bridge.until_state("bob", "ready")
        await caller.call("support")
        await bridge.until("talk_began")
        await phone.until_hears(VOICE)
        await caller.until_hears(REPLY)
        phone.hang_up()
        await caller.until_state("DISCONNECTED")
        assert (await bridge.until("talk_ended"))["ended_by"] == "agent"
        await bridge.until_state("bob", "ready")


@pytest.mark.parametrize(
    ("script", "result", "state"),
    [
        (PhoneScript.rejects(486), "rejected", "ready"),
        (PhoneScript.rejects(603), "rejected", "ready"),
        (PhoneScript.rejects(404), "misconfigured", "offline"),
        (PhoneScript.rings_out(), "no_answer", "not_ready"),
    ],
    ids=["busy", "declined", "unknown", "rings"],
)
async def test_what_a_phone_replies_comes_back_over_the_tie_line(
    both: Pair, script: PhoneScript, result: str, state: str
) -> None:
    agents = {"bob": desk(WEST, "1001", {"support": 1})}
    async with (
        both.bridge(agents, queue_defaults={"ring_for": 2}) as bridge,
        Phone(both.west, "1001", script),
        Callers(both.east, [Call(dialled="support")]) as callers,
    ):
        assert (await bridge.until("offer_ended"))["result"] == result
        if state != "ready":
            await bridge.until_state("bob", state)
        await callers.stop()
        await both.east.hang_up_all()
        await bridge.until("call_ended")


async def test_a_phone_does_not_ring_on_when_the_pbx_that_rang_it_over_the_tie_line_is_lost(both: Pair) -> None:
    """It sends no CANCEL, and a phone that rings sends no audio whose end could be noticed."""
    ring_for = 3
    async with both.bridge({"bob": desk(WEST, "1001", {"support": 1})}, queue_defaults={"ring_for": ring_for}) as bridge:
        async with Phone(both.west, "1001", PhoneScript.rings_out()), Callers(both.east, [Call(dialled="support")]):
            await bridge.until("offer_made")
            async with asyncio.timeout(10.0):
                while await both.west.channels() < 2:
                    await asyncio.sleep(0.05)
            await both.east.kill()
            await both.west.quiet(limit=ring_for + SAFETY + 4.0)
        await both.east.start()
        await bridge.until("call_ended", limit=20)


async def test_a_pbx_that_is_lost_takes_only_its_own_legs_along(both: Pair) -> None:
    agents = {
        "ann": desk(EAST, "1001", {"support": 1}),
        "bob": desk(WEST, "1001", {"other": 1}),
        "cid": desk(EAST, "1002", {"other": 1}, login=False),
    }
    queues = {name: {"steps": [{"skills": name}]} for name in ("support", "other")}
    stays = PhoneScript.answers(0.1)
    async with (
        both.bridge(agents, queues=queues, queue_defaults={"wrap_up": 0}) as bridge,
        Phone(both.east, "1001", stays),
        Phone(both.west, "1001", stays),
        Phone(both.east, "1002", AT_ONCE),
    ):
        for who in ("ann", "bob"):
            await bridge.until_state(who, "ready")
        async with (
            Callers(both.east, [Call(dialled="support", number="49301")]) as near,
            Callers(both.west, [Call(dialled="other", number="49302")]),
        ):
            await bridge.until("talk_began", agent="ann")
            lost = await bridge.until("talk_began", agent="bob")
            await both.west.kill()
            await bridge.until_missing("pbx west: no ARI link")
            await bridge.ask("cid", "login")
            made = await call(both.east, Call(dialled="other", number="49303"))
            assert made.answered_at, "callers of the PBX that is left are served"
            assert await bridge.state("ann") == "talking", "its calls go on"
            await both.west.start()
            ended = await bridge.until("call_ended", call=lost["call"], limit=20)
            assert ended["estimated"]
            await bridge.until_state("bob", "ready", limit=20)
            assert near.records()[0].ended_at is None
        await both.east.hang_up_all()
        await bridge.until("call_ended", count=3)


async def test_agents_of_a_lost_pbx_are_offline_and_ready_again_when_it_is_back(both: Pair) -> None:
    agents = {"ann": desk(EAST, "1001", {"support": 1}), "bob": desk(WEST, "1001", {"support": 1})}
    async with (
        both.bridge(agents, queue_defaults={"wrap_up": 0}) as bridge,
        Phone(both.east, "1001", AT_ONCE) as near,
        Phone(both.west, "1001", AT_ONCE) as far,
    ):
        for who in agents:
            await bridge.until_state(who, "ready")
        await both.west.kill()
        await bridge.until_state("bob", "offline")
        for count in (1, 2):
            assert (await call(both.east, Call(dialled="support", number=f"4930{count}"))).answered_at
            await bridge.until("call_ended", count=count)
            await bridge.until_state("ann", "ready")
        assert len(near.records()) == 2
        assert far.records() == [], "nobody is offered to a phone that nothing is known of"
        await both.west.start()
        await bridge.until_state("bob", "ready", limit=20)
        assert (await call(both.west, Call(dialled="support", number="49303"))).answered_at
        await bridge.until("call_ended", count=3)
        assert [record.caller_number for record in far.records()] == ["49303"], "idle for longest"


async def test_a_caller_whose_agent_is_lost_with_the_other_pbx_is_kept_and_served_by_the_next(both: Pair) -> None:
    agents = {"ann": desk(EAST, "1001", {"support": 1}, login=False), "bob": desk(WEST, "1002", {"support": 1})}
    async with (
        both.bridge(agents, queue_defaults={"wrap_up": 0}) as bridge,
        Softphone(both.west, "1002", tone=REPLY) as phone,
        Softphone(both.east, "4930100", trunk=True, tone=VOICE) as caller,
        Phone(both.east, "1001", PhoneScript.answers(0.1)) as near,
    ):
        await bridge.until_state("bob", "ready")
        await caller.call("support")
        await phone.until_hears(VOICE)
        await both.west.kill()
        await bridge.ask("ann", "login")
        assert (await bridge.until("talk_ended", limit=15))["ended_by"] == "lost"
        assert (await bridge.until("talk_began", count=2))["agent"] == "ann"
        assert len(bridge.facts("call_arrived")) == 1, "it is the same call"
        caller.hang_up()
        await bridge.until("call_ended")
        assert near.records()[0].answered_at
        await both.west.start()
        await bridge.until_state("bob", "ready", limit=40)


async def test_the_doctor_examines_each_and_finds_the_trunk_between_them(both: Pair, tmp_path: Path) -> None:
    agents = {"ann": desk(EAST, "1001", {"support": 1}), "bob": desk(WEST, "1002", {"support": 1})}
    config = both.config(agents, instance={"timezone": "UTC"})
    path = tmp_path / "callbridge.yaml"
    path.write_text(json.dumps(config))
    findings = [finding async for finding in examine(load(path))]
    faults = [f"{finding.about}: {finding.said}" for finding in findings if finding.level is Level.FAULT]
    assert faults == []
    for name in (EAST, WEST):
        (phones,) = [one.said for one in findings if one.about == "phones" and one.said.startswith(f"{name}: all")]
        assert "all 1 phones" in phones, "each is asked for its own"
    config["pbx"][0]["tie"] = "PJSIP/{phone}@west"
    path.write_text(json.dumps(config))
    findings = [finding async for finding in examine(load(path), both.east.folder / "etc")]
    assert [one.said for one in findings if one.said.startswith("--etc")], "whose files these are nobody knows"
    faults = [f"{finding.about}: {finding.said}" for finding in findings if finding.level is Level.FAULT]
    assert faults == ["trunks: east: PJSIP/west of pbx[0].tie is not an endpoint of the PBX"]
