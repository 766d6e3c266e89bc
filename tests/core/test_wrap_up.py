"""After the talk: one wrap-up for each agent over all queues."""

from __future__ import annotations

import pytest

from callbridge.core.model.events import AgentRequest
from callbridge.core.model.facts import AgentChanged, RequestRefused, WrapUpEnded
from callbridge.core.model.ids import LegId
from callbridge.core.model.plan import Plan
from tests.core.story import Story, agent, one_queue, plan, queue, routing


def after_a_talk(*, first_gone: str = "customer", wrap_up: float = 15.0) -> tuple[Story, LegId, LegId]:
    story = one_queue(agent("bob"), wrap_up=wrap_up)
    customer, leg = story.talk()
    story.wait(30.0)
    for gone in (customer, leg) if first_gone == "customer" else (leg, customer):
        story.gone(gone)
    return story, customer, leg


@pytest.mark.parametrize("first_gone", ["customer", "agent"])
def test_wrap_up_follows_the_one_who_hangs_up_first(first_gone: str) -> None:
    story, _, _ = after_a_talk(first_gone=first_gone)
    assert story.state("bob") == "wrap_up"
    story.caller("eve")
    assert story.rung() == []
    story.wait(14.9)
    assert story.state("bob") == "wrap_up"
    story.wait(0.2)
    assert story.rung() == ["bob"]


@pytest.mark.parametrize("first_gone", ["customer", "agent"])
def test_without_wrap_up_the_next_caller_comes_at_once(first_gone: str) -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    story.caller("eve")
    first, second = (customer, leg) if first_gone == "customer" else (leg, customer)
    rung: list[str] = []
    for leg_gone in (first, second):
        story.gone(leg_gone)
        rung += story.rung()
    assert rung == ["bob"]


def test_wrap_up_does_not_end_while_the_phone_is_still_in_our_call() -> None:
    story = one_queue(agent("bob"), wrap_up=1.0)
    customer, leg = story.talk()
    story.gone(customer)
    story.wait(3.0)
    assert story.state("bob") == "wrap_up"
    story.gone(leg)
    assert story.state("bob") == "ready"


@pytest.mark.parametrize("ask", [AgentRequest.END_WRAP_UP, AgentRequest.READY])
def test_wrap_up_ends_early_on_request(ask: AgentRequest) -> None:
    story, _, _ = after_a_talk()
    story.wait(4.0)
    story.ask("bob", ask)
    assert story.state("bob") == "ready"
    assert (story.fact(WrapUpEnded).lasted, story.fact(WrapUpEnded).queue) == (4.0, "support")


def test_wrap_up_ended_early_while_the_leg_lingers_ends_with_the_leg() -> None:
    story = one_queue(agent("bob"))
    customer, leg = story.talk()
    story.gone(customer)
    story.ask("bob", AgentRequest.END_WRAP_UP)
    assert story.state("bob") == "wrap_up"
    story.gone(leg)
    assert story.state("bob") == "ready"


def test_there_is_no_wrap_up_to_end_before_a_talk() -> None:
    story = one_queue(agent("bob"))
    story.ask("bob", AgentRequest.END_WRAP_UP)
    assert story.fact(RequestRefused).reason == "not in wrap-up"


def two_queues() -> Plan:
    return plan(
        [queue("support", wrap_up=10.0), queue("sales", routing(("sales", None)), wrap_up=40.0)],
        [agent("bob", {"support": 3, "sales": 1})],
    )


def test_the_wrap_up_of_one_queue_holds_back_the_callers_of_all() -> None:
    story = Story(two_queues())
    customer, leg = story.talk(entry="sales")
    story.gone(customer)
    story.gone(leg)
    story.caller("eve")
    story.wait(39.9)
    assert story.rung() == []
    story.wait(0.2)
    assert story.rung() == ["bob"]
    assert story.all_told(WrapUpEnded)[-1].queue == "sales"


def test_seconds_in_each_state_add_up_to_the_time_logged_in() -> None:
    story, _, _ = after_a_talk()
    logged_in = next(fact.at for fact in story.all_told(AgentChanged) if fact.previous == "logged_out")
    story.wait(20.0)
    story.ask("bob", AgentRequest.NOT_READY, "lunch")
    story.wait(7.0)
    story.ask("bob", AgentRequest.LOGOUT)
    spent = sum(fact.lasted for fact in story.all_told(AgentChanged) if fact.previous != "logged_out")
    assert spent == story.now - logged_in
