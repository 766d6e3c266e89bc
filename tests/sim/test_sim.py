"""The core lives through many random days, and each planted fault is noticed."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from callbridge.core.engine import step
from callbridge.core.model import slices
from callbridge.core.model.events import CallerArrived, DayBegan, DevicesListed, PbxSnapshot, PlanChanged
from callbridge.core.model.facts import CallerChanged
from callbridge.core.model.ids import leg_id
from callbridge.core.model.matcher import Pair
from callbridge.core.model.orders import Ring
from callbridge.core.model.world import World
from callbridge.core.recovery import adoption
from callbridge.core.routing import offers
from tests.sim import mutants, mutants_books, mutants_features, mutants_transfers
from tests.sim.drive import Day, replay_in_slices
from tests.sim.lanes import Weather
from tests.sim.planting import MUTANTS, SEEDS, Mutant, kill
from tests.sim.scenario import WEATHERS, simple_plan
from tests.sim.toy import PBX
from tests.sim.watch import Broken

BLOCK = 25
LONG = True
assert mutants and mutants_books and mutants_features and mutants_transfers, "importing them enters their mutants"
noticed: dict[str, int] = {}


FEWER = [
    (0, 10),
    *((one, one + BLOCK) for one in range(10, 300, BLOCK)),
]
BLOCKS = [(0, 5), (5, BLOCK), *((first, first + BLOCK) for first in range(BLOCK, 600, BLOCK))]


@pytest.mark.parametrize(("first", "end"), [BLOCKS[0], *(pytest.param(*block, marks=pytest.mark.slow) for block in BLOCKS[1:])])
def test_every_rule_holds_on_every_day(first: int, end: int) -> None:
    for seed in range(first, end):
        lived(seed)


@cache
def lived(seed: int) -> tuple[Weather, frozenset[str]]:
    """The weather of a day, and what kinds of facts were told. A day that was lived for one test needs not be for another."""
    try:
        day = Day(seed).run()
    except Exception as broken:
        broken.add_note(f"seed {seed}")
        raise
    return day.scene.weather, frozenset(type(fact).__name__ for fact in day.watch.told)


@pytest.mark.slow
@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize(("first", "end"), FEWER)
def test_every_rule_holds_when_a_receptionist_transfers(first: int, end: int, forgets: bool) -> None:
    given = 0
    for seed in range(first, end):
        try:
            day = Day(seed, forgets=forgets, reception=True).run()
        except Exception as broken:
            broken.add_note(f"seed {seed}, reception{', forgets' if forgets else ''}")
            raise
        given += sum(isinstance(fact, CallerChanged) for fact in day.watch.told)
    assert given >= 10


@pytest.mark.slow
def test_a_start_without_the_saved_world_cuts_no_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    days = [Day(seed, forgets=True).run() for seed in range(10)]
    assert sum(day.together.guarded for day in days if day.together is not None) >= 5
    monkeypatch.setattr(adoption, "adopt", lambda *_: [])
    with pytest.raises(Broken, match="a start cut a conversation"):
        for seed in range(10):
            Day(seed, forgets=True).run()


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 400, BLOCK))
def test_every_rule_holds_on_days_that_forget(first: int) -> None:
    for seed in range(first, first + BLOCK):
        try:
            Day(seed, forgets=True).run()
        except Exception as broken:
            broken.add_note(f"seed {seed}, forgets")
            raise


@pytest.mark.slow
@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("seeds", [(200, 203), (*range(5), *range(200, 206))], ids=len)
def test_every_day_is_the_same_in_slices(monkeypatch: pytest.MonkeyPatch, seeds: tuple[int, ...], forgets: bool) -> None:
    """Snapshots and reloads, a row at a time, with other events between the slices."""
    days = [Day(seed, forgets=forgets).run() for seed in seeds]
    monkeypatch.setattr(slices, "MAX_ROWS_PER_SLICE", 1)
    taken = sum(replay_in_slices(life, Random(seed)) for seed, day in enumerate(days) for life in day.lives)
    assert taken > 9 * len(seeds)


@pytest.mark.slow
def test_the_days_have_all_weathers_and_all_stories() -> None:
    days = [lived(seed) for seed in range(75)]
    assert {weather for weather, _ in days} == set(WEATHERS)
    told = frozenset[str]().union(*(kinds for _, kinds in days))
    assert {
        "CallTransferred",
        "CallDiverted",
        "OrderGivenUp",
        "DifferenceFound",
        "AgentAlerted",
        "WrapUpEnded",
        "StepBegan",
    } <= told


def test_a_day_is_its_seed() -> None:
    one, two = Day(7).run(), Day(7).run()
    assert one.watch.told == two.watch.told
    assert one.steps == two.steps


def test_every_fault_can_be_planted() -> None:
    """What a fault replaces may have moved."""
    for mutant in MUTANTS:
        with pytest.MonkeyPatch.context() as patch:
            mutant.plant(patch)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_planted_fault_is_noticed(mutant: Mutant) -> None:
    killed = kill(mutant)
    assert killed is not None, f"{mutant.name} survived {len(SEEDS)} seeds: {mutant.story}"
    noticed[mutant.name] = killed[0]


def test_a_fault_about_one_caller_sets_only_that_caller_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = simple_plan(agents=2)
    world = World(plan, "t")
    for event in (
        DayBegan(at=1.0, day="2026-11-21"),
        PbxSnapshot(at=1.0, pbx=PBX, requested_at=1.0, last_heard_at=1.0, legs=(), bridges=()),
        DevicesListed(at=1.0, states={}),
    ):
        step(world, event)
    for name in ("ann", "bob"):
        arrival = CallerArrived(
            at=2.0, leg=leg_id(PBX, name), entry="in-q0", channel_name=f"PJSIP/trunk-{name}", number="", name="", tier="standard"
        )
        step(world, arrival)
    make, first = offers.make, world.calls.values()[0].id

    def faulty(world: World, pair: Pair) -> None:
        make(world, pair)
        assert pair.call != first

    monkeypatch.setattr(offers, "make", faulty)
    outcome = step(world, PlanChanged(at=3.0, plan=plan))
    assert [(fault.kind, fault.id) for fault in outcome.faults] == [("call", first)]
    assert [order.call for order in outcome.orders if isinstance(order, Ring)] == [world.calls.values()[1].id]
    assert world.calls[first].offer is None


@pytest.fixture(scope="module", autouse=True)
def table_of_mutants() -> object:
    yield
    if noticed:
        print("\nseeds with which each planted fault was noticed")
        for name, seed in sorted(noticed.items(), key=lambda item: (-item[1], item[0])):
            print(f"{seed:4}  {name}")
