"""The phone in the page: a real Chromium registers at a real Asterisk through callbridge, and voice goes both ways.

The endpoints are those of ``dialplan/samples/pjsip-browser.conf``, as it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from callbridge.wire.passwords import hashed
from tests.adapters.certificates import signed
from tests.browser.conftest import Open
from tests.browser.test_pages import axe
from tests.lab import build, sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House
from tests.live.https import serve_https

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

ON_16 = (
    "test_caller_and_page_hear_each_other",
    "test_an_agent_consults_from_the_page_and_transfers",
    "test_a_supervisor_listens_with_the_own_page",
)
PJSIP = (build.ROOT / "dialplan/samples/pjsip-browser.conf").read_text()
VOICE, REPLY, MUSIC = sounds.TONES["caller"], sounds.TONES["agent"], sounds.TONES["music"]
TOKENS = [{"name": "boss", "role": "admin", "token": "token-of-the-boss"}]
PASSWORD = "correct horse"
PASSWORD_HASH = str(hashed(PASSWORD, bytes(16)))
KEEP_SAMPLES = """
  window.samples = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    async getStats(...given) {
      const said = await super.getStats(...given);
      const row = [...said.values()].find((one) => one.type === "inbound-rtp" && one.kind === "audio");
      window.samples.push(row ? [row.packetsReceived, row.packetsLost] : [0, 0]);
      return said;
    }
  };"""
"""What WebRTC says to the page whenever it asks: packets of the caller's voice that came, and that were lost."""
PLAIN_SOUND = json.dumps({"processing": False})
"""The removal of noise would remove a tone."""


def with_microphone() -> list[str]:
    """Chromium's options for a microphone that hears the agent's tone."""
    tone = build.LAB / "sounds" / "tones" / "agent.wav"
    return [
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tone}",
        "--allow-loopback-in-peer-connection",
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=with_microphone())
        yield running
        await running.close()


def browser_agent(number: str, skills: dict[str, int], connect: str = "ring", **more: Any) -> dict[str, Any]:
    own = {"pin": "4711", "browser_phone": {"password": f"change-me-{number}"}}
    return agent(number, skills, connect) | own | more


async def opened_floor(house: House, connect: str = "ring", **more: Any) -> Callbridge:
    agents = {
        "ann": browser_agent("1101", {"support": 1}, connect, login=connect != "nailed_up"),
        "ben": agent("1008", {"sales": 1}),
    }
    queues = {name: {"steps": [{"skills": name}]} for name in ("support", "sales")}
    more = {"http": {"tokens": TOKENS}, "queue_defaults": {"ring_for": 30}} | more  # a busy machine is slow to press a button
    return await house.open(floor(agents, queues, **more))


async def sign_in(opened: Open, bridge: Callbridge, user: str = "ann", password: str = "4711") -> Page:
    page = await opened(bridge.url)
    await log_in(page, user, password)
    return page


async def log_in(page: Page, user: str = "ann", password: str = "4711") -> None:
    await page.evaluate("value => localStorage.setItem('callbridge.sound', value)", PLAIN_SOUND)
    await page.get_by_label("User or agent").fill(user)
    await page.get_by_label("Password or PIN").fill(password)
    await page.keyboard.press("Enter")


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
        await page.get_by_role("button", name="Keypad").click()
        await page.get_by_text("Devices").click()
        assert await axe(page) == []
        await page.get_by_role("button", name="Mute").click()
        await caller.until_hears_no_more(REPLY)
        await page.get_by_role("button", name="Unmute").click()
        await caller.until_hears(REPLY)
        await page.get_by_role("button", name="Hold").click()
        await caller.until_hears(MUSIC)
        await page.get_by_role("button", name="Unhold").click()
        await caller.until_hears(REPLY)
        await page.get_by_role("button", name="Hang up").click()
        await caller.until_state("DISCONNECTED")
        ended = await bridge.until("talk_ended")
    assert ended["hold_seconds"] > 0


@pytest.mark.parametrize("connect", ["auto_answer", "nailed_up"])
async def test_the_page_answers_by_itself(house: House, pbx: Pbx, opened: Open, connect: str) -> None:
    bridge = await opened_floor(house, connect)
    page = await sign_in(opened, bridge)
    if connect == "nailed_up":
        while "Avail" not in await pbx.cli("pjsip show contacts"):  # the PBX calls nobody who has not answered its first OPTIONS
            await asyncio.sleep(0.1)
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("button", name="Answer").click()
    await bridge.until_state("ann", "ready")
    async with Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        for number in (1, 2):
            call = await caller.call("support")
            await bridge.until("talk_began", count=number)
            await caller.until_hears(REPLY, call)
            await until_page_hears(page, VOICE)
            await expect(page.locator(".quality")).to_contain_text("MOS")
            caller.hang_up(call)
            await bridge.until("talk_ended", count=number)
            await bridge.until("wrap_up_ended", count=number)
    await bridge.ask("ann", "logout")
    quality = await bridge.until("call_quality", count=2)
    assert quality["agent"] == "ann"
    assert quality["codec"] == "PCMU"
    assert quality["received"] > 0


async def test_how_a_conversation_sounded_is_in_the_history_and_the_report(
    house: House, pbx: Pbx, opened: Open, tmp_path: Path
) -> None:
    """What the page was told by getStats() is in the fact, the history and the report."""
    database = tmp_path / "history.db"
    bridge = await opened_floor(house, database={"url": f"sqlite:///{database}"})
    page = await opened(bridge.url)
    await page.add_init_script(KEEP_SAMPLES)
    await page.reload()
    await log_in(page)
    await registered(page)
    await bridge.until_state("ann", "ready")
    async with Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await page.get_by_role("button", name="Answer").click()
        await bridge.until("talk_began")
        await until_page_hears(page, VOICE)
        await expect(page.locator(".quality")).to_contain_text("MOS")
        await page.get_by_role("button", name="Hang up").click()
        await caller.until_state("DISCONNECTED")
    told = await bridge.until("call_quality", agent="ann")
    samples = await page.evaluate("window.samples")
    parts = [(late[0] - early[0], late[1] - early[1]) for early, late in combinations(samples, 2)]
    assert told["received"] > 0
    assert (told["received"], told["lost"]) in parts, samples
    row = await kept_quality(database)
    assert row == {name: told[name] for name in row}
    boss = await opened(bridge.url)
    await boss.get_by_role("button", name="Sign in with a token").click()
    await boss.get_by_label("Token").fill(TOKENS[0]["token"])
    await boss.keyboard.press("Enter")
    await boss.get_by_role("link", name="Reports").click()
    await boss.locator("select[name=report]").select_option("voice")
    await boss.locator("form button[type=submit]").click()
    score = f"{told['mos']:.2f}".rstrip("0").rstrip(".")
    await expect(boss.get_by_role("row", name=re.compile(rf"\(ann\) 1 {re.escape(score)} {re.escape(score)} 0 "))).to_be_visible()


async def kept_quality(database: Path) -> dict[str, Any]:
    """The measurement in the history, which is written a moment later."""
    columns = ("call", "agent", "queue", "codec", "received", "lost", "mos", "worst_mos", "jitter", "rtt")
    asked = f"SELECT {', '.join(columns)} FROM voice_quality"
    for _ in range(100):
        with closing(sqlite3.connect(database, timeout=10)) as link:
            rows = link.execute(asked).fetchall()
        if rows:
            break
        await asyncio.sleep(0.1)
    (row,) = rows
    return dict(zip(columns, row, strict=True))


async def test_a_conversation_outlives_callbridge_and_the_page_finds_its_way_back(house: House, pbx: Pbx, opened: Open) -> None:
    bridge = await opened_floor(house, "auto_answer")
    house.explains("browser phone cannot reach the pbx")
    page = await sign_in(opened, bridge)
    await registered(page)
    await bridge.until_state("ann", "ready")
    async with Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        first = await caller.call("support")
        await bridge.until("talk_began")
        await bridge.stop()
        await expect(page.locator(".phone .state")).to_have_text("No connection; it is tried again")
        await caller.until_hears(REPLY)
        await bridge.start()
        await registered(page)
        await caller.until_hears(REPLY)
        await until_page_hears(page, VOICE)
        await page.get_by_role("button", name="Hang up").click()
        await caller.until_state("DISCONNECTED", first)
        await bridge.until("wrap_up_ended")
        # The other end of a conversation reaches the page on its new connection, too.
        second = await caller.call("support")
        await bridge.until("talk_began", count=2)
        await bridge.stop()
        await bridge.start()
        await registered(page)
        await until_page_hears(page, VOICE)
        caller.hang_up(second)
        await expect(page.get_by_role("button", name="Hang up")).to_have_count(0)
        await bridge.until("talk_ended", count=2)


async def test_over_https_and_wss_a_conversation_goes_on_over_another_network(
    monkeypatch: pytest.MonkeyPatch, house: House, pbx: Pbx, chromium: Path
) -> None:
    """The page has a name for which a browser gives the microphone over https only, and a certificate of an own authority. When
    the WebSocket breaks and its network is another one afterwards, which here the page only believes, the phone registers again
    and restarts ICE with the PBX. ``monkeypatch`` comes first: the house asks over https at its end."""
    # While ICE restarts, either side refuses checks with credentials that it does not know yet, or no longer.
    house.explains_pbx(r"PJ ICE Rx error status code: 370401 'Unauthorized'")
    bridge = await opened_floor(house, "auto_answer")
    authority = signed(bridge.folder, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    house.explains("browser phone cannot reach the pbx")
    await serve_https(bridge, authority.signed, TOKENS[0]["token"])
    args = [f"--ignore-certificate-errors-spki-list={authority.fingerprint}", f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=[*with_microphone(), *args])
        page = await (await running.new_context(locale="en-GB")).new_page()
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        await page.add_init_script(PEERS)
        await bridge.eventually(lambda: any(line.get("http", "").startswith("https:") for line in bridge.lines()))
        await page.goto(f"https://{NAME}:{bridge.port}/agent")
        await log_in(page)
        await registered(page)
        assert set(sockets) == {f"wss://{NAME}:{bridge.port}/api/phone/socket"}
        await bridge.until_state("ann", "ready")
        async with Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
            await caller.call("support")
            await bridge.until("talk_began")
            await caller.until_hears(REPLY)
            await until_page_hears(page, VOICE)
            before = await page.evaluate(CREDENTIALS)
            await page.evaluate("believed = 'disconnected'")
            await bridge.stop()
            await expect(page.locator(".phone .state")).to_have_text("No connection; it is tried again")
            await caller.until_hears(REPLY)
            await bridge.launch()
            await registered(page)
            await page.wait_for_function(f"before => ({CREDENTIALS})() !== before", arg=before)
            await page.evaluate("believed = ''")
            await page.wait_for_function("() => made.at(-1).signalingState === 'stable'")
            await caller.until_hears(REPLY)
            await until_page_hears(page, VOICE)
            await page.get_by_role("button", name="Hang up").click()
            await caller.until_state("DISCONNECTED")
        await bridge.until("call_ended")
        await bridge.until("wrap_up_ended")
        await running.close()


async def test_a_closed_tab_and_a_pbx_that_starts_again_make_the_agent_offline_for_so_long(
    house: House, pbx: Pbx, opened: Open
) -> None:
    bridge = await opened_floor(house)
    house.explains("browser phone cannot reach the pbx")
    page = await sign_in(opened, bridge)
    await registered(page)
    await bridge.until_state("ann", "ready")
    await page.close()
    await bridge.until_state("ann", "offline")
    page = await sign_in(opened, bridge)
    await bridge.until_state("ann", "ready")
    await pbx.restart()
    await expect(page.locator(".phone .state")).not_to_have_text("Ready for calls")
    await registered(page)
    await bridge.until_state("ann", "ready", limit=30.0)


async def test_one_tab_is_the_phone_and_another_can_take_it_over(house: House, opened: Open) -> None:
    bridge = await opened_floor(house)
    first = await sign_in(opened, bridge)
    await registered(first)
    second = await first.context.new_page()
    await second.goto(f"{bridge.url}/agent")
    await expect(second.locator(".phone")).to_contain_text("in another tab")
    await second.get_by_role("button", name="Use it here").click()
    await registered(second)
    await expect(first.locator(".phone")).to_contain_text("in another tab")
    await second.close()
    await registered(first)
    await bridge.until_state("ann", "ready")


async def test_a_tab_that_is_asleep_makes_the_agent_offline_and_no_call_is_missed(
    house: House, browser: Browser, opened: Open
) -> None:
    """Its WebSocket stays open, but nothing in it answers the PBX."""
    bridge = await opened_floor(house)
    page = await sign_in(opened, bridge)
    await registered(page)
    await bridge.until_state("ann", "ready")
    devtools = await browser.new_browser_cdp_session()
    running = (await devtools.send("SystemInfo.getProcessInfo"))["processInfo"]
    renderers = [one["id"] for one in running if one["type"] == "renderer"]
    for pid in renderers:
        os.kill(pid, signal.SIGSTOP)
    try:
        await bridge.until_state("ann", "offline", limit=40.0)
    finally:
        for pid in renderers:
            os.kill(pid, signal.SIGCONT)
    await bridge.until_state("ann", "ready", limit=40.0)
    assert bridge.facts("offer_made") == []


async def test_an_agent_consults_from_the_page_and_transfers(house: House, pbx: Pbx, opened: Open) -> None:
    bridge = await opened_floor(house, "auto_answer")
    ann, other = await sign_in(opened, bridge), sounds.TONES["third"]
    await registered(ann)
    await bridge.ask("ben", "login")
    async with Softphone(pbx, "1008", tone=other), Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await bridge.until("talk_began")
        await until_page_hears(ann, VOICE)
        await ann.get_by_role("button", name="Consult").click()
        await ann.keyboard.type("1008")
        await ann.locator(".targets li").filter(has_text="Agent 1008").click()
        await until_page_hears(ann, other)
        await ann.get_by_role("button", name="Complete transfer").click()
        await expect(ann.locator(".phone").get_by_role("button", name="Hang up")).to_have_count(0)
        await caller.until_hears(other)
        await bridge.until("transfer_ended", result="completed")
        caller.hang_up()
        await bridge.until("call_ended")


async def test_a_supervisor_listens_with_the_own_page(house: House, pbx: Pbx, opened: Open) -> None:
    maria = {
        "role": "supervisor",
        "password": PASSWORD_HASH,
        "browser_phone": {"phone": "PJSIP/1102", "password": "change-me-1102"},
    }
    bridge = await opened_floor(house, users={"maria": maria})
    await bridge.ask("ann", "logout")
    await bridge.ask("ben", "login")
    page = await sign_in(opened, bridge, "maria", PASSWORD)
    await registered(page)
    async with Softphone(pbx, "1008"), Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        await caller.call("sales")
        await bridge.until("talk_began")
        await page.get_by_role("button", name="Listen").click()
        await page.get_by_role("dialog").get_by_role("button", name="Listen").click()  # the own phone is filled in
        await page.get_by_role("button", name="Answer").click()
        await bridge.until("supervision_started")
        await until_page_hears(page, VOICE)
        caller.hang_up()
        await bridge.until("call_ended")
        await expect(page.get_by_role("button", name="Hang up")).to_have_count(0)


async def test_without_a_microphone_the_page_says_what_to_do_and_takes_no_calls(house: House) -> None:
    bridge = await opened_floor(house)
    async with async_playwright() as playwright:
        deaf = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = await (await deaf.new_context(locale="en-GB")).new_page()
        await page.goto(f"{bridge.url}/agent")
        await page.get_by_label("User or agent").fill("ann")
        await page.get_by_label("Password or PIN").fill("4711")
        await page.keyboard.press("Enter")
        await expect(page.locator(".phone .state")).to_have_text("No microphone")
        await expect(page.get_by_role("alert")).to_contain_text("Until then no calls come")
        await bridge.until_state("ann", "offline")
        await deaf.close()


NAME = "callbridge.test"
PEERS = """window.made = [];
window.believed = "";
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...more) {
    super(...more);
    window.made.push(this);
  }
  get iceConnectionState() {
    return window.believed || super.iceConnectionState;
  }
};"""
"""Every connection that the page makes, and a state that the page believes it to be in."""
CREDENTIALS = "() => made.at(-1).localDescription.sdp.match(/ice-ufrag:(\\S+)/)[1]"


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
