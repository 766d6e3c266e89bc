"""Timelines of calls, kept in Redis beside the saved world for a day: what `calls show` tells after a restart.

Every fact of a call is in the outbox before anything is done about it, in the same script as the world itself. One
reader copies each call's facts, masked, to a list of the call's own that lives a day after its last fact. The copies
and the place reached are written in one transaction: cut off anywhere (kill -9, Redis away), the next start goes on
exactly there, and no fact is lost or told twice. The outbox itself could not serve: it holds a number of facts, not a
day of them, and finding one call's in it means reading all.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from callbridge.adapters.facts.masking import masked
from callbridge.adapters.outbox import OutboxReader
from callbridge.adapters.outbox.envelope import Envelope, Place, masked_data, no_token, place_of
from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.adapters.redis.cursors import cursors_key

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

TIMELINES_READER = "timelines"
"""Our name among the readers of the outbox."""
FORMER_READER = "stories"
"""The name under which older versions kept it, and the place reached."""
TIMELINES_KEPT_FOR = 86_400
"""Seconds for which a timeline is kept after its last fact."""
MAX_FACTS_OF_A_CALL = 200
"""Facts kept of one call: its last ones."""
_ID = re.compile(rb"\d{1,20}-\d{1,20}")
_ADOPT = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[1]) end
else
  redis.call('DEL', KEYS[2])
end
local place = redis.pcall('HGET', KEYS[3], ARGV[2])
if type(place) == 'string' then
  redis.call('HSETNX', KEYS[3], ARGV[1], place)
  redis.call('HDEL', KEYS[3], ARGV[2])
end
"""
"""KEYS: the place reached, the same under its former name, the readers' places. ARGV: the reader's name, its former name."""


class Overtaken(Exception):
    """The place reached is not where we left it: another instance copies, or Redis lost it."""


class TimelineArchive(OutboxReader):
    """``handle`` copies; ``timeline`` reads. ``masked=False`` keeps numbers as they are; ``token`` gives the one under which
    this process writes."""

    name = TIMELINES_READER
    gather = 0.25
    """Until a copy, timelines are told from memory, and on a busy day many facts go in one."""

    def __init__(
        self, settings: RedisSettings, *, masked: bool = True, kept: int = TIMELINES_KEPT_FOR, token: Callable[[], int] = no_token
    ) -> None:
        self._settings = settings
        self._masked = masked
        self._token = token
        self._kept = kept
        self._cursor = settings.private("timelines_cursor")
        self._cursors = cursors_key(settings)
        self._found_at: bytes | None = None
        """The place reached, as it stands in Redis."""
        self._redis: Redis = connect(settings)
        self._adopt = self._redis.register_script(_ADOPT)

    async def place(self) -> Place:
        await self._adopt_former_place()
        found: Any = await self._redis.get(self._cursor)
        self._found_at = found
        reached = found if found is not None and _ID.fullmatch(found) else await self._reached()
        return place_of(reached.decode())

    async def handle(self, facts: Sequence[Envelope]) -> None:
        """Copy, unless somebody else did: an instance that was displaced may still be copying."""
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(self._cursor)
            if await pipe.get(self._cursor) != self._found_at:
                raise Overtaken(f"{self._cursor} was changed by somebody else")
            pipe.multi()  # type: ignore[no-untyped-call]
            told: dict[str, list[str]] = {}
            for fact in facts:
                if fact.call:
                    told.setdefault(fact.call, []).append(self._kept_form(fact))
            for call, kept in told.items():
                pipe.rpush(self._key(call), *kept)
                pipe.ltrim(self._key(call), -MAX_FACTS_OF_A_CALL, -1)
                pipe.expire(self._key(call), self._kept)
            pipe.set(self._cursor, facts[-1].id)
            pipe.hset(self._cursors, TIMELINES_READER, f"{facts[-1].id} {facts[-1].id}")
            await pipe.execute()
        self._found_at = facts[-1].id.encode()

    async def _adopt_former_place(self) -> None:
        """Go on where an older version ended, under the name that it gave the place."""
        keys = [self._cursor, self._settings.private(f"{FORMER_READER}_cursor"), self._cursors]
        await self._adopt(keys=keys, args=[TIMELINES_READER, FORMER_READER])

    async def _reached(self) -> bytes:
        """The place reached, by its copy among the other readers' where ours is lost or cannot be read."""
        place: Any = await self._redis.hget(self._cursors, TIMELINES_READER)
        read = (place or b"").rpartition(b" ")[2]
        return read if _ID.fullmatch(read) else b"0-0"

    async def timeline(self, call: str) -> list[dict[str, Any]] | None:
        """The facts of a call, oldest first, as ``timelines.plain_fact`` gives them; None if none are known or Redis is away."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                kept: Any = await self._redis.lrange(self._key(call), 0, -1)
        except TROUBLE as error:
            log.warning("a timeline cannot be read", error=type(error).__name__)
            return None
        facts = [json.loads(fact) for fact in kept]
        if self._masked:  # also what was kept before masking was turned on, or by a version that masked less
            facts = [masked(fact["type"], fact) for fact in facts]
        return facts or None

    async def close(self) -> None:
        await self._redis.aclose()

    def _key(self, call: str) -> str:
        return self._settings.private(f"timeline:{call}")

    def _kept_form(self, fact: Envelope) -> str:
        data = masked_data(fact, self._token()) if self._masked else fact.data
        head = json.dumps({"seq": fact.seq, "at": fact.at, "type": fact.type, "call": fact.call}, separators=(",", ":"))
        return f"{head[:-1]},{data[1:]}" if data != "{}" else head
