"""A fault proxy between callbridge and ARI: it forwards HTTP and the event socket, and breaks what it is told to break.

Rule of this file: nothing is changed by chance. A fault names its request by method and path and says which of those
that fit it strikes; all requests and all frames are kept, so that a test can see what was really said.
"""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

from tests.lab.pbx import PBX_HOST, Pbx
from tests.lab.ports import PortBlock

_HOP_BY_HOP = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}
REFUSAL = b'{"message":"refused by the test"}'


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to the ``nth`` request that fits, and to ``times`` - 1 after it.

    ``forward``: Asterisk gets the request. ``status``: what callbridge is told; None says what Asterisk said, 0 says
    nothing at all until callbridge gives up. ``delay``: seconds before it is forwarded, also when callbridge has given
    up by then.
    """

    method: str
    path: str
    nth: int = 1
    times: int = 1
    forward: bool = False
    status: int | None = 500
    delay: float = 0.0
    seen: int = 0
    hits: int = 0

    def strikes(self, method: str, path: str) -> bool:
        if method != self.method or not re.search(self.path, path):
            return False
        self.seen += 1
        hit = self.nth <= self.seen < self.nth + self.times
        self.hits += hit
        return hit


def refused(method: str, path: str, status: int = 500, *, nth: int = 1, times: int = 1) -> Fault:
    """Asterisk never hears of it; callbridge is told a refusal."""
    return Fault(method=method, path=path, status=status, nth=nth, times=times)


def swallowed(method: str, path: str, *, nth: int = 1, times: int = 1) -> Fault:
    """Asterisk never hears of it, and callbridge hears nothing."""
    return Fault(method=method, path=path, status=0, nth=nth, times=times)


def worked_unheard(method: str, path: str, *, nth: int = 1, times: int = 1) -> Fault:
    """Asterisk does it, and callbridge hears nothing."""
    return Fault(method=method, path=path, status=0, forward=True, nth=nth, times=times)


def worked_but_500(method: str, path: str, *, nth: int = 1, times: int = 1) -> Fault:
    """Asterisk does it, and callbridge is told that it did not."""
    return Fault(method=method, path=path, forward=True, nth=nth, times=times)


def slow(method: str, path: str, delay: float, *, nth: int = 1, times: int = 1) -> Fault:
    return Fault(method=method, path=path, delay=delay, forward=True, status=None, nth=nth, times=times)


@dataclass(frozen=True, slots=True)
class Said:
    """One request of callbridge and the status that it was told; 0 when nothing was said."""

    at: float
    method: str
    path: str
    status: int


@dataclass(slots=True)
class ProxyLog:
    requests: list[Said] = field(default_factory=list)
    frames: list[tuple[float, str]] = field(default_factory=list)


class AriProxy:
    """``async with AriProxy(pbx) as proxy: Callbridge(pbx, floor(...) | proxy.config())``"""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx
        self._ports = PortBlock(1)
        self.port = self._ports.take(PBX_HOST, socket.SOCK_STREAM)
        self.faults: list[Fault] = []
        self.log = ProxyLog()
        self._sockets: set[web.WebSocketResponse] = set()
        self._held_from = ""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._asking: set[asyncio.Task[web.Response]] = set()
        self._client: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{PBX_HOST}:{self.port}/ari"

    def config(self) -> dict[str, object]:
        """The part of a configuration that sends callbridge through here; it gives up an unheard order soon."""
        ari = {"url": self.url, "user": self.pbx.ari_user, "password": self.pbx.ari_password}
        return {"pbx": {"ari": ari, "request_timeout": 1.5}}

    def plan(self, fault: Fault) -> Fault:
        """From now on; give the fault back to see later whether it struck."""
        self.faults.append(fault)
        return fault

    def heal(self) -> None:
        self.faults.clear()

    async def cut(self) -> None:
        """End the event socket without a farewell."""
        for ours in list(self._sockets):
            transport = ours._req.transport if ours._req is not None else None
            if transport is not None:
                transport.abort()

    async def inject(self, frame: str) -> None:
        """Say something to callbridge that Asterisk did not say."""
        for ours in self._sockets:
            await ours.send_str(frame)

    def hold_from(self, kind: str) -> None:
        """The next event of this kind, and all that Asterisk says after it, wait for ``flow``; requests do not."""
        self._held_from = kind

    def flow(self) -> None:
        self._flowing.set()

    def said(self, method: str, path: str) -> list[Said]:
        return [one for one in self.log.requests if one.method == method and re.search(path, one.path)]

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        self._client = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{anything:.*}", self._serve)
        # The default would keep a handler running whose client has gone: a swallowed request has to end somewhere.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, PBX_HOST, self.port).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        for asking in self._asking:
            asking.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
        self._ports.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # What it does

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        path = request.raw_path.removeprefix("/ari")
        at = time.time()
        struck = [fault for fault in self.faults if fault.strikes(request.method, path)]
        fault = struck[0] if struck else Fault(method="", path="", forward=True, status=None)
        answer = web.Response(status=fault.status or 500, body=REFUSAL, content_type="application/json")
        if fault.forward:
            real = await self._forward(request, fault.delay)
            answer = real if fault.status is None else answer
        if fault.status == 0:
            self.log.requests.append(Said(at, request.method, path, 0))
            await asyncio.Event().wait()  # until the client gives up
        self.log.requests.append(Said(at, request.method, path, answer.status))
        return answer

    async def _forward(self, request: web.Request, delay: float) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = await request.read() or None
        # What Asterisk was told is done, also when callbridge gives up meanwhile.
        asking = asyncio.create_task(self._ask(request.method, self._there(request), headers, body, delay))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        return await asyncio.shield(asking)

    async def _ask(self, method: str, url: URL, headers: dict[str, str], body: bytes | None, delay: float) -> web.Response:
        assert self._client is not None
        await asyncio.sleep(delay)
        skip = ("Content-Type", "User-Agent", "Accept", "Accept-Encoding")
        async with self._client.request(method, url, headers=headers, data=body, skip_auto_headers=skip) as reply:
            kept = {name: value for name, value in reply.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=reply.status, body=await reply.read(), headers=kept)

    def _there(self, request: web.Request) -> URL:
        return URL(f"http://{PBX_HOST}:{self.pbx.http_port}{request.raw_path}", encoded=True)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        assert self._client is not None
        headers = {"Authorization": request.headers.get("Authorization", "")}
        async with self._client.ws_connect(self._there(request), headers=headers) as theirs:
            ours = web.WebSocketResponse()
            await ours.prepare(request)
            self._sockets.add(ours)
            try:
                await _first(self._news(theirs, ours), _drain(ours))
            finally:
                self._sockets.discard(ours)
        return ours

    async def _news(self, theirs: aiohttp.ClientWebSocketResponse, ours: web.WebSocketResponse) -> None:
        async for message in theirs:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.log.frames.append((time.time(), message.data))
                if self._held_from and re.search(rf'"type": ?"{self._held_from}"', message.data):
                    self._held_from = ""
                    self._flowing.clear()
                await self._flowing.wait()
                await ours.send_str(message.data)


async def _drain(ours: web.WebSocketResponse) -> None:
    async for _ in ours:
        pass


async def _first(*jobs: Awaitable[None]) -> None:
    """Until one of them ends; the other is cancelled."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(*tasks, return_exceptions=True)


class AmiProxy:
    """A line between callbridge and AMI into which words can be put: ``proxy.config()`` joins a configuration."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx
        self._ports = PortBlock(1)
        self.port = self._ports.take(PBX_HOST, socket.SOCK_STREAM)
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def config(self) -> dict[str, object]:
        pbx = self.pbx
        return {"pbx": {"ami": {"port": self.port, "user": pbx.ami_user, "secret": pbx.ami_secret}}}

    async def inject(self, words: bytes) -> None:
        """Say something between two messages of Asterisk."""
        for line in self._lines:
            line.write(words)
            await line.drain()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, PBX_HOST, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in list(self._lines):
            line.close()
        self._ports.release()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_connection(PBX_HOST, self.pbx.ami_port)
        self._lines.add(writer)
        try:
            await _first(_by_messages(there, writer), _copy(reader, back))
        finally:
            self._lines.discard(writer)
            self._tasks.discard(task)
            writer.close()
            back.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _by_messages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whole messages, so that what is put in stands between two of them."""
    writer.write(await reader.readuntil(b"\r\n"))  # the greeting
    while message := await reader.readuntil(b"\r\n\r\n"):
        writer.write(message)
        await writer.drain()


Planned = Callable[[str, str], Fault]
"""``refused``, ``swallowed``, ...: a kind of fault, to be told what it strikes."""
