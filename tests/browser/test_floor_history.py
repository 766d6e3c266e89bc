"""The pages about the past on a real floor: a recorded call is found, heard and reviewed; the agent's note is in its story."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.test_floor import TOKENS, sign_in, sign_in_boss
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


async def open_call(page: Page, shown: str) -> None:
    """Search until the history has a call whose row fits this pattern, and open it."""
    row = page.get_by_role("row", name=re.compile(shown))
    for _ in range(20):  # the history is written a moment later
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_role("region", name="Calls")).to_be_visible()
        if await row.count():
            break
        await asyncio.sleep(0.5)
    await row.get_by_role("link").click()


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
    await open_call(page, "460106.*answered.*yes")
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
    await expect(page.get_by_role("row", name=re.compile(r"Review 1 Agent 1001 \(ann\).*scored.*100%"))).to_be_visible()


async def test_an_agent_holds_a_caller_writes_a_note_and_chooses_a_disposition_and_the_calls_page_shows_both(
    house: House, pbx: Pbx, opened: Open, tmp_path: Path
) -> None:
    codes = {"solved": {"label": "Solved at once"}, "sent_on": {"label": "Sent on"}}
    queue: dict[str, Any] = {"steps": [{"skills": "support"}], "dispositions": codes, "wrap_up": "60s"}
    agents = {"ann": agent("1001", {"support": 1}) | {"pin": "4711"}}
    config = floor(agents, {"support": queue}, http={"tokens": TOKENS})
    bridge = await house.open(config | {"database": {"url": f"sqlite:///{tmp_path}/history.db"}})
    ann = await sign_in(opened, bridge, "ann", "4711")
    state, card = ann.locator(".statebar .state"), ann.get_by_role("region", name="Call", exact=True)
    await expect(state).to_have_text("Ready")
    async with (
        Phone(pbx, "1001", PhoneScript.answers(ring=0.5, talk=60.0)),
        Callers(pbx, [Call(dialled="support", number="+442079460107", hang_up_after=9.0)], rate=5) as callers,
    ):
        await expect(state).to_have_text("Talking")
        await card.get_by_role("button", name="Hold", exact=True).click()
        await expect(card).to_contain_text("On hold")
        await bridge.until("request_granted", request="hold", by="ann")
        await card.get_by_role("button", name="Unhold").click()
        await expect(card.get_by_role("button", name="Hold", exact=True)).to_be_visible()
        held = await bridge.until("request_granted", request="unhold", by="ann")
        await card.get_by_label("Notes", exact=True).fill("Wants a copy\nof <b>the bill</b>.")
        await card.get_by_role("button", name="Save note").click()
        await expect(card.get_by_role("list", name="Saved notes")).to_contain_text("of <b>the bill</b>.")
        await callers.wait()
        await expect(state).to_have_text("Wrap-up")
        await card.get_by_role("button", name="Disposition").click()
        await ann.get_by_role("dialog").get_by_label("Solved at once").check()
        await ann.get_by_role("dialog").get_by_role("button", name="Save").click()
        await expect(card.get_by_role("status")).to_have_text("Set: Solved at once")
        await ann.get_by_role("button", name="End wrap-up", exact=True).click()
        await expect(state).to_have_text("Ready")
    said = await bridge.until("disposition_set", agent="ann", code="solved")
    assert said["call"] == held["call"]
    boss = await sign_in_boss(opened, bridge)
    await boss.get_by_role("link", name="Calls").click()
    await open_call(boss, "460107.*answered")
    story = boss.get_by_role("region", name="Call", exact=True)
    note = story.locator("li").filter(has_text="Note · support · Agent 1001 (ann)")
    await expect(note).to_contain_text("Wants a copy of <b>the bill</b>.")
    ended = story.locator("li").filter(has_text="Talk ended")
    await expect(ended).to_contain_text("disposition Solved at once")
    await expect(ended).to_contain_text(re.compile(r"on hold 0:0\d"))
