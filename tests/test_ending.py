"""Whatever part of callbridge fails, it shuts down cleanly: waiting callers go to the fallback, and the exit code is 1."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from callbridge.adapters.ami.link import Ami
from callbridge.adapters.ari.link import Ari
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.store import MemoryStore, StoreDown
from callbridge.core.model.call import Phase
from callbridge.core.reload import plan_change
from callbridge.runtime import evacuation
from callbridge.runtime.saver import Saver
from callbridge.service import serving
from callbridge.service.process import EVACUATION, Process
from callbridge.service.publisher import Publisher
from callbridge.settings.loading import load
from tests.adapters.fake_ari import FakeAri
from tests.adapters.waiting import HANGS, until

LONG = True

CALLER = {"id": "c1", "name": "PJSIP/trunk-1", "state": "Ring"}
ANOTHER = CALLER | {"id": "c2", "name": "PJSIP/trunk-2"}
SENT = "POST /channels/c1/continue?context=callbridge-fallback&extension=support&priority=1"


class Rig:
    """A whole callbridge beside a fake PBX; ``log`` is what it wrote."""

    def __init__(self, fake: FakeAri, process: Process, running: asyncio.Task[int], log: io.StringIO) -> None:
        self.fake, self.process, self.running, self._log = fake, process, running, log

    async def exit_code(self) -> int:
        return await asyncio.wait_for(asyncio.shield(self.running), HANGS)


@contextlib.asynccontextmanager
async def rig(folder: Path, *, ari: FakeAri | None = None, ami_port: int = 9, **more: object) -> AsyncIterator[Rig]:
    async with (ari or FakeAri()).serve() as fake:
        drain = io.StringIO()
        config = folder / "callbridge.yaml"
        config.write_text(json.dumps(_config(fake, ami_port) | more))
        process = Process(load(config), config, drain)  # type: ignore[arg-type]
        running = asyncio.create_task(serving._serve(process))
        try:
            await until(lambda: process.term is not None and "pbx pbx1: no ARI link" not in process.missing())
            yield Rig(fake, process, running, drain)
        finally:
            process.stop(0)
            await asyncio.wait((running,))


def _config(fake: FakeAri, ami_port: int = 9) -> dict[str, Any]:
    links = {
        "ari": {"url": fake.url, "user": "u", "password": "p"},
        "ami": {"port": ami_port, "user": "u", "secret": "s"},
    }
    return {
        "instance": {"app": "app"},
        "pbx": [{"name": "pbx1"} | links],
        "http": {"port": _free_port()},
        "skills": ["support"],
        "entries": {"support": {"queue": "support"}},
        "queues": {"support": {"steps": [{"skills": "support"}]}},
        "agents": {"ann": {"name": "Ann", "skills": {"support": 1}, "phone": "PJSIP/1001"}},
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def a_caller_waits(one: Rig, channel: dict[str, str] = CALLER) -> None:
    await one.fake.say("StasisStart", args=["inbound", "support"], channel=channel)
    term = one.process.term
    assert term is not None
    await until(lambda: channel["id"] in {call.leg.partition("/")[2] for call in term.world.calls.values()})
    await until(lambda: {call.phase for call in term.world.calls.values()} == {Phase.WAITING})


class Planted(RuntimeError):
    pass


def _fails(*_: object, **__: object) -> NoReturn:
    raise Planted("a bug")


async def _fails_soon(*_: object, **__: object) -> NoReturn:
    raise Planted("a bug")


def publisher(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Publisher, "batch", _fails)


def tick(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Publisher, "lagged", _fails)


def saver(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryStore, "save", _fails_soon)


def repair(patch: pytest.MonkeyPatch) -> None:
    """The store is away for a moment, and saving everything raises."""

    async def away(*_: object) -> None:
        raise StoreDown("away")

    patch.setattr(MemoryStore, "save", away)
    patch.setattr(MemoryStore, "save_all", _fails_soon)


def late_save(patch: pytest.MonkeyPatch) -> None:
    """Slower than its budget, and then it raises; so does the repair."""

    async def slow(*_: object) -> None:
        await asyncio.sleep(0.1)
        raise Planted("a bug")

    patch.setattr(MemoryStore, "save", slow)
    patch.setattr(Saver, "_whole", _fails)


def reader(patch: pytest.MonkeyPatch) -> None:
    """One of the readers of facts, in process."""
    patch.setattr(LastAgents, "on_facts", _fails)


def phone_link(patch: pytest.MonkeyPatch) -> None:
    """It is being tried again and again: this PBX has no AMI."""
    patch.setattr(Ami, "_connection", _fails_soon)


@pytest.mark.parametrize("plant", [publisher, reader, tick, saver, repair, late_save, phone_link])
async def test_a_part_that_raises_sends_the_waiting_to_the_fallback(
    plant: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path) as one:
        await a_caller_waits(one)
        plant(monkeypatch)
        await one.fake.say("StasisStart", args=["inbound", "support"], channel=ANOTHER)
        assert await one.exit_code() == 1
        assert one.fake.asked.count(SENT) == 1


async def test_a_pbx_link_that_raises_ends_it_and_its_callers_are_left_to_rescue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path) as one:
        await a_caller_waits(one)
        monkeypatch.setattr(evacuation, "EVACUATION_TIMEOUT", 10 * HANGS)
        monkeypatch.setattr(Ari, "_receive", _fails)
        assert await asyncio.wait_for(one.exit_code(), HANGS) == 1  # nothing is waited for that cannot come
        assert [line for line in one.fake.asked if line.startswith("DELETE /channels")] == []


async def test_a_start_whose_configuration_is_not_adopted_serves_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had been ready, with no agent at all."""
    monkeypatch.setattr(plan_change, "_adopt", _fails)
    async with FakeAri().serve() as fake:
        config = tmp_path / "callbridge.yaml"
        config.write_text(json.dumps(_config(fake)))
        process = Process(load(config), config, io.StringIO())  # type: ignore[arg-type]
        running = asyncio.create_task(serving._serve(process))
        try:
            assert await asyncio.wait_for(asyncio.shield(running), HANGS) == 1
        finally:
            process.stop(0)
            await asyncio.wait((running,))
    assert process.term is None


async def test_a_stop_leaves_the_waiting_where_they_are(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await a_caller_waits(one)
        one.process.stop(0)
        assert await one.exit_code() == 0
        assert SENT not in one.fake.asked


async def test_what_happened_right_before_a_stop_is_in_the_history(tmp_path: Path) -> None:
    """There is no Redis that keeps it for the next start. The reader was cancelled first, and then waited for, for a second."""
    path = tmp_path / "history.db"

    def calls() -> int:
        with contextlib.closing(sqlite3.connect(path)) as database:
            try:
                return int(database.execute("select count(*) from calls").fetchone()[0])
            except sqlite3.OperationalError:  # it is being made, or written
                return 0

    async with rig(tmp_path, database={"url": f"sqlite:///{path}"}) as one:
        await a_caller_waits(one)
        await until(lambda: calls() == 1)
        await a_caller_waits(one, ANOTHER)
        one.process.stop(0)
        assert await one.exit_code() == 0
    assert calls() == 2


async def test_who_has_been_replaced_sends_nobody_away(tmp_path: Path) -> None:
    """The calls are another instance's by now."""
    async with rig(tmp_path) as one:
        await a_caller_waits(one)
        one.process.replaced()
        one.process.part_failed("publisher", Planted("a bug"))
        assert EVACUATION not in {task.get_name() for task in asyncio.all_tasks()}
        assert await one.exit_code() == 3
        assert SENT not in one.fake.asked
