"""The outbox in Redis: a stream that the script of every save adds to (``store``), read only to catch up.

Beside it, how far each reader has come (``cursors`` keeps the stream as short as they allow).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from callbridge.adapters.outbox.envelope import BEGINNING, Envelope, Place, id_of, place_of, read_back
from callbridge.adapters.outbox.feed import WINDOW, Cursor, Feed, Feeds
from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.adapters.redis.cursors import cursors_key, owed_key

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PAGE = 250
"""Facts read at a time."""
_PLACE = re.compile(rb"(\d{1,20}-\d{1,20}) (\d{1,20}-\d{1,20})")
_ID = re.compile(r"\d{1,20}-\d{1,20}")


class RedisOutbox(Feeds):
    """``most``: facts that wait for a reader in this process, beyond which it reads them from Redis."""

    trouble = TROUBLE

    def __init__(self, settings: RedisSettings, *, most: int = WINDOW) -> None:
        super().__init__()
        self._most = most
        self._key = settings.private("outbox")
        self._cursors, self._owed = cursors_key(settings), owed_key(settings)
        self._redis: Redis = connect(settings)

    def feed(self, reader: str, wants: Collection[str] | None) -> Feed:
        feed = self._feeds[reader] = Feed(wants, most=self._most)
        return feed

    def leave(self, reader: str, *, gone: bool) -> None:
        self._feeds.pop(reader, None)

    async def fill(self, feed: Feed) -> None:
        if feed.live or feed.queue:
            return
        began = feed.begin_page()
        try:
            found: Any = await self._redis.xrange(self._key, min=f"({id_of(began)}", count=PAGE)
        except BaseException:
            feed.no_page(began)
            raise
        facts = [fact for entry_id, entry in found if (fact := read_back(entry_id, entry)) is not None]
        end = place_of(found[-1][0].decode()) if found else began
        feed.page(facts, end, more=len(found) == PAGE)

    async def last(self) -> Place:
        if self._last is not None:
            return self._last
        found: Any = await self._redis.xrevrange(self._key, count=1)
        return place_of(found[0][0].decode()) if found else BEGINNING

    async def cursor(self, reader: str) -> Cursor | None:
        found: Any = await self._redis.hget(self._cursors, reader)
        if found is None:
            return None
        place = _PLACE.fullmatch(found)
        if place is None:
            log.error("an outbox reader's place cannot be read; it continues from now", reader=reader, redis_key=self._cursors)
            return None
        owed = _ids(await self._redis.hget(self._owed, reader))
        if owed is None:  # rather twice than never
            log.error("what an outbox reader is owed cannot be read; delivering again", reader=reader, redis_key=self._owed)
            return Cursor(read=place_of(place[1].decode()))
        return Cursor(read=place_of(place[2].decode()), owed=tuple(owed))

    async def save(self, reader: str, cursor: Cursor) -> None:
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(self._cursors, reader, f"{id_of(cursor.kept)} {id_of(cursor.read)}")
        pipe.hset(self._owed, reader, json.dumps(cursor.owed, separators=(",", ":")))
        await pipe.execute()

    async def facts(self, reader: str, ids: Sequence[str]) -> list[Envelope]:
        pipe = self._redis.pipeline(transaction=False)
        for each in ids:
            pipe.xrange(self._key, each, each)
        found: list[Any] = [entries[0] for entries in await pipe.execute() if entries]
        return [fact for entry_id, entry in found if (fact := read_back(entry_id, entry)) is not None]

    async def close(self) -> None:
        await self._redis.aclose()


def _ids(text: bytes | str | None) -> list[str] | None:
    """The ids in a JSON list; None when it is none."""
    try:
        ids = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return None
    right = isinstance(ids, list) and all(isinstance(each, str) and _ID.fullmatch(each) for each in ids)
    return ids if right else None
