"""What an agent's page knows of a customer, on a real floor: callers, a phone, the history, and the page in Chromium."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.test_floor import TOKENS, sign_in
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

ON_16: tuple[str, ...] = ()
NUMBER = "+442079460171"
FIELDS = {"interested": {"kind": "yes_no", "required": "yes"}, "persons": {"kind": "number", "most": 9}}
STEPS = {"greet": {"text": "Good morning, this is {agent}.", "fields": FIELDS, "next": "bye"}, "bye": {"text": "Thank you."}}
QUEUES: dict[str, dict[str, Any]] = {
    "support": {
        "steps": [{"skills": "support"}],
        "script": "renewal",
        "crm": {"url": "http://127.0.0.1:9/find?phone={number}&call={call}&queue={queue}"},
    }
}


async def test_a_customer_who_calls_again_is_known_and_answers_are_stored(
    house: House, pbx: Pbx, opened: Open, tmp_path: Path
) -> None:
    config = floor({"ann": agent("1001", {"support": 1}) | {"pin": "4711"}}, QUEUES, http={"tokens": TOKENS})
    config["scripts"] = {"renewal": {"steps": STEPS}}
    config["database"] = {"url": f"sqlite:///{tmp_path}/callbridge.db"}
    bridge = await house.open(config)
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.5, talk=2.0)):
        async with Callers(pbx, [Call(dialled="support", number=NUMBER)], rate=5) as callers:
            await callers.wait()
        await bridge.until("call_ended")
    page = await sign_in(opened, bridge, "ann", "4711")
    await expect(page.locator(".statebar .state")).to_have_text("Ready")
    async with Phone(pbx, "1001", PhoneScript.answers(ring=1.0, talk=12.0)):
        async with Callers(pbx, [Call(dialled="support", number=NUMBER)], rate=5) as callers:
            contacts = page.get_by_role("region", name="Last contacts")
            await expect(contacts.locator("tbody tr")).to_have_count(1)
            await expect(contacts).to_contain_text("Called again: talked to Agent 1001 (ann)")
            await expect(page.locator(".statebar .state")).to_have_text("Talking")
            link = page.get_by_role("link", name="Open the customer's record")
            href = re.compile(r"^http://127\.0\.0\.1:9/find\?phone=%2B442079460171&call=[\w.-]+&queue=support$")
            await expect(link).to_have_attribute("href", href)
            while len(page.context.pages) < 2:
                await page.wait_for_timeout(50)
            script = page.get_by_role("region", name="Script")
            await expect(script).to_contain_text("Good morning, this is Agent 1001.")
            await script.get_by_label("interested *").select_option("yes")
            await bridge.until("script_answered", field="interested", answer="yes", agent="ann", queue="support")
            await script.get_by_role("button", name="Next").click()
            await expect(script).to_contain_text("Thank you.")
            await page.reload()
            await expect(script).to_contain_text("Thank you.")
            await script.get_by_role("button", name="Back").click()
            await script.get_by_label("persons").fill("10")
            await script.get_by_label("persons").press("Tab")
            await expect(script.get_by_role("alert")).to_contain_text("persons: must be 9 or less")
            await page.get_by_label("Language").select_option("zh")
            await expect(page.get_by_role("alert")).to_contain_text("persons：不能大于 9")
            await page.get_by_label("语言").select_option("en")
            assert len(page.context.pages) == 2
            await callers.wait()
        await expect(script).to_have_count(0)
