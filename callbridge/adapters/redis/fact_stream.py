"""The public stream ``facts``: the outbox with people's numbers masked.

A fact's id is its id in both streams. So the stream itself is the cursor, and inserting twice is refused by Redis:
at least once in, exactly once out, whatever is cut off or repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio import Redis

from callbridge.adapters.facts.outbox import FIELDS, is_ours, masked_data, no_token
from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.adapters.redis.cursors import cursors_key

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

FACTS_READER = "facts"
"""Its name among the readers of the outbox."""
_BLOCK = 1.0
"""Seconds for which a read waits for the next fact."""
_GATHER = 0.005
"""Seconds after a copy in which more may come: one copy for a burst instead of one for each save."""
_AT_A_TIME = 250
_PAUSE = 0.5
"""Seconds between attempts while Redis is in trouble."""


_PLAIN = [name.encode() for name in FIELDS if name not in ("id", "data")]
"""The fields that are copied as they are."""
_COPY = f"""
local trouble
for i = 2, #ARGV, {len(FIELDS)} do
  local told = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[i],
    {", ".join(f"'{name}', ARGV[i+{place}]" for place, name in enumerate(FIELDS))})
  if type(told) == 'table' and told.err and not string.find(told.err, 'equal or smaller') then trouble = trouble or told end
end
return trouble or 'copied'
"""
"""KEYS: the stream. ARGV: cap, then the fields of each fact, of which the first is its id. A fact that is there already is passed
over. One answer for all of them: reading one for each fact took longer than all else here."""


class FactStream:
    """Copies facts from the outbox to the public stream, in order. ``masked=False`` tells numbers as they are; ``token`` gives
    the one under which this process writes."""

    def __init__(self, settings: RedisSettings, *, masked: bool = True, token: Callable[[], int] = no_token) -> None:
        self._masked = masked
        self._token = token
        self._cap = settings.facts_cap
        self._outbox = settings.private("outbox")
        self._facts = settings.public("facts")
        self._cursors = cursors_key(settings)
        self._redis: Redis = connect(settings, timeout=settings.timeout + _BLOCK)

    async def run(self) -> None:
        """Copy, for ever."""
        cursor: str | None = None
        while True:
            try:
                if cursor is None:
                    cursor = await self.cursor()
                    await self._redis.hset(self._cursors, FACTS_READER, f"{cursor} {cursor}")
                cursor = await self.copy(cursor, wait=True)
                await asyncio.sleep(_GATHER)
            except TROUBLE as error:
                log.warning("fact stream is behind", error=type(error).__name__)
                cursor = None
                await asyncio.sleep(_PAUSE)

    async def cursor(self) -> str:
        """The id of the last fact that the public stream has."""
        last: Any = await self._redis.xrevrange(self._facts, count=1)
        return str(last[0][0].decode()) if last else "0-0"

    async def copy(self, cursor: str, *, wait: bool = False) -> str:
        """Copy what comes after ``cursor``, at most a few hundred facts; gives the new cursor."""
        block = int(_BLOCK * 1000) if wait else None
        found: Any = await self._redis.xread({self._outbox: cursor}, count=_AT_A_TIME, block=block)
        entries = found[0][1] if found else []
        if not entries:
            return cursor
        cursor = entries[-1][0].decode()
        public = [field for entry_id, entry in entries if is_ours(entry) for field in (entry_id, *self._public(entry))]
        pipe = self._redis.pipeline(transaction=False)
        if public:
            pipe.eval(_COPY, 1, self._facts, self._cap, *public)
        pipe.hset(self._cursors, FACTS_READER, f"{cursor} {cursor}")
        await pipe.execute()
        return cursor

    async def close(self) -> None:
        await self._redis.aclose()

    def _public(self, entry: dict[bytes, bytes]) -> list[bytes]:
        """All fields but the id."""
        public = [entry[field] for field in _PLAIN]
        public.append(masked_data(entry, self._token()).encode() if self._masked else entry[b"data"])
        return public
