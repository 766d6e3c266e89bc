"""Limits on callers: who still comes in, and what becomes of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import PlanChanged, SeenLeg
from callbridge.core.model.facts import CallArrived, CallDiverted, CallEnded, CallRefused, FlowBegan, VisitBegan
from callbridge.core.model.flow import GoodbyeNode, QueueNode
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import Answer, HangUp, LeaveToDialplan
from callbridge.core.model.plan import Limit, LoadLimit, Refusal, RefusalReason, ToDialplan, ToFlow, ToQueue, WhenFull
from tests.core.flows import flow
from tests.core.story import PBX, Story, agent, one_queue, plan, queue, routing

CONGESTION = Refusal(RefusalReason.CONGESTION)


def two_queues(to: WhenFull, other: Limit | None = None) -> Story:
    full = queue("support", most_waiting=Limit(1, to))
    return Story(plan([full, queue("general", most_waiting=other)], []))


def full_line(to: WhenFull, other: Limit | None = None) -> Story:
    story = two_queues(to, other)
    story.caller("ann")
    return story


def test_a_caller_for_whom_there_is_no_room_is_refused_unanswered() -> None:
    story = one_queue(most_waiting=Limit(1))
    story.caller("ann")
    leg = story.caller("bob")
    assert story.only(HangUp).reason == "busy"
    assert not [order for order in story.orders if isinstance(order, Answer)]
    refused = story.fact(CallRefused)
    assert (refused.full, refused.queue, refused.most, refused.entry) == ("queue", "support", 1, "support")
    assert story.fact(CallArrived).call == refused.call
    story.gone(leg)
    assert story.fact(CallEnded).outcome == "refused"
    assert story.tally().offered == 1, "who was refused never was in the queue"


def test_there_is_room_again_when_a_caller_is_served_or_leaves() -> None:
    story = one_queue(most_waiting=Limit(1))
    first = story.caller("ann")
    story.gone(first)
    story.caller("bob")
    assert story.all_told(CallRefused) == []


def test_a_network_may_be_told_of_congestion() -> None:
    story = one_queue(most_waiting=Limit(1, CONGESTION))
    story.caller("ann")
    story.caller("bob")
    assert story.only(HangUp).reason == "congestion"


def test_an_agent_who_is_free_serves_although_the_limit_is_one() -> None:
    story = one_queue(agent("zoe"), agent("yan"), most_waiting=Limit(1))
    story.talk("ann")
    story.talk("bob")
    assert story.all_told(CallRefused) == []


def test_a_full_queue_sends_callers_to_another_one() -> None:
    story = full_line(ToQueue("general"))
    story.caller("bob")
    assert story.fact(VisitBegan).queue == "general"
    assert story.fact(CallArrived).queue == "general"


def test_a_full_queue_sends_callers_into_a_flow() -> None:
    story = full_line(ToFlow("sorry"))
    flows = {"sorry": flow({"bye": GoodbyeNode(media="sound:sorry")}, name="sorry")}
    story.happens(PlanChanged(at=story.now, plan=replace(story.world.plan, flows=flows)))
    story.caller("bob")
    assert story.fact(FlowBegan).flow == "sorry"


def test_a_full_queue_sends_callers_to_the_dialplan_on_purpose() -> None:
    story = full_line(ToDialplan("overflow", "1"))
    leg = story.caller("bob")
    assert story.only(LeaveToDialplan) == LeaveToDialplan(leg=leg, context="overflow", extension="1", stays=True)
    assert story.fact(CallDiverted).reason == "full"


def test_where_all_queues_of_a_circle_are_full_the_caller_is_refused() -> None:
    story = full_line(ToQueue("general"), Limit(1, ToQueue("support")))
    story.caller("bob")
    story.caller("cid")
    assert story.fact(CallRefused).queue == "general"


def test_who_has_waited_in_another_queue_is_not_refused() -> None:
    first = queue("first", routing(("skill", 10.0), then=ToQueue("support")))
    story = Story(plan([first, queue("support", most_waiting=Limit(1))], []))
    story.caller("ann")
    story.caller("bob", entry="first")
    story.wait(10.0)
    assert story.all_told(CallRefused) == []
    assert [fact.queue for fact in story.told if isinstance(fact, VisitBegan)] == ["support", "first", "support"]


def test_a_caller_whom_a_flow_sends_into_a_full_queue_is_refused() -> None:
    flows = {"hello": flow({"on": QueueNode(queue="support")}, name="hello")}
    made = plan([queue("support", most_waiting=Limit(1))], [])
    story = Story(replace(made, flows=flows, entries={**made.entries, "hello": ToFlow("hello")}))
    story.caller("ann")
    leg = story.caller("bob", entry="hello")
    story.wait(0.0)
    assert story.fact(CallRefused).queue == "support"
    story.gone(leg)
    assert story.fact(CallEnded).outcome == "refused"


def test_an_entry_may_have_so_many_callers_at_a_time() -> None:
    made = plan([queue("support")], [agent("zoe")])
    entries = {"a": ToQueue("support"), "b": ToQueue("support")}
    story = Story(replace(made, entries=entries, entry_limits={"a": Limit(1)}))
    caller, _ = story.talk("ann", entry="a")
    story.caller("bob", entry="a")
    assert (story.fact(CallRefused).full, story.fact(CallRefused).entry) == ("entry", "a")
    story.caller("cid", entry="b")
    story.gone(caller)
    story.caller("dan", entry="a")
    assert [fact.leg for fact in story.told if isinstance(fact, CallRefused)] == [f"{PBX}/bob"]


def test_a_pbx_may_have_so_many_callers_at_a_time() -> None:
    story = Story(replace(plan([queue("support"), queue("sales")], []), most_calls=Limit(2, CONGESTION)))
    story.caller("ann")
    second = story.caller("bob", entry="sales")
    third = story.caller("cid")
    assert (story.fact(CallRefused).full, story.only(HangUp).reason) == ("pbx", "congestion")
    story.gone(third)
    story.gone(second)
    story.caller("dan")
    assert len([fact for fact in story.told if isinstance(fact, CallRefused)]) == 1


def test_who_is_found_waiting_after_a_restart_is_never_refused() -> None:
    story = one_queue(most_waiting=Limit(1))
    story.snapshot(
        *(
            SeenLeg(leg=leg_id(PBX, name), name=f"PJSIP/trunk-{name}", up=True, entry="support", created_at=story.now)
            for name in ("ann", "bob")
        )
    )
    assert [fact.found_waiting for fact in story.told if isinstance(fact, CallArrived)] == [True, True]
    assert story.all_told(CallRefused) == []


def loaded(tiers: tuple[str, ...] = ("diamond", "standard")) -> Story:
    made = plan([queue("support")], [])
    return Story(replace(made, load_limit=LoadLimit(0.3), tiers=tiers))


def arrive(story: Story, name: str, admitted: float, tier: str = "standard") -> bool:
    """Whether the caller came in."""
    before = len(story.world.calls)
    story.happens(replace(story.arrival(name, tier=tier), admitted=admitted))
    refused = any(isinstance(fact, CallRefused) for fact in story.facts)
    story.gone(leg_id(PBX, name))
    assert len(story.world.calls) == before
    return not refused


def test_a_pbx_that_keeps_up_takes_everybody() -> None:
    story = loaded()
    assert all(arrive(story, f"c{number}", 1.0) for number in range(50))


@pytest.mark.parametrize("admitted", [0.1, 0.5, 0.9])
def test_a_slow_pbx_takes_the_share_that_it_can(admitted: float) -> None:
    story = loaded()
    came = [arrive(story, f"c{number}", admitted) for number in range(200)]
    assert sum(came) == pytest.approx(200 * admitted, abs=6)
    assert all(any(came[first : first + 20]) for first in range(0, 200, 20)), "spread evenly"


def test_callers_of_the_lowest_tier_are_refused_first() -> None:
    """A fifth is diamond; half of all can be taken: every diamond caller, and three eighths of the others."""
    story = loaded()
    came: dict[str, list[bool]] = {"diamond": [], "standard": []}
    for number in range(500):
        tier = "standard" if number % 5 else "diamond"
        came[tier].append(arrive(story, f"c{number}", 0.5, tier))
    assert all(came["diamond"])
    assert sum(came["standard"]) == pytest.approx(400 * 3 / 8, abs=20)


def test_the_highest_tier_is_refused_when_nobody_else_is_left_to_refuse() -> None:
    story = loaded()
    came: dict[str, list[bool]] = {"diamond": [], "standard": []}
    for number in range(500):
        tier = "standard" if number % 2 else "diamond"
        came[tier].append(arrive(story, f"c{number}", 0.25, tier))
    assert not any(came["standard"][20:])
    assert sum(came["diamond"][20:]) == pytest.approx(230 / 2, abs=12)


def test_a_refusal_for_load_says_congestion() -> None:
    story = loaded()
    arrive(story, "ann", 0.01)
    story.happens(replace(story.arrival("bob"), admitted=0.01))
    (refused,) = [fact for fact in story.told if isinstance(fact, CallRefused)][:1]
    assert (refused.full, refused.response, refused.most) == ("load", "congestion", 0)
