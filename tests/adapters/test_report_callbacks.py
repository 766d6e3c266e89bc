"""Callbacks: what became of them, counted where they were requested."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.callbacks import callbacks_report
from callbridge.core.model.facts import AnyFact, CallbackEnded, CallbackRequested, CallbackTried
from tests.examples import seeds

from .days import facts_of, rows
from .told import DAY, MORNING, adds_up, arrival, asked, read, tell

pytestmark = pytest.mark.slow

ENDS = ("kept", "failed", "expired", "cancelled")


def owed(name: str, at: float, outcome: str = "", waited: float = 0.0, tries: tuple[str, ...] = (), **more: str) -> list[AnyFact]:
    """A callback from its request to its end, if it has one."""
    about = {"queue": "support", "tier": "gold"} | more
    made = CallbackRequested(seq=0, at=at, callback=name, number="+4420", rank=at, expires_at=at + DAY, **about)
    facts: list[AnyFact] = [made]
    for number, result in enumerate(tries, 1):
        facts.append(CallbackTried(seq=0, at=at + number, queue=about["queue"], callback=name, attempt=number, result=result))
    if outcome:
        end: dict[str, Any] = {"outcome": outcome, "reason": "", "waited": waited, "attempts": len(tries), "number": "+4420"}
        facts.append(CallbackEnded(seq=0, at=at + waited, queue=about["queue"], callback=name, **end))
    return facts


def refuse(history: HistoryStore, call: str, at: float, queue: str = "support") -> None:
    with history.database.engine.begin() as link:
        row = {"fact": f"9-{call}", "at": at, "kind": "callback_refused", "call": call, "queue": queue}
        link.execute(insert(tables.changes).values(**row))


def test_what_became_of_callbacks(history: HistoryStore) -> None:
    at = MORNING + 60
    facts = [*owed("a", at, "kept", 600.0, ("busy", "answered")), *owed("b", at, "kept", 300.0, ("answered",))]
    facts += [*owed("c", at, "failed", 900.0, ("busy", "no_answer", "abandoned")), *owed("d", at, "expired", 3600.0)]
    facts += [
        *owed("e", at, "cancelled", 5.0),
        *owed("f", at),
        *owed("g", at, tier="silver", queue="sales"),
        arrival("x", at, tier="gold"),
    ]
    tell(history, facts)
    refuse(history, "x", at)
    gold, silver = sorted(read(callbacks_report(history.database.engine, asked())), key=lambda row: -row["requested"])
    assert {name: gold[name] for name in ("requested", *ENDS, "waiting", "refused", "attempts")} == {
        "requested": 6,
        "kept": 2,
        "failed": 1,
        "expired": 1,
        "cancelled": 1,
        "waiting": 1,
        "refused": 1,
        "attempts": 6,
    }
    assert (gold["kept_share"], gold["mean_wait"], gold["longest_wait"], gold["attempts_each"]) == (0.5, 450.0, 600.0, 1.0)
    assert (silver["queue"], silver["tier"], silver["requested"], silver["waiting"]) == ("sales", "silver", 1, 1)
    assert (silver["kept_share"], silver["mean_wait"], silver["longest_wait"], silver["attempts_each"]) == (None, None, None, 0.0)


def test_only_refusals_divide_by_nothing_and_names_choose(history: HistoryStore) -> None:
    tell(history, [arrival("x", MORNING, tier="gold"), *owed("a", MORNING, tier="silver", queue="sales")])
    refuse(history, "x", MORNING + 5)
    (row,) = read(callbacks_report(history.database.engine, asked(queues=frozenset({"support"}))))
    assert (row["requested"], row["refused"], row["attempts_each"], row["kept_share"]) == (0, 1, None, None)
    (row,) = read(callbacks_report(history.database.engine, asked(tiers=frozenset({"silver"}))))
    assert (row["queue"], row["requested"]) == ("sales", 1)


def test_a_callback_counts_with_its_attempts_where_it_was_requested(history: HistoryStore) -> None:
    noon = MORNING + DAY / 2
    tell(history, owed("a", noon - 1, "kept", 7200.0, ("busy", "answered")))
    (row,) = read(callbacks_report(history.database.engine, asked(MORNING, noon)))
    assert (row["kept"], row["attempts"], row["mean_wait"]) == (1, 2, 7200.0)
    assert read(callbacks_report(history.database.engine, asked(noon, noon + DAY))) == []


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_the_sums_over_intervals_are_those_of_the_day(history: HistoryStore, seed: int) -> None:
    rng, facts, ends = Random(seed), list[AnyFact](), Counter[str]()
    for number in range(150):
        outcome = rng.choice((*ENDS, ""))
        ends[outcome] += 1
        tries = tuple(rng.choice(("busy", "answered", "no_answer")) for _ in range(rng.randrange(4)))
        about = {"queue": rng.choice(("support", "sales")), "tier": rng.choice(("gold", "silver"))}
        facts += owed(f"c{number}", MORNING + rng.random() * DAY, outcome, rng.random() * 9000, tries, **about)
    tell(history, facts)
    engine = history.database.engine
    adds_up(lambda query: callbacks_report(engine, query))
    found = read(callbacks_report(engine, asked()))
    assert {name: sum(row[name] for row in found) for name in ENDS} == {name: ends[name] for name in ENDS}
    assert sum(row["waiting"] for row in found) == ends[""]
    assert all(row["requested"] == sum(row[name] for name in (*ENDS, "waiting")) for row in found)


def test_the_callbacks_of_a_day_of_the_simulator(history: HistoryStore) -> None:
    facts = facts_of(205)
    history.write(facts, 0.0)
    made = rows(history, tables.callbacks)
    found = read(callbacks_report(history.database.engine, asked(facts[0].at, facts[-1].at + 1)))
    assert made
    assert sum(row["requested"] for row in found) == len(made)
    assert sum(row["kept"] for row in found) == sum(row["outcome"] == "kept" for row in made)
    assert sum(row["attempts"] for row in found) == len(rows(history, tables.callback_attempts))
