"""How far each reader of the outbox has come, and the trimming of the outbox: past the slowest of them, no further.

A reader keeps two ids under its name: from where the outbox must be *kept* for it (its oldest unfinished fact), and up
to where it has *read*. Beyond the cap the oldest facts go all the same; what a reader has not read by then is lost to
it, counted and told. Saves never trim: a reader that stands still costs memory up to the cap, never time. The public
stream is always kept up to its cap; the consumer groups of others that fall behind it are told of, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import structlog
from redis.asyncio import Redis

from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Lost = Callable[[str, int], None]
"""Hears which reader lost how many facts."""

_FORMER = {"stories": "timelines"}
"""Readers that an older version, displaced and not gone yet, may still write under another name: nothing is kept for them."""
_EVERY = 1.0
"""Seconds between trims."""
_ENTRIES_AT_ONCE = 200
"""Facts looked at in one script beyond the cap: Redis does nothing else meanwhile."""

_TRIM = """
local function parts(id)
  local first, second = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(first), tonumber(second)
end
local function before(one, other)
  local a, b = parts(one)
  local c, d = parts(other)
  return a < c or (a == c and b < d)
end
local readers = redis.call('HGETALL', KEYS[2])
local known, slowest = {}, nil
for i = 1, #readers, 2 do
  local keep = string.match(readers[i + 1], '^%d+%-%d+') or '0-0'
  known[readers[i]] = true
  if not slowest or before(keep, slowest) then slowest = keep end
end
for i = 3, #ARGV do
  if not known[ARGV[i]] then slowest = nil end
end
if slowest then redis.call('XTRIM', KEYS[1], 'MINID', '~', slowest) end
local length = redis.call('XLEN', KEYS[1])
local over = length - tonumber(ARGV[1])
if over <= 0 then return {0} end
local cut = math.min(over, tonumber(ARGV[2]))
local going = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', cut)
local answer = {over - cut}
for i = 1, #readers, 2 do
  local read, count = string.match(readers[i + 1], '%d+%-%d+$') or '0-0', 0
  for j = #going, 1, -1 do
    if not before(read, going[j][1]) then break end
    count = count + 1
  end
  if count > 0 then
    answer[#answer + 1] = readers[i]
    answer[#answer + 1] = count
  end
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', length - cut)
return answer
"""
"""KEYS: outbox, cursors. ARGV: cap, slice, readers without whose cursor nothing is trimmed below the cap.
Gives how many facts are still beyond the cap, then pairs of reader and facts lost to it."""


def cursors_key(settings: RedisSettings) -> str:
    """The hash reader -> ``<kept from> <read up to>``."""
    return settings.private("cursors")


def owed_key(settings: RedisSettings) -> str:
    """The hash reader -> JSON list of the facts that it has read and not finished."""
    return settings.private("owed")


class Trimmer:
    """``readers`` gives who reads the outbox in this process. Cursors of hooks that are no more are taken away."""

    def __init__(self, settings: RedisSettings, readers: Callable[[], Collection[str]], lost: Lost) -> None:
        self._cap = settings.outbox_cap
        self._keys = [settings.private("outbox"), cursors_key(settings)]
        self._owed = owed_key(settings)
        self._facts = settings.public("facts")
        self._groups: dict[str, int] = {}
        """Group -> seq of the last fact about whose loss we know."""
        self._readers = readers
        self._lost = lost
        self._redis: Redis = connect(settings)
        self._script = self._redis.register_script(_TRIM)

    async def run(self) -> None:
        """Trim, for ever. Trouble of Redis is told by those who have something to write."""
        while True:
            try:
                await self.trim()
            except TROUBLE as error:
                log.debug("the outbox was not trimmed", error=type(error).__name__)
            await asyncio.sleep(_EVERY)

    async def trim(self) -> None:
        """Trim now, and tell what was lost to whom."""
        await self._forget_hooks()
        beyond = True
        while beyond:
            left, *lost = await self._script(keys=self._keys, args=[self._cap, _ENTRIES_AT_ONCE, *sorted(self._readers())])
            for reader, count in zip(lost[::2], lost[1::2], strict=True):
                self._tell(reader.decode(), count)
            beyond = left > 0
        await self._watch_groups()

    async def close(self) -> None:
        await self._redis.aclose()

    def _tell(self, reader: str, count: int) -> None:
        log.error("facts were cut unread", reader=reader, facts=count)
        self._lost(reader, count)

    async def _watch_groups(self) -> None:
        """Facts are numbered without gaps, so what was cut before a group got it can be counted from ids alone."""
        first: Any = await self._redis.xrange(self._facts, count=1)
        if not first:
            return
        cut = _seq(first[0][0]) - 1
        groups: Any = await self._redis.xinfo_groups(self._facts)
        for group in groups:
            name, read = group["name"].decode(errors="replace"), _seq(group["last-delivered-id"])
            known = max(read, self._groups.get(name, cut))
            if cut > known:
                self._tell(f"group:{name}", cut - known)
            self._groups[name] = max(cut, known)

    async def _forget_hooks(self) -> None:
        known = set(self._readers())
        found: Any = await self._redis.hkeys(self._keys[1])
        readers = [each.decode(errors="replace") for each in found]
        stale = [reader for reader in readers if reader.startswith("hook:") and reader not in known]
        stale += [former for former, reader in _FORMER.items() if former in readers and reader in readers]
        if stale:
            await self._redis.hdel(self._keys[1], *stale)
            await self._redis.hdel(self._owed, *stale)


def _seq(fact_id: bytes) -> int:
    return int(fact_id.rpartition(b"-")[2])
