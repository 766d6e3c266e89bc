"""Half an hour of calls with everything on: does memory grow, and does anything become slower?

10 calls a second on a real Asterisk, talks of 0.5 s; history in SQLite, one webhook for every event, the public stream and a
queue's channel read, server-sent events, three screens and a scrape a second. Memory is what callbridge's process has resident;
it is read every ten seconds. Latency is from a fact's own time to its being in Redis, of the first five minutes after one to warm
up, and of the last five. Every call must be served, and kept in the history.

``python -m tests.bench soak [--minutes N] [--rate N]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from callbridge.wire.webhooks import EVENTS
from tests.bench.handover import percentile
from tests.bench.publish import AGENTS, PATIENCE, SECRET, TALK, Seen, calls_kept, listening, milliseconds, receiver, visible
from tests.bench.throughput import cpu
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, Phone, PhoneScript

RATE, MINUTES = 10, 30
WARM, WINDOW = 1, 5
"""Minutes: before the first window of five begins, and how long a window is."""
SCREENS = 3
EVERY = 10.0
"""Seconds between two looks at the memory."""


def run(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="tests.bench soak")
    parser.add_argument("--minutes", type=int, default=MINUTES, help=f"at least {WARM + WINDOW + 1}")
    parser.add_argument("--rate", type=int, default=RATE, help="calls a second")
    options = parser.parse_args(words)
    if options.minutes <= WARM + WINDOW:
        parser.error(f"--minutes {options.minutes}: what is compared begins after {WARM + WINDOW} minutes")
    with tempfile.TemporaryDirectory(prefix="callbridge-soak-") as folder:
        return asyncio.run(_measure(options.minutes, options.rate, Path(folder)))


async def _measure(minutes: int, rate: int, folder: Path) -> dict[str, Any]:
    specs = [PhoneSpec(name=name, line="bank") for name in AGENTS]
    seen, memory = Seen(), list[tuple[float, float]]()
    async with (
        receiver(seen) as address,
        Pbx(22, phones=specs, rtp_ports=4000) as pbx,
        RedisServer(appendonly=True) as server,
    ):
        hook = {"name": "crm", "url": address, "secret": SECRET, "unmasked": True, "events": list(EVENTS)}
        config = floor(
            {name: agent(name, {"support": 1}) for name in AGENTS},
            {"cb": {"steps": [{"skills": "support"}], "wrap_up": 0}},
            log={"level": "warning"},
            webhooks=[hook],
            database={"url": f"sqlite:///{folder}/history.db"},
        )
        async with Callbridge(pbx, config, redis=server) as bridge, listening(bridge, server, seen), _screens(bridge):
            pid, began, before = bridge.process.pid, time.time(), cpu(bridge.process.pid)
            watching = asyncio.create_task(_watch(pid, began, memory))
            served = 0
            for minute in range(minutes):
                served += await _minute(pbx, minute, rate)
                print(f"minute {minute + 1} of {minutes}: {served} served, {memory[-1][1]:.0f} MB", flush=True)
            used = cpu(pid) - before
            watching.cancel()
            count = minutes * 60 * rate
            with contextlib.suppress(TimeoutError):  # what is missing then is said below
                async with asyncio.timeout(PATIENCE):
                    while calls_kept(folder / "history.db") < count:
                        await asyncio.sleep(0.5)
            kept = calls_kept(folder / "history.db")
    first, last = (began + 60 * WARM, began + 60 * (WARM + WINDOW)), (began + 60 * (minutes - WINDOW), float("inf"))
    (_, _, early), (_, _, late) = (visible(seen, *window) for window in (first, last))
    start, end = _resident(memory, WARM + WINDOW - 1), _resident(memory, minutes - 1)
    return {
        "minutes": minutes,
        "calls": count,
        "failed": count - served,
        "missing_in_history": count - kept,
        "webhooks": len(seen.hooks),
        "rss_start_mb": start,
        "rss_end_mb": end,
        "rss_growth_percent": round(100 * (end / start - 1), 1),
        "p50_start_ms": milliseconds(early, 0.5),
        "p50_end_ms": milliseconds(late, 0.5),
        "p99_start_ms": milliseconds(early, 0.99),
        "p99_end_ms": milliseconds(late, 0.99),
        "own_cpu_ms": round(used / count * 1000, 2),
    }


async def _minute(pbx: Pbx, minute: int, rate: int) -> int:
    """Its callers, at phones of their own: SIPp's books of half an hour would be the slowest part. How many were served."""
    began = time.monotonic()
    calls = [Call(dialled="cb", number=f"49{minute:03}{n:05}", hang_up_after=PATIENCE) for n in range(60 * rate)]
    async with Phone(pbx, "bank", PhoneScript.answers(ring=0.0, talk=TALK)), Callers(pbx, calls, rate=rate) as crowd:
        records = await crowd.wait(60.0 + PATIENCE + 10)
        await asyncio.sleep(max(0.0, began + 60.0 - time.monotonic()))
    return sum(record.final_code == 200 and record.ended_by == "pbx" for record in records)


async def _watch(pid: int, began: float, memory: list[tuple[float, float]]) -> None:
    """Minutes since the beginning, and megabytes."""
    while True:
        status = await asyncio.to_thread(Path(f"/proc/{pid}/status").read_text)
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        memory.append(((time.time() - began) / 60, int(resident.split()[1]) / 1024))
        await asyncio.sleep(EVERY)


def _resident(memory: list[tuple[float, float]], minute: int) -> float:
    """The median of this minute."""
    return round(percentile([megabytes for at, megabytes in memory if minute <= at < minute + 1], 0.5), 1)


@contextlib.asynccontextmanager
async def _screens(bridge: Callbridge) -> AsyncIterator[None]:
    """Some who have a page open."""
    tasks = [asyncio.create_task(_screen(bridge)) for _ in range(SCREENS)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(end, Exception):
                raise end


async def _screen(bridge: Callbridge) -> None:
    forever = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=forever) as session, session.get(f"{bridge.url}/api/views") as answer:
        answer.raise_for_status()
        async for _ in answer.content.iter_any():
            pass
        raise RuntimeError("the stream of views has ended")
