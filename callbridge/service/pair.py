"""Makes the parts of a process that is one of several instances, of which one leads."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from callbridge.adapters.ari.ownership import OwnershipCheck
from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.redis.lease import RedisLease
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import StoreDown
from callbridge.service.adapter_settings import ami_settings, lease_times
from callbridge.service.leading import Leading
from callbridge.service.standby import Standby
from callbridge.service.warm_links import WarmLinks
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.process import Process

TAKEN_WITHIN, TAKEN_CHECK_EVERY = 0.8, 0.02
"""Seconds. Longer than that, an HTTP request does not outlive the term."""
PBX_ANSWERS_WITHIN = 0.5
"""Seconds. A PBX that takes longer to answer a standby is no better for it than for the leader."""


def lease_of(settings: Settings, redis: RedisSettings | None) -> RedisLease | None:
    """The lease; None where this instance runs alone."""
    if settings.standby is None or redis is None:
        return None
    return RedisLease(redis, holder=secrets.token_hex(8), address=settings.standby.address)


def standby_of(process: Process, lease: RedisLease, checks: Sequence[OwnershipCheck]) -> Standby:
    times, store = lease_times(process.settings), process.store
    assert times is not None
    assert isinstance(store, RedisStore)
    return Standby(
        lease=lease,
        times=times,
        store=store,
        links=WarmLinks(checks, list(map(ami_settings, process.settings.pbx)), PBX_ANSWERS_WITHIN),
        ledger=process.ledger_trouble,
        status=process.manager.status,
        lead=partial(_lead, process, lease),
    )


async def next_leader(lease: RedisLease) -> str:
    """The address of the instance that takes the lease that we have released; empty when none does in time."""
    with contextlib.suppress(TimeoutError, StoreDown):
        async with asyncio.timeout(TAKEN_WITHIN):
            while True:
                found = await lease.look()
                if not found.given_up and found.holder != lease.holder:
                    return found.address
                await asyncio.sleep(TAKEN_CHECK_EVERY)
    return ""


def _lead(process: Process, lease: RedisLease, token: int, claimed_at: float) -> Leading:
    """From now on we lead, and renew the lease."""
    times = lease_times(process.settings)
    assert times is not None
    process.leading = Leading(
        lease,
        times,
        token=token,
        claimed_at=claimed_at,
        unlinked=process.unlinked,
        pbxs=len(process.settings.pbx),
        now=process.time,
        displaced=process.stand_down,
        give_up=process.give_up,
    )
    return process.leading
