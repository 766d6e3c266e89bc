"""A fake ARI server at the socket: one application, scripted answers, user events echoed to the newest socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import WSCloseCode, web

Answer = tuple[int, Any]


class FakeAri:
    def __init__(self) -> None:
        self.app = "app"
        self.asked: list[str] = []
        self.bodies: dict[str, Any] = {}
        self.authorizations: set[str] = set()
        self.peers: set[object] = set()
        """The other ends of all connections so far."""
        self.sockets: list[web.WebSocketResponse] = []
        self.echoing = True
        self.answers: dict[str, Answer] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.refuse_socket = 0
        self.delay = 0.0
        """Seconds that the answer to an order takes."""
        self.channels: list[dict[str, Any]] = []
        self.bridges: list[dict[str, Any]] = []
        self.listed: list[str] = []
        self.on_lists: Callable[[], None] = lambda: None
        self.url = ""

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[FakeAri]:
        app = web.Application()
        app.router.add_route("*", "/ari/{rest:.*}", self._any)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            await web.SockSite(runner, listener).start()
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/ari"
            try:
                yield self
            finally:
                for gate in self.gates.values():
                    gate.set()
                for open_socket in self.sockets:
                    await open_socket.close(code=WSCloseCode.GOING_AWAY)
                await runner.cleanup()

    def orders(self) -> list[str]:
        """What was asked, without the link's own business."""
        own = ("GET /events", "POST /events", "PUT ", "GET /applications", "POST /asterisk/variable", "GET /asterisk/variable")
        return [line for line in self.asked if not line.startswith(own)]

    def gate(self, line: str) -> asyncio.Event:
        """Hold the answer to this request line until the event is set."""
        return self.gates.setdefault(line, asyncio.Event())

    async def say(self, kind: str, **fields: Any) -> None:
        await self.sockets[-1].send_str(json.dumps({"type": kind, "application": self.app} | fields))

    async def _any(self, request: web.Request) -> web.StreamResponse:
        line = f"{request.method} {request.path_qs.removeprefix('/ari')}"
        self.asked.append(line)
        if request.transport is not None:
            self.peers.add(request.transport.get_extra_info("peername"))
        self.authorizations.add(request.headers.get("Authorization", ""))
        if request.path == "/ari/events":
            return await self._socket(request)
        self.bodies[line] = body = await request.json() if request.can_read_body else None
        if line in self.gates:
            await self.gates[line].wait()
        if self.delay and request.path.startswith(("/ari/channels/", "/ari/bridges/")):
            await asyncio.sleep(self.delay)
        status, answer = self.answers.get(line) or self._answer(line)
        if request.path.startswith("/ari/events/user/") and self.echoing and self.sockets:
            name = request.path.rpartition("/")[2]
            with contextlib.suppress(ConnectionError):
                await self.say("ChannelUserevent", eventname=name, userevent={**(body or {})["variables"], "eventname": name})
        return web.json_response(answer, status=status) if answer is not None else web.Response(status=status)

    def _answer(self, line: str) -> Answer:
        match line:
            case _ if line == f"GET /applications/{self.app}":
                self.on_lists()
                return 200, {"channel_ids": self.listed}
            case "GET /channels":
                return 200, self.channels
            case "GET /bridges":
                return 200, self.bridges
            case _:
                return 204, None

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_socket:
            return web.Response(status=self.refuse_socket)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.sockets.append(ws)
        async for _ in ws:
            pass
        return ws
