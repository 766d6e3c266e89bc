"""Everything that is derived from facts: the one place where its parts are made, and wired to the publisher.

With Redis the public stream, the timelines' archive and the webhooks read the outbox; without it they get the facts in process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from callbridge.adapters.ami.fallback_queue import FallbackQueue
from callbridge.adapters.http import EventFeed
from callbridge.adapters.logs.log import FactLog
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.redis.cursors import Trimmer
from callbridge.adapters.redis.fact_stream import FACTS_READER, FactStream
from callbridge.adapters.redis.projection import RedisProjection
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.redis.timeline_archive import TIMELINES_READER, TimelineArchive
from callbridge.adapters.store import Store
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timelines import Timelines
from callbridge.adapters.webhooks.feed import WebhookFeeds
from callbridge.core.model.world import World
from callbridge.service.parts import Parts
from callbridge.service.publisher import Publisher


class OutboxReaders:
    """What reads the outbox in Redis, and keeps it short."""

    def __init__(
        self, redis: RedisSettings, store: RedisStore, board: Board, metrics: Metrics, hooks: WebhookFeeds, *, masked: bool
    ) -> None:
        self.projection = RedisProjection(redis, board, aside=store.aside, told=metrics.on_redis)
        self.archive = TimelineArchive(redis, masked=masked, token=lambda: store.token)
        self._aside = store.aside
        self._stream = FactStream(redis, masked=masked, token=lambda: store.token)
        self._trimmer = Trimmer(redis, lambda: {FACTS_READER, TIMELINES_READER, *hooks.readers()}, metrics.facts_lost)

    def start(self, parts: Parts) -> None:
        parts.run("keys", self._aside.watch())
        parts.run("projection", self.projection.run())
        parts.run("facts", self._stream.run())
        parts.run("outbox", self._trimmer.run())
        parts.run("timelines", self.archive.run())


class FactReaders:
    """``publisher`` tells them all. ``fallbacks`` may be filled later."""

    def __init__(
        self,
        parts: Parts,
        world: World,
        board: Board,
        now: Callable[[], float],
        token: int,
        *,
        store: Store,
        redis: RedisSettings | None,
        metrics: Metrics,
        timelines: Timelines,
        memory: LastAgents,
        fallbacks: Sequence[FallbackQueue],
        log: FactLog,
        masked: bool,
    ) -> None:
        self._parts = parts
        self.feed = EventFeed(str(token), seq=world.seq, masked=masked)
        self.hooks = WebhookFeeds(parts.run, metrics, redis=redis, calls=world.calls.values, token=int(now() * 1000))
        self._outbox: OutboxReaders | None = None
        if redis is not None and isinstance(store, RedisStore):
            self._outbox = OutboxReaders(redis, store, board, metrics, self.hooks, masked=masked)
        projection = self._outbox.projection if self._outbox is not None else None
        self.publisher = Publisher(world, board, metrics, timelines, self.feed, log, projection, self.hooks, memory, fallbacks)

    @property
    def archive(self) -> TimelineArchive | None:
        """The timelines of calls that are not in memory."""
        return self._outbox.archive if self._outbox is not None else None

    def start(self) -> None:
        if self._outbox is not None:
            self._outbox.start(self._parts)

    async def close(self) -> None:
        await self.hooks.close()
