"""The reader of the outbox that keeps the history.

A database that is away, slow, full or read-only costs the history's freshness only: the outbox keeps the facts, what is wrong is
said in `readyz` and the log, and the reader catches up by itself. Nothing waits for it, neither a start nor a call.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, cause_of
from callbridge.adapters.history.retention import Retention, prune
from callbridge.adapters.history.rows import WANTED
from callbridge.adapters.history.store import READER, HistoryStore
from callbridge.adapters.outbox import OutboxReader
from callbridge.adapters.outbox.envelope import Envelope, Place
from callbridge.adapters.system.threads import Threads, ThreadsBusy

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

WRITE_WITHIN = 30.0
"""Seconds after which a database that has not answered counts as away."""
CLOSE_WITHIN = 1.0
PRUNE_EVERY = 3600.0
PRUNE_WITHIN = 600.0

Found = TypeVar("Found")


class HistoryAway(OSError):
    """The database cannot be used now; the outbox tries again."""


class HistoryReader(OutboxReader):
    """``wall``: the clock on the wall, epoch seconds."""

    name = READER
    wants = WANTED
    gather = 0.2

    def __init__(self, store: HistoryStore, retention: Retention, wall: Callable[[], float], zone: ZoneInfo) -> None:
        self._store, self._retention, self._wall, self._zone = store, retention, wall, zone
        self._threads = Threads("history")
        self._open = False
        self._away_since: float | None = None
        self._why = ""

    def trouble(self) -> str:
        """Why nothing is written, and since when; empty when all is well."""
        if self._away_since is None:
            return ""
        since = datetime.fromtimestamp(self._away_since, self._zone)
        return f"nothing is written since {since:%Y-%m-%d %H:%M:%S}: {self._why}"

    async def place(self) -> Place | None:
        if not self._open:
            await self._run(self._store.open)
            self._open = True
        return await self._run(self._store.place)

    async def handle(self, facts: Sequence[Envelope]) -> None:
        wall = self._wall()
        await self._run(lambda: self._store.write(facts, wall))
        if self._away_since is not None:
            log.info("the history is written again")
            self._away_since, self._why = None, ""

    async def run(self) -> None:
        """Delete what is too old, now and then."""
        while True:
            await asyncio.sleep(PRUNE_EVERY)
            with contextlib.suppress(HistoryAway):  # it is said, and tried again
                deleted = await self._run(partial(prune, self._store.database, self._retention, self._wall()), PRUNE_WITHIN)
                if deleted:
                    log.info("old rows of the history were deleted", rows=deleted)

    async def close(self) -> None:
        with contextlib.suppress(HistoryAway):  # it is away: there is nothing to be closed in good order
            await self._run(self._store.close, CLOSE_WITHIN)
        self._threads.close()

    async def _run(self, work: Callable[[], Found], within: float = WRITE_WITHIN) -> Found:
        """In a thread of our own. Raises HistoryAway."""
        try:
            async with asyncio.timeout(within):
                return await self._threads.run(work, self._store.cut)
        except (TimeoutError, ThreadsBusy):
            raise self._away("the database does not answer") from None
        except BadDatabase as trouble:
            raise self._away(str(trouble)) from None
        except SQLAlchemyError as trouble:
            raise self._away(cause_of(trouble)) from trouble

    def _away(self, why: str) -> HistoryAway:
        if self._away_since is None:
            self._away_since = self._wall()
            log.error("the history cannot be written; the outbox keeps the facts", why=why)
        self._why = why
        return HistoryAway(why)
