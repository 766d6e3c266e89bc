"""Reports of a running callbridge: by HTTP and by command what was on the wire, and by schedule a file that was owed."""

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from callbridge.adapters.database import Database
from callbridge.adapters.report_forms.delivered import delivery_key, note_delivered
from tests.lab.pbx import Pbx
from tests.lab.process import Process
from tests.live.house import House
from tests.live.wire import A_MIX, FLOOR, OUTCOMES, Wire, phones_of

pytestmark = [pytest.mark.live, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]
ON_16 = ("test_reports_are_those_of_the_wire_in_every_way_to_them",)


@pytest_asyncio.fixture(loop_scope="module")
async def wire(pbx: Pbx) -> AsyncIterator[Wire]:
    wire = await phones_of(pbx)
    yield wire
    for phone in wire.phones:
        await phone.stop()


def open_talks(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as link:
        ((number,),) = link.execute("SELECT count(*) FROM segments WHERE wrapped_up_at IS NULL").fetchall()
        return int(number)


async def got(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_reports_are_those_of_the_wire_in_every_way_to_them(house: House, pbx: Pbx, wire: Wire, tmp_path: Path) -> None:
    folder, url = tmp_path / "reports", f"sqlite:///{tmp_path}/callbridge.db"
    folder.mkdir()
    with closing(Database(url)) as database:  # the report of yesterday was not sent yet: callbridge was away
        database.open()
        note_delivered(database.engine, delivery_key("morning", f"folder {folder}"), 0.0, 0.0)
    scheduled = {"name": "morning", "report": "queues", "at": "00:00", "form": "csv", "to": [{"folder": str(folder)}]}
    bridge = await house.open(FLOOR | {"database": {"url": url}, "reports": [scheduled]})
    await wire.call(*A_MIX)

    expected: Counter[tuple[str, str]] = Counter()
    for (kind, queue, _tier, *outcome), count in wire.figures().items():
        if kind != "within":
            expected[queue, *outcome or (kind,)] += count
    rows: list[dict[str, object]] = []
    async with asyncio.timeout(30):
        found: Counter[tuple[str, str]] = Counter()
        while found != expected:
            await asyncio.sleep(0.2)
            status, text = await got(f"{bridge.url}/api/reports/queues?by=1h")
            assert status == 200
            rows = json.loads(text)
            found = Counter()
            for row in rows:
                for name in ("offered", *OUTCOMES):
                    found[str(row["queue"]), name] += int(str(row[name] or 0))
            found = +found

    # Wrap-ups end later than calls: then the command says the same.
    await bridge.eventually(lambda: not open_talks(tmp_path / "callbridge.db"), limit=30)
    rows = json.loads((await got(f"{bridge.url}/api/reports/queues?by=1h"))[1])
    told = await Process.callbridge("report", "queues", "-c", bridge.path, "--by", "1h", "--json", log=tmp_path / "told")
    await told.wait()
    from_command = json.loads((tmp_path / "told").read_text())
    assert from_command == rows
    assert (await got(f"{bridge.url}/api/reports/queues?format=html"))[1].startswith("<!doctype html>")
    assert (await got(f"{bridge.url}/api/reports/queues?queue=suport"))[0] == 404

    await bridge.eventually(lambda: list(folder.glob("morning-*")), limit=40)  # until it is whole it has another name
    (file,) = folder.iterdir()
    assert file.read_text().startswith("interval,queue,offered,")
    await bridge.eventually(lambda: any(line.get("event") == "report sent" for line in bridge.lines()))
    assert 'callbridge_report_deliveries_total{result="done",schedule="morning"} 1.0' in (await got(f"{bridge.url}/metrics"))[1]
