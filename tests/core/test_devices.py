"""Phones: offline, in use elsewhere, and the half second in which a phone may still show our own call."""

from __future__ import annotations

import pytest

from callbridge.core.model.events import AgentRequest, AgentRequested, DeviceChanged, DevicesListed, PhoneInspected
from callbridge.core.model.facts import AgentChanged, OfferEnded
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import InspectPhone, Ring
from callbridge.core.model.plan import ConnectMode
from tests.core.story import PBX, Story, agent, one_queue


def says(story: Story, state: str, phone: str = "PJSIP/bob") -> None:
    story.happens(DeviceChanged(at=story.now, phone=phone, state=state))


@pytest.mark.parametrize(
    ("device", "state"),
    [
        ("NOT_INUSE", "ready"),
        ("UNKNOWN", "ready"),
        ("", "ready"),
        ("SOMETHING_NEW", "ready"),
        ("INUSE", "busy_elsewhere"),
        ("BUSY", "busy_elsewhere"),
        ("RINGING", "busy_elsewhere"),
        ("RINGINUSE", "busy_elsewhere"),
        ("ONHOLD", "busy_elsewhere"),
        ("UNAVAILABLE", "offline"),
        ("INVALID", "offline"),
    ],
)
def test_a_phones_state_shows_in_an_idle_agents_state(device: str, state: str) -> None:
    story = one_queue(agent("bob"))
    says(story, device)
    assert story.state("bob") == state


@pytest.mark.parametrize("device", ["INUSE", "UNAVAILABLE"])
def test_trouble_of_the_phone_never_changes_the_intent(device: str) -> None:
    story = one_queue(agent("bob"))
    says(story, device)
    says(story, "NOT_INUSE")
    assert story.state("bob") == "ready"


@pytest.mark.parametrize("device", ["RINGING", "INUSE", "ONHOLD", "BUSY"])
def test_our_own_call_is_not_elsewhere(device: str) -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    says(story, device)
    story.gone(customer)
    story.gone(leg)
    assert story.state("bob") == "ready"


@pytest.mark.parametrize("first_gone", ["customer", "agent"])
def test_in_the_half_second_after_our_leg_a_late_in_use_is_not_believed(first_gone: str) -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    for gone in (customer, leg) if first_gone == "customer" else (leg, customer):
        story.gone(gone)
    story.wait(0.1)
    says(story, "INUSE")
    assert story.state("bob") == "ready"


@pytest.mark.parametrize("first_gone", ["customer", "agent"])
def test_a_phone_still_in_use_after_half_a_second_is_looked_at(first_gone: str) -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    says(story, "INUSE")
    for gone in (customer, leg) if first_gone == "customer" else (leg, customer):
        story.gone(gone)
    story.wait(0.6)
    assert story.only(InspectPhone) == InspectPhone(pbx=PBX, phone="PJSIP/bob")


def inspected(*legs: LegId) -> Story:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    says(story, "INUSE")
    story.gone(customer)
    story.gone(leg)
    story.wait(0.6)
    story.happens(PhoneInspected(at=story.now, phone="PJSIP/bob", legs=legs))
    return story


def test_a_phone_with_a_call_that_is_not_ours_is_busy_elsewhere() -> None:
    story = inspected(leg_id(PBX, "1700000000.17"))
    assert story.state("bob") == "busy_elsewhere"
    says(story, "NOT_INUSE")
    assert story.state("bob") == "ready"


def test_a_list_of_channels_that_is_older_than_the_end_of_the_call_is_not_believed() -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    says(story, "INUSE")
    says(story, "NOT_INUSE")
    story.happens(PhoneInspected(at=story.now, phone="PJSIP/bob", legs=(leg_id(PBX, "1700000000.17"),)))
    assert story.state("bob") == "ready"


def test_a_phone_whose_end_of_a_call_is_never_reported_is_looked_at_every_ten_seconds() -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    says(story, "INUSE")
    for _ in range(3):
        assert [order.phone for order in story.wait(10.0) if isinstance(order, InspectPhone)] == ["PJSIP/bob"]
        story.happens(PhoneInspected(at=story.now, phone="PJSIP/bob", legs=(leg_id(PBX, "1700000000.17"),)))
        assert story.state("bob") == "busy_elsewhere"
    story.wait(10.0)
    story.happens(PhoneInspected(at=story.now, phone="PJSIP/bob", legs=()))
    assert story.state("bob") == "ready"
    says(story, "NOT_INUSE")
    assert not [order for order in story.wait(60.0) if isinstance(order, InspectPhone)]


@pytest.mark.parametrize("legs", [(), (leg_id(PBX, "cb-agent-t-99"),)])
def test_a_phone_without_a_call_of_others_is_free(legs: tuple[LegId, ...]) -> None:
    assert inspected(*legs).state("bob") == "ready"


def test_a_phone_that_could_not_be_looked_at_is_looked_at_again() -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    says(story, "INUSE")
    story.gone(customer)
    story.gone(leg)
    story.wait(0.6)
    story.fails(story.only(InspectPhone))
    story.wait(1.1)
    assert story.only(InspectPhone).phone == "PJSIP/bob"


def test_a_phone_that_goes_offline_while_ringing_does_not_end_the_offer_by_itself() -> None:
    story = one_queue(agent("bob"))
    story.caller()
    says(story, "UNAVAILABLE")
    assert story.state("bob") == "ringing"


def test_a_phone_that_went_offline_while_talking_makes_the_agent_offline_at_the_end() -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    says(story, "UNAVAILABLE")
    story.gone(leg)
    story.gone(customer)
    assert story.state("bob") == "offline"


def test_states_listed_again_replace_what_was_known() -> None:
    story = one_queue(agent("bob"))
    says(story, "UNAVAILABLE")
    story.happens(DevicesListed(at=story.now, states={"PJSIP/bob": "NOT_INUSE", "PJSIP/stranger": "INUSE"}))
    assert story.state("bob") == "ready"


def test_who_logs_in_at_a_phone_in_use_is_busy_elsewhere() -> None:
    story = one_queue(agent("bob"))
    says(story, "INUSE", "PJSIP/desk")
    story.happens(AgentRequested(at=story.now, agent="bob", request=AgentRequest.LOGIN, phone="PJSIP/desk"))
    assert story.state("bob") == "busy_elsewhere"


# -- phones that come and go --------------------------------------------------------------------------------------------


def flaps(story: Story, times: int, every: float = 0.1) -> None:
    for _ in range(times):
        for state in ("UNAVAILABLE", "NOT_INUSE"):
            says(story, state)
            story.wait(every / 2)


def test_fifty_flaps_of_a_phone_are_told_as_four_changes() -> None:
    story = one_queue(agent("bob"))
    says(story, "NOT_INUSE")
    before = len(story.told)
    flaps(story, 50)
    story.wait(60.0)
    told = [fact.state for fact in story.told[before:] if isinstance(fact, AgentChanged)]
    assert told == ["offline", "ready", "offline", "ready"]


def test_a_phone_that_comes_and_goes_is_rung_when_it_has_stayed() -> None:
    story = one_queue(agent("bob"))
    flaps(story, 3)
    story.caller()
    assert story.rung() == []
    story.wait(2.8)
    assert story.rung() == []
    story.wait(0.2)
    assert story.rung() == ["bob"]


def test_a_phone_that_is_gone_before_it_has_stayed_is_not_rung() -> None:
    story = one_queue(agent("bob"))
    flaps(story, 3)
    story.caller()
    story.wait(1.0)
    says(story, "UNAVAILABLE")
    story.wait(60.0)
    assert (story.state("bob"), [order for order in story.sent if isinstance(order, Ring)]) == ("offline", [])


def test_the_next_absence_after_a_quiet_while_ends_at_once_again() -> None:
    story = one_queue(agent("bob"))
    flaps(story, 3)
    story.wait(60.0)
    flaps(story, 1)
    assert story.state("bob") == "ready"


def test_flaps_while_the_phone_rings_or_talks_change_nothing_for_the_call() -> None:
    story = one_queue(agent("bob"), ring_for=15.0)
    story.caller()
    leg = story.ring().leg
    flaps(story, 20)
    story.connect(leg)
    flaps(story, 20)
    assert (story.state("bob"), [fact.result for fact in story.all_told(OfferEnded)]) == ("talking", ["answered"])


def test_the_line_of_a_nailed_up_agent_whose_phone_flaps_is_not_rung_each_time() -> None:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP))
    session = story.ring().leg
    says(story, "NOT_INUSE")
    story.gone(session, 20)
    rung = 0
    for _ in range(25):
        says(story, "UNAVAILABLE")
        says(story, "NOT_INUSE")
        for order in [order for order in story.orders if isinstance(order, Ring)]:
            rung += 1
            story.gone(order.leg, 20)
        story.wait(0.1)
    assert rung == 1
    assert [order.role for order in story.wait(4.0) if isinstance(order, Ring)] == ["session"]
