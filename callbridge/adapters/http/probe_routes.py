"""The routes that a leader and a standby answer alike: probes, figures, and the API's own document."""

from __future__ import annotations

from aiohttp import web

from callbridge.adapters.http.openapi import document
from callbridge.adapters.http.probes import Probes


class ProbeHandlers:
    """Each method has the name that its route gives."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes

    async def health(self, request: web.Request) -> web.Response:
        return await self._probes.health(request)

    async def ready(self, request: web.Request) -> web.Response:
        return await self._probes.readiness(request)

    async def metrics(self, request: web.Request) -> web.Response:
        return await self._probes.figures(request)

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(document())
