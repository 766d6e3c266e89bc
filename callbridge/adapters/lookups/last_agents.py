"""Who talked to whom last, by number: for the agent who is tried first, and to know who calls again.

Kept in Redis until it is of no use any more; without Redis in this process, for the latest callers. A memory that is away
costs the courtesy, never a call: nobody waits for it longer than its lookup's deadline.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from callbridge.adapters.lookups.number_keys import keyed, unkeyed
from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.core.model.facts import AnyFact, CallerChanged, TalkBegan
from callbridge.core.model.numbers import plain
from callbridge.wire.phone_numbers import PhoneNumbers

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_CALLERS_REMEMBERED = 100_000
"""Callers whom we remember without Redis."""
MAX_OWED = 10_000
"""Talks to be written down while Redis is away; older ones are forgotten."""
_SAVE_RETRY = 1.0


class LastAgents:
    """``number_of`` gives the caller's number of a call that lives, or has just ended."""

    def __init__(self, now: Callable[[], float], number_of: Callable[[str], str], *, redis: RedisSettings | None) -> None:
        self._now = now
        self._number_of = number_of
        self._redis: Redis | None = connect(redis) if redis is not None else None
        self._private, self._key = (redis.private("talked"), redis.number_key) if redis is not None else ("", b"")
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._owed: deque[tuple[str, str]] = deque(maxlen=MAX_OWED)
        self._wake = asyncio.Event()
        self._lasts = 0.0
        self._repeat = 0.0
        self._numbers = PhoneNumbers()
        self._renamed: Mapping[str, str] = {}

    def adopt(self, lasts: float, repeat: float, numbers: PhoneNumbers, renamed: Mapping[str, str] | None = None) -> None:
        """Remember talks for ``lasts`` seconds (0: not at all); one who talked within ``repeat`` repeats. ``renamed``: queues
        by their names before."""
        self._lasts, self._repeat, self._numbers, self._renamed = lasts, repeat, numbers, renamed or {}

    def on_facts(self, facts: Sequence[AnyFact]) -> None:
        """Note who talks to whom. Returns at once."""
        for fact in facts if self._lasts > 0 else ():
            talks = isinstance(fact, TalkBegan) or (isinstance(fact, CallerChanged) and fact.talking)
            if talks and (who := self._who(self._number_of(fact.call))):
                row = json.dumps({"agent": fact.agent, "queue": fact.queue, "at": round(fact.at, 3)}, separators=(",", ":"))
                self._note(who, row)

    def _note(self, who: str, row: str) -> None:
        if self._redis is not None:
            self._owed.append((who, row))
            self._wake.set()
            return
        self._kept[who] = (self._now() + self._lasts, row)
        self._kept.move_to_end(who)
        if len(self._kept) > MAX_CALLERS_REMEMBERED:
            self._kept.popitem(last=False)

    async def run(self) -> None:
        """Write down what was noted, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._owed and self._redis is not None:
                who, row = self._owed[0]
                try:
                    await self._redis.set(f"{self._private}:{who}", row, ex=max(1, round(self._lasts)))
                except TROUBLE as trouble:
                    log.warning("last agents cannot be saved", error=type(trouble).__name__)
                    await asyncio.sleep(_SAVE_RETRY)
                    continue
                if self._owed and self._owed[0] == (who, row):
                    self._owed.popleft()

    async def recall(self, number: str) -> Mapping[str, str]:
        """``last_agent``, ``last_queue``, ``last_at`` (epoch seconds) and ``repeat`` (``yes`` for who calls again); nothing when
        the number has not talked to anybody. Raises what Redis raises."""
        who = self._who(number)
        known = await self._read(who) if who else None
        for before in self._before(number) if who and known is None else ():
            known = known or await self._read(before)
        try:
            row: Any = json.loads(known) if known is not None else None
            agent, queue, at = str(row["agent"]), str(row["queue"]), float(row["at"])
        except (ValueError, KeyError, TypeError):
            return {}
        again = {"repeat": "yes"} if self._now() - at <= self._repeat else {}
        queue = self._renamed.get(queue, queue)
        return {"last_agent": agent, "last_queue": queue, "last_at": f"{at:.3f}"} | again

    async def forget(self, number: str) -> bool:
        """Forget the number; False if nothing was known of it. Raises what Redis raises."""
        keys = {who for who in (self._who(number), *self._before(number)) if who}
        self._owed = deque((one for one in self._owed if one[0] not in keys), maxlen=MAX_OWED)
        kept = [who for who in keys if self._kept.pop(who, None) is not None]
        if self._redis is None or not keys:
            return bool(kept)
        return bool(await self._redis.delete(*(f"{self._private}:{who}" for who in keys)))

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def _read(self, who: str) -> str | bytes | None:
        if self._redis is not None:
            answer: str | bytes | None = await self._redis.get(f"{self._private}:{who}")
            return answer
        until, row = self._kept.get(who, (0.0, ""))
        return row if until > self._now() else None

    def _who(self, number: str) -> str:
        """The number as a key, never in clear; empty for what is no number."""
        digits = self._numbers.identity(number).lstrip("+")
        return keyed(digits, self._key) if digits else ""

    def _before(self, number: str) -> set[str]:
        """Its keys when there was no secret, and when numbers were kept as they came."""
        return {unkeyed(digits) for each in (self._numbers.identity(number), plain(number)) if (digits := each.lstrip("+"))}
