"""Recordings: a file for each agent's share, by queue, tier, share or on demand; what fails is told and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from callbridge.core.model.call import Recording
from callbridge.core.model.events import (
    AgentRequest,
    CallRequest,
    CallRequested,
    LegAnswered,
    LegReplaced,
    PlaybackEnded,
    SeenLeg,
    Why,
)
from callbridge.core.model.facts import CallRecorded, PromptFailed, RecordingFailed, RequestRefused, TalkEnded
from callbridge.core.model.flow import Node, QueueNode, SetNode
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import Bridge, CheckRecording, PauseRecording, Play, StartRecording, StopRecording
from callbridge.core.model.plan import RecordingPlan, ToAgent
from tests.core.flows import floor, flow
from tests.core.story import DAY, Story, agent, one_queue, queue

NO = flow({"no": SetNode(next="in", values={"record": "no"}), "in": QueueNode(queue="support")}, "no")
PLAIN = RecordingPlan()


def talking(record: RecordingPlan | None = PLAIN, tier: str = "standard") -> Story:
    story = one_queue(agent("amy"), agent("ben", login=False), record=record)
    story.talk(tier=tier)
    return story


def ask(story: Story, what: CallRequest, by: str = "amy") -> None:
    (call,) = story.world.calls
    story.happens(CallRequested(at=story.now, call=call, request=what, by=by))


def recording(story: Story) -> Recording | None:
    (call,) = story.world.calls.values()
    return call.segment.recording if call.segment is not None else None


def test_a_talk_is_recorded_from_its_first_moment_into_a_file_of_its_own() -> None:
    story = talking()
    (start,) = story.all_sent(StartRecording)
    (call,) = story.world.calls.values()
    assert (start.leg, start.file) == (call.leg, f"{DAY}/support/{call.id}-1.wav")
    story.wait(10.0)
    story.gone(call.segment.leg)  # type: ignore[union-attr]
    recorded = story.fact(CallRecorded)
    assert (recorded.file, recorded.lasted, recorded.paused, recorded.agent) == (start.file, 10.0, 0.0, "amy")
    assert story.facts.index(recorded) < story.facts.index(story.fact(TalkEnded))
    assert [order.leg for order in story.all_sent(StopRecording)] == [call.leg]


def test_a_caller_who_hung_up_needs_no_stop() -> None:
    story = talking()
    (call,) = story.world.calls.values()
    story.gone(call.leg)
    assert story.all_told(CallRecorded)
    assert not story.all_sent(StopRecording)


def test_the_next_agent_has_a_file_of_its_own() -> None:
    story = talking()
    story.ask("ben", AgentRequest.LOGIN)
    (call,) = story.world.calls.values()
    story.happens(CallRequested(at=story.now, call=call.id, request=CallRequest.TRANSFER, to=ToAgent("ben"), by="amy"))
    story.connect(story.ring().leg)
    files = [order.file for order in story.all_sent(StartRecording)]
    assert [file.rsplit("-", 1)[1] for file in files] == ["1.wav", "2.wav"]


def test_a_recording_that_is_asked_for_later_has_the_number_of_its_talk() -> None:
    story = talking(RecordingPlan(on_demand=True))
    (call,) = story.world.calls.values()
    ask(story, CallRequest.RECORD)
    story.ask("ben", AgentRequest.LOGIN)
    story.happens(CallRequested(at=story.now, call=call.id, request=CallRequest.TRANSFER, to=ToAgent("ben"), by="amy"))
    story.connect(story.ring().leg)
    ask(story, CallRequest.RECORD, by="ben")
    assert [order.file.rsplit("-", 1)[1] for order in story.all_sent(StartRecording)] == ["1.wav", "2.wav"]


@pytest.mark.parametrize(
    ("record", "tier", "wanted"),
    [
        (None, "standard", False),
        (RecordingPlan(on_demand=True), "standard", False),
        (RecordingPlan(tiers=frozenset({"diamond"})), "standard", False),
        (RecordingPlan(tiers=frozenset({"diamond"})), "diamond", True),
        (RecordingPlan(share=1e-9), "standard", False),
    ],
)
def test_who_is_recorded(record: RecordingPlan | None, tier: str, wanted: bool) -> None:
    assert bool(talking(record, tier).all_sent(StartRecording)) is wanted


def test_a_person_who_does_not_want_it_is_not_recorded() -> None:
    story = Story(floor(NO, queues=[queue("support", record=RecordingPlan(consent="sound:recorded"))]))
    story.caller(entry="no")
    story.wait(0.0)
    story.connect(story.ring().leg)
    assert not story.all_sent(StartRecording)
    assert not story.all_sent(Play)
    ask(story, CallRequest.RECORD)
    assert story.fact(RequestRefused).reason == "the caller has refused to be recorded"


def test_the_caller_is_told_before() -> None:
    story = one_queue(agent("amy"), record=RecordingPlan(consent="sound:recorded"), read_out="sound:agent")
    story.caller()
    story.happens(LegAnswered(at=story.now, leg=story.ring().leg))
    assert story.only(Play).media == "sound:recorded,sound:agent"


def test_on_demand_pause_and_going_on() -> None:
    story = talking(RecordingPlan(on_demand=True))
    story.wait(5.0)
    ask(story, CallRequest.RECORD)
    assert story.only(StartRecording).file.endswith("-1.wav")
    story.wait(4.0)
    ask(story, CallRequest.PAUSE_RECORDING)
    assert story.only(PauseRecording).paused
    story.wait(3.0)
    ask(story, CallRequest.RESUME_RECORDING)
    assert not story.only(PauseRecording).paused
    story.wait(2.0)
    ask(story, CallRequest.PAUSE_RECORDING)
    story.wait(1.0)
    (call,) = story.world.calls.values()
    story.gone(call.leg)
    (recorded,) = story.all_told(CallRecorded)
    assert (recorded.lasted, recorded.paused) == (10.0, 4.0)


REFUSALS: Mapping[CallRequest, str] = {
    CallRequest.RECORD: "the conversation is already being recorded",
    CallRequest.RESUME_RECORDING: "the recording is not paused",
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_makes_no_sense_is_refused(what: CallRequest) -> None:
    story = talking()
    ask(story, what)
    assert story.fact(RequestRefused).reason == REFUSALS[what]


@pytest.mark.parametrize("what", [CallRequest.PAUSE_RECORDING, CallRequest.RESUME_RECORDING, CallRequest.RECORD])
def test_where_nothing_is_recorded_there_is_nothing_to_pause(what: CallRequest) -> None:
    story = talking(None)
    ask(story, what)
    assert story.all_told(RequestRefused)
    waiting = one_queue(agent("amy", login=False))
    waiting.caller()
    ask(waiting, what, by="")
    assert waiting.fact(RequestRefused).reason == "no agent is talking to the caller"


@pytest.mark.parametrize("why", list(Why))
def test_a_recording_that_fails_is_an_alert_and_no_failure_of_the_call(why: Why) -> None:
    story = talking()
    story.fails(story.all_sent(StartRecording)[0], why)
    failed = story.fact(RecordingFailed)
    assert failed.why.startswith(f"not recorded: {why}")
    assert story.state("amy") == "talking"
    doubtful = why is Why.TIMEOUT
    assert (recording(story) is not None) is doubtful, "it may have worked: it can be paused, and will be stopped"
    (call,) = story.world.calls.values()
    story.gone(call.leg)
    assert bool(story.all_told(CallRecorded)) is doubtful


def test_a_pause_that_fails_is_an_alert_too() -> None:
    story = talking()
    ask(story, CallRequest.PAUSE_RECORDING)
    story.fails(story.only(PauseRecording))
    assert story.fact(RecordingFailed).why.startswith("not paused")
    assert recording(story) is not None
    assert recording(story).paused_since is None  # type: ignore[union-attr]


def test_a_resume_that_fails_may_be_asked_again() -> None:
    story = talking()
    ask(story, CallRequest.PAUSE_RECORDING)
    ask(story, CallRequest.RESUME_RECORDING)
    story.fails(story.only(PauseRecording))
    ask(story, CallRequest.RESUME_RECORDING)
    assert not story.only(PauseRecording).paused


def handed_on(*, paused: bool = False) -> tuple[Story, list[StartRecording | PauseRecording]]:
    story = talking()
    if paused:
        ask(story, CallRequest.PAUSE_RECORDING)
    story.ask("ben", AgentRequest.LOGIN)
    (call,) = story.world.calls.values()
    story.happens(CallRequested(at=story.now, call=call.id, request=CallRequest.TRANSFER, to=ToAgent("ben"), by="amy"))
    story.connect(story.ring().leg)
    return story, [order for order in story.sent if isinstance(order, StartRecording | PauseRecording)]


@pytest.mark.parametrize("which", [StartRecording, PauseRecording])
def test_what_failed_for_one_agent_s_file_says_nothing_of_the_next(which: type) -> None:
    story, orders = handed_on(paused=True)
    late = next(order for order in orders if isinstance(order, which) and order.file.endswith("-1.wav"))
    story.fails(late, Why.TIMEOUT)
    assert [fact.file for fact in story.all_told(RecordingFailed)] == ([late.file] if which is PauseRecording else [])
    now = recording(story)
    assert now is not None
    assert now.file.endswith("-2.wav")
    assert now.paused_since is not None


def test_who_paused_for_a_card_s_number_did_not_mean_this_agent_only() -> None:
    _, orders = handed_on(paused=True)
    assert [(type(order), order.file[-5]) for order in orders[-2:]] == [(StartRecording, "2"), (PauseRecording, "2")]
    _, orders = handed_on()
    assert isinstance(orders[-1], StartRecording)


def test_a_pause_that_failed_after_the_talk_is_told_all_the_same() -> None:
    story = talking()
    ask(story, CallRequest.PAUSE_RECORDING)
    order = story.only(PauseRecording)
    (call,) = story.world.calls.values()
    story.gone(call.leg)
    story.fails(order, Why.TIMEOUT)
    assert story.fact(RecordingFailed).file == order.file


def gap(story: Story) -> None:
    """The events of some time are lost; the talk goes on."""
    (call,) = story.world.calls.values()
    assert call.segment is not None
    legs = (call.leg, call.segment.leg)
    seen = [SeenLeg(leg=leg, name=leg, up=True, created_at=0.0) for leg in legs]
    story.snapshot(*seen, bridges={call.bridge: legs} if call.bridge is not None else {})


def test_after_a_gap_a_pause_is_ordered_once_more() -> None:
    story = talking()
    ask(story, CallRequest.PAUSE_RECORDING)
    gap(story)
    assert story.only(PauseRecording).paused


@pytest.mark.parametrize("paused", [False, True])
def test_a_recording_whose_start_was_lost_begins_after_the_restart_and_says_so(paused: bool) -> None:
    """It was reported as a recording of the whole talk."""
    story = talking()
    if paused:
        ask(story, CallRequest.PAUSE_RECORDING)
    story.wait(5.0)
    gap(story)
    look = story.only(CheckRecording)
    assert look.file == story.all_sent(StartRecording)[0].file
    assert not story.all_told(RecordingFailed)
    story.fails(look)
    assert [type(order) for order in story.orders] == [StartRecording] + [PauseRecording] * paused
    assert story.only(StartRecording).file == look.file
    assert story.fact(RecordingFailed).why.startswith("not recorded until now")
    story.wait(3.0)
    (call,) = story.world.calls.values()
    story.gone(call.leg)
    recorded = story.fact(CallRecorded)
    assert (recorded.lasted, recorded.paused) == (3.0, 3.0 * paused)


@pytest.mark.parametrize("why", [Why.UNSENT, Why.TIMEOUT])
def test_where_nobody_knows_whether_a_recording_runs_there_is_an_alert(why: Why) -> None:
    story = talking()
    gap(story)
    story.fails(story.only(CheckRecording), why)
    assert story.fact(RecordingFailed).why.startswith(f"perhaps not recorded: {why}")
    assert not story.orders
    assert recording(story) is not None


def test_a_look_for_a_recording_that_is_over_says_nothing() -> None:
    story = talking()
    gap(story)
    look = story.only(CheckRecording)
    (call,) = story.world.calls.values()
    story.gone(call.leg)
    story.fails(look)
    assert not story.all_told(RecordingFailed)


def test_a_recording_is_looked_for_during_a_consult_too() -> None:
    story = talking()
    story.ask("ben", AgentRequest.LOGIN)
    (call,) = story.world.calls.values()
    story.happens(CallRequested(at=story.now, call=call.id, request=CallRequest.CONSULT, to=ToAgent("ben"), by="amy"))
    gap(story)
    assert [order.file for order in story.sent if isinstance(order, CheckRecording)]


def test_recording_holds_up_nothing_else_of_the_call() -> None:
    story = talking()
    (call,) = story.world.calls.values()
    assert call.leg not in story.all_sent(StartRecording)[0].legs


@pytest.mark.parametrize("no", ["No", "false", "0", "off"])
def test_there_are_many_ways_to_say_no(no: str) -> None:
    nodes: dict[str, Node] = {"no": SetNode(next="in", values={"record": no}), "in": QueueNode(queue="support")}
    story = Story(floor(flow(nodes, "no"), queues=[queue("support", record=PLAIN)]))
    story.caller(entry="no")
    story.wait(0.0)
    story.connect(story.ring().leg)
    assert not story.all_sent(StartRecording)


def test_a_person_who_could_not_be_told_is_not_recorded() -> None:
    story = one_queue(agent("amy"), record=RecordingPlan(consent="sound:recorded"))
    story.caller()
    agents_leg = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=agents_leg))
    said = story.only(Play)
    story.happens(PlaybackEnded(at=story.now, leg=said.leg, playback=said.playback, failed=True))
    assert story.fact(PromptFailed).where == "queue:support/read_out"
    assert story.fact(RecordingFailed).why == "not recorded: the caller could not be told of it"
    story.join(story.only(Bridge))
    assert not story.all_sent(StartRecording)


def test_a_customer_in_another_channel_is_recorded_on_into_another_file() -> None:
    story = talking()
    (call,) = story.world.calls.values()
    new = leg_id("pbx", "moved")
    story.happens(LegReplaced(at=story.now, leg=call.leg, by=new, by_name="PJSIP/trunk-moved"))
    start = story.only(StartRecording)
    assert (start.leg, start.file) == (new, f"{DAY}/support/{call.id}-1-again.wav")
