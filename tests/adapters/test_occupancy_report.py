"""Occupancy: seconds are cut at the borders of intervals, and peaks are those that a look at every moment finds."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.reports.concurrency import passing
from callbridge.adapters.reports.intervals import By, Interval
from callbridge.adapters.reports.occupancy import OccupancyFigures, find_occupancy, occupancy_report
from callbridge.adapters.reports.report import ReportQuery
from tests.examples import seeds

from .days import rows
from .report_days import BERLIN, HOUR, LORD_HOWE, ORIGINS, at, put, query, spread, table

pytestmark = pytest.mark.slow


def find(store: HistoryStore, asked: ReportQuery) -> dict[str, OccupancyFigures]:
    return find_occupancy(store.database.engine, asked, asked.pieces())


def clipped(row: dict[str, Any], piece: Interval) -> float:
    ended: float = piece.ended if row["ended_at"] is None else row["ended_at"]
    began: float = row["began_at"]
    return max(0.0, min(ended, piece.ended) - max(began, piece.began))


def peak(those: list[dict[str, Any]], piece: Interval) -> int:
    """The most of them at any moment at which one begins, and at the beginning."""
    there: list[tuple[float, float]] = [(row["began_at"], row["ended_at"] or piece.ended) for row in those]
    moments = [piece.began, *(began for began, _ in there if piece.began < began < piece.ended)]
    return max(sum(began <= moment < ended for began, ended in there) for moment in moments)


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_every_interval_has_what_the_rows_say(history: HistoryStore, seed: int) -> None:
    begin, end = spread(history, seed, ORIGINS[seed])
    states, talks, visits = rows(history, tables.agent_states), rows(history, tables.segments), rows(history, tables.visits)
    talks = [row for row in talks if row["kind"] == "talk" and row["ended_by"] != "short"]
    for by in (By.QUARTER_HOUR, By.HOUR, By.DAY):
        asked = query(begin + 100, end - 100, by)
        found = find(history, asked)
        assert any(one.peak_talking for one in found.values())
        assert any(one.peak_waiting for one in found.values())
        for piece in asked.pieces():
            one = found[piece.label]
            seconds: Counter[str] = Counter()
            for row in states:
                if row["state"] != "logged_out":
                    seconds[row["state"]] += clipped(row, piece)  # type: ignore[assignment]
            assert {**one.states} == {state: pytest.approx(value, abs=1e-3) for state, value in seconds.items() if value}
            assert one.talked == pytest.approx(sum(clipped(row, piece) for row in talks), abs=1e-3)
            assert one.waited == pytest.approx(sum(clipped(row, piece) for row in visits), abs=1e-3)
            assert (one.peak_talking, one.peak_waiting) == (peak(talks, piece), peak(visits, piece))
            assert one.length == piece.ended - piece.began


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_quarters_of_an_hour_sum_to_the_whole(history: HistoryStore, seed: int) -> None:
    begin, end = spread(history, seed, ORIGINS[seed])
    whole = find(history, query(begin, end))
    (one,) = whole.values()
    for by, zone in ((By.QUARTER_HOUR, BERLIN), (By.HOUR, LORD_HOWE), (By.HOUR_OF_DAY, BERLIN), (By.WEEKDAY, BERLIN)):
        found = find(history, query(begin, end, by, zone)).values()
        assert sum(each.length for each in found) == pytest.approx(one.length)
        assert sum(each.staffed for each in found) == pytest.approx(one.staffed)
        assert sum(each.talked for each in found) == pytest.approx(one.talked)
        assert sum(each.waited for each in found) == pytest.approx(one.waited)
        assert max(each.peak_talking for each in found) == one.peak_talking
        assert max(each.peak_waiting for each in found) == one.peak_waiting
        states = sum((Counter(each.states) for each in found), Counter())
        assert dict(states) == {state: pytest.approx(value) for state, value in one.states.items()}


def test_a_conversation_from_07_28_to_07_32_is_two_minutes_of_each_half_hour(history: HistoryStore) -> None:
    put(history, tables.segments, agent="ann", queue="sales", began_at=at("2026-03-29T07:28"), ended_at=at("2026-03-29T07:32"))
    put(
        history,
        tables.agent_states,
        agent="ann",
        state="talking",
        began_at=at("2026-03-29T07:28"),
        ended_at=at("2026-03-29T07:32"),
    )
    asked = query(at("2026-03-29T07:00"), at("2026-03-29T08:30"), By.HALF_HOUR)
    found = table(occupancy_report(history.database.engine, asked))
    assert [(row["interval"], row["mean_talking"], row["peak_talking"], row["occupancy"]) for row in found] == [
        ("2026-03-29 07:00", 0.07, 1, 1.0),
        ("2026-03-29 07:30", 0.07, 1, 1.0),
        ("2026-03-29 08:00", 0.0, 0, None),
    ]
    assert [row["talking_time"] for row in found] == [120.0, 120.0, 0.0]


def test_a_conversation_over_midnight_and_the_end_of_a_month_is_cut_there(history: HistoryStore) -> None:
    put(history, tables.segments, began_at=at("2026-10-31T23:50"), ended_at=at("2026-11-01T00:20"))
    by_month = find(history, query(at("2026-10-01"), at("2026-12-01"), By.MONTH))
    assert {label: one.talked for label, one in by_month.items()} == {"2026-10": 600.0, "2026-11": 1200.0}
    assert {label: one.length for label, one in by_month.items()} == {"2026-10": 31 * 24 * HOUR + HOUR, "2026-11": 30 * 24 * HOUR}


def test_the_hour_that_is_there_twice_is_two_intervals_and_one_hour_of_the_day(history: HistoryStore) -> None:
    first = at("2026-10-25T01:30") + HOUR  # 02:30 before the clocks go back; the talk ends at 02:30 after that
    put(history, tables.segments, began_at=first, ended_at=first + HOUR)
    hours = find(history, query(at("2026-10-25"), at("2026-10-26"), By.HOUR))
    talked = {label: one.talked for label, one in hours.items() if one.talked}
    assert talked == {"2026-10-25 02:00+0200": 1800.0, "2026-10-25 02:00+0100": 1800.0}
    (gathered,) = (one for one in find(history, query(at("2026-10-25"), at("2026-10-26"), By.HOUR_OF_DAY)).values() if one.talked)
    assert (gathered.talked, gathered.length) == (3600.0, 7200.0)


def test_what_ends_as_another_begins_is_not_two_at_once(history: HistoryStore) -> None:
    for began, ended in (("09:00", "09:15"), ("09:15", "09:30"), ("09:15", "09:20")):
        put(history, tables.visits, queue="sales", began_at=at(f"2026-11-28T{began}"), ended_at=at(f"2026-11-28T{ended}"))
    put(history, tables.visits, queue="other", began_at=at("2026-11-28T09:00"), ended_at=at("2026-11-28T11:00"))
    asked = query(at("2026-11-28T09:00"), at("2026-11-28T10:00"), By.QUARTER_HOUR, queues=frozenset({"sales"}))
    assert [one.peak_waiting for one in find(history, asked).values()] == [1, 2, 0, 0]


def test_what_lasts_is_counted_up_to_now_and_the_future_has_no_figures(history: HistoryStore) -> None:
    put(history, tables.agent_states, agent="ann", fact="now", state="ready", began_at=at("2026-11-27T22:00"))
    put(history, tables.agent_states, agent="bob", fact="now", state="logged_out", began_at=at("2026-11-27T22:00"))
    now = at("2026-11-28T09:15")
    asked = query(at("2026-11-28T08:00"), at("2026-11-28T11:00"), By.HOUR, now=now)
    found = table(occupancy_report(history.database.engine, asked))
    assert [row["mean_ready"] for row in found] == [1.0, 1.0, None]
    assert [row["staffed_time"] for row in found] == [3600.0, 900.0, None]
    assert [row["peak_waiting"] for row in found] == [0, 0, None]


def test_only_the_agents_that_are_asked_for_count(history: HistoryStore) -> None:
    moments = {"began_at": at("2026-11-28T09:00"), "ended_at": at("2026-11-28T10:00")}
    for agent in ("ann", "bob"):
        put(history, tables.agent_states, agent=agent, state="not_ready", **moments)
        put(history, tables.segments, agent=agent, **moments)
    asked = query(at("2026-11-28T09:00"), at("2026-11-28T10:00"), agents=frozenset({"ann"}))
    (one,) = find(history, asked).values()
    assert (one.staffed, one.not_ready, one.occupancy, one.talked) == (3600.0, 1.0, None, 3600.0)


def test_what_is_longer_than_a_month_counts_in_each_of_its_days(history: HistoryStore) -> None:
    began, ended = at("2026-03-01"), at("2026-09-01")
    put(history, tables.agent_states, agent="ann", state="not_ready", began_at=began, ended_at=ended)
    put(history, tables.agent_states, agent="bob", state="not_ready", fact="now", began_at=began)
    put(history, tables.segments, began_at=began, ended_at=ended)
    put(history, tables.visits, began_at=began, ended_at=ended)
    for day in ("2026-03-01", "2026-04-20", "2026-08-31"):
        (one,) = find(history, query(at(day), at(day) + 86_400, now=at("2026-10-01"))).values()
        assert (one.states, one.talked, one.waited) == ({"not_ready": 2 * 86_400.0}, 86_400.0, 86_400.0), day


@pytest.mark.parametrize("name", ["agent_states", "segments", "visits"])
def test_what_passes_in_a_period_is_found_by_indexes(tmp_path: Path, name: str) -> None:
    table = next(one for one in tables.LONG_TABLES if one.name == name)
    with closing(HistoryStore(f"sqlite:///{tmp_path}/x.db", People())) as store:
        store.open()
        with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
            rows = [_key(table, n) | {"began_at": 60.0 * n, "ended_at": 60.0 * n + 60.0} for n in range(1000)]
            link.execute(insert(table), rows)
            link.exec_driver_sql("ANALYZE")
        wanted = passing(select(table), table, 30_000.0, 40_000.0)
        sql = str(wanted.compile(store.database.engine, compile_kwargs={"literal_binds": True}))
        with store.database.engine.connect() as link:
            plan = [row[-1] for row in link.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    read = [re.sub(r".* USING (COVERING )?INDEX ", "", line) for line in plan if "INDEX" in line]
    first = "agent_states_time" if table is tables.agent_states else f"{name}_began"
    assert read == [f"{first} (began_at>? AND began_at<?)", f"{name}_long (ended_at>?)", f"{name}_open"], plan
    assert not [line for line in plan if line.startswith(("SCAN", "SEARCH")) and "INDEX" not in line], plan


def _key(table: Table, number: int) -> dict[str, Any]:
    return {column.name: f"{number}" if column.type.python_type is str else number for column in table.primary_key}
