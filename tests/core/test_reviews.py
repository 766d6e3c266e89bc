"""Many callers whom a change of the house concerns are looked at a slice at a time: every one of them, and in the same slices."""

from __future__ import annotations

import pytest

from callbridge.core.engine import step
from callbridge.core.model.call import Call
from callbridge.core.model.events import AgentRequest, AgentRequested, AnyEvent, DevicesListed
from callbridge.core.model.facts import VisitEnded
from callbridge.core.model.flow import Condition
from callbridge.core.model.plan import OverflowRule, Plan, ToDialplan
from callbridge.core.model.world import Outcome, World
from callbridge.core.routing import reviews, visits
from tests.core.flows import floor
from tests.core.story import Story, queue, routing

CALLERS = 450
NOBODY = OverflowRule(when=Condition(agents=0), to=ToDialplan("answering", "s"), reason="nobody_here")


def house() -> Plan:
    """An agent who is logged in and away, so that everybody waits; and who, logged out, leaves everybody to the rule."""
    return floor(queues=[queue("support", routing(("support", None)), overflow=(NOBODY,))], agents={"amy": True})


def full() -> Story:
    story = Story(house())
    story.happens(AgentRequested(at=story.now, agent="amy", request=AgentRequest.NOT_READY, reason="tea"))
    for number in range(CALLERS):
        step(story.world, story.arrival(f"caller{number}", entry="support"))
    assert len(left(story.world)) == CALLERS
    return story


def left(world: World) -> list[str]:
    return world.line("support").calls


def due(world: World) -> list[Outcome]:
    """All that is due at once, step by step."""
    found = []
    while (deadline := world.take_due(world.now)) is not None:
        assert deadline.kind == "review", "nothing else is due"
        found.append(step(world, deadline))
    return found


def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    real = visits.look_again

    def look_again(world: World, call: Call) -> None:
        seen.append(call.id)
        real(world, call)

    monkeypatch.setattr(visits, "look_again", look_again)
    return seen


def log_out(world: World) -> AnyEvent:
    return AgentRequested(at=world.now, agent="amy", request=AgentRequest.LOGOUT)


def test_everybody_is_looked_at_once_and_no_step_looks_at_more_than_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    world = full().world
    waiting = left(world)
    seen = looks(monkeypatch)
    step(world, DevicesListed(at=world.now, states={}))
    slices = [len(seen)]
    while (deadline := world.take_due(world.now)) is not None:
        step(world, deadline)
        slices.append(len(seen) - sum(slices))
    assert slices == [200, 200, 50]
    assert seen == waiting


def test_all_who_must_go_elsewhere_go_at_once_but_not_in_one_step() -> None:
    world = full().world
    waiting = left(world)
    outcomes = [step(world, log_out(world)), *due(world)]
    ended = [[fact.call for fact in outcome.facts if isinstance(fact, VisitEnded)] for outcome in outcomes]
    assert max(map(len, ended)) == reviews.MAX_MOVED
    assert [call for calls in ended for call in calls] == waiting
    assert not left(world)
    assert world.next_deadline() != world.now


def test_a_second_change_has_everybody_looked_at_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = full().world
    waiting = left(world)
    step(world, DevicesListed(at=world.now, states={}))
    seen = looks(monkeypatch)
    step(world, DevicesListed(at=world.now, states={}))
    due(world)
    assert seen == waiting[200:] + waiting[:200], "who has not been looked at yet comes first"


def test_a_step_that_raises_leaves_everybody_still_to_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world = full().world
    step(world, DevicesListed(at=world.now, states={}))
    before = world.reviews
    deadline = world.take_due(world.now)
    assert deadline is not None
    with monkeypatch.context() as patched:
        patched.setattr(world.matcher, "next_pair", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            step(world, deadline)
    assert world.reviews == before
    seen = looks(monkeypatch)
    step(world, log_out(world))
    due(world)
    assert set(before) <= set(seen)
    assert not left(world)


def test_a_fault_about_one_caller_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = full().world
    waiting = left(world)
    real = visits.look_again

    def look_again(world: World, call: Call) -> None:
        real(world, call)
        if call.id == waiting[3]:
            raise ValueError("a bug")

    monkeypatch.setattr(visits, "look_again", look_again)
    outcomes = [step(world, log_out(world)), *due(world)]
    assert [(fault.kind, fault.id) for outcome in outcomes for fault in outcome.faults] == [("call", waiting[3])]
    assert left(world) == [waiting[3]]
