"""A campaign's PostgreSQL that stands still, beside a real PBX: callers are served and scrapes answered; all is written once."""

import asyncio
import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from callbridge.adapters.ledger import LedgerStore
from callbridge.cli.client import ApiError
from tests.adapters.postgres import impatient, new_database, stopped
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers
from tests.live.campaign import command, house_of, leads_file, number, people, wire
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
LONG = True

ON_16: set[str] = set()
"""The database stands still, whatever the PBX is."""
PROMPT = 2.0
"""Seconds, for a scrape on a crowded machine; before, there was none as long as the database stood still."""
SAYS = "the campaign database cannot be written; waiting for it"


async def house_on_postgresql(tmp_path: Path) -> tuple[dict[str, Any], str]:
    """And the database for the test's own looks: it may be a while until a server that stood still has accepted a connection."""
    url = await asyncio.to_thread(new_database)
    config = house_of(tmp_path)
    return config | {"database": {"url": impatient(url)}, "history": {"keep": False}}, url  # of the history: test_history


async def fetch(bridge: Callbridge, path: str) -> tuple[float, str]:
    """How long it took, and what it said."""
    began = time.monotonic()

    def get() -> str:
        with urllib.request.urlopen(bridge.url + path, timeout=10) as answer:
            return str(answer.read().decode())

    text = await asyncio.to_thread(get)
    return time.monotonic() - began, text


async def metric(bridge: Callbridge, name: str) -> float:
    _, text = await fetch(bridge, "/metrics")
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"callbridge_{name} "))


async def is_served(pbx: Pbx, bridge: Callbridge, caller: str) -> None:
    """Somebody calls in and talks to an agent."""
    before = len(bridge.facts("call_arrived", direction="in"))
    async with Callers(pbx, [Call(dialled="support", number=caller, hang_up_after=3.0)]) as made:
        arrived = await bridge.until("call_arrived", direction="in", count=before + 1)
        await bridge.until("talk_began", call=arrived["call"], limit=5)
        await made.wait()


async def all_closed(book: LedgerStore, count: int) -> None:
    async with asyncio.timeout(120):
        while sum((await asyncio.to_thread(book.outcomes, "spring", 0.0)).values()) < count or (
            "under way" in await asyncio.to_thread(book.outcomes, "spring", 0.0)
        ):
            await asyncio.sleep(0.2)


async def all_over(bridge: Callbridge) -> None:
    """Those who talk have hung up before their phones are taken away."""
    await bridge.eventually(lambda: len(bridge.facts("call_arrived")) == len(bridge.facts("call_ended")), limit=30)


async def test_a_database_that_stands_still_in_mid_campaign_costs_the_campaign_only(
    house: House, pbx: Pbx, tmp_path: Path
) -> None:
    house.explains(SAYS)
    count = 60
    config, url = await house_on_postgresql(tmp_path)
    bridge = await house.open(config)
    await command(bridge, "load", "spring", leads_file(tmp_path, range(count)))
    async with people(pbx) as town:
        await command(bridge, "start", "spring")
        await bridge.eventually(lambda: len(bridge.facts("attempt_ended")) >= 15, limit=60)
        with stopped(), ThreadPoolExecutor(12) as people_asking:
            asking = [asyncio.wrap_future(people_asking.submit(bridge.client.campaign, "spring")) for _ in range(12)]
            slowest, began = 0.0, time.monotonic()
            while time.monotonic() - began < 45.0:
                slowest = max(slowest, (await fetch(bridge, "/metrics"))[0])
                await asyncio.sleep(0.5)
            assert slowest < PROMPT
            await is_served(pbx, bridge, "4930111")
            told = await asyncio.gather(*asking, return_exceptions=True)
            assert {type(one) for one in told} == {ApiError}
            assert await metric(bridge, "ledger_up") == 0.0
            assert await metric(bridge, "ledger_pending") <= 2 * count + 1, "each lead at hand reserved and taken back, once"
            ready = json.loads((await fetch(bridge, "/readyz"))[1])
            assert (ready["ready"], ready["missing"]) == (True, [])
            (note,) = ready["notes"]
            assert note.startswith("ledger: the database has not answered since ")
            (row,) = await asyncio.to_thread(bridge.client.campaigns)
            assert "the database has not answered since" in row["why_not"]
        book = LedgerStore(url)
        await all_closed(book, count)
        sent = wire(town)
        await bridge.eventually(lambda: len(bridge.facts("attempt_ended")) >= count, limit=30)
        await all_over(bridge)
    assert await metric(bridge, "ledger_up") == 1.0
    assert json.loads((await fetch(bridge, "/readyz"))[1])["notes"] == []
    assert set(sent) == {number(index) for index in range(count)}
    assert max(sent.values()) == 1, "one INVITE for an attempt"
    assert [row["attempts"] for row in (book.lead("spring", number(index)) or {} for index in range(count))] == [1] * count
    book.close()


async def campaign_now(bridge: Callbridge) -> dict[str, Any]:
    (row,) = await asyncio.to_thread(bridge.client.campaigns)
    return row


async def test_a_start_beside_a_database_that_stands_still_serves_callers_and_dials_later(
    house: House, pbx: Pbx, tmp_path: Path
) -> None:
    house.explains(SAYS)
    config, url = await house_on_postgresql(tmp_path)
    bridge = await house.open(config)
    await command(bridge, "load", "spring", leads_file(tmp_path, range(5)))
    async with people(pbx) as town:
        await bridge.stop()
        with stopped():
            await bridge.start(limit=30.0)
            await command(bridge, "start", "spring")
            await is_served(pbx, bridge, "4930112")
            async with asyncio.timeout(10):
                while "has not answered since" not in (row := await campaign_now(bridge))["why_not"]:
                    await asyncio.sleep(0.2)
            assert (row["state"], row["outstanding"]) == ("running", 0)
        book = LedgerStore(url)
        await all_closed(book, 5)
        await all_over(bridge)
        assert sum(wire(town).values()) == 5
    book.close()
