"""Several PBXs: how the phone of an agent is reached from a call's PBX, and what remains when one of them is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.adapters.views.explain_agent import explain_agent
from callbridge.core.entities import agent_phones
from callbridge.core.model.agent import State, Work, published
from callbridge.core.model.events import (
    AgentRequest,
    AnyEvent,
    CallbackChange,
    CallbackChangeRequested,
    CallRequest,
    CallRequested,
    DeviceChanged,
    DevicesListed,
    FeatureDialled,
    HintRead,
    PbxLost,
    PbxSnapshot,
    PlanChanged,
    Why,
)
from callbridge.core.model.facts import CallEnded, RequestRefused, TalkEnded
from callbridge.core.model.ids import LegId, leg_id, pbx_of
from callbridge.core.model.orders import InspectPhone, LookUp, Ring
from callbridge.core.model.phones import as_dialled, as_named
from callbridge.core.model.plan import AgentPlan, CallbackTerms, Plan
from callbridge.core.recovery import removed_pbxs
from tests.core.story import Story, agent, plan, queue

EAST, WEST = "pbx", "west"
ANN, BOB = f"{EAST}/PJSIP/1001", f"{WEST}/PJSIP/1001"
TIES = {EAST: "PJSIP/{phone}@tie-{pbx}", WEST: "Local/{phone}@to-{pbx}/n"}


def both(*agents: AgentPlan) -> Plan:
    return replace(plan([queue("support")], [*agents]), pbxs=(EAST, WEST), ties=TIES)


def floor(*agents: AgentPlan, wrap_up: float | None = None) -> Story:
    """Two PBXs that are listed, and free phones."""
    known = both(*agents)
    support = known.queues["support"]
    story = Story(known if wrap_up is None else replace(known, queues={"support": replace(support, wrap_up=wrap_up)}))
    back(story, WEST)
    story.happens(DevicesListed(at=story.now, states={one.phone: "NOT_INUSE" for one in agents}))
    return story


def ann() -> AgentPlan:
    return agent("ann", phone=ANN)


def bob() -> AgentPlan:
    return agent("bob", phone=BOB)


def back(story: Story, pbx: str) -> None:
    story.happens(PbxSnapshot(at=story.now, pbx=pbx, requested_at=story.now, last_heard_at=story.now, legs=(), bridges=()))


def lost(story: Story, pbx: str) -> None:
    story.happens(PbxLost(at=story.now, pbx=pbx))


def caller(story: Story, pbx: str, name: str = "cal") -> LegId:
    """Somebody calls on this PBX."""
    story.happens(replace(story.arrival(name), leg=leg_id(pbx, name)))
    return leg_id(pbx, name)


def state(story: Story, who: str) -> str:
    return published(story.world.agents[who])[0]


def talk(story: Story, pbx: str) -> LegId:
    """Bob talks to a caller of this PBX: his leg."""
    caller(story, pbx)
    ring = story.ring()
    story.happens(DeviceChanged(at=story.now, phone=BOB, state="INUSE"))
    story.connect(ring.leg)
    return ring.leg


# -- names and ways ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pbx", "phone", "dialled"),
    [
        (EAST, ANN, "PJSIP/1001"),
        (EAST, BOB, "PJSIP/1001@tie-west"),
        (WEST, ANN, "Local/1001@to-pbx/n"),
        (WEST, BOB, "PJSIP/1001"),
        (WEST, f"{WEST}/PJSIP/1001/sip:1@10.0.0.1", "PJSIP/1001/sip:1@10.0.0.1"),
        (WEST, "Local/4930@callbridge-outside/n", "Local/4930@callbridge-outside/n"),
    ],
)
def test_a_phone_is_dialled_directly_on_its_pbx_and_over_the_tie_line_from_another(pbx: str, phone: str, dialled: str) -> None:
    ring = Ring(leg=leg_id(pbx, "one"), phone=phone, role="agent", agent="", give_up=1.0)
    rung = as_dialled(both(), ring)
    assert isinstance(rung, Ring)
    assert rung == replace(ring, phone=dialled, headers=rung.headers)
    tied = "tie-" in dialled or "to-" in dialled
    assert rung.headers == ((("Expires", "1"),) if tied else ()), "for how long the phone rings, should the line die meanwhile"


def test_a_phone_is_inspected_by_the_name_that_its_pbx_knows() -> None:
    order = InspectPhone(pbx=WEST, phone=BOB)
    assert as_dialled(both(), order) == replace(order, phone="PJSIP/1001")


def test_what_a_pbx_reports_of_phones_is_of_its_own() -> None:
    changed = DeviceChanged(at=1.0, phone="PJSIP/1001", state="INUSE")
    listed = DevicesListed(at=1.0, states={"PJSIP/1001": "INUSE", "Custom:DND1001": "BUSY"})
    read = HintRead(at=1.0, agent="bob", devices=("PJSIP/1002",))
    heard: list[AnyEvent] = [as_named(both(), WEST, event) for event in (changed, listed, read)]
    assert heard == [
        replace(changed, phone=BOB),
        replace(listed, states={BOB: "INUSE", "west/Custom:DND1001": "BUSY"}),
        replace(read, devices=("west/PJSIP/1002",)),
    ]


def test_with_one_pbx_nothing_is_renamed() -> None:
    changed = DeviceChanged(at=1.0, phone="PJSIP/1001", state="INUSE")
    assert as_named(Plan(), "pbx", changed) == changed


# -- calls --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pbx", [EAST, WEST])
def test_agents_of_all_pbxs_serve_callers_of_each_in_the_order_of_their_idle_times(pbx: str) -> None:
    story = floor(ann(), bob())
    caller(story, pbx, "one")
    first = story.ring()
    caller(story, pbx, "two")
    second = story.ring()
    assert [(first.agent, first.phone), (second.agent, second.phone)] == [("ann", ANN), ("bob", BOB)]
    assert {pbx_of(first.leg), pbx_of(second.leg)} == {pbx}, "legs and bridges live on the caller's PBX"


def test_do_not_disturb_is_that_of_the_phones_own_pbx() -> None:
    story = floor(ann(), bob())
    story.happens(DeviceChanged(at=story.now, phone="west/Custom:DND1001", state="INUSE"))
    assert {who: state(story, who) for who in ("ann", "bob")} == {"ann": State.READY, "bob": State.BUSY_ELSEWHERE}


def test_a_feature_code_is_dialled_by_the_phone_of_the_pbx_where_it_arrives() -> None:
    story = floor(ann(), bob())
    story.happens(
        FeatureDialled(at=story.now, leg=leg_id(WEST, "f"), feature="not_ready", argument="", channel_name="PJSIP/1001-00000001")
    )
    assert {who: state(story, who) for who in ("ann", "bob")} == {"ann": State.READY, "bob": State.NOT_READY}


def test_an_agent_who_logs_in_elsewhere_names_the_pbx() -> None:
    story = floor(ann())
    story.ask("ann", AgentRequest.LOGIN, phone="PJSIP/1002", by="api")
    (refused,) = (fact for fact in story.facts if isinstance(fact, RequestRefused))
    assert refused.reason == "PJSIP/1002 names no PBX: log in at a phone such as pbx/PJSIP/1002"


def test_a_supervisor_at_a_phone_of_another_pbx_joins_over_the_tie_line() -> None:
    story = floor(bob())
    story.happens(DeviceChanged(at=story.now, phone="west/PJSIP/1009", state="NOT_INUSE"))
    talk(story, EAST)
    (call,) = story.world.calls
    story.happens(CallRequested(at=story.now, call=call, request=CallRequest.LISTEN, phone="west/PJSIP/1009", by="sue"))
    ring = story.only(Ring)
    assert pbx_of(ring.leg) == EAST
    assert as_dialled(story.world.plan, ring) == replace(ring, phone="PJSIP/1009@tie-west", headers=(("Expires", "25"),))


# -- losses -------------------------------------------------------------------------------------------------------------


def test_agents_of_a_lost_pbx_are_offline_and_ready_again_when_it_is_back() -> None:
    story = floor(ann(), bob())
    lost(story, WEST)
    assert {who: state(story, who) for who in ("ann", "bob")} == {"ann": State.READY, "bob": State.OFFLINE}
    texts = [line.text for line in explain_agent(story.world, "bob", story.now) or ()]
    assert "the phone west/PJSIP/1001 cannot be reached (the link to PBX west is lost)" in texts
    caller(story, EAST, "one")
    assert story.ring().agent == "ann"
    caller(story, EAST, "two")
    assert not [order for order in story.orders if isinstance(order, Ring)]
    for _ in range(3):  # again and again: that is no doubt about the phone
        back(story, WEST)
        assert state(story, "bob") in (State.READY, State.RINGING)
        lost(story, WEST)


def test_an_agent_who_comes_while_the_own_pbx_is_lost_is_offline_until_it_is_there() -> None:
    story = floor(ann())
    lost(story, WEST)
    story.happens(PlanChanged(at=story.now, plan=both(ann(), bob())))
    story.ask("bob", AgentRequest.LOGIN)
    assert state(story, "bob") == State.OFFLINE
    back(story, WEST)
    assert state(story, "bob") == State.READY


def test_a_phone_that_hears_of_the_end_over_the_tie_line_is_not_rung_in_that_moment() -> None:
    story = floor(bob(), wrap_up=0.0)
    leg = talk(story, EAST)
    caller(story, WEST, "next")
    story.gone(leg)
    assert not [order for order in story.orders if isinstance(order, Ring)], "it would reply that it is busy"
    story.wait(0.1)
    story.happens(DeviceChanged(at=story.now, phone=BOB, state="NOT_INUSE"))
    assert story.ring().phone == BOB


def test_a_phone_of_which_nothing_is_reported_is_rung_a_moment_later() -> None:
    story = floor(bob(), wrap_up=0.0)
    caller(story, EAST)
    leg = story.ring().leg
    caller(story, WEST, "next")
    story.gone(leg_id(EAST, "cal"))
    story.gone(leg)
    assert not [order for order in story.orders if isinstance(order, Ring)]
    story.wait(agent_phones.TIE_DELAY)
    assert story.ring().phone == BOB


def test_a_phone_that_has_hung_up_itself_is_rung_at_once() -> None:
    story = floor(bob(), wrap_up=0.0)
    leg = talk(story, EAST)
    caller(story, WEST, "next")
    story.happens(DeviceChanged(at=story.now, phone=BOB, state="NOT_INUSE"))
    story.gone(leg)
    assert story.ring().phone == BOB


def test_a_talk_over_the_tie_line_goes_on_while_the_phones_pbx_is_away() -> None:
    story = floor(bob())
    leg = talk(story, EAST)
    lost(story, WEST)
    assert state(story, "bob") == State.TALKING
    story.gone(leg)
    assert [fact.ended_by for fact in story.facts if isinstance(fact, TalkEnded)] == ["agent"]


def test_an_agent_is_freed_when_the_phone_shows_that_the_call_of_a_lost_pbx_is_over() -> None:
    story = floor(ann(), bob())
    story.ask("ann", AgentRequest.NOT_READY)
    talk(story, EAST)
    lost(story, EAST)
    assert state(story, "bob") == State.TALKING, "the phone is in use: perhaps only the link is gone"
    story.happens(DeviceChanged(at=story.now, phone=BOB, state="NOT_INUSE"))
    assert state(story, "bob") == State.WRAP_UP
    story.wait(60.0)
    assert state(story, "bob") == State.READY
    caller(story, WEST, "next")
    assert story.ring().agent == "bob"
    back(story, EAST)
    story.wait(10.0)


def test_an_agent_whose_phone_is_free_already_is_freed_with_the_loss() -> None:
    story = floor(bob())
    caller(story, EAST)
    story.ring()
    lost(story, EAST)
    assert state(story, "bob") != State.RINGING


# -- transfers by the phone ---------------------------------------------------------------------------------------------


def test_a_phone_that_hangs_up_a_call_of_another_pbx_is_free_before_the_leg_and_that_means_nothing() -> None:
    story = floor(bob())
    leg = talk(story, EAST)
    story.happens(DeviceChanged(at=story.now, phone=BOB, state="NOT_INUSE"))
    story.wait(0.5)
    assert state(story, "bob") == State.TALKING
    story.gone(leg)
    assert [fact.ended_by for fact in story.facts if isinstance(fact, TalkEnded)] == ["agent"]
    story.wait(60.0)
    assert state(story, "bob") == State.READY


def test_a_phone_that_gives_away_a_call_of_another_pbx_frees_its_agent_and_the_call_goes_on() -> None:
    story = floor(bob())
    leg = talk(story, EAST)
    story.happens(DeviceChanged(at=story.now, phone=BOB, state="NOT_INUSE"))
    story.wait(3.0)
    assert [fact.ended_by for fact in story.told if isinstance(fact, TalkEnded)] == ["transfer"]
    assert state(story, "bob") == State.WRAP_UP
    assert len(story.world.calls) == 1
    story.gone(leg)
    story.gone(leg_id(EAST, "cal"))
    assert not story.world.calls


def test_a_phone_that_is_in_use_again_has_given_nothing_away() -> None:
    story = floor(bob())
    talk(story, EAST)
    story.happens(DeviceChanged(at=story.now, phone=BOB, state="NOT_INUSE"))
    story.happens(DeviceChanged(at=story.now, phone=BOB, state="INUSE"))
    story.wait(3.0)
    assert state(story, "bob") == State.TALKING


# -- another configuration at a start -------------------------------------------------------------------------------------


def restarted(story: Story, pbxs: tuple[str, ...]) -> None:
    """With other PBXs, as ``service.term`` starts."""
    world = story.world
    world.plan = replace(world.plan, pbxs=pbxs)
    removed_pbxs.restored(world)
    story.happens(PlanChanged(at=story.now, plan=world.plan, force=True))
    for event in removed_pbxs.ended(world):
        story.happens(event)
        for order in [*story.orders]:
            if not isinstance(order, LookUp) and pbx_of((*order.legs, LegId(""))[0]) not in pbxs:
                story.fails(order, Why.UNSENT)


def test_calls_of_a_pbx_that_was_removed_end_and_nobody_is_stuck() -> None:
    story = floor(ann(), bob())
    story.ask("ann", AgentRequest.NOT_READY)
    talk(story, WEST)
    caller(story, WEST, "waits")
    caller(story, EAST, "stays")
    story.wait(5.0)
    restarted(story, (EAST, "third"))
    story.wait(30.0)
    assert [pbx_of(call.leg) for call in story.world.calls.values()] == [EAST]
    assert len([fact for fact in story.told if isinstance(fact, CallEnded) and fact.estimated]) == 2
    assert not [leg for leg in story.world.legs if pbx_of(LegId(leg)) == WEST]
    assert story.world.agents["bob"].work is Work.IDLE


def test_a_callback_that_was_owed_from_a_removed_pbx_is_made_from_another() -> None:
    terms = CallbackTerms(retry_after=1.0)
    made = replace(
        both(ann()), queues={"support": queue("support", callback=terms)}, call_back_to=("X.",), outside="PJSIP/{number}@trunk"
    )
    story = Story(made)
    lost(story, EAST)
    change = CallbackChange.MAKE
    story.happens(CallbackChangeRequested(at=story.now, change=change, queue="support", number="4420794600", by="api"))
    (callback,) = story.world.callbacks.values()
    assert callback.pbx == WEST, "the first that can be reached"
    restarted(story, (EAST,))
    (callback,) = story.world.callbacks.values()
    assert callback.pbx == EAST


def test_who_is_logged_in_when_a_second_pbx_is_added_has_the_phone_under_its_new_name() -> None:
    story = Story(plan([queue("support")], [agent("ann", phone="PJSIP/1001"), agent("bob", phone="PJSIP/1002")]))
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/1009")
    assert story.world.agents["bob"].phone == "PJSIP/1009"
    story.world.plan = both(ann(), agent("bob", phone="west/PJSIP/1002"))
    story.happens(PlanChanged(at=story.now, plan=story.world.plan, force=True))
    assert story.world.agents["ann"].phones == (ANN,)
    assert story.world.agents["bob"].phones == ("west/PJSIP/1002",), "a desk without a PBX is nowhere"
    assert {who: state(story, who) for who in ("ann", "bob")} == {"ann": State.READY, "bob": State.READY}
