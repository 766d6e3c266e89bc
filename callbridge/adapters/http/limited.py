"""How each route keeps to the teams of the client: one rule per route, checked before its handler runs.

A route without a rule is closed to clients with teams: a new one cannot show them the whole floor by mistake. What does not
exist belongs to nobody: a supervisor of a team is answered as one of the whole floor, 404.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from aiohttp import web

from callbridge.adapters.http.auth import Caller
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.views.board import Board
from callbridge.core.model.sentence import Sentence

OUTSIDE = Sentence("this is outside your teams")


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
    scope, path, known = who.scope, request.match_info, True
    if scope.whole:
        return
    if floor is None and rule is not Limited.OPEN:
        raise Problem(403, "a standby answers clients without teams only: ask the leader")
    match rule:
        case Limited.OPEN | Limited.ROWS:
            fits = True
        case Limited.QUEUE:
            fits = scope.queue(path["name"])
            known = floor is None or is_queue(path["name"], floor.board())
        case Limited.AGENT:
            fits = scope.agent(path["id"])
            known = floor is None or path["id"] in floor.board().agents
        case Limited.CALL:
            call = path.get("id") or request.query.get("call", "")
            fits = floor is not None and call_fits(call, who, floor)
            known = floor is None or floor.board().call(call) is not None or floor.timeline(call) is not None
        case _:
            fits = False
    if not fits and (known or who.agent):  # an agent does not learn what there is
        raise Problem(403, OUTSIDE)


def is_queue(name: str, board: Board) -> bool:
    return board.queue(name) is not None


def check_queue(name: str, who: Caller, board: Board) -> None:
    """Raises Problem when the queue is another team's."""
    if is_queue(name, board) and not who.scope.queue(name):
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
