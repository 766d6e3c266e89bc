"""A queue or an entry has another name: everything that stood under the old one stands under the new one, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callbridge.core.engine import step
from callbridge.core.model.call import Phase
from callbridge.core.model.callback import Callback
from callbridge.core.model.events import (
    AgentRequest,
    CallbackChange,
    CallbackChangeRequested,
    CallRequest,
    CallRequested,
    LegAnswered,
    PlanChanged,
)
from callbridge.core.model.facts import (
    CallbackEnded,
    CallbackRequested,
    CallbackTried,
    CallRecorded,
    ConfigReloaded,
    QueueRenamed,
    SurveyAnswered,
    TalkEnded,
    WrapUpEnded,
)
from callbridge.core.model.flow import BranchNode, CallbackNode, Condition, GoodbyeNode, Node, QueueNode, SetNode, VoicemailNode
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import LeaveToDialplan, Ring
from callbridge.core.model.plan import (
    SURVEY,
    AnnouncementPlan,
    CallbackTerms,
    CallFirst,
    Plan,
    RecordingPlan,
    SurveyPlan,
    TierRouting,
    ToAgent,
    ToQueue,
)
from callbridge.core.model.world import World
from callbridge.core.reload import plan_change, renames
from tests.core.flows import floor, flow, menu, stage
from tests.core.story import DAY, START, Story, agent, plan, queue, routing
from tests.core.toy import NEVER, REJECTS

SLOW = routing(("support >= 1", None), within=60.0)
OWED = CallbackTerms(ring_for=20.0, attempts=3, retry_after=300.0, keep_for=7200.0)


def house(name: str = "support", *, login: bool = False, **more: Any) -> Plan:
    """One queue of this name, by the entry ``support``, and an agent."""
    made = plan([queue(name, **({"callback": OWED} | more))], [agent("bob", login=login)])
    dial: dict[str, Any] = {"outside": "PJSIP/{number}@trunk", "call_back_to": ("X.", "+X.")}
    return replace(made, entries={"support": ToQueue(name)}, **dial)


def renamed(**more: Any) -> Plan:
    return house("helpdesk", renamed_from="support", **more)


def rename(story: Story, coming: Plan | None = None) -> None:
    story.happens(PlanChanged(at=story.now, plan=coming or renamed(), by="ops"))
    assert story.world.plan.queues.keys() == {"helpdesk"}


def is_owed(story: Story, number: str = "+4412") -> Callback:
    story.happens(CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue="support", number=number, by="crm"))
    return story.world.callbacks[story.fact(CallbackRequested).callback]


def names_left(story: Story) -> list[str]:
    """Rows of the world that still speak of the old queue."""
    tables = story.world.saved_tables() | {"paces": story.world.paces}
    rows = [(name, row) for name, table in tables.items() for row in table.values()]
    pictures = [f"{name}: {row}".replace("entry='support'", "").replace("('support', 3)", "") for name, row in rows]
    return [picture for picture in pictures if "'support'" in picture]


def test_four_who_wait_keep_arrival_and_place_and_are_served_in_order() -> None:
    story = Story(house())
    for name in ("ann", "ben", "cat"):
        story.caller(name)
        story.wait(2.0)
    story.caller("dia", tier="diamond")
    story.wait(2.0)
    before = {call.name: (call.arrived_at, call.visit) for call in story.world.calls.values()}
    rename(story)
    after = {call.name: (call.arrived_at, call.visit) for call in story.world.calls.values()}
    assert after == {name: (at, replace(visit, queue="helpdesk")) for name, (at, visit) in before.items() if visit is not None}
    assert (story.orders, [type(fact) for fact in story.facts]) == ([], [ConfigReloaded, QueueRenamed])
    fact = story.fact(QueueRenamed)
    assert (fact.queue, fact.previous_queue, fact.callers, fact.callbacks, fact.talks) == ("helpdesk", "support", 4, 0, 0)
    story.ask("bob", AgentRequest.LOGIN)
    served = []
    for _ in range(4):
        ring = story.ring()
        served.append(ring.name)
        story.connect(ring.leg)
        story.gone(leg_id("pbx", ring.name))
        story.gone(ring.leg)
        story.wait(15.0)  # of wrap-up
    assert served == ["ann", "ben", "cat", "dia"]
    tally = story.tally("helpdesk")
    assert (tally.offered, tally.answered, story.tally("support").offered) == (4, 4, 0)
    assert names_left(story) == []


def test_figures_of_today_are_those_of_the_new_name() -> None:
    story = Story(house(login=True))
    customer, leg = story.talk("ann")
    story.gone(customer)
    story.gone(leg)
    story.gone(story.caller("ben"))
    rename(story, renamed(login=True))
    tally = story.tally("helpdesk")
    assert (tally.offered, tally.answered, tally.short_abandoned, tally.service_level) == (2, 1, 1, 1.0)
    assert [row.queue for row in story.world.tallies.values()] == ["helpdesk"]


def test_figures_that_the_new_name_has_already_are_added_up() -> None:
    both = house()
    queues = {**both.queues, "helpdesk": queue("helpdesk")}
    both = replace(both, queues=queues, entries={"support": ToQueue("support"), "new": ToQueue("helpdesk")})
    story = Story(both)
    story.caller("ann")
    story.caller("ben", entry="new")
    story.gone(leg_id("pbx", "ben"))
    rename(story)
    tally = story.tally("helpdesk")
    assert (tally.offered, tally.short_abandoned) == (2, 1)


def test_what_a_caller_has_heard_is_known() -> None:
    told = AnnouncementPlan(greeting="hello", periodic=("one", "two"), periodic_every=10.0)
    toy = stage(house(announcements=told), {"bob": NEVER})
    toy.calls("ann")
    toy.run(START + 13.0)
    before = toy.story.call("ann").announcing
    assert before is not None
    assert (before.greeted, before.turn) == (True, 1)
    toy.tell(PlanChanged(at=toy.story.now, plan=renamed(announcements=told)))
    assert toy.story.call("ann").announcing == before
    toy.run(START + 30.0)
    announcing = toy.story.call("ann").announcing
    assert announcing is not None
    assert announcing.turn == 3


def test_callbacks_keep_place_attempts_and_rest() -> None:
    toy = stage(house(), {"bob": 1.0, "PJSIP/+4412@trunk": REJECTS})
    callback = is_owed(toy.story)
    toy.story.ask("bob", AgentRequest.LOGIN)
    for order in toy.story.orders:
        toy._receive(order)
    toy.run(START + 20.0)
    (resting,) = toy.story.world.callbacks.values()
    assert (resting.id, resting.attempts, resting.stands) == (callback.id, 1, False)
    toy.tell(PlanChanged(at=toy.story.now, plan=renamed(login=True)))
    assert toy.story.world.callbacks.values() == [replace(resting, queue="helpdesk")]
    assert toy.story.world.callback_for("helpdesk", "+4412") is not None
    assert toy.story.world.callback_for("support", "+4412") is None
    toy.run(START + 250.0)
    assert len(toy.story.all_told(CallbackTried)) == 1, "nobody is called sooner for it"
    toy.run(START + 2000.0)
    assert [fact.queue for fact in toy.story.all_told(CallbackTried)] == ["support", "helpdesk", "helpdesk"]
    assert [(fact.queue, fact.outcome, fact.reason) for fact in toy.story.all_told(CallbackEnded)] == [
        ("helpdesk", "failed", "rejected")
    ]


def test_a_callback_that_waits_in_line_is_told_with_its_place() -> None:
    story = Story(house())
    callback = is_owed(story)
    story.wait(1.0)
    story.caller("ann")
    rename(story)
    assert story.world.line("helpdesk").calls == [callback.id, story.call("ann").id]
    assert story.fact(QueueRenamed).callbacks == 1


def test_a_talk_and_its_wrap_up_belong_to_the_new_name() -> None:
    terms: dict[str, Any] = {"wrap_up": 10.0, "wrap_up_most": 100.0}
    story = Story(house(login=True, **terms))
    customer, leg = story.talk()
    rename(story, renamed(login=True, **terms))
    story.gone(customer)
    story.gone(leg)
    assert story.all_told(TalkEnded)[0].queue == "helpdesk"
    story.ask("bob", AgentRequest.EXTEND_WRAP_UP)
    story.wait(50.0)
    assert story.state("bob") == "wrap_up"
    story.ask("bob", AgentRequest.END_WRAP_UP)
    assert story.fact(WrapUpEnded).queue == "helpdesk"


def test_a_wrap_up_under_way_may_be_extended_by_the_new_name() -> None:
    terms: dict[str, Any] = {"wrap_up": 10.0, "wrap_up_most": 100.0}
    story = Story(house(login=True, **terms))
    customer, leg = story.talk()
    story.gone(customer)
    story.gone(leg)
    rename(story, renamed(login=True, **terms))
    story.ask("bob", AgentRequest.EXTEND_WRAP_UP)
    story.wait(50.0)
    assert (story.state("bob"), story.world.agents["bob"].wrap_queue) == ("wrap_up", "helpdesk")


def test_a_phone_that_rings_is_answered_for_the_new_name() -> None:
    story = Story(house(login=True))
    story.caller()
    ring = story.ring()
    rename(story, renamed(login=True))
    assert story.orders == []
    story.connect(ring.leg)
    segment = story.call().segment
    assert segment is not None
    assert (story.tally("helpdesk").answered, segment.queue) == (1, "helpdesk")


def test_a_call_that_nobody_takes_comes_back_by_the_new_name() -> None:
    two = replace(house(login=True), agents={"bob": agent("bob"), "cid": agent("cid", login=False)})
    story = Story(two)
    customer, leg = story.talk()
    story.ask("cid", AgentRequest.LOGIN)
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.TRANSFER, to=ToAgent("cid"), by="bob"))
    target = story.ring()
    rename(story, replace(renamed(), agents=two.agents, entries={}))
    story.ask("bob", AgentRequest.LOGOUT)
    story.gone(leg)
    story.gone(target.leg, cause=17)
    story.wait(60.0)
    assert story.tally("helpdesk").offered == 2
    assert not story.all_sent(LeaveToDialplan)
    story.gone(customer)


def test_a_call_on_its_way_to_an_agent_belongs_to_the_new_name() -> None:
    two = replace(house(login=True), agents={"bob": agent("bob"), "cid": agent("cid", login=False)})
    story = Story(two)
    story.talk()
    story.ask("cid", AgentRequest.LOGIN)
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.TRANSFER, to=ToAgent("cid"), by="bob"))
    target = story.ring()
    rename(story, replace(renamed(), agents=two.agents))
    story.connect(target.leg)
    segment = story.call().segment
    assert segment is not None
    assert (segment.agent, segment.queue) == ("cid", "helpdesk")


def test_what_a_caller_is_known_by_says_the_new_name() -> None:
    story = Story(house())
    story.caller("ann")
    call = story.call("ann")
    story.world.calls.put(call.id, replace(call, values=(("last_queue", "support"), ("word", "support"))))
    rename(story)
    assert story.call("ann").values == (("last_queue", "helpdesk"), ("word", "support"))


def test_what_a_callback_is_known_by_says_the_new_name() -> None:
    story = Story(house())
    callback = is_owed(story)
    values = (("last_queue", "support"), ("word", "support"))
    story.world.callbacks.put(callback.id, replace(callback, values=values))
    rename(story)
    assert story.world.callbacks[callback.id].values == (("last_queue", "helpdesk"), ("word", "support"))


def test_a_value_that_says_the_name_before_leads_to_the_queue() -> None:
    """Look-ups, and flows of the configuration, may say the old name for ever."""
    nodes: dict[str, Node] = {"set": SetNode(next="in", values={"dept": "support"}), "in": QueueNode(queue="general", by="dept")}
    queues = [queue("general"), queue("helpdesk", renamed_from="support")]
    toy = stage(floor(flow(nodes), queues=queues))
    toy.calls("ann", entry="welcome")
    toy.run(START + 1.0)
    assert (toy.story.tally("helpdesk").offered, toy.story.tally("general").offered) == (1, 0)


def test_who_gave_up_has_the_old_place_under_the_new_name() -> None:
    toy = stage(house(reclaim_within=300.0), {"bob": NEVER})
    leg = toy.calls("ann")
    toy.run(START + 60.0)
    toy.hangs_up(leg)
    toy.run(START + 61.0)
    toy.tell(PlanChanged(at=toy.story.now, plan=renamed(reclaim_within=300.0)))
    toy.run(START + 100.0)
    toy.calls("ben")
    visit = toy.story.call("ben").visit
    assert visit is not None
    assert visit.rank == pytest.approx(START + 100.0 + 20.0 - 100.0)


def test_the_pace_of_the_queue_is_known() -> None:
    toy = stage(house(login=True, wrap_up=0.0), {"bob": 1.0})
    legs = [toy.calls(f"c{index}") for index in range(8)]
    for index, leg in enumerate(legs[:6]):
        toy.run(START + 20.0 * (index + 1))
        toy.hangs_up(leg)
    toy.run(START + 130.0)
    before = toy.story.world.paces["support"]
    toy.tell(PlanChanged(at=toy.story.now, plan=renamed(login=True, wrap_up=0.0)))
    assert toy.story.world.paces["helpdesk"] == replace(before, queue="helpdesk")
    toy.calls("last")
    visit = toy.story.call("last").visit
    assert visit is not None
    assert visit.estimate is not None


def test_a_flow_of_before_leads_to_the_new_name() -> None:
    ask = flow({"ask": menu({"1": "to"}, otherwise="bye"), "to": QueueNode(queue="support")})
    old = floor(ask, queues=[queue("support")])
    toy = stage(old)
    leg = toy.calls("ann", entry="welcome")
    toy.run(START + 1.0)
    now = flow({"ask": menu({"1": "to"}, otherwise="bye"), "to": QueueNode(queue="helpdesk")}, version="2")
    coming = replace(old, queues={"helpdesk": queue("helpdesk", renamed_from="support")}, entries={}, flows={"welcome": now})
    toy.tell(PlanChanged(at=toy.story.now, plan=coming))
    toy.presses(leg, "1")
    assert toy.story.tally("helpdesk").offered == 1


def test_a_flow_that_a_key_opened_leads_back_to_the_place() -> None:
    ask = flow({"ask": menu({"1": "to"}, otherwise="to"), "to": QueueNode(queue="support")}, "ask")
    old = floor(ask, queues=[queue("support", keys={"5": "ask"})], agents={"amy": False})
    toy = stage(old)
    leg = toy.calls("ann")
    toy.run(START + 10.0)
    toy.presses(leg, "5")
    toy.run(START + 11.0)
    visit = toy.story.call("ann").visit
    coming = replace(old, queues={"helpdesk": queue("helpdesk", renamed_from="support")}, entries={}, flows={})
    toy.tell(PlanChanged(at=toy.story.now, plan=coming))
    toy.presses(leg, "1")
    toy.run(START + 12.0)
    call = toy.story.call("ann")
    assert visit is not None
    assert (call.phase, call.visit and call.visit.rank, call.visit and call.visit.queue) == (
        Phase.WAITING,
        visit.rank,
        "helpdesk",
    )
    assert (toy.story.tally("helpdesk").offered, toy.story.tally("helpdesk").ended) == (1, 0)


def test_every_node_that_names_a_queue_names_the_new_one() -> None:
    names = {"support": "helpdesk"}
    cases = ((Condition(queue="support", waiting=3), "into"), (Condition(queue="other"), "into"))
    nodes: dict[str, Node] = {
        "branch": BranchNode(cases=cases, otherwise="into"),
        "into": QueueNode(queue="support"),
        "back": CallbackNode(queue="support", next="bye", otherwise="bye"),
        "mail": VoicemailNode(queue="support", media="", next="bye"),
        "other": QueueNode(queue="other"),
        "bye": GoodbyeNode(),
    }
    after = renames.renamed_flow(flow(nodes), names).nodes
    branch = after["branch"]
    assert isinstance(branch, BranchNode)
    assert [when.queue for when, _ in branch.cases] == ["helpdesk", "other"]
    assert [getattr(after[name], "queue", "") for name in ("into", "back", "mail", "other")] == ["helpdesk"] * 3 + ["other"]


def test_a_recording_under_way_is_told_with_the_new_name() -> None:
    story = Story(house(login=True, record=RecordingPlan()))
    customer, leg = story.talk()
    assert story.call().segment is not None
    rename(story, renamed(login=True, record=RecordingPlan()))
    story.wait(5.0)
    story.gone(customer)
    story.gone(leg)
    assert [fact.queue for fact in story.all_told(CallRecorded)] == ["helpdesk"]


def test_a_second_time_nothing_happens() -> None:
    story = Story(house())
    story.caller()
    is_owed(story)
    story.wait(1.0)
    rename(story)
    rename(story)
    assert (story.orders, [type(fact) for fact in story.facts]) == ([], [ConfigReloaded])
    rename(story, renamed(wrap_up=7.0))
    assert [type(fact) for fact in story.facts] == [ConfigReloaded]


@pytest.mark.parametrize("late", [1.0, 500.0])
def test_a_restart_with_the_new_configuration_carries_over_before_any_deadline(late: float) -> None:
    """Deadlines that passed meanwhile are due at once: by then everybody stands under the new name."""
    toy = stage(house(announcements=AnnouncementPlan(periodic=("wait",), periodic_every=5.0)), {"bob": NEVER})
    for name in ("ann", "ben"):
        toy.calls(name)
        toy.run(toy.story.now + 2.0)
    callback = is_owed(toy.story)
    before = [toy.story.world.calls[key].name for key in toy.story.world.line("support").calls if key != callback.id]
    toy.cut()
    toy.story.now += late
    toy.restart(plan=renamed())
    toy.run(toy.story.now + 1.0)
    line = toy.story.world.line("helpdesk").calls
    assert [toy.story.world.calls[key].name for key in line if key != callback.id] == before == ["ann", "ben"]
    assert (callback.id in line, toy.story.world.line("support").count) == (True, 0)
    tally = toy.story.tally("helpdesk")
    assert (tally.offered, tally.ended, tally.day) == (2, 0, DAY)
    assert not toy.story.all_sent(LeaveToDialplan)
    toy.restart(plan=renamed())
    assert len(toy.story.all_told(QueueRenamed)) == 1


def saved(story: Story, coming: Plan) -> None:
    """Another process with the rows of this one, and deadlines that passed before anything is heard."""
    old, story.world = story.world, World(coming, "u")
    story.world.now, story.world.seq, story.world.day = old.now, old.seq, old.day
    story.world.restore({name: table.values() for name, table in old.saved_tables().items()})
    plan_change.restored(story.world)
    story.wait(3600.0)


def test_no_deadline_is_met_under_the_old_name() -> None:
    story = Story(house(announcements=AnnouncementPlan(periodic=("wait",), periodic_every=5.0)))
    story.caller("ann")
    callback = is_owed(story)
    saved(story, renamed())
    assert story.world.line("helpdesk").calls == [story.call("ann").id, callback.id]
    assert (len(story.all_told(QueueRenamed)), story.tally("helpdesk").offered) == (1, 1)
    assert not story.all_sent(LeaveToDialplan)


def test_a_person_who_waits_for_an_agent_in_a_queue_that_is_gone_at_a_start_stays_with_us() -> None:
    terms = replace(OWED, first=CallFirst.CUSTOMER)
    story = Story(house(login=True, callback=terms))
    is_owed(story)
    customer = story.ring()
    story.happens(LegAnswered(at=story.now, leg=customer.leg))
    story.gone(story.ring().leg, cause=17)
    assert [call.phase for call in story.world.calls.values()] == [Phase.WAITING]
    saved(story, house("helpdesk", login=True, callback=terms))
    assert not story.all_sent(LeaveToDialplan)


def test_a_callback_moves_with_what_the_queue_promises_now() -> None:
    story = Story(house())
    callback = is_owed(story)
    rename(story, replace(renamed(), queues={"helpdesk": queue("helpdesk", SLOW, callback=OWED, renamed_from="support")}))
    assert story.world.callbacks[callback.id].rank == callback.rank + 40.0
    assert story.world.line("helpdesk").calls == [callback.id]


def test_a_survey_under_way_is_about_the_new_name() -> None:
    asked = flow({"ask": menu({"1": "bye"}, question="q1")}, SURVEY + "after")
    old = replace(house(login=True, survey="after"), flows={asked.name: asked}, surveys={"after": SurveyPlan("after")})
    toy = stage(old, {"bob": 1.0})
    leg = toy.calls("ann")
    toy.run(START + 5.0)
    toy.hangs_up(toy.story.all_sent(Ring)[0].leg)
    toy.run(START + 6.0)
    assert toy.story.call("ann").phase is Phase.FLOW
    toy.tell(PlanChanged(at=toy.story.now, plan=replace(renamed(survey="after"), flows=old.flows, surveys=old.surveys)))
    toy.presses(leg, "1")
    toy.run(START + 20.0)
    assert [fact.queue for fact in toy.story.all_told(SurveyAnswered)] == ["helpdesk"]


def test_a_reload_that_raises_leaves_callers_on_the_flow_by_its_name_then() -> None:
    ask = flow({"ask": menu({"1": "to"}, otherwise="bye"), "to": QueueNode(queue="support")})
    old = floor(ask, queues=[queue("support")], agents={"amy": False})
    toy = stage(old)
    leg = toy.calls("ann", entry="welcome")
    toy.run(START + 1.0)
    toy.calls("eve")
    toy.tell(PlanChanged(at=toy.story.now, plan=replace(old, flows={}, entries={})))
    broken = queue("helpdesk", TierRouting(answer_within=1.0, head_start=0.0, steps=(), then=None), renamed_from="support")
    with pytest.raises(IndexError):
        step(toy.story.world, PlanChanged(at=toy.story.now, plan=replace(old, queues={"helpdesk": broken}, flows={}, entries={})))
    toy.presses(leg, "1")
    assert toy.story.tally("support").offered == 2


def test_a_restart_without_the_queue_sends_its_callers_to_the_queue_of_their_entry() -> None:
    toy = stage(house(), {"bob": NEVER})
    toy.calls("ann")
    callback = is_owed(toy.story)
    toy.run(START + 5.0)
    toy.cut()
    toy.restart(plan=house("helpdesk"))
    assert toy.story.tally("helpdesk").offered == 1
    assert [(one.id, one.queue) for one in toy.story.world.callbacks.values()] == [(callback.id, "helpdesk")]
    assert not toy.story.all_sent(LeaveToDialplan)


def test_a_restart_without_callbacks_moves_those_that_are_owed_to_the_queue_of_their_entry() -> None:
    toy = stage(house(), {"bob": NEVER})
    callback = is_owed(toy.story)
    toy.cut()
    silent = house(callback=None)
    general = house("general").queues["general"]
    toy.restart(plan=replace(silent, queues={**silent.queues, "general": general}, entries={"support": ToQueue("general")}))
    assert [(one.id, one.queue, one.stands) for one in toy.story.world.callbacks.values()] == [(callback.id, "general", True)]


def test_an_entry_takes_the_calls_of_its_name_before() -> None:
    story = Story(house())
    story.caller("ann")
    callback = is_owed(story)
    coming = replace(renamed(), entries={"desk": ToQueue("helpdesk")}, renamed_entries={"support": "desk"})
    story.happens(PlanChanged(at=story.now, plan=coming))
    assert (story.call("ann").entry, story.world.callbacks[callback.id].entry) == ("desk", "desk")
    story.caller("ben", entry="support")
    assert (story.call("ben").entry, story.tally("helpdesk").offered) == ("desk", 2)
