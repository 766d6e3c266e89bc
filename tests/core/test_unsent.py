"""An order that could not be written although the link stays up: every kind is ordered again or treated, none is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import TypeVar, get_args

import pytest

from callbridge.core.model import orders as o
from callbridge.core.model.events import CallRequest, DeviceChanged, LegAnswered, LegReplaced, PbxLost, SeenLeg, Why
from callbridge.core.model.facts import OfferEnded, RecordingFailed, VisitBegan
from callbridge.core.model.flow import LookupNode, VoicemailNode
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import Order
from callbridge.core.model.plan import RecordingPlan, ToDialplan
from tests.core.flows import floor, flow, play
from tests.core.story import PBX, START, Story, agent, one_queue, plan, queue, routing
from tests.core.test_failures import SCENARIOS, Scenario, gives_up, run
from tests.core.test_supervised_calls import Talk
from tests.core.toy import Fault

Kind = TypeVar("Kind", bound=Order)
CALLER = leg_id(PBX, "ann")
Built = tuple[Story, Order]


def _last(story: Story, kind: type[Order]) -> Built:
    return story, [order for order in story.sent if isinstance(order, kind)][-1]


def _waiting(kind: type[Order]) -> Built:
    story = one_queue()
    story.caller()
    return _last(story, kind)


def _ringing() -> Built:
    story = one_queue(agent("bob"))
    story.caller()
    return _last(story, o.Ring)


def _joining() -> Built:
    story = one_queue(agent("bob"))
    story.caller()
    return story, story.pick_up(story.ring().leg)


def _over(kind: type[Order]) -> Built:
    """The agent has hung up: bridge and customer's leg are to go."""
    story = one_queue(agent("bob"))
    _, leg = story.talk()
    story.gone(leg)
    return _last(story, kind)


def _leaving(kind: type[Order]) -> Built:
    story = Story(plan([queue("support", routing(("support", 5.0), then=ToDialplan("out", "1")))], [agent("bob", login=False)]))
    story.caller()
    story.wait(6.0)
    return _last(story, kind)


def _consulting(kind: type[Order]) -> Built:
    """Bob consults cid: what he hears of the ringing, and its end."""
    story = Talk()
    story.consult()
    return _last(story, kind)


def _listening() -> Built:
    story = Talk()
    story.act(CallRequest.LISTEN, by="eva", phone="PJSIP/eva")
    story.happens(LegAnswered(at=story.now, leg=story.ring().leg))
    return _last(story, o.Snoop)


def _in_flow(kind: type[Order], seconds: float) -> Built:
    nodes = {
        o.Play: {"hello": play("hello", "bye")},
        o.Record: {"vm": VoicemailNode(queue="support", media="", next="bye")},
        o.LookUp: {"who": LookupNode(lookup="crm", next="bye", otherwise="bye")},
    }[kind]
    story = Story(floor(flow(nodes), lookups={"crm": 5.0}))  # type: ignore[arg-type]
    story.caller(entry="welcome")
    story.wait(seconds)
    return _last(story, kind)


def _asked_about() -> Built:
    story = one_queue(agent("bob"))
    leg = story.caller()
    story.world.put_leg(story.world.legs[leg], deadline=story.now + 1.0)
    story.world.commit()
    story.wait(1.0)
    return _last(story, o.Probe)


def _inspected() -> Built:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="INUSE"))
    story.gone(customer)
    story.gone(leg)
    story.wait(0.6)
    return _last(story, o.InspectPhone)


def _transferred() -> Built:
    story = one_queue(agent("bob"))
    _, leg = story.talk()
    half = leg_id(PBX, "half")
    story.happens(LegReplaced(at=story.now, leg=leg, by=half, by_name="Local/1@phones-1;1"))
    return _last(story, o.FindParty)


def _given_a_customer() -> Built:
    story = Story(plan([queue("support", routing(("support", None)))], [agent("bob", login=False)]))
    leg = story.caller()
    story.happens(LegReplaced(at=story.now, leg=leg, by=leg_id(PBX, "customer"), by_name="PJSIP/trunk-1", phone="PJSIP/desk"))
    return _last(story, o.IdentifyCaller)


def _held() -> Built:
    """No audio has come from the caller."""
    story = one_queue(agent("bob"), wait_for_audio=35.0)
    story.happens(LegAnswered(at=story.now, leg=story.caller()))
    return _last(story, o.WatchAudio)


def _recorded(kind: type[Order]) -> Built:
    story = one_queue(agent("bob"), record=RecordingPlan())
    _, leg = story.talk()
    if kind is o.StopRecording:
        story.wait(5.0)
        story.gone(leg)
    return _last(story, kind)


def _stopped(order: Order) -> Built:
    story = one_queue(agent("bob"))
    story.talk()
    return story, order


AGAIN: dict[type[Order], tuple[Callable[[], Built], float]] = {
    o.Subscribe: (lambda: _waiting(o.Subscribe), 0.0),
    o.Answer: (lambda: _waiting(o.Answer), 0.0),
    o.StartMusic: (lambda: _waiting(o.StartMusic), 1.0),
    o.StopRinging: (lambda: _stopped(o.StopRinging(leg=CALLER)), 0.0),
    o.StopPlaying: (lambda: _stopped(o.StopPlaying(leg=CALLER, playback="p")), 0.0),
    o.DropBridge: (lambda: _over(o.DropBridge), 0.0),
    o.HangUp: (lambda: _over(o.HangUp), 0.5),
    o.LeaveToDialplan: (lambda: _leaving(o.LeaveToDialplan), 0.0),
    o.Probe: (_asked_about, 1.0),
    o.InspectPhone: (_inspected, 1.0),
    o.FindParty: (_transferred, 0.5),
    o.IdentifyCaller: (_given_a_customer, 0.5),
    o.Ring: (_ringing, 0.2),
}
"""Ordered again, and after how many seconds at the latest. A Ring is another leg's, so that the first can never come late."""
AS_REFUSED: dict[type[Order], Callable[[], Built]] = {
    o.Play: lambda: _in_flow(o.Play, 0.0),
    o.Record: lambda: _in_flow(o.Record, 0.0),
    o.LookUp: lambda: _in_flow(o.LookUp, 0.0),
    o.Bridge: _joining,
    o.Snoop: _listening,
    o.StartRecording: lambda: _recorded(o.StartRecording),
    o.WatchAudio: _held,
    o.StopMusic: lambda: _leaving(o.StopMusic),
    o.StartRinging: lambda: _consulting(o.StartRinging),
}
"""Treated like a refusal: on without it, or another way. Of StopMusic and StartRinging nothing depends."""
ELSEWHERE = {
    o.StartAmdDetour: "test_campaigns: anybody who cannot be listened to goes to an agent",
    o.CheckRecording: "test_recordings",
    o.PauseRecording: "test_recordings",
    o.ReadReferral: "test_referrals: the transfer is followed",
    o.ShowCaller: "nothing depends on it",
    o.StopRecording: "test_recordings",
    o.FindLeads: "the ledger tries until it is done",
    o.ReserveAttempts: "the ledger",
    o.CloseAttempt: "the ledger",
    o.BlockNumber: "the ledger",
}


def _kinds(union: UnionType) -> set[type[Order]]:
    return {kind for each in get_args(union) for kind in (_kinds(each) if isinstance(each, UnionType) else {each})}


def test_every_kind_of_order_has_its_place_here() -> None:
    assert _kinds(Order) == AGAIN.keys() | AS_REFUSED.keys() | ELSEWHERE.keys()


def _same(order: Order, other: Order) -> bool:
    return type(order) is type(other) and (isinstance(order, o.Ring) or order.legs == other.legs)


@pytest.mark.parametrize("kind", AGAIN, ids=lambda kind: kind.__name__)
def test_what_was_not_sent_is_ordered_again(kind: type[Order]) -> None:
    build, within = AGAIN[kind]
    story, order = build()
    again = story.fails(order, Why.UNSENT) + story.wait(within)
    assert len([one for one in again if _same(one, order)]) == 1


@pytest.mark.parametrize("kind", AS_REFUSED, ids=lambda kind: kind.__name__)
def test_what_was_not_sent_is_treated_as_if_it_had_been_refused(kind: type[Order]) -> None:
    outcomes = []
    for why in (Why.UNSENT, Why.REFUSED):
        story, order = AS_REFUSED[kind]()
        story.fails(order, why)
        outcomes.append((story.orders, [type(fact) for fact in story.facts], [call.phase for call in story.world.calls.values()]))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("kind", [o.Subscribe, o.Answer, o.StartMusic, o.DropBridge, o.LeaveToDialplan, o.Bridge])
def test_while_the_link_is_down_nothing_is_repeated_and_the_snapshot_looks_again(kind: type[Order]) -> None:
    story, order = (AGAIN[kind][0] if kind in AGAIN else AS_REFUSED[kind])()
    story.happens(PbxLost(at=story.now, pbx=PBX))
    assert story.fails(order, Why.UNSENT) == []


def test_a_caller_who_can_never_be_answered_goes_to_the_fallback_in_the_end() -> None:
    story, order = _waiting(o.Answer)
    for _ in range(3):
        assert story.fails(order, Why.UNSENT) == [order]
    story.fails(order, Why.UNSENT)
    assert story.only(o.LeaveToDialplan).leg == CALLER
    assert story.tally().failed == 1


def test_a_caller_who_was_answered_meanwhile_is_not_answered_again() -> None:
    story, order = _waiting(o.Answer)
    story.happens(LegAnswered(at=story.now, leg=CALLER))
    assert story.fails(order, Why.UNSENT) == []


def test_a_caller_whom_we_did_not_take_is_sent_on_until_that_works() -> None:
    story = one_queue()
    story.caller(entry="nowhere")
    leave = story.only(o.LeaveToDialplan)
    assert leave.leg not in story.world.legs
    for _ in range(5):
        assert story.fails(leave, Why.UNSENT) == [leave]


def test_a_recording_that_was_not_begun_is_told() -> None:
    story, order = _recorded(o.StartRecording)
    story.fails(order, Why.UNSENT)
    assert story.all_told(RecordingFailed)


def test_an_answer_that_was_not_sent_before_the_link_went_is_ordered_by_the_snapshot() -> None:
    story, order = _waiting(o.Answer)
    story.happens(PbxLost(at=story.now, pbx=PBX))
    story.fails(order, Why.UNSENT)
    story.snapshot(SeenLeg(leg=CALLER, name="PJSIP/trunk-ann", up=False, created_at=START, entry="support"))
    assert order in story.orders


def _answered(story: Story) -> int:
    """Offers to callers that were answered. A consult of a queue that reaches nobody leaves the caller with the first agent."""
    consults = {fact.seq for fact in story.all_told(VisitBegan) if fact.consulted_by}
    return sum(fact.result == "answered" and fact.visit not in consults for fact in story.all_told(OfferEnded))


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one is not gives_up], ids=lambda each: each.__name__)
def test_whatever_single_order_is_not_sent_the_caller_is_answered_and_not_left_in_silence(scenario: Scenario) -> None:
    faulty: list[str] = []
    without_fault = run(scenario)
    usual = _answered(without_fault.story)
    for nth, order in enumerate(without_fault.obeyed):
        toy = run(scenario, Fault(nth, Why.UNSENT, link_up=True))
        answered = _answered(toy.story)
        if toy.longest_silence > 1.5 or answered < usual:
            faulty.append(f"order {nth} {type(order).__name__}: silent for {toy.longest_silence} s, answered {answered}")
    assert not faulty, "\n".join(faulty)
