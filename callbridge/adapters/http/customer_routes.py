"""Routes about the customer of a call: the last contacts."""

from __future__ import annotations

from aiohttp import web

from callbridge.adapters.http.auth import Caller, caller
from callbridge.adapters.http.backend import Backend
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.permits import NOT_YOURS
from callbridge.adapters.http.problems import Problem, unavailable
from callbridge.adapters.http.response_bodies import ResponseBody
from callbridge.adapters.http.route import NOT_NOW, STAFF, get
from callbridge.adapters.reports.asking import NoHistory
from callbridge.adapters.reports.contacts import ContactQuestion
from callbridge.adapters.views.board import Board, queue_of
from callbridge.core.model.agent import Work
from callbridge.core.model.call import Call


class ContactView(ResponseBody):
    """An earlier call. ``queue`` and ``agent``: of its last talk, or of the last wait where nobody talked; ``talked``: seconds
    with agents; ``outcome``: empty while the call goes on; ``disposition``: the code that an agent gave it."""

    call: str
    at: float
    direction: str
    queue: str
    agent: str
    outcome: str
    talked: float
    disposition: str


class RepeatedView(ResponseBody):
    """The talk after which the customer calls again: ``after`` seconds later, in the same queue, as in the report repeats."""

    at: float
    agent: str
    after: float


class ContactsView(ResponseBody):
    """``contacts``: the last five, the latest first; none of a customer who withholds the number. Of an agent with teams those of
    the teams' queues and agents only."""

    contacts: list[ContactView]
    repeated: RepeatedView | None


CUSTOMER_ROUTES = (
    get(
        "/api/calls/{id}/contacts",
        "contacts",
        "list the last contacts with the customer of a call, within two seconds or not at all; agents of their own call",
        ContactsView,
        roles=STAFF,
        faults=(404, *NOT_NOW),
        limited=Limited.CALL,
    ),
)


class CustomerHandlers:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def contacts(self, request: web.Request) -> web.Response:
        name, who = request.match_info["id"], caller()
        call = self._call(name, who)
        scope = self._backend.accounts().seen_by(who.agent) if who.agent else who.scope
        question = ContactQuestion(
            number=call.number,
            call=name,
            queue=queue_of(call) or call.served[1],
            before=call.arrived_at,
            sees=scope.either,
        )
        try:
            found = await self._backend.contacts().of(question)
        except NoHistory as trouble:
            raise unavailable(trouble) from None
        return web.json_response(found.as_data())

    def _call(self, name: str, who: Caller) -> Call:
        """A live call, or one that ended a short time ago. An agent gets the own call only, in wrap-up too. Raises Problem."""
        board = self._backend.board()
        if who.agent and name not in own_calls(board, who.agent):
            raise Problem(403, NOT_YOURS)
        call = board.known_call(name)
        if call is None:
            raise Problem(404, "no such call, or it ended more than an hour ago")
        return call


def own_calls(board: Board, agent: str) -> set[str]:
    """The call that the agent has, or has just had and wraps up."""
    row = board.agents.get(agent)
    if row is None:
        return set()
    return {row.call, row.wrap_call if row.work is Work.WRAP_UP else ""} - {""}
