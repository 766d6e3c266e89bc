"""The screens on a real floor: callbridge's own server, Redis and Asterisk, callers and phones."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

ON_16: tuple[str, ...] = ()
QUEUES: dict[str, dict[str, Any]] = {
    "support": {"steps": [{"skills": "support"}], "target": {"answer_within": 20, "share": 0.8}},
    "sales": {"steps": [{"skills": "sales"}]},
}
TOKENS = [{"name": "boss", "role": "admin", "token": "token-of-the-boss"}]
KEY = "KeyOfTheTelevision27"


async def opened_floor(house: House) -> Callbridge:
    """Ann takes support and has a PIN, Ben is logged out; the boss has a token; there is a wall with a link."""
    agents = {"ann": agent("1001", {"support": 1}) | {"pin": "4711"}, "ben": agent("1002", {"sales": 1}, login=False)}
    config = floor(agents, QUEUES, http={"tokens": TOKENS}, reasons={"lunch": {}})
    config["walls"] = {"floor": {"title": "The floor", "queues": ["support", "sales"], "key": KEY}}
    return await house.open(config)


async def sign_in(opened: Open, bridge: Callbridge, user: str, password: str) -> Page:
    page = await opened(bridge.url)
    await page.get_by_label("User or agent").fill(user)
    await page.get_by_label("Password or PIN").fill(password)
    await page.keyboard.press("Enter")
    return page


async def sign_in_boss(opened: Open, bridge: Callbridge) -> Page:
    page = await opened(bridge.url)
    await page.get_by_role("button", name="Sign in with a token").click()
    await page.get_by_label("Token").fill("token-of-the-boss")
    await page.keyboard.press("Enter")
    return page


async def test_wallboard_and_agent_follow_a_call(house: House, pbx: Pbx, opened: Open) -> None:
    bridge = await opened_floor(house)
    wall = await opened(f"{bridge.url}/wall/floor?key={KEY}")
    board = wall.get_by_role("region", name="support")
    ann = await sign_in(opened, bridge, "ann", "4711")
    await expect(ann.locator(".statebar .state")).to_have_text("Ready")
    await expect(board.locator(".agents_ready dd")).to_have_text("1")
    async with Phone(pbx, "1001", PhoneScript.answers(ring=2.0, talk=4.0)):
        async with Callers(pbx, [Call(dialled="support", number="+442079460101")], rate=5) as callers:
            await expect(ann.locator(".statebar .state")).to_have_text("Ringing")
            await expect(ann).to_have_title(re.compile("^☎ Ringing"))
            await expect(ann.locator(".call .number")).to_have_text("+442079460101")
            await expect(ann.locator(".statebar .state")).to_have_text("Talking")
            await expect(board.locator(".agents_talking dd")).to_have_text("1")
            await expect(ann.get_by_role("button", name="Transfer")).to_be_visible()
            await callers.wait()
        await bridge.until("call_ended")
        await expect(ann.locator(".statebar .state")).to_have_text("Ready")  # after a second of wrap-up
    await expect(board.locator(".service_level dd")).to_contain_text("100%")
    await expect(board.locator(".service_level .graded")).to_have_class(re.compile("met"))
    await ann.get_by_role("button", name="Not ready").click()
    await expect(ann.locator(".statebar .state")).to_have_text("Not ready")
    await bridge.until("agent_changed", agent="ann", state="not_ready")


async def test_an_agent_consults_a_colleague_and_completes_the_transfer(house: House, pbx: Pbx, opened: Open) -> None:
    bridge = await opened_floor(house)
    ann = await sign_in(opened, bridge, "ann", "4711")
    await bridge.ask("ben", "login")
    async with (
        Phone(pbx, "1001", PhoneScript.answers(talk=30.0)),
        Phone(pbx, "1002", PhoneScript.answers(ring=1.0, talk=8.0)) as ben,
        Callers(pbx, [Call(dialled="support", number="+442079460104")], rate=5) as callers,
    ):
        await ann.get_by_role("button", name="Consult").click()
        await ann.keyboard.type("1002")
        await ann.locator(".targets li").filter(has_text="Agent 1002").click()
        await expect(ann.locator(".call")).to_contain_text("target is ringing")
        await expect(ann.locator(".call")).to_contain_text("consulting")
        await expect(ann.get_by_role("button", name="Conference")).to_be_visible()
        await ann.get_by_role("button", name="Complete transfer").click()
        await expect(ann.locator(".statebar .state")).to_have_text("Ready")
        await callers.wait()
        await bridge.until("call_ended")
    assert bridge.facts("transfer_ended", result="completed")
    assert len(ben.records()) == 1


async def test_a_supervisor_explains_moves_listens_and_sends_to_lunch(house: House, pbx: Pbx, opened: Open) -> None:
    bridge = await opened_floor(house)
    boss = await sign_in_boss(opened, bridge)
    async with (
        Phone(pbx, "1001", PhoneScript.answers(talk=15.0)),
        Phone(pbx, "1013", PhoneScript.answers(talk=60.0)) as ear,
    ):
        async with Callers(pbx, [Call(dialled="sales", number="+442079460102")], rate=5) as callers:
            row = boss.get_by_role("row", name=re.compile("460102"))
            await row.get_by_role("button", name="Explain").click()
            await expect(boss.get_by_role("dialog").locator("li").first).to_be_visible()
            await expect(boss.get_by_role("dialog")).to_contain_text("sales")
            await boss.keyboard.press("Escape")
            await row.get_by_role("button", name="Move").click()
            await boss.get_by_role("dialog").get_by_label("Queue").select_option("support")
            await boss.get_by_role("dialog").get_by_role("button", name="Move").click()
            await expect(boss.get_by_role("dialog")).to_have_count(0)
            await boss.get_by_role("button", name="Listen").click()
            await boss.get_by_label("At this phone").fill("PJSIP/1013")
            await boss.keyboard.press("Enter")
            await expect(boss.get_by_role("dialog")).to_have_count(0)
            await bridge.until("supervision_started")
            talk = boss.get_by_role("region", name="Calls", exact=True).get_by_role("row", name=re.compile("460102"))
            await expect(talk.locator(".supervisor")).to_have_text("boss listens")
            await talk.get_by_role("button", name="End supervision").click()
            await bridge.until("supervision_ended")
            await expect(talk.get_by_role("button", name="End supervision")).to_have_count(0)
            await expect(talk.locator(".supervisor")).to_have_count(0)
            row = boss.get_by_role("row", name=re.compile("Agent 1001.*Not ready"))
            await row.get_by_role("button", name="Not ready").click()
            reason = boss.get_by_role("dialog").get_by_label("Reason")
            await reason.select_option("lunch")
            await reason.press("Enter")
            (made,) = await callers.wait()
        await bridge.until("call_ended")
        await expect(row.locator(".state").first).to_have_text("Not ready · lunch")  # first what follows the call
    assert made.ended_by == "pbx"
    assert bridge.facts("request_granted", request="move")
    assert len(ear.records()) == 1


async def test_pages_come_back_after_a_restart_under_a_call(house: House, pbx: Pbx, opened: Open) -> None:
    bridge = await opened_floor(house)
    ann, boss = await sign_in(opened, bridge, "ann", "4711"), await sign_in_boss(opened, bridge)
    await expect(ann.locator(".statebar .state")).to_have_text("Ready")
    async with Phone(pbx, "1001", PhoneScript.answers(talk=12.0)):
        async with Callers(pbx, [Call(dialled="support", number="+442079460103")], rate=5) as callers:
            await expect(ann.locator(".statebar .state")).to_have_text("Talking")
            await bridge.stop()
            for page in (ann, boss):
                await expect(page.get_by_role("alert")).to_contain_text("These figures are old")
            await bridge.start()
            for page in (ann, boss):  # nobody logs in again
                await expect(page.get_by_role("alert")).to_have_count(0)
            await expect(ann.locator(".statebar .state")).to_have_text("Talking")
            await expect(ann.locator(".call .number")).to_have_text("+442079460103")
            await callers.wait()
        await bridge.until("call_ended")
        await expect(ann.locator(".statebar .state")).to_have_text("Ready")


async def test_a_reload_with_a_fault_is_refused_in_the_page_and_one_without_takes_the_link_away(
    house: House, opened: Open
) -> None:
    bridge = await opened_floor(house)
    wall, boss = await opened(f"{bridge.url}/wall/floor?key={KEY}"), await sign_in_boss(opened, bridge)
    house.explains("reload refused")
    good = json.loads(bridge.path.read_text())

    async def try_reload(config: dict[str, Any]) -> None:
        bridge.path.write_text(json.dumps(config))
        await boss.get_by_role("button", name="Reload configuration").click()

    await try_reload(good | {"entries": {"support": {"queue": "nowhere"}}})
    await expect(boss.get_by_role("dialog")).to_contain_text("no such queue: 'nowhere'")
    await boss.keyboard.press("Escape")
    await expect(wall.locator(".board").first).to_be_visible()
    await try_reload(good | {"walls": {"floor": {"queues": ["support"], "key": "AnotherKeyForThisOne28"}}})
    await expect(boss.get_by_role("row", name="walls.floor.key ***** *****")).to_be_visible()
    assert "AnotherKeyForThisOne28" not in await boss.content()
    await boss.get_by_role("button", name="Apply").click()
    await expect(boss.get_by_role("dialog")).to_have_count(0)
    await expect(wall.get_by_role("alert")).to_contain_text("no longer valid")
    await expect(wall.locator(".board")).to_have_count(0)
