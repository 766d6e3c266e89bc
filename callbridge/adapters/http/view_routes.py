"""Routes of the screens: the stream of views, and wallboards with their read-only links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from callbridge.adapters.http.accounts import TokenRole, Wall
from callbridge.adapters.http.auth import Caller, caller
from callbridge.adapters.http.backend import Backend
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.limits import ConnectionLimits, Refusals, address_of
from callbridge.adapters.http.log_in import LogIns
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.request_bodies import PLAIN_TEXT
from callbridge.adapters.http.response_bodies import Absent, Count, ResponseBody
from callbridge.adapters.http.route import STAFF, Query, get
from callbridge.adapters.http.view_feed import PolledPart, ShownRow, ViewPart, ViewReader, row_text
from callbridge.adapters.http.view_stream import POLL, ViewStreams, stream_views

_PARTS = Query(
    "parts",
    f"parts of the floor, comma-separated: {', '.join(ViewPart)}; default: all that the role may see",
    {"type": "string", "pattern": rf"^({'|'.join(ViewPart)})(,({'|'.join(ViewPart)}))*$"},
)
_KEY = Query("key", "the key of the wallboard's link, instead of a log-in", {"type": "string", "pattern": PLAIN_TEXT})
FOR_AGENTS = frozenset({ViewPart.QUEUES, ViewPart.AGENTS, ViewPart.CALLS, ViewPart.ME})
"""The others are for those who watch the floor."""


class WallView(ResponseBody):
    """A wallboard's layout. ``queues`` and ``figures``: what is shown, in this order."""

    name: str
    title: str
    message: str
    queues: list[str]
    figures: list[str]


class TargetAgentView(ResponseBody):
    id: str
    name: str
    state: str
    reason: str


class TargetQueueView(ResponseBody):
    name: str
    waiting: Count
    ewt_seconds: float | Absent


class TargetsView(ResponseBody):
    """To whom a call can be transferred within the floor. An agent gets the agents of its own teams; of a floor without teams
    all."""

    agents: list[TargetAgentView]
    queues: list[TargetQueueView]


VIEW_ROUTES = (
    get(
        "/api/views",
        "views",
        "stream what screens show as server-sent events: the whole, then the rows that change",
        str,
        query=(_PARTS,),
        media="text/event-stream",
        limited=Limited.ROWS,
    ),
    get(
        "/api/targets",
        "targets",
        "list the agents and queues to which a call can be transferred, with their state",
        TargetsView,
        roles=STAFF,
        limited=Limited.ROWS,
    ),
    get("/api/walls", "walls", "list the wallboards", list[WallView], limited=Limited.ROWS),
    get(
        "/api/walls/{name}",
        "wall",
        "get a wallboard's layout; needs a log-in, a token or the key of its link",
        WallView,
        query=(_KEY,),
        faults=(404,),
        limited=Limited.ROWS,
    ),
    get(
        "/api/walls/{name}/views",
        "wall_views",
        "stream the queues of a wallboard; needs a log-in, a token or the key of its link",
        str,
        query=(_KEY,),
        faults=(404,),
        media="text/event-stream",
        limited=Limited.ROWS,
    ),
)


class ViewHandlers:
    def __init__(self, backend: Backend, log_ins: LogIns, limits: ConnectionLimits, refusals: Refusals) -> None:
        self._backend, self._log_ins = backend, log_ins
        self._streams = ViewStreams(
            feed=backend.views(), polled=polled_parts(backend), now=backend.now, limits=limits, refusals=refusals
        )

    async def views(self, request: web.Request) -> web.StreamResponse:
        who = caller()
        reader = ViewReader(
            scope=who.scope,
            parts=_parts(request, who),
            agent=who.agent,
            user=who.name,
            address=address_of(request.remote),
        )
        return await stream_views(request, self._streams, reader, self._goes_on(request, who))

    async def targets(self, _request: web.Request) -> web.Response:
        board, who = self._backend.board(), caller()
        own = self._backend.accounts().colleagues(who.agent) if who.agent else who.scope.agents
        agents = ((name, board.agent(name) or {}) for name in sorted(board.agents) if own is None or name in own)
        queues = ((name, board.queue(name) or {}) for name in sorted(board.queues))
        found = {
            "agents": [{"id": name, **_some(view, TargetAgentView)} for name, view in agents if name != who.agent],
            "queues": [{"name": name, **_some(view, TargetQueueView)} for name, view in queues],
        }
        return web.json_response(found)

    async def walls(self, _request: web.Request) -> web.Response:
        return web.json_response([self._layout(wall, caller()) for wall in self._backend.accounts().walls.values()])

    async def wall(self, request: web.Request) -> web.Response:
        return web.json_response(self._layout(self._known(request), caller()))

    async def wall_views(self, request: web.Request) -> web.StreamResponse:
        wall, who = self._known(request), caller()
        reader = ViewReader(
            scope=who.scope,
            parts=frozenset({ViewPart.QUEUES}),
            queues=frozenset(wall.queues) or None,
            user="" if who.wall else who.name,
            address=address_of(request.remote),
        )
        goes_on = self._goes_on(request, who)

        async def still() -> bool:
            return self._backend.accounts().walls.get(wall.name) == wall and await goes_on()

        return await stream_views(request, self._streams, reader, still)

    def _goes_on(self, request: web.Request, who: Caller) -> Callable[[], Awaitable[bool]]:
        return self._log_ins.watching(request, who)

    def _known(self, request: web.Request) -> Wall:
        wall = self._backend.accounts().walls.get(request.match_info["name"])
        if wall is None:
            raise Problem(404, "no such wallboard")
        return wall

    def _layout(self, wall: Wall, who: Caller) -> dict[str, Any]:
        there = self._backend.board().queues
        queues = [name for name in wall.queues or sorted(there) if who.scope.queue(name)]
        layout = {"name": wall.name, "title": wall.title or wall.name, "message": wall.message}
        return layout | {"queues": queues, "figures": list(wall.figures)}


def _some(view: Mapping[str, Any], kind: type[ResponseBody]) -> dict[str, Any]:
    """The fields of ``kind`` that the view has."""
    return {name: view[name] for name in kind.model_fields if name in view}


def _parts(request: web.Request, who: Caller) -> frozenset[ViewPart]:
    """What the role may not see is left out. Raises Problem."""
    may = FOR_AGENTS if who.role is TokenRole.AGENT else frozenset(ViewPart)
    text = request.query.get("parts")
    if text is None:
        return may
    names = set(filter(None, text.split(",")))
    if not names or names - set(ViewPart):
        raise Problem(400, "unknown part", parts=list(ViewPart))
    return frozenset(map(ViewPart, names)) & may


def polled_parts(backend: Backend) -> dict[ViewPart, PolledPart]:
    """What has no rows on the board, and so is compared with what it was."""

    async def callbacks() -> Mapping[str, ShownRow]:
        return {str(row["id"]): _shown(row) for row in backend.callbacks()}

    async def campaigns() -> Mapping[str, ShownRow]:
        return {str(row["name"]): _shown(row) for row in backend.ledger().campaigns()}

    async def alerts() -> Mapping[str, ShownRow]:
        found = await backend.floor_alerts()
        return {alert.key: ShownRow(row_text(alert.plain()), alert.queue, alert.agent) for alert in found}

    return {
        ViewPart.CALLBACKS: PolledPart(callbacks, POLL),
        ViewPart.CAMPAIGNS: PolledPart(campaigns, POLL),
        ViewPart.ALERTS: PolledPart(alerts, 2 * POLL),
    }


def _shown(row: Mapping[str, Any]) -> ShownRow:
    return ShownRow(row_text(row), str(row["queue"]))
