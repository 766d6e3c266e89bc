"""The public stream ``facts``: the outbox with people's numbers masked.

A fact's id is its id in both streams. So the stream itself says how far it is, and inserting twice is refused by Redis:
at least once in, exactly once out, whatever is cut off or repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import Redis

from callbridge.adapters.outbox import OutboxReader
from callbridge.adapters.outbox.envelope import BEGINNING, FIELDS, Envelope, Place, masked_data, no_token, place_of
from callbridge.adapters.redis.connection import RedisSettings, connect

FACTS_READER = "facts"
"""Its name among the readers of the outbox."""
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


class FactStream(OutboxReader):
    """Copies facts from the outbox to the public stream, in order. ``masked=False`` tells numbers as they are; ``token`` gives
    the one under which this process writes."""

    name = FACTS_READER
    gather = 0.005

    def __init__(self, settings: RedisSettings, *, masked: bool = True, token: Callable[[], int] = no_token) -> None:
        self._masked = masked
        self._token = token
        self._cap = settings.facts_cap
        self._facts = settings.public("facts")
        self._redis: Redis = connect(settings)
        self._copy = self._redis.register_script(_COPY)

    async def place(self) -> Place:
        """Of the last fact that the public stream has."""
        last: Any = await self._redis.xrevrange(self._facts, count=1)
        return place_of(last[0][0].decode()) if last else BEGINNING

    async def handle(self, facts: Sequence[Envelope]) -> None:
        public = [value for fact in facts for value in self._public(fact)]
        await self._copy(keys=[self._facts], args=[self._cap, *public])

    async def close(self) -> None:
        await self._redis.aclose()

    def _public(self, fact: Envelope) -> tuple[str | int, ...]:
        """In the order of FIELDS."""
        return (
            fact.id,
            fact.seq,
            repr(fact.at),
            fact.type,
            fact.call,
            fact.pbx,
            fact.uniqueid,
            fact.linkedid,
            fact.v,
            masked_data(fact, self._token()) if self._masked else fact.data,
        )
