"""Sessions: every log-in is listed whole, however long it lasts, with its pauses; its states sum to its length."""

from __future__ import annotations

import pytest

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.sessions import find_sessions, sessions_report
from tests.examples import seeds

from .days import rows
from .report_days import ORIGINS, at, put, query, spread, table


def day(store: HistoryStore, agent: str, *states: str, last: bool = True) -> None:
    """``09:00 ready``: from then until the next one, in November 2026. ``last``: the last state lasts."""
    moments = [at(f"2026-11-{text.split()[0]}") for text in states]
    for place, text in enumerate(states):
        _, state, *reason = text.split()
        ended = moments[place + 1] if place + 1 < len(states) else None
        if ended is not None or last:
            key = {} if ended is not None else {"fact": "now"}
            phone = "" if ended is not None and states[place + 1].split()[1] == "logged_out" else "lab/1001"
            values = {"reason": " ".join(reason), "phone": phone, "began_at": moments[place], "ended_at": ended}
            put(store, tables.agent_states, agent=agent, state=state, **values, **key)


def test_each_log_in_has_a_row_and_each_pause_one_below_it(history: HistoryStore) -> None:
    day(
        history,
        "ann",
        "28T07:00 logged_out",
        "28T08:00 ready",
        "28T10:00 not_ready lunch",
        "28T10:30 ready",
        "28T12:00 logged_out",
    )
    day(history, "bob", "28T06:00 logged_out", "28T09:00 not_ready", "28T09:30 ready")
    asked = query(at("2026-11-28"), at("2026-11-29"), now=at("2026-11-28T13:00"))
    found = table(sessions_report(history.database.engine, asked))
    shown = [tuple(row[name] for name in ("agent", "what", "from", "to", "length", "reason", "phone", "ready")) for row in found]
    assert shown == [
        ("ann", "session", at("2026-11-28T08:00"), at("2026-11-28T12:00"), 14_400.0, None, "lab/1001", 12_600.0),
        ("ann", "pause", at("2026-11-28T10:00"), at("2026-11-28T10:30"), 1800.0, "lunch", None, None),
        ("bob", "session", at("2026-11-28T09:00"), None, 14_400.0, None, "lab/1001", 12_600.0),
        ("bob", "pause", at("2026-11-28T09:00"), at("2026-11-28T09:30"), 1800.0, "", None, None),
    ]


def test_a_session_of_one_state_has_the_phone_of_its_log_in(history: HistoryStore) -> None:
    day(history, "ann", "28T07:00 logged_out", "28T08:00 ready", "28T10:00 logged_out")
    (one,) = find_sessions(history.database.engine, query(at("2026-11-28"), at("2026-11-29")))
    assert one.phone == "lab/1001"


def test_a_session_over_midnight_is_listed_whole_on_both_days(history: HistoryStore) -> None:
    day(
        history,
        "ann",
        "27T20:00 logged_out",
        "27T22:00 ready",
        "27T23:00 talking",
        "28T01:00 ready",
        "28T02:00 logged_out",
        "29T09:00 ready",
    )
    for of in ("2026-11-27", "2026-11-28"):
        (one,) = find_sessions(history.database.engine, query(at(of), at(of) + 86_400, now=at("2026-11-29T10:00")))
        assert (one.began_at, one.ended_at) == (at("2026-11-27T22:00"), at("2026-11-28T02:00"))
        assert one.states == {"ready": 7200.0, "talking": 7200.0}


def test_a_session_of_weeks_is_found_from_any_day_of_it(history: HistoryStore) -> None:
    changes = [
        f"{number:02}T{hour}:00 {state}" for number in range(2, 29) for hour, state in (("08", "ready"), ("18", "offline"))
    ]
    day(history, "ann", "01T07:00 logged_out", "01T08:00 ready", *changes)
    for of in range(1, 29, 9):
        (one,) = find_sessions(
            history.database.engine, query(at(f"2026-11-{of:02}"), at(f"2026-11-{of:02}") + 86_400, now=at("2026-11-30"))
        )
        assert (one.began_at, one.ended_at) == (at("2026-11-01T08:00"), None)
        assert sum(one.states.values()) == at("2026-11-30") - at("2026-11-01T08:00")


def test_a_pause_that_only_changes_its_phone_is_one_pause(history: HistoryStore) -> None:
    day(
        history,
        "ann",
        "28T08:00 ready",
        "28T10:00 not_ready lunch",
        "28T10:10 not_ready lunch",
        "28T10:30 not_ready training",
        "28T11:00 ready",
    )
    (one,) = find_sessions(history.database.engine, query(at("2026-11-28"), at("2026-11-29")))
    assert [(pause.reason, pause.ended_at) for pause in one.pauses] == [
        ("lunch", at("2026-11-28T10:30")),
        ("training", at("2026-11-28T11:00")),
    ]


def test_only_the_agents_that_are_asked_for_are_listed(history: HistoryStore) -> None:
    for agent in ("ann", "bob", "eve"):
        day(history, agent, "28T08:00 ready")
    asked = query(at("2026-11-28"), at("2026-11-29"), agents=frozenset({"ann", "eve"}))
    assert [one.agent for one in find_sessions(history.database.engine, asked)] == ["ann", "eve"]


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_sessions_have_all_the_time_logged_in(history: HistoryStore, seed: int) -> None:
    begin, end = spread(history, seed, ORIGINS[seed])
    found = find_sessions(history.database.engine, query(begin, end + 1))
    states = [row for row in rows(history, tables.agent_states) if row["state"] != "logged_out"]
    expected: dict[str, float] = {}
    for row in states:
        expected[row["agent"]] = expected.get(row["agent"], 0.0) + (row["ended_at"] or end + 1) - row["began_at"]
    lengths: dict[str, float] = {}
    for one in found:
        length = (one.ended_at or end + 1) - one.began_at
        assert sum(one.states.values()) == pytest.approx(length, abs=0.01)
        lengths[one.agent] = lengths.get(one.agent, 0.0) + length
    assert expected
    assert lengths == {agent: pytest.approx(value, abs=0.01) for agent, value in expected.items()}
    assert sum(len(one.pauses) for one in found) <= sum(row["state"] == "not_ready" for row in states)


def test_a_session_in_one_state_for_months_is_found_from_any_day_of_it(history: HistoryStore) -> None:
    moments = [at(text) for text in ("2026-03-01", "2026-03-02", "2026-09-01")]
    for number, state in enumerate(("logged_out", "not_ready")):
        put(history, tables.agent_states, agent="ann", state=state, began_at=moments[number], ended_at=moments[number + 1])
    put(history, tables.agent_states, agent="ann", state="logged_out", fact="now", began_at=moments[2])
    for day in ("2026-03-02", "2026-06-10", "2026-08-31"):
        (one,) = find_sessions(history.database.engine, query(at(day), at(day) + 86_400, now=at("2026-10-01")))
        assert (one.began_at, one.ended_at) == (moments[1], moments[2]), day
