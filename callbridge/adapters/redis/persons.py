"""What Redis holds of one person beside the saved world: timelines, the public hashes of calls, and the streams of facts.

The outbox is only counted: its facts wait for readers, and go when all of them have had them. The public stream is searched for
the person's calls and, where numbers are not masked in it, for the number itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from redis.asyncio import Redis

from callbridge.adapters.facts.person_place import PersonPlace
from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.core.model.numbers import NumberReader

_PAGE = 500
_ARRIVALS = frozenset({b"call_arrived", b"call_adopted", b"caller_changed"})
"""Facts in which the number is the caller's."""
_NOTE = "removed when every reader has read them"


class PersonKeys:
    """``number``: the identity by which numbers are compared. Raises what Redis raises."""

    def __init__(self, settings: RedisSettings, numbers: NumberReader, number: str) -> None:
        self._settings, self._numbers, self._number = settings, numbers, number
        self._redis: Redis = connect(settings)

    async def calls(self) -> set[str]:
        """Calls of this person of which the outbox knows: those that no database has."""
        found = await self._found(self._settings.private("outbox"), frozenset(), _ARRIVALS)
        return {call for _, call in found if call}

    async def look(self, calls: Collection[str], others: Collection[str], *, erase: bool) -> list[PersonPlace]:
        """What is there of the person's ``calls``, and of the number; ``others``: calls that were transferred to it."""
        found = [
            await self._keys("timelines", [self._settings.private(f"timeline:{call}") for call in calls], erase=erase),
            await self._keys("call hashes", [self._settings.public(f"call:{call}") for call in calls], erase=erase),
            await self._of_others([self._settings.private(f"timeline:{call}") for call in others], erase=erase),
            await self._public(frozenset(calls), erase=erase),
        ]
        waiting = len(await self._found(self._settings.private("outbox"), frozenset()))
        return [*found, PersonPlace(place="outbox", found=waiting, note=_NOTE if waiting else "")]

    async def close(self) -> None:
        await self._redis.aclose()

    async def _keys(self, place: str, keys: list[str], *, erase: bool) -> PersonPlace:
        found = erased = 0
        for at in range(0, len(keys), _PAGE):
            found += int(await self._redis.exists(*keys[at : at + _PAGE]))
            if erase:
                erased += int(await self._redis.delete(*keys[at : at + _PAGE]))
        return PersonPlace(place=place, found=found, erased=erased)

    async def _of_others(self, keys: list[str], *, erase: bool) -> PersonPlace:
        """Only the facts that name the number go."""
        found = erased = 0
        for key in keys:
            rows: Any = await self._redis.lrange(key, 0, -1)
            for row in rows:
                if self._names(row):
                    found += 1
                    erased += int(await self._redis.lrem(key, 0, row)) if erase else 0
        return PersonPlace(place="timelines of others", found=found, erased=erased)

    async def _public(self, calls: frozenset[str], *, erase: bool) -> PersonPlace:
        key = self._settings.public("facts")
        own = [name for name, _ in await self._found(key, calls)]
        erased = 0
        if erase:
            for at in range(0, len(own), _PAGE):
                erased += int(await self._redis.xdel(key, *own[at : at + _PAGE]))
        return PersonPlace(place="public stream", found=len(own), erased=erased)

    async def _found(self, key: str, calls: frozenset[str], types: frozenset[bytes] | None = None) -> list[tuple[bytes, str]]:
        """(id, call) of the entries of a stream that are about these calls, or name the number: a page at a time, so that neither
        Redis nor the loop is held up. ``types``: facts of these only."""
        found: list[tuple[bytes, str]] = []
        after = "-"
        while True:
            page: Any = await self._redis.xrange(key, min=after, count=_PAGE)
            for name, fact in page:
                call = fact.get(b"call", b"").decode()
                if types is not None and fact.get(b"type") not in types:
                    continue
                if call in calls or self._is_of(fact):
                    found.append((name, call))
            if len(page) < _PAGE:
                return found
            after = f"({page[-1][0].decode()}"

    def _is_of(self, fact: dict[bytes, bytes]) -> bool:
        return self._names(fact.get(b"data", b""))

    def _names(self, data: bytes) -> bool:
        """Does this JSON object name the number, however it is written?"""
        digits = self._number.lstrip("+").encode()
        if digits[-6:] not in data and b'"number"' not in data:
            return False
        try:
            said = json.loads(data)
        except (ValueError, RecursionError):
            return digits in data
        return any(self._numbers.identity(text) == self._number for text in _texts(said))


def _texts(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        for name, value in said.items():
            if isinstance(value, str) and value and name in ("number", "to", "target"):
                yield value.removeprefix("number:")
