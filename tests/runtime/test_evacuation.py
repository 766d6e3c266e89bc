"""The evacuation before a fatal exit: tried while time allows, nobody forgotten, nobody silently."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from callbridge.adapters.pbx_link import NotSent, OrderRefused, OrderTrouble
from callbridge.adapters.system.tasks import end
from callbridge.core.model.events import CallerArrived, EntityFaulted, LegRinging
from callbridge.core.model.facts import CallArrived
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import HangUp, LeaveToDialplan, Order
from callbridge.core.model.world import World
from callbridge.runtime import evacuation, loop
from callbridge.runtime.evacuation import Evacuated
from callbridge.runtime.loop import Fatal
from tests.adapters.waiting import HANGS
from tests.core.story import PBX
from tests.runtime.fakes import PLAN, House, house
from tests.runtime.test_loop import _caller, _raise_for

LONG = True

ANN = leg_id(PBX, "ann")


async def _ann_waits(one: House) -> str:
    one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
    await one.until(lambda: one.seen(CallArrived))
    (call,) = one.world.calls.values()
    return call.id


async def _evacuate(one: House) -> Evacuated:
    await end((one.running,))
    return await one.runtime.evacuate()


def _sent(one: House) -> list[LegId]:
    return [order.leg for order in one.line.done if isinstance(order, LeaveToDialplan)]


def _refuse(one: House, times: int, trouble: OrderTrouble) -> list[Order]:
    """The first so many orders to leave come to nothing; gives all of them that were tried."""
    tried: list[Order] = []

    def refuse(order: Order) -> OrderTrouble | None:
        if isinstance(order, LeaveToDialplan):
            tried.append(order)
        return trouble if isinstance(order, LeaveToDialplan) and len(tried) <= times else None

    one.line.refuse = refuse
    return tried


@pytest.mark.parametrize("trouble", [NotSent("the link is down"), OrderRefused(503, "busy")])
async def test_what_could_not_be_sent_is_sent_again(trouble: OrderTrouble) -> None:
    async with house() as one:
        await _ann_waits(one)
        _refuse(one, 2, trouble)
        assert await _evacuate(one) == Evacuated(sent=1, left=0)
        assert _sent(one) == [ANN]


@pytest.mark.parametrize("status", [404, 409])
async def test_who_is_gone_or_in_the_dialplan_already_is_not_tried_again(status: int) -> None:
    async with house() as one:
        await _ann_waits(one)
        tried = _refuse(one, 9, OrderRefused(status, "no"))
        assert await _evacuate(one) == Evacuated(sent=1, left=0)
        assert len(tried) == 1


async def test_who_cannot_be_sent_at_all_is_named_and_left_to_rescue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evacuation, "EVACUATION_TIMEOUT", 1.3)
    async with house() as one:
        call = await _ann_waits(one)
        tried = _refuse(one, 999, NotSent("the link is down"))
        with structlog.testing.capture_logs() as lines:
            assert await _evacuate(one) == Evacuated(sent=0, left=1)
        assert len(tried) >= 2
        (line,) = [line for line in lines if "could not be sent" in line["event"]]
        assert (line["call"], line["leg"], line["why"]) == (call, ANN, "the link is down")
        assert [order for order in one.line.sent if isinstance(order, HangUp)] == []


async def test_a_pbx_that_does_not_answer_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evacuation, "EVACUATION_TIMEOUT", 0.5)
    async with house() as one:
        for name in ("ann", "eve"):
            one.runtime.post(_caller(one.runtime.clock.now(), name))
        await one.until(lambda: len(one.seen(CallArrived)) == 2)
        real = one.line.perform

        async def perform(order: Order) -> None:
            if isinstance(order, LeaveToDialplan) and order.leg == ANN:
                await asyncio.sleep(60.0)
            await real(order)

        monkeypatch.setattr(one.runtime, "_perform", perform)
        assert await _evacuate(one) == Evacuated(sent=1, left=1)
        assert _sent(one) == [leg_id(PBX, "eve")]


async def test_a_caller_whose_arrival_nobody_has_read_goes_to_the_fallback() -> None:
    async with house() as one:
        await _ann_waits(one)
        await end((one.running,))
        one.runtime.post(_caller(one.runtime.clock.now(), "eve"))
        assert await one.runtime.evacuate() == Evacuated(sent=2, left=0)
        assert set(_sent(one)) == {ANN, leg_id(PBX, "eve")}


async def test_orders_of_the_batch_that_failed_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four quarantined callers, whom nobody knows any more, and the fifth that was too many."""
    monkeypatch.setattr(loop, "MAX_STEPPING", 60.0)
    _raise_for(monkeypatch, lambda event: isinstance(event, LegRinging))
    async with house() as one:
        names = [f"c{number}" for number in range(7)]
        for name in names:
            one.runtime.post(_caller(one.runtime.clock.now(), name))
        await one.until(lambda: len(one.seen(CallArrived)) == 7)
        for name in names[:5]:
            one.runtime.post(LegRinging(at=one.runtime.clock.now(), leg=leg_id(PBX, name)))
        with pytest.raises(Fatal):
            await asyncio.wait_for(asyncio.shield(one.running), HANGS)
        assert (await one.runtime.evacuate()).left == 0
        assert set(_sent(one)) == {leg_id(PBX, name) for name in names}


async def test_an_order_to_leave_that_still_waits_in_its_lane_goes_out() -> None:
    """The caller was given up: no call is left that would say whom it is about."""
    async with house() as one:
        one.line.gate.clear()
        call = await _ann_waits(one)
        await one.until(lambda: one.line.sent)
        one.runtime.post(EntityFaulted(at=one.runtime.clock.now(), kind="call", id=call))
        await one.until(lambda: not one.world.calls and one.runtime.lanes.unsent)
        await end((one.running,))
        one.line.gate.set()
        assert await one.runtime.evacuate() == Evacuated(sent=1, left=0)
        assert _sent(one) == [ANN]


async def test_nobody_is_pulled_back_while_we_evacuate() -> None:
    async with house() as one:
        await _ann_waits(one)
        await _evacuate(one)
        assert one.runtime.accepting is False


def test_an_arrival_without_an_entry_is_not_sent_to_nowhere() -> None:
    event = CallerArrived(at=0.0, leg=ANN, entry="", channel_name="PJSIP/t-1", number="", name="", tier="")

    (one,) = evacuation.everybody(World(PLAN, "t"), [], [event]).evacuees
    assert one.order.extension == "unknown"
