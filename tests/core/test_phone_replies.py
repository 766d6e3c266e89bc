"""What a phone says to an INVITE: nothing at all, or "not available", at once or after it has rung; and do not disturb."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import (
    AgentRequest,
    CallRequest,
    CallRequested,
    DeviceChanged,
    DevicesListed,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegProbed,
    LegRinging,
)
from callbridge.core.model.facts import AgentAlerted, AgentChanged, OfferEnded, TransferEnded
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import HangUp, Probe
from callbridge.core.model.plan import AgentPlan, Penalty, PhoneRules, ToAgent
from tests.core.story import PBX, Story, agent, one_queue, plan, queue

RING_FOR = 15.0


def told_of(*agents: AgentPlan, rules: PhoneRules) -> Story:
    """The queue ``support`` under these rules for phones."""
    return Story(replace(plan([queue("support", ring_for=RING_FOR)], list(agents)), phones=rules))


def rung(story: Story) -> LegId:
    """A phone is dialled: the leg is there."""
    leg = story.ring().leg
    story.happens(LegEntered(at=story.now, leg=leg))
    return leg


def probed(story: Story, leg: LegId, *, replied: bool | None) -> None:
    story.happens(LegProbed(at=story.now, leg=leg, in_app=True, up=False, replied=replied))


def silent(story: Story) -> LegId:
    """The phone that was just dialled says nothing."""
    leg = rung(story)
    story.wait(2.0)
    assert story.only(Probe) == Probe(leg=leg, replies=True)
    probed(story, leg, replied=False)
    return leg


def alerts(story: Story) -> list[tuple[str, str]]:
    return [(alert.agent, alert.kind) for alert in story.all_told(AgentAlerted)]


def test_a_phone_that_says_nothing_is_silent_and_the_next_agent_rings_at_once() -> None:
    story = one_queue(agent("bob"), agent("cid"), ring_for=RING_FOR)
    story.caller()
    first = story.ring().agent
    leg = silent(story)
    ended = story.fact(OfferEnded)
    assert (ended.agent, ended.result, ended.trouble, ended.rang_for) == (first, "offline", "silent", 2.0)
    assert HangUp(leg=leg) in story.orders
    assert story.rung() == [({"bob", "cid"} - {first}).pop()]
    assert story.state(first) == "offline silent", "no ring on no answer"
    assert alerts(story) == [(first, "phone_silent")]


def test_a_phone_that_says_100_has_the_whole_ring_time() -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    leg = rung(story)
    story.wait(2.0)
    probed(story, leg, replied=True)
    assert story.all_told(OfferEnded) == []
    assert story.wait(10.0) == [], "and is asked about no more"
    story.happens(LegRinging(at=story.now, leg=leg))
    story.wait(3.0)
    assert story.state("bob") == "ringing", "it began late"
    story.wait(4.0)
    assert story.state("bob") == "not_ready rona"


def test_a_pbx_that_cannot_say_whether_the_phone_replied_leaves_it_the_whole_ring_time() -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    probed(story, rung(story), replied=None)
    story.wait(14.9)
    assert story.all_told(OfferEnded) == []
    story.wait(0.2)
    assert story.fact(OfferEnded).trouble == ""


@pytest.mark.parametrize("sign", [LegRinging, LegAnswered])
def test_a_phone_that_rings_or_answers_in_time_is_not_asked_about(sign: type[LegRinging] | type[LegAnswered]) -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    leg = rung(story)
    story.wait(1.9)
    story.happens(sign(at=story.now, leg=leg))
    assert [order for order in story.wait(2.0) if isinstance(order, Probe)] == []


def test_an_answer_that_was_heard_before_the_reply_to_our_question_counts() -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    leg = rung(story)
    story.wait(2.0)
    story.happens(LegRinging(at=story.now, leg=leg))
    probed(story, leg, replied=False)
    assert story.all_told(OfferEnded) == []


def test_the_question_is_asked_again_when_nobody_answers_it() -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    leg = rung(story)
    story.wait(2.0)
    assert story.wait(1.0) == [Probe(leg=leg, replies=True)]


def test_zero_gives_phones_the_whole_ring_time() -> None:
    story = told_of(agent("bob"), rules=PhoneRules(silent_after=0.0))
    story.caller()
    rung(story)
    assert story.wait(14.9) == []


def test_who_is_reached_by_no_sip_phone_is_never_silent() -> None:
    story = one_queue(agent("bob", phone="Local/0171@mobiles"), ring_for=RING_FOR)
    story.caller()
    rung(story)
    assert story.wait(14.9) == []


def resting() -> Story:
    """Bob's phone has just been silent; the caller waits."""
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    says(story, "NOT_INUSE")
    story.caller()
    leg = silent(story)
    story.gone(leg)
    return story


def says(story: Story, state: str, phone: str = "PJSIP/bob") -> None:
    story.happens(DeviceChanged(at=story.now, phone=phone, state=state))


def test_a_silent_phone_is_tried_again_after_a_while_and_its_alert_is_told_once() -> None:
    story = resting()
    story.wait(29.9)
    assert story.state("bob") == "offline silent"
    story.wait(0.2)
    silent(story)
    assert alerts(story) == [("bob", "phone_silent")]
    story.wait(31.0)
    assert story.state("bob") == "offline silent", "twice as long"


def test_a_silent_phone_that_answers_again_is_forgotten() -> None:
    story = resting()
    story.wait(30.1)
    leg = rung(story)
    story.connect(leg)
    bob = story.world.agents["bob"]
    assert (bob.trouble, bob.trouble_until, bob.misses) == ("", 0.0, 0)


@pytest.mark.parametrize("state", ["INUSE", "RINGING", "UNAVAILABLE"])
def test_a_silent_phone_that_moves_in_the_pbx_is_back_at_once(state: str) -> None:
    story = resting()
    story.wait(1.0)
    says(story, state)
    says(story, "NOT_INUSE")
    assert story.rung() == ["bob"]


def test_our_own_call_to_a_silent_phone_is_no_sign_of_life() -> None:
    story = resting()
    story.wait(0.1)
    says(story, "INUSE")
    says(story, "NOT_INUSE")
    assert story.rung() == []
    assert story.state("bob") == "offline silent"


def test_an_agent_with_a_silent_phone_who_asks_to_be_ready_is() -> None:
    story = resting()
    story.ask("bob", AgentRequest.READY)
    assert story.rung() == ["bob"]


def test_a_transfer_to_a_silent_phone_comes_back_and_the_phone_gets_no_offer() -> None:
    story = one_queue(agent("bob"), agent("cid", {"other": 1}), ring_for=RING_FOR)
    _, bobs = story.talk()
    call = story.call().id
    story.happens(CallRequested(at=story.now, call=call, request=CallRequest.TRANSFER, to=ToAgent("cid"), by="bob"))
    ringing = story.orders
    story.gone(bobs)
    story.orders = ringing
    silent(story)
    assert story.fact(TransferEnded).result == "offline"
    assert story.state("cid") == "offline silent"


@pytest.mark.parametrize(
    ("cause", "after", "rang", "result", "state"),
    [
        (19, 0.1, False, "unavailable", "busy_elsewhere dnd"),
        (19, 0.1, True, "unavailable", "busy_elsewhere dnd"),
        (19, 7.4, True, "unavailable", "busy_elsewhere dnd"),
        (19, 7.6, True, "no_answer", "not_ready rona"),
        (19, 14.0, False, "offline", "ready"),
        (18, 0.1, True, "offline", "ready"),
        (18, 7.6, True, "no_answer", "not_ready rona"),
    ],
)
def test_a_ring_on_no_answer_needs_a_phone_that_has_rung(cause: int, after: float, rang: bool, result: str, state: str) -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    leg = story.ring().leg
    if rang:
        story.happens(LegRinging(at=story.now, leg=leg))
    story.wait(after)
    story.gone(leg, cause)
    ended = story.fact(OfferEnded)
    assert (ended.result, ended.cause, ended.trouble) == (result, cause, "dnd" if result == "unavailable" else "")
    assert story.state("bob") == state


def test_a_phone_on_do_not_disturb_is_tried_again_after_the_queues_rest_without_an_alert() -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR, rejected=Penalty(rest=10.0))
    story.caller()
    story.gone(story.ring().leg, 19)
    story.wait(9.9)
    assert story.state("bob") == "busy_elsewhere dnd"
    story.wait(0.2)
    assert story.rung() == ["bob"]
    assert alerts(story) == []


def test_do_not_disturb_is_a_pause_where_the_site_says_so() -> None:
    story = told_of(agent("bob"), rules=PhoneRules(pause_on_dnd=True))
    story.caller()
    story.gone(story.ring().leg, 19)
    assert story.state("bob") == "not_ready dnd"
    story.wait(3600.0)
    story.ask("bob", AgentRequest.READY)
    assert story.rung() == ["bob"]


DND = "Custom:DND1001"


@pytest.mark.parametrize("on", ["BUSY", "INUSE"])
def test_do_not_disturb_in_the_pbx_keeps_calls_from_the_phone_until_it_is_off(on: str) -> None:
    story = one_queue(agent("bob", phone="PJSIP/1001"))
    says(story, on, DND)
    assert story.state("bob") == "busy_elsewhere dnd"
    story.caller()
    assert story.rung() == []
    says(story, "NOT_INUSE", DND)
    assert story.rung() == ["bob"]
    assert [fact.reason for fact in story.all_told(AgentChanged) if fact.state == "busy_elsewhere"] == ["dnd"]


def test_do_not_disturb_in_the_pbx_is_a_pause_that_ends_with_it() -> None:
    story = told_of(agent("bob", phone="PJSIP/1001"), rules=PhoneRules(pause_on_dnd=True))
    says(story, "BUSY", DND)
    assert story.state("bob") == "not_ready dnd"
    says(story, "NOT_INUSE", DND)
    assert story.state("bob") == "ready"


def test_a_pause_for_another_reason_is_not_ended_by_do_not_disturb() -> None:
    story = told_of(agent("bob", phone="PJSIP/1001"), rules=PhoneRules(pause_on_dnd=True))
    story.ask("bob", AgentRequest.NOT_READY, "lunch")
    says(story, "BUSY", DND)
    says(story, "NOT_INUSE", DND)
    assert story.state("bob") == "not_ready lunch"


def test_do_not_disturb_of_the_phone_that_is_in_force_counts() -> None:
    story = one_queue(agent("bob", phone="PJSIP/1001"))
    says(story, "BUSY", "Custom:DND2002")
    assert story.state("bob") == "ready"
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/2002")
    assert story.state("bob") == "busy_elsewhere dnd"
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/1001")
    assert story.state("bob") == "ready"


def test_a_listing_at_connect_tells_do_not_disturb() -> None:
    story = one_queue(agent("bob", phone="SIP/1001"))
    story.happens(DevicesListed(at=story.now, states={"SIP/1001": "NOT_INUSE", DND: "BUSY"}))
    assert story.state("bob") == "busy_elsewhere dnd"
    story.happens(DevicesListed(at=story.now, states={"SIP/1001": "NOT_INUSE", DND: "NOT_INUSE"}))
    assert story.state("bob") == "ready"


# -- phones that are not set up to be called --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "sip", "trouble"),
    [
        (58, 488, "no_common_codec"),
        (58, None, "no_common_codec"),
        (127, 415, "no_media"),
        (127, None, "no_media"),
        (21, 401, "authentication"),
        (21, 403, "authentication"),
        (21, 407, "authentication"),
        (1, 404, "unknown_endpoint"),
        (1, None, "unknown_endpoint"),
    ],
)
def test_a_fault_of_the_configuration_is_named_in_offer_state_and_one_alert(cause: int, sip: int | None, trouble: str) -> None:
    story = one_queue(agent("bob"), agent("cid"), ring_for=RING_FOR)
    story.caller()
    ring = story.ring()
    story.happens(LegEnded(at=story.now, leg=ring.leg, cause=cause, sip=sip))
    ended = story.fact(OfferEnded)
    assert (ended.result, ended.cause, ended.trouble) == ("misconfigured", cause, trouble)
    assert story.state(ring.agent) == f"offline {trouble}"
    assert len(story.rung()) == 1, "the next agent rings at once"
    assert [(alert.kind, alert.reason) for alert in story.all_told(AgentAlerted)] == [("phone_misconfigured", trouble)]


@pytest.mark.parametrize(("cause", "sip", "result"), [(21, 603, "rejected"), (21, None, "rejected"), (127, 482, "offline")])
def test_what_is_no_fault_of_the_configuration_is_not_called_one(cause: int, sip: int | None, result: str) -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    story.happens(LegEnded(at=story.now, leg=story.ring().leg, cause=cause, sip=sip))
    assert (story.fact(OfferEnded).result, story.fact(OfferEnded).trouble) == (result, "")


@pytest.mark.parametrize("joined", [False, True])
def test_a_phone_that_answers_without_media_has_not_answered(joined: bool) -> None:
    story = one_queue(agent("bob"), agent("cid"), ring_for=RING_FOR, short_talk=1.0)
    story.caller()
    leg = story.ring().leg
    bridge = story.pick_up(leg)
    if joined:
        story.join(bridge)
    story.gone(leg, 127)
    assert (story.fact(OfferEnded).result, story.fact(OfferEnded).trouble) == ("misconfigured", "no_media")
    assert len(story.rung()) == 1


def test_the_alert_of_a_misconfigured_phone_is_told_again_only_when_it_has_worked_meanwhile() -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    story.gone(story.ring().leg, 58)
    story.wait(30.1)
    story.gone(story.ring().leg, 58)
    assert alerts(story) == [("bob", "phone_misconfigured")]
    story.wait(60.1)
    story.connect(story.ring().leg)
    story.gone(leg_id(PBX, "ann"))
    story.gone(story.world.agents["bob"].leg or leg_id(PBX, ""))
    story.wait(60.0)
    story.caller("eve")
    story.gone(story.ring().leg, 58)
    assert alerts(story) == [("bob", "phone_misconfigured")] * 2


@pytest.mark.parametrize(
    ("states", "result"),
    [({"PJSIP/cid": "NOT_INUSE"}, "misconfigured"), ({"PJSIP/bob": "NOT_INUSE"}, "offline"), ({}, "offline")],
)
def test_an_endpoint_that_the_pbx_does_not_have_is_named_as_such(states: dict[str, str], result: str) -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.happens(DevicesListed(at=story.now, states=states))
    story.caller()
    story.fails(story.ring())
    assert story.fact(OfferEnded).result == result
