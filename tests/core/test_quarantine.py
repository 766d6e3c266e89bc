"""Faults of our own: what is given up, how gently, and that the figures still add up."""

from __future__ import annotations

import pytest

from callbridge.core import engine
from callbridge.core.model.events import AgentRequest, DeadlinePassed, DeviceChanged, EntityFaulted, LegAnswered
from callbridge.core.model.facts import AgentChanged, CallEnded, EntityQuarantined, OfferEnded, TalkEnded, VisitEnded
from callbridge.core.model.ids import leg_id
from callbridge.core.model.matcher import Pair
from callbridge.core.model.orders import Bridge, LeaveToDialplan, Ring
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.world import World
from callbridge.core.routing import offers
from tests.core.story import PBX, Story, agent, one_queue

PHASES = ["waiting", "offered", "joining", "talking"]


def at_phase(phase: str, connect: ConnectMode = ConnectMode.RING) -> Story:
    story = one_queue(agent("bob", connect=connect), wrap_up=15.0)
    if connect is ConnectMode.NAILED_UP:
        story.happens(LegAnswered(at=story.now, leg=story.ring().leg))
    if phase == "waiting":
        story.ask("bob", AgentRequest.NOT_READY)
    story.caller()
    if phase in ("joining", "talking"):
        offer = story.call().offer
        assert offer is not None
        if connect is ConnectMode.NAILED_UP:
            story.wait(3.0)
        else:
            story.happens(LegAnswered(at=story.now, leg=offer.leg))
        bridge = story.only(Bridge)
        if phase == "talking":
            story.join(bridge)
    story.wait(1.0)
    return story


def fault(story: Story, kind: str, key: str) -> None:
    story.happens(EntityFaulted(at=story.now, kind=kind, id=key))


def settle(story: Story) -> None:
    """All that was hung up ends; all that is due happens."""
    for _ in range(3):
        for leg in story.world.legs.values():
            if leg.hung_at is not None:
                story.gone(leg.id)
        story.wait(30.0)


@pytest.mark.parametrize("connect", [ConnectMode.RING, ConnectMode.NAILED_UP])
@pytest.mark.parametrize("phase", PHASES)
def test_a_call_given_up_goes_to_the_fallback_with_everything_told_and_nobody_stuck(phase: str, connect: ConnectMode) -> None:
    story = at_phase(phase, connect)
    call = story.call()
    fault(story, "call", call.id)
    leave = story.only(LeaveToDialplan)
    assert (leave.leg, leave.context, leave.extension) == (call.leg, "callbridge-fallback", "support")
    assert (story.fact(EntityQuarantined).id, story.fact(CallEnded).call) == (call.id, call.id)
    assert call.id not in story.world.calls and call.leg not in story.world.legs
    settle(story)
    story.ask("bob", AgentRequest.READY)
    story.caller("eve")
    assert story.world.agents["bob"].work == "offered"


@pytest.mark.parametrize("phase", ["offered", "joining"])
def test_a_call_given_up_ends_its_offer(phase: str) -> None:
    story = at_phase(phase)
    fault(story, "call", story.call().id)
    assert (story.fact(OfferEnded).result, story.fact(VisitEnded).outcome) == ("cancelled", "failed")
    assert story.state("bob") == "wrap_up"


def test_a_call_given_up_ends_its_talk_and_begins_wrap_up() -> None:
    story = at_phase("talking")
    fault(story, "call", story.call().id)
    assert (story.fact(TalkEnded).ended_by, story.fact(TalkEnded).talked) == ("fault", 1.0)
    assert story.state("bob") == "wrap_up"
    assert story.tally().answered == 1


@pytest.mark.parametrize("connect", [ConnectMode.RING, ConnectMode.NAILED_UP])
@pytest.mark.parametrize("phase", PHASES)
def test_an_agent_given_up_is_not_ready_with_the_reason_fault(phase: str, connect: ConnectMode) -> None:
    story = at_phase(phase, connect)
    own = [leg for leg in (story.world.agents["bob"].leg, story.world.agents["bob"].session) if leg is not None]
    fault(story, "agent", "bob")
    assert story.state("bob") == "not_ready fault"
    assert story.hung_up() >= set(own)
    settle(story)
    story.ask("bob", AgentRequest.READY)
    assert story.state("bob") in ("ready", "offline", "ringing")


def test_the_states_of_an_agent_given_up_follow_one_upon_the_other() -> None:
    story = at_phase("talking")
    fault(story, "agent", "bob")
    assert next((fact.previous, fact.lasted) for fact in story.facts if isinstance(fact, AgentChanged)) == ("talking", 1.0)


def test_an_agent_who_logged_out_while_talking_and_is_given_up_is_logged_out() -> None:
    story = at_phase("talking")
    story.ask("bob", AgentRequest.LOGOUT)
    fault(story, "agent", "bob")
    assert story.state("bob") == "logged_out"


def test_what_is_known_of_the_phone_outlives_the_fault() -> None:
    story = one_queue(agent("bob"))
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="UNAVAILABLE"))
    fault(story, "agent", "bob")
    story.ask("bob", AgentRequest.READY)
    assert story.state("bob") == "offline"


@pytest.mark.parametrize("phase", PHASES)
def test_a_customers_leg_given_up_takes_its_call_with_it(phase: str) -> None:
    story = at_phase(phase)
    fault(story, "leg", story.call().leg)
    assert not story.world.calls
    settle(story)
    story.ask("bob", AgentRequest.READY)
    story.caller("eve")
    assert story.world.agents["bob"].work == "offered"


@pytest.mark.parametrize("connect", [ConnectMode.RING, ConnectMode.NAILED_UP])
@pytest.mark.parametrize("phase", ["offered", "joining", "talking"])
def test_an_agents_leg_given_up_leaves_the_agent_free(phase: str, connect: ConnectMode) -> None:
    story = at_phase(phase, connect)
    leg = story.world.agents["bob"].leg
    assert leg is not None
    fault(story, "leg", leg)
    settle(story)
    assert story.world.agents["bob"].leg is None
    assert story.world.agents["bob"].work == "idle"


def test_a_session_given_up_is_offered_nothing() -> None:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP))
    session = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=session))
    fault(story, "leg", session)
    story.caller()
    assert story.call().phase == "waiting"


def test_a_waiting_caller_is_not_touched_by_the_fault_of_another() -> None:
    story = at_phase("waiting")
    story.caller("eve")
    fault(story, "call", story.call("ann").id)
    assert story.call("eve").phase == "waiting"
    story.ask("bob", AgentRequest.READY)
    assert story.ring().name == "eve"


def test_a_fault_about_a_caller_who_was_kept_sets_that_caller_aside_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    story = one_queue(agent("bob"), agent("cid"), wrap_up=0.0)
    _, bob = story.talk("ann")
    _, cid = story.talk("eve")
    story.gone(bob, 44)
    story.gone(cid, 44)
    faulty, make = story.call("ann").id, offers.make
    tries: list[str] = []

    def make_or_raise(world: World, pair: Pair) -> None:
        tries.append(pair.call)
        if len(tries) > 5:
            pytest.fail("tried again and again in one step")
        if pair.call == faulty:
            raise RuntimeError("planted")
        make(world, pair)

    monkeypatch.setattr(offers, "make", make_or_raise)
    faults: list[tuple[str, str]] = []
    rung: list[str] = []
    while (due := story.world.take_due(story.now + 31.0)) is not None:
        assert isinstance(due, DeadlinePassed)
        outcome = engine.step(story.world, due)
        story.books.enter(outcome.facts)
        faults += [(fault.kind, fault.id) for fault in outcome.faults]
        rung += [order.name for order in outcome.orders if isinstance(order, Ring)]
    assert faults == [("call", faulty)]
    assert rung == ["eve"]
    story.now += 31.0
    fault(story, "call", faulty)
    assert [order.leg for order in story.orders if isinstance(order, LeaveToDialplan)] == [leg_id(PBX, "ann")]
    assert story.call("eve").phase == "offered"
