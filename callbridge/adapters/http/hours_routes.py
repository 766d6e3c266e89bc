"""Routes about opening hours: calendars, and what is closed at once or for a time.

A calendar and an entry concern the whole floor, so only clients without teams close them; a supervisor of a team closes, and
reopens, the team's queues, no matter who closed them.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from callbridge.adapters.http.auth import caller
from callbridge.adapters.http.backend import Backend
from callbridge.adapters.http.limited import OUTSIDE, Limited, is_queue
from callbridge.adapters.http.problems import Problem, check_granted
from callbridge.adapters.http.request_bodies import Body, ClosedBody, ClosureBody, body_of
from callbridge.adapters.http.response_bodies import CalendarView, ResponseBody
from callbridge.adapters.http.route import SUPERVISORS, WATCHERS, get, post
from callbridge.core.model.events import ClosureRequested, ReopeningRequested, SwitchTurned
from callbridge.core.model.switch import closing


class ClosureView(ResponseBody):
    """A closure that holds or will hold. ``closed``: whether it holds now."""

    id: str
    target: str
    begins: float
    ends: float
    closed: bool
    reason: str
    by: str
    made_at: float


class ReopenedView(ResponseBody):
    id: str
    target: str


HOURS_ROUTES = (
    get(
        "/api/hours", "hours", "list calendars and whether each is open", list[CalendarView], roles=WATCHERS, limited=Limited.OPEN
    ),
    post(
        "/api/hours/{name}",
        "close_hours",
        "close a calendar immediately, or return it to its opening hours",
        CalendarView,
        roles=SUPERVISORS,
        body=ClosedBody,
        faults=(404, 409, 504),
        limited=Limited.WHOLE_FLOOR,
    ),
    get(
        "/api/closures",
        "closures",
        "list closures by date, the next to begin first",
        list[ClosureView],
        roles=WATCHERS,
        limited=Limited.ROWS,
    ),
    get(
        "/api/closures/targets",
        "closure_targets",
        "list what the client may close: calendars, and queues and entries that depend on one",
        list[str],
        roles=SUPERVISORS,
        limited=Limited.ROWS,
    ),
    post(
        "/api/closures",
        "close_for_a_time",
        "close a calendar, a queue or an entry for a time, as a holiday in the configuration would",
        ClosureView,
        roles=SUPERVISORS,
        body=ClosureBody,
        faults=(404, 409, 504),
        limited=Limited.ROWS,
    ),
    post(
        "/api/closures/{id}/reopen",
        "reopen",
        "end a closure, or take back one that has not begun",
        ReopenedView,
        roles=SUPERVISORS,
        body=Body,
        faults=(404, 409, 504),
        limited=Limited.ROWS,
    ),
)


class HoursHandlers:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def hours(self, _request: web.Request) -> web.Response:
        return web.json_response(self._backend.hours())

    async def close_hours(self, request: web.Request) -> web.Response:
        name, by = request.match_info["name"], caller().by
        if all(row["name"] != name for row in self._backend.hours()):
            raise Problem(404, "no such calendar")
        body = await body_of(request, ClosedBody)
        check_granted(
            await self._backend.submit(SwitchTurned(at=self._backend.now(), switch=closing(name), on=body.closed, by=by))
        )
        return web.json_response(next(row for row in self._backend.hours() if row["name"] == name))

    async def closures(self, _request: web.Request) -> web.Response:
        return web.json_response([row for row in self._backend.closures() if _is_shown(str(row["target"]))])

    async def closure_targets(self, _request: web.Request) -> web.Response:
        return web.json_response([target for target in self._backend.closable() if _may_close(target)])

    async def close_for_a_time(self, request: web.Request) -> web.Response:
        body = await body_of(request, ClosureBody)
        kind, _, name = body.target.partition(":")
        if not _may_close(body.target) and (kind != "queue" or is_queue(name, self._backend.board())):
            raise Problem(403, OUTSIDE)
        begins = self._backend.wall() if body.begins is None else body.begins
        known = {row["id"] for row in self._backend.closures()}
        asked = ClosureRequested(
            at=self._backend.now(), kind=kind, name=name, begins=begins, ends=body.ends, reason=body.reason, by=caller().by
        )
        check_granted(await self._backend.submit(asked), target=body.target)
        made = [row for row in self._backend.closures() if row["id"] not in known and row["begins"] == begins]
        if not made:
            raise Problem(409, "the closure is over already", target=body.target)
        return web.json_response(made[-1])

    async def reopen(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        found: dict[str, Any] = next((row for row in self._backend.closures() if row["id"] == name), {})
        if found and not _may_close(str(found["target"])):
            raise Problem(403, OUTSIDE)
        await body_of(request, Body)
        check_granted(await self._backend.submit(ReopeningRequested(at=self._backend.now(), closure=name, by=caller().by)))
        return web.json_response({"id": name, "target": found["target"]})


def _may_close(target: str) -> bool:
    scope, (kind, _, name) = caller().scope, target.partition(":")
    return scope.whole or (kind == "queue" and scope.queue(name))


def _is_shown(target: str) -> bool:
    """What concerns the whole floor is shown to everybody."""
    return not target.startswith("queue:") or _may_close(target)
