"""The listening socket: the number of connections, and how long a client may take to send a request.

A client that opens connections and sends nothing, or one byte at a time, must not exhaust them for others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Container
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from callbridge.adapters.http.limits import ConnectionLimits, Connections, Refusals, address_of
from callbridge.adapters.http.problems import Problem, hardened


class _Noise(logging.Filter):
    """Bad input is not a fault of ours: malformed HTTP and broken connections must not produce tracebacks in the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        return not isinstance(fault, HttpProcessingError | web.RequestPayloadError | ConnectionError)


_peers = logging.getLogger("callbridge.http.peers")
_peers.addFilter(_Noise())


class _Speaker(web.RequestHandler):
    """aiohttp's protocol: requests that it refuses itself, before our handlers, are answered with a problem, too."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # it would log the request's text
        response = Problem(status, "not a valid HTTP request" if status == HTTPStatus.BAD_REQUEST else "").response()
        response.force_close()
        return hardened(response)


class Doorkeeper(asyncio.Protocol):
    """Stands between the socket and the web server's own protocol, which it passes everything on to."""

    def __init__(self, speaker: Callable[[], asyncio.Protocol], connections: Connections) -> None:
        self._speaker = speaker
        self._limits = connections.limits
        self._connections = connections
        self._address = ""
        self._unread = 0
        """Bytes received since the last request head or answer."""
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle = False
        self._endless = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("peername")
        self._address = address_of(peer[0] if isinstance(peer, tuple) else None)
        if not self._connections.take(self._address, asyncio.get_running_loop().time()):
            transport.abort()
            return
        self._transport = transport
        self._cut_off_after(self._limits.asking)
        self._inner = self._speaker()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self._endless:
            self._unread += len(data)
        if self._unread > self._limits.unread and self._transport is not None:
            self._connections.refusals.note("unread", asyncio.get_running_loop().time(), address=self._address)
            self._transport.abort()
            return
        if self._idle:
            self._idle = False
            self._cut_off_after(self._limits.asking)
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, fault: Exception | None) -> None:
        self._be_patient()
        if self._inner is not None:
            self._connections.free(self._address)
            self._inner.connection_lost(fault)
        self._inner = self._transport = None

    def head_received(self) -> None:
        """A whole head of a request is here: from now on it is ours to be quick."""
        self._idle = False
        self._unread = 0
        self._be_patient()

    def answered(self) -> None:
        self._idle = True
        self._unread = 0
        self._cut_off_after(self._limits.idle)

    def endless(self) -> None:
        """What follows is no request but a WebSocket: it lasts as long as both sides answer, and limits its messages itself."""
        self._endless = True
        self._be_patient()

    def _be_patient(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut_off_after(self, seconds: float) -> None:
        self._be_patient()
        if self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.abort)


@web.middleware
async def timed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Notifies this connection's protocol of the progress of a request."""
    protocol = request.transport.get_protocol() if request.transport is not None else None
    if not isinstance(protocol, Doorkeeper):
        return await handler(request)
    protocol.head_received()
    try:
        return await handler(request)
    finally:
        protocol.answered()


def endless(request: web.Request) -> None:
    """The connection of this request has become a WebSocket."""
    protocol = request.transport.get_protocol() if request.transport is not None else None
    if isinstance(protocol, Doorkeeper):
        protocol.endless()


@contextlib.asynccontextmanager
async def listening(
    app: web.Application,
    address: socket.socket,
    limits: ConnectionLimits | None = None,
    refused: Callable[[str], None] | None = None,
    *,
    proxies: Container[str] = (),
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Serve ``app`` on a bound socket, which is closed at the end. ``refused`` counts refusals by reason; ``proxies``: addresses
    that may have all connections; ``tls``: serve https."""
    limits = limits or ConnectionLimits()
    connections = Connections(limits, Refusals(refused) if refused is not None else Refusals(), proxies)
    runner, loop = web.AppRunner(app, shutdown_timeout=1.0), asyncio.get_running_loop()
    await runner.setup()
    try:
        assert runner.server is not None
        web_server = runner.server

        def speaker() -> asyncio.Protocol:
            return _Speaker(
                web_server,
                loop=loop,
                access_log=None,  # type: ignore[arg-type]  # none is kept
                keepalive_timeout=limits.idle,
                logger=_peers,
                auto_decompress=False,
            )

        server = await loop.create_server(
            lambda: Doorkeeper(speaker, connections),
            sock=address,
            backlog=128,
            ssl=tls,
            ssl_handshake_timeout=limits.asking if tls is not None else None,
        )
        try:
            yield
        finally:
            server.close()
    finally:
        await runner.cleanup()
