"""The handlers of the routes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from aiohttp import hdrs, web

from callbridge.adapters.facts.codec import FACT_TYPES
from callbridge.adapters.facts.person_place import NoPerson, PersonHeld, PersonsAway
from callbridge.adapters.http.accounts import Account
from callbridge.adapters.http.auth import Caller, HttpSettings, caller, guard
from callbridge.adapters.http.backend import Backend, NoStandby
from callbridge.adapters.http.callback_routes import CallbackHandlers
from callbridge.adapters.http.customer_routes import CustomerHandlers
from callbridge.adapters.http.encodings import plain_only
from callbridge.adapters.http.events import Readers, stream
from callbridge.adapters.http.explain_routes import MAX_WAITING_SHOWN
from callbridge.adapters.http.feed import EventFeed, Wanted
from callbridge.adapters.http.hours_routes import HoursHandlers
from callbridge.adapters.http.limited import OUTSIDE, check_queue
from callbridge.adapters.http.limits import Refusals
from callbridge.adapters.http.log_in import LogIns
from callbridge.adapters.http.names_routes import NamesHandlers
from callbridge.adapters.http.oidc import Oidc
from callbridge.adapters.http.oidc_pages import OidcPages
from callbridge.adapters.http.pages import DIST, Pages
from callbridge.adapters.http.permits import NOT_YOURS, limit_of, permitted, timeline_for
from callbridge.adapters.http.person_schemas import PersonBody
from callbridge.adapters.http.phone_routes import PhoneHandlers
from callbridge.adapters.http.probe_routes import ProbeHandlers
from callbridge.adapters.http.probes import Probes
from callbridge.adapters.http.problems import Problem, check_granted, problems, unavailable
from callbridge.adapters.http.proxies import behind
from callbridge.adapters.http.quality_routes import QualityHandlers
from callbridge.adapters.http.rate_limit import RateLimit
from callbridge.adapters.http.recording_routes import RecordingHandlers
from callbridge.adapters.http.reload_schemas import ReloadBody
from callbridge.adapters.http.report_answers import catalogue_answer, report_answer
from callbridge.adapters.http.request_bodies import (
    BODY_LIMIT,
    BlockBody,
    Body,
    ConsultBody,
    DispositionBody,
    LeadsBody,
    NoteBody,
    PhoneBody,
    ReasonBody,
    SecondsBody,
    SwitchBody,
    TargetBody,
    UnblockBody,
    body_of,
)
from callbridge.adapters.http.route import Route
from callbridge.adapters.http.routes import ROUTES
from callbridge.adapters.http.server import timed
from callbridge.adapters.http.session_routes import SessionHandlers
from callbridge.adapters.http.view_routes import ViewHandlers
from callbridge.adapters.ledger import NoLedger
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.reload_report import report_in_parts, texts_in_parts
from callbridge.adapters.views.rows import call_view, queue_of
from callbridge.core.model.attempt import Running
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    CallRequest,
    CallRequested,
    CampaignRequested,
    DispositionRequested,
    NoteRequested,
    RequestCarriedOut,
    SwitchTurned,
    TokenUsed,
)
from callbridge.core.model.plan import ToAgent
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.switch import BYPASS

_UNKNOWN = {"agents": Unknown("no such agent"), "queues": Unknown("no such queue"), "calls": Unknown("no such call")}
_NOT_RELOADED = Sentence("the configuration was refused; the old one stays in force")


def make_app(settings: HttpSettings, backend: Backend, probes: Probes, feed: EventFeed, pages: Path = DIST) -> web.Application:
    """The application, ready for a runner. Call it on the loop on which it will run. ``pages``: where the screens' bundle is."""
    refusals = Refusals(probes.refused)

    def told(who: Caller, address: str) -> None:
        backend.note(TokenUsed(at=backend.now(), by=who.by, role=who.role, origin=address, agent=who.agent))

    def opened(account: Account, address: str) -> None:
        told(Caller(account.name, account.role, account.agent), address)

    log_ins = LogIns(backend.sessions(), backend.accounts, settings.all_tokens, backend.check_pin, refusals)
    guarded = guard(settings, told, signed_in=log_ins, accounts=backend.accounts)
    middlewares = [timed, behind(settings.proxies), problems, plain_only(refusals), guarded]
    app = web.Application(middlewares=middlewares, client_max_size=BODY_LIMIT)
    readers = Readers(feed, settings.limits, refusals)
    logins = RateLimit(settings.logins, now=asyncio.get_running_loop().time)
    handlers = _Handlers(backend, probes, readers, logins, log_ins)
    phones = PhoneHandlers(log_ins, backend)
    groups = (
        handlers,
        SessionHandlers(log_ins, backend.accounts, opened),
        ViewHandlers(backend, log_ins, settings.limits, refusals),
        NamesHandlers(lambda: {name: agent.name for name, agent in backend.board().agents.items()}, backend.accounts),
        CallbackHandlers(backend),
        CustomerHandlers(backend),
        HoursHandlers(backend),
        QualityHandlers(backend.quality()),
        RecordingHandlers(backend.recordings()),
        phones,
    )
    for route in ROUTES:
        handler = permitted(route, _recorded(route, _handler(route, groups), backend), backend)
        app.router.add_route(route.method, route.path, handler)
        if route.roles is None and route.method == hdrs.METH_GET:
            app.router.add_route(hdrs.METH_HEAD, route.path, handler)  # load balancers probe with HEAD
    phones.add_to(app)
    Pages(pages).add_to(app.router)
    if settings.oidc is not None:
        OidcPages(Oidc(settings.oidc, backend.wall), log_ins, backend.accounts, opened).add_to(app)

    async def close(_: web.Application) -> None:
        feed.close()
        backend.views().close()

    app.on_shutdown.append(close)
    return app


def _handler(route: Route, groups: Sequence[object]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The method with the name that the route gives, of the first that has it."""
    found: Callable[..., Awaitable[web.StreamResponse]] = next(
        getattr(group, route.handler) for group in groups if hasattr(group, route.handler)
    )
    return found


_KINDS = {"name": "campaign", "id": "review"}
"""What the last parameters of those paths are that are recorded."""


def _recorded(
    route: Route, handler: Callable[..., Awaitable[web.StreamResponse]], backend: Backend
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The handler; what it has done is recorded with the name of the client, if the route says so."""
    if not route.recorded:
        return handler

    async def recording(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        to = "".join(f"{_KINDS.get(name, name)}:{value}" for name, value in list(request.match_info.items())[-1:])
        backend.note(RequestCarriedOut(at=backend.now(), by=caller().by, request=route.recorded, to=to))
        return response

    return recording


class _Handlers(ProbeHandlers):
    def __init__(self, backend: Backend, probes: Probes, readers: Readers, logins: RateLimit, log_ins: LogIns) -> None:
        super().__init__(probes)
        self._backend = backend
        self._readers = readers
        self._logins = logins
        self._log_ins = log_ins

    # -- views -------------------------------------------------------------------------------------------------

    async def queues(self, _request: web.Request) -> web.Response:
        board = self._backend.board()
        names = sorted(filter(caller().scope.queue, board.queues))
        return web.json_response([{"name": name, **(board.queue(name) or {})} for name in names])

    async def queue(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        view = self._backend.board().queue(name)
        if view is None:
            raise Problem(404, "no such queue")
        return web.json_response({"name": name, **view})

    async def agents(self, request: web.Request) -> web.Response:
        board, own = self._backend.board(), caller().agent
        names = sorted(name for name in board.agents if own in ("", name) and caller().scope.agent(name))
        return web.json_response([{"id": name, **(board.agent(name) or {})} for name in names])

    async def agent(self, request: web.Request) -> web.Response:
        return self._agent(self._known_agent(request))

    async def calls(self, request: web.Request) -> web.Response:
        board, own, scope = self._backend.board(), caller().agent, caller().scope
        queue, limit = self._queue_filter(request, board), limit_of(request.query.get("limit"))
        rows, masked = board.live_calls(), board.masked
        in_hand = _current_call(board, own) if own else None
        nobody = {} if own else board.supervision(None)
        supervised = {} if own else {name: board.supervision(board.calls[name]) for name in board.supervised}

        def render() -> bytes:
            chosen = [
                row
                for row in rows
                if (not queue or queue_of(row[0]) == queue) and (in_hand is None or row[0].id == in_hand) and scope.call(row[0])
            ]
            chosen.sort(key=lambda row: (row[0].arrived_at, row[0].id))
            # One row at a time: a single long json.dumps would hold the GIL and so block the event loop.
            views = (
                {"id": call.id, **call_view(call, stamp, agent_name=name, masked=masked), **supervised.get(call.id, nobody)}
                for call, stamp, name in chosen[:limit]
            )
            return f"[{','.join(map(json.dumps, views))}]".encode()

        return web.Response(body=await asyncio.to_thread(render), content_type="application/json")

    async def call(self, request: web.Request) -> web.Response:
        name, who = request.match_info["id"], caller()
        self._own_call(who, name)
        board, timeline = self._backend.board(), self._backend.timeline(name)
        view = board.call(name) if who.agent else board.supervised_call(name)
        if view is None and timeline is None:
            raise Problem(404, "no such call")
        return web.json_response({"id": name, **(view or {}), "timeline": timeline_for(who, timeline or [])})

    async def waiting(self, request: web.Request) -> web.Response:
        limit = limit_of(request.query.get("limit"), MAX_WAITING_SHOWN)
        scope = caller().scope
        return web.json_response(await self._backend.waiting(limit, None if scope.whole else scope))

    async def explain_agent(self, request: web.Request) -> web.Response:
        return await self._explained("agents", self._known_agent(request))

    async def explain_queue(self, request: web.Request) -> web.Response:
        return await self._explained("queues", request.match_info["name"])

    async def explain_call(self, request: web.Request) -> web.Response:
        return await self._explained("calls", request.match_info["id"])

    async def _explained(self, kind: str, name: str) -> web.Response:
        scope = caller().scope
        found = await self._backend.explain(kind, name, scope)
        if found is None:
            raise Problem(404, _UNKNOWN[kind])
        if kind == "calls" and not (scope.row(found) or scope.timeline(found["timeline"])):
            raise Problem(403, OUTSIDE)  # of an archived call only its facts tell whose it was
        return web.json_response(found)

    async def facts(self, request: web.Request) -> web.Response:
        """``?call=ID``: the last facts of a call."""
        name, who = request.query.get("call"), caller()
        if name is None:
            raise Problem(400, "the parameter call is required: ?call=ID")
        self._own_call(who, name)
        timeline = self._backend.timeline(name)
        if timeline is None:
            raise Problem(404, "no such call")
        return web.json_response(timeline_for(who, timeline))

    async def events(self, request: web.Request) -> web.StreamResponse:
        types = frozenset(filter(None, request.query.get("types", "").split(",")))
        if not types <= FACT_TYPES:
            raise Problem(400, "unknown fact type", types=sorted(FACT_TYPES))
        queue, who = self._queue_filter(request, self._backend.board()), caller()
        wanted = Wanted(types, queue, who.agent, who.scope)
        return await stream(request, self._readers, wanted, user=who.name, goes_on=self._log_ins.watching(request, who))

    def _queue_filter(self, request: web.Request, board: Board) -> str:
        queue = request.query.get("queue")
        if queue is not None:
            check_queue(queue, caller(), board)
            if board.queue(queue) is None:
                raise Problem(404, "no such queue")
        return queue or ""

    def _known_agent(self, request: web.Request) -> str:
        """The agent in the path. Raises Problem when the token is for another agent, or the agent is unknown."""
        name, who = request.match_info["id"], caller()
        if who.agent not in ("", name):
            raise Problem(403, NOT_YOURS)
        if name not in self._backend.board().agents:
            raise Problem(404, Unknown("no such agent: {agent}", agent=name))
        return name

    def _is_of_another_team(self, agent: str) -> bool:
        return agent in self._backend.board().agents and not caller().scope.agent(agent)

    def _own_call(self, who: Caller, call: str) -> None:
        """An agent token may access only the agent's current call; it does not even learn whether other calls exist."""
        if who.agent and _current_call(self._backend.board(), who.agent) != call:
            raise Problem(403, NOT_YOURS)

    def _agent(self, name: str) -> web.Response:
        view = self._backend.board().agent(name)
        if view is None:
            raise Problem(404, Unknown("no such agent: {agent}", agent=name))
        return web.json_response({"id": name, **view})

    async def reports(self, request: web.Request) -> web.Response:
        return await catalogue_answer(request, self._backend.reports(), caller())

    async def report(self, request: web.Request) -> web.StreamResponse:
        backend = self._backend
        return await report_answer(request, backend.reports(), caller(), masked=backend.board().masked)

    # -- requests -----------------------------------------------------------------------------------------------

    async def agent_request(self, request: web.Request, route: Route) -> web.Response:
        wanted = route.request
        assert isinstance(wanted, AgentRequest)
        agent, by = self._known_agent(request), caller().by
        body = await body_of(request, route.body or Body)
        if wanted is AgentRequest.LOGIN:
            if wait := self._logins.wait(agent):
                raise Problem(429, "too many logins of this agent", retry_after=wait)
            self._logins.count(agent)
        reason = body.reason if isinstance(body, ReasonBody) else ""
        phone = body.phone if isinstance(body, PhoneBody) else ""
        event = AgentRequested(at=self._backend.now(), agent=agent, request=wanted, reason=reason, phone=phone, by=by)
        check_granted(await self._backend.submit(event), agent=agent)
        return self._agent(agent)

    async def call_request(self, request: web.Request, route: Route) -> web.Response:
        wanted = route.request
        assert isinstance(wanted, CallRequest)
        call, who = request.match_info["id"], caller()
        self._own_call(who, call)
        if call not in self._backend.board().calls:
            raise Problem(404, "no such call, or it has ended")
        body = await body_of(request, route.body or Body)
        to = body.target() if isinstance(body, TargetBody) else None
        if isinstance(to, ToAgent) and wanted is CallRequest.PULL and self._is_of_another_team(to.agent):
            raise Problem(403, OUTSIDE)
        seconds = body.seconds if isinstance(body, SecondsBody) else 0.0
        phone = body.phone if isinstance(body, PhoneBody) else ""
        event = CallRequested(at=self._backend.now(), call=call, request=wanted, to=to, seconds=seconds, phone=phone, by=who.by)
        if isinstance(body, ConsultBody):
            event = replace(event, consult_queue=body.consult_queue)
        check_granted(await self._backend.submit(event), call=call)
        return web.json_response({"call": call, "request": wanted.value})

    async def reload(self, request: web.Request) -> web.Response:
        body = await body_of(request, ReloadBody)
        done = await self._backend.reload(dry_run=body.dry_run, force=body.force, by=caller().by)
        if done.faults:
            parts, report = texts_in_parts(done.faults), report_in_parts(done.report)
            raise Problem(409, _NOT_RELOADED, faults=list(done.faults), faults_parts=parts, report=report)
        return web.json_response(report_in_parts(done.report))

    async def step_down(self, request: web.Request) -> web.Response:
        await body_of(request, Body)
        self._backend.note(RequestCarriedOut(at=self._backend.now(), by=caller().by, request="step_down"))  # while we still act
        try:
            leader = await self._backend.step_down(caller().by)
        except NoStandby as nobody:
            raise Problem(409, nobody) from nobody
        return web.json_response({"leader": leader})

    async def campaigns(self, _request: web.Request) -> web.Response:
        return web.json_response(self._campaigns())

    def _campaigns(self) -> list[dict[str, object]]:
        """Those for the client's queues."""
        return [row for row in self._backend.ledger().campaigns() if caller().scope.queue(str(row["queue"]))]

    async def campaign(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if not caller().scope.whole:
            self._known_campaign(request)
        try:
            found = await self._backend.ledger().campaign(name)
        except NoLedger as trouble:
            raise unavailable(trouble) from None
        if found is None:
            raise Problem(404, "no such campaign")
        return web.json_response(found)

    async def start_campaign(self, request: web.Request) -> web.Response:
        return await self._run_campaign(request, Running.RUNNING)

    async def pause_campaign(self, request: web.Request) -> web.Response:
        return await self._run_campaign(request, Running.PAUSED)

    async def stop_campaign(self, request: web.Request) -> web.Response:
        return await self._run_campaign(request, Running.STOPPED)

    async def _run_campaign(self, request: web.Request, to: Running) -> web.Response:
        name = self._known_campaign(request)
        await body_of(request, Body)
        check_granted(
            await self._backend.submit(CampaignRequested(at=self._backend.now(), campaign=name, to=to, by=caller().by)),
            campaign=name,
        )
        return web.json_response(next(row for row in self._backend.ledger().campaigns() if row["name"] == name))

    async def add_leads(self, request: web.Request) -> web.Response:
        name = self._known_campaign(request)
        body = await body_of(request, LeadsBody)
        try:
            entered, refused = await self._backend.ledger().add_leads(name, body.leads)
        except NoLedger as trouble:
            raise unavailable(trouble) from None
        rows = [{"number": number, "why": why} for number, why in refused]
        return web.json_response({"entered": entered, "refused": rows})

    async def add_note(self, request: web.Request) -> web.Response:
        agent, by = self._known_agent(request), caller().by
        body = await body_of(request, NoteBody)
        check_granted(
            await self._backend.submit(NoteRequested(at=self._backend.now(), agent=agent, text=body.text, by=by)), agent=agent
        )
        return web.json_response({"agent": agent, "text": body.text})

    async def set_disposition(self, request: web.Request) -> web.Response:
        agent, by = self._known_agent(request), caller().by
        body = await body_of(request, DispositionBody)
        asked = DispositionRequested(at=self._backend.now(), agent=agent, by=by, **body.model_dump())
        check_granted(await self._backend.submit(asked), agent=agent)
        return web.json_response({"agent": agent, "code": body.code})

    async def blocks(self, _request: web.Request) -> web.Response:
        try:
            return web.json_response(await self._backend.ledger().blocks())
        except NoLedger as trouble:
            raise unavailable(trouble) from None

    async def block(self, request: web.Request) -> web.Response:
        body, by = await body_of(request, BlockBody), caller().by
        if body.campaign and all(row["name"] != body.campaign for row in self._backend.ledger().campaigns()):
            raise Problem(404, "no such campaign")
        try:
            await self._backend.ledger().block(body.number, body.campaign, body.reason, by, body.expires_at)
        except ValueError as wrong:
            raise Problem(409, wrong) from None
        except NoLedger as trouble:
            raise unavailable(trouble) from None
        return web.json_response(self._backend.ledger().shown({**body.model_dump(), "by": by, "at": self._backend.now()}))

    async def person(self, request: web.Request) -> web.Response:
        body, act = await body_of(request, PersonBody), request.path.rpartition("/")[2]
        try:
            return web.json_response(await self._backend.person(act, body.number, by=caller().by, reason=body.reason))
        except (NoPerson, PersonHeld) as refused:
            raise Problem(409, refused) from None
        except PersonsAway as away:
            raise Problem(503, away) from None

    show_person = export_person = erase_person = hold_person = release_person = person

    async def unblock(self, request: web.Request) -> web.Response:
        body = await body_of(request, UnblockBody)
        try:
            gone = await self._backend.ledger().unblock(body.number, body.campaign, caller().by)
        except ValueError as wrong:
            raise Problem(409, wrong) from None
        except NoLedger as trouble:
            raise unavailable(trouble) from None
        if not gone:
            raise Problem(404, "this number is not on the do-not-call list")
        return web.json_response(self._backend.ledger().shown(body.model_dump()))

    def _known_campaign(self, request: web.Request) -> str:
        name = request.match_info["name"]
        found = next((row for row in self._backend.ledger().campaigns() if row["name"] == name), None)
        if found is None:
            raise Problem(404, "no such campaign")
        if not caller().scope.queue(str(found["queue"])):
            raise Problem(403, OUTSIDE)
        return name

    async def bypass(self, _request: web.Request) -> web.Response:
        switch = self._backend.switch(BYPASS)
        if switch is None:
            return web.json_response({"on": False, "by": "", "since": ""})
        return web.json_response({"on": switch.on, "by": switch.by, "since": switch.since})

    async def turn_bypass(self, request: web.Request) -> web.Response:
        body = await body_of(request, SwitchBody)
        by = caller().by
        check_granted(await self._backend.submit(SwitchTurned(at=self._backend.now(), switch=BYPASS, on=body.on, by=by)))
        return await self.bypass(request)


def _current_call(board: Board, agent: str) -> str:
    """The current call of an agent; empty when there is none."""
    row = board.agents.get(agent)
    return row.call if row is not None else ""
