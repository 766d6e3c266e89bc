"""Offers: how a phone rings for a caller, and all that may come of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    AgentRequest,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegLeft,
    LegMoved,
    LegRinging,
    PbxLost,
    PlaybackEnded,
    SeenLeg,
    Why,
)
from callbridge.core.model.facts import AgentChanged, OfferEnded, OfferMade, OrderGivenUp, TalkBegan, VisitEnded
from callbridge.core.model.orders import Bridge, DropBridge, HangUp, LeaveToDialplan, Play, Probe, Ring, ShowCaller, StartMusic
from callbridge.core.model.plan import AUTO_ANSWER, ConnectMode, Headers, Penalty, PhoneRules
from tests.core.story import PBX, START, Story, agent, one_queue, plan, queue


def test_a_phone_rings_with_the_callers_number_and_name_and_a_safety_net() -> None:
    story = one_queue(agent("bob"), ring_for=15.0)
    customer = story.caller("ann")
    ring = story.ring()
    assert (ring.phone, ring.originator, ring.number, ring.name) == ("PJSIP/bob", customer, "+44", "ann")
    assert (ring.give_up, ring.auto_answer, ring.role) == (20.0, False, "agent")
    assert story.state("bob") == "ringing"


def test_a_phone_that_is_asked_to_answer_by_itself_is_told_so() -> None:
    story = one_queue(agent("bob", connect=ConnectMode.AUTO_ANSWER))
    story.caller("ann")
    assert story.ring().auto_answer
    assert story.ring().headers == AUTO_ANSWER


@pytest.mark.parametrize(("own", "sent"), [((), (("Alert-Info", "all"),)), ((("Alert-Info", "own"),), (("Alert-Info", "own"),))])
def test_the_headers_are_the_agents_own_or_those_of_all_phones(own: Headers, sent: Headers) -> None:
    bob = replace(agent("bob", connect=ConnectMode.AUTO_ANSWER), auto_answer=own)
    story = Story(replace(plan([queue("support")], [bob]), phones=PhoneRules(auto_answer=(("Alert-Info", "all"),))))
    story.caller("ann")
    assert story.ring().headers == sent


def test_a_phone_that_is_to_ring_gets_no_headers() -> None:
    bob = replace(agent("bob"), auto_answer=(("Alert-Info", "own"),))
    story = Story(plan([queue("support")], [bob]))
    story.caller("ann")
    assert story.ring().headers == ()


def test_talk_begins_when_both_are_in_the_bridge_and_not_before() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller("ann")
    leg = story.ring().leg
    story.wait(4.0)
    bridge = story.pick_up(leg)
    assert bridge.legs == (customer, leg)
    story.wait(1.0)
    story.happens(LegJoined(at=story.now, leg=leg, bridge=bridge.bridge))
    assert story.tally().answered == 0
    story.happens(LegJoined(at=story.now, leg=customer, bridge=bridge.bridge))
    assert (story.fact(VisitEnded).outcome, story.fact(VisitEnded).waited, story.fact(TalkBegan).waited) == ("answered", 5.0, 5.0)
    assert (story.fact(OfferEnded).result, story.fact(OfferEnded).rang_for) == ("answered", 4.0)
    assert story.state("bob") == "talking"


@pytest.mark.parametrize(("waited", "within"), [(19.0, 1), (20.0, 1), (20.5, 0)])
def test_the_service_level_counts_waits_up_to_the_target(waited: float, within: int) -> None:
    story = one_queue(agent("bob"), ring_for=60.0)
    story.caller("ann")
    leg = story.ring().leg
    story.wait(waited)
    story.connect(leg)
    assert (story.tally().answered, story.tally().within_target) == (1, within)


def test_an_agent_who_does_not_answer_loses_the_call_and_is_made_not_ready() -> None:
    story = one_queue(agent("bob"), agent("cid"), ring_for=15.0)
    story.caller("ann")
    ring = story.ring()
    story.happens(LegRinging(at=story.now, leg=ring.leg))
    story.wait(15.0)
    assert story.fact(OfferEnded).result == "no_answer"
    assert HangUp(leg=ring.leg, reason="no_answer") in story.orders
    assert story.state(ring.agent) == "not_ready rona"
    assert story.rung() == [({"bob", "cid"} - {ring.agent}).pop()], "the caller keeps the place and goes on at once"


def test_a_phone_that_never_rang_was_offline_and_nobody_is_blamed() -> None:
    story = one_queue(agent("bob"), ring_for=15.0)
    story.caller("ann")
    story.wait(15.0)
    assert story.fact(OfferEnded).result == "offline"
    assert story.state("bob") == "ready"


CAUSES = [
    (19, "unavailable"),
    (18, "offline"),
    (17, "rejected"),
    (21, "rejected"),
    (16, "rejected"),
    (1, "misconfigured"),
    (34, "offline"),
    (38, "offline"),
    (23, "offline"),
    (0, "offline"),
]


def test_a_phone_that_began_to_ring_late_rings_for_its_whole_time() -> None:
    story = one_queue(agent("bob"), ring_for=10.0)
    story.caller()
    leg = story.ring().leg
    story.wait(3.0)
    story.happens(LegRinging(at=story.now, leg=leg))
    story.wait(9.9)
    assert story.state("bob") == "ringing"
    story.wait(0.2)
    assert story.state("bob") == "not_ready rona"


def test_a_phone_that_began_to_ring_very_late_is_not_waited_for_longer_than_the_pbx_does() -> None:
    story = one_queue(agent("bob"), ring_for=10.0)
    story.caller()
    ring = story.ring()
    story.wait(9.0)
    story.happens(LegRinging(at=story.now, leg=ring.leg))
    story.wait(ring.give_up - 9.0 - 0.5)
    assert story.state("bob") == "not_ready rona"


@pytest.mark.parametrize(("cause", "result"), CAUSES)
def test_the_cause_of_a_ringing_legs_end_says_how_the_offer_ended(cause: int, result: str) -> None:
    story = one_queue(agent("bob"), agent("cid"))
    story.caller("ann")
    story.gone(story.ring().leg, cause)
    assert (story.fact(OfferEnded).result, story.fact(OfferEnded).cause) == (result, cause)
    assert len(story.rung()) == 1, "the next agent rings at once"


POLICIES = [("no_answer", 19), ("rejected", 21), ("offline", 34)]


def ends(story: Story, cause: int) -> None:
    """The phone has rung for most of the ring time; then its leg ends."""
    leg = story.ring().leg
    story.happens(LegRinging(at=story.now, leg=leg))
    story.wait(10.0)
    story.gone(leg, cause)


@pytest.mark.parametrize(("field", "cause"), POLICIES)
def test_each_result_has_a_policy_of_its_own_to_rest_the_agent(field: str, cause: int) -> None:
    nothing = {name: Penalty() for name, _ in POLICIES}
    story = one_queue(agent("bob"), **{**nothing, field: Penalty(rest=7.0)})
    story.caller("ann")
    ends(story, cause)
    assert story.state("bob") == "ready"
    story.wait(6.9)
    assert story.rung() == []
    story.wait(0.2)
    assert story.rung() == ["bob"]


@pytest.mark.parametrize(("field", "cause"), POLICIES)
def test_each_result_has_a_policy_of_its_own_to_pause_the_agent(field: str, cause: int) -> None:
    nothing = {name: Penalty() for name, _ in POLICIES}
    story = one_queue(agent("bob"), **{**nothing, field: Penalty(not_ready="oops", return_after=30.0)})
    story.caller("ann")
    ends(story, cause)
    assert story.state("bob") == "not_ready oops"
    story.wait(29.9)
    assert story.rung() == []
    story.wait(0.2)
    assert (story.state("bob"), story.rung()) == ("ringing", ["bob"])


@pytest.mark.parametrize(("field", "cause"), POLICIES)
def test_without_a_penalty_the_same_agent_is_rung_again(field: str, cause: int) -> None:
    story = one_queue(agent("bob"), **{field: Penalty()})
    story.caller("ann")
    ends(story, cause)
    assert story.rung() == ["bob"]


def test_a_pause_that_the_agent_asked_for_is_not_ended_by_the_automatic_return() -> None:
    story = one_queue(agent("bob"), ring_for=10.0, no_answer=Penalty(not_ready="rona", return_after=30.0))
    leg = story.caller("ann")
    story.wait(10.0)
    story.ask("bob", AgentRequest.NOT_READY, "lunch")
    story.gone(leg)
    story.wait(60.0)
    assert story.state("bob") == "not_ready lunch"


def test_ready_ends_the_forced_pause_early_and_for_good() -> None:
    story = one_queue(agent("bob"), ring_for=10.0, no_answer=Penalty(not_ready="rona", return_after=30.0))
    story.caller("ann")
    ring = story.ring()
    story.wait(10.0)
    story.gone(ring.leg, 26)
    story.ask("bob", AgentRequest.READY)
    assert story.rung() == ["bob"]


def test_ready_ends_a_rest() -> None:
    story = one_queue(agent("bob"), rejected=Penalty(rest=60.0))
    story.caller("ann")
    story.gone(story.ring().leg, 21)
    story.ask("bob", AgentRequest.READY)
    assert story.rung() == ["bob"]


@pytest.mark.parametrize("event", [LegLeft, LegEnded])
def test_the_phone_stops_at_once_when_the_caller_goes(event: type[LegLeft] | type[LegEnded]) -> None:
    story = one_queue(agent("bob"))
    customer = story.caller("ann")
    leg = story.ring().leg
    story.wait(3.0)
    story.happens(event(at=story.now, leg=customer))
    assert story.hung_up() == {leg}
    assert (story.fact(OfferEnded).result, story.fact(OfferEnded).rang_for) == ("cancelled", 3.0)
    assert story.state("bob") == "ready"


def test_the_agent_of_a_cancelled_offer_is_free_when_the_leg_is_really_gone() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller("ann")
    leg = story.ring().leg
    story.gone(customer)
    story.caller("eve")
    assert story.rung() == []
    story.gone(leg, 26)
    assert story.rung() == ["bob"]


def test_a_late_answer_of_a_cancelled_leg_is_hung_up_again_and_never_bridged() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller("ann")
    leg = story.ring().leg
    story.gone(customer)
    for event in (LegRinging, LegAnswered):
        story.happens(event(at=story.now, leg=leg))
        assert story.orders == [HangUp(leg=leg)]


def test_an_answer_in_the_same_moment_as_the_hang_up_frees_the_agent_within_a_second() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller("ann")
    leg = story.ring().leg
    story.pick_up(leg)
    story.happens(LegLeft(at=story.now, leg=customer))
    assert story.hung_up() == {leg}
    story.gone(customer)
    story.caller("eve")
    story.wait(0.9)
    story.gone(leg)
    assert story.rung() == ["bob"]
    assert story.tally().short_abandoned == 1


def test_an_answer_after_the_time_out_is_too_late() -> None:
    story = one_queue(agent("bob"), ring_for=10.0)
    story.caller("ann")
    leg = story.ring().leg
    story.wait(10.0)
    story.happens(LegAnswered(at=story.now, leg=leg))
    assert story.orders == [HangUp(leg=leg)]
    assert story.tally().answered == 0


def test_a_hang_up_that_is_not_confirmed_is_repeated_and_asked_about() -> None:
    story = one_queue(agent("bob"), ring_for=10.0)
    leg = story.caller("ann") and story.ring().leg
    story.wait(10.0)
    repeated = [order for order in story.wait(20.0) if isinstance(order, HangUp) and order.leg == leg]
    assert len(repeated) >= 4


def test_an_agent_who_hangs_up_before_the_bridge_stands_has_rejected() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    customer = story.caller("ann")
    ring = story.ring()
    bridge = story.pick_up(ring.leg)
    story.happens(LegJoined(at=story.now, leg=customer, bridge=bridge.bridge))
    story.gone(ring.leg)
    assert story.fact(OfferEnded).result == "rejected"
    assert StartMusic(leg=customer, music="default") in story.orders
    assert [order.bridge for order in story.orders if isinstance(order, DropBridge)] == [bridge.bridge]
    assert story.rung() == [({"bob", "cid"} - {ring.agent}).pop()]


@pytest.mark.parametrize("status", [400, 422])
def test_an_agent_who_is_gone_when_the_bridge_is_ordered_has_rejected(status: int) -> None:
    """The refusal of the bridge may arrive before the end of the leg that is its reason."""
    story = one_queue(agent("bob"), agent("cid"))
    story.caller("ann")
    ring = story.ring()
    story.fails(story.pick_up(ring.leg), status=status)
    assert (story.all_told(OfferEnded), story.rung()) == ([], []), "who hung up is not known yet"
    story.wait(0.1)
    story.gone(ring.leg)
    assert story.fact(OfferEnded).result == "rejected"
    assert story.rung() == [({"bob", "cid"} - {ring.agent}).pop()]
    assert story.all_told(OrderGivenUp) == []


def test_a_caller_who_is_gone_when_the_bridge_is_ordered_lets_no_other_phone_ring() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    customer = story.caller("ann")
    story.fails(story.pick_up(story.ring().leg), status=400)
    story.gone(customer)
    assert (story.fact(OfferEnded).result, story.rung()) == ("cancelled", [])
    assert story.tally().answered == 0


def test_a_refused_bridge_without_the_end_of_a_leg_is_tried_again_soon() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    customer = story.caller("ann")
    ring = story.ring()
    story.fails(story.pick_up(ring.leg), status=400)
    asked = {order.leg for order in story.wait(0.3) if isinstance(order, Probe)}
    assert asked == {customer, ring.leg}
    story.wait(0.3)
    assert story.fact(OfferEnded).result == "cancelled"
    assert len(story.all_told(OrderGivenUp)) == 1
    assert len(story.rung()) == 1


def test_a_bridge_that_never_stands_is_tried_again_and_in_the_end_the_caller_goes_to_the_fallback() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller("ann")
    for _ in range(3):
        leg = story.ring().leg
        story.pick_up(leg)
        story.wait(5.0)
        ends = story.orders
        story.gone(leg)
    assert [order.leg for order in ends if isinstance(order, LeaveToDialplan)] == [customer]
    assert len(story.all_told(OrderGivenUp)) == 3
    assert story.tally().failed == 1
    story.happens(LegMoved(at=story.now, leg=customer))
    assert story.state("bob") == "ready"


def test_one_offer_at_a_time_for_each_caller_though_many_agents_are_free() -> None:
    story = one_queue(*[agent(name) for name in ("bob", "cid", "dan")])
    story.caller("ann")
    assert len(story.rung()) == 1


def test_the_offer_tells_the_handover_only_when_the_caller_waited_for_the_agent() -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk("ann")
    assert story.all_told(OfferMade)[0].waited == 0.0
    story.caller("eve")
    story.wait(10.0)
    story.gone(customer)
    story.gone(leg)
    assert story.fact(OfferMade).freed_at == story.now


def test_music_owed_is_never_paid_into_a_bridge() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller("ann")
    leg = story.ring().leg
    story.fails(StartMusic(leg=customer, music="default"))
    story.wait(0.9)
    story.pick_up(leg)
    story.wait(0.2)
    assert StartMusic(leg=customer, music="default") not in story.orders


# -- nailed-up ------------------------------------------------------------------------------------------------------


def nailed(**more: object) -> tuple[Story, Ring]:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP), **more)
    session = story.ring()
    story.happens(LegAnswered(at=story.now, leg=session.leg))
    return story, session


def test_a_nailed_up_agent_is_rung_once_at_log_in_and_is_offline_until_the_answer() -> None:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP))
    session = story.ring()
    assert (session.role, session.phone) == ("session", "PJSIP/bob")
    story.caller("ann")
    assert (story.state("bob"), story.rung()) == ("offline", [])
    story.happens(LegAnswered(at=story.now, leg=session.leg))
    assert story.only(Play).leg == session.leg


def test_a_nailed_up_agent_hears_a_beep_and_then_the_caller() -> None:
    story, session = nailed()
    customer = story.caller("ann")
    beep = story.only(Play)
    assert (beep.leg, beep.media) == (session.leg, "sound:beep")
    story.happens(PlaybackEnded(at=story.now, leg=session.leg, playback=beep.playback, failed=False))
    bridge = story.only(Bridge)
    assert bridge.legs == (customer, session.leg)
    assert story.only(ShowCaller).leg == session.leg, "the line was not rung for this caller"
    story.join(bridge)
    assert story.state("bob") == "talking"


@pytest.mark.parametrize("how", ["never ends", "failed", "refused", "lost"])
def test_a_beep_that_goes_wrong_still_brings_the_caller(how: str) -> None:
    story, session = nailed()
    story.caller("ann")
    beep = story.only(Play)
    match how:
        case "never ends":
            story.wait(3.0)
        case "failed":
            story.happens(PlaybackEnded(at=story.now, leg=session.leg, playback=beep.playback, failed=True))
        case "refused":
            story.fails(beep)
        case _:
            story.fails(beep, Why.TIMEOUT)
    assert session.leg in story.only(Bridge).legs


def test_the_session_outlives_the_call() -> None:
    story, session = nailed(wrap_up=0.0)
    customer = story.caller("ann")
    story.wait(3.0)
    story.join(story.only(Bridge))
    story.gone(customer)
    assert session.leg not in story.hung_up()
    assert story.state("bob") == "ready"
    story.caller("eve")
    assert story.only(Play).leg == session.leg


def test_a_caller_who_goes_during_the_beep_leaves_the_agent_free_at_once() -> None:
    story, session = nailed()
    customer = story.caller("ann")
    story.gone(customer)
    assert story.hung_up() == set()
    story.caller("eve")
    assert story.only(Play).leg == session.leg


def test_a_session_that_ends_during_the_beep_gives_the_caller_back() -> None:
    story, session = nailed()
    story.caller("ann")
    story.gone(session.leg)
    assert story.fact(OfferEnded).result == "offline"
    assert story.state("bob") == "offline"


def test_a_session_that_ends_between_the_beep_and_the_bridge_gives_the_caller_back() -> None:
    """The line is gone, as during the beep: the agent has rejected nobody."""
    story, session = nailed()
    story.caller("ann")
    story.wait(3.0)
    assert session.leg in story.only(Bridge).legs
    story.gone(session.leg)
    assert story.fact(OfferEnded).result == "offline"
    assert story.state("bob") == "offline"


def test_the_end_of_an_older_beep_is_not_the_end_of_this_one() -> None:
    story, session = nailed()
    customer = story.caller("ann")
    first = story.only(Play)
    story.gone(customer)
    story.caller("eve")
    story.happens(PlaybackEnded(at=story.now, leg=session.leg, playback=first.playback, failed=False))
    assert story.orders == []


def test_a_session_that_nobody_answers_leaves_the_agent_offline() -> None:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP))
    story.gone(story.ring().leg, 19)
    assert story.state("bob") == "offline"
    story.ask("bob", AgentRequest.READY)
    assert story.ring().role == "session"


def test_the_state_ringing_is_told_with_its_call() -> None:
    story = one_queue(agent("bob"))
    story.caller("ann")
    assert (story.fact(AgentChanged).state, story.fact(AgentChanged).call) == ("ringing", story.call().id)


def unanswered_bridge() -> tuple[Story, Bridge]:
    """Both are there, and the PBX does not reply to the order that connects them."""
    story = one_queue(agent("bob"), agent("cid"))
    story.caller()
    bridge = story.pick_up(story.ring().leg)
    story.fails(bridge, Why.TIMEOUT)
    return story, bridge


def test_a_bridge_whose_reply_was_lost_is_used_when_the_legs_enter_it() -> None:
    story, bridge = unanswered_bridge()
    story.join(bridge)
    assert story.call().phase is Phase.TALKING
    assert not [order for order in story.sent if isinstance(order, DropBridge | HangUp)]


def test_a_bridge_whose_reply_was_lost_and_that_nobody_enters_is_given_up_after_a_second() -> None:
    story, bridge = unanswered_bridge()
    story.wait(1.0)
    assert story.only(DropBridge).bridge == bridge.bridge
    assert story.state("bob") != "talking"
    assert story.rung()


def test_a_bridge_whose_reply_was_lost_with_the_link_is_used_if_the_next_snapshot_shows_it() -> None:
    story, bridge = unanswered_bridge()
    story.happens(PbxLost(at=story.now, pbx=PBX))
    assert story.wait(20.0) == []
    found = [SeenLeg(leg=leg, name=f"PJSIP/x-{index}", up=True, created_at=START) for index, leg in enumerate(bridge.legs)]
    story.snapshot(*found, bridges={bridge.bridge: bridge.legs})
    assert story.call().phase is Phase.TALKING
    assert not [order for order in story.sent if isinstance(order, DropBridge | HangUp)]
