"""Routes about callbacks: those that are open, and what supervisors do with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from aiohttp import web

from callbridge.adapters.http.auth import caller
from callbridge.adapters.http.backend import Backend
from callbridge.adapters.http.limited import OUTSIDE, Limited, check_queue
from callbridge.adapters.http.problems import Problem, check_granted
from callbridge.adapters.http.request_bodies import Body, CallbackBody, CallbackNumberBody, CallbackTimeBody, body_of
from callbridge.adapters.http.response_bodies import CallbackView, ResponseBody
from callbridge.adapters.http.route import SUPERVISORS, WATCHERS, get, post
from callbridge.core.model.events import CallbackChange, CallbackChangeRequested


class CallbackEndedView(ResponseBody):
    id: str
    cancelled: Literal[True]


_CHANGES = {"roles": SUPERVISORS, "faults": (404, 409, 504), "limited": Limited.ROWS}

CALLBACK_ROUTES = (
    get("/api/callbacks", "callbacks", "list open callbacks", list[CallbackView], roles=WATCHERS, limited=Limited.ROWS),
    get(
        "/api/callbacks/queues",
        "callback_queues",
        "list the queues in which the client may make a callback: those that offer them",
        list[str],
        roles=SUPERVISORS,
        limited=Limited.ROWS,
    ),
    post(
        "/api/callbacks",
        "make_callback",
        "schedule a callback; a number can have only one callback per queue",
        CallbackView,
        body=CallbackBody,
        **_CHANGES,
    ),
    post(
        "/api/callbacks/{id}/call-now",
        "call_callback_now",
        "make a callback now, before it is due and before everybody who waits",
        CallbackView,
        body=Body,
        **_CHANGES,
    ),
    post(
        "/api/callbacks/{id}/reschedule",
        "reschedule_callback",
        "make a callback at another time; it keeps its place, and is kept for as long from then on",
        CallbackView,
        body=CallbackTimeBody,
        **_CHANGES,
    ),
    post(
        "/api/callbacks/{id}/number",
        "set_callback_number",
        "call another number for a callback",
        CallbackView,
        body=CallbackNumberBody,
        **_CHANGES,
    ),
    post(
        "/api/callbacks/{id}/cancel",
        "cancel_callback",
        "cancel a callback; a phone that is ringing for it stops",
        CallbackEndedView,
        body=Body,
        **_CHANGES,
    ),
)


class CallbackHandlers:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def callbacks(self, _request: web.Request) -> web.Response:
        return web.json_response([row for row in self._backend.callbacks() if caller().scope.queue(str(row["queue"]))])

    async def callback_queues(self, _request: web.Request) -> web.Response:
        return web.json_response([name for name in self._backend.callback_queues() if caller().scope.queue(name)])

    async def make_callback(self, request: web.Request) -> web.Response:
        body = await body_of(request, CallbackBody)
        check_queue(body.queue, caller(), self._backend.board())
        asked = CallbackChangeRequested(at=self._backend.now(), change=CallbackChange.MAKE, by=caller().by, **body.model_dump())
        asked = replace(asked, tier=asked.tier or self._backend.tier_of(body.number))
        check_granted(await self._backend.submit(asked), queue=body.queue)
        made = self._backend.callback_to(body.queue, body.number)
        if made is None:
            raise Problem(409, "the callback has already ended", queue=body.queue)
        return web.json_response(made)

    async def call_callback_now(self, request: web.Request) -> web.Response:
        return await self._change(request, CallbackChange.CALL_NOW, Body)

    async def reschedule_callback(self, request: web.Request) -> web.Response:
        return await self._change(request, CallbackChange.RESCHEDULE, CallbackTimeBody)

    async def set_callback_number(self, request: web.Request) -> web.Response:
        return await self._change(request, CallbackChange.NUMBER, CallbackNumberBody)

    async def cancel_callback(self, request: web.Request) -> web.Response:
        name = await self._ask(request, CallbackChange.CANCEL, Body)
        return web.json_response({"id": name, "cancelled": True})

    async def _change(self, request: web.Request, change: CallbackChange, body: type[Body]) -> web.Response:
        name = await self._ask(request, change, body)
        changed = self._found(name)
        if changed is None:
            raise Problem(409, "the callback has already ended", callback=name)
        return web.json_response(changed)

    async def _ask(self, request: web.Request, change: CallbackChange, body: type[Body]) -> str:
        """Submit the change of the callback in the path. Returns its id. Raises Problem."""
        name = request.match_info["id"]
        known = self._found(name)
        if known is not None and not caller().scope.queue(str(known["queue"])):
            raise Problem(403, OUTSIDE)
        more: dict[str, Any] = (await body_of(request, body)).model_dump()
        asked = CallbackChangeRequested(at=self._backend.now(), change=change, callback=name, by=caller().by, **more)
        check_granted(await self._backend.submit(asked), callback=name)
        return name

    def _found(self, name: str) -> dict[str, object] | None:
        return next((row for row in self._backend.callbacks() if row["id"] == name), None)
