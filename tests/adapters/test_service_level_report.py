"""Service levels: all four formulas by hand, and sums over any intervals."""

from __future__ import annotations

from typing import Any

import pytest

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.queues import queues_report, report_queues
from callbridge.adapters.reports.service_levels import service_level_report
from tests.examples import seeds

from .report_days import BERLIN, LORD_HOWE, ORIGINS, at, busy, put, query, spread, sums, table

NINE = at("2026-11-28T09:00")
COUNTED = ("offered", "answered", "abandoned", "short_abandoned", "within_target")
COUNTS = (*COUNTED, *(f"within_{seconds}" for seconds in (10, 20, 30, 60, 120)))
SHARES = ("service_level", "service_level_answered", "service_level_with_abandoned", "service_level_offered")


def visit(store: HistoryStore, outcome: str | None, waited: float, queue: str = "sales", **values: Any) -> None:
    values = {"began_at": NINE, "within_target": waited <= 20 and outcome in ("answered", "abandoned")} | values
    put(store, tables.visits, queue=queue, outcome=outcome, waited=waited, **values)


def test_each_formula_is_what_it_says(history: HistoryStore) -> None:
    for waited in (5.0, 10.0, 20.0, 45.0, 90.0, 300.0):
        visit(history, "answered", waited)
    for waited in (15.0, 200.0):
        visit(history, "abandoned", waited)
    visit(history, "short_abandoned", 2.0)
    visit(history, "overflowed", 60.0)
    (row,) = table(service_level_report(history.database.engine, query(NINE, NINE + 60)))
    assert row == {
        "interval": "2026-11-28",
        "queue": "sales",
        "offered": 10,
        "answered": 6,
        "abandoned": 2,
        "short_abandoned": 1,
        "within_target": 3,
        "service_level": 0.375,
        "service_level_answered": 0.5,
        "service_level_with_abandoned": 0.5,
        "service_level_offered": 0.3,
        "within_10": 2,
        "within_20": 3,
        "within_30": 3,
        "within_60": 4,
        "within_120": 5,
    }


def test_where_nothing_was_there_is_no_service_level(history: HistoryStore) -> None:
    visit(history, "short_abandoned", 2.0)
    visit(history, "answered", 240.0, began_at=at("2026-11-28T09:58"), ended_at=at("2026-11-28T10:02"))
    asked = query(NINE, NINE + 7200, By.HALF_HOUR)
    found = table(service_level_report(history.database.engine, asked))
    assert [(row["interval"][-5:], row["queue"], *(row[name] for name in SHARES)) for row in found] == [  # type: ignore[index]
        ("09:00", "sales", None, None, None, 0.0),
        ("09:30", "sales", 0.0, 0.0, 0.0, 0.0),
        ("10:00", "", None, None, None, None),
        ("10:30", "", None, None, None, None),
    ]


def test_visits_are_narrowed_by_queue_tier_and_entry(history: HistoryStore) -> None:
    for call, queue, tier, entry in (
        ("c1", "sales", "gold", "main"),
        ("c2", "support", "gold", "night"),
        ("c3", "orders", "", "main"),
    ):
        put(history, tables.calls, call=call, entry=entry, arrived_at=NINE)
        visit(history, "answered", 1.0, queue, call=call, tier=tier)

    def found(**changes: Any) -> list[Any]:
        return [row["queue"] for row in table(service_level_report(history.database.engine, query(NINE, NINE + 60, **changes)))]

    assert found() == ["orders", "sales", "support"]
    assert found(queues=frozenset({"sales", "support"})) == ["sales", "support"]
    assert found(tiers=frozenset({"gold"})) == ["sales", "support"]
    assert found(entries=frozenset({"main"})) == ["orders", "sales"]
    assert found(entries=frozenset({"main"}), tiers=frozenset({"gold"})) == ["sales"]


@pytest.mark.parametrize("seed", seeds(3, fast=0))
@pytest.mark.parametrize("fill", [busy, spread])
def test_quarters_of_an_hour_sum_to_the_whole(history: HistoryStore, fill: Any, seed: int) -> None:
    begin, end = fill(history, seed, ORIGINS[seed])
    whole = sums(table(service_level_report(history.database.engine, query(begin, end + 1))), ("queue",), COUNTS)
    assert sum(one["answered"] for one in whole.values()) > 0
    for by, zone in ((By.QUARTER_HOUR, BERLIN), (By.HOUR, LORD_HOWE), (By.DAY, BERLIN), (By.MONTH, BERLIN), (By.WEEKDAY, BERLIN)):
        found = table(service_level_report(history.database.engine, query(begin, end + 1, by, zone)))
        assert sums(found, ("queue",), COUNTS) == whole


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_the_default_is_that_of_the_queues_report(history: HistoryStore, seed: int) -> None:
    begin, end = busy(history, seed, ORIGINS[seed])
    asked = query(begin, end + 1, By.HOUR)
    of_queues = report_queues(history.database.engine, asked.pieces())
    for row in table(service_level_report(history.database.engine, asked)):
        if row["queue"]:
            one = of_queues[str(row["interval"]), str(row["queue"])]
            assert (row["offered"], row["answered"], row["within_target"]) == (one.offered, one.answered, one.within)
            assert row["service_level"] == (None if one.service_level is None else pytest.approx(one.service_level, abs=1e-4))


def test_several_queues_together_are_one_row_with_their_sums(history: HistoryStore) -> None:
    for queue, waits in (("sales", (5.0, 50.0)), ("support", (5.0,)), ("orders", (5.0,))):
        for waited in waits:
            visit(history, "answered", waited, queue)
    asked = query(NINE, NINE + 7200, By.HOUR, queues=frozenset({"support", "sales"}), together=True)
    shown = ("interval", "queue", "offered", "service_level")
    for found in (
        table(service_level_report(history.database.engine, asked)),
        table(queues_report(history.database.engine, asked)),
    ):
        assert [tuple(row[name] for name in shown) for row in found] == [
            ("2026-11-28 09:00", "sales, support", 3, 0.6667),
            ("2026-11-28 10:00", "", None, None),
        ]
    (row,) = table(queues_report(history.database.engine, query(NINE, NINE + 60, together=True)))
    assert (row["queue"], row["offered"], row["longest_wait"]) == ("all", 4, 50.0)
