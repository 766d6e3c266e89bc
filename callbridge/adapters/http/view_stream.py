"""``/api/views``: what screens show, as server-sent events: the whole first, then whole rows as they change.

A reader that is slow gets fewer deltas, because rows that changed twice meanwhile are sent once; one that takes nothing for some
time is disconnected. Nothing is buffered but the names of changed rows. A reader that reconnects gets the whole again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import hdrs, web

from callbridge.adapters.http.events import small_buffer
from callbridge.adapters.http.limits import ConnectionLimits, Refusals
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.view_feed import PolledPart, ScreenKey, ViewFeed, ViewPart, ViewReader, compare

DELTAS = 10
"""At most so many a second."""
VIEW_HEARTBEAT = 10.0
"""Seconds after which a comment is sent: a screen that hears nothing for longer says that its figures are old."""
SCREEN_TAKES_WITHIN = 10.0
"""Seconds that a reader may take to accept what is sent."""
POLL = 1.0
"""Seconds after which the parts that are compared are looked at again."""
_LATER = 10.0
_RECONNECT_AFTER = b"retry: 2000\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStreams:
    """What all streams share. ``polled``: the parts that are compared."""

    feed: ViewFeed
    polled: Mapping[ViewPart, PolledPart]
    now: Callable[[], float]
    limits: ConnectionLimits
    refusals: Refusals

    def check(self, user: str, address: str) -> None:
        """Raises Problem when the limit of the user or the address is reached."""
        loop_now, readers = asyncio.get_running_loop().time(), self.feed.readers
        if sum(reader.user == user for reader in readers) >= self.limits.view_readers_user:
            self.refusals.note("view_readers_user", loop_now, user=user)
            raise Problem(429, "too many open screens of this user", retry_after=_LATER)
        if sum(reader.address == address for reader in readers) >= self.limits.view_readers_address:
            self.refusals.note("view_readers_address", loop_now, address=address)
            raise Problem(429, "too many open screens from this address", retry_after=_LATER)

    async def changes(self, reader: ViewReader, *, whole: bool) -> dict[ScreenKey, bytes | None]:
        found = await (self.feed.whole(reader) if whole else self.feed.delta(reader))
        for part, polled in self.polled.items():
            if part in reader.parts:
                rows, scope = await polled.rows(), reader.scope
                seen = {name: row for name, row in rows.items() if scope.whole or scope.either(row.queue, row.agent)}
                gone = [key for key in reader.sent if key[0] is part and key[1] not in seen]
                for name, row in seen.items():
                    compare(reader, found, (part, name), row.text)
                for key in gone:
                    compare(reader, found, key, None)
        return found


async def stream_views(
    request: web.Request, streams: ViewStreams, reader: ViewReader, goes_on: Callable[[], Awaitable[bool]]
) -> web.StreamResponse:
    """Stream to one reader until either side ends it, or ``goes_on`` says that the client may see no more."""
    streams.check(reader.user, reader.address)
    response = web.StreamResponse(headers={"X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no"})
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.content_type = "text/event-stream"
    response.force_close()
    small_buffer(request)
    streams.feed.readers.add(reader)
    try:
        await response.prepare(request)
        await _send(response, _RECONNECT_AFTER)
        await _follow(response, streams, reader, goes_on)
    except TimeoutError:
        now = asyncio.get_running_loop().time()
        streams.refusals.note("slow_screen", now, user=reader.user, address=reader.address)
        if request.transport is not None:
            request.transport.abort()  # what it has not taken will not be taken
    except ConnectionError:
        pass  # the reader went away
    finally:
        streams.feed.readers.discard(reader)
    return response


async def _follow(
    response: web.StreamResponse, streams: ViewStreams, reader: ViewReader, goes_on: Callable[[], Awaitable[bool]]
) -> None:
    clock = asyncio.get_running_loop().time
    said = checked = float("-inf")
    seq, polls = 0, any(part in reader.parts for part in streams.polled)
    while not reader.closed and not streams.feed.closed:
        began = clock()
        if began >= checked + VIEW_HEARTBEAT:
            if not await goes_on():
                return
            checked = began
        reader.news.clear()
        found = await streams.changes(reader, whole=not seq)
        if found or not seq:
            seq += 1
            await _send(response, event_of("whole" if seq == 1 else "delta", seq, streams.now(), found, reader.parts))
            said = clock()
        elif began >= said + VIEW_HEARTBEAT:
            await _send(response, b": still here\n\n")
            said = clock()
        until = min(said + VIEW_HEARTBEAT, clock() + POLL if polls else float("inf"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await reader.news.wait()
        await asyncio.sleep(max(0.0, began + 1 / DELTAS - clock()))


async def _send(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(SCREEN_TAKES_WITHIN):
        await response.write(data)


def event_of(
    name: str, seq: int, at: float, rows: Mapping[ScreenKey, bytes | None], parts: frozenset[ViewPart] = frozenset()
) -> bytes:
    """One event: of the whole every part that was asked for, of a delta those with changes."""
    by_part: dict[ViewPart, list[bytes]] = {part: [] for part in sorted(parts)} if name == "whole" else {}
    for (part, key), text in rows.items():
        by_part.setdefault(part, []).append(b"%s:%s" % (_key(key), text or b"null"))
    body = b",".join(b'"%s":{%s}' % (part.encode(), b",".join(each)) for part, each in by_part.items())
    return b'event: %s\ndata: {"seq":%d,"at":%.3f,"parts":{%s}}\n\n' % (name.encode(), seq, at, body)


def _key(name: str) -> bytes:
    return json.dumps(name).encode()
