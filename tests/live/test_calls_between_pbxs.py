"""Calls over the tie line between two PBXs: what phones, supervisors, restarts and lost links do to them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge
from tests.lab.proxy import AriProxy
from tests.lab.sip import Call, Callers, Phone, PhoneScript, call
from tests.live.conftest import must_be_built
from tests.live.test_standby import stands_by
from tests.live.two_pbxs import EAST, WEST, Pair, desk, pair

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

VOICE, REPLY, THIRD = sounds.TONES["caller"], sounds.TONES["agent"], sounds.TONES["third"]
BOB = {"bob": desk(WEST, "1002", {"support": 1})}
AT_ONCE = PhoneScript.answers(0.1, talk=0.4)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    must_be_built(request.param)
    async with pair(22, request.param) as running:
        yield running


@asynccontextmanager
async def talking(both: Pair, bridge: Callbridge) -> AsyncIterator[tuple[Softphone, Softphone]]:
    """Bob's phone in the west, and a caller of the east to whom he talks."""
    async with (
        Softphone(both.west, "1002", tone=REPLY) as phone,
        Softphone(both.east, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        await bridge.until_state("bob", "ready")
        await caller.call("support")
        await phone.until_hears(VOICE)
        await caller.until_hears(REPLY)
        await bridge.until("talk_began", agent="bob")
        yield phone, caller


async def test_a_phone_is_asked_to_answer_by_itself_over_the_tie_line(both: Pair) -> None:
    agents = {"bob": desk(WEST, "1001", {"support": 1}, "auto_answer")}
    async with both.bridge(agents) as bridge, Phone(both.west, "1001", PhoneScript.answers(ring=0, talk=0.5)) as phone:
        await bridge.until_state("bob", "ready")
        await call(both.east, Call(dialled="support"))
        seen = await phone.until(lambda record: record.headers)
        await bridge.until("call_ended")
    assert "answer-after=0" in seen.headers["call-info"]
    assert "auto" in seen.headers["alert-info"]


async def test_a_blind_transfer_by_the_phone_is_refused_and_the_talk_goes_on(both: Pair) -> None:
    async with both.bridge(BOB) as bridge, talking(both, bridge) as (phone, caller):
        phone.transfer("1001", stays=True)
        refused = await phone.until("transfer", final=True)
        assert refused["code"] >= 400
        assert await bridge.state("bob") == "talking"
        await caller.until_hears(REPLY)
        phone.hang_up()
        await bridge.until("call_ended")


async def test_an_attended_transfer_by_the_phone_frees_its_agent(both: Pair) -> None:
    async with (
        both.bridge(BOB) as bridge,
        Softphone(both.west, "1001", tone=THIRD) as colleague,
        talking(both, bridge) as (phone, caller),
    ):
        consult = await phone.call("1001")
        await phone.until_state("CONFIRMED", consult)
        phone.transfer_to(consult)
        await colleague.until_hears(VOICE)
        await caller.until_hears(THIRD)
        assert (await bridge.until("talk_ended"))["ended_by"] == "transfer"
        await bridge.until_state("bob", "ready")
        caller.hang_up()
        await bridge.until("call_ended")
        await colleague.until_state("DISCONNECTED")


async def test_a_supervisor_of_the_other_pbx_listens_and_whispers(both: Pair) -> None:
    async with (
        both.bridge(BOB) as bridge,
        Softphone(both.west, "1001", tone=THIRD) as boss,
        talking(both, bridge) as (phone, caller),
    ):
        (made,) = await bridge.calls()
        await asyncio.to_thread(bridge.client.act_on_call, made["id"], "listen", phone=f"{WEST}/PJSIP/1001")
        await boss.until_hears(VOICE)
        await boss.until_hears(REPLY)
        await asyncio.to_thread(bridge.client.act_on_call, made["id"], "whisper", phone=f"{WEST}/PJSIP/1001")
        await phone.until_hears(THIRD)
        assert not caller.hears(THIRD, last=0.5)
        phone.hang_up()
        await boss.until_state("DISCONNECTED")
        await bridge.until("call_ended")


async def test_an_agent_transfers_to_one_of_the_other_pbx(both: Pair) -> None:
    agents = BOB | {"1007": desk(EAST, "1001", {"sales": 1})}
    async with (
        both.bridge(agents, keys={"*2": "consult", "*3": "complete"}) as bridge,
        Softphone(both.east, "1001", tone=THIRD) as colleague,
        talking(both, bridge) as (phone, caller),
    ):
        await bridge.until_state("1007", "ready")
        phone.press("*21007#")
        await phone.until_hears(THIRD)
        await colleague.until_hears(REPLY)
        phone.press("*3")
        await caller.until_hears(THIRD)
        await colleague.until_hears(VOICE)
        await bridge.until_state("bob", "ready")
        caller.hang_up()
        await bridge.until("call_ended")
        assert [fact["agent"] for fact in bridge.facts("talk_began")] == ["bob", "1007"]


async def test_a_talk_over_the_tie_line_outlives_a_restart(both: Pair) -> None:
    async with both.bridge(BOB) as bridge, talking(both, bridge) as (phone, caller):
        await bridge.kill()
        await bridge.start()
        await bridge.until_state("bob", "talking")
        await caller.until_hears(REPLY)
        await phone.until_hears(VOICE)
        phone.hang_up()
        await bridge.until("call_ended")
        await bridge.until_state("bob", "ready")
        assert len(bridge.facts("call_arrived")) == 1


async def test_a_pbx_with_another_name_after_a_restart_leaves_no_call_behind(both: Pair) -> None:
    async with both.bridge(BOB) as bridge, talking(both, bridge) as (phone, caller):
        await bridge.kill()
        config = both.config(BOB)
        config["pbx"][0]["name"] = "centre"
        bridge.write_config(config)
        await bridge.start()
        (ended,) = [await bridge.until("call_ended")]
        assert ended["estimated"]
        await bridge.until("call_adopted")
        await caller.until_hears(REPLY)
        await bridge.until_state("bob", "busy_elsewhere")
        phone.hang_up()
        await bridge.until("call_ended", count=2)
        await bridge.until_state("bob", "ready")
        assert await bridge.calls() == []


async def test_calls_go_on_while_only_the_link_to_their_pbx_is_lost(both: Pair) -> None:
    async with AriProxy(both.east) as proxy:
        config = both.config(BOB)
        config["pbx"][0]["ari"]["url"] = proxy.url
        async with both.bridge_with(config) as bridge, talking(both, bridge) as (phone, caller):
            await proxy.close()
            await bridge.until_missing("pbx east: no ARI link")
            assert await bridge.state("bob") == "talking", "the phone is in use"
            await caller.until_hears(REPLY)
            await proxy.start()
            await bridge.until("ari link up", count=3)
            assert await bridge.state("bob") == "talking"
            phone.hang_up()
            assert (await bridge.until("call_ended"))["outcome"] == "answered"
            await bridge.until_state("bob", "ready")


async def test_a_standby_takes_over_on_both(both: Pair) -> None:
    agents = BOB | {"ann": desk(EAST, "1001", {"other": 1}, login=False)}
    queues = {name: {"steps": [{"skills": name}]} for name in ("support", "other")}
    config = both.config(agents, queues=queues)
    addresses = [{"standby": {"address": f"http://{name}.example:8090"}} for name in ("first", "second")]
    async with both.bridge_with(config | addresses[0]) as first:
        second = Callbridge(both.east, config | addresses[1], redis=first.redis, warm=True)
        try:
            await second.launch()
            await stands_by(second, "first")
            async with (
                Phone(both.east, "1001", AT_ONCE),
                Callers(both.west, [Call(dialled="other", number="49301")]) as waiting,
                talking(both, first) as (phone, caller),
            ):
                await first.kill()
                await second.until_ready(10.0)
                await second.until_state("bob", "talking")
                await caller.until_hears(REPLY)
                await second.ask("ann", "login")
                await second.until("talk_began", agent="ann")
                assert (await waiting.wait(10.0))[0].answered_at
                phone.hang_up()
                await second.until_state("bob", "ready")
        finally:
            await second.close()


async def test_callers_are_offered_to_agents_of_their_own_site_first(both: Pair) -> None:
    config = both.config(
        {"ann": desk(EAST, "1001", {"support": 1}), "bob": desk(WEST, "1001", {"support": 1})},
        queue_defaults={"wrap_up": 0, "own_site": 2},
    )
    for one, site in zip(config["pbx"], ("london", "paris"), strict=True):
        one["site"] = site
    async with (
        both.bridge_with(config) as bridge,
        Phone(both.east, "1001", AT_ONCE),
        Phone(both.west, "1001", AT_ONCE),
    ):
        for who in ("ann", "bob"):
            await bridge.until_state(who, "ready")
        for count, pbx in enumerate((both.east, both.east, both.west, both.west), 1):
            await call(pbx, Call(dialled="support"))
            await bridge.until("call_ended", count=count)
            for who in ("ann", "bob"):
                await bridge.until_state(who, "ready")
        await bridge.ask("ann", "not-ready")
        await call(both.east, Call(dialled="support"))
        await bridge.until("call_ended", count=5)
        served = [(fact["agent"], fact["waited"] >= 2) for fact in bridge.facts("talk_began")]
    assert served == [("ann", False), ("ann", False), ("bob", False), ("bob", False), ("bob", True)]
