"""HTTP of a standby: reads that need no world. Whatever else is asked for is refused with the leader's address.

The routes, roles and answers are those of the leader. Queues, agents and calls are the public hashes, callbacks and timelines are
what is saved, reports and reviews the history. What only the leader's memory knows, such as explanations, is not answered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from callbridge.adapters.facts.codec import FutureSchema
from callbridge.adapters.history.recordings import RecordingService
from callbridge.adapters.http.accounts import Accounts
from callbridge.adapters.http.auth import Caller, HttpSettings, caller, guard
from callbridge.adapters.http.encodings import plain_only
from callbridge.adapters.http.explain_routes import MAX_WAITING_SHOWN
from callbridge.adapters.http.limits import Refusals
from callbridge.adapters.http.log_in import LogIns
from callbridge.adapters.http.names_routes import NamesHandlers
from callbridge.adapters.http.permits import NOT_YOURS, limit_of, permitted, timeline_for
from callbridge.adapters.http.probe_routes import ProbeHandlers
from callbridge.adapters.http.probes import Probes, leader_only
from callbridge.adapters.http.problems import Problem, problems
from callbridge.adapters.http.proxies import behind
from callbridge.adapters.http.quality_routes import QualityHandlers
from callbridge.adapters.http.recording_routes import RecordingHandlers
from callbridge.adapters.http.report_answers import catalogue_answer, report_answer
from callbridge.adapters.http.request_bodies import BODY_LIMIT
from callbridge.adapters.http.route import Route
from callbridge.adapters.http.routes import ROUTES
from callbridge.adapters.http.server import timed
from callbridge.adapters.http.session_routes import SessionHandlers
from callbridge.adapters.http.sessions import Sessions
from callbridge.adapters.quality.service import QualityService
from callbridge.adapters.redis.published import PublishedViews
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.store import StoreDown
from callbridge.adapters.views.callbacks import in_order
from callbridge.adapters.views.published import live, waiting_view
from callbridge.core.model.plan import Plan
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.switch import BYPASS


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyReads:
    """Where a standby reads. ``plan`` and ``accounts``: of its own configuration. ``now``: epoch seconds. ``sessions``: those
    that the leader has opened."""

    views: PublishedViews
    timelines: TimelineArchive
    reports: ReportService
    quality: QualityService
    recordings: RecordingService
    plan: Callable[[], Plan]
    now: Callable[[], float]
    masked: bool
    accounts: Callable[[], Accounts]
    sessions: Sessions


def make_standby_app(settings: HttpSettings, probes: Probes, reads: StandbyReads) -> web.Application:
    """The application of an instance that does not lead. Call it on the loop on which it will run."""
    refuse = leader_only(probes.role)
    refusals = Refusals(probes.refused)
    log_ins = LogIns(reads.sessions, reads.accounts, settings.all_tokens, _no_pins, refusals)
    groups = (
        StandbyHandlers(probes, reads),
        SessionHandlers(log_ins, reads.accounts, lambda *_: None),  # nobody logs in here
        NamesHandlers(lambda: {name: agent.name for name, agent in reads.plan().agents.items()}, reads.accounts),
        QualityHandlers(reads.quality),
        RecordingHandlers(reads.recordings),
    )
    guarded = guard(settings, signed_in=log_ins, accounts=reads.accounts)
    middlewares = [timed, behind(settings.proxies), problems, plain_only(refusals), guarded]
    app = web.Application(middlewares=middlewares, client_max_size=BODY_LIMIT)
    for route in ROUTES:
        found = next((getattr(group, route.handler) for group in groups if hasattr(group, route.handler)), None)
        if route.method != hdrs.METH_GET or found is None:
            app.router.add_route(route.method, route.path, refuse)
            continue
        app.router.add_get(route.path, permitted(route, _read(found, probes), None), allow_head=route.roles is None)
    app.router.add_route("*", "/{path:.*}", refuse)
    return app


async def _no_pins(_agent: str, _pin: str, _place: str) -> bool:
    return False


def _read(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], probes: Probes
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The handler; a Redis that does not answer, or holds what a newer version wrote, is a reason to ask the leader."""

    async def read(request: web.Request, _route: Route | None = None) -> web.StreamResponse:
        try:
            return await handler(request)
        except (StoreDown, FutureSchema) as trouble:
            raise Problem(
                503, Sentence("{trouble}; ask the leader", trouble=str(trouble)), retry_after=1.0, leader=probes.role().leader
            ) from None

    return read


class StandbyHandlers(ProbeHandlers):
    """The handlers of the routes that a standby answers; each has the name that its route gives."""

    def __init__(self, probes: Probes, reads: StandbyReads) -> None:
        super().__init__(probes)
        self._reads, self._views = reads, reads.views

    async def queues(self, _request: web.Request) -> web.Response:
        found = await self._views.views("queue")
        return web.json_response([{"name": name, **view} for name, view in found.items()])

    async def queue(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        view = await self._views.view("queue", name)
        if view is None:
            raise Problem(404, "no such queue")
        return web.json_response({"name": name, **view})

    async def agents(self, _request: web.Request) -> web.Response:
        found, own = await self._views.views("agent"), caller().agent
        return web.json_response([{"id": name, **view} for name, view in found.items() if own in ("", name)])

    async def agent(self, request: web.Request) -> web.Response:
        name, who = request.match_info["id"], caller()
        if who.agent not in ("", name):
            raise Problem(403, NOT_YOURS)
        view = await self._views.view("agent", name)
        if view is None:
            raise Problem(404, Unknown("no such agent: {agent}", agent=name))
        return web.json_response({"id": name, **view})

    async def calls(self, request: web.Request) -> web.Response:
        queue, limit, own = request.query.get("queue"), limit_of(request.query.get("limit")), caller().agent
        if queue is not None and await self._views.view("queue", queue) is None:
            raise Problem(404, "no such queue")
        found = await self._views.views("call")
        in_hand = await self._call_of(own) if own else None
        chosen = [
            (name, view)
            for name, view in found.items()
            if (not queue or view.get("queue") == queue) and (in_hand is None or name == in_hand)
        ]

        def render() -> bytes:
            return f"[{','.join(json.dumps({'id': name, **view}) for name, view in live(chosen)[:limit])}]".encode()

        return web.Response(body=await asyncio.to_thread(render), content_type="application/json")

    async def call(self, request: web.Request) -> web.Response:
        name, who = request.match_info["id"], caller()
        await self._own_call(who, name)
        view, timeline = await self._views.view("call", name), await self._reads.timelines.timeline(name)
        if view is None and timeline is None:
            raise Problem(404, "no such call")
        return web.json_response({"id": name, **(view or {}), "timeline": timeline_for(who, timeline or [])})

    async def facts(self, request: web.Request) -> web.Response:
        name, who = request.query.get("call"), caller()
        if name is None:
            raise Problem(400, "the parameter call is required: ?call=ID")
        await self._own_call(who, name)
        timeline = await self._reads.timelines.timeline(name)
        if timeline is None:
            raise Problem(404, "no such call")
        return web.json_response(timeline_for(who, timeline))

    async def waiting(self, request: web.Request) -> web.Response:
        limit, reads = limit_of(request.query.get("limit"), MAX_WAITING_SHOWN), self._reads
        calls, bypass = await self._views.views("call"), await self._views.switch(BYPASS)
        found: Mapping[str, Any] = await asyncio.to_thread(waiting_view, calls, reads.plan(), reads.now(), limit)
        alerts = ["seen from a standby: only the leader knows what needs attention"]
        return web.json_response({**found, "bypass": bypass is not None and bypass.on, "alerts": alerts})

    async def callbacks(self, _request: web.Request) -> web.Response:
        return web.json_response(in_order(await self._views.callbacks(), masked=self._reads.masked))

    async def bypass(self, _request: web.Request) -> web.Response:
        switch = await self._views.switch(BYPASS)
        if switch is None:
            return web.json_response({"on": False, "by": "", "since": ""})
        return web.json_response({"on": switch.on, "by": switch.by, "since": switch.since})

    async def reports(self, request: web.Request) -> web.Response:
        return await catalogue_answer(request, self._reads.reports, caller())

    async def report(self, request: web.Request) -> web.StreamResponse:
        return await report_answer(request, self._reads.reports, caller(), masked=self._reads.masked)

    async def _call_of(self, agent: str) -> str:
        view = await self._views.view("agent", agent)
        return str(view.get("call", "")) if view is not None else ""

    async def _own_call(self, who: Caller, call: str) -> None:
        if who.agent and await self._call_of(who.agent) != call:
            raise Problem(403, NOT_YOURS)
