"""What a request may do, and which part of an answer its token may see: the same for a leader and a standby."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from callbridge.adapters.http.auth import Caller, caller
from callbridge.adapters.http.limited import Floor, check_limited
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.request_bodies import PLAIN_TEXT
from callbridge.adapters.http.route import Route
from callbridge.adapters.views.supervision import tells_of_supervision
from callbridge.core.model.sentence import Sentence

NOT_YOURS = Sentence("this token is for one agent")
_MAX_CALLS = 1000


def permitted(route: Route, handler: Callable[..., Awaitable[web.StreamResponse]], floor: Floor | None) -> Handler:
    """The route's handler, after checks that the role and the teams may use it and that the body is not a web form. ``floor``:
    None on a standby."""

    async def allowed(request: web.Request) -> web.StreamResponse:
        if route.roles is not None and caller().role not in route.roles:
            raise Problem(403, Sentence("this requires one of the roles: {roles}", roles=", ".join(sorted(route.roles))))
        if route.roles is not None:
            _check_query(request, route)
            check_limited(route.limited, request, caller(), floor)
        if route.body is not None and request.content_type != "application/json":
            raise Problem(415, "the body must be application/json")
        return await (handler(request) if route.request is None else handler(request, route))

    return allowed


def _check_query(request: web.Request, route: Route) -> None:
    """Refuse unknown parameters: a misspelt one that was ignored would answer a different question."""
    known = {query.name for query in route.query if query.place == "query"}
    for name in request.query:
        if name not in known:
            raise Problem(400, "unknown parameter", parameter=name[:64], known=sorted(known))
        if len(request.query.getall(name)) > 1:
            raise Problem(400, "a parameter is given more than once", parameter=name)
        if not re.fullmatch(PLAIN_TEXT, request.query[name]):
            raise Problem(400, "a parameter must not contain control characters", parameter=name)


def timeline_for(who: Caller, timeline: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The facts of a timeline that this token may see: an agent sees nothing about other agents, or about who supervises."""
    if not who.agent:
        return list(timeline)
    own = (fact for fact in timeline if fact["agent"] in ("", who.agent))
    return [fact for fact in own if not tells_of_supervision(fact["type"], fact.get("request"))]


def limit_of(text: str | None, default: int = _MAX_CALLS) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise Problem(400, "limit must be a number")
    return int(text)
