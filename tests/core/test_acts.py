"""What supervisors do to calls, and the switch that sends new ones past us."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.agent import Work
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    CallRequest,
    CallRequested,
    LegRinging,
    PbxLost,
    PlanChanged,
    SwitchTurned,
)
from callbridge.core.model.facts import (
    AgentAlerted,
    CallDiverted,
    CallEnded,
    OfferEnded,
    OfferMade,
    RequestGranted,
    RequestRefused,
    SwitchChanged,
    TalkEnded,
    VisitEnded,
)
from callbridge.core.model.orders import DropBridge, LeaveToDialplan, Ring, StartMusic
from callbridge.core.model.plan import Penalty, Plan, Reason, Target, ToAgent, ToNumber, ToQueue
from callbridge.core.model.switch import BYPASS
from callbridge.core.model.world import World
from tests.core.story import PBX, START, Story, agent, one_queue, plan, queue, routing


def act(story: Story, ask: CallRequest, name: str = "ann", *, to: Target | None = None, seconds: float = 0.0) -> None:
    story.happens(CallRequested(at=story.now, call=story.call(name).id, request=ask, to=to, seconds=seconds, by="eva"))


def two_queues() -> Story:
    return Story(
        plan(
            [queue("support", wrap_up=10.0), queue("sales", routing(("sales", None)), wrap_up=10.0)],
            [agent("bob"), agent("cid", {"sales": 1})],
        )
    )


def refusal(story: Story) -> tuple[str, bool]:
    refused = story.fact(RequestRefused)
    assert refused.by == "eva"
    assert not story.orders
    return refused.reason, refused.unknown


# -- hang up ------------------------------------------------------------------------------------------------------


def test_a_waiting_caller_who_is_hung_up_failed() -> None:
    story = one_queue()
    customer = story.caller()
    story.wait(30.0)
    act(story, CallRequest.HANG_UP)
    assert story.hung_up() == {customer}
    assert (story.fact(VisitEnded).outcome, story.fact(VisitEnded).reason) == ("failed", "hung_up")
    assert (story.fact(RequestGranted).request, story.fact(RequestGranted).by) == ("hang_up", "eva")
    story.gone(customer)
    assert story.fact(CallEnded)


def test_hanging_up_stops_the_phone_that_rings() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    act(story, CallRequest.HANG_UP)
    assert story.hung_up() == {customer, leg}
    assert story.fact(OfferEnded).result == "cancelled"


def test_hanging_up_a_talk_leaves_the_agent_in_wrap_up() -> None:
    story = one_queue(agent("bob"))
    customer, leg = story.talk()
    story.wait(12.0)
    act(story, CallRequest.HANG_UP)
    assert story.hung_up() == {customer, leg}
    assert (story.fact(TalkEnded).ended_by, story.fact(TalkEnded).talked) == ("supervisor", 12.0)
    assert story.state("bob") == "wrap_up"
    story.gone(leg)
    story.gone(customer)
    assert not story.world.calls and not story.world.legs


# -- move ---------------------------------------------------------------------------------------------------------


def test_a_waiting_caller_moves_with_the_arrival_kept() -> None:
    story = two_queues()
    story.ask("bob", AgentRequest.LOGOUT)
    story.caller()
    story.wait(30.0)
    act(story, CallRequest.MOVE, to=ToQueue("sales"))
    assert story.rung() == ["cid"]
    assert (story.fact(VisitEnded).outcome, story.fact(VisitEnded).to) == ("overflowed", "queue:sales")
    assert (story.call().arrived_at, story.fact(OfferMade).waited) == (START, 30.0)
    assert story.fact(RequestGranted).to == "queue:sales"


def test_moving_a_caller_stops_the_phone_that_rings() -> None:
    story = two_queues()
    story.caller()
    leg = story.ring().leg
    act(story, CallRequest.MOVE, to=ToQueue("sales"))
    assert story.hung_up() == {leg}
    assert story.rung() == ["cid"]
    assert story.state("bob") == "ready"


def test_moving_a_talk_takes_the_call_from_the_agent() -> None:
    story = two_queues()
    customer, leg = story.talk()
    story.wait(20.0)
    act(story, CallRequest.MOVE, to=ToQueue("sales"))
    assert story.fact(TalkEnded).ended_by == "moved"
    assert story.hung_up() == {leg}
    assert story.only(DropBridge).legs == (customer,)
    assert story.only(StartMusic).leg == customer
    assert story.rung() == ["cid"]
    assert story.state("bob") == "wrap_up"
    story.gone(leg)
    story.connect(story.call().offer.leg)  # type: ignore[union-attr]
    assert (story.call().segments, story.tally("support").answered, story.tally("sales").answered) == (2, 1, 1)


@pytest.mark.parametrize(
    ("to", "reason", "unknown"),
    [
        (ToQueue("support"), "the call is already waiting in support", False),
        (ToQueue("nowhere"), "no such queue: nowhere", True),
        (ToAgent("bob"), "a call can be moved only to a queue", False),
        (ToNumber("4711"), "a call can be moved only to a queue", False),
        (None, "a call can be moved only to a queue", False),
    ],
    ids=str,
)
def test_a_move_that_cannot_be_is_refused(to: Target | None, reason: str, unknown: bool) -> None:
    story = one_queue()
    story.caller()
    act(story, CallRequest.MOVE, to=to)
    assert refusal(story) == (reason, unknown)


def test_a_call_is_not_moved_from_under_an_agent_who_just_picked_up() -> None:
    story = two_queues()
    story.caller()
    story.pick_up(story.ring().leg)
    act(story, CallRequest.MOVE, to=ToQueue("sales"))
    assert refusal(story) == ("an agent is answering the call", False)


# -- head start ---------------------------------------------------------------------------------------------------


def test_a_head_start_puts_a_caller_first_and_a_reload_keeps_it() -> None:
    story = one_queue()
    story.caller("ann")
    story.wait(10.0)
    story.caller("eve")
    act(story, CallRequest.HEAD_START, "eve", seconds=60.0)
    assert story.call("eve").visit.rank == START + 10.0 + 20.0 - 60.0  # type: ignore[union-attr]
    story.happens(PlanChanged(at=story.now, plan=plan([queue("support")], [agent("bob")])))
    assert story.ring().name == "eve"


def test_a_head_start_is_for_those_who_wait() -> None:
    story = one_queue(agent("bob"))
    story.talk()
    act(story, CallRequest.HEAD_START, seconds=60.0)
    assert refusal(story) == ("the call is not waiting", False)


# -- pull ---------------------------------------------------------------------------------------------------------


def test_a_call_is_pulled_to_an_agent_whom_no_step_fits() -> None:
    story = two_queues()
    story.ask("bob", AgentRequest.LOGOUT)
    story.caller()
    act(story, CallRequest.PULL, to=ToAgent("cid"))
    ring = story.ring()
    assert ring.agent == "cid"
    assert story.fact(OfferMade).needs == "pulled by eva"
    story.connect(ring.leg)
    assert story.tally().answered == 1


def test_a_pulled_call_that_is_not_answered_waits_on() -> None:
    story = two_queues()
    story.ask("bob", AgentRequest.LOGOUT)
    story.caller()
    act(story, CallRequest.PULL, to=ToAgent("cid"))
    story.gone(story.ring().leg, 21)
    assert story.call().phase == "waiting"
    assert story.fact(OfferEnded).result == "rejected"


@pytest.mark.parametrize(
    ("to", "reason", "unknown"),
    [
        (ToAgent("nobody"), "no such agent: nobody", True),
        (ToAgent("cid"), "Cid (cid) is not available", False),
        (ToQueue("sales"), "a call can be pulled only to an agent", False),
        (None, "a call can be pulled only to an agent", False),
    ],
    ids=str,
)
def test_a_pull_that_cannot_be_is_refused(to: Target | None, reason: str, unknown: bool) -> None:
    story = two_queues()
    story.ask("bob", AgentRequest.LOGOUT)
    story.ask("cid", AgentRequest.NOT_READY)
    story.caller()
    act(story, CallRequest.PULL, to=to)
    assert refusal(story) == (reason, unknown)


def test_nothing_is_pulled_over_a_broken_link() -> None:
    story = two_queues()
    story.ask("bob", AgentRequest.LOGOUT)
    story.caller()
    story.happens(PbxLost(at=story.now, pbx=PBX))
    act(story, CallRequest.PULL, to=ToAgent("cid"))
    assert refusal(story) == ("PBX pbx cannot be reached", False)


def test_a_talk_is_not_pulled() -> None:
    story = two_queues()
    story.talk()
    act(story, CallRequest.PULL, to=ToAgent("cid"))
    assert refusal(story) == ("the call is talking", False)


def test_what_is_asked_of_a_call_that_is_over_is_refused() -> None:
    story = one_queue()
    story.happens(CallRequested(at=story.now, call="cb-call-x", request=CallRequest.HANG_UP, by="eva"))
    assert refusal(story) == ("no such call, or it has ended", True)


# -- switches -----------------------------------------------------------------------------------------------------


def bypass(story: Story, on: bool) -> None:
    story.happens(SwitchTurned(at=story.now, switch=BYPASS, on=on, by="eva"))


def test_bypass_sends_new_calls_to_the_fallback_and_keeps_those_inside() -> None:
    story = one_queue(agent("bob"))
    customer, _ = story.talk("ann")
    bypass(story, True)
    assert (story.fact(SwitchChanged).on, story.fact(SwitchChanged).by) == (True, "eva")
    new = story.caller("eve")
    left = story.only(LeaveToDialplan)
    assert (left.leg, left.context, left.extension) == (new, "callbridge-fallback", "support")
    assert story.fact(CallDiverted).reason == "bypass"
    assert customer in story.world.legs and story.call("ann").phase == "talking"
    bypass(story, False)
    story.caller("fay")
    assert story.call("fay").phase == "waiting"


def test_turning_a_switch_to_where_it_stands_is_no_news() -> None:
    story = one_queue()
    bypass(story, False)
    assert not story.facts
    bypass(story, True)
    bypass(story, True)
    assert not story.facts


def test_a_switch_outlives_a_restart() -> None:
    story = one_queue()
    bypass(story, True)
    new = World(story.world.plan, "u")
    new.restore({"agents": story.world.agents.values(), "switches": story.world.switches.values()})
    new.seq = story.world.seq
    story.world = new
    story.caller()
    assert story.fact(CallDiverted).reason == "bypass"


def test_an_unknown_switch_is_refused() -> None:
    story = one_queue()
    story.happens(SwitchTurned(at=story.now, switch="coffee", on=True, by="eva"))
    assert refusal(story) == ("no such switch: coffee", True)


# -- supervisors and agents ---------------------------------------------------------------------------------------


def with_reasons(story: Story, **limits: float | None) -> None:
    reasons = {name: Reason(name, limit) for name, limit in limits.items()}
    changed: Plan = replace(story.world.plan, reasons=reasons)
    story.happens(PlanChanged(at=story.now, plan=changed))


def test_a_reason_over_its_limit_is_told_once() -> None:
    story = one_queue(agent("bob"))
    with_reasons(story, lunch=2700.0)
    story.ask("bob", AgentRequest.NOT_READY, reason="lunch")
    story.wait(2699.0)
    assert not story.all_told(AgentAlerted)
    story.wait(10_000.0)
    (alert,) = story.all_told(AgentAlerted)
    assert (alert.agent, alert.kind, alert.reason, alert.limit, alert.at) == (
        "bob",
        "reason_limit",
        "lunch",
        2700.0,
        START + 2700,
    )
    assert story.state("bob") == "not_ready lunch"


@pytest.mark.parametrize("ask", [AgentRequest.READY, AgentRequest.LOGOUT], ids=str)
def test_back_in_time_there_is_no_alert(ask: AgentRequest) -> None:
    story = one_queue(agent("bob"))
    with_reasons(story, lunch=60.0)
    story.ask("bob", AgentRequest.NOT_READY, reason="lunch")
    story.wait(59.0)
    story.ask("bob", ask)
    story.wait(3600.0)
    assert not story.all_told(AgentAlerted)


def test_a_reason_that_is_not_configured_is_refused_with_the_list() -> None:
    story = one_queue(agent("bob"))
    with_reasons(story, lunch=None, training=None)
    story.happens(AgentRequested(at=story.now, agent="bob", request=AgentRequest.NOT_READY, reason="pauze", by="eva"))
    refused = story.fact(RequestRefused)
    assert refused.reason == "unknown reason 'pauze'; the reasons are lunch, training"
    assert story.state("bob") == "ready"
    story.ask("bob", AgentRequest.NOT_READY)
    assert story.state("bob") == "not_ready"


@pytest.mark.parametrize("reason", ["rona", "fault", "dnd"])
@pytest.mark.parametrize("listed", [{}, {"lunch": None}, {"lunch": None, "rona": 600.0, "fault": None, "dnd": None}], ids=len)
def test_a_person_cannot_ask_for_a_reason_that_callbridge_sets(reason: str, listed: dict[str, float | None]) -> None:
    story = one_queue(agent("bob"))
    with_reasons(story, **listed)
    story.happens(AgentRequested(at=story.now, agent="bob", request=AgentRequest.NOT_READY, reason=reason, by="eva"))
    others = "; the reasons are lunch" if listed else ""
    assert story.fact(RequestRefused).reason == f"reason {reason!r} is set by callbridge only{others}"
    assert story.state("bob") == "ready"


def test_a_reason_of_callbridge_with_a_key_of_the_phone_can_be_chosen() -> None:
    story = one_queue(agent("bob"))
    reasons = {"lunch": Reason("lunch"), "rona": Reason("rona", digit="7")}
    story.happens(PlanChanged(at=story.now, plan=replace(story.world.plan, reasons=reasons)))
    story.ask("bob", AgentRequest.NOT_READY, reason="rona")
    assert story.state("bob") == "not_ready rona"


def test_where_a_reason_is_required_no_request_goes_without_one_and_our_own_pauses_do() -> None:
    story = one_queue(agent("bob"), no_answer=Penalty(not_ready="rona"))
    with_reasons(story, lunch=None, training=None)
    story.happens(PlanChanged(at=story.now, plan=replace(story.world.plan, reason_required=True)))
    story.happens(AgentRequested(at=story.now, agent="bob", request=AgentRequest.NOT_READY, by="eva"))
    assert story.fact(RequestRefused).reason == "a reason is required; the reasons are lunch, training"
    assert story.state("bob") == "ready"
    story.ask("bob", AgentRequest.NOT_READY, reason="lunch")
    assert story.state("bob") == "not_ready lunch"
    story.ask("bob", AgentRequest.READY)
    story.caller()
    story.happens(LegRinging(at=story.now, leg=story.ring().leg))
    story.wait(60.0)
    assert story.state("bob") == "not_ready rona"


def test_any_reason_is_taken_where_none_are_configured() -> None:
    story = one_queue(agent("bob"))
    story.ask("bob", AgentRequest.NOT_READY, reason="pauze")
    assert story.state("bob") == "not_ready pauze"


def test_who_forces_an_agents_state_is_told() -> None:
    story = one_queue(agent("bob"))
    story.happens(AgentRequested(at=story.now, agent="bob", request=AgentRequest.NOT_READY, reason="training", by="eva"))
    granted = story.fact(RequestGranted)
    assert (granted.agent, granted.request, granted.by, granted.reason) == ("bob", "not_ready", "eva", "training")
    story.happens(AgentRequested(at=story.now, agent="bob", request=AgentRequest.END_WRAP_UP, by="eva"))
    assert not [fact for fact in story.facts if isinstance(fact, RequestGranted)]
    assert story.fact(RequestRefused).reason == "not in wrap-up"


def test_a_phone_that_keeps_failing_is_not_hammered() -> None:
    story = one_queue(agent("bob"), rejected=Penalty(rest=10.0))
    story.caller()
    gaps, last = [], story.now
    for _ in range(9):
        leg = story.only(Ring).leg
        gaps.append(story.now - last)
        last = story.now
        story.gone(leg, 21)
        while not [order for order in story.wait(1.0) if isinstance(order, Ring)]:
            pass
    assert gaps == pytest.approx([0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0], abs=1.0)
    assert [alert.count for alert in story.all_told(AgentAlerted)] == [3, 6, 9]


def test_an_answer_ends_a_row_of_misses() -> None:
    story = one_queue(agent("bob"), rejected=Penalty(rest=10.0))
    customer = story.caller()
    story.gone(story.ring().leg, 21)
    story.wait(10.0)
    leg = story.ring().leg
    story.connect(leg)
    assert (story.world.agents["bob"].misses, story.world.agents["bob"].work) == (0, Work.TALKING)
    story.gone(customer)
    story.gone(leg)


def test_wrap_up_lasts_longer_on_request_and_ends_at_its_maximum() -> None:
    story = one_queue(agent("bob"), wrap_up=15.0, wrap_up_most=120.0)
    customer, leg = story.talk()
    story.gone(customer)
    story.gone(leg)
    story.wait(14.0)
    story.ask("bob", AgentRequest.EXTEND_WRAP_UP)
    story.wait(105.0)
    assert story.state("bob") == "wrap_up"
    story.ask("bob", AgentRequest.EXTEND_WRAP_UP)
    assert story.fact(RequestRefused).reason == "wrap-up cannot be extended further"
    story.wait(2.0)
    assert story.state("bob") == "ready"


def test_wrap_up_that_was_extended_ends_on_request() -> None:
    story = one_queue(agent("bob"), wrap_up=15.0, wrap_up_most=120.0)
    customer, leg = story.talk()
    story.gone(customer)
    story.gone(leg)
    story.ask("bob", AgentRequest.EXTEND_WRAP_UP)
    story.wait(20.0)
    story.ask("bob", AgentRequest.END_WRAP_UP)
    assert story.state("bob") == "ready"
