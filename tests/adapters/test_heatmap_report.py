"""The hours of the week: exact over changes of the clocks, and all of them together are the whole."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.heatmap import heatmap_report
from callbridge.adapters.reports.occupancy import find_occupancy
from callbridge.adapters.reports.queues import report_queues
from callbridge.adapters.reports.report import ReportQuery, ReportValue
from tests.examples import cases, seeds

from .report_days import BERLIN, HOUR, LORD_HOWE, ORIGINS, at, busy, put, query, spread, table

pytestmark = pytest.mark.slow

SATURDAY = at("2026-11-28")


def cells(store: HistoryStore, asked: ReportQuery) -> dict[tuple[Any, Any], dict[str, ReportValue]]:
    return {(row["weekday"], row["hour"]): row for row in table(heatmap_report(store.database.engine, asked))}


def visit(store: HistoryStore, began: float, outcome: str = "answered", waited: float = 10.0, **values: Any) -> None:
    ended = {"began_at": began, "ended_at": began + waited, "waited": waited, "within_target": waited <= 20}
    put(store, tables.visits, outcome=outcome, **({"queue": "sales"} | ended | values))


def test_a_cell_has_the_figures_of_its_hour(history: HistoryStore) -> None:
    nine = SATURDAY + 9 * HOUR
    visit(history, nine)
    visit(history, nine + 3599, waited=40.0)
    visit(history, nine + 100, "abandoned", 30.0)
    visit(history, nine + 200, "short_abandoned", 1.0)
    visit(history, nine + 3600)
    put(history, tables.segments, queue="sales", began_at=nine + 1800, ended_at=nine + 5400)
    found = cells(history, query(SATURDAY, SATURDAY + 86_400))
    assert len(found) == 168
    assert found["Sat", "09:00"] == {
        "weekday": "Sat",
        "hour": "09:00",
        "offered": 4,
        "answered": 2,
        "service_level": 0.3333,
        "abandon_rate": 0.3333,
        "mean_wait": 26.7,
        "talk_erlangs": 0.5,
        "hours": 1.0,
    }
    assert (found["Sat", "10:00"]["offered"], found["Sat", "10:00"]["talk_erlangs"]) == (1, 0.5)
    empty = found["Sat", "11:00"]
    assert (empty["offered"], empty["service_level"], empty["mean_wait"], empty["talk_erlangs"]) == (0, None, None, 0.0)
    assert list(found["Sun", "09:00"].values()) == ["Sun", "09:00", None, None, None, None, None, None, 0.0]


def test_several_weeks_share_their_hours(history: HistoryStore) -> None:
    nine = SATURDAY + 9 * HOUR
    for week in range(4):
        visit(history, nine - week * 7 * 86_400)
    put(history, tables.segments, began_at=nine, ended_at=nine + 3600)
    row = cells(history, query(SATURDAY - 21 * 86_400, SATURDAY + 86_400))["Sat", "09:00"]
    assert (row["offered"], row["talk_erlangs"], row["hours"]) == (4, 0.25, 4.0)


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 2.0), ("2026-03-29", 0.0), ("2026-11-01", 1.0)])
def test_an_hour_that_is_there_twice_or_not_at_all(history: HistoryStore, day: str, hours: float) -> None:
    begin, end = at(day), at(f"{day}T23:59") + 60
    moment = begin
    while moment < end:
        visit(history, moment)
        moment += HOUR
    put(history, tables.segments, began_at=begin, ended_at=end)
    row = cells(history, query(begin, end))["Sun", "02:00"]
    assert (row["hours"], row["offered"]) == (hours, int(hours) or None)
    assert row["talk_erlangs"] == (1.0 if hours else None)
    assert sum(float(each["hours"] or 0) for each in cells(history, query(begin, end)).values()) == (end - begin) / HOUR


def test_a_change_of_half_an_hour_is_exact_too(history: HistoryStore) -> None:
    """On Lord Howe the clocks go back from 02:00 to 01:30, on the first Sunday in April."""
    begin, end = at("2026-04-05", LORD_HOWE), at("2026-04-06", LORD_HOWE)
    found = cells(history, query(begin, end, zone=LORD_HOWE))
    lengths = {hour: row["hours"] for (weekday, hour), row in found.items() if weekday == "Sun"}
    assert lengths.pop("01:00") == 1.5
    assert set(lengths.values()) == {1.0}


def test_the_hour_under_way_counts_up_to_now(history: HistoryStore) -> None:
    nine = SATURDAY + 9 * HOUR
    put(history, tables.segments, began_at=nine)
    found = cells(history, query(SATURDAY, SATURDAY + 86_400, now=nine + 900))
    assert (found["Sat", "09:00"]["talk_erlangs"], found["Sat", "09:00"]["hours"]) == (1.0, 0.25)
    assert found["Sat", "10:00"]["offered"] is None


def test_cells_are_narrowed_by_queue_tier_and_entry(history: HistoryStore) -> None:
    nine = SATURDAY + 9 * HOUR
    for call, queue, tier, entry in (("c1", "sales", "gold", "main"), ("c2", "support", "silver", "main")):
        put(history, tables.calls, call=call, tier=tier, entry=entry, arrived_at=nine)
        visit(history, nine, call=call, queue=queue, tier=tier)
        put(history, tables.segments, call=call, queue=queue, began_at=nine, ended_at=nine + 1800)

    def found(**changes: Any) -> tuple[Any, Any]:
        row = cells(history, query(SATURDAY, SATURDAY + 86_400, **changes))["Sat", "09:00"]
        return row["offered"], row["talk_erlangs"]

    assert found() == (2, 1.0)
    assert found(queues=frozenset({"sales"})) == (1, 0.5)
    assert found(queues=frozenset({"sales", "support"})) == (2, 1.0)
    assert found(tiers=frozenset({"silver"})) == (1, 0.5)
    assert found(entries=frozenset({"main"}), tiers=frozenset({"gold"})) == (1, 0.5)
    assert found(entries=frozenset({"night"})) == (0, 0.0)


@pytest.mark.parametrize("zone", cases([BERLIN, LORD_HOWE, ZoneInfo("Asia/Kathmandu")], fast=[LORD_HOWE]))
@pytest.mark.parametrize("fill", [busy, spread])
@pytest.mark.parametrize("seed", seeds(2, fast=0))
def test_all_hours_together_are_the_whole(history: HistoryStore, fill: Any, seed: int, zone: ZoneInfo) -> None:
    begin, end = fill(history, seed, ORIGINS[seed])
    asked = query(begin + 100, end + 1, zone=zone)
    found = cells(history, asked).values()
    whole = report_queues(history.database.engine, asked.pieces()).values()
    assert sum(int(row["offered"] or 0) for row in found) == sum(one.offered for one in whole) > 0
    assert sum(int(row["answered"] or 0) for row in found) == sum(one.answered for one in whole)
    (occupancy,) = find_occupancy(history.database.engine, asked, asked.pieces()).values()
    talked = sum(float(row["talk_erlangs"] or 0) * float(row["hours"] or 0) for row in found) * HOUR
    assert talked == pytest.approx(occupancy.talked, rel=0.01, abs=60)
