"""Figures: the sums hold at every instant (the laws check that after every step), and each visit counts for its day."""

from __future__ import annotations

import pytest

from callbridge.core.model.events import AgentRequest, DayBegan
from callbridge.core.model.facts import CallEnded, VisitEnded
from callbridge.core.model.plan import ToDialplan, ToQueue
from callbridge.core.model.tally import Tally
from tests.core.story import DAY, Story, agent, one_queue, plan, queue, routing

NEXT = "2026-11-22"


def midnight(story: Story, day: str = NEXT) -> None:
    story.happens(DayBegan(at=story.now, day=day))


def test_a_visit_counts_for_the_day_of_its_arrival() -> None:
    story = one_queue(agent("bob"))
    story.caller()
    leg = story.ring().leg
    midnight(story)
    story.connect(leg)
    assert story.fact(VisitEnded).day == DAY
    assert (story.world.tally("support", DAY).answered, story.world.tally("support", NEXT).answered) == (1, 0)


def test_todays_figures_start_at_zero() -> None:
    story = one_queue()
    story.gone(story.caller())
    midnight(story)
    assert story.world.tally("support", NEXT) == Tally(queue="support", day=NEXT)


def test_yesterdays_figures_stay_while_one_of_its_callers_waits_and_go_with_the_next_day() -> None:
    story = one_queue()
    leg = story.caller()
    midnight(story)
    assert story.world.tally("support", DAY).offered == 1
    story.gone(leg)
    midnight(story, "2026-11-23")
    assert {tally.day for tally in story.world.tallies.values()} == {"2026-11-23"}


def test_the_same_day_told_twice_keeps_the_figures() -> None:
    story = one_queue()
    story.caller()
    midnight(story, DAY)
    assert story.tally().offered == 1


def test_the_next_visit_of_a_call_counts_for_the_new_day() -> None:
    story = Story(plan([queue("support", routing(("x", 10.0), then=ToQueue("general"))), queue("general")], []))
    story.caller()
    midnight(story)
    story.wait(10.0)
    assert (story.world.tally("support", DAY).overflowed, story.world.tally("general", NEXT).offered) == (1, 1)


def test_every_kind_of_end_is_counted_where_it_belongs() -> None:
    story = Story(plan([queue("support", routing(("support", 30.0), then=ToDialplan("out", "1")), wrap_up=0.0)], [agent("bob")]))
    customer, leg = story.talk("answered")
    short, gone = story.caller("short"), story.caller("gone")
    story.gone(short)
    story.wait(10.0)
    story.gone(gone)
    story.caller("over")
    story.wait(30.0)
    story.gone(customer)
    story.gone(leg)
    tally = story.tally()
    assert (tally.offered, tally.answered, tally.short_abandoned, tally.abandoned, tally.overflowed, tally.failed) == (
        4,
        1,
        1,
        1,
        1,
        0,
    )
    assert tally.service_level == 0.5


def test_a_call_ends_exactly_once_with_the_outcome_of_its_last_visit() -> None:
    story = one_queue(agent("bob"))
    customer, leg = story.talk()
    story.gone(customer)
    story.gone(customer)
    story.gone(leg)
    assert [fact.outcome for fact in story.all_told(CallEnded)] == ["answered"]


def test_an_end_that_nobody_heard_is_put_in_the_middle_and_flagged() -> None:
    story = one_queue()
    leg = story.caller()
    story.wait(10.0)
    story.snapshot()  # the caller is not in it; last heard at arrival and alive until the last contact
    story.wait(2.0)
    story.gone(leg, estimated=True)
    (ended,) = story.all_told(VisitEnded)
    assert ended.estimated and ended.waited < 12.0


@pytest.mark.parametrize("within", [0.0, 5.0])
def test_a_wait_of_exactly_the_target_is_within_it(within: float) -> None:
    story = Story(plan([queue("support", routing(("support", None), within=within))], [agent("bob")]))
    story.caller()
    leg = story.ring().leg
    story.wait(within)
    story.connect(leg)
    assert story.tally().within_target == 1


@pytest.mark.parametrize(("waited", "within"), [(20.0, True), (20.5, False)])
def test_who_gives_up_within_the_target_is_told_but_not_counted_as_answered(waited: float, within: bool) -> None:
    story = Story(plan([queue("support", routing(("support", None), within=20.0), short_abandon=5.0)], []))
    leg = story.caller()
    story.wait(waited)
    story.gone(leg)
    (ended,) = story.all_told(VisitEnded)
    assert (ended.outcome, ended.within_target) == ("abandoned", within)
    assert (story.tally().abandoned, story.tally().within_target) == (1, 0)


def test_a_short_abandon_is_within_no_target() -> None:
    story = Story(plan([queue("support", routing(("support", None), within=20.0), short_abandon=5.0)], []))
    leg = story.caller()
    story.wait(2.0)
    story.gone(leg)
    assert [(ended.outcome, ended.within_target) for ended in story.all_told(VisitEnded)] == [("short_abandoned", False)]


def test_who_only_pauses_changes_no_figure() -> None:
    story = one_queue(agent("bob"))
    before = story.tally()
    story.ask("bob", AgentRequest.NOT_READY)
    story.ask("bob", AgentRequest.READY)
    assert story.tally() == before
