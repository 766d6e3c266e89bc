"""A browser for each module, and for each test pages of its own that must leave the console clean."""

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


def with_priority(name: str, folder: Path) -> Path:
    """A script that starts this browser first of all: beside other labs it waited, and a page had no frame for 30 s."""
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed: run `make setup`"
    script = folder / name
    script.write_text(f'#!/bin/sh\nexec nice -n -5 {found} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of Chromium, for conversations: without its window the shell has no sound that a page could hear."""
    return with_priority("chromium", tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="session")
def headless_shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chromium's pages without its window, and with half of its processor time."""
    return with_priority("chromium-headless-shell", tmp_path_factory.mktemp("headless-shell"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(headless_shell: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=headless_shell, args=["--no-sandbox", "--disable-gpu"])
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
