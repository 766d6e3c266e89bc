"""Somebody who gets webhooks, on a real socket: well, slow, refusing, hanging or away."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from typing import Any, Self

from aiohttp import web

from callbridge.adapters.webhooks.body import WebhookSettings, sign

SECRET = "a secret of the tests"


class Receiver:
    """``async with Receiver() as receiver``. ``answer`` gives the status for an event; 0 means: no answer at all."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.got: list[dict[str, Any]] = []
        """What was answered with 2xx, in order."""
        self.tries: Counter[str] = Counter()
        """By the event's id."""
        self.forged = 0
        """Requests whose signature was wrong."""
        self.paths: list[str] = []
        self.slow = 0.0
        self._runner: web.AppRunner | None = None
        self._hanging = asyncio.Event()

    def answer(self, event: dict[str, Any]) -> int:
        return 204

    def hook(self, name: str = "crm", **more: Any) -> WebhookSettings:
        return WebhookSettings(name=name, url=f"http://127.0.0.1:{self.port}/hook", secret=SECRET, **more)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            self._hanging.set()
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        content = await request.read()
        self.paths.append(request.path)
        event = json.loads(content)
        self.tries[event["id"]] += 1
        right = sign(SECRET, request.headers["X-Callbridge-Timestamp"], content)
        signed = request.headers["X-Callbridge-Signature"] == right and request.headers["X-Callbridge-Id"] == event["id"]
        self.forged += not signed
        await asyncio.sleep(self.slow)
        status = self.answer(event)
        if not status:
            await self._hanging.wait()
        if 200 <= status < 300:
            self.got.append(event)
        return web.Response(status=status or 503, headers={"Location": "/elsewhere"} if status == 307 else None)
