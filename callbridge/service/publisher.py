"""Who is told: one place that hands every batch on to metrics, log, timelines and projections.

All of it is derived from facts and changed rows after the orders went out; nothing here can slow or stop a call. What must
hear of everything that was saved, and of nothing else, reads the outbox instead (``adapters.outbox``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import structlog

from callbridge.adapters.ami.fallback_queue import FallbackQueue
from callbridge.adapters.http import EventFeed, ViewFeed
from callbridge.adapters.logs.log import FactLog
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.redis.projection import RedisProjection
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timelines import Timelines
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.world import World

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Publisher:
    """The runtime's watcher."""

    def __init__(
        self,
        world: World,
        board: Board,
        metrics: Metrics,
        timelines: Timelines,
        feed: EventFeed,
        views: ViewFeed,
        facts: FactLog,
        projection: RedisProjection | None,
        memory: LastAgents,
        fallbacks: Sequence[FallbackQueue] = (),
    ) -> None:
        """``fallbacks`` may be filled later."""
        self._world = world
        self._plan = world.plan
        self._board = board
        self._metrics = metrics
        self._timelines = timelines
        self._feed = feed
        self._views = views
        self._log = facts
        self._projection = projection
        self._fallbacks = fallbacks
        self._memory = memory

    def batch(
        self, facts: Sequence[AnyFact], changed: Mapping[tuple[str, str], object | None], ages: Sequence[float], waiting: int
    ) -> None:
        self._metrics.on_batch(ages, waiting)
        self._metrics.note(changed, self._world.now)
        if not facts and not changed and self._world.plan is self._plan:
            return
        self._plan = self._world.plan  # a reload may change no row, and yet there are other queues to show
        self._metrics.on_facts(facts)
        self._timelines.on_facts(facts)
        for fallback in self._fallbacks:
            fallback.note(facts, changed)
        touched = self._board.note(self._world, changed)
        self._feed.on_facts(facts)
        self._views.touch(touched)
        if self._projection is not None:
            self._projection.touch(touched)
        self._memory.on_facts(facts)
        self._log.on_facts(facts, inbox_depth=waiting, event_age=max(ages, default=0.0))

    def saved(self, seconds: float, *, degraded: bool) -> None:
        self._metrics.on_save(seconds, degraded=degraded)

    def degraded(self, degraded: bool) -> None:
        self._metrics.on_degraded(degraded)

    def lagged(self, seconds: float) -> None:
        self._metrics.on_loop_lag(seconds)


def boot_name() -> str:
    """A name for this run, new at every start: part of every id that it mints."""
    milliseconds, digits, name = time.time_ns() // 1_000_000, "0123456789abcdefghijklmnopqrstuvwxyz", ""
    while milliseconds:
        milliseconds, digit = divmod(milliseconds, 36)
        name = digits[digit] + name
    return name
