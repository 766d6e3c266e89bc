"""Asterisk refuses, says nothing, or does it and says that it did not - at every single order. Nobody is ever stuck."""

import asyncio
import contextlib
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.proxy import AriProxy, Planned, refused, slow, swallowed, worked_but_500, worked_unheard
from tests.lab.sip import Call, Callers, CallRecord, Phone, PhoneScript, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]
LONG = True

ORDERS = {
    "Subscribe": ("POST", r"^/applications/callbridge/subscription"),
    "Answer": ("POST", r"^/channels/[^/]+/answer"),
    "StartMusic": ("POST", r"^/channels/[^/]+/moh"),
    "StopMusic": ("DELETE", r"^/channels/[^/]+/moh"),
    "Ring-create": ("POST", r"^/channels/create"),
    "Ring-dial": ("POST", r"^/channels/[^/]+/dial"),
    "Bridge-create": ("POST", r"^/bridges\?"),
    "addChannel": ("POST", r"^/bridges/[^/]+/addChannel"),
    "DropBridge": ("DELETE", r"^/bridges/"),
    "HangUp": ("DELETE", r"^/channels/[^/?]+\?reason"),
}
HOW: dict[str, Planned] = {
    "refused": refused,
    "unheard": swallowed,
    "worked-500": worked_but_500,
    "worked-unheard": worked_unheard,
}
FEW = ("Ring-create-worked-500", "addChannel-refused", "HangUp-refused", "Answer-worked-500")
ON_16 = {
    *(f"test_a_call_ends_in_one_outcome_whatever_is_refused[{case}]" for case in FEW),
    "test_a_leg_that_is_made_after_later_ones_is_not_taken_for_one_of_them",
    "test_a_leg_that_is_made_after_it_was_given_up_is_hung_up",
    "test_a_cut_socket_in_a_talk_loses_nobody",
}


def one_agent(**queue: Any) -> dict[str, Any]:
    queue = {"steps": [{"skills": "support"}]} | queue
    agents = {"ann": agent("1001", {"support": 1})}
    defaults = {"wrap_up": 0.2, "ring_for": 8, "offline": {"rest": 0.5}, "rejected": {"rest": 0.5}}
    return floor(agents, {"support": queue}, queue_defaults=defaults)


async def served_afterwards(bridge: Callbridge, proxy: AriProxy, pbx: Pbx) -> CallRecord:
    """One more call, without faults: agents and links are of use again."""
    proxy.heal()
    await bridge.until("call_ended", limit=15)
    await bridge.until_state("ann", "ready", limit=20)
    before = len(bridge.facts("talk_began"))
    made = await call(pbx, Call(dialled="support", number="49302", hang_up_after=8))
    await bridge.until("call_ended", count=2)
    assert len(bridge.facts("talk_began")) == before + 1
    return made


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("order", ORDERS)
async def test_a_call_ends_in_one_outcome_whatever_is_refused(house: House, pbx: Pbx, order: str, how: str) -> None:
    house.explains_pbx("WARNING|ERROR")
    bridge, proxy = await house.open_through_proxy(one_agent())
    fault = proxy.plan(HOW[how](*ORDERS[order]))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=0.5)):
        first = await call(pbx, Call(dialled="support", number="49301", hang_up_after=12))
        second = await served_afterwards(bridge, proxy, pbx)
        await bridge.until_state("ann", "ready")
    assert fault.hits == 1
    assert first.ended_at
    assert second.ended_by == "pbx"


async def test_a_leg_that_is_made_after_later_ones_is_not_taken_for_one_of_them(house: House, pbx: Pbx) -> None:
    """Orders of different legs overtake each other; version 22 compares ids of channels only as far as the new one goes."""
    phones = [str(number) for number in range(1001, 1013)]
    bridge, proxy = await house.open_through_proxy(floor({phone: agent(phone, {"support": 1}) for phone in phones}))
    late = proxy.plan(slow(*ORDERS["Ring-create"], 1.0))
    calls = [Call(dialled="support", number=f"49303{phone}", hang_up_after=2.0) for phone in phones]
    async with contextlib.AsyncExitStack() as stack:
        for phone in phones:
            await stack.enter_async_context(Phone(pbx, phone, PhoneScript.answers(ring=0.1)))
        async with Callers(pbx, calls, rate=40) as callers:
            records = await callers.wait()
        await bridge.until("call_ended", count=len(calls))
    assert late.hits == 1
    assert bridge.facts("order_given_up") == []
    assert [fact["result"] for fact in bridge.facts("offer_ended")] == ["answered"] * len(calls)
    assert all(record.ended_by == "caller" for record in records)


@pytest.mark.parametrize("how", HOW)
async def test_a_refused_probe_is_asked_again(house: House, pbx: Pbx, how: str) -> None:
    bridge, proxy = await house.open_through_proxy(one_agent())
    # A subscription in doubt makes us ask about the channel.
    proxy.plan(refused("POST", ORDERS["Subscribe"][1]))
    fault = proxy.plan(HOW[how]("GET", r"^/channels/[^/?]+$"))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=0.5)):
        first = await call(pbx, Call(dialled="support", number="49301", hang_up_after=8))
        await served_afterwards(bridge, proxy, pbx)
    assert fault.hits == 1
    assert first.ended_by == "pbx"


@pytest.mark.parametrize("how", HOW)
async def test_a_refused_way_out_to_the_dialplan_is_tried_again(house: House, pbx: Pbx, how: str) -> None:
    house.explains_pbx("WARNING|ERROR")
    config = one_agent(steps=[{"skills": "support", "for": 0.6}], then={"dialplan": "lab-then,bye"})
    bridge, proxy = await house.open_through_proxy(config)
    await bridge.ask("ann", "not-ready")
    fault = proxy.plan(HOW[how]("POST", r"^/channels/[^/]+/continue"))
    made = await call(pbx, Call(dialled="support", number="49301", hang_up_after=25))
    await bridge.until("call_ended")
    await bridge.ask("ann", "ready")
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=0.5)):
        await served_afterwards(bridge, proxy, pbx)
    assert fault.hits == 1
    assert made.ended_by == "pbx"
    (ended,) = bridge.facts("visit_ended", call=bridge.facts("call_arrived")[0]["call"])
    assert ended["outcome"] == "overflowed"


@pytest.mark.parametrize("order", ["Answer", "Ring-create", "Bridge-create", "addChannel"])
async def test_what_is_refused_for_ever_ends_at_the_fallback_or_with_the_caller(house: House, pbx: Pbx, order: str) -> None:
    house.explains_pbx("WARNING|ERROR")
    bridge, proxy = await house.open_through_proxy(one_agent())
    proxy.plan(refused(*ORDERS[order], times=1000))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=0.5)):
        first = await call(pbx, Call(dialled="support", number="49301", hang_up_after=6))
        await pbx.quiet()
        await served_afterwards(bridge, proxy, pbx)
    assert first.ended_at
    visits = bridge.facts("visit_ended", call=bridge.facts("call_arrived")[0]["call"])
    assert [visit["outcome"] for visit in visits] in (["failed"], ["abandoned"])


@pytest.mark.parametrize("order", ["Answer", "Ring-create", "Ring-dial", "Bridge-create", "addChannel"])
async def test_a_caller_who_goes_while_an_order_is_slow_leaves_nothing(house: House, pbx: Pbx, order: str) -> None:
    """A hang-up overtakes the order that would make what has to be hung up."""
    house.explains_pbx("WARNING|ERROR")
    bridge, proxy = await house.open_through_proxy(one_agent())
    fault = proxy.plan(slow(*ORDERS[order], delay=1.0))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=0.5)) as phone:
        await call(pbx, Call(dialled="support", number="49301", hang_up_after=0.6))
        await bridge.until("call_ended")
        await served_afterwards(bridge, proxy, pbx)
        assert all(record.ended_at for record in phone.records())
    assert fault.hits == 1


async def test_a_leg_that_is_made_after_it_was_given_up_is_hung_up(house: House, pbx: Pbx) -> None:
    bridge, proxy = await house.open_through_proxy(one_agent())
    fault = proxy.plan(slow(*ORDERS["Ring-create"], delay=7.0))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=0.5)):
        await call(pbx, Call(dialled="support", number="49301", hang_up_after=5.5))
        await served_afterwards(bridge, proxy, pbx)
        async with asyncio.timeout(10):
            leg = bridge.facts("offer_made")[0]["leg"].partition("/")[2]
            while not any(leg in frame and "StasisStart" in frame for _, frame in proxy.log.frames):
                await asyncio.sleep(0.1)
        await pbx.quiet()
    assert fault.hits == 1


async def test_a_cut_socket_in_a_talk_loses_nobody(house: House, pbx: Pbx) -> None:
    bridge, proxy = await house.open_through_proxy(one_agent())
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=2.0)) as phone:
        await _cut_while_talking(bridge, proxy, pbx)
        assert (await phone.until(lambda record: record.ended_at)).ended_by == "phone"
    await bridge.until_state("ann", "ready")


async def _cut_while_talking(bridge: Callbridge, proxy: AriProxy, pbx: Pbx) -> None:
    async with Callers(pbx, [Call(dialled="support")]) as callers:
        await bridge.until("talk_began")
        await proxy.cut()
        (made,) = await callers.wait()
    assert made.ended_by == "pbx"
    assert (await bridge.until("call_ended"))["outcome"] == "answered"
