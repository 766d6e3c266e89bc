"""Phones that die in a call: the caller is kept and served first, the agent's intent stays, and nobody is left over."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from callbridge.core.model.calendar import Calendar
from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    AgentRequest,
    CallRequest,
    CallRequested,
    DeviceChanged,
    LegAnswered,
    PlanChanged,
    PlaybackEnded,
)
from callbridge.core.model.facts import AgentAlerted, Announced, OfferEnded, TalkEnded, TransferEnded, VisitBegan, VisitEnded
from callbridge.core.model.flow import Condition
from callbridge.core.model.orders import Bridge, Play, Ring, StartMusic
from callbridge.core.model.plan import AnnouncementPlan, ConnectMode, OverflowRule, Penalty, ToAgent, ToNumber, ToQueue
from callbridge.core.model.switch import closing
from tests.core.story import Story, agent, one_queue, plan, queue, routing

CAUSES = pytest.mark.parametrize("cause", [44, 18])
"""No RTP any more, and no answer to a session timer's request: as Asterisk 22 and 16 say it."""


def alerts(story: Story) -> list[tuple[str, str, str]]:
    told = story.all_told(AgentAlerted)
    return [(alert.agent, alert.call, alert.queue) for alert in told if alert.kind == "phone_lost"]


@CAUSES
def test_the_caller_hears_an_apology_and_is_the_next_one_for_anybody(cause: int) -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    _, bob = story.talk()
    story.wait(60.0)
    story.caller("waiting", tier="diamond")
    orders = story.gone(bob, cause)
    assert story.fact(TalkEnded).ended_by == "lost"
    assert alerts(story) == [("bob", story.call().id, "support")]
    heard = [order for order in orders if isinstance(order, Play | StartMusic)]
    assert [type(order) for order in heard] == [StartMusic, Play, StartMusic], "no silence before, and none after"
    assert isinstance(heard[1], Play)
    assert heard[1].media == AnnouncementPlan().connection_lost
    assert story.fact(Announced).what == "connection_lost"
    assert story.world.line("support").calls[0] == story.call().id
    story.happens(PlaybackEnded(at=story.now, leg=heard[1].leg, playback=heard[1].playback, failed=False))
    story.wait(30.0)
    assert story.rung() == ["bob"], "after the rest of a phone that cannot be reached"
    assert story.call().phase is Phase.OFFERED
    story.connect(story.ring().leg)
    (first, second) = [ended for ended in story.all_told(VisitEnded) if ended.call == story.call().id]
    assert (first.outcome, second.outcome) == ("answered", "answered")
    assert second.waited == pytest.approx(30.0), "the talk was no wait"


def test_a_hang_up_is_no_dead_phone() -> None:
    story = one_queue(agent("bob"))
    customer, bob = story.talk()
    story.gone(bob, 16)
    assert story.fact(TalkEnded).ended_by == "agent"
    assert customer in story.hung_up()
    assert alerts(story) == []


def test_another_agent_takes_the_caller_at_once_and_is_the_first_to_be_free() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    story.ask("cid", AgentRequest.NOT_READY)
    _, bob = story.talk()
    story.gone(bob, 44)
    story.ask("cid", AgentRequest.READY)
    assert story.rung() == ["cid"]


def test_the_phone_is_left_alone_and_the_intent_is_kept() -> None:
    story = one_queue(agent("bob"), wrap_up=0.0, offline=Penalty(rest=20.0))
    _, bob = story.talk()
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="UNAVAILABLE"))
    story.gone(bob, 44)
    assert story.state("bob") == "offline"
    story.wait(25.0)
    assert not story.all_sent(Ring)[1:]
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="NOT_INUSE"))
    assert story.rung() == ["bob"], "back, ready as before, and the caller still waits"


def test_the_same_agent_who_is_back_within_a_minute_gets_the_caller_whatever_the_step_asks_for() -> None:
    steps = routing(("support >= 5", 60.0), ("support >= 1", None))
    story = Story(plan([queue("support", steps, wrap_up=0.0)], [agent("bob"), agent("eve", {"support": 5})]))
    story.ask("eve", AgentRequest.NOT_READY)
    customer = story.caller()
    story.wait(60.0)
    bob = story.ring().leg
    story.connect(bob)
    story.gone(bob, 44)
    story.wait(30.0)
    assert story.rung() == ["bob"], "though the first step asks for experts again"
    assert story.ring().originator == customer


def asking_for_experts(wrap_up: float = 0.0, rest: float = 0.0) -> Story:
    """Ann talked to bob, whose phone has died; for two minutes more only experts are asked for, and none is ready."""
    steps = routing(("support >= 5", 120.0), ("support >= 1", None))
    support = queue("support", steps, wrap_up=wrap_up, offline=Penalty(rest=rest))
    story = Story(plan([support], [agent("bob"), agent("eve", {"support": 5})]))
    story.ask("eve", AgentRequest.NOT_READY)
    story.caller()
    story.wait(120.0)
    bob = story.ring().leg
    story.connect(bob)
    story.gone(bob, 44)
    return story


def test_after_a_minute_the_same_agent_is_like_any_other() -> None:
    story = asking_for_experts()
    story.ask("bob", AgentRequest.NOT_READY)
    story.wait(91.0)
    story.ask("bob", AgentRequest.READY)
    assert story.rung() == []
    story.wait(30.0)
    assert story.rung() == ["bob"], "when the steps come to it"


@pytest.mark.parametrize(("wrap_up", "rest"), [(61.0, 0.0), (0.0, 90.0)])
def test_the_minute_begins_when_wrap_up_and_rest_are_over(wrap_up: float, rest: float) -> None:
    story = asking_for_experts(wrap_up, rest)
    story.wait(60.0)
    assert story.rung() == []
    story.wait(31.0)
    assert story.rung() == ["bob"], "though experts are still asked for"


def test_a_nailed_up_line_that_dies_in_a_talk() -> None:
    story = one_queue(agent("nan", connect=ConnectMode.NAILED_UP))
    session = story.all_sent(Ring)[-1].leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.caller()
    beep = story.only(Play)
    story.happens(PlaybackEnded(at=story.now, leg=session, playback=beep.playback, failed=False))
    story.join(story.all_sent(Bridge)[-1])
    story.gone(session, 44)
    assert story.fact(TalkEnded).ended_by == "lost"
    assert story.call().phase is Phase.WAITING
    story.wait(story.world.plan.queues["support"].wrap_up)
    assert story.state("nan") == "offline"


def test_a_nailed_up_line_that_dies_idle_is_rung_again_when_the_phone_is_back() -> None:
    story = one_queue(agent("nan", connect=ConnectMode.NAILED_UP))
    session = story.all_sent(Ring)[-1].leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.gone(session, 44)
    assert story.state("nan") == "offline"
    assert alerts(story) == [("nan", "", "")]
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/nan", state="UNAVAILABLE"))
    assert story.rung() == []
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/nan", state="NOT_INUSE"))
    assert story.rung() == ["nan"]


@pytest.mark.parametrize("joined", [False, True])
def test_a_phone_that_dies_before_the_talk_is_one_that_cannot_be_reached(joined: bool) -> None:
    story = one_queue(agent("bob"), agent("cid"))
    story.caller()
    leg = story.ring().leg
    bridge = story.pick_up(leg)
    if joined:
        story.join(replace(bridge, legs=bridge.legs[:1]))
    story.gone(leg, 44)
    assert story.fact(OfferEnded).result == "offline"
    assert story.rung() == ["cid"]


def test_a_phone_that_is_found_dead_while_it_rings_was_not_answered() -> None:
    story = one_queue(agent("bob"))
    story.caller()
    story.gone(story.ring().leg, 18)
    assert story.fact(OfferEnded).result == "offline"
    assert alerts(story) == []


def test_a_caller_who_never_acknowledges_the_answer_is_lost_and_the_agent_is_free() -> None:
    story = one_queue(agent("bob"), wrap_up=5.0)
    customer, _ = story.talk()
    story.happens(LegAnswered(at=story.now, leg=customer))
    story.wait(32.0)
    story.gone(customer, 18)
    assert story.fact(TalkEnded).ended_by == "caller_lost"
    assert story.state("bob") == "wrap_up"
    assert alerts(story) == []


def test_a_callers_phone_that_dies_is_a_hang_up() -> None:
    story = one_queue(agent("bob"))
    customer, bob = story.talk()
    story.gone(customer, 44)
    assert story.fact(TalkEnded).ended_by == "customer"
    assert bob in story.hung_up()
    assert story.state("bob") == "wrap_up"
    assert alerts(story) == []


def test_when_both_die_the_caller_is_not_kept_waiting_for_nobody() -> None:
    story = one_queue(agent("bob"))
    customer, bob = story.talk()
    story.gone(bob, 44)
    story.gone(customer, 44)
    assert not story.world.calls.values()
    assert story.tally().ended == story.tally().offered == 2


class Consult(Story):
    """Bob talks to ann, and has cid, or somebody outside, on the line or ringing."""

    def __init__(self, to: ToAgent | ToNumber, *, answered: bool) -> None:
        queues = [queue("support", wrap_up=10.0), queue("sales", routing(("sales", None)))]
        the_plan = replace(plan(queues, [agent("bob"), agent("cid", {"sales": 1})]), outside="PJSIP/{number}@trunk")
        super().__init__(the_plan)
        self.customer, self.bob = self.talk()
        self.act(CallRequest.CONSULT, to)
        self.target = self.ring().leg
        if answered:
            self.connect(self.target)

    def act(self, ask: CallRequest, to: ToAgent | ToNumber | None = None) -> None:
        self.happens(CallRequested(at=self.now, call=self.call().id, request=ask, to=to, by="bob"))


def test_a_colleague_whose_phone_dies_in_a_consult_leaves_the_agent_with_the_caller() -> None:
    story = Consult(ToAgent("cid"), answered=True)
    story.gone(story.target, 44)
    assert story.fact(TransferEnded).result == "returned"
    assert story.call().phase is Phase.TALKING
    assert alerts(story) == [("cid", story.call().id, "support")]


def test_an_agent_whose_phone_dies_in_a_consult_leaves_the_caller_to_the_colleague() -> None:
    story = Consult(ToAgent("cid"), answered=True)
    story.gone(story.bob, 44)
    assert [ended.ended_by for ended in story.all_told(TalkEnded)] == ["lost"]
    story.join(story.all_sent(Bridge)[-1])
    assert story.state("cid") == "talking"


def test_an_agent_whose_phone_dies_while_the_colleague_rings_leaves_the_caller_first_in_line() -> None:
    story = Consult(ToAgent("cid"), answered=False)
    story.gone(story.bob, 44)
    assert story.fact(TransferEnded).result == "cancelled"
    assert story.target in story.hung_up()
    assert story.fact(TalkEnded).ended_by == "lost"
    assert story.fact(VisitBegan).queue == "support"
    story.gone(story.target)
    assert story.state("cid") == "ready"


def test_somebody_outside_whose_phone_dies_leaves_the_caller_first_in_line() -> None:
    story = Consult(ToNumber("4420"), answered=True)
    story.act(CallRequest.COMPLETE)
    story.join(story.all_sent(Bridge)[-1])
    assert story.call().phase is Phase.OUTSIDE
    story.gone(story.bob)
    story.wait(300.0)
    story.gone(story.target, 44)
    assert story.fact(Announced).what == "connection_lost"
    assert story.rung() == ["bob"]


def test_a_queue_that_is_no_more_leaves_the_caller_to_the_fallback() -> None:
    story = one_queue(agent("bob"))
    _, bob = story.talk()
    story.happens(PlanChanged(at=story.now, plan=replace(story.world.plan, queues={})))
    story.gone(bob, 44)
    assert story.call().phase is Phase.LEAVING


def test_a_queue_that_is_no_more_leads_the_caller_to_the_queue_of_the_entry() -> None:
    story = one_queue(agent("bob"))
    _, bob = story.talk()
    general = replace(story.world.plan, queues={"general": queue("general")}, entries={"support": ToQueue("general")})
    story.happens(PlanChanged(at=story.now, plan=general))
    story.gone(bob, 44)
    assert (story.call().phase, story.tally("general").offered) == (Phase.WAITING, 1)


def test_nothing_is_said_where_nothing_is_to_be_said() -> None:
    story = one_queue(agent("bob"), announcements=AnnouncementPlan(connection_lost="", greeting="sound:hello"))
    _, bob = story.talk()
    story.wait(5.0)
    story.gone(bob, 44)
    story.wait(5.0)
    assert story.call().phase is Phase.WAITING
    assert story.all_sent(Play) == [], "no greeting either: this caller has talked to somebody"


def test_a_rule_that_leads_out_of_the_queue_leaves_the_caller_at_its_head_for_a_minute() -> None:
    rule = OverflowRule(Condition(closed="office"), ToQueue("night"), "closed")
    queues = [queue("support", overflow=(rule,), wrap_up=0.0), queue("night", routing(("night", None)))]
    office = Calendar("office", ZoneInfo("UTC"), tuple(((0, 1440),) for _ in range(7)))
    story = Story(replace(plan(queues, [agent("bob"), agent("cid")]), calendars={"office": office}))
    story.ask("cid", AgentRequest.NOT_READY)
    _, bob = story.talk()
    story.wait(60.0)
    story.turn(closing("office"), True)
    orders = story.gone(bob, 44)
    assert [type(order) for order in orders if isinstance(order, Play | StartMusic)] == [StartMusic, Play, StartMusic]
    assert story.world.line("support").calls == [story.call().id]
    story.ask("bob", AgentRequest.NOT_READY)
    story.turn(closing("office"), True)
    story.wait(59.0)
    assert [ended.outcome for ended in story.all_told(VisitEnded)] == ["answered"]
    story.wait(1.5)
    assert (story.fact(VisitEnded).to, story.fact(VisitEnded).reason) == ("queue:night", "closed")


def test_a_rule_does_not_keep_the_kept_caller_from_the_next_agent() -> None:
    rule = OverflowRule(Condition(waited=0.0), ToQueue("night"), "late")
    queues = [queue("support", overflow=(rule,)), queue("night", routing(("night", None)))]
    story = Story(plan([replace(queues[0], overflow=()), queues[1]], [agent("bob"), agent("cid")]))
    _, bob = story.talk()
    both = {one.name: one for one in queues}
    story.happens(PlanChanged(at=story.now, plan=replace(story.world.plan, queues=both)))
    story.gone(bob, 44)
    assert story.rung() == ["cid"]


def died(cause: int = 44) -> Story:
    """The line of a nailed-up agent has died, and the device's state shows nothing of it."""
    story = one_queue(agent("nan", connect=ConnectMode.NAILED_UP))
    session = story.all_sent(Ring)[-1].leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/nan", state="INUSE"))
    story.gone(session, cause)
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/nan", state="NOT_INUSE"))
    return story


@CAUSES
def test_a_nailed_up_phone_that_never_looked_dead_is_rung_again_after_a_rest(cause: int) -> None:
    story = died(cause)
    assert len(story.all_sent(Ring)) == 1
    story.wait(29.0)
    assert story.rung() == []
    story.wait(2.0)
    assert story.rung() == ["nan"]
    story.happens(LegAnswered(at=story.now, leg=story.ring().leg))
    assert story.state("nan") == "ready"
    assert story.world.agents["nan"].session_tries == 0


def test_a_nailed_up_phone_that_stays_dead_is_rung_less_and_less_often_and_then_no_more() -> None:
    story = died()
    rung_at = []
    for _ in range(200):
        story.wait(30.0)
        if story.rung():
            rung_at.append(story.now)
            story.gone(story.ring().leg, 19)
    pauses = [after - before for before, after in pairwise(rung_at)]
    assert pauses == [60.0, 120.0, 240.0, 480.0, 600.0]
    story.ask("nan", AgentRequest.READY)
    assert story.rung() == ["nan"]
    story.gone(story.ring().leg, 19)
    story.wait(3600.0)
    assert story.rung() == [], "nobody was there when the agent asked for it: no phone that died"


def test_a_nailed_up_phone_that_is_known_to_be_off_is_rung_when_it_is_back() -> None:
    story = died()
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/nan", state="UNAVAILABLE"))
    story.wait(3600.0)
    assert story.rung() == []
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/nan", state="NOT_INUSE"))
    assert story.rung() == ["nan"]


def test_a_nailed_up_phone_in_another_call_is_rung_after_it() -> None:
    story = died()
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/nan", state="INUSE"))
    story.wait(300.0)
    assert story.rung() == []
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/nan", state="NOT_INUSE"))
    story.wait(30.0)
    assert story.rung() == ["nan"]


@pytest.mark.parametrize("ask", [AgentRequest.LOGOUT, AgentRequest.NOT_READY])
def test_an_agent_who_is_not_ready_any_more_is_not_rung_for_the_line(ask: AgentRequest) -> None:
    story = died()
    story.ask("nan", ask)
    story.wait(3600.0)
    assert len(story.all_sent(Ring)) == 1
    story.ask("nan", AgentRequest.LOGIN if ask is AgentRequest.LOGOUT else AgentRequest.READY)
    assert story.rung() == ["nan"]


def test_an_agent_who_refuses_the_line_is_left_alone() -> None:
    story = died()
    story.wait(30.0)
    story.gone(story.ring().leg, 21)
    story.wait(3600.0)
    assert story.rung() == []
