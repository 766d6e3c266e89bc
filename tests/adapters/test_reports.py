"""Reports: intervals are exact in every time zone; what the database adds up is what the rows say, one by one; and the sums over
any intervals are those of the whole."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.agents import ClippedFigures, report_agents
from callbridge.adapters.reports.intervals import BadPeriod, By, Interval, intervals, moment_of
from callbridge.adapters.reports.queues import CohortFigures, report_queues
from tests.examples import seeds

from .days import facts_of, rows

LONDON, BERLIN, SHANGHAI = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
ZONES = ("Europe/London", "Europe/Berlin", "Asia/Shanghai", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")
DAY = 86_400.0
FINE = (By.QUARTER_HOUR, By.HALF_HOUR, By.HOUR, By.DAY)
SUMS = [field.name for field in fields(CohortFigures) if not field.name.startswith("longest")]


# -- intervals --------------------------------------------------------------------------------------------------------


def labels(begin: str, end: str, by: By, zone: ZoneInfo) -> list[str]:
    return [piece.label for piece in intervals(moment_of(begin, zone), moment_of(end, zone, end=True), by, zone)]


def test_days_weeks_months_quarters_and_years_begin_where_people_expect_them() -> None:
    assert labels("2026-12-30", "2027-01-02", By.DAY, SHANGHAI) == ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"]
    assert labels("2026-12-30", "2027-01-05", By.WEEK, BERLIN) == ["2026-W53", "2027-W01"]
    assert labels("2027-01-31", "2027-03-01", By.MONTH, BERLIN) == ["2027-01", "2027-02", "2027-03"]
    assert labels("2026-11-28", "2027-04-01", By.QUARTER, BERLIN) == ["2026-Q4", "2027-Q1", "2027-Q2"]
    assert labels("2026-11-28", "2027-04-01", By.YEAR, BERLIN) == ["2026", "2027"]


def test_a_day_with_a_change_of_the_clocks_has_23_or_25_hours() -> None:
    short = labels("2026-03-29", "2026-03-29", By.HOUR, BERLIN)
    assert (len(short), short[1:3]) == (23, ["2026-03-29 01:00", "2026-03-29 03:00"])
    long = labels("2026-10-25", "2026-10-25", By.HOUR, BERLIN)
    assert (len(long), long[2:4]) == (25, ["2026-10-25 02:00+0200", "2026-10-25 02:00+0100"])
    days = intervals(moment_of("2026-10-24", BERLIN), moment_of("2026-10-26", BERLIN, end=True), By.DAY, BERLIN)
    assert [piece.ended - piece.began for piece in days] == [DAY, DAY + 3600, DAY]


def test_hours_of_the_day_and_weekdays_gather_those_of_all_days() -> None:
    hours = labels("2026-11-02", "2026-11-15", By.HOUR_OF_DAY, LONDON)
    assert Counter(hours) == {f"{hour:02}:00": 14 for hour in range(24)}
    assert Counter(labels("2026-11-02", "2026-11-15", By.WEEKDAY, LONDON)) == dict.fromkeys(
        ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), 2
    )


@given(st.sampled_from(ZONES), st.integers(1_700_000_000, 2_000_000_000), st.integers(60, 40 * 86_400), st.sampled_from(By))
def test_intervals_cover_the_period_without_gap_or_overlap(zone: str, begin: int, length: int, by: By) -> None:
    found = intervals(begin, begin + length, by, ZoneInfo(zone))
    assert (found[0].began, found[-1].ended) == (begin, begin + length)
    assert [piece.ended for piece in found[:-1]] == [piece.began for piece in found[1:]]


@pytest.mark.parametrize("text", ["28.11.2026", "2026-13-01", "yesterday", ""])
def test_what_is_no_date_is_said(text: str) -> None:
    with pytest.raises(BadPeriod, match="is not a date: expected 2026-11-28"):
        moment_of(text, LONDON)


def test_a_period_that_ends_before_it_begins_and_one_of_too_many_intervals_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(BadPeriod, match="ends before it begins"):
        intervals(10.0, 10.0, By.DAY, LONDON)
    monkeypatch.setattr(sys.modules[intervals.__module__], "MAX_INTERVALS", 1000)
    with pytest.raises(BadPeriod, match="more than 1,000 intervals"):
        intervals(0.0, 365 * DAY, By.QUARTER_HOUR, LONDON)


# -- figures ----------------------------------------------------------------------------------------------------------


def spread(history: HistoryStore, seed: int) -> tuple[float, float]:
    """A day of the simulator, pulled apart to eleven hours around the end of a month; its begin and end."""
    facts = facts_of(seed)
    history.write(facts, 0.0)
    first, last = facts[0].at, facts[-1].at
    origin, stretch = datetime(2026, 10, 31, 17, 3, tzinfo=UTC).timestamp(), 11 * 3600 / (last - first)
    with history.database.engine.begin() as link:
        for table in tables.HISTORY_TABLES:
            moments = [column for column in table.c if column.name.endswith("_at") or column.name == "at"]
            if moments:
                link.execute(table.update().values({column: origin + (column - first) * stretch for column in moments}))
    return origin, origin + 11 * 3600


def total(found: dict[tuple[str, str], CohortFigures]) -> dict[str, Counter[str]]:
    """Name -> the sums over all intervals."""
    sums: dict[str, Counter[str]] = {}
    for (_, name), figures in found.items():
        for column in SUMS:
            sums.setdefault(name, Counter())[column] += round(getattr(figures, column) * 1000)
    return sums


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_a_report_of_queues_is_what_the_rows_say(history: HistoryStore, seed: int) -> None:
    begin, end = spread(history, seed)
    for by in FINE:
        pieces = intervals(begin, end + 1, by, BERLIN)
        found = report_queues(history.database.engine, pieces)
        expected: Counter[tuple[str, str, str]] = Counter()
        for visit in rows(history, tables.visits):
            piece = _piece(pieces, visit["began_at"])
            expected[piece.label, visit["queue"], visit["outcome"] or "waiting"] += 1
            expected[piece.label, visit["queue"], "offered"] += 1
        outcomes = ("offered", "answered", "abandoned", "short_abandoned", "overflowed", "failed", "waiting")
        said = {(*key, outcome): getattr(one, outcome) for key, one in found.items() for outcome in outcomes}
        assert +Counter(said) == expected
        for one in found.values():
            ends = one.answered + one.abandoned + one.short_abandoned + one.overflowed + one.failed
            assert one.offered == ends + one.waiting
            assert one.service_level is None or 0.0 <= one.service_level <= 1.0


@pytest.mark.parametrize("seed", seeds(3, fast=0))
@pytest.mark.parametrize("of", ["queue", "tier", "entry"])
def test_the_sum_over_any_intervals_is_that_of_the_whole(history: HistoryStore, seed: int, of: Any) -> None:
    begin, end = spread(history, seed)
    whole = total(report_queues(history.database.engine, intervals(begin, end + 1, By.WHOLE, LONDON), of))
    assert sum(sums["offered"] for sums in whole.values()) > 0
    for by, zone in (
        (By.QUARTER_HOUR, BERLIN),
        (By.DAY, SHANGHAI),
        (By.MONTH, LONDON),
        (By.HOUR_OF_DAY, BERLIN),
        (By.WEEKDAY, BERLIN),
    ):
        found = total(report_queues(history.database.engine, intervals(begin, end + 1, by, zone), of))
        assert {name: {key: pytest.approx(value, abs=50) for key, value in sums.items()} for name, sums in whole.items()} == found


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_an_agents_seconds_are_cut_at_the_borders_and_sum_to_the_time_logged_in(history: HistoryStore, seed: int) -> None:
    begin, end = spread(history, seed)
    now = end + 1
    pieces = intervals(begin, now, By.HOUR, BERLIN)
    found = report_agents(history.database.engine, pieces, now)
    logged_in: Counter[str] = Counter()
    for row in rows(history, tables.agent_states):
        if row["state"] != "logged_out":
            logged_in[row["agent"]] += round(1000 * ((row["ended_at"] or now) - row["began_at"]))
    assert logged_in
    sums: Counter[str] = Counter()
    for (_, agent), one in found.items():
        sums[agent] += round(1000 * one.staffed)
        assert one.staffed <= 3600.001
        assert one.occupancy is None or 0.0 <= one.occupancy <= 1.0
    assert {agent: pytest.approx(value, abs=100) for agent, value in logged_in.items()} == +sums
    talks = [row for row in rows(history, tables.segments) if row["agent"] and row["ended_by"] != "short"]
    assert sum(one.handled for one in found.values()) == len(talks)


def test_a_ratio_of_nothing_is_nothing() -> None:
    assert (CohortFigures().service_level, CohortFigures().asa, CohortFigures().aht) == (None, None, None)
    assert (ClippedFigures().occupancy, ClippedFigures().utilisation, ClippedFigures().aht) == (None, None, None)


def _piece(pieces: list[Interval], at: float) -> Interval:
    (found,) = (piece for piece in pieces if piece.began <= at < piece.ended)
    return found


def test_a_talk_that_goes_on_is_counted_and_not_part_of_the_average(history: HistoryStore) -> None:
    over: dict[str, Any] = {"talked": 38.0, "hold": 0.0, "wrap_up": 8.0}
    with history.database.engine.begin() as link:
        for number, times in enumerate((over, over | {"talked": None, "wrap_up": None})):
            call, at = f"c{number}", 100.0 + number
            link.execute(tables.calls.insert().values(call=call, arrived_at=at, direction="in"))
            said = {"segment": number, "call": call, "visit": None, "agent": "ann", "queue": "support", "kind": "talk"}
            link.execute(tables.segments.insert().values(**said, began_at=at, **times))
    pieces = intervals(0, 1000, By.WHOLE, LONDON)
    (agent,) = report_agents(history.database.engine, pieces, 200.0).values()
    (queue,) = report_queues(history.database.engine, pieces).values()
    assert (agent.handled, agent.aht) == (2, 46.0)
    assert (queue.segments, queue.aht) == (2, 46.0)
