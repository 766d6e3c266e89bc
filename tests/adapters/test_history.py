"""The history holds each fact exactly once, in whatever batches, how often and with what crashes it is told; and its figures are
those of the facts."""

from __future__ import annotations

import contextlib
import gc
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

import pytest
from sqlalchemy import Connection, Table, func, select

from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.facts.codec import FACT_KINDS
from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.history import HistoryStore, People, Retention
from callbridge.adapters.history import store as history_store
from callbridge.adapters.history.lost import Survivors
from callbridge.adapters.history.retention import TIMES, old, prune
from callbridge.adapters.history.rows import WANTED
from callbridge.adapters.outbox.envelope import Envelope, Stamper, place_of
from callbridge.adapters.system.garbage import postponed
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.facts import AnyFact, CallArrived, CallDiverted
from callbridge.core.model.personal import Content
from tests.examples import cases, seeds
from tests.sim.drive import Day

from .days import facts_of, rows

upsert = history_store._upsert
ROWS = [table for table in tables.HISTORY_TABLES if table is not tables.cursors]

SEEDS = (0, 1, 2, 203, 204, 205)
"""Days with callers, with flows and surveys, with callbacks, and with a campaign."""


def whole(history: HistoryStore) -> dict[str, list[dict[str, Any]]]:
    return {table.name: rows(history, table) for table in ROWS}


class Crash(Exception):
    pass


def tell_badly(history: HistoryStore, facts: Sequence[Envelope], rng: Random) -> None:
    """In batches of any size, some again, and with crashes in the middle of a transaction."""
    at = 0
    while at < len(facts):
        size = rng.choice((1, 2, 7, 40, 250))
        batch = facts[max(0, at - rng.choice((0, 0, 3, 30))) : at + size]
        if rng.random() < 0.3:
            with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Crash):
                patch.setattr(history_store, "_upsert", _all_but_the_place)
                history.write(batch, 0.0)
        history.write(batch, 0.0)
        at += size


def _all_but_the_place(link: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if table is tables.cursors:
        raise Crash
    upsert(link, table, rows)


def test_writing_facts_leaves_nothing_to_the_garbage_collector(tmp_path: Path) -> None:
    """What refers to itself in a circle and is still needed when the collector sets aside what survives stays until a full
    collection, for which a busy service never has the time."""
    facts = facts_of(0)
    batches = [facts[start : start + 7] for start in range(0, len(facts), 7)]
    with closing(HistoryStore(f"sqlite:///{tmp_path}/history.db", People())) as history:
        history.open()
        for batch in batches[: len(batches) // 2]:
            history.write(batch, 0.0)
        gc.collect()
        with postponed():
            written = sum(history.write(batch, 0.0) for batch in batches[len(batches) // 2 :])
            assert gc.collect() < written, "less than an object for each fact: some may be of a thread of another test"


@pytest.mark.parametrize("seed", cases(SEEDS, fast=[0, 203, 205]))
def test_however_facts_are_told_the_rows_are_the_same(history: HistoryStore, tmp_path: Path, seed: int) -> None:
    facts = facts_of(seed)
    with closing(HistoryStore(f"sqlite:///{tmp_path}/at_once.db", People())) as at_once:
        at_once.open()
        assert at_once.write(facts, 0.0) == len(facts)
        assert at_once.write(facts, 0.0) == 0
        expected = whole(at_once)
    assert sum(map(len, expected.values())) > 30
    tell_badly(history, facts, Random(seed))
    assert whole(history) == expected


@pytest.mark.parametrize("seed", seeds(4, fast=2))
def test_the_rows_add_up_to_the_facts(history: HistoryStore, seed: int) -> None:
    facts = facts_of(seed)
    history.write(facts, 0.0)
    data = [(fact, json.loads(fact.data)) for fact in facts]
    told = Counter((said["queue"], said["outcome"]) for fact, said in data if fact.type == "visit_ended")
    visits = rows(history, tables.visits)
    assert Counter((row["queue"], row["outcome"]) for row in visits if row["ended_at"] is not None) == told
    talked = sum(said["talked"] for fact, said in data if fact.type == "talk_ended")
    segments = rows(history, tables.segments)
    assert sum(row["talked"] or 0.0 for row in segments if row["kind"] == "talk") == pytest.approx(talked)
    calls = {row["call"] for row in rows(history, tables.calls)}
    assert {row["call"] for row in (*visits, *segments, *rows(history, tables.offers))} <= calls
    numbers = {(row["call"], row["visit"]) for row in visits}
    assert {(row["call"], row["visit"]) for row in segments if row["visit"]} <= numbers


@pytest.mark.parametrize("seed", seeds(4, fast=2))
def test_an_agents_states_follow_one_upon_the_other_without_a_gap(history: HistoryStore, seed: int) -> None:
    history.write(facts_of(seed), 0.0)
    states: dict[str, list[dict[str, Any]]] = {}
    for row in rows(history, tables.agent_states):
        states.setdefault(row["agent"], []).append(row)
    assert states
    for those in states.values():
        those.sort(key=lambda row: row["began_at"])
        for before, after in pairwise(those):
            assert before["ended_at"] == pytest.approx(after["began_at"], abs=1e-6)
        assert [row["fact"] for row in those if row["ended_at"] is None] == ["now"]


def test_what_is_too_old_is_deleted_and_what_has_not_ended_is_kept(
    history: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbridge.adapters.history.retention.ROWS_AT_ONCE", 3)
    facts = facts_of(2)
    history.write(facts, 0.0)
    before, last = whole(history), max(fact.at for fact in facts)
    assert prune(history.database, Retention(days=1, flow_days=1), last) == 0
    ended = sorted(row["ended_at"] for row in before["calls"] if row["ended_at"] is not None)
    middle = ended[len(ended) // 2]
    assert prune(history.database, Retention(days=1, flow_days=1), middle + 86_400.0) > 10
    after = whole(history)
    for name in ("calls", "visits", "segments", "agent_states"):
        assert after[name] == [row for row in before[name] if row["ended_at"] is None or row["ended_at"] >= middle]
    prune(history.database, Retention(days=1, flow_days=1), last + 3 * 86_400.0)
    assert all(row.get("ended_at") is None and "at" not in row for left in whole(history).values() for row in left)


def test_without_numbers_neither_the_number_nor_the_name_is_anywhere(tmp_path: Path) -> None:
    people = People(key=b"secret")
    with closing(HistoryStore(f"sqlite:///{tmp_path}/x.db", people)) as history:
        history.open()
        history.write([_arrived(1, "a", "+442079460123", "Ann Smith"), _arrived(2, "b", "+442079460123", "Ann Smith")], 0.0)
        kept = rows(history, tables.calls)
    assert "2079460" not in str(kept) and "Ann" not in str(kept)
    first, second = kept
    assert first["person"] == second["person"] == people.identity("+442079460123")
    assert first["number"] == "+44*****123"
    assert People(key=b"other").identity("+442079460123") != first["person"]


@pytest.mark.parametrize("key", [b"", b"secret"])
def test_callers_without_a_number_are_not_one_person(tmp_path: Path, key: bytes) -> None:
    with closing(HistoryStore(f"sqlite:///{tmp_path}/x.db", People(key=key))) as history:
        history.open()
        history.write(
            [_arrived(1, "a", "withheld", "withheld"), _arrived(2, "b", "anonymous", ""), _arrived(3, "c", "1001", "")], 0.0
        )
        kept = rows(history, tables.calls)
    assert [bool(row["person"]) for row in kept] == [False, False, True]


def _arrived(seq: int, call: str, number: str, name: str) -> Envelope:
    leg, at = f"pbx/{call}", 1000.0 + seq
    who = CallArrived(
        seq=seq, at=at, call=call, leg=leg, entry="support", tier="gold", number=number, name=name, uniqueid=call, linkedid=call
    )
    return Stamper().stamp(1, [who])[0]


def test_positions_at_entry_and_at_the_end_are_kept(history: HistoryStore) -> None:
    facts = facts_of(1)
    history.write(facts, 0.0)
    told = {(fact.call, fact.seq): json.loads(fact.data)["position"] for fact in facts if fact.type == "visit_began"}
    kept = {(row["call"], row["visit"]): row["entered_at_position"] for row in rows(history, tables.visits)}
    assert told and max(told.values()) > 1
    assert {key: kept[key] for key in told} == told
    ended = [row for row in rows(history, tables.visits) if row["ended_at"] is not None and not row["estimated"]]
    assert ended and all(row["left_at_position"] >= 1 for row in ended)


NUMBER = "+442079460123"


def _fact_full_of_numbers(kind: type, seq: int) -> AnyFact:
    """A fact of this kind in which every text that may hold a number does."""
    values: dict[str, Any] = {"seq": seq, "at": 1000.0 + seq}
    texts = {
        Content.NUMBER: NUMBER,
        Content.NAME: "Ann Smith",
        Content.TARGET: f"number:{NUMBER}",
        Content.TEXT: f"PJSIP/{NUMBER}@t",
    }
    plain = {str: "x", int: 1, float: 1.0, bool: True}
    for field, hint in get_type_hints(kind, include_extras=True).items():
        content = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Content)), None)
        if field not in values:
            values[field] = texts.get(content, "x") if content is not None else plain.get(hint, 1)
    if "details" in values:
        values["details"] = json.dumps([{"key": "agents.ann.phone", "old": None, "new": f"PJSIP/{NUMBER}@t"}])
    return kind(**values)  # type: ignore[no-any-return]


def test_without_numbers_no_kind_of_fact_leaves_one_in_any_table(tmp_path: Path) -> None:
    told = [_fact_full_of_numbers(FACT_KINDS[kind], seq) for seq, kind in enumerate(sorted(WANTED), 1)]
    with closing(HistoryStore(f"sqlite:///{tmp_path}/x.db", People(key=b"secret"))) as history:
        history.open()
        history.write(Stamper().stamp(1, told), 0.0)
        kept = whole(history)
    assert sum(map(len, kept.values())) >= 20
    leaking = {name for name, held in kept.items() if "2079460" in str(held) or "Smith" in str(held)}
    assert leaking == set()
    (reload,) = [row for row in kept["changes"] if row["kind"] == "reload"]
    assert json.loads(reload["details"]) == [{"key": "agents.ann.phone", "old": None, "new": "PJSIP/+44*****123@t"}]


@pytest.mark.parametrize("seed", cases(SEEDS, fast=[0, 205]))
def test_talks_of_calls_that_we_made_are_apart_in_metrics_as_in_the_history(seed: int, tmp_path: Path) -> None:
    metrics, calls, talks = Totals(), tables.calls.c, tables.segments.c
    with closing(HistoryStore(f"sqlite:///{tmp_path}/history.db", People())) as history:
        history.open()
        history.write(facts_of(seed), 0.0)
        made = func.coalesce(calls.callback, "") + func.coalesce(calls.campaign, "") != ""
        wanted = select(made, talks.talked, talks.hold, talks.wrap_up, talks.queue).join(tables.calls, calls.call == talks.call)
        wanted = wanted.where(talks.ended_at.is_not(None), talks.agent != "", func.coalesce(talks.ended_by, "") != "short")
        with history.database.engine.connect() as link:
            found = [tuple(row) for row in link.execute(wanted)]
    for life in Day(seed).run().lives:
        metrics.count([fact for _, _, facts in life.steps for fact in facts])
    for direction, out in (("in", False), ("out", True)):
        seconds = dict.fromkeys(("talk_seconds", "hold_seconds", "wrap_up_seconds"), 0.0)
        for (family, labels), values in metrics.shown().items():
            if family.name in seconds and labels[1] == direction:
                seconds[family.name] += values[-1]
        of_it = [row[1:] for row in found if bool(row[0]) is out]
        talked, hold, wrapped = (sum(row[place] or 0.0 for row in of_it) for place in range(3))
        assert seconds["talk_seconds"] == pytest.approx(talked - hold)
        assert seconds["hold_seconds"] == pytest.approx(hold)
        assert seconds["wrap_up_seconds"] == pytest.approx(wrapped)
    assert {bool(row[0]) for row in found} == {seed == 205}


def test_each_call_that_was_diverted_on_arrival_is_a_row(history: HistoryStore) -> None:
    told = [
        CallDiverted(seq=seq, at=100.0 + seq, leg=f"lab/17000.{seq}", entry="sales", reason=DiversionReason.BYPASS)
        for seq in (1, 2)
    ]
    history.write(tuple(Stamper().stamp(1, told)), 0.0)
    kept = [
        (row["call"], row["pbx"], row["entry"], row["arrived_at"], row["ended_at"], row["outcome"])
        for row in rows(history, tables.calls)
    ]
    assert kept == [
        ("lab/17000.1", "lab", "sales", 101.0, 101.0, "diverted"),
        ("lab/17000.2", "lab", "sales", 102.0, 102.0, "diverted"),
    ]


def test_every_table_has_an_age_at_which_its_rows_go() -> None:
    """``flow_steps`` have one of their own."""
    assert {table.name for table in tables.HISTORY_TABLES} - set(TIMES) == {"history_cursors", "legal_holds", "flow_steps"}


@pytest.mark.parametrize("name", sorted(set(TIMES) - {"callback_attempts"}))
def test_what_is_too_old_is_found_by_an_index(tmp_path: Path, name: str) -> None:
    """Without one every hour would read a whole history."""
    with closing(HistoryStore(f"sqlite:///{tmp_path}/x.db", People())) as history:
        history.open()
        wanted = old(next(table for table in ROWS if table.name == name), TIMES[name], 1000.0)
        sql = str(wanted.compile(history.database.engine, compile_kwargs={"literal_binds": True}))
        with history.database.engine.connect() as link:
            plan = [row[-1] for row in link.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    assert not [line for line in plan if line.startswith("SCAN")], plan


def survivors_of(facts: Sequence[Envelope], token: int) -> Survivors:
    """What the world knew when the term with this token began, by what is told of it from then on."""
    later = [(fact, json.loads(fact.data)) for fact in facts if place_of(fact.id)[0] >= token]
    agents: dict[str, str] = {}
    for fact, said in later:
        if fact.type == "agent_changed":
            agents.setdefault(said["agent"], said["previous"])
    for fact in reversed(facts):
        if fact.type == "agent_changed" and place_of(fact.id)[0] < token:
            said = json.loads(fact.data)
            agents.setdefault(said["agent"], said["state"])
    return Survivors(
        token=token,
        calls=frozenset(fact.call for fact, _ in later),
        callbacks=frozenset(said["callback"] for _, said in later if "callback" in said),
        agents=agents,
    )


@pytest.mark.parametrize(
    "seed", [203, 33, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (8, 12, 14, 28, 37, 200, 212))]
)
def test_terms_that_die_in_the_middle_write_the_same_rows(tmp_path: Path, seed: int) -> None:
    """Each term has a writer of its own, which closes what did not survive and begins with what the one before had left."""
    facts, rng = facts_of(seed), Random(seed)
    with closing(HistoryStore(f"sqlite:///{tmp_path}/at_once.db", People())) as at_once:
        at_once.open()
        at_once.write(facts, 0.0)
        expected = whole(at_once)
    tokens = sorted({place_of(fact.id)[0] for fact in facts})
    assert len(tokens) > 1
    known, unwritten = {call["call"] for call in expected["calls"] if call["ended_at"] is None}, 0
    for token in tokens:
        survivors = survivors_of(facts, token)
        survivors = replace(survivors, calls=survivors.calls | known)
        upto = max(at for at, fact in enumerate(facts, 1) if place_of(fact.id)[0] <= token)
        upto = upto if token == tokens[-1] else rng.randint(unwritten, upto)
        with closing(HistoryStore(f"sqlite:///{tmp_path}/history.db", People(), survivors=survivors)) as history:
            history.open()
            tell_badly(history, facts[unwritten:upto], rng)
            found = whole(history)
        unwritten = upto
    assert found == expected
