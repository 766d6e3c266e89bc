"""Keys of Redis that cannot be read, or are of no use any more, are renamed and never deleted: nothing in them keeps us from
starting or from going on.

Rule of this file: a key moves only while it is still what was found. What moved is named in the log and in ``notes``, and
goes away by itself after KEPT.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from callbridge.adapters.redis.connection import TROUBLE, RedisSettings
from callbridge.adapters.redis.world_figures import Found

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SET_ASIDE_FOR = 7 * 86_400
"""Seconds for which a key that was set aside is kept."""
EVERY = 1.0
"""Seconds between looks at the keys of the outbox's readers."""
MAX_NOTES = 20

_STRANGERS = """
local moved = {}
for i = 1, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'none' and kind ~= ARGV[2 * i] then
    redis.call('RENAME', KEYS[i], ARGV[2 * i + 1])
    redis.call('EXPIRE', ARGV[2 * i + 1], ARGV[1])
    moved[#moved + 1] = i
    moved[#moved + 1] = kind
  end
end
return moved
"""
"""KEYS: to look at. ARGV: seconds kept, then for each key its right type and its new name. Gives index and type of what moved."""

_WORLD = """
local function figure(name)
  local value = redis.pcall('HGET', KEYS[1], name)
  return type(value) == 'string' and value or ''
end
local token = figure('token')
if token ~= ARGV[1] or figure('number') ~= ARGV[2] then return false end
local moved = {}
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('RENAME', KEYS[i], ARGV[5 + i])
    redis.call('EXPIRE', ARGV[5 + i], ARGV[3])
    moved[#moved + 1] = i
  end
end
if ARGV[4] ~= '' then token = string.format('%.0f', math.max(tonumber(ARGV[4]), (tonumber(token) or 0) + 1)) end
if not tonumber(token) then token = '0' end
if token ~= '0' or ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'token', token) end
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'schema', ARGV[5], 'number', 0, 'now', ARGV[6], 'seq', 0, 'day', '')
end
return {token, unpack(moved)}
"""
"""KEYS: meta, then those to move. ARGV: token and number as they were found, seconds kept, the least new token (or nothing: it
stays), the schema and time of new figures (or nothing: they stay), a new name for each key. Gives the token and the indexes of
what moved; nothing when somebody else wrote meanwhile."""


class SetAside:
    """``redis``: the store's own connections. ``notes``: what was set aside since we began, in words."""

    def __init__(self, settings: RedisSettings, redis: Redis, *, clock: Callable[[], float] = time.time) -> None:
        self.notes: deque[str] = deque(maxlen=MAX_NOTES)
        self._settings = settings
        self._clock = clock
        self._strangers = redis.register_script(_STRANGERS)
        self._world = redis.register_script(_WORLD)
        self._readers = {
            settings.private("outbox"): "stream",
            settings.private("cursors"): "hash",
            settings.private("owed"): "hash",
            settings.private("timelines_cursor"): "string",
            settings.public("facts"): "stream",
        }

    async def watch(self) -> None:
        """Look after the outbox and what its readers write, for ever. Trouble of Redis is told by those who write."""
        while True:
            try:
                await self.strangers(self._readers)
            except TROUBLE as error:
                log.debug("the keys of Redis were not looked at", error=type(error).__name__)
            await asyncio.sleep(EVERY)

    async def strangers(self, wanted: Mapping[str, str]) -> list[str]:
        """Set aside the keys that have another type than the wanted one; gives their names. Raises what Redis raises."""
        keys, names = list(wanted), self._names(wanted, "unreadable")
        args: list[str | int] = [SET_ASIDE_FOR]
        for key in keys:
            args += (wanted[key], names[key])
        moved: Any = await self._strangers(keys=keys, args=args)
        found = {keys[int(index) - 1]: kind.decode() for index, kind in zip(moved[::2], moved[1::2], strict=True)}
        for key, kind in found.items():
            self._tell(key, f"it is a {kind}, not a {wanted[key]}", names[key])
        return list(found)

    async def unreadable(self, meta: str, keys: Mapping[str, str], found: Found, *, schema: int | None) -> None:
        """Set aside these keys of the world, each with the reason why; with ``schema`` the figures in ``meta`` start again. The
        token stays where it can be read. Raises what Redis raises."""
        names = self._names(keys, "unreadable")
        fresh = ("", "") if schema is None else (schema, repr(self._clock()))
        moved = await self._move(meta, names, found, "", fresh)
        for key in moved[1] if moved is not None else ():
            self._tell(key, keys[key], names[key])

    async def outdated(self, meta: str, keys: Sequence[str], found: Found) -> int | None:
        """Set aside the world of an owner who is gone, and take its place; gives our token, None when somebody wrote meanwhile.
        Raises what Redis raises."""
        names = self._names(keys, "outdated")
        moved = await self._move(meta, names, found, str(int(self._clock() * 1000)), ("", ""))
        if moved is None:
            return None
        token, gone = moved
        if gone:
            kept = [names[key] for key in gone]
            log.error("a world saved before was set aside", redis_keys=gone, kept_as=kept, days=SET_ASIDE_FOR // 86_400)
            self.notes.append(
                f"redis: a world saved before was set aside; kept as {', '.join(kept)} for {SET_ASIDE_FOR // 86_400} days"
            )
        return token

    async def _move(
        self, meta: str, names: Mapping[str, str], found: Found, least: str, fresh: tuple[str | int, str]
    ) -> tuple[int, list[str]] | None:
        """The token then in force, and what moved; None when somebody wrote meanwhile."""
        keys = list(names)
        args = [found.token, found.number, SET_ASIDE_FOR, least, *fresh, *names.values()]
        answer: Any = await self._world(keys=[meta, *keys], args=args)
        if answer is None:
            return None
        token, *moved = answer
        return int(token), [keys[int(index) - 2] for index in moved]

    def _names(self, keys: Iterable[str], why: str) -> dict[str, str]:
        """What keys are called when they are set aside."""
        stamp, private, public = int(self._clock() * 1000), self._settings.private(""), self._settings.public("")
        return {key: self._settings.private(f"{why}:{stamp}:{key.removeprefix(private).removeprefix(public)}") for key in keys}

    def _tell(self, key: str, why: str, kept_as: str) -> None:
        days = SET_ASIDE_FOR // 86_400
        log.error("a key of Redis cannot be read; set aside", redis_key=key, why=why, kept_as=kept_as, days=days)
        self.notes.append(f"redis: {key} could not be read ({why}); kept as {kept_as} for {days} days")
