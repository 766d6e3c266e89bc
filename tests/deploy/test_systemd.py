"""deploy/systemd: systemd's own checker accepts the units, and the service says and does what they promise."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.adapters.waiting import HANGS
from tests.deploy.files import DEPLOY
from tests.lab.ports import PortBlock

UNITS = sorted((DEPLOY / "systemd").glob("callbridge*"))
BINARY = "/opt/callbridge/bin/callbridge"


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("systemd-analyze is missing: run `make setup`")
    return str(found)


def verify(analyze: str, folder: Path, spoil: tuple[str, str] = ("", "")) -> subprocess.CompletedProcess[str]:
    """The units, with a command that this machine has in place of the installed one."""
    for unit in UNITS:
        (folder / unit.name).write_text(unit.read_text().replace(BINARY, sys.executable).replace(*spoil))
    command = [analyze, "verify", "--man=no", *(str(folder / unit.name) for unit in UNITS)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=HANGS, env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"}
    )


def test_systemd_accepts_all_units(analyze: str, tmp_path: Path) -> None:
    assert len(UNITS) == 3
    done = verify(analyze, tmp_path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_misspelt_setting_is_noticed(analyze: str, tmp_path: Path) -> None:
    done = verify(analyze, tmp_path, ("Restart=always", "Restart=allways"))
    assert "allways" in done.stderr


def test_the_service_is_hardened(analyze: str, tmp_path: Path) -> None:
    for name in ("callbridge.service", "callbridge-rescue.service"):
        command = [analyze, "security", "--offline=true", "--no-pager", "--threshold=20", str(DEPLOY / "systemd" / name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS)
        assert done.returncode == 0, done.stdout[-300:] + done.stderr


def settings(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (DEPLOY / "systemd" / name).read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_who_was_replaced_stays_down_and_rescue_runs_by_its_timer() -> None:
    serve, timer = settings("callbridge.service"), settings("callbridge-rescue.timer")
    assert "3" in serve["RestartPreventExitStatus"][0].split()
    assert serve["OnFailure"] == ["callbridge-rescue.service"]
    assert timer["OnUnitInactiveSec"] == ["5s"]
    assert "ExecStopPost" not in serve
    assert serve["ExecStart"] == [f"{BINARY} serve -c /etc/callbridge/callbridge.yaml"]
    assert settings("callbridge-rescue.service")["ExecStart"] == [f"{BINARY} rescue -c /etc/callbridge/callbridge.yaml"]


class Service:
    """callbridge as systemd starts it: with a line to say what it does."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.setblocking(False)
        self.line.bind(str(folder / "notify"))
        nowhere: dict[str, Any] = {"ari": {"url": "http://127.0.0.1:9/ari", "user": "u", "password": "p"}}
        nowhere |= {"ami": {"port": 9, "user": "u", "secret": "s"}}
        self.config = folder / "callbridge.yaml"
        self.links = {"pbx": [{"name": "pbx1"} | nowhere], "http": {"port": port}}
        self.write()

    def write(self, **more: Any) -> None:
        queues = {"support": {"steps": [{"skills": "support"}]}}
        config = {**self.links, "skills": ["support"], "queues": queues, **more}
        self.config.write_text(json.dumps(config))

    async def start(self, **environment: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "callbridge", "serve", "-c", str(self.config),
            env=os.environ | {"NOTIFY_SOCKET": str(self.folder / "notify")} | environment,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.status, await answer.json()

    async def until(self, beginning: str, limit: float = 2 * HANGS) -> str:
        async with asyncio.timeout(limit):
            while True:
                message = (await asyncio.get_running_loop().sock_recv(self.line, 4096)).decode()
                if message.startswith(beginning):
                    return message


@pytest_asyncio.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    ports = PortBlock(1)
    made = Service(tmp_path, ports.take("127.0.0.1", socket.SOCK_STREAM))
    yield made
    made.line.close()
    ports.release()


@pytest.mark.slow
async def test_the_service_tells_its_manager_all_that_the_unit_waits_for(service: Service) -> None:
    running = await service.start(WATCHDOG_USEC="600000")
    try:
        await service.until("READY=1")
        assert "no ARI link" in await service.until("WATCHDOG=1")
        running.send_signal(signal.SIGHUP)
        await service.until("RELOADING=1")
        await service.until("READY=1")
        running.send_signal(signal.SIGTERM)
        await service.until("STOPPING=1")
        assert await asyncio.wait_for(running.wait(), HANGS) == 0
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


@pytest.mark.slow
async def test_the_service_says_what_it_waits_for_and_is_ready_only_when_it_serves(service: Service) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        service.write(redis={"url": url, "wait_at_start": 10})
        running = await service.start(WATCHDOG_USEC="600000")
        try:
            heard = await service.until("STATUS=")
            assert heard.startswith("STATUS=starting: Redis cannot be reached")
            status, ready = await service.ask("/readyz")
            assert (status, ready["ready"]) == (503, False)
            assert "of 10 s" in ready["missing"][0]
            assert (await service.ask("/healthz"))[0] == 200
            await service.until("READY=1")
            assert "the store is behind: Redis cannot be reached" in await service.until("WATCHDOG=1")
            assert "Redis cannot be reached" in str((await service.ask("/readyz"))[1]["missing"])
            running.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(running.wait(), HANGS) == 0
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()
