"""What the process connects: each of these parts has tests of its own, and here it is that they are used."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.system import garbage
from callbridge.core.model.events import CallerArrived
from callbridge.core.model.ids import leg_id
from callbridge.runtime import saver
from callbridge.service import adapter_settings
from callbridge.service.adapter_settings import redis_settings
from callbridge.service.process import REPLACED, Process
from callbridge.service.serving import _with_term
from callbridge.service.term import RUNTIME, Term
from callbridge.settings.loading import load
from tests.adapters.conftest import RedisServer
from tests.adapters.fake_ari import FakeAri
from tests.adapters.waiting import HANGS, until
from tests.test_ending import a_caller_waits, rig
from tests.test_starting import a_living_owner, own_redis, process_config, processed

LONG = True


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with own_redis() as made:
        yield made


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that takes a moment longer on a busy machine is none that is away."""
    monkeypatch.setattr(adapter_settings, "RedisSettings", partial(RedisSettings, connect_timeout=HANGS, timeout=HANGS))


async def begun(term: Term) -> None:
    """The runtime has worked for the first time."""
    await until(lambda: term.runtime.silent)


async def answer(url: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(url) as found:
        return found.status, await found.json(content_type=None)


async def test_the_probe_that_is_served_says_why_we_are_not_alive(tmp_path: Path) -> None:
    async with processed(process_config(tmp_path)) as process:
        term = await process.begin_term()
        address = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{address.getsockname()[1]}/healthz"
        async with _with_term(process, term, address):
            await begun(term)
            assert await answer(url) == (200, {"healthy": True, "why": []})
            await term.parts.stop(RUNTIME)
            term.runtime._saved_at -= 60.0
            status, said = await answer(url)
            assert (status, said["healthy"]) == (503, False)
            assert re.fullmatch(r"the runtime has been stalled for 6\d s", said["why"][0])


async def test_a_process_that_was_started_too_often_leaves_the_callers_to_rescue_and_says_so(tmp_path: Path) -> None:
    async with FakeAri().serve() as pbx:
        pbx.app = "callbridge"
        starts = " ".join(str(int(time.time()) - seconds) for seconds in (40, 30, 20, 10, 5))
        pbx.answers["GET /asterisk/variable?variable=CALLBRIDGE_OWNER_STARTS"] = 200, {"value": starts}
        async with processed(process_config(tmp_path, pbx.url)) as process:
            term = await process.begin_term()
            stamp = "POST /asterisk/variable?variable=CALLBRIDGE_OWNER&value="
            await until(lambda: any(line.startswith(stamp) for line in pbx.asked))
            assert {line for line in pbx.asked if line.startswith(stamp)} == {f"{stamp}restarting"}
            assert process.notes() == ["started 6 times in a minute: callers are left to rescue for now"]
            (fallback,) = term.links.fallbacks
            assert term.links._ari["pbx1"].fresh
            assert not fallback._serving()
            process.restarts._began_at -= 60.0
            assert (process.notes(), fallback._serving()) == ([], True)


async def test_an_ari_link_that_nobody_tries_any_more_is_named(tmp_path: Path) -> None:
    async with processed(process_config(tmp_path)) as process:
        term = await process.begin_term()
        await begun(term)
        assert process.unhealthy() == []
        ari, ami = term.links._ari["pbx1"], term.links._ami["pbx1"]
        ari._proven_at = ari._tried_at = ami._tried_at = 0.0
        assert process.unhealthy() == [f"pbx pbx1: the {kind} link is no longer being retried" for kind in ("ARI", "AMI")]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "pbx pbx1: Cannot connect"),
        ({"database": {"url": "sqlite:////proc/nowhere/campaigns.db"}}, "ledger: unable to open database file"),
    ],
)
async def test_a_process_asks_its_pbxs_and_its_ledger_before_it_takes_the_place_of_one_that_serves(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr("callbridge.service.starting.OWNER_SILENT", 1.0)
    config = process_config(tmp_path, redis={"url": server.settings().url, "wait_at_start": 30}, **more)
    async with a_living_owner(server, redis_settings(load(config))) as owner, processed(config) as process:
        task = asyncio.create_task(process.begin_term())
        async with asyncio.timeout(HANGS):
            while words not in process.missing()[0]:
                assert not task.done()
                await asyncio.sleep(0.01)
        task.cancel()  # while it waits before it looks again, not amid a request to Redis
        await asyncio.gather(task, return_exceptions=True)
        assert process.missing()[0].count("another instance is serving") == 1
        assert await owner.holds()


async def test_a_client_that_opens_our_application_is_known_by_the_token_that_is_still_ours(
    server: RedisServer, tmp_path: Path
) -> None:
    """Without asking the store we would have to see whether somebody else stamps."""
    async with FakeAri().serve() as pbx:
        pbx.app = "callbridge"
        config = process_config(tmp_path, pbx.url, redis={"url": server.settings().url})
        async with processed(config) as process:
            term = await process.begin_term()
            link = term.links._ari["pbx1"]
            await until(lambda: link.fresh)
            pbx.asked.clear()
            await pbx.say("ApplicationReplaced")
            await until(lambda: len(pbx.sockets) == 2 and link.fresh)
            assert stamp_lines(pbx) == []
            assert not process.exit_code.done()


async def test_without_a_store_another_callbridge_is_known_by_its_stamp_and_we_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbridge.adapters.ari.ownership._STAMP_CHECK_EVERY", 0.05)
    async with FakeAri().serve() as pbx, processed(process_config(tmp_path, pbx.url)) as process:
        pbx.app = "callbridge"
        term = await process.begin_term()
        await until(lambda: term.links._ari["pbx1"].fresh)
        await pbx.say("ApplicationReplaced")
        for stamp in ("theirs:1", "theirs:2"):
            await until(lambda: stamp_lines(pbx))
            pbx.answers[stamp_lines(pbx)[-1]] = 200, {"value": stamp}
            pbx.asked.clear()
        assert await asyncio.wait_for(asyncio.shield(process.exit_code), HANGS) == REPLACED


def stamp_lines(pbx: FakeAri) -> list[str]:
    return [line for line in pbx.asked if line.startswith("GET /asterisk/variable")]


async def test_no_id_that_is_minted_is_the_beginning_of_another(tmp_path: Path) -> None:
    async with processed(process_config(tmp_path)) as process:
        world = (await process.begin_term()).world
        ids = sorted(world.mint("agent") for _ in range(2000))
        assert not [one for one, following in pairwise(ids) if following.startswith(one)]


def visits(page: bytes) -> list[str]:
    return re.findall(r'callbridge_visits_offered_total\{queue="support",tier="standard"\} (\S+)', page.decode())


async def calls(process: Process, term: Term, name: str) -> None:
    """Somebody does, and is counted."""
    before = visits(await process.metrics.render())
    leg = leg_id("pbx1", name)
    term.runtime.post(
        CallerArrived(at=term.clock.now(), leg=leg, entry="support", channel_name="x", number="", name="", tier="standard")
    )
    async with asyncio.timeout(HANGS):
        while visits(await process.metrics.render()) == before:
            await asyncio.sleep(0.01)


async def test_what_is_counted_is_there_at_zero_is_saved_and_goes_on_in_the_next_term(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saver, "BUDGET", HANGS)
    config = process_config(tmp_path, redis={"url": server.settings().url})
    async with processed(config) as first, processed(config) as second:
        term = await first.begin_term()
        assert visits(await first.metrics.render()) == ["0.0"]
        await calls(first, term, "c1")
        assert visits(await first.metrics.render()) == ["1.0"]
        await first.end_term()
        term = await second.begin_term()
        assert visits(await second.metrics.render()) == ["1.0"], "before anything else has happened"
        await calls(second, term, "c2")
        await second.end_term()
        await first.begin_term()
        assert visits(await first.metrics.render()) == ["2.0"], "of the saved world, not of our former term"


async def test_a_queue_that_a_reload_has_added_is_shown_at_once(tmp_path: Path) -> None:
    """It changes no row of the world: nobody waits, and the agents are the same."""
    config = process_config(tmp_path)
    async with processed(config) as process:
        term = await process.begin_term()
        async with _with_term(process, term, socket.create_server(("127.0.0.1", 0))):
            await begun(term)
            both = {name: {"steps": [{"skills": "support"}]} for name in ("support", "new")}
            process_config(tmp_path, queues=both)
            done = await process.reload(dry_run=False, force=False, by="ops")
            assert done.faults == ()
            assert set(term.board.queues) == {"support", "new"}


async def test_garbage_is_collected_in_portions_and_a_full_collection_waits_while_there_are_calls(tmp_path: Path) -> None:
    before = gc.get_threshold()
    async with rig(tmp_path) as one:
        await until(lambda: gc.get_threshold() == garbage.THRESHOLDS)
        await until(one.process.quiet)
        await a_caller_waits(one)
        assert not one.process.quiet()
    assert gc.get_threshold() == before
