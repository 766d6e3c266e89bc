"""A process without a term: it watches the lease, verifies that it could serve, and takes over when the leader is gone.

Nothing is taken before it is verified: that the saved world can be read by this version, that a PBX accepts our login, and, as
long as another standby may be better, that the ledger can be opened. Whatever is wrong is in /readyz, and the leader stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from callbridge.adapters.facts.codec import FutureSchema
from callbridge.adapters.redis.lease import LeaseFound, RedisLease
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import OWNER_SILENT, Saved, StoreDown, Unreadable
from callbridge.adapters.system.garbage import postponed
from callbridge.adapters.system.tasks import end
from callbridge.runtime.leader_time import LeaderTime
from callbridge.runtime.lease import LeaseTimes, LeaseWatch
from callbridge.service.leading import Leading
from callbridge.service.starting import MAX_SET_ASIDE, OLDER_WORLD, Taken
from callbridge.service.warm_links import WarmLinks

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

EXAMINE_EVERY = 0.3
"""Seconds between two examinations of whether we could serve."""
EXAMINED_WITHIN = 1.5
"""Seconds for which an examination counts."""
REPORT_EVERY = 0.3
PRELOAD_EVERY = 5.0
"""Seconds."""
ELSEWHERE = "an instance without `standby:`"
"""What is said of a leader that has no lease."""
WITHOUT_LEDGER_TTLS = 2
"""A standby whose ledger cannot be opened lets others go first for so many ``ttl``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Whether we could serve, as of ``at``."""

    at: float = float("-inf")
    prevents: Sequence[str] = ("not examined yet",)
    hinders: Sequence[str] = ()
    """What is wrong, though somebody must lead if there is nobody better."""

    @property
    def able(self) -> bool:
        return not self.prevents and not self.hinders


@dataclass(slots=True)
class Standby:
    """``links`` look at the PBXs, ``ledger`` says why the ledger cannot be opened."""

    lease: RedisLease
    times: LeaseTimes
    store: RedisStore
    links: WarmLinks
    ledger: Callable[[], Awaitable[str]]
    status: Callable[[str], None]
    lead: Callable[[int, float], Leading]
    """Called with the token and when its claim was sent; from then on the lease is renewed."""
    leader: str = ""
    """The leader's address, as long as there is one."""
    _watch: LeaseWatch = field(default_factory=LeaseWatch)
    _leader_time: LeaderTime = field(default_factory=LeaderTime)
    _examined: Examination = field(default_factory=Examination)
    _trouble: str = ""
    _reported_at: float = float("-inf")
    _said: str = ""
    _preloaded_at: float = float("-inf")
    _shown: str = ""
    _saved: object = None
    _saved_at: float = float("-inf")

    def missing(self) -> list[str]:
        """Why we do not serve, and what is wrong besides."""
        state = f"standby: {self.leader} leads" if self.leader else "standby: no leader is known"
        return [state, *filter(None, (self._trouble, *self._examined.prevents, *self._examined.hinders))]

    async def take_over(self) -> Taken:
        """Wait until nobody else leads; then lead, and load what was saved. The links stay open for ``links.hand_over``."""
        self.links.start()
        try:
            return await self._taken()
        except BaseException:
            await self.links.close()
            raise

    async def _taken(self) -> Taken:
        while True:
            examining = asyncio.create_task(self._examine(), name="examine")
            try:
                leading = await self._claimed()
            finally:
                await end((examining,))
            saved = await self._load(leading)
            if saved is not None:
                return saved
            await leading.end()

    # -- could we serve? ----------------------------------------------------------------------------------------

    async def _examine(self) -> None:
        while True:
            began = time.monotonic()
            prevents, hinders = await self._faults()
            self._examined = Examination(at=began, prevents=prevents, hinders=hinders)
            if prevents or hinders:
                self._say("; ".join((*prevents, *hinders)))
            else:
                self._said = ""
                await self._preload(began)
            await asyncio.sleep(max(0.0, began + EXAMINE_EVERY - time.monotonic()))

    async def _preload(self, now: float) -> None:
        """Be ready to load a large world quickly."""
        if now - self._preloaded_at < PRELOAD_EVERY:
            return
        self._preloaded_at = now
        with contextlib.suppress(StoreDown, FutureSchema):  # the next examination says so
            await self.store.preload()

    async def _faults(self) -> tuple[list[str], list[str]]:
        """What prevents us from serving, and what hinders."""
        seen, ledger, world = await asyncio.gather(self.links.look(), self.ledger(), self._world())
        pbxs = [f"pbx {one.pbx}: {one.trouble}" for one in seen if one.trouble]
        hinders = [*self.links.refused(), *([f"ledger: {ledger}"] if ledger else [])]
        if world or (seen and len(pbxs) == len(seen)):
            return [*world, *pbxs], hinders
        return [], [*pbxs, *hinders]

    async def _world(self) -> list[str]:
        """Why the saved world is not for us. One that cannot be read at all is moved aside when we have taken over."""
        try:
            saved = await self.store.look()
            if saved != self._saved:
                self._saved, self._saved_at = saved, time.monotonic()
        except FutureSchema as newer:
            return [str(newer)]
        except Unreadable:
            pass
        except StoreDown as trouble:
            return [str(trouble)]
        return []

    # -- may we? ------------------------------------------------------------------------------------------------

    async def _claimed(self) -> Leading:
        self._watch, self._leader_time = LeaseWatch(), LeaderTime()
        while True:
            asked_at = time.monotonic()
            try:
                found = await self.lease.look(self._report(asked_at))
                if (leading := await self._claim(found, asked_at)) is not None:
                    return leading
                self._trouble = ""
            except StoreDown as trouble:
                self._watch, self._trouble, self.leader = self._watch.failed(), str(trouble), ""
            self._show()
            await asyncio.sleep(self.times.read_every)

    async def _claim(self, found: LeaseFound, asked_at: float) -> Leading | None:
        now, times = time.monotonic(), self.times
        self._leader_time.read(found.token, found.now, now)
        self._watch = self._watch.read(found, asked_at, now, times)
        self.leader = found.address if self._watch.is_led(now, times) else ""
        examined = self._examined
        if examined.prevents or now - examined.at > EXAMINED_WITHIN:
            return None
        if found.missing and now - self._saved_at < OWNER_SILENT:  # by somebody without a lease, or whose lease was lost
            self.leader = ELSEWHERE
            return None
        patience = 0.0 if examined.able else WITHOUT_LEDGER_TTLS * times.ttl
        if not self._watch.claimable(asked_at - patience, times):
            return None
        sent_at = time.monotonic()
        claimed = await self.lease.claim(found)
        if claimed is None:
            return None
        log.warning("taking over", token=claimed.token, former=found.address, released=found.given_up)
        self.leader, self._watch = "", LeaseWatch()
        self.store.lead(claimed.token, claimed.number)
        return self.lead(claimed.token, sent_at)

    def _show(self) -> None:
        said = "; ".join(self.missing())
        if said != self._shown:
            self.status(said)
        self._shown = said

    def _report(self, now: float) -> bool | None:
        if now - self._reported_at < REPORT_EVERY:
            return None
        self._reported_at = now
        return self._examined.able and now - self._examined.at <= EXAMINED_WITHIN

    def _say(self, why: str) -> None:
        if why != self._said:
            log.warning("a standby could not take over", why=why)
        self._said = why

    # -- then we do ---------------------------------------------------------------------------------------------

    async def _load(self, leading: Leading) -> Taken | None:
        """The saved world; None when another instance has taken the lease before it was loaded. Raises FutureSchema."""
        set_aside = 0
        while leading.tenure.verified(time.monotonic()):
            try:
                with postponed():  # loading creates many objects and no garbage: collection took most of the time
                    saved: Saved | None = await self.store.load()
            except StoreDown as trouble:
                self._trouble = str(trouble)
                if isinstance(trouble, Unreadable) and set_aside < MAX_SET_ASIDE:
                    set_aside += 1
                    await self._set_aside()
                await asyncio.sleep(self.times.read_every)
                continue
            self._trouble = ""
            behind = OLDER_WORLD if self.store.snapshot_owed else ""
            return Taken(token=leading.token, saved=saved, behind=behind, ahead=self._leader_time.ahead)
        log.error("the lease was lost while the saved state was loaded", why=self._trouble)
        return None

    async def _set_aside(self) -> None:
        try:
            await self.store.set_aside()
        except StoreDown as trouble:
            self._trouble = str(trouble)
