"""Everything that is made from facts: the one place where its parts are made.

The publisher tells what shows the present (metrics, log, timelines in memory, server-sent events), before and apart from any
save. What others rely on - the public stream, the archive of timelines, webhooks, the history - reads the outbox: readers are
added here.
"""

from __future__ import annotations

from collections.abc import Sequence

from callbridge.adapters.ami.fallback_queue import FallbackQueue
from callbridge.adapters.history import HistoryReader
from callbridge.adapters.http import EventFeed, ViewFeed
from callbridge.adapters.logs.log import FactLog
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.outbox import OutboxReaders
from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.redis.cursors import Trimmer
from callbridge.adapters.redis.fact_stream import FactStream
from callbridge.adapters.redis.projection import RedisProjection
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from callbridge.adapters.store import Store
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timelines import Timelines
from callbridge.adapters.webhooks.feed import WebhookFeeds
from callbridge.core.model.world import World
from callbridge.service.parts import Parts
from callbridge.service.publisher import Publisher


class _InRedis:
    """What is made for others in Redis, and what keeps our own part of it in order."""

    def __init__(
        self, redis: RedisSettings, store: RedisStore, board: Board, metrics: Metrics, readers: OutboxReaders, *, masked: bool
    ) -> None:
        self.projection = RedisProjection(redis, board, aside=store.aside, told=metrics.on_redis)
        self.archive = TimelineArchive(redis, masked=masked, token=lambda: store.token)
        self._aside = store.aside
        self._stream = FactStream(redis, masked=masked, token=lambda: store.token)
        self._readers = readers
        self._trimmer = Trimmer(redis, readers.names, metrics.facts_lost)

    def start(self, parts: Parts) -> None:
        parts.run("keys", self._aside.watch())
        parts.run("projection", self.projection.run())
        for reader in (self._stream, self.archive):
            self._readers.add(reader)
        parts.run("outbox", self._trimmer.run())

    async def close(self) -> None:
        """When nothing of it runs any more: a connection that is only dropped is closed by Redis' time-out, not by us."""
        for each in (self.projection, self._stream, self.archive, self._trimmer):
            await each.close()


class FactReaders:
    """``publisher`` notifies those that show the present. ``fallbacks`` may be filled later. ``parts`` are ours alone: they end
    in ``close``, after the readers have been handed what is saved, which is not possible if they end with those of the term.
    ``shows_numbers``: agents see those of their own callers."""

    def __init__(
        self,
        parts: Parts,
        world: World,
        board: Board,
        token: int,
        *,
        store: Store,
        redis: RedisSettings | None,
        metrics: Metrics,
        timelines: Timelines,
        memory: LastAgents,
        fallbacks: Sequence[FallbackQueue],
        log: FactLog,
        history: HistoryReader | None,
        masked: bool,
        shows_numbers: bool,
    ) -> None:
        self._parts = parts
        self.feed = EventFeed(str(token), seq=world.seq, masked=masked)
        self.views = ViewFeed(board, shows_numbers=shows_numbers)
        self._readers = OutboxReaders(store.outbox, parts.run, metrics)
        self.history = history
        self.hooks = WebhookFeeds(parts.run, metrics, self._readers)
        self._in_redis: _InRedis | None = None
        if redis is not None and isinstance(store, RedisStore):
            self._in_redis = _InRedis(redis, store, board, metrics, self._readers, masked=masked)
        projection = self._in_redis.projection if self._in_redis is not None else None
        self.publisher = Publisher(world, board, metrics, timelines, self.feed, self.views, log, projection, memory, fallbacks)

    @property
    def archive(self) -> TimelineArchive | None:
        """The timelines of calls that are not in memory."""
        return self._in_redis.archive if self._in_redis is not None else None

    def start(self) -> None:
        if self._in_redis is not None:
            self._in_redis.start(self._parts)
        if self.history is not None:
            self._readers.add(self.history)
            self._parts.run("history", self.history.run())

    async def close(self) -> None:
        await self.hooks.close()
        await self._readers.close()
        await self._parts.close()
        if self.history is not None:
            await self.history.close()
        if self._in_redis is not None:
            await self._in_redis.close()
