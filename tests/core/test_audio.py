"""Callers from whom no audio has come: they keep their place, and no agent is given to them (``wait_for_audio``)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    CallerAudible,
    CallRequest,
    CallRequested,
    DigitPressed,
    LegAnswered,
    LegReplaced,
    PlanChanged,
)
from callbridge.core.model.facts import CallerInaudible, OfferMade, TalkBegan, VisitEnded
from callbridge.core.model.flow import Condition, Node, QueueNode
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import Answer, Ring, WatchAudio
from callbridge.core.model.plan import OverflowRule, ToAgent, ToQueue
from callbridge.core.routing.lost_phones import NO_SIP
from tests.core.flows import floor, flow, play
from tests.core.story import PBX, Story, agent, one_queue, plan, queue, routing
from tests.core.toy import Toy

WAIT = 35.0
ANN = leg_id(PBX, "ann")


def held(**more: Any) -> Story:
    """A caller who was answered, and from whom no audio has come; bob is free."""
    story = one_queue(agent("bob"), **{"wait_for_audio": WAIT, **more})
    story.caller()
    answered(story)
    return story


def answered(story: Story, leg: LegId = ANN) -> WatchAudio:
    story.happens(LegAnswered(at=story.now, leg=leg))
    return story.only(WatchAudio)


def audible(story: Story, leg: LegId = ANN) -> list[str]:
    """Agents who are rung because audio has come."""
    story.happens(CallerAudible(at=story.now, leg=leg))
    return story.rung()


def ended(story: Story) -> list[tuple[str, float]]:
    return [(fact.outcome, round(fact.lasted, 3)) for fact in story.all_told(CallerInaudible)]


def test_a_caller_is_offered_when_the_first_audio_has_come() -> None:
    story = one_queue(agent("bob"), wait_for_audio=WAIT)
    story.caller()
    assert [type(order) for order in story.orders if isinstance(order, Answer | WatchAudio | Ring)] == [Answer]
    story.wait(0.4)
    watch = answered(story)
    assert (watch.leg, watch.until, round(watch.after, 3)) == (ANN, story.now + WAIT, 0.1)
    assert story.wait(5.0) == []
    assert story.call().phase is Phase.WAITING
    assert audible(story) == ["bob"]
    assert ended(story) == [("heard", 5.0)]


def test_audio_that_comes_at_once_is_no_news() -> None:
    story = held()
    story.wait(0.2)
    assert audible(story) == ["bob"]
    assert ended(story) == []


def test_without_the_setting_a_caller_is_offered_before_the_answer() -> None:
    story = one_queue(agent("bob"))
    story.caller()
    assert story.rung() == ["bob"]
    story.happens(LegAnswered(at=story.now, leg=ANN))
    assert story.all_sent(WatchAudio) == []


def test_a_caller_who_never_acknowledges_the_answer_is_given_up_with_the_pbx() -> None:
    story = held()
    story.wait(32.0)
    story.gone(ANN, NO_SIP)
    assert story.all_sent(Ring) == []
    assert ended(story) == [("lost", 32.0)]
    assert story.fact(VisitEnded).outcome == "abandoned"
    assert story.state("bob") == "ready"


def test_a_caller_without_audio_who_hangs_up_has_hung_up() -> None:
    story = held()
    story.wait(8.0)
    story.gone(ANN)
    assert ended(story) == [("hung_up", 8.0)]


def test_a_caller_whose_line_transmits_no_silence_is_offered_after_the_time() -> None:
    story = held()
    story.wait(WAIT - 0.1)
    assert story.all_sent(Ring) == []
    story.wait(0.2)
    assert story.rung() == ["bob"]
    assert ended(story) == [("timed_out", WAIT)]
    assert audible(story) == [], "the call is being offered already"
    assert ended(story) == [("timed_out", WAIT)]


def test_the_place_is_kept_and_others_are_served_meanwhile() -> None:
    story = held()
    story.wait(2.0)
    story.caller("eva")
    answered(story, leg_id(PBX, "eva"))
    assert story.world.line("support").calls[0] == story.call().id
    assert audible(story, leg_id(PBX, "eva")) == ["bob"]
    assert story.fact(OfferMade).call == story.call("eva").id
    story.caller("joe")
    answered(story, leg_id(PBX, "joe"))
    story.wait(1.0)
    audible(story, leg_id(PBX, "joe"))
    audible(story)
    bob = story.connect(story.all_sent(Ring)[0].leg).legs[1]
    story.gone(leg_id(PBX, "eva"))
    story.gone(bob)
    story.wait(20.0)
    assert story.all_sent(Ring)[1].call == story.call().id, "in the order of arrival"


def test_a_key_is_as_good_as_audio() -> None:
    story = held()
    story.wait(3.0)
    story.happens(DigitPressed(at=story.now, leg=ANN, digit="5"))
    assert story.rung() == ["bob"]


@pytest.mark.parametrize("channel", ["Local/support@in-00000001;2", "IAX2/far-1", "DAHDI/1-1"])
def test_a_channel_without_rtp_of_its_own_is_offered_as_ever(channel: str) -> None:
    story = one_queue(agent("bob"), wait_for_audio=WAIT)
    story.caller(channel=channel)
    assert story.rung() == ["bob"]
    assert story.all_sent(WatchAudio) == []


def test_a_watch_that_cannot_be_set_is_not_waited_for() -> None:
    story = held()
    story.fails(story.all_sent(WatchAudio)[0])
    assert story.rung() == ["bob"]


def test_audio_is_asked_for_once_for_all_queues() -> None:
    slow = queue("support", routing(("nobody", 5.0), then=ToQueue("sales")), wait_for_audio=WAIT)
    story = Story(plan([slow, queue("sales", wait_for_audio=WAIT)], [agent("bob")]))
    story.caller()
    answered(story)
    audible(story)
    story.wait(5.0)
    assert story.rung() == ["bob"]
    assert len(story.all_sent(WatchAudio)) == 1


def test_who_has_not_been_heard_overflows_and_is_held_in_the_next_queue_for_the_rest() -> None:
    slow = queue("support", routing(("nobody", 5.0), then=ToQueue("sales")), wait_for_audio=WAIT)
    story = Story(plan([slow, queue("sales", wait_for_audio=40.0)], [agent("bob")]))
    story.caller()
    answered(story)
    story.wait(39.0)
    assert story.all_sent(Ring) == []
    story.wait(1.1)
    assert story.rung() == ["bob"]
    assert ended(story) == [("timed_out", 40.0)]


def test_a_queue_that_does_not_wait_for_audio_offers_callers_who_overflow_to_it() -> None:
    rule = OverflowRule(Condition(waited=4.0), ToQueue("sales"), "waited")
    story = Story(plan([queue("support", wait_for_audio=WAIT, overflow=(rule,)), queue("sales")], [agent("bob")]))
    story.caller()
    answered(story)
    story.wait(4.0)
    assert story.rung() == ["bob"]


def test_a_flow_plays_to_the_caller_and_its_time_counts() -> None:
    nodes: dict[str, Node] = {"hello": play("hello", "queue"), "queue": QueueNode(queue="support")}
    toy = Toy(Story(floor(flow(nodes), queues=[queue("support", wait_for_audio=6.0)])), {"amy": 1.0})
    toy.lasts, toy.audio_after = 4.0, None
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 4.5)
    assert toy.story.call().visit is not None
    (watch,) = toy.story.all_sent(WatchAudio)
    assert watch.after == 0.0, "the answer was a while ago"
    assert toy.story.all_sent(Ring) == []
    toy.run(toy.story.now + 2.0)
    assert [order.agent for order in toy.story.all_sent(Ring)] == ["amy"]


def test_entries_are_as_their_queues() -> None:
    story = Story(plan([queue("support", wait_for_audio=WAIT), queue("sales")], [agent("bob"), agent("cid")]))
    story.caller("ann")
    answered(story)
    story.caller("eva", entry="sales")
    assert story.ring().call == story.call("eva").id


def test_a_supervisor_may_pull_a_caller_who_is_held() -> None:
    story = held()
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.PULL, to=ToAgent("bob"), by="eva"))
    assert story.rung() == ["bob"]
    story.connect(story.ring().leg)
    assert story.call().audio_until is None


def test_whom_a_receptionist_gives_us_has_been_talking() -> None:
    story = held()
    story.happens(LegReplaced(at=story.now, leg=ANN, by=leg_id(PBX, "eva"), by_name="PJSIP/trunk-2", phone="PJSIP/desk"))
    assert story.rung() == ["bob"]


def test_a_reload_that_switches_it_off_lets_the_callers_go() -> None:
    story = held()
    new = replace(story.world.plan, queues={"support": replace(story.world.plan.queues["support"], wait_for_audio=0.0)})
    story.happens(PlanChanged(at=story.now, plan=new))
    story.wait(0.0)
    assert [order.agent for order in story.all_sent(Ring)] == ["bob"]


@pytest.mark.parametrize("saved", [True, False])
def test_a_restart_goes_on_waiting_for_audio(saved: bool) -> None:
    """Without the saved world the caller was answered, nobody knows when: offered at once."""
    toy = Toy(one_queue(agent("bob"), wait_for_audio=WAIT), {"bob": 1.0})
    toy.audio_after = None
    toy.calls("ann")
    toy.run(toy.story.now + 3.0)
    toy.restart(saved=saved)
    toy.run(toy.story.now + 1.0)
    if not saved:
        assert len(toy.story.all_sent(Ring)) == 1
        return
    assert toy.story.all_sent(Ring) == []
    assert len(toy.story.all_sent(WatchAudio)) == 2, "the watch ended with the link"
    toy.story.happens(CallerAudible(at=toy.story.now, leg=ANN))
    assert toy.story.rung() == ["bob"]


def test_a_talk_with_an_audible_caller_is_one_as_ever() -> None:
    toy = Toy(one_queue(agent("bob"), wait_for_audio=WAIT), {"bob": 1.0})
    toy.calls("ann")
    toy.run(toy.story.now + 3.0)
    assert len(toy.story.all_told(TalkBegan)) == 1
