"""The funnel of flows: what callers did in them, one by one, and its sums over any intervals."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.flows import flows_report
from callbridge.adapters.reports.intervals import By
from callbridge.core.model.facts import AnyFact, CallEnded, FlowBegan, FlowEnded, FlowStepped, TalkBegan
from tests.examples import seeds

from .told import DAY, MORNING, adds_up, arrival, asked, read, tell


def came(call: str, at: float, *nodes: str, result: str, to: str = "", flow: str = "menu", lasted: float = 30.0) -> list[AnyFact]:
    """A passage through a flow; a node is ``name``, or ``key>name``."""
    facts: list[AnyFact] = [FlowBegan(seq=0, at=at, call=call, flow=flow, reason="entry")]
    for node in nodes:
        key, _, name = node.rpartition(">")
        facts.append(FlowStepped(seq=0, at=at + len(facts), call=call, flow=flow, node=name, key=key))
    node = nodes[-1] if nodes else ""
    end = FlowEnded(seq=0, at=at + lasted, call=call, flow=flow, node=node, result=result, lasted=lasted, to=to)
    return [*facts, end] if result else facts


def over(call: str, at: float, outcome: str) -> CallEnded:
    return CallEnded(seq=0, at=at, call=call, lasted=60.0, outcome=outcome, segments=0)


def talk(call: str, at: float) -> TalkBegan:
    return TalkBegan(seq=0, at=at, call=call, agent="amy", queue="sales", leg="lab/2", waited=1.0)


def test_a_flow_is_a_funnel_with_its_nodes_keys_and_exits(history: HistoryStore) -> None:
    at = MORNING + 600
    facts: list[AnyFact] = [arrival(call, at) for call in ("a", "b", "c", "d", "e")]
    facts += [
        *came("a", at, "hello", "ask", "1>to sales", result="queue", to="queue:sales"),
        talk("a", at + 40),
        over("a", at + 99, "answered"),
    ]
    facts += [*came("b", at, "hello", "ask", "2>hours", result="goodbye", lasted=10.0), over("b", at + 10, "flow")]
    facts += [*came("c", at, "hello", "ask", "ask", result="hung_up", lasted=20.0), over("c", at + 20, "left_flow")]
    facts += [*came("d", at, "hello", "ask", "3>message", result="goodbye"), over("d", at + 30, "voicemail")]
    facts += came("e", at, "hello", result="")
    tell(history, facts)
    found = {
        (row["flow"], row["node"], row["key"], row["went_to"]): row
        for row in read(flows_report(history.database.engine, asked()))
    }
    flow = found["menu", "", "", ""]
    assert (flow["passages"], flow["contained"], flow["containment"], flow["mean_time"]) == (5, 2, 0.5, 22.5)
    nodes = {node: row for (_, node, _, went_to), row in found.items() if node and not went_to}
    assert {node: row["visits"] for node, row in nodes.items()} == {"hello": 5, "ask": 5, "to sales": 1, "hours": 1, "message": 1}
    assert {node: row["exits"] for node, row in nodes.items()} == {"hello": 0, "ask": 1, "to sales": 1, "hours": 1, "message": 1}
    assert (nodes["ask"]["hung_up"], nodes["ask"]["reach"], nodes["to sales"]["reach"]) == (1, 0.8, 0.2)
    ways = {(node, key, went_to): row["times"] for (_, node, key, went_to), row in found.items() if went_to}
    assert ways == {
        ("hello", "", "ask"): 4,
        ("ask", "1", "to sales"): 1,
        ("ask", "2", "hours"): 1,
        ("ask", "3", "message"): 1,
        ("ask", "", "ask"): 1,
        ("ask", "", "(hung_up)"): 1,
        ("to sales", "", "(queue:sales)"): 1,
        ("hours", "", "(goodbye)"): 1,
        ("message", "", "(goodbye)"): 1,
    }
    assert found["menu", "ask", "1", "to sales"]["times_share"] == 0.2


def test_an_agent_after_the_flow_or_a_callback_owed_is_no_containment_and_a_survey_has_none(history: HistoryStore) -> None:
    at = MORNING + 600
    facts: list[AnyFact] = [arrival(call, at) for call in ("a", "b", "c")]
    facts += [*came("a", at, "ask", result="queue"), talk("a", at + 40)]
    facts += [*came("a", at + 50, "friendly", result="goodbye", flow="survey:service"), over("a", at + 99, "flow")]
    facts += [*came("b", at, "call me", result="goodbye"), over("b", at + 30, "callback")]
    facts += [*came("c", at, "ask", result="flow", to="flow:late"), *came("c", at + 30, "bye", result="goodbye", flow="late")]
    facts += [over("c", at + 60, "flow")]
    tell(history, facts)
    rows = [row for row in read(flows_report(history.database.engine, asked())) if not row["node"]]
    assert {row["flow"]: (row["contained"], row["containment"]) for row in rows} == {
        "menu": (1, 0.3333),
        "late": (1, 1.0),
        "survey:service": (0, None),
    }


def test_a_passage_counts_where_it_began_also_when_it_ends_after_the_period(history: HistoryStore) -> None:
    end = MORNING + 900
    tell(
        history,
        [
            arrival("a", end - 5),
            *came("a", end - 5, "ask", "1>bye", result="goodbye"),
            *came("a", end + 40, "ask", result="hung_up"),
        ],
    )
    rows = read(flows_report(history.database.engine, asked(MORNING, end)))
    assert [row["passages"] for row in rows if not row["node"]] == [1]
    assert sum(row["exits"] or 0 for row in rows) == 1
    later = read(flows_report(history.database.engine, asked(end, end + 900)))
    assert [row["passages"] for row in later if not row["node"]] == [1]


def made_up(seed: int) -> tuple[list[AnyFact], Counter[tuple[str, str]]]:
    """A day of callers in flows, and how often each node was reached."""
    rng, facts, visits = Random(seed), list[AnyFact](), Counter[tuple[str, str]]()
    for number in range(120):
        call, at = f"c{number}", MORNING + rng.random() * (DAY - 7200)
        facts.append(arrival(call, at))
        for _ in range(rng.choice((1, 1, 2, 3))):
            flow, nodes = rng.choice(("menu", "late")), [rng.choice("abcd") for _ in range(rng.randrange(5))]
            visits.update((flow, node) for node in nodes)
            keys = [rng.choice(("", "1>", "2>")) + node for node in nodes]
            lasted = 10 + rng.random() * 1200
            facts += came(call, at, *keys, result=rng.choice(("queue", "hung_up", "goodbye", "")), flow=flow, lasted=lasted)
            at += lasted + 1
        facts += [talk(call, at)] if rng.random() < 0.4 else []
        facts += [over(call, at + 60, rng.choice(("flow", "left_flow", "answered")))] if rng.random() < 0.9 else []
    return facts, visits


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_each_visit_goes_one_way_on_and_any_intervals_add_up(history: HistoryStore, seed: int) -> None:
    facts, visits = made_up(seed)
    tell(history, facts)
    engine = history.database.engine
    adds_up(lambda query: flows_report(engine, query))
    rows = read(flows_report(engine, asked(by=By.HOUR)))
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counted[row["flow"], row["node"]] += row["visits"] or 0
        assert row["containment"] is None or 0 <= row["containment"] <= 1
    assert +counted == visits
    went = Counter[tuple[str, str, str]]()
    for row in rows:
        went[row["interval"], row["flow"], row["node"]] += (row["times"] or 0) - (row["visits"] or 0)
    left = Counter(fact.flow for fact in facts if isinstance(fact, FlowBegan)) - Counter(
        fact.flow for fact in facts if isinstance(fact, FlowEnded)
    )
    assert all(more <= 0 for more in went.values())
    assert -sum(went.values()) <= sum(left.values())


def test_only_the_callers_of_an_entry(history: HistoryStore) -> None:
    at = MORNING + 60
    tell(
        history,
        [
            arrival("a", at),
            arrival("b", at, entry="shop"),
            *came("a", at, "x", result="goodbye"),
            *came("b", at, "y", result="goodbye"),
        ],
    )
    rows = read(flows_report(history.database.engine, asked(entries=frozenset({"shop"}))))
    assert {row["node"] for row in rows} == {"", "y"}
