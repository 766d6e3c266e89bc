"""``/api/phone/socket``: the SIP of a phone in the browser, passed on to the PBX's WebSocket and back, message by message.

So a browser needs one address and one certificate, and the HTTP server of the PBX stays on loopback. Nothing is read or changed:
the PBX asks for the endpoint's password itself. Voice does not come this way; browser and PBX exchange it directly.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp
import structlog
from aiohttp import web

from callbridge.adapters.http.accounts import BrowserPhone
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.server import endless

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SIP = ("sip",)
"""The subprotocol of RFC 7118."""
LARGEST_MESSAGE = 65_535
"""Bytes; Asterisk closes a WebSocket on which it receives more."""
PING_EVERY = 10.0
"""Seconds between pings; a side that does not answer within half of that is gone, and so is the other one."""
MOST_SOCKETS = 8
"""Of one phone: the tab that has it, and some that are going away."""
REACHES_PBX = 5.0
"""Seconds within which the PBX must take the connection."""
CLOSES_WITHIN = 1.0
TOLD_EVERY = 60.0
"""Seconds between lines of the log about the same PBX: every page tries again every few seconds."""


class PhoneSockets:
    """All that are open. Use ``close`` when the server stops: both sides are closed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._open: Counter[str] = Counter()
        self._told: dict[str, float] = {}
        """When the log last said that a PBX cannot be reached."""
        self._closing = asyncio.Event()
        self._all_closed = asyncio.Event()
        self._all_closed.set()

    async def serve(
        self, request: web.Request, phone: BrowserPhone, goes_on: Callable[[], Awaitable[bool]]
    ) -> web.StreamResponse:
        """Until either side ends it, or ``goes_on`` says that the client may use it no more. Raises Problem."""
        ours = web.WebSocketResponse(
            protocols=SIP, heartbeat=PING_EVERY, max_msg_size=LARGEST_MESSAGE, compress=False, timeout=CLOSES_WITHIN
        )
        if not ours.can_prepare(request):
            raise Problem(426, "this is a WebSocket")
        if self._open[phone.phone] >= MOST_SOCKETS:
            raise Problem(429, "too many connections of this phone", retry_after=PING_EVERY)
        self._open[phone.phone] += 1
        self._all_closed.clear()
        try:
            theirs = await self._reach(phone)
            try:
                await ours.prepare(request)
                endless(request)
                await self._pass_on(ours, theirs, goes_on)
            finally:
                await asyncio.gather(theirs.close(), ours.close(), return_exceptions=True)
        finally:
            self._open[phone.phone] -= 1
            self._open += Counter()  # without those at zero
            if not self._open:
                self._all_closed.set()
        return ours

    async def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * CLOSES_WITHIN):
                await self._all_closed.wait()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _reach(self, phone: BrowserPhone) -> aiohttp.ClientWebSocketResponse:
        self._session = self._session or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        try:
            async with asyncio.timeout(REACHES_PBX):
                reached = await self._session.ws_connect(
                    phone.socket,
                    protocols=SIP,
                    heartbeat=PING_EVERY,
                    max_msg_size=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSES_WITHIN),
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as trouble:
            self._tell(phone, str(trouble) or "no answer")
            raise Problem(503, "the PBX does not accept browser phones at the moment", retry_after=2.0) from None
        if reached.protocol != "sip":
            await reached.close()
            self._tell(phone, "no SIP over WebSocket")
            raise Problem(503, "the PBX has no SIP over WebSocket: load res_pjsip_transport_websocket")
        return reached

    def _tell(self, phone: BrowserPhone, why: str) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._told.get(phone.socket, float("-inf")) + TOLD_EVERY:
            self._told[phone.socket] = now
            log.warning("browser phone cannot reach the pbx", phone=phone.phone, socket=phone.socket, why=why)

    async def _pass_on(
        self,
        ours: web.WebSocketResponse,
        theirs: aiohttp.ClientWebSocketResponse,
        goes_on: Callable[[], Awaitable[bool]],
    ) -> None:
        tasks = [
            asyncio.create_task(_copy(ours, theirs)),
            asyncio.create_task(_copy(theirs, ours)),
            asyncio.create_task(_while(goes_on)),
            asyncio.create_task(self._closing.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


_Side = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _copy(source: _Side, target: _Side) -> None:
    """Until the source ends, or the target takes nothing."""
    async for message in source:
        async with asyncio.timeout(PING_EVERY):
            if message.type is aiohttp.WSMsgType.TEXT:
                await target.send_str(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await target.send_bytes(message.data)


async def _while(goes_on: Callable[[], Awaitable[bool]]) -> None:
    while await goes_on():  # noqa: ASYNC110 - nobody tells when a session ends
        await asyncio.sleep(PING_EVERY)
