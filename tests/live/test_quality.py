"""A recorded call on the real PBX, scored: the customer whose call failed a fatal criterion is called back, and the file is
played to those who may, and deleted in time."""

import asyncio
import json
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.waiting import until
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Phone, PhoneScript, Talk, call
from tests.live.campaign import house_of, number
from tests.live.hour_floor import zone_of_noon
from tests.live.hour_views import ROUNDED
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
    schedule(tmp_path / "shifts.csv")
    hook = receiver.hook()
    config = house_of(tmp_path, ("1001",)) | {
        "quality": QUALITY,
        "metrics": {"recordings": str(monitor(pbx)), "label_agents": True},
        "shifts": {"csv": str(tmp_path / "shifts.csv")},
        "instance": {"timezone": zone_of_noon()},
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


async def quality_of(bridge: Callbridge, agent: str) -> dict[tuple[str, str], float]:
    """What Prometheus is shown of the agent's reviews, by metric and whether a fatal criterion failed."""
    headers = {"Authorization": "Bearer boss"}
    async with aiohttp.ClientSession() as session, session.get(f"{bridge.url}/metrics", headers=headers) as answer:
        families = text_string_to_metric_families(await answer.text())
    return {
        (one.name.removeprefix("callbridge_quality_"), one.labels.get("fatal", "")): one.value
        for family in families
        for one in family.samples
        if family.name.startswith("callbridge_quality_") and one.labels.get("agent") == agent and "le" not in one.labels
    }


def schedule(path: Path, *shifts: tuple[str, float, float]) -> None:
    """Agent, begin and end."""
    lines = [",".join((agent, *(datetime.fromtimestamp(at, UTC).isoformat() for at in times))) for agent, *times in shifts]
    path.write_text("\n".join(("agent,start,end", *lines, "")))


async def adheres(bridge: Callbridge, tmp_path: Path) -> None:
    """The report on adherence agrees with the agent's log-in and log-out: one shift began before, one ended after them."""
    began = (await bridge.until("agent_changed", agent="1001", previous="logged_out"))["at"]
    await bridge.ask("1001", "logout")
    ended = (await bridge.until("agent_changed", agent="1001", state="logged_out"))["at"]
    over = time.time()
    late = (began - 10.0, began + 1.0)
    schedule(tmp_path / "shifts.csv", ("1001", *late), ("1001", ended - 2.0, over), ("1002", began - 10.0, began - 5.0))
    scheduled = 11.0 + over - ended + 2.0
    expected = {
        "1001": {
            "scheduled": scheduled,
            "in_shift": 3.0,
            "logged_in": ended - began,
            "adherence": 3.0 / scheduled,
            "log_in_rate": (ended - began) / scheduled,
            "shifts": 2,
            "absent": 0,
            "late": 10.0,
            "left_early": over - ended,
        },
        "1002": {"scheduled": 5.0, "in_shift": 0.0, "logged_in": 0.0, "shifts": 1, "absent": 1, "late": 5.0},
    }
    rows: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(30):
        while rows.get("1001", {}).get("logged_in") != pytest.approx(ended - began, abs=ROUNDED):
            await asyncio.sleep(0.2)  # until the history has the log-out
            rows = {row["agent"]: row for row in (await ask(bridge, "reports/adherence"))[1]}
    assert rows.keys() == expected.keys()
    for agent, figures in expected.items():
        assert {name: rows[agent][name] for name in figures} == pytest.approx(figures, abs=ROUNDED), agent


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
        assert await quality_of(bridge, "1001") == {
            ("reviews_total", "yes"): 1.0,
            ("score_count", ""): 1.0,
            ("score_sum", ""): 0.0,
            ("points_count", ""): 1.0,
            ("points_sum", ""): pytest.approx(0.8),
        }
        await adheres(bridge, tmp_path)
        assert len(bridge.facts("call_scored")) == 1, "once, over a kill -9"
        assert {each["id"] for each in receiver.got} == {event["id"]}, "what is delivered again is the same"

        assert recorded["file"] in await retention(bridge, "--dry-run")
        assert file.exists()
        assert (await retention(bridge)).startswith("1 recordings deleted, ")
        assert [path.name for path in monitor(pbx).glob("*.wav") if path == file] == []
        status, gone = await ask(bridge, playing)
        assert (status, gone["detail"]) == (404, "the recording has been deleted after its retention period")
