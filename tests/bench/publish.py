"""How soon others see what happened: from a fact's own time to its being in Redis, with everybody else listening too.

40 calls a second on a real Asterisk, talks of 0.5 s. Beside them one webhook for every event, a scrape a second and, when
there is one, a reader of server-sent events. Nothing polls: a reader of the stream ``facts`` and a subscriber of the
channel ``queue:cb`` note when each fact was there. A fact about a visit *is visible* when it is in the stream and a
message of the queue is as new as it; each waits for the later one. Every call must be told to everybody, or the run fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from redis.asyncio import Redis

from callbridge.adapters.webhooks.body import sign
from callbridge.wire.webhooks import EVENTS
from tests.bench.handover import percentile
from tests.bench.throughput import cpu
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, Phone, PhoneScript

AGENTS = [str(number) for number in range(2001, 2061)]
RATE = 40
SECONDS = 30.0
TALK = 0.5
PATIENCE = 30.0
SECRET = "a secret of the benchmark"
VISITS = (b"visit_began", b"visit_ended")


@dataclass(slots=True)
class Seen:
    """What the listeners noted; times in seconds."""

    facts: dict[int, tuple[str, float, float]] = field(default_factory=dict)
    """Seq -> type, the fact's own time, when it was in the stream."""
    queue: list[tuple[int, float]] = field(default_factory=list)
    """Seq of each message of the queue, and when it came."""
    hooks: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Id of each webhook -> event, seconds from the fact to the delivery."""
    forged: int = 0
    scrapes: list[float] = field(default_factory=list)
    sse: int = 0
    """Lines of server-sent events; -1 when there are none to be had."""


async def _follow_facts(redis: Redis, seen: Seen) -> None:
    cursor: Any = "$"
    while True:
        found: Any = await redis.xread({"callbridge:facts": cursor}, block=1000, count=500)
        now = time.time()
        for entry_id, entry in found[0][1] if found else ():
            cursor = entry_id
            seen.facts[int(entry[b"seq"])] = entry[b"type"].decode(), float(entry[b"at"]), now


async def _follow_queue(redis: Redis, seen: Seen) -> None:
    listener: Any = redis.pubsub()
    await listener.subscribe("callbridge:queue:cb")
    async for message in listener.listen():
        if message["type"] == "message":
            seen.queue.append((json.loads(message["data"])["seq"], time.time()))


@contextlib.asynccontextmanager
async def receiver(seen: Seen) -> AsyncIterator[str]:
    """Gets the webhooks; gives its address."""

    async def handle(request: web.Request) -> web.Response:
        content = await request.read()
        event = json.loads(content)
        seen.forged += (
            sign(SECRET, request.headers["X-Callbridge-Timestamp"], content) != request.headers["X-Callbridge-Signature"]
        )
        seen.hooks[event["id"]] = event["type"], time.time() - event["at"]
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _scrape(bridge: Callbridge, seen: Seen) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            began = time.monotonic()
            async with session.get(f"{bridge.url}/metrics") as answer:
                await answer.read()
            seen.scrapes.append(time.monotonic() - began)
            await asyncio.sleep(1.0)


async def _listen(bridge: Callbridge, seen: Seen) -> None:
    forever = aiohttp.ClientTimeout(total=None)  # the default ends a stream after five minutes
    async with aiohttp.ClientSession(timeout=forever) as session, session.get(f"{bridge.url}/api/events") as answer:
        if answer.status != 200:
            seen.sse = -1
            return
        async for line in answer.content:
            seen.sse += line.startswith(b"data:")


@contextlib.asynccontextmanager
async def listening(bridge: Callbridge, server: RedisServer, seen: Seen) -> AsyncIterator[None]:
    readers = [Redis.from_url(server.url, protocol=2) for _ in range(2)]
    work = (_follow_facts(readers[0], seen), _follow_queue(readers[1], seen), _scrape(bridge, seen), _listen(bridge, seen))
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.sleep(1.0)
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for reader in readers:
            await reader.aclose()
    for end in ends:
        if isinstance(end, Exception):
            raise end


def visible(seen: Seen, since: float = 0.0, until: float = float("inf")) -> tuple[list[float], list[float], list[float]]:
    """Seconds until facts about visits, of that time, were in the stream, in the projection, and in both."""
    stream, projection, both = [], [], []
    messages = iter(seen.queue)
    shown, when = next(messages, (-1, 0.0))
    for seq, (kind, at, there) in sorted(seen.facts.items()):
        if kind.encode() not in VISITS or not since <= at < until:
            continue
        while shown < seq:
            shown, when = next(messages, (seq, time.time()))
        stream.append(there - at)
        projection.append(when - at)
        both.append(max(there, when) - at)
    return stream, projection, both


def milliseconds(values: Sequence[float], share: float) -> float:
    return round(percentile(values, share) * 1000, 1)


async def _measure(rate: int, seconds: float, folder: Path, *, history: bool) -> dict[str, Any]:
    specs = [PhoneSpec(name=name, line="bank") for name in AGENTS]
    queues = {"cb": {"steps": [{"skills": "support"}], "wrap_up": 0}}
    agents = {name: agent(name, {"support": 1}) for name in AGENTS}
    seen, count = Seen(), round(rate * seconds)
    async with (
        receiver(seen) as address,
        Pbx(22, phones=specs, rtp_ports=4000) as pbx,
        RedisServer(appendonly=True) as server,
        Phone(pbx, "bank", PhoneScript.answers(ring=0.0, talk=TALK)),
    ):
        link = "https://crm.example/?number={number}&tier={tier}&queue={queue}&call={call}&agent={agent}"
        hook = {"name": "crm", "url": address, "secret": SECRET, "link": link, "unmasked": True, "events": list(EVENTS)}
        more = {"database": {"url": f"sqlite:///{folder}/history.db"}} if history else {}
        config = floor(agents, queues, log={"level": "warning"}, webhooks=[hook], **more)
        async with Callbridge(pbx, config, redis=server) as bridge, listening(bridge, server, seen):
            before = cpu(bridge.process.pid)
            calls = [Call(dialled="cb", number=f"49{n:08}", hang_up_after=PATIENCE) for n in range(count)]
            async with Callers(pbx, calls, rate=rate) as crowd:
                records = await crowd.wait(seconds + PATIENCE + 10)
            with contextlib.suppress(TimeoutError):  # what is missing then is told below
                async with asyncio.timeout(PATIENCE):
                    while sum(kind == "end" for kind, _ in seen.hooks.values()) < count:
                        await asyncio.sleep(0.1)
                    while history and calls_kept(folder / "history.db") < count:
                        await asyncio.sleep(0.1)
            used = cpu(bridge.process.pid) - before
            degraded = len(bridge.facts("store degraded"))
        await pbx.quiet(30.0)
    if history and (kept := calls_kept(folder / "history.db")) != count:
        raise SystemExit(f"the history has {kept:,} of {count:,} calls")
    served = sum(record.final_code == 200 and record.ended_by == "pbx" for record in records)
    return _result(seen, count, served) | {"own_cpu_ms": round(used / count * 1000, 2), "saves_over_50_ms": degraded}


def calls_kept(path: Path) -> int:
    """How many calls the history has the end of."""
    with contextlib.closing(sqlite3.connect(path)) as link:
        return int(link.execute("SELECT count(*) FROM calls WHERE ended_at IS NOT NULL").fetchone()[0])


def _result(seen: Seen, count: int, served: int) -> dict[str, Any]:
    stream, projection, both = visible(seen)
    told = [kind for kind, _, _ in seen.facts.values()]
    hooks = [kind for kind, _ in seen.hooks.values()]
    missing = {
        "visits": 2 * count - len(both),
        "ends in the stream": count - told.count("call_ended"),
        "offers at the webhook": told.count("offer_made") - hooks.count("offer"),
        "answers at the webhook": told.count("talk_began") - hooks.count("answer"),
        "ends at the webhook": count - hooks.count("end"),
        "signatures": seen.forged,
    }
    if any(missing.values()) or not seen.scrapes:
        raise SystemExit(f"not everybody was told everything: missing {missing}, scrapes {len(seen.scrapes)}")
    waits = [wait for _, wait in seen.hooks.values()]
    return {
        "calls": count,
        "failed": count - served,
        "event_to_redis_p50_ms": milliseconds(both, 0.5),
        "event_to_redis_p99_ms": milliseconds(both, 0.99),
        "stream_p50_ms": milliseconds(stream, 0.5),
        "stream_p99_ms": milliseconds(stream, 0.99),
        "projection_p50_ms": milliseconds(projection, 0.5),
        "projection_p99_ms": milliseconds(projection, 0.99),
        "webhook_p50_ms": milliseconds(waits, 0.5),
        "webhook_p99_ms": milliseconds(waits, 0.99),
        "webhooks": len(hooks),
        "scrape_p99_ms": milliseconds(seen.scrapes, 0.99),
        "server_sent_events": "none here" if seen.sse < 0 else seen.sse,
    }


def run(*arguments: str) -> dict[str, Any]:
    """``--rate N`` (default 40), ``--seconds N``, ``--history no`` (default: with a history, in SQLite)."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    history = options.get("--history", "yes") != "no"
    rate, seconds = int(options.get("--rate", RATE)), float(options.get("--seconds", SECONDS))
    with tempfile.TemporaryDirectory(prefix="callbridge-publish-") as folder:
        measured = asyncio.run(_measure(rate, seconds, Path(folder), history=history))
    return {"history": history} | measured
