"""The rules of every store, on memory and on a real Redis; then what only Redis can get wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import pytest
from redis.asyncio import Redis

from callbridge.adapters.facts.codec import FutureSchema, decode_row
from callbridge.adapters.redis.connection import connect
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import (
    Delta,
    Displaced,
    MemoryStore,
    Meta,
    Saved,
    SnapshotOwed,
    Store,
    StoreDown,
    StoreRefuses,
    Whole,
)
from callbridge.adapters.system.threads import Threads
from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.saved_tables import SAVED_TABLES
from callbridge.core.model.world import World
from tests.adapters.conftest import RedisServer
from tests.adapters.waiting import HANGS
from tests.adapters.worlds import Busy, agent, call, customer_leg, plan
from tests.core.samples import row_of

META = Meta(now=5.5, seq=7, day="2026-11-21")


def delta(number: int, *numbers: int, gone: tuple[int, ...] = (), seq: int = 0) -> Delta:
    changed: dict[tuple[str, str], object | None] = {("calls", call(n).id): call(n) for n in numbers}
    changed |= {("calls", call(n).id): None for n in gone}
    facts = [RequestRefused(seq=seq, at=1.0, agent="ann", request="ready", reason="no")] if seq else []
    return Delta(number=number, changed=changed, meta=META, facts=facts)


def whole(number: int, *numbers: int) -> Whole:
    return Whole(number=number, rows={"calls": {row.id: row for row in map(_row, numbers)}}, meta=META)


_row = cache(call)
"""Some tests save the same thousands of rows several times."""


def numbers(saved: Saved | None) -> list[int]:
    assert saved is not None
    return sorted(int(row.id.rpartition("-")[2]) for row in saved.rows["calls"])


def same(world: World, saved: Saved | None) -> bool:
    assert saved is not None
    return all({one.key(row): row for row in saved.rows[one.name]} == world.saved(one).rows() for one in SAVED_TABLES)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else RedisStore(request.getfixturevalue("redis_server").settings())
    yield made
    await made.close()


async def test_an_empty_store_has_no_world(store: Store) -> None:
    await store.take_over()
    assert await store.load() is None
    assert store.number == 0


async def test_what_was_saved_is_loaded(store: Store) -> None:
    await store.take_over()
    await store.save(delta(1, 1, 2))
    await store.save(delta(5, 3, gone=(1,)))
    saved = await store.load()
    assert numbers(saved) == [2, 3]
    assert saved is not None
    assert (saved.number, saved.meta, saved.bad) == (5, META, [])


async def test_the_stored_world_follows_a_busy_one_exactly(store: Store) -> None:
    await store.take_over()
    busy = Busy(seed=7)
    await store.save_all(Whole.of(busy.world, 1))
    for number in range(2, 300):
        outcome = busy.any()
        await store.save(Delta(number=number, changed=outcome.changed, meta=Meta.of(busy.world), facts=outcome.facts))
    saved = await store.load()
    assert same(busy.world, saved)
    again = World(plan(), "u")
    assert saved is not None
    again.restore(saved.rows)
    assert dict(again.calls.rows()) == dict(busy.world.calls.rows())


async def test_every_table_of_the_registry_is_saved_and_read_back(store: Store) -> None:
    await store.take_over()
    kept = {table.name: row_of(table) for table in SAVED_TABLES}
    changed: dict[tuple[str, str], object | None] = {(t.name, t.key(kept[t.name])): kept[t.name] for t in SAVED_TABLES}
    await store.save(Delta(number=1, changed=changed, meta=META))
    saved = await store.load()
    assert saved is not None and saved.rows == {name: [row] for name, row in kept.items()}
    world = World(plan(), "t")
    world.restore(saved.rows)
    await store.save_all(Whole.of(world, 2))
    assert same(world, await store.load())
    assert {one.name: world.saved(one).values() for one in SAVED_TABLES} == saved.rows
    await store.save(Delta(number=3, changed=dict.fromkeys(changed), meta=META))
    saved = await store.load()
    assert saved is not None and saved.rows == {table.name: [] for table in SAVED_TABLES}


async def test_a_whole_replaces_what_was_there(store: Store) -> None:
    await store.take_over()
    await store.save(delta(1, 1, 2))
    await store.save_all(whole(2, 3))
    await store.save(delta(3, 4))
    assert numbers(await store.load()) == [3, 4]
    await store.save_all(whole(4))
    assert numbers(await store.load()) == []


async def test_numbers_only_grow(store: Store) -> None:
    await store.take_over()
    await store.save(delta(4, 1))
    for old in (delta(4, 2), delta(3, 2)):
        with pytest.raises(ValueError, match="comes after"):
            await store.save(old)
    assert numbers(await store.load()) == [1]
    assert not store.snapshot_owed


async def test_tokens_only_grow(store: Store) -> None:
    first = await store.take_over()
    assert await store.take_over() > first
    assert first >= int(time.time() * 1000) - 1000


async def test_after_a_reset_nothing_is_left(store: Store) -> None:
    await store.take_over()
    await store.save(delta(1, 1))
    await store.reset()
    await store.take_over()
    assert await store.load() is None


# -- Redis alone ----------------------------------------------------------------------------------------------------


Pair = tuple[RedisStore, RedisStore]


@pytest.fixture
async def pair(redis_server: RedisServer) -> AsyncIterator[Pair]:
    ours, theirs = RedisStore(redis_server.settings()), RedisStore(redis_server.settings())
    yield ours, theirs
    await ours.close()
    await theirs.close()


async def test_the_newest_token_wins(pair: Pair) -> None:
    old, new = pair
    await old.take_over()
    await old.save(delta(1, 1))
    await new.take_over()
    assert new.number == 1
    with pytest.raises(Displaced):
        await old.save(delta(2, 2))
    with pytest.raises(Displaced):
        await old.save_all(whole(3, 2))
    await new.save(delta(2, 3))
    assert numbers(await new.load()) == [1, 3]


async def test_a_clock_that_went_back_still_gives_a_greater_token(redis_server: RedisServer) -> None:
    late, early = RedisStore(redis_server.settings(), clock=lambda: 2e9), RedisStore(redis_server.settings(), clock=lambda: 1e9)
    assert await late.take_over() == 2_000_000_000_000
    assert await early.take_over() == 2_000_000_000_001
    await late.close()
    await early.close()


async def test_a_redis_that_lost_its_memory_wants_the_whole(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    await ours.save(delta(1, 1))
    redis_server.kill()
    with pytest.raises(StoreDown):
        await ours.save(delta(2, 2))
    redis_server.start()
    with pytest.raises(SnapshotOwed):
        await ours.save(delta(3, 3))
    await ours.save_all(whole(4, 1, 2, 3))
    await ours.save(delta(5, 4))
    assert numbers(await ours.load()) == [1, 2, 3, 4]


async def test_a_first_save_needs_the_token_too(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    redis = connect(redis_server.settings())
    await redis.flushall()
    with pytest.raises(SnapshotOwed, match="forgotten"):
        await ours.save(delta(1, 1))
    await redis.aclose()


async def test_an_old_copy_of_the_world_is_not_built_upon(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    await ours.save(delta(1, 1))
    await ours.save(delta(2, 2))
    redis = connect(redis_server.settings())
    await redis.hset(redis_server.settings().private("meta"), "number", 1)
    with pytest.raises(SnapshotOwed, match="gap"):
        await ours.save(delta(3, 3))
    assert ours.snapshot_owed
    await redis.aclose()


def has_patience(store: RedisStore, seconds: float) -> None:
    """On the connections that the pool has, too: they keep what they were made with."""
    pool = store._redis.connection_pool
    pool.connection_kwargs["socket_timeout"] = seconds
    for connection in pool._available_connections:
        connection.socket_timeout = seconds


async def test_a_save_cut_off_while_redis_hangs_corrupts_nothing(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    await ours.save(delta(1, 1))
    redis_server.pause()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ours.save(delta(2, 2, gone=(1,))), 0.05)
    with pytest.raises(SnapshotOwed):
        await ours.save(delta(3, 3))
    has_patience(ours, 0.1)
    with pytest.raises(StoreDown):
        await ours.save_all(whole(4, 3))
    has_patience(ours, HANGS)
    redis_server.go_on()
    await ours.save_all(whole(5, 4, 5))
    await ours.save(delta(6, 6))
    assert numbers(await ours.load()) == [4, 5, 6]


async def test_a_whole_cut_off_leaves_the_old_world_in_place(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    await ours.save(delta(1, 1))
    redis_server.pause()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ours.save_all(whole(2, 2, 3)), 0.05)
    redis_server.go_on()
    assert numbers(await ours.load()) == [1]
    assert ours.snapshot_owed
    await ours.save_all(whole(3, 4))
    assert numbers(await ours.load()) == [4]


async def copies(redis: Redis) -> list[bytes | str]:
    """Keys of rows that a save of everything has staged."""
    return list(await redis.keys("*:calls:*"))


async def test_where_memory_is_short_a_failed_save_leaves_no_copy_behind(redis_server: RedisServer, pair: Pair) -> None:
    """Each try left one for a minute, so that the next ones failed, too, after the shortage was over."""
    ours, _ = pair
    await ours.take_over()
    await ours.save(delta(1, 1))
    many = range(2, 4000)
    async with connect(redis_server.settings()) as redis:
        used = int((await redis.info("memory"))["used_memory"])
        await redis.config_set("maxmemory", used + 1_000_000)
        try:
            for number in range(2, 6):
                with pytest.raises(StoreRefuses, match="maxmemory"):
                    await ours.save_all(whole(number, *many))
                assert await copies(redis) == []
            assert numbers(await ours.load()) == [1]
        finally:
            await redis.config_set("maxmemory", 0)
        await ours.save_all(whole(6, *many))
        assert await copies(redis) == []
    assert numbers(await ours.load()) == [*many]


class Encodes:
    """Threads that encode rows so many times, and then never again."""

    def __init__(self, threads: Threads, *, times: int) -> None:
        self.threads = threads
        self.stuck = asyncio.Event()
        self._times = times

    async def run(self, work: Callable[[], Any]) -> Any:
        self._times -= 1
        if self._times < 0:
            self.stuck.set()
            await asyncio.Event().wait()
        return await self.threads.run(work)


async def test_the_copy_of_a_save_that_was_cut_off_goes_before_the_next_one(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    # Cut off while rows are encoded: rows that were on their way could arrive after the next save, and go a minute later.
    cut_off = ours._threads = Encodes(ours._threads, times=3)  # type: ignore[assignment]
    async with connect(redis_server.settings()) as redis:
        saving = asyncio.create_task(ours.save_all(whole(1, *range(20_000))))
        async with asyncio.timeout(HANGS):
            await cut_off.stuck.wait()
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        assert len(await copies(redis)) == 1
        ours._threads = cut_off.threads
        await ours.save_all(whole(2, 1))
        assert await copies(redis) == []
    assert numbers(await ours.load()) == [1]


async def test_a_save_that_lost_the_store_takes_its_copy_along(redis_server: RedisServer, pair: Pair) -> None:
    ours, theirs = pair
    await ours.take_over()
    await theirs.take_over()
    async with connect(redis_server.settings()) as redis:
        with pytest.raises(Displaced):
            await ours.save_all(whole(1, 1, 2))
        assert await copies(redis) == []


async def test_a_save_that_is_late_but_comes_through_counts(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    redis_server.pause()
    saving = asyncio.create_task(ours.save(delta(1, 1)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(saving), 0.05)
    assert ours.snapshot_owed
    redis_server.go_on()
    await saving
    assert not ours.snapshot_owed
    await ours.save(delta(2, 2))
    assert numbers(await ours.load()) == [1, 2]


async def test_a_write_that_comes_late_is_refused(redis_server: RedisServer, pair: Pair) -> None:
    """The late one waits in a paused Redis behind a newer one: here it is played by a second store of the same token."""
    ours, late = pair
    token = await ours.take_over()
    late._token = token
    await ours.save_all(whole(2, 2))
    with pytest.raises(SnapshotOwed, match="old"):
        await late.save(delta(1, 1))
    with pytest.raises(SnapshotOwed, match="old"):
        await late.save_all(whole(2, 1))
    assert numbers(await ours.load()) == [2]


async def test_a_fact_told_twice_is_in_the_outbox_once(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    token = await ours.take_over()
    first, second = delta(1, 1, seq=1), delta(2, 2, seq=2)
    await ours.save(first)
    await ours.save_all(Whole(number=3, rows={}, meta=META, facts=[*first.facts, *second.facts]))
    redis = connect(redis_server.settings())
    entries: Any = await redis.xrange(redis_server.settings().private("outbox"))
    assert [entry_id.decode() for entry_id, _ in entries] == [f"{token}-1", f"{token}-2"]
    assert entries[0][1][b"type"] == b"request_refused"
    await redis.aclose()


async def test_a_bad_row_is_reported_and_the_rest_is_loaded(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    await ours.save(delta(1, 1, 2))
    redis = connect(redis_server.settings())
    await redis.hset(redis_server.settings().private("calls"), call(1).id, b"[1,{broken")
    saved = await ours.load()
    assert numbers(saved) == [2]
    assert saved is not None
    assert [(bad.table, bad.key) for bad in saved.bad] == [("calls", call(1).id)]
    await redis.aclose()


async def test_a_world_saved_by_a_newer_version_is_left_alone(redis_server: RedisServer, pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    await ours.save(delta(1, 1))
    redis = connect(redis_server.settings())
    await redis.hset(redis_server.settings().private("meta"), "schema", 99)
    with pytest.raises(FutureSchema):
        await ours.load()
    await redis.aclose()


async def test_hostile_text_is_saved_and_loaded(pair: Pair) -> None:
    ours, _ = pair
    await ours.take_over()
    row = call(1, name="安\x00\r\n😀\ud800", number="'; FLUSHALL")
    await ours.save(Delta(number=1, changed={("calls", row.id): row}, meta=META))
    saved = await ours.load()
    assert saved is not None
    assert saved.rows["calls"] == [call(1, name="安\x00\r\n😀\ufffd", number="'; FLUSHALL")]


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_thousands_of_calls_are_loaded_in_time(pair: Pair, count: int) -> None:
    ours, _ = pair
    await ours.take_over()
    rows: dict[str, dict[str, object]] = {
        "calls": {call(n).id: call(n) for n in range(count)},
        "legs": {customer_leg(n).id: customer_leg(n) for n in range(count)},
        "agents": {f"a{n}": agent(f"a{n}") for n in range(1000)},
    }
    await ours.save_all(Whole(number=1, rows=rows, meta=META))
    began = time.process_time()  # the processor's time: a busy machine does not lengthen it
    saved = await ours.load()
    took = time.process_time() - began
    assert saved is not None
    assert (len(saved.rows["calls"]), len(saved.rows["legs"]), len(saved.rows["agents"])) == (count, count, 1000)
    assert took < 2.0  # 10,000: 0.36 s on two cores of 2026; the goal of 0.5 s is the benchmark's to hold, not a busy machine's


async def test_what_a_standby_has_preloaded_is_decoded_again_only_where_it_changed(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, standby = RedisStore(redis_server.settings()), RedisStore(redis_server.settings())
    await leader.take_over()
    await leader.save(delta(1, 1, 2, 3))
    await standby.preload()
    await leader.save(delta(2, 4, gone=(1,)))
    decoded: list[str] = []

    def counted(table: str, data: bytes) -> object:
        decoded.append(table)
        return decode_row(table, data)

    monkeypatch.setattr("callbridge.adapters.redis.store.decode_row", counted)
    assert numbers(await standby.load()) == [2, 3, 4]
    assert decoded == ["calls"]
    decoded.clear()
    assert numbers(await standby.load()) == [2, 3, 4]  # nothing is kept beyond the take-over
    assert len(decoded) == 3
    for each in (leader, standby):
        await each.close()
