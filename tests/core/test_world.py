"""The ledger: a step that raises leaves nothing behind, and a saved world comes back as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.engine import step
from callbridge.core.model.attempt import Attempt, Lead
from callbridge.core.model.call import Offer
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    ClockMoved,
    DayBegan,
    DeadlinePassed,
    DevicesListed,
    EntityFaulted,
    LegEnded,
    PlanChanged,
    SwitchTurned,
)
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Ring
from callbridge.core.model.plan import PreferredAgent, TierRouting
from callbridge.core.model.world import World
from callbridge.core.outbound import dialer
from callbridge.core.reload.plan_diff import Difference
from callbridge.core.routing import visits
from tests.core.laws import check_indexes
from tests.core.story import DAY, PBX, START, Story, agent, one_queue, plan, queue, routing


def picture(world: World) -> tuple[object, ...]:
    """All that a world is, indexes and deadlines included."""
    matcher = world.matcher
    return (
        {name: dict(table.rows()) for name, table in world.saved_tables().items()},
        dict(world.phones.rows()),
        (world.now, world.day, world.seq, world.minted, world.wall_offset, set(world.down), world.plan),
        {key: dict(group.line.members) for key, group in matcher._groups.items()},
        {call: group.key for call, group in matcher._group_of.items()},
        {key: str(matcher._requirements[group.need]) for key, group in matcher._groups.items()},
        dict(matcher._pool_of),
        [count for count in matcher._logged_in if count],
        set(matcher._closed),
        world.next_deadline(),
        dict(world._agent_by_phone),
        {pair: list(halves) for pair, halves in world._leg_by_pair.items()},
    )


def busy_story() -> Story:
    """Two waiting, one talking, one resting agent, one paused."""
    story = Story(
        plan(
            [queue("support", routing(("support >= 3", 8.0), ("support >= 1", None))), queue("sales", routing(("sales", None)))],
            [agent("bob"), agent("cid", {"support": 1}), agent("dan", {"sales": 1}, login=False)],
        )
    )
    story.ask("cid", AgentRequest.NOT_READY, "lunch")
    story.talk("ann")
    story.caller("eve")
    story.caller("flo", tier="diamond")
    story.wait(1.0)
    return story


def test_a_step_that_raises_leaves_the_world_untouched() -> None:
    story = busy_story()
    before = picture(story.world)
    with pytest.raises(ValueError, match="unknown kind"):
        step(story.world, DeadlinePassed(at=story.now + 5.0, kind="moon", id="x"))
    assert picture(story.world) == before
    check_indexes(story.world)


def test_a_step_that_raises_half_way_is_taken_back_with_orders_facts_and_indexes() -> None:
    story = busy_story()
    call = story.call("ann")
    assert call.segment is not None
    broken = replace(call, phase=replace(story.call("eve")).phase)  # talking by its segment, waiting by its phase
    story.world.calls.put(call.id, broken)
    story.world.commit()
    before = picture(story.world)
    ends = LegEnded(at=story.now + 1.0, leg=call.segment.leg, cause=16)
    story.world.agents.put("bob", replace(story.world.agents["bob"], work=story.world.agents["dan"].work))
    story.world.commit()
    before = picture(story.world)
    with pytest.raises(Exception, match="cannot become"):
        step(story.world, ends)
    assert picture(story.world) == before
    outcome = step(story.world, ClockMoved(at=story.now + 2.0, offset=0.0))
    assert not outcome.facts and not outcome.changed, "nothing of the step that raised comes out later"


def test_a_reload_that_raises_leaves_the_old_plan_in_force() -> None:
    story = busy_story()
    before = picture(story.world)
    empty = TierRouting(answer_within=1.0, head_start=0.0, steps=(), then=None)
    with pytest.raises(IndexError):
        step(story.world, PlanChanged(at=story.now, plan=plan([queue("support", empty)], [agent("bob")])))
    assert picture(story.world) == before


def test_a_reload_with_a_fault_about_one_caller_is_answered_all_the_same() -> None:
    story = one_queue(agent("bob", login=False))
    story.caller("ann")
    call = story.call("ann")
    story.world.calls.put(call.id, replace(call, offer=an_offer()))
    story.world.commit()
    outcome = step(story.world, PlanChanged(at=story.now, plan=plan([queue("support")], [agent("bob"), agent("cid")])))
    assert [(fault.kind, fault.id) for fault in outcome.faults] == [("call", call.id)]
    assert isinstance(outcome.answer, Difference)
    assert [change.name for change in outcome.answer.changes] == ["bob", "cid"]


def test_a_fault_while_deciding_about_one_caller_does_not_hold_back_the_next() -> None:
    story = one_queue(agent("bob", login=False))
    first, second = story.caller("ann"), story.caller("eve")
    call = story.call("ann")
    story.world.calls.put(call.id, replace(call, offer=an_offer()))
    story.world.commit()
    outcome = step(story.world, AgentRequested(at=story.now, agent="bob", request=AgentRequest.LOGIN))
    assert [(fault.kind, fault.id) for fault in outcome.faults] == [("call", call.id)]
    (ring,) = [order for order in outcome.orders if isinstance(order, Ring)]
    assert (first, ring.originator) == (call.leg, second)


def an_offer() -> Offer:
    """An offer where none may be: what a bug of ours would leave."""
    return Offer(agent="nobody", leg=LegId("pbx/none"), at=START)


def test_the_clock_of_the_world_never_runs_back() -> None:
    story = busy_story()
    now = story.world.now
    step(story.world, ClockMoved(at=now - 100.0, offset=-100.0))
    assert story.world.now == now


def test_what_changed_is_told_exactly() -> None:
    story = one_queue(agent("bob", login=False))
    before = {name: dict(table.rows()) for name, table in story.world.saved_tables().items()}
    outcome = step(story.world, story.arrival("ann"))
    for (table, key), row in outcome.changed.items():
        before[table][key] = row
    assert before == {name: dict(table.rows()) for name, table in story.world.saved_tables().items()}


def restored(story: Story) -> World:
    old = story.world
    new = World(old.plan, "u")
    new.restore({name: table.values() for name, table in old.saved_tables().items()})
    return new


def test_a_restored_world_holds_the_same_rows_and_deadlines() -> None:
    story = busy_story()
    new = restored(story)
    assert {n: dict(t.rows()) for n, t in new.saved_tables().items()} == {
        n: dict(t.rows()) for n, t in story.world.saved_tables().items()
    }
    assert new.next_deadline() == story.world.next_deadline()
    assert {c: g.key for c, g in new.matcher._group_of.items()} == {c: g.key for c, g in story.world.matcher._group_of.items()}


def test_a_rest_that_ended_before_the_restart_does_not_bar_the_agent_for_ever() -> None:
    story = one_queue(agent("bob"))
    story.caller("ann")
    ring = story.ring()
    story.gone(ring.leg, 21)  # rejected: ten seconds of rest
    story.gone(story.call("ann").leg)
    story.wait(60.0)
    story.world = restored(story)
    story.world.seq = story.books.seq
    story.now += 60.0
    story.happens(DayBegan(at=story.now, day=DAY))
    story.snapshot()
    story.happens(DevicesListed(at=story.now, states={}))
    story.caller("eve")
    assert story.rung() == ["bob"]


def test_deadlines_that_passed_while_we_were_away_are_due_at_once() -> None:
    story = one_queue(agent("bob"), ring_for=15.0)
    story.caller("ann")
    new = restored(story)
    due = new.take_due(story.now + 1000.0)
    assert due is not None and due.at == story.now + 15.0


def test_a_deadline_that_moved_is_met_at_its_new_time_only() -> None:
    story = one_queue(agent("bob"), ring_for=15.0)
    story.caller("ann")
    ring = story.ring()
    story.wait(14.0)
    story.pick_up(ring.leg)  # now the bridge is watched: five seconds
    assert story.world.next_deadline() == story.now + 5.0


def test_ids_differ_between_two_runs_with_the_same_story() -> None:
    story = busy_story()
    assert {story.world.mint("call") for _ in range(3)}.isdisjoint({restored(story).mint("call") for _ in range(3)})


def test_an_unknown_entity_that_faulted_is_told_and_nothing_else() -> None:
    story = one_queue(agent("bob"))
    story.happens(EntityFaulted(at=story.now, kind="call", id="nobody"))
    assert not story.orders
    assert len(story.facts) == 1


def test_an_odd_channel_name_is_not_taken_for_an_agent_without_a_phone() -> None:
    story = one_queue(agent("bob", login=False), agent("cid", login=False))
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/bob")  # bob is left without a phone
    story.happens(replace(story.arrival("ann"), channel_name=PBX))
    assert story.tally().offered == 1


@pytest.mark.parametrize("deciding", ["dialler", "preferred"])
def test_what_deciding_raised_is_handed_to_the_runtime(deciding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(
        plan([queue("support", routing(("support", None)), prefer=PreferredAgent(lasts=3.0))], [agent("bob", login=False)])
    )
    story.caller("ann")
    story.world.attempts.put("a1", Attempt(id="a1", campaign="spring", lead=Lead(id=1, number="+442079460000")))
    bug = RuntimeError("planted")

    def wrong(*_: object) -> None:
        raise bug

    monkeypatch.setattr(*((dialer, "after_step") if deciding == "dialler" else (visits, "look_again")), wrong)
    outcome = step(story.world, SwitchTurned(at=story.now, switch="bypass", on=False))
    assert [fault.error for fault in outcome.faults] == [bug]
    assert bug.__traceback__ is not None
