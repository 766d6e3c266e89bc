"""What is known about callers: their tier, the agent they last talked to, and the answers of other systems."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from callbridge.adapters.files.tiers import TierFile
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.lookups.lookup import Lookups
from callbridge.adapters.redis.connection import RedisSettings
from callbridge.core.model.events import AnyEvent
from callbridge.service.adapter_settings import lookup_settings
from callbridge.service.caller_tiers import received
from callbridge.service.parts import Parts
from callbridge.settings.instance import WithheldNumbersConfig
from callbridge.settings.models import Settings
from callbridge.settings.resolve import memory_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def tier_file(settings: Settings) -> TierFile:
    """The tier file of this configuration, not yet loaded."""
    tiers = settings.tiers
    return TierFile(
        tiers.order,
        tiers.default,
        tiers.numbers,
        tiers.csv,
        settings.numbers,
        in_file=settings.numbers_in(tiers),
        report=lambda line: log.warning("the tier file cannot be used in full", why=line),
    )


class CallerSources:
    """``adopt`` may be called with a new configuration at any time."""

    def __init__(
        self,
        parts: Parts,
        post: Callable[[AnyEvent], None],
        now: Callable[[], float],
        memory: LastAgents,
        *,
        redis: RedisSettings | None,
    ) -> None:
        self._parts = parts
        self.memory = memory
        self.lookups = Lookups(post, now, redis=redis, memory=memory)
        self._tiers: TierFile | None = None
        self._withheld = WithheldNumbersConfig()
        self._watch: asyncio.Task[None] | None = None

    def tier_of(self, number: str) -> str:
        """According to the file in force; a reload replaces it."""
        return self._tiers.tier_of(number) if self._tiers is not None else ""

    def received(self, event: AnyEvent) -> AnyEvent:
        """What a PBX reports, with the tiers of its callers and without what they withhold."""
        return received(event, self.tier_of, self._withheld)

    def adopt(self, settings: Settings, tiers: TierFile) -> None:
        """Use this configuration from now on; ``tiers`` has been loaded."""
        if self._watch is not None:
            self._watch.cancel()
        self._tiers = tiers
        self._withheld = settings.withheld_numbers
        self._watch = self._parts.run("tiers", tiers.watch())
        repeat = settings.repeat_calls.within if settings.repeat_calls is not None else 0.0
        renamed = {queue.renamed_from: name for name, queue in settings.queues.items() if queue.renamed_from is not None}
        self.memory.adopt(memory_of(settings), repeat, settings.numbers, renamed)
        self.lookups.adopt(lookup_settings(settings), settings.tiers.order, settings.numbers)

    def start(self) -> None:
        self._parts.run("memory", self.memory.run())

    async def close(self) -> None:
        await self.lookups.close()
        await self.memory.close()
