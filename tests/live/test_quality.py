"""A recorded call on the real PBX, scored: the customer whose call failed a fatal criterion is called back, and the file is
played to those who may, and deleted in time."""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.waiting import until
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Phone, PhoneScript, Talk, call
from tests.live.campaign import house_of, number
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
RECORDS = True
ON_16 = {"test_a_failed_fatal_criterion_has_the_customer_called_back_and_the_recording_goes_in_time"}
TOKENS = [
    {"name": "boss", "role": "admin", "token": "boss"},
    {"name": "eve", "role": "supervisor", "token": "eve"},
    {"name": "wall", "role": "viewer", "token": "wall"},
]
QUALITY = {
    "samples": {"team": {"rate": 1, "form": "service"}},
    "forms": {
        "service": {
            "on_fatal": {"callback": {"campaign": "spring"}},
            "sections": [
                {"name": "talk", "criteria": [{"name": "greeting", "points": 5}]},
                {"name": "rules", "criteria": [{"name": "identified", "fatal": True}]},
            ],
        }
    },
}
TWO_DAYS = 2 * 86_400.0


def monitor(pbx: Pbx) -> Path:
    return pbx.folder / "spool" / "monitor"


async def opened(house: House, pbx: Pbx, tmp_path: Path, receiver: Receiver) -> Callbridge:
    hook = receiver.hook()
    config = house_of(tmp_path, ("1001",)) | {
        "quality": QUALITY,
        "metrics": {"recordings": str(monitor(pbx))},
        "recordings": {"queues": {"support": 1}},
        "webhooks": [{"name": hook.name, "url": hook.url, "secret": SECRET, "events": ["score"]}],
    }
    config["queues"]["support"]["record"] = {"file": "{call}-{part}.wav"}
    bridge = await house.open(config)
    await bridge.stop()
    whole = json.loads(bridge.path.read_text())
    whole["http"]["tokens"] = TOKENS
    bridge.path.write_text(json.dumps(whole))
    await bridge.start()
    bridge.client = type(bridge.client)(bridge.url, "boss")
    return bridge


async def ask(bridge: Callbridge, path: str, token: str = "eve", body: Any = None, **headers: str) -> tuple[int, Any]:
    headers["Authorization"] = f"Bearer {token}"
    method = "GET" if body is None else "POST"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{bridge.url}/api/{path}", json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json() if "json" in answer.content_type else await answer.read()


def two_days_ago(path: Path) -> bool:
    """The day of the recording is over; whether it was in the history."""
    with closing(sqlite3.connect(path, timeout=10)) as link:
        moved = link.execute("UPDATE recordings SET at = at - ? WHERE file <> ''", (TWO_DAYS,)).rowcount
        link.commit()
    return moved == 1


async def retention(bridge: Callbridge, *words: str) -> str:
    command = (sys.executable, "-m", "callbridge", "history", "recordings", *words, "-c", str(bridge.path))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def test_a_failed_fatal_criterion_has_the_customer_called_back_and_the_recording_goes_in_time(
    house: House, pbx: Pbx, tmp_path: Path
) -> None:
    for path in monitor(pbx).glob("*.wav"):
        path.unlink()
    town = PhoneScript(ring=(0.2, 0.4), steps=[Talk(0.5, 0.8)], hangs_up=True)
    async with (
        Receiver() as receiver,
        Phone(pbx, "1001", PhoneScript.answers(ring=0.02)),
        Phone(pbx, "1005", town) as customer,
    ):
        bridge = await opened(house, pbx, tmp_path, receiver)
        await call(pbx, Call(dialled="support", number=number(0), hang_up_after=2.0))
        recorded = await bridge.until("call_recorded")
        file = monitor(pbx) / recorded["file"]
        await until(lambda: two_days_ago(tmp_path / "ledger.db"), 10)

        status, review = await ask(bridge, "quality/next", body={"sample": "team"})
        assert (status, review["call"], review["agent"], review["file"]) == (200, recorded["call"], "1001", recorded["file"])
        playing = f"recordings/{review['recording']}"
        status, sound = await ask(bridge, playing, Range="bytes=0-11")
        assert (status, sound) == (206, file.read_bytes()[:12])
        assert sound.startswith(b"RIFF") and sound.endswith(b"WAVE")
        assert [(await ask(bridge, path, "wall"))[0] for path in (playing, "quality/samples")] == [403, 403]
        assert "0 recordings would be deleted" in await retention(bridge, "--dry-run"), "its review is open"

        marks = {"greeting": 4, "identified": "fail"}
        status, scored = await ask(bridge, f"quality/reviews/{review['id']}/score", body={"marks": marks})
        assert (status, scored["score"], scored["failed"]) == (200, 0, ["identified"])
        assert (scored["callback"], scored["callback_outcome"]) == ("spring", "entered")
        told = await bridge.until("call_scored")
        assert (told["by"], told["agent"], told["queue"], told["fatal_accuracy"]) == ("eve", "1001", "support", 0.0)
        await until(lambda: receiver.got, 10)
        (event,) = receiver.got
        assert (event["type"], event["call"], event["by"], event["score"]) == ("score", recorded["call"], "eve", 0.0)
        assert (event["non_fatal_accuracy"], event["failed"], event["callback"]) == (0.8, "identified", "spring")

        await bridge.kill()
        await bridge.start()
        await ask(bridge, "campaigns/spring/start", "boss", {})
        attempt = await bridge.until("attempt_ended", limit=30)
        assert attempt["outcome"] == "answered"
        assert [record.phone for record in customer.records()] == [number(0)]
        await bridge.until("call_ended", count=2)
        await ask(bridge, "campaigns/spring/stop", "boss", {})
        assert len(bridge.facts("call_scored")) == 1, "once, over a kill -9"
        assert {each["id"] for each in receiver.got} == {event["id"]}, "what is delivered again is the same"

        assert recorded["file"] in await retention(bridge, "--dry-run")
        assert file.exists()
        assert (await retention(bridge)).startswith("1 recordings deleted, ")
        assert [path.name for path in monitor(pbx).glob("*.wav") if path == file] == []
        status, gone = await ask(bridge, playing)
        assert (status, gone["detail"]) == (404, "the recording has been deleted after its retention period")
