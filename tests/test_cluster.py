"""callbridge on a Redis Cluster: all keys of one lie on one node, and it follows them to another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.crc import key_slot

from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.redis.lease import RedisLease
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import StoreDown, StoreRefuses
from tests.adapters.test_store import delta, numbers, whole
from tests.adapters.waiting import HANGS, until
from tests.cluster import RedisCluster, redis_cluster
from tests.test_ending import CALLER
from tests.test_pair import pair, patient

LONG = True
pytestmark = pytest.mark.slow
assert patient, "a fixture of this module, too"
TAG = "{cell-1}:"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[RedisCluster]:
    async with redis_cluster(tmp_path / "nodes") as made:
        yield made


def settings(cluster: RedisCluster) -> RedisSettings:
    return RedisSettings(url=cluster.url, prefix=TAG, connect_timeout=HANGS, timeout=HANGS)


async def test_all_keys_of_a_pair_that_serves_lie_in_one_slot(cluster: RedisCluster, tmp_path: Path) -> None:
    async with pair(tmp_path, redis={"url": cluster.url, "prefix": TAG}) as (first, second, fake):
        await fake.say("StasisStart", args=["inbound", "support"], channel=CALLER)
        async with asyncio.timeout(HANGS):
            while not (await second.ask("/api/waiting"))[1]["total"]:
                await asyncio.sleep(0.02)
        (call,) = (row["id"] for row in (await second.ask("/api/calls"))[1])
        async with asyncio.timeout(HANGS):
            while not (await second.ask(f"/api/calls/{call}"))[1]["timeline"]:
                await asyncio.sleep(0.02)
        assert (await first.ask("/api/step-down", "POST"))[0] == 200
        await until(lambda: second.leads)
        assert second.process.term is not None
        assert set(second.process.term.world.calls) == {call}
        kinds = (
            "meta",
            "lease",
            "standbys",
            "outbox",
            "calls",
            "cursors",
            f"timeline:{call}",
            "facts",
            f"call:{call}",
            "agent:ann",
        )
        async with asyncio.timeout(HANGS):
            while True:
                found = sorted(await cluster.keys(), key=len)
                if all(any(key.endswith(f":{kind}") for key in found[-1]) for kind in kinds):
                    break
                await asyncio.sleep(0.05)
        assert found[:2] == [[], []]
        assert {key_slot(key.encode()) for key in found[-1]} == {key_slot(TAG.encode())}


async def test_scripts_and_transactions_follow_the_keys_to_another_node(cluster: RedisCluster) -> None:
    store, lease = RedisStore(settings(cluster)), RedisLease(settings(cluster), holder="a", address="http://a")
    claimed = await lease.claim(await lease.look(able=True))
    assert claimed is not None
    store.lead(claimed.token, claimed.number)
    await store.save_all(whole(1, 1, 2))
    await store.save(delta(2, 3, seq=1))
    home = next(node for node, keys in enumerate(await cluster.keys()) if keys)
    await cluster.give(TAG, (home + 1) % 3)
    saved, number = None, 3
    async with asyncio.timeout(HANGS):
        while saved is None:
            with contextlib.suppress(StoreDown):
                found = await store.load()
                assert found is not None
                store.lead(store.token, found.number)
                await store.save(delta(number, 4))
                saved = await store.load()
    assert numbers(saved) == [1, 2, 3, 4]
    async with asyncio.timeout(HANGS):
        while True:
            with contextlib.suppress(StoreDown):
                assert (await lease.held())[0].holder == "a"
                break
    assert [bool(keys) for keys in await cluster.keys()].index(True) == (home + 1) % 3
    await store.close()
    await lease.close()


async def test_a_node_that_is_taken_for_a_server_alone_is_refused_in_one_line(cluster: RedisCluster) -> None:
    home = key_slot(TAG.encode()) // (16_384 // 3)
    alone = replace(settings(cluster), url=f"redis://127.0.0.1:{cluster.ports[(home + 1) % 3]}/0")
    store = RedisStore(alone)
    with pytest.raises(StoreRefuses, match=r"^Redis is a node of a cluster that has not our keys: use redis\+cluster://"):
        await store.take_over()
    await store.close()
