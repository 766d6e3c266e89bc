"""Callbacks: promised, kept at the place held, tried again, and never dialled twice for one attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from callbridge.adapters.views.callbacks import callback_queues
from callbridge.adapters.views.timeline import in_words
from callbridge.adapters.views.timelines import plain_fact
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    CallbackChange,
    CallbackChangeRequested,
    CallRequest,
    CallRequested,
    EntityFaulted,
    LegAnswered,
    LegLeft,
    LegProbed,
    PbxLost,
    PlanChanged,
    SeenLeg,
    StoreChanged,
    Why,
)
from callbridge.core.model.facts import (
    AgentChanged,
    CallArrived,
    CallbackEnded,
    CallbackRefused,
    CallbackRequested,
    CallbackTried,
    CallEnded,
    RequestGranted,
    RequestRefused,
    TalkBegan,
    TalkEnded,
    VisitBegan,
    VisitEnded,
    VoicemailLeft,
    WrapUpEnded,
)
from callbridge.core.model.flow import CallbackNode, GoodbyeNode, VoicemailNode
from callbridge.core.model.ids import leg_id
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Bridge, DropBridge, HangUp, Play, Probe, Ring, StartMusic, StartRinging, StopRinging
from callbridge.core.model.plan import CallbackTerms, CallFirst, ConnectMode, Plan, QueuePlan, ToAgent, ToQueue
from callbridge.core.outbound.callback_requests import CLOCK_TOLERANCE
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.core.flows import floor, flow, stage
from tests.core.story import PBX, START, Story, agent, plan, queue
from tests.core.toy import NEVER, REJECTS, Channel, Fault, Toy
from tests.examples import cases

NUMBER = "+44"
"""Of everybody who calls in stories."""
DIALLED = "PJSIP/+44@trunk"
TERMS = CallbackTerms(ring_for=20.0, attempts=2, retry_after=60.0, keep_for=3600.0)


def house(terms: CallbackTerms = TERMS, *, agents: dict[str, bool] | None = None, **more: object) -> Plan:
    """A queue that a caller leaves for a callback by the key 1."""
    ask = flow(
        {"callback": CallbackNode(queue="support", next="bye", otherwise="sorry"), "sorry": GoodbyeNode(media="sorry")}, "ask"
    )
    settings: dict[str, object] = {"outside": "PJSIP/{number}@trunk", "call_back_to": ("X.", "+X.")} | more
    support = queue("support", keys={"1": "ask"}, callback=terms)
    return floor(ask, queues=[support], agents=agents or {"amy": False}, **settings)


def callbacks_owed(the_plan: Plan, **picks_up: float) -> Toy:
    """A caller who waited 30 s has chosen a callback and is gone; nobody is logged in."""
    toy = stage(the_plan, {"amy": 1.0} | picks_up)
    leg = toy.calls("ann")
    toy.run(START + 30.0)
    toy.presses(leg, "1")
    toy.run(START + 40.0)
    assert leg not in toy.channels
    return toy


def rings(toy: Toy, role: str) -> list[Ring]:
    return [order for order in toy.obeyed if isinstance(order, Ring) and order.role == role]


def ended(toy: Toy) -> CallbackEnded:
    (fact,) = toy.story.all_told(CallbackEnded)
    return fact


def tries(toy: Toy) -> list[tuple[int, str]]:
    return [(fact.attempt, fact.result) for fact in toy.story.all_told(CallbackTried)]


def works(toy: Toy, who: str = "amy") -> None:
    toy.story.ask(who, AgentRequest.LOGIN)
    for order in toy.story.orders:
        toy._receive(order)


def test_a_promise_ends_the_visit_and_keeps_the_rank() -> None:
    toy = callbacks_owed(house())
    (callback,) = toy.story.world.callbacks.values()
    (made,) = toy.story.all_told(CallbackRequested)
    (visit,) = toy.story.all_told(VisitEnded)
    began = toy.story.all_told(VisitBegan)[0]
    assert (visit.outcome, visit.to, visit.reason) == ("overflowed", "callback:support", "key")
    assert callback.rank == began.rank == made.rank
    assert toy.story.tally().overflowed == 1
    assert toy.story.all_told(CallEnded)[0].outcome == "callback"


def test_agent_first_the_customer_is_called_when_the_agent_has_answered() -> None:
    toy = callbacks_owed(house())
    works(toy)
    toy.run(START + 40.5)
    assert [ring.agent for ring in rings(toy, "agent")] == ["amy"]
    assert not rings(toy, "customer"), "the agent is not there yet"
    toy.run(START + 50.0)
    (ring,) = rings(toy, "customer")
    assert ring.phone == DIALLED
    assert ring.originator is None
    kinds = [type(order) for order in toy.obeyed]
    assert kinds.index(StartRinging) < kinds.index(StopRinging), "the agent hears it ring"
    assert toy.story.state("amy") == "talking"
    assert ended(toy).outcome == "kept"
    assert tries(toy) == [(1, "answered")]
    assert toy.story.tally().offered == 1, "the call that keeps a promise is in no queue's figures"
    assert [fact.direction for fact in toy.story.all_told(CallArrived)] == ["in", "out"]
    (call,) = toy.story.world.calls.values()
    toy.hangs_up(call.leg)
    toy.run(START + 120.0)
    assert [fact.direction for fact in toy.story.all_told(TalkEnded)] == ["out"], "and neither is its talk"
    assert [fact.direction for fact in toy.story.all_told(WrapUpEnded)] == ["out"]


def test_customer_first_the_agent_is_held_free_and_rung_when_the_customer_is_there() -> None:
    terms = replace(TERMS, first=CallFirst.CUSTOMER, greeting="here-we-are")
    toy = callbacks_owed(house(terms), **{DIALLED: 5.0})
    works(toy)
    toy.run(START + 43.0)
    assert rings(toy, "customer")
    assert not rings(toy, "agent")
    leg = leg_id("pbx", "bob")
    toy.channels[leg] = Channel(leg, "PJSIP/trunk-bob", toy.story.now, entry="support")
    toy.tell(replace(toy.story.arrival("bob"), number="+4499"))
    toy.run(START + 44.5)
    assert not rings(toy, "agent"), "the agent is held for the customer who is being called"
    toy.run(START + 50.0)
    assert toy.story.state("amy") == "talking"
    assert ended(toy).outcome == "kept"
    assert "here-we-are" in [order.media for order in toy.obeyed if isinstance(order, Play)]


def test_the_agent_who_was_held_is_free_at_once_when_the_customer_is_not_there() -> None:
    toy = callbacks_owed(house(replace(TERMS, first=CallFirst.CUSTOMER)), **{DIALLED: REJECTS})
    works(toy)
    toy.run(START + 41.5)
    toy.calls("bob", entry="support")
    toy.run(START + 45.0)
    assert toy.story.state("amy") == "talking"
    assert tries(toy) == [(1, "rejected")]


@pytest.mark.parametrize("first", list(CallFirst))
def test_a_customer_who_is_not_there_is_tried_again_and_then_given_up(first: CallFirst) -> None:
    toy = callbacks_owed(house(replace(TERMS, first=first)), **{DIALLED: NEVER})
    works(toy)
    toy.run(START + 50.0)
    (callback,) = toy.story.world.callbacks.values()
    assert (callback.attempts, callback.call) == (1, next(iter(toy.story.world.calls.rows())))
    toy.run(START + 70.0)
    assert tries(toy) == [(1, "no_answer")]
    assert toy.story.state("amy") == "ready"
    (callback,) = toy.story.world.callbacks.values()
    assert callback.rests_until is not None
    assert not toy.story.world.calls.rows()
    toy.run(START + 300.0)
    assert tries(toy) == [(1, "no_answer"), (2, "no_answer")]
    assert (ended(toy).outcome, ended(toy).reason) == ("failed", "no_answer")
    assert not toy.channels


def test_an_agent_who_does_not_answer_costs_no_attempt() -> None:
    toy = callbacks_owed(house(agents={"amy": False, "ben": False}), amy=NEVER, ben=1.0)
    works(toy)
    toy.run(START + 60.0)
    assert toy.story.state("amy") == "not_ready rona"
    assert not rings(toy, "customer")
    (callback,) = toy.story.world.callbacks.values()
    assert callback.stands
    assert callback.attempts == 0
    works(toy, "ben")
    toy.run(START + 70.0)
    assert ended(toy).outcome == "kept"


def test_an_agent_who_hangs_up_while_the_customers_phone_rings_stops_it() -> None:
    toy = callbacks_owed(house(), **{DIALLED: NEVER})
    works(toy)
    toy.run(START + 43.0)
    agents_leg = rings(toy, "agent")[0].leg
    toy.hangs_up(agents_leg)
    toy.run(START + 44.0)
    assert rings(toy, "customer")[0].leg in {order.leg for order in toy.obeyed if isinstance(order, HangUp)}
    assert tries(toy) == [(1, "agent_gone")]
    assert toy.story.state("amy") == "ready"
    assert not toy.channels


def test_a_nailed_up_agent_keeps_the_leg_when_the_customer_is_not_there() -> None:
    made = house()
    made = replace(made, agents={"amy": replace(made.agents["amy"], connect=ConnectMode.NAILED_UP)})
    toy = callbacks_owed(made, **{DIALLED: REJECTS})
    works(toy)
    toy.run(START + 60.0)
    assert tries(toy) == [(1, "rejected")]
    assert toy.story.state("amy") == "ready"
    assert len(toy.channels) == 1, "the session stays"
    kinds = [type(order) for order in toy.obeyed]
    assert kinds.count(StartRinging) == kinds.count(StopRinging)


def test_the_line_is_one_for_callers_and_promises() -> None:
    toy = callbacks_owed(house())
    late = toy.calls("bob", entry="support")
    works(toy)
    toy.run(START + 50.0)
    assert ended(toy).outcome == "kept", "who waits longer comes first, on the line or not"
    assert late in toy.channels


def test_a_person_who_calls_again_has_the_place_of_the_promise_and_is_not_called_back() -> None:
    toy = stage(house(agents={"amy": False}), {"amy": 1.0})
    leg = toy.calls("ann")
    toy.run(START + 30.0)
    toy.presses(leg, "1")
    toy.run(START + 100.0)
    (callback,) = toy.story.world.callbacks.values()
    toy.calls("ann2", entry="support")
    assert toy.story.call("ann2").visit.rank == callback.rank  # type: ignore[union-attr]
    works(toy)
    toy.run(START + 110.0)
    assert (ended(toy).outcome, ended(toy).reason) == ("kept", "called_again")
    assert not rings(toy, "customer")


def test_a_person_who_calls_again_and_gives_up_is_still_owed_the_callback() -> None:
    toy = callbacks_owed(house())
    again = toy.calls("ann2", entry="support")
    toy.run(START + 60.0)
    (callback,) = toy.story.world.callbacks.values()
    assert callback.call, "nobody is called back who is on the line"
    toy.hangs_up(again)
    toy.run(START + 61.0)
    (callback,) = toy.story.world.callbacks.values()
    assert callback.stands


def test_a_second_promise_to_the_same_number_is_the_first() -> None:
    toy = callbacks_owed(house())
    leg = toy.calls("ann2", entry="ask")
    toy.run(START + 60.0)
    assert leg not in toy.channels
    assert len(toy.story.world.callbacks.rows()) == 1
    assert len(toy.story.all_told(CallbackRequested)) == 1


REFUSED: dict[str, Callable[[Plan], Plan]] = {
    "do not call": lambda made: replace(made, do_not_call=frozenset({NUMBER})),
    "not allowed": lambda made: replace(made, call_back_to=("0.",)),
    "nothing allowed": lambda made: replace(made, call_back_to=()),
    "no way out": lambda made: replace(made, outside=""),
    "no callbacks": lambda made: replace(made, queues={"support": replace(made.queues["support"], callback=None)}),
    "full": lambda made: replace(made, queues={"support": replace(made.queues["support"], callback=replace(TERMS, most=0))}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_promised_is_not(why: str) -> None:
    toy = stage(REFUSED[why](house()))
    leg = toy.calls("ann", entry="ask")
    toy.run(START + 1.0)
    assert [order.media for order in toy.obeyed if isinstance(order, Play)] == ["sorry"]
    assert not toy.story.world.callbacks.rows()
    toy.hangs_up(leg)


def test_a_number_that_came_onto_the_do_not_call_list_is_not_called() -> None:
    made = house()
    toy = callbacks_owed(made)
    toy.tell(PlanChanged(at=toy.story.now, plan=replace(made, do_not_call=frozenset({NUMBER}))))
    works(toy)
    toy.run(START + 60.0)
    assert ended(toy).outcome == "failed"
    assert ended(toy).reason == "do_not_call"
    assert not rings(toy, "customer")


def test_nobody_is_called_out_of_hours_and_the_promise_waits() -> None:
    never = Calendar(name="day", zone=ZoneInfo("UTC"), week=((),) * 7)
    always = replace(never, week=(((0, 1440),),) * 7)
    made = house(replace(TERMS, calendar="day", keep_for=7200.0), calendars={"day": never})
    toy = callbacks_owed(made)
    works(toy)
    toy.run(START + 1000.0)
    assert not rings(toy, "agent")
    toy.tell(PlanChanged(at=toy.story.now, plan=replace(made, calendars={"day": always})))
    toy.run(START + 3700.0)
    assert ended(toy).outcome == "kept"


def test_a_promise_that_nobody_could_keep_expires() -> None:
    toy = callbacks_owed(house())
    toy.run(START + 4000.0)
    assert (ended(toy).outcome, ended(toy).attempts) == ("expired", 0)
    assert ended(toy).waited == pytest.approx(3600.0, abs=1.0)


@pytest.mark.parametrize("first", list(CallFirst))
@pytest.mark.parametrize("when", [41.2, 42.5, 43.5, 47.0])
@pytest.mark.parametrize("saved", [True, False])
def test_a_restart_in_the_middle_neither_loses_the_promise_nor_dials_twice(first: CallFirst, when: float, saved: bool) -> None:
    toy = callbacks_owed(house(replace(TERMS, first=first)), **{DIALLED: 3.0})
    works(toy)
    toy.run(START + when)
    dialled = {ring.leg for ring in rings(toy, "customer")}
    toy.cut()
    toy.run(START + when + 1.0)
    toy.restart(saved=saved)
    toy.run(START + when + 300.0)
    legs = [ring.leg for ring in rings(toy, "customer")]
    assert len(legs) == len(set(legs)), "no attempt goes out twice"
    if saved:
        assert ended(toy).outcome == "kept"
        assert set(legs) >= dialled
        assert len(toy.story.all_told(TalkBegan)) == 1
    toy.run(START + when + 600.0)


def test_an_attempt_that_nobody_saw_the_end_of_is_unknown_and_counts() -> None:
    toy = callbacks_owed(house(), **{DIALLED: NEVER})
    works(toy)
    toy.run(START + 45.0)
    (ring,) = rings(toy, "customer")
    toy.cut()
    toy.channels.pop(ring.leg)
    toy.run(START + 46.0)
    toy.restart()
    toy.run(START + 50.0)
    assert tries(toy) == [(1, "unknown")]
    (callback,) = toy.story.world.callbacks.values()
    assert callback.attempts == 1
    assert not callback.stands


def test_a_dialling_that_never_left_us_is_no_attempt() -> None:
    story = keeping()
    (ring,) = story.all_sent(Ring)[-1:]
    story.fails(ring, Why.UNSENT)
    (callback,) = story.world.callbacks.values()
    assert callback.attempts == 0
    assert not story.all_told(CallbackTried)
    story.gone(story.all_sent(Ring)[-2].leg)
    story.wait(6.0)
    assert story.state("amy") == "ringing"


@pytest.mark.parametrize(("why", "result"), [(Why.REFUSED, "congestion"), (Why.TIMEOUT, "unknown")])
def test_a_dialling_that_failed_is_an_attempt(why: Why, result: str) -> None:
    story = keeping()
    (ring,) = story.all_sent(Ring)[-1:]
    story.fails(ring, why)
    assert ring.leg in {order.leg for order in story.sent if isinstance(order, HangUp)}
    story.gone(ring.leg, estimated=True)
    assert [fact.result for fact in story.all_told(CallbackTried)] == [result]


@pytest.mark.parametrize("first", list(CallFirst))
def test_how_a_customers_leg_ended_is_not_overtaken_by_a_hang_up_of_ours(first: CallFirst) -> None:
    """Asterisk tells that a leg has left a moment before it tells why it ended."""
    story = keeping(first)
    customer = story.ring().leg
    story.happens(LegLeft(at=story.now, leg=customer))
    assert customer not in {order.leg for order in story.sent if isinstance(order, HangUp)}
    story.gone(customer, 17)
    assert [fact.result for fact in story.all_told(CallbackTried)] == ["busy"]


@pytest.mark.parametrize("in_app", [True, False])
def test_a_customers_leg_that_left_and_does_not_end_is_asked_about(in_app: bool) -> None:
    story = keeping()
    customer = story.ring().leg
    story.happens(LegLeft(at=story.now, leg=customer))
    story.wait(2.1)
    assert customer in {order.leg for order in story.all_sent(Probe)}
    story.happens(LegProbed(at=story.now, leg=customer, in_app=in_app, up=False))
    story.wait(6.0)
    hung_up = {order.leg for order in story.all_sent(HangUp)}
    assert customer in hung_up if in_app else not story.world.calls


def keeping(first: CallFirst = CallFirst.AGENT) -> Story:
    """The agent has answered: the customer is being called."""
    story = Story(house(replace(TERMS, first=first), agents={"amy": True}))
    story.happens(asks(story))
    if first is CallFirst.AGENT:
        story.happens(LegAnswered(at=story.now, leg=story.ring().leg))
    assert story.ring().role == "customer"
    return story


@pytest.mark.parametrize("request_", [CallRequest.HANG_UP, CallRequest.MOVE, CallRequest.HEAD_START, CallRequest.PULL])
@pytest.mark.parametrize("reached", [False, True])
def test_only_the_callback_can_be_cancelled_until_an_agent_talks(request_: CallRequest, reached: bool) -> None:
    story = keeping(CallFirst.CUSTOMER)
    (call,) = story.world.calls
    if reached:
        story.happens(LegAnswered(at=story.now, leg=story.all_sent(Ring)[-1].leg))
    story.happens(CallRequested(at=story.now, call=call, request=request_, by="eva"))
    why = "a customer is being called back: until an agent talks to them, only the callback can be cancelled"
    assert (story.fact(RequestRefused).reason, story.orders) == (why, [])
    story.happens(asks(story, CallbackChange.CANCEL, callback=next(iter(story.world.callbacks))))
    assert not story.world.callbacks


def states(story: Story, agent: str) -> list[str]:
    return [fact.state for fact in story.all_told(AgentChanged) if fact.agent == agent]


def test_an_agent_who_has_picked_up_is_connecting_until_the_customer_is_there() -> None:
    story = keeping()
    assert story.state("amy") == "connecting"
    (call,) = story.world.calls
    assert story.fact(AgentChanged).call == call
    story.wait(8.0)
    assert story.state("amy") == "connecting"
    story.happens(LegAnswered(at=story.now, leg=story.all_sent(Ring)[-1].leg))
    story.join(story.only(Bridge))
    assert states(story, "amy")[-3:] == ["ringing", "connecting", "talking"]


def test_an_agent_whose_customer_did_not_pick_up_is_no_longer_connecting() -> None:
    story = keeping()
    story.gone(story.ring().leg, 17)
    story.gone(story.all_sent(Ring)[-2].leg)
    assert states(story, "amy")[-2:] == ["connecting", "ready"]
    assert not story.world.agents["amy"].connecting


def test_an_agent_reserved_for_a_customer_who_is_called_first_is_not_connecting() -> None:
    story = keeping(CallFirst.CUSTOMER)
    assert story.state("amy") == "ready"


def test_the_timeline_says_that_the_customer_is_being_called() -> None:
    story = keeping()
    (call,) = story.world.calls
    said = [line.text for line in in_words([plain_fact(fact) for fact in story.told if fact.call == call], story.world.plan)]
    assert said[-1] == "Amy (amy) has picked up; the customer is being called"


def asks(story: Story, ask: CallbackChange = CallbackChange.MAKE, **more: object) -> CallbackChangeRequested:
    return CallbackChangeRequested(at=story.now, change=ask, **{"queue": "support", "number": "+4412", "by": "crm"} | more)  # type: ignore[arg-type]


def test_somebody_else_may_ask_for_a_callback_at_a_time() -> None:
    story = Story(house(agents={"amy": True}))
    story.happens(asks(story, not_before=story.now + 100.0))
    assert not story.rung()
    story.wait(101.0)
    assert story.state("amy") == "ringing"
    assert story.all_told(CallbackRequested)[0].by == "crm"


def test_a_callback_at_a_time_that_has_passed_is_refused_and_nobody_is_called() -> None:
    story = Story(house(agents={"amy": True}))
    story.wait(86_400.0)
    story.happens(asks(story, not_before=story.now - CLOCK_TOLERANCE - 1.0))
    assert story.fact(RequestRefused).reason == "the time has passed: choose a later one"
    assert not story.world.callbacks and not story.rung()


def test_a_callback_for_now_by_a_clock_that_is_a_little_slow_is_made_at_once() -> None:
    story = Story(house(agents={"amy": True}))
    story.wait(86_400.0)
    story.happens(asks(story, not_before=story.now - CLOCK_TOLERANCE))
    assert story.state("amy") == "ringing"


def test_callbacks_are_made_for_queues_that_offer_them_if_numbers_outside_can_be_called() -> None:
    both = [queue("support", callback=TERMS), queue("fallback")]
    assert callback_queues(Story(floor(queues=both, agents={"amy": True}, outside="PJSIP/{number}@trunk")).world) == ["support"]
    assert callback_queues(Story(floor(queues=both, agents={"amy": True})).world) == []


def test_a_callback_for_one_agent_waits_for_this_agent() -> None:
    story = Story(house(agents={"amy": True, "ben": False}))
    story.happens(asks(story, agent="ben"))
    story.wait(10.0)
    assert story.state("amy") == "ready"
    story.ask("ben", AgentRequest.LOGIN)
    assert story.state("ben") == "ringing"


def test_an_agent_makes_the_own_callback_before_it_is_due_and_before_who_waits() -> None:
    story = Story(house(agents={"amy": False, "ben": True}))
    story.happens(asks(story, agent="ben", not_before=story.now + 3000.0))
    story.ask("ben", AgentRequest.NOT_READY, "lunch")
    story.caller("eve")
    (callback,) = story.world.callbacks.values()
    story.happens(asks(story, CallbackChange.CALL_NOW, callback=callback.id, agent="ben", by="ben"))
    assert (story.fact(RequestGranted).request, story.fact(RequestGranted).by) == ("callback_call_now", "ben")
    story.ask("ben", AgentRequest.READY)
    assert story.state("ben") == "ringing"
    assert story.world.calls[story.world.agents["ben"].call].callback == callback.id
    story.happens(asks(story, CallbackChange.CALL_NOW, callback=callback.id, agent="ben"))
    assert story.fact(RequestRefused).reason == "the customer is being called, or is on the line"


def test_no_agent_makes_anothers_callback_or_one_that_is_over() -> None:
    story = Story(house(agents={"amy": False, "ben": False}))
    story.happens(asks(story, agent="ben", not_before=story.now + 3000.0))
    (callback,) = story.world.callbacks.values()
    for asking, which in (("amy", callback.id), ("ben", "gone"), ("", "gone")):
        story.happens(asks(story, CallbackChange.CALL_NOW, callback=which, agent=asking))
        assert story.fact(RequestRefused).unknown
    assert story.world.callbacks[callback.id] == callback


def test_nobody_is_called_now_who_may_not_be_called_at_all() -> None:
    story = Story(house(agents={"ben": True}))
    story.happens(asks(story, agent="ben", not_before=story.now + 3000.0))
    (callback,) = story.world.callbacks.values()
    story.world.unsaved = True
    story.happens(asks(story, CallbackChange.CALL_NOW, callback=callback.id, agent="ben"))
    assert story.fact(RequestRefused).reason == "this customer may not be called now: the store is behind"
    assert story.state("ben") == "ready"


@pytest.mark.parametrize(
    ("more", "why"),
    [({"queue": "gone"}, "no such queue"), ({"number": "what"}, "not a phone number"), ({"agent": "zoe"}, "no such agent")],
)
def test_a_callback_that_cannot_be_is_refused(more: dict[str, object], why: str) -> None:
    story = Story(house())
    story.happens(asks(story, **more))  # type: ignore[arg-type]
    assert why in story.fact(RequestRefused).reason
    assert not story.world.callbacks.rows()


def test_a_callback_that_is_refused_to_a_caller_leaves_the_reason() -> None:
    toy = stage(house(call_back_to=("49.",)), {"amy": 1.0})
    leg = toy.calls("ann")
    toy.run(START + 30.0)
    toy.presses(leg, "1")
    toy.run(START + 40.0)
    (refused,) = toy.story.all_told(CallbackRefused)
    (call,) = toy.story.all_told(CallEnded)
    assert refused.reason == "the setting callbacks.numbers does not allow this number"
    assert (refused.call, refused.queue, refused.number) == (call.call, "support", NUMBER)
    assert not toy.story.all_told(CallbackRequested)
    (line,) = [one.text for one in in_words([plain_fact(refused)], toy.story.world.plan)]
    assert line == f"asks for a callback from queue support, which is refused: {refused.reason}"


def test_a_callback_is_cancelled_even_while_the_phone_rings() -> None:
    story = keeping()
    (callback,) = story.world.callbacks.values()
    story.happens(asks(story, CallbackChange.CANCEL, callback=callback.id))
    assert story.fact(CallbackEnded).outcome == "cancelled"
    (call,) = story.world.calls.values()
    assert call.phase is Phase.ENDING
    story.gone(call.leg)
    assert not story.world.calls.rows()
    story.happens(asks(story, CallbackChange.CANCEL, callback=callback.id))
    assert story.fact(RequestRefused).unknown


def test_a_cancelled_callback_is_not_owed_again_when_the_link_comes_back_before_its_call_has_ended() -> None:
    story = keeping()
    (callback,) = story.world.callbacks.values()
    story.happens(asks(story, CallbackChange.CANCEL, callback=callback.id))
    story.happens(PbxLost(at=story.now, pbx=PBX))
    story.snapshot()
    assert not story.world.callbacks.rows()


def ringing(story: Story) -> SeenLeg:
    """The customer's leg of the call that keeps the callback: not gone yet."""
    (order,) = [order for order in story.all_sent(Ring) if order.role == "customer"]
    return SeenLeg(leg=order.leg, name="PJSIP/trunk-1", up=False, created_at=START, role="customer", call=order.call)


def test_a_callback_kept_by_the_customers_own_call_is_not_owed_again_while_the_other_call_ends() -> None:
    story = keeping()
    amy = story.world.agents["amy"].leg
    assert amy is not None
    story.happens(replace(story.arrival("ann"), number="+4412"))
    story.gone(amy)
    story.connect(story.ring().leg)
    assert (story.all_told(CallbackEnded)[0].outcome, story.all_told(CallbackEnded)[0].reason) == ("kept", "called_again")
    assert [call.phase for call in story.world.calls.values() if call.callback] == [Phase.ENDING]
    story.happens(PbxLost(at=story.now, pbx=PBX))
    story.snapshot(ringing(story))
    assert not story.world.callbacks.rows()


@pytest.mark.parametrize("first", list(CallFirst))
def test_a_callback_that_is_given_up_for_a_fault_is_not_owed_again_while_its_call_goes_on(first: CallFirst) -> None:
    story = keeping(first)
    (callback,) = story.world.callbacks.values()
    story.happens(EntityFaulted(at=story.now, kind="callback", id=callback.id))
    assert story.fact(CallbackEnded).outcome == "failed"
    story.happens(PbxLost(at=story.now, pbx=PBX))
    story.snapshot(ringing(story))
    assert not story.world.callbacks.rows()


def test_a_callback_whose_row_is_lost_while_its_call_ends_is_owed_all_the_same() -> None:
    story = keeping()
    (callback,) = story.world.callbacks.values()
    (call,) = story.world.calls.values()
    amy = story.world.agents["amy"].leg
    assert amy is not None
    story.gone(amy)
    assert story.world.calls[call.id].phase is Phase.ENDING
    story.world.callbacks.drop(callback.id)
    story.world.commit()
    story.snapshot(ringing(story))
    assert set(story.world.callbacks.rows()) == {callback.id}
    story.gone(call.leg, 16)
    assert set(story.world.callbacks.rows()) == {callback.id}, "the attempt is over, the callback is not"


def test_a_message_may_be_a_task_to_call_back() -> None:
    leave = flow({"leave": VoicemailNode(queue="support", media="", next="bye", callback=True)}, "leave")
    support = queue("support", callback=TERMS)
    toy = stage(floor(leave, queues=[support], agents={"amy": False}, outside="PJSIP/{number}@trunk", call_back_to=("X.", "+X.")))
    toy.message = 8.0
    leg = toy.calls("ann", entry="leave")
    toy.run(START + 12.0)
    assert [callback.number for callback in toy.story.world.callbacks.values()] == [NUMBER]
    (message,) = [fact.recording for fact in toy.story.all_told(VoicemailLeft)]
    assert [callback.recording for callback in toy.story.world.callbacks.values()] == [message]
    assert [fact.recording for fact in toy.story.all_told(CallbackRequested)] == [message]
    toy.hangs_up(leg)


def test_a_message_that_is_no_task_to_call_back_says_why() -> None:
    leave = flow({"leave": VoicemailNode(queue="support", media="", next="bye", callback=True)}, "leave")
    toy = stage(floor(leave, queues=[queue("support")], agents={"amy": False}, outside="PJSIP/{number}@trunk"))
    toy.message = 8.0
    toy.calls("ann", entry="leave")
    toy.run(START + 12.0)
    (message,), (refused,) = toy.story.all_told(VoicemailLeft), toy.story.all_told(CallbackRefused)
    assert (refused.reason, refused.recording) == ("queue support offers no callbacks", message.recording)


# -- anybody who gave up and calls again ----------------------------------------------------------------------------------


def returning(within: float) -> Toy:
    toy = stage(plan_of(queue("support", reclaim_within=within)), {"amy": NEVER})
    leg = toy.calls("ann")
    toy.run(START + 60.0)
    toy.hangs_up(leg)
    toy.run(START + 100.0)
    toy.calls("ann2")
    return toy


def plan_of(one: QueuePlan) -> Plan:
    return plan([one], [agent("amy", login=False)])


def test_a_person_who_gave_up_and_calls_again_soon_has_the_old_place() -> None:
    toy = returning(120.0)
    visit = toy.story.call("ann2").visit
    first = toy.story.all_told(VisitBegan)[0]
    assert visit is not None
    assert visit.rank == pytest.approx(first.rank)
    assert not toy.story.world.places.rows(), "once"


def test_a_person_who_calls_again_late_stands_behind() -> None:
    toy = returning(30.0)
    visit = toy.story.call("ann2").visit
    first = toy.story.all_told(VisitBegan)[0]
    assert visit is not None
    assert visit.rank == pytest.approx(first.rank + 100.0)


# -- every order may fail ---------------------------------------------------------------------------------------------


def day(first: CallFirst, at: float, fault: Fault | None = None, always: type | None = None) -> Toy:
    """Somebody asks for a callback; anybody who answers talks until all lines are cut at ``at``, and every 100 s."""
    story = Story(house(replace(TERMS, first=first, greeting="hello"), agents={"amy": True}))
    toy = Toy(story, {"amy": 1.0}, fault, always)
    toy.tell(asks(story))
    for when in (at, *(100.0 * n for n in range(1, 50))):
        toy.run(START + when)
        for leg in list(toy.channels):
            toy.hangs_up(leg)
    toy.run(START + 5000.0)
    return toy


def assert_over(toy: Toy) -> None:
    world = toy.story.world
    assert not world.callbacks.rows(), "every promise ends"
    assert not world.calls.rows()
    assert not toy.channels, "nothing is left in the PBX"
    assert not [leg for leg in world.legs.values() if leg.hung_at is None]
    legs = [ring.leg for ring in rings(toy, "customer")]
    assert len(legs) == len(set(legs)), "no attempt goes out twice"
    assert len(legs) >= len(toy.story.all_told(CallbackTried)), "none is counted that was not made"


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("why", list(Why))
@pytest.mark.parametrize("first", list(CallFirst))
def test_whatever_single_order_fails_the_promise_ends_and_nothing_is_left(first: CallFirst, why: Why, done: bool) -> None:
    for nth in range(len(day(first, 8.0).obeyed)):
        try:
            assert_over(day(first, 8.0, Fault(nth, why, done)))
        except Exception as wrong:
            order = type(day(first, 8.0).obeyed[nth]).__name__
            raise AssertionError(f"order {nth}, {order}") from wrong


@pytest.mark.parametrize("kind", [Ring, StartRinging, StopRinging, Play, Bridge, StartMusic, DropBridge])
@pytest.mark.parametrize("first", list(CallFirst))
def test_a_kind_of_order_that_always_fails_never_makes_orders_without_end(first: CallFirst, kind: type) -> None:
    assert_over(day(first, 8.0, always=kind))


@pytest.mark.parametrize("at", [0.5, 1.5, 2.02, 2.5, 3.5, 5.0])
@pytest.mark.parametrize("first", list(CallFirst))
def test_whenever_everybody_hangs_up_the_promise_ends(first: CallFirst, at: float) -> None:
    assert_over(day(first, at))


# -- whatever people ask meanwhile ------------------------------------------------------------------------------------


MOMENTS = [0.5, 1.02, 1.5, 2.02, 2.04, 2.5, 5.0]
"""The agent's phone rings; is answered; the customer's phone rings; is answered; both talk."""


def asking(first: CallFirst, connect: ConnectMode = ConnectMode.RING, **picks_up: float) -> Toy:
    made = house(replace(TERMS, first=first, greeting="hello"), agents={"amy": False})
    made = replace(made, agents={"amy": replace(made.agents["amy"], connect=connect)})
    story = Story(made)
    toy = Toy(story, {"amy": 1.0} | picks_up)
    toy.tell(AgentRequested(at=story.now, agent="amy", request=AgentRequest.LOGIN))
    toy.run(START + 3.0)
    toy.tell(asks(story))
    return toy


def finish(toy: Toy) -> None:
    for _ in range(60):
        toy.run(toy.story.now + 100.0)
        for leg in list(toy.channels):
            if toy.story.world.legs.get(leg) is None or toy.story.world.legs[leg].role is not LegRole.SESSION:
                toy.hangs_up(leg)


@pytest.mark.parametrize("connect", cases([ConnectMode.RING, ConnectMode.NAILED_UP], fast=1))
@pytest.mark.parametrize("ask", list(AgentRequest))
@pytest.mark.parametrize("first", list(CallFirst))
def test_whatever_the_agent_asks_meanwhile(first: CallFirst, ask: AgentRequest, connect: ConnectMode) -> None:
    for moment in MOMENTS:
        toy = asking(first, connect)
        toy.run(START + 3.0 + moment)
        toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=ask, phone="PJSIP/9" if ask is AgentRequest.LOGIN else ""))
        finish(toy)
        assert not toy.story.world.callbacks.rows(), moment
        assert not toy.story.world.calls.rows(), moment
        rung = [type(order) for order in toy.obeyed if isinstance(order, StartRinging | StopRinging)]
        assert rung.count(StartRinging) <= rung.count(StopRinging), (moment, "an agent who stays hears no ringing for ever")


@pytest.mark.parametrize("ask", list(CallRequest))
@pytest.mark.parametrize("first", cases(CallFirst, fast=1))
def test_whatever_is_asked_about_the_call_meanwhile(first: CallFirst, ask: CallRequest) -> None:
    for moment in MOMENTS:
        toy = asking(first, ConnectMode.NAILED_UP)
        toy.run(START + 3.0 + moment)
        for call in list(toy.story.world.calls.rows()):
            to = ToQueue("support") if ask is CallRequest.MOVE else ToAgent("amy")
            toy.tell(CallRequested(at=toy.story.now, call=call, request=ask, to=to, phone="PJSIP/8", by="boss"))
        finish(toy)
        assert not toy.story.world.callbacks.rows(), moment
        assert not toy.story.world.calls.rows(), moment


CHANGES: dict[str, Callable[[Plan], Plan]] = REFUSED | {
    "agent dismissed": lambda made: replace(made, agents={}),
    "queue renamed": lambda made: replace(
        made, queues={"other": replace(made.queues["support"], name="other", renamed_from="support")}, entries={}
    ),
    "queue removed": lambda made: replace(made, queues={"other": queue("other")}, entries={}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("first", cases(CallFirst, fast=1))
def test_whatever_a_reload_changes_meanwhile(first: CallFirst, change: str) -> None:
    for moment in MOMENTS:
        toy = asking(first)
        toy.run(START + 3.0 + moment)
        before = len(rings(toy, "customer"))
        toy.tell(PlanChanged(at=toy.story.now, plan=CHANGES[change](toy.story.world.plan), force=True))
        finish(toy)
        assert not toy.story.world.callbacks.rows(), moment
        assert not toy.story.world.calls.rows(), moment
        if change in REFUSED and change not in ("full", "no way out", "do not call"):
            assert len(rings(toy, "customer")) == before, (moment, "nobody is called against the rules of now")


@pytest.mark.parametrize("moment", MOMENTS[:4])
@pytest.mark.parametrize("first", list(CallFirst))
def test_a_customer_who_calls_meanwhile_is_called_no_more(first: CallFirst, moment: float) -> None:
    toy = asking(first, amy=2.0)
    toy.run(START + 3.0 + moment)
    called = len(rings(toy, "customer"))
    leg = leg_id("pbx", "again")
    toy.channels[leg] = Channel(leg, "PJSIP/trunk-again", toy.story.now, entry="support")
    toy.tell(replace(toy.story.arrival("again"), number="+4412"))
    toy.run(toy.story.now + 30.0)
    there = moment > 1.0 and first is CallFirst.CUSTOMER
    assert len(rings(toy, "customer")) == called
    if not there:
        assert (ended(toy).outcome, ended(toy).reason) == ("kept", "called_again")
    finish(toy)
    assert not toy.story.world.callbacks.rows()


def test_a_customer_on_the_line_whom_nobody_serves_is_not_held_for_ever() -> None:
    toy = asking(CallFirst.CUSTOMER, amy=NEVER)
    toy.run(START + 100.0)
    assert tries(toy)[0][1] == "abandoned"
    assert toy.longest_silence < 0.1
    finish(toy)
    assert not toy.story.world.calls.rows()


def test_after_the_talk_it_is_a_call_like_any_other() -> None:
    toy = asking(CallFirst.AGENT)
    toy.run(START + 8.0)
    (call,) = toy.story.world.calls.values()
    toy.tell(CallRequested(at=toy.story.now, call=call.id, request=CallRequest.TRANSFER, to=ToQueue("support"), by="amy"))
    assert len(toy.story.all_told(VisitBegan)) == 1
    assert toy.story.tally().offered == 1


def test_an_order_unsent_that_is_heard_late_loses_no_promise() -> None:
    story = keeping()
    (ring,) = story.all_sent(Ring)[-1:]
    story.gone(story.all_sent(Ring)[-2].leg)
    story.fails(ring, Why.UNSENT)
    (callback,) = story.world.callbacks.values()
    assert (callback.attempts, callback.call) == (0, "")
    assert not story.world.calls.rows()


def test_nobody_is_called_while_nothing_can_be_saved() -> None:
    story = Story(house(agents={"amy": True}))
    story.happens(StoreChanged(at=story.now, safe=False))
    story.happens(asks(story))
    story.wait(60.0)
    assert not story.all_sent(Ring)
    story.happens(StoreChanged(at=story.now, safe=True))
    story.wait(6.0)
    assert story.state("amy") == "ringing"


@pytest.mark.parametrize(
    ("patterns", "number", "allowed"),
    [
        (("NXXNXXXXXX",), "+8812345678", False),
        (("NXXNXXXXXX",), "008812345678", False),
        (("+44N.",), "+44 (0)20 7946-1234", True),
        (("0N.",), "020 7946 1234", True),
        (("0N.",), "+442079461234", False),
    ],
)
def test_what_is_dialled_is_what_has_the_pattern(patterns: tuple[str, ...], number: str, allowed: bool) -> None:
    story = Story(house(agents={"amy": True}, call_back_to=patterns, numbers=PhoneNumbers("GB")))
    story.happens(asks(story, number=number))
    (*_,) = promised_numbers = [callback.number for callback in story.world.callbacks.values()]
    assert bool(promised_numbers) is allowed
    assert all(set(each) <= set("+0123456789") for each in promised_numbers)


@pytest.mark.parametrize("number", ["+442079461234", "00442079461234", "442079461234", "02079461234", "+44 20 7946 1234"])
def test_do_not_call_knows_every_spelling(number: str) -> None:
    listed = frozenset({"+442079461234"})
    story = Story(house(agents={"amy": True}, do_not_call=listed, numbers=PhoneNumbers("GB")))
    story.happens(asks(story, number=number))
    assert not story.world.callbacks.rows()


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("09098790000", "a premium-rate number"),
        ("+44207946", "a phone number that cannot exist"),
        ("+4420794612341", "a phone number that cannot exist"),
    ],
)
def test_premium_and_impossible_numbers_are_refused_by_name(number: str, why: str) -> None:
    story = Story(house(agents={"amy": True}, numbers=PhoneNumbers("GB")))
    story.happens(asks(story, number=number))
    assert not story.world.callbacks.rows()
    (refused,) = story.all_told(RequestRefused)
    assert refused.reason.startswith(f"cannot be called back: {why}")


def test_an_extension_may_be_called_back_where_the_patterns_say_so() -> None:
    story = Story(house(agents={"amy": True}, numbers=PhoneNumbers("GB"), call_back_to=("1XXX",)))
    story.happens(asks(story, number="1001"))
    assert [callback.who for callback in story.world.callbacks.values()] == ["1001"]


def test_one_person_is_owed_one_callback_in_every_country() -> None:
    story = Story(house(agents={"amy": False}, numbers=PhoneNumbers("CN")))
    for number in ("13800138000", "8613800138000", "013800138000", "+8613800138000"):
        story.happens(asks(story, number=number))
    assert [callback.who for callback in story.world.callbacks.values()] == ["+8613800138000"]
    assert len(story.all_told(RequestRefused)) == 3


def test_an_agreed_time_outlives_a_caller_who_gives_up() -> None:
    story = Story(house(agents={"amy": False}))
    story.happens(asks(story, number="+44", not_before=story.now + 3000.0))
    leg = story.caller()
    story.wait(10.0)
    story.gone(leg)
    (callback,) = story.world.callbacks.values()
    assert callback.rests_until == pytest.approx(START + 3000.0)


def test_a_promise_whose_call_is_in_no_book_goes_on() -> None:
    toy = callbacks_owed(house())
    (callback,) = toy.story.world.callbacks.values()
    toy.story.world.callbacks.put(callback.id, replace(callback, call="gone", deadline=None))
    toy.story.books.calls.add("gone")
    toy.story.world._journal.clear()
    toy.reconnect()
    (callback,) = toy.story.world.callbacks.values()
    assert callback.call == ""
    assert callback.deadline is not None
