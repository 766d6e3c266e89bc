"""The totals: at zero for all that is configured, equal to the facts, going on after a restart, and bounded."""

from __future__ import annotations

import ast
from dataclasses import replace
from random import Random

import pytest

from callbridge.adapters.facts.codec import decode_row, encode_row
from callbridge.adapters.facts.counts import EACH_AGENTS_SECONDS, counts, families
from callbridge.adapters.facts.series import names, series
from callbridge.adapters.facts.totals import MAX_AGENTS, MAX_LABEL_VALUES, TABLE, Total, Totals
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.views.board import Board
from callbridge.core.model.agent import State
from callbridge.core.model.call import OfferResult, VisitOutcome
from callbridge.core.model.facts import AgentChanged, AnyFact, RequestRefused, TalkEnded, VisitBegan, VisitEnded
from callbridge.core.model.flow import Condition, Flow, GoodbyeNode, MenuNode, Node, VoicemailNode
from callbridge.core.model.plan import (
    SURVEY,
    AnnouncementPlan,
    CallbackTerms,
    Disposition,
    OverflowRule,
    Plan,
    QueuePlan,
    Reason,
    SurveyPlan,
    TierRouting,
    ToDialplan,
    ToQueue,
)
from tests import sources
from tests.adapters.worlds import Busy, plan
from tests.examples import seeds


def began(queue: str = "q0", tier: str = "standard") -> VisitBegan:
    return VisitBegan(seq=1, at=1.0, queue=queue, tier=tier, rank=1.0, day="d")


def talked(seconds: float) -> TalkEnded:
    return TalkEnded(seq=1, at=1.0, queue="q0", talked=seconds, hold_seconds=0.0, ended_by="agent")


def rested(agent: str, reason: str) -> AgentChanged:
    return AgentChanged(
        seq=1,
        at=9.0,
        agent=agent,
        name="",
        phone="",
        state="ready",
        reason="",
        previous="not_ready",
        previous_reason=reason,
        lasted=2.0,
    )


def shown(totals: Totals) -> dict[tuple[str, ...], tuple[float, ...]]:
    return {(family.name, *labels): values for (family, labels), values in totals.shown().items()}


def restarted(totals: Totals, configuration: Plan, *, label_agents: bool = False) -> Totals:
    """What the next run begins with: the rows as a store gives them back."""
    rows = [decode_row(TABLE, encode_row(TABLE, row)) for row in totals.rows().values()]
    Random(1).shuffle(rows)
    again = Totals(label_agents=label_agents)
    again.adopt(configuration)
    again.restore([row for row in rows if isinstance(row, Total)], configuration)
    return again


def two_tiers() -> Plan:
    routings = {tier: TierRouting(20.0, 0.0, (), ToQueue("b") if tier == "gold" else None) for tier in ("gold", "standard")}
    a = QueuePlan(name="a", routings=routings, callback=CallbackTerms(), announcements=AnnouncementPlan(greeting="sound:hello"))
    night = OverflowRule(Condition(closed="day"), ToDialplan("out", "+442079460123"), "closed")
    b = QueuePlan(name="b", routings=routings, overflow=(night,))
    return Plan(queues={"a": a, "b": b}, reasons={"lunch": Reason("lunch")}, pbxs=("p",))


def test_every_series_of_every_queue_and_tier_is_there_at_zero() -> None:
    totals = Totals()
    totals.adopt(two_tiers())
    at_first = shown(totals)
    assert not any(any(values) for values in at_first.values())
    for queue in ("a", "b"):
        for tier in ("gold", "standard"):
            for name in ("visits_offered", "visits_within_target", "answer_wait_seconds", "abandon_wait_seconds"):
                assert (name, queue, tier) in at_first
            assert {key[-1] for key in at_first if key[:3] == ("visits_ended", queue, tier)} == set(VisitOutcome)
        assert {key[-1] for key in at_first if key[:2] == ("offers", queue)} == set(OfferResult)
        for name in ("talk_seconds", "hold_seconds", "wrap_up_seconds"):
            assert {key[2] for key in at_first if key[:2] == (name, queue)} == {"in", "out"}
        assert ("ewt_error_seconds", queue) in at_first
    assert ("overflows", "a", "queue:b", "waited") in at_first
    assert ("overflows", "b", "dialplan:out,number", "closed") in at_first
    assert ("agent_state_seconds", "not_ready", "lunch") in at_first
    assert ("agent_state_seconds", "not_ready", "rona") in at_first
    assert {key[1] for key in at_first if key[0] == "agent_state_seconds"} == set(State) - {State.LOGGED_OUT}
    assert ("prompts_failed", "queue:a/greeting") in at_first


def everything() -> Plan:
    """A configuration in which every metric has something to count."""
    base = plan()
    late = OverflowRule(Condition(waited=60.0), ToQueue("q1"), "late")
    asked = MenuNode(media="friendly", keys={"1": "bye"}, otherwise="bye", question="friendly")
    message = VoicemailNode(queue="q0", media="leave-a-message", next="bye")
    firsts: dict[str, Node] = {"closed": message, f"{SURVEY}service": asked}
    flows = {
        name: Flow(name=name, version="1", start="a", nodes={"a": first, "bye": GoodbyeNode()}) for name, first in firsts.items()
    }
    sold = {"sold": Disposition("sold")}
    return replace(
        base,
        queues={**base.queues, "q0": replace(base.queues["q0"], survey="service", overflow=(late,), dispositions=sold)},
        flows=flows,
        surveys={"service": SurveyPlan("service")},
        lookups={"crm": 2.0},
        campaigns={"spring": replace(base.campaigns["spring"], dispositions=sold)},
        reasons={"lunch": Reason("lunch")},
        score_forms=("service",),
        pbxs=(*base.pbxs, "far"),
        ties=dict.fromkeys((*base.pbxs, "far"), "PJSIP/{phone}@tie-{pbx}"),
    )


def test_every_metric_of_what_is_configured_has_a_series_at_zero() -> None:
    """Every family with a label whose values the configuration knows (``names``)."""
    configuration = everything()
    assert all(names(configuration).values())
    wanted = {family.name for family in families(label_agents=True) if names(configuration).keys() & set(family.labels)}
    assert len(wanted) > 20
    assert wanted - {family.name for family, _ in series(configuration)} == set()


def test_only_what_is_configured_is_there() -> None:
    totals = Totals()
    totals.adopt(two_tiers())
    at_first = shown(totals)
    assert {key[1] for key in at_first if key[0].startswith("visits_")} == {"a", "b"}
    assert {key[1] for key in at_first if key[0] == "callbacks"} == {"a"}
    assert not [key for key in at_first if key[0].startswith(("dialer_", "survey", "flows", "lookup", "voicemails"))]
    assert ("prompts_failed", "queue:b/greeting") not in at_first


@pytest.mark.parametrize("label_agents", [False, True])
@pytest.mark.parametrize("seed", seeds(3, fast=1))
def test_nothing_that_happens_brings_a_series_that_was_not_there(seed: int, label_agents: bool) -> None:
    busy = Busy(seed)
    configuration = replace(busy.world.plan, reasons={"lunch": Reason("lunch")})
    totals = Totals(label_agents=label_agents)
    totals.adopt(configuration)
    at_first = shown(totals).keys()
    for _ in range(300):
        totals.count(busy.any().facts)
    assert shown(totals).keys() == at_first
    assert sum(any(values) for values in shown(totals).values()) > 15


def test_every_series_has_a_value_for_each_of_its_labels() -> None:
    for family, values in series(two_tiers()):
        assert len(family.labels) == len(values), family.name
    names = [family.name for family in families(label_agents=False)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("seed", seeds(6, fast=0))
def test_a_restart_takes_nothing_back_and_adds_nothing(seed: int) -> None:
    """Counters, histograms and agents' seconds: of a run that is cut now and then, and of one that never is."""
    busy = Busy(seed)
    board = Board.of(busy.world)
    steady, cut = Metrics(board, lambda: busy.now, Totals()), Metrics(board, lambda: busy.now, Totals())
    for made in (steady, cut):
        made.adopt(busy.world.plan)
    before: dict[tuple[str, ...], tuple[float, ...]] = {}
    for turn in range(400):
        outcome = busy.any()
        board.note(busy.world, outcome.changed)
        for made in (steady, cut):
            made.note(made.totals.count(outcome.facts), busy.world.now)
        if turn % 17 == 0:
            cut = Metrics(board, lambda: busy.now, restarted(cut.totals, busy.world.plan))
            cut.note({}, busy.world.now)
        now = scrape(cut)
        assert now == scrape(steady)
        assert all(new >= old for key in before for new, old in zip(now[key], before[key], strict=True))
        before = now
    assert sum(values[0] for (name, *_), values in before.items() if name == "visits_offered") > 5
    assert before["agent_state_seconds", "ready", ""][0] > 10


def scrape(made: Metrics) -> dict[tuple[str, ...], tuple[float, ...]]:
    now = made._shown | made._in_progress()
    return {(family.name, *labels): tuple(round(value, 6) for value in values) for (family, labels), values in now.items()}


def test_only_what_changed_is_to_be_saved() -> None:
    totals = Totals()
    assert totals.count([]) == {}
    assert totals.count([began()]).keys() == {(TABLE, '["visits_offered","q0","standard"]')}
    (row,) = totals.count([began(), began()]).values()
    assert isinstance(row, Total)
    assert row.values == (3.0,)


def test_a_histogram_goes_on_in_its_buckets() -> None:
    totals = Totals()
    totals.count([talked(4.0), talked(5.0), talked(99999.0)])
    again = restarted(totals, plan())
    again.count([talked(6.0)])
    values = shown(again)["talk_seconds", "q0", "in"]
    assert values[:2] == (2.0, 1.0)
    assert values[-2:] == (1.0, 4.0 + 5.0 + 99999.0 + 6.0)


def test_what_the_configuration_has_no_more_is_dropped_at_a_start_and_in_the_store() -> None:
    totals = Totals()
    totals.count([began("q0"), began("q2"), began("q0", "gold")])
    again = restarted(totals, plan(queues=1))
    assert shown(again)["visits_offered", "q0", "standard"] == (1.0,)
    assert ("visits_offered", "q2", "standard") not in shown(again)
    assert ("visits_offered", "q0", "gold") not in shown(again)
    assert again.count([]) == {}
    changed = again.count([began("q0")])
    assert changed[TABLE, '["visits_offered","q2","standard"]'] is None
    assert changed[TABLE, '["visits_offered","q0","gold"]'] is None
    assert len(again.count([began("q0")])) == 1
    assert again.rows().keys() == {'["visits_offered","q0","standard"]'}


@pytest.mark.parametrize(
    "row",
    [
        Total(id="nonsense", values=(1.0,)),
        Total(id="{}", values=(1.0,)),
        Total(id="[]", values=(1.0,)),
        Total(id='["visits_offered","q0"]', values=(1.0,)),
        Total(id='["visits_offered","q0","standard"]', values=(1.0, 2.0)),
        Total(id='["visits_of_yore","q0","standard"]', values=(1.0,)),
        Total(id='["talk_seconds","q0","in"]', values=(0.0,) * 14, bounds=(1.0,) * 12),
    ],
)
def test_a_row_of_another_version_counts_from_zero(row: Total) -> None:
    totals = Totals()
    totals.adopt(plan())
    totals.restore([row], plan())
    assert not any(any(values) for values in shown(totals).values())
    assert totals.count([began("q1")])[TABLE, row.id] is None


def test_what_people_type_is_bounded_and_the_configured_is_never_lost_in_it() -> None:
    totals = Totals()
    totals.count([rested("ann", f"reason {number}") for number in range(1000)])
    again = restarted(totals, plan())
    again.adopt(replace(plan(), reasons={"training": Reason("training")}))
    again.count([rested("ann", "training"), rested("ann", "reason 2000"), rested("ann", "reason 7")])
    reasons = {key[2]: values[0] for key, values in shown(again).items() if key[:2] == ("agent_state_seconds", "not_ready")}
    assert reasons["training"] == 2.0
    assert reasons["reason 7"] == 4.0
    assert reasons["other"] == 2.0 * (1000 - MAX_LABEL_VALUES + 1)
    assert len([reason for reason in reasons if reason.startswith("reason ")]) == MAX_LABEL_VALUES


@pytest.mark.parametrize("adopted", ["before", "after"])
def test_configured_values_take_no_room_of_the_others_after_a_restart(adopted: str) -> None:
    reasons = {f"r{number}": Reason(f"r{number}") for number in range(MAX_LABEL_VALUES)}
    configuration = replace(two_tiers(), reasons=reasons)
    before = Totals()
    before.adopt(configuration)
    before.count([rested("ann", reason) for reason in reasons])
    again = Totals()
    if adopted == "before":
        again.adopt(configuration)
    again.restore(before.rows().values(), configuration)
    if adopted == "after":
        again.adopt(configuration)
    again.count([rested("ann", "typed")])
    assert ("agent_state_seconds", "not_ready", "typed") in shown(again)


def test_agents_are_labels_up_to_a_number() -> None:
    totals = Totals(label_agents=True)
    totals.count([rested(f"agent{number}", "lunch") for number in range(MAX_AGENTS + 20)])
    rows = [labels for family, labels in totals.shown() if family is EACH_AGENTS_SECONDS]
    assert len(rows) == MAX_AGENTS + 1
    assert ("not_ready", "lunch", "other") in rows


def test_with_and_without_agents_the_seconds_are_the_same() -> None:
    facts: list[AnyFact] = [rested("a0", "lunch"), rested("a1", "lunch")]
    each, summed = Totals(label_agents=True), Totals()
    each.count(facts)
    summed.count(facts)
    assert shown(summed)["agent_state_seconds", "not_ready", "lunch"] == (4.0,)
    assert shown(each)["agent_state_seconds", "not_ready", "lunch", "a1"] == (2.0,)
    assert not shown(restarted(each, plan())).keys() & shown(each).keys()


def test_numbers_of_people_are_never_labels() -> None:
    totals = Totals()
    away = VisitEnded(
        seq=1, at=1.0, queue="q0", tier="gold", outcome="overflowed", waited=1.0, within_target=False, day="d",
        to="dialplan:out,+442079460123", reason="waited",
    )  # fmt: skip
    totals.count([away, rested("ann", "call 442079460123"), RequestRefused(seq=1, at=1.0, request="+442079460123", reason="")])
    assert "2079460" not in str(totals.rows())


def test_facts_that_count_nothing_cost_no_row() -> None:
    fact = AgentChanged(
        seq=1, at=1.0, name="", phone="", state="ready", reason="", previous="logged_out", previous_reason="", lasted=9.0
    )
    assert list(counts(fact)) == []
    assert Totals().count([fact]) == {}


def last_words(*functions: str) -> set[str]:
    """The last argument of every call in the core of these functions, where it is written out."""
    found = set()
    for call in {call for owner in sources.functions() for call in sources.calls(owner)}:
        if call.args and sources.name_of(call) in functions:
            found |= {each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return found - {""}


def test_every_kind_of_difference_is_there_from_the_start() -> None:
    totals = Totals()
    totals.adopt(two_tiers())
    at_first = shown(totals)
    kinds = last_words("_differs")
    assert kinds >= {"leg_without_owner", "bridge_without_call"}
    assert {key[2] for key in at_first if key[0] == "audit_differences"} == kinds
