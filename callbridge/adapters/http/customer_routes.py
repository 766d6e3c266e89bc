"""Routes about the customers of an agent: the last contacts with the present one, callbacks and leads of the agent's own."""

from __future__ import annotations

import re

from aiohttp import web
from pydantic import Field

from callbridge.adapters.facts.privacy import scrub
from callbridge.adapters.http.auth import Caller, caller
from callbridge.adapters.http.backend import Backend
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.permits import NOT_YOURS
from callbridge.adapters.http.problems import Problem, check_granted, unavailable
from callbridge.adapters.http.request_bodies import PLAIN_TEXT, Body, body_of
from callbridge.adapters.http.response_bodies import Absent, CallbackView, Count, ResponseBody
from callbridge.adapters.http.route import NOT_NOW, STAFF, get, post
from callbridge.adapters.ledger import LedgerNotConfigured, NoLedger
from callbridge.adapters.reports.asking import NoHistory
from callbridge.adapters.reports.contacts import ContactQuestion
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.phrasing import in_parts
from callbridge.adapters.views.rows import queue_of
from callbridge.adapters.views.scripts import Script
from callbridge.core.model.agent import Work
from callbridge.core.model.call import Call
from callbridge.core.model.events import CallbackChange, CallbackChangeRequested, ScriptAnswersGiven
from callbridge.core.model.sentence import Sentence, Unknown

NO_LEAD = Sentence("no such lead of this agent that waits to be called")


class ContactView(ResponseBody):
    """An earlier call. ``queue`` and ``agent``: of its last talk, or of the last wait where nobody talked; ``agent_name``: empty
    when there is no such agent any more; ``live``: it goes on; ``outcome``: empty until its end, and where that is not known;
    ``talked``: seconds with agents; ``disposition``: the code that an agent gave it, ``disposition_label``: as the agent read it;
    ``note``: the last one about it; ``campaign``: the one that made the call, if any."""

    call: str
    at: float
    direction: str
    queue: str
    agent: str
    agent_name: str
    outcome: str
    live: bool
    talked: float
    disposition: str
    disposition_label: str
    note: str
    campaign: str


class RepeatedView(ResponseBody):
    """The talk after which the customer calls again: ``after`` seconds later, in the same queue, as in the report repeats."""

    at: float
    agent: str
    agent_name: str
    after: float


class ContactsView(ResponseBody):
    """``contacts``: the last five, the latest first; none of a customer who withholds the number. Of an agent with teams those of
    the teams' queues and agents only."""

    contacts: list[ContactView]
    repeated: RepeatedView | None


class OwnLeadView(ResponseBody):
    """A lead of a campaign that only this agent is to call, from ``due_at`` on. ``disposition``: of the last call."""

    id: int
    campaign: str
    number: str
    name: str
    due_at: float
    attempts: Count
    disposition: str


class OwnCallsView(ResponseBody):
    """``callbacks`` and ``leads`` that only this agent is to call. ``missing``: why the leads are not known; empty when they
    are."""

    callbacks: list[CallbackView]
    leads: list[OwnLeadView]
    missing: str


class ScriptFieldView(ResponseBody):
    """``kind``: text, choice, number, date or yes_no. ``least``, ``most``: of a number."""

    name: str
    label: str
    kind: str
    choices: list[str]
    required: bool
    least: float | Absent
    most: float | Absent


class ScriptBranchView(ResponseBody):
    """``when``: the answers, by field, that lead to the step ``to``."""

    when: dict[str, list[str]]
    to: str


class ScriptStepView(ResponseBody):
    """``text``: with names in braces. The first of ``branches`` that applies decides, else ``next``; empty: the end."""

    text: str
    fields: list[ScriptFieldView]
    branches: list[ScriptBranchView]
    next: str


class ScriptView(ResponseBody):
    name: str
    start: str
    steps: dict[str, ScriptStepView]


class ScriptInHandView(ResponseBody):
    """The script of the agent's call, in wrap-up too; without a call or a script ``script`` is null. ``known``: what names in
    braces stand for, besides the answers. ``step``: where the agent is."""

    call: str
    script: ScriptView | None
    known: dict[str, str]
    answers: dict[str, str]
    step: str


class ScriptAnswersBody(Body):
    """Answers by field of the step; an empty one takes it back. ``to``: the step to which the agent goes now; empty: stays."""

    call: str = Field(max_length=128, pattern=PLAIN_TEXT)
    step: str = Field(max_length=64, pattern=PLAIN_TEXT)
    answers: dict[str, str] = Field(default_factory=dict, max_length=50)
    to: str = Field(default="", max_length=64, pattern=PLAIN_TEXT)


class CalledNowView(ResponseBody):
    """It is the next call that the agent is offered when ready."""

    agent: str
    id: str


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
    get(
        "/api/agents/{id}/script",
        "script",
        "get the script of the agent's call, with what was answered so far",
        ScriptInHandView,
        roles=STAFF,
        faults=(404,),
        limited=Limited.AGENT,
    ),
    post(
        "/api/agents/{id}/script",
        "answer_script",
        "save answers in the script of the agent's call, during the call or in wrap-up",
        ScriptInHandView,
        roles=STAFF,
        body=ScriptAnswersBody,
        faults=(404, 409, 504),
        limited=Limited.AGENT,
    ),
    get(
        "/api/agents/{id}/own-calls",
        "own_calls",
        "list the callbacks and leads that only this agent is to call",
        OwnCallsView,
        roles=STAFF,
        faults=(404,),
        limited=Limited.AGENT,
    ),
    post(
        "/api/agents/{id}/own-calls/callbacks/{callback}",
        "call_own_callback",
        "make the agent's own callback now, before it is due and before everybody who waits",
        CalledNowView,
        roles=STAFF,
        body=Body,
        faults=(404, 409, 504),
        limited=Limited.AGENT,
    ),
    post(
        "/api/agents/{id}/own-calls/leads/{lead}",
        "call_own_lead",
        "call the agent's own lead now, if its campaign dials and the person may be called at this hour",
        CalledNowView,
        roles=STAFF,
        body=Body,
        faults=(404, *NOT_NOW),
        recorded="lead_call_now",
        limited=Limited.AGENT,
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
        data, board = found.as_data(), self._backend.board()
        for one in [*data["contacts"], *([data["repeated"]] if data["repeated"] else [])]:
            one["agent_name"] = (board.agent(one["agent"]) or {}).get("name", "")
        for one in data["contacts"]:
            one["live"] = one["call"] in board.calls
            one["disposition_label"] = board.disposition_label(one["disposition"], one["queue"], one["campaign"])
        if board.masked and not (who.agent and self._backend.views().shows_numbers):
            for one in data["contacts"]:
                one["note"] = scrub(one["note"])
        return web.json_response(data)

    async def script(self, request: web.Request) -> web.Response:
        return self._script(self._agent(request))

    async def answer_script(self, request: web.Request) -> web.Response:
        agent = self._agent(request)
        body = await body_of(request, ScriptAnswersBody)
        call = self._in_hand(agent)
        script = self._script_of(call, agent) if call is not None and call.id == body.call else None
        if script is None:
            raise Problem(409, "the agent has a different call now, or it has no script")
        if body.step not in script.steps or (body.to and body.to not in script.steps):
            raise Problem(409, "the script has no such step any more: load it again")
        faults = [{"field": name, "problem": why} | in_parts(why) for name, why in script.faults(body.step, body.answers)]
        if faults:
            raise Problem(400, "these answers do not fit", faults=faults)
        asked = ScriptAnswersGiven(
            at=self._backend.now(),
            agent=agent,
            call=body.call,
            script=script.name,
            step=body.step,
            answers=tuple(body.answers.items()),
            to=body.to,
            by=caller().by,
        )
        check_granted(await self._backend.submit(asked), agent=agent)
        return self._script(agent)

    def _script(self, agent: str) -> web.Response:
        call = self._in_hand(agent)
        script = self._script_of(call, agent) if call is not None else None
        if call is None or script is None:
            return web.json_response({"call": "", "script": None, "known": {}, "answers": {}, "step": ""})
        row = self._backend.script_answers(call.id)
        begun = row if row is not None and row.script == script.name else None
        known = self._backend.views().pages.known(call, self._queue(call, agent), self._name(agent))
        found = {
            "call": call.id,
            "script": script.as_data(),
            "known": known,
            "answers": dict(begun.answers) if begun is not None else {},
            "step": begun.step if begun is not None and begun.step in script.steps else script.start,
        }
        return web.json_response(found)

    def _in_hand(self, agent: str) -> Call | None:
        """The agent's call, or the one that is being wrapped up."""
        board = self._backend.board()
        return next((call for name in own_calls(board, agent) if (call := board.known_call(name)) is not None), None)

    def _script_of(self, call: Call, agent: str) -> Script | None:
        return self._backend.views().pages.script(call, self._queue(call, agent))

    def _queue(self, call: Call, agent: str) -> str:
        row = self._backend.board().agents[agent]
        return row.wrap_queue if row.work is Work.WRAP_UP else queue_of(call, agent)

    def _name(self, agent: str) -> str:
        return self._backend.board().agents[agent].name

    async def own_calls(self, request: web.Request) -> web.Response:
        agent = self._agent(request)
        callbacks = [row for row in self._backend.callbacks() if row["agent"] == agent]
        leads: list[dict[str, object]] = []
        missing = ""
        try:
            leads = await self._backend.ledger().own_leads(agent)
        except LedgerNotConfigured:
            pass  # so there are none
        except NoLedger as trouble:
            missing = str(trouble)
        return web.json_response({"callbacks": callbacks, "leads": leads, "missing": missing})

    async def call_own_callback(self, request: web.Request) -> web.Response:
        agent, callback = self._agent(request), request.match_info["callback"]
        await body_of(request, Body)
        change = CallbackChange.CALL_NOW
        now, by = self._backend.now(), caller().by
        asked = CallbackChangeRequested(at=now, change=change, callback=callback, agent=agent, by=by)
        check_granted(await self._backend.submit(asked), callback=callback)
        return web.json_response({"agent": agent, "id": callback})

    async def call_own_lead(self, request: web.Request) -> web.Response:
        agent, lead = self._agent(request), request.match_info["lead"]
        await body_of(request, Body)
        if not re.fullmatch("[0-9]{1,18}", lead, re.ASCII):
            raise Problem(404, NO_LEAD)
        try:
            if not await self._backend.ledger().call_now(agent, int(lead)):
                raise Problem(404, NO_LEAD)
        except NoLedger as trouble:
            raise unavailable(trouble) from None
        return web.json_response({"agent": agent, "id": lead})

    def _agent(self, request: web.Request) -> str:
        """The agent in the path. Raises Problem."""
        name, who = request.match_info["id"], caller()
        if who.agent not in ("", name):
            raise Problem(403, NOT_YOURS)
        if name not in self._backend.board().agents:
            raise Problem(404, Unknown("no such agent: {agent}", agent=name))
        return name

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
