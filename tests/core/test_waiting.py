"""What waiting callers hear, how their wait is estimated, and the rules by which they leave a queue early."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from callbridge.core.entities import estimates
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.call import Phase
from callbridge.core.model.events import AgentRequest, AgentRequested, PlanChanged
from callbridge.core.model.facts import Announced, PromptFailed, VisitEnded
from callbridge.core.model.flow import Condition, GoodbyeNode
from callbridge.core.model.orders import Bridge, StartMusic, StopPlaying
from callbridge.core.model.plan import AnnouncementPlan, OverflowRule, QueuePlan, Then, ToDialplan, ToFlow, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.switch import closing
from tests.core.flows import floor, flow, said, stage, the_call
from tests.core.story import START, agent, one_queue, queue
from tests.core.toy import NEVER, Toy

ALL = AnnouncementPlan(
    greeting="hello",
    position="number:{position}",
    wait="number:{minutes}",
    first=10.0,
    every=20.0,
    periodic=("one", "two"),
    periodic_every=25.0,
    busy="sorry",
    busy_after=40.0,
    busy_head_start=300.0,
)


def announcing(plan: AnnouncementPlan = ALL, *, online: bool = False, picks_up: float = NEVER, ring_for: float = 15.0) -> Toy:
    support = queue("support", announcements=plan, ring_for=ring_for)
    return stage(floor(queues=[support], agents={"amy": online}), {"amy": picks_up})


def announced(toy: Toy) -> list[tuple[float, str]]:
    return [(round(fact.at - START, 1), fact.what) for fact in toy.story.told if isinstance(fact, Announced)]


# -- announcements ----------------------------------------------------------------------------------------------------


def test_everything_is_said_in_its_time_with_music_in_between() -> None:
    toy = announcing()
    toy.calls("ann")
    toy.run(toy.story.now + 60.0)
    assert announced(toy) == [
        (0.0, "greeting"),
        (10.0, "position"),
        (25.0, "periodic"),
        (30.0, "position"),
        (40.0, "busy"),
        (50.0, "periodic"),
        (52.0, "position"),
    ]
    assert said(toy) == ["hello", "number:1", "one", "number:1", "sorry", "two", "number:1"]
    assert toy.longest_silence < 0.5


def test_no_announcement_holds_back_an_offer_and_the_answer_cuts_it() -> None:
    toy = announcing(online=True, picks_up=1.0)
    toy.calls("ann")
    assert the_call(toy).phase is Phase.OFFERED, "offered at once, greeting or not"
    toy.run(toy.story.now + 1.1)
    cut = next(order for order in toy.obeyed if isinstance(order, StopPlaying))
    join = next(order for order in toy.obeyed if isinstance(order, Bridge))
    assert toy.obeyed.index(cut) < toy.obeyed.index(join)
    toy.run(toy.story.now + 60.0)
    assert said(toy) == ["hello"], "nothing is said into the talk"


def test_after_a_failed_offer_announcements_go_on() -> None:
    toy = announcing(online=True, ring_for=12.0)
    toy.calls("ann")
    toy.run(toy.story.now + 28.0)
    assert announced(toy) == [(0.0, "greeting"), (10.0, "position"), (25.0, "periodic")]
    assert toy.longest_silence < 0.5


def test_the_promise_of_priority_is_kept_also_when_the_plan_changes() -> None:
    toy = announcing()
    toy.calls("ann")
    before = the_call(toy).visit
    toy.run(toy.story.now + 41.0)
    after = the_call(toy).visit
    assert before is not None
    assert after is not None
    assert after.rank == before.rank - 300.0
    toy.tell(PlanChanged(at=toy.story.now, plan=toy.story.world.plan))
    again = the_call(toy).visit
    assert again is not None
    assert again.rank == after.rank


def test_only_the_tiers_to_whom_it_is_promised_hear_the_apology() -> None:
    toy = announcing(replace(ALL, busy_tiers=frozenset({"diamond"})))
    toy.calls("ann")
    toy.run(toy.story.now + 45.0)
    assert "sorry" not in said(toy)


def test_a_missing_announcement_is_told_and_the_music_goes_on() -> None:
    toy = announcing(AnnouncementPlan(greeting="missing"))
    toy.calls("ann")
    toy.run(toy.story.now + 2.0)
    assert [fact.where for fact in toy.story.told if isinstance(fact, PromptFailed)] == ["queue:support/greeting"]
    assert isinstance(toy.obeyed[-1], StartMusic)


def test_an_announcement_whose_end_is_never_told_ends_all_the_same() -> None:
    toy = announcing(AnnouncementPlan(periodic=("number:endless",), periodic_every=10.0))
    toy.calls("ann")
    toy.run(toy.story.now + 60.0)
    assert said(toy).count("number:endless") >= 2


@pytest.mark.parametrize("saved", [True, False])
def test_after_a_restart_the_music_plays_and_announcements_go_on(saved: bool) -> None:
    toy = announcing()
    toy.calls("ann")
    toy.run(toy.story.now + 11.0)
    toy.restart(saved=saved)
    toy.run(toy.story.now + 30.0)
    assert "one" in said(toy)
    assert toy.longest_silence < 2.0


# -- the estimate -----------------------------------------------------------------------------------------------------


def served(toy: Toy, times: int, every: float) -> None:
    """Callers are answered one after the other, with others waiting."""
    for _ in range(times):
        toy.story.world.now = toy.story.now
        estimates.answered(toy.story.world, "support")
        toy.run(toy.story.now + every)


def test_nothing_is_estimated_before_there_is_something_to_go_by() -> None:
    toy = announcing(online=True)
    for name in ("ann", "eve", "joe"):
        toy.calls(name)
    assert estimates.expected(toy.story.world, "support", 1) is None
    served(toy, estimates.LEAST, 90.0)
    assert estimates.expected(toy.story.world, "support", 1) is None
    served(toy, 1, 0.0)
    assert estimates.expected(toy.story.world, "support", 2) == pytest.approx(180.0)


@pytest.mark.parametrize("short_talk", [0.0, 1.0])
def test_time_in_which_nobody_waits_is_no_pace(short_talk: float) -> None:
    story = one_queue(agent("bob"), short_talk=short_talk, wrap_up=0.0)
    for name in ("ann", "eve", "joe", "kim", "lea", "mia"):
        customer, bob = story.talk(name)
        story.wait(10.0)
        story.gone(bob)
        story.gone(customer)
        story.wait(300.0)
    assert (story.world.paces["support"].count, story.world.paces["support"].others) == (0, False)


def test_the_last_one_who_gives_up_leaves_nobody_waiting() -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    ann, bob = story.talk("ann")
    story.caller("eve")
    joe = story.caller("joe")
    story.gone(ann)
    story.gone(bob)
    story.connect(story.ring().leg)
    assert story.world.paces["support"].others, "joe waits"
    story.gone(joe)
    assert not story.world.paces["support"].others


def test_the_estimate_is_gone_when_nobody_is_logged_in_or_nobody_was_answered_for_long() -> None:
    toy = announcing(online=True)
    for name in ("ann", "eve"):
        toy.calls(name)
    served(toy, 6, 30.0)
    assert estimates.expected(toy.story.world, "support", 1) is not None
    toy.run(toy.story.now + 700.0)
    assert estimates.expected(toy.story.world, "support", 1) is None
    served(toy, 1, 1.0)
    toy.story.ask("amy", AgentRequest.LOGOUT)
    assert estimates.expected(toy.story.world, "support", 1) is None


def test_a_person_who_was_told_a_wait_is_never_told_a_longer_one() -> None:
    toy = announcing(AnnouncementPlan(wait="number:{minutes}", first=5.0, every=10.0), online=True)
    for name in ("ann", "eve"):
        toy.calls(name)
    served(toy, 8, 65.0)
    toy.calls("joe")
    toy.run(toy.story.now + 6.0)
    served(toy, 3, 100.0)  # slower now
    told = [fact.minutes for fact in toy.story.told if isinstance(fact, Announced) and fact.call.endswith("3")]
    minutes = [each for each in told if each is not None]
    assert minutes
    assert minutes == sorted(minutes, reverse=True)


def test_position_counts_who_is_served_before() -> None:
    toy = announcing()
    for name in ("ann", "eve", "joe"):
        toy.calls(name)
        toy.run(toy.story.now + 1.0)
    positions = [estimates.position(toy.story.world, call) for call in toy.story.world.calls.values()]
    assert positions == [1, 2, 3]


# -- overflow ---------------------------------------------------------------------------------------------------------


SORRY = ToFlow("sorry")


def ruled(when: Condition, to: Then = SORRY, *, online: bool = False, **more: object) -> Toy:
    support = queue("support", overflow=(OverflowRule(when, to, "rule"),))
    queues: list[QueuePlan] = [support, queue("other")]
    plan = floor(flow({"sorry": GoodbyeNode(media="sorry")}, name="sorry"), queues=queues, agents={"amy": online}, **more)
    return stage(plan, {"amy": NEVER})


def left(toy: Toy) -> list[tuple[float, str, str]]:
    ended = [fact for fact in toy.story.told if isinstance(fact, VisitEnded)]
    return [(round(fact.at - START, 3), fact.to, fact.reason) for fact in ended]


@pytest.mark.parametrize(
    ("to", "where"),
    [(ToFlow("sorry"), "flow:sorry"), (ToQueue("other"), "queue:other"), (ToDialplan("ctx", "1"), "dialplan:ctx,1")],
)
def test_a_caller_leaves_after_a_time_to_wherever_it_is(to: Then, where: str) -> None:
    toy = ruled(Condition(waited=30.0), to)
    toy.calls("ann")
    toy.run(toy.story.now + 40.0)
    assert left(toy)[0] == (30.0, where, "rule")


def test_an_overflow_keeps_the_arrival() -> None:
    toy = ruled(Condition(waited=30.0), ToQueue("other"))
    toy.calls("ann")
    toy.run(toy.story.now + 31.0)
    visit = the_call(toy).visit
    assert visit is not None
    assert (visit.queue, visit.rank) == ("other", START + 20.0)


def test_the_length_of_the_queue_counts_those_ahead_only() -> None:
    toy = ruled(Condition(waiting=2))
    for name in ("ann", "eve", "joe"):
        toy.calls(name)
    assert left(toy) == [(0.0, "flow:sorry", "rule")]
    toy.run(toy.story.now + 100.0)
    assert len(left(toy)) == 1


def test_when_the_last_agent_logs_out_the_waiting_leave_at_once() -> None:
    toy = ruled(Condition(agents=0), online=True)
    toy.calls("ann")
    toy.run(toy.story.now + 60.0)
    toy.story.ask("amy", AgentRequest.NOT_READY)
    assert not left(toy)
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.LOGOUT))
    assert [to for _, to, _ in left(toy)] == ["flow:sorry"]


def test_a_wait_that_is_too_long_by_the_estimate_is_not_begun() -> None:
    toy = ruled(Condition(wait=100.0), online=True)
    for name in ("ann", "eve"):
        toy.calls(name)
    served(toy, 6, 60.0)
    assert not left(toy)
    toy.calls("joe")
    assert [to for _, to, _ in left(toy)] == ["flow:sorry"]


def test_only_the_tier_that_is_meant_leaves() -> None:
    toy = ruled(Condition(tiers=frozenset({"standard"}), waited=0.0))
    toy.calls("vic", tier="diamond")
    toy.calls("ann")
    assert len(left(toy)) == 1


def office(begin: int, end: int) -> Calendar:
    return Calendar(name="office", zone=ZoneInfo("Europe/London"), week=tuple(((begin, end),) for _ in range(7)))


def test_the_end_of_the_hours_sends_the_waiting_away_in_that_moment() -> None:
    began = datetime.fromtimestamp(START, ZoneInfo("Europe/London"))
    minute = began.hour * 60 + began.minute
    toy = ruled(Condition(closed="office"), calendars={"office": office(0, minute + 3)})
    toy.calls("ann")
    toy.run(toy.story.now + 300.0)
    (at, to, _) = left(toy)[0]
    assert to == "flow:sorry"
    assert at == pytest.approx(180 - began.second, abs=0.001)


def test_an_emergency_closure_sends_the_waiting_away_and_opens_again() -> None:
    toy = ruled(Condition(closed="office"), calendars={"office": office(0, 1440)})
    toy.calls("ann")
    toy.story.turn(closing("office"), True)
    assert [to for _, to, _ in left(toy)] == ["flow:sorry"]
    toy.story.turn(closing("office"), False)
    toy.calls("eve")
    assert len(left(toy)) == 1


def test_queues_that_overflow_into_each_other_end_at_the_fallback() -> None:
    one = queue("support", overflow=(OverflowRule(Condition(waited=0.0), ToQueue("other"), "rule"),))
    two = queue("other", overflow=(OverflowRule(Condition(waited=0.0), ToQueue("support"), "rule"),))
    toy = stage(floor(queues=[one, two], agents={"amy": False}))
    toy.calls("ann")
    toy.run(toy.story.now + 1.0)
    assert not toy.channels


def test_callers_saved_by_a_version_without_announcements_are_told_where_they_stand() -> None:
    toy = announcing()
    toy.calls("ann")
    call = the_call(toy)
    toy.story.world.calls.put(call.id, evolve(call, announcing=None))
    toy.restart()
    toy.run(toy.story.now + 12.0)
    assert said(toy) == ["number:1"]
