"""Keys that cannot be read: named, set aside, never deleted; what is owed to people is kept, and saving and publishing go on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from callbridge.adapters.facts.codec import TABLES, FutureSchema
from callbridge.adapters.redis.connection import connect
from callbridge.adapters.redis.cursors import Trimmer
from callbridge.adapters.redis.fact_stream import FactStream
from callbridge.adapters.redis.projection import RedisProjection
from callbridge.adapters.redis.set_aside import SET_ASIDE_FOR
from callbridge.adapters.redis.store import PRESENT, RedisStore
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from callbridge.adapters.store import Delta, Displaced, Meta, Saved, StoreDown, StoreRefuses, Unreadable, Whole
from callbridge.adapters.views.board import Board
from callbridge.core.model.callback import Callback
from callbridge.core.model.facts import AnyFact, RequestRefused
from callbridge.core.model.tally import Tally
from tests.adapters.conftest import RedisServer
from tests.adapters.reading import drained
from tests.adapters.test_store import META, delta, numbers
from tests.adapters.waiting import HANGS, running
from tests.adapters.worlds import Busy, agent, call, customer_leg

WORLD = "callbridge:{main}:"
OWED = Callback(
    id="p1", queue="q0", number="+44", who="44", tier="gold", name="", entry="q0", pbx="pbx", made_at=1.0, waits_since=1.0,
    rank=1.0, expires_at=9e9,
)  # fmt: skip


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(redis_server.settings())
    yield client
    await client.aclose()


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    made = RedisStore(redis_server.settings())
    yield made
    await made.close()


async def a_saved_world(redis_server: RedisServer) -> int:
    """A call, its leg, an agent, today's figures and a callback that is owed; gives the token."""
    owner = RedisStore(redis_server.settings())
    token = await owner.take_over()
    rows: dict[str, dict[str, object]] = {
        "calls": {call(1).id: call(1)},
        "legs": {customer_leg(1).id: customer_leg(1)},
        "agents": {"a0": agent("a0")},
        "tallies": {"q0|d": Tally(queue="q0", day="d", offered=1)},
        "callbacks": {"p1": OWED},
    }
    await owner.save_all(Whole(number=5, rows=rows, meta=META))
    await owner.close()
    return token


async def aside(redis: Redis) -> dict[str, str]:
    """Name without the moment -> type, of what was set aside."""
    found: dict[str, str] = {}
    for key in await keys_like(redis, "unreadable:*"):
        assert 0 < await redis.ttl(key) <= SET_ASIDE_FOR
        kind: Any = await redis.type(key)
        found[key.split(":", 4)[4]] = kind.decode()
    return found


async def keys_like(redis: Redis, pattern: str) -> list[str]:
    keys: Any = await redis.keys(WORLD + pattern)
    return sorted(key.decode() for key in keys)


async def spoilt(redis: Redis, name: str) -> str:
    """This key holds somebody else's text; gives its whole name."""
    key = WORLD + name
    await redis.delete(key)
    await redis.set(key, "somebody else's")
    return key


async def taken(store: RedisStore) -> Saved | None:
    """As a start does it."""
    with pytest.raises(Unreadable):
        await store.look()
    await store.set_aside()
    await store.look()
    await store.take_over()
    return await store.load()


@pytest.mark.parametrize("name", ["meta", *PRESENT])
async def test_a_present_that_cannot_be_read_goes_as_a_whole_and_what_is_owed_stays(
    redis_server: RedisServer, redis: Redis, store: RedisStore, name: str
) -> None:
    await a_saved_world(redis_server)
    key = await spoilt(redis, name)
    with pytest.raises(Unreadable, match=re.escape(key)):
        await store.look()
    saved = await taken(store)
    assert saved is not None
    assert {name: rows for name, rows in saved.rows.items() if rows} == {"callbacks": [OWED]}
    assert await aside(redis) == dict.fromkeys(PRESENT, "hash") | {name: "string"}
    assert any(key in note for note in store.aside.notes)
    await store.save(delta(store.number + 1, 7))
    assert numbers(await store.load()) == [7]


@pytest.mark.parametrize("name", ["callbacks", "campaigns", "outbox"])
async def test_another_key_of_the_wrong_type_goes_alone(
    redis_server: RedisServer, redis: Redis, store: RedisStore, name: str
) -> None:
    await a_saved_world(redis_server)
    await spoilt(redis, name)
    saved = await taken(store)
    assert numbers(saved) == [1]
    assert await aside(redis) == {name: "string"}
    await store.save(delta(store.number + 1, 7, seq=1))
    assert await redis.xlen(f"{WORLD}outbox") == 1


BROKEN: dict[str, dict[str, object] | list[str]] = {
    "number is no number": {"number": "many"},
    "number is negative": {"number": -4},
    "schema is no number": {"schema": "new"},
    "now is no moment": {"now": "nan"},
    "token is no number": {"token": "mine"},
    "day is no text": {"day": b"\xff"},
    "number is gone": ["number"],
    "now is gone": ["now"],
    "all is gone": ["number", "schema", "now", "seq", "day", "token"],
}


@pytest.mark.parametrize("how", BROKEN)
async def test_figures_that_cannot_be_read_are_a_world_that_cannot(
    redis_server: RedisServer, redis: Redis, store: RedisStore, how: str
) -> None:
    token = await a_saved_world(redis_server)
    change = BROKEN[how]
    await (redis.hset(f"{WORLD}meta", mapping=change) if isinstance(change, dict) else redis.hdel(f"{WORLD}meta", *change))  # type: ignore[arg-type]
    saved = await taken(store)
    assert saved is not None
    assert (saved.rows["calls"], saved.rows["callbacks"]) == ([], [OWED])
    assert set(PRESENT) <= set(await aside(redis))
    assert store.token > token
    await store.save(delta(store.number + 1, 7))
    assert numbers(await store.load()) == [7]


async def test_a_world_of_a_newer_version_is_not_touched_however_it_looks(
    redis_server: RedisServer, redis: Redis, store: RedisStore
) -> None:
    await a_saved_world(redis_server)
    await redis.hset(f"{WORLD}meta", mapping={"schema": 99, "now": "in another form"})
    before = await redis.hgetall(f"{WORLD}meta")
    with pytest.raises(FutureSchema):
        await store.look()
    with pytest.raises(FutureSchema):
        await store.set_aside()
    with pytest.raises(StoreRefuses, match="schema 99"):
        await store.save_all(Whole(number=1, rows={}, meta=META))  # started without it
    assert await redis.hgetall(f"{WORLD}meta") == before
    assert await aside(redis) == {}


async def test_two_who_start_at_once_set_aside_once(redis_server: RedisServer, redis: Redis, store: RedisStore) -> None:
    await a_saved_world(redis_server)
    await spoilt(redis, "calls")
    other = RedisStore(redis_server.settings())
    await other.set_aside()
    await other.take_over()
    await other.save_all(Whole(number=9, rows={"calls": {call(3).id: call(3)}}, meta=META))
    await store.set_aside()
    assert numbers(await other.load()) == [3]
    assert len(await aside(redis)) == len(PRESENT)
    await other.close()


# -- while we run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["meta", "calls", "outbox"])
async def test_a_key_that_is_spoilt_while_we_run_is_set_aside_and_all_is_saved_again(
    redis_server: RedisServer, redis: Redis, store: RedisStore, name: str
) -> None:
    await store.take_over()
    await store.save(delta(1, 1))
    await spoilt(redis, name)
    with pytest.raises(StoreDown):
        await store.save(delta(2, 2, seq=1))
    await store.save_all(Whole(number=3, rows={"calls": {call(n).id: call(n) for n in (1, 2)}}, meta=META))
    assert numbers(await store.load()) == [1, 2]
    assert await aside(redis) == {name: "string"}
    await store.save(delta(4, 3, seq=2))
    assert numbers(await store.load()) == [1, 2, 3]


async def test_saving_the_whole_overwrites_nothing_of_somebody_else(
    redis_server: RedisServer, redis: Redis, store: RedisStore
) -> None:
    await store.take_over()
    await spoilt(redis, "places")
    with pytest.raises(Unreadable, match="places"):
        await store.save_all(Whole(number=1, rows={}, meta=META))
    await store.save_all(Whole(number=2, rows={}, meta=META))
    assert await aside(redis) == {"places": "string"}


async def test_what_the_readers_of_the_outbox_write_is_looked_after(redis: Redis, store: RedisStore) -> None:
    for name in ("cursors", "owed", "outbox"):
        await redis.set(WORLD + name, "x")
    await redis.hset(f"{WORLD}timelines_cursor", "x", "y")
    await redis.set("callbridge:facts", "x")
    async with running(store.aside.watch()):
        async with asyncio.timeout(HANGS):
            while len(await aside(redis)) < 5:
                await asyncio.sleep(0.01)
    assert set(await aside(redis)) == {"cursors", "owed", "outbox", "timelines_cursor", "facts"}
    assert any("callbridge:facts" in note for note in store.aside.notes)


async def test_a_public_hash_of_the_wrong_type_does_not_stop_the_others(
    redis_server: RedisServer, redis: Redis, store: RedisStore
) -> None:
    busy = Busy(2)
    board = Board.of(busy.world)
    await redis.set("callbridge:queue:q0", "x")
    told: list[bool] = []
    projection = RedisProjection(redis_server.settings(), board, aside=store.aside, told=told.append)
    async with running(projection.run()):
        async with asyncio.timeout(HANGS):
            while not (told and told[-1]):
                await asyncio.sleep(0.01)
    assert await redis.hget("callbridge:queue:q0", "waiting") is not None
    assert await aside(redis) == {"queue:q0": "string"}
    await projection.close()


# -- what is of the right type, and odd inside ----------------------------------------------------------------------


def refused(seq: int) -> AnyFact:
    return RequestRefused(seq=seq, at=1.0, agent="ann", request="ready", reason="no", call="c1")


async def told(store: RedisStore, *seqs: int) -> None:
    facts = [refused(seq) for seq in seqs]
    await store.save(Delta(number=store.number + 1, changed={}, meta=Meta(now=1.0, seq=seqs[-1], day="d"), facts=facts))


async def test_a_strange_entry_of_the_outbox_is_passed_over(redis_server: RedisServer, redis: Redis, store: RedisStore) -> None:
    token = await store.take_over()
    await told(store, 1)
    await redis.xadd(f"{WORLD}outbox", {"colour": "blue"}, id=f"{token}-2")
    await told(store, 3)
    stream, archive = FactStream(redis_server.settings()), TimelineArchive(redis_server.settings())
    await drained(store.outbox, stream)
    await drained(store.outbox, archive)
    entries: Any = await redis.xrange("callbridge:facts")
    assert [int(entry[b"seq"]) for _, entry in entries] == [1, 3]
    assert [fact["seq"] for fact in await archive.timeline("c1") or []] == [1, 3]
    await stream.close()
    await archive.close()


async def test_a_place_in_the_stories_that_cannot_be_read_is_found_in_its_copy(
    redis_server: RedisServer, redis: Redis, store: RedisStore
) -> None:
    await store.take_over()
    await told(store, 1)
    archive = TimelineArchive(redis_server.settings())
    await drained(store.outbox, archive)
    await redis.set(f"{WORLD}timelines_cursor", "nowhere")
    await told(store, 2)
    await drained(store.outbox, archive)
    assert [fact["seq"] for fact in await archive.timeline("c1") or []] == [1, 2]
    await archive.close()


async def test_a_reader_s_place_that_cannot_be_read_does_not_stop_the_trimming(
    redis_server: RedisServer, redis: Redis, store: RedisStore
) -> None:
    await store.take_over()
    await told(store, *range(1, 121))
    await redis.hset(f"{WORLD}cursors", "facts", "nowhere")
    lost: list[tuple[str, int]] = []
    trimmer = Trimmer(redis_server.settings(outbox_cap=50), lambda: {"facts"}, lambda *said: lost.append(said))
    await trimmer.trim()
    assert await redis.xlen(f"{WORLD}outbox") == 50
    assert lost == [("facts", 70)]
    await trimmer.close()


@pytest.mark.parametrize(
    ("place", "owed", "expected"),
    [("nowhere", "[]", []), ("{0} {1}", "{broken", [2, 3]), ("{0} {1}", '{"a": 1}', [2, 3]), ("{0} {1}", "[]", [3])],
)
async def test_a_webhook_whose_place_cannot_be_read_goes_on(
    redis_server: RedisServer, redis: Redis, store: RedisStore, place: str, owed: str, expected: list[int]
) -> None:
    token = await store.take_over()
    await told(store, 1, 2, 3)
    await redis.hset(f"{WORLD}cursors", "hook:crm", place.format(f"{token}-1", f"{token}-2"))
    await redis.hset(f"{WORLD}owed", "hook:crm", owed)
    cursor = await store.outbox.cursor("hook:crm")
    feed = store.outbox.feed("hook:crm", None)
    feed.seek(cursor.read if cursor is not None else await store.outbox.last())
    await store.outbox.fill(feed)
    assert [fact.seq for fact in feed.queue] == expected


# -- a start without the store --------------------------------------------------------------------------------------


def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.adapters.redis.store.OWNER_SILENT", 0.3)


@pytest.mark.parametrize("clock", [lambda: 4e9, lambda: 1e9], ids=["later", "a clock that went back"])
async def test_the_world_of_who_is_gone_is_set_aside_when_the_store_is_back(
    redis_server: RedisServer, redis: Redis, monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]
) -> None:
    without_waiting(monkeypatch)
    before = await a_saved_world(redis_server)
    ours = RedisStore(redis_server.settings(), clock=clock)
    await ours.save_all(Whole(number=1, rows={"calls": {call(2).id: call(2)}}, meta=META))
    assert ours.token > before
    saved = await ours.load()
    assert numbers(saved) == [2]
    assert saved is not None
    assert saved.rows["callbacks"] == []
    kept = {key.split(":", 4)[4] for key in await keys_like(redis, "outdated:*")}
    assert kept == {"meta", "calls", "legs", "agents", "tallies", "callbacks"}
    assert "outdated" in ours.aside.notes[0]
    await ours.save(delta(2, 3))
    assert numbers(await ours.load()) == [2, 3]
    await ours.close()


async def test_the_world_of_who_lives_is_left_alone(
    redis_server: RedisServer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_waiting(monkeypatch)
    other, ours = RedisStore(redis_server.settings()), RedisStore(redis_server.settings())
    token = await other.take_over()
    await other.save(delta(1, 1))
    saving = asyncio.create_task(ours.save_all(Whole(number=1, rows={"calls": {call(2).id: call(2)}}, meta=META)))
    await asyncio.sleep(0.1)
    await other.save(delta(2, 5))
    with pytest.raises(Displaced):
        await saving
    assert numbers(await other.load()) == [1, 5]
    assert json.loads(await redis.hget(f"{WORLD}meta", "token") or b"0") == token
    await other.save(delta(3, 6))
    await other.close()
    await ours.close()


async def test_an_empty_store_is_taken_at_once(redis_server: RedisServer, store: RedisStore) -> None:
    await store.save_all(Whole(number=1, rows={"calls": {call(2).id: call(2)}}, meta=META))
    assert numbers(await store.load()) == [2]


async def test_a_world_that_cannot_be_read_is_no_reason_to_stay_without_the_store(
    redis_server: RedisServer, redis: Redis, store: RedisStore
) -> None:
    await a_saved_world(redis_server)
    await spoilt(redis, "meta")
    with pytest.raises(Unreadable):
        await store.save_all(Whole(number=1, rows={}, meta=META))
    await store.save_all(Whole(number=2, rows={"calls": {call(2).id: call(2)}}, meta=META))
    assert numbers(await store.load()) == [2]
    assert set(TABLES) >= set(PRESENT)
