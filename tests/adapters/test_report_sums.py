"""Both families of figures sum to the whole, over both changes of the clocks and the end of a month, in any zone and division."""

from __future__ import annotations

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.agents import agents_report
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.queues import entries_report, queues_report, tiers_report
from callbridge.adapters.reports.report import ReportMaker
from tests.examples import cases

from .report_days import BERLIN, HOUR, LORD_HOWE, ORIGINS, at, busy, put, query, spread, sums, table

pytestmark = pytest.mark.slow

COHORT = ("offered", "answered", "abandoned", "short_abandoned", "overflowed", "failed", "waiting", "talks", "hold")
CLIPPED = ("logged_in", "ready", "ringing", "talking", "wrap_up", "not_ready", "busy_elsewhere", "offline", "handled", "missed")
DIVISIONS = (
    (By.QUARTER_HOUR, BERLIN),
    (By.HALF_HOUR, ZoneInfo("Asia/Kathmandu")),
    (By.HOUR, LORD_HOWE),
    (By.DAY, BERLIN),
    (By.WEEK, BERLIN),
    (By.MONTH, BERLIN),
    (By.HOUR_OF_DAY, BERLIN),
    (By.WEEKDAY, BERLIN),
)


def added_up(store: HistoryStore, make: ReportMaker, name: str, columns: tuple[str, ...], asked: Any) -> dict[Any, Counter[str]]:
    return sums(table(make(store.database.engine, asked)), (name,), columns)


@pytest.mark.parametrize("origin", [ORIGINS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in ORIGINS[1:])])
@pytest.mark.parametrize("fill", cases([busy, spread], fast=[spread]))
@pytest.mark.parametrize(("make", "name"), [(queues_report, "queue"), (tiers_report, "tier"), (entries_report, "entry")])
def test_what_counts_on_arrival_sums_to_the_whole(
    history: HistoryStore, make: ReportMaker, name: str, fill: Any, origin: float
) -> None:
    begin, end = fill(history, 1, origin)
    whole = added_up(history, make, name, COHORT, query(begin, end + 1))
    assert sum(one["offered"] for one in whole.values()) > 10
    for by, zone in DIVISIONS:
        found = added_up(history, make, name, COHORT, query(begin, end + 1, by, zone))
        assert {
            key: {column: pytest.approx(value, abs=3) for column, value in one.items()} for key, one in whole.items()
        } == found


@pytest.mark.parametrize("origin", ORIGINS)
def test_what_counts_as_it_passes_sums_to_the_whole(history: HistoryStore, origin: float) -> None:
    begin, end = spread(history, 2, origin)
    whole = added_up(history, agents_report, "agent", CLIPPED, query(begin, end + 1))
    assert sum(one["talking"] for one in whole.values()) > 0
    for by, zone in DIVISIONS:
        found = added_up(history, agents_report, "agent", CLIPPED, query(begin, end + 1, by, zone))
        assert {
            key: {column: pytest.approx(value, abs=5) for column, value in one.items()} for key, one in whole.items()
        } == found


def test_over_midnight_a_talk_counts_where_it_began_and_its_seconds_where_they_pass(history: HistoryStore) -> None:
    began = at("2026-10-24T23:55")
    ended = began + HOUR
    put(history, tables.calls, call="c1", arrived_at=began, entry="main", tier="gold")
    visit = {"call": "c1", "visit": 1, "queue": "sales", "tier": "gold", "outcome": "answered", "waited": 0.0}
    put(history, tables.visits, began_at=began, ended_at=began, **visit)
    talk = {"call": "c1", "visit": 1, "queue": "sales", "agent": "ann", "talked": HOUR, "wrap_up": 0.0, "hold": 0.0}
    put(history, tables.segments, began_at=began, ended_at=ended, **talk)
    put(history, tables.agent_states, agent="ann", state="talking", began_at=began, ended_at=ended)
    put(history, tables.agent_states, agent="ann", state="logged_out", fact="now", began_at=ended)
    asked = query(at("2026-10-24"), at("2026-10-26"), By.DAY)
    queues = table(queues_report(history.database.engine, asked))
    assert [(row["interval"], row["talks"], row["aht"]) for row in queues] == [
        ("2026-10-24", 1, HOUR),
        ("2026-10-25", None, None),
    ]
    agents = table(agents_report(history.database.engine, asked))
    assert [(row["interval"], row["handled"], row["talking"]) for row in agents] == [
        ("2026-10-24", 1, 300.0),
        ("2026-10-25", 0, 3300.0),
    ]
