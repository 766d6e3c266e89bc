"""Transfers made on the phone: segments end, the call goes on, nothing is counted twice and nothing sticks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import (
    AnyEvent,
    DeviceChanged,
    LegAnswered,
    LegHeld,
    LegJoined,
    LegLeft,
    LegParted,
    LegProbed,
    LegReplaced,
    LegTransferred,
    LegUnheld,
    PartyFound,
    PbxLost,
    PhoneInspected,
    PlaybackEnded,
    ReferralRead,
    SeenLeg,
)
from callbridge.core.model.facts import (
    CallArrived,
    CallEnded,
    CallTransferred,
    TalkBegan,
    TalkEnded,
    VisitBegan,
    VisitEnded,
    WrapUpEnded,
)
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.orders import Answer, Bridge, DropBridge, FindParty, HangUp, LeaveToDialplan, Play, Ring, StartMusic
from callbridge.core.model.plan import ConnectMode
from tests.core.story import PBX, START, Story, agent, plan, queue, routing

FAR = leg_id(PBX, "local-1")
NEAR = leg_id(PBX, "local-2")
NAME = "Local/8005@transfers-00000007"


def talking() -> tuple[Story, LegId, LegId, str]:
    story = Story(
        plan(
            [queue("support", wrap_up=10.0), queue("sales", routing(("sales", None)), wrap_up=10.0)],
            [agent("bob"), agent("cid", {"sales": 1}), agent("gus", {}, login=False)],
        )
    )
    customer = story.caller()
    leg = story.ring().leg
    bridge = story.connect(leg)
    return story, customer, leg, bridge.bridge


def blind(story: Story, leg: LegId, bridge: str) -> list[AnyEvent]:
    """What Asterisk shows of a REFER, in its order."""
    at = story.now
    return [
        LegReplaced(at=at, leg=leg, by=FAR, by_name=f"{NAME};1"),
        ReferralRead(at=at, leg=FAR, host=""),
        LegParted(at=at, leg=leg, bridge=bridge),
        LegJoined(at=at, leg=FAR, bridge=bridge),
        LegTransferred(at=at, leg=leg, target="8005", attended=False, worked=True),
    ]


def near_arrives(story: Story, entry: str = "sales") -> AnyEvent:
    return replace(story.arrival("local-2", entry=entry), channel_name=f"{NAME};2")


def test_a_blind_transfer_to_the_outside_ends_the_segment_and_the_call_goes_on() -> None:
    story, customer, leg, bridge = talking()
    story.wait(30.0)
    for event in blind(story, leg, bridge):
        story.happens(event)
    (ended,) = story.all_told(TalkEnded)
    assert (ended.talked, ended.ended_by, ended.agent) == (30.0, "transfer", "bob")
    assert story.state("bob") == "wrap_up"
    assert customer not in {order.leg for order in story.sent if isinstance(order, HangUp)}
    assert story.call().phase == "outside"


@pytest.mark.parametrize("left", [False, True], ids=["stays", "has hung up"])
def test_a_transfer_is_told_with_its_call(left: bool) -> None:
    """A phone that hangs up at once may have left before Asterisk tells of its transfer."""
    story, _, leg, bridge = talking()
    call = story.call().id
    *events, transferred = blind(story, leg, bridge)
    for event in [*events, LegLeft(at=story.now, leg=leg)] if left else events:
        story.happens(event)
    story.happens(transferred)
    (told,) = story.all_told(CallTransferred)
    assert (told.call, told.agent, told.target, told.attended) == (call, "bob", "8005", False)


def test_a_caller_who_hangs_up_in_the_moment_of_a_transfer_to_an_entry_is_no_caller_there() -> None:
    story, customer, leg, bridge = talking()
    for event in blind(story, leg, bridge):
        story.happens(event)
    story.gone(leg)
    story.gone(customer)
    assert story.hung_up() == {FAR}
    story.happens(near_arrives(story))
    assert story.hung_up() == {NEAR}
    assert story.all_told(CallArrived)[1:] == []
    assert story.tally("sales").offered == 0


def test_a_local_half_is_no_caller_while_the_link_is_down() -> None:
    """The other half may be reported with the next snapshot."""
    story, customer, leg, bridge = talking()
    story.happens(near_arrives(story))
    story.happens(PbxLost(at=story.now, pbx=PBX))
    story.wait(3.0)
    assert story.all_told(CallArrived)[1:] == []
    there = [SeenLeg(leg=one, name=f"PJSIP/{one}", up=True, created_at=START) for one in (customer, leg)]
    half = SeenLeg(leg=NEAR, name=f"{NAME};2", up=True, created_at=story.now, entry="sales")
    story.snapshot(*there, half, bridges={bridge: (customer, leg)})
    story.wait(0.4)
    assert [fact.queue for fact in story.all_told(CallArrived)[1:]] == ["sales"], "a caller after all"


@pytest.mark.parametrize("first_gone", ["customer", "far"])
def test_a_person_who_goes_first_after_a_transfer_the_other_is_hung_up(first_gone: str) -> None:
    story, customer, leg, bridge = talking()
    for event in blind(story, leg, bridge):
        story.happens(event)
    story.gone(leg)
    story.wait(60.0)
    first, second = (customer, FAR) if first_gone == "customer" else (FAR, customer)
    story.gone(first)
    assert story.hung_up() == {second}
    story.gone(second)
    assert (story.all_told(CallEnded)[0].segments, story.tally().answered) == (1, 1)
    assert not story.world.legs and not story.world.calls


def test_a_phone_that_keeps_its_leg_after_a_transfer_is_hung_up_after_two_seconds() -> None:
    story, _, leg, bridge = talking()
    for event in blind(story, leg, bridge):
        story.happens(event)
    story.wait(1.9)
    assert story.hung_up() == set()
    story.wait(0.2)
    assert story.hung_up() == {leg}


def test_the_agent_is_free_after_wrap_up_though_the_transferred_call_goes_on() -> None:
    story, _, leg, bridge = talking()
    for event in blind(story, leg, bridge):
        story.happens(event)
    story.gone(leg)
    story.wait(10.0)
    assert story.state("bob") == "ready"
    story.caller("eve")
    assert story.rung() == ["bob"]


def test_a_transfer_that_did_not_work_changes_nothing() -> None:
    story, _, leg, _ = talking()
    story.happens(LegTransferred(at=story.now, leg=leg, target="8005", attended=False, worked=False))
    assert (story.orders, story.facts) == ([], [])
    assert story.state("bob") == "talking"


def to_an_entry(near: str, entry: str = "sales") -> tuple[Story, LegId, LegId]:
    story, customer, leg, bridge = talking()
    story.wait(30.0)
    events = blind(story, leg, bridge)
    place = {"first": 0, "in the middle": 2, "last": len(events)}[near]
    events.insert(place, near_arrives(story, entry))
    for event in events:
        story.happens(event)
        story.wait(0.02)
    return story, customer, leg


ORDERS = ["first", "in the middle", "last"]


@pytest.mark.parametrize("near", ORDERS)
def test_a_transfer_to_one_of_our_entries_is_the_same_calls_next_visit(near: str) -> None:
    story, customer, _ = to_an_entry(near)
    assert len(story.all_told(CallArrived)) == 1
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support", "sales"]
    assert [fact.rank for fact in story.all_told(VisitBegan)] == [story.call().arrived_at + 20.0] * 2
    assert {order.leg for order in story.sent if isinstance(order, HangUp)} >= {FAR, NEAR}
    answered = [order for order in story.sent if isinstance(order, Answer) and order.leg == NEAR]
    assert len(answered) == (near == "first"), "it might have been a caller"
    assert [order for order in story.sent if isinstance(order, DropBridge)]
    assert story.sent.count(StartMusic(leg=customer, music="default")) == 2
    offer = story.call().offer
    assert offer is not None and offer.agent == "cid"


@pytest.mark.parametrize("near", ORDERS)
def test_a_transfer_to_an_entry_counts_one_call_two_visits_and_two_segments(near: str) -> None:
    story, customer, leg = to_an_entry(near)
    offer = story.call().offer
    assert offer is not None
    for gone in (NEAR, FAR, leg):
        story.gone(gone)
    story.wait(5.0)
    story.connect(offer.leg)
    story.wait(40.0)
    story.gone(customer)
    story.gone(offer.leg)
    assert [(fact.agent, fact.queue) for fact in story.all_told(TalkBegan)] == [("bob", "support"), ("cid", "sales")]
    talks = [(fact.agent, round(fact.talked), fact.ended_by) for fact in story.all_told(TalkEnded)]
    assert talks == [("bob", 30, "transfer"), ("cid", 40, "customer")]
    (ended,) = story.all_told(CallEnded)
    assert ended.segments == 2
    visits = [(fact.outcome, round(fact.waited, 1), fact.within_target) for fact in story.all_told(VisitEnded)]
    assert visits == [("answered", 0.0, True), ("answered", 5.1, True)], "the talk with bob was no wait"
    assert (story.tally("support").offered, story.tally("sales").offered) == (1, 1)
    story.wait(60.0)
    assert [fact.queue for fact in story.all_told(WrapUpEnded)] == ["support", "sales"]
    assert not story.world.legs and not story.world.calls


def test_a_transfer_to_an_entry_that_does_not_exist_goes_to_the_fallback() -> None:
    story, customer, _ = to_an_entry("last", "nowhere")
    (leave,) = [order for order in story.sent if isinstance(order, LeaveToDialplan)]
    assert (leave.leg, leave.context) == (customer, "callbridge-fallback")
    assert len(story.all_told(VisitBegan)) == 1


def test_a_local_channel_that_is_no_transfer_hears_music_at_once_and_is_a_caller_after_a_moment_with_its_arrival_kept() -> None:
    story, _, _, _ = talking()
    arrived = story.now
    story.happens(near_arrives(story))
    assert (story.only(Answer).leg, story.only(StartMusic).leg, story.facts) == (NEAR, NEAR, [])
    story.wait(0.4)
    assert story.all_told(CallArrived)[-1].at == arrived
    assert story.tally("sales").offered == 1
    assert [order.leg for order in story.all_sent(Answer)].count(NEAR) == 1


def test_a_local_channel_is_a_caller_at_once_where_no_phone_has_a_talk_to_transfer() -> None:
    story = Story(plan([queue("sales", routing(("sales", None)))], [agent("cid", {"sales": 1})]))
    story.happens(near_arrives(story))
    assert story.rung() == ["cid"]
    assert story.only(Answer).leg == NEAR


# -- consults and attended transfers ------------------------------------------------------------------------------------

CONSULT = leg_id(PBX, "consult")


def consulting() -> tuple[Story, LegId, LegId, str]:
    story, customer, leg, bridge = talking()
    story.wait(10.0)
    story.happens(LegHeld(at=story.now, leg=leg))
    story.happens(replace(story.arrival("consult", entry="sales"), channel_name="PJSIP/bob-0000002a"))
    return story, customer, leg, bridge


def test_a_consult_is_answered_with_music_and_neither_offered_nor_counted() -> None:
    story, _, _, _ = consulting()
    assert {type(order).__name__ for order in story.orders} == {"Subscribe", "Answer", "StartMusic"}
    assert story.facts == []
    assert story.tally("sales").offered == 0


def test_a_consult_that_ends_leaves_nothing() -> None:
    story, customer, leg, _ = consulting()
    story.gone(CONSULT)
    assert set(story.world.legs) == {customer, leg}


def test_a_transfer_to_a_customer_names_the_number_that_the_call_has_which_may_be_withheld() -> None:
    story, customer, leg, _ = talking()
    other = leg_id(PBX, "other")
    story.happens(replace(story.arrival("other"), number=WITHHELD))
    story.happens(LegTransferred(at=story.now, leg=leg, target="4915773218899", attended=True, worked=True, target_leg=other))
    (fact,) = story.all_told(CallTransferred)
    assert (fact.call, fact.target) == (story.world.legs[customer].call, WITHHELD)


@pytest.mark.parametrize("first", ["talk", "consult"])
def test_an_attended_transfer_through_a_consult_is_the_same_calls_next_visit(first: str) -> None:
    story, customer, leg, bridge = consulting()
    story.wait(5.0)
    talk = LegReplaced(at=story.now, leg=leg, by=FAR, by_name=f"{NAME};1")
    consult = LegReplaced(at=story.now, leg=CONSULT, by=NEAR, by_name=f"{NAME};2")
    for event in (talk, consult) if first == "talk" else (consult, talk):
        story.happens(event)
    story.happens(LegParted(at=story.now, leg=leg, bridge=bridge))
    story.happens(LegTransferred(at=story.now, leg=leg, target="sales", attended=True, worked=True))
    (ended,) = story.all_told(TalkEnded)
    assert (ended.talked, ended.hold_seconds) == (15.0, 5.0)
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support", "sales"]
    assert len(story.all_told(CallArrived)) == 1
    assert story.call().leg == customer
    for gone in (FAR, NEAR, CONSULT, leg):
        story.gone(gone)
    offer = story.call().offer
    assert offer is not None and set(story.world.legs) == {customer, offer.leg}


# -- an agent who calls a queue -----------------------------------------------------------------------------------------

HELP = leg_id(PBX, "help")


def asking_for_help(*, connect: ConnectMode = ConnectMode.RING) -> Story:
    """Bob, who has no caller, calls the queue that he serves himself."""
    story = Story(plan([queue("support", wrap_up=0.0)], [agent("bob", connect=connect), agent("cid")]))
    if connect is ConnectMode.NAILED_UP:
        story.happens(LegAnswered(at=story.now, leg=story.all_sent(Ring)[-1].leg))
    story.happens(replace(story.arrival("help", entry="support"), channel_name="PJSIP/bob-0000002a"))
    return story


@pytest.mark.parametrize("connect", [ConnectMode.RING, ConnectMode.NAILED_UP])
def test_an_agent_without_a_caller_who_calls_a_queue_is_served_and_busy_meanwhile(connect: ConnectMode) -> None:
    story = asking_for_help(connect=connect)
    assert (story.rung(), story.state("bob"), story.tally().offered) == (["cid"], "busy_elsewhere", 1)
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="NOT_INUSE"))
    assert story.state("bob") == "busy_elsewhere", "AMI reports the call later than ARI"
    leg = story.call("help").offer
    assert leg is not None
    story.connect(leg.leg)
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="INUSE"))
    story.wait(10.0)
    assert (story.state("bob"), story.state("cid")) == ("busy_elsewhere", "talking")
    story.gone(HELP)
    assert (story.state("bob"), story.tally().answered) == ("ready", 1)


def test_an_agent_is_never_offered_the_own_call() -> None:
    story = Story(plan([queue("support")], [agent("bob")]))
    story.happens(replace(story.arrival("help", entry="support"), channel_name="PJSIP/bob-0000002a"))
    story.happens(PhoneInspected(at=story.now, phone="PJSIP/bob", legs=(HELP,)))
    story.wait(30.0)
    assert (story.all_sent(Ring), story.state("bob")) == ([], "busy_elsewhere")
    story.gone(HELP)
    assert [fact.outcome for fact in story.all_told(VisitEnded)] == ["abandoned"]
    assert story.state("bob") == "ready"


def test_an_agent_whose_caller_hangs_up_during_a_consult_is_served_then() -> None:
    story, customer, leg, _ = consulting()
    story.gone(customer)
    story.gone(leg)
    story.wait(10.0)
    assert story.state("bob") == "busy_elsewhere"
    assert (story.tally("sales").offered, story.call("consult").phase) == (1, "offered")
    assert [order.leg for order in story.all_sent(Answer)].count(CONSULT) == 1


def test_a_consult_whose_music_failed_hears_it_later_and_is_served_when_the_caller_hangs_up() -> None:
    story, customer, leg, _ = consulting()
    music = story.only(StartMusic)
    story.fails(music)
    story.wait(2.0)
    assert story.all_sent(StartMusic)[-2:] == [music, music]
    story.gone(customer)
    story.gone(leg)
    story.wait(10.0)
    assert (story.tally("sales").offered, story.call("consult").phase) == (1, "offered")


def test_an_agent_who_consulted_at_the_second_phone_is_busy_with_that_one() -> None:
    story, customer, leg, _ = talking()
    bob = story.world.agents["bob"]
    story.world.agents.put("bob", replace(bob, also=("PJSIP/bob-web",)))
    story.wait(10.0)
    story.happens(replace(story.arrival("consult", entry="sales"), channel_name="PJSIP/bob-web-0000002a"))
    story.gone(customer)
    story.gone(leg)
    story.wait(10.0)
    assert story.world.features_at("PJSIP/bob-web") == {CONSULT}
    assert story.state("bob") == "busy_elsewhere"


def test_an_agent_who_consults_for_long_stays_a_consult() -> None:
    story, _, _, _ = consulting()
    for _ in range(10):
        story.wait(6.0)
        story.happens(LegProbed(at=story.now, leg=CONSULT, in_app=True, up=True))
    assert story.tally("sales").offered == 0


def test_a_nailed_up_agent_whose_phone_transfers_gets_the_line_back() -> None:
    story = Story(plan([queue("support", wrap_up=5.0)], [agent("nan", connect=ConnectMode.NAILED_UP)]))
    session = story.all_sent(Ring)[-1].leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.caller()
    beep = story.only(Play)
    story.happens(PlaybackEnded(at=story.now, leg=session, playback=beep.playback, failed=False))
    bridge = story.only(Bridge)
    story.join(bridge)
    story.wait(10.0)
    for event in blind(story, session, bridge.bridge):
        story.happens(event)
    assert not [ring for ring in story.all_sent(Ring) if ring.leg != session], "while the phone still ends its call"
    story.gone(session)
    line = story.ring()
    assert (line.role, line.agent) == ("session", "nan")
    story.happens(LegAnswered(at=story.now, leg=line.leg))
    story.wait(6.0)
    assert story.state("nan") == "ready"
    assert [told.party for told in story.all_told(CallTransferred)] == ["agent"]


# -- to an agent's phone ------------------------------------------------------------------------------------------------


def at_an_agents_phone(*, up: bool = False) -> tuple[Story, LegId, LegId]:
    """Bob's phone has transferred his caller, and cid's has answered."""
    story, customer, leg, bridge = talking()
    story.wait(30.0)
    for event in blind(story, leg, bridge):
        story.happens(replace(event, up=up) if isinstance(event, LegReplaced) else event)
    story.gone(leg)
    if not up:
        story.wait(3.0)
        story.happens(LegAnswered(at=story.now, leg=FAR))
        assert story.only(FindParty) == FindParty(leg=FAR)
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/cid", state="INUSE"))
    story.happens(PartyFound(at=story.now, leg=FAR, phone="PJSIP/cid"))
    return story, customer, leg


@pytest.mark.parametrize("up", [False, True], ids=["blind", "attended"])
def test_a_phones_transfer_to_an_agents_phone_is_that_agents_segment(up: bool) -> None:
    story, customer, _ = at_an_agents_phone(up=up)
    assert (story.state("cid"), story.call().phase) == ("talking", "talking")
    assert [(fact.agent, fact.queue) for fact in story.all_told(TalkBegan)] == [("bob", "support"), ("cid", "support")]
    story.wait(40.0)
    story.gone(FAR)
    assert story.hung_up() == {customer}
    assert story.state("cid") == "wrap_up"
    story.gone(customer)
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/cid", state="NOT_INUSE"))
    talks = [(fact.agent, fact.talked, fact.ended_by) for fact in story.all_told(TalkEnded)]
    assert talks == [("bob", 30.0, "transfer"), ("cid", 40.0, "agent")]
    assert [fact.segments for fact in story.all_told(CallEnded)] == [2]
    assert (story.tally().offered, story.tally().answered) == (1, 1)
    story.wait(20.0)
    assert (story.state("bob"), story.state("cid")) == ("ready", "ready")
    assert not story.world.legs and not story.world.calls


def test_the_callers_hang_up_ends_the_talk_that_a_phone_transferred_to_an_agent() -> None:
    story, customer, _ = at_an_agents_phone()
    story.gone(customer)
    assert story.hung_up() == {FAR}
    assert (story.state("cid"), story.all_told(TalkEnded)[-1].ended_by) == ("wrap_up", "customer")


def test_an_agents_phone_that_takes_the_place_itself_is_that_agents_segment() -> None:
    story, _, leg, _ = talking()
    story.happens(LegReplaced(at=story.now, leg=leg, by=leg_id(PBX, "c"), by_name="PJSIP/cid-00000009"))
    assert (story.state("cid"), story.call().phase, story.all_sent(FindParty)) == ("talking", "talking", [])


@pytest.mark.parametrize("phone", ["PJSIP/stranger", "PJSIP/gus"], ids=["nobody's phone", "logged out"])
def test_a_phones_transfer_to_somebody_who_is_no_agent_at_work_stays_outside(phone: str) -> None:
    story, _, leg, bridge = talking()
    for event in blind(story, leg, bridge):
        story.happens(event)
    story.happens(PartyFound(at=story.now, leg=FAR, phone=phone))
    assert (story.call().phase, story.call().segment) == ("outside", None)
    story.wait(60.0)
    assert len(story.all_sent(FindParty)) == 1


def test_an_agent_who_moves_the_call_to_another_phone_of_ones_own_goes_on_talking() -> None:
    """The second phone is picked up before the first one has ended its call."""
    story, customer, leg, bridge = talking()
    story.wait(30.0)
    for event in blind(story, leg, bridge):
        story.happens(event)
    story.happens(LegAnswered(at=story.now, leg=FAR))
    story.happens(PartyFound(at=story.now, leg=FAR, phone="PJSIP/bob"))
    assert story.state("bob") == "wrap_up", "the first phone still has its call"
    story.gone(leg)
    story.wait(0.5)
    assert story.only(FindParty).leg == FAR, "asked again"
    story.happens(PartyFound(at=story.now, leg=FAR, phone="PJSIP/bob"))
    assert (story.state("bob"), story.call().phase) == ("talking", "talking")
    story.gone(customer)
    talks = [(fact.agent, fact.ended_by) for fact in story.all_told(TalkEnded)]
    assert talks == [("bob", "transfer"), ("bob", "customer")]
    assert story.state("bob") == "wrap_up"


def test_an_agent_at_another_phone_than_the_one_that_rings_talks_when_the_offer_is_over() -> None:
    story, _, leg, bridge = talking()
    story.caller("eve", entry="sales")
    offer = story.ring()
    for event in blind(story, leg, bridge):
        story.happens(event)
    story.happens(LegAnswered(at=story.now, leg=FAR))
    story.happens(PartyFound(at=story.now, leg=FAR, phone="PJSIP/cid"))
    assert story.state("cid") == "ringing"
    story.gone(offer.leg, 17)
    story.wait(0.5)
    assert story.only(FindParty).leg == FAR, "asked again"
    story.happens(PartyFound(at=story.now, leg=FAR, phone="PJSIP/cid"))
    assert (story.state("cid"), story.call().phase) == ("talking", "talking")


def test_the_pbx_is_asked_again_for_a_while_who_has_a_transferred_call() -> None:
    story, _, leg, bridge = talking()
    for event in blind(story, leg, bridge):
        story.happens(event)
    asked = []
    for _ in range(12):
        asked.append(len(story.all_sent(FindParty)))
        story.happens(PartyFound(at=story.now, leg=FAR, phone=""))
        story.wait(5.0)
    assert asked[-1] == 9
    story.happens(PartyFound(at=story.now, leg=FAR, phone="PJSIP/cid"))
    assert story.state("cid") == "talking"


def test_an_agent_whose_phone_transfers_the_call_on_is_in_wrap_up_and_the_next_one_talks() -> None:
    story, customer, _ = at_an_agents_phone()
    story.wait(20.0)
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/cid", state="NOT_INUSE"))
    assert story.only(FindParty).leg == FAR
    story.happens(PartyFound(at=story.now, leg=FAR, phone=""))
    assert (story.state("cid"), story.call().phase, story.call().far) == ("wrap_up", "outside", FAR)
    assert customer not in story.hung_up() and FAR not in story.hung_up()
    story.wait(0.5)
    assert story.only(FindParty).leg == FAR
    story.happens(PartyFound(at=story.now, leg=FAR, phone="PJSIP/bob"))
    story.wait(11.0)
    assert (story.state("bob"), story.state("cid")) == ("talking", "ready")
    story.gone(customer)
    talks = [(fact.agent, fact.ended_by) for fact in story.all_told(TalkEnded)]
    assert talks == [("bob", "transfer"), ("cid", "transfer"), ("bob", "customer")]


def test_an_agent_whose_phone_is_still_in_the_call_keeps_it() -> None:
    story, _, _ = at_an_agents_phone()
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/cid", state="NOT_INUSE"))
    story.happens(PartyFound(at=story.now, leg=FAR, phone="PJSIP/cid"))
    assert (story.state("cid"), story.call().phase) == ("talking", "talking")


def test_an_attended_transfer_to_a_colleague_ends_the_segment_and_the_call_goes_on() -> None:
    story, customer, leg, bridge = talking()
    story.wait(10.0)
    far = leg_id(PBX, "colleague")
    story.happens(LegReplaced(at=story.now, leg=leg, by=far, by_name="PJSIP/2002-00000009"))
    story.happens(LegParted(at=story.now, leg=leg, bridge=bridge))
    story.happens(LegJoined(at=story.now, leg=far, bridge=bridge))
    story.gone(leg)
    assert story.state("bob") == "wrap_up"
    story.gone(far)
    assert story.hung_up() == {customer}


def test_a_transferred_call_can_be_transferred_again() -> None:
    story, customer, leg, bridge = talking()
    for event in blind(story, leg, bridge):
        story.happens(event)
    further = leg_id(PBX, "further")
    story.happens(LegReplaced(at=story.now, leg=FAR, by=further, by_name="PJSIP/x-00000010"))
    story.happens(LegTransferred(at=story.now, leg=FAR, target="4711@out", attended=False, worked=True))
    story.gone(FAR)
    assert [told.party for told in story.all_told(CallTransferred)] == ["agent", "outside"]
    assert customer not in story.hung_up()
    story.gone(further)
    assert story.hung_up() == {customer}


@pytest.mark.parametrize("attended", [False, True])
def test_a_customer_who_transfers_is_replaced_and_the_talk_goes_on(attended: bool) -> None:
    story, customer, leg, _ = talking()
    call = story.call().id
    other = leg_id(PBX, "other")
    story.happens(LegReplaced(at=story.now, leg=customer, by=other, by_name="PJSIP/trunk-00000011"))
    story.happens(LegTransferred(at=story.now, leg=customer, target="4711@out", attended=attended, worked=True))
    (told,) = story.all_told(CallTransferred)
    assert (told.call, told.agent, told.party, told.target) == (call, "", "customer", "4711@out")
    story.gone(customer)
    assert story.state("bob") == "talking"
    story.gone(other)
    assert story.hung_up() == {leg}
    assert story.all_told(TalkEnded)[0].ended_by == "customer"


# -- hold -----------------------------------------------------------------------------------------------------------


def test_hold_is_counted_with_the_talk() -> None:
    story, customer, leg, _ = talking()
    for seconds, event in ((10.0, LegHeld), (4.0, LegUnheld), (6.0, LegHeld), (3.0, LegHeld), (2.0, LegUnheld), (5.0, LegUnheld)):
        story.wait(seconds)
        story.happens(event(at=story.now, leg=leg))
    story.gone(customer)
    (ended,) = story.all_told(TalkEnded)
    assert (ended.talked, ended.hold_seconds) == (30.0, 9.0)


def test_a_hold_that_lasts_until_the_end_is_counted_to_the_end() -> None:
    story, customer, leg, _ = talking()
    story.wait(10.0)
    story.happens(LegHeld(at=story.now, leg=leg))
    story.wait(7.0)
    story.gone(customer)
    assert story.fact(TalkEnded).hold_seconds == 7.0


def test_the_customers_own_hold_is_not_the_agents() -> None:
    story, customer, _, _ = talking()
    story.happens(LegHeld(at=story.now, leg=customer))
    story.wait(7.0)
    story.gone(customer)
    assert story.fact(TalkEnded).hold_seconds == 0.0
