"""A phone's blind transfer to another host is not taken for a local number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import AnyEvent, LegAnswered, LegEnded, LegReplaced, ReferralRead
from callbridge.core.model.facts import RequestRefused, TalkBegan, VisitBegan
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import Probe, ReadReferral, Subscribe
from callbridge.core.model.plan import PhoneRules
from tests.core.story import PBX, Story, agent, plan, queue, routing

FAR, NEAR, NAME = leg_id(PBX, "local-1"), leg_id(PBX, "local-2"), "Local/sales@from-phones-00000001"


def transferred(*domains: str) -> tuple[Story, LegId, LegId]:
    """Bob's phone has transferred his caller; the PBX has not answered yet where to."""
    queues = [queue("support"), queue("sales", routing(("sales >= 1", None)))]
    made = plan(queues, [agent("bob"), agent("sue", {"sales": 1})])
    story = Story(replace(made, phones=PhoneRules(domains=domains)))
    customer, leg = story.talk()
    story.wait(10.0)
    story.happens(LegReplaced(at=story.now, leg=leg, by=FAR, by_name=f"{NAME};1", up=False))
    assert story.only(ReadReferral).leg == FAR
    story.gone(leg)
    return story, customer, leg


def arrives(story: Story) -> AnyEvent:
    return replace(story.arrival("local-2", entry="sales"), channel_name=f"{NAME};2")


def read(story: Story, host: str, *, is_address: bool = False, own: str = "") -> None:
    story.happens(ReferralRead(at=story.now, leg=FAR, host=host, is_address=is_address, own=own))


@pytest.mark.parametrize("answered", [False, True])
def test_another_host_is_refused_and_the_caller_is_back_with_the_agent(answered: bool) -> None:
    story, *_ = transferred()
    story.happens(arrives(story))
    if answered:
        story.happens(LegAnswered(at=story.now, leg=FAR))
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support"], "nothing is followed before the PBX has answered"
    read(story, "evil.example")
    assert story.hung_up() == {FAR, NEAR}
    reason = "the phone transfers to the host evil.example, which is not in phones.domains"
    assert [(fact.agent, fact.request, fact.reason) for fact in story.all_told(RequestRefused)] == [("bob", "transfer", reason)]
    story.gone(NEAR)
    story.gone(FAR)
    story.connect(story.ring().leg)
    assert [fact.agent for fact in story.all_told(TalkBegan)] == ["bob", "bob"]
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support"]


@pytest.mark.parametrize(
    ("domains", "host", "own"),
    [
        ((), "", ""),
        ((), "pbx.example", "pbx.example"),
        (("PBX.example",), "pbx.example", ""),
        (("*",), "evil.example", ""),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_our_own_hosts_are_followed_in_either_order(domains: tuple[str, ...], host: str, own: str, late: bool) -> None:
    story, *_ = transferred(*domains)
    if not late:
        story.happens(arrives(story))
    read(story, host, own=own)
    if late:
        story.happens(arrives(story))
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support", "sales"]
    assert story.all_told(RequestRefused) == []


@pytest.mark.parametrize(("domains", "followed"), [((), True), (("pbx.example",), False), (("pbx.example", "192.0.2.7"), True)])
def test_an_address_is_ours_unless_the_settings_say_which(domains: tuple[str, ...], followed: bool) -> None:
    story, *_ = transferred(*domains)
    read(story, "192.0.2.7", is_address=True)
    assert (FAR not in story.hung_up()) is followed


def test_when_the_pbx_does_not_answer_the_transfer_is_followed_all_the_same() -> None:
    story, *_ = transferred()
    story.happens(arrives(story))
    story.wait(1.9)
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support"]
    story.wait(0.2)
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support", "sales"]


def test_when_it_cannot_be_asked_the_transfer_is_followed_at_once() -> None:
    queues = [queue("support"), queue("sales", routing(("sales >= 1", None)))]
    story = Story(plan(queues, [agent("bob")]))
    _, leg = story.talk()
    story.happens(LegReplaced(at=story.now, leg=leg, by=FAR, by_name=f"{NAME};1", up=False))
    asked = story.only(ReadReferral)
    story.happens(arrives(story))
    story.fails(asked)
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support", "sales"]


def test_the_other_half_of_a_refused_transfer_is_no_caller_when_it_comes_late() -> None:
    story, *_ = transferred()
    read(story, "evil.example")
    story.happens(arrives(story))
    assert NEAR in story.hung_up()
    assert len(story.world.calls.values()) == 1


@pytest.mark.parametrize("refused_first", [False, True])
def test_a_transfer_that_ended_before_anything_could_be_asked_brings_the_caller_back(refused_first: bool) -> None:
    queues = [queue("support"), queue("sales", routing(("sales >= 1", None)))]
    story = Story(plan(queues, [agent("bob")]))
    _, leg = story.talk()
    story.happens(LegReplaced(at=story.now, leg=leg, by=FAR, by_name=f"{NAME};1", up=False))
    asked, subscribed = story.only(ReadReferral), story.only(Subscribe)
    story.gone(leg)
    for order in (subscribed, asked) if refused_first else (asked, subscribed):
        story.fails(order)
    story.wait(0.1)
    assert story.only(Probe).leg == FAR
    story.happens(LegEnded(at=story.now, leg=FAR, estimated=True))
    assert story.ring().agent == "bob"
