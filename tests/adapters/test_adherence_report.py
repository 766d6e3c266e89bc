"""Adherence: agents' log-ins beside the shifts of a file, cut at the borders of intervals, over midnight and 25 hours."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.adherence import adherence_report
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.report import Report
from callbridge.adapters.reports.shifts import FAULTS_NAMED, read_schedule
from callbridge.adapters.reports.terms import ReportTerms

from .report_days import at, query, table
from .test_sessions_report import day

HOUR = 3600.0


@pytest.fixture
def shifts(tmp_path: Path) -> Path:
    path = tmp_path / "shifts.csv"
    path.write_text(
        "agent,start,end\n"
        "ann,2026-11-28T08:00,2026-11-28T12:00\n"
        "ann,2026-11-28T13:00,2026-11-28T17:00\n"
        "bob,2026-11-28T22:00,2026-11-29T02:00\n"
        "cid,2026-11-28T08:00,2026-11-28T10:00\n"
    )
    return path


@pytest.fixture
def worked(history: HistoryStore) -> HistoryStore:
    """Ann comes half an hour late, has lunch in the shift and leaves an hour early; bob works through the night; cid is away."""
    day(
        history,
        "ann",
        "27T20:00 logged_out",
        "28T08:30 ready",
        "28T10:00 not_ready lunch",
        "28T10:30 ready",
        "28T12:30 logged_out",
        "28T13:00 ready",
        "28T16:00 logged_out",
    )
    day(history, "bob", "28T20:00 logged_out", "28T21:00 ready", "29T01:00 logged_out", "29T01:30 ready", "29T03:00 logged_out")
    day(history, "cid", "27T20:00 logged_out")
    return history


def made(store: HistoryStore, shifts: Path | None, begin: str, end: str, now: str = "2026-11-30", **more: Any) -> Report:
    terms = ReportTerms(shifts=shifts)
    return adherence_report(store.database.engine, query(at(begin), at(end), now=at(now), terms=terms, **more))


def by_agent(report: Report) -> dict[str, dict[str, Any]]:
    return {str(row["agent"]): row for row in table(report)}


def test_the_time_of_shifts_is_compared_with_the_log_ins(worked: HistoryStore, shifts: Path) -> None:
    found = by_agent(made(worked, shifts, "2026-11-28", "2026-11-30"))
    ann, bob, cid = found["ann"], found["bob"], found["cid"]
    assert (ann["scheduled"], ann["in_shift"], ann["logged_in"]) == (8 * HOUR, 6.5 * HOUR, 7 * HOUR)
    assert (ann["adherence"], ann["log_in_rate"]) == (0.8125, 0.875)
    assert (ann["shifts"], ann["absent"], ann["late"], ann["left_early"]) == (2, 0, 0.5 * HOUR, HOUR)
    assert (bob["scheduled"], bob["in_shift"], bob["late"], bob["left_early"]) == (4 * HOUR, 3.5 * HOUR, 0.0, 0.0)
    assert (cid["in_shift"], cid["adherence"], cid["shifts"], cid["absent"], cid["late"]) == (0.0, 0.0, 1, 1, 2 * HOUR)


def test_a_shift_over_midnight_is_cut_there_and_counts_where_it_begins(worked: HistoryStore, shifts: Path) -> None:
    first = by_agent(made(worked, shifts, "2026-11-28", "2026-11-29"))["bob"]
    second = by_agent(made(worked, shifts, "2026-11-29", "2026-11-30"))["bob"]
    assert (first["scheduled"], first["in_shift"], first["shifts"], first["left_early"]) == (2 * HOUR, 2 * HOUR, 1, 0.0)
    assert (second["scheduled"], second["in_shift"], second["shifts"]) == (2 * HOUR, 1.5 * HOUR, 0)


@pytest.mark.parametrize("by", [By.QUARTER_HOUR, By.HOUR, By.HOUR_OF_DAY, By.WEEKDAY])
def test_the_intervals_sum_to_the_whole(worked: HistoryStore, shifts: Path, by: By) -> None:
    columns = ("scheduled", "in_shift", "logged_in", "shifts", "absent", "late", "left_early")
    whole = by_agent(made(worked, shifts, "2026-11-28", "2026-11-30"))
    sums: dict[str, dict[str, float]] = {}
    for row in table(made(worked, shifts, "2026-11-28", "2026-11-30", by=by)):
        of_agent = sums.setdefault(str(row["agent"]), dict.fromkeys(columns, 0.0))
        for name in columns:
            of_agent[name] += float(row[name] or 0)
    sums.pop("", None)
    assert sums == {agent: {name: row[name] for name in columns} for agent, row in whole.items()}


def test_only_time_that_has_passed_counts(worked: HistoryStore, shifts: Path) -> None:
    found = by_agent(made(worked, shifts, "2026-11-28", "2026-11-28T09:00", "2026-11-28T09:00"))
    assert (found["ann"]["scheduled"], found["ann"]["in_shift"], found["ann"]["left_early"]) == (HOUR, 0.5 * HOUR, 0.0)
    assert (found["cid"]["late"], found["cid"]["absent"]) == (HOUR, 0), "there is time left to log in"


def test_shifts_that_overlap_are_no_time_twice(worked: HistoryStore, tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("agent,start,end\nann,2026-11-28T08:00,2026-11-28T10:00\nann,2026-11-28T09:00,2026-11-28T11:00\n")
    ann = by_agent(made(worked, path, "2026-11-28", "2026-11-29"))["ann"]
    assert (ann["scheduled"], ann["in_shift"], ann["shifts"]) == (3 * HOUR, 2.5 * HOUR, 2)


def test_without_a_schedule_log_ins_are_all_there_is(worked: HistoryStore) -> None:
    report = made(worked, None, "2026-11-28", "2026-11-29")
    assert report.notes == ["There is no schedule: the configuration has no section shifts."]
    ann = by_agent(report)["ann"]
    assert (ann["scheduled"], ann["logged_in"], ann["adherence"], ann["log_in_rate"]) == (0.0, 7 * HOUR, None, None)


def test_rows_that_are_no_shifts_are_left_out_and_said(tmp_path: Path) -> None:
    zone, path = ZoneInfo("Europe/Berlin"), tmp_path / "shifts.csv"
    good = "\ufeffnote,agent,start,end\nx,ann,2026-10-25 00:00,2026-10-25T06:00\n,bob,2026-10-25T08:00+00:00,2026-10-25T09:00Z\n"
    bad = ",,2026-10-25T08:00,2026-10-25T09:00\n,cid,soon,2026-10-25T09:00\n,cid,2026-10-25T09:00,2026-10-25T08:00\n,cid\n"
    path.write_text(good + bad * 3, encoding="utf-8")
    found = read_schedule(path, zone)
    assert [(one.agent, (one.ended - one.began) / HOUR) for one in found.shifts] == [("ann", 7.0), ("bob", 1.0)], "25 hours"
    assert (found.left_out, len(found.faults)) == (12, FAULTS_NAMED)
    assert found.faults[:3] == [
        "shifts.csv:4: no agent",
        "shifts.csv:5: 'soon' is not a time such as 2026-11-30T08:00",
        "shifts.csv:6: a shift ends after it begins, and within two days",
    ]
    path.write_text("name,from\n")
    assert read_schedule(path, zone).faults == ["shifts.csv:1: no column agent, start, end"]
    assert read_schedule(tmp_path / "none.csv", zone).faults == ["none.csv: No such file or directory"]
    path.write_bytes(b"agent,start,end\n\xff\xfe\n")
    assert read_schedule(path, zone).faults == ["shifts.csv: it is not a CSV file in UTF-8"]
