"""Reports of the golden stories: what the core really says of flows, surveys and callbacks, in the order in which it says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.adapters.reports.callbacks import callbacks_report
from callbridge.adapters.reports.flows import flows_report
from callbridge.adapters.reports.report import ReportQuery
from callbridge.adapters.reports.surveys import surveys_report
from callbridge.adapters.reports.terms import ReportTerms
from tests.core.traces import Trace

from .told import ZONE, read

STORIES = Path(__file__).parents[1] / "traces"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HistoryStore]:
    with closing(HistoryStore(f"sqlite:///{tmp_path}/history.db", People())) as made:
        made.open()
        yield made


def told(store: HistoryStore, story: str, terms: ReportTerms | None = None) -> ReportQuery:
    """Write down what the story tells; gives a query of the whole of it."""
    trace = Trace((STORIES / f"{story}.txt").read_text(encoding="utf-8"))
    trace.rewritten()
    facts = trace.story.told
    store.write(tuple(Stamper().stamp(1, facts)), 0.0)
    return ReportQuery(begin=facts[0].at - 1, end=facts[-1].at + 1, now=facts[-1].at + 1, zone=ZONE, terms=terms or ReportTerms())


def test_a_flow_that_asks_and_leads_into_a_queue(store: HistoryStore) -> None:
    query = told(store, "flow_asks_then_queues")
    found = {(row["node"], row["key"], row["went_to"]): row for row in read(flows_report(store.database.engine, query))}
    flow = found["", "", ""]
    assert (flow["passages"], flow["contained"], flow["containment"], flow["mean_time"]) == (3, 1, 0.3333, 9.3)
    visits = {node: row["visits"] for (node, _, went_to), row in found.items() if node and not went_to}
    assert visits == {"hello": 3, "choose": 3, "number": 1, "support": 2, "bye": 1}
    ways = {way: row["times"] for way, row in found.items() if way[2]}
    assert ways == {
        ("hello", "", "choose"): 3,
        ("choose", "1", "number"): 1,
        ("choose", "", "support"): 1,
        ("choose", "9", "bye"): 1,
        ("number", "", "support"): 1,
        ("support", "", "(queue:support)"): 2,
        ("bye", "", "(goodbye)"): 1,
    }


def test_a_voicemail_and_the_way_back_into_the_queue_contain_nobody(store: HistoryStore) -> None:
    query = told(store, "flow_voicemail_and_key_in_the_queue")
    flow = next(row for row in read(flows_report(store.database.engine, query)) if not row["node"])
    assert (flow["passages"], flow["contained"]) == (2, 0)


def test_a_survey_that_was_answered_and_one_that_was_missed(store: HistoryStore) -> None:
    scales = {("service", "friendly"): (1, 2, 3, 4, 5), ("service", "solved"): ()}
    query = told(store, "survey_after_the_talk", terms=ReportTerms(scales=scales))
    rows = {row["question"]: row for row in read(surveys_report(store.database.engine, query))}
    assert [rows[""][name] for name in ("asked", "responded", "hung_up_first", "agent", "queue")] == [1, 1, 1, "bob", "support"]
    assert [rows["friendly"][name] for name in ("answers", "mean_score", "csat", "dsat")] == [1, 1.0, 0.0, 1.0]
    assert [rows["solved"][name] for name in ("answers", "mean_score")] == [1, None]


def test_a_callback_that_was_kept_at_the_second_call(store: HistoryStore) -> None:
    query = told(store, "callback_customer_first")
    (row,) = read(callbacks_report(store.database.engine, query))
    assert [row[name] for name in ("queue", "requested", "kept", "attempts", "mean_wait")] == ["support", 1, 1, 2, 148.1]
    (flow,) = [row for row in read(flows_report(store.database.engine, query)) if not row["node"]]
    assert (flow["passages"], flow["contained"]) == (1, 0), "somebody has to call back"
