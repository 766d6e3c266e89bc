"""Waiting for what an adapter does in its own time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from callbridge.adapters.system.tasks import end

HANGS = 60.0
"""Seconds after which what a test waits for is taken never to happen. It is no promise of the product: a test process that gets a
tenth of a core takes ten times as long for everything. What has to be prompt is shown otherwise (tests/README.md, *Time*)."""


async def until(holds: Callable[[], object], limit: float = HANGS) -> None:
    async with asyncio.timeout(limit):
        while not holds():
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def running(job: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(job)
    try:
        yield task
    finally:
        await end((task,))


@contextlib.contextmanager
def garbage_kept() -> Iterator[None]:
    """For what measures processor time in small steps: a collection looks at what all tests of this process have left behind, and
    takes 50 ms."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Counts:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.links: list[tuple[str, bool]] = []
        self.kinds: list[str] = []
        self.results: list[tuple[str, str]] = []

    def link(self, pbx: str, link: str, up: bool) -> None:
        self.links.append((link, up))

    def received(self, pbx: str, kind: str) -> None:
        self.kinds.append(kind)

    def performed(self, pbx: str, order: str, result: str, seconds: float) -> None:
        assert seconds >= 0.0
        self.results.append((order, result))
