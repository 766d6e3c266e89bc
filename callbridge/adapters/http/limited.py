"""How each route keeps to the teams of the client: one rule per route, checked before its handler runs.

A route without a rule is closed to clients with teams: a new one cannot show them the whole floor by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from aiohttp import web

from callbridge.adapters.http.auth import Caller
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.views.board import Board

OUTSIDE = "this is outside your teams"


class Limited(StrEnum):
    OPEN = "open"
    """The answer is the same for everybody: it is about no queue and no agent."""
    QUEUE = "queue"
    """The queue in the path must be one of the teams'."""
    AGENT = "agent"
    """So must the agent in the path."""
    CALL = "call"
    """The call in the path, or in ``?call=``, must be in a queue of the teams, or with one of their agents."""
    ROWS = "rows"
    """The handler itself leaves out, or refuses, what belongs to other teams."""
    WHOLE_FLOOR = "whole_floor"
    """Only for clients without teams: it changes or shows what concerns all."""


class Floor(Protocol):
    def board(self) -> Board: ...

    def timeline(self, call: str) -> Sequence[Mapping[str, Any]] | None: ...


def check_limited(rule: Limited | None, request: web.Request, who: Caller, floor: Floor | None) -> None:
    """Raises Problem when the client's teams have nothing to do with what is asked for. ``floor``: None on a standby, which
    cannot tell whose a call is."""
    scope, path = who.scope, request.match_info
    if scope.whole:
        return
    if floor is None and rule is not Limited.OPEN:
        raise Problem(403, "a standby answers clients without teams only: ask the leader")
    match rule:
        case Limited.OPEN | Limited.ROWS:
            fits = True
        case Limited.QUEUE:
            fits = scope.queue(path["name"])
        case Limited.AGENT:
            fits = scope.agent(path["id"])
        case Limited.CALL:
            fits = floor is not None and call_fits(path.get("id") or request.query.get("call", ""), who, floor)
        case _:
            fits = False
    if not fits:
        raise Problem(403, OUTSIDE)


def call_fits(name: str, who: Caller, floor: Floor) -> bool:
    if who.scope.whole:
        return True
    board = floor.board()
    call = board.calls.get(name)
    if call is not None:
        return who.scope.call(call)
    view = board.call(name)
    return (view is not None and who.scope.row(view)) or who.scope.timeline(floor.timeline(name) or ())
