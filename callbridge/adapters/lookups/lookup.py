"""Lookups: asks other systems about a caller, by HTTP or from a Redis hash, within a deadline.

Whatever they do - late, refused, garbage, endless - exactly one LookedUp is told for each question, and the caller goes
on. Answers are strangers' words: only short values under plain names get in.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
import structlog
from redis.asyncio import Redis
from yarl import URL

from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.lookups.number_keys import keyed, unkeyed
from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.core.model.events import AnyEvent, LookedUp
from callbridge.core.model.orders import LookUp
from callbridge.core.model.plan import REMEMBERED
from callbridge.wire.phone_numbers import PhoneNumbers

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LARGEST_LOOKUP_REPLY = 64 * 1024
MAX_LOOKUP_VALUES = 50
MAX_ASKED = 100_000
"""Callers of whom we remember without Redis that they were asked."""
LONGEST_VALUE = 100
_NAME = re.compile("[a-z][a-z0-9_]{0,31}")
_LANGUAGE = re.compile("[A-Za-z0-9_-]{1,32}")
_KEY = re.compile(r"[\w+*#.@-]{1,64}")
_FIELD = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupSettings:
    """``url`` or ``key`` (of a Redis hash), with ``{caller}`` and other values in it; ``deadline`` in seconds."""

    name: str
    deadline: float
    url: str = ""
    key: str = ""
    rows: Mapping[str, Mapping[str, str]] | None = None
    """Or a list: number, as ``PhoneNumbers`` reads it -> values."""
    memory: bool = False
    """Or whom the number talked to last."""
    once: float | None = None
    """Neither: an answer when the same caller did not ask within so many seconds (surveys)."""
    token: str = field(default="", repr=False)


class Odd(ValueError):
    """An answer that cannot be used; the message says why."""


class Lookups:
    """``tiers``: those that an answer may name. ``redis``: where hashes are; None when there is no Redis."""

    def __init__(
        self,
        post: Callable[[AnyEvent], None],
        now: Callable[[], float],
        *,
        redis: RedisSettings | None,
        memory: LastAgents | None = None,
    ) -> None:
        self._memory = memory
        self._post = post
        self._now = now
        self._known: dict[str, LookupSettings] = {}
        self._tiers: frozenset[str] = frozenset()
        self._numbers = PhoneNumbers()
        self._redis: Redis | None = connect(redis) if redis is not None else None
        self._private, self._key = (redis.private("asked"), redis.number_key) if redis is not None else ("", b"")
        self._asked: OrderedDict[str, float] = OrderedDict()
        """Without Redis: until when callers are not to be asked again."""
        self._http: aiohttp.ClientSession | None = None

    def adopt(self, wanted: Sequence[LookupSettings], tiers: Collection[str], numbers: PhoneNumbers | None = None) -> None:
        """These from now on."""
        self._numbers = numbers or PhoneNumbers()
        self._known = {one.name: one for one in wanted}
        self._tiers = frozenset(tiers)

    async def perform(self, order: LookUp) -> None:
        """Ask; the answer is told. Never raises."""
        settings = self._known.get(order.lookup)
        found: Mapping[str, str] | None = None
        if settings is not None:
            try:
                async with asyncio.timeout(settings.deadline):
                    if settings.once is not None:
                        caller = order.values.get("caller", "")
                        found = {} if await self._first(settings, self._numbers.identity(caller) or caller) else None
                    else:
                        answer = await self._query(settings, order.values)
                        found = dict(answer) if settings.memory else read(answer, self._tiers)
            except TimeoutError:
                log.warning("a lookup failed", lookup=order.lookup, why=f"no answer within {settings.deadline:g} s")
            except Odd as trouble:
                log.warning("a lookup failed", lookup=order.lookup, why=str(trouble))
            except (aiohttp.ClientError, ValueError, *TROUBLE) as trouble:
                # Not its text: the address stands in it, and there the caller's number and perhaps a key.
                status = f" {trouble.status}" if isinstance(trouble, aiohttp.ClientResponseError) else ""
                log.warning("a lookup failed", lookup=order.lookup, why=f"{type(trouble).__name__}{status}")
        self._post(LookedUp(at=self._now(), call=order.call, question=order.question, found=found))

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
        if self._redis is not None:
            await self._redis.aclose()

    async def _first(self, settings: LookupSettings, caller: str) -> bool:
        """Is it the first time for this caller within the time? A caller without a number is always new."""
        if not caller or not settings.once:
            return True
        who = f"{settings.name}:{keyed(caller, self._key)}"
        if self._redis is not None:
            answer: Any = await self._redis.set(f"{self._private}:{who}", "1", nx=True, ex=max(1, round(settings.once)))
            return bool(answer) and not await self._redis.exists(f"{self._private}:{settings.name}:{unkeyed(caller)}")
        now = self._now()
        if self._asked.get(who, 0.0) > now:
            return False
        self._asked[who] = now + settings.once
        self._asked.move_to_end(who)
        if len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)
        return True

    async def _query(self, settings: LookupSettings, values: Mapping[str, str]) -> Mapping[Any, Any]:
        if settings.memory:
            return await self._memory.recall(values.get("caller", "")) if self._memory is not None else {}
        if settings.rows is not None:
            return settings.rows.get(self._numbers.identity(values.get("caller", "")), {})
        caller = values.get("caller", "")
        values = {**values, "caller": self._numbers.canonical(caller) or caller}  # other systems know one spelling
        if settings.key:
            if self._redis is None:
                raise Odd("there is no Redis")
            answer: Any = await self._redis.hgetall(_filled(settings.key, values, _plain))
            return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in answer.items()}
        return await self._fetch(settings, _filled(settings.url, values, _quoted))

    async def _fetch(self, settings: LookupSettings, url: str) -> Mapping[Any, Any]:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=200, limit_per_host=50, keepalive_timeout=60.0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a short answer may unpack to gigabytes
            )
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token}"
        async with self._http.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as response:
            if response.status == 404:
                return {}  # nobody of that number is known: an answer, too
            if response.status != 200:
                raise Odd(f"HTTP status {response.status}")
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise Odd("compressed, though that was not asked for")
            content = await response.content.read(LARGEST_LOOKUP_REPLY + 1)
            while not response.content.at_eof() and len(content) <= LARGEST_LOOKUP_REPLY:
                content += await response.content.read(LARGEST_LOOKUP_REPLY + 1 - len(content))
        if len(content) > LARGEST_LOOKUP_REPLY:
            raise Odd(f"more than {LARGEST_LOOKUP_REPLY} bytes")
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            raise Odd("not JSON") from None
        if not isinstance(answer, dict):
            raise Odd("not a JSON object")
        return answer


def read(answer: Mapping[Any, Any], tiers: Collection[str]) -> dict[str, str]:
    """The values of an answer that may be used; the rest is left out."""
    found: dict[str, str] = {}
    for name, value in answer.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(found) >= MAX_LOOKUP_VALUES:
            continue
        if not isinstance(value, str | int | float) or name in REMEMBERED:
            continue
        text = ("no", "yes")[value] if isinstance(value, bool) else str(value)
        if not text or len(text) > LONGEST_VALUE or not text.isprintable():
            continue
        if (name == "tier" and text not in tiers) or (name == "language" and not _LANGUAGE.fullmatch(text)):
            continue
        found[name] = text
    return found


def _quoted(value: str) -> str:
    """A value as a part of a path, which it cannot leave."""
    if value in ("", ".", ".."):
        raise Odd("there is nothing to ask by")
    return quote(value, safe="", errors="replace")


def _plain(value: str) -> str:
    """A value as a part of a key: the caller's number is what a trunk sent."""
    if not _KEY.fullmatch(value):
        raise Odd("there is nothing to ask by")
    return value


def _filled(template: str, values: Mapping[str, str], quoted: Callable[[str], str]) -> str:
    return _FIELD.sub(lambda name: quoted(values.get(name[1], "")), template)
