"""A snapshot or a reload that concerns many is taken in slices, and what comes of it is the same."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace

import pytest

from callbridge.core.engine import step
from callbridge.core.model import slices
from callbridge.core.model.call import Call, Phase
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AnyEvent,
    DeadlinePassed,
    LegEnded,
    PbxLost,
    PbxSnapshot,
    PlanChanged,
    SeenBridge,
    SeenLeg,
)
from callbridge.core.model.facts import AnyFact, CallEnded
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import Order, StartMusic
from callbridge.core.model.plan import CallbackTerms, ConnectMode, Plan
from callbridge.core.model.slices import SliceFailed
from callbridge.core.model.world import DecisionFault, Outcome, World
from callbridge.core.recovery import adoption, snapshots
from callbridge.core.reload import plan_change
from callbridge.core.routing import visits
from tests.core.laws import check_indexes
from tests.core.story import PBX, Story, agent, plan, queue, routing
from tests.examples import cases
from tests.sim.portrait import portrait

CALLERS = 12


def house(*, within: float = 20.0, queues: tuple[str, ...] = ("support", "sales"), agents: int = 4, skill: int = 3) -> Plan:
    """Agents who ring, one of them with a line that stays up, and two queues that call customers back."""
    terms = CallbackTerms()
    steps = routing(("support >= 4", 8.0), ("support >= 1", None), within=within)
    made = [queue(name, steps, callback=terms, music=name) for name in queues]
    staff = [agent(f"a{number}", {"support": skill}, login=number < 3) for number in range(agents)]
    return plan(made, [*staff, agent("nina", {"support": 2}, ConnectMode.NAILED_UP)])


def full() -> Story:
    """Two talk, one phone rings, the others wait; a callback is owed."""
    story = Story(house())
    for number in range(CALLERS):
        story.caller(f"c{number}", entry="support" if number % 3 else "sales", tier="diamond" if number % 4 else "standard")
        if number < 2:
            story.connect(story.ring().leg)
    story.wait(10.0)
    assert {call.phase for call in story.world.calls.values()} == {Phase.WAITING, Phase.OFFERED, Phase.TALKING}
    return story


def shown(story: Story, *, without: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> PbxSnapshot:
    """What the PBX shows of this world; some callers are gone, some are there of whom nothing is known."""
    world = story.world
    gone = [leg_id(PBX, name) for name in without]
    legs = [
        SeenLeg(leg=leg.id, name=f"PJSIP/x-{leg.id}", up=leg.up_at is not None, created_at=story.now, role=leg.role.value)
        for leg in world.legs.values()
        if leg.id not in gone
    ]
    legs += [
        SeenLeg(leg=leg_id(PBX, name), name=f"PJSIP/trunk-{name}", up=True, created_at=story.now - 3.0, entry="sales")
        for name in more
    ]
    inside: dict[str, list[LegId]] = {"cb-bridge-x-1": []}
    for leg in world.legs.values():
        if leg.bridge is not None and leg.id not in gone:
            inside.setdefault(leg.bridge, []).append(leg.id)
    bridges = tuple(SeenBridge(bridge=bridge, legs=tuple(members)) for bridge, members in inside.items())
    at = story.now + 1.0
    return PbxSnapshot(at=at, pbx=PBX, requested_at=at, last_heard_at=at - 2.0, legs=tuple(legs), bridges=bridges)


@dataclass
class Came:
    """All that came of some steps."""

    orders: list[Order] = field(default_factory=list)
    facts: list[AnyFact] = field(default_factory=list)
    changed: dict[tuple[str, str], object | None] = field(default_factory=dict)
    answers: list[object] = field(default_factory=list)
    faults: list[DecisionFault] = field(default_factory=list)
    steps: int = 0

    def add(self, outcome: Outcome) -> None:
        self.orders += outcome.orders
        self.facts += outcome.facts
        self.changed |= outcome.changed
        self.answers += [] if outcome.answer is None else [outcome.answer]
        self.faults += outcome.faults
        self.steps += 1


def take(world: World, *events: AnyEvent, slices_between: int = 0) -> Came:
    """Step the events; up to so many slices before the next event, and all that are left at the end."""
    came = Came()
    for event in events:
        for _ in range(slices_between):
            if world.unfinished is not None:
                came.add(step(world, due(world)))
        came.add(step(world, event))
    while world.unfinished is not None:
        came.add(step(world, due(world)))
    return came


def due(world: World) -> DeadlinePassed:
    deadline = world.take_due(world.now)
    assert deadline is not None
    return deadline


def lost(story: Story) -> AnyEvent:
    return PbxLost(at=story.now, pbx=PBX)


def removed(story: Story) -> AnyEvent:
    return PlanChanged(at=story.now, plan=house(queues=("sales",)), force=True)


def renamed(story: Story) -> AnyEvent:
    new = house(queues=("sales", "help"))
    helped = replace(new.queues["help"], renamed_from="support")
    return PlanChanged(at=story.now, plan=replace(new, queues={**new.queues, "help": helped}))


LONG: dict[str, Callable[[Story], AnyEvent]] = {
    "snapshot": lambda story: shown(story, without=("c3", "c7"), more=("new1", "new2", "new3")),
    "reload of the same": lambda story: PlanChanged(at=story.now, plan=house()),
    "reload with another target": lambda story: PlanChanged(at=story.now, plan=house(within=40.0)),
    "reload with other agents": lambda story: PlanChanged(at=story.now, plan=house(agents=2, skill=4)),
    "reload without a queue": removed,
    "reload with a queue renamed": renamed,
}
NEXT: dict[str, Callable[[Story], AnyEvent]] = {
    "a waiting caller hangs up": lambda story: LegEnded(at=story.now + 1.0, leg=leg_id(PBX, "c9"), cause=16),
    "a talking customer hangs up": lambda story: LegEnded(at=story.now + 1.0, leg=leg_id(PBX, "c0"), cause=16),
    "a caller found just now hangs up": lambda story: LegEnded(at=story.now + 1.0, leg=leg_id(PBX, "new2"), cause=16),
    "an agent logs in": lambda story: AgentRequested(at=story.now + 1.0, agent="a3", request=AgentRequest.LOGIN),
    "a caller arrives": lambda story: story.arrival("late"),
    "the PBX is lost": lost,
    "a reload": lambda story: PlanChanged(at=story.now + 1.0, plan=house(within=60.0)),
    "a snapshot": lambda story: shown(story, without=("c4",)),
}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """So many rows in a slice."""
    return lambda rows: monkeypatch.setattr(slices, "MAX_ROWS_PER_SLICE", rows)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("what", LONG)
def test_sliced_or_not_the_same_comes_of_it(what: str, rows: int, tiny: Callable[[int], None]) -> None:
    story = full()
    step(story.world, lost(story))
    whole, sliced, event = deepcopy(story.world), deepcopy(story.world), LONG[what](story)
    expected = take(whole, event)
    assert expected.steps == 1
    tiny(rows)
    came = take(sliced, event)
    assert came.steps > 1 or rows == 5
    assert replace(came, steps=1) == expected
    assert portrait(sliced) == portrait(whole)
    check_indexes(sliced)


@pytest.mark.parametrize("slices_between", cases([0, 7, 1, 30], fast=[7]))
@pytest.mark.parametrize("after", NEXT)
@pytest.mark.parametrize("what", ["snapshot", "reload with another target", "reload without a queue"])
def test_an_event_between_two_slices_finds_the_step_done(
    what: str, after: str, slices_between: int, tiny: Callable[[int], None]
) -> None:
    story = full()
    whole, sliced, events = deepcopy(story.world), deepcopy(story.world), (LONG[what](story), NEXT[after](story))
    expected = take(whole, *events)
    tiny(1)
    came = take(sliced, *events, slices_between=slices_between)
    assert replace(came, steps=2) == expected
    assert portrait(sliced) == portrait(whole)
    check_indexes(sliced)


def test_nobody_is_offered_before_the_last_slice(tiny: Callable[[int], None]) -> None:
    story = full()
    tiny(1)
    world, event = story.world, LONG["snapshot"](story)
    step(world, lost(story))
    step(world, AgentRequested(at=story.now, agent="a3", request=AgentRequest.LOGIN))
    step(world, event)
    while world.unfinished is not None:
        assert not [call for call in world.calls.values() if call.offer is not None and call.offer.at == world.now]
        assert world.next_deadline() == world.now, "it goes on at once"
        step(world, due(world))
    assert [call for call in world.calls.values() if call.offer is not None and call.offer.at == world.now]


def test_a_slice_ends_when_enough_has_come_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    story = full()
    monkeypatch.setattr(slices, "MAX_CHANGES_PER_SLICE", 10)
    world, sizes = story.world, []
    event: AnyEvent = LONG["snapshot"](story)
    while True:
        outcome = step(world, event)
        sizes.append(len(outcome.orders) + len(outcome.facts))
        if world.unfinished is None:
            break
        event = due(world)
    assert len(sizes) > 5
    assert max(sizes[:-1]) <= 20, "one row never is much more than a slice"


def broken_for(monkeypatch: pytest.MonkeyPatch, where: object, what: str, call: str) -> None:
    real = getattr(where, what)

    def broken(world: World, row: Call) -> object:
        done = real(world, row)
        if (row if isinstance(row, str) else row.id) == call:
            raise ValueError("a bug")
        return done

    monkeypatch.setattr(where, what, broken)


@pytest.mark.parametrize(
    ("event", "where", "what"),
    [("snapshot", snapshots, "_reconcile"), ("reload with another target", plan_change, "_place_again")],
)
def test_a_fault_about_one_caller_in_a_later_slice_holds_up_nobody_else(
    event: str, where: object, what: str, monkeypatch: pytest.MonkeyPatch, tiny: Callable[[int], None]
) -> None:
    story = full()
    known = story.call("c9")
    broken_for(monkeypatch, where, what, known.id)
    tiny(1)
    long = LONG[event](story)
    came = take(story.world, long)
    assert came.faults == [DecisionFault("call", known.id, ValueError())]
    assert story.world.calls[known.id] == known, "as it was, until it is given up"
    assert not [order for order in came.orders if known.leg in order.legs and isinstance(order, StartMusic)]
    others = [call for call in story.world.calls.values() if call.phase is Phase.WAITING and call.id != known.id]
    assert len(others) > 5
    if isinstance(long, PlanChanged):
        assert all(call.visit is not None and call.visit.rank == call.waiting_since + 40.0 for call in others)


def test_a_fault_in_the_first_slice_takes_all_of_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    story = full()
    before = portrait(story.world)
    broken_for(monkeypatch, plan_change, "_place_again", story.call("c9").id)
    with pytest.raises(ValueError, match="a bug"):
        step(story.world, LONG["reload with another target"](story))
    assert portrait(story.world) == before
    assert story.world.unfinished is None


def test_a_fault_about_no_row_in_a_later_slice_says_that_the_world_is_half_way(
    monkeypatch: pytest.MonkeyPatch, tiny: Callable[[int], None]
) -> None:
    story = full()
    monkeypatch.setattr(adoption, "adopt", lambda *_: 1 / 0)
    tiny(1)
    step(story.world, LONG["snapshot"](story))
    with pytest.raises(SliceFailed, match="ZeroDivisionError"):
        take(story.world, PbxLost(at=story.now, pbx=PBX))
    assert story.world.unfinished is None


def test_what_was_left_goes_out_although_the_event_that_found_it_raises(
    monkeypatch: pytest.MonkeyPatch, tiny: Callable[[int], None]
) -> None:
    story = full()
    whole, sliced, event = deepcopy(story.world), story.world, LONG["snapshot"](story)
    expected = take(whole, event)
    tiny(1)
    came = Came()
    came.add(step(sliced, event))
    with pytest.raises(ValueError, match="unknown kind"):
        step(sliced, DeadlinePassed(at=story.now + 1.0, kind="moon", id="x"))
    came.add(step(sliced, DeadlinePassed(at=story.now + 1.0, kind="review", id="")))
    assert replace(came, steps=1) == expected
    assert portrait(sliced) == portrait(whole)


def test_who_waits_where_nothing_has_changed_is_not_placed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    story = full()
    placed: list[str] = []
    real = visits.wait

    def wait(world: World, call: Call) -> Call:
        placed.append(call.id)
        return real(world, call)

    monkeypatch.setattr(visits, "wait", wait)
    old = house()
    story.happens(PlanChanged(at=story.now, plan=old))
    assert not placed
    slower = replace(old.queues["sales"], routings=house(within=40.0).queues["sales"].routings)
    story.happens(PlanChanged(at=story.now, plan=replace(old, queues={**old.queues, "sales": slower})))
    waits = [call for call in story.world.calls.values() if call.phase is Phase.WAITING and call.visit is not None]
    assert placed == [call.id for call in waits if call.visit is not None and call.visit.queue == "sales"]


def test_a_caller_who_is_gone_before_the_slice_ends_once(tiny: Callable[[int], None]) -> None:
    story = full()
    tiny(1)
    call = story.call("c9").id
    came = take(story.world, LONG["snapshot"](story), LegEnded(at=story.now + 1.0, leg=leg_id(PBX, "c9"), cause=16))
    assert [fact.call for fact in came.facts if isinstance(fact, CallEnded)].count(call) == 1
    assert call not in story.world.calls
