"""Observing an app_queue that is nobody's but the PBX's: every call is in the history as in the PBX's own queue_log."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.lab import build
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.process import Process
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.observe.queue_log import differences
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
    with closing(sqlite3.connect(path)) as database:
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
