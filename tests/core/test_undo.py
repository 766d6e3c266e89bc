"""A step that raises is undone with everything that is no row of a table, too; and no more than the step has done is undone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callbridge.core import decisions
from callbridge.core.engine import step
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AnyEvent,
    CallerArrived,
    ClockMoved,
    DayBegan,
    DevicesListed,
    NumberBlocked,
    PbxLost,
    PlanChanged,
    StoreChanged,
)
from callbridge.core.model.flow import Flow
from callbridge.core.model.plan import PreferredAgent
from callbridge.core.model.world import World
from callbridge.core.outbound import callback_calls
from callbridge.core.routing import visits
from tests.core.story import PBX, START, Story, agent, one_queue, plan, queue
from tests.sim.portrait import APART, portrait


class Planted(Exception):
    """Our own bug."""


@pytest.fixture
def story() -> Story:
    story = one_queue(agent("bob"), agent("cid", login=False))
    story.caller("ann")
    story.caller("eve")
    story.world.blocked = {("", "123"): START + 1000.0}
    story.world.overtaken.clear()
    return story


def events(story: Story) -> dict[str, AnyEvent]:
    at = story.now + 1.0
    return {
        "store": StoreChanged(at=at, safe=False),
        "clock": ClockMoved(at=at, offset=30.0),
        "blocked": NumberBlocked(at=at, block="b", campaign="", number="456"),
        "lost": PbxLost(at=at, pbx=PBX),
        "day": DayBegan(at=at, day="2030-01-01"),
        "login": AgentRequested(at=at, agent="cid", request=AgentRequest.LOGIN),
        "plan": PlanChanged(at=at, plan=plan([queue("support"), queue("sales")], [agent("bob"), agent("dan")])),
        "caller": story.arrival("zoe"),
    }


@pytest.mark.parametrize("name", ["store", "clock", "blocked", "lost", "day", "login", "plan", "caller"])
def test_a_step_that_raises_at_its_end_leaves_nothing_behind(story: Story, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    event = events(story)[name]
    if isinstance(event, CallerArrived):
        event = replace(event, at=story.now + 1.0)
    before = portrait(story.world)
    reached: list[object] = []

    def raises(world: World, *_: object, **__: object) -> Any:
        reached.append(portrait(world) != before)
        raise Planted

    monkeypatch.setattr(decisions, "_campaigns", raises)
    with pytest.raises(Planted):
        step(story.world, event)
    assert reached == [True], "the event does something that is to be undone"
    assert portrait(story.world) == before


def test_that_agents_are_known_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(plan([queue("support")], [agent("bob")]), "t")
    before = portrait(world)

    def raises(world: World, *_: object, **__: object) -> Any:
        raise Planted

    monkeypatch.setattr(decisions, "_campaigns", raises)
    with pytest.raises(Planted):
        step(world, DevicesListed(at=START, states={}))
    assert not world.matcher.know_agents
    assert portrait(world) == before


def test_flows_kept_for_their_callers_are_undone(story: Story) -> None:
    world, before = story.world, portrait(story.world)
    mark = world.mark()
    flow = Flow(name="menu", version="1", start="bye", nodes={})
    world._old_flows = {("menu", "1"): flow}
    world.keep_flows(lambda flow: flow)  # nobody is in one: none is kept
    assert world.flow("menu", "1") is None
    world._old_flows = {("menu", "1"): flow}
    world.undo_to(mark)
    assert world.flow("menu", "1") is None
    assert portrait(world) == before


def test_calls_overtaken_before_the_mark_stay_so(story: Story) -> None:
    world = story.world
    world.overtaken.append(("one", "abandoned"))
    mark = world.mark()
    world.overtaken.pop()
    world.overtaken.append(("two", ""))
    world.undo_to(mark)
    assert world.overtaken == [("one", "abandoned")]


def test_what_one_caller_overtook_is_given_up_though_the_next_one_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    house = replace(queue("support"), prefer=PreferredAgent(lasts=60.0))
    story = Story(plan([house], [agent("bob"), agent("cid", login=False)]))
    story.caller("ann")
    story.caller("eve")
    story.caller("zoe")
    given_up: list[tuple[str, str]] = []
    seen: list[str] = []

    def look_again(world: World, call: Any) -> None:
        seen.append(call.id)
        if len(seen) == 2:
            raise Planted
        world.overtaken.append((call.id, "abandoned"))

    def give_up(world: World) -> None:
        given_up.extend(world.overtaken)
        world.overtaken.clear()

    monkeypatch.setattr(visits, "look_again", look_again)
    monkeypatch.setattr(callback_calls, "give_up_overtaken", give_up)
    outcome = step(story.world, AgentRequested(at=story.now, agent="cid", request=AgentRequest.LOGIN))
    assert len(seen) >= 2
    assert [(fault.kind, fault.id) for fault in outcome.faults] == [("call", seen[1])]
    assert given_up == [(call, "abandoned") for call in seen if call != seen[1]]


def test_a_caller_set_aside_is_in_line_again_when_the_step_is_undone() -> None:
    story = one_queue(agent("bob", login=False))
    story.caller("ann")
    world, before = story.world, portrait(story.world)
    mark = world.mark()
    world.quarantine(story.call("ann").id)
    assert portrait(world) != before
    world.undo_to(mark)
    assert portrait(world) == before


def test_what_is_compared_otherwise_is_there() -> None:
    assert set(APART) <= set(vars(World(plan([queue("support")], [agent("bob")]), "t")))
