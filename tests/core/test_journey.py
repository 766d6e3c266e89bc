"""Callers in flows, on a PBX that obeys: what is said, asked, typed, looked up, and where it all leads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.calendar import Calendar
from callbridge.core.model.call import Phase
from callbridge.core.model.events import PlanChanged
from callbridge.core.model.facts import CallEnded, FlowBegan, FlowEnded, FlowStepped, LookupEnded, PromptFailed, VisitEnded
from callbridge.core.model.flow import (
    BranchNode,
    Condition,
    DialplanNode,
    FlowNode,
    GoodbyeNode,
    HoursNode,
    LookupNode,
    Node,
    QueueNode,
    SetNode,
)
from callbridge.core.model.orders import LeaveToDialplan, Ring, StartMusic, StopPlaying
from callbridge.core.model.orders import Play as PlayOrder
from callbridge.core.model.plan import ToFlow
from callbridge.core.model.switch import closing
from tests.core.flows import BYE, collect, floor, flow, menu, play, said, stage, the_call
from tests.core.story import queue, routing
from tests.core.toy import Toy

QUEUED = QueueNode(queue="support")


def ended(toy: Toy) -> FlowEnded:
    return [fact for fact in toy.story.told if isinstance(fact, FlowEnded)][-1]


def walked(toy: Toy) -> list[str]:
    return [fact.node for fact in toy.story.told if isinstance(fact, FlowStepped)]


def outcome(toy: Toy) -> str:
    (fact,) = [fact for fact in toy.story.told if isinstance(fact, CallEnded)]
    return fact.outcome


def test_a_flow_greets_and_leads_into_a_queue() -> None:
    toy = stage(floor(flow({"hello": play("hello", "wait"), "wait": QUEUED})), {"amy": 1.0})
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    assert the_call(toy).phase is Phase.FLOW
    assert said(toy) == ["hello"]
    toy.run(toy.story.now + 5.0)
    assert the_call(toy).phase is Phase.TALKING
    assert (ended(toy).result, ended(toy).to) == ("queue", "queue:support")
    assert toy.longest_silence < 0.5


def test_goodbye_is_said_before_the_call_is_hung_up() -> None:
    toy = stage(floor(flow({"hello": play("hello", "bye")})))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 20.0)
    assert said(toy) == ["hello", "thanks"]
    assert outcome(toy) == "flow"
    assert not toy.channels


def test_a_caller_who_hangs_up_in_a_flow_left_it() -> None:
    toy = stage(floor(flow({"hello": play("hello", "bye")})))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    toy.hangs_up(leg)
    toy.run(toy.story.now + 5.0)
    assert ended(toy).result == "hung_up"
    assert outcome(toy) == "left_flow"


MENU = flow({"ask": menu({"1": "wait", "2": "bye"}, wrong="wrong", silent="silent"), "wait": QUEUED})


def test_a_key_cuts_the_prompt_and_decides() -> None:
    toy = stage(floor(MENU))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    toy.presses(leg, "1")
    assert any(isinstance(order, StopPlaying) for order in toy.story.orders)
    assert the_call(toy).phase is Phase.OFFERED
    assert [fact.key for fact in toy.story.told if isinstance(fact, FlowStepped)] == ["", "1"]


def test_wrong_keys_and_silences_are_told_and_come_to_an_end() -> None:
    toy = stage(floor(MENU))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 3.0)  # the prompt is over, music plays
    toy.presses(leg, "9")
    toy.run(toy.story.now + 30.0)
    assert said(toy) == ["choose", "wrong,choose", "silent,choose", "thanks"]
    assert outcome(toy) == "flow"
    assert toy.longest_silence < 0.5


def test_music_plays_while_a_key_is_waited_for() -> None:
    toy = stage(floor(MENU))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 3.0)
    kinds = [type(order) for order in toy.obeyed]
    assert kinds[-1] is StartMusic
    assert kinds[-2] is PlayOrder, "ordered together: Asterisk carries them out one after the other"


COLLECT = flow(
    {
        "ask": collect("wait", least=4, most=6, pattern="NXX.", read_back="digits:{customer}", wrong="wrong", silent="silent"),
        "wait": QUEUED,
    }
)


def typed(keys: str) -> Toy:
    toy = stage(floor(COLLECT))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    for key in keys:
        if key == " ":
            toy.run(toy.story.now + 5.0)
        else:
            toy.presses(leg, key)
            toy.run(toy.story.now + 0.2)
    return toy


@pytest.mark.parametrize("keys", ["23456#1", "234567" + "1", "23456 1", "2345#2" + "23456#1"])
def test_a_value_is_typed_read_back_and_confirmed(keys: str) -> None:
    toy = typed(keys)
    assert the_call(toy).phase is Phase.OFFERED
    assert dict(the_call(toy).values)["customer"].startswith("2345")
    assert "sound:digits/2,sound:digits/3,sound:digits/4,sound:digits/5" in " ".join(said(toy))


@pytest.mark.parametrize("keys", ["1234#", "234#", "#", "0#"])
def test_a_value_that_is_none_is_asked_for_again(keys: str) -> None:
    toy = typed(keys)
    assert said(toy)[-1] == ("silent,type" if keys == "#" else "wrong,type")
    assert the_call(toy).phase is Phase.FLOW


def test_a_value_that_was_not_confirmed_is_forgotten() -> None:
    toy = typed("23456#2")
    assert the_call(toy).values == ()


def test_a_menu_keeps_the_key_that_chose_and_not_one_that_was_wrong() -> None:
    toy = stage(floor(flow({"ask": menu({"1": "wait", "2": "wait"}, into="topic"), "wait": QUEUED})))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    toy.presses(leg, "7")
    toy.run(toy.story.now + 0.5)
    assert the_call(toy).values == ()
    toy.presses(leg, "2")
    toy.run(toy.story.now + 0.5)
    assert the_call(toy).values == (("topic", "2"),)


def test_keys_pressed_before_they_are_asked_for_are_not_lost() -> None:
    toy = stage(floor(flow({"hello": play("hello", "ask"), **MENU.nodes})))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.5)
    toy.presses(leg, "1")
    assert the_call(toy).phase is Phase.FLOW, "the greeting is not cut"
    toy.run(toy.story.now + 3.0)
    assert the_call(toy).phase is Phase.OFFERED
    assert said(toy) == ["hello"]


def test_a_play_that_may_be_interrupted_is() -> None:
    toy = stage(floor(flow({"hello": play("hello", "ask", interrupt=True), **MENU.nodes})))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.5)
    toy.presses(leg, "1")
    assert the_call(toy).phase is Phase.OFFERED


def test_typing_ahead_goes_on_into_the_next_node() -> None:
    nodes: dict[str, Node] = {
        "hello": play("hello", "ask"),
        "ask": menu({"2": "number"}),
        "number": collect("wait", most=4),
        "wait": QUEUED,
    }
    toy = stage(floor(flow(nodes)))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.5)
    toy.presses(leg, "21234")
    toy.run(toy.story.now + 2.0)
    assert the_call(toy).phase is Phase.OFFERED
    assert the_call(toy).values == (("customer", "1234"),)


def test_missing_prompts_are_told_and_lead_on_at_once() -> None:
    toy = stage(floor(flow({"hello": play("missing", "ask"), **MENU.nodes})))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    assert [fact.where for fact in toy.story.told if isinstance(fact, PromptFailed)] == ["flow:welcome/hello"]
    assert said(toy) == ["missing", "choose"]


def test_a_prompt_whose_end_is_never_told_ends_all_the_same() -> None:
    toy = stage(floor(flow({"hello": play("endless", "wait"), "wait": QUEUED})))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 130.0)
    assert the_call(toy).phase is Phase.OFFERED


# -- deciding ---------------------------------------------------------------------------------------------------------


def test_set_and_branch_know_tier_language_and_values() -> None:
    cases = (
        (Condition(tiers=frozenset({"diamond"}), languages=frozenset({"zh"}), value="product", is_any=frozenset({"7"})), "wait"),
    )
    nodes: dict[str, Node] = {
        "set": SetNode(next="split", tier="diamond", language="zh", head_start=60.0, values={"product": "7"}),
        "split": BranchNode(cases=cases, otherwise="bye"),
        "wait": QUEUED,
    }
    toy = stage(floor(flow(nodes)))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.5)
    call = the_call(toy)
    assert (call.tier, call.language, call.phase) == ("diamond", "zh", Phase.OFFERED)
    assert call.visit is not None
    assert call.visit.rank == call.arrived_at + 20.0 - 60.0


def test_a_head_start_of_a_flow_is_on_top_of_the_tiers() -> None:
    """It never puts a caller behind others of the same tier. That of the queue's node replaces the one set before."""
    tiers = {"standard": routing(("support", None)), "diamond": routing(("support", None), head_start=600.0)}
    for node, more in ((QUEUED, 60.0), (replace(QUEUED, head_start=30.0), 30.0)):
        nodes: dict[str, Node] = {"set": SetNode(next="wait", tier="diamond", head_start=60.0), "wait": node}
        toy = stage(floor(flow(nodes)))
        queues = {name: replace(plan, routings=tiers) for name, plan in toy.story.world.plan.queues.items()}
        toy.tell(PlanChanged(at=toy.story.now, plan=replace(toy.story.world.plan, queues=queues)))
        toy.calls("ann", entry="welcome")
        toy.run(toy.story.now + 0.5)
        call = the_call(toy)
        assert call.visit is not None
        assert call.visit.rank == call.arrived_at + 20.0 - 600.0 - more
        toy.tell(PlanChanged(at=toy.story.now, plan=toy.story.world.plan))
        assert the_call(toy).visit == call.visit, "and a reload keeps it"


def test_hours_follow_the_calendar_and_its_emergency_closure(office: Calendar) -> None:
    nodes: dict[str, Node] = {"hours": HoursNode(calendar="office", open="wait", closed="bye"), "wait": QUEUED}
    the_plan = floor(flow(nodes), calendars={"office": office})
    toy = stage(the_plan)
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.5)
    assert walked(toy)[-1] == "wait"
    toy.story.turn(closing("office"), True)
    toy.calls("eve", entry="welcome")
    toy.run(toy.story.now + 0.5)
    assert walked(toy)[-1] == "bye"


def test_a_lookup_sets_tier_and_language_and_values() -> None:
    nodes: dict[str, Node] = {"who": LookupNode(lookup="crm", next="wait", otherwise="bye"), "wait": QUEUED}
    toy = stage(floor(flow(nodes), lookups={"crm": 0.3}))
    toy.knows = {"tier": "diamond", "language": "zh", "account": "77"}
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.5)
    call = the_call(toy)
    assert (call.tier, call.language, call.values, call.phase) == ("diamond", "zh", (("account", "77"),), Phase.OFFERED)


@pytest.mark.parametrize("silent", [False, True])
def test_a_lookup_that_fails_or_is_never_heard_of_changes_nothing(silent: bool) -> None:
    nodes: dict[str, Node] = {"who": LookupNode(lookup="crm", next="bye", otherwise="wait"), "wait": QUEUED}
    toy = stage(floor(flow(nodes), lookups={"crm": 0.3}))
    if silent:
        toy.knows_nothing = True
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 2.0)
    assert the_call(toy).phase is Phase.OFFERED
    assert [fact.result for fact in toy.story.told if isinstance(fact, LookupEnded)] == ["failed"]
    assert toy.longest_silence < 2.0


def test_a_flow_leads_into_another_one_or_the_dialplan() -> None:
    first = flow({"on": FlowNode(flow="second")})
    second = flow({"out": DialplanNode(context="ctx", extension="7")}, name="second")
    toy = stage(floor(first, second))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    (left,) = [order for order in toy.obeyed if isinstance(order, LeaveToDialplan)]
    assert (left.context, left.extension) == ("ctx", "7")
    assert [fact.reason for fact in toy.story.told if isinstance(fact, FlowBegan)] == ["entry", "flow"]


def test_flows_that_lead_round_in_circles_end_at_the_fallback() -> None:
    one, two = flow({"on": FlowNode(flow="two")}, name="one"), flow({"on": FlowNode(flow="one")}, name="two")
    toy = stage(floor(one, two))
    toy.calls("ann", entry="one")
    toy.run(toy.story.now + 1.0)
    assert not toy.channels
    nodes: dict[str, Node] = {"a": SetNode(next="b"), "b": SetNode(next="a")}
    toy = stage(floor(flow(nodes)))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    assert ended(toy).result == "failed"
    assert not toy.channels


# -- around queues ----------------------------------------------------------------------------------------------------


def test_a_queue_overflows_into_a_flow() -> None:
    full = queue("support", routing(("support >= 1", 10.0), then=ToFlow("closed")))
    toy = stage(floor(flow({"sorry": play("sorry", "bye")}, name="closed"), queues=[full], agents={"amy": False}))
    toy.calls("ann")
    toy.run(toy.story.now + 11.0)
    (visit,) = [fact for fact in toy.story.told if isinstance(fact, VisitEnded)]
    assert (visit.outcome, visit.to, visit.reason) == ("overflowed", "flow:closed", "waited")
    toy.run(toy.story.now + 10.0)
    assert said(toy) == ["sorry", "thanks"]


def keyed(to: Node) -> Toy:
    support = queue("support", keys={"1": "offer"})
    nodes: dict[str, Node] = {"ask": menu({"1": "end", "2": "back"}, otherwise="back"), "back": QUEUED, "end": to}
    return stage(floor(flow(nodes, name="offer"), queues=[support, queue("other")], agents={"amy": False}))


def test_a_key_opens_a_flow_and_the_place_is_kept() -> None:
    toy = keyed(BYE)
    leg = toy.calls("ann")
    rank = the_call(toy).visit
    toy.run(toy.story.now + 4.0)
    toy.presses(leg, "1")
    toy.run(toy.story.now + 0.5)
    assert the_call(toy).phase is Phase.FLOW
    assert said(toy) == ["choose"]
    toy.presses(leg, "2")
    call = the_call(toy)
    assert call.phase is Phase.WAITING
    assert call.visit is not None
    assert rank is not None
    assert (call.visit.began_at, call.visit.rank) == (rank.began_at, rank.rank)


@pytest.mark.parametrize(
    ("to", "where"),
    [(GoodbyeNode(), "goodbye"), (QueueNode(queue="other"), "queue:other"), (FlowNode(flow="offer"), "flow:offer")],
)
def test_a_person_who_chooses_another_way_by_key_has_left_the_queue(to: Node, where: str) -> None:
    toy = keyed(to)
    leg = toy.calls("ann")
    toy.presses(leg, "1")
    toy.run(toy.story.now + 0.5)
    toy.presses(leg, "1")
    toy.run(toy.story.now + 0.5)
    visit = next(fact for fact in toy.story.told if isinstance(fact, VisitEnded))
    assert (visit.outcome, visit.to, visit.reason) == ("overflowed", where, "key")


def test_a_key_pressed_while_a_phone_rings_counts_when_nobody_answers() -> None:
    support = queue("support", keys={"1": "offer"}, ring_for=5.0)
    toy = stage(floor(flow({"ask": menu({"2": "back"}, otherwise="back"), "back": QUEUED}, name="offer"), queues=[support]))
    leg = toy.calls("ann")
    toy.run(toy.story.now + 1.0)
    toy.presses(leg, "1")
    assert the_call(toy).phase is Phase.OFFERED
    toy.run(toy.story.now + 6.0)
    assert the_call(toy).phase is Phase.FLOW


# -- change and trouble -----------------------------------------------------------------------------------------------


def test_callers_finish_on_the_flow_that_they_began() -> None:
    old = floor(MENU)
    toy = stage(old)
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    new = flow({"ask": menu({"1": "bye"}, otherwise="bye")}, version="2")
    toy.tell(PlanChanged(at=toy.story.now, plan=replace(old, flows={"welcome": new})))
    toy.presses(leg, "1")
    assert the_call(toy).phase is Phase.OFFERED, "1 led into the queue then"
    other = toy.calls("eve", entry="welcome")
    toy.run(toy.story.now + 1.0)
    toy.presses(other, "1")
    toy.run(toy.story.now + 5.0)
    assert other not in toy.channels


def test_a_flow_that_was_taken_away_serves_who_is_inside() -> None:
    old = floor(MENU)
    toy = stage(old)
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    toy.tell(PlanChanged(at=toy.story.now, plan=replace(old, flows={})))
    toy.presses(leg, "1")
    assert the_call(toy).phase is Phase.OFFERED


@pytest.mark.parametrize("saved", [True, False])
def test_after_a_restart_the_node_is_said_again(saved: bool) -> None:
    toy = stage(floor(MENU))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 3.0)
    toy.restart(saved=saved)
    toy.run(toy.story.now + 1.0)
    assert said(toy) == ["choose", "choose"]
    toy.presses(leg, "1")
    assert the_call(toy).phase is Phase.OFFERED


def test_a_break_of_the_link_says_the_node_again_and_loses_no_try() -> None:
    toy = stage(floor(MENU))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 1.0)
    toy.cut()
    toy.run(toy.story.now + 60.0)
    toy.reconnect()
    toy.run(toy.story.now + 1.0)
    assert said(toy)[-1] == "choose"
    toy.presses(leg, "1")
    assert any(isinstance(order, Ring) for order in toy.obeyed)


@pytest.fixture
def office() -> Calendar:
    from zoneinfo import ZoneInfo

    always = tuple(((0, 1440),) for _ in range(7))
    return Calendar(name="office", zone=ZoneInfo("UTC"), week=always)


@pytest.mark.parametrize(("named", "queue_of_the_call"), [("other", "other"), ("nowhere", "support"), ("", "support")])
def test_a_value_names_the_queue_if_there_is_one(named: str, queue_of_the_call: str) -> None:
    nodes: dict[str, Node] = {"set": SetNode(next="in", values={"dept": named}), "in": QueueNode(queue="support", by="dept")}
    toy = stage(floor(flow(nodes), queues=[queue("support"), queue("other")], agents={"amy": False}))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.1)
    visit = the_call(toy).visit
    assert visit is not None
    assert visit.queue == queue_of_the_call
