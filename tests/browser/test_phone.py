"""The phone in the page: a real Chromium registers at a real Asterisk through callbridge, and voice goes both ways.

The endpoints are those of ``dialplan/samples/pjsip-browser.conf``, as it is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.conftest import Open
from tests.lab import build, sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

ON_16 = ("test_caller_and_page_hear_each_other",)
PJSIP = (build.ROOT / "dialplan/samples/pjsip-browser.conf").read_text()
VOICE, REPLY, MUSIC = sounds.TONES["caller"], sounds.TONES["agent"], sounds.TONES["music"]
TOKENS = [{"name": "boss", "role": "admin", "token": "token-of-the-boss"}]
PLAIN_SOUND = json.dumps({"processing": False})
"""The removal of noise would remove a tone."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium whose microphone hears the agent's tone."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "chromium is not installed: run `make setup`"
    tone = build.LAB / "sounds" / "tones" / "agent.wav"
    args = [
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tone}",
        "--allow-loopback-in-peer-connection",
    ]
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=args)
        yield running
        await running.close()


def browser_agent(number: str, skills: dict[str, int], connect: str = "ring", **more: Any) -> dict[str, Any]:
    own = {"pin": "4711", "browser_phone": {"password": f"change-me-{number}"}}
    return agent(number, skills, connect) | own | more


async def opened_floor(house: House, connect: str = "ring", **more: Any) -> Callbridge:
    agents = {"ann": browser_agent("1101", {"support": 1}, connect), "ben": agent("1008", {"sales": 1})}
    queues = {name: {"steps": [{"skills": name}]} for name in ("support", "sales")}
    more = {"http": {"tokens": TOKENS}, "queue_defaults": {"ring_for": 30}} | more  # a busy machine is slow to press a button
    return await house.open(floor(agents, queues, **more))


async def sign_in(opened: Open, bridge: Callbridge, user: str = "ann") -> Page:
    page = await opened(f"{bridge.url}/agent")
    await page.evaluate("value => localStorage.setItem('callbridge.sound', value)", PLAIN_SOUND)
    await page.get_by_label("User or agent").fill(user)
    await page.get_by_label("Password or PIN").fill("4711")
    await page.keyboard.press("Enter")
    return page


async def registered(page: Page) -> None:
    await expect(page.locator(".phone .state")).to_have_text("Ready for calls")


async def test_caller_and_page_hear_each_other(house: House, pbx: Pbx, opened: Open) -> None:
    bridge = await opened_floor(house)
    page = await sign_in(opened, bridge)
    await registered(page)
    await bridge.until_state("ann", "ready")
    async with Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await page.get_by_role("button", name="Answer").click()
        await bridge.until("talk_began")
        await caller.until_hears(REPLY)
        await until_page_hears(page, VOICE)
        caller.hang_up()
        await bridge.until("talk_ended")


async def until_page_hears(page: Page, frequency: float) -> None:
    """Wait until this tone is the loudest that the page plays."""
    heard = await page.evaluate(LOUDEST, [frequency, 10_000])
    assert abs(heard - frequency) < 15, f"the page hears {heard} Hz"


LOUDEST = """async ([wanted, patience]) => {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8192 });
  const bins = new Float32Array(analyser.frequencyBinCount);
  const until = performance.now() + patience;
  let source = null, stream = null, heard = 0;
  while (performance.now() < until && Math.abs(heard - wanted) >= 15) {
    await new Promise(resolve => setTimeout(resolve, 100));
    const now = document.querySelector("audio")?.srcObject;
    if (now && now !== stream) {
      stream = now;
      source?.disconnect();
      source = context.createMediaStreamSource(stream);
      source.connect(analyser);
    }
    analyser.getFloatFrequencyData(bins);
    const best = bins.reduce((best, level, at) => (level > bins[best] ? at : best), 0);
    heard = bins[best] > -60 ? best * context.sampleRate / analyser.fftSize : 0;
  }
  await context.close();
  return heard;
}"""
