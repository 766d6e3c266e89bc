"""An agent's phone that hangs up at once has answered nobody: the offer failed, the caller keeps the place, no figure moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.entities import estimates
from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    AgentRequest,
    CallbackChange,
    CallbackChangeRequested,
    CallRequest,
    CallRequested,
    DigitPressed,
    EntityFaulted,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegLeft,
    PlaybackEnded,
    SeenLeg,
)
from callbridge.core.model.facts import (
    AgentAlerted,
    AttemptEnded,
    CallbackEnded,
    CallbackTried,
    CallEnded,
    OfferEnded,
    OfferMade,
    RequestRefused,
    TalkBegan,
    TalkEnded,
    TransferEnded,
    VisitBegan,
    VisitEnded,
)
from callbridge.core.model.flow import Condition
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Bridge, DropBridge, Play, Ring, StartMusic, StartRecording
from callbridge.core.model.plan import ConnectMode, DialMode, OverflowRule, Penalty, Plan, RecordingPlan, Target, ToAgent, ToQueue
from callbridge.core.outbound import callback_calls
from tests.core import test_callbacks, test_campaigns
from tests.core.laws import check_indexes
from tests.core.story import START, Story, agent, one_queue, plan, queue, routing

SHORT = 1.0


def desks(*agents: str, **more: object) -> Story:
    return one_queue(*(agent(name) for name in agents), short_talk=SHORT, **more)


def results(story: Story) -> list[tuple[str, str]]:
    return [(ended.agent, ended.result) for ended in story.all_told(OfferEnded)]


def outcomes(story: Story) -> list[str]:
    return [ended.outcome for ended in story.all_told(VisitEnded)]


def test_the_caller_keeps_the_place_and_the_next_agent_is_rung_at_once() -> None:
    story = desks("bob", "cid")
    customer, bob = story.talk()
    visit = story.call().visit
    assert story.state("bob") == "talking"
    story.wait(0.3)
    orders = story.gone(bob)
    assert results(story) == [("bob", "rejected")]
    assert outcomes(story) == []
    assert (story.fact(TalkEnded).ended_by, story.fact(TalkEnded).agent) == ("short", "bob")
    assert story.rung() == ["cid"]
    assert [type(order) for order in orders if isinstance(order, DropBridge | StartMusic)] == [DropBridge, StartMusic]
    kept = story.call().visit
    assert kept is not None
    assert visit is not None
    assert (kept.rank, kept.began_at) == (visit.rank, visit.began_at)
    assert (story.tally().offered, story.tally().answered, story.tally().within_target) == (1, 0, 0)
    assert story.state("bob") == "ready", "at rest as after any rejection, and without wrap-up"
    assert story.world.agents["bob"].rest_until == story.now + 10.0
    story.connect(story.ring().leg)
    story.wait(5.0)
    assert results(story) == [("bob", "rejected"), ("cid", "answered")]
    assert outcomes(story) == ["answered"]
    story.gone(customer)
    assert story.fact(CallEnded).segments == 1
    assert story.tally().answered == 1


def test_an_answer_counts_after_a_second_with_the_time_at_which_the_talk_began() -> None:
    story = desks("bob", wrap_up=0.0)
    story.ask("bob", AgentRequest.NOT_READY)
    story.caller()
    story.wait(19.5)
    story.ask("bob", AgentRequest.READY)
    story.connect(story.ring().leg)
    began = story.now
    assert [talk.at for talk in story.all_told(TalkBegan)] == [began], "told at once: a screen pops up"
    assert (story.all_told(OfferEnded), story.all_told(VisitEnded)) == ([], [])
    story.wait(SHORT)
    (offer,), (visit,) = story.all_told(OfferEnded), story.all_told(VisitEnded)
    assert (offer.at, offer.result) == (visit.at, visit.outcome) == (began, "answered")
    assert (visit.waited, visit.within_target) == (19.5, True)
    story.gone(story.call().segment.leg)  # type: ignore[union-attr]
    ended = story.fact(TalkEnded)
    assert (ended.ended_by, ended.talked) == ("agent", SHORT)


def test_the_second_counts_though_its_end_was_not_yet_noticed() -> None:
    story = desks("bob")
    _, bob = story.talk()
    story.now += SHORT
    story.gone(bob)
    assert story.fact(TalkEnded).ended_by == "agent"
    assert outcomes(story) == ["answered"]


@pytest.mark.parametrize("left_first", [False, True])
def test_a_customer_who_hangs_up_at_once_was_answered(left_first: bool) -> None:
    story = desks("bob")
    customer, bob = story.talk()
    story.wait(0.2)
    if left_first:
        story.happens(LegLeft(at=story.now, leg=customer))
    story.gone(customer)
    assert bob in story.hung_up()
    assert outcomes(story) == ["answered"]
    assert [talk.ended_by for talk in story.all_told(TalkEnded)] == ["customer"]
    assert story.state("bob") == "wrap_up"


@pytest.mark.parametrize(
    ("what", "to"),
    [
        (CallRequest.TRANSFER, ToAgent("cid")),
        (CallRequest.TRANSFER, ToQueue("sales")),
        (CallRequest.CONSULT, ToAgent("cid")),
        (CallRequest.MOVE, ToQueue("sales")),
        (CallRequest.HANG_UP, None),
        (CallRequest.RECORD, None),
    ],
)
def test_whatever_is_asked_of_the_call_makes_the_answer_certain(what: CallRequest, to: Target | None) -> None:
    queues = [queue("support", short_talk=SHORT), queue("sales", routing(("sales", None)))]
    story = Story(plan(queues, [agent("bob"), agent("cid", {"sales": 1})]))
    story.talk()
    story.wait(0.2)
    story.happens(CallRequested(at=story.now, call=story.call().id, request=what, to=to, by="bob"))
    assert outcomes(story) == ["answered"]
    assert results(story)[0] == ("bob", "answered")


def test_a_key_that_takes_the_call_means_nothing_when_both_talk() -> None:
    story = Story(plan([queue("support", short_talk=SHORT)], [replace(agent("bob"), confirm=True)]))
    story.caller()
    leg = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=leg))
    story.happens(DigitPressed(at=story.now, leg=leg, digit="1"))
    story.join(story.all_sent(Bridge)[-1])
    story.happens(DigitPressed(at=story.now, leg=leg, digit="2"))
    assert story.call().phase is Phase.TALKING


def test_a_code_in_the_first_second_does_not_delay_the_count() -> None:
    story = Story(replace(plan([queue("support", short_talk=SHORT)], [agent("bob")]), keys={"*2": "consult"}))
    _, bob = story.talk()
    story.happens(DigitPressed(at=story.now, leg=bob, digit="*"))
    story.wait(SHORT)
    assert outcomes(story) == ["answered"]
    assert story.call().keys == "*"


def test_a_nailed_up_line_that_is_hung_up_at_once() -> None:
    story = Story(plan([queue("support", short_talk=SHORT)], [agent("nan", connect=ConnectMode.NAILED_UP), agent("cid")]))
    story.ask("cid", AgentRequest.NOT_READY)
    session = story.all_sent(Ring)[-1].leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.caller()
    beep = story.only(Play)
    story.happens(PlaybackEnded(at=story.now, leg=session, playback=beep.playback, failed=False))
    story.join(story.all_sent(Bridge)[-1])
    story.gone(session)
    assert results(story) == [("nan", "offline")]
    assert story.state("nan") == "offline"
    assert story.call().phase is Phase.WAITING


def test_a_phone_that_hangs_up_at_once_again_and_again_rests_longer_and_is_told() -> None:
    story = desks("bob")
    story.caller()
    for _ in range(3):
        story.connect(story.ring().leg)
        story.gone(story.call().segment.leg)  # type: ignore[union-attr]
        story.wait(story.world.agents["bob"].rest_until - story.now)
    assert results(story) == [("bob", "rejected")] * 3
    assert [alert.kind for alert in story.all_told(AgentAlerted)] == ["offers_missed"]
    story.connect(story.ring().leg)
    assert story.world.agents["bob"].misses == 3
    story.wait(SHORT)
    assert story.world.agents["bob"].misses == 0


def test_each_talk_has_a_recording_of_its_own_however_short() -> None:
    story = desks("bob", "cid", record=RecordingPlan())
    _, bob = story.talk()
    story.gone(bob)
    story.connect(story.ring().leg)
    files = [order.file for order in story.all_sent(StartRecording)]
    assert [file.rpartition("-")[2] for file in files] == ["1.wav", "2.wav"]


def test_a_fault_of_ours_in_the_first_second_leaves_nothing_open() -> None:
    story = desks("bob")
    story.talk()
    story.happens(EntityFaulted(at=story.now, kind="call", id=story.call().id))
    assert results(story) == [("bob", "cancelled")]
    assert outcomes(story) == ["failed"]
    assert story.state("bob") == "wrap_up"


def test_a_phone_that_is_found_gone_after_a_gap_had_answered() -> None:
    story = desks("bob")
    customer, bob = story.talk()
    bridge = story.call().bridge
    assert bridge is not None
    story.snapshot(SeenLeg(leg=customer, name="PJSIP/trunk-1", created_at=START, up=True), bridges={bridge: (customer,)})
    story.gone(bob, estimated=True)
    assert outcomes(story) == ["answered"]
    assert story.fact(TalkEnded).ended_by == "lost"


# -- calls that we made -----------------------------------------------------------------------------------------------


def short(the_plan: Plan) -> Plan:
    queues = {name: replace(one, short_talk=SHORT) for name, one in the_plan.queues.items()}
    return replace(the_plan, queues=queues)


def test_a_person_whom_a_campaign_has_called_is_for_the_next_agent() -> None:
    agents = {"amy": ConnectMode.AUTO_ANSWER, "ben": ConnectMode.AUTO_ANSWER}
    toy = test_campaigns.begin(short(test_campaigns.house(test_campaigns.spring(mode=DialMode.PROGRESSIVE), agents=agents)))
    toy.run(START + 5.9)
    first = toy.story.all_told(TalkBegan)[0]
    toy.hangs_up(LegId(first.leg))
    toy.run(START + 9.0)
    began = toy.story.all_told(TalkBegan)
    assert {talk.agent for talk in began} == {"amy", "ben"}
    (ended,) = toy.story.all_told(AttemptEnded)
    assert (ended.outcome, ended.agent) == ("answered", began[1].agent)
    assert began[1].at - first.at < ended.delay < 2.0, "until the agent who did talk"
    assert toy.story.all_told(VisitBegan) == [], "in no queue's figures"
    toy.hangs_up(test_campaigns.rings(toy)[0].leg)
    toy.run(START + 60.0)
    assert toy.channels == {}


def test_a_person_for_whom_there_is_no_next_agent_in_time_was_abandoned() -> None:
    toy = test_campaigns.begin(short(test_campaigns.house()))
    toy.run(START + 5.9)
    toy.hangs_up(LegId(toy.story.all_told(TalkBegan)[0].leg))
    toy.run(START + 60.0)
    assert test_campaigns.outcomes(toy) == ["abandoned"]


def test_a_callback_is_kept_when_somebody_talks() -> None:
    toy = test_callbacks.callbacks_owed(short(test_callbacks.house(agents={"amy": False, "ben": False})), ben=1.0)
    test_callbacks.works(toy)
    while not (began := toy.story.all_told(TalkBegan)):
        toy.run(toy.story.now + 0.2)
    (callback,) = toy.story.world.callbacks.values()
    toy.tell(CallbackChangeRequested(at=toy.story.now, change=CallbackChange.CANCEL, callback=callback.id, by="sue"))
    assert toy.story.all_told(RequestRefused)[-1].reason == "customer and agent are being connected"
    toy.hangs_up(LegId(began[0].leg))
    assert toy.story.all_told(CallbackEnded) == []
    test_callbacks.works(toy, "ben")
    toy.run(toy.story.now + 10.0)
    assert toy.story.state("ben") == "talking"
    assert test_callbacks.ended(toy).outcome == "kept"
    assert [fact.result for fact in toy.story.all_told(CallbackTried)] == ["answered"]


# -- calls that were transferred --------------------------------------------------------------------------------------


def transferred() -> tuple[Story, LegId]:
    """Bob has transferred ann to cid, who has just picked up. Gives cid's leg."""
    queues = [queue("support", short_talk=SHORT), queue("sales", routing(("sales", None)))]
    story = Story(plan(queues, [agent("bob"), agent("cid", {"sales": 1})]))
    _, bob = story.talk()
    story.wait(30.0)
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.TRANSFER, to=ToAgent("cid"), by="bob"))
    leg = story.ring().leg
    story.gone(bob)
    story.connect(leg)
    assert story.state("cid") == "talking"
    return story, leg


def test_a_person_who_hangs_up_a_transferred_call_at_once_gives_it_back() -> None:
    story, cid = transferred()
    story.wait(0.5)
    story.gone(cid)
    assert story.fact(TalkEnded).ended_by == "short"
    assert story.rung() == ["bob"]
    story.connect(story.ring().leg)
    assert [ended.kind for ended in story.all_told(TransferEnded)] == ["blind", "back"]
    assert story.state("bob") == "talking"


def test_a_person_who_hangs_up_what_came_back_at_once_leaves_it_to_the_queue() -> None:
    story, cid = transferred()
    story.gone(cid)
    back = story.ring().leg
    story.connect(back)
    story.gone(back)
    assert story.call().phase in (Phase.WAITING, Phase.OFFERED)
    assert [began.queue for began in story.all_told(VisitBegan)] == ["support", "support"]


def test_a_transferred_talk_that_lasted_ends_the_call() -> None:
    story, cid = transferred()
    story.wait(SHORT)
    story.gone(cid)
    assert story.fact(TalkEnded).ended_by == "agent"
    assert story.call().phase is Phase.ENDING


def conference(lasts: float) -> tuple[Story, LegId]:
    """Bob, ann and cid have talked for so long, and bob has hung up. Gives cid's leg."""
    queues = [queue("support", short_talk=SHORT), queue("sales", routing(("sales", None)))]
    story = Story(plan(queues, [agent("bob"), agent("cid", {"sales": 1})]))
    _, bob = story.talk()
    story.wait(30.0)
    call = story.call().id
    story.happens(CallRequested(at=story.now, call=call, request=CallRequest.CONSULT, to=ToAgent("cid"), by="bob"))
    cid = story.ring().leg
    story.connect(cid)
    story.wait(30.0)
    story.happens(CallRequested(at=story.now, call=call, request=CallRequest.CONFERENCE, by="bob"))
    story.join(story.only(Bridge))
    story.wait(lasts)
    story.gone(bob)
    return story, cid


def test_a_conference_that_ends_one_after_the_other_is_over() -> None:
    story, cid = conference(60.0)
    story.wait(0.5)
    story.gone(cid)
    assert (story.fact(TalkEnded).agent, story.fact(TalkEnded).ended_by) == ("cid", "agent")
    assert story.rung() == []
    assert story.call().phase is Phase.ENDING


def test_an_agent_who_leaves_a_conference_that_has_just_begun_gives_the_caller_back() -> None:
    story, cid = conference(0.2)
    story.wait(0.2)
    story.gone(cid)
    assert story.fact(TalkEnded).ended_by == "short"
    assert story.call().transfer is not None, "on the way back to bob"


# -- the line ---------------------------------------------------------------------------------------------------------


def test_who_talks_is_ahead_of_nobody_though_the_answer_does_not_count_yet() -> None:
    rule = OverflowRule(Condition(waiting=1), ToQueue("other"), "full")
    queues = [queue("support", short_talk=SHORT, overflow=(rule,)), queue("other", routing(("other", None)))]
    story = Story(plan(queues, [agent("bob")]))
    story.talk()
    story.wait(0.5)
    story.caller("eve")
    assert story.all_told(VisitEnded) == []
    assert estimates.position(story.world, story.call("eve")) == 1
    assert estimates.waiting(story.world, "support") == 1


def test_whose_agent_hangs_up_at_once_is_in_line_again_at_the_old_place() -> None:
    story = desks("bob")
    _, bob = story.talk("ann")
    story.wait(0.2)
    story.caller("eve")
    story.wait(0.2)
    assert story.world.line("support").calls == [story.call("eve").id]
    story.gone(bob)
    assert story.world.line("support").calls == [story.call("ann").id, story.call("eve").id]


def test_a_step_that_raises_leaves_the_line_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    story = desks("bob")
    _, bob = story.talk()
    story.wait(0.2)

    def raises(*_: object) -> None:
        raise RuntimeError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(callback_calls, "give_up_overtaken", raises)
        with pytest.raises(RuntimeError, match="planted"):
            story.gone(bob)
    assert story.world.line("support").calls == []
    check_indexes(story.world)
    story.gone(bob)
    assert story.world.line("support").count == 1


# -- what was heard late ----------------------------------------------------------------------------------------------


def picks_up(story: Story, leg: LegId, at: float, *, heard_after: float) -> None:
    """The phone was picked up at this moment by the PBX's clock, which is an hour slow."""
    story.now = at + heard_after
    story.happens(LegAnswered(at=story.now, leg=leg, said_at=at - 3600.0))


def hangs_up(story: Story, leg: LegId, at: float, *, heard_after: float = 0.0) -> None:
    story.now = max(story.now, at + heard_after)
    story.happens(LegEnded(at=story.now, leg=leg, said_at=at - 3600.0, cause=16))


def joins(story: Story, bridge: Bridge, at: float, *, heard_after: float, clock: float = -3600.0) -> None:
    """Both came into the bridge at this moment, and we hear of it later. ``clock``: by how much the PBX's is fast."""
    story.now = max(story.now, at + heard_after)
    for leg in bridge.legs:
        story.happens(LegJoined(at=story.now, leg=leg, bridge=bridge.bridge, said_at=at + clock))


def test_who_talked_while_we_stood_still_is_not_called_to_another_agent() -> None:
    """The bridge was ordered, and its beginning and the agent's hang-up are heard in one moment."""
    story = desks("bob", "cid")
    customer = story.caller()
    leg, at = story.ring().leg, story.now + 1.0
    picks_up(story, leg, at, heard_after=0.0)
    joins(story, story.only(Bridge), at, heard_after=5.0)
    hangs_up(story, leg, at + 4.0, heard_after=1.0)
    assert results(story) == [("bob", "answered")]
    assert outcomes(story) == ["answered"]
    assert [talk.ended_by for talk in story.all_told(TalkEnded)] == ["agent"]
    assert customer in story.hung_up()
    assert [offer.agent for offer in story.all_told(OfferMade)] == ["bob"]


@pytest.mark.parametrize(("lasted", "result"), [(0.9, "rejected"), (1.1, "answered")])
@pytest.mark.parametrize("heard_after", [0.0, 0.6, 5.0])
def test_how_long_they_talked_is_what_the_pbx_says_however_late_it_is_heard(
    lasted: float, result: str, heard_after: float
) -> None:
    story = desks("bob")
    story.caller()
    leg, at = story.ring().leg, story.now + 1.0
    picks_up(story, leg, at, heard_after=0.0)
    joins(story, story.only(Bridge), at, heard_after=heard_after)
    hangs_up(story, leg, at + lasted, heard_after=max(0.0, heard_after - lasted))
    assert results(story) == [("bob", result)]


@pytest.mark.parametrize(("lasted", "result"), [(0.9, "rejected"), (1.1, "answered")])
def test_a_pbx_whose_clock_was_set_back_meanwhile_is_not_believed(lasted: float, result: str) -> None:
    story = desks("bob")
    story.caller()
    leg, at = story.ring().leg, story.now + 1.0
    picks_up(story, leg, at, heard_after=0.0)
    joins(story, story.only(Bridge), at, heard_after=0.0, clock=0.0)
    hangs_up(story, leg, at + lasted)
    assert results(story) == [("bob", result)]


def test_who_took_a_transferred_call_while_we_stood_still_and_talked_does_not_give_it_back() -> None:
    queues = [queue("support", short_talk=SHORT), queue("sales", routing(("sales", None)))]
    story = Story(plan(queues, [agent("bob"), agent("cid", {"sales": 1})]))
    _, bob = story.talk()
    story.wait(30.0)
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.TRANSFER, to=ToAgent("cid"), by="bob"))
    cid = story.ring().leg
    story.gone(bob)
    at = story.now + 1.0
    picks_up(story, cid, at, heard_after=0.0)
    joins(story, story.only(Bridge), at, heard_after=5.0)
    hangs_up(story, cid, at + 4.0, heard_after=1.0)
    assert (story.fact(TalkEnded).agent, story.fact(TalkEnded).ended_by) == ("cid", "agent")
    assert story.rung() == []
    assert story.call().phase is Phase.ENDING


@pytest.mark.parametrize(
    ("lasted", "heard_after", "result"), [(4.0, 8.0, "cancelled"), (0.5, 8.0, "rejected"), (0.5, 0.0, "rejected")]
)
def test_who_picks_up_and_hears_nothing_for_seconds_has_refused_nothing(lasted: float, heard_after: float, result: str) -> None:
    story = desks("bob", rejected=Penalty(rest=60.0))
    story.caller()
    leg, at = story.ring().leg, story.now + 1.0
    picks_up(story, leg, at, heard_after=heard_after)
    hangs_up(story, leg, at + lasted, heard_after=heard_after - lasted)
    assert results(story) == [("bob", result)]
    assert story.rung() == (["bob"] if result == "cancelled" else [])


@pytest.mark.parametrize(("heard_after", "result"), [(5.0, "cancelled"), (0.1, "rejected")])
def test_who_gives_up_in_the_moment_in_which_the_caller_is_there_at_last_has_refused_nothing(
    heard_after: float, result: str
) -> None:
    story = desks("bob", rejected=Penalty(rest=60.0))
    story.caller()
    leg, at = story.ring().leg, story.now + 1.0
    picks_up(story, leg, at, heard_after=heard_after)
    story.join(story.only(Bridge))
    story.wait(0.3)
    hangs_up(story, leg, story.now)
    assert results(story) == [("bob", result)]
    assert outcomes(story) == []
