"""The public face in Redis: hashes and messages that anybody may read, and that a leader never reads back.

``touch`` only notes what changed; a task of its own brings Redis up to date: at once after a quiet moment, and at most
FLUSHES times a second, however often a thing changed in between. Of a hash only the fields that differ from what was
written last are sent. A field that Redis counts as new then means that it lost the hash. After this or any other
trouble everything is written again, so a Redis that was away, slow or flushed costs freshness only. Only the leader
runs these tasks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import structlog
from redis.asyncio import Redis

from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.adapters.redis.errors import is_wrong_type
from callbridge.adapters.redis.set_aside import SetAside
from callbridge.adapters.views.board import KEPT_ENDED, Board, ViewKey
from callbridge.adapters.views.rows import ENDED, View

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

FLUSHES = 40
"""At most so many a second."""
_LOOK = 2.0
"""Seconds without a change after which we look whether Redis still has what we wrote."""
_KEYS_AT_ONCE = 100
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

    def __init__(
        self,
        settings: RedisSettings,
        board: Board,
        *,
        aside: SetAside | None = None,
        told: Callable[[bool], None] = _nobody,
    ) -> None:
        """``aside``: what sets keys of another type than ours aside."""
        self._settings = settings
        self._aside = aside
        self._board = board
        self._told = told
        self._redis: Redis = connect(settings)
        self._dirty: set[ViewKey] = set()
        self._written: dict[ViewKey, View] = {}
        """What the hashes hold, but for those of calls that ended."""
        self._stale_everything = True
        self._wake = asyncio.Event()

    def touch(self, keys: Iterable[ViewKey]) -> None:
        """These views changed. Returns at once, whatever Redis does."""
        self._dirty.update(keys)
        self._wake.set()

    async def run(self) -> None:
        """Write what changed, for ever. Begins by removing stale keys and writing everything."""
        pause = _FIRST_PAUSE
        self._wake.set()
        clock = asyncio.get_running_loop().time
        while True:
            quiet = not await self._woken()
            self._wake.clear()
            began = clock()
            try:
                await (self._look() if quiet else self.flush())
            except TROUBLE as error:
                log.warning("redis projection is behind", error=type(error).__name__)
                self._told(False)
                await self._make_room(error)
                self._stale_everything = True
                self._wake.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._told(True)
                pause = _FIRST_PAUSE
                await asyncio.sleep(max(0.0, began + 1 / FLUSHES - clock()))

    async def flush(self) -> None:
        """Bring Redis up to date now. Raises what Redis raises; then the next flush writes everything."""
        everything, self._stale_everything = self._stale_everything, False
        dirty, self._dirty = self._dirty, set()
        try:
            if everything:
                self._written.clear()
                await self._remove_stale()
                dirty |= self._board.alive()
            await self._write(sorted(dirty))
        except BaseException:
            self._stale_everything = True
            self._dirty = {key for key in self._dirty | dirty if key[1] in self._board.ended}  # written, or they would be lost
            raise

    async def close(self) -> None:
        await self._redis.aclose()

    async def _write(self, keys: Sequence[ViewKey]) -> None:
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            pipe = self._redis.pipeline(transaction=False)
            parts: list[int] = []
            for key in keys[start : start + _KEYS_AT_ONCE]:
                if self._put(pipe, key, self._board.view(key)):
                    parts.append(len(pipe) - 1)
                self._announce(pipe, key)
            answers = await pipe.execute()
            if any(answers[part] for part in parts):
                self._forgotten()

    def _put(self, pipe: Any, key: ViewKey, view: View | None) -> bool:
        """Is it only a part of the hash that is written, all of whose fields must be there already?"""
        place = self._place(key)
        before = self._written.pop(key, None)
        if view is None:
            pipe.delete(place)
            return False
        if before is None:
            pipe.hset(place, mapping=dict(view))
        else:
            pipe.hset(place, mapping={name: value for name, value in view.items() if before[name] != value} or dict(view))
        if view.get("state") != ENDED:
            self._written[key] = view
        return before is not None

    def _announce(self, pipe: Any, key: ViewKey) -> None:
        kind, name = key
        view = self._written.get(key)
        if kind == "queue" and view is not None:
            pipe.publish(self._place(key), json.dumps({"queue": name, **view}, separators=(",", ":")))
        elif kind == "call" and name in self._board.ended:
            pipe.expire(self._place(key), int(KEPT_ENDED))

    def _place(self, key: ViewKey) -> str:
        return self._settings.public(f"{key[0]}:{key[1]}")

    async def _woken(self) -> bool:
        """Did something change before we want to look?"""
        try:
            async with asyncio.timeout(_LOOK):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _look(self) -> None:
        """Does Redis still have what we wrote? Raises what Redis raises."""
        for key in islice(self._written, 1):
            if not await self._redis.exists(self._place(key)):
                self._forgotten()

    async def _make_room(self, error: Exception) -> None:
        """A key of ours that is no hash is set aside: it would be in the way for ever."""
        if self._aside is None or not is_wrong_type(error):
            return
        places = [self._place(key) for key in self._board.alive() | self._dirty]
        try:
            for start in range(0, len(places), _KEYS_AT_ONCE):
                await self._aside.strangers(dict.fromkeys(places[start : start + _KEYS_AT_ONCE], "hash"))
        except TROUBLE as again:
            log.debug("the keys of Redis were not looked at", error=type(again).__name__)

    def _forgotten(self) -> None:
        log.warning("redis lost what was written; writing everything again")
        self._stale_everything = True
        self._wake.set()

    async def _remove_stale(self) -> None:
        """Away with hashes of things that are no more; calls that ended already have their time to live."""
        alive = {self._place(key).encode() for key in self._board.alive()}
        for kind in ("queue", "agent", "call"):
            found = [key async for key in self._redis.scan_iter(match=self._settings.public(f"{kind}:*"), count=1000)]
            stale = [key for key in found if key not in alive]
            if kind == "call":
                stale = await self._without_expiry(stale)
            for start in range(0, len(stale), _KEYS_AT_ONCE):
                await self._redis.delete(*stale[start : start + _KEYS_AT_ONCE])

    async def _without_expiry(self, keys: Sequence[bytes]) -> list[bytes]:
        lasting: list[bytes] = []
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            part = keys[start : start + _KEYS_AT_ONCE]
            pipe = self._redis.pipeline(transaction=False)
            for key in part:
                pipe.ttl(key)
            lasting += [key for key, left in zip(part, await pipe.execute(), strict=True) if left < 0]
        return lasting
