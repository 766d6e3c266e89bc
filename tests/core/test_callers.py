"""A phone transfers somebody to us: whose call it is then, and what follows from the new number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.adapters.views.timeline import in_words
from callbridge.adapters.views.timelines import plain_fact
from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    CallbackChange,
    CallbackChangeRequested,
    CallerIdentified,
    CallRequest,
    CallRequested,
    DeviceChanged,
    LegLeft,
    LegMoved,
    LegProbed,
    LegReplaced,
    LookedUp,
    OrderFailed,
    PbxSnapshot,
    SeenBridge,
    SeenLeg,
    Why,
)
from callbridge.core.model.facts import (
    CallArrived,
    CallerChanged,
    CallRepeated,
    LookupEnded,
    OfferMade,
    OptedOut,
    StepBegan,
    VisitEnded,
)
from callbridge.core.model.flow import LookupNode, Node, QueueNode, SetNode
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.orders import (
    HangUp,
    IdentifyCaller,
    LeaveToDialplan,
    LookUp,
    Probe,
    Ring,
    ShowCaller,
    StartMusic,
    Subscribe,
)
from callbridge.core.model.plan import (
    MEMORY,
    CallbackTerms,
    ConsultQueue,
    Plan,
    PreferredAgent,
    Target,
    ToAgent,
    ToDialplan,
    ToQueue,
)
from tests.core.flows import floor, flow
from tests.core.story import PBX, START, Story, agent, one_queue, plan, queue, routing

CUSTOMER = leg_id(PBX, "customer")
DESK = "PJSIP/desk"
VIP = routing(("support >= 1", None), head_start=600.0)


def given(story: Story, desk: LegId, *, by: LegId = CUSTOMER, name: str = "PJSIP/trunk-00000007") -> LegId:
    """The phone of a call's leg puts somebody else in its place."""
    story.happens(LegReplaced(at=story.now, leg=desk, by=by, by_name=name, phone=DESK))
    return by


def answer(story: Story, number: str = "+49301", tier: str = "standard", name: str = "Erika", *, leg: LegId = CUSTOMER) -> None:
    story.happens(CallerIdentified(at=story.now, leg=leg, number=number, name=name, tier=tier))


def waiting(**more: object) -> Story:
    """A desk waits in the queue; nobody is there."""
    story = Story(plan([queue("support", routing(("support >= 1", None)), VIP, **more)], [agent("bob", login=False)]))
    story.caller("desk")
    return story


def test_a_customer_who_is_given_to_us_is_the_caller() -> None:
    story = waiting()
    story.wait(3.0)
    leg = given(story, leg_id(PBX, "desk"))
    assert story.only(IdentifyCaller).leg == leg
    answer(story, tier="diamond")
    call = story.call("customer")
    assert (call.number, call.name, call.tier, call.arrived_at) == ("+49301", "Erika", "diamond", START)
    changed = story.fact(CallerChanged)
    assert (changed.number, changed.name, changed.tier) == ("+49301", "Erika", "diamond")
    assert (changed.phone, changed.queue, changed.agent, changed.talking, changed.leg) == (DESK, "support", "", False, leg)
    said = [line.text for line in in_words([plain_fact(changed)], story.world.plan)]
    assert said == ["transferred here by PJSIP/desk: the caller is ***** from here on; tier diamond"]
    story.gone(leg_id(PBX, "desk"))
    story.gone(leg)
    assert [(fact.tier, fact.outcome) for fact in story.all_told(VisitEnded)] == [("diamond", "short_abandoned")]
    assert len(story.all_told(CallArrived)) == 1


def test_the_new_tier_decides_who_is_next() -> None:
    story = waiting()
    story.wait(5.0)
    story.caller("early")
    given(story, leg_id(PBX, "desk"))
    story.caller("second")
    answer(story, tier="standard")
    visit = story.call("customer").visit
    assert visit is not None and visit.rank == START + 20.0
    given(story, leg_id(PBX, "second"), by=leg_id(PBX, "vip"))
    answer(story, tier="diamond", leg=leg_id(PBX, "vip"))
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="NOT_INUSE"))
    order = sorted(story.world.calls.values(), key=lambda call: call.visit.rank if call.visit else 0.0)
    assert [call.leg for call in order] == [leg_id(PBX, name) for name in ("vip", "customer", "early")]


def test_a_head_start_of_the_call_s_own_stays_on_top_of_the_new_tier_s() -> None:
    story = Story(
        floor(
            flow({"more": SetNode(head_start=60.0, next="wait"), "wait": QueueNode(queue="support")}),
            queues=[queue("support", routing(("support >= 1", None)), VIP)],
            agents={"amy": False},
        )
    )
    story.caller("desk", entry="welcome")
    story.wait(0.1)
    given(story, leg_id(PBX, "desk"))
    answer(story, tier="diamond")
    visit = story.call("customer").visit
    assert visit is not None
    assert visit.rank == pytest.approx(story.call("customer").waiting_since + 20.0 - 660.0)


def test_a_tier_that_a_flow_gave_is_the_call_s() -> None:
    nodes: dict[str, Node] = {"more": SetNode(tier="diamond", next="wait"), "wait": QueueNode(queue="support")}
    story = Story(floor(flow(nodes), queues=[queue("support", routing(("support >= 1", None)), VIP)], agents={"amy": False}))
    story.caller("desk", entry="welcome")
    story.wait(0.1)
    given(story, leg_id(PBX, "desk"))
    answer(story, tier="standard")
    assert story.call("customer").tier == "diamond"


def test_the_steps_of_the_new_tier_apply() -> None:
    vip = routing(("support >= 1", None), head_start=600.0)
    experts = routing(("support >= 5", None))
    story = Story(plan([queue("support", experts, vip)], [agent("bob")]))
    story.caller("desk")
    assert story.rung() == []
    given(story, leg_id(PBX, "desk"))
    answer(story, tier="diamond")
    assert story.rung() == ["bob"]
    (ring,) = story.all_sent(Ring)
    assert (ring.number, story.fact(OfferMade).tier) == ("+49301", "diamond")


def test_the_new_tier_may_lead_out_of_the_queue() -> None:
    over = routing(("support >= 1", 5.0), then=ToQueue("vips"))
    queues = [queue("support", routing(("support >= 1", None)), over), queue("vips")]
    story = Story(plan(queues, [agent("bob", login=False)]))
    story.caller("desk")
    story.wait(6.0)
    given(story, leg_id(PBX, "desk"))
    answer(story, tier="diamond")
    visit = story.call("customer").visit
    assert visit is not None and visit.queue == "vips"


def test_a_phone_that_rings_shows_the_customer() -> None:
    story = one_queue(agent("bob"))
    story.caller("desk")
    ring = story.ring()
    given(story, leg_id(PBX, "desk"))
    answer(story)
    assert story.only(ShowCaller) == ShowCaller(leg=ring.leg, number="+49301", name="Erika")
    changed = story.fact(CallerChanged)
    assert (changed.agent, changed.queue, changed.talking) == ("bob", "support", False)
    story.connect(ring.leg)
    assert story.call("customer").phase is Phase.TALKING


def test_in_a_conversation_the_customer_is_told_and_shown() -> None:
    story = one_queue(agent("bob"))
    desk, talker = story.talk("desk")
    half = leg_id(PBX, "half")
    given(story, desk, by=half, name="Local/_attended@transfer-00000001;2")
    assert story.only(IdentifyCaller).leg == half
    answer(story, leg=half)
    changed = story.fact(CallerChanged)
    assert (changed.agent, changed.queue, changed.talking) == ("bob", "support", True)
    assert story.only(ShowCaller) == ShowCaller(leg=talker, number="+49301", name="Erika")
    assert story.call("half").number == "+49301"


def test_of_a_withheld_number_the_phone_is_told_in_a_conversation_too() -> None:
    story = one_queue(agent("bob"))
    desk, leg = story.talk("desk")
    given(story, desk)
    answer(story, WITHHELD, name=WITHHELD)
    assert (story.only(ShowCaller).leg, story.only(ShowCaller).number) == (leg, WITHHELD)


def test_one_withheld_number_is_not_another() -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"))
    answer(story, WITHHELD, name=WITHHELD)
    given(story, CUSTOMER, by=leg_id(PBX, "next"))
    answer(story, WITHHELD, tier="diamond", name=WITHHELD, leg=leg_id(PBX, "next"))
    assert story.call("next").tier == "diamond"


def test_the_same_number_changes_nothing() -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"))
    answer(story, "+44", name="desk")
    assert story.all_told(CallerChanged) == []
    assert story.world.legs[CUSTOMER].transferred_by is None


@pytest.mark.parametrize("how", [CallRequest.CONSULT, CallRequest.TRANSFER])
@pytest.mark.parametrize("to", [ToAgent("cid"), ToQueue("sales")])
def test_a_customer_who_is_given_to_us_on_hold_hears_music(how: CallRequest, to: Target) -> None:
    queues = [queue("support", music="calm"), queue("sales", routing(("sales", None)))]
    story = Story(plan(queues, [agent("bob"), agent("cid", {"sales": 1})]))
    desk, _ = story.talk("desk")
    wait = ConsultQueue.WAIT if how is CallRequest.CONSULT and isinstance(to, ToQueue) else None
    request = CallRequested(at=story.now, call=story.call("desk").id, request=how, to=to, by="eva", consult_queue=wait)
    story.happens(request)
    given(story, desk)
    assert story.only(StartMusic) == StartMusic(leg=CUSTOMER, music="calm" if isinstance(to, ToAgent) or wait else "default")


# -- asked until it is known ------------------------------------------------------------------------------------------


def test_the_pbx_is_asked_again_until_somebody_is_there() -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"), name="Local/9@out-1;1")
    story.gone(leg_id(PBX, "desk"))
    asked = [0.0]
    while story.now < START + 60.0:
        story.happens(CallerIdentified(at=story.now, leg=CUSTOMER, found=False))
        story.wait(0.25)
        if any(isinstance(order, IdentifyCaller) for order in story.orders):
            asked.append(story.now - START)
    assert asked == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 13.0, 18.0, 23.0, 28.0]
    answer(story)
    assert story.fact(CallerChanged).number == "+49301"


def test_a_leg_that_was_probed_meanwhile_is_asked_about_again() -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"))
    story.gone(leg_id(PBX, "desk"))
    story.happens(OrderFailed(at=story.now, order=Subscribe(leg=CUSTOMER), why=Why.REFUSED, status=409))
    story.wait(0.0)
    assert story.only(Probe).leg == CUSTOMER
    story.happens(LegProbed(at=story.now, leg=CUSTOMER, in_app=True, up=True))
    story.wait(0.5)
    assert story.only(IdentifyCaller).leg == CUSTOMER


@pytest.mark.parametrize("found", [True, False])
def test_a_doubt_about_the_leg_is_settled_all_the_same(found: bool) -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"))
    story.happens(LegLeft(at=story.now, leg=CUSTOMER))
    story.happens(CallerIdentified(at=story.now, leg=CUSTOMER, found=found, number="+49301"))
    story.wait(0.3)
    assert story.only(Probe).leg == CUSTOMER
    assert len(story.all_sent(IdentifyCaller)) == 1


def doubted() -> tuple[Story, LegId]:
    """The subscription to the desk's leg was refused: whether it exists has been asked, and the answer is on its way."""
    story, desk = waiting(), leg_id(PBX, "desk")
    story.fails(Subscribe(leg=desk), status=409)
    story.wait(0.0)
    assert story.only(Probe).leg == desk
    return story, desk


def test_a_leg_that_left_while_the_answer_about_it_was_on_its_way_is_hung_up_all_the_same() -> None:
    story, desk = doubted()
    given(story, desk)
    story.happens(LegLeft(at=story.now, leg=desk))
    story.happens(LegProbed(at=story.now, leg=desk, in_app=True, up=True))
    story.wait(0.3)
    assert story.only(HangUp).leg == desk
    story.gone(desk, estimated=True)
    assert desk not in story.world.legs


def test_a_caller_who_left_while_the_answer_about_them_was_on_its_way_is_asked_about_again() -> None:
    story, desk = doubted()
    story.happens(LegLeft(at=story.now, leg=desk))
    story.happens(LegProbed(at=story.now, leg=desk, in_app=True, up=True))
    story.wait(0.3)
    assert story.only(Probe).leg == desk


def test_a_leg_that_has_come_back_is_not_asked_about_for_ever() -> None:
    story, desk = doubted()
    story.happens(LegLeft(at=story.now, leg=desk))
    story.wait(0.3)
    story.happens(LegProbed(at=story.now, leg=desk, in_app=True, up=True))
    assert not story.world.legs[desk].left


def test_a_phone_that_gave_its_call_away_is_hung_up_in_time_although_it_was_asked_about_before() -> None:
    story, desk = doubted()
    given(story, desk)
    story.happens(LegProbed(at=story.now, leg=desk, in_app=True, up=True))
    story.wait(2.1)
    assert desk in {order.leg for order in story.all_sent(HangUp)}


@pytest.mark.parametrize("why", [Why.REFUSED, Why.TIMEOUT])
@pytest.mark.parametrize("answered", [True, False])
def test_music_that_failed_begins_whether_or_not_the_pbx_has_answered(why: Why, answered: bool) -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"))
    story.gone(leg_id(PBX, "desk"))
    music = StartMusic(leg=CUSTOMER, music="default")
    story.fails(music, why)
    if answered:
        answer(story)
    story.wait(1.0)
    assert story.all_sent(StartMusic).count(music) == 2


def test_music_that_failed_delays_the_next_question_by_a_second_at_most() -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"))
    story.gone(leg_id(PBX, "desk"))
    story.fails(StartMusic(leg=CUSTOMER, music="default"))
    story.wait(1.0)
    assert len(story.all_sent(IdentifyCaller)) == 2
    story.wait(1.0)
    assert len(story.all_sent(IdentifyCaller)) == 3


@pytest.mark.parametrize("after", [0.0, 1.0])  # then music and question are due at the same time
@pytest.mark.parametrize("answered", [True, False])
def test_a_leg_that_was_probed_while_its_music_was_owed_hears_it_and_is_asked_about_again(after: float, answered: bool) -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"))
    story.gone(leg_id(PBX, "desk"))
    story.wait(after)
    asked = len(story.all_sent(IdentifyCaller))
    story.fails(Subscribe(leg=CUSTOMER), status=409)
    story.wait(0.0)
    assert story.only(Probe).leg == CUSTOMER
    story.fails(StartMusic(leg=CUSTOMER, music="default"))
    story.happens(LegProbed(at=story.now, leg=CUSTOMER, in_app=True, up=True))
    if answered:
        answer(story)
    story.wait(1.0)
    assert story.all_sent(StartMusic).count(StartMusic(leg=CUSTOMER, music="default")) == 2
    assert len(story.all_sent(IdentifyCaller)) == asked + (not answered)


def test_who_is_put_in_the_place_of_a_call_that_is_hung_up_is_hung_up() -> None:
    story = waiting()
    call = story.call("desk")
    story.happens(CallRequested(at=story.now, call=call.id, request=CallRequest.HANG_UP, by="eva"))
    assert story.hung_up() == {leg_id(PBX, "desk")}
    given(story, leg_id(PBX, "desk"))
    assert story.hung_up() == {CUSTOMER}


def test_who_is_put_in_the_place_of_a_call_that_leaves_is_sent_on_at_once() -> None:
    """The order went to the desk's leg, which is gone: nobody waits for it to be found out."""
    way = ToDialplan("out", "1")
    story = Story(plan([queue("support", routing(("support >= 1", 5.0), then=way))], [agent("bob", login=False)]))
    desk = story.caller("desk")
    story.wait(5.0)
    leave = story.only(LeaveToDialplan)
    leg = given(story, desk)
    assert story.only(LeaveToDialplan) == replace(leave, leg=leg, stays=False)
    story.fails(leave, status=404)
    story.gone(desk)
    story.happens(LegMoved(at=story.now, leg=leg))
    assert list(story.world.calls.values()) == []


@pytest.mark.parametrize("why", [Why.REFUSED, Why.TIMEOUT, Why.UNSENT])
def test_an_answer_that_does_not_come_is_asked_for_again(why: Why) -> None:
    story = waiting()
    given(story, leg_id(PBX, "desk"))
    story.happens(OrderFailed(at=story.now, order=story.only(IdentifyCaller), why=why))
    story.wait(0.6)
    assert len(story.all_sent(IdentifyCaller)) == 2
    answer(story)
    assert story.fact(CallerChanged).number == "+49301"


def test_the_answer_about_another_leg_is_no_news() -> None:
    story = waiting()
    desk = leg_id(PBX, "desk")
    for leg in (desk, CUSTOMER):
        answer(story, leg=leg)
    assert story.all_told(CallerChanged) == []
    given(story, desk)
    answer(story, leg=desk)
    assert story.all_told(CallerChanged) == []


def test_a_transferred_caller_found_in_a_snapshot_is_asked_for() -> None:
    story = Story(plan([queue("support")], [agent("bob", login=False)]))
    seen = SeenLeg(leg=CUSTOMER, name="PJSIP/trunk-1", up=True, created_at=START - 9.0, entry="support", transferred=True)
    story.snapshot(seen)
    assert story.call("customer").number == ""
    assert story.only(IdentifyCaller).leg == CUSTOMER
    answer(story)
    assert (story.fact(CallerChanged).phone, story.call("customer").number) == ("", "+49301")


# -- what follows from a number ---------------------------------------------------------------------------------------


def asking(**more: object) -> Plan:
    nodes: dict[str, Node] = {
        "who": LookupNode(lookup="crm", next="wait", otherwise="wait"),
        "wait": QueueNode(queue="support"),
    }
    queues = [queue("support", routing(("support >= 1", None)), VIP)]
    return floor(flow(nodes), queues=queues, agents={"amy": False}, lookups={"crm": 5.0}, **more)


def looked_up(story: Story, **found: str) -> None:
    order = story.all_sent(LookUp)[-1]
    story.happens(LookedUp(at=story.now, call=order.call, question=order.question, found=found or None))


def identified_after_a_lookup() -> Story:
    story = Story(asking())
    story.caller("desk", entry="welcome")
    story.wait(0.1)
    looked_up(story, account="7", tier="diamond", owner="eve")
    given(story, leg_id(PBX, "desk"))
    assert dict(story.call("customer").values)["account"] == "7"
    answer(story)
    return story


def test_lookups_are_asked_again_about_the_customer() -> None:
    story = identified_after_a_lookup()
    order = story.only(LookUp)
    assert (order.lookup, order.values["caller"]) == ("crm", "+49301")
    assert "account" not in dict(story.call("customer").values)
    assert story.call("customer").tier == "standard"
    story.wait(0.5)
    looked_up(story, account="8", tier="diamond", language="de")
    call = story.call("customer")
    assert dict(call.values)["account"] == "8"
    assert "owner" not in dict(call.values)
    assert (call.tier, call.language) == ("diamond", "de")
    visit = call.visit
    assert visit is not None and visit.rank == pytest.approx(call.waiting_since + 20.0 - 600.0)
    assert [(fact.lookup, fact.result, fact.lasted) for fact in story.all_told(LookupEnded)][-1] == ("crm", "found", 0.5)
    looked_up(story, account="9")
    assert dict(story.call("customer").values)["account"] == "8", "one answer to each question"


def test_a_lookup_that_fails_the_second_time_leaves_nothing_of_the_first() -> None:
    story = identified_after_a_lookup()
    story.fails(story.only(LookUp))
    assert "account" not in dict(story.call("customer").values)
    assert story.call("customer").asked_again == ()


def test_a_lookup_under_way_is_asked_about_the_customer_instead() -> None:
    story = Story(asking())
    story.caller("desk", entry="welcome")
    story.wait(0.1)
    before = story.all_sent(LookUp)[-1]
    given(story, leg_id(PBX, "desk"))
    answer(story)
    again = story.all_sent(LookUp)[-1]
    assert again.values["caller"] == "+49301"
    story.happens(LookedUp(at=story.now, call=before.call, question=before.question, found={"account": "7"}))
    assert story.call("customer").phase is Phase.FLOW
    looked_up(story, account="8")
    call = story.call("customer")
    assert (call.phase, dict(call.values)["account"]) == (Phase.WAITING, "8")


def test_the_customer_s_last_agent_is_tried_first() -> None:
    story = Story(
        floor(
            queues=[queue("support", prefer=PreferredAgent(lasts=10.0, last_agent=3600.0))],
            agents={"amy": True, "bob": True},
            remembers=True,
            lookups={MEMORY: 0.2},
        )
    )
    for name in ("one", "two"):
        story.talk(name)
    story.caller("desk")
    given(story, leg_id(PBX, "desk"))
    answer(story)
    order = story.only(LookUp)
    assert (order.lookup, order.values["caller"]) == (MEMORY, "+49301")
    known = {"last_agent": "amy", "last_queue": "support", "last_at": f"{story.now - 60.0}", "repeat": "yes"}
    story.happens(LookedUp(at=story.now, call=order.call, question=order.question, found=known))
    visit = story.call("customer").visit
    assert visit is not None
    assert visit.prefers == "amy"
    assert [(fact.agent, fact.after) for fact in story.all_told(CallRepeated)] == [("amy", 60.0)]
    assert [fact.needs for fact in story.facts if isinstance(fact, StepBegan)] == ["agent amy"]
    assert story.all_told(LookupEnded) == []


def test_a_callback_is_owed_to_the_number_that_asked_for_it() -> None:
    made = plan([queue("support", callback=CallbackTerms())], [agent("bob", login=False)])
    story = Story(replace(made, outside="PJSIP/{number}@trunk", call_back_to=("X.", "+X.")))
    for number in ("+4930200", "+49301"):
        story.happens(CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue="support", number=number))
    story.happens(replace(story.arrival("desk"), number="+4930200"))
    assert story.call("desk").owed
    given(story, leg_id(PBX, "desk"))
    answer(story)
    call = story.call("customer")
    owed = story.world.callbacks[call.owed]
    (other,) = [each for each in story.world.callbacks.values() if each.id != owed.id]
    assert (owed.number, owed.call, other.number, other.call) == ("+49301", call.id, "+4930200", "")


def test_in_a_do_not_call_queue_the_customer_is_blocked() -> None:
    story = waiting(do_not_call=True)
    given(story, leg_id(PBX, "desk"))
    answer(story)
    assert "+49301" in [fact.number for fact in story.all_told(OptedOut)]


@pytest.mark.parametrize("name", ["PJSIP/trunk-00000007", "Local/_attended@transfer-00000001;2"])
def test_a_conversation_with_a_transferred_customer_is_adopted(name: str) -> None:
    story = Story(plan([queue("support")], [agent("bob")]))
    bob = leg_id(PBX, "cb-agent-1")
    seen = (
        SeenLeg(leg=bob, name="PJSIP/bob-1", up=True, created_at=START - 9.0, role="agent", agent="bob"),
        SeenLeg(leg=CUSTOMER, name=name, up=True, created_at=START - 5.0, transferred=True),
    )
    bridge = SeenBridge(bridge="cb-bridge-1", legs=(bob, CUSTOMER), call="cb-call-old", queue="support", agent="bob")
    heard = {"pbx": PBX, "requested_at": story.now, "last_heard_at": story.now - 20.0}
    story.happens(PbxSnapshot(at=story.now, legs=seen, bridges=(bridge,), **heard))  # type: ignore[arg-type]
    story.wait(0.0)
    assert story.hung_up() == set()
    assert (story.state("bob"), story.call("customer").id) == ("talking", "cb-call-old")
    assert story.all_sent(IdentifyCaller)[-1].leg == CUSTOMER
    answer(story)
    assert (story.fact(CallerChanged).talking, story.call("customer").number) == (True, "+49301")
