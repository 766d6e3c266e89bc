"""What was open when facts were lost is closed with the first fact of the next term, and what goes on is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore, People, Survivors
from callbridge.adapters.outbox.envelope import Envelope, Stamper
from callbridge.core.model.facts import (
    AgentChanged,
    AnyFact,
    CallArrived,
    CallbackRequested,
    OfferMade,
    TalkBegan,
    TransferStarted,
    VisitBegan,
)
from tests.adapters.days import facts_of, rows
from tests.adapters.postgres import new_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()


def stamped(token: int, *facts: AnyFact) -> list[Envelope]:
    return Stamper().stamp(token, facts)


def arrived(seq: int, call: str) -> CallArrived:
    number = "+442079460123"
    return CallArrived(
        seq=seq,
        at=1000.0 + seq,
        call=call,
        leg="l",
        entry="e",
        tier="gold",
        number=number,
        name="Ann",
        uniqueid="u",
        linkedid="u",
    )


def changed(seq: int, state: str, lasted: float = 5.0) -> AgentChanged:
    about = {"name": "Bob", "phone": "PJSIP/1", "reason": "", "previous": "ready", "previous_reason": ""}
    return AgentChanged(seq=seq, at=1000.0 + seq, agent="bob", state=state, lasted=lasted, **about)


def before_the_crash() -> list[Envelope]:
    """One caller waits and is being offered; another talks and is being transferred; a callback is owed."""
    return stamped(
        1,
        arrived(1, "waiting"),
        VisitBegan(seq=2, at=1002.0, call="waiting", queue="support", tier="gold", rank=1.0, day="d"),
        OfferMade(
            seq=3, at=1003.0, call="waiting", queue="support", agent="bob", leg="l", tier="gold", needs="", waited=1.0, visit=2
        ),
        arrived(4, "talking"),
        TalkBegan(seq=5, at=1005.0, call="talking", queue="support", agent="bob", leg="l", waited=1.0),
        TransferStarted(seq=6, at=1006.0, call="talking", agent="bob", to="agent:eve", kind="blind", leg="l"),
        CallbackRequested(
            seq=7,
            at=1007.0,
            call="asked",
            queue="support",
            callback="k",
            number="+442079460124",
            tier="gold",
            rank=1.0,
            expires_at=9e9,
        ),
        changed(8, "talking"),
    )


def told_then(url: str, survivors: Survivors, *facts: AnyFact, at: float = 2000.0) -> dict[str, list[dict[str, Any]]]:
    with closing(HistoryStore(url, People())) as store:
        store.open()
        store.write(before_the_crash(), 1010.0)
    with closing(HistoryStore(url, People(), survivors=survivors)) as store:
        store.open()
        store.write(stamped(survivors.token, *facts), at)
        return {table.name: rows(store, table) for table in tables.HISTORY_TABLES}


def test_a_call_whose_end_was_lost_is_closed_when_the_next_term_begins(url: str) -> None:
    found = told_then(url, Survivors(token=2), arrived(1, "new"))
    calls = {row["call"]: row for row in found["calls"]}
    assert {(row["call"], row["outcome"], row["ended_at"], row["estimated"]) for row in found["calls"]} == {
        ("waiting", "lost", 1010.0, True),
        ("talking", "lost", 1010.0, True),
        ("new", None, None, False),
    }
    assert calls["waiting"]["lasted"] == pytest.approx(9.0)
    (visit,) = found["visits"]
    assert (visit["outcome"], visit["reason"], visit["waited"], visit["estimated"]) == (
        "failed",
        "lost",
        pytest.approx(8.0),
        True,
    )
    (offer,) = found["offers"]
    assert (offer["result"], offer["rang_for"]) == ("cancelled", pytest.approx(7.0))
    (segment,) = found["segments"]
    assert (segment["ended_by"], segment["talked"], segment["estimated"]) == ("lost", pytest.approx(5.0), True)
    assert [row["result"] for row in found["transfers"]] == ["failed"]
    assert [(row["outcome"], row["reason"], row["ended_at"]) for row in found["callbacks"]] == [("failed", "lost", 1010.0)]


def test_what_the_world_knows_goes_on(url: str) -> None:
    alive = Survivors(token=2, calls=frozenset({"waiting", "talking"}), callbacks=frozenset({"k"}), agents={"bob": "talking"})
    found = told_then(url, alive, arrived(1, "new"))
    for name in ("calls", "visits", "offers", "segments", "transfers", "callbacks"):
        assert all(row["ended_at"] is None for row in found[name]), name
    assert [(row["state"], row["fact"]) for row in found["agent_states"]] == [("ready", "1-8"), ("talking", "now")]


def test_an_agent_of_whom_nothing_more_came_does_not_talk_for_ever(url: str) -> None:
    found = told_then(url, Survivors(token=2), arrived(1, "new"))
    states = [(row["state"], row["began_at"], row["ended_at"]) for row in found["agent_states"]]
    assert sorted(states) == [("logged_out", 1010.0, None), ("ready", 1003.0, 1008.0), ("talking", 1008.0, 1010.0)]


def test_facts_of_the_former_term_that_come_late_are_written_before(url: str) -> None:
    late = before_the_crash()
    with closing(HistoryStore(url, People(), survivors=Survivors(token=2))) as store:
        store.open()
        store.write(late[:4], 1004.0)
        assert all(row["ended_at"] is None for row in rows(store, tables.calls))
        store.write([*late[4:], *stamped(2, arrived(1, "new"))], 3000.0)
        assert {row["call"]: row["ended_at"] for row in rows(store, tables.calls)} == {
            "waiting": 1008.0,
            "talking": 1008.0,
            "new": None,
        }
        store.write(stamped(2, arrived(1, "new"), arrived(2, "later")), 3001.0)
        assert {row["call"] for row in rows(store, tables.calls) if row["ended_at"] is None} == {"new", "later"}


def test_a_life_that_ends_in_the_middle_leaves_nothing_open(url: str) -> None:
    facts = facts_of(203)
    first = [fact for fact in facts if fact.id.startswith("1-")]
    with closing(HistoryStore(url, People())) as store:
        store.open()
        store.write(first[: len(first) * 2 // 3], 0.0)
        assert any(row["ended_at"] is None for row in rows(store, tables.calls))
    with closing(HistoryStore(url, People(), survivors=Survivors(token=9))) as store:
        store.write(stamped(9, arrived(1, "new")), 0.0)
        found = {table.name: rows(store, table) for table in tables.OPEN_TABLES}
    left = {(name, row["call"]) for name, held in found.items() for row in held if row["ended_at"] is None}
    assert left == {("calls", "new")}
    assert json.dumps(found, default=str).count('"lost"') > 0
