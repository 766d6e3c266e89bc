"""What happens to callers in flows and to waiting ones who are told something, when others act on them or things break."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from callbridge.core.entities import estimates
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.call import Phase
from callbridge.core.model.events import CallerArrived, CallRequest, CallRequested, EntityFaulted, LegReplaced, PlanChanged
from callbridge.core.model.facts import CallDiverted, CallEnded, OfferMade, PromptFailed, VisitBegan, VisitEnded, VoicemailLeft
from callbridge.core.model.flow import CollectNode, Condition, GoodbyeNode, Node, QueueNode, VoicemailNode
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import Answer, HangUp, Play, Record, StartMusic, Subscribe
from callbridge.core.model.plan import AnnouncementPlan, OverflowRule, ToFlow, ToQueue
from callbridge.core.model.switch import closing
from callbridge.runtime.fault_entity import entity_of
from tests.core.flows import floor, flow, menu, play, said, stage, the_call
from tests.core.story import PBX, queue
from tests.core.toy import NEVER, Toy

QUEUED = QueueNode(queue="support")
WELCOME = flow({"hello": play("hello", "wait"), "wait": QUEUED})


def test_a_phone_s_transfer_to_an_entry_that_is_a_flow_goes_through_it() -> None:
    toy = stage(floor(WELCOME), {"amy": 0.5})
    toy.calls("ann")
    toy.run(toy.story.now + 2.0)
    segment = the_call(toy).segment
    assert segment is not None
    halves = (leg_id(PBX, "l1"), leg_id(PBX, "l2"))
    toy.tell(
        CallerArrived(at=toy.story.now, leg=halves[1], entry="welcome", channel_name="Local/x@y-1;2", number="", name="", tier="")
    )
    toy.tell(LegReplaced(at=toy.story.now, leg=segment.leg, by=halves[0], by_name="Local/x@y-1;1"))
    toy.run(toy.story.now + 0.5)
    assert the_call(toy).phase is Phase.FLOW
    assert said(toy)[-1] == "hello"


def keyed() -> Toy:
    support = queue("support", keys={"1": "offer"})
    offer = flow({"ask": menu({"2": "back"}, otherwise="back"), "back": QUEUED}, name="offer")
    return stage(floor(offer, queues=[support, queue("other")], agents={"amy": False}))


@pytest.mark.parametrize("to", ["other", "support"])
def test_a_person_who_is_moved_out_of_a_flow_hears_music(to: str) -> None:
    toy = keyed()
    leg = toy.calls("ann")
    toy.presses(leg, "1")
    toy.run(toy.story.now + 0.5)
    toy.tell(CallRequested(at=toy.story.now, call=the_call(toy).id, request=CallRequest.MOVE, to=ToQueue(to), by="eva"))
    toy.run(toy.story.now + 30.0)
    assert toy.longest_silence < 0.5
    visit = the_call(toy).visit
    assert visit is not None
    assert visit.queue == to
    assert len([fact for fact in toy.story.told if isinstance(fact, VisitBegan)]) == (2 if to == "other" else 1)


def test_a_call_that_cannot_be_answered_goes_to_the_fallback_from_a_flow_too() -> None:
    toy = Toy(stage(floor(WELCOME)).story, {"amy": NEVER}, always=Answer)
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 5.0)
    assert [fact.reason for fact in toy.story.told if isinstance(fact, CallDiverted)] == ["answer"]
    assert not toy.channels


@pytest.mark.parametrize("read_back", ["", "number:{n}"])
def test_the_key_that_people_press_after_a_complete_value_is_swallowed(read_back: str) -> None:
    ask = CollectNode(media="type", into="n", next="menu", otherwise="bye", least=4, most=4, read_back=read_back)
    nodes: dict[str, Node] = {"ask": ask, "menu": menu({"5": "wait"}, tries=1), "wait": QUEUED}
    toy = stage(floor(flow(nodes)))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.5)
    toy.presses(leg, "1234")
    toy.run(toy.story.now + 0.3)
    toy.presses(leg, "#1" if read_back else "#")
    toy.run(toy.story.now + 0.3)
    toy.presses(leg, "5")
    assert the_call(toy).phase is Phase.OFFERED


def test_a_talk_with_a_machine_is_no_wait() -> None:
    toy = stage(floor(flow({"hello": play("hello", "more"), "more": play("hello", "wait"), "wait": QUEUED})), {"amy": 1.0})
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 10.0)
    (visit,) = [fact for fact in toy.story.told if isinstance(fact, VisitEnded)]
    assert visit.waited == pytest.approx(1.0, abs=0.1)
    assert visit.within_target
    (offer,) = [fact for fact in toy.story.told if isinstance(fact, OfferMade)]
    assert offer.waited == 0.0


def test_a_fault_about_an_announcement_is_the_call_s() -> None:
    toy = stage(floor(queues=[queue("support", announcements=AnnouncementPlan(greeting="hello"))], agents={"amy": False}))
    toy.story.happens(toy.story.arrival("ann"))
    due = toy.story.world.take_due(toy.story.now)
    assert due is not None
    assert due.kind == "announcing"
    who = entity_of(toy.story.world, due)
    assert who == ("call", the_call(toy).id)
    toy.tell(EntityFaulted(at=toy.story.now, kind=who[0], id=who[1]))
    assert [fact.reason for fact in toy.story.told if isinstance(fact, CallDiverted)] == ["fault"]


@pytest.mark.parametrize("entry", ["welcome", "support"])
def test_a_caller_whose_channel_is_replaced_hears_something(entry: str) -> None:
    announcing = queue("support", announcements=AnnouncementPlan(greeting="hello"))
    toy = stage(floor(WELCOME, queues=[announcing], agents={"amy": False}))
    leg = toy.calls("ann", entry=entry)
    toy.run(toy.story.now + 0.5)
    other = leg_id(PBX, "eve")
    toy.tell(LegReplaced(at=toy.story.now, leg=leg, by=other, by_name="PJSIP/trunk-eve"))
    kinds = [type(order) for order in toy.story.orders if getattr(order, "leg", None) == other]
    assert Subscribe in kinds
    assert (Play if entry == "welcome" else StartMusic) in kinds


def test_an_idle_hour_is_no_pace() -> None:
    toy = stage(floor())
    for name in ("ann", "eve"):
        toy.calls(name)
    for _ in range(6):
        toy.story.world.now = toy.story.now
        estimates.answered(toy.story.world, "support")
        toy.run(toy.story.now + 50.0)
    for leg in list(toy.channels):
        toy.hangs_up(leg)
    toy.run(toy.story.now + 3600.0)
    estimates.answered(toy.story.world, "support")
    pace = toy.story.world.paces.get("support")
    assert pace is not None
    assert pace.interval == pytest.approx(50.0, abs=0.1)


def test_pressing_the_same_key_for_ever_throws_nobody_out() -> None:
    toy = keyed()
    leg = toy.calls("ann")
    for _ in range(80):
        toy.presses(leg, "1")
        toy.run(toy.story.now + 0.2)
        toy.presses(leg, "2")
        toy.run(toy.story.now + 0.2)
    assert the_call(toy).phase is Phase.WAITING
    assert not [fact for fact in toy.story.told if isinstance(fact, VisitEnded)]


def test_after_a_restart_a_node_that_is_gone_begins_the_flow_again() -> None:
    old = floor(flow({"ask": menu({"1": "wait"}), "wait": QUEUED}))
    toy = stage(old)
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    new = replace(old, flows={"welcome": flow({"hello": play("hello", "bye")}, version="2")})
    toy.tell(PlanChanged(at=toy.story.now, plan=new))
    toy.restart()
    toy.run(toy.story.now + 1.0)
    assert said(toy)[-1] == "hello"


def test_values_and_digits_are_spoken_in_every_announcement() -> None:
    plan = AnnouncementPlan(greeting="digits:20", busy="digits:{gone},sorry", busy_after=5.0)
    toy = stage(floor(queues=[queue("support", announcements=plan)], agents={"amy": False}))
    toy.calls("ann")
    toy.run(toy.story.now + 8.0)
    assert said(toy) == ["sound:digits/2,sound:digits/0", "sorry"]


def test_an_emergency_closure_counts_before_the_phones_are_known() -> None:
    office = Calendar(name="office", zone=ZoneInfo("UTC"), week=tuple(((0, 1440),) for _ in range(7)))
    rule = OverflowRule(Condition(closed="office"), ToFlow("sorry"), "night")
    sorry = flow({"sorry": GoodbyeNode(media="sorry")}, name="sorry")
    toy = stage(floor(sorry, queues=[queue("support", overflow=(rule,))], agents={"amy": False}, calendars={"office": office}))
    toy.calls("ann")
    toy.story.world.matcher.agents_known(False)
    toy.story.turn(closing("office"), True)
    assert [fact.to for fact in toy.story.told if isinstance(fact, VisitEnded)] == ["flow:sorry"]


def test_a_line_that_is_silent_for_ever_ends() -> None:
    ask = menu({"1": "wait"}, otherwise="ask", tries=1, wait=1.0)
    toy = stage(floor(flow({"ask": ask, "wait": QUEUED})))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 300.0)
    assert [type(fact) for fact in toy.story.told][-1] is CallEnded
    assert not toy.channels


def test_prompts_that_the_pbx_refuses_are_told_and_lead_on_at_once() -> None:
    toy = Toy(stage(floor(WELCOME)).story, {"amy": NEVER}, always=Play)
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    assert [fact.where for fact in toy.story.told if isinstance(fact, PromptFailed)] == ["flow:welcome/hello"]
    assert the_call(toy).phase is Phase.OFFERED


MESSAGE = flow({"vm": VoicemailNode(queue="support", media="speak", next="bye", longest=20.0)})


def messages(toy: Toy) -> list[VoicemailLeft]:
    return [fact for fact in toy.story.told if isinstance(fact, VoicemailLeft)]


def test_a_message_is_recorded_after_its_greeting_and_told() -> None:
    toy = stage(floor(MESSAGE))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 3.0)
    toy.presses(leg, "5")  # means nothing there
    toy.run(toy.story.now + 10.0)
    (left,) = messages(toy)
    assert (left.queue, left.lasted, left.number) == ("support", 4.0, "+44")
    assert said(toy) == ["speak", "thanks"]
    assert [fact.outcome for fact in toy.story.told if isinstance(fact, CallEnded)] == ["voicemail"]


@pytest.mark.parametrize(("spoke", "kept"), [(3.0, 1), (0.5, 0)])
def test_a_message_that_ends_by_hanging_up_is_one_too_unless_it_is_nothing(spoke: float, kept: int) -> None:
    toy = stage(floor(MESSAGE))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 2.0 + spoke)
    toy.hangs_up(leg)
    toy.run(toy.story.now + 2.0)
    assert len(messages(toy)) == kept


def test_a_recording_that_fails_or_is_never_heard_of_again_leads_on() -> None:
    toy = Toy(stage(floor(MESSAGE)).story, {"amy": NEVER}, always=Record)
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 5.0)
    assert not messages(toy)
    assert not toy.channels
    toy = stage(floor(MESSAGE))
    toy.message = 10_000.0
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 40.0)
    assert len(messages(toy)) == 1
    assert not toy.channels


def test_a_transfer_that_was_overtaken_by_a_move_begins_no_second_visit() -> None:
    toy = stage(floor(queues=[queue("support"), queue("other")]), {"amy": 0.5})
    toy.calls("ann")
    toy.run(toy.story.now + 2.0)
    segment = the_call(toy).segment
    assert segment is not None
    halves = (leg_id(PBX, "l1"), leg_id(PBX, "l2"))
    toy.tell(LegReplaced(at=toy.story.now, leg=segment.leg, by=halves[0], by_name="Local/x@y-1;1"))
    toy.tell(CallRequested(at=toy.story.now, call=the_call(toy).id, request=CallRequest.MOVE, to=ToQueue("other"), by="eva"))
    toy.tell(
        CallerArrived(at=toy.story.now, leg=halves[1], entry="support", channel_name="Local/x@y-1;2", number="", name="", tier="")
    )
    assert [fact.queue for fact in toy.story.told if isinstance(fact, VisitBegan)] == ["support", "other"]
    assert halves[1] in [order.leg for order in toy.story.orders if isinstance(order, HangUp)]
