"""From the outbox to the webhooks: each hook reads for itself, so a dead one never delays another.

With Redis a hook's place is saved: up to where it has read, and which facts of those are not done. After a restart it
goes on there; what was delivered in the last half second before a crash is delivered again, under the same id.
Without Redis the facts come from the publisher, and a restart forgets what was waiting.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from callbridge.adapters.facts.outbox import Envelope, Stamper, envelope, is_ours
from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.adapters.redis.cursors import cursors_key, owed_key
from callbridge.adapters.system.tasks import end
from callbridge.adapters.webhooks.body import FACTS, WebhookSettings
from callbridge.adapters.webhooks.delivery import CAP, Webhook, WebhookObserver, reader_of
from callbridge.core.model.call import Call
from callbridge.core.model.facts import AnyFact
from callbridge.wire.webhooks import TOLD

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Start = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Runs a part of callbridge under a name."""

_BLOCK = 0.4
"""Seconds for which a read waits for the next fact."""
_GATHER = 0.01
"""Seconds after a read in which more may come: one read for a burst instead of one for each save."""
_AT_A_TIME = 250
_SAVED_EVERY, _SAVED_ANYWAY = 0.4, 5.0
"""Seconds between saves of the place: when it changed, and when it did not (a Redis that forgot it must know)."""
_PAUSE = 0.5
"""Seconds between attempts while Redis is in trouble, and between looks at a hook that is full."""
_LAST_SAVE = 0.5
"""Seconds that saving the place may take at the end."""
_TYPES = frozenset(kind.encode() for kind in FACTS)
_PLACE = re.compile(rb"(\d{1,20}-\d{1,20}) (\d{1,20}-\d{1,20})")
_ID = re.compile(r"\d{1,20}-\d{1,20}")


def _ids(text: bytes | str | None) -> list[str] | None:
    """The ids in a JSON list; None when it is none."""
    try:
        ids = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return None
    right = isinstance(ids, list) and all(isinstance(each, str) and _ID.fullmatch(each) for each in ids)
    return ids if right else None


class WebhookFeed:
    """Reads the outbox for one hook."""

    def __init__(self, settings: RedisSettings, hook: Webhook, observer: WebhookObserver) -> None:
        self._hook = hook
        self._observer = observer
        self._outbox = settings.private("outbox")
        self._cursors, self._owed = cursors_key(settings), owed_key(settings)
        self._redis: Redis = connect(settings, timeout=settings.timeout + _BLOCK)
        self._read: str | None = None
        self._saved: tuple[str, str] | None = None
        self._saved_at = 0.0

    async def run(self) -> None:
        """Follow the outbox until cancelled, or until the hook is gone."""
        while not self._hook.gone:
            try:
                if self._read is None:
                    self._read = await self._begin()
                await self._remember()
                if self._hook.full:
                    await asyncio.sleep(_PAUSE)
                else:
                    self._read = await self._follow(self._read)
            except TROUBLE as error:
                log.warning("webhook's reader is behind", hook=self._hook.settings.name, error=type(error).__name__)
                self._saved = None
                await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """Save the place once more, when Redis lets us."""
        try:
            async with asyncio.timeout(_LAST_SAVE):
                if self._read is not None and not self._hook.gone:
                    await self._save(self._state(self._read))
        except TROUBLE as error:
            log.warning("a webhook's place was not saved", hook=self._hook.settings.name, error=type(error).__name__)
        await self._redis.aclose()

    async def _begin(self) -> str:
        """Where the hook was; a new one begins at the end, with what happens from now on."""
        found: Any = await self._redis.hget(self._cursors, self._hook.reader)
        place = _PLACE.fullmatch(found) if found is not None else None
        if place is None:
            if found is not None:
                log.error(
                    "a webhook's place cannot be read; it goes on from now",
                    hook=self._hook.settings.name,
                    redis_key=self._cursors,
                )
            last: Any = await self._redis.xrevrange(self._outbox, count=1)
            return str(last[0][0].decode()) if last else "0-0"
        kept, read = place[1].decode(), place[2].decode()
        owed = _ids(await self._redis.hget(self._owed, self._hook.reader))
        if owed is None:  # rather twice than never
            log.error("what a webhook is owed cannot be read; told again", hook=self._hook.settings.name, redis_key=self._owed)
            return kept
        for start in range(0, len(owed), _AT_A_TIME):
            await self._take_owed(owed[start : start + _AT_A_TIME])
        return read

    async def _take_owed(self, ids: Sequence[str]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for each in ids:
            pipe.xrange(self._outbox, each, each)
        found: list[Any] = [entries[0][1] for entries in await pipe.execute() if entries]
        self._hook.take(envelope(entry) for entry in found if is_ours(entry))
        if len(found) < len(ids):
            missing = len(ids) - len(found)
            log.error("undelivered facts are not in the outbox any more", reader=self._hook.reader, facts=missing)
            self._observer.facts_lost(self._hook.reader, missing)

    async def _follow(self, read: str) -> str:
        found: Any = await self._redis.xread({self._outbox: read}, count=_AT_A_TIME, block=int(_BLOCK * 1000))
        if not found:
            return read
        entries = found[0][1]
        self._hook.take(envelope(entry) for _, entry in entries if is_ours(entry) and entry[b"type"] in _TYPES)
        await asyncio.sleep(_GATHER)
        return str(entries[-1][0].decode())

    def _state(self, read: str) -> tuple[str, str]:
        owed = self._hook.owed()
        return f"{owed[0] if owed else read} {read}", json.dumps(owed, separators=(",", ":"))

    async def _remember(self) -> None:
        since = asyncio.get_running_loop().time() - self._saved_at
        if self._read is None or (self._saved is not None and since < _SAVED_EVERY):
            return
        state = self._state(self._read)
        if state != self._saved or since >= _SAVED_ANYWAY:
            await self._save(state)

    async def _save(self, state: tuple[str, str]) -> None:
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(self._cursors, self._hook.reader, state[0])
        pipe.hset(self._owed, self._hook.reader, state[1])
        await pipe.execute()
        self._saved, self._saved_at = state, asyncio.get_running_loop().time()


class WebhookFeeds:
    """All webhooks: started, changed by a reload, ended. ``calls`` gives the living ones, for hooks that begin late."""

    def __init__(
        self,
        start: Start,
        observer: WebhookObserver,
        *,
        redis: RedisSettings | None,
        calls: Callable[[], Iterable[Call]],
        token: int = 1,
    ) -> None:
        self._start = start
        self._observer = observer
        self._redis = redis
        self._calls = calls
        self._token = token
        self._stamper = Stamper()
        self._readers: frozenset[str] = frozenset()
        self._running: dict[str, tuple[Webhook, WebhookFeed | None, list[asyncio.Task[None]]]] = {}

    def readers(self) -> frozenset[str]:
        """Their names among the readers of the outbox."""
        return self._readers - {hook.reader for hook, _, _ in self._running.values() if hook.gone}

    async def adopt(self, wanted: Sequence[WebhookSettings]) -> None:
        """Run these from now on. One that changed goes on from its place; one that was disabled is tried again."""
        settings = {one.name: one for one in wanted}
        self._readers = frozenset(reader_of(name) for name in settings)
        for name, (hook, _, _) in list(self._running.items()):
            if settings.get(name) != hook.settings or hook.gone:
                await self._end(name)
            if name not in settings:
                self._observer.hook_gone(name)
        if self._redis is None and settings:
            self._stamper.know(self._calls())
        for name, one in settings.items():
            if name not in self._running:
                self._begin(one)

    def on_facts(self, facts: Sequence[AnyFact]) -> None:
        """What happened, where no outbox tells it."""
        if self._redis is not None or not self._running:
            return
        told: list[Envelope] = self._stamper.stamp(self._token, facts, only=TOLD)
        if told:
            for hook, _, _ in self._running.values():
                hook.take(told)

    async def close(self) -> None:
        await asyncio.gather(*(self._end(name) for name in list(self._running)))

    def _begin(self, settings: WebhookSettings) -> None:
        hook = Webhook(settings, self._observer, cap=None if self._redis is not None else CAP)
        feed = WebhookFeed(self._redis, hook, self._observer) if self._redis is not None else None
        tasks = [self._start(f"webhook {settings.name}", hook.run())]
        if feed is not None:
            tasks.append(self._start(f"webhook feed {settings.name}", feed.run()))
        self._running[settings.name] = hook, feed, tasks
        self._observer.backlog(settings.name, 0)

    async def _end(self, name: str) -> None:
        hook, feed, tasks = self._running.pop(name)
        await end(tasks)
        if feed is not None:
            await feed.close()
        elif hook.backlog:
            self._observer.facts_lost(hook.reader, hook.backlog)
