"""The listening socket: how many connections there may be, and how long one may take to say what it wants.

Somebody who opens connections and says nothing, or one byte at a time, must not take the place of those who ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``connections`` at a time; ``asking``: seconds for a whole request's head; ``idle``: seconds between requests,
    in which the previous answer has to be fetched, too."""

    connections: int = 512
    asking: float = 10.0
    idle: float = 75.0


class _Noise(logging.Filter):
    """What strangers send is no fault of ours: malformed HTTP and broken connections are no tracebacks in our log."""

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        return not isinstance(fault, HttpProcessingError | web.RequestPayloadError | ConnectionError)


_peers = logging.getLogger("callbridge.http.peers")
_peers.addFilter(_Noise())


_TELL_AGAIN = 60.0
"""Seconds between lines of the log about refused connections."""


class _Count:
    """Open connections, of ``most``."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open = 0
        self._told_at = float("-inf")

    def refuse(self, now: float) -> None:
        if now >= self._told_at + _TELL_AGAIN:
            self._told_at = now
            log.warning("connections refused: too many are open", open=self.open)


class Doorkeeper(asyncio.Protocol):
    """Stands between the socket and the web server's own protocol, which it passes everything on to."""

    def __init__(self, server: web.Server, limits: Limits, count: _Count) -> None:
        self._server = server
        self._limits = limits
        self._count = count
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._count.open >= self._count.most:
            self._count.refuse(asyncio.get_running_loop().time())
            transport.abort()
            return
        self._count.open += 1
        self._transport = transport
        self._cut_off_after(self._limits.asking)
        self._inner = self._server()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
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
            self._count.open -= 1
            self._inner.connection_lost(fault)
        self._inner = self._transport = None

    def heard(self) -> None:
        """A whole head of a request is here: from now on it is ours to be quick."""
        self._idle = False
        self._be_patient()

    def answered(self) -> None:
        self._idle = True
        self._cut_off_after(self._limits.idle)

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
    """Tells the doorkeeper of this connection, when there is one, what goes on."""
    keeper = request.transport.get_protocol() if request.transport is not None else None
    if not isinstance(keeper, Doorkeeper):
        return await handler(request)
    keeper.heard()
    try:
        return await handler(request)
    finally:
        keeper.answered()


@contextlib.asynccontextmanager
async def listening(app: web.Application, address: socket.socket, limits: Limits | None = None) -> AsyncIterator[None]:
    """Serve ``app`` on a bound socket, which is closed at the end."""
    limits = limits or Limits()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=limits.idle, logger=_peers)
    await runner.setup()
    try:
        assert runner.server is not None
        web_server, count = runner.server, _Count(limits.connections)
        server = await asyncio.get_running_loop().create_server(
            lambda: Doorkeeper(web_server, limits, count), sock=address, backlog=128
        )
        try:
            yield
        finally:
            server.close()
    finally:
        await runner.cleanup()
