"""Transfers: who gave calls away, to whom and with what result, and who talked because of one."""

from __future__ import annotations

from typing import Any

import pytest

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.transfers import transfers_report
from callbridge.core.model.facts import AnyFact, CallTransferred, TransferEnded, TransferStarted
from tests.examples import seeds

from .days import rows
from .report_days import BERLIN, LORD_HOWE, ORIGINS, at, busy, put, query, sums, table
from .told import tell

NINE = at("2026-11-28T09:00")
NAMES = ("agent", "queue", "direction", "kind", "party", "result")


def talk(
    store: HistoryStore, call: str, agent: str, after: float = 0.0, queue: str = "sales", transfer: int = 0, **more: Any
) -> None:
    put(store, tables.segments, call=call, agent=agent, queue=queue, began_at=NINE + after, transfer=transfer, **more)


def given(store: HistoryStore, call: str, agent: str, target: str, after: float = 10.0, **values: Any) -> int:
    """Its number."""
    number = 1000 + int(after)
    values = {"kind": "blind", "result": "completed", "party": "agent", "queue": "sales"} | values
    put(store, tables.transfers, call=call, transfer=number, agent=agent, target=target, began_at=NINE + after, **values)
    return number


def found(store: HistoryStore, begin: float = NINE, end: float = NINE + 600, **changes: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table(transfers_report(store.database.engine, query(begin, end, **changes)))]


def test_a_transfer_is_out_for_one_agent_and_in_for_another(history: HistoryStore) -> None:
    for call in ("c1", "c2", "c3", "c4"):
        talk(history, call, "ann")
    talk(history, "c1", "bob", 20, transfer=given(history, "c1", "ann", "agent:bob"))
    talk(history, "c2", "bob", 20, transfer=given(history, "c2", "ann", "agent:bob", kind="consult"))
    given(history, "c3", "ann", "number:4711", result="no_answer")
    given(history, "c4", "ann", "agent:bob", party="customer")
    talk(history, "c5", "bob")
    day = "2026-11-28"
    assert found(history) == [
        (day, "ann", "sales", "out", "blind", "agent:bob", "completed", 1, 0.25),
        (day, "ann", "sales", "out", "blind", "number:4711", "no_answer", 1, 0.25),
        (day, "ann", "sales", "out", "consult", "agent:bob", "completed", 1, 0.25),
        (day, "bob", "sales", "in", "blind", "agent:ann", "completed", 1, 0.3333),
        (day, "bob", "sales", "in", "consult", "agent:ann", "completed", 1, 0.3333),
    ]


def test_without_a_talk_in_the_interval_there_is_no_share(history: HistoryStore) -> None:
    talk(history, "c1", "ann")
    given(history, "c1", "ann", "queue:support", after=1000, result=None)
    assert found(history, NINE + 900, NINE + 1800, by=By.QUARTER_HOUR) == [
        ("2026-11-28 09:15", "ann", "sales", "out", "blind", "queue:support", "", 1, None)
    ]


@pytest.mark.parametrize("attended", [True, False])
def test_a_completed_consult_of_a_queue_is_one_transfer_as_a_blind_one_is(history: HistoryStore, attended: bool) -> None:
    who = {"call": "c1", "agent": "ann", "queue": "sales"}
    facts: list[AnyFact] = [CallTransferred(seq=0, at=NINE + 20, call="c1", agent="ann", target="queue:sales", attended=attended)]
    if attended:
        about = {"to": "queue:sales", "kind": "consult", **who}
        facts = [
            TransferStarted(seq=0, at=NINE + 10, leg="pbx/2", **about),
            TransferEnded(seq=0, at=NINE + 20, result="completed", lasted=10.0, transfer=1, **about),
            *facts,
        ]
    tell(history, facts)
    kinds = [row[3:8] for row in found(history)]
    assert kinds == [("out", "consult" if attended else "blind", "queue:sales", "completed", 1)]


def test_a_talk_that_was_none_is_neither_in_nor_of_the_share(history: HistoryStore) -> None:
    talk(history, "c1", "ann")
    talk(history, "c1", "bob", 20, transfer=given(history, "c1", "ann", "agent:bob"), ended_by="short")
    talk(history, "c1", "eve", 20, kind="conference")
    assert [row[1:4] for row in found(history)] == [("ann", "sales", "out")]


def test_they_are_narrowed_by_agent_and_queue(history: HistoryStore) -> None:
    talk(history, "c1", "bob", 20, transfer=given(history, "c1", "ann", "agent:bob"))
    talk(history, "c2", "eve", 20, queue="support", transfer=given(history, "c2", "bob", "agent:eve", queue="support"))
    assert {row[1] for row in found(history, agents=frozenset({"bob"}))} == {"bob"}
    assert [row[1:4] for row in found(history, queues=frozenset({"support"}))] == [
        ("bob", "support", "out"),
        ("eve", "support", "in"),
    ]


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_quarters_of_an_hour_sum_to_the_whole(history: HistoryStore, seed: int) -> None:
    begin, end = busy(history, seed, ORIGINS[seed])
    end += 3 * 3600
    whole = sums(table(transfers_report(history.database.engine, query(begin, end))), NAMES, ("transfers",))
    made = [row for row in rows(history, tables.transfers) if row["party"] == "agent"]
    assert sum(one["transfers"] for key, one in whole.items() if key[2] == "out") == len(made) > 0
    assert any(key[2] == "in" for key in whole)
    for by, zone in ((By.QUARTER_HOUR, BERLIN), (By.HOUR, LORD_HOWE), (By.DAY, BERLIN), (By.MONTH, BERLIN), (By.WEEKDAY, BERLIN)):
        listed = table(transfers_report(history.database.engine, query(begin, end, by, zone)))
        assert sums(listed, NAMES, ("transfers",)) == whole
