"""Saves the world, one delta per batch, within a time budget: a slow or dead store costs safety for a while, never a call.

While the store is behind it is *degraded*: we act anyway, keep no deltas, and save the whole world once the store is back. Batch
numbers make a late write harmless: the store refuses a write that is older than what it has.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.store import Delta, Displaced, Meta, Store, StoreDown, Whole
from callbridge.adapters.system.tasks import end
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.world import World

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BUDGET = 0.05
"""Seconds that a batch waits for its save before its orders are sent unsaved."""
SAVE_RETRY = 0.5
LOG_AGAIN_AFTER = 60.0
"""Seconds after which the same problem of the store is logged again."""
LAST_TRY = 1.0
"""Seconds that the last save may take at an orderly shutdown."""
MAX_FACTS_KEPT = 100_000
"""Facts kept for the outbox while the store is away; older ones are lost and counted."""


@dataclass(slots=True)
class Saver:
    """``on_displaced`` is called when another owner's token is in force, ``on_lost`` with the number of facts that will
    never reach the outbox."""

    store: Store
    world: World
    on_displaced: Callable[[], None]
    degraded: bool = False
    why: str = ""
    """Why the store is behind, or was."""
    displaced: bool = False
    """Another owner's token is in force: our decisions no longer count."""
    facts_lost: int = 0
    on_lost: Callable[[int], None] | None = None
    totals: Totals = field(default_factory=Totals)
    """The counters derived from the facts. Saved with them, so that after a restart metrics and facts agree."""
    _owed: deque[AnyFact] = field(default_factory=lambda: deque(maxlen=MAX_FACTS_KEPT))
    _since: dict[tuple[str, str], object | None] = field(default_factory=dict)
    """Changes since the full snapshot that is being written was copied."""
    _repair: asyncio.Task[None] | None = None

    async def save(self, changed: Mapping[tuple[str, str], object | None], facts: list[AnyFact]) -> bool:
        """Save one batch; True when it is safe in the store. Raises whatever ended the repair of a degraded store."""
        if self.degraded and self._repair is not None and self._repair.done():
            self._repair.result()
        if self.degraded:
            self._since.update(changed)
            self._owe(facts)
            return False
        delta = Delta(number=self._next(), changed=changed, meta=Meta.of(self.world), facts=tuple(facts))
        write = asyncio.ensure_future(self.store.save(delta))
        done, _ = await asyncio.wait((write,), timeout=BUDGET)
        if not done:
            write.add_done_callback(_swallow)
            self._degrade("slow", facts, write)
            return False
        try:
            write.result()
        except Displaced:
            self._stand_down()
            return False
        except StoreDown as trouble:
            self._degrade(str(trouble), facts)
            return False
        return True

    def start_behind(self, why: str) -> None:
        """Start without the store: everything is saved once it is available."""
        self._degrade(why, [])

    async def close(self) -> None:
        """Stop saving. The store stays open: it belongs to the process."""
        if self._repair is not None:
            await end((self._repair,))
        if self.degraded and not self.displaced:
            await self._last_try()

    async def _last_try(self) -> None:
        """Shutdown while the store is behind: try to save everything once more."""
        try:
            async with asyncio.timeout(LAST_TRY):
                await self.store.save_all(self._whole(tuple(self._owed)))
        except (StoreDown, Displaced, TimeoutError) as trouble:
            log.error("stopping with unsaved state", why=str(trouble) or "slow")

    def _stand_down(self) -> None:
        self.displaced = True
        self.on_displaced()

    def _whole(self, facts: Sequence[AnyFact]) -> Whole:
        return Whole.of(self.world, self._next(), facts, self.totals.rows())

    def _next(self) -> int:
        return self.store.number + 1

    def _degrade(self, why: str, facts: list[AnyFact], late: asyncio.Future[None] | None = None) -> None:
        log.warning("store degraded", why=why)
        self.degraded, self.why = True, why
        self._owe(facts)
        self._repair = asyncio.create_task(self._repairing(late), name="store repair")

    def _owe(self, facts: list[AnyFact]) -> None:
        lost = max(0, len(self._owed) + len(facts) - MAX_FACTS_KEPT)
        if lost:
            self.facts_lost += lost
            if self.on_lost is not None:
                self.on_lost(lost)
        self._owed.extend(facts)

    async def _repairing(self, late: asyncio.Future[None] | None) -> None:
        """Save everything, then the changes made meanwhile, until nothing is left; then saving batch by batch resumes.
        If the slow save succeeds after all, only the changes since then are saved."""
        if late is not None:
            await asyncio.wait((late,), timeout=SAVE_RETRY)
        whole = late is None or self.store.snapshot_owed
        said_at = time.monotonic()
        while self.degraded:
            await asyncio.sleep(SAVE_RETRY if whole else 0.0)
            facts, since = tuple(self._owed), dict(self._since)
            self._since.clear()
            try:
                if whole:
                    await self.store.save_all(self._whole(facts))
                else:
                    await self.store.save(Delta(number=self._next(), changed=since, meta=Meta.of(self.world), facts=facts))
            except StoreDown as trouble:
                if str(trouble) != self.why or time.monotonic() > said_at + LOG_AGAIN_AFTER:
                    log.warning("store still degraded", why=str(trouble))
                    said_at = time.monotonic()
                self.why = str(trouble)
                whole = True
                continue
            except Displaced:
                self._stand_down()
                return
            whole = False
            for _ in facts:
                self._owed.popleft()
            self.degraded = bool(self._owed or self._since)
        log.info("store is back", facts_lost=self.facts_lost)


def _swallow(write: asyncio.Future[None]) -> None:
    """The batch number tells whether a late write succeeded; its exception only has to be retrieved."""
    if not write.cancelled():
        write.exception()
