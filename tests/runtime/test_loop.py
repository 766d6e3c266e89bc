"""The loop: batches, asks, deadlines, quarantine, overload, gaps - with a real world and fakes around it."""

from __future__ import annotations

import asyncio
import time
import traceback
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from callbridge.adapters.pbx_link import NotSent
from callbridge.adapters.store import Displaced
from callbridge.core import engine
from callbridge.core.model import slices
from callbridge.core.model.attempt import Attempt, Lead
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AnyEvent,
    CallerArrived,
    DeadlinePassed,
    DeviceChanged,
    FeatureDialled,
    LegAnswered,
    LegEnded,
    LegRinging,
    PbxHeard,
    PbxLost,
    PlanChanged,
)
from callbridge.core.model.facts import CallArrived, CallDiverted, CallRefused, EntityQuarantined, OfferEnded, VisitEnded
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.matcher import Pair
from callbridge.core.model.orders import HangUp, LeaveToDialplan, Ring
from callbridge.core.model.plan import LoadLimit, Plan
from callbridge.core.model.world import Outcome, World
from callbridge.core.outbound import campaigns, dialer
from callbridge.core.reload import plan_change
from callbridge.core.routing import offers
from callbridge.runtime import loop
from callbridge.runtime.loop import Fatal
from tests.adapters.waiting import HANGS
from tests.core.story import PBX, routing
from tests.runtime.fakes import PLAN, House, house, snapshot


def _caller(at: float, name: str, entry: str = "support") -> CallerArrived:
    return CallerArrived(
        at=at, leg=leg_id(PBX, name), entry=entry, channel_name=f"PJSIP/trunk-{name}", number="+44", name=name, tier="standard"
    )


async def _with_bob(one: House) -> None:
    one.runtime.post(PlanChanged(at=one.runtime.clock.now(), plan=PLAN))
    await one.until(lambda: "bob" in one.world.agents)


def _rings(one: House) -> list[Ring]:
    return [order for order in one.line.sent if isinstance(order, Ring)]


async def test_what_arrives_together_is_saved_together_and_acted_upon_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MAX_STEPPING", 10.0)  # on a busy machine the batch would end early, as it should
    async with house() as one:
        await one.until(lambda: one.store.deltas)
        one.store.deltas.clear()
        for number in range(10):
            one.runtime.post(_caller(one.runtime.clock.now(), f"c{number}"))
        await one.until(lambda: len(one.seen(CallArrived)) == 10)
        assert 1 <= len([delta for delta in one.store.deltas if delta.facts]) <= 2


async def test_nothing_is_ordered_before_the_save_is_over_or_its_budget_spent() -> None:
    async with house() as one:
        await one.until(lambda: one.store.deltas)
        one.store.open.clear()
        began = time.monotonic()
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: one.line.sent)
        assert time.monotonic() - began >= 0.045
        one.store.open.set()


async def test_a_batch_takes_no_more_than_its_share_and_the_rest_follows() -> None:
    async with house() as one:
        await one.until(lambda: one.memory.batches)
        for number in range(600):
            one.runtime.post(LegRinging(at=one.runtime.clock.now(), leg=leg_id(PBX, str(number))))
        await one.until(lambda: sum(one.memory.batches) >= 601)
        assert max(one.memory.batches) <= loop.MAX_EVENTS


async def test_an_ask_is_answered_when_it_is_saved_and_a_refusal_says_why() -> None:
    async with house() as one:
        await _with_bob(one)
        assert (
            await one.runtime.submit(
                AgentRequested(at=one.runtime.clock.now(), agent="bob", request=AgentRequest.NOT_READY, reason="lunch")
            )
            is None
        )
        refused = await one.runtime.submit(AgentRequested(at=one.runtime.clock.now(), agent="nobody", request=AgentRequest.READY))
        assert refused is not None
        assert refused.reason == "no such agent: nobody"


@pytest.mark.slow
async def test_a_deadline_is_met_by_itself() -> None:
    async with house() as one:
        await _with_bob(one)
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: _rings(one))
        await one.until(lambda: one.seen(OfferEnded))
        assert [fact.result for fact in one.seen(OfferEnded)] == ["offline"]


@pytest.mark.slow
async def test_an_answer_given_while_the_loop_stood_still_beats_the_deadline_that_passed_too() -> None:
    async with house() as one:
        await _with_bob(one)
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: _rings(one))
        (ring,) = _rings(one)

        async def caught_up() -> None:
            one.runtime.post(LegAnswered(at=one.runtime.clock.now(), leg=ring.leg))

        one.runtime._caught_up = caught_up
        time.sleep(4.5)  # as if the process were stopped
        await one.until(lambda: any(type(order).__name__ == "Bridge" for order in one.line.sent))
        assert one.seen(OfferEnded) == []
        assert HangUp(leg=ring.leg, reason="no_answer") not in one.line.sent


async def test_what_is_unsent_is_told_as_such_when_the_link_goes() -> None:
    async with house() as one:
        await _with_bob(one)
        one.line.gate.clear()
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: _rings(one))
        one.runtime.post(PbxLost(at=one.runtime.clock.now(), pbx=PBX))
        await one.until(lambda: one.runtime.lanes.unsent == 0)
        one.line.gate.set()
        assert PBX in one.world.down


async def test_an_unsent_ring_frees_its_agent_and_keeps_the_caller() -> None:
    async with house() as one:
        one.line.refuse = lambda order: NotSent("down") if isinstance(order, Ring) and len(_rings(one)) == 1 else None
        await _with_bob(one)
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: len(_rings(one)) == 2)
        assert [fact.result for fact in one.seen(OfferEnded)] == ["cancelled"]


async def test_the_displaced_owner_sends_no_order_of_the_refused_batch() -> None:
    async with house() as one:
        await one.until(lambda: one.store.deltas)
        one.store.trouble = Displaced("newer")
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: one.displaced)
        await one.until(lambda: one.seen(CallArrived))
        assert one.line.sent == []


def _raise_for(monkeypatch: pytest.MonkeyPatch, wrong: Any) -> None:
    """Plant a bug: the step raises for some events."""
    real = engine.step

    def step(world: World, event: AnyEvent) -> Outcome:
        if wrong(event):
            raise RuntimeError("planted")
        return real(world, event)

    monkeypatch.setattr(loop, "step", step)


async def test_a_step_that_raises_costs_its_call_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    _raise_for(monkeypatch, lambda event: isinstance(event, LegRinging) and event.leg.endswith("ann"))
    async with house() as one:
        for name in ("ann", "eve"):
            one.runtime.post(_caller(one.runtime.clock.now(), name))
        await one.until(lambda: len(one.seen(CallArrived)) == 2)
        one.runtime.post(LegRinging(at=one.runtime.clock.now(), leg=leg_id(PBX, "ann")))
        await one.until(lambda: one.seen(EntityQuarantined))
        assert [call.name for call in one.world.calls.values()] == ["eve"]
        assert [fact.outcome for fact in one.seen(VisitEnded)] == ["failed"]
        left = [order.leg for order in one.line.sent if isinstance(order, LeaveToDialplan)]
        assert left == [leg_id(PBX, "ann")]


async def test_deciding_that_raises_is_logged_with_its_traceback_and_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide_wrongly(_world: World, pair: Pair) -> None:
        raise RuntimeError(f"planted for {pair.call}")

    async with house() as one:
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: one.seen(CallArrived))
        (call,) = one.world.calls.values()
        monkeypatch.setattr(offers, "make", decide_wrongly)
        with capture_logs() as logged:
            await _with_bob(one)
            one.runtime.post(AgentRequested(at=one.runtime.clock.now(), agent="bob", request=AgentRequest.LOGIN))
            await one.until(lambda: one.seen(EntityQuarantined))
    (line,) = [line for line in logged if line["event"].startswith("a decision raised")]
    assert (line["kind"], line["id"], line["log_level"]) == ("call", call.id, "error")
    assert line["about"] in ("PlanChanged", "AgentRequested", "DevicesListed")
    written = "".join(traceback.format_exception(line["exc_info"]))
    assert f"planted for {call.id}" in written
    assert "in decide_wrongly" in written


async def test_deciding_that_raises_again_in_the_clean_up_is_logged_and_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    left = 2

    def pace_wrongly(_world: World) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise RuntimeError("planted")

    async with house() as one:
        await one.until(lambda: one.store.deltas)
        one.world.attempts.put("a1", Attempt(id="a1", campaign="spring", lead=Lead(id=1, number="+442079460000")))
        monkeypatch.setattr(dialer, "after_step", pace_wrongly)
        with capture_logs() as logged:
            one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
            await one.until(lambda: len(one.seen(EntityQuarantined)) == 2)
    lines = [line for line in logged if line["event"].startswith("a decision raised")]
    assert [line["kind"] for line in lines] == ["campaign", "campaign"]
    # The first decision may be about the listing of the PBX, which a busy machine steps after the first save.
    assert [line["about"] == "EntityFaulted" for line in lines] == [False, True]
    assert all("in pace_wrongly" in "".join(traceback.format_exception(line["exc_info"])) for line in lines)


async def test_an_arrival_that_raises_goes_to_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    _raise_for(monkeypatch, lambda event: isinstance(event, CallerArrived))
    async with house() as one:
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: one.line.sent)
        assert one.line.sent == [LeaveToDialplan(leg=leg_id(PBX, "ann"), context="callbridge-fallback", extension="support")]
        await one.until(lambda: one.seen(CallDiverted))
        assert [(fact.leg, fact.reason) for fact in one.seen(CallDiverted)] == [(leg_id(PBX, "ann"), "fault")]


async def test_a_feature_call_that_raises_is_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    _raise_for(monkeypatch, lambda event: isinstance(event, FeatureDialled))
    async with house() as one:
        leg = leg_id(PBX, "phone")
        now = one.runtime.clock.now()
        one.runtime.post(FeatureDialled(at=now, leg=leg, feature="login", argument="", channel_name="PJSIP/1001-01"))
        await one.until(lambda: one.line.sent)
        assert one.line.sent == [HangUp(leg=leg)]


async def test_five_faults_in_ten_seconds_are_fatal_and_the_waiting_go_to_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
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
        await one.runtime.evacuate()
        left = {order.leg for order in one.line.sent if isinstance(order, LeaveToDialplan)}
        assert left == {leg_id(PBX, name) for name in names}


async def test_a_snapshot_that_raises_is_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    _raise_for(monkeypatch, lambda event: type(event).__name__ == "PbxSnapshot")
    async with house() as one:
        with pytest.raises(Fatal):
            await asyncio.wait_for(asyncio.shield(one.running), HANGS)


async def test_who_arrives_when_we_are_a_second_behind_goes_to_the_fallback() -> None:
    async with house() as one:
        await one.until(lambda: one.memory.batches)
        one.runtime.post(_caller(one.runtime.clock.now() - 1.5, "ann"))
        await one.until(lambda: one.seen(CallDiverted))
        assert [fact.reason for fact in one.seen(CallDiverted)] == ["overload"]


async def test_a_pbx_whose_heartbeats_come_back_late_takes_fewer_new_callers() -> None:
    async with house() as one:
        await one.until(lambda: one.memory.batches)
        one.world.plan = replace(one.world.plan, load_limit=LoadLimit(0.3))
        for _ in range(12):
            now = one.runtime.clock.now()
            one.runtime.post(PbxHeard(at=now, pbx=PBX, until=now - 5.0))
        for number in range(20):
            one.runtime.post(_caller(one.runtime.clock.now(), f"c{number}"))
        await one.until(lambda: len(one.seen(CallArrived)) == 20)
        assert {fact.full for fact in one.seen(CallRefused)} == {"load"}
        assert len(one.seen(CallRefused)) >= 18
        one.runtime.post(PbxLost(at=one.runtime.clock.now(), pbx=PBX))
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: len(one.seen(CallArrived)) == 21)
        assert one.seen(CallRefused)[-1].leg != leg_id(PBX, "ann"), "what it is like after the loss is not known"


async def test_three_seconds_behind_the_socket_is_given_up_but_nothing_that_comes_only_once() -> None:
    async with house() as one:
        await _with_bob(one)
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: _rings(one))
        (call,) = one.world.calls.values()
        old = one.runtime.clock.now() - 4.0
        ghost = LegId("pbx/ghost")
        one.runtime.post(LegRinging(at=old, leg=ghost))
        one.runtime.post(replace(_caller(old, "eve")))
        one.runtime.post(DeviceChanged(at=old, phone="PJSIP/bob", state="UNAVAILABLE"))
        one.runtime.post(DeadlinePassed(at=old, kind="call", id=call.id))
        await one.until(lambda: one.resyncs)
        await one.until(lambda: one.seen(OfferEnded))
        assert one.resyncs == [PBX]
        assert one.world.phones.get("PJSIP/bob") == "UNAVAILABLE"
        assert len(one.seen(CallArrived)) == 1


async def test_being_behind_with_what_no_snapshot_brings_back_drops_no_socket() -> None:
    async with house() as one:
        await _with_bob(one)
        one.runtime.post(DeviceChanged(at=one.runtime.clock.now() - 9.0, phone="PJSIP/bob", state="INUSE"))
        await one.until(lambda: one.world.phones.get("PJSIP/bob") == "INUSE")
        assert one.resyncs == []


async def test_old_events_that_no_snapshot_brings_back_do_not_cost_the_fresh_ones_behind_them() -> None:
    async with house() as one:
        await _with_bob(one)
        now = one.runtime.clock.now()
        for number in range(3_000):
            one.runtime.post(DeviceChanged(at=now - 9.0, phone="PJSIP/bob", state="INUSE" if number % 2 else "NOT_INUSE"))
            if number % 500 == 0:
                one.runtime.post(_caller(now, f"c{number}"))
        one.runtime.post(DeviceChanged(at=now - 9.0, phone="PJSIP/bob", state="UNAVAILABLE"))
        await one.until(lambda: one.world.phones.get("PJSIP/bob") == "UNAVAILABLE")
        assert one.resyncs == []
        assert len(one.seen(CallArrived)) + len(one.seen(CallDiverted)) == 6


async def test_a_snapshot_that_waits_behind_old_events_is_not_discarded_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else no step of the PBX's events is ever made again."""
    monkeypatch.setattr(loop, "INBOX_LIMIT", 100)
    async with house() as one:
        await _with_bob(one)
        now = one.runtime.clock.now()
        one.runtime.post(LegRinging(at=now - 4.0, leg=LegId("pbx/ghost")))
        for _ in range(1_000):
            one.runtime.post(DeviceChanged(at=now - 9.0, phone="PJSIP/bob", state="INUSE"))
        await one.until(lambda: one.resyncs)
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: one.seen(CallArrived))
        assert one.resyncs == [PBX]


@pytest.mark.slow
async def test_the_world_is_saved_now_and_then_even_when_nothing_happens() -> None:
    async with house() as one:
        await one.until(lambda: one.store.deltas)
        before = one.store.deltas[-1]
        await one.until(lambda: len(one.store.deltas) > 2)
        assert one.store.deltas[-1].meta.now > before.meta.now + 0.9


async def test_the_watcher_hears_that_the_store_is_back_without_another_change() -> None:
    async with house() as one:
        await one.until(lambda: one.store.deltas)
        one.store.open.clear()
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: one.memory.behind and one.memory.behind[-1])
        one.store.open.set()
        await one.until(lambda: not one.memory.behind[-1])


async def test_a_new_day_begins_at_the_zone_s_midnight_with_figures_at_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as one:
        await one.until(lambda: one.world.day)
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: one.seen(CallArrived))
        first = one.world.day
        monkeypatch.setattr(loop, "day_of", lambda _wall, _zone: "2100-01-01")
        one.runtime._midnight = 0.0
        one.runtime.post(snapshot(one.runtime.clock.now()))
        await one.until(lambda: one.world.day == "2100-01-01")
        assert one.world.tally("support", "2100-01-01").offered == 0
        assert one.world.tally("support", first).offered == 1


@pytest.mark.slow
async def test_a_loop_that_hangs_shows_though_nothing_waits() -> None:
    async with house() as one:
        await one.until(lambda: one.store.deltas)
        await asyncio.sleep(1.5)
        assert one.runtime.silent < 1.4
        hung = asyncio.Event()
        one.runtime._batch = hung.wait  # type: ignore[assignment, method-assign]
        await one.until(lambda: one.runtime.silent > 2.0)
        assert one.runtime.behind == 0.0
        hung.set()


# -- steps in slices --------------------------------------------------------------------------------------------------


async def _crowd(one: House, callers: int) -> None:
    for number in range(callers):
        one.runtime.post(_caller(one.runtime.clock.now(), f"c{number}"))
    await one.until(lambda: len(one.seen(CallArrived)) == callers)


def _slower() -> Plan:
    return replace(
        PLAN, queues={"support": replace(PLAN.queues["support"], routings={"standard": routing(("support", None), within=90.0)})}
    )


async def test_a_long_step_leaves_the_loop_to_others_and_ends_before_the_next_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices, "MAX_ROWS_PER_SLICE", 1)
    monkeypatch.setattr(loop, "MAX_STEPPING", 0.0)
    turns = 0
    told: list[str] = []

    async def others() -> None:
        nonlocal turns
        while True:
            turns += one.world.unfinished is not None
            await asyncio.sleep(0)

    def note(world: World, event: AnyEvent) -> Outcome:
        told.append(event.kind if isinstance(event, DeadlinePassed) else type(event).__name__)
        return real(world, event)

    real = engine.step
    async with house() as one:
        await _crowd(one, 20)
        monkeypatch.setattr(loop, "step", note)
        turning = asyncio.create_task(others())
        now = one.runtime.clock.now()
        reload = asyncio.create_task(one.runtime.adopt(PlanChanged(at=now, plan=_slower(), force=True), lambda: None))
        await asyncio.sleep(0)
        one.runtime.post(LegEnded(at=now - 0.5, leg=leg_id(PBX, "c7"), cause=16))
        await one.until(lambda: "LegEnded" in told)
        turning.cancel()
        assert await reload is not None
        assert turns >= 15
        assert told[told.index("PlanChanged") : told.index("LegEnded")].count("slice") == told.count("slice") >= 20
        assert {call.visit.rank - call.arrived_at for call in one.world.calls.values() if call.visit is not None} == {90.0}


async def test_the_rest_of_a_reload_that_raises_is_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_ROWS_PER_SLICE", 1)
    async with house() as one:
        await _crowd(one, 3)
        monkeypatch.setattr(campaigns, "adopt", lambda _: 1 / 0)
        one.runtime.post(PlanChanged(at=one.runtime.clock.now(), plan=_slower(), force=True))
        with pytest.raises(Fatal, match="the rest of a snapshot or a reload could not be stepped"):
            async with asyncio.timeout(HANGS):
                await one.running


async def test_a_caller_about_whom_a_later_slice_raises_is_given_up_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices, "MAX_ROWS_PER_SLICE", 1)
    async with house() as one:
        await _crowd(one, 4)
        third = [call.id for call in one.world.calls.values()][2]
        real = plan_change._place_again

        def place(world: World, call: str) -> None:
            real(world, call)
            assert call != third

        monkeypatch.setattr(plan_change, "_place_again", place)
        one.runtime.post(PlanChanged(at=one.runtime.clock.now(), plan=_slower(), force=True))
        await one.until(lambda: one.seen(EntityQuarantined) and one.world.unfinished is None)
        assert [fact.id for fact in one.seen(EntityQuarantined)] == [third]
        assert third not in one.world.calls
        assert {call.visit.rank - call.arrived_at for call in one.world.calls.values() if call.visit is not None} == {90.0}
