"""The lease in Redis: each act is one script, so that no two instances can do it at once.

A claim names the lease that was seen; it fails when Redis holds another one by now. The token of a claim is newer than every
token that Redis knows, of the lease or of the saved world, so a former leader's saves are refused from then on. A leader whose
token is the newest writes its lease again wherever Redis has lost it or went back to an older one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import ResponseError

from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.errors import is_wrong_type, translated
from callbridge.adapters.redis.set_aside import SetAside
from callbridge.adapters.store import Displaced

ANSWERS_WITHIN = 0.5
"""Seconds. A Redis that takes longer is of no use to a lease: the request is sent again."""
_REPORTS_LAST = 1.0
"""Seconds of Redis's clock after which the report of a standby no longer counts."""

_READ = """
local lease = redis.call('HMGET', KEYS[2], 'token', 'holder', 'beat', 'released', 'address', 'unlinked', 'now')
local function text(value) return value or '' end
local function number(value) return tonumber(value or '0') or 0 end
local function able(oldest, forget)
  local standbys, found = redis.call('HGETALL', KEYS[3]), 0
  for i = 1, #standbys, 2 do
    local able, at = string.match(standbys[i + 1], '^(%d) (%d+)$')
    if not able or tonumber(at) < oldest then
      if forget then redis.call('HDEL', KEYS[3], standbys[i]) end
    elseif able == '1' then
      found = found + 1
    end
  end
  return found
end
local function moment()
  local now = redis.call('TIME')
  return tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
end
"""
_LOOK = (
    _READ
    + """
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[2] .. ' ' .. string.format('%.0f', moment()))
end
return {text(lease[1]), text(lease[2]), text(lease[3]), text(lease[4]), text(lease[5]), text(lease[6]), text(lease[7])}
"""
)
"""KEYS: meta, lease, standbys. ARGV: holder, '1' or '0' to report that it could take over or could not, '' to report nothing."""

_CLAIM = (
    _READ
    + """
if text(lease[1]) ~= ARGV[4] or text(lease[2]) ~= ARGV[5] or text(lease[3]) ~= ARGV[6] or text(lease[4]) ~= ARGV[7] then
  return {}
end
local last = math.max(number(redis.call('HGET', KEYS[1], 'token')), number(lease[1]))
local token = string.format('%.0f', math.max(tonumber(ARGV[1]), last + 1))
redis.call('HSET', KEYS[1], 'token', token)
redis.call('HDEL', KEYS[2], 'released', 'unlinked', 'now')
redis.call('HSET', KEYS[2], 'token', token, 'holder', ARGV[2], 'beat', '0', 'address', ARGV[3])
redis.call('HDEL', KEYS[3], ARGV[2])
return {token, redis.call('HGET', KEYS[1], 'number') or '0'}
"""
)
"""ARGV: epoch ms, holder, address, then token, holder, beat and released of the lease that was seen."""

_RENEW = (
    _READ
    + """
local mine, theirs = tonumber(ARGV[1]), number(lease[1])
if number(redis.call('HGET', KEYS[1], 'token')) > mine or theirs > mine then return {'displaced'} end
local others = text(lease[2]) ~= '' and text(lease[2]) ~= ARGV[2]
if others and (theirs == mine or ARGV[6] ~= 'any') then return {'displaced'} end
if text(lease[2]) == '' and ARGV[6] == 'own' then return {'missing'} end
redis.call('HDEL', KEYS[2], 'released')
redis.call('HSET', KEYS[2], 'token', ARGV[1], 'holder', ARGV[2], 'beat', ARGV[3], 'address', ARGV[4], 'unlinked', ARGV[7],
  'now', ARGV[8])
return {'renewed', able(moment() - tonumber(ARGV[5]), true)}
"""
)
"""ARGV: token, holder, beat, address, ms for which a standby's report counts, which lease may be overwritten, the PBXs without a
link, the leader's time."""

_HELD = (
    _READ
    + """
local held = {able(moment() - tonumber(ARGV[1]), false)}
for i = 1, 7 do held[i + 1] = text(lease[i]) end
return held
"""
)
"""ARGV: ms for which a standby's report counts."""

_RELEASE = (
    _READ
    + """
if text(lease[1]) == ARGV[1] and text(lease[2]) == ARGV[2] then redis.call('HSET', KEYS[2], 'released', '1') end
return 1
"""
)
"""ARGV: token, holder."""


class Overwrites(StrEnum):
    """Which lease a leader writes over; never one with a newer token."""

    OWN = "own"
    MISSING = "missing"
    """Its own, or none."""
    ANY = "any"
    """Also another's with an older token: Redis has gone back to an older state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFound:
    """The lease's fields as Redis has them; empty texts where there is no lease."""

    token: str = ""
    holder: str = ""
    beat: str = ""
    released: str = ""
    address: str = ""
    """Where people reach the holder's HTTP."""
    unlinked: frozenset[str] = frozenset()
    """The PBXs to which the holder has no link."""
    now: float | None = None
    """The holder's time when it last renewed the lease; None where it has not said so."""

    @property
    def missing(self) -> bool:
        return not self.holder

    @property
    def given_up(self) -> bool:
        return bool(self.released)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """``number``: of the last save of the world."""

    token: int
    number: int


class RedisLease:
    """``holder`` names this process, ``address`` is told to others. Every method may raise StoreDown."""

    def __init__(self, settings: RedisSettings, *, holder: str, address: str, clock: Callable[[], float] = time.time) -> None:
        self.holder = holder
        self._address = address
        self._clock = clock
        timeout = min(ANSWERS_WITHIN, settings.timeout)
        self._redis: Redis = connect(replace(settings, connect_timeout=min(timeout, settings.connect_timeout)), timeout=timeout)
        self._keys = [settings.private("meta"), settings.private("lease"), settings.private("standbys")]
        self._aside = SetAside(settings, self._redis)
        self._beat = 0
        self._look_script = self._redis.register_script(_LOOK)
        self._claim_script = self._redis.register_script(_CLAIM)
        self._renew_script = self._redis.register_script(_RENEW)
        self._held_script = self._redis.register_script(_HELD)
        self._release_script = self._redis.register_script(_RELEASE)

    async def look(self, able: bool | None = None) -> LeaseFound:
        """The lease. ``able``: report that we could take over, or could not."""
        report = "" if able is None else str(int(able))
        return _found(await self._run(self._look_script, [self.holder, report]))

    async def held(self) -> tuple[LeaseFound, int]:
        """The lease, and how many standbys could take over. Writes nothing."""
        with translated():
            standbys, *found = await self._held_script(keys=self._keys, args=[int(_REPORTS_LAST * 1000)])
        return _found(found), int(standbys)

    async def claim(self, seen: LeaseFound) -> Claimed | None:
        """Take the lease that was seen; None when it is another one by now."""
        moment = int(self._clock() * 1000)
        known = [text.encode("latin-1") for text in (seen.token, seen.holder, seen.beat, seen.released)]
        args: list[bytes | str | int] = [moment, self.holder, self._address, *known]
        claimed = await self._run(self._claim_script, args)
        if not claimed:
            return None
        self._beat = 0
        return Claimed(token=int(claimed[0]), number=int(claimed[1]))

    async def renew(self, token: int, over: Overwrites, unlinked: Collection[str] = (), now: float | None = None) -> int | None:
        """``unlinked``: the PBXs to which we have no link; ``now``: our time, if we have one yet. Returns how many standbys could
        take over; None where the lease is missing and may not be written. Raises Displaced."""
        self._beat += 1
        args: list[str | int] = [
            token,
            self.holder,
            self._beat,
            self._address,
            int(_REPORTS_LAST * 1000),
            over.value,
            ",".join(unlinked),
            "" if now is None else repr(now),
        ]
        answer = await self._run(self._renew_script, args)
        if answer[0] == b"displaced":
            raise Displaced("another instance has the lease")
        return int(answer[1]) if answer[0] == b"renewed" else None

    async def release(self, token: int) -> None:
        """Give the lease up, if it is still ours."""
        await self._run(self._release_script, [token, self.holder])

    async def _run(self, script: AsyncScript, args: Sequence[bytes | str | int]) -> Any:
        """A key that somebody has written with another type is set aside: else nobody could lead any more."""
        with translated():
            try:
                return await script(keys=self._keys, args=args)
            except ResponseError as error:
                if not is_wrong_type(error):
                    raise
            await self._aside.strangers(dict.fromkeys(self._keys, "hash"))
            return await script(keys=self._keys, args=args)

    async def close(self) -> None:
        await self._redis.aclose()


def _found(fields: list[bytes]) -> LeaseFound:
    token, holder, beat, released = (each.decode("latin-1") for each in fields[:4])  # whatever it is, a claim can name it
    address, unlinked = (each.decode(errors="replace") for each in fields[4:6])
    return LeaseFound(
        token=token,
        holder=holder,
        beat=beat,
        released=released,
        address=address,
        unlinked=frozenset(filter(None, unlinked.split(","))),
        now=_moment(fields[6]),
    )


def _moment(text: bytes) -> float | None:
    """None for what is no time: anybody may have written there."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
