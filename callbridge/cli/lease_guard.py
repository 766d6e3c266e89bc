"""Whether an instance of a pair holds the lease and has a link to the PBX, or stands by and is able to take the lease: then a
rescue leaves the callers to it.

Redis may be away, or its part of the configuration be wrong: then nobody holds anything, and the stamps of the PBXs decide alone.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from callbridge.adapters.store import StoreDown
from callbridge.settings.faults import Fault
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.adapters.redis.lease import LeaseFound, RedisLease

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LEASE_LOOK_EVERY = 0.5
_OF_LEASE = ("redis", "standby")


@dataclass(slots=True)
class _Seen:
    lease: LeaseFound
    standbys: int
    changed_at: float | None
    at: float


class LeaseGuard:
    """``lease``: None where there is no pair. ``alive_for``: seconds within which a leader changes its lease. ``pbxs``: the names
    of all PBXs."""

    def __init__(self, lease: RedisLease | None, alive_for: float, pbxs: Collection[str] = ()) -> None:
        self._lease, self._alive_for, self._pbxs = lease, alive_for, frozenset(pbxs)
        self._seen: _Seen | None = None
        self._trouble = ""

    async def look(self) -> None:
        """Look again, if the last look is not recent."""
        now = time.monotonic()
        if self._lease is None or (self._seen is not None and now - self._seen.at < LEASE_LOOK_EVERY):
            return
        try:
            found, standbys = await self._lease.held()
        except StoreDown as trouble:
            if str(trouble) != self._trouble:
                log.warning("nobody is known to hold the lease", why=str(trouble))
            self._trouble, self._seen = str(trouble), None
            return
        self._trouble, before, changed_at = "", self._seen, None
        if before is not None:
            changed_at = now if found != before.lease else before.changed_at
        self._seen = _Seen(found, standbys, changed_at, now)

    def holder(self, pbx: str) -> str:
        """Who serves the callers of this PBX, or is going to; empty when nobody does. A leader that has a link to another PBX
        goes on leading, so that no standby takes over."""
        seen = self._seen
        if seen is None:
            return ""
        renewed = seen.changed_at is not None and seen.at - seen.changed_at < self._alive_for
        if renewed and not seen.lease.missing and not seen.lease.given_up:
            if pbx not in seen.lease.unlinked:
                return f"the leader at {seen.lease.address}"
            if self._pbxs - seen.lease.unlinked:
                return ""
        return "a standby" if seen.standbys else ""

    async def close(self) -> None:
        if self._lease is not None:
            await self._lease.close()


def guard_of(settings: Settings, faults: tuple[Fault, ...]) -> LeaseGuard:
    """``faults`` of the configuration: what they are about is not used."""
    wrong = any(fault.where.partition(".")[0] in _OF_LEASE for fault in faults)
    standby, redis = getattr(settings, "standby", None), getattr(settings, "redis", None)
    if wrong or standby is None or redis is None:
        return LeaseGuard(None, 0.0)
    # Only a pair needs Redis: what keeps it from being loaded must not keep a rescue from starting.
    from callbridge.adapters.redis.connection import RedisSettings
    from callbridge.adapters.redis.lease import RedisLease

    where = RedisSettings(url=redis.url, prefix=redis.prefix, world=settings.instance.app)
    lease = RedisLease(where, holder="rescue", address="")
    return LeaseGuard(lease, 2 * standby.take_over_after, [pbx.name for pbx in settings.pbx])
