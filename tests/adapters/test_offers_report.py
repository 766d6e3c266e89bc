"""Offers: what came of each, by agent and queue; they close, and any intervals sum to the whole."""

from __future__ import annotations

from typing import Any

import pytest

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.offers import offers_report
from tests.examples import seeds

from .days import rows
from .report_days import BERLIN, LORD_HOWE, ORIGINS, at, busy, put, query, spread, sums, table

NINE = at("2026-11-28T09:00")
COUNTS = ("offered", "answered", "missed", "rejected", "unreachable", "cancelled", "still_ringing", "busy")


def offer(
    store: HistoryStore, result: str | None, agent: str = "ann", queue: str = "sales", at: float = NINE, **values: Any
) -> None:
    put(store, tables.offers, agent=agent, queue=queue, result=result, began_at=at, **values)


def test_each_result_has_its_column(history: HistoryStore) -> None:
    offer(history, "answered", rang_for=4.0)
    offer(history, "answered", rang_for=8.0)
    offer(history, "no_answer", rang_for=20.0)
    offer(history, "rejected", cause=21)
    offer(history, "rejected", cause=17)
    offer(history, "rejected", cause=17, trouble="dnd")
    offer(history, "offline", cause=20)
    offer(history, "unavailable", trouble="silent")
    offer(history, "misconfigured", trouble="no_common_codec", cause=58)
    offer(history, "misconfigured")
    offer(history, "cancelled", rang_for=1.0)
    offer(history, None)
    (row,) = table(offers_report(history.database.engine, query(NINE, NINE + 60)))
    assert row == {
        "interval": "2026-11-28",
        "agent": "ann",
        "queue": "sales",
        "offered": 12,
        "answered": 2,
        "missed": 1,
        "rejected": 3,
        "unreachable": 4,
        "cancelled": 1,
        "still_ringing": 1,
        "busy": 2,
        "answer_rate": 0.2,
        "ring_time": 6.0,
        "causes": "20 1, dnd 1, misconfigured 1, no_common_codec 1, silent 1",
    }


def test_an_offer_counts_where_it_began(history: HistoryStore) -> None:
    offer(history, "answered", at=at("2026-11-28T07:28"), ended_at=at("2026-11-28T07:32"), rang_for=240.0)
    asked = query(at("2026-11-28T07:00"), at("2026-11-28T08:30"), By.HALF_HOUR)
    found = table(offers_report(history.database.engine, asked))
    assert [(row["interval"], row["agent"], row["offered"], row["answer_rate"], row["ring_time"]) for row in found] == [
        ("2026-11-28 07:00", "ann", 1, 1.0, 240.0),
        ("2026-11-28 07:30", "", None, None, None),
        ("2026-11-28 08:00", "", None, None, None),
    ]


def test_where_nothing_was_answered_there_is_no_ring_time_and_where_all_were_cancelled_no_rate(history: HistoryStore) -> None:
    offer(history, "cancelled", rang_for=3.0)
    (row,) = table(offers_report(history.database.engine, query(NINE, NINE + 60)))
    assert (row["answer_rate"], row["ring_time"]) == (None, None)


def test_offers_are_narrowed_by_agent_queue_and_tier(history: HistoryStore) -> None:
    offer(history, "answered", tier="gold")
    offer(history, "answered", agent="bob", tier="silver")
    offer(history, "answered", agent="bob", queue="support", tier="gold")

    def found(**changes: Any) -> list[tuple[Any, ...]]:
        listed = table(offers_report(history.database.engine, query(NINE, NINE + 60, **changes)))
        return [(row["agent"], row["queue"]) for row in listed]

    assert found() == [("ann", "sales"), ("bob", "sales"), ("bob", "support")]
    assert found(agents=frozenset({"bob"})) == [("bob", "sales"), ("bob", "support")]
    assert found(queues=frozenset({"sales"}), agents=frozenset({"bob", "ann"})) == [("ann", "sales"), ("bob", "sales")]
    assert found(tiers=frozenset({"gold"})) == [("ann", "sales"), ("bob", "support")]


@pytest.mark.parametrize("seed", seeds(3, fast=0))
@pytest.mark.parametrize("fill", [busy, spread])
def test_quarters_of_an_hour_sum_to_the_whole_and_offers_close(history: HistoryStore, fill: Any, seed: int) -> None:
    begin, end = fill(history, seed, ORIGINS[seed])
    listed = table(offers_report(history.database.engine, query(begin, end + 1)))
    whole = sums(listed, ("agent", "queue"), COUNTS)
    assert sum(each["offered"] for each in whole.values()) == len(rows(history, tables.offers)) > 0
    for row in listed:
        assert row["offered"] == sum(int(row[name] or 0) for name in COUNTS[1:-1])
    for by, zone in ((By.QUARTER_HOUR, BERLIN), (By.HOUR, LORD_HOWE), (By.DAY, BERLIN), (By.MONTH, BERLIN), (By.WEEKDAY, BERLIN)):
        found = table(offers_report(history.database.engine, query(begin, end + 1, by, zone)))
        assert sums(found, ("agent", "queue"), COUNTS) == whole
