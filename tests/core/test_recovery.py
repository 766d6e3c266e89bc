"""After silence: snapshots in every phase, what is missing, what is found, and a core that comes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callbridge.core.model.agent import Work
from callbridge.core.model.events import (
    ApplicationTaken,
    CallRequest,
    CallRequested,
    LegAnswered,
    LegProbed,
    PbxLost,
    PbxSnapshot,
    SeenLeg,
)
from callbridge.core.model.facts import (
    ApplicationReplaced,
    CallArrived,
    CallEnded,
    DifferenceFound,
    OfferEnded,
    TalkBegan,
    TalkEnded,
    VisitEnded,
)
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Bridge, DropBridge, HangUp, LeaveToDialplan, Probe, StartMusic, Subscribe
from callbridge.core.model.plan import ConnectMode, ToAgent
from tests.core.story import PBX, START, Story, agent, one_queue
from tests.core.test_failures import (
    LONG,
    agent_first,
    assert_all_is_over,
    gives_up,
    nailed,
    nobody_answers,
    ordinary,
    transferred,
)
from tests.core.toy import Toy
from tests.examples import cases


def seen(
    leg: LegId, *, up: bool = True, name: str = "PJSIP/trunk-1", entry: str | None = None, created_at: float = START
) -> SeenLeg:
    return SeenLeg(leg=leg, name=name, up=up, created_at=created_at, entry=entry, number="+44", caller_name="ann")


# -- the link breaks at every moment of every kind of call ------------------------------------------------------------

MOMENTS = [0.005, 0.015, 0.5, 1.005, 1.015, 1.025, 5.005, 5.2, 5.315, 10.005, 10.015, 10.025, 20.005, 20.015, 21.0, 60.005]
SILENCES: dict[str, Callable[[Toy], list[LegId]]] = {
    "nothing happens": lambda toy: [],
    "the customer goes": lambda toy: [leg for leg in toy.channels if leg == leg_id(PBX, "ann")],
    "the phones go": lambda toy: [channel.leg for channel in toy.channels.values() if channel.phone],
    "everything goes": lambda toy: list(toy.channels),
}


def interrupted(scenario: Callable[[Toy], None], moment: float, silence: str, how: str) -> Toy:
    from callbridge.core.model.events import AgentRequest
    from callbridge.core.model.plan import Penalty, ToDialplan
    from tests.core.story import plan, queue, routing

    connect = ConnectMode.NAILED_UP if scenario is nailed else ConnectMode.RING
    steps = routing(("support", 40.0), then=ToDialplan("out", "1"))
    story = Story(
        plan(
            [queue("support", steps, wrap_up=2.0, no_answer=Penalty(rest=5.0))],
            [agent("bob", login=False, connect=connect), agent("cid", login=False, connect=connect)],
        )
    )
    toy = Toy(story, {})
    for who in ("bob", "cid"):
        story.ask(who, AgentRequest.LOGIN)
        for order in story.orders:
            toy._receive(order)
    scenario(toy)
    toy.run(START + moment)
    toy.cut()
    for leg in SILENCES[silence](toy):
        toy.hangs_up(leg)
    toy.run(START + moment + 3.0)
    if how == "the link":
        toy.reconnect()
    else:
        toy.restart()
    toy.run(START + LONG + 60.0)
    return toy


SCENARIOS = cases([ordinary, transferred, agent_first, gives_up, nobody_answers, nailed], fast=1)


@pytest.mark.parametrize("how", ["the link", "the core"])
@pytest.mark.parametrize("silence", list(SILENCES))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_a_break_at_any_moment_leaves_every_call_with_one_end_and_nobody_stuck(
    scenario: Callable[[Toy], None], silence: str, how: str
) -> None:
    faulty: list[str] = []
    for moment in MOMENTS:
        try:
            toy = interrupted(scenario, moment, silence, how)
            if toy.story.all_told(CallArrived):
                assert_all_is_over(toy)
        except Exception as error:  # noqa: BLE001 - all moments are reported at once
            faulty.append(f"at {moment}: {type(error).__name__}: {str(error).splitlines()[:1]}")
    assert not faulty, "\n".join(faulty)


def given(toy: Toy) -> None:
    """bob gives the caller to cid at 10 s."""
    customer = toy.calls("ann")

    def give() -> None:
        (call,) = toy.story.world.calls.values()
        said = CallRequested(at=toy.story.now, call=call.id, request=CallRequest.TRANSFER, to=ToAgent("cid"), by="bob")
        toy.tell(said)

    toy.at(START + 10.0, give)
    toy.at(START + 60.0, lambda: toy.hangs_up(customer))


@pytest.mark.parametrize("how", ["the link", "the core"])
@pytest.mark.parametrize(("scenario", "moment", "nth"), [(ordinary, 1.005, 0), (transferred, 11.005, 1), (given, 11.005, 1)])
def test_a_talk_that_begins_in_the_silence_says_that_its_beginning_is_estimated(
    scenario: Callable[[Toy], None], moment: float, nth: int, how: str
) -> None:
    unbroken, broken = (interrupted(scenario, at, "nothing happens", how).story for at in (LONG, moment))
    real, told = (story.all_told(TalkEnded)[nth] for story in (unbroken, broken))
    assert 2.5 < real.talked - told.talked < 3.5
    assert (real.estimated, told.estimated) == (False, True)
    assert [fact.estimated for fact in broken.all_told(TalkBegan)][nth]
    ended = broken.all_told(VisitEnded)
    assert [fact.estimated for fact in ended] == [place == nth for place in range(len(ended))]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_core_without_a_saved_world_serves_who_waits_and_cuts_no_conversation(
    moment: float, scenario: Callable[[Toy], None]
) -> None:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP if scenario is nailed else ConnectMode.RING))
    toy = Toy(story, {})
    for order in story.sent:
        toy._receive(order)
    scenario(toy)
    toy.run(START + moment)
    toy.deaf = True
    toy.run(START + moment + 3.0)
    talking = _conversations(toy)
    toy.restart(saved=False)
    assert _conversations(toy) == talking
    toy.run(START + LONG)
    assert not story.world.calls
    assert {leg.role for leg in story.world.legs.values()} <= {LegRole.SESSION}
    assert len(toy.channels) == len(story.world.legs)
    assert story.world.agents["bob"].work is Work.IDLE


def _conversations(toy: Toy) -> dict[str, set[LegId]]:
    """Customers together with somebody: who is in each bridge."""
    bridges: dict[str, set[LegId]] = {}
    for channel in toy.channels.values():
        if channel.bridge is not None:
            bridges.setdefault(channel.bridge, set()).add(channel.leg)
    return {name: legs for name, legs in bridges.items() if len(legs) > 1 and leg_id(PBX, "ann") in legs}


# -- one by one -----------------------------------------------------------------------------------------------------


def test_while_a_pbx_is_lost_its_callers_are_not_offered_and_after_the_snapshot_they_are() -> None:
    story = one_queue(agent("bob", login=False))
    leg = story.caller()
    story.happens(PbxLost(at=story.now, pbx=PBX))
    from callbridge.core.model.events import AgentRequest

    story.ask("bob", AgentRequest.LOGIN)
    assert story.rung() == []
    story.snapshot(seen(leg, entry="support"))
    assert story.rung() == ["bob"]


def test_a_waiting_caller_keeps_the_place_and_hears_music_again() -> None:
    story = one_queue()
    leg = story.caller()
    before = story.call()
    story.wait(5.0)
    story.snapshot(seen(leg, entry="support"))
    assert story.call() == before
    assert story.orders == [Subscribe(leg=leg), StartMusic(leg=leg, music="default")]


def test_a_missing_leg_is_asked_about_before_it_is_believed() -> None:
    story = one_queue()
    leg = story.caller()
    story.wait(5.0)
    story.snapshot()
    assert story.only(Probe).leg == leg
    assert story.tally().ended == 0


def test_a_leg_heard_of_after_the_listing_began_is_not_missing() -> None:
    story = one_queue()
    story.caller()
    requested = story.now - 0.1
    story.happens(PbxSnapshot(at=story.now, pbx=PBX, requested_at=requested, last_heard_at=requested, legs=(), bridges=()))
    assert not [order for order in story.orders if isinstance(order, Probe)]
    assert story.call().phase == "waiting"


def test_the_end_of_a_leg_nobody_saw_is_the_middle_of_the_gap() -> None:
    story = one_queue(short_abandon=1.0)
    leg = story.caller()
    story.wait(10.0)
    last = story.now
    story.wait(20.0)
    story.happens(PbxSnapshot(at=story.now, pbx=PBX, requested_at=story.now, last_heard_at=last, legs=(), bridges=()))
    story.gone(leg, estimated=True)
    (ended,) = story.all_told(VisitEnded)
    assert (ended.at, ended.waited, ended.estimated, ended.outcome) == (last + 10.0, 20.0, True, "abandoned")
    assert story.all_told(CallEnded)[0].estimated


def test_a_talk_that_ended_unseen_is_told_as_lost_and_estimated() -> None:
    story = one_queue(agent("bob"))
    customer, leg = story.talk()
    story.wait(30.0)
    last = story.now
    story.wait(10.0)
    story.happens(PbxSnapshot(at=story.now, pbx=PBX, requested_at=story.now, last_heard_at=last, legs=(seen(leg),), bridges=()))
    story.gone(customer, estimated=True)
    (ended,) = story.all_told(TalkEnded)
    assert (ended.ended_by, ended.estimated, ended.talked) == ("lost", True, 35.0)
    assert story.state("bob") == "wrap_up"


@pytest.mark.parametrize("heard", ["customer", "agent"])
def test_a_talk_that_one_party_left_unseen_ended_then_and_not_when_the_other_is_heard_to_hang_up(heard: str) -> None:
    story = one_queue(agent("bob"))
    customer, leg = story.talk()
    story.wait(30.0)
    last = story.now
    story.wait(10.0)
    here = customer if heard == "customer" else leg
    story.happens(PbxSnapshot(at=story.now, pbx=PBX, requested_at=story.now, last_heard_at=last, legs=(seen(here),), bridges=()))
    story.gone(here)  # before the PBX has replied whether the other leg exists
    (ended,) = story.all_told(TalkEnded)
    assert (ended.ended_by, ended.estimated, ended.talked) == ("lost", True, 35.0)
    for other in {customer, leg} - {here}:
        story.gone(other, estimated=True)
    assert story.all_told(CallEnded)[0].estimated == (heard == "agent")
    assert story.state("bob") == "wrap_up"


def test_a_half_made_offer_is_hung_up_and_made_again() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    ring = story.ring()
    story.snapshot(seen(customer, entry="support"), seen(ring.leg, up=False))
    assert story.fact(OfferEnded).result == "cancelled"
    assert story.hung_up() == {ring.leg}
    assert story.orders.count(StartMusic(leg=customer, music="default")) == 1
    story.gone(ring.leg)
    assert story.rung() == ["bob"]


def test_an_agent_is_not_blamed_for_a_ring_whose_caller_was_missing_after_a_gap() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    ring = story.ring()
    story.snapshot(seen(ring.leg, up=False))
    story.wait(120.0)  # the probe is not answered: the link is gone again
    assert story.all_told(OfferEnded) == []
    story.gone(customer, estimated=True)
    assert [fact.result for fact in story.all_told(OfferEnded)] == ["cancelled"]
    story.gone(ring.leg)
    assert story.state("bob") == "ready"


def test_a_caller_who_was_missing_and_is_found_is_offered_again() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    ring = story.ring()
    story.snapshot(seen(ring.leg, up=False))
    story.happens(LegProbed(at=story.now, leg=customer, in_app=True, up=True))
    assert story.fact(OfferEnded).result == "cancelled"
    assert story.hung_up() == {ring.leg}
    story.gone(ring.leg)
    assert story.rung() == ["bob"]


def test_a_join_that_worked_unheard_begins_the_talk() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    bridge = story.pick_up(leg)
    story.snapshot(seen(customer, entry="support"), seen(leg), bridges={bridge.bridge: bridge.legs})
    assert story.state("bob") == "talking"
    assert story.tally().answered == 1


def test_a_talk_that_goes_on_is_left_alone() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    bridge = story.connect(leg)
    story.wait(10.0)
    story.snapshot(seen(customer, entry="support"), seen(leg), bridges={bridge.bridge: (customer, leg)})
    assert story.orders == [Subscribe(leg=customer), Subscribe(leg=leg)]
    assert story.facts == []


def test_talkers_out_of_their_bridge_are_put_together_again() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    bridge = story.connect(leg)
    story.snapshot(seen(customer, entry="support"), seen(leg), bridges={})
    assert story.only(Bridge) == Bridge(bridge=bridge.bridge, legs=(customer, leg), call=story.call().id)


def test_a_leg_that_was_hung_up_and_still_lives_is_hung_up_again() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    story.gone(customer)
    story.snapshot(seen(leg, up=False))
    assert story.hung_up() == {leg}


def test_a_caller_nobody_knew_is_queued_by_the_age_of_the_channel() -> None:
    story = one_queue()
    story.wait(100.0)
    story.snapshot(seen(leg_id(PBX, "old"), entry="support", created_at=story.now - 60.0))
    story.snapshot(
        seen(leg_id(PBX, "old"), entry="support", created_at=story.now - 60.0),
        seen(leg_id(PBX, "older"), entry="support", created_at=story.now - 90.0),
    )
    arrived = {fact.leg: fact.at for fact in story.all_told(CallArrived)}
    assert arrived == {leg_id(PBX, "old"): story.now - 60.0, leg_id(PBX, "older"): story.now - 90.0}
    assert all(fact.found_waiting for fact in story.all_told(CallArrived))
    story.happens(PbxSnapshot(at=story.now, pbx=PBX, requested_at=START, last_heard_at=START, legs=(), bridges=()))
    first = min(story.world.calls.values(), key=lambda call: call.visit.rank if call.visit else 0.0)
    assert first.leg == leg_id(PBX, "older")


def test_an_agents_own_consult_found_after_a_restart_is_no_customer() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    customer, leg = story.talk()
    listed = (seen(customer), seen(leg), seen(leg_id(PBX, "consult"), name="PJSIP/bob-0000002a", entry="support"))
    bridge = story.call().bridge
    assert bridge is not None
    story.snapshot(*listed, bridges={bridge: (customer, leg)})
    assert (story.tally().offered, story.rung()) == (1, [])


def test_an_agents_own_call_found_after_a_restart_is_served() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    story.snapshot(seen(leg_id(PBX, "help"), name="PJSIP/bob-0000002a", entry="support"))
    assert (story.rung(), story.state("bob")) == (["cid"], "busy_elsewhere")


def test_a_leg_of_ours_without_an_owner_is_hung_up() -> None:
    story = one_queue()
    leg = leg_id(PBX, "cb-agent-old-7")
    story.snapshot(seen(leg))
    assert story.hung_up() == {leg}
    assert story.fact(DifferenceFound).kind == "leg_without_owner"


def test_a_stray_in_our_application_goes_to_the_fallback() -> None:
    story = one_queue()
    leg = leg_id(PBX, "1700000000.5")
    story.snapshot(seen(leg))
    assert story.only(LeaveToDialplan).leg == leg


def test_a_local_half_left_over_is_hung_up() -> None:
    story = one_queue()
    leg = leg_id(PBX, "1700000000.6")
    story.snapshot(seen(leg, name="Local/8005@transfers-00000001;1"))
    assert HangUp(leg=leg) in story.orders


def test_a_bridge_without_a_call_is_dropped_and_one_with_a_call_is_not() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    bridge = story.connect(leg)
    story.snapshot(seen(customer, entry="support"), seen(leg), bridges={bridge.bridge: (customer, leg), "cb-bridge-old-1": ()})
    assert [order.bridge for order in story.orders if isinstance(order, DropBridge)] == ["cb-bridge-old-1"]


def test_the_snapshot_of_one_pbx_says_nothing_about_another() -> None:
    story = one_queue()
    story.caller()
    story.wait(1.0)
    story.happens(PbxSnapshot(at=story.now, pbx="other", requested_at=story.now, last_heard_at=story.now, legs=(), bridges=()))
    assert story.orders == []


def test_a_session_lost_with_the_pbx_is_made_again() -> None:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP))
    session = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.wait(10.0)
    story.happens(PbxLost(at=story.now, pbx=PBX))
    story.snapshot()
    rings = story.rung()
    story.gone(session, estimated=True)
    rings += story.rung()
    assert rings == ["bob"]


def test_that_another_client_opened_our_application_is_told_and_changes_nothing() -> None:
    story = one_queue()
    story.caller()
    before = dict(story.world.calls.rows())
    story.happens(ApplicationTaken(at=story.now, pbx=PBX))
    assert [fact.pbx for fact in story.all_told(ApplicationReplaced)] == [PBX]
    assert dict(story.world.calls.rows()) == before
