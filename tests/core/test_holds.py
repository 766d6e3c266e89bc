"""Hold by request and by the agent's phone: who hears what, what is counted, and when it is refused."""

from __future__ import annotations

import pytest

from callbridge.core.model.events import (
    AgentRequest,
    CallRequest,
    LegAnswered,
    LegHeld,
    LegUnheld,
    PbxLost,
    PlaybackEnded,
    SeenLeg,
)
from callbridge.core.model.facts import RequestRefused, SupervisionEnded, TalkEnded
from callbridge.core.model.orders import Bridge, DropBridge, HangUp, Play, StartMusic
from callbridge.core.model.plan import ToAgent, ToNumber, ToQueue
from tests.core.story import PBX
from tests.core.test_supervised_calls import Talk, listening


def held() -> Talk:
    """Bob has put ann on hold."""
    story = Talk()
    story.act(CallRequest.HOLD)
    return story


def refused(story: Talk) -> str:
    return story.fact(RequestRefused).reason


def test_the_caller_hears_music_and_the_agent_nothing() -> None:
    story = Talk()
    bridge = story.call().bridge
    story.act(CallRequest.HOLD)
    assert (story.only(DropBridge).bridge, set(story.only(DropBridge).legs)) == (bridge, {story.customer, story.bob})
    assert [order.leg for order in story.all_sent(StartMusic)][-1] == story.customer
    assert (story.call().bridge, story.call().phase, story.state("bob")) == (None, "talking", "talking")


def test_unhold_lets_them_talk_again_and_the_time_is_counted() -> None:
    story = held()
    story.wait(12.0)
    story.act(CallRequest.UNHOLD)
    assert story.only(Bridge).legs == (story.customer, story.bob)
    story.join(story.only(Bridge))
    story.wait(5.0)
    story.gone(story.customer)
    assert (story.fact(TalkEnded).talked, story.fact(TalkEnded).hold_seconds) == (47.0, 12.0)
    story.over()


def test_the_phone_s_hold_and_the_requested_one_count_once() -> None:
    story = held()
    story.wait(4.0)
    story.happens(LegHeld(at=story.now, leg=story.bob))
    story.wait(4.0)
    story.act(CallRequest.UNHOLD)
    story.join(story.only(Bridge))
    story.wait(4.0)
    assert story.call().segment.held_since is not None  # type: ignore[union-attr]
    story.happens(LegUnheld(at=story.now, leg=story.bob))
    story.wait(10.0)
    story.gone(story.customer)
    assert story.fact(TalkEnded).hold_seconds == 12.0


@pytest.mark.parametrize(
    ("first", "ask", "reason"),
    [
        ([CallRequest.HOLD], CallRequest.HOLD, "the caller is already on hold"),
        (["phone"], CallRequest.HOLD, "the agent's phone has put the caller on hold already"),
        ([], CallRequest.UNHOLD, "the caller is not on hold"),
        (["phone"], CallRequest.UNHOLD, "the agent's phone has put the caller on hold: only the phone can end that"),
        (["consult"], CallRequest.HOLD, "a consult is in progress: the caller hears music"),
        (["consult", CallRequest.CONFERENCE], CallRequest.HOLD, "the caller is in a conference"),
        (["lost"], CallRequest.HOLD, f"PBX {PBX} cannot be reached"),
        ([CallRequest.HOLD, "lost"], CallRequest.UNHOLD, f"PBX {PBX} cannot be reached"),
    ],
)
def test_what_is_impossible_is_refused(first: list[str], ask: CallRequest, reason: str) -> None:
    story = Talk()
    for one in first:
        match one:
            case "phone":
                story.happens(LegHeld(at=story.now, leg=story.bob))
            case "consult":
                story.consult()
            case "lost":
                story.happens(PbxLost(at=story.now, pbx=PBX))
            case _:
                story.act(CallRequest(one))
    story.act(ask)
    assert refused(story) == reason


def test_only_the_agent_who_has_the_call_puts_it_on_hold() -> None:
    story = Talk()
    story.act(CallRequest.HOLD, by="cid")
    assert refused(story) == "the call is not with agent cid"
    story.act(CallRequest.HOLD, by="eva")  # a supervisor
    assert story.call().segment.on_hold  # type: ignore[union-attr]


@pytest.mark.parametrize("to", [ToAgent("cid"), ToNumber("4711")], ids=str)
def test_a_consult_ends_the_hold_and_leads_back_to_a_conversation(to: ToAgent | ToNumber) -> None:
    story = held()
    story.wait(6.0)
    story.consult(to)
    assert not story.call().segment.on_hold  # type: ignore[union-attr]
    story.act(CallRequest.RETURN)
    assert set(story.only(Bridge).legs) == {story.customer, story.bob}
    story.gone(story.customer)
    assert story.fact(TalkEnded).hold_seconds == 6.0
    story.over()


@pytest.mark.parametrize("to", [ToQueue("sales"), ToAgent("cid"), ToNumber("4711")], ids=str)
def test_a_call_on_hold_can_be_transferred(to: ToQueue | ToAgent | ToNumber) -> None:
    story = held()
    story.wait(6.0)
    story.act(CallRequest.TRANSFER, to)
    assert (story.fact(TalkEnded).ended_by, story.fact(TalkEnded).hold_seconds) == ("transfer", 6.0)
    assert story.hung_up() == {story.bob}
    story.over()


def test_an_agent_who_hangs_up_has_ended_the_call_on_hold() -> None:
    story = held()
    story.wait(6.0)
    story.gone(story.bob)
    assert (story.fact(TalkEnded).ended_by, story.fact(TalkEnded).hold_seconds) == ("agent", 6.0)
    assert story.only(HangUp).leg == story.customer
    story.over()


def test_a_nailed_up_agent_keeps_the_line_while_the_caller_is_on_hold() -> None:
    story = Talk()
    story.ask("nan", AgentRequest.LOGIN)
    session = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.act(CallRequest.TRANSFER, ToAgent("nan"))
    beep = story.only(Play)
    story.gone(story.bob)
    story.happens(PlaybackEnded(at=story.now, leg=session, playback=beep.playback, failed=False))
    story.join(story.only(Bridge))
    story.act(CallRequest.HOLD, by="nan")
    assert set(story.only(DropBridge).legs) == {story.customer, session}
    story.act(CallRequest.UNHOLD, by="nan")
    story.join(story.only(Bridge))
    story.act(CallRequest.HOLD, by="nan")
    story.gone(story.customer)
    assert session in story.world.legs and session not in story.hung_up()


def test_a_supervisor_who_has_barged_in_is_disconnected_and_one_who_listens_stays() -> None:
    story = Talk()
    leg, _ = listening(story)
    story.act(CallRequest.HOLD)
    assert not story.hung_up()
    story.act(CallRequest.UNHOLD)
    story.act(CallRequest.BARGE, by="eva")
    story.act(CallRequest.HOLD)
    assert story.hung_up() == {leg}
    assert story.all_told(SupervisionEnded)[-1].mode == "barge"
    story.over()


def test_after_a_gap_the_caller_is_on_hold_still() -> None:
    story = Talk()
    bridge = story.call().bridge
    story.act(CallRequest.HOLD)
    story.happens(PbxLost(at=story.now, pbx=PBX))
    seen = [
        SeenLeg(leg=story.customer, name="PJSIP/trunk-1", up=True, created_at=0.0, entry="support"),
        SeenLeg(leg=story.bob, name="PJSIP/bob-1", up=True, created_at=0.0, role="agent", agent="bob"),
    ]
    story.snapshot(*seen, bridges={bridge or "": (story.customer, story.bob)})  # the order was lost
    assert bridge in {order.bridge for order in story.all_sent(DropBridge)}
    assert story.only(StartMusic).leg == story.customer
    story.act(CallRequest.UNHOLD)
    assert set(story.only(Bridge).legs) == {story.customer, story.bob}
    story.over()
