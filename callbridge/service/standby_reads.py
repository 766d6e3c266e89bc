"""What a standby answers from: the Redis that its leader writes, and the history."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from callbridge.adapters.http import StandbyReads
from callbridge.adapters.redis.published import PublishedViews
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from callbridge.core.model.plan import Plan
from callbridge.service.accounts import AccountsInForce
from callbridge.service.adapter_settings import redis_settings
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.process import Process


@contextlib.asynccontextmanager
async def standby_reads(process: Process) -> AsyncIterator[StandbyReads]:
    """Connections of its own, for as long as we stand by. A reload is seen at once."""
    redis, masked = redis_settings(process.settings), process.settings.log.mask_numbers
    assert redis is not None
    views = PublishedViews(redis, lambda: process.settings.queues)
    timelines = TimelineArchive(redis, masked=masked)
    plan_of, accounts_of = _Plans(), AccountsInForce()
    try:
        yield StandbyReads(
            views=views,
            timelines=timelines,
            reports=process.reports,
            quality=process.quality,
            recordings=process.recordings,
            plan=lambda: plan_of(process.settings),
            now=time.time,
            masked=masked,
            accounts=lambda: accounts_of(process.settings),
            sessions=process.kept_sessions.sessions,
        )
    finally:
        await views.close()
        await timelines.close()


class _Plans:
    """The plan of a configuration, made once for each."""

    def __init__(self) -> None:
        self._of: tuple[Settings, Plan] | None = None

    def __call__(self, settings: Settings) -> Plan:
        if self._of is None or self._of[0] is not settings:
            self._of = settings, settings.plan()
        return self._of[1]
