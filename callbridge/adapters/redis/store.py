"""The world in Redis: one atomic script for each batch, and a whole that is built beside the old one and swapped in.

The scripts compare the token first and the number second. A token below ours, or none, means that Redis lost its
memory or was restored from an old copy: deltas are refused until the whole is saved. Rows are hashes, one for each
table; the batch's facts go to the outbox stream in the same script (``cursors`` trims it), and once that is known to have
happened, to the feeds of their readers.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

from redis.asyncio import Redis

from callbridge.adapters.facts.codec import FORMER_TABLES, TABLES, FutureSchema, UnreadableRow, decode_row, encode_row
from callbridge.adapters.facts.migrations import SCHEMA
from callbridge.adapters.outbox.envelope import Envelope, Stamper
from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.errors import translated
from callbridge.adapters.redis.outbox import RedisOutbox
from callbridge.adapters.redis.set_aside import SetAside
from callbridge.adapters.redis.world_figures import Found, unreadable, whose
from callbridge.adapters.store import (
    OWNER_SILENT,
    BadRowFound,
    Delta,
    Displaced,
    Meta,
    Saved,
    SaveNumbers,
    SnapshotOwed,
    StoreDown,
    StoreRefuses,
    Unreadable,
    Whole,
)
from callbridge.adapters.system.threads import Threads
from callbridge.core.model.saved_tables import SAVED_TABLES

_TELL = """
local function tell(outbox, first)
  for i = first, #ARGV, 12 do
    local told = redis.pcall('XADD', outbox, ARGV[i], 'id', ARGV[i], 'seq', ARGV[i+1], 'at', ARGV[i+2],
      'type', ARGV[i+3], 'call', ARGV[i+4], 'pbx', ARGV[i+5], 'uniqueid', ARGV[i+6], 'linkedid', ARGV[i+7],
      'v', ARGV[i+8], 'data', ARGV[i+9], 'personal', ARGV[i+10], 'caller', ARGV[i+11])
    if type(told) == 'table' and told.err and not string.find(told.err, 'equal or smaller') then
      error(told.err)
    end
  end
end
local function describe(meta, first)
  redis.call('HSET', meta, 'schema', ARGV[first], 'now', ARGV[first+1], 'seq', ARGV[first+2], 'day', ARGV[first+3])
end
local mine, number = tonumber(ARGV[1]), tonumber(ARGV[2])
local theirs = tonumber(redis.call('HGET', KEYS[1], 'token') or '0')
local stored = tonumber(redis.call('HGET', KEYS[1], 'number') or '0')
if theirs > mine then return 'displaced' end
"""

_SAVE = (
    _TELL
    + """
if theirs < mine then return 'forgotten' end
if number <= stored then return 'old' end
if stored ~= tonumber(ARGV[3]) then return 'gap' end
local rows = tonumber(ARGV[4])
for i = 9, 8 + 3 * rows, 3 do
  local key = KEYS[tonumber(ARGV[i])]
  if ARGV[i+2] == '' then redis.call('HDEL', key, ARGV[i+1]) else redis.call('HSET', key, ARGV[i+1], ARGV[i+2]) end
end
tell(KEYS[2], 9 + 3 * rows)
describe(KEYS[1], 5)
redis.call('HSET', KEYS[1], 'number', ARGV[2])
return 'saved'
"""
)
"""KEYS: meta, outbox, tables. ARGV: token, number, base, how many rows, 4 of meta, (table, key, row)..., facts..."""

_SWAP = (
    _TELL
    + """
if theirs == mine and number <= stored then return 'old' end
local tables = (#KEYS - 2) / 2
for i = 2, 2 + tables do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'none' and kind ~= (i == 2 and 'stream' or 'hash') then
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kind)
  end
end
for i = 3, 2 + tables do
  if redis.call('HLEN', KEYS[i + tables]) ~= tonumber(ARGV[i]) then return 'torn' end
end
for i = 3, 2 + tables do
  if tonumber(ARGV[i]) > 0 then
    redis.call('PERSIST', KEYS[i + tables])
    redis.call('RENAME', KEYS[i + tables], KEYS[i])
  else
    redis.call('DEL', KEYS[i])
  end
end
tell(KEYS[2], 7 + tables)
describe(KEYS[1], 3 + tables)
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'number', ARGV[2])
return 'saved'
"""
)
"""KEYS: meta, outbox, tables, staged tables. ARGV: token, number, rows of each table, 4 of meta, facts..."""

_TAKE_OVER = """
local last = tonumber(redis.call('HGET', KEYS[1], 'token') or '0')
local token = string.format('%.0f', math.max(tonumber(ARGV[1]), last + 1))
redis.call('HSET', KEYS[1], 'token', token)
return {token, redis.call('HGET', KEYS[1], 'number') or '0'}
"""

PRESENT = tuple(one.name for one in SAVED_TABLES if one.present)
"""Tables that mean nothing without each other: where one cannot be read, the present is rebuilt from what the PBX shows.
What is owed (callbacks, campaigns, numbers on their way to the do-not-call list) is kept."""
_HASHES = (*TABLES, *FORMER_TABLES)
"""The hashes of a world. Those under a former name are read, and gone after the first whole save: nothing is written there."""
_STAGED_FOR = 60
"""Seconds after which the staged rows of a process that died go away."""
_WORLD_ROWS_AT_ONCE = 500
"""Rows encoded, sent or decoded at a time: a few milliseconds of the loop."""


_Decoded = dict[bytes, tuple[bytes, object]]
"""Key -> a row as it is stored, and what it says."""


class RedisStore:
    """One instance's view of the saved world. Not to be shared: it remembers what it saved."""

    durable = True

    def __init__(self, settings: RedisSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._redis: Redis = connect(settings)
        self._ledger = SaveNumbers()
        self._staged: list[str] = []
        """Keys of the rows that a save of everything has written so far."""
        self._stamper = Stamper()
        self._token = 0
        self._threads = Threads("store")
        self._preloaded: dict[str, _Decoded] = {}
        self._meta = settings.private("meta")
        self._outbox = settings.private("outbox")
        self.outbox = RedisOutbox(settings)
        self._tables = [settings.private(table) for table in _HASHES]
        self._kinds = {self._meta: "hash", self._outbox: "stream", **dict.fromkeys(self._tables, "hash")}
        self.aside = SetAside(settings, self._redis, clock=clock)
        self._save = self._redis.register_script(_SAVE)
        self._swap = self._redis.register_script(_SWAP)
        self._take_over = self._redis.register_script(_TAKE_OVER)

    @property
    def token(self) -> int:
        return self._token

    @property
    def number(self) -> int:
        return self._ledger.sent

    @property
    def snapshot_owed(self) -> bool:
        return self._ledger.owed

    async def take_over(self) -> int:
        with translated():
            token, number = await self._take_over(keys=[self._meta], args=[int(self._clock() * 1000)])
        self.lead(int(token), int(number))
        return self._token

    def lead(self, token: int, number: int) -> None:
        """We have a token newer than every one before; ``number``: of the last save."""
        self._token = token
        self._ledger.start(number)
        self.outbox.begin_term()

    async def look(self) -> object:
        with translated():
            found = await self._found()
        return found if found.number else None

    async def holds(self) -> bool | None:
        if not self._token:
            return None
        try:
            with translated():
                theirs: Any = await self._redis.hget(self._meta, "token")
            token = int(theirs or 0)
        except (StoreDown, ValueError):
            return None
        return False if token > self._token else True if token == self._token else None

    async def set_aside(self) -> None:
        with translated():
            wrong, meta = await self._wrong()
            told = unreadable(meta, rows=await self._any_row()) if self._meta not in wrong else wrong[self._meta]
            if told or any(self._table(table) in wrong for table in PRESENT):
                for table in PRESENT:
                    wrong.setdefault(self._table(table), "its world cannot be read")
            if told:
                wrong[self._meta] = told
            schema = SCHEMA if told else None
            await self.aside.unreadable(self._meta, wrong, whose(meta), schema=schema)

    async def load(self) -> Saved | None:
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            for key in (self._meta, *self._tables):
                pipe.hgetall(key)
            meta, *tables = await pipe.execute()
        if problem := unreadable(meta, rows=any(tables)):
            raise Unreadable(f"{self._meta}: {problem}")
        if b"number" not in meta:
            return None
        saved = Saved(
            number=int(meta[b"number"]),
            meta=Meta(now=float(meta[b"now"]), seq=int(meta[b"seq"]), day=meta[b"day"].decode()),
        )
        for name, rows in zip(_HASHES, tables, strict=True):
            await self._threads.run(partial(_decode, saved, FORMER_TABLES.get(name, name), rows, self._preloaded.get(name, {})))
        self._preloaded.clear()
        if int(meta[b"schema"]) < SCHEMA or any(tables[len(TABLES) :]):
            self._ledger.owe()
        self._stamper.know(saved.rows["calls"])
        return saved

    async def preload(self) -> None:
        """Decode what is saved now, so that ``load`` only has to decode what changes until then. For a standby: its leader's
        saves are hardly delayed, because Redis is asked for a few rows at a time. Raises FutureSchema."""
        for name, key in zip(_HASHES, self._tables, strict=True):
            with translated():
                rows = {field: row async for field, row in self._redis.hscan_iter(key, count=_WORLD_ROWS_AT_ONCE)}
            known = self._preloaded.get(name, {})
            self._preloaded[name] = await self._threads.run(partial(_decoded, FORMER_TABLES.get(name, name), rows, known))

    async def save(self, delta: Delta) -> None:
        base = self._ledger.begin(delta.number)
        rows: list[bytes | str | int] = []
        for (table, key), row in delta.changed.items():
            if table in TABLES:
                rows += (3 + TABLES.index(table), key, b"" if row is None else encode_row(table, row))
        args = [self._token, delta.number, base, len(rows) // 3]
        facts = self._stamper.stamp(self._token, delta.facts)
        try:
            with translated():
                answer = await self._save(
                    keys=[self._meta, self._outbox, *self._tables],
                    args=[*args, *_described(delta.meta), *rows, *_told(facts)],
                )
        except StoreRefuses:
            await self._make_room()
            raise
        self._conclude(answer, delta.number, facts)

    async def save_all(self, whole: Whole) -> None:
        if not self._token:
            await self._succeed()
        try:
            await self._drop_staged()  # of a save that was cut off
            await self._save_all(whole)
        except (StoreRefuses, SnapshotOwed, Displaced) as refusal:
            with suppress(StoreDown):
                await self._drop_staged()
            if isinstance(refusal, StoreRefuses):
                await self._make_room()
            raise

    async def _drop_staged(self) -> None:
        """A failed save leaves a copy of the world behind: where memory is short, each one would make the next save fail."""
        if self._staged:
            with translated():
                await self._redis.unlink(*self._staged)
            self._staged = []

    async def _save_all(self, whole: Whole) -> None:
        self._ledger.begin_whole(whole.number)
        staged = self._staged = [f"{key}:{self._token}-{whole.number}" for key in self._tables]
        facts = self._stamper.stamp(self._token, whole.facts)
        with translated():
            for table, key in zip(_HASHES, staged, strict=True):
                await self._stage(table, key, whole.rows.get(table, {}))
            counts = [len(whole.rows.get(table, {})) for table in _HASHES]
            answer = await self._swap(
                keys=[self._meta, self._outbox, *self._tables, *staged],
                args=[
                    *(self._token, whole.number, *counts),
                    *_described(whole.meta),
                    *_told(facts),
                ],
            )
        if answer == b"saved":
            self._staged = []
        self._conclude(answer, whole.number, facts)

    async def reset(self) -> None:
        with translated():
            keys = [key async for key in self._redis.scan_iter(match=self._settings.private("*"), count=1000)]
            if keys:
                await self._redis.delete(*keys)
        self._ledger.start(0)

    async def close(self) -> None:
        await self._redis.aclose()
        await self.outbox.close()

    def _table(self, table: str) -> str:
        return self._tables[_HASHES.index(table)]

    async def _wrong(self) -> tuple[dict[str, str], dict[bytes, bytes]]:
        """Our keys of the wrong type, with what they are, and the world's figures. Raises what Redis raises."""
        pipe = self._redis.pipeline(transaction=False)
        for key in self._kinds:
            pipe.type(key)
        found = zip(self._kinds.items(), [kind.decode() for kind in await pipe.execute()], strict=True)
        wrong = {key: f"it is a {kind}, not a {right}" for (key, right), kind in found if kind not in ("none", right)}
        return wrong, {} if self._meta in wrong else await self._figures()

    async def _figures(self) -> dict[bytes, bytes]:
        figures: Any = await self._redis.hgetall(self._meta)
        return dict(figures)

    async def _any_row(self) -> bool:
        return bool(await self._redis.exists(*self._tables))

    async def _found(self) -> Found:
        """Whose world is there. Raises FutureSchema, Unreadable, and what Redis raises."""
        wrong, meta = await self._wrong()
        told = unreadable(meta, rows=await self._any_row())
        if self._meta not in wrong and told:
            wrong[self._meta] = told
        if wrong:
            raise Unreadable("; ".join(f"{key}: {why}" for key, why in wrong.items()))
        return whose(meta)

    async def _succeed(self) -> None:
        """We began without the store: take it now, unless somebody else lives in it."""
        try:
            with translated():
                found = await self._found()
                await asyncio.sleep(OWNER_SILENT if found.number else 0.0)
                if await self._found() != found:
                    raise Displaced("another instance saves its world here")
                token = await self.aside.outdated(self._meta, [self._meta, *self._tables], found)
        except Unreadable:
            await self.set_aside()
            raise
        except FutureSchema as newer:
            raise StoreRefuses(str(newer)) from newer
        if token is None:
            raise Displaced("another instance has taken the store")
        self._token = token
        self._ledger.start(0)

    async def _make_room(self) -> None:
        """A save was refused: move only what is in its way, for all the rest will be written again."""
        try:
            with translated():
                wrong, meta = await self._wrong()
                if self._meta not in wrong and (told := unreadable(meta, rows=False)):
                    wrong[self._meta] = told
                await self.aside.unreadable(self._meta, wrong, whose(meta), schema=None)
        except FutureSchema as newer:
            raise StoreRefuses(str(newer)) from newer

    def _conclude(self, answer: bytes, number: int, facts: Sequence[Envelope]) -> None:
        match answer:
            case b"saved":
                self._ledger.confirm(number)
                self.outbox.append(facts)
            case b"displaced":
                raise Displaced(f"token {self._token} is in force no more")
            case _:
                raise SnapshotOwed(f"save {number} was refused: {answer.decode()}")

    async def _stage(self, table: str, key: str, rows: Mapping[str, object]) -> None:
        items = iter(rows.items())
        while part := list(islice(items, _WORLD_ROWS_AT_ONCE)):
            encoded = await self._threads.run(partial(_encode, table, part))
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(key, mapping=encoded)
            pipe.expire(key, _STAGED_FOR)
            await pipe.execute()


def _encode(table: str, rows: Sequence[tuple[str, object]]) -> dict[Any, Any]:
    return {key: encode_row(table, row) for key, row in rows}


def _decode(saved: Saved, table: str, rows: dict[bytes, bytes], known: _Decoded) -> None:
    """``known``: what was decoded before."""
    for key, data in rows.items():
        before = known.get(key)
        if before is not None and before[0] == data:
            saved.add(table, before[1])
            continue
        try:
            saved.add(table, decode_row(table, data))
        except UnreadableRow as error:
            saved.bad.append(BadRowFound(table=table, key=key.decode(errors="replace"), problem=str(error)))


def _decoded(table: str, rows: dict[bytes, bytes], known: _Decoded) -> _Decoded:
    """The rows that can be read; those that are ``known`` are not decoded again."""
    found: _Decoded = {}
    for key, data in rows.items():
        before = known.get(key)
        if before is not None and before[0] == data:
            found[key] = before
            continue
        with contextlib.suppress(UnreadableRow):
            found[key] = data, decode_row(table, data)
    return found


def _described(meta: Meta) -> tuple[int, str, int, str]:
    return SCHEMA, repr(meta.now), meta.seq, meta.day


def _told(facts: Sequence[Envelope]) -> list[str]:
    return [value for envelope in facts for value in _flat(envelope)]


def _flat(envelope: Envelope) -> tuple[str, ...]:
    """The twelve values of a fact that ``tell`` writes."""
    return (
        envelope.id,
        str(envelope.seq),
        repr(envelope.at),
        envelope.type,
        envelope.call,
        envelope.pbx,
        envelope.uniqueid,
        envelope.linkedid,
        str(envelope.v),
        envelope.data,
        envelope.personal,
        envelope.caller,
    )
