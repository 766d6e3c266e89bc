"""A crash at any step changes nothing but what nobody could know."""

from __future__ import annotations

import pytest

from callbridge.core.entities import agent_states
from callbridge.core.model.orders import Order, Ring
from callbridge.core.model.world import World
from callbridge.core.recovery import unsaved_answers
from tests.sim.crashes import SERVED, Calm, Dies, Forked, Unsaved
from tests.sim.planting import filter_orders
from tests.sim.watch import Broken

LONG = True
SECOND_PHONES = 408
"""A day on which agents have second phones."""


def forked(seed: int, every: int) -> int:
    try:
        day = Forked(seed, every=every)
        day.run()
    except Exception as broken:
        broken.add_note(f"seed {seed}")
        raise
    return day.compared


def crashed(seed: int, at: int, when: Dies) -> None:
    try:
        day = Calm(seed, dies_at=at, when=when)
        day.run()
        ends = day.ends()
        assert len(day.lives) == 2
        assert set(ends) == SERVED, ends
    except Exception as broken:
        broken.add_note(f"seed {seed}, step {at}, {when}")
        raise


def without_crash(seed: int) -> int:
    """The steps of the day."""
    day = Calm(seed)
    day.run()
    assert set(day.ends()) == SERVED
    return day.steps


@pytest.mark.parametrize("seed", [1, SECOND_PHONES])
def test_a_new_process_comes_to_the_rows_of_one_that_lived_on(seed: int) -> None:
    assert forked(seed, 30) > 3


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_a_new_process_comes_to_the_rows_of_one_that_lived_on_many_days(first: int) -> None:
    compared = 0
    for seed in range(first, first + 50, 4):
        if seed < 200 or seed % 3 != 2:
            compared += forked(seed, 30)
    assert compared > 60


@pytest.mark.parametrize("when", Dies)
def test_after_a_crash_every_caller_is_served_once_as_without(when: Dies) -> None:
    for at in range(10, without_crash(0), 50):
        crashed(0, at, when)


@pytest.mark.slow
@pytest.mark.parametrize("when", Dies)
@pytest.mark.parametrize("first", range(0, 20, 10))
def test_after_a_crash_every_caller_is_served_once_as_without_on_many_days(first: int, when: Dies) -> None:
    """Every tenth day crashes at other steps."""
    for seed in range(first, first + 10):
        for at in range(1 + seed, without_crash(seed), 30):
            crashed(seed, at, when)


def unsaved(seed: int, every: int) -> int:
    """Crashes after seconds in which nothing could be saved. Returns how many legs were in conversations afterwards."""
    talking = 0
    for at in range(3 + seed % 7, without_crash(seed), every):
        for after in (0.3, 1.0, 2.0):
            try:
                day = Unsaved(seed, fails_at=at, after=after)
                day.run()
            except Exception as broken:
                broken.add_note(f"seed {seed}, step {at}, {after} s")
                raise
            talking += day.found_talking
    return talking


def test_no_conversation_is_cut_that_began_while_nothing_could_be_saved() -> None:
    assert unsaved(0, 25) > 10


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, 41, 10))
def test_no_conversation_is_cut_that_began_while_nothing_could_be_saved_on_many_days(first: int) -> None:
    assert sum(unsaved(seed, 25) for seed in range(first, first + 10)) > 100


def test_it_is_noticed_when_answers_that_were_never_saved_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsaved_answers, "find", lambda *_: iter(()))
    with pytest.raises(Broken, match="cut a conversation"):
        unsaved(0, 25)


def test_it_is_noticed_when_phones_are_seen_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    together = agent_states.devices_changed

    def one_by_one(world: World, states: dict[str, str]) -> None:
        for phone, state in states.items():
            together(world, {phone: state})

    monkeypatch.setattr(agent_states, "devices_changed", one_by_one)
    with pytest.raises(Broken, match="after a crash agents"):
        forked(SECOND_PHONES, 3)


def test_it_is_noticed_when_a_new_process_offers_nobody_who_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(world: World, order: Order) -> bool:
        return world.boot == "b0" or not isinstance(order, Ring) or "-b0-" not in order.call

    filter_orders(monkeypatch, kept)
    with pytest.raises(AssertionError):
        for at in range(3, 100, 10):
            crashed(0, at, Dies.AFTER_THE_SAVE)
