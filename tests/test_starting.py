"""The start: what is waited for is said, Redis that refuses is told from Redis that is away, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from callbridge.adapters.ari.ownership import OwnershipSeen
from callbridge.adapters.database import BadDatabase
from callbridge.adapters.facts.codec import FutureSchema
from callbridge.adapters.files.tiers import TierFile
from callbridge.adapters.http import HttpSettings, Probes, listening, make_starting_app
from callbridge.adapters.logs.log import Drain
from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import MemoryStore, Unreadable
from callbridge.runtime.pulse import TURN
from callbridge.service.callers import CallerSources
from callbridge.service.links import Links
from callbridge.service.process import Process
from callbridge.service.serving import bound_socket, why_not
from callbridge.service.starting import OLDER_WORLD, Start, Taken
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from tests.adapters.conftest import RedisServer
from tests.adapters.test_store import delta, numbers
from tests.adapters.waiting import HANGS

LONG = True

Look = Callable[[], Awaitable[list[OwnershipSeen]]]


async def no_pbx() -> list[OwnershipSeen]:
    return []


@contextlib.contextmanager
def own_redis() -> Iterator[RedisServer]:
    """A Redis of our own, whose settings we may spoil."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        made = RedisServer(port, folder)
        try:
            made.start()
            yield made
        finally:
            if made.process is not None:
                made.kill()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with own_redis() as made:
        yield made


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(server.settings())
    yield client
    await client.aclose()


@contextlib.asynccontextmanager
async def starting(
    server: RedisServer, wait: float = 10 * HANGS, look: Look = no_pbx
) -> AsyncIterator[tuple[Start, asyncio.Task[Taken], list[str]]]:
    store, said = RedisStore(server.settings()), list[str]()
    start = Start(store, wait, said.append, look)
    task = asyncio.create_task(start.take_over())
    try:
        yield start, task, said
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def until_missing(start: Start, words: str) -> str:
    async with asyncio.timeout(HANGS):
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
        assert re.fullmatch(r"Redis cannot be reached: ConnectionError: .* \(waited \d+ s of 600 s\)", missing)
        assert said[0].startswith("starting: Redis cannot be reached")
        server.start()
        taken = await asyncio.wait_for(task, HANGS)
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
        taken = await asyncio.wait_for(task, HANGS)
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
        taken = await asyncio.wait_for(task, HANGS)
        assert asyncio.get_running_loop().time() - began > 0.6
    assert taken.saved is None
    assert "cannot be reached" in taken.behind
    assert taken.token > 1e12


async def test_what_cannot_be_read_costs_no_time(server: RedisServer, redis: Redis) -> None:
    await owner_s_world(server)
    await redis.delete("callbridge:{main}:meta")
    await redis.set("callbridge:{main}:meta", "x")
    async with starting(server) as (_, task, _):
        taken = await asyncio.wait_for(task, HANGS)
    assert (taken.behind, taken.saved is not None and taken.saved.rows["calls"]) == ("", [])


async def test_a_world_of_an_older_version_is_to_be_saved_whole_first(server: RedisServer, redis: Redis) -> None:
    await owner_s_world(server)
    await redis.hset("callbridge:{main}:meta", "schema", "2")
    async with starting(server) as (_, task, _):
        taken = await asyncio.wait_for(task, HANGS)
    assert (taken.behind, numbers(taken.saved)) == (OLDER_WORLD, [1])


async def test_a_world_of_a_newer_version_ends_the_start_and_its_owner_stays(server: RedisServer, redis: Redis) -> None:
    await owner_s_world(server)
    await redis.hset("callbridge:{main}:meta", "schema", "99")
    before = await redis.hgetall("callbridge:{main}:meta")
    async with starting(server) as (_, task, _):
        with pytest.raises(FutureSchema):
            await asyncio.wait_for(task, HANGS)
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
    taken = await Start(store, 0.6, lambda _: None, no_pbx).take_over()
    assert "meta: it is a string" in taken.behind
    assert store.moved == 5
    assert store.looks < 12


async def test_until_there_is_a_world_the_probes_answer_and_all_else_says_what_is_waited_for() -> None:
    missing = ["Redis cannot be reached: it sleeps (waited 3 s of 60 s)"]
    site = make_starting_app(HttpSettings(), Probes(missing=lambda: missing, notes=lambda: ["note"]))
    address = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{address.getsockname()[1]}"
    async with listening(site, address), aiohttp.ClientSession() as session:

        async def ask(method: str, path: str) -> tuple[int, dict[str, Any]]:
            async with session.request(method, url + path) as answer:
                return answer.status, await answer.json(content_type=None)

        assert await ask("GET", "/healthz") == (200, {"healthy": True, "why": []})
        answer = {"ready": False, "missing": missing, "notes": ["note"], "role": "starting", "leader": ""}
        assert await ask("GET", "/readyz") == (503, answer)
        for method, path in (("GET", "/metrics"), ("GET", "/api/queues"), ("POST", "/api/agents/ann/login")):
            status, problem = await ask(method, path)
            assert status == 503
            assert "starting" in problem["detail"]


async def test_a_session_or_a_key_that_cannot_be_looked_up_yet_is_not_called_wrong() -> None:
    """A page that came back while callbridge started was told that nobody is logged in, and left for the log-in."""
    site = make_starting_app(HttpSettings(token="root"), Probes(missing=list))
    address = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{address.getsockname()[1]}"
    async with listening(site, address), aiohttp.ClientSession() as session:

        async def status(path: str, **headers: str) -> int:
            async with session.get(url + path, headers=headers) as answer:
                return answer.status

        assert await status("/api/session", Cookie="callbridge=of-before") == 503
        assert await status("/api/walls/floor/views?key=of-the-television") == 503
        assert await status("/api/queues", Authorization="Bearer root") == 503
        assert await status("/api/queues", Authorization="Bearer wrong", Cookie="callbridge=of-before") == 401
        assert await status("/api/queues") == 401


def process_config(folder: Path, ari: str = "http://127.0.0.1:9/ari", **more: object) -> Path:
    """Of one agent, one queue and a PBX that is away, unless one is named."""
    links = {"ari": {"url": ari, "user": "u", "password": "p"}, "ami": {"port": 9, "user": "u", "secret": "s"}}
    config = folder / "callbridge.yaml"
    queues = {"support": {"steps": [{"skills": "support"}]}}
    agents = {"ann": {"name": "Ann", "skills": {"support": 1}, "phone": "PJSIP/1001"}}
    entries = {"support": {"queue": "support"}}
    whole = {"pbx": [{"name": "pbx1"} | links], "skills": ["support"], "queues": queues, "agents": agents, "entries": entries}
    config.write_text(json.dumps(whole | more))
    return config


@contextlib.asynccontextmanager
async def processed(config: Path) -> AsyncIterator[Process]:
    """A process that has not begun to lead."""
    drain = Drain(io.StringIO())
    process = Process(load(config), config, drain)
    try:
        yield process
    finally:
        await process.close()
        drain.close()


async def test_a_start_that_is_half_done_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = process_config(tmp_path)
    drain = Drain(io.StringIO())
    process = Process(load(config), config, drain)
    seen: list[list[str]] = []
    real = CallerSources.adopt

    def adopt(self: CallerSources, settings: Settings, tiers: TierFile) -> None:  # there is a runtime by now, and no link
        seen.append(process.missing())
        real(self, settings, tiers)

    monkeypatch.setattr(CallerSources, "adopt", adopt)
    term = await process.begin_term()
    try:
        assert seen == [["loading what was saved"]]
        assert set(term.board.agents) == {"ann"}  # who asks now is told of nobody that he is unknown
        assert process.missing() == ["pbx pbx1: no ARI link", "pbx pbx1: no AMI link"]
        async with asyncio.timeout(HANGS):
            while not term.runtime.silent:
                await asyncio.sleep(0.01)
        assert process.unhealthy() == []
        term.runtime._saved_at -= 60.0
        assert process.unhealthy() == ["the runtime has been stalled for 60 s"]
        term.pulse._beat_at -= 60.0  # so did we
        assert process.unhealthy() == []
        term.pulse._back_at -= TURN
        assert process.unhealthy() == ["the runtime has been stalled for 60 s"]
    finally:
        await process.close()
        drain.close()
    assert process.term is None
    assert process.unhealthy() == []


async def test_a_process_may_lead_again_after_a_term(tmp_path: Path) -> None:
    config = process_config(tmp_path)
    drain = Drain(io.StringIO())
    process = Process(load(config), config, drain)
    first = await process.begin_term()
    assert b"callbridge_leader 1.0" in await process.metrics.render()
    await process.end_term()
    assert (process.missing(), process.unhealthy()) == (["loading what was saved"], [])
    assert b"callbridge_leader 0.0" in await process.metrics.render()
    second = await process.begin_term()
    try:
        assert process.term is second
        assert second.token > first.token
        assert set(second.board.agents) == {"ann"}
        assert process.missing() == ["pbx pbx1: no ARI link", "pbx pbx1: no AMI link"]
        metrics = await process.metrics.render()
        assert b"callbridge_leader 1.0" in metrics
        assert b'callbridge_queue_agents{queue="support",state="logged_out"} 1.0' in metrics
    finally:
        await process.close()
        drain.close()


async def test_a_start_that_fails_half_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = process_config(tmp_path)
    drain = Drain(io.StringIO())
    process = Process(load(config), config, drain)

    def broken(*_: object) -> None:
        raise BadDatabase("the ledger has schema 9")

    monkeypatch.setattr(Links, "start", broken)
    before = asyncio.all_tasks()
    with pytest.raises(BadDatabase):
        await process.begin_term()
    await asyncio.sleep(0)
    assert process.term is None
    assert asyncio.all_tasks() <= before
    await process.close()
    drain.close()


# -- others who serve -----------------------------------------------------------------------------------------------


async def refused() -> list[OwnershipSeen]:
    return [OwnershipSeen(pbx="pbx1", trouble="401 Unauthorized")]


@contextlib.asynccontextmanager
async def a_living_owner(server: RedisServer, settings: RedisSettings | None = None) -> AsyncIterator[RedisStore]:
    """Saves as every owner does."""
    store = RedisStore(settings or server.settings())
    await store.take_over()

    async def live() -> None:
        while True:
            await store.save(delta(store.number + 1, 1))
            await asyncio.sleep(0.05)

    living = asyncio.create_task(live())
    try:
        yield store
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        await store.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.service.starting.OWNER_SILENT", 1.0)  # an owner saves twenty times a second
    monkeypatch.setattr("callbridge.service.starting.STAMPED", 0.5)


@pytest.mark.usefixtures("soon")
async def test_who_is_not_let_in_by_the_pbx_displaces_nobody_who_serves(server: RedisServer) -> None:
    async with contextlib.AsyncExitStack() as stack:
        life = contextlib.AsyncExitStack()
        owner = await life.enter_async_context(a_living_owner(server))
        start, task, _ = await stack.enter_async_context(starting(server, wait=0.1, look=refused))
        missing = await until_missing(start, "another instance is serving")
        assert missing.startswith("pbx pbx1: 401 Unauthorized; ")
        await asyncio.sleep(2.5)
        assert not task.done()
        assert await owner.holds()
        await life.aclose()
        taken = await asyncio.wait_for(task, HANGS)
        assert numbers(taken.saved) == [1]
        assert taken.token > owner.token


@pytest.mark.usefixtures("soon")
async def test_who_cannot_open_the_ledger_displaces_nobody_who_serves(server: RedisServer) -> None:
    async with a_living_owner(server) as owner:
        store = RedisStore(server.settings())

        async def silent() -> str:
            return "no answer within 2 s"

        async def newer() -> str:
            raise BadDatabase("the ledger has schema 9")

        waiting = Start(store, 0.1, lambda _: None, no_pbx, silent)
        task = asyncio.create_task(waiting.take_over())
        await until_missing(waiting, "ledger: no answer within 2 s; another instance is serving")
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with pytest.raises(BadDatabase):
            await Start(store, 0.1, lambda _: None, no_pbx, newer).take_over()
        assert await owner.holds()
        await store.close()


@pytest.mark.usefixtures("soon")
async def test_a_single_instance_starts_though_its_pbx_is_down(server: RedisServer) -> None:
    await owner_s_world(server)
    async with starting(server, look=refused) as (_, task, _):
        assert numbers((await asyncio.wait_for(task, HANGS)).saved) == [1]


async def test_who_can_serve_takes_over_at_once_from_who_serves(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.service.starting.OWNER_SILENT", 10 * HANGS)

    async def stamped() -> list[OwnershipSeen]:
        return [OwnershipSeen(pbx="pbx1", stamp="a:1")]

    async with a_living_owner(server) as owner, starting(server, look=stamped) as (_, task, _):
        taken = await asyncio.wait_for(task, HANGS)
        assert taken.token > owner.token
        assert await owner.holds() is False


@pytest.mark.usefixtures("soon")
async def test_who_cannot_reach_the_store_leaves_an_owner_alone_who_stamps(server: RedisServer) -> None:
    server.kill()
    beats, beating = 0, True

    async def stamped() -> list[OwnershipSeen]:
        nonlocal beats
        beats += beating
        return [OwnershipSeen(pbx="pbx1", stamp=f"a:{beats}")]

    async with starting(server, wait=0.1, look=stamped) as (start, task, _):
        await until_missing(start, "another instance owns the application")
        await asyncio.sleep(1.5)
        assert not task.done()
        beating = False
        assert "cannot be reached" in (await asyncio.wait_for(task, HANGS)).behind


@pytest.mark.usefixtures("soon")
async def test_the_stamp_is_watched_before_the_store_is_done_without(server: RedisServer) -> None:
    server.kill()

    async def stamped() -> list[OwnershipSeen]:
        return [OwnershipSeen(pbx="pbx1", stamp="a:1")]

    async with starting(server, wait=0.0, look=stamped) as (_, task, _):
        await asyncio.sleep(0.3)
        assert not task.done()
        assert (await asyncio.wait_for(task, HANGS)).behind


async def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use") as refused:
            await bound_socket("127.0.0.1", port)
    address = f"127.0.0.1:{port}"
    said = f"{address} is in use, perhaps by a callbridge that is already running: stop it, or change http.port"
    assert why_not(refused.value, address) == said
    assert why_not(OSError("no such device"), address) == "no such device"
