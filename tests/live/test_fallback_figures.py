"""Callers whom the fallback's app_queue serves are in the figures, beside callbridge's own and never twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.lab import build
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.conftest import DIALPLAN, PHONES
from tests.live.house import House
from tests.live.test_fallback import ANN_READY, QUEUE, kill, until_members, until_waiting
from tests.observe.queue_log import of_log
from tests.observe.record import MANAGER

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
LONG = True

OBSERVE: dict[str, Any] = {"user": "observer", "secret": "only-listens"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    version: int = request.param
    if not build.is_built(version):
        pytest.skip(f"Asterisk {version} is not built: run `python -m tests.lab.build`")
    extra = {"extensions.conf": DIALPLAN, "manager.conf": MANAGER}
    async with Pbx(version, phones=PHONES, extra=extra, verbose=3) as running:
        yield running


def config(path: Path) -> dict[str, Any]:
    on = {"mirror": True, "pull_back": True}
    more: dict[str, Any] = {
        "queue_defaults": {"ring_for": 15},
        "database": {"url": f"sqlite:///{path}"},
        "observe": OBSERVE,
        "fallback": on,
    }
    return floor({"ann": agent("1001", {"support": 1})}, **more)


def figures(row: dict[str, str]) -> dict[str, int]:
    return {name: int(row[name]) for name in ("offered", "answered", "abandoned", "overflowed", "failed", "waiting")}


async def until_figures(bridge: Callbridge, queue: str, **wanted: int) -> None:
    """Redis shows these figures of the queue."""
    shown: dict[str, int] = {}
    try:
        async with asyncio.timeout(10.0):
            while not wanted.items() <= shown.items():
                shown = figures(await bridge.queue(queue))
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{queue} shows {shown}, not {wanted}") from None


async def metrics(bridge: Callbridge) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{bridge.url}/metrics") as answer:
        return await answer.text()


def calls_in(path: Path) -> list[tuple[str, str, str]]:
    """Source, outcome and number of each call of the history."""
    with closing(sqlite3.connect(path)) as database:
        return list(
            database.execute("select source, outcome, number from calls where ended_at is not null order by number, source")
        )


async def test_callers_of_the_fallback_are_in_the_figures_and_no_call_is_counted_twice(
    house: House, pbx: Pbx, tmp_path: Path
) -> None:
    path = tmp_path / "history.db"
    bridge = await house.open(config(path))
    await until_members(pbx, ANN_READY)
    log = pbx.folder / "log" / "queue_log"
    async with Phone(pbx, "1001", PhoneScript.answers(ring=5.0, talk=7.0)) as ann:
        async with Callers(pbx, [Call(dialled="support", number="49300")]) as callers:
            await callers.wait()
        await bridge.until_state("ann", "ready")
        await until_figures(bridge, "support", offered=1, answered=1)
        await until_figures(bridge, QUEUE, offered=0)
        await kill(house, bridge)
        both = [Call(dialled="support", number="49301"), Call(dialled="support", number="49302", hang_up_after=60)]
        async with Callers(pbx, both, rate=1) as callers:
            await ann.until(lambda record: record.ringing_at and record.caller_number == "49301")
            await until_waiting(pbx, 2)
            await bridge.start()
            found = await bridge.until("call_arrived", source="fallback")
            assert found["found_waiting"] is True
            talk = await bridge.until("talk_began", queue=QUEUE)
            assert talk["agent"] == "ann"
            await bridge.until("talk_ended", queue=QUEUE, limit=15.0)
            await bridge.until("talk_ended", queue="support", limit=30.0)
            await callers.wait()
    await until_figures(bridge, "support", offered=2, answered=2)
    theirs = [told for call in of_log(log.read_text()).values() for told in call]
    answered = [queue for (what, queue, _), _ in theirs if what == "answered"]
    assert answered == [QUEUE]
    await until_figures(bridge, QUEUE, answered=1, abandoned=0, failed=0, waiting=0)
    shown = figures(await bridge.queue(QUEUE))
    assert shown["offered"] == shown["answered"] + shown["overflowed"]
    counted = [line for line in (await metrics(bridge)).splitlines() if f'visits_offered_total{{queue="{QUEUE}"' in line]
    assert [float(line.rpartition(" ")[2]) for line in counted] == [shown["offered"]]
    await bridge.eventually(lambda: len(calls_in(path)) == 2 + shown["offered"])
    assert [row for row in calls_in(path) if row[0] == "callbridge"] == [
        ("callbridge", "answered", "49300"),
        ("callbridge", "answered", "49302"),
    ]
    assert ("fallback", "answered", "49301") in calls_in(path)


async def test_the_figures_of_the_fallback_outlive_a_restart_and_its_waiting_caller_is_the_same(
    house: House, pbx: Pbx, tmp_path: Path
) -> None:
    path = tmp_path / "history.db"
    bridge = await house.open(config(path))
    await bridge.ask("ann", "not-ready")
    await asyncio.to_thread(bridge.client.bypass, True)
    async with Callers(pbx, [Call(dialled="support", number="49303", hang_up_after=12.0)]) as callers:
        await until_figures(bridge, QUEUE, offered=1, waiting=1)
        await kill(house, bridge)
        await bridge.start()
        await until_figures(bridge, QUEUE, offered=1, waiting=1)
        await callers.wait()
    await until_figures(bridge, QUEUE, offered=1, abandoned=1, waiting=0)
    await bridge.eventually(lambda: len([row for row in calls_in(path) if row[0] == "fallback"]) == 1)
