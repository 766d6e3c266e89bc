"""What a standby reads of its leader: the public hashes, and of the saved world the rows that have no hash.

The names come from the saved world, where they are one command: the hashes of calls that ended, of which an hour's are kept, are
not looked at. A list that was just read serves again for a moment, so that many wallboards are as good as one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from redis.asyncio import Redis

from callbridge.adapters.facts.codec import UnreadableRow, decode_row
from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.errors import translated
from callbridge.adapters.views.board import BoardKind
from callbridge.adapters.views.published import view_of
from callbridge.adapters.views.rows import View
from callbridge.core.model.callback import Callback
from callbridge.core.model.switch import Switch

_AT_ONCE = 200
"""Hashes read or rows decoded at a time: a few milliseconds of the loop."""
_SERVES_FOR = 0.5
"""Seconds for which a list is not read again."""
_TABLES: dict[BoardKind, tuple[str, ...]] = {"agent": ("agents", "observed_agents"), "call": ("calls", "observed_calls")}


class PublishedViews:
    """``queues``: the names of those that are configured. Every method may raise StoreDown."""

    def __init__(self, settings: RedisSettings, queues: Callable[[], Iterable[str]]) -> None:
        self._settings = settings
        self._queues = queues
        self._redis: Redis = connect(settings)
        self._read: dict[BoardKind, tuple[float, dict[str, View]]] = {}
        self._turn = asyncio.Lock()

    async def views(self, kind: BoardKind) -> dict[str, View]:
        """All of a kind by name, in order; of calls the live ones."""
        async with self._turn:
            at, found = self._read.get(kind, (float("-inf"), {}))
            if time.monotonic() - at >= _SERVES_FOR:
                with translated():
                    found = await self._views(kind, await self._names(kind))
                self._read[kind] = time.monotonic(), found
            return found

    async def view(self, kind: BoardKind, name: str) -> View | None:
        """The one of this name; of calls also one that ended within the hour."""
        with translated():
            return (await self._views(kind, [name])).get(name)

    async def callbacks(self) -> list[Callback]:
        """Every open callback. Raises FutureSchema."""
        found: list[Callback] = []
        with translated():
            rows: Any = await self._redis.hvals(self._settings.private("callbacks"))
        for start in range(0, len(rows), _AT_ONCE):
            found += filter(None, (_callback(row) for row in rows[start : start + _AT_ONCE]))
            await asyncio.sleep(0)
        return found

    async def switch(self, name: str) -> Switch | None:
        """None when it was never set. Raises FutureSchema."""
        with translated():
            data: Any = await self._redis.hget(self._settings.private("switches"), name)
        try:
            row = decode_row("switches", data) if data is not None else None
        except UnreadableRow:
            return None
        return row if isinstance(row, Switch) else None

    async def close(self) -> None:
        await self._redis.aclose()

    async def _names(self, kind: BoardKind) -> list[str]:
        if kind == "queue":
            days: Any = await self._redis.hkeys(self._settings.private("observed_tallies"))
            return sorted({*self._queues(), *(day.decode(errors="replace").rpartition("|")[0] for day in days)})
        names: set[str] = set()
        for table in _TABLES[kind]:
            keys: Any = await self._redis.hkeys(self._settings.private(table))
            names.update(key.decode(errors="replace") for key in keys)
        return sorted(names)

    async def _views(self, kind: BoardKind, names: list[str]) -> dict[str, View]:
        found: dict[str, View] = {}
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            pipe = self._redis.pipeline(transaction=False)
            for name in part:
                pipe.hgetall(self._settings.public(f"{kind}:{name}"))
            hashes: list[dict[bytes, bytes]] = await pipe.execute()
            found |= {name: view_of(fields) for name, fields in zip(part, hashes, strict=True) if fields}
        return found


def _callback(data: bytes) -> Callback | None:
    try:
        row = decode_row("callbacks", data)
    except UnreadableRow:
        return None
    return row if isinstance(row, Callback) else None
