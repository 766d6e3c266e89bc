"""The start: what is waited for is said, Redis that refuses is told from Redis that is away, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from callbridge.adapters.codec import FutureSchema
from callbridge.adapters.http import HttpSettings, Probes, listening, make_starting_app
from callbridge.adapters.redis_link import connect
from callbridge.adapters.redis_store import RedisStore
from callbridge.adapters.store import MemoryStore, Unreadable
from callbridge.starting import Start, Taken
from tests.adapters.conftest import RedisServer
from tests.adapters.test_store import delta, numbers


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of our own, whose settings we may spoil."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        made = RedisServer(port, folder)
        made.start()
        yield made
        if made.process is not None:
            made.kill()


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(server.settings())
    yield client
    await client.aclose()


@contextlib.asynccontextmanager
async def starting(server: RedisServer, wait: float = 30.0) -> AsyncIterator[tuple[Start, asyncio.Task[Taken], list[str]]]:
    store, said = RedisStore(server.settings(timeout=0.3)), list[str]()
    start = Start(store, wait, said.append)
    task = asyncio.create_task(start.take_over())
    try:
        yield start, task, said
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def until_missing(start: Start, words: str) -> str:
    async with asyncio.timeout(5):
        while words not in start.missing()[0]:
            await asyncio.sleep(0.01)
    return start.missing()[0]


async def owner_s_world(server: RedisServer) -> None:
    store = RedisStore(server.settings())
    await store.take_over()
    await store.save(delta(1, 1))
    await store.close()


async def test_a_redis_that_is_away_is_waited_for_and_that_is_said(server: RedisServer) -> None:
    server.kill()
    async with starting(server) as (start, task, said):
        assert start.missing() == ["starting"]
        missing = await until_missing(start, "cannot be reached")
        assert re.fullmatch(r"Redis cannot be reached: ConnectionError: .* \(waited for it \d+ s, at most 30 s\)", missing)
        assert said[0].startswith("starting: Redis cannot be reached")
        server.start()
        taken = await asyncio.wait_for(task, 5)
        assert (taken.saved, taken.behind) == (None, "")


REFUSALS = {
    "a replica": (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], "Redis refuses: .*read only replica"),
    "no memory": (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], "Redis refuses: .*maxmemory"),
    "too few replicas": (
        ["CONFIG", "SET", "min-replicas-to-write", "1"],
        ["CONFIG", "SET", "min-replicas-to-write", "0"],
        "Redis refuses: NOREPLICAS",
    ),
    "a right less": (
        ["ACL", "SETUSER", "default", "-hset"],
        ["ACL", "SETUSER", "default", "+hset"],
        "Redis does not permit what we need .*ACL",
    ),
}


@pytest.mark.parametrize("how", REFUSALS)
async def test_a_redis_that_refuses_is_waited_for_and_named_so(server: RedisServer, redis: Redis, how: str) -> None:
    harm, cure, words = REFUSALS[how]
    await owner_s_world(server)
    await redis.execute_command(*harm)  # type: ignore[no-untyped-call]
    async with starting(server) as (start, task, _):
        missing = await until_missing(start, "Redis")
        assert re.match(words, missing, re.IGNORECASE), missing
        await asyncio.sleep(0.2)
        assert not task.done()
        await redis.execute_command(*cure)  # type: ignore[no-untyped-call]
        taken = await asyncio.wait_for(task, 5)
        assert numbers(taken.saved) == [1]


async def test_a_password_that_is_missing_is_a_fault_of_the_configuration_and_said_so(server: RedisServer, redis: Redis) -> None:
    await redis.execute_command("CONFIG", "SET", "requirepass", "secret")  # type: ignore[no-untyped-call]
    async with starting(server) as (start, _, _):
        missing = await until_missing(start, "Redis")
        assert "Redis does not let us in" in missing
        assert "redis.url" in missing


async def test_after_its_time_a_start_goes_on_without_the_store(server: RedisServer) -> None:
    server.kill()
    async with starting(server, wait=0.7) as (_, task, _):
        began = asyncio.get_running_loop().time()
        taken = await asyncio.wait_for(task, 5)
        assert 0.6 < asyncio.get_running_loop().time() - began < 3.0
    assert taken.saved is None
    assert "cannot be reached" in taken.behind
    assert taken.token > 1e12


async def test_what_cannot_be_read_costs_no_time(server: RedisServer, redis: Redis) -> None:
    await owner_s_world(server)
    await redis.delete("callbridge:{main}:meta")
    await redis.set("callbridge:{main}:meta", "x")
    async with starting(server) as (_, task, _):
        taken = await asyncio.wait_for(task, 2)
    assert (taken.behind, taken.saved is not None and taken.saved.calls) == ("", [])


async def test_a_world_of_a_newer_version_ends_the_start_and_its_owner_stays(server: RedisServer, redis: Redis) -> None:
    await owner_s_world(server)
    await redis.hset("callbridge:{main}:meta", "schema", "99")
    before = await redis.hgetall("callbridge:{main}:meta")
    async with starting(server) as (_, task, _):
        with pytest.raises(FutureSchema):
            await asyncio.wait_for(task, 2)
    assert await redis.hgetall("callbridge:{main}:meta") == before


async def test_somebody_who_keeps_spoiling_our_keys_is_waited_for_like_a_redis_that_is_away() -> None:
    class Spoilt(MemoryStore):
        looks = moved = 0

        async def look(self) -> None:
            self.looks += 1
            raise Unreadable("callbridge:{main}:meta: it is a string, not a hash")

        async def set_aside(self) -> None:
            self.moved += 1

    store = Spoilt()
    taken = await Start(store, 0.6, lambda _: None).take_over()
    assert "meta: it is a string" in taken.behind
    assert store.moved == 5
    assert store.looks < 12


async def test_until_there_is_a_world_the_probes_answer_and_all_else_says_what_is_waited_for() -> None:
    missing = ["Redis cannot be reached: it sleeps (waited for it 3 s, at most 60 s)"]
    site = make_starting_app(HttpSettings(), Probes(missing=lambda: missing, notes=lambda: ["note"]))
    address = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{address.getsockname()[1]}"
    async with listening(site, address), aiohttp.ClientSession() as session:

        async def ask(method: str, path: str) -> tuple[int, dict[str, Any]]:
            async with session.request(method, url + path) as answer:
                return answer.status, await answer.json(content_type=None)

        assert await ask("GET", "/healthz") == (200, {"healthy": True, "why": []})
        assert await ask("GET", "/readyz") == (503, {"ready": False, "missing": missing, "notes": ["note"]})
        for method, path in (("GET", "/metrics"), ("GET", "/api/queues"), ("POST", "/api/agents/ann/login")):
            status, problem = await ask(method, path)
            assert status == 503
            assert "starting" in problem["detail"]
