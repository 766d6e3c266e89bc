"""A Chromium for each module, and for each test pages of its own that must leave the console clean."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from tests.browser.stand_in import StandIn
from tests.live.conftest import house, pbx, pytest_collection_modifyitems

__all__ = ["house", "pbx", "pytest_collection_modifyitems"]

Open = Callable[..., Awaitable[Page]]
HANGS = 30_000
"""Milliseconds after which what a test waits for will not come. Alone a page is there within one second."""
expect.set_options(timeout=HANGS)
FAULTLESS = ("Failed to load resource", "WebSocket connection to", "The AudioContext encountered an error from the audio device")
"""What Chromium writes whenever a server refuses something or is away, and where the machine has no sound or no time for it."""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chromium with priority: beside other labs its processes wait for each other, and a page had no frame for 30 seconds."""
    found = shutil.which("chromium")
    assert found is not None, "chromium is not installed: run `make setup`"
    script = tmp_path_factory.mktemp("chromium") / "chromium"
    script.write_text(f'#!/bin/sh\nexec nice -n -5 {found} "$@"\n')
    script.chmod(0o755)
    return script


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture(loop_scope="module")
async def opened(browser: Browser) -> AsyncIterator[Open]:
    """``await opened(url, ...)``: a page in a context of its own; the rest is for the context, as a size or a colour scheme."""
    faults: list[str] = []
    contexts = []

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(FAULTLESS):
            faults.append(message.text)

    async def open_page(url: str, **more: Any) -> Page:
        context = await browser.new_context(**({"locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | more))
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(HANGS)
        page.on("console", said)
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        await page.goto(url)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert faults == []
