"""Every order of every kind of call comes to nothing once, in every way: the call still ends in exactly one outcome,
no leg is left in the PBX, and nobody is stuck. The laws are checked after every step on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from callbridge.core.model.agent import Device, Intent, Work
from callbridge.core.model.events import (
    AgentRequest,
    CallRequest,
    CallRequested,
    LegEnded,
    LegJoined,
    LegLeft,
    LegParted,
    LegProbed,
    LegReplaced,
    Why,
)
from callbridge.core.model.facts import CallEnded, OrderGivenUp
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import (
    Answer,
    Bridge,
    DropBridge,
    HangUp,
    LeaveToDialplan,
    Play,
    Probe,
    Ring,
    StartMusic,
    StopMusic,
    Subscribe,
)
from callbridge.core.model.plan import ConnectMode, ConsultQueue, Penalty, ToDialplan, ToQueue
from tests.core.story import PBX, START, Story, agent, one_queue, plan, queue, routing
from tests.core.toy import NEVER, REJECTS, Channel, Fault, Toy
from tests.examples import cases

LONG = 300.0
"""Seconds after which everything must be over."""

WAYS = {
    "refused": Fault(0, Why.REFUSED),
    "timeout": Fault(0, Why.TIMEOUT),
    "timeout-but-done": Fault(0, Why.TIMEOUT, done=True),
    "unsent": Fault(0, Why.UNSENT),
    "unsent-on-a-link-that-is-up": Fault(0, Why.UNSENT, link_up=True),
}


def ordinary(toy: Toy) -> None:
    """A caller talks to bob and hangs up at 20 s."""
    customer = toy.calls("ann")
    toy.at(START + 20.0, lambda: toy.hangs_up(customer))


def agent_first(toy: Toy) -> None:
    """bob hangs up first."""
    customer = toy.calls("ann")

    def end() -> None:
        for channel in [c for c in toy.channels.values() if c.phone and c.up]:
            toy.hangs_up(channel.leg)

    toy.at(START + 10.0, end)
    toy.at(START + 60.0, lambda: toy.hangs_up(customer))


def gives_up(toy: Toy) -> None:
    """The caller hangs up while bob's phone rings."""
    customer = toy.calls("ann")
    toy.at(START + 0.5, lambda: toy.hangs_up(customer))


def nobody_answers(toy: Toy) -> None:
    """Nobody answers and the caller overflows to the dialplan."""
    toy.picks_up = {"bob": NEVER, "cid": REJECTS}
    customer = toy.calls("ann")
    toy.at(START + 120.0, lambda: toy.hangs_up(customer))


def _refer(toy: Toy, channel: Channel) -> None:
    story, far, near = toy.story, leg_id(PBX, "local-1"), leg_id(PBX, "local-2")
    for leg, half in ((far, 1), (near, 2)):
        toy.channels[leg] = replace(channel, leg=leg, name=f"Local/x@y-1;{half}", phone="", entry=None, order=None)
    toy.channels[near].bridge = channel.bridge = None
    toy.tell(LegReplaced(at=story.now, leg=channel.leg, by=far, by_name="Local/x@y-1;1"))
    toy.tell(replace(story.arrival("local-2"), channel_name="Local/x@y-1;2"))
    toy.at(story.now + 0.5, lambda: toy.hangs_up(channel.leg))


def transferred(toy: Toy) -> None:
    """bob transfers the caller to an entry of ours at 10 s."""
    customer = toy.calls("ann")

    def refer() -> None:
        talking = [c for c in toy.channels.values() if c.phone and c.bridge is not None]
        if talking:
            _refer(toy, talking[0])

    toy.at(START + 10.0, refer)
    toy.at(START + 60.0, lambda: toy.hangs_up(customer))


def _talker_asks(toy: Toy, request: CallRequest, to: ToQueue | None = None, how: ConsultQueue | None = None) -> None:
    """The agent who has the caller asks, unless nobody has."""
    talks = [call for call in toy.story.world.calls.values() if call.segment is not None]
    if talks:
        toy.tell(CallRequested(at=toy.story.now, call=talks[0].id, request=request, to=to, by="sue", consult_queue=how))


def consulted(toy: Toy) -> None:
    """bob consults the queue at 4 s, cid answers; the transfer is completed at 10 s."""
    customer = toy.calls("ann")
    toy.at(START + 4.0, lambda: _talker_asks(toy, CallRequest.CONSULT, ToQueue("support"), ConsultQueue.OFFER))
    toy.at(START + 10.0, lambda: _talker_asks(toy, CallRequest.COMPLETE))
    toy.at(START + 60.0, lambda: toy.hangs_up(customer))


def consult_waits(toy: Toy) -> None:
    """bob waits in the queue from 4 s on; cid, whose phone rings, rejects and answers the second time; bob is back at 20 s."""
    toy.picks_up = {"bob": 1.0, "cid": REJECTS}
    customer = toy.calls("ann")

    def answers() -> None:
        toy.picks_up = {"bob": 1.0, "cid": 1.0}

    toy.at(START + 4.0, lambda: _talker_asks(toy, CallRequest.CONSULT, ToQueue("support"), ConsultQueue.WAIT))
    toy.at(START + 8.0, answers)
    toy.at(START + 20.0, lambda: _talker_asks(toy, CallRequest.RETURN))
    toy.at(START + 60.0, lambda: toy.hangs_up(customer))


def nailed(toy: Toy) -> None:
    """The agents are nailed up; the caller hangs up at 20 s."""
    toy.at(START + 5.0, lambda: ordinary(toy))


Scenario = Callable[[Toy], None]


def named(scenario: Scenario) -> str:
    return scenario.__name__


SCENARIOS: list[Scenario] = [ordinary, agent_first, gives_up, nobody_answers, transferred, nailed, consulted, consult_waits]


def run(scenario: Scenario, fault: Fault | None = None, always: type | None = None) -> Toy:
    connect = ConnectMode.NAILED_UP if scenario is nailed else ConnectMode.RING
    story = Story(
        plan(
            [queue("support", routing(("support", 40.0), then=ToDialplan("out", "1")), wrap_up=2.0, no_answer=Penalty(rest=5.0))],
            [agent("bob", login=False, connect=connect), agent("cid", login=False, connect=connect)],
        )
    )
    toy = Toy(story, {}, fault, always)
    for who in ("bob", "cid"):
        story.ask(who, AgentRequest.LOGIN)
        for order in story.orders:
            toy._receive(order)
    scenario(toy)
    toy.run(START + LONG)
    return toy


def assert_all_is_over(toy: Toy) -> None:
    """Nothing left in the books or in the PBX; every agent free; each call ended once."""
    world, story = toy.story.world, toy.story
    sessions = {one.session for one in world.agents.values() if one.session is not None}
    assert not world.calls
    assert set(world.legs) == sessions
    assert {channel for channel in toy.channels if channel not in sessions} == set()
    assert not toy.story.books.visits and not toy.story.books.offers and not toy.story.books.talks
    ended = [fact.call for fact in story.all_told(CallEnded)]
    assert len(ended) == len(set(ended)) >= 1
    for one in world.agents.values():
        assert (one.work, one.leg, one.intent) == (Work.IDLE, None, Intent.READY)
        assert one.connect is ConnectMode.NAILED_UP or one.device is Device.AVAILABLE
        assert one.connect is not ConnectMode.NAILED_UP or one.session_up or one.session is None
    assert len(story.books.outcomes) == sum(tally.offered for tally in world.tallies.values())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_without_a_fault_every_scenario_comes_to_its_end(scenario: Scenario) -> None:
    toy = run(scenario)
    assert_all_is_over(toy)
    assert not toy.story.all_told(OrderGivenUp)


def test_the_scenarios_send_every_kind_of_order() -> None:
    sent = {type(order) for scenario in SCENARIOS for order in run(scenario).obeyed}
    assert sent >= {Subscribe, Answer, StartMusic, StopMusic, Ring, Bridge, DropBridge, HangUp, LeaveToDialplan, Play}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", cases(SCENARIOS, fast=[ordinary, agent_first, nobody_answers, nailed]), ids=named)
def test_whatever_single_order_fails_the_call_ends_once_and_nobody_is_stuck(scenario: Scenario, way: str) -> None:
    faulty: list[str] = []
    for nth in range(len(run(scenario).obeyed)):
        try:
            assert_all_is_over(run(scenario, replace(WAYS[way], nth=nth)))
        except Exception as error:  # noqa: BLE001 - all injection points are reported at once
            order = type(run_quietly(scenario, nth)).__name__
            faulty.append(f"order {nth} {order}: {type(error).__name__}: {str(error).splitlines()[:1]}")
    assert not faulty, "\n".join(faulty)


def run_quietly(scenario: Scenario, nth: int) -> object:
    return run(scenario).obeyed[nth]


KINDS = [Subscribe, Answer, StartMusic, StopMusic, Ring, Bridge, DropBridge, LeaveToDialplan, Play]


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("scenario", [ordinary, agent_first, gives_up, nobody_answers], ids=lambda each: each.__name__)
def test_a_kind_of_order_that_always_fails_never_makes_orders_without_end(scenario: Scenario, kind: type) -> None:
    assert_all_is_over(run(scenario, always=kind))


def test_a_caller_who_could_not_be_answered_goes_to_the_fallback_as_failed() -> None:
    story = one_queue()
    leg = story.caller()
    story.fails(Answer(leg=leg))
    assert story.only(LeaveToDialplan).leg == leg
    assert story.tally().failed == 1


def test_an_answer_refused_because_the_caller_is_gone_is_an_abandon() -> None:
    story = one_queue()
    leg = story.caller()
    story.fails(Answer(leg=leg), status=404)
    story.wait(0.1)
    assert story.only(Probe).leg == leg
    story.gone(leg, estimated=True)
    assert (story.tally().short_abandoned, story.tally().failed) == (1, 0)


def test_a_phone_that_cannot_be_called_is_offline_and_the_next_agent_rings() -> None:
    story = one_queue(agent("bob"), agent("cid"))
    story.caller()
    ring = story.ring()
    story.fails(ring)
    assert story.rung() == [({"bob", "cid"} - {ring.agent}).pop()]
    assert story.hung_up() == {ring.leg}, "an HTTP status never says that there is no channel"


def test_a_ring_that_was_never_sent_costs_the_agent_nothing() -> None:
    story = one_queue(agent("bob"), offline=Penalty(not_ready="bad"))
    story.caller()
    ring = story.ring()
    story.fails(ring, Why.UNSENT)
    assert ring.leg not in story.world.legs
    assert (story.state("bob"), story.rung()) == ("ready", []), "at once and again would be a busy loop"
    story.wait(0.2)
    assert story.state("bob") == "ringing"


def test_an_answer_that_was_never_sent_is_sent_after_the_reconnect() -> None:
    from callbridge.core.model.events import PbxLost, SeenLeg

    story = one_queue()
    leg = story.caller()
    story.fails(Answer(leg=leg), Why.UNSENT)
    story.happens(PbxLost(at=story.now, pbx=PBX))
    story.snapshot(SeenLeg(leg=leg, name="PJSIP/trunk-ann", up=False, created_at=START, entry="support"))
    assert Answer(leg=leg) in story.orders


def test_an_agents_leg_that_was_taken_away_ends_the_talk_instead_of_asking_for_ever() -> None:
    from callbridge.core.model.events import LegLeft

    story = one_queue(agent("bob"))
    customer, leg = story.talk()
    bridges = 0
    story.happens(LegLeft(at=story.now, leg=leg))
    for _ in range(20):
        story.wait(1.0)
        story.happens(LegProbed(at=story.now, leg=leg, in_app=False, up=True))
        bridges += len([order for order in story.orders if isinstance(order, Bridge)])
    assert bridges == 0
    assert story.state("bob") == "wrap_up" or story.world.agents["bob"].work is Work.IDLE
    assert customer in {order.leg for order in story.sent if isinstance(order, HangUp)}


def test_a_talk_that_cannot_be_put_together_again_is_given_up_in_the_end() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    bridge = story.connect(leg)
    story.happens(LegParted(at=story.now, leg=leg, bridge=bridge.bridge))
    tries = 0
    for _ in range(50):
        story.wait(1.0)
        probes = [order for order in story.orders if isinstance(order, Probe)]
        for probe in probes:
            story.happens(LegProbed(at=story.now, leg=probe.leg, in_app=True, up=True))
            again = [order for order in story.orders if isinstance(order, Bridge)]
            tries += len(again)
            for order in again:
                story.fails(order)
    assert tries <= 10
    assert customer in {order.leg for order in story.sent if isinstance(order, HangUp)}


def test_a_late_join_of_a_leg_that_was_hung_up_begins_no_talk() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    bridge = story.pick_up(leg)
    story.gone(customer)
    story.happens(LegJoined(at=story.now, leg=leg, bridge=bridge.bridge))
    assert story.tally().answered == 0


def test_what_a_pbx_says_of_an_end_is_no_news_after_the_answer_that_nothing_is_there() -> None:
    story = one_queue(agent("bob"))
    customer = story.caller()
    leg = story.ring().leg
    bridge = story.connect(leg)
    story.gone(customer)
    assert story.hung_up() == {leg}
    story.gone(leg, estimated=True)
    told = len(story.told)
    late = LegParted(leg=leg, bridge=bridge.bridge, at=story.now), LegLeft(leg=leg, at=story.now), LegEnded(leg=leg, at=story.now)
    assert [story.happens(event) for event in late] == [[], [], []]
    assert story.told[told:] == []
    assert (leg in story.world.legs, story.state("bob")) == (False, "wrap_up")
