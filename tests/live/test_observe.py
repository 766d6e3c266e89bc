"""Observing an app_queue that is nobody's but the PBX's: every call is in the history as in the PBX's own queue_log, and every
view shows what the PBX's `queue show` does."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from tests.lab import build
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.process import Process
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.observe.queue_log import differences, of_log
from tests.observe.record import PHONES, app_queue_pbx

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]
LONG = True

CALLS = 300
RATE = 4.0
NAMES = {"1001": "Ann", "1002": "Bob", "1003": "Cid", "1004": "Dan", "1005": "Eve"}
_TOLD = """
    select began_at, 'visit_began', call, queue, '' as agent, '' as result, 0.0 as lasted from visits
    union all select ended_at, 'visit_ended', call, queue, '', outcome, lasted from visits
    union all select began_at, 'talk_began', call, queue, agent, '', 0.0 from segments
    union all select ended_at, 'talk_ended', call, queue, agent, ended_by, talked from segments
    union all select ended_at, 'offer_ended', call, queue, agent, result, rang_for from offers
    order by 1
"""


class ObservingCallbridge(Callbridge):
    """`callbridge observe`, as a user with no right to do anything."""

    def write_config(self, config: Mapping[str, Any]) -> None:
        ami = {"port": self.pbx.ami_port, "user": "observer", "secret": "only-listens"}
        super().write_config({"pbx": {"ami": ami}, **config})
        whole = json.loads(self.path.read_text())
        del whole["pbx"][0]["ari"]
        self.path.write_text(json.dumps(whole))

    async def launch(self) -> None:
        if self.warm:
            self._process = await Process.callbridge("observe", "-c", self.path, log=self.log)
            return
        command: list[str | Path] = [sys.executable, "-m", "callbridge", "observe", "-c", self.path]
        self._process = await Process.start(command, self.log)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    version: int = request.param
    if not build.is_built(version):
        pytest.skip(f"Asterisk {version} is not built: run `python -m tests.lab.build`")
    async with app_queue_pbx(version) as running:
        yield running


def some_calls(seed: int) -> list[Call]:
    """Answered, given up, timed out, through two queues, never answered, with members by phone and by Local channel."""
    chance = random.Random(seed)
    queues = chance.choices(("all", "sales", "local", "both", "support", "slow", "two", "late", "empty"), k=CALLS)
    return [
        Call(dialled=f"q-{queue}", number=f"4930{n:05}", hang_up_after=chance.uniform(1.0, 8.0)) for n, queue in enumerate(queues)
    ]


def history(path: Path) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    """What happened, as facts in order, and the rows of the calls."""
    with closing(sqlite3.connect(path, timeout=30)) as database:
        rows = database.execute(_TOLD).fetchall()
        calls = database.execute("select call, source, ended_at, uniqueid from calls").fetchall()
    told = [
        {
            "type": kind, "call": call, "queue": queue, "agent": agent, "outcome": result, "result": result, "ended_by": result,
            "lasted": lasted, "talked": lasted, "rang_for": lasted,
        }
        for _, kind, call, queue, agent, result, lasted in rows
    ]  # fmt: skip
    return told, calls


async def test_the_history_is_the_queue_log_call_by_call(pbx: Pbx, tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    scripts = {name: PhoneScript.answers(ring=0.3, talk=(0.5, 2.0)) for name in PHONES} | {"1004": PhoneScript.rings_out()}
    phones = [Phone(pbx, name, script) for name, script in scripts.items()]
    log = pbx.folder / "log" / "queue_log"
    before = len(log.read_text()) if log.exists() else 0  # the calls of other tests
    calls = some_calls(pbx.version)
    async with ObservingCallbridge(pbx, {"database": {"url": f"sqlite:///{path}"}}) as bridge:
        for phone in phones:
            await phone.start()
        try:
            async with Callers(pbx, calls, rate=RATE) as callers:
                await callers.wait(150.0)
            await pbx.quiet(20.0)
        finally:
            for phone in phones:
                await phone.stop()
        await bridge.eventually(lambda: len(ended(path)) == CALLS, 20.0)
        shown = {queue["name"]: queue for queue in await queues(bridge)}
        metrics = await text(bridge, "/metrics")
    told, rows = history(path)
    logged = log.read_text()[before:]
    assert differences(logged, told, NAMES) == []
    assert {source for _, source, _, _ in rows} == {"app_queue"}
    entered = [line for line in logged.splitlines() if "|ENTERQUEUE|" in line]
    assert sum(queue["offered"] for queue in shown.values()) == len(entered)
    offered = [line for line in metrics.splitlines() if line.startswith("callbridge_visits_offered_total{")]
    assert sum(float(line.rpartition(" ")[2]) for line in offered) == len(entered)


def ended(path: Path) -> list[tuple[Any, ...]]:
    return [row for row in history(path)[1] if row[2] is not None] if path.exists() else []


async def queues(bridge: Callbridge) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{bridge.url}/api/queues") as answer:
        found = await answer.json()
    return list(found["queues"] if isinstance(found, dict) else found)


async def text(bridge: Callbridge, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(bridge.url + path) as answer:
        return await answer.text()


async def test_a_restart_in_the_middle_loses_no_call_that_goes_on(pbx: Pbx) -> None:
    if pbx.version != 22:
        pytest.skip("what depends on the version is asked elsewhere")
    async with ObservingCallbridge(pbx, {}) as bridge, Softphone(pbx, "1", trunk=True) as caller:
        await caller.call("q-empty")
        await bridge.until("visit_began")
        await bridge.kill()
        await asyncio.sleep(0.5)
        await bridge.start()
        found = await bridge.until("call_arrived", count=2)
        assert found["found_waiting"] is True
        caller.hang_up()  # not by the clock: a start takes as long as it takes
        assert (await bridge.until("visit_ended"))["outcome"] == "abandoned"


# -- every view against `queue show` ------------------------------------------------------------------------------------

_QUEUE = re.compile(r"^(\w\S*) has (\d+) calls .* C:(\d+), A:(\d+),")
_MEMBER = re.compile(r"^ +(\w+) \((?:PJSIP|Local)/(\d+).*?\)(.*) has taken")
FLOOR = ("support", "sales", "slow", "all", "local", "both", "empty", "closed")


@dataclass
class Shown:
    """What `queue show` says: callers who wait, and those who were answered, or left unanswered, since the PBX's start, by
    queue; members by extension as ``ready``, ``talking`` or ``not_ready``."""

    waiting: dict[str, int]
    answered: dict[str, int]
    left: dict[str, int]
    members: dict[str, str]

    @classmethod
    async def of(cls, pbx: Pbx) -> Shown:
        shown, per_queue = cls({}, {}, {}, {}), dict[str, list[str]]()
        for line in (await pbx.cli("queue show")).splitlines():
            if head := _QUEUE.match(line):
                name = head[1]
                shown.waiting[name], shown.answered[name], shown.left[name] = int(head[2]), int(head[3]), int(head[4])
            elif member := _MEMBER.match(line):
                state = "talking" if "(in call)" in member[3] else "not_ready" if "paused" in member[3] else "ready"
                per_queue.setdefault(member[2], []).append(state)
        for extension, states in per_queue.items():
            shown.members[extension] = next((state for state in ("talking", "ready") if state in states), "not_ready")
        return shown

    def waiting_in(self, queues: tuple[str, ...]) -> dict[str, int]:
        return {name: self.waiting[name] for name in queues}


class Views:
    """The same by every view of a running callbridge: HTTP, Redis, metrics and the wallboard."""

    def __init__(self, bridge: Callbridge, redis: Redis) -> None:
        self.bridge, self.redis = bridge, redis

    async def hashes(self, kind: str, names: Mapping[str, object] | tuple[str, ...]) -> dict[str, dict[str, str]]:
        return {name: await self.redis.hgetall(f"callbridge:{kind}:{name}") for name in names}  # type: ignore[misc]

    async def waiting(self, view: str) -> dict[str, int]:
        heads = await asyncio.to_thread(self.bridge.client.waiting, 50)
        gauges = await self.gauges("queue_calls_waiting")
        found = {
            "/api/queues": {row["name"]: int(row["waiting"]) for row in await queues(self.bridge)},
            "/api/waiting": {name: heads["totals"].get(name, 0) for name in FLOOR},
            "Redis": {name: int(row["waiting"]) for name, row in (await self.hashes("queue", FLOOR)).items()},
            "metrics": {name: int(gauges.get((name,), 0.0)) for name in FLOOR},
        }
        return {name: number for name, number in found[view].items() if name in FLOOR}

    async def states(self, view: str) -> dict[str, str]:
        agents = await asyncio.to_thread(self.bridge.client.agents)
        found = {
            "/api/agents": {row["id"]: row["state"] for row in agents},
            "Redis": {name: row["state"] for name, row in (await self.hashes("agent", PHONES)).items()},
        }
        return found[view]

    async def gauges(self, name: str) -> dict[tuple[str, ...], float]:
        """By the values of the labels."""
        text_of = await text(self.bridge, "/metrics")
        lines = re.findall(rf"^callbridge_{name}{{(.*)}} (\S+)$", text_of, re.MULTILINE)
        return {tuple(re.findall(r'"([^"]*)"', labels)): float(value) for labels, value in lines}


async def pbx_shows(pbx: Pbx, *, waiting: dict[str, int], talking: set[str]) -> None:
    """The calls have come to where nothing changes for a while."""

    async def there() -> bool:
        shown = await Shown.of(pbx)
        return (
            waiting.items() <= shown.waiting.items()
            and {name for name, state in shown.members.items() if state == "talking"} == talking
        )

    await until_equal(there, True, 15.0)


async def is_over(callers: Callers, dialled: str) -> bool:
    return any(record.ended_at is not None for record in callers.records() if record.dialled == dialled)


async def wallboard(bridge: Callbridge, file: Path) -> str:
    top = await Process.callbridge("top", "--once", "--url", bridge.url, log=file)
    assert await top.wait(20.0) == 0
    return file.read_text()


async def until_equal(found: Callable[[], Any], wanted: Any, limit: float = 10.0) -> None:
    last: Any = None
    try:
        async with asyncio.timeout(limit):
            while (last := await found()) != wanted:
                await asyncio.sleep(0.1)
    except TimeoutError:
        assert last == wanted


async def test_every_view_shows_what_the_pbx_shows_during_calls_and_after(pbx: Pbx, tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    scripts = {name: PhoneScript.answers(ring=0.3) for name in PHONES} | {"1005": PhoneScript.answers(ring=0.3, talk=1.0)}
    stays = [
        ("support", 25.0),
        ("support", 22.0),
        ("local", 25.0),
        ("empty", 24.0),
        ("empty", 20.0),
        ("sales", None),
        ("late", None),
    ]
    calls = [Call(dialled=f"q-{queue}", number=f"49311{n}", hang_up_after=long) for n, (queue, long) in enumerate(stays)]
    log = pbx.folder / "log" / "queue_log"
    read = len(log.read_text()) if log.exists() else 0
    before = await Shown.of(pbx)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(RedisServer())
        bridge = ObservingCallbridge(pbx, {"database": {"url": f"sqlite:///{path}"}}, redis=server, warm=True)
        await stack.enter_async_context(bridge)
        redis: Redis = Redis.from_url(server.url, decode_responses=True)
        stack.push_async_callback(redis.aclose)
        views = Views(bridge, redis)
        for name, script in scripts.items():
            await stack.enter_async_context(Phone(pbx, name, script))
        for queue in ("slow", "all"):
            await pbx.cli(f"queue pause member PJSIP/1004 queue {queue} reason lunch")
        async with Callers(pbx, calls, rate=4.0) as callers:
            await until_equal(partial(is_over, callers, "q-late"), True)  # it waits in `empty`, too, for two seconds
            await pbx_shows(pbx, waiting={"support": 1, "empty": 2}, talking={"1001", "1003"})
            shown = await Shown.of(pbx)
            assert shown.members["1004"] == "not_ready"
            for view in ("/api/queues", "/api/waiting", "Redis", "metrics"):
                await until_equal(partial(views.waiting, view), shown.waiting_in(FLOOR))
            for view in ("/api/agents", "Redis"):
                await until_equal(partial(views.states, view), shown.members)
            board = await wallboard(bridge, tmp_path / "top")
            for queue in ("support", "empty"):
                assert re.search(rf"{queue}\D+{shown.waiting[queue]}\b", board), board
            await callers.wait(60.0)
        await pbx.cli("queue unpause member PJSIP/1004")
        await pbx.quiet(20.0)
        await bridge.eventually(lambda: len(ended(path)) == len(calls), 20.0)
        after = await Shown.of(pbx)
        rows = {row["name"]: row for row in await queues(bridge)}
        hashes = await views.hashes("queue", FLOOR)
        counted = await views.gauges("visits_ended_total")
        report = json.loads(await text(bridge, "/api/reports/queues?by=day"))
    logged = Counter(told for call in of_log(log.read_text()[read:]).values() for told, _ in call)
    for queue in FLOOR:
        answered = sum(count for (what, name, _), count in logged.items() if (what, name) == ("answered", queue))
        left = sum(count for (what, name, _), count in logged.items() if what in ("abandoned", "overflowed") and name == queue)
        assert (after.answered[queue] - before.answered[queue], after.left[queue] - before.left[queue]) == (answered, left)
        for row in (rows[queue], hashes[queue]):
            assert (int(row["answered"]), int(row["abandoned"]) + int(row["overflowed"])) == (answered, left), queue
        ends = {labels[-1]: value for labels, value in counted.items() if labels[0] == queue}
        assert (ends.get("answered", 0), ends.get("abandoned", 0) + ends.get("overflowed", 0)) == (answered, left), queue
        told = [row for row in report if row["queue"] == queue]
        sums = [sum(int(row[name] or 0) for row in told) for name in ("answered", "abandoned", "overflowed")]
        assert (sums[0], sums[1] + sums[2]) == (answered, left), queue
