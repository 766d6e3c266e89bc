"""A reload: validated before it comes here, applied to callers and agents as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callbridge.core.engine import step
from callbridge.core.model.call import Phase
from callbridge.core.model.callback import Callback
from callbridge.core.model.events import (
    AgentRequest,
    CallbackChange,
    CallbackChangeRequested,
    CallRequest,
    CallRequested,
    LegAnswered,
    PlanChanged,
)
from callbridge.core.model.facts import CallbackEnded, CallbackMoved, CallbackRequested, RequestRefused, TalkEnded, VisitEnded
from callbridge.core.model.flow import Flow, GoodbyeNode, QueueNode
from callbridge.core.model.orders import LeaveToDialplan, Play, Ring
from callbridge.core.model.plan import (
    AgentPlan,
    CallbackTerms,
    CallFirst,
    ConnectMode,
    Entry,
    Plan,
    QueuePlan,
    ToAgent,
    ToFlow,
    ToQueue,
)
from callbridge.core.model.world import World
from callbridge.core.reload.plan_diff import Difference
from tests.core.flows import floor, flow, menu, stage
from tests.core.story import Story, agent, one_queue, plan, queue, routing


def reload(story: Story, queues: list[QueuePlan], agents: list[AgentPlan], *, force: bool = False) -> None:
    story.happens(PlanChanged(at=story.now, plan=plan(queues, agents), force=force))


def test_time_waited_goes_on_over_a_reload() -> None:
    story = Story(
        plan([queue("support", routing(("support >= 5", 20.0), ("support", None)))], [agent("bob"), agent("top", {"support": 5})])
    )
    story.ask("top", AgentRequest.NOT_READY)
    story.caller()
    story.wait(10.0)
    assert story.rung() == []
    reload(
        story, [queue("support", routing(("support >= 5", 8.0), ("support", None)))], [agent("bob"), agent("top", {"support": 5})]
    )
    assert story.rung() == ["bob"]


def test_windows_that_are_over_by_the_new_plan_overflow_at_once() -> None:
    from callbridge.core.model.plan import ToDialplan

    story = one_queue()
    story.caller()
    story.wait(10.0)
    reload(story, [queue("support", routing(("support", 5.0), then=ToDialplan("out", "1")))], [])
    assert story.only(LeaveToDialplan).context == "out"


def test_a_new_head_start_reorders_those_who_wait() -> None:
    two = [queue("support", routing(("support", None)), routing(("support", None)))]
    story = Story(plan(two, [agent("bob")]))
    story.ask("bob", AgentRequest.NOT_READY)
    story.caller("ann")
    story.wait(5.0)
    story.caller("eve", tier="diamond")
    reload(story, [queue("support", routing(("support", None)), routing(("support", None), head_start=60.0))], [agent("bob")])
    story.ask("bob", AgentRequest.READY)
    assert story.ring().name == "eve"


def test_callers_of_a_queue_that_was_removed_with_their_entry_go_to_the_fallback_as_failed() -> None:
    story = one_queue(agent("bob"))
    story.ask("bob", AgentRequest.NOT_READY)
    leg = story.caller()
    reload(story, [queue("sales")], [agent("bob")], force=True)
    assert story.only(LeaveToDialplan).leg == leg
    assert (story.fact(VisitEnded).outcome, story.fact(VisitEnded).reason) == ("failed", "queue_removed")


def test_an_offer_of_a_queue_that_was_removed_may_still_be_answered() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    ring = story.ring()
    reload(story, [queue("sales")], [agent("bob")], force=True)
    story.connect(ring.leg)
    assert story.tally().answered == 1
    story.gone(customer)
    story.gone(ring.leg)
    assert story.state("bob") == "ready"


def test_an_offer_of_a_queue_that_was_removed_and_is_not_answered_fails_the_visit() -> None:
    story = one_queue(agent("bob"))
    story.caller()
    reload(story, [queue("sales")], [agent("bob")], force=True)
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
    story.ask("bob", AgentRequest.LOGOUT)
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
    story.ask("bob", AgentRequest.LOGIN)
    assert story.fact(RequestRefused).reason == "no such agent: bob"


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
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk")
    reload(story, [queue("support")], [agent("bob"), agent("cid", phone="PJSIP/desk")])
    assert (story.world.agents["bob"].phone, story.state("cid")) == ("PJSIP/desk", "logged_out")


def test_an_agent_who_becomes_nailed_up_gets_a_session_and_then_calls() -> None:
    story = one_queue(agent("bob"))
    reload(story, [queue("support")], [agent("bob", connect=ConnectMode.NAILED_UP)])
    session = story.ring()
    assert (session.role, story.state("bob")) == ("session", "offline")
    story.happens(LegAnswered(at=story.now, leg=session.leg))
    story.caller()
    assert story.only(Play).leg == session.leg


def test_an_agent_who_is_nailed_up_no_more_loses_the_session_and_rings() -> None:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP))
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


# -- a queue that is gone ---------------------------------------------------------------------------------------------

PAID = CallbackTerms(ring_for=20.0, attempts=2, retry_after=60.0, keep_for=3600.0)
DIAL: dict[str, object] = {"outside": "PJSIP/{number}@trunk", "call_back_to": ("X.", "+X.")}


def support_and_general(*, callback: CallbackTerms | None = PAID, **more: object) -> Plan:
    """Both call back; one agent, logged out."""
    made = plan([queue("support", callback=callback), queue("general", callback=callback)], [agent("bob", login=False)])
    return replace(made, **(DIAL | more))  # type: ignore[arg-type]


def without_support(entries: dict[str, Entry], **more: object) -> Plan:
    made = support_and_general(**more)  # type: ignore[arg-type]
    return replace(made, queues={"general": made.queues["general"]}, entries=entries)


def is_owed(story: Story, number: str = "+4412", queue: str = "support") -> Callback:
    story.happens(CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue=queue, number=number, by="crm"))
    made = story.fact(CallbackRequested)
    return story.world.callbacks[made.callback]


def picture(world: World) -> dict[str, dict[str, object]]:
    return {name: dict(table.rows()) for name, table in world.saved_tables().items()}


def test_taking_a_queue_from_callers_and_callbacks_is_refused_and_changes_nothing() -> None:
    story = Story(support_and_general())
    story.caller("ann")
    is_owed(story)
    before, old = picture(story.world), story.world.plan
    coming = without_support({"support": ToQueue("general")})
    outcome = step(story.world, PlanChanged(at=story.now, plan=coming, by="ops"))
    (refused,) = outcome.facts
    assert isinstance(refused, RequestRefused)
    assert (refused.request, refused.by, outcome.orders, outcome.changed) == ("reload", "ops", [], {})
    assert refused.reason == (
        "queue support is no longer configured but has 1 waiting caller and 1 callback: set renamed_from: support on the queue "
        "that replaces it, or reload with force (callers go to queue general; callbacks go to queue general)"
    )
    assert isinstance(outcome.answer, Difference)
    assert outcome.answer.refusals == (refused.reason,)
    assert (picture(story.world), story.world.plan) == (before, old)


def test_an_empty_queue_is_taken_away_without_a_word() -> None:
    story = Story(support_and_general())
    story.happens(PlanChanged(at=story.now, plan=without_support({})))
    assert set(story.world.plan.queues) == {"general"}


def test_a_talk_does_not_keep_its_queue() -> None:
    story = one_queue(agent("bob"))
    customer, leg = story.talk()
    reload(story, [queue("sales")], [agent("bob")])
    assert set(story.world.plan.queues) == {"sales"}
    story.gone(customer)
    story.gone(leg)
    assert story.all_told(TalkEnded)[0].queue == "support"


def test_callers_go_to_the_queue_of_their_entry_in_order_and_with_their_arrival() -> None:
    story = Story(support_and_general())
    arrivals = {}
    for name in ("ann", "ben", "cat", "dan"):
        arrivals[name] = story.now
        story.caller(name)
        story.wait(3.0)
    story.caller("eve", entry="general")
    story.happens(PlanChanged(at=story.now, plan=without_support({"support": ToQueue("general")}), force=True))
    ended = story.all_told(VisitEnded)
    assert [(one.outcome, one.to, one.reason) for one in ended] == [("overflowed", "queue:general", "queue_removed")] * 4
    assert not story.all_sent(LeaveToDialplan)
    calls = {call.name: call for call in story.world.calls.values()}
    assert {name: calls[name].waiting_since for name in arrivals} == arrivals
    assert [story.world.calls[key].name for key in story.world.line("general").calls] == ["ann", "ben", "cat", "dan", "eve"]
    assert (story.tally("support").offered, story.tally("support").overflowed, story.tally("general").offered) == (4, 4, 5)
    story.ask("bob", AgentRequest.LOGIN)
    assert story.ring().name == "ann"


def test_callers_whose_entry_leads_to_a_flow_go_there() -> None:
    story = Story(support_and_general())
    story.caller("ann")
    menu = Flow(name="menu", version="1", start="bye", nodes={"bye": GoodbyeNode(media="bye")})
    coming = replace(without_support({"support": ToFlow("menu")}), flows={"menu": menu})
    story.happens(PlanChanged(at=story.now, plan=coming, force=True))
    (call,) = story.world.calls.values()
    assert (call.phase, call.flow_position.flow if call.flow_position else "") == (Phase.FLOW, "menu")
    assert story.all_told(VisitEnded)[0].to == "flow:menu"


def test_who_was_being_offered_goes_to_the_queue_of_the_entry_when_nobody_answers() -> None:
    story = Story(support_and_general())
    story.ask("bob", AgentRequest.LOGIN)
    story.caller("ann")
    coming = without_support({"support": ToQueue("general")})
    story.happens(PlanChanged(at=story.now, plan=coming, force=True))
    assert story.tally("support").offered == 1
    story.wait(20.0)
    assert (story.tally("support").overflowed, story.tally("general").offered) == (1, 1)


def test_a_callback_goes_to_the_queue_of_its_entry_at_the_place_of_its_wait() -> None:
    story = Story(support_and_general())
    callback = is_owed(story)
    story.wait(100.0)
    story.caller("eve", entry="general")
    story.happens(PlanChanged(at=story.now, plan=without_support({"support": ToQueue("general")}), force=True))
    (moved,) = story.world.callbacks.values()
    assert (moved.id, moved.queue, moved.made_at) == (callback.id, "general", callback.made_at)
    assert story.world.line("general").calls[0] == callback.id, "it has waited for longer"
    fact = story.fact(CallbackMoved)
    assert (fact.callback, fact.previous_queue, fact.queue) == (callback.id, "support", "general")
    assert not story.all_told(CallbackEnded)


@pytest.mark.parametrize("entries", [{}, {"support": ToFlow("menu")}], ids=["no entry", "a flow"])
def test_a_callback_without_a_queue_is_kept_and_stands_in_line_when_there_is_one_again(entries: dict[str, Entry]) -> None:
    story = Story(support_and_general())
    callback = is_owed(story)
    menu = Flow(name="menu", version="1", start="bye", nodes={"bye": GoodbyeNode(media="bye")})
    coming = replace(without_support(entries), flows={"menu": menu})
    story.happens(PlanChanged(at=story.now, plan=coming, force=True))
    story.wait(600.0)
    (kept,) = story.world.callbacks.values()
    assert (kept.id, kept.queue, kept.stands) == (callback.id, "support", False)
    story.happens(PlanChanged(at=story.now, plan=coming))  # nothing to refuse: it is in no queue
    story.happens(PlanChanged(at=story.now, plan=support_and_general()))
    assert story.world.line("support").calls == [callback.id]
    assert not story.all_told(CallbackEnded)


def test_a_callback_without_a_queue_expires_in_its_time() -> None:
    story = Story(support_and_general())
    is_owed(story)
    story.happens(PlanChanged(at=story.now, plan=without_support({}), force=True))
    story.wait(3700.0)
    assert [(one.outcome, one.reason) for one in story.all_told(CallbackEnded)] == [("expired", "")]


def test_two_callbacks_for_one_number_become_one_at_the_better_place() -> None:
    story = Story(support_and_general())
    first = is_owed(story)
    story.wait(50.0)
    second = is_owed(story, queue="general")
    story.happens(PlanChanged(at=story.now, plan=without_support({"support": ToQueue("general")}), force=True))
    (left,) = story.world.callbacks.values()
    assert (left.id, left.rank, left.expires_at) == (first.id, first.rank, second.expires_at)
    (ended,) = story.all_told(CallbackEnded)
    assert (ended.callback, ended.outcome, ended.reason) == (second.id, "cancelled", "owed_already")


def test_a_call_that_comes_back_to_a_queue_that_is_gone_goes_by_its_entry() -> None:
    story = Story(replace(support_and_general(), agents={"bob": agent("bob"), "cid": agent("cid", login=False)}))
    customer, leg = story.talk()
    call = story.call()
    story.happens(CallRequested(at=story.now, call=call.id, request=CallRequest.TRANSFER, to=ToAgent("cid"), by="bob"))
    assert story.call().phase is Phase.TALKING, "nobody is there to take it"
    story.ask("cid", AgentRequest.LOGIN)
    story.happens(CallRequested(at=story.now, call=call.id, request=CallRequest.TRANSFER, to=ToAgent("cid"), by="bob"))
    target = story.ring()
    coming = replace(without_support({"support": ToQueue("general")}), agents=story.world.plan.agents)
    story.happens(PlanChanged(at=story.now, plan=coming))
    story.ask("bob", AgentRequest.LOGOUT)
    story.gone(leg)
    story.gone(target.leg, cause=17)
    story.wait(60.0)
    assert story.tally("general").offered == 1
    assert not story.all_sent(LeaveToDialplan)
    story.gone(customer)


def test_a_flow_of_before_that_leads_to_a_queue_that_is_gone_leads_to_the_queue_of_the_entry() -> None:
    ask = flow({"ask": menu({"1": "to"}, otherwise="bye"), "to": QueueNode(queue="support")})
    old = floor(ask, queues=[queue("support"), queue("general")])
    toy = stage(old)
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    coming = replace(old, queues={"general": old.queues["general"]}, entries={"welcome": ToQueue("general")}, flows={})
    toy.tell(PlanChanged(at=toy.story.now, plan=coming))
    toy.presses(leg, "1")
    assert toy.story.tally("general").offered == 1


def test_a_customer_who_was_called_first_and_waits_goes_with_the_callback() -> None:
    terms = replace(PAID, first=CallFirst.CUSTOMER)
    story = Story(replace(support_and_general(callback=terms), agents={"bob": agent("bob")}))
    is_owed(story)
    customer = story.ring()
    assert customer.role == "customer"
    story.happens(LegAnswered(at=story.now, leg=customer.leg))
    story.gone(story.ring().leg, cause=17)
    coming = without_support({"support": ToQueue("general")}, callback=terms)
    story.happens(PlanChanged(at=story.now, plan=replace(coming, agents=story.world.plan.agents), force=True))
    (call,) = story.world.calls.values()
    assert (call.phase, call.visit.queue if call.visit is not None else "") == (Phase.WAITING, "general")
    assert not story.all_sent(LeaveToDialplan)
    assert [callback.queue for callback in story.world.callbacks.values()] == ["general"]


# -- a queue that calls nobody back any more --------------------------------------------------------------------------


def without_callbacks(name: str = "support", entry: str = "support", **more: Any) -> Plan:
    """The queue keeps its place, perhaps under another name, and has no ``callback`` any more."""
    made = support_and_general()
    silent = queue(name, renamed_from="" if name == "support" else "support", **more)
    queues = {name: silent, "general": made.queues["general"]}
    return replace(made, queues=queues, entries={"support": ToQueue(entry)})


@pytest.mark.parametrize("name", ["support", "helpdesk"], ids=["the same name", "renamed"])
def test_taking_callbacks_from_a_queue_that_owes_some_is_refused(name: str) -> None:
    story = Story(support_and_general())
    is_owed(story)
    before, old = picture(story.world), story.world.plan
    outcome = step(story.world, PlanChanged(at=story.now, plan=without_callbacks(name, entry=name), by="ops"))
    assert isinstance(outcome.answer, Difference)
    (reason,) = outcome.answer.refusals
    carried = "everything else is carried over; " if name == "helpdesk" else ""
    assert reason == (
        f"queue {name} no longer offers callbacks but has 1 callback: keep its setting callback, or reload with force "
        f"({carried}callbacks go to no queue: they are kept until one can take them)"
    )
    assert (picture(story.world), story.world.plan) == (before, old)


@pytest.mark.parametrize("name", ["support", "helpdesk"], ids=["the same name", "renamed"])
def test_callbacks_of_a_queue_that_calls_nobody_back_go_to_the_queue_of_their_entry(name: str) -> None:
    story = Story(support_and_general())
    callback = is_owed(story)
    story.wait(1.0)
    story.caller("ann")
    story.happens(PlanChanged(at=story.now, plan=without_callbacks(name, entry="general"), force=True))
    assert story.world.line("general").calls == [callback.id]
    assert [story.world.calls[key].name for key in story.world.line(name).calls] == ["ann"]
    story.ask("bob", AgentRequest.LOGIN)
    assert [call.callback for call in story.world.calls.values() if call.offer is not None] == [callback.id]


@pytest.mark.parametrize("name", ["support", "helpdesk"], ids=["the same name", "renamed"])
def test_callbacks_that_no_queue_takes_are_kept_until_one_calls_back(name: str) -> None:
    story = Story(support_and_general())
    callback = is_owed(story)
    story.happens(PlanChanged(at=story.now, plan=without_callbacks(name, entry=name), force=True))
    story.ask("bob", AgentRequest.LOGIN)
    story.wait(600.0)
    (kept,) = story.world.callbacks.values()
    assert (kept.id, kept.queue, kept.stands) == (callback.id, name, False)
    again = without_callbacks(name, entry=name, callback=PAID)
    story.happens(PlanChanged(at=story.now, plan=replace(again, agents=story.world.plan.agents)))
    assert [call.callback for call in story.world.calls.values()] == [callback.id]
    assert not story.all_told(CallbackEnded)


def test_a_queue_that_has_called_nobody_back_before_may_change_as_ever() -> None:
    story = Story(support_and_general())
    is_owed(story)
    story.happens(PlanChanged(at=story.now, plan=without_callbacks(), force=True))
    story.happens(PlanChanged(at=story.now, plan=without_callbacks(music="jazz")))
    assert story.world.plan.queues["support"].music == "jazz"
    assert not story.all_told(RequestRefused)


@pytest.mark.parametrize("standing", [True, False], ids=["in line", "called"])
def test_a_callback_for_one_agent_who_is_gone_is_for_everybody(standing: bool) -> None:
    made = replace(support_and_general(), agents={name: agent(name, login=False) for name in ("bob", "cid")})
    story = Story(made)
    story.happens(
        CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue="support", number="+4412", agent="cid", by="crm")
    )
    if not standing:
        story.ask("cid", AgentRequest.LOGIN)
        assert story.state("cid") == "ringing"
    story.happens(PlanChanged(at=story.now, plan=replace(made, agents={"bob": made.agents["bob"]})))
    (left,) = story.world.callbacks.values()
    assert left.agent == ""
    story.ask("bob", AgentRequest.LOGIN)
    story.wait(60.0)
    assert "bob" in [order.agent for order in story.all_sent(Ring)]


def test_a_callback_for_one_agent_stays_with_the_agent_over_a_reload() -> None:
    story = Story(support_and_general())
    story.happens(
        CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue="support", number="+4412", agent="bob", by="crm")
    )
    story.happens(PlanChanged(at=story.now, plan=support_and_general()))
    assert [callback.agent for callback in story.world.callbacks.values()] == ["bob"]
