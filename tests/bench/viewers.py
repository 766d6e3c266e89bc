"""What screens that look at a large floor cost callbridge: CPU of its process, with 20 viewers and without.

50 queues and 1,000 agents, of whom 10 a second change their state by request. By turns nobody looks, 20 wallboards do, or 20
supervisors' pages, each over a connection of its own that reads whatever comes. What viewers cost is the difference to a turn
without them; the least and the most of the turns are shown, too.

``python -m tests.bench viewers [--viewers N] [--seconds N] [--rounds N]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import statistics
from typing import Any

import aiohttp

from tests.bench.throughput import cpu
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx

QUEUES, AGENTS = 50, 1000
VIEWERS, SECONDS, ROUNDS = 20, 15.0, 5
TOKENS = 20
"""One for each viewer, who comes from an address of the own: streams are limited by both."""
CHANGES = 10
"""A second."""
SETTLE = 2.0
"""Seconds for new viewers to receive what there is, before CPU is measured."""
PAGES = {
    "nobody": "",
    "wallboard": "/api/walls/floor/views",
    "supervisor": "/api/views?parts=queues,agents,calls,callbacks,campaigns,alerts",
}


def run(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="tests.bench viewers")
    parser.add_argument("--viewers", type=int, default=VIEWERS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one turn")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(words)
    return asyncio.run(_measure(options.viewers, options.seconds, options.rounds))


def _config() -> dict[str, Any]:
    skills = [f"skill{number}" for number in range(QUEUES)]
    queues = {f"queue{number}": {"steps": [{"skills": skill}]} for number, skill in enumerate(skills)}
    agents = {str(10_000 + n): agent(str(10_000 + n), {skills[n % QUEUES]: 1}) for n in range(AGENTS)}
    tokens = [{"name": f"viewer-{number}", "token": _token(number), "role": "admin"} for number in range(TOKENS)]
    return floor(agents, queues, walls={"floor": {"queues": list(queues)}}, http={"tokens": tokens})


def _token(number: int) -> str:
    return f"of-a-benchmark-{number:03}-0123456789"


async def _measure(viewers: int, seconds: float, rounds: int) -> dict[str, Any]:
    used: dict[str, list[float]] = {page: [] for page in PAGES}
    received: dict[str, list[int]] = {page: [] for page in PAGES}
    async with Pbx(22) as pbx, Callbridge(pbx, _config()) as bridge, aiohttp.ClientSession(headers=_login(0)) as session:
        changes = asyncio.create_task(_changes(session, bridge.url))
        try:
            for page in [page for _ in range(rounds) for page in PAGES]:
                share, came = await _turn(bridge, page, viewers if PAGES[page] else 0, seconds)
                used[page].append(share)
                received[page].append(came)
                print(f"{page}: {share:.2%} of a core, {came} updates", flush=True)
        finally:
            changes.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await changes
    alone = statistics.median(used["nobody"])
    rows = [
        {
            "page": page,
            "viewers": viewers if PAGES[page] else 0,
            "core_percent": round(100 * statistics.median(shares), 2),
            "least": round(100 * min(shares), 2),
            "most": round(100 * max(shares), 2),
            "viewers_cost_percent": round(100 * (statistics.median(shares) - alone), 2),
            "updates_each": round(statistics.median(received[page]) / max(1, viewers)),
        }
        for page, shares in used.items()
    ]
    return {"queues": QUEUES, "agents": AGENTS, "changes_per_s": CHANGES, "seconds": seconds, "rounds": rounds, "rows": rows}


async def _changes(session: aiohttp.ClientSession, url: str) -> None:
    """One agent after the other is paused, and made ready in the next turn."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in itertools.count():
        act = "not-ready" if number // AGENTS % 2 == 0 else "ready"
        async with session.post(f"{url}/api/agents/{10_000 + number % AGENTS}/{act}", json={}) as answer:
            answer.raise_for_status()
        await asyncio.sleep(max(0.0, began + number / CHANGES - loop.time()))


async def _turn(bridge: Callbridge, page: str, viewers: int, seconds: float) -> tuple[float, int]:
    """The share of a core that callbridge uses, and how many updates all viewers received."""
    (pid,) = bridge.pids()
    updates = [0]
    watching = [asyncio.create_task(_watch(number, bridge.url + PAGES[page], updates)) for number in range(viewers)]
    await asyncio.sleep(SETTLE)
    before, known = cpu(pid), updates[0]
    await asyncio.sleep(seconds)
    share, came = (cpu(pid) - before) / seconds, updates[0] - known
    for one in watching:
        one.cancel()
    for ended in await asyncio.gather(*watching, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended  # a viewer that was refused says why
    return share, came


def _login(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {_token(number % TOKENS)}"}


async def _watch(number: int, url: str, updates: list[int]) -> None:
    at = aiohttp.TCPConnector(local_addr=(f"127.0.2.{1 + number}", 0))
    async with (
        aiohttp.ClientSession(connector=at, headers=_login(number)) as session,
        session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.content:
            updates[0] += line.startswith(b"data:")
