"""A reload: validated before it comes here, applied to callers and agents as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.events import Ask, LegAnswered, PlanChanged
from callbridge.core.facts import AskRefused, VisitEnded
from callbridge.core.orders import LeaveToDialplan, Play, Ring
from callbridge.core.plan import AgentPlan, Connect, QueuePlan, ToQueue
from tests.core.story import Story, agent, ladder, one_queue, plan, queue


def reload(story: Story, queues: list[QueuePlan], agents: list[AgentPlan]) -> None:
    story.happens(PlanChanged(at=story.now, plan=plan(queues, agents)))


def test_time_waited_goes_on_over_a_reload() -> None:
    story = Story(
        plan([queue("support", ladder(("support >= 5", 20.0), ("support", None)))], [agent("bob"), agent("top", {"support": 5})])
    )
    story.ask("top", Ask.NOT_READY)
    story.caller()
    story.wait(10.0)
    assert story.rung() == []
    reload(
        story, [queue("support", ladder(("support >= 5", 8.0), ("support", None)))], [agent("bob"), agent("top", {"support": 5})]
    )
    assert story.rung() == ["bob"]


def test_windows_that_are_over_by_the_new_plan_overflow_at_once() -> None:
    from callbridge.core.plan import ToDialplan

    story = one_queue()
    story.caller()
    story.wait(10.0)
    reload(story, [queue("support", ladder(("support", 5.0), then=ToDialplan("out", "1")))], [])
    assert story.only(LeaveToDialplan).context == "out"


def test_a_new_head_start_reorders_those_who_wait() -> None:
    two = [queue("support", ladder(("support", None)), ladder(("support", None)))]
    story = Story(plan(two, [agent("bob")]))
    story.ask("bob", Ask.NOT_READY)
    story.caller("ann")
    story.wait(5.0)
    story.caller("eve", tier="diamond")
    reload(story, [queue("support", ladder(("support", None)), ladder(("support", None), head_start=60.0))], [agent("bob")])
    story.ask("bob", Ask.READY)
    assert story.ring().name == "eve"


def test_callers_of_a_queue_that_was_removed_go_to_the_fallback_as_failed() -> None:
    story = one_queue(agent("bob"))
    story.ask("bob", Ask.NOT_READY)
    leg = story.caller()
    reload(story, [queue("sales")], [agent("bob")])
    assert story.only(LeaveToDialplan).leg == leg
    assert (story.fact(VisitEnded).outcome, story.fact(VisitEnded).reason) == ("failed", "queue_removed")


def test_an_offer_of_a_queue_that_was_removed_may_still_be_answered() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    ring = story.ring()
    reload(story, [queue("sales")], [agent("bob")])
    story.connect(ring.leg)
    assert story.tally().answered == 1
    story.gone(customer)
    story.gone(ring.leg)
    assert story.state("bob") == "ready"


def test_an_offer_of_a_queue_that_was_removed_and_is_not_answered_fails_the_visit() -> None:
    story = one_queue(agent("bob"))
    story.caller()
    reload(story, [queue("sales")], [agent("bob")])
    story.wait(20.0)
    assert story.tally().failed == 1
    assert story.only(LeaveToDialplan).context == "callbridge-fallback"


def test_new_skills_bring_a_waiting_caller_at_once() -> None:
    story = one_queue(agent("bob", {"sales": 1}))
    story.caller()
    reload(story, [queue("support")], [agent("bob", {"support": 1})])
    assert story.rung() == ["bob"]


def test_lost_skills_take_the_agent_out() -> None:
    story = one_queue(agent("bob"))
    reload(story, [queue("support")], [agent("bob", {"sales": 1})])
    story.caller()
    assert story.rung() == []


def test_a_new_agent_serves_at_once() -> None:
    story = one_queue()
    story.caller()
    reload(story, [queue("support")], [agent("bob")])
    assert story.rung() == ["bob"]


def test_a_reload_does_not_log_in_who_logged_out() -> None:
    story = one_queue(agent("bob"))
    story.ask("bob", Ask.LOGOUT)
    reload(story, [queue("support")], [agent("bob")])
    assert story.state("bob") == "logged_out"


def test_an_idle_agent_who_was_removed_is_gone() -> None:
    story = one_queue(agent("bob"))
    reload(story, [queue("support")], [])
    assert "bob" not in story.world.agents


def test_a_ringing_agent_who_was_removed_gives_the_caller_back() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    story.caller()
    ring = story.ring()
    other = ({"bob", "cid"} - {ring.agent}).pop()
    reload(story, [queue("support")], [agent(other)])
    assert story.hung_up() == {ring.leg}
    assert story.rung() == [other]


def test_a_talking_agent_who_was_removed_may_finish_and_is_then_unknown() -> None:
    story = one_queue(agent("bob"))
    customer, leg = story.talk()
    reload(story, [queue("support")], [])
    assert story.state("bob") == "talking"
    story.gone(customer)
    story.gone(leg)
    story.wait(60.0)
    story.ask("bob", Ask.LOGIN)
    assert story.fact(AskRefused).reason == "unknown agent"


def test_a_reload_that_changes_nothing_says_nothing() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    story.talk()
    story.caller("eve")
    story.wait(1.0)
    story.happens(PlanChanged(at=story.now, plan=story.world.plan))
    assert (story.orders, story.facts) == ([], [])


def test_a_new_phone_is_taken_at_once_when_idle_and_after_the_talk_otherwise() -> None:
    story = one_queue(agent("bob"), agent("cid", login=False))
    customer, leg = story.talk()
    reload(story, [queue("support")], [agent("bob", phone="PJSIP/new1"), agent("cid", phone="PJSIP/new2")])
    assert [story.world.agents[who].phone for who in ("bob", "cid")] == ["PJSIP/bob", "PJSIP/new2"]
    story.gone(customer)
    story.gone(leg)
    story.wait(60.0)
    assert story.world.agents["bob"].phone == "PJSIP/new1"


@pytest.mark.parametrize("talking", [False, True])
def test_two_agents_may_swap_their_phones(talking: bool) -> None:
    story = one_queue(agent("bob"), agent("cid", login=False))
    legs = story.talk() if talking else ()
    reload(story, [queue("support")], [agent("bob", phone="PJSIP/cid"), agent("cid", phone="PJSIP/bob", login=False)])
    for leg in legs:
        story.gone(leg)
    story.wait(60.0)
    assert [story.world.agents[who].phone for who in ("bob", "cid")] == ["PJSIP/cid", "PJSIP/bob"]


def test_a_new_agent_does_not_take_a_phone_that_somebody_uses() -> None:
    story = one_queue(agent("bob"))
    story.ask("bob", Ask.LOGIN, phone="PJSIP/desk")
    reload(story, [queue("support")], [agent("bob"), agent("cid", phone="PJSIP/desk")])
    assert (story.world.agents["bob"].phone, story.state("cid")) == ("PJSIP/desk", "logged_out")


def test_an_agent_who_becomes_nailed_up_gets_a_session_and_then_calls() -> None:
    story = one_queue(agent("bob"))
    reload(story, [queue("support")], [agent("bob", connect=Connect.NAILED_UP)])
    session = story.ring()
    assert (session.role, story.state("bob")) == ("session", "offline")
    story.happens(LegAnswered(at=story.now, leg=session.leg))
    story.caller()
    assert story.only(Play).leg == session.leg


def test_an_agent_who_is_nailed_up_no_more_loses_the_session_and_rings() -> None:
    story = one_queue(agent("bob", connect=Connect.NAILED_UP))
    session = story.ring()
    story.happens(LegAnswered(at=story.now, leg=session.leg))
    reload(story, [queue("support")], [agent("bob")])
    assert story.hung_up() == {session.leg}
    story.gone(session.leg)
    story.caller()
    assert story.only(Ring).role == "agent"


def test_new_entries_are_served_and_removed_ones_are_not() -> None:
    story = one_queue()
    changed = plan([queue("support")], [])
    story.happens(PlanChanged(at=story.now, plan=replace(changed, entries={"hotline": ToQueue("support")})))
    story.caller("ann", entry="hotline")
    assert story.tally().offered == 1
    story.caller("eve", entry="support")
    assert story.tally().offered == 1
