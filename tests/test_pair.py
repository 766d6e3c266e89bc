"""Two whole callbridges beside one fake PBX, with one Redis: what they answer over HTTP, and what they do when one fails."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.redis.lease import RedisLease
from callbridge.cli import main
from callbridge.runtime.saver import Saver
from callbridge.service import adapter_settings, serving
from callbridge.service.adapter_settings import redis_settings
from callbridge.service.process import Process
from callbridge.settings.loading import load
from callbridge.wire import ari as wire
from tests.adapters.conftest import RedisServer
from tests.adapters.fake_ari import FakeAri
from tests.adapters.waiting import HANGS, until
from tests.test_ending import CALLER, _config, _fails_soon
from tests.test_standby import nobody_leads
from tests.test_starting import own_redis

LONG = True
NAMES = ("first", "second")


class One:
    """One of the two."""

    def __init__(self, name: str, folder: Path, fake: FakeAri, server: RedisServer, **more: object) -> None:
        self.address = f"http://{name}.example:8090"
        config = folder / f"{name}.yaml"
        links = _config(fake) | {"redis": {"url": server.settings().url}, "standby": {"address": self.address}} | more
        config.write_text(json.dumps(links))
        self.settings = load(config)
        self.url = f"http://127.0.0.1:{self.settings.http.port}"
        self.process = Process(self.settings, config, io.StringIO())  # type: ignore[arg-type]
        self.running = asyncio.create_task(serving._serve(self.process))

    @property
    def leads(self) -> bool:
        return self.process.term is not None and "pbx pbx1: no ARI link" not in self.process.missing()

    async def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        async with aiohttp.ClientSession() as session:
            more: dict[str, Any] = {"json": {}} if method == "POST" else {}
            async with session.request(method, self.url + path, **more) as answer:
                text = await answer.text()
                return answer.status, json.loads(text) if text[:1] in "[{" else text

    async def until_missing(self, missing: list[str]) -> None:
        async with asyncio.timeout(HANGS):
            while self.process.missing() != missing:
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        self.process.stop(0)
        await asyncio.wait((self.running,))


@contextlib.asynccontextmanager
async def pair(folder: Path, **more: object) -> AsyncIterator[tuple[One, One, FakeAri]]:
    with own_redis() as server:
        async with FakeAri().serve() as fake, contextlib.AsyncExitStack() as stack:
            stamp = wire.stamp_request(fake.app)
            fake.answers[f"{stamp.method} {stamp.path}"] = 200, {"value": "a:1"}
            ones: list[One] = []
            for name in NAMES:
                ones.append(One(name, folder, fake, server, **more))
                stack.push_async_callback(ones[-1].close)
                if len(ones) == 1:
                    found = redis_settings(ones[0].settings)
                    assert found is not None
                    await nobody_leads(found)
                    await until(lambda: ones[0].leads)
            await ones[1].until_missing([f"standby: {ones[0].address} leads"])
            await until(lambda: ones[0].process.leading is not None and ones[0].process.leading.standbys)
            yield ones[0], ones[1], fake


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that takes a moment longer on a busy machine is none that is away."""
    monkeypatch.setattr(adapter_settings, "RedisSettings", partial(RedisSettings, connect_timeout=HANGS, timeout=HANGS))


async def test_a_standby_names_the_leader_and_refuses_what_only_that_one_can_answer(tmp_path: Path) -> None:
    async with pair(tmp_path) as (first, second, fake):
        assert (await second.ask("/healthz"))[0] == 200
        status, said = await second.ask("/readyz")
        assert (status, said["role"], said["leader"]) == (503, "standby", first.address)
        assert (await first.ask("/readyz"))[1]["role"] == "leader"
        refused = [
            *(("POST", path) for path in ("/api/agents/ann/ready", "/api/step-down", "/api/callbacks", "/api/reload")),
            *(("GET", path) for path in ("/api/explain/agents/ann", "/api/campaigns", "/api/events", "/nowhere")),
        ]
        for method, path in refused:
            status, said = await second.ask(path, method)
            assert (status, said["leader"]) == (503, first.address)
            assert said["detail"] == f"this instance is a standby: ask the leader at {first.address}"
        status, metrics = await second.ask("/metrics")
        assert status == 200
        names = {line.partition("{")[0].partition(" ")[0] for line in metrics.splitlines() if not line.startswith("#")}
        assert names == {"callbridge_leader", "callbridge_build_info"}
        assert "callbridge_leader 0.0" in metrics
        status, metrics = await first.ask("/metrics")
        assert "callbridge_leader 1.0" in metrics
        assert "callbridge_standbys 1.0" in metrics
        assert len(fake.sockets) == 1


READS = (
    *("/api/queues", "/api/queues/support", "/api/agents", "/api/agents/ann", "/api/calls", "/api/calls?queue=support"),
    *("/api/callbacks", "/api/bypass", "/api/openapi.json", "/api/reports", "/api/reports/queues"),
    *("/api/queues/nowhere", "/api/agents/nobody", "/api/calls/nobody", "/api/facts", "/api/queues?limit=1"),
)


def without_supervisors(answer: Any) -> Any:
    """What a leader answers without what only it knows: Redis does not have who supervises a call."""
    status, body = answer
    rows = body if isinstance(body, list) else [body]
    kept = [{key: value for key, value in row.items() if key != "supervisors"} for row in rows]
    return status, kept if isinstance(body, list) else kept[0]


async def test_a_standby_answers_what_it_can_read_as_its_leader_does(tmp_path: Path) -> None:
    async with pair(tmp_path, database={"url": f"sqlite:///{tmp_path}/history.db"}) as (first, second, fake):
        await fake.say("StasisStart", args=["inbound", "support"], channel=CALLER)
        term = first.process.term
        assert term is not None
        await until(lambda: term.world.calls)
        async with asyncio.timeout(HANGS):  # the hashes are written a moment later
            while await second.ask("/api/calls") != without_supervisors(await first.ask("/api/calls")):
                await asyncio.sleep(0.02)
        for path in READS:
            theirs = await first.ask(path)
            assert await second.ask(path) == (without_supervisors(theirs) if "/calls" in path else theirs), path
        (call,) = term.world.calls
        path = f"/api/calls/{call}"
        async with asyncio.timeout(HANGS):  # the archive is, too
            while (found := await second.ask(path))[1]["timeline"] != (await first.ask(path))[1]["timeline"]:
                await asyncio.sleep(0.02)
        assert found == without_supervisors(await first.ask(path))
        assert found[1]["timeline"][0]["type"] == "call_arrived"
        waiting = (await second.ask("/api/waiting"))[1]
        known = (await first.ask("/api/waiting"))[1]
        vague = {"now", "alerts"}
        assert {key: waiting[key] for key in known.keys() - vague - {"waiting"}} == {
            key: known[key] for key in known.keys() - vague - {"waiting"}
        }
        (here,), (there,) = waiting["waiting"], known["waiting"]
        of_the_leader = {"needs": "support >= 1", "campaign": "", "callback": "", "reached": True}
        assert here | {"waited": 0} | of_the_leader == there | {"waited": 0}
        (told,) = waiting["alerts"]
        assert told == "seen from a standby: only the leader knows what needs attention"


async def test_the_commands_that_show_something_work_beside_a_standby(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with pair(tmp_path) as (first, second, fake):
        await fake.say("StasisStart", args=["inbound", "support"], channel=CALLER)

        async def command(*words: str) -> tuple[int, str]:
            code = await asyncio.to_thread(main, [*words, "--url", second.url])
            out, err = capsys.readouterr()
            return code, out + err

        async with asyncio.timeout(HANGS):
            while "waits" not in (shown := await command("top", "--once"))[1]:
                await asyncio.sleep(0.05)
        assert shown[0] == 0
        assert f"standby: {first.address} leads" in " ".join(shown[1].split())
        code, said = await command("queues")
        assert (code, "support" in said) == (0, True)
        code, said = await command("agents", "show", "ann")
        assert code == 1
        assert said.strip().endswith(f"this instance is a standby: ask the leader at {first.address}")


async def test_who_steps_down_stands_by_and_exports_no_old_figures(tmp_path: Path) -> None:
    async with pair(tmp_path) as (first, second, fake):
        assert await first.ask("/api/step-down", "POST") == (200, {"leader": second.address})
        await until(lambda: second.leads)
        await first.until_missing([f"standby: {second.address} leads"])
        assert "pbx_up" not in (await first.ask("/metrics"))[1]
        assert first.process.term is None
        assert not first.running.done()
        await until(lambda: second.process.leading is not None and second.process.leading.standbys)
        assert await second.ask("/api/step-down", "POST") == (200, {"leader": first.address})
        await until(lambda: first.leads)
        assert len(fake.sockets) == 3


async def test_a_standby_that_reloads_leads_with_the_new_configuration(tmp_path: Path) -> None:
    async with pair(tmp_path) as (first, second, _fake):
        path = second.process.config
        changed = json.loads(path.read_text())
        changed["agents"]["bob"] = {"name": "Bob", "skills": {"support": 1}, "phone": "PJSIP/1002"}
        path.write_text(json.dumps(changed))
        assert not (await second.process.reload()).faults
        path.write_text("agents: [")
        assert (await second.process.reload()).faults
        await first.ask("/api/step-down", "POST")
        await until(lambda: second.leads)
        term = second.process.term
        assert term is not None
        assert set(term.world.plan.agents) == {"ann", "bob"}


async def test_nobody_steps_down_for_a_standby_that_could_not_take_over(tmp_path: Path) -> None:
    async with pair(tmp_path) as (first, second, _fake):
        await second.close()
        leading = first.process.leading
        assert leading is not None
        await until(lambda: not leading.standbys)
        status, said = await first.ask("/api/step-down", "POST")
        assert (status, said["detail"]) == (409, "no standby could take over now; /readyz of each says why")
        assert (await first.ask("/readyz"))[1]["notes"] == ["no standby could take over"]
        assert first.leads


async def test_a_leader_with_a_fault_of_its_own_leaves_the_callers_to_its_standby(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pair(tmp_path) as (first, second, fake):
        term = first.process.term
        assert term is not None
        monkeypatch.setattr(Saver, "save", _only_of(term.saver))
        assert await asyncio.wait_for(asyncio.shield(first.running), HANGS) == 1
        await until(lambda: second.leads)
        assert not [line for line in fake.asked if "continue" in line]


def _only_of(broken: Saver) -> Any:
    """The saves of one process fail, those of the other do not."""
    save = Saver.save

    async def saving(self: Saver, *words: Any) -> bool:
        if self is broken:
            await _fails_soon()
        return await save(self, *words)

    return saving


async def test_a_leader_whose_lease_is_another_s_stands_down_without_taking_the_application_back(tmp_path: Path) -> None:
    async with pair(tmp_path) as (first, _second, fake):
        found = redis_settings(first.settings)
        assert found is not None
        other = RedisLease(found, holder="other", address="http://other.example:8090")
        claimed = None
        while claimed is None:  # the leader renews it all the time
            claimed = await other.claim(await other.look())
        await until(lambda: first.process.term is None)
        await other.close()
        assert not first.running.done()
        assert len(fake.sockets) == 1
