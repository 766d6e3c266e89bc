"""Every command of the runbook that a test can run is run, in its order, beside a real PBX in folders of its own."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbridge.adapters.ledger import BlockEntry, LedgerStore
from tests.deploy.files import ROOT
from tests.deploy.runbook import to_be_run
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

FLOOR = floor({"ann": agent("1001", {"support": 1})})
FOLDERS = (
    "opt", "etc/systemd/system", "etc/prometheus", "etc/grafana",
    "var/lib/callbridge", "var/lib/grafana", "var/lib/redis", "var/backups", "bin",
)  # fmt: skip


class Machine:
    """A machine of folders: what the runbook calls / is ours, `asterisk` and `redis-cli` reach the lab's."""

    def __init__(self, root: Path, bridge: Callbridge) -> None:
        self.root, self.bridge, self.pbx = root, bridge, bridge.pbx
        assert bridge.redis is not None
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)
        (root / "etc/asterisk").symlink_to(self.pbx.folder / "etc")
        inside = f"nsenter --target={self.pbx.pid} --mount --root --wdns=/ /usr/sbin/asterisk -C /lab/etc/asterisk.conf"
        self._command("bin/asterisk", inside)
        self._command("bin/redis-cli", f"{shutil.which('redis-cli')} -p {bridge.redis.port}")

    def _command(self, name: str, words: str) -> None:
        (self.root / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (self.root / name).chmod(0o755)

    def install(self) -> None:
        """What pip would put there."""
        self._command("opt/callbridge/bin/callbridge", f"{sys.executable} -m callbridge")

    def here(self, command: str) -> str:
        """The command with this machine's places."""
        command = re.sub(r"(?<![\w./])/(?=(?:opt|etc|var)/)", f"{self.root}/", command)
        return command.replace("127.0.0.1:8090", f"127.0.0.1:{self.bridge.port}")

    async def run(self, command: str) -> tuple[int, str]:
        environment = {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "CALLBRIDGE_URL": self.bridge.url,
            "NO_PROXY": "127.0.0.1",
        }
        child = await asyncio.create_subprocess_exec(
            "bash", "-c", self.here(command),
            cwd=ROOT, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await asyncio.wait_for(child.communicate(), 60)
        return child.returncode or 0, printed.decode(errors="replace")


ALERTS = ROOT / "deploy" / "prometheus" / "callbridge.alerts.yml"
EXPECTED = {
    "asterisk -rx 'dialplan show callbridge-inbound'": "Stasis(callbridge,inbound,",
    "asterisk -rx 'ari show users'": "callbridge",
    "asterisk -rx 'manager show user callbridge'": "reporting",
    "asterisk -rx 'module show like res_manager_devicestate'": "1 modules loaded",
    "asterisk -rx 'queue show callbridge-fallback'": "callbridge-fallback has 0 calls",
    "curl -s 127.0.0.1:8090/readyz": "ready",
    "/opt/callbridge/bin/callbridge agents": "Agent 1001",
    "redis-cli ping": "PONG",
    "promtool check config /etc/prometheus/prometheus.yml": f"SUCCESS: {ALERTS.read_text().count('- alert: ')} rules found",
}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "machine"
    shutil.rmtree(tmp_path / "machine", ignore_errors=True)


async def test_the_runbook_can_be_followed_and_its_back_up_restored(root: Path) -> None:
    async with (
        RedisServer() as redis,
        Pbx(22, phones=[PhoneSpec(name="1001")]) as pbx,
        Callbridge(pbx, FLOOR, redis=redis) as bridge,
    ):
        machine = Machine(root, bridge)
        ledger = LedgerStore(f"sqlite:///{root}/var/lib/callbridge/callbridge.db")
        ledger.open()
        ledger.block([BlockEntry("+442079460000", "", "asked", "ann", 0.0)])
        ledger.close()
        await bridge.ask("ann", "not-ready", reason="lunch")
        said: dict[str, str] = {}
        for command in to_be_run():
            code, printed = await machine.run(command)
            assert code == 0, f"{command}: {printed}"
            assert "No such command" not in printed, command
            said[command] = printed
            if command.startswith("python3 -m venv"):
                machine.install()
        for command, words in EXPECTED.items():
            assert words in said[command], said[command]
        backed_up = LedgerStore(f"sqlite:///{root}/var/backups/callbridge.db")
        assert [one.number for one in backed_up.list_blocks()] == ["+442079460000"]
        backed_up.close()
        assert (root / "var/backups/callbridge.db").stat().st_mode & 0o077 == 0, "people's numbers are in it"
        await bridge.stop()
        await from_the_back_up(root, pbx)


async def from_the_back_up(root: Path, pbx: Pbx) -> None:
    """Another Redis with the file that the runbook puts in place: the agent is still at lunch."""
    other = RedisServer()
    shutil.copy(root / "var/lib/redis/dump.rdb", other.folder / "dump.rdb")
    async with other, Callbridge(pbx, FLOOR, redis=other) as again:
        assert await again.state("ann") == "not_ready"
        assert again.facts("world restored")
