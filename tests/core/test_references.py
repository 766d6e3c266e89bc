"""One row of the saved world cannot be read: whatever row of whatever table it is, nobody is lost, cut or stuck for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from callbridge.core.model.agent import Work
from callbridge.core.model.attempt import Attempt, AttemptStage, Lead
from callbridge.core.model.call import Phase
from callbridge.core.model.events import AgentRequest, CallbackChange, CallbackChangeRequested
from callbridge.core.model.facts import (
    CallAdopted,
    CallArrived,
    CallbackEnded,
    CallDiverted,
    CallEnded,
    OfferEnded,
    TalkEnded,
    VisitBegan,
    VisitEnded,
)
from callbridge.core.model.ids import leg_id
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import HangUp, LeaveToDialplan, Ring
from callbridge.core.model.plan import CallbackTerms, ConnectMode, Penalty, ToDialplan
from tests.core.story import DAY, PBX, START, Story, agent, one_queue, plan, queue, routing
from tests.core.test_conversations import cut
from tests.core.test_failures import (
    LONG,
    agent_first,
    consult_waits,
    consulted,
    gives_up,
    nailed,
    nobody_answers,
    ordinary,
    transferred,
)
from tests.core.test_recovery import _conversations
from tests.core.toy import Toy
from tests.examples import cases

MOMENTS = [0.005, 0.5, 1.005, 1.015, 1.025, 5.005, 5.2, 6.005, 6.1, 10.005, 10.025, 21.0]


def slow_to_count(toy: Toy) -> None:
    """As ordinary, and an answer is certain after 10 s only."""
    ordinary(toy)


def before(scenario: Callable[[Toy], None], moment: float) -> Toy:
    """The house at this moment; killed, and away for a second."""
    connect = ConnectMode.NAILED_UP if scenario is nailed else ConnectMode.RING
    steps = routing(("support", 40.0), then=ToDialplan("out", "1"))
    short_talk = 10.0 if scenario is slow_to_count else 0.0
    queues = [queue("support", steps, wrap_up=2.0, no_answer=Penalty(rest=5.0), short_talk=short_talk)]
    story = Story(plan(queues, [agent("bob", login=False, connect=connect), agent("cid", login=False, connect=connect)]))
    toy = Toy(story, {})
    for who in ("bob", "cid"):
        story.ask(who, AgentRequest.LOGIN)
        for order in story.orders:
            toy._receive(order)
    scenario(toy)
    toy.run(START + moment)
    toy.deaf = True
    toy.run(START + moment + 1.0)
    return toy


def lose(toy: Toy, table: str, key: str) -> None:
    """Back again, without this row. A reader of the facts cannot be told what an agent did whose row is lost."""
    books = toy.story.books
    if table == "agents":
        for kept in (books.agents, books.logged_in, books.spent):
            kept.pop(key, None)
    if table == "callbacks" and not toy.story.world.callbacks[key].call:
        books.callbacks.discard(key)
    toy.restart(unreadable=(table, key))


SCENARIOS = cases(
    [ordinary, consulted, transferred, slow_to_count, agent_first, gives_up, nobody_answers, nailed, consult_waits], fast=1
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_any_row_may_be_lost_at_any_moment(scenario: Callable[[Toy], None]) -> None:
    faulty: list[str] = []
    tried: set[str] = set()
    for moment in MOMENTS:
        tables = before(scenario, moment).story.world.saved_tables()
        for table, key in [(name, key) for name, rows in tables.items() for key in rows]:
            tried.add(table)
            toy = before(scenario, moment)
            talking = _conversations(toy)
            try:
                lose(toy, table, key)
                assert _conversations(toy) == talking, "a conversation was cut"
                _owned(toy)
                toy.run(START + LONG + 60.0)
                _over(toy)
            except Exception as error:  # noqa: BLE001 - all rows are reported at once
                faulty.append(f"at {moment} {table} {key}: {type(error).__name__}: {str(error).splitlines()[:1]}")
    assert not faulty, "\n".join(faulty)
    assert tried >= {"calls", "legs", "agents", "tallies"}


def _owned(toy: Toy) -> None:
    """Every customer in the PBX has a call."""
    world = toy.story.world
    for channel in toy.channels.values():
        if channel.entry is not None and not channel.name.startswith("Local/"):
            assert world.legs[channel.leg].call in world.calls, channel


def _over(toy: Toy) -> None:
    world = toy.story.world
    assert not world.calls
    assert {leg.role for leg in world.legs.values()} <= {LegRole.SESSION}
    assert {channel.leg for channel in toy.channels.values()} == set(world.legs)
    assert {who.work for who in world.agents.values()} == {Work.IDLE}
    assert all(tally.offered == tally.ended for tally in world.tallies.values())


# -- one by one -------------------------------------------------------------------------------------------------------


def back(toy: Toy, table: str, key: str) -> Story:
    """What is sent and told from here on is the start's doing."""
    toy.story.sent, toy.story.told = [], []
    lose(toy, table, key)
    return toy.story


def test_a_waiting_caller_whose_row_is_lost_is_queued_again_as_old_as_the_channel() -> None:
    toy = before(nobody_answers, 7.0)
    (call,) = toy.story.world.calls.values()
    story = back(toy, "calls", call.id)
    (again,) = story.world.calls.values()
    assert (again.leg, again.arrived_at, again.id != call.id) == (call.leg, START, True)
    assert [(fact.call, fact.outcome, fact.reason) for fact in story.all_told(VisitEnded)] == [(call.id, "failed", "lost")]
    assert [fact.call for fact in story.all_told(CallEnded)] == [call.id]
    tally = story.tally()
    assert (tally.offered, tally.failed) == (2, 1)


def test_a_conversation_whose_row_is_lost_goes_on_under_its_id() -> None:
    toy = before(ordinary, 5.0)
    (call,) = toy.story.world.calls.values()
    story = back(toy, "calls", call.id)
    assert cut(story) == []
    (again,) = story.world.calls.values()
    assert (again.id, again.phase, again.bridge) == (call.id, Phase.TALKING, call.bridge)
    assert [fact.call for fact in story.all_told(CallAdopted)] == [call.id]
    assert story.all_told(TalkEnded) + story.all_told(CallEnded) + story.all_told(CallArrived) == []
    toy.run(START + LONG)
    (ended,) = story.all_told(TalkEnded)
    assert (ended.call, ended.agent, ended.ended_by) == (call.id, "bob", "customer")


def test_a_ringing_agent_whose_call_is_lost_is_free_and_the_phone_falls_silent() -> None:
    toy = before(ordinary, 0.5)
    (call,) = toy.story.world.calls.values()
    assert call.offer is not None
    story = back(toy, "calls", call.id)
    assert call.offer.leg in {order.leg for order in story.all_sent(HangUp)}
    (ended,) = story.all_told(OfferEnded)
    assert (ended.call, ended.agent, ended.result) == (call.id, call.offer.agent, "cancelled")
    assert len(story.all_sent(Ring)) == 1, "the caller is offered again"


def test_an_agent_whose_customer_left_meanwhile_and_whose_call_is_lost_is_free() -> None:
    toy = before(ordinary, 5.0)
    (call,) = toy.story.world.calls.values()
    toy.hangs_up(call.leg)
    story = back(toy, "calls", call.id)
    assert [(fact.agent, fact.ended_by, fact.estimated) for fact in story.all_told(TalkEnded)] == [("bob", "lost", True)]
    toy.run(START + LONG)
    assert story.state("bob") == "ready"
    _over(toy)


def test_an_agent_whose_row_is_lost_talks_on() -> None:
    toy = before(ordinary, 5.0)
    story = back(toy, "agents", "bob")
    assert cut(story) == []
    assert story.state("bob") == "talking"
    toy.run(START + LONG)
    assert story.state("bob") == "ready"


@pytest.mark.parametrize("moment", [0.5, 5.0])
def test_an_agent_at_another_desk_whose_row_is_lost_stays_there(moment: float) -> None:
    story = one_queue(agent("bob", login=False), wrap_up=0.0)
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk9")
    toy = Toy(story, {"bob": 1.0})
    customer = toy.calls("ann")
    toy.run(START + moment)
    lose(toy, "agents", "bob")
    assert story.world.agents["bob"].phone == "PJSIP/desk9"
    toy.run(START + moment + 5.0)
    toy.hangs_up(customer)
    toy.run(START + moment + 10.0)
    toy.calls("eve")
    assert story.rung() == ["bob"]
    assert {order.phone for order in story.all_sent(Ring)} == {"PJSIP/desk9"}


def test_a_lost_tally_holds_who_waits() -> None:
    toy = before(nobody_answers, 7.0)
    story = back(toy, "tallies", f"support|{DAY}")
    assert (story.tally().offered, story.tally().ended) == (1, 0)


def waiting_and_talking(talked: float, short_talk: float) -> Toy:
    """Ann has talked to bob for so long, and wil waits, when all calls become unreadable; killed, and away for a second."""
    story = one_queue(agent("bob"), short_talk=short_talk)
    toy = Toy(story, {"bob": 1.0})
    toy.calls("ann")
    toy.run(START + 1.1)
    assert story.state("bob") == "talking"
    toy.calls("wil")
    toy.run(START + 1.1 + talked)
    toy.deaf = True
    toy.run(story.now + 1.0)
    back(toy, "calls", "")
    return toy


@pytest.mark.parametrize("short_talk", [0.0, 10.0])
def test_a_conversation_that_had_long_been_answered_is_no_answer_to_who_still_waits(short_talk: float) -> None:
    story = waiting_and_talking(600.0, short_talk).story
    assert [(fact.outcome, fact.reason) for fact in story.all_told(VisitEnded)] == [("failed", "lost")]
    assert (story.tally().answered, story.tally().failed, story.tally().offered) == (1, 1, 3)
    assert story.call("wil").phase is Phase.WAITING


def test_a_conversation_whose_answer_was_not_certain_yet_is_the_answer_of_its_visit() -> None:
    story = waiting_and_talking(5.0, 10.0).story
    ann, wil = story.all_told(VisitEnded)
    assert (ann.outcome, ann.call, wil.outcome, wil.reason) == ("answered", story.call("ann").id, "failed", "lost")
    assert [(fact.agent, fact.result) for fact in story.all_told(OfferEnded)] == [("bob", "answered")]


def test_a_lost_visit_ends_under_the_tier_of_its_caller() -> None:
    toy = Toy(one_queue(), {})
    for name, tier in (("ann", "standard"), ("wil", "diamond")):
        toy.calls(name, tier=tier)
    toy.run(START + 10.0)
    back(toy, "calls", "")
    ended = [fact.tier for fact in toy.story.all_told(VisitEnded)]
    began = [fact.tier for fact in toy.story.all_told(VisitBegan)]
    assert sorted(ended) == sorted(began) == ["diamond", "standard"]


# -- callbacks and campaigns ------------------------------------------------------------------------------------------


def calling() -> Toy:
    """Bob is rung for a callback to +4470."""
    story = one_queue(agent("bob"), callback=CallbackTerms())
    new = replace(story.world.plan, outside="PJSIP/{number}@trunk", call_back_to=("X.", "+X."))
    story = Story(new)
    toy = Toy(story, {})
    asked = CallbackChangeRequested(
        at=story.now, change=CallbackChange.MAKE, queue="support", number="+447012345", tier="standard"
    )
    toy.tell(asked)
    return toy


@pytest.mark.parametrize("moment", [0.5, 1.005, 1.02, 1.5, 2.02, 2.05, 5.0])
@pytest.mark.parametrize("table", ["callbacks", "calls", "legs", "agents"])
def test_a_callback_is_kept_whichever_row_is_lost(table: str, moment: float) -> None:
    faulty = []
    for index in range(2):
        toy = calling()
        toy.run(START + moment)
        toy.deaf = True
        rows = sorted(toy.story.world.saved_tables()[table])
        if len(rows) <= index:
            continue
        kept = not toy.story.world.callbacks
        talking = [channel for channel in toy.channels.values() if channel.bridge is not None]
        lose(toy, table, rows[index])
        toy.at(START + 600.0, partial(_all_hang_up, toy))
        toy.run(START + 2000.0)
        outcomes = [fact.outcome for fact in toy.story.all_told(CallbackEnded)]
        if outcomes != ["kept"] and not (kept and talking):
            faulty.append((rows[index], outcomes))
        _over(toy)
    assert faulty == []


def _all_hang_up(toy: Toy) -> None:
    for leg in list(toy.channels):
        toy.hangs_up(leg)


def test_who_was_called_for_a_lost_attempt_hears_the_campaigns_message() -> None:
    story = one_queue(agent("bob", login=False))
    customer = leg_id(PBX, "cb-attempt.spring-t-7")
    lead = Lead(id=1, number="+447012345")
    attempt = Attempt(id="cb-attempt.spring-t-7", campaign="spring", lead=lead, stage=AttemptStage.LIVE, until=START + 99.0)
    arrived = story.caller("zoe")
    call = story.call("zoe")
    world = story.world
    live = replace(call, leg=customer, campaign="spring", attempt_id=attempt.id, dial_result="abandoned", entry="campaign:spring")
    world.legs.put(customer, replace(world.legs[arrived], id=customer))
    world.legs.drop(arrived)
    world.calls.put(call.id, replace(live, dial_result="unknown"))
    world.commit()
    from callbridge.core.engine import step
    from callbridge.core.model.events import PbxSnapshot, SeenLeg

    seen = SeenLeg(leg=customer, name="PJSIP/trunk-1", up=True, created_at=START, role="customer")
    snapshot = PbxSnapshot(at=START, pbx=PBX, requested_at=START, last_heard_at=START, legs=(seen,), bridges=())
    outcome = step(world, snapshot)
    (left,) = [order for order in outcome.orders if isinstance(order, LeaveToDialplan)]
    assert (left.context, left.extension) == ("callbridge-safe-harbour", "spring")
    assert [fact.reason for fact in outcome.facts if isinstance(fact, CallDiverted)] == ["fault"]
    assert not world.calls
