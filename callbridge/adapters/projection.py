"""The public face in Redis: hashes and messages that anybody may read, and that we never read back.

``touch`` only notes what changed; a task of its own brings Redis up to date at most FLUSHES times a second, however
often a thing changed in between. After any trouble everything is written anew, so a Redis that was away, slow or
flushed costs freshness only. Only the leader runs these tasks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence

import structlog
from redis.asyncio import Redis

from callbridge.adapters.redis_link import TROUBLE, RedisSettings, connect
from callbridge.adapters.views import ENDED, KEPT_ENDED, Board, Key, View

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

FLUSHES = 20
"""At most so many a second."""
_SLICE = 100
"""Views written at a time: a few milliseconds of the loop."""
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 3.0
"""Seconds between attempts while Redis is in trouble."""


def _nobody(up: bool) -> None:
    """Nobody wants to know."""


class RedisProjection:
    """Keeps ``queue:<name>``, ``agent:<id>``, ``call:<id>`` and the channel ``queue:<name>`` like the board.

    ``told``, when given, hears whether Redis is well, after each attempt to write.
    """

    def __init__(self, settings: RedisSettings, board: Board, *, told: Callable[[bool], None] = _nobody) -> None:
        self._settings = settings
        self._board = board
        self._told = told
        self._redis: Redis = connect(settings)
        self._dirty: set[Key] = set()
        self._stale_everything = True
        self._wake = asyncio.Event()

    def touch(self, keys: Iterable[Key]) -> None:
        """These views changed. Returns at once, whatever Redis does."""
        if not self._stale_everything:
            self._dirty.update(keys)
        self._wake.set()

    async def run(self) -> None:
        """Write what changed, for ever. Begins by removing stale keys and writing everything."""
        pause = _FIRST_PAUSE
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
            except TROUBLE as error:
                log.warning("redis projection is behind", error=type(error).__name__)
                self._told(False)
                self._wake.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._told(True)
                pause = _FIRST_PAUSE
                await asyncio.sleep(1 / FLUSHES)

    async def flush(self) -> None:
        """Bring Redis up to date now. Raises what Redis raises; then the next flush writes everything."""
        everything, self._stale_everything = self._stale_everything, False
        dirty, self._dirty = self._dirty, set()
        try:
            if everything:
                await self._remove_stale()
                dirty = self._board.alive()
            await self._write(sorted(dirty))
        except BaseException:
            self._stale_everything = True
            self._dirty.clear()
            raise

    async def close(self) -> None:
        await self._redis.aclose()

    async def _write(self, keys: Sequence[Key]) -> None:
        for start in range(0, len(keys), _SLICE):
            pipe = self._redis.pipeline(transaction=False)
            for key in keys[start : start + _SLICE]:
                self._put(pipe, key, self._board.view(key))
            await pipe.execute()

    def _put(self, pipe: Redis, key: Key, view: View | None) -> None:
        kind, name = key
        place = self._settings.public(f"{kind}:{name}")
        if view is None:
            pipe.delete(place)
            return
        pipe.hset(place, mapping=dict(view.items()))
        if kind == "queue":
            pipe.publish(place, json.dumps({"queue": name, **view}, separators=(",", ":")))
        elif view["state"] == ENDED:
            pipe.expire(place, int(KEPT_ENDED))

    async def _remove_stale(self) -> None:
        """Away with hashes of things that are no more; calls that ended already have their time to live."""
        alive = {self._settings.public(f"{kind}:{name}").encode() for kind, name in self._board.alive()}
        for kind in ("queue", "agent", "call"):
            found = [key async for key in self._redis.scan_iter(match=self._settings.public(f"{kind}:*"), count=1000)]
            stale = [key for key in found if key not in alive]
            if kind == "call":
                stale = await self._without_expiry(stale)
            for start in range(0, len(stale), _SLICE):
                await self._redis.delete(*stale[start : start + _SLICE])

    async def _without_expiry(self, keys: Sequence[bytes]) -> list[bytes]:
        lasting: list[bytes] = []
        for start in range(0, len(keys), _SLICE):
            part = keys[start : start + _SLICE]
            pipe = self._redis.pipeline(transaction=False)
            for key in part:
                pipe.ttl(key)
            lasting += [key for key, left in zip(part, await pipe.execute(), strict=True) if left < 0]
        return lasting
