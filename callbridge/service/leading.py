"""A leader's lease: it is renewed for as long as we lead, and given up when a standby should lead instead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

import structlog

from callbridge.adapters.redis.lease import RedisLease
from callbridge.adapters.store import Displaced, StoreDown
from callbridge.adapters.system.tasks import end
from callbridge.runtime.lease import LeaseTimes, Tenure

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RETRY = 0.1
"""Seconds until a renewal that failed is sent again."""
RELEASED_WITHIN = 0.5


class Leading:
    """``unlinked``: the PBXs to which we have no link, of ``pbxs`` in all; ``now``: our time, once we have one. ``displaced`` is
    called when another instance has the lease, ``give_up`` when a standby can reach a PBX and we cannot."""

    def __init__(
        self,
        lease: RedisLease,
        times: LeaseTimes,
        *,
        token: int,
        claimed_at: float,
        unlinked: Callable[[], Collection[str]],
        pbxs: int,
        now: Callable[[], float | None],
        displaced: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self.token = token
        self.tenure = Tenure(times=times, renewed_at=claimed_at)
        self._lease = lease
        self._unlinked, self._pbxs, self._now = unlinked, pbxs, now
        self._displaced, self._give_up = displaced, give_up
        self._trouble = ""
        self.released = asyncio.Event()
        self._renewing = asyncio.create_task(self._run(), name="lease")

    @property
    def standbys(self) -> int:
        """Standbys that could take over now."""
        return self.tenure.standbys if self.tenure.verified(time.monotonic()) else 0

    async def holds(self) -> bool | None:
        """Do we lead? Asked before an application is opened; None when Redis does not say."""
        if not self.tenure.displaced and not self.tenure.verified(time.monotonic()):
            await self._renew()
        if self.tenure.displaced:
            return False
        return True if self.tenure.verified(time.monotonic()) else None

    async def release(self) -> None:
        """We do not act any more: a standby need not wait."""
        await end((self._renewing,))
        try:
            async with asyncio.timeout(RELEASED_WITHIN):
                await self._lease.release(self.token)
        except (StoreDown, TimeoutError) as trouble:
            log.warning("the lease could not be released; a standby takes over when it has run out", why=str(trouble) or "slow")
        self.released.set()

    async def end(self) -> None:
        await end((self._renewing,))

    async def _run(self) -> None:
        while not self.tenure.displaced:
            began = time.monotonic()
            renewed = await self._renew()
            if not self.tenure.displaced and self.tenure.gives_up(time.monotonic(), linked=len(self._unlinked()) < self._pbxs):
                self._give_up()
            await asyncio.sleep(max(0.0, began + self.tenure.times.renew_every - time.monotonic()) if renewed else RETRY)

    async def _renew(self) -> bool:
        sent_at = time.monotonic()
        try:
            standbys = await self._lease.renew(self.token, self.tenure.overwrites(sent_at), self._unlinked(), self._now())
        except Displaced as displaced:
            if not self.tenure.displaced:
                log.error("another instance leads; standing down", why=str(displaced), token=self.token)
                self.tenure.displaced = True
                self._displaced()
            return False
        except StoreDown as trouble:
            if str(trouble) != self._trouble:
                log.warning("the lease cannot be renewed", why=str(trouble))
            self._trouble = str(trouble)
            return False
        self._trouble = ""
        self.tenure.renewed(sent_at, standbys)
        return standbys is not None
