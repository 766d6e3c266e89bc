"""``/api/events``: facts as server-sent events.

First comes ``hello``, with the ID to resume from. A reader that reconnects sends it (or the last ID that it received) as
Last-Event-ID and gets what it missed, as far as that is kept. A reader that is too slow gets ``dropped`` and is disconnected.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from callbridge.adapters.http.feed import EventFeed, EventReader, Wanted, sse
from callbridge.adapters.http.limits import ConnectionLimits, Refusals, address_of
from callbridge.adapters.http.problems import Problem

HEARTBEAT = 15.0
"""Seconds without events after which a comment is sent: proxies keep the stream open, and lost readers are detected."""
READER_TIMEOUT = 30.0
"""Seconds for which a reader may accept no data."""
TOGETHER = 0.05
"""Seconds to wait after a write: under load many facts go out in one write."""
_SEND_BUFFER = 64 * 1024
"""Bytes of the socket's send buffer: with a larger one, a slow reader is detected late."""
_RECONNECT_AFTER = b"retry: 3000\n"


_LATER = 10.0
"""Seconds after which a rejected reader may retry."""


@dataclass(frozen=True, slots=True)
class Readers:
    """The readers of a feed and their limits."""

    feed: EventFeed
    limits: ConnectionLimits
    refusals: Refusals

    def check(self, user: str, address: str) -> None:
        """Raises Problem when the limit in total, per user or per address is reached."""
        here = [reader for reader in self.feed.readers if not reader.gone]
        each, now = self.limits.event_readers_each, asyncio.get_running_loop().time()
        if len(here) >= self.limits.event_readers:
            self.refusals.note("event_readers", now, readers=len(here))
            raise Problem(503, "too many readers of events", retry_after=_LATER)
        if sum(reader.user == user for reader in here) >= each:
            self.refusals.note("event_readers_each", now, user=user)
            raise Problem(429, "too many readers of events with this token", retry_after=_LATER)
        if sum(reader.address == address for reader in here) >= each:
            self.refusals.note("event_readers_each", now, address=address)
            raise Problem(429, "too many readers of events from this address", retry_after=_LATER)


async def stream(
    request: web.Request, readers: Readers, wanted: Wanted, *, user: str, goes_on: Callable[[], Awaitable[bool]]
) -> web.StreamResponse:
    """Stream facts to one reader until either side ends it, or ``goes_on`` says that the client may see no more."""
    feed, address = readers.feed, address_of(request.remote)
    readers.check(user, address)
    last = request.headers.get("Last-Event-ID")
    place, complete = (feed.end, True) if last is None else feed.place_after(last)
    response = web.StreamResponse(headers={"X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no"})
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.content_type = "text/event-stream"
    response.force_close()
    small_buffer(request)
    reader = EventReader(place, request.transport, user, address)
    feed.readers.add(reader)
    try:
        await response.prepare(request)
        hello = {"id": feed.id_at(place), "missed": not complete}
        await reader.wait_for(response.write(_RECONNECT_AFTER + sse("hello", hello, feed.id_at(place))), READER_TIMEOUT)
        await _send_facts(reader, response, feed, wanted, goes_on)
    except TimeoutError:
        await _dropped(reader, response, feed)
    except ConnectionError:
        pass  # the reader went away
    finally:
        feed.readers.discard(reader)
    return response


async def _send_facts(
    reader: EventReader,
    response: web.StreamResponse,
    feed: EventFeed,
    wanted: Wanted,
    goes_on: Callable[[], Awaitable[bool]],
) -> None:
    clock = asyncio.get_running_loop().time
    said = checked = clock()
    while not feed.closed:
        if clock() >= checked + HEARTBEAT:
            checked = clock()
            if not await goes_on():
                return
        if feed.behind(reader):
            raise TimeoutError
        events, place = feed.since(reader.place, wanted)
        if events:
            await reader.wait_for(response.write(b"".join(events)), READER_TIMEOUT)
            said = clock()
        elif clock() >= said + HEARTBEAT:
            # An ID alone is not an event, but clients remember it: a reader of rare facts does not get old ones again.
            await reader.wait_for(response.write(b": still here\nid: %s\n\n" % feed.id_at(place).encode()), READER_TIMEOUT)
            said = clock()
        reader.place = place
        if place < feed.end:
            await asyncio.sleep(0)
        elif events:
            await asyncio.sleep(TOGETHER)
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(said + HEARTBEAT):
                    await feed.news()


async def _dropped(reader: EventReader, response: web.StreamResponse, feed: EventFeed) -> None:
    """The final event goes out only if the reader reads on; we do not wait for that."""
    if feed.closed:
        return
    words = sse("dropped", {"reason": "too slow: reconnect with Last-Event-ID"})
    with contextlib.suppress(TimeoutError, ConnectionError):
        await reader.wait_for(response.write(words), 0.0)


def small_buffer(request: web.Request) -> None:
    wire = request.transport.get_extra_info("socket") if request.transport is not None else None
    if wire is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
