"""Liveness, readiness and metrics. During the start there is nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from callbridge.adapters.http.auth import HttpSettings, guard
from callbridge.adapters.http.encodings import plain_only
from callbridge.adapters.http.limits import Refusals
from callbridge.adapters.http.problems import Problem, problems
from callbridge.adapters.http.proxies import behind
from callbridge.adapters.http.server import timed
from callbridge.adapters.metrics.registry import CONTENT_TYPE
from callbridge.core.model.sentence import Sentence

STARTING = Sentence("callbridge is starting")


def _nothing() -> list[str]:
    return []


async def _not_yet() -> bytes:
    raise Problem(503, "callbridge is starting: no metrics yet")


@dataclass(frozen=True, slots=True)
class Role:
    """``name``: leader, standby or starting; ``leader``: the address of the leader, where it is another instance and known."""

    name: str = "starting"
    leader: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """``unhealthy``: why we are not alive; ``missing``: what should be up and is not; both are empty when all is well.
    ``notes``: what an operator should know although calls are accepted."""

    unhealthy: Callable[[], list[str]] = _nothing
    missing: Callable[[], list[str]]
    notes: Callable[[], list[str]] = _nothing
    metrics: Callable[[], Awaitable[bytes]] = _not_yet
    refused: Callable[[str], None] = lambda reason: None
    """Counts refusals by reason."""
    role: Callable[[], Role] = Role

    async def health(self, _request: web.Request) -> web.Response:
        why = self.unhealthy()
        return web.json_response({"healthy": not why, "why": why}, status=503 if why else 200)

    async def readiness(self, _request: web.Request) -> web.Response:
        missing, role = self.missing(), self.role()
        answer = {"ready": not missing, "missing": missing, "notes": self.notes(), "role": role.name, "leader": role.leader}
        return web.json_response(answer, status=503 if missing else 200)

    async def figures(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self.metrics(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})


def leader_only(role: Callable[[], Role]) -> Handler:
    """A handler of a standby: refuses, and says where the leader is."""

    async def refuse(_request: web.Request) -> web.StreamResponse:
        leader = role().leader
        known = Sentence("this instance is a standby: ask the leader at {leader}", leader=leader)
        unknown = Sentence("this instance is a standby: no leader is known; ask again")
        raise Problem(503, known if leader else unknown, retry_after=1.0, leader=leader)

    return refuse


@web.middleware
async def _known_later(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A session, or the key of a wallboard, that nobody can look up yet is not wrong: a page that was told so would leave."""
    claims = hdrs.COOKIE in request.headers or "key" in request.query
    if claims and hdrs.AUTHORIZATION not in request.headers and request.path.startswith("/api/"):
        raise Problem(503, STARTING, retry_after=1.0)
    return await handler(request)


def make_starting_app(settings: HttpSettings, probes: Probes) -> web.Application:
    """The application that is served until there is a world."""

    async def later(_request: web.Request) -> web.Response:
        waiting = "; ".join(probes.missing())
        starting = Sentence("callbridge is starting: {waiting}", waiting=waiting) if waiting else STARTING
        raise Problem(503, starting, retry_after=1.0)

    plain = plain_only(Refusals(probes.refused))
    app = web.Application(middlewares=[timed, behind(settings.proxies), problems, plain, _known_later, guard(settings)])
    app.router.add_get("/healthz", probes.health)
    app.router.add_get("/readyz", probes.readiness)
    app.router.add_get("/metrics", probes.figures)
    app.router.add_route("*", "/{path:.*}", later)
    return app
