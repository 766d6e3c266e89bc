"""Before the talk: the agent presses a key, hears who is there, and the caller hears whom they get."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    CallbackChange,
    CallbackChangeRequested,
    CallRequest,
    CallRequested,
)
from callbridge.core.model.facts import OfferEnded, TransferEnded
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Bridge, Play, Ring, StartRecording, StopPlaying
from callbridge.core.model.plan import AnnouncementPlan, CallbackTerms, ConnectMode, Plan, RecordingPlan, ToAgent, ToQueue
from tests.core.story import START, Story, agent, plan, queue
from tests.core.toy import NEVER, Toy


def house(*, confirm: bool = False, connect: ConnectMode = ConnectMode.RING, **more: object) -> Plan:
    amy = replace(agent("amy", connect=connect, login=False), confirm=confirm, language="zh")
    return plan([queue("support", **more)], [amy])  # type: ignore[arg-type]


def offered(the_plan: Plan, picks_up: float = 1.0) -> tuple[Toy, LegId]:
    """Ann calls, Amy's phone rings and is picked up after a second; a prompt lasts two."""
    toy = Toy(Story(the_plan), {"amy": picks_up})
    toy.lasts = 2.0
    toy.tell(AgentRequested(at=START, agent="amy", request=AgentRequest.LOGIN))
    toy.run(START + 2.0)  # a nailed-up session is there
    return toy, toy.calls("ann")


def plays(toy: Toy) -> list[tuple[str, str]]:
    return [(order.leg.split("/")[1].split("-")[0], order.media) for order in toy.obeyed if isinstance(order, Play)]


def phase(toy: Toy) -> Phase:
    (call,) = toy.story.world.calls.values()
    return call.phase


def test_the_agent_hears_queue_and_tier_while_the_caller_hears_music() -> None:
    toy, leg = offered(house(whisper="sound:q-{queue},sound:t-{tier}"))
    toy.run(START + 4.0)
    assert plays(toy) == [("cb", "sound:q-support,sound:t-standard")]
    assert phase(toy) is Phase.OFFERED
    assert toy.channels[leg].music
    toy.run(START + 6.0)
    assert phase(toy) is Phase.TALKING
    assert toy.story.state("amy") == "talking"


def test_the_caller_hears_the_agents_number_and_music_behind_it() -> None:
    toy, leg = offered(house(read_out="sound:agent,digits:{agent}"))
    toy.run(START + 4.0)
    assert plays(toy) == [("ann", "sound:agent")], "amy is no number"
    toy.run(START + 6.0)
    assert phase(toy) is Phase.TALKING
    assert toy.longest_silence < 0.1
    toy.hangs_up(leg)


def test_both_are_told_at_once_and_joined_when_both_have_heard() -> None:
    toy, _ = offered(house(whisper="sound:hello", read_out="sound:agent"))
    toy.run(START + 4.9)
    assert len(plays(toy)) == 2
    assert phase(toy) is Phase.OFFERED
    toy.run(START + 5.2)
    assert phase(toy) is Phase.TALKING


@pytest.mark.parametrize("media", ["missing", "endless"])
def test_what_cannot_be_said_holds_nobody_up_for_ever(media: str) -> None:
    toy, _ = offered(house(whisper=media))
    toy.run(START + 200.0)
    assert phase(toy) is Phase.TALKING
    if media == "endless":
        assert any(isinstance(order, StopPlaying) for order in toy.obeyed)


def test_a_caller_who_leaves_meanwhile_frees_the_agent() -> None:
    toy, leg = offered(house(whisper="sound:hello"))
    toy.run(START + 4.0)
    toy.hangs_up(leg)
    toy.run(START + 5.0)
    assert toy.story.state("amy") == "ready"
    assert not toy.channels
    assert not any(isinstance(order, Bridge) for order in toy.obeyed)


def test_a_nailed_up_agent_hears_the_beep_and_then_who_is_there() -> None:
    toy, _ = offered(house(connect=ConnectMode.NAILED_UP, whisper="sound:hello"))
    toy.run(START + 10.0)
    assert [media for _, media in plays(toy)] == ["sound:beep", "sound:hello"]
    assert phase(toy) is Phase.TALKING


def test_an_announcement_makes_way_for_the_agents_number() -> None:
    toy, _ = offered(house(read_out="sound:agent", announcements=AnnouncementPlan(greeting="endless")))
    toy.run(START + 8.0)
    assert [media for _, media in plays(toy)] == ["endless", "sound:agent"]
    assert phase(toy) is Phase.TALKING


def confirming(**more: object) -> tuple[Toy, LegId, LegId]:
    toy, leg = offered(house(confirm=True, **more))  # type: ignore[arg-type]
    toy.run(START + 4.0)
    ring = next(order for order in toy.obeyed if isinstance(order, Ring))
    return toy, leg, ring.leg


def test_a_mobile_phone_gets_the_call_only_by_a_key() -> None:
    toy, _, agents_leg = confirming()
    assert plays(toy) == [("cb", "sound:followme/options")]
    assert next(order.language for order in toy.obeyed if isinstance(order, Play)) == "zh"
    toy.run(START + 10.0)
    assert phase(toy) is Phase.OFFERED
    toy.presses(agents_leg, "51")
    toy.run(START + 11.0)
    assert phase(toy) is Phase.TALKING


def test_a_voicemail_presses_no_key() -> None:
    toy, leg, _ = confirming()
    toy.run(START + 30.0)
    assert [fact.result for fact in toy.story.all_told(OfferEnded)] == ["no_answer"]
    assert toy.story.state("amy") == "not_ready rona"
    assert phase(toy) is Phase.WAITING
    assert toy.channels[leg].music


def test_an_agent_refuses_by_a_key() -> None:
    toy, _, agents_leg = confirming()
    toy.presses(agents_leg, "2")
    assert [fact.result for fact in toy.story.all_told(OfferEnded)] == ["rejected"]


def test_the_key_comes_before_the_whisper() -> None:
    toy, _, agents_leg = confirming(whisper="sound:hello")
    toy.presses(agents_leg, "1")
    toy.run(START + 4.5)
    assert [media for _, media in plays(toy)] == ["sound:followme/options", "sound:hello"]
    toy.run(START + 8.0)
    assert phase(toy) is Phase.TALKING


def test_a_callers_key_confirms_nothing() -> None:
    toy, leg, _ = confirming()
    toy.presses(leg, "1")
    toy.run(START + 5.0)
    assert phase(toy) is Phase.OFFERED


@pytest.mark.parametrize("moment", [1.5, 3.5, 5.5])
def test_a_break_in_the_middle_makes_the_offer_again(moment: float) -> None:
    toy, leg, _ = confirming(whisper="sound:hello", read_out="sound:agent")
    toy.picks_up = {"amy": NEVER}
    toy.run(START + 2.0 + moment)
    toy.cut()
    toy.run(toy.story.now + 1.0)
    toy.restart()
    toy.run(toy.story.now + 0.5)
    assert phase(toy) in (Phase.WAITING, Phase.OFFERED)
    assert toy.channels[leg].music
    assert toy.story.all_told(OfferEnded)[0].result == "cancelled"


def test_own_names_are_said_in_any_language() -> None:
    made = house(whisper="sound:q-{queue},sound:for-{tier},digits:{agent}")
    made = replace(
        made, queues={"客服-1": replace(made.queues["support"], name="客服-1")}, entries={"support": ToQueue("客服-1")}
    )
    toy, _ = offered(made)
    toy.run(START + 4.0)
    assert [media for _, media in plays(toy)] == ["sound:q-客服-1,sound:for-standard"]


def handed(keys: str) -> tuple[Toy, LegId]:
    """Amy hands Ann on to Ben, who is at a mobile phone and presses these keys."""
    made = plan([queue("support")], [agent("amy"), replace(agent("ben", login=False), confirm=True)])
    toy = Toy(Story(made), {"amy": 0.5, "ben": 0.5})
    leg = toy.calls("ann")
    toy.run(START + 2.0)
    toy.tell(AgentRequested(at=toy.story.now, agent="ben", request=AgentRequest.LOGIN))
    (call,) = toy.story.world.calls
    toy.tell(CallRequested(at=toy.story.now, call=call, request=CallRequest.TRANSFER, to=ToAgent("ben"), by="amy"))
    toy.run(START + 3.5)
    bens = next(order.leg for order in toy.obeyed if isinstance(order, Ring) and order.agent == "ben")
    assert toy.story.state("ben") == "ringing"
    toy.presses(bens, keys)
    toy.run(START + 4.0)
    return toy, leg


def test_a_mobile_phone_takes_a_call_that_is_handed_on_only_by_a_key() -> None:
    toy, leg = handed("1")
    assert toy.story.state("ben") == "talking"
    assert toy.channels[leg].bridge is not None


@pytest.mark.parametrize("keys", ["2", ""])
def test_a_voicemail_takes_no_call_that_is_handed_on(keys: str) -> None:
    toy, leg = handed(keys)
    toy.run(START + 30.0)
    assert toy.story.state("ben") == "ready"
    assert toy.longest_silence < 0.1
    assert toy.story.all_told(TransferEnded)[0].result == ("rejected" if keys else "no_answer")
    toy.hangs_up(leg)


def test_a_customer_who_is_called_back_is_told_like_any_caller() -> None:
    made = house(callback=CallbackTerms(), read_out="sound:agent", record=RecordingPlan(consent="sound:recorded"))
    made = replace(made, outside="PJSIP/{number}@trunk", call_back_to=("X.",))
    toy = Toy(Story(made), {"amy": 0.5})
    toy.tell(AgentRequested(at=START, agent="amy", request=AgentRequest.LOGIN))
    toy.tell(CallbackChangeRequested(at=START, change=CallbackChange.MAKE, queue="support", number="12"))
    toy.run(START + 5.0)
    assert [media for _, media in plays(toy)] == ["sound:recorded,sound:agent"]
    kinds = [type(order) for order in toy.obeyed]
    assert kinds.index(Play) < kinds.index(Bridge) < kinds.index(StartRecording)
    assert phase(toy) is Phase.TALKING
