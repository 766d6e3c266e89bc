"""Lanes: one leg's orders one after the other, different legs' side by side, and a HangUp that never queues."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from callbridge.adapters.ari.link import AriSettings
from callbridge.adapters.pbx_link import NotSent, OrderRefused, TimedOut
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import (
    Answer,
    Bridge,
    DropBridge,
    HangUp,
    LeaveToDialplan,
    LookUp,
    Order,
    StartMusic,
    StartRecording,
    StopMusic,
)
from callbridge.runtime import Lanes
from callbridge.runtime.lanes import MAX_ORDERS, MAX_WITH_HANG_UPS
from tests.runtime.fakes import Line

ANN, BOB, EVE = LegId("pbx/ann"), LegId("pbx/bob"), LegId("pbx/eve")
FAR = LegId("far/ann")
JOIN = Bridge(bridge="b", legs=(ANN, BOB), call="c")
DROP = DropBridge(bridge="b", pbx="pbx", legs=(ANN, BOB))


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_orders_of_one_leg_go_out_in_their_order() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    orders: list[Order] = [Answer(leg=ANN), StartMusic(leg=ANN, music="m"), StopMusic(leg=ANN)]
    for order in orders:
        lanes.put(order)
    await _settle()
    assert line.sent == orders[:1]
    line.gate.set()
    await _settle()
    assert line.done == orders
    assert lanes.unsent == 0


async def test_different_legs_do_not_wait_for_each_other() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    lanes.put(Answer(leg=ANN))
    lanes.put(Answer(leg=BOB))
    await _settle()
    assert line.sent == [Answer(leg=ANN), Answer(leg=BOB)]
    line.gate.set()


async def test_an_order_of_two_legs_waits_for_both() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for order in (Answer(leg=ANN), Answer(leg=BOB), JOIN, StopMusic(leg=BOB), Answer(leg=EVE)):
        lanes.put(order)
    await _settle()
    assert line.sent == [Answer(leg=ANN), Answer(leg=BOB), Answer(leg=EVE)]
    line.gate.set()
    await _settle()
    assert line.done[-2:] == [JOIN, StopMusic(leg=BOB)]


async def test_a_hang_up_goes_out_at_once_and_drops_what_is_unsent_for_its_leg() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for order in (Answer(leg=ANN), StartMusic(leg=ANN, music="m"), JOIN, StopMusic(leg=BOB), HangUp(leg=ANN)):
        lanes.put(order)
    await _settle()
    assert line.sent[0] == Answer(leg=ANN)
    assert set(line.sent[1:]) == {HangUp(leg=ANN), StopMusic(leg=BOB)}
    line.gate.set()
    await _settle()
    assert JOIN not in line.done
    assert line.failed == []


async def test_the_drop_of_a_bridge_survives_the_hang_up_of_its_legs() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for order in (Answer(leg=ANN), Answer(leg=BOB), DROP, HangUp(leg=ANN), HangUp(leg=BOB)):
        lanes.put(order)
    await _settle()
    assert DROP in line.sent
    line.gate.set()


async def test_the_drop_of_a_bridge_never_overtakes_the_order_that_creates_it() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    # A consult ends while its two agents are being joined: the customer, who is in another lane, is not waited for.
    drop = DropBridge(bridge="b", pbx="pbx", legs=(EVE, BOB))
    for order in (JOIN, HangUp(leg=ANN), drop, HangUp(leg=BOB)):
        lanes.put(order)
    await _settle()
    assert line.sent == [JOIN, HangUp(leg=ANN), HangUp(leg=BOB)]
    line.gate.set()
    await _settle()
    assert line.done.index(JOIN) < line.done.index(drop)
    assert lanes.unsent == 0


async def test_the_drop_of_another_bridge_does_not_wait_for_one_that_is_being_made() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    drop = DropBridge(bridge="another", pbx="pbx", legs=(BOB,))
    for order in (JOIN, drop, HangUp(leg=BOB)):
        lanes.put(order)
    await _settle()
    assert line.sent == [JOIN, drop, HangUp(leg=BOB)]
    line.gate.set()


async def test_what_is_unsent_for_a_frozen_pbx_comes_to_nothing_once() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for order in (Answer(leg=ANN), Answer(leg=BOB), JOIN, StopMusic(leg=ANN), Answer(leg=FAR), StopMusic(leg=FAR)):
        lanes.put(order)
    await _settle()
    lanes.freeze("pbx")
    assert [order for order, _ in line.failed] == [JOIN, StopMusic(leg=ANN)]
    assert all(isinstance(trouble, NotSent) for _, trouble in line.failed)
    line.gate.set()
    await _settle()
    assert line.sent == [Answer(leg=ANN), Answer(leg=BOB), Answer(leg=FAR), StopMusic(leg=FAR)]


async def test_an_order_that_fails_is_told_and_the_next_one_goes_out() -> None:
    line = Line(refuse=lambda order: OrderRefused(404, "gone") if isinstance(order, Answer) else None)
    lanes = Lanes(line.perform, line.fail)
    lanes.put(Answer(leg=ANN))
    lanes.put(StopMusic(leg=ANN))
    await _settle()
    assert [order for order, _ in line.failed] == [Answer(leg=ANN)]
    assert line.done == [StopMusic(leg=ANN)]


@pytest.mark.parametrize("count", [1, MAX_ORDERS])
async def test_closing_lets_finish_what_is_on_its_way_and_sends_nothing_new(count: int) -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for number in range(count):
        lanes.put(Answer(leg=LegId(f"pbx/{number}")))
        lanes.put(LeaveToDialplan(leg=LegId(f"pbx/{number}"), context="c", extension="e"))
    await _settle()
    closing = asyncio.create_task(lanes.close())
    await _settle()
    line.gate.set()
    await closing
    assert len(line.done) == count
    assert lanes.unsent == 0


def _legs(count: int, pbx: str = "pbx") -> list[LegId]:
    return [LegId(f"{pbx}/{number}") for number in range(count)]


async def test_so_many_orders_of_a_pbx_are_under_way_at_once_and_the_rest_follows_in_order() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    orders: list[Order] = [Answer(leg=leg) for leg in _legs(MAX_ORDERS + 20)]
    for order in orders:
        lanes.put(order)
    await _settle()
    assert line.sent == orders[:MAX_ORDERS]
    assert lanes.unsent == 20
    line.gate.set()
    await _settle()
    assert line.done == orders
    assert lanes.unsent == 0
    assert AriSettings(name="", user="", password="").connections >= MAX_WITH_HANG_UPS, "none waits for a connection"


async def test_another_pbx_and_what_does_not_go_by_ari_have_room_of_their_own() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for leg in _legs(MAX_ORDERS):
        lanes.put(Answer(leg=leg))
    free: list[Order] = [
        Answer(leg=FAR),
        StartRecording(leg=ANN, call="c", file="f"),
        LookUp(lookup="crm", call="c", question="q", values={}),
    ]
    for order in free:
        lanes.put(order)
    await _settle()
    assert line.sent[-3:] == free
    line.gate.set()


async def test_hang_ups_have_room_kept_for_them_and_beyond_it_go_before_all_that_waits() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for leg in _legs(MAX_ORDERS + 1):
        lanes.put(Answer(leg=leg))
    hang_ups: list[Order] = [HangUp(leg=LegId(f"pbx/h{number}")) for number in range(MAX_WITH_HANG_UPS - MAX_ORDERS + 1)]
    assert len(hang_ups) > 5
    for order in hang_ups:
        lanes.put(order)
    await _settle()
    assert line.sent[MAX_ORDERS:] == hang_ups[:-1]
    line.gate.set()
    await _settle()
    assert line.sent.index(hang_ups[-1]) < line.sent.index(Answer(leg=_legs(MAX_ORDERS + 1)[-1]))


async def test_who_has_picked_up_is_connected_before_new_callers_are_attended_to() -> None:
    """Not before what was ordered for the same legs."""
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for leg in _legs(MAX_ORDERS):
        lanes.put(Answer(leg=leg))
    newcomers: list[Order] = [Answer(leg=LegId(f"pbx/new-{number}")) for number in range(20)]
    for order in (*newcomers, JOIN, StopMusic(leg=EVE), Bridge(bridge="e", legs=(EVE,), call="e")):
        lanes.put(order)
    await _settle()
    assert JOIN not in line.sent, "there is no room yet"
    assert lanes.unsent == len(newcomers) + 3
    line.gate.set()
    await _settle()
    assert line.sent[MAX_ORDERS] == JOIN
    assert line.sent.index(StopMusic(leg=EVE)) < line.sent.index(Bridge(bridge="e", legs=(EVE,), call="e"))


async def test_what_waits_for_room_is_dropped_by_the_hang_up_of_its_leg() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for leg in _legs(MAX_ORDERS):
        lanes.put(Answer(leg=leg))
    for order in (Answer(leg=ANN), DropBridge(bridge="b", pbx="pbx", legs=(ANN,)), HangUp(leg=ANN)):
        lanes.put(order)
    line.gate.set()
    await _settle()
    assert Answer(leg=ANN) not in line.sent
    assert [type(order) for order in line.sent].count(DropBridge) == 1


async def test_what_waits_for_room_comes_to_nothing_when_the_link_goes() -> None:
    line = Line()
    lanes = Lanes(line.perform, line.fail)
    line.gate.clear()
    for leg in _legs(MAX_ORDERS):
        lanes.put(Answer(leg=leg))
    waiting: list[Order] = [Answer(leg=ANN), *(HangUp(leg=LegId(f"pbx/h{number}")) for number in range(20))]
    for order in waiting:
        lanes.put(order)
    await _settle()
    lanes.freeze("pbx")
    assert {order.legs for order, _ in line.failed} == {order.legs for order in waiting if order not in line.sent}
    assert len(line.failed) == 1 + 20 - (MAX_WITH_HANG_UPS - MAX_ORDERS)
    line.gate.set()
    await _settle()
    assert len(line.sent) == MAX_WITH_HANG_UPS
    lanes.put(Answer(leg=BOB))
    await _settle()
    assert line.done[-1] == Answer(leg=BOB), "and there is room again"


async def test_an_order_whose_performer_raises_anything_is_told_of_and_holds_back_nothing() -> None:
    line = Line()

    async def perform(order: Order) -> None:
        if order == JOIN:
            raise KeyError("planted")
        await line.perform(order)

    lanes = Lanes(perform, line.fail)
    with capture_logs() as logged:
        lanes.put(JOIN)
        lanes.put(StopMusic(leg=ANN))
        await _settle()
    ((order, trouble),) = line.failed
    assert (order, type(trouble)) == (JOIN, TimedOut), "it may have been written"
    assert line.done == [StopMusic(leg=ANN)]
    assert lanes.unsent == 0
    (entry,) = logged
    assert (entry["log_level"], entry["order"], entry["fault"]) == ("error", "Bridge", "KeyError('planted')")
    assert isinstance(entry["exc_info"], KeyError), "with its traceback"
