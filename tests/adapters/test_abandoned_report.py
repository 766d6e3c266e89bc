"""Abandoned calls: where and when each caller gave up, and whether the person has talked with us since."""

from __future__ import annotations

from typing import Any

import pytest

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports import abandoned
from callbridge.adapters.reports.abandoned import abandoned_report
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.queues import report_queues
from callbridge.adapters.reports.report import ReportValue
from tests.examples import seeds

from .report_days import ORIGINS, at, put, query, spread, table

MORNING = at("2026-11-28T09:00")
DAY = (at("2026-11-28"), at("2026-11-29"))
ADA = "+442079460001"


def gives_up(store: HistoryStore, call: str, after: float = 0.0, person: str = ADA, **values: Any) -> None:
    """``after``: seconds after nine. Waits a minute, unless told otherwise."""
    began = MORNING + after
    put(store, tables.calls, call=call, person=person, number=person, arrived_at=began, outcome="abandoned", entry="main")
    visit = {"queue": "sales", "tier": "gold", "ended_at": began + 60, "waited": 60.0, "outcome": "abandoned"}
    put(store, tables.visits, call=call, began_at=began, **(visit | values))


def talks(store: HistoryStore, call: str, after: float, agent: str, person: str = ADA, ended_by: str = "", **values: Any) -> None:
    """The call arrives, and a talk begins ten seconds later."""
    put(store, tables.calls, call=call, person=person, arrived_at=MORNING + after, **values)
    put(store, tables.segments, call=call, agent=agent, queue="sales", began_at=MORNING + after + 10, ended_by=ended_by)


def found(store: HistoryStore, **changes: Any) -> list[dict[str, ReportValue]]:
    return table(abandoned_report(store.database.engine, query(*DAY, **changes)))


def since(store: HistoryStore) -> list[tuple[ReportValue, ...]]:
    names = ("call", "reached_at", "reached_after", "reached_by", "reached_agent", "called_back_at", "called_back_by")
    return [tuple(row[name] for name in names) for row in found(store)]


def test_a_row_says_where_and_when_the_caller_gave_up(history: HistoryStore) -> None:
    gives_up(history, "c1", expected=90.0, entered_at_position=3, left_at_position=1)
    (row,) = found(history)
    assert row == {
        "call": "c1",
        "entered_at": MORNING,
        "abandoned_at": MORNING + 60,
        "number": ADA,
        "queue": "sales",
        "tier": "gold",
        "entered_at_position": 3,
        "left_at_position": 1,
        "waited": 60.0,
        "outcome": "abandoned",
        "expected": 90.0,
        "reached_at": None,
        "reached_after": None,
        "reached_by": None,
        "reached_agent": None,
        "called_back_at": None,
        "called_back_by": None,
    }


def test_who_called_again_and_talked_has_been_reached(history: HistoryStore) -> None:
    talks(history, "before", -600, "ann")
    gives_up(history, "c1")
    gives_up(history, "c2", 300)
    talks(history, "c3", 400, "eve", ended_by="short")
    talks(history, "c4", 600, "bob")
    talks(history, "c5", 900, "ann")
    assert since(history) == [
        ("c1", MORNING + 610, 550.0, "inbound", "bob", None, None),
        ("c2", MORNING + 610, 250.0, "inbound", "bob", None, None),
    ]


def test_who_was_called_back_has_been_reached_by_that_agent(history: HistoryStore) -> None:
    gives_up(history, "c1")
    talks(history, "c2", 600, "bob")
    talks(history, "c3", 900, "ann", direction="out", callback="cb1")
    gives_up(history, "d1", 1000, person="+442079460002")
    talks(history, "d2", 1800, "eve", person="+442079460002", direction="out", callback="cb2")
    gives_up(history, "e1", 2000, person="+442079460003")
    talks(history, "e2", 2100, "eve", person="+442079460003", direction="out", campaign="spring")
    assert since(history) == [
        ("c1", MORNING + 610, 550.0, "inbound", "bob", MORNING + 910, "ann"),
        ("d1", MORNING + 1810, 750.0, "callback", "eve", MORNING + 1810, "eve"),
        ("e1", MORNING + 2110, 50.0, "campaign", "eve", None, None),
    ]


def test_a_talk_of_somebody_else_or_of_an_unknown_person_says_nothing(history: HistoryStore) -> None:
    gives_up(history, "c1")
    gives_up(history, "c2", person="")
    talks(history, "c3", 600, "bob", person="+442079460009")
    talks(history, "c4", 600, "bob", person="")
    assert [row[1:] for row in since(history)] == [(None,) * 6] * 2


def test_a_talk_on_another_line_before_the_caller_gave_up_is_none_since(history: HistoryStore) -> None:
    gives_up(history, "c1")
    talks(history, "c2", 10, "eve")
    talks(history, "c3", 100, "bob")
    assert since(history) == [("c1", MORNING + 110, 50.0, "inbound", "bob", None, None)]


def test_a_talk_days_later_counts_although_the_period_is_over(history: HistoryStore) -> None:
    gives_up(history, "c1")
    talks(history, "c2", 5 * 86_400, "bob")
    assert [row[2] for row in since(history)] == [5 * 86_400.0 - 50]


def test_they_are_narrowed_by_names_person_and_kind(history: HistoryStore) -> None:
    gives_up(history, "c1")
    gives_up(history, "c2", 1, person="+442079460002", queue="support", tier="silver", outcome="short_abandoned")
    gives_up(history, "c3", 2, outcome="answered")
    assert [row["call"] for row in found(history)] == ["c1", "c2"]
    assert [row["call"] for row in found(history, queues=frozenset({"support"}))] == ["c2"]
    assert [row["call"] for row in found(history, tiers=frozenset({"gold"}))] == ["c1"]
    assert [row["call"] for row in found(history, entries=frozenset({"main"}))] == ["c1", "c2"]
    assert [row["call"] for row in found(history, person="+442079460002")] == ["c2"]
    assert [row["call"] for row in found(history, outcome="short_abandoned")] == ["c2"]


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_there_are_as_many_as_the_queues_report_counts(history: HistoryStore, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(abandoned, "VISITS_AT_ONCE", 3)
    begin, end = spread(history, seed, ORIGINS[seed])
    listed = table(abandoned_report(history.database.engine, query(begin, end + 1)))
    asked = query(begin, end + 1, By.HOUR)
    counted = report_queues(history.database.engine, asked.pieces()).values()
    assert len(listed) == sum(one.abandoned + one.short_abandoned for one in counted) > 0
    assert sum(row["outcome"] == "abandoned" for row in listed) == sum(one.abandoned for one in counted)
