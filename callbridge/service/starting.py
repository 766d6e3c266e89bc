"""The start: is another instance active, and when may we take over?

First we check that the saved world can be read, that every PBX accepts our login and that the ledger can be opened; only then do
we take the token, which displaces the previous owner. An instance that could not serve displaces no working one. If the store is
unavailable, we wait for it and then start without it; nothing in it is deleted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from callbridge.adapters.ari.ownership import STAMPED, OwnershipSeen
from callbridge.adapters.store import OWNER_SILENT, Saved, Store, StoreDown, Unreadable
from callbridge.adapters.system.garbage import postponed

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

STAMP_CHECK_EVERY = 0.5
"""Seconds between attempts."""
LOG_AGAIN_AFTER, LOG_CHANGE_AFTER = 60.0, 5.0
"""Seconds after which the same reason to wait, or a different one, is logged again."""
OLDER_WORLD = "the saved world is of an older version: all of it is saved again first"
MAX_SET_ASIDE = 5
"""How often unreadable keys are moved aside. If another program keeps writing to our keys, we wait as if Redis were
unavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What we start with. ``behind``: why the whole world must be saved before single changes are; empty when it need not be.
    ``ahead``: how far the former leader's time is ahead of our monotonic clock; None where that is not known."""

    token: int
    saved: Saved | None
    behind: str = ""
    ahead: float | None = None


class _Occupied(Exception):
    """Another instance is serving, and we could not; the message says why."""


@dataclass(slots=True)
class _Stamps:
    """The owner's stamps on all PBXs, since we started watching."""

    last: dict[str, str] = field(default_factory=dict)
    first_at: float = 0.0
    changed_at: float | None = None

    def note(self, seen: Sequence[OwnershipSeen], now: float) -> None:
        for one in seen:
            if one.trouble:
                continue
            self.first_at = self.first_at or now
            if self.last.setdefault(one.pbx, one.stamp) != one.stamp:
                self.last[one.pbx], self.changed_at = one.stamp, now

    def watched_long_enough(self, now: float) -> bool:
        """Have we watched for long enough to see a living owner's stamp change? If no PBX answers, there is nothing to watch."""
        return not self.last or now - self.first_at >= STAMPED

    def alive(self, now: float) -> bool:
        return self.changed_at is not None and now - self.changed_at < 2 * STAMPED


async def _no_ledger() -> str:
    return ""


class Start:
    """``wait``: seconds to wait for the store. ``status`` is called with what we wait for. ``look`` reads the stamp of every PBX,
    ``ledger`` says why the ledger cannot be opened."""

    def __init__(
        self,
        store: Store,
        wait: float,
        status: Callable[[str], None],
        look: Callable[[], Awaitable[Sequence[OwnershipSeen]]],
        ledger: Callable[[], Awaitable[str]] = _no_ledger,
    ) -> None:
        self._store = store
        self._wait = wait
        self._status = status
        self._look_at_pbxs, self._ledger = look, ledger
        self._began = self._said_at = time.monotonic()
        self._stamps = _Stamps()
        self._what, self._why = "starting", ""

    def missing(self) -> list[str]:
        """What we wait for, and for how long."""
        return [f"{self._why} (waited {self._waited:.0f} s of {self._wait:g} s)" if self._why else self._what]

    async def take_over(self) -> Taken:
        """The saved world and a token newer than all previous ones; without a saved world when the wait for the store is over.
        Raises FutureSchema and BadDatabase."""
        self._began = time.monotonic()
        set_aside = 0
        while True:
            try:
                return await self._take()
            except _Occupied as occupied:
                self._report(str(occupied))
            except StoreDown as trouble:
                if isinstance(trouble, Unreadable) and set_aside < MAX_SET_ASIDE and await self._set_aside():
                    set_aside += 1
                    continue
                if await self._may_do_without(str(trouble)):
                    log.error("started without the store", why=str(trouble), waited=round(self._waited, 1))
                    self._why = ""
                    return Taken(token=int(time.time() * 1000), saved=None, behind=str(trouble))
            left = self._wait - self._waited
            await asyncio.sleep(min(STAMP_CHECK_EVERY, left) if left > 0.0 else STAMP_CHECK_EVERY)

    async def _take(self) -> Taken:
        found = await self._store.look()
        if found is not None and (faults := await self._faults()) and await self._lives(found):
            raise _Occupied(f"{'; '.join(faults)}; another instance is serving")
        self._why, self._what = "", "loading what was saved"
        token = await self._store.take_over()
        with postponed():  # loading creates many objects and no garbage: collection took most of the time
            saved = await self._store.load()
        return Taken(token=token, saved=saved, behind=OLDER_WORLD if self._store.snapshot_owed else "")

    async def _faults(self) -> list[str]:
        """Why we could not serve in place of the present owner."""
        seen, ledger = await asyncio.gather(self._look(), self._ledger())
        faults = [f"pbx {one.pbx}: {one.trouble}" for one in seen if one.trouble]
        return [*faults, f"ledger: {ledger}"] if ledger else faults

    async def _look(self) -> Sequence[OwnershipSeen]:
        seen = await self._look_at_pbxs()
        self._stamps.note(seen, time.monotonic())
        return seen

    async def _lives(self, found: object) -> bool:
        """Is another instance saving to this world?"""
        await asyncio.sleep(OWNER_SILENT)
        return await self._store.look() != found

    async def _may_do_without(self, why: str) -> bool:
        """Is the wait for the store over, and is no other instance serving that can reach it?"""
        await self._look()
        now = time.monotonic()
        if self._stamps.alive(now):
            self._report(f"{why}; another instance owns the application")
            return False
        self._report(why)
        return self._waited >= self._wait and self._stamps.watched_long_enough(now)

    async def _set_aside(self) -> bool:
        try:
            await self._store.set_aside()
        except StoreDown as trouble:
            self._report(str(trouble))
            return False
        return True

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._began

    def _report(self, why: str) -> None:
        now = time.monotonic()
        if not self._why or now >= self._said_at + (LOG_AGAIN_AFTER if why == self._why else LOG_CHANGE_AFTER):
            log.error("waiting to start", why=why, waited=round(self._waited, 1), at_most=self._wait)
            self._said_at = now
        self._why = why
        self._status(f"starting: {why}")
