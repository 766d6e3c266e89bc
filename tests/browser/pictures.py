"""``python -m tests.browser.pictures``: takes the pictures of the guide's page about the screens again.

``... FOLDER`` takes every page in two themes, two languages and three widths, to be looked at after a change.
Rule of this file: the floor is the stand-in's, at one moment, so a picture changes only when the screens do. The phone of the
page shows a conversation, of which ``LINE`` says what a real one would.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from playwright.async_api import Browser, Page, Route, async_playwright

from tests.browser.stand_in import StandIn
from tests.browser.stand_in_history import CALL
from tests.lab.build import has_chinese

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "guide"
NOW = 1_793_012_437.0
"""Noon or so."""
PAGES = {"login": ("/", "", "form"), "agent": ("/agent", "1001", ".statebar"), "supervisor": ("/supervisor", "boss", "table")}
PAGES["wall"] = ("/wall/floor", "", ".board")
PAGES |= {
    "reports": ("/reports", "boss", "form"),
    "call": (f"/calls/{CALL}", "boss", ".marks"),
    "calls": ("/calls", "boss", "form"),
}
PAGES["quality"] = ("/quality", "boss", "table")
PAGES["phone"] = ("/agent", "1001", ".phone .quality")
LINE = """export function openLine(settings, changed) {
  const quality = { mos: 4.3, loss: 0.004, jitter: 0.006, rtt: 0.038 };
  changed({ link: "registered", fault: "", call: { state: "talking", from: "+442079460101", muted: false }, quality });
  return { level: (whose) => (whose === "mine" ? 0.3 : 0.6), conversation: () => async () => null, close() {} };
}"""
"""In place of ``web/src/phone/line.js``."""


@dataclass(frozen=True, slots=True)
class Picture:
    page: str
    width: int
    height: int
    theme: str = "light"
    locale: str = "en-GB"
    whole: bool = False
    """The whole page, however long, rather than a screen of it."""
    part: str = ""
    """Only this part of the page."""


GUIDE = {
    "screens-wall.png": Picture("wall", 1280, 720, theme="dark"),
    "screens-agent.png": Picture("agent", 1024, 680),
    "screens-supervisor.png": Picture("supervisor", 1280, 1000),
    "screens-reports.png": Picture("reports", 1280, 1000),
    "screens-call.png": Picture("call", 1280, 900),
    "screens-phone.png": Picture("agent", 390, 720, theme="dark", locale="zh-CN"),
    "browser-phone.png": Picture("phone", 640, 940, part=".phone"),
}


def everything() -> dict[str, Picture]:
    sizes = {360: 780, 900: 1000, 1920: 1080}
    return {
        f"{page}-{width}-{theme}-{locale[:2]}.png": Picture(page, width, sizes[width], theme, locale, whole=True)
        for page, width, theme, locale in product(PAGES, sizes, ("light", "dark"), ("en-GB", "zh-CN"))
    }


async def take(browser: Browser, server: StandIn, picture: Picture, to: Path) -> None:
    path, user, ready = PAGES[picture.page]
    server.sign_in(user)
    server.phone = picture.page == "phone"
    context = await browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.theme == "dark" else "light",
        locale=picture.locale,
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    page = await context.new_page()
    await page.route("**/assets/line-*.js", _on_the_line)
    await page.clock.set_fixed_time(datetime.fromtimestamp(NOW, UTC))
    await page.goto(server.url + path)
    await page.locator(ready).first.wait_for()
    await page.wait_for_load_state("load")
    await _go_on(page, picture.page)
    await page.wait_for_timeout(300)  # what the page asks for after it is shown
    if picture.whole and picture.page == "supervisor":  # whose tables are drawn where they can be seen only
        height = await page.evaluate("document.documentElement.scrollHeight")
        await page.set_viewport_size({"width": picture.width, "height": height})
    if picture.part:
        await page.locator(picture.part).screenshot(path=to, animations="disabled", caret="hide")
    else:
        await page.screenshot(path=to, full_page=picture.whole, animations="disabled", caret="hide")
    await context.close()


async def _on_the_line(route: Route) -> None:
    await route.fulfill(content_type="text/javascript", body=LINE)


async def _go_on(page: Page, name: str) -> None:
    """Pages that show more when somebody has asked."""
    match name:
        case "phone":
            await page.locator(".phone").get_by_role("button", name=re.compile("Keypad|拨号键盘")).click()
        case "reports":
            await page.locator("select[name=by]").select_option("1h")
            await page.locator("form button[type=submit]").click()
            await page.locator(".plot canvas").wait_for()
        case "calls":
            await page.locator("form button[type=submit]").click()
            await page.locator("tbody tr").first.wait_for()
        case "quality":
            await page.locator("tbody button").first.click()
            await page.locator("fieldset").first.wait_for()


async def main(folder: Path, pictures: dict[str, Picture]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async with StandIn(NOW) as server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, picture in pictures.items():
            await take(browser, server, picture, folder / name)
            print(folder / name)
        await browser.close()


if __name__ == "__main__":
    if not has_chinese():
        sys.exit("pictures: no font has Chinese characters, so there would be boxes: run `make setup`")
    asyncio.run(main(Path(sys.argv[1]), everything()) if len(sys.argv) > 1 else main(FOLDER, GUIDE))
