"""HTTP to one Asterisk: a guarded connection pool for orders, an unguarded one for listings, echoes and the event socket.

Guarded means that the permission to write is checked once a connection has been acquired, immediately before sending.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from callbridge.adapters.pbx_link import NotSent, OrderRefused, TimedOut
from callbridge.wire.ari import Malformed, Request, trouble_in

KEEP_ALIVE = 10.0
"""Seconds; below Asterisk's session_keep_alive of 15 s, so that we never write to a connection that it is closing."""

ORDERS_AT_ONCE = 64
"""Requests of orders under way at once."""
LARGEST_REPLY = 64 * 1024 * 1024
"""Bytes; a list of ten thousand channels has a quarter of that."""
CLOSE_TIMEOUT = 0.2
"""Seconds that the closing handshake of the event socket may take."""

_UNAUTHORISED = (401, 403)
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes


class _Guarded(aiohttp.TCPConnector):
    """Hands out a connection only while ``may_write`` is true; checked after the wait for a connection, not before."""

    def __init__(self, may_write: Callable[[], bool], limit: int) -> None:
        super().__init__(limit=limit, keepalive_timeout=KEEP_ALIVE)
        self.may_write = may_write

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        if not self.may_write():
            connection.release()
            raise NotSent("the link's ownership is in doubt")
        return connection


@dataclass(frozen=True, slots=True)
class Pools:
    """Connections that are open, of one client for the next one."""

    orders: _Guarded
    links: aiohttp.TCPConnector

    async def close(self) -> None:
        try:
            await self.orders.close()
        finally:
            await self.links.close()


class AriHttp:
    """Sends requests below ``url``. Use it as an asynchronous context manager in a running loop."""

    def __init__(
        self,
        url: str,
        *,
        user: str,
        password: str,
        request_timeout: float,
        connect_timeout: float,
        connections: int,
        may_write: Callable[[], bool],
        pools: Pools | None = None,
    ) -> None:
        """``pools``: those of a former client of the same PBX."""
        pools = pools or Pools(_Guarded(may_write, connections), aiohttp.TCPConnector(limit=8, keepalive_timeout=KEEP_ALIVE))
        pools.orders.may_write = may_write
        self._pools = pools
        self._url = url.rstrip("/")
        self._headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        self._timeout = aiohttp.ClientTimeout(total=request_timeout, connect=connect_timeout)
        self._orders, self._links = self._session(pools.orders), self._session(pools.links)

    def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        # No need to set TCP_NODELAY: asyncio does so on every connection.
        return aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        try:
            await self._orders.close()
        finally:
            await self._links.close()

    def detach(self) -> Pools:
        """Close this client, but not its connections."""
        self._orders.detach()
        self._links.detach()
        return self._pools

    async def write(self, request: Request) -> Reply:
        """Send a request of an order. Raises NotSent, TimedOut or OrderRefused."""
        return await self._send(self._orders, request)

    async def request(self, request: Request) -> Reply:
        """Send a request of the link itself: listing, filter, echo. Raises NotSent, TimedOut or OrderRefused."""
        return await self._send(self._links, request)

    def socket(self, path: str, heartbeat: float) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """The event socket, pinged every ``heartbeat`` seconds; without a pong it is closed."""
        return self._links.ws_connect(
            URL(self._url + path, encoded=True), heartbeat=heartbeat, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT)
        )

    async def _send(self, session: aiohttp.ClientSession, request: Request) -> Reply:
        data = None if request.body is None else json.dumps(request.body).encode()
        headers = None if data is None else _JSON
        url = URL(self._url + request.path, encoded=True)
        try:
            async with session.request(request.method, url, data=data, headers=headers) as response:
                reply = Reply(response.status, await _body(response))
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise NotSent(str(error)) from error
        except TimeoutError as error:
            raise TimedOut("no answer in time") from error
        except aiohttp.ClientError as error:
            # The connection broke during the request: Asterisk may or may not have read it.
            raise TimedOut(str(error) or type(error).__name__) from error
        if reply.status >= 300 and reply.status not in request.pardons:
            raise OrderRefused(reply.status, trouble_in(reply.status, reply.body))
        return reply


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Raises OrderRefused when it is too large."""
    if response.content_length is not None and response.content_length <= LARGEST_REPLY:
        return await response.read()
    content = bytearray()
    while len(content) <= LARGEST_REPLY and (more := await response.content.readany()):
        content += more
    if len(content) > LARGEST_REPLY or response.content_length is not None:
        raise OrderRefused(response.status, f"invalid answer: more than {LARGEST_REPLY} bytes")
    return bytes(content)


@contextmanager
def odd_as_refusal(reply: Reply) -> Iterator[None]:
    """An order whose answer cannot be parsed counts as refused."""
    try:
        yield
    except Malformed as error:
        raise OrderRefused(reply.status, f"invalid answer: {error}") from error


def is_unauthorised(trouble: Exception) -> bool:
    """Did Asterisk reject our user or password?"""
    return isinstance(trouble, aiohttp.WSServerHandshakeError) and trouble.status in _UNAUTHORISED
