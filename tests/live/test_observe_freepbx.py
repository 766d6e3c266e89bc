"""The first five minutes of the page about observing, exactly as it says, beside a PBX whose files are as FreePBX writes them.

What the lab cannot show: a FreePBX itself. Its files stand here as a likeness: every configuration is made of includes, of which
the ``_custom`` ones are the user's, queues have numbers, and their members are Local channels into ``from-queue``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.guide.pages import page
from tests.lab import build
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.process import Process
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.test_observe import ended, history
from tests.observe.queue_log import differences

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(180)]
LONG = True

PHONES = [PhoneSpec(name="1001"), PhoneSpec(name="1002"), PhoneSpec(name="1003")]
NAMES = {"1001": "Agent One", "1002": "Agent Two", "1003": "Agent Three"}
HOLD = "autofill=yes\njoinempty=yes\nleavewhenempty=no\nringinuse=no\nretry=1\nmusicclass=default\nwrapuptime=0\n"


def _queue(number: str, strategy: str, seconds: str, *members: str) -> str:
    lines = [f"member=Local/{one}@from-queue/n,0,{NAMES[one]},hint:{one}@ext-local" for one in members]
    return f"[{number}]\nstrategy={strategy}\ntimeout={seconds}\nservicelevel=60\n{HOLD}" + "\n".join(lines) + "\n"


def _in_dialplan(number: str, wait: str, then: str) -> str:
    return f"""exten => {number},1,Answer
exten => {number},n,Set(__NODEST={number})
exten => {number},n,Set(QMAXWAIT={wait})
exten => {number},n(qcall),Queue({number},t,,,${{QMAXWAIT}})
exten => {number},n,Set(__NODEST=)
exten => {number},n(gotodest),Goto({then})
"""


FILES = {
    "manager.conf": """[general]
enabled = yes
port = {port}
bindaddr = 127.0.0.1
displayconnects=no

#include manager_additional.conf
#include manager_custom.conf
""",
    "manager_additional.conf": "; nothing of the program's\n",
    "manager_custom.conf": "",
    "queues.conf": "[general]\n#include queues_general_additional.conf\n#include queues_additional.conf\n",
    "queues_general_additional.conf": "persistentmembers=yes\nautofill=yes\nmonitor-type=MixMonitor\nshared_lastcall=yes\n",
    "queues_additional.conf": _queue("600", "ringall", "8", "1001", "1002") + _queue("601", "leastrecent", "3", "1003"),
    "extensions.conf": """[general]
static=yes
writeprotect=no

#include extensions_additional.conf

[from-trunk]
include => ext-did

[from-phones]
include => from-internal

[from-internal]
include => ext-local
include => ext-queues

[from-queue]
exten => _.,1,Set(QAGENT=${EXTEN})
exten => _.,n,Goto(ext-local,${QAGENT},1)
""",
    "extensions_additional.conf": "[ext-did]\nexten => _60X,1,Goto(ext-queues,${EXTEN},1)\n\n[ext-local]\n"
    + "".join(f"exten => {one},1,Dial(PJSIP/{one},20)\nexten => {one},hint,PJSIP/{one}\n" for one in NAMES)
    + "\n[ext-queues]\n"
    + _in_dialplan("600", "", "app-blackhole,hangup,1")
    + _in_dialplan("601", "5", "ext-queues,600,1")
    + "\n[app-blackhole]\nexten => hangup,1,Hangup()\n",
}


def freepbx(version: int) -> Pbx:
    pbx = Pbx(version, phones=PHONES)
    for name, text in FILES.items():
        (pbx.folder / "etc" / name).write_text(text.replace("{port}", str(pbx.ami_port)))
    return pbx


@pytest.fixture(params=[22, 16])
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    version: int = request.param
    if not build.is_built(version):
        pytest.skip(f"Asterisk {version} is not built: run `python -m tests.lab.build`")
    async with freepbx(version) as running:
        yield running


class Page:
    """What the page says to write, with the ports and folders of a test."""

    def __init__(self, pbx: Pbx, folder: Path, port: int) -> None:
        (self.manager,) = [block.text for block in page("observe.md").blocks("ini")]
        config = next(block.text for block in page("observe.md").blocks("yaml") if "ami:" in block.text)
        for old, new in (
            ("ami: {user", f"ami: {{port: {pbx.ami_port}, user"),
            ("sqlite:///observed.db", f"sqlite:///{folder}/observed.db"),
        ):
            assert old in config
            config = config.replace(old, new)
        self.config = config + f"http: {{port: {port}}}\nlog: {{mask_numbers: false}}\n"


async def test_the_first_five_minutes_as_the_page_says(pbx: Pbx, tmp_path: Path) -> None:
    port = pbx.ports.take("127.0.0.1", socket.SOCK_STREAM)
    said, config, database = Page(pbx, tmp_path, port), tmp_path / "observe.yaml", tmp_path / "observed.db"
    (pbx.folder / "etc" / "manager_custom.conf").write_text(said.manager)
    await pbx.cli("manager reload")
    config.write_text(said.config)
    scripts = {"1001": PhoneScript.answers(ring=0.5, talk=(1.0, 3.0)), "1002": PhoneScript.rings_out()}
    scripts["1003"] = PhoneScript.rings_out()
    phones = [Phone(pbx, name, script) for name, script in scripts.items()]
    observing = await Process.callbridge("observe", "-c", config, log=tmp_path / "log")
    try:
        for phone in phones:
            await phone.start()
        began = time.monotonic()
        async with asyncio.timeout(20):
            while "600" not in await words("queues", "--url", f"http://127.0.0.1:{port}", log=tmp_path / "queues"):
                await asyncio.sleep(0.2)
        assert time.monotonic() - began < 20
        calls = [Call(dialled=("600", "600", "601")[n % 3], number=f"4930{n:03}", hang_up_after=4.0 + n) for n in range(12)]
        async with Callers(pbx, calls, rate=2.0) as callers:
            await callers.wait(90.0)
        await pbx.quiet(20.0)
        async with asyncio.timeout(20):
            while len(ended(database)) < len(calls):
                await asyncio.sleep(0.2)
        report = json.loads(await words("report", "queues", "-c", config, "--json", log=tmp_path / "report"))
        board = await words("top", "--once", "--url", f"http://127.0.0.1:{port}", log=tmp_path / "top")
    finally:
        await observing.end()
        for phone in phones:
            await phone.stop()
    logged = (pbx.folder / "log" / "queue_log").read_text()
    assert differences(logged, history(database)[0], NAMES) == []
    assert sum(int(row["offered"]) for row in report) == logged.count("|ENTERQUEUE|")
    assert all(queue in board for queue in ("600", "601"))
    assert [line for line in (tmp_path / "log").read_text().splitlines() if '"level": "warning"' in line] == []


async def test_a_user_who_may_not_hear_of_queues_is_told_what_is_missing(pbx: Pbx, tmp_path: Path) -> None:
    if pbx.version != 22:
        pytest.skip("what depends on the version is asked elsewhere")
    said, log = Page(pbx, tmp_path, pbx.ports.take("127.0.0.1", socket.SOCK_STREAM)), tmp_path / "log"
    (pbx.folder / "etc" / "manager_custom.conf").write_text(said.manager.replace("read = agent,call", "read = call"))
    await pbx.cli("manager reload")
    (tmp_path / "observe.yaml").write_text(said.config)
    observing = await Process.callbridge("observe", "-c", tmp_path / "observe.yaml", log=log)
    try:
        async with asyncio.timeout(20):
            while '"up": true' not in log.read_text():
                await asyncio.sleep(0.1)
        async with Callers(pbx, [Call(dialled="600", hang_up_after=60.0)]), asyncio.timeout(50):
            while "callers wait of whom the PBX has told nothing" not in log.read_text():
                await asyncio.sleep(0.2)
    finally:
        await observing.end()
    assert "visit_began" not in log.read_text()


async def words(*command: str | Path, log: Path) -> str:
    """What a command of callbridge prints."""
    log.unlink(missing_ok=True)
    process = await Process.callbridge(*command, log=log)
    await process.wait(20.0)
    return log.read_text()
