"""A world that the version before has saved is read whole: rows as that version wrote them, one of each table, every field set.

``world_2.json``: by table and key of that version, ``[schema, row]`` as its codec wrote them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from callbridge.adapters.facts.codec import FORMER_TABLES, TABLES, decode_row, encode_row
from callbridge.adapters.facts.migrations import SCHEMA
from callbridge.adapters.facts.totals import Total
from callbridge.adapters.redis.connection import connect
from callbridge.adapters.redis.cursors import Trimmer
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from callbridge.adapters.store import Delta, Meta, Saved, SnapshotOwed, Whole
from callbridge.core.model.agent import Agent
from callbridge.core.model.attempt import Attempt
from callbridge.core.model.call import Call, NodeActivity, Phase, TransferKind
from callbridge.core.model.callback import Callback
from callbridge.core.model.leg import Leg
from callbridge.core.model.saved_tables import SAVED_TABLES
from callbridge.core.model.world import World
from tests.adapters.conftest import RedisServer
from tests.adapters.worlds import plan

Rows = dict[str, dict[str, list[Any]]]
WORLD: Rows = json.loads((Path(__file__).parent / "world_2.json").read_text(encoding="utf-8"))
NUMBER = 41


def read(table: str) -> list[Any]:
    return [decode_row(FORMER_TABLES.get(table, table), json.dumps(row).encode()) for row in WORLD.get(table, {}).values()]


def values(data: Any) -> Iterator[Any]:
    """Whatever stands in it, without the names of fields."""
    match data:
        case dict():
            for each in data.values():
                yield from values(each)
        case list():
            for each in data:
                yield from values(each)
        case _:
            yield data


def fields_of(schema: int, kind: str) -> set[str]:
    text = (Path(__file__).parent / "schemas" / f"{schema}.txt").read_text(encoding="utf-8")
    return set(re.findall(rf"^{re.escape(kind)}\.(\w+):", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("call.Call", [row for _, row in WORLD["calls"].values()]),
        ("call.Handing", [row["handing"] for _, row in WORLD["calls"].values()]),
        ("call.Walk", [row["walk"] for _, row in WORLD["calls"].values()]),
        ("call.Segment", [row["segment"] for _, row in WORLD["calls"].values()]),
        ("call.Watching", [row["watching"][0] for _, row in WORLD["calls"].values()]),
        ("call.Hearing", [row["hearing"] for _, row in WORLD["calls"].values()]),
        ("agent.Agent", [row for _, row in WORLD["agents"].values()]),
        ("leg.Leg", [row for _, row in WORLD["legs"].values()]),
        ("promise.Promise", [row for _, row in WORLD["promises"].values()]),
        ("attempt.Attempt", [row for _, row in WORLD["attempts"].values()]),
    ],
)
def test_the_rows_are_those_of_the_schema_with_every_field(kind: str, rows: list[dict[str, Any]]) -> None:
    assert rows and all(set(row) == fields_of(2, kind) for row in rows)


@pytest.mark.parametrize("table", [table for table in WORLD if table != "totals"])
def test_no_value_is_lost(table: str) -> None:
    written = Counter(each if each != "handing" else "transferring" for _, row in WORLD[table].values() for each in values(row))
    again = [json.loads(encode_row(FORMER_TABLES.get(table, table), row)) for row in read(table)]
    assert not written - Counter(each for _, row in again for each in values(row)), "what is there more are new fields"
    assert {schema for schema, _ in again} == {SCHEMA}


def test_the_fields_of_a_call_have_the_values_of_their_former_names() -> None:
    (call,) = read("calls")
    assert isinstance(call, Call)
    assert call.phase is Phase.TRANSFERRING
    assert (call.callback, call.reserved_agent) == ("calls.promise", "calls.held")
    assert (call.dial_result, call.attempt_id) == ("calls.attempt", "calls.dialled_for")
    assert (call.transferred_by, call.transferred_from) == ("calls.handed_by", "calls.handed_queue")
    assert call.recording_paused
    assert call.transfer is not None and (call.transfer.kind, call.transfer.to) == (TransferKind.CONSULT, "calls.handing.to")
    position = call.flow_position
    assert position is not None and (position.activity, position.node) == (NodeActivity.LISTENING, "calls.walk.node")
    assert call.announcing is not None and call.announcing.what == "calls.hearing.what"
    assert [each.by for each in call.supervisions] == ["calls.watching.by"]
    assert call.segment is not None
    assert call.segment.hold_seconds == WORLD["calls"]["calls.id"][1]["segment"]["held"]


def test_the_fields_of_other_rows_have_the_values_of_their_former_names() -> None:
    (agent,), (leg,), (callback,), (attempt,) = read("agents"), read("legs"), read("promises"), read("attempts")
    assert isinstance(agent, Agent) and agent.reserved_for == "agents.held"
    assert isinstance(leg, Leg) and leg.transferred_call == "legs.handed_on"
    assert isinstance(callback, Callback) and callback.id == "promises.id"
    assert isinstance(attempt, Attempt) and attempt.call == "attempts.call"


def test_counters_go_on_under_their_new_names() -> None:
    found = {row.id: row.values for row in read("totals") if isinstance(row, Total)}
    assert found == {
        '["requests_refused","transfer"]': (3.0,),
        '["requests_refused","ready"]': (4.0,),
        '["quarantines","callback"]': (5.0,),
        '["visits_offered","support","gold"]': (6.0,),
    }


def test_refused_dispositions_go_on_under_their_new_name() -> None:
    row = decode_row("totals", json.dumps([2, {"id": '["asks_refused","dispose"]', "values": [1.0]}]).encode())
    assert isinstance(row, Total) and row.id == '["requests_refused","set_disposition"]'


@pytest.mark.parametrize("key", ["", "[", "{}", "[]", "[1]", '["asks_refused"'])
def test_a_counter_of_no_known_form_is_left_as_it_is(key: str) -> None:
    row = decode_row("totals", json.dumps([2, {"id": key, "values": [1.0]}]).encode())
    assert row == Total(id=key, values=(1.0,))


# -- in Redis -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    made = RedisStore(redis_server.settings())
    yield made
    await made.close()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """With a world in it that the version before has saved."""
    made = connect(redis_server.settings())
    private = redis_server.settings().private
    for table, rows in WORLD.items():
        await made.hset(private(table), mapping={key: json.dumps(row) for key, row in rows.items()})
    meta = {"schema": 2, "token": 7, "number": NUMBER, "now": "5.5", "seq": 9, "day": "2026-11-21"}
    await made.hset(private("meta"), mapping={name: str(value) for name, value in meta.items()})
    yield made
    await made.aclose()


async def loaded(store: RedisStore) -> Saved:
    await store.take_over()
    saved = await store.load()
    assert saved is not None
    return saved


def check(saved: Saved) -> None:
    assert saved.bad == []
    assert saved.rows == {one.name: read(one.formerly or one.name) for one in SAVED_TABLES}
    assert {row.id for row in saved.totals} == {row.id for row in read("totals")}


async def test_all_of_it_is_loaded_and_saved_whole_before_any_change(store: RedisStore, redis: Redis) -> None:
    saved = await loaded(store)
    check(saved)
    assert (saved.number, saved.meta) == (NUMBER, Meta(now=5.5, seq=9, day="2026-11-21"))
    assert store.snapshot_owed
    with pytest.raises(SnapshotOwed):
        await store.save(Delta(number=NUMBER + 1, changed={("callbacks", "promises.id"): None}, meta=saved.meta))
    check(await loaded(store))


async def test_the_former_table_is_gone_after_the_first_whole_save(
    redis_server: RedisServer, store: RedisStore, redis: Redis
) -> None:
    private = redis_server.settings().private
    saved = await loaded(store)
    world = World(plan(), "t")
    world.restore(saved.rows)
    totals = {row.id: row for row in saved.totals}
    await store.save_all(Whole.of(world, NUMBER + 1, totals=totals))
    assert not store.snapshot_owed
    assert not await redis.exists(private("promises"))
    assert await redis.hget(private("meta"), "schema") == str(SCHEMA).encode()
    assert sorted(await redis.hkeys(private("totals"))) == sorted(key.encode() for key in totals)
    check(await loaded(store))
    assert not store.snapshot_owed
    await store.save(Delta(number=NUMBER + 2, changed={("callbacks", "promises.id"): None}, meta=saved.meta))
    assert (await loaded(store)).rows["callbacks"] == [], "what ended does not come back under the former name"


@pytest.mark.parametrize("broken", ["meta", "calls"])
async def test_what_is_owed_is_kept_where_the_rest_cannot_be_read(
    redis_server: RedisServer, store: RedisStore, redis: Redis, broken: str
) -> None:
    key = redis_server.settings().private(broken)
    await redis.delete(key)
    await redis.set(key, "spoilt")
    await store.set_aside()
    saved = await loaded(store)
    assert (saved.rows["callbacks"], saved.rows["calls"]) == (read("promises"), [])
    assert store.snapshot_owed


async def test_the_timelines_go_on_where_the_stories_ended(redis_server: RedisServer, redis: Redis) -> None:
    private, archive = redis_server.settings().private, TimelineArchive(redis_server.settings())
    await redis.set(private("stories_cursor"), "7-9")
    await redis.hset(private("cursors"), mapping={"stories": "7-9 7-9", "facts": "7-8 7-8"})
    assert await archive.place() == await archive.place() == (7, 9)
    assert await redis.get(private("timelines_cursor")) == b"7-9"
    assert not await redis.exists(private("stories_cursor"))
    assert await redis.hgetall(private("cursors")) == {b"timelines": b"7-9 7-9", b"facts": b"7-8 7-8"}
    await archive.close()


async def test_what_a_displaced_version_still_notes_holds_nothing_up(redis_server: RedisServer, redis: Redis) -> None:
    private = redis_server.settings().private
    trimmer = Trimmer(redis_server.settings(), lambda: {"facts", "timelines"}, lambda reader, count: None)
    await redis.hset(private("cursors"), mapping={"timelines": "7-9 7-9", "stories": "7-1 7-1", "facts": "7-8 7-8"})
    await trimmer.trim()
    assert sorted(await redis.hkeys(private("cursors"))) == [b"facts", b"timelines"]
    await trimmer.close()


def test_every_former_name_leads_to_a_table_and_is_none() -> None:
    assert set(FORMER_TABLES.values()) <= set(TABLES) and not set(FORMER_TABLES) & set(TABLES)
    later = {"score_cursors", "observed_tallies", "observed_agents", "observed_calls", "script_answers", "closures"}
    assert {FORMER_TABLES.get(table, table) for table in WORLD} == set(TABLES) - later
