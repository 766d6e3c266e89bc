"""Calls transferred by agents and supervisors, and supervisors in talks: nobody is left in silence, figures stay right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    AgentRequest,
    CallRequest,
    CallRequested,
    DeviceChanged,
    DevicesListed,
    DigitPressed,
    FeatureDialled,
    LegAnswered,
    LegEntered,
    LegJoined,
    LegProbed,
    LegReplaced,
    LegTransferred,
    PlaybackEnded,
    SeenLeg,
    Why,
)
from callbridge.core.model.facts import (
    CallEnded,
    CallTransferred,
    ConferenceBegan,
    ConferenceEnded,
    RequestRefused,
    SupervisionEnded,
    SupervisionStarted,
    TalkBegan,
    TalkEnded,
    TransferEnded,
    TransferStarted,
    VisitBegan,
)
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import (
    Bridge,
    DropBridge,
    HangUp,
    Order,
    Play,
    Ring,
    ShowCaller,
    Snoop,
    StartMusic,
    StartRinging,
    StopRinging,
)
from callbridge.core.model.plan import ConnectMode, Target, ToAgent, ToNumber, ToQueue
from tests.core.story import PBX, START, Story, agent, plan, queue, routing

KEYS = {"*1": "transfer", "*2": "consult", "*3": "complete", "*4": "return", "*5": "conference"}


class Talk(Story):
    """Ann is a customer and talks to bob; cid and dan could take over, nailed-up nan too."""

    def __init__(self) -> None:
        queues = [
            queue("support", wrap_up=10.0, ring_for=12.0),
            queue("sales", routing(("sales", None)), extension="800", wrap_up=5.0),
        ]
        agents = [
            agent("bob"),
            agent("cid", {"sales": 1}),
            agent("1004", {}, phone="PJSIP/dan"),
            agent("nan", {}, ConnectMode.NAILED_UP, login=False),
        ]
        outside = "Local/{number}@out/n"
        super().__init__(replace(plan(queues, agents), outside=outside, keys=KEYS))
        self.customer, self.bob = self.talk()
        self.wait(30.0)

    def act(self, ask: CallRequest, to: Target | None = None, by: str = "bob", phone: str = "") -> list[Order]:
        return self.happens(CallRequested(at=self.now, call=self.call().id, request=ask, to=to, by=by, phone=phone))

    def press(self, digits: str) -> list[Order]:
        orders: list[Order] = []
        for digit in digits:
            orders += self.happens(DigitPressed(at=self.now, leg=self.bob, digit=digit))
        return orders

    def consult(self, to: Target | None = None) -> LegId:
        """Bob has cid, or somebody else, on the line; Ann hears music. Gives the other one's leg."""
        self.act(CallRequest.CONSULT, to or ToAgent("cid"))
        leg = self.ring().leg
        self.connect(leg)
        return leg

    def results(self) -> list[str]:
        return [fact.result for fact in self.all_told(TransferEnded)]

    def over(self) -> None:
        """Everybody hangs up, and nothing is left."""
        for leg in self.world.legs.values():
            if leg.id in self.world.legs and leg.role != "session":
                self.gone(leg.id)
        self.wait(60.0)
        assert not self.world.calls
        assert {leg.role for leg in self.world.legs.values()} <= {"session"}


# -- blind ------------------------------------------------------------------------------------------------------------


def test_a_blind_hand_over_to_a_queue_is_its_next_visit() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToQueue("sales"))
    assert story.hung_up() == {story.bob}
    assert story.rung() == ["cid"]
    assert (story.fact(TalkEnded).ended_by, story.fact(TalkEnded).talked) == ("transfer", 30.0)
    assert (story.fact(CallTransferred).agent, story.fact(CallTransferred).target) == ("bob", "queue:sales")
    assert (story.call().arrived_at, story.call().tier) == (START, "standard")
    story.gone(story.bob)
    story.connect(story.call().offer.leg)  # type: ignore[union-attr]
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support", "sales"]
    assert (story.call().segments, story.tally("sales").answered) == (2, 1)
    story.over()


def test_a_blind_hand_over_frees_the_agent_at_once_and_the_caller_hears_music() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    assert story.state("bob") == "wrap_up"
    assert story.state("cid") == "ringing"
    assert story.only(StartMusic).leg == story.customer
    assert story.only(DropBridge).legs == (story.customer,)
    leg = story.ring().leg
    story.wait(3.0)
    assert story.pick_up(leg).legs == (story.customer, leg)


def test_one_call_two_segments_and_no_second_visit() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    leg = story.ring().leg
    story.gone(story.bob)
    story.wait(3.0)
    story.connect(leg)
    assert (story.call().phase, story.state("cid")) == ("talking", "talking")
    assert (story.fact(TalkBegan).agent, story.fact(TalkBegan).waited) == ("cid", 33.0)
    assert (story.fact(CallTransferred).target, story.fact(CallTransferred).attended) == ("agent:cid", False)
    assert story.results() == ["completed"]
    story.wait(20.0)
    story.gone(leg)
    story.gone(story.customer)
    assert [fact.talked for fact in story.all_told(TalkEnded)] == [30.0, 20.0]
    assert (story.tally().offered, story.tally().answered) == (1, 1)
    assert story.state("cid") == "wrap_up"
    story.over()


def test_a_number_outside_takes_the_call() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToNumber("4711"))
    ring = story.ring()
    assert (ring.phone, ring.role, ring.number) == ("Local/4711@out/n", "outside", "+44")
    story.gone(story.bob)
    story.connect(ring.leg)
    assert story.call().phase == "outside"
    story.wait(600.0)
    story.gone(ring.leg)
    assert story.hung_up() == {story.customer}
    story.over()


@pytest.mark.parametrize(("cause", "result"), [(21, "rejected"), (17, "rejected"), (19, "unavailable"), (20, "offline")])
def test_a_caller_whom_nobody_takes_comes_back_to_the_agent(cause: int, result: str) -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    target = story.ring().leg
    story.gone(story.bob)
    story.wait(2.0)
    story.gone(target, cause)
    back = story.ring()
    assert back.agent == "bob"
    assert story.only(StartMusic).leg == story.customer
    story.connect(back.leg)
    assert story.results() == [result, "completed"]
    assert [fact.kind for fact in story.all_told(TransferStarted)] == ["blind", "back"]
    assert not story.all_told(CallTransferred)
    assert (story.state("bob"), story.call().segments) == ("talking", 2)
    assert story.call().failed_transfer == ("agent:cid", result)
    story.consult(ToAgent("1004"))
    story.act(CallRequest.RETURN)
    assert story.call().failed_transfer == ("", "")
    story.over()


def test_a_target_who_lets_it_ring_is_hung_up_and_the_caller_comes_back() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    target = story.ring().leg
    story.gone(story.bob)
    story.wait(11.9)
    assert story.hung_up() == set()
    story.wait(0.2)
    assert story.hung_up() == {target}
    assert story.rung() == ["bob"]


def test_the_way_back_waits_for_the_agents_phone_and_then_takes_the_queue() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    story.gone(story.ring().leg, 21)  # at once: bob's own leg is not gone yet
    assert not story.rung()
    assert story.call().phase is Phase.TRANSFERRING
    story.wait(0.5)
    assert not story.rung()
    story.gone(story.bob)
    assert [order.agent for order in story.wait(0.4) if isinstance(order, Ring)] == ["bob"]


def test_a_phone_that_stays_off_the_hook_sends_the_caller_to_the_queue() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    story.gone(story.ring().leg, 21)
    story.wait(4.0)
    assert (story.call().phase, story.call().visit.queue) == ("waiting", "support")  # type: ignore[union-attr]
    assert story.call().failed_transfer == ("", "")  # the next agent has not transferred it


def test_an_agent_whose_phone_makes_another_call_keeps_wrapping_up() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    target = story.ring().leg
    story.gone(story.bob)
    story.wait(2.0)
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="INUSE"))
    story.gone(target, 21)
    assert not story.rung()
    story.wait(4.0)
    assert (story.call().phase, story.world.agents["bob"].work) == ("waiting", "wrap_up")


def test_who_is_not_taken_back_either_waits_in_the_queue_from_where_the_call_came() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    target = story.ring().leg
    story.gone(story.bob)
    story.gone(target, 21)
    story.gone(story.ring().leg, 21)
    assert story.results() == ["rejected", "rejected"]
    assert (story.call().visit.queue, story.call().arrived_at) == ("support", START)  # type: ignore[union-attr]
    story.over()


def test_an_agent_who_logged_out_meanwhile_gets_nothing_back() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    target = story.ring().leg
    story.gone(story.bob)
    story.ask("bob", AgentRequest.LOGOUT)
    story.gone(target, 21)
    assert story.call().phase == "waiting"


def test_a_caller_who_hangs_up_on_the_way_stops_the_phone() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    target = story.ring().leg
    story.gone(story.customer)
    assert target in story.hung_up()
    assert story.results() == ["cancelled"]
    assert story.fact(CallEnded)
    story.gone(target)
    assert story.state("cid") == "ready"
    story.over()


def test_a_ring_that_fails_is_as_good_as_nobody_there() -> None:
    story = Talk()
    story.act(CallRequest.TRANSFER, ToNumber("4711"))
    ring = story.ring()
    story.gone(story.bob)
    story.fails(ring)
    assert story.rung() == ["bob"]
    assert story.results() == ["offline"]


# -- consult ----------------------------------------------------------------------------------------------------------


def test_during_a_consult_the_caller_hears_music_and_the_agent_hears_it_ring() -> None:
    story = Talk()
    story.act(CallRequest.CONSULT, ToAgent("cid"))
    assert story.only(StartMusic).leg == story.customer
    assert story.only(StartRinging).leg == story.bob
    assert set(story.only(DropBridge).legs) == {story.customer, story.bob}
    assert (story.state("bob"), story.state("cid")) == ("talking", "ringing")
    leg = story.ring().leg
    assert story.pick_up(leg).legs == (story.bob, leg)
    assert story.only(StopRinging).leg == story.bob


def test_a_completed_consult_is_a_transfer() -> None:
    story = Talk()
    leg = story.consult()
    assert story.state("cid") == "talking"
    story.wait(5.0)
    story.act(CallRequest.COMPLETE)
    assert story.hung_up() == {story.bob}
    joined = story.only(Bridge)
    assert joined.legs == (story.customer, leg)
    assert (story.fact(TalkEnded).talked, story.fact(TalkEnded).ended_by) == (35.0, "transfer")
    story.happens(LegJoined(at=story.now, leg=story.customer, bridge=joined.bridge))
    assert story.fact(TalkBegan).agent == "cid"
    assert (story.fact(CallTransferred).attended, story.results()) == (True, ["completed"])
    assert story.call().segments == 2
    story.over()


def test_an_agent_who_hangs_up_during_a_consult_has_completed_it() -> None:
    story = Talk()
    leg = story.consult()
    story.gone(story.bob)
    assert story.only(Bridge).legs == (story.customer, leg)
    story.over()


def test_an_agent_who_hangs_up_while_it_rings_has_handed_the_call_on() -> None:
    story = Talk()
    story.act(CallRequest.CONSULT, ToAgent("cid"))
    leg = story.ring().leg
    story.gone(story.bob)
    assert story.call().phase is Phase.TRANSFERRING
    assert story.pick_up(leg).legs == (story.customer, leg)


@pytest.mark.parametrize("who", ["asks", "target hangs up", "target never answers", "target rejects"])
def test_after_a_consult_that_comes_to_nothing_agent_and_caller_go_on(who: str) -> None:
    story = Talk()
    if who in ("asks", "target hangs up"):
        leg = story.consult()
    else:
        story.act(CallRequest.CONSULT, ToAgent("cid"))
        leg = story.ring().leg
    match who:
        case "asks":
            story.act(CallRequest.RETURN)
            assert story.hung_up() == {leg}
        case "target hangs up":
            story.gone(leg)
        case "target never answers":
            story.wait(12.0)
            assert story.hung_up() == {leg}
        case _:
            story.gone(leg, 21)
    assert story.only(Bridge).legs == (story.customer, story.bob)
    result = {"target never answers": "no_answer", "target rejects": "rejected"}.get(who, "")
    assert story.call().failed_transfer == ("agent:cid" if result else "", result)
    story.join(story.only(Bridge))
    assert (story.call().phase, story.state("bob"), story.call().transfer) == ("talking", "talking", None)
    story.gone(leg)
    assert story.state("cid") == "ready"
    assert not story.all_told(CallTransferred)
    assert story.call().segments == 1
    story.over()


def test_three_talk_and_the_one_who_leaves_the_others_go_on() -> None:
    story = Talk()
    leg = story.consult()
    story.act(CallRequest.CONFERENCE)
    joined = story.only(Bridge)
    assert joined.legs == (story.customer,)
    story.happens(LegJoined(at=story.now, leg=story.customer, bridge=joined.bridge))
    story.wait(10.0)
    story.act(CallRequest.COMPLETE)
    assert (story.hung_up(), story.fact(TalkBegan).agent) == ({story.bob}, "cid")
    assert customer_stays(story)
    story.gone(leg)
    story.over()


def three(to: Target | None = None) -> tuple[Talk, LegId]:
    """Ann, bob and cid, or somebody else, talk for 20 s after a consult of 5 s. Gives the third one's leg."""
    story = Talk()
    leg = story.consult(to)
    story.wait(5.0)
    story.act(CallRequest.CONFERENCE)
    joined = story.only(Bridge)
    story.happens(LegJoined(at=story.now, leg=story.customer, bridge=joined.bridge))
    story.wait(20.0)
    return story, leg


@pytest.mark.parametrize("how", ["third hangs up", "agent returns", "customer hangs up", "moved"])
def test_a_conference_is_in_the_calls_record_and_each_agent_in_it_has_a_segment(how: str) -> None:
    story, leg = three()
    (began,) = story.all_told(ConferenceBegan)
    assert (began.by, began.agent, began.to) == ("bob", "cid", "agent:cid")
    call = began.call
    match how:
        case "third hangs up":
            story.gone(leg)
        case "agent returns":
            story.act(CallRequest.RETURN)
        case "customer hangs up":
            story.gone(story.customer)
        case _:
            story.act(CallRequest.MOVE, ToQueue("sales"), by="eva")
    (ended,) = story.all_told(ConferenceEnded)
    assert (ended.call, ended.by, ended.agent, ended.talked) == (call, "bob", "cid", 20.0)
    assert story.results() == ["conference"]
    assert story.state("cid") == "wrap_up"
    story.over()
    assert [fact.segments for fact in story.all_told(CallEnded)] == [2]


def test_the_third_one_of_a_conference_who_has_the_call_then_has_one_segment() -> None:
    story, leg = three()
    story.act(CallRequest.COMPLETE)
    (ended,) = story.all_told(ConferenceEnded)
    assert (ended.agent, ended.talked, story.results()) == ("cid", 20.0, ["completed"])
    story.wait(10.0)
    story.gone(story.customer)
    story.gone(leg)
    talks = [(fact.agent, fact.talked) for fact in story.all_told(TalkEnded)]
    assert talks == [("bob", 55.0), ("cid", 10.0)]
    assert [fact.segments for fact in story.all_told(CallEnded)] == [2]


def test_somebody_outside_in_a_conference_is_recorded_and_no_segment() -> None:
    story, leg = three(ToNumber("4711"))
    story.gone(leg)
    (ended,) = story.all_told(ConferenceEnded)
    assert (ended.agent, ended.to, ended.talked) == ("", "number:4711", 20.0)
    story.over()
    assert [fact.segments for fact in story.all_told(CallEnded)] == [1]


def test_a_consult_without_the_caller_is_no_conference() -> None:
    story = Talk()
    leg = story.consult()
    story.wait(5.0)
    story.gone(leg)
    assert not story.all_told(ConferenceBegan) and not story.all_told(ConferenceEnded)
    assert (story.results(), story.state("cid"), story.call().segments) == (["returned"], "ready", 1)


def customer_stays(story: Talk) -> bool:
    return story.customer in story.world.legs and not [order for order in story.sent if order == HangUp(leg=story.customer)]


def test_nobody_joins_three_before_the_other_one_has_answered() -> None:
    story = Talk()
    story.act(CallRequest.CONSULT, ToAgent("cid"))
    story.act(CallRequest.CONFERENCE)
    assert story.fact(RequestRefused).reason == "the target has not answered yet"


def test_a_nailed_up_agent_hears_a_beep_and_takes_the_call() -> None:
    story = Talk()
    story.ask("nan", AgentRequest.LOGIN)
    session = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.act(CallRequest.TRANSFER, ToAgent("nan"))
    beep = story.only(Play)
    assert beep.leg == session
    story.gone(story.bob)
    story.happens(PlaybackEnded(at=story.now, leg=session, playback=beep.playback, failed=False))
    story.join(story.only(Bridge))
    assert story.state("nan") == "talking"
    story.gone(story.customer)
    assert session in story.world.legs and session not in story.hung_up()


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        (ToAgent("bob"), "the call is already with Bob (bob)"),
        (ToAgent("nan"), "Nan (nan) cannot take the call now: logged out"),
        (ToAgent("zoe"), "no such agent: zoe"),
        (ToQueue("nowhere"), "no such queue: nowhere"),
        (None, "the target is missing"),
    ],
    ids=str,
)
def test_a_consult_that_cannot_be_changes_nothing(to: Target | None, reason: str) -> None:
    story = Talk()
    story.act(CallRequest.CONSULT, to)
    assert (story.fact(RequestRefused).reason, story.orders) == (reason, [])
    assert story.call().phase == "talking"


def test_without_a_way_outside_no_number_is_called() -> None:
    story = Talk()
    story.world.plan = replace(story.world.plan, outside="")
    story.act(CallRequest.TRANSFER, ToNumber("4711"))
    assert story.fact(RequestRefused).reason == "outside numbers cannot be called: the setting 'outside' is missing"


@pytest.mark.parametrize(
    ("patterns", "number", "allowed"),
    [
        (None, "999", True),
        (("0[1237].", "+44[1237]."), "02079460001", True),
        (("0[1237].", "+44[1237]."), "+442079460001", True),
        (("0[1237].", "+44[1237]."), "999", False),
        (("0[1237].", "+44[1237]."), "0900123456", False),
        (("0[1237].", "+44[1237]."), "*6702079460001", False),
        ((), "02079460001", False),
    ],
)
@pytest.mark.parametrize("request_", [CallRequest.TRANSFER, CallRequest.CONSULT])
def test_calls_are_transferred_to_allowed_numbers_only(
    request_: CallRequest, patterns: tuple[str, ...] | None, number: str, allowed: bool
) -> None:
    story = Talk()
    story.world.plan = replace(story.world.plan, outside="PJSIP/{number}@trunk", transfer_to=patterns)
    story.act(request_, ToNumber(number))
    if allowed:
        assert story.ring().phone == f"PJSIP/{number}@trunk"
    else:
        refused = story.fact(RequestRefused)
        assert (refused.reason, refused.to) == ("calls may not be transferred to this number", f"number:{number}")
        assert (story.orders, story.call().phase) == ([], "talking")


def test_after_a_gap_a_consult_that_still_rang_is_undone() -> None:
    story = Talk()
    story.act(CallRequest.CONSULT, ToAgent("cid"))
    leg = story.ring().leg
    seen = [SeenLeg(leg=one, name="x", up=True, created_at=START) for one in (story.customer, story.bob, leg)]
    story.wait(1.0)
    story.snapshot(*seen)
    assert leg in story.hung_up()
    assert [order.legs for order in story.orders if isinstance(order, Bridge)] == [(story.customer, story.bob)]


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_code_with_a_target_ends_with_hash() -> None:
    story = Talk()
    story.press("*2cid".replace("cid", "1004"))
    assert not story.all_told(TransferStarted)
    story.press("#")
    assert (story.ring().agent, story.call().transfer is not None) == ("1004", True)


def test_a_code_with_a_target_also_ends_when_nothing_more_comes() -> None:
    story = Talk()
    story.press("*1800")
    story.wait(3.9)
    assert not story.all_told(CallTransferred)
    story.wait(0.2)
    (told,) = story.all_told(CallTransferred)
    assert told.target == "queue:sales"


def test_other_digits_go_outside() -> None:
    story = Talk()
    story.press("*10207#")
    assert story.ring().phone == "Local/0207@out/n"


def test_a_consult_is_led_by_keys() -> None:
    story = Talk()
    story.press("*21004#")
    leg = story.ring().leg
    story.connect(leg)
    story.press("*4")
    assert story.hung_up() == {leg}
    assert story.results() == ["returned"]


def test_what_is_no_code_is_forgotten() -> None:
    story = Talk()
    story.press("12*9*")
    story.press("#0")
    story.wait(10.0)
    assert (story.call().keys, story.call().deadline) == ("", None)
    assert not story.all_told(RequestRefused)


def test_a_customers_keys_mean_nothing() -> None:
    story = Talk()
    story.happens(DigitPressed(at=story.now, leg=story.customer, digit="*"))
    assert story.call().keys == ""


def test_a_code_begun_and_left_alone_is_forgotten() -> None:
    story = Talk()
    story.press("*1")
    story.wait(5.0)
    assert story.call().keys == ""
    story.press("800#")
    assert not story.all_told(CallTransferred)


# -- a REFER that reaches nobody --------------------------------------------------------------------------------------


def test_a_phones_own_transfer_that_nobody_answers_comes_back() -> None:
    story = Talk()
    far = leg_id(PBX, "far")
    story.happens(LegReplaced(at=story.now, leg=story.bob, by=far, by_name="Local/9@a-1;1", up=False))
    story.gone(story.bob)
    story.wait(1.0)
    story.gone(far, 17)
    assert story.rung() == ["bob"]
    assert customer_stays(story)


def test_a_phones_own_transfer_to_somebody_who_is_gone_at_once_comes_back() -> None:
    story = Talk()
    story.happens(LegTransferred(at=story.now, leg=story.bob, target="2002@phones", attended=False, worked=True))
    story.wait(0.5)
    story.gone(story.bob)  # the phone believes that it has handed the caller on
    assert story.fact(TalkEnded).ended_by == "transfer"
    assert story.rung() == ["bob"]
    assert customer_stays(story)
    story.connect(story.ring().leg)
    assert story.call().segments == 2
    story.over()


# -- supervisors ------------------------------------------------------------------------------------------------------


def listening(story: Talk, ask: CallRequest = CallRequest.LISTEN) -> tuple[LegId, LegId]:
    """Eva listens: her leg, and the Snoop channel."""
    story.act(ask, by="eva", phone="PJSIP/eva")
    leg = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=leg))
    snoop = story.only(Snoop)
    assert (snoop.of, snoop.whisper) == (story.bob, ask is CallRequest.WHISPER)
    story.happens(LegEntered(at=story.now, leg=snoop.leg))
    assert story.only(Bridge).legs == (leg, snoop.leg)
    story.join(story.only(Bridge))
    return leg, snoop.leg


@pytest.mark.parametrize("ask", [CallRequest.LISTEN, CallRequest.WHISPER], ids=str)
def test_a_supervisor_listens_until_the_talk_ends(ask: CallRequest) -> None:
    story = Talk()
    leg, snoop = listening(story, ask)
    (began,) = story.all_told(SupervisionStarted)
    assert (began.by, began.agent, began.mode, began.phone) == ("eva", "bob", ask, "PJSIP/eva")
    story.wait(20.0)
    story.gone(story.customer)
    assert {leg, snoop} <= story.hung_up()
    assert (story.fact(SupervisionEnded).by, story.fact(SupervisionEnded).lasted) == ("eva", 20.0)
    story.over()


def test_from_listening_to_barging_in() -> None:
    story = Talk()
    leg, snoop = listening(story)
    bridge = story.call().bridge
    story.act(CallRequest.BARGE, by="eva")
    assert story.hung_up() == {snoop}
    assert story.only(Bridge) == Bridge(bridge=bridge or "", legs=(leg,), call=story.call().id)
    assert [fact.mode for fact in story.all_told(SupervisionStarted)] == ["listen", "barge"]
    story.over()


def test_a_supervisor_leaves_and_the_talk_goes_on() -> None:
    story = Talk()
    leg, snoop = listening(story)
    story.act(CallRequest.RELEASE, by="eva")
    assert story.hung_up() == {leg, snoop}
    assert (story.call().phase, story.call().supervisions) == ("talking", ())
    story.over()


def test_a_supervisor_who_hangs_up_has_left() -> None:
    story = Talk()
    leg, snoop = listening(story)
    story.gone(leg)
    assert story.hung_up() == {snoop}
    assert story.fact(SupervisionEnded)
    story.over()


def test_a_supervisor_takes_over() -> None:
    story = Talk()
    leg, _ = listening(story)
    bridge = story.call().bridge
    story.act(CallRequest.TAKE_OVER, by="eva")
    assert story.fact(TalkEnded).ended_by == "taken_over"
    assert story.bob in story.hung_up() and leg not in story.hung_up()
    assert story.only(ShowCaller).leg == leg
    story.happens(LegJoined(at=story.now, leg=leg, bridge=bridge or ""))
    assert story.call().phase == "outside"
    story.gone(leg)
    assert story.hung_up() == {story.customer}
    story.over()


def test_a_supervisor_who_is_an_agent_takes_over_with_a_segment() -> None:
    story = Talk()
    story.act(CallRequest.TAKE_OVER, by="eva", phone="PJSIP/cid")
    leg = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=leg))
    story.join(story.only(Bridge))
    assert (story.state("cid"), story.call().segments) == ("talking", 2)
    assert story.state("bob") == "wrap_up"
    (started,), (ended,) = story.all_told(TransferStarted), story.all_told(TransferEnded)
    assert (started.to, started.agent, started.leg) == (ended.to, ended.agent, leg) == ("agent:cid", "bob", leg)
    assert ended.transfer == started.seq, "the same transfer"
    story.over()


def test_a_supervisor_who_does_not_pick_up_is_rung_for_a_while() -> None:
    story = Talk()
    story.act(CallRequest.LISTEN, by="eva", phone="PJSIP/eva")
    leg = story.ring().leg
    story.wait(20.0)
    assert story.hung_up() == {leg}
    story.gone(leg)
    assert story.call().supervisions == ()


def test_a_supervisor_who_cannot_hear_is_let_go() -> None:
    story = Talk()
    story.act(CallRequest.LISTEN, by="eva", phone="PJSIP/eva")
    leg = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=leg))
    story.fails(story.only(Snoop), Why.REFUSED, 500)
    assert leg in story.hung_up()
    story.over()


@pytest.mark.parametrize(
    ("phone", "reason"),
    [("", "the phone is missing"), ("PJSIP/bob", "phone PJSIP/bob is in a call")],
)
def test_a_supervision_that_cannot_be_is_refused(phone: str, reason: str) -> None:
    story = Talk()
    story.act(CallRequest.LISTEN, by="eva", phone=phone)
    assert (story.fact(RequestRefused).reason, story.orders) == (reason, [])


@pytest.mark.parametrize("ask", [CallRequest.LISTEN, CallRequest.WHISPER, CallRequest.BARGE, CallRequest.TAKE_OVER], ids=str)
@pytest.mark.parametrize(
    ("phone", "reason", "unknown"),
    [
        ("PJSIP/999", "no such phone: PJSIP/999 is not an endpoint of the PBX", True),
        ("PJSIP/999/sip:999@198.51.100.7", "no such phone: PJSIP/999/sip:999@198.51.100.7 is not an endpoint of the PBX", True),
        ("PJSIP/eva", "phone PJSIP/eva cannot be reached: it is not registered", False),
        ("PJSIP/eva/sip:eva@198.51.100.7", "phone PJSIP/eva/sip:eva@198.51.100.7 cannot be reached: it is not registered", False),
    ],
)
def test_supervision_with_a_phone_that_does_not_exist_or_is_away_is_refused(
    ask: CallRequest, phone: str, reason: str, unknown: bool
) -> None:
    story = Talk()
    story.happens(DevicesListed(at=story.now, states={"PJSIP/bob": "INUSE", "PJSIP/eva": "UNAVAILABLE"}))
    story.act(ask, by="boss", phone=phone)
    refused = story.fact(RequestRefused)
    assert (refused.reason, refused.unknown, story.orders) == (reason, unknown, [])


@pytest.mark.parametrize("phone", ["PJSIP/eva", "PJSIP/+4930@carrier", "SIP/9", "Local/9@phones/n"])
def test_supervision_with_a_phone_that_may_exist_rings_it(phone: str) -> None:
    story = Talk()
    story.happens(DevicesListed(at=story.now, states={"PJSIP/bob": "INUSE", "PJSIP/eva": "NOT_INUSE"}))
    story.act(CallRequest.LISTEN, by="boss", phone=phone)
    assert story.ring().phone == phone


def test_who_takes_no_part_cannot_leave() -> None:
    story = Talk()
    story.act(CallRequest.RELEASE, by="eva")
    assert story.fact(RequestRefused).reason == "eva is not supervising this call"


def supervisor_dials(story: Talk, feature: str = "listen", argument: str = "bob", channel: str = "PJSIP/cid-1") -> LegId:
    leg = leg_id(PBX, "dialled")
    story.happens(FeatureDialled(at=story.now, leg=leg, feature=feature, argument=argument, channel_name=channel, up=True))
    return leg


def promoted() -> Talk:
    """Cid is a supervisor."""
    story = Talk()
    agents = {name: replace(one, supervisor=name == "cid") for name, one in story.world.plan.agents.items()}
    story.world.plan = replace(story.world.plan, agents=agents)
    return story


def test_a_supervisor_listens_from_the_phone_by_code() -> None:
    story = promoted()
    leg = supervisor_dials(story)
    assert not [order for order in story.orders if isinstance(order, Ring)]
    snoop = story.only(Snoop)
    assert (story.fact(SupervisionStarted).by, story.fact(SupervisionStarted).agent) == ("cid", "bob")
    story.happens(LegEntered(at=story.now, leg=snoop.leg))
    assert story.only(Bridge).legs == (leg, snoop.leg)
    story.wait(120.0)
    assert leg not in {order.leg for order in story.sent if isinstance(order, HangUp)}
    story.gone(story.customer)
    assert {leg, snoop.leg} <= story.hung_up()
    story.gone(leg)
    story.wait(1.0)
    assert story.state("cid") == "ready"
    story.over()


def test_a_supervisor_takes_over_from_the_phone_by_code() -> None:
    story = promoted()
    leg = supervisor_dials(story, "take_over")
    story.join(story.only(Bridge))
    assert (story.state("cid"), story.call().segments) == ("talking", 2)
    story.gone(leg)
    assert story.state("cid") == "wrap_up"
    story.over()


@pytest.mark.parametrize(
    ("channel", "argument"),
    [("PJSIP/dan-1", "bob"), ("PJSIP/cid-1", "zoe"), ("PJSIP/cid-1", "1004"), ("PJSIP/stranger-1", "bob")],
    ids=["no supervisor", "no such agent", "nobody talks to", "a strange phone"],
)
def test_who_may_not_listen_is_told_so_and_hung_up(channel: str, argument: str) -> None:
    story = promoted()
    leg = supervisor_dials(story, "listen", argument, channel)
    assert not [order for order in story.orders if isinstance(order, Snoop)]
    said = story.only(Play)
    story.happens(PlaybackEnded(at=story.now, leg=leg, playback=said.playback, failed=False))
    assert leg in story.hung_up()
    assert not story.call().supervisions


# -- seldom, and all at once ------------------------------------------------------------------------------------------


def barging(story: Talk) -> LegId:
    """Eva has barged in."""
    story.act(CallRequest.BARGE, by="eva", phone="PJSIP/eva")
    leg = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=leg))
    story.join(story.only(Bridge))
    return leg


def test_who_has_barged_in_takes_over_at_once() -> None:
    story = Talk()
    leg = barging(story)
    story.act(CallRequest.TAKE_OVER, by="eva")  # both are in the bridge already: nobody will enter it
    assert story.call().phase == "outside"
    story.wait(10.0)
    assert leg not in {order.leg for order in story.sent if isinstance(order, HangUp)}
    story.over()


def test_a_supervisor_who_cannot_barge_in_costs_the_talk_nothing() -> None:
    story = Talk()
    for _ in range(4):
        story.act(CallRequest.BARGE, by="eva", phone="PJSIP/eva")
        leg = story.ring().leg
        story.happens(LegAnswered(at=story.now, leg=leg))
        story.fails(story.only(Bridge), status=409)
        assert story.hung_up() == {leg}
        story.gone(leg)
    assert (story.call().phase, story.call().failures, story.call().supervisions) == ("talking", 0, ())
    story.over()


def test_a_supervisor_who_cannot_barge_in_leaves_a_consult_alone() -> None:
    story = Talk()
    target = story.consult()
    story.act(CallRequest.BARGE, by="eva", phone="PJSIP/eva")
    leg = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=leg))
    story.fails(story.only(Bridge), status=409)
    assert story.hung_up() == {leg}
    assert story.call().transfer is not None and target in story.world.legs


def test_a_barging_supervisor_is_let_go_when_the_agent_consults() -> None:
    story = Talk()
    leg = barging(story)
    story.act(CallRequest.CONSULT, ToAgent("cid"))
    assert leg in story.hung_up()
    assert story.call().supervisions == ()


def test_a_phones_own_transfer_during_a_consult_takes_the_caller_along() -> None:
    story = Talk()
    story.consult()
    far = leg_id(PBX, "far")
    story.happens(LegReplaced(at=story.now, leg=story.bob, by=far, by_name="PJSIP/x-9", up=True))
    joined = story.only(Bridge)
    assert (joined.legs, joined.bridge) == ((story.customer,), story.call().bridge)
    assert story.call().phase == "outside"


def test_a_caller_who_is_asked_about_during_a_consult_does_not_overhear_it() -> None:
    story = Talk()
    story.consult()
    story.happens(LegProbed(at=story.now, leg=story.customer, in_app=True, up=True))
    assert not [order for order in story.orders if isinstance(order, Bridge)]


def test_an_agents_channel_that_was_taken_away_during_a_consult_completes_it() -> None:
    story = Talk()
    target = story.consult()
    story.happens(LegProbed(at=story.now, leg=story.bob, in_app=False, up=True))
    assert story.only(Bridge).legs == (story.customer, target)
    assert customer_stays(story)


def test_music_that_failed_during_a_consult_is_tried_again() -> None:
    story = Talk()
    story.act(CallRequest.CONSULT, ToAgent("cid"))
    story.fails(story.only(StartMusic))
    assert [order.leg for order in story.wait(1.1) if isinstance(order, StartMusic)] == [story.customer]


def test_the_agent_is_kept_for_the_caller_who_comes_back() -> None:
    story = Talk()
    queues = {name: replace(one, wrap_up=0.0) for name, one in story.world.plan.queues.items()}
    story.world.plan = replace(story.world.plan, queues=queues)
    story.caller("eve")  # waits, and bob could have her
    story.act(CallRequest.TRANSFER, ToAgent("cid"))
    story.gone(story.ring().leg, 21)
    story.gone(story.bob)
    assert story.rung() == []
    assert [(order.agent, order.call) for order in story.wait(0.5) if isinstance(order, Ring)] == [("bob", story.call().id)]


@pytest.mark.parametrize(
    "ask", [CallRequest.TRANSFER, CallRequest.CONSULT, CallRequest.COMPLETE, CallRequest.RETURN, CallRequest.CONFERENCE], ids=str
)
def test_who_is_only_consulted_does_not_steer_the_call(ask: CallRequest) -> None:
    story = Talk()
    story.consult()
    story.act(ask, ToAgent("1004"), by="cid")
    assert (story.fact(RequestRefused).reason, story.orders) == ("the call is not with agent cid", [])


@pytest.mark.parametrize("by", ["local", "bob"])
def test_nobody_is_logged_in_at_a_phone_that_does_not_exist(by: str) -> None:
    """A wrong digit: the agent was ready until the first offer failed."""
    story = Talk()
    story.happens(DevicesListed(at=story.now, states={"PJSIP/cid": "NOT_INUSE", "PJSIP/desk": "UNAVAILABLE"}))
    phone = story.world.agents["cid"].phone
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/dekc", by=by)
    assert story.fact(RequestRefused).reason == "no such phone: PJSIP/dekc is not an endpoint of the PBX"
    assert (story.world.agents["cid"].phone, story.world.agents["cid"].next_phone) == (phone, "")
    for known in ("PJSIP/desk", "PJSIP/+4930@carrier", "SIP/9"):
        story.ask("cid", AgentRequest.LOGIN, phone=known, by=by)
        assert story.world.agents["cid"].phone == known


def test_a_phone_that_dials_a_code_exists_although_the_pbx_has_not_listed_it() -> None:
    story = Talk()
    story.happens(DevicesListed(at=story.now, states={"PJSIP/cid": "NOT_INUSE"}))
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/new")
    assert story.world.agents["cid"].phone == "PJSIP/new"


def test_nobody_logs_in_or_listens_at_a_trunk() -> None:
    story = Talk()
    story.world.plan = replace(story.world.plan, trunks=frozenset({"PJSIP/trunk"}))
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/trunk")
    assert story.fact(RequestRefused).reason == "PJSIP/trunk is a trunk, not a phone"
    story.act(CallRequest.LISTEN, by="eva", phone="PJSIP/trunk")
    assert story.fact(RequestRefused).reason == "PJSIP/trunk is a trunk, not a phone"


@pytest.mark.parametrize("phone", ["PJSIP/carrier", "SIP/203.0.113.9", "IAX2/host.example", "PJSIP/2001x"])
def test_only_agents_phones_and_allowed_ones_are_used(phone: str) -> None:
    """Any technology and address was rung: an outside host, or a trunk that ``trunks`` does not list."""
    story = Talk()
    rules = replace(story.world.plan.phones, allowed=("PJSIP/20??", "SIP/lobby"))
    story.world.plan = replace(story.world.plan, phones=rules)
    before = story.world.agents["cid"].phone
    refusal = f"{phone} may not be used: it is not an agent's phone, and phones.allowed in the configuration does not list it"
    for by in ("local", ""):
        story.ask("cid", AgentRequest.LOGIN, phone=phone, by=by)
        assert (story.fact(RequestRefused).reason, story.world.agents["cid"].phone) == (refusal, before)
    for request in (CallRequest.LISTEN, CallRequest.WHISPER, CallRequest.BARGE, CallRequest.TAKE_OVER):
        story.act(request, by="eva", phone=phone)
        assert (story.fact(RequestRefused).reason, story.orders) == (refusal, [])
    for allowed in ("PJSIP/2001", "SIP/lobby", before):
        story.ask("cid", AgentRequest.LOGIN, phone=allowed, by="local")
        assert story.world.agents["cid"].phone == allowed
    story.act(CallRequest.LISTEN, by="eva", phone="PJSIP/2002")
    assert story.only(Ring).phone == "PJSIP/2002"
