"""The laws that every story is held to notice a planted fault, whatever it is in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callbridge.core.model.agent import Work
from callbridge.core.model.attempt import Attempt, Lead
from callbridge.core.model.call import Phase
from callbridge.core.model.callback import KeptPlace
from callbridge.core.model.leg import LegRole
from callbridge.core.model.plan import CallbackTerms
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from tests.core.laws import check_indexes
from tests.core.story import Story, agent, plan, queue


def busy() -> Story:
    """One talks, one phone rings, two wait, one agent is idle for another queue."""
    staff = [agent("bob"), agent("cid"), agent("dan", {"sales": 1})]
    story = Story(plan([queue("support", callback=CallbackTerms())], staff))
    story.talk("ann")
    for name in ("eve", "flo", "gus"):
        story.caller(name)
    return story


def first(world: World, phase: Phase) -> str:
    return next(call.id for call in world.calls.values() if call.phase is phase)


def not_with_the_matcher(world: World) -> None:
    world.matcher.unwait(first(world, Phase.WAITING))


def not_in_line(world: World) -> None:
    world.line("support")._places.pop()


def a_line_of_nobody(world: World) -> None:
    line = world._lines["support"]
    world._lines["sales"] = type(line)([(1.0, "x")])


def waits_without_a_leg(world: World) -> None:
    world.legs.drop(world.calls[first(world, Phase.WAITING)].leg)


def talks_without_a_leg(world: World) -> None:
    world.legs.drop(world.calls[first(world, Phase.TALKING)].leg)


def a_deadline_that_nothing_meets(world: World) -> None:
    world._undoing = True  # nothing is armed
    world.places.put("support|+44", KeptPlace(id="support|+44", since=world.now, deadline=world.now + 0.001))
    world._undoing = False


def idle_and_not_with_the_matcher(world: World) -> None:
    world.matcher.unidle("dan")


def busy_and_with_the_matcher(world: World) -> None:
    bob = world.agents["bob"]
    world.matcher.idle("bob", bob.profile, world.now)


def talks_with_nobody(world: World) -> None:
    world.agents.put("dan", evolve(world.agents["dan"], work=Work.TALKING, call="x"))


def rings_for_nobody(world: World) -> None:
    world.agents.put("dan", evolve(world.agents["dan"], work=Work.OFFERED, call="x"))


def held_for_nobody(world: World) -> None:
    world.agents.put("dan", evolve(world.agents["dan"], reserved_for="x"))


def an_agents_leg_in_no_book(world: World) -> None:
    call = world.calls[first(world, Phase.TALKING)]
    assert call.segment is not None
    world.legs.drop(call.segment.leg)


def two_at_one_phone(world: World) -> None:
    world.agents.put("dan", evolve(world.agents["dan"], phone=world.agents["bob"].phone))


def a_phone_that_is_nobodys(world: World) -> None:
    world._agent_by_phone["PJSIP/nobody"] = "bob"


def halves_of_no_leg(world: World) -> None:
    world._leg_by_pair["Local/x"] = [next(iter(world.legs.values())).id]


def a_half_that_is_not_indexed(world: World) -> None:
    leg = next(iter(world.legs.values()))
    world.legs.put(leg.id, evolve(leg, pair="Local/x"))
    world._leg_by_pair.clear()


def a_feature_call_that_is_not_indexed(world: World) -> None:
    leg = next(iter(world.legs.values()))
    world.legs.put(leg.id, evolve(leg, phone="PJSIP/x", role=LegRole.FEATURE))
    world._features_at.clear()


def a_callback_that_nobody_owes(world: World) -> None:
    world._callbacks_owed["support"] = {"+44": "x"}


def an_attempt_that_no_row_is(world: World) -> None:
    world._attempts_of["spring"] = {"x": None}


def an_attempt_that_nothing_ends(world: World) -> None:
    world.attempts.put("a1", Attempt(id="a1", campaign="spring", lead=Lead(id=1, number="+442079460000")))


def a_campaigns_call_that_is_no_attempt(world: World) -> None:
    call = world.calls[first(world, Phase.WAITING)]
    world.calls.put(call.id, evolve(call, attempt_id="x"))


def given_up_by_nobody(world: World) -> None:
    world.overtaken.append(("x", ""))


FAULTS: list[Callable[[World], None]] = [
    not_with_the_matcher,
    not_in_line,
    a_line_of_nobody,
    waits_without_a_leg,
    talks_without_a_leg,
    a_deadline_that_nothing_meets,
    idle_and_not_with_the_matcher,
    busy_and_with_the_matcher,
    talks_with_nobody,
    rings_for_nobody,
    held_for_nobody,
    an_agents_leg_in_no_book,
    two_at_one_phone,
    a_phone_that_is_nobodys,
    halves_of_no_leg,
    a_half_that_is_not_indexed,
    a_feature_call_that_is_not_indexed,
    a_callback_that_nobody_owes,
    an_attempt_that_no_row_is,
    an_attempt_that_nothing_ends,
    a_campaigns_call_that_is_no_attempt,
    given_up_by_nobody,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_noticed(fault: Callable[[World], None]) -> None:
    story = busy()
    check_indexes(story.world)
    fault(story.world)
    with pytest.raises(AssertionError):
        check_indexes(story.world)


@pytest.mark.parametrize("book", ["calls", "visits", "offers", "talks", "agents", "callbacks"])
def test_facts_that_do_not_add_up_are_noticed(book: str) -> None:
    story = busy()
    story.books.check(story.world)
    kept = getattr(story.books, book)
    if isinstance(kept, set):
        kept.add("x")
    elif book == "agents":
        kept["dan"] = ("not_ready", "tea")
    else:
        kept["x"] = "y"
    with pytest.raises(AssertionError):
        story.books.check(story.world)


def test_a_tally_that_does_not_add_up_is_noticed() -> None:
    story = busy()
    key, tally = next(iter(story.world.tallies.rows().items()))
    story.world.tallies.put(key, evolve(tally, offered=tally.offered + 1))
    with pytest.raises(AssertionError, match="offered"):
        story.books.check(story.world)
