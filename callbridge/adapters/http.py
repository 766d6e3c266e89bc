"""HTTP: health, metrics, the views as JSON, and what agents may ask. It decides nothing; the desk does.

Who may call ``/api``: whoever brings the bearer token. Without a token configured only a loopback address serves it,
and only under a loopback name (a web page that rebinds its own name to 127.0.0.1 sends that name as Host). A POST
must say that it is JSON: a web page elsewhere cannot send that without asking first, and nobody answers yes.
Every error is ``application/problem+json``.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NoReturn, Protocol

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callbridge.adapters.metrics import CONTENT_TYPE
from callbridge.adapters.views import Board, call_view, queue_of
from callbridge.core.events import Ask
from callbridge.core.facts import AskRefused

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BODY_LIMIT = 16 * 1024
"""Bytes that a request may bring."""
_MOST_CALLS = 1000
_PLAIN_TEXT = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_ASKS = {ask.value.replace("_", "-"): ask for ask in Ask}


class Desk(Protocol):
    """Where asking goes and what can be seen; the runtime's. May raise TimeoutError when no answer comes."""

    async def ask(self, agent: str, ask: Ask, reason: str, phone: str) -> AskRefused | None:
        """Let the agent ask; None when it was done."""

    def board(self) -> Board: ...

    def story(self, call: str) -> list[dict[str, Any]] | None:
        """The facts of a call, oldest first, as plain data; None when nothing is known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    host: str = "127.0.0.1"
    port: int = 8090
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What the outside may check. ``ready`` gives what is missing, nothing when all is well."""

    healthy: Callable[[], bool]
    ready: Callable[[], list[str]]
    metrics: Callable[[], Awaitable[bytes]]


class AskBody(BaseModel):
    """What may come with an ask."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)
    phone: str = Field(default="", max_length=80, pattern=r"^(?:(?:PJSIP|SIP|IAX2)/[A-Za-z0-9_.+-]+)?$")
    """An endpoint of the PBX: never a dial string that leads into the dialplan or out of a trunk."""


class _Problem(Exception):
    def __init__(self, status: int, detail: str = "", **more: object) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}


def make_app(settings: HttpSettings, desk: Desk, probes: Probes) -> web.Application:
    """The application, ready for a runner."""
    app = web.Application(middlewares=[_problems, _guard(settings)], client_max_size=BODY_LIMIT)
    site = _Site(desk, probes)
    app.add_routes(
        [
            web.get("/healthz", site.health),
            web.get("/readyz", site.ready),
            web.get("/metrics", site.metrics),
            web.get("/api/queues", site.queues),
            web.get("/api/agents", site.agents),
            web.get("/api/calls", site.calls),
            web.get("/api/calls/{id}", site.call),
            web.get("/api/facts", site.facts),
            web.post("/api/agents/{id}/{ask}", site.ask),
        ]
    )
    return app


# -- who may come in ------------------------------------------------------------------------------------------------


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer that is not a success says what is wrong in one form, and nothing about our inside."""
    try:
        response = await handler(request)
    except _Problem as problem:
        response = _problem(problem)
    except web.HTTPException as error:
        response = _problem(_Problem(error.status))
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    except TimeoutError:
        response = _problem(_Problem(504, "no answer in time; it may still be done"))
    except Exception:
        log.exception("http request failed", path=request.path, method=request.method)
        response = _problem(_Problem(500))
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response


def _problem(problem: _Problem) -> web.Response:
    response = web.json_response(problem.body, status=problem.status, content_type="application/problem+json")
    if problem.status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="callbridge"'
    return response


def _guard(settings: HttpSettings) -> Middleware:
    expected = f"Bearer {settings.token}".encode()
    loopback = _is_loopback(settings.host)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not settings.token and loopback and not _is_loopback(_host_name(request.host)):
            raise _Problem(403, "unknown host name")
        if request.path.startswith("/api"):
            given = request.headers.get(hdrs.AUTHORIZATION, "").encode(errors="surrogateescape")
            if settings.token and not hmac.compare_digest(given, expected):
                raise _Problem(401, "a valid bearer token is needed")
            if not settings.token and not loopback:
                raise _Problem(403, "no token is configured, so the API answers on loopback only")
        if request.method == hdrs.METH_POST and request.content_type != "application/json":
            raise _Problem(415, "the body must be application/json")
        return await handler(request)

    return guard


def _host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# -- answers --------------------------------------------------------------------------------------------------------


class _Site:
    def __init__(self, desk: Desk, probes: Probes) -> None:
        self._desk = desk
        self._probes = probes

    async def health(self, _request: web.Request) -> web.Response:
        healthy = self._probes.healthy()
        return web.json_response({"healthy": healthy}, status=200 if healthy else 503)

    async def ready(self, _request: web.Request) -> web.Response:
        missing = self._probes.ready()
        return web.json_response({"ready": not missing, "missing": missing}, status=503 if missing else 200)

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._probes.metrics(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})

    async def queues(self, _request: web.Request) -> web.Response:
        board = self._desk.board()
        return web.json_response([{"name": name, **(board.queue(name) or {})} for name in sorted(board.queues)])

    async def agents(self, _request: web.Request) -> web.Response:
        board = self._desk.board()
        return web.json_response([{"id": name, **(board.agent(name) or {})} for name in sorted(board.agents)])

    async def calls(self, request: web.Request) -> web.Response:
        """The living calls, oldest first; ``?queue=NAME`` those of one queue, ``?limit=N`` (1000) the first N."""
        queue = request.query.get("queue")
        limit = _limit(request.query.get("limit"))
        board = self._desk.board()
        rows, masked = board.live_calls(), board.masked

        def render() -> bytes:
            chosen = [row for row in rows if queue is None or queue_of(row[0]) == queue]
            chosen.sort(key=lambda row: (row[0].arrived_at, row[0].id))
            # One row at a time: a single long json.dumps would keep the interpreter, and so the event loop, to itself.
            views = ({"id": call.id, **call_view(call, stamp, masked=masked)} for call, stamp in chosen[:limit])
            return f"[{','.join(map(json.dumps, views))}]".encode()

        return web.Response(body=await asyncio.to_thread(render), content_type="application/json")

    async def call(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        view, story = self._desk.board().call(name), self._desk.story(name)
        if view is None and story is None:
            raise _Problem(404, "no such call")
        return web.json_response({"id": name, **(view or {}), "story": story or []})

    async def facts(self, request: web.Request) -> web.Response:
        """``?call=ID``: the last facts of a call."""
        story = self._desk.story(request.query.get("call", ""))
        if story is None:
            raise _Problem(404, "no such call")
        return web.json_response(story)

    async def ask(self, request: web.Request) -> web.Response:
        agent, ask = request.match_info["id"], _ASKS.get(request.match_info["ask"])
        if ask is None:
            raise _Problem(404, "agents may " + ", ".join(_ASKS))
        body = _body(await request.read())
        refused = await self._desk.ask(agent, ask, body.reason, body.phone)
        view = self._desk.board().agent(agent)
        if refused is not None:
            raise _Problem(404 if view is None else 409, refused.reason, ask=refused.ask, agent=agent)
        if view is None:
            raise _Problem(404, "unknown agent")
        return web.json_response({"id": agent, **view})


def _limit(text: str | None) -> int:
    if text is None:
        return _MOST_CALLS
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise _Problem(400, "limit must be a number")
    return int(text)


def _body(data: bytes) -> AskBody:
    if not data:
        return AskBody()
    try:
        return AskBody.model_validate_json(data)
    except ValidationError as error:
        _invalid(error)


def _invalid(error: ValidationError) -> NoReturn:
    faults = [{"field": ".".join(map(str, fault["loc"])), "problem": fault["msg"]} for fault in error.errors(include_input=False)]
    raise _Problem(400, "the body is not what is asked for", faults=faults) from None
