"""Closures by date: what they close, for whom, from when until when, and what they leave behind."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from callbridge.core.entities import hours
from callbridge.core.model import calendars_asked
from callbridge.core.model.attempt import Running
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.call import VisitOutcome
from callbridge.core.model.closure import Closure
from callbridge.core.model.events import (
    CallbackChange,
    CampaignRequested,
    ClockMoved,
    ClosureRequested,
    PlanChanged,
    ReopeningRequested,
    SwitchTurned,
)
from callbridge.core.model.facts import ClosureEnded, ClosureMade, FlowStepped, RequestRefused, VisitEnded
from callbridge.core.model.flow import BranchNode, Condition, FlowNode, GoodbyeNode, HoursNode, QueueNode
from callbridge.core.model.plan import CallbackTerms, Entry, OverflowRule, Plan, ToFlow, ToQueue
from callbridge.core.model.switch import closing
from callbridge.core.model.world import World
from tests.core.flows import flow
from tests.core.story import START, Story, agent, plan, queue
from tests.core.test_callbacks import asks
from tests.core.test_campaigns import LIMITS, begin, rings, spring
from tests.core.test_campaigns import house as campaigns_of

ALWAYS = Calendar(name="office", zone=ZoneInfo("UTC"), week=(((0, 1440),),) * 7)
TO_GENERAL = OverflowRule(Condition(closed="office"), ToQueue("general"), "closed")


def house(**more: object) -> Plan:
    """Callers of support go on to general while the office is closed; those of the entry welcome come if it is open."""
    welcome = flow(
        {"hours": HoursNode(calendar="office", open="in", closed="sorry"), "in": QueueNode(queue="plain"), "sorry": GoodbyeNode()}
    )
    queues = [queue("support", overflow=(TO_GENERAL,)), queue("general"), queue("plain")]
    made = plan(queues, [agent("amy", login=False)])
    entries = {**made.entries, "welcome": ToFlow("welcome")}
    return replace(made, entries=entries, flows={"welcome": welcome}, calendars={"office": ALWAYS}, **more)  # type: ignore[arg-type]


def close(story: Story, target: str, begins: float = 0.0, ends: float = 100.0, **more: str) -> str:
    """Close it from so many seconds after now until so many. Returns the id of the closure, if there is one."""
    kind, _, name = target.partition(":")
    given = {"reason": "staff meeting", "by": "maria"} | more
    story.happens(ClosureRequested(at=story.now, kind=kind, name=name, begins=story.now + begins, ends=story.now + ends, **given))
    return next((fact.closure for fact in story.facts if isinstance(fact, ClosureMade)), "")


def reopen(story: Story, closure: str) -> None:
    story.happens(ReopeningRequested(at=story.now, closure=closure, by="eva"))


def went(story: Story) -> list[str]:
    return [fact.to for fact in story.told if isinstance(fact, VisitEnded)]


def test_waiting_callers_leave_when_a_closure_begins_and_later_ones_stay_when_it_is_over() -> None:
    story = Story(house())
    story.caller("ann")
    closure = close(story, "calendar:office", 10.0, 60.0)
    told = story.fact(ClosureMade)
    assert (told.target, told.begins, told.ends) == ("calendar:office", START + 10.0, START + 60.0)
    assert (told.reason, told.by) == ("staff meeting", "maria")
    story.wait(9.0)
    assert went(story) == []
    story.wait(2.0)
    assert went(story) == ["queue:general"]
    story.caller("eve")
    assert went(story) == ["queue:general"] * 2
    story.wait(60.0)
    assert (story.all_told(ClosureEnded)[0].closure, story.all_told(ClosureEnded)[0].outcome) == (closure, "over")
    assert not story.world.closures.rows()
    story.caller("fay")
    assert went(story) == ["queue:general"] * 2


def test_a_closure_without_delay_holds_at_once_and_its_end_before_time_too() -> None:
    story = Story(house())
    story.caller("ann")
    closure = close(story, "calendar:office")
    assert went(story) == ["queue:general"]
    reopen(story, closure)
    ended = story.fact(ClosureEnded)
    assert (ended.outcome, ended.by, ended.target) == ("reopened", "eva", "calendar:office")
    story.caller("eve")
    assert went(story) == ["queue:general"]


def test_one_that_has_not_begun_is_taken_back() -> None:
    story = Story(house())
    reopen(story, close(story, "calendar:office", 10.0, 60.0))
    story.caller("ann")
    story.wait(30.0)
    assert went(story) == []


def test_a_closed_queue_is_closed_for_its_own_callers_only() -> None:
    other = queue("sales", overflow=(TO_GENERAL,))
    made = house()
    story = Story(replace(made, queues={**made.queues, "sales": other}, entries={**made.entries, "sales": ToQueue("sales")}))
    close(story, "queue:support")
    story.caller("ann", entry="sales")
    assert went(story) == []
    story.caller("eve")
    assert went(story) == ["queue:general"]


def nodes(story: Story) -> list[str]:
    return [fact.node for fact in story.told if isinstance(fact, FlowStepped)]


def test_a_closed_entry_is_closed_for_those_who_come_by_it() -> None:
    story = Story(house())
    close(story, "entry:welcome")
    story.caller("ann", entry="welcome")
    story.caller("eve")
    story.wait(1.0)
    assert nodes(story) == ["hours", "sorry"]
    assert went(story) == []


def test_what_depends_on_no_calendar_cannot_be_closed() -> None:
    story = Story(house())
    for target, reason, unknown in (
        ("queue:general", "queue general depends on no calendar", False),
        ("entry:general", "entry general depends on no calendar", False),
        ("queue:nowhere", "no such queue: nowhere", True),
        ("entry:nowhere", "no such entry: nowhere", True),
        ("calendar:nowhere", "no such calendar: nowhere", True),
        ("agent:amy", "only a calendar, a queue or an entry can be closed, not: agent", False),
    ):
        assert close(story, target) == ""
        refused = story.fact(RequestRefused)
        assert refused.reason.startswith(reason)
        assert (refused.request, refused.by, refused.unknown) == ("close", "maria", unknown)
    assert not story.world.closures.rows()


@pytest.mark.parametrize(
    ("begins", "ends", "why"),
    [
        (60.0, 60.0, "it would end before it begins"),
        (-60.0, 0.0, "it would already have ended"),
        (0.0, -60.0, "it would already have ended"),
    ],
)
def test_a_closure_that_never_holds_is_refused(begins: float, ends: float, why: str) -> None:
    story = Story(house())
    assert close(story, "calendar:office", begins, ends) == ""
    assert story.fact(RequestRefused).reason == why


def test_the_same_is_not_closed_twice_from_one_moment_and_one_may_follow_another() -> None:
    story = Story(house())
    close(story, "calendar:office", 10.0, 60.0)
    assert close(story, "calendar:office", 10.0, 90.0) == ""
    assert "already" in story.fact(RequestRefused).reason
    close(story, "calendar:office", 60.0, 90.0)
    assert hours.opens_after(story.world, "office") == START
    story.wait(11.0)
    assert hours.opens_after(story.world, "office") == START + 90.0


def test_who_is_over_or_unknown_is_not_reopened() -> None:
    story = Story(house())
    closure = close(story, "calendar:office", 0.0, 5.0)
    story.wait(6.0)
    for name in (closure, "never"):
        reopen(story, name)
        assert (story.fact(RequestRefused).request, story.fact(RequestRefused).unknown) == ("reopen", True)


def test_a_closure_outlives_a_restart_and_one_that_ended_meanwhile_is_over() -> None:
    story = Story(house())
    close(story, "calendar:office", 0.0, 50.0)
    close(story, "queue:support", 100.0, 200.0)
    new = World(story.world.plan, "u")
    new.restore({"agents": story.world.agents.values(), "closures": story.world.closures.values()})
    new.seq, story.world = story.world.seq, new
    story.wait(60.0)
    assert [fact.outcome for fact in story.all_told(ClosureEnded)] == ["over"]
    assert [one.target for one in story.world.closures.values()] == ["queue:support"]


def test_a_clock_that_is_put_forward_brings_the_closure_forward() -> None:
    story = Story(house())
    story.caller("ann")
    close(story, "calendar:office", 3600.0, 7200.0)
    story.happens(ClockMoved(at=story.now, offset=3600.0))
    assert went(story) == ["queue:general"]
    story.wait(3601.0)
    assert [fact.outcome for fact in story.all_told(ClosureEnded)] == ["over"]


def test_a_closure_goes_with_the_new_name_of_its_queue_or_entry() -> None:
    made = house()
    story = Story(made)
    close(story, "queue:support")
    close(story, "entry:welcome")
    renamed = replace(made.queues["support"], name="helpdesk", renamed_from="support")
    queues = {name: one for name, one in made.queues.items() if name != "support"} | {"helpdesk": renamed}
    entries: dict[str, Entry] = {"helpdesk": ToQueue("helpdesk"), "hello": ToFlow("welcome")}
    coming = replace(made, queues=queues, entries=entries, renamed_entries={"welcome": "hello"})
    story.happens(PlanChanged(at=story.now, plan=coming, force=True))
    assert sorted(one.target for one in story.world.closures.values()) == ["entry:hello", "queue:helpdesk"]
    story.caller("ann", entry="helpdesk")
    assert VisitOutcome.OVERFLOWED in {fact.outcome for fact in story.told if isinstance(fact, VisitEnded)}


def test_callbacks_rest_while_their_queue_is_closed_and_go_on_soon_after_it_is_opened() -> None:
    terms = CallbackTerms(calendar="office", keep_for=7200.0)
    made = house(outside="PJSIP/{number}@trunk", call_back_to=("+X.",))
    called = replace(made.queues["plain"], callback=terms)
    story = Story(replace(made, queues={**made.queues, "plain": called}, agents={"amy": agent("amy")}))
    closure = close(story, "queue:plain", 0.0, 5000.0)
    story.happens(asks(story, CallbackChange.MAKE, queue="plain"))
    story.wait(100.0)
    assert story.state("amy") == "ready"
    reopen(story, closure)
    story.wait(31.0)
    assert story.state("amy") == "ringing"


@pytest.mark.parametrize("how", ["closure", "switch"])
def test_a_campaign_is_held_back_while_its_calendar_is_closed_manually(how: str) -> None:
    toy = begin(campaigns_of(spring(limits=replace(LIMITS, calendar=ALWAYS)), calendars={"office": ALWAYS}), start=False)
    if how == "closure":
        toy.tell(ClosureRequested(at=START, kind="calendar", name="office", begins=START, ends=START + 50.0))
    else:
        toy.tell(SwitchTurned(at=START, switch=closing("office"), on=True))
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 40.0)
    assert rings(toy) == []
    assert toy.story.world.campaign_states["spring"].held_back == "calendar office was closed manually"
    if how == "switch":
        toy.tell(SwitchTurned(at=toy.story.now, switch=closing("office"), on=False))
    toy.run(START + 60.0)
    assert rings(toy)


def test_the_calendars_of_an_entry_are_those_of_all_that_its_callers_can_reach() -> None:
    first = flow({"go": FlowNode(flow="second")}, "first")
    second = flow(
        {"case": BranchNode(cases=((Condition(open="night"), "in"),), otherwise="in"), "in": QueueNode(queue="support")}, "second"
    )
    keys = flow({"hours": HoursNode(calendar="keys", open="back", closed="back"), "back": QueueNode(queue="plain")}, "keys")
    made = house()
    made = replace(
        made,
        queues={**made.queues, "plain": replace(made.queues["plain"], keys={"1": "keys"})},
        flows={one.name: one for one in (first, second, keys)},
        entries={"in": ToFlow("first"), "plain": ToQueue("plain"), "gone": ToFlow("gone")},
    )
    assert calendars_asked.of_entry(made, "in") == {"night", "office"}
    assert calendars_asked.of_entry(made, "plain") == calendars_asked.of_queue(made, "plain") == {"keys"}
    assert calendars_asked.of_entry(made, "gone") == calendars_asked.of_queue(made, "gone") == frozenset()


def test_a_closure_has_its_moment_of_beginning_and_not_that_of_its_end() -> None:
    one = Closure(id="c", kind="queue", name="support", begins=10.0, ends=20.0, made_at=0.0)
    assert [one.holds(at) for at in (9.9, 10.0, 19.9, 20.0)] == [False, True, True, False]
    assert one.target == "queue:support"
