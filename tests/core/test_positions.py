"""A caller's position, as told when a visit begins and when it ends: how many are served before, in the order of the queue."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import pytest

from callbridge.core.engine import step
from callbridge.core.model.facts import VisitBegan, VisitEnded
from callbridge.core.model.plan import ToQueue
from tests.core.story import Story, agent, one_queue, plan, queue, routing
from tests.examples import cases

VIP = routing(("support >= 1", None), head_start=600.0)
PLAIN = routing(("support >= 1", None))


def entered(story: Story) -> int:
    return story.fact(VisitBegan).position


def left(story: Story) -> tuple[str, int]:
    ended = story.fact(VisitEnded)
    return ended.outcome, ended.position


def test_each_caller_enters_behind_those_who_wait() -> None:
    story = one_queue()
    positions = []
    for name in ("ann", "cid", "dot"):
        story.caller(name)
        positions.append(entered(story))
        story.wait(1.0)
    assert positions == [1, 2, 3]


def test_a_caller_who_gives_up_has_moved_on_by_then() -> None:
    story = one_queue(short_abandon=0.0)
    legs = []
    for name in ("ann", "cid", "dot"):
        legs.append(story.caller(name))
        story.wait(1.0)
    story.gone(legs[0])
    assert left(story) == ("abandoned", 1)
    story.gone(legs[2])
    assert left(story) == ("abandoned", 2)


def test_a_head_start_puts_a_caller_before_others_who_fall_back() -> None:
    story = Story(plan([queue("support", PLAIN, VIP)], []))
    first = story.caller("ann")
    story.wait(1.0)
    story.caller("vic", tier="diamond")
    assert entered(story) == 1
    story.wait(1.0)
    story.gone(first)
    assert left(story)[1] == 2


def test_a_caller_who_is_answered_leaves_from_the_place_that_was_served() -> None:
    story = Story(plan([queue("support", routing(("support >= 4", None))), queue("other", PLAIN)], [agent("bob")]))
    story.caller("ann")  # whom bob is not good enough for
    story.caller("cid", entry="other")
    story.connect(story.ring().leg)
    assert left(story) == ("answered", 1)


def test_a_queue_that_leads_to_another_counts_the_position_in_each() -> None:
    first = queue("support", routing(("support >= 1", 5.0), then=ToQueue("other")))
    story = Story(plan([first, queue("other", PLAIN)], []))
    story.caller("old", entry="other")
    story.wait(1.0)
    story.caller("ann")
    story.wait(5.0)
    assert left(story) == ("overflowed", 1)
    assert entered(story) == 2


def test_a_queue_that_leads_to_itself_does_not_count_the_caller_twice() -> None:
    again = routing(("support >= 1", 5.0), head_start=0.0, then=ToQueue("support"))
    story = Story(plan([queue("support", again)], []))
    story.caller("ann")
    call = story.call("ann")
    story.world.calls.put(call.id, replace(call, head_start=-60.0))  # what a flow took away: the next visit ranks lower
    story.wait(5.0)
    assert left(story) == ("overflowed", 1)
    assert entered(story) == 1


@pytest.mark.parametrize("waiting", cases([1_000, 5_000], fast=1))
def test_thousands_waiting_cost_less_than_a_millisecond(waiting: int) -> None:
    story = one_queue()
    story.world.minted = 10_000_000  # as in service: ids of one length, in the order of the arrivals
    for number in range(waiting):
        step(story.world, story.arrival(f"c{number}"))
    samples = []
    for number in range(20):
        began = process_time()
        outcome = step(story.world, story.arrival(f"late{number}"))
        samples.append(process_time() - began)
        (told,) = [fact for fact in outcome.facts if isinstance(fact, VisitBegan)]
        assert told.position == waiting + 1 + number
    assert sorted(samples)[10] < 0.001
