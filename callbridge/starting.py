"""The start: the saved world is taken over when it can be, waited for when it cannot, and done without when that takes too long.

Nothing here writes to the store before it can be read, and nothing of the store is deleted.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from callbridge.adapters.store import Saved, Store, StoreDown, Unreadable

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK = 0.5
"""Seconds between attempts."""
SAID_AGAIN = 60.0
"""Seconds after which the same reason to wait is worth another line in the log."""
MOST_SET_ASIDE = 5
"""Times that what cannot be read is set aside: somebody who keeps writing to our keys is waited for, as if Redis were away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What we begin with. ``behind``: why the store is to be taken over later; empty when it is ours."""

    token: int
    saved: Saved | None
    behind: str = ""


class Start:
    """``wait``: seconds that the store is waited for; ``status`` hears what is waited for, and nothing when that is over."""

    def __init__(self, store: Store, wait: float, status: Callable[[str], None]) -> None:
        self._store = store
        self._wait = wait
        self._status = status
        self._began = self._said_at = time.monotonic()
        self._why = ""

    def missing(self) -> list[str]:
        """What is waited for, and how long."""
        if not self._why:
            return ["starting"]
        return [f"{self._why} (waited for it {self._waited:.0f} s, at most {self._wait:g} s)"]

    async def take_over(self) -> Taken:
        """The saved world and a token newer than every one before; without them once the store has been waited for. Raises
        FutureSchema."""
        self._began = time.monotonic()
        set_aside = 0
        while True:
            try:
                return await self._take()
            except StoreDown as trouble:
                if isinstance(trouble, Unreadable) and set_aside < MOST_SET_ASIDE and await self._set_aside():
                    set_aside += 1
                    continue
                if self._waited >= self._wait:
                    log.error("started without the store", why=str(trouble), waited=round(self._waited, 1))
                    return Taken(token=int(time.time() * 1000), saved=None, behind=str(trouble))
                self._tell(str(trouble))
            await asyncio.sleep(min(LOOK, max(0.0, self._wait - self._waited)))

    async def _take(self) -> Taken:
        await self._store.look()
        token = await self._store.take_over()
        gc.disable()  # loading makes many objects and no garbage: collecting in between took most of its time
        try:
            return Taken(token=token, saved=await self._store.load())
        finally:
            gc.enable()

    async def _set_aside(self) -> bool:
        try:
            await self._store.set_aside()
        except StoreDown as trouble:
            self._tell(str(trouble))
            return False
        return True

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._began

    def _tell(self, why: str) -> None:
        now = time.monotonic()
        if why != self._why or now >= self._said_at + SAID_AGAIN:
            log.error("waiting for the store", why=why, waited=round(self._waited, 1), at_most=self._wait)
            self._said_at = now
        self._why = why
        self._status(f"starting: {why}")
