"""An agent with several phones: all of them ring, the first to answer has the call, and nothing else counts as missed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.adapters.views.explain_agent import explain_agent
from callbridge.core.engine import step
from callbridge.core.model.agent import State, eligible, published
from callbridge.core.model.events import (
    AgentRequest,
    CallRequest,
    CallRequested,
    ContactsChanged,
    DeviceChanged,
    DevicesListed,
    FeatureDialled,
    HintRead,
    LegAnswered,
    LegEntered,
    LegProbed,
    LegRinging,
    PhoneInspected,
    PlanChanged,
    Why,
)
from callbridge.core.model.facts import AgentAlerted, AgentChanged, OfferEnded, OfferMade, TalkBegan, TransferEnded
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import Bridge, HangUp, InspectPhone, Ring
from callbridge.core.model.plan import AgentPlan, ConnectMode, ToAgent
from callbridge.core.model.world import World
from tests.core.story import PBX, Story, agent, one_queue, plan, queue

DESK, WEB, HOME = "PJSIP/bob", "PJSIP/bob-web", "PJSIP/bob-home"
RING_FOR = 15.0
BUSY_HERE, DECLINED, NOT_FOUND = 17, 21, 1


def bob(*also: str, connect: ConnectMode = ConnectMode.RING) -> AgentPlan:
    return replace(agent("bob", connect=connect), also=also or (WEB,))


def rings(story: Story) -> dict[str, LegId]:
    """The phones that the last event made ring."""
    return {order.phone: order.leg for order in story.orders if isinstance(order, Ring)}


def offered(*also: str, others: tuple[AgentPlan, ...] = ()) -> tuple[Story, dict[str, LegId]]:
    """Bob's phones ring for ann."""
    story = one_queue(bob(*also), *others, ring_for=RING_FOR, wrap_up=0.0)
    story.caller()
    return story, rings(story)


def phones(story: Story) -> list[str]:
    """Bob's phones in force."""
    return [*story.world.agents["bob"].phones]


def says(story: Story, phone: str, state: str) -> None:
    story.happens(DeviceChanged(at=story.now, phone=phone, state=state))


def rung(story: Story, *legs: LegId) -> None:
    for leg in legs:
        story.happens(LegRinging(at=story.now, leg=leg))


def results(story: Story) -> list[str]:
    return [fact.result for fact in story.all_told(OfferEnded)]


def hung_up_as(story: Story, reason: str) -> set[LegId]:
    return {order.leg for order in story.orders if isinstance(order, HangUp) and order.reason == reason}


# -- who gets the call ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [DESK, WEB, HOME])
def test_all_ring_and_the_first_to_answer_has_the_call(taken: str) -> None:
    story, legs = offered(WEB, HOME)
    assert list(legs) == [DESK, WEB, HOME]
    rung(story, *legs.values())
    bridge = story.pick_up(legs[taken])
    assert legs[taken] in bridge.legs
    others = {leg for phone, leg in legs.items() if phone != taken}
    assert hung_up_as(story, "answered_elsewhere") == others, "no missed call at the others"
    story.join(bridge)
    assert story.state("bob") == "talking"
    assert (results(story), len(story.all_told(OfferMade)), len(story.all_told(TalkBegan))) == (["answered"], 1, 1)
    for leg in others:
        story.gone(leg, 26)
    assert story.state("bob") == "talking"
    story.gone(legs[taken])
    story.gone(leg_id(PBX, "ann"))
    assert story.state("bob") == "ready"


def test_of_two_that_answer_at_the_same_moment_one_has_the_call_and_the_other_is_dropped() -> None:
    story, legs = offered()
    bridge = story.pick_up(legs[WEB])
    story.happens(LegAnswered(at=story.now, leg=legs[DESK]))
    assert [order.leg for order in story.orders if isinstance(order, HangUp)] == [legs[DESK]]
    assert not [order for order in story.orders if isinstance(order, Bridge)]
    story.join(bridge)
    story.gone(legs[DESK])
    assert (results(story), story.state("bob")) == (["answered"], "talking")


def test_who_hangs_up_at_once_is_offered_nothing_until_the_other_phone_has_stopped() -> None:
    story, legs = offered()
    rung(story, *legs.values())
    story.happens(LegAnswered(at=story.now, leg=legs[DESK]))
    story.wait(0.02)
    story.gone(legs[DESK])
    rested = story.now + 60.0  # who rejects an offer rests
    assert not eligible(story.world.agents["bob"], rested)
    story.gone(legs[WEB])
    assert eligible(story.world.agents["bob"], rested)


def test_an_agent_with_one_phone_costs_what_it_did() -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    story.caller()
    assert len([order for order in story.orders if isinstance(order, Ring)]) == 1
    assert story.world.legs[story.ring().leg].device == ""


# -- who does not answer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [DESK, WEB])
def test_one_that_rejects_leaves_the_other_ringing(first: str) -> None:
    story, legs = offered()
    rung(story, *legs.values())
    (other,) = legs.keys() - {first}
    story.gone(legs[first], DECLINED)
    assert (results(story), story.state("bob"), story.hung_up()) == ([], "ringing", set())
    story.connect(legs[other])
    assert (results(story), story.state("bob")) == (["answered"], "talking")


def test_when_all_reject_the_offer_is_rejected() -> None:
    story, legs = offered()
    for leg in legs.values():
        story.gone(leg, BUSY_HERE)
    assert (results(story), story.world.agents["bob"].leg) == (["rejected"], None)


def test_who_rejects_at_one_and_lets_the_other_ring_has_rejected() -> None:
    story, legs = offered()
    rung(story, *legs.values())
    story.gone(legs[DESK], DECLINED)
    story.wait(RING_FOR)
    assert (results(story), story.state("bob")) == (["rejected"], "ready"), "not ring on no answer"


def test_nobody_picks_up_and_all_of_them_stop() -> None:
    story, legs = offered(WEB, HOME)
    rung(story, legs[WEB])
    story.wait(RING_FOR)
    assert (results(story), story.hung_up()) == (["no_answer"], set(legs.values()))
    assert story.state("bob") == "not_ready rona"
    for leg in legs.values():
        assert story.world.agents["bob"].leg is not None, "busy until the last one is gone"
        story.gone(leg)
    assert story.world.agents["bob"].leg is None


def test_a_caller_who_hangs_up_stops_them_all_and_the_agent_waits_for_the_last_one() -> None:
    story, legs = offered()
    story.gone(leg_id(PBX, "ann"))
    assert story.hung_up() == set(legs.values())
    story.gone(legs[WEB])
    story.caller("eve")
    assert story.rung() == [], "the desk phone has not stopped ringing yet"
    story.gone(legs[DESK])
    assert sorted(rings(story)) == [DESK, WEB]


def test_a_dead_one_is_dropped_and_the_other_goes_on_ringing() -> None:
    story, legs = offered()
    for leg in legs.values():
        story.happens(LegEntered(at=story.now, leg=leg))
    rung(story, legs[WEB])
    story.wait(2.0)
    story.happens(LegProbed(at=story.now, leg=legs[DESK], in_app=True, up=False, replied=False))
    assert (results(story), story.hung_up(), story.state("bob")) == ([], {legs[DESK]}, "ringing")
    story.connect(legs[WEB])
    assert story.state("bob") == "talking"


def test_when_all_are_dead_the_agent_is_offline() -> None:
    story, legs = offered()
    for leg in legs.values():
        story.happens(LegEntered(at=story.now, leg=leg))
    story.wait(2.0)
    for leg in legs.values():
        story.happens(LegProbed(at=story.now, leg=leg, in_app=True, up=False, replied=False))
    assert (results(story), story.state("bob")) == (["offline"], "offline silent")


@pytest.mark.parametrize("why", [Why.REFUSED, Why.UNSENT, Why.TIMEOUT])
def test_one_that_cannot_be_called_leaves_the_other_ringing(why: Why) -> None:
    story, legs = offered()
    order = next(one for one in story.orders if isinstance(one, Ring) and one.phone == DESK)
    story.fails(order, why)
    assert (results(story), story.state("bob")) == ([], "ringing")
    story.connect(legs[WEB])
    assert story.state("bob") == "talking"


def test_none_can_be_called() -> None:
    story, _ = offered()
    for order in [one for one in story.orders if isinstance(one, Ring)]:
        story.fails(order)
    assert results(story) == ["offline"]


def test_a_wrong_one_is_no_fault_of_the_agent_whose_other_phone_rings_out() -> None:
    story, legs = offered()
    story.gone(legs[DESK], NOT_FOUND)
    rung(story, legs[WEB])
    story.wait(RING_FOR)
    assert results(story) == ["no_answer"]


def call_again(story: Story, name: str) -> dict[str, LegId]:
    """Bob's phones ring for another caller."""
    story.caller(name)
    legs = rings(story)
    for leg in legs.values():
        story.happens(LegEntered(at=story.now, leg=leg))
    return legs


def dead_at_desk(story: Story, name: str) -> None:
    """Only the web phone rings; the desk phone says nothing; the caller hangs up."""
    legs = call_again(story, name)
    rung(story, legs[WEB])
    story.wait(2.0)
    story.happens(LegProbed(at=story.now, leg=legs[DESK], in_app=True, up=False, replied=False))
    story.gone(leg_id(PBX, name))
    for leg in legs.values():
        story.gone(leg)


def alerts(story: Story) -> list[tuple[str, str, str, int]]:
    return [(fact.kind, fact.device, fact.reason, fact.count) for fact in story.all_told(AgentAlerted)]


def explained(story: Story) -> dict[str, str]:
    return {line.code: line.text for line in explain_agent(story.world, "bob", story.now) or ()}


def test_a_device_that_never_reacts_is_reported_once_until_it_does() -> None:
    story = one_queue(bob(), ring_for=RING_FOR, wrap_up=0.0)
    dead_at_desk(story, "c1")
    assert (alerts(story), explained(story)["device_quiet"]) == (
        [],
        "PJSIP/bob has not reacted to the last 1 call: it is not registered, or does not reply: check its power and network",
    )
    for name in ("c2", "c3", "c4"):
        dead_at_desk(story, name)
    assert alerts(story) == [("device_dead", DESK, "silent", 3)]
    assert "last 4 calls" in explained(story)["device_dead"]
    assert "free" in explained(story), "the agent gets calls all the same"
    legs = call_again(story, "c5")
    rung(story, *legs.values())
    assert "device_dead" not in explained(story), "it has rung"


def test_an_explanation_names_all_phones_and_devices() -> None:
    story = one_queue(bob())
    says(story, WEB, "UNAVAILABLE")
    story.happens(ContactsChanged(at=story.now, phone=DESK, contacts=("sip:a@192.0.2.1", "sip:a@192.0.2.2")))
    lines = explained(story)
    assert lines["phones"] == "has 2 phones: PJSIP/bob (state unknown), PJSIP/bob-web (UNAVAILABLE)"
    assert lines["contacts"] == "2 devices are registered at PJSIP/bob"
    assert {"phones", "contacts"} & explained(one_queue(agent("bob"))).keys() == set()


def test_a_device_that_is_wrongly_set_up_is_named_at_once() -> None:
    story, legs = offered()
    story.gone(legs[DESK], NOT_FOUND)
    assert alerts(story) == [("phone_misconfigured", DESK, "unknown_endpoint", 1)]


def test_a_device_that_was_not_called_for_want_of_a_link_is_not_blamed() -> None:
    story = one_queue(bob(), ring_for=RING_FOR)
    for name in ("c1", "c2", "c3", "c4"):
        story.caller(name)
        legs = rings(story)
        story.fails(next(order for order in story.orders if isinstance(order, Ring) and order.phone == DESK), Why.UNSENT)
        story.gone(leg_id(PBX, name))
        story.gone(legs[WEB])
        story.wait(1.0)
    assert alerts(story) == []


# -- states ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("desk", "web", "state"),
    [
        ("NOT_INUSE", "NOT_INUSE", "ready"),
        ("UNAVAILABLE", "NOT_INUSE", "ready"),
        ("NOT_INUSE", "UNAVAILABLE", "ready"),
        ("UNAVAILABLE", "UNAVAILABLE", "offline"),
        ("INUSE", "NOT_INUSE", "busy_elsewhere"),
        ("NOT_INUSE", "RINGING", "busy_elsewhere"),
        ("UNAVAILABLE", "ONHOLD", "busy_elsewhere"),
    ],
)
def test_the_state_is_that_of_the_best_phone_and_a_call_at_one_is_a_call(desk: str, web: str, state: str) -> None:
    story = one_queue(bob())
    says(story, DESK, desk)
    says(story, WEB, web)
    assert story.state("bob") == state


def test_only_phones_that_can_be_reached_ring() -> None:
    story = one_queue(bob(WEB, HOME))
    says(story, DESK, "UNAVAILABLE")
    story.caller()
    assert sorted(rings(story)) == [HOME, WEB]


def test_late_reports_of_our_own_rings_are_looked_into_phone_by_phone() -> None:
    story, legs = offered()
    says(story, DESK, "RINGING")
    says(story, WEB, "RINGING")
    story.connect(legs[WEB])
    story.gone(legs[DESK])
    story.gone(leg_id(PBX, "ann"))
    story.gone(legs[WEB])
    assert story.state("bob") == "ready"
    inspected = [order.phone for order in story.wait(0.6) if isinstance(order, InspectPhone)]
    assert inspected == [DESK, WEB]
    story.happens(PhoneInspected(at=story.now, phone=DESK, legs=()))
    story.happens(PhoneInspected(at=story.now, phone=WEB, legs=(leg_id(PBX, "17000.1"),)))
    assert story.state("bob") == "busy_elsewhere"
    says(story, WEB, "NOT_INUSE")
    assert story.state("bob") == "ready"


# -- log-in, and who is who --------------------------------------------------------------------------------------------


def dial_login(story: Story, phone: str) -> None:
    code = leg_id(PBX, "code")
    story.happens(FeatureDialled(at=story.now, leg=code, channel_name=f"{phone}-01", feature="login", argument="", up=True))
    story.gone(code)


@pytest.mark.parametrize("connect", [ConnectMode.RING, ConnectMode.NAILED_UP, ConnectMode.AUTO_ANSWER])
def test_an_agent_logs_in_without_a_pin_from_any_of_the_phones(connect: ConnectMode) -> None:
    story = one_queue(replace(bob(connect=connect), login=False))
    dial_login(story, WEB)
    bobs = story.world.agents["bob"]
    assert (bobs.phones, bobs.intent) == ((WEB, DESK), "ready"), "the phone of the log-in is the first one"
    nailed = connect is ConnectMode.NAILED_UP
    assert [order.phone for order in story.all_sent(Ring)] == ([WEB] if nailed else []), "the line is held there"
    if not nailed:
        story.caller()
        assert sorted(rings(story)) == ([DESK, WEB] if connect is ConnectMode.RING else [WEB]), "only one answers by itself"


def test_a_phone_that_answers_by_itself_is_replaced_by_one_that_can_be_reached() -> None:
    story = one_queue(bob(connect=ConnectMode.AUTO_ANSWER))
    says(story, DESK, "UNAVAILABLE")
    story.caller()
    order = story.ring()
    assert (order.phone, order.auto_answer) == (WEB, True)


def test_at_a_desk_of_nobodys_only_that_one_rings_and_at_home_all_do_again() -> None:
    story = one_queue(bob())
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk")
    story.caller()
    assert list(rings(story)) == ["PJSIP/desk"]
    story.gone(leg_id(PBX, "ann"))
    story.gone(story.all_sent(Ring)[-1].leg)
    story.ask("bob", AgentRequest.LOGIN, phone=DESK)
    assert story.world.agents["bob"].phones == (DESK, WEB)


def test_nobody_else_logs_in_at_the_second_phone_but_who_is_logged_out_gives_it_up() -> None:
    story = one_queue(bob(), agent("cid", login=False))
    story.ask("cid", AgentRequest.LOGIN, phone=WEB)
    assert story.state("cid") == "logged_out"
    story.ask("bob", AgentRequest.LOGOUT)
    story.ask("cid", AgentRequest.LOGIN, phone=WEB)
    assert (story.state("cid"), phones(story)) == ("ready", [DESK])
    story.ask("bob", AgentRequest.LOGIN)
    assert phones(story) == [DESK], "cid is there"
    story.ask("cid", AgentRequest.LOGOUT)
    assert phones(story) == [DESK, WEB], "at once"


@pytest.mark.parametrize("borrowed", [DESK, WEB])
def test_a_colleague_who_moves_away_gives_back_the_phone(borrowed: str) -> None:
    story = one_queue(replace(bob(), login=False), agent("cid", login=False), ring_for=RING_FOR)
    story.ask("cid", AgentRequest.LOGIN, phone=borrowed)
    story.ask("bob", AgentRequest.LOGIN, phone=WEB if borrowed == DESK else DESK)
    assert len(phones(story)) == 1, "cid is at the other one"
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/cid")
    story.ask("cid", AgentRequest.NOT_READY)
    assert set(phones(story)) == {DESK, WEB}
    story.caller()
    assert set(rings(story)) == {DESK, WEB}


def test_a_phone_given_back_while_the_other_one_rings_rings_for_the_next_call() -> None:
    story = one_queue(replace(bob(), login=False), agent("cid", login=False), ring_for=RING_FOR)
    story.ask("cid", AgentRequest.LOGIN, phone=WEB)
    story.ask("cid", AgentRequest.NOT_READY)
    story.ask("bob", AgentRequest.LOGIN)
    story.caller()
    legs = rings(story)
    assert list(legs) == [DESK]
    story.ask("cid", AgentRequest.LOGOUT)
    assert phones(story) == [DESK, WEB]
    story.pick_up(legs[DESK])
    story.gone(leg_id(PBX, "ann"))
    story.gone(legs[DESK])
    story.wait(30.0)
    story.caller("eve")
    assert list(rings(story)) == [DESK, WEB]


def test_a_call_from_the_second_phone_to_a_queue_makes_the_agent_busy() -> None:
    story = one_queue(bob())
    story.caller("bobs", channel=f"{WEB}-01")
    assert (story.state("bob"), story.rung()) == ("busy_elsewhere", [])


# -- transfers ---------------------------------------------------------------------------------------------------------


def handed() -> tuple[Story, dict[str, LegId]]:
    """Cid transfers ann to bob, whose phones ring."""
    story = one_queue(agent("cid"), bob(), wrap_up=0.0)
    story.ask("bob", AgentRequest.NOT_READY)
    story.talk()
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.TRANSFER, to=ToAgent("bob"), by="cid"))
    return story, rings(story)


def test_a_transfer_rings_them_all_too() -> None:
    story, legs = handed()
    assert sorted(legs) == [DESK, WEB]
    bridge = story.pick_up(legs[WEB])
    assert hung_up_as(story, "answered_elsewhere") == {legs[DESK]}
    story.join(bridge)
    assert (story.state("bob"), story.all_told(TransferEnded)[-1].result) == ("talking", "completed")


def test_a_transfer_ends_with_the_last_of_them() -> None:
    story, legs = handed()
    story.gone(legs[DESK], DECLINED)
    assert story.all_told(TransferEnded) == []
    story.gone(legs[WEB], DECLINED)
    assert story.all_told(TransferEnded)[-1].result == "rejected"


def test_a_transfer_that_nobody_takes_stops_them_all() -> None:
    story, legs = handed()
    story.wait(15.0)
    sent = {order.leg for order in story.all_sent(HangUp)}
    assert sent >= set(legs.values())


# -- reload ------------------------------------------------------------------------------------------------------------


def test_a_reload_adds_and_takes_away_phones() -> None:
    story = one_queue(agent("bob"))
    wanted = plan([queue("support")], [bob()])
    story.happens(PlanChanged(at=story.now, plan=wanted))
    assert phones(story) == [DESK, WEB]
    story.ask("bob", AgentRequest.LOGIN, phone=WEB)
    story.happens(PlanChanged(at=story.now, plan=plan([queue("support")], [agent("bob")])))
    assert phones(story) == [DESK]
    assert story.state("bob") == "ready"
    assert [fact.state for fact in story.all_told(AgentChanged)] == ["ready"]


# -- several devices at one account --------------------------------------------------------------------------------------

HERE, THERE = "sip:bob@192.0.2.1:5060", "sip:bob@192.0.2.2:40000;transport=ws"


def registered(story: Story, *contacts: str, phone: str = DESK) -> None:
    story.happens(ContactsChanged(at=story.now, phone=phone, contacts=contacts))


def test_all_devices_at_one_account_ring_and_the_first_to_answer_has_the_call() -> None:
    story = one_queue(agent("bob"), ring_for=RING_FOR)
    registered(story, HERE, THERE)
    story.caller()
    legs = rings(story)
    assert list(legs) == [f"{DESK}/{HERE}", f"{DESK}/{THERE}"]
    story.connect(legs[f"{DESK}/{THERE}"])
    assert story.state("bob") == "talking"
    assert [order.leg for order in story.all_sent(HangUp)] == [legs[f"{DESK}/{HERE}"]]


def test_an_account_of_one_device_is_dialled_as_it_is_named() -> None:
    story = one_queue(bob(), ring_for=RING_FOR)
    registered(story, HERE, THERE, phone=WEB)
    registered(story, phone=WEB)
    story.caller()
    assert list(rings(story)) == [DESK, WEB]


def test_a_phone_that_answers_by_itself_is_dialled_as_it_is_named() -> None:
    story = one_queue(agent("bob", connect=ConnectMode.AUTO_ANSWER))
    registered(story, HERE, THERE)
    story.caller()
    assert list(rings(story)) == [DESK]


# -- the extension's hint ------------------------------------------------------------------------------------------------

OTHER, DND_OF_7 = "SCCP/7", "Custom:DND7"


def hinted(*devices: str) -> Story:
    story = one_queue(agent("bob"), ring_for=RING_FOR, wrap_up=0.0)
    story.happens(HintRead(at=story.now, agent="bob", devices=devices))
    return story


def test_a_call_at_another_device_of_the_extension_makes_the_agent_busy() -> None:
    story = hinted(DESK, OTHER, DND_OF_7)
    says(story, OTHER, "INUSE")
    assert story.state("bob") == "busy_elsewhere"
    says(story, OTHER, "NOT_INUSE")
    assert story.state("bob") == "ready"
    says(story, OTHER, "UNAVAILABLE")
    assert story.state("bob") == "ready", "only the agent's own phone rings"


def test_do_not_disturb_of_the_extension_is_the_agents() -> None:
    story = hinted(DESK, OTHER, DND_OF_7)
    says(story, DND_OF_7, "INUSE")
    assert story.state("bob") == "busy_elsewhere dnd"
    story.caller()
    assert story.rung() == []
    says(story, DND_OF_7, "NOT_INUSE")
    assert story.rung() == ["bob"]


def test_a_call_at_another_device_that_outlasts_ours_is_seen_after_it() -> None:
    story = hinted(DESK, OTHER)
    customer, leg = story.talk()
    says(story, OTHER, "INUSE")
    assert story.state("bob") == "talking"
    story.gone(customer)
    story.gone(leg)
    story.wait(0.6)
    assert story.state("bob") == "busy_elsewhere"


def test_what_the_hint_said_counts_no_more_when_it_is_gone() -> None:
    story = hinted(DESK, OTHER, DND_OF_7)
    says(story, OTHER, "INUSE")
    says(story, DND_OF_7, "INUSE")
    story.happens(HintRead(at=story.now, agent="bob", devices=()))
    assert story.state("bob") == "ready"


def test_a_start_says_nothing_of_an_agent_who_is_busy_at_one_of_two_phones() -> None:
    story = one_queue(bob())
    says(story, DESK, "INUSE")
    before = story.world.agents["bob"]
    assert published(before)[0] is State.BUSY_ELSEWHERE
    story.now += 10.0
    new = World(story.world.plan, "new")
    new.now = story.now
    new.restore({name: list(table.values()) for name, table in story.world.saved_tables().items()})
    told = [
        fact
        for event in (
            PlanChanged(at=story.now, plan=new.plan, force=True),
            DevicesListed(at=story.now, states={WEB: "NOT_INUSE", DESK: "INUSE"}),
        )
        for fact in step(new, event).facts
    ]
    assert [fact for fact in told if isinstance(fact, AgentChanged)] == []
    assert (new.agents["bob"].device, new.agents["bob"].since) == (before.device, before.since)
