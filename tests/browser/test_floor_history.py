"""The pages about the past on a real floor: a call that was recorded by Asterisk is found, heard, and reviewed."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.test_floor import TOKENS, sign_in_boss
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, CallerScript, Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

ON_16 = {"test_a_recorded_call_is_found_heard_and_reviewed"}
RECORDS = True
FORM = {"sections": [{"name": "talk", "criteria": [{"name": "greeting", "points": 2}, {"name": "identified", "fatal": True}]}]}
DAY = 86_400.0


def yesterday(database: Path) -> bool:
    """Move the recording to a day that is over, so that it may be drawn; whether it was in the history."""
    with closing(sqlite3.connect(database, timeout=10)) as link:
        moved = link.execute("UPDATE recordings SET at = at - ? WHERE file <> ''", (2 * DAY,)).rowcount
        link.commit()
    return moved == 1


def heard(database: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(database, timeout=10)) as link:
        return link.execute("SELECT \"by\", request FROM changes WHERE kind = 'playback'").fetchall()


async def test_a_recorded_call_is_found_heard_and_reviewed(house: House, pbx: Pbx, opened: Open, tmp_path: Path) -> None:
    queue: dict[str, Any] = {"steps": [{"skills": "support"}], "record": {"file": "{call}-{part}.wav"}}
    database = tmp_path / "history.db"
    config = floor({"ann": agent("1001", {"support": 1})}, {"support": queue}, http={"tokens": TOKENS})
    config |= {"database": {"url": f"sqlite:///{database}"}, "metrics": {"recordings": str(pbx.folder / "spool" / "monitor")}}
    config["quality"] = {
        "seed": "5",
        "samples": {"team": {"rate": 1.0, "each": "day", "form": "service"}},
        "forms": {"service": FORM},
    }
    bridge = await house.open(config)
    async with (
        Phone(pbx, "1001", PhoneScript.answers(talk=4.0, audio="agent")),
        Callers(pbx, [Call(dialled="support", number="+442079460106")], rate=5, script=CallerScript(audio="caller")) as callers,
    ):
        await callers.wait()
        await bridge.until("call_recorded")
    page = await sign_in_boss(opened, bridge)
    await page.get_by_role("link", name="Calls").click()
    row = page.get_by_role("row", name=re.compile("460106.*answered.*yes"))
    for _ in range(20):  # the history is written a moment later
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_role("region", name="Calls")).to_be_visible()
        if await row.count():
            break
        await asyncio.sleep(0.5)
    await row.get_by_role("link").click()
    await page.locator(".marks button").filter(has_text="Talk began").click()
    await page.wait_for_function("() => document.querySelector('audio').currentTime > 1")
    assert 2.0 < await page.evaluate("() => document.querySelector('audio').duration") < 6.0
    assert heard(database) == [("boss", "play")]
    assert await asyncio.to_thread(yesterday, database)
    await page.get_by_role("link", name="Quality").click()
    await page.get_by_role("button", name="Next recording").click()
    form = page.get_by_role("region", name="Review", exact=True)
    await form.get_by_role("group", name="greeting").get_by_label("2").check()
    await form.get_by_role("group", name="identified").get_by_label("Met", exact=True).check()
    await form.get_by_role("button", name="Submit the score").click()
    scored = await bridge.until("call_scored", agent="ann")
    assert (scored["score"], scored["by"]) == (1.0, "boss")
    await expect(page.get_by_role("row", name=re.compile("Review 1 ann.*scored.*100%"))).to_be_visible()
