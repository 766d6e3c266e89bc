"""A caller's way into a queue, through its steps, and out of it again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import LegAnswered, LegLeft, LegMoved, LegProbed, PlaybackEnded
from callbridge.core.model.facts import CallArrived, CallDiverted, CallEnded, StepBegan, VisitBegan, VisitEnded
from callbridge.core.model.orders import Answer, HangUp, LeaveToDialplan, Probe, StartMusic, StopMusic, Subscribe
from callbridge.core.model.plan import Then, ToDialplan, ToQueue
from tests.core.story import Story, agent, one_queue, plan, queue, routing


def test_a_caller_is_watched_answered_and_hears_music() -> None:
    story = one_queue(music="waltz")
    leg = story.caller("ann")
    assert story.orders == [Subscribe(leg=leg), Answer(leg=leg), StartMusic(leg=leg, music="waltz")]
    assert story.fact(CallArrived).number == "+44"
    assert story.fact(VisitBegan).queue == "support"


def test_a_channel_that_is_up_already_is_not_answered_again() -> None:
    story = one_queue()
    story.happens(replace(story.arrival(), up=True))
    assert not [order for order in story.orders if isinstance(order, Answer)]


def test_the_same_arrival_twice_is_one_call() -> None:
    story = one_queue()
    story.caller("ann")
    story.caller("ann")
    assert story.orders == []
    assert story.tally().offered == 1


@pytest.mark.parametrize("entry", ["nowhere", "", "a\r\nb", "客服", "x" * 4096])
def test_a_caller_at_an_unknown_entry_goes_to_the_fallback_and_is_counted(entry: str) -> None:
    story = one_queue()
    leg = story.caller("ann", entry=entry)
    assert story.orders == [LeaveToDialplan(leg=leg, context="callbridge-fallback", extension=entry or "unknown")]
    assert story.fact(CallDiverted).reason == "unknown_entry"
    assert story.tally().offered == 0


def test_an_entry_whose_queue_is_missing_is_an_unknown_entry() -> None:
    story = Story(replace(plan([queue("support")], []), entries={"front": ToQueue("gone")}))
    story.caller("ann", entry="front")
    assert story.fact(CallDiverted).reason == "unknown_entry"


def test_a_call_that_comes_while_we_are_far_behind_goes_to_the_fallback() -> None:
    story = one_queue()
    story.happens(replace(story.arrival(), overloaded=True))
    assert story.only(LeaveToDialplan).extension == "support"
    assert story.fact(CallDiverted).reason == "overload"


@pytest.mark.parametrize(
    "name", ["", "x" * 4096, 'Bob "the" Builder', "a\r\nAction: Originate", "\x00\x07", "李雷", "📞", "\ud800"]
)
def test_strange_names_and_numbers_are_served_like_any_other(name: str) -> None:
    story = one_queue(agent("bob"))
    story.happens(replace(story.arrival(), name=name, number=name))
    assert (story.ring().name, story.ring().number) == (name, name)


def test_a_caller_who_leaves_early_is_a_short_abandon() -> None:
    story = one_queue(short_abandon=5.0)
    leg = story.caller("ann")
    story.wait(4.9)
    story.gone(leg)
    assert story.fact(VisitEnded).outcome == "short_abandoned"
    assert story.tally().service_level is None


def test_a_caller_who_leaves_later_is_an_abandon() -> None:
    story = one_queue(short_abandon=5.0)
    leg = story.caller("ann")
    story.wait(5.0)
    story.gone(leg)
    assert (story.fact(VisitEnded).outcome, story.fact(VisitEnded).waited) == ("abandoned", 5.0)
    assert story.fact(CallEnded).lasted == 5.0
    assert story.tally().service_level == 0.0


def test_the_steps_of_a_tier_replace_those_of_the_queue() -> None:
    plain, diamond = routing(("support >= 3", 8.0), ("support", None)), routing(("support >= 5", 4.0), ("support", None))
    story = Story(plan([queue("support", plain, diamond)], []))
    story.caller("ann", tier="diamond")
    assert story.fact(StepBegan).step == 0
    story.wait(4.0)
    assert (story.fact(StepBegan).step, story.fact(StepBegan).needs) == (1, "support >= 1")


def test_every_step_is_told_once_and_at_its_time() -> None:
    story = Story(
        plan(
            [queue("support", routing(("a", 8.0), ("b", 4.0), ("c", None)))],
            [agent("bob", {"a": 1, "b": 1, "c": 1}, login=False)],
        )
    )
    story.caller("ann")
    began = story.now
    story.wait(100.0)
    assert [(fact.step, fact.at - began) for fact in story.all_told(StepBegan)] == [(0, 0.0), (1, 8.0), (2, 12.0)]


def overflowing(then: Then) -> Story:
    return Story(
        plan(
            [queue("support", routing(("support", 10.0), then=then)), queue("general", routing(("general", 5.0)))],
            [agent("bob", {"general": 1})],
        )
    )


def test_an_overflow_to_a_queue_ends_one_visit_and_begins_the_next_with_the_arrival_kept() -> None:
    story = overflowing(ToQueue("general"))
    story.caller("ann")
    arrived = story.now
    story.wait(10.0)
    assert (story.fact(VisitEnded).outcome, story.fact(VisitEnded).to) == ("overflowed", "queue:general")
    assert story.fact(VisitBegan).rank == arrived + 20.0
    assert story.rung() == ["bob"]
    story.connect(story.ring().leg)
    assert story.all_told(VisitEnded)[-1].waited == 10.0
    assert (story.tally("support").overflowed, story.tally("general").answered) == (1, 1)


def test_an_overflow_to_the_dialplan_leaves_and_ends_the_call_when_the_leg_has_moved() -> None:
    story = overflowing(ToDialplan("voicemail", "support"))
    leg = story.caller("ann")
    story.wait(10.0)
    assert story.orders == [StopMusic(leg=leg), LeaveToDialplan(leg=leg, context="voicemail", extension="support", stays=True)]
    assert story.fact(VisitEnded).to == "dialplan:voicemail,support"
    story.happens(LegMoved(at=story.now, leg=leg))
    assert (story.fact(CallEnded).outcome, story.fact(CallEnded).segments) == ("overflowed", 0)
    assert not story.world.calls and not story.world.legs


def test_a_caller_who_hangs_up_on_the_way_to_the_dialplan_is_counted_once() -> None:
    story = overflowing(ToDialplan("voicemail", "support"))
    leg = story.caller("ann")
    story.wait(10.0)
    story.gone(leg)
    assert story.fact(CallEnded).outcome == "overflowed"
    assert story.tally().ended == 1


def test_an_overflow_into_a_queue_that_does_not_exist_goes_to_the_fallback() -> None:
    story = overflowing(ToQueue("nowhere"))
    story.caller("ann")
    story.wait(10.0)
    assert story.only(LeaveToDialplan).context == "callbridge-fallback"


def test_after_the_last_window_without_an_exit_the_caller_goes_on_waiting() -> None:
    story = Story(plan([queue("support", routing(("support >= 5", 5.0), ("support", 5.0)))], [agent("bob", login=False)]))
    story.caller("ann")
    story.wait(3600.0)
    assert story.tally().ended == 0
    assert story.call().visit is not None and story.call().deadline is None


def test_time_spent_ringing_counts_for_the_windows() -> None:
    story = Story(
        plan([queue("support", routing(("support", 10.0), then=ToDialplan("out", "1")), ring_for=15.0)], [agent("bob")])
    )
    story.caller("ann")
    story.wait(14.9)
    assert story.tally().ended == 0, "an offer under way is not taken back by the end of a window"
    story.wait(0.2)
    assert story.only(LeaveToDialplan).context == "out"


def test_a_leg_that_left_without_our_order_is_asked_about_and_counted_when_gone() -> None:
    story = one_queue(short_abandon=0.0)
    leg = story.caller("ann")
    story.happens(LegLeft(at=story.now, leg=leg))
    story.wait(0.3)
    assert story.only(Probe).leg == leg
    story.gone(leg, estimated=True)
    assert story.fact(VisitEnded).outcome == "abandoned"


def test_a_caller_taken_away_by_somebody_else_is_a_failed_visit() -> None:
    story = one_queue()
    leg = story.caller("ann")
    story.happens(LegLeft(at=story.now, leg=leg))
    story.wait(0.3)
    story.happens(LegProbed(at=story.now, leg=leg, in_app=False, up=True))
    assert (story.fact(VisitEnded).outcome, story.fact(VisitEnded).reason) == ("failed", "taken_away")
    assert not [order for order in story.orders if isinstance(order, HangUp)], "it is somebody else's now"
    assert not story.world.calls and not story.world.legs


def test_a_caller_who_does_not_leave_for_the_dialplan_is_sent_again_and_in_the_end_hung_up() -> None:
    story = overflowing(ToDialplan("voicemail", "support"))
    leg = story.caller("ann")
    story.wait(10.0)
    sent = 0
    for _ in range(10):
        story.wait(5.0)
        story.happens(LegProbed(at=story.now, leg=leg, in_app=True, up=True))
        sent += len([order for order in story.orders if isinstance(order, LeaveToDialplan)])
    assert sent == 3
    assert leg in {order.leg for order in story.sent if isinstance(order, HangUp)}


def test_news_of_legs_that_nobody_knows_is_no_news() -> None:
    story = one_queue(agent("bob"))
    story.gone(story.arrival().leg)
    story.happens(LegAnswered(at=story.now, leg=story.arrival().leg))
    story.happens(PlaybackEnded(at=story.now, leg=story.arrival().leg, playback="x", failed=True))
    assert story.sent == []
