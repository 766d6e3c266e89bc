"""An agent who has a caller consults a queue: offered like a call, counted once, and nobody is left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from callbridge.core.model.events import (
    AgentRequest,
    CallbackChange,
    CallbackChangeRequested,
    CallRequest,
    CallRequested,
    DigitPressed,
    LegAnswered,
    PlanChanged,
    PlaybackEnded,
    SeenLeg,
    Why,
)
from callbridge.core.model.facts import (
    Announced,
    CallEnded,
    CallTransferred,
    ConferenceBegan,
    OfferEnded,
    OfferMade,
    RequestGranted,
    RequestRefused,
    StepBegan,
    TalkBegan,
    TalkEnded,
    TransferEnded,
    TransferStarted,
    VisitBegan,
    VisitEnded,
)
from callbridge.core.model.flow import Condition
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import (
    Bridge,
    Order,
    Play,
    Ring,
    StartMusic,
    StartRinging,
    StopPlaying,
)
from callbridge.core.model.plan import (
    AnnouncementPlan,
    CallbackTerms,
    ConnectMode,
    ConsultQueue,
    OverflowRule,
    QueuePlan,
    ToQueue,
)
from tests.core.story import Story, agent, plan, queue, routing

OFFER, WAIT = ConsultQueue.OFFER, ConsultQueue.WAIT
KEYS = {"*1": "transfer", "*2": "consult", "*3": "complete", "*4": "return", "*5": "conference", "*6": "consult_wait"}
CODES = {"complete": CallRequest.COMPLETE, "return": CallRequest.RETURN}


class Desk(Story):
    """Ann, a diamond customer, talks to bob of support. Cid and dan are experts, the longest idle first; eve learns."""

    def __init__(self, connect: ConnectMode = ConnectMode.RING, **more: object) -> None:
        steps = routing(("expert >= 3", 20.0), ("expert >= 1", None), within=10.0)
        queues = [
            queue("support", wrap_up=10.0, ring_for=12.0),
            self.experts(steps, **more),
        ]
        agents = [
            agent("bob", {"support": 3}),
            agent("cid", {"expert": 3}, connect),
            agent("dan", {"expert": 4}),
            agent("eve", {"expert": 1}),
        ]
        super().__init__(replace(plan(queues, agents), keys=KEYS, outside="Local/{number}@out/n", call_back_to=("+X.",)))
        if connect is ConnectMode.NAILED_UP:
            self.happens(LegAnswered(at=self.now, leg=self.session()))
        self.customer, self.bob = self.talk(tier="diamond")
        self.wait(30.0)

    @staticmethod
    def experts(steps: object, **more: object) -> QueuePlan:
        settings = {"extension": "900", "wrap_up": 5.0, "ring_for": 8.0, "short_abandon": 3.0, "music": "jazz", **more}
        return queue("experts", steps, **settings)  # type: ignore[arg-type]

    def session(self) -> LegId:
        session = self.world.agents["cid"].session
        assert session is not None
        return session

    def away(self, *names: str) -> None:
        for name in names:
            self.ask(name, AgentRequest.NOT_READY)

    def act(self, ask: CallRequest, by: str = "bob") -> list[Order]:
        return self.happens(CallRequested(at=self.now, call=self.call().id, request=ask, by=by))

    def consult(self, how: ConsultQueue | None = OFFER) -> list[Order]:
        return self.happens(
            CallRequested(
                at=self.now,
                call=self.call().id,
                request=CallRequest.CONSULT,
                to=ToQueue("experts"),
                by="bob",
                consult_queue=how,
            )
        )

    def join_all(self, orders: list[Order]) -> None:
        for order in orders:
            if isinstance(order, Bridge):
                self.join(order)

    def answer(self) -> LegId:
        """The agent who is rung now picks up and is put together with bob."""
        transfer = self.call().transfer
        assert transfer is not None
        assert transfer.leg is not None
        bridge = self.connect(transfer.leg)
        assert bridge.legs == (self.bob, transfer.leg)
        return transfer.leg

    def visits(self) -> list[tuple[str, str, float]]:
        ended = [fact for fact in self.all_told(VisitEnded) if fact.queue == "experts"]
        return [(fact.outcome, fact.reason, fact.waited) for fact in ended]

    def figures(self) -> tuple[int, int, int, int, int]:
        """Offered, answered within the target, answered, abandoned or short abandoned, anything else."""
        one = self.tally("experts")
        return (one.offered, one.within_target, one.answered, one.abandoned + one.short_abandoned, one.overflowed + one.failed)

    def results(self) -> list[str]:
        return [fact.result for fact in self.all_told(TransferEnded)]

    def is_back(self) -> bool:
        """Bob and ann are together again, nothing is under way."""
        bridges = [order for order in self.orders if isinstance(order, Bridge)]
        call = self.call()
        return (
            [set(order.legs) for order in bridges] == [{self.customer, self.bob}] and call.transfer is None and call.visit is None
        )

    def over(self) -> None:
        """Everybody hangs up, and nothing is left."""
        for leg in self.world.legs.values():
            if leg.id in self.world.legs and leg.role != "session":
                self.gone(leg.id)
        self.wait(90.0)
        assert not self.world.calls
        assert {leg.role for leg in self.world.legs.values()} <= {"session"}
        assert {one.work for one in self.world.agents.values()} == {"idle"}


# -- offered ----------------------------------------------------------------------------------------------------------


def test_a_free_agent_of_the_queue_is_rung_with_the_customers_data() -> None:
    story = Desk()
    story.consult()
    assert isinstance(story.fact(RequestGranted), RequestGranted)
    ring = story.ring()
    assert (ring.agent, ring.number, ring.name, ring.originator) == ("cid", "+44", "ann", story.customer)
    assert story.only(StartMusic).leg == story.customer
    assert story.only(StartRinging).leg == story.bob
    offer = story.fact(OfferMade)
    assert (offer.call, offer.agent, offer.queue, offer.tier, offer.waited) == (story.call().id, "cid", "experts", "diamond", 0.0)
    began = story.fact(VisitBegan)
    assert (began.queue, began.consulted_by, began.tier) == ("experts", "bob", "diamond")
    started = story.fact(TransferStarted)
    assert (started.agent, started.to, started.kind) == ("bob", "queue:experts", "consult")
    assert (story.state("cid"), story.state("bob")) == ("ringing", "talking")


@pytest.mark.parametrize("connect", [ConnectMode.RING, ConnectMode.NAILED_UP])
def test_a_consult_that_is_answered_and_completed_is_one_visit_and_a_segment_of_the_queue(connect: ConnectMode) -> None:
    story = Desk(connect)
    story.consult()
    story.wait(4.0) if connect is ConnectMode.RING else None
    if connect is ConnectMode.NAILED_UP:
        beep = story.all_sent(Play)[-1]
        story.happens(PlaybackEnded(at=story.now, leg=story.session(), playback=beep.playback, failed=False))
        story.join(story.only(Bridge))
        expert = story.session()
    else:
        expert = story.answer()
    waited = 4.0 if connect is ConnectMode.RING else 0.0
    assert story.visits() == [("answered", "", waited)]
    assert story.figures() == (1, 1, 1, 0, 0)
    assert (story.state("cid"), story.call().visit, story.call().segments) == ("talking", None, 1)
    story.wait(20.0)
    story.join_all(story.act(CallRequest.COMPLETE))
    assert story.call().phase == "talking"
    talk = story.all_told(TalkBegan)[-1]
    assert (talk.agent, talk.queue) == ("cid", "experts")
    assert story.results() == ["completed"]
    (given,) = story.all_told(CallTransferred)
    assert (given.agent, given.target, given.attended) == ("bob", "queue:experts", True)
    assert story.state("bob") == "wrap_up"
    story.gone(story.bob)
    story.wait(10.0)
    story.gone(story.customer)
    assert expert not in story.world.legs or connect is ConnectMode.NAILED_UP or expert in story.hung_up()
    assert (story.state("cid"), story.world.agents["cid"].wrap_queue) == ("wrap_up", "experts")
    assert story.all_told(CallEnded)[-1].segments == 2
    assert story.figures() == (1, 1, 1, 0, 0)
    assert (story.tally().offered, story.tally().answered) == (1, 1)
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["support", "experts"]
    story.over()


@pytest.mark.parametrize("how", [OFFER, None])
def test_with_nobody_free_it_is_refused_and_the_caller_never_leaves(how: ConsultQueue | None) -> None:
    story = Desk()
    story.away("cid", "dan")
    story.consult(how)  # eve, who learns, is free: later steps are for those who wait
    assert story.fact(RequestRefused).reason == "no agent of queue experts who fits is free"
    assert (story.orders, story.call().phase, story.figures()[0]) == ([], "talking", 0)
    story.over()


@pytest.mark.parametrize(("cause", "result", "state"), [(21, "rejected", "ready"), (20, "offline", "ready")])
def test_the_next_agent_is_rung_and_then_the_agent_is_back_with_the_caller(cause: int, result: str, state: str) -> None:
    story = Desk()
    story.consult()
    story.gone(story.ring().leg, cause)
    assert story.rung() == ["dan"]
    assert story.state("cid") == state
    story.wait(8.1)
    assert story.is_back() or story.call().transfer is None
    assert story.state("dan") == "not_ready rona"
    assert [fact.result for fact in story.all_told(OfferEnded) if fact.queue == "experts"] == [result, "no_answer"]
    assert story.visits() == [("overflowed", "nobody_free", 8.0)]
    assert [fact.to for fact in story.all_told(VisitEnded)][-1] == "agent:bob"
    assert story.results() == ["nobody_free"]
    assert story.call().outcome == "answered"
    story.over()


def test_ring_on_no_answer_goes_to_the_next_one_who_takes_it() -> None:
    story = Desk()
    story.consult()
    story.wait(8.1)
    assert story.state("cid") == "not_ready rona"
    story.answer()
    assert story.state("dan") == "talking"
    assert story.figures() == (1, 1, 1, 0, 0)
    story.over()


def test_a_target_who_pauses_while_it_rings_is_passed_over() -> None:
    story = Desk()
    story.consult()
    story.ask("cid", AgentRequest.NOT_READY)
    assert story.rung() == ["dan"]
    story.over()


def test_a_ring_that_the_pbx_refuses_goes_to_the_next_one() -> None:
    story = Desk()
    story.consult()
    story.fails(story.ring(), Why.UNSENT)
    assert story.rung() == ["dan"]
    story.over()


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_an_agent_who_waits_hears_the_queues_music_and_is_offered_to_the_first_who_is_free() -> None:
    story = Desk()
    story.away("cid", "dan", "eve")
    story.consult(WAIT)
    assert not story.rung()
    music = [(order.leg, order.music) for order in story.orders if isinstance(order, StartMusic)]
    assert music == [(story.customer, "default"), (story.bob, "jazz")]
    assert story.world.line("experts").calls == [story.call().id]
    story.wait(7.0)
    story.ask("dan", AgentRequest.READY)
    assert story.rung() == ["dan"]
    story.answer()
    assert story.visits() == [("answered", "", 7.0)]
    assert story.figures() == (1, 1, 1, 0, 0)
    story.join_all(story.act(CallRequest.COMPLETE))
    assert story.state("dan") == "talking"
    assert story.call().segment is not None
    assert story.call().segment.queue == "experts"  # type: ignore[union-attr]
    story.over()


def test_steps_widen_for_a_consult() -> None:
    story = Desk()
    story.away("cid", "dan")
    story.consult(WAIT)
    orders = story.wait(20.1)
    assert [order.agent for order in orders if isinstance(order, Ring)] == ["eve"]
    assert [fact.step for fact in story.all_told(StepBegan) if fact.queue == "experts"] == [0, 1]
    story.over()


def test_a_consult_has_the_place_of_its_customer() -> None:
    story = Desk()
    story.away("cid", "dan", "eve")
    story.caller("joe", entry="experts", tier="standard")
    story.consult(WAIT)
    assert story.world.line("experts").calls == [story.call().id, story.call("joe").id]  # ann arrived 30 s earlier
    story.ask("cid", AgentRequest.READY)
    assert story.rung() == ["cid"]
    assert story.call().transfer.agent == "cid"  # type: ignore[union-attr]
    story.over()


@pytest.mark.parametrize("leaves", ["asks", "hangs up"])
def test_a_customer_whose_agent_completes_while_waiting_takes_the_place(leaves: str) -> None:
    story = Desk()
    story.away("cid", "dan", "eve")
    story.consult(WAIT)
    place = story.call().visit
    story.wait(6.0)
    if leaves == "asks":
        story.act(CallRequest.COMPLETE)
    else:
        story.gone(story.bob)
    call = story.call()
    assert (call.phase, call.transfer, call.number, call.tier) == ("waiting", None, "+44", "diamond")
    assert place is not None
    assert call.visit is not None
    assert (call.visit.rank, call.visit.began_at) == (place.rank, place.began_at)
    assert StartMusic(leg=story.customer, music="jazz") in story.orders
    assert story.state("bob") == "wrap_up"
    assert (story.results(), story.all_told(CallTransferred)[-1].target) == (["completed"], "queue:experts")
    assert story.all_told(TalkEnded)[-1].talked == 36.0
    story.wait(3.0)
    story.ask("cid", AgentRequest.READY)
    ring = story.ring()
    story.connect(ring.leg)
    assert story.visits() == [("answered", "", 9.0)]  # the agent's wait counts for the customer
    assert story.figures() == (1, 1, 1, 0, 0)
    assert story.state("cid") == "talking"
    story.over()


@pytest.mark.parametrize("how", [OFFER, WAIT])
def test_a_customer_whose_agent_completes_while_it_rings_gets_the_offer(how: ConsultQueue) -> None:
    story = Desk()
    story.consult(how)
    leg = story.ring().leg
    story.wait(2.0)
    story.act(CallRequest.COMPLETE)
    assert (story.call().phase, story.rung(), leg in story.hung_up()) == ("offered", [], False)
    story.gone(story.bob)
    story.wait(1.0)
    assert story.connect(leg).legs == (story.customer, leg)
    assert story.visits() == [("answered", "", 3.0)]
    assert [fact.result for fact in story.all_told(OfferEnded)][-1] == "answered"
    story.over()


def test_what_was_offered_to_the_agent_rings_out_and_the_customer_waits_on() -> None:
    story = Desk()
    story.consult(OFFER)
    story.act(CallRequest.COMPLETE)
    story.away("dan", "eve")
    story.wait(8.1)
    assert (story.call().phase, story.call().visit.queue) == ("waiting", "experts")  # type: ignore[union-attr]
    story.over()


@pytest.mark.parametrize("ringing", [False, True])
@pytest.mark.parametrize(("after", "outcome"), [(1.0, "short_abandoned"), (5.0, "abandoned")])
def test_a_consult_that_is_cancelled_before_the_answer_is_an_abandoned_visit(
    *, ringing: bool, after: float, outcome: str
) -> None:
    story = Desk()
    if not ringing:
        story.away("cid", "dan", "eve")
    story.consult(WAIT)
    story.wait(after)
    story.act(CallRequest.RETURN)
    assert story.is_back()
    assert story.visits() == [(outcome, "consult_cancelled", after)]
    assert story.results() == ["returned"]
    assert story.state("cid") == ("ready" if ringing else "not_ready")
    assert story.call().outcome == "answered"
    story.over()
    assert story.all_told(CallEnded)[-1].outcome == "answered"


def test_a_consult_that_is_over_after_the_answer_gives_its_agent_the_wrap_up_of_the_queue() -> None:
    story = Desk()
    story.consult()
    story.answer()
    story.wait(20.0)
    story.act(CallRequest.RETURN)
    assert story.is_back()
    assert (story.state("cid"), story.world.agents["cid"].wrap_queue) == ("wrap_up", "experts")
    story.wait(5.1)
    assert story.results() == ["returned"]
    assert story.figures() == (1, 1, 1, 0, 0)
    story.over()


def test_a_conference_with_the_agent_of_a_queue() -> None:
    story = Desk()
    story.consult()
    expert = story.answer()
    story.join_all(story.act(CallRequest.CONFERENCE))
    assert story.all_told(ConferenceBegan)[-1].agent == "cid"
    story.wait(20.0)
    story.gone(expert)
    assert story.call().segments == 2
    assert (story.state("cid"), story.state("bob")) == ("wrap_up", "talking")
    story.over()


# -- somebody goes, at any moment -------------------------------------------------------------------------------------

Moment = Callable[[Desk], None]


def _waits(story: Desk) -> None:
    story.away("cid", "dan", "eve")
    story.consult(WAIT)


def _rings(story: Desk) -> None:
    story.consult(WAIT)


def _picked_up(story: Desk) -> None:
    story.consult(WAIT)
    story.pick_up(story.ring().leg)


def _talks(story: Desk) -> None:
    story.consult(WAIT)
    story.answer()


MOMENTS = [_waits, _rings, _picked_up, _talks]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_customer_on_hold_who_hangs_up_ends_everything(moment: Moment) -> None:
    story = Desk()
    moment(story)
    story.wait(4.0)
    story.gone(story.customer)
    assert not story.world.calls
    assert story.bob in story.hung_up()
    assert story.state("bob") == "wrap_up"
    answered = moment is _talks
    assert [outcome for outcome, _, _ in story.visits()] == ["answered" if answered else "abandoned"]
    for leg in story.hung_up():
        story.gone(leg)
    story.wait(30.0)
    assert {one.work for one in story.world.agents.values()} == {"idle"}
    story.over()


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_agents_phone_dies_and_the_caller_is_kept(moment: Moment) -> None:
    story = Desk()
    moment(story)
    story.wait(4.0)
    story.gone(story.bob, 44)
    assert story.customer not in story.hung_up()
    assert story.call().visit is not None or story.call().phase in ("transferring", "talking")
    story.over()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("request_", [CallRequest.HANG_UP, CallRequest.MOVE, CallRequest.COMPLETE, CallRequest.RETURN])
def test_any_request_at_any_moment(moment: Moment, request_: CallRequest) -> None:
    story = Desk()
    moment(story)
    story.wait(4.0)
    to = ToQueue("experts") if request_ is CallRequest.MOVE else None
    story.happens(CallRequested(at=story.now, call=story.call().id, request=request_, to=to, by="sue"))
    assert isinstance(story.fact(RequestGranted), RequestGranted)
    story.over()


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_customers_leg_is_taken_away_or_lost(moment: Moment) -> None:
    story = Desk()
    moment(story)
    story.gone(story.customer, estimated=True)
    assert not story.world.calls
    story.over()


def test_an_expert_who_hangs_up_at_once_has_not_answered() -> None:
    story = Desk(short_talk=1.0)
    story.consult(OFFER)
    expert = story.answer()
    assert story.visits() == []
    story.wait(0.4)
    story.gone(expert)
    assert story.rung() == ["dan"]
    assert story.only(StartRinging).leg == story.bob
    assert [fact.result for fact in story.all_told(OfferEnded)][-1] == "rejected"
    story.answer()
    story.wait(1.1)
    (visit,) = story.visits()
    assert visit[0] == "answered"
    assert visit[2] == pytest.approx(0.4)
    story.over()


def test_an_answer_counts_once_it_is_certain_or_something_else_happens() -> None:
    story = Desk(short_talk=1.0)
    story.consult(OFFER)
    story.wait(2.0)
    story.answer()
    story.wait(0.5)
    assert story.figures() == (1, 0, 0, 0, 0)
    story.act(CallRequest.RETURN)
    assert story.visits() == [("answered", "", 2.0)]
    assert story.state("cid") == "wrap_up"
    story.over()


def test_an_expert_who_hangs_up_later_leaves_agent_and_caller_together() -> None:
    story = Desk(short_talk=1.0)
    story.consult(OFFER)
    expert = story.answer()
    story.wait(9.0)
    story.gone(expert)
    assert story.is_back()
    assert (story.results(), story.state("cid")) == (["returned"], "wrap_up")
    story.over()


def test_a_bridge_that_fails_is_tried_with_the_next_and_given_up_at_last() -> None:
    story = Desk()
    story.consult(WAIT)
    for _ in range(2):
        transfer = story.call().transfer
        assert transfer is not None
        assert transfer.leg is not None
        bridge = story.pick_up(transfer.leg)
        story.fails(bridge)
        story.gone(transfer.leg)
    transfer = story.call().transfer
    assert transfer is not None
    assert transfer.leg is not None
    story.fails(story.pick_up(transfer.leg))
    assert story.is_back()
    assert story.visits() == [("failed", "bridge", 0.0)]
    story.over()


# -- reloads, restarts, rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_queue_that_is_removed_meanwhile(moment: Moment) -> None:
    story = Desk()
    moment(story)
    old = story.world.plan
    queues = {name: one for name, one in old.queues.items() if name != "experts"}
    without = replace(old, queues=queues, entries={"support": ToQueue("support")})
    if moment is _waits:
        story.happens(PlanChanged(at=story.now, plan=without))
        reason = story.fact(RequestRefused).reason
        assert "experts is no longer configured but has 1 waiting caller" in reason
        assert reason.endswith("or reload with force (consults end, and agents are back with their callers)")
    story.happens(PlanChanged(at=story.now, plan=without, force=True))
    if moment is _waits:
        assert story.is_back()
        assert story.visits() == [("failed", "queue_removed", 0.0)]
    story.wait(12.0)
    assert moment in (_picked_up, _talks) or story.call().transfer is None
    story.over()


def test_a_queue_that_is_renamed_meanwhile_keeps_the_consult() -> None:
    story = Desk()
    _waits(story)
    old = story.world.plan
    renamed = replace(old.queues["experts"], name="masters", renamed_from="experts")
    queues = {"support": old.queues["support"], "masters": renamed}
    entries = {"support": ToQueue("support"), "masters": ToQueue("masters")}
    story.happens(PlanChanged(at=story.now, plan=replace(old, queues=queues, entries=entries)))
    call = story.call()
    assert call.visit is not None
    assert call.transfer is not None
    assert (call.visit.queue, call.transfer.to, call.transfer.consulted) == ("masters", "queue:masters", "masters")
    story.ask("cid", AgentRequest.READY)
    assert story.rung() == ["cid"]
    story.over()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_restart_during_a_consult(moment: Moment) -> None:
    """The world is as it was saved, the PBX is listed: who waits goes on, who rang is offered again."""
    story = Desk()
    moment(story)
    call = story.call()
    transfer = call.transfer
    assert transfer is not None
    up = moment in (_picked_up, _talks)
    names = {story.customer: "PJSIP/trunk-ann", story.bob: "PJSIP/bob-1"}
    names |= {transfer.leg: f"PJSIP/{transfer.agent}-1"} if transfer.leg is not None else {}
    seen = [
        SeenLeg(leg=leg, name=name, up=up or leg != transfer.leg, created_at=story.now)
        for leg, name in names.items()
        if leg is not None
    ]
    inside = {call.bridge: (story.bob, transfer.leg)} if moment is _talks and call.bridge and transfer.leg else {}
    story.now += 1.0
    story.snapshot(*seen, bridges=inside)
    if moment is _waits:
        story.ask("cid", AgentRequest.READY)
    now = story.call().transfer
    assert now is not None
    assert now.agent in (("cid",) if moment in (_waits, _talks) else ("cid", "dan"))
    story.over()


def test_rules_and_windows_of_the_queue_are_for_callers() -> None:
    rule = OverflowRule(when=Condition(waited=5.0), to=ToQueue("support"), reason="rule")
    story = Desk(overflow=(rule,), keys={"1": "nowhere"})
    story.away("cid", "dan", "eve")
    story.consult(WAIT)
    story.wait(10.0)
    assert story.call().visit.queue == "experts"  # type: ignore[union-attr]
    story.happens(DigitPressed(at=story.now, leg=story.customer, digit="1"))
    assert story.call().phase == "talking"
    story.act(CallRequest.COMPLETE)  # now the caller has the place, and the rule applies
    assert story.visits() == [("overflowed", "rule", 10.0)]
    story.over()


def test_a_consult_is_no_callback_and_makes_none() -> None:
    story = Desk(callback=CallbackTerms(), reclaim_within=60.0)
    story.away("cid", "dan", "eve")
    story.consult(WAIT)
    story.happens(CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue="experts", number="+44", by="sue"))
    assert story.fact(RequestRefused).reason == "this number is waiting in the queue right now"
    story.wait(10.0)
    story.act(CallRequest.RETURN)
    assert not story.world.callbacks.values()
    assert not story.world.places.values()  # the customer did not give up
    story.over()


def test_the_agent_who_waits_hears_position_and_periodic_messages_without_greeting_or_apology() -> None:
    said = AnnouncementPlan(
        greeting="sound:hi", position="sound:you-are-{position}", first=5.0, busy="sound:sorry", busy_after=6.0
    )
    story = Desk(announcements=said)
    story.away("cid", "dan", "eve")
    story.consult(WAIT)
    orders = story.wait(7.0)
    assert [(order.leg, order.media) for order in orders if isinstance(order, Play)] == [(story.bob, "sound:you-are-1")]
    (told,) = story.all_told(Announced)
    playback = story.all_sent(Play)[-1].playback
    assert (told.what, told.position) == ("position", 1)
    story.ask("cid", AgentRequest.READY)
    leg = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=leg))
    assert StopPlaying(leg=story.bob, playback=playback) in story.orders
    story.over()


def test_when_it_becomes_the_callers_place_the_caller_is_greeted() -> None:
    story = Desk(announcements=AnnouncementPlan(greeting="sound:hi"))
    story.away("cid", "dan", "eve")
    story.consult(WAIT)
    story.wait(2.0)
    story.act(CallRequest.COMPLETE)
    orders = story.wait(0.0)
    assert [(order.leg, order.media) for order in orders if isinstance(order, Play)] == [(story.customer, "sound:hi")]
    story.over()


@pytest.mark.parametrize(("code", "waits"), [("*2", False), ("*6", True)])
def test_keys_choose_how_the_queue_is_consulted(code: str, *, waits: bool) -> None:
    story = Desk()
    for digit in f"{code}900#":
        story.happens(DigitPressed(at=story.now, leg=story.bob, digit=digit))
    assert story.rung() == ["cid"]
    assert story.call().transfer.waits is waits  # type: ignore[union-attr]
    story.over()


def test_the_setting_decides_for_those_who_do_not_say() -> None:
    story = Desk()
    story.world.plan = replace(story.world.plan, consult_queue=WAIT)
    story.away("cid", "dan", "eve")
    story.consult(None)
    assert story.call().transfer.waits  # type: ignore[union-attr]
    story.over()


def test_a_consult_of_the_own_queue_and_a_second_one_after_it() -> None:
    story = Desk()
    story.consult()
    story.answer()
    story.act(CallRequest.RETURN)
    story.join(story.only(Bridge))
    story.consult()
    assert story.rung() == ["dan"]
    story.answer()
    assert story.figures() == (2, 2, 2, 0, 0)
    story.over()


def test_all_phones_of_an_expert_ring_and_the_first_to_answer_has_the_consult() -> None:
    story = Desk()
    plan_now = story.world.plan
    cid = replace(plan_now.agents["cid"], also=("PJSIP/cid-web",))
    story.happens(PlanChanged(at=story.now, plan=replace(plan_now, agents={**plan_now.agents, "cid": cid})))
    story.wait(0.0)
    story.consult(WAIT)
    rings = [order for order in story.orders if isinstance(order, Ring)]
    assert [(order.agent, order.phone) for order in rings] == [("cid", "PJSIP/cid"), ("cid", "PJSIP/cid-web")]
    story.gone(rings[0].leg, 21)
    assert story.rung() == []  # the other phone rings on
    assert story.connect(rings[1].leg).legs == (story.bob, rings[1].leg)
    assert story.figures() == (1, 1, 1, 0, 0)
    assert [fact.leg for fact in story.all_told(OfferEnded)][-1] == rings[1].leg
    story.act(CallRequest.RETURN)
    assert story.is_back()
    story.over()


def test_who_rejected_the_consult_is_skipped_while_another_is_free() -> None:
    story = Desk()
    story.consult(WAIT)
    story.gone(story.ring().leg, 21)
    assert story.rung() == ["dan"]
    assert story.call().rejected_by == ("cid",)
    story.over()


def test_facts_number_visit_offer_and_transfer() -> None:
    story = Desk()
    story.consult(OFFER)
    began, offer, started = story.fact(VisitBegan), story.fact(OfferMade), story.fact(TransferStarted)
    story.answer()
    visit, over = story.all_told(VisitEnded)[-1], story.all_told(OfferEnded)[-1]
    assert (visit.visit, offer.visit, over.visit, over.offer) == (began.seq, began.seq, began.seq, offer.seq)
    story.join_all(story.act(CallRequest.COMPLETE))
    assert (story.all_told(TransferEnded)[-1].transfer, story.all_told(TalkBegan)[-1].transfer) == (started.seq, started.seq)
    story.over()
