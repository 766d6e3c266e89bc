"""Several Redis servers: what we save goes to the one that accepts writes, and goes on where another one does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.lease import Overwrites, RedisLease
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import StoreDown

from .conftest import RedisServer
from .test_store import delta, numbers
from .waiting import HANGS


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    made = [RedisServer(free_port(), str(tmp_path)) for _ in range(2)]
    for each in made:
        each.start()
    yield made[0], made[1]
    for each in made:
        if each.process is not None:
            each.kill()


async def tell(server: RedisServer, *words: str) -> Any:
    client = Redis(host="127.0.0.1", port=server.port)
    try:
        return await client.execute_command(*words)  # type: ignore[no-untyped-call]
    finally:
        await client.aclose()


async def follow(replica: RedisServer, primary: RedisServer) -> None:
    """It is a copy of the other one, and up to date."""
    await tell(primary, "CONFIG", "SET", "repl-diskless-sync-delay", "0")  # else 5 s, for other replicas that may come
    await tell(replica, "REPLICAOF", "127.0.0.1", str(primary.port))
    async with asyncio.timeout(HANGS):
        while (await tell(replica, "ROLE"))[3] != b"connected":
            await asyncio.sleep(0.02)


async def copied(replica: RedisServer, primary: RedisServer) -> None:
    """It has all that the other one had when this was asked."""
    _, wanted, _ = await tell(primary, "ROLE")
    async with asyncio.timeout(HANGS):
        while (await tell(replica, "ROLE"))[4] < wanted:
            await asyncio.sleep(0.02)


def listed(*servers: RedisServer) -> RedisSettings:
    return replace(servers[0].settings(), url=f"redis://{','.join(f'127.0.0.1:{one.port}' for one in servers)}/0")


async def saved_again(store: RedisStore, number: int) -> None:
    """A save after the first fail-over may find the old connection: the next one does not."""
    async with asyncio.timeout(HANGS):
        while True:
            with contextlib.suppress(StoreDown):
                found = await store.load()
                assert found is not None
                store.lead(store.token, found.number)
                await store.save(delta(number, number))
                return
            await asyncio.sleep(0.05)


async def test_of_several_hosts_the_one_that_accepts_writes_is_used_whichever_comes_first(
    two: tuple[RedisServer, RedisServer],
) -> None:
    first, second = two
    await follow(first, second)
    store = RedisStore(listed(first, second))
    await store.take_over()
    await store.save(delta(1, 1))
    assert numbers(await store.load()) == [1]
    await store.close()
    assert await tell(second, "EXISTS", listed(first).private("meta")) == 1


async def test_when_they_change_places_the_next_save_goes_to_the_new_one(two: tuple[RedisServer, RedisServer]) -> None:
    first, second = two
    await follow(second, first)
    store = RedisStore(listed(first, second))
    await store.take_over()
    await store.save(delta(1, 1))
    await copied(second, first)
    await tell(second, "REPLICAOF", "NO", "ONE")
    await follow(first, second)
    await saved_again(store, 2)
    assert await tell(second, "HGET", listed(first).private("meta"), "number") == b"2"
    await store.close()


async def test_where_none_accepts_writes_that_is_trouble_and_names_the_last(two: tuple[RedisServer, RedisServer]) -> None:
    first, second = two
    await follow(first, second)
    second.kill()
    store = RedisStore(listed(second, first))
    with pytest.raises(StoreDown, match=f"{first.port} is a replica"):
        await store.look()
    await store.close()


@contextlib.asynccontextmanager
async def naming(port: int | None) -> AsyncIterator[str]:
    """A Sentinel that names this port for the primary, or knows none; gives its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        named = f"*2\r\n$9\r\n127.0.0.1\r\n${len(str(port))}\r\n{port}\r\n" if port else "*-1\r\n"
        while line := await reader.readline():
            words = [await reader.readline() for _ in range(2 * int(line[1:]))][1::2]
            writer.write(named.encode() if words[0].strip().upper() == b"SENTINEL" else b"+OK\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()


@pytest.mark.parametrize("before", ["the former primary", "a replica", "nobody"])
async def test_where_the_first_sentinel_does_not_know_of_a_fail_over_the_next_one_is_asked(
    two: tuple[RedisServer, RedisServer], before: str
) -> None:
    primary, replica = two
    await follow(replica, primary)
    stale = {"the former primary": free_port(), "a replica": replica.port, "nobody": None}[before]
    async with naming(stale) as first, naming(primary.port) as second:
        client = connect(RedisSettings(url=f"redis+sentinel://{first},{second}/main/0"))
        assert await client.set("key", "value")
        await client.aclose()
    assert await tell(primary, "GET", "key") == b"value"


async def test_where_all_sentinels_name_a_server_of_no_use_the_error_says_which() -> None:
    port = free_port()
    async with naming(port) as first, naming(port) as second:
        client = connect(RedisSettings(url=f"redis+sentinel://{first},{second}/main/0"))
        with pytest.raises(RedisConnectionError, match=str(port)):
            await client.get("key")
        await client.aclose()


@contextlib.asynccontextmanager
async def sentinel(primary: RedisServer, folder: Path) -> AsyncIterator[str]:
    """A Sentinel of one; gives its address."""
    port, config = free_port(), folder / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {primary.port} 1\n"
        "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
    )
    process = subprocess.Popen(["redis-server", str(config), "--sentinel"], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(HANGS):
            while True:
                with contextlib.suppress(Exception):
                    client = Redis(host="127.0.0.1", port=port)
                    found = await client.execute_command("SENTINEL", "REPLICAS", "main")  # type: ignore[no-untyped-call]
                    await client.aclose()
                    if found:  # it has learned of the replica
                        break
                await asyncio.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.slow
async def test_a_fail_over_of_sentinel_that_goes_back_to_an_older_lease_is_put_right_by_the_leader(
    two: tuple[RedisServer, RedisServer], tmp_path: Path
) -> None:
    first, second = two
    await follow(second, first)
    async with sentinel(first, tmp_path) as where:
        url = f"redis+sentinel://127.0.0.1:9,{where}/main/0"
        settings = replace(first.settings(), url=url)
        former = RedisLease(settings, holder="former", address="", clock=lambda: 1.0)
        leader = RedisLease(settings, holder="leader", address="")
        before = await former.claim(await former.look())
        assert before is not None
        await asyncio.sleep(0.3)
        await tell(second, "REPLICAOF", "127.0.0.1", "9")  # what follows does not reach the replica
        claimed = await leader.claim(await leader.look())
        assert claimed is not None
        assert await tell(second, "HGET", settings.private("lease"), "holder") == b"former"
        first.kill()
        began = time.monotonic()
        renewed: int | None = None
        while renewed is None:
            assert time.monotonic() - began < 2 * HANGS
            with contextlib.suppress(StoreDown):
                renewed = await leader.renew(claimed.token, Overwrites.ANY)
            await asyncio.sleep(0.05)
        found = await leader.look()
        assert (found.holder, found.token) == ("leader", str(claimed.token))
        assert (await tell(second, "ROLE"))[0] == b"master"
        client = connect(settings)
        assert await client.hget(settings.private("lease"), "holder") == b"leader"
        for each in (former, leader):
            await each.close()
        await client.aclose()
