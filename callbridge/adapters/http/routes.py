"""The table of routes: method, path, roles, body, response and errors.

One line per route; a new request about agents or calls is one line in ``AGENT_ROUTES`` or ``CALL_ROUTES``. The server, the
authorization and the OpenAPI document are derived from this table only.
"""

from __future__ import annotations

from typing import Any

from callbridge.adapters.http import person_schemas, reload_schemas, request_bodies, response_bodies
from callbridge.adapters.http.accounts import TokenRole
from callbridge.adapters.http.callback_routes import CALLBACK_ROUTES
from callbridge.adapters.http.customer_routes import CUSTOMER_ROUTES
from callbridge.adapters.http.explain_routes import MAX_WAITING_SHOWN
from callbridge.adapters.http.hours_routes import HOURS_ROUTES
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.names_routes import NAMES_ROUTES
from callbridge.adapters.http.phone_routes import PHONE_ROUTES
from callbridge.adapters.http.quality_routes import QUALITY_ROUTES
from callbridge.adapters.http.recording_routes import RECORDING_ROUTES
from callbridge.adapters.http.report_answers import MOST_ROWS_ASKED, MOST_SKIPPED
from callbridge.adapters.http.route import ADMINS, NOT_NOW, STAFF, SUPERVISORS, WATCHERS, Query, Route, get, post
from callbridge.adapters.http.session_routes import SESSION_ROUTES
from callbridge.adapters.http.view_routes import VIEW_ROUTES
from callbridge.adapters.report_forms.forms import MEDIA, ReportForm
from callbridge.adapters.report_forms.words import Language
from callbridge.adapters.reports.intervals import By
from callbridge.core.model.events import AgentRequest, CallRequest
from callbridge.wire.reports import NAME_OPTIONS

AGENT_ROUTES: dict[AgentRequest, tuple[type[request_bodies.Body], str]] = {
    AgentRequest.LOGIN: (request_bodies.PhoneBody, "log in and become ready, optionally at another phone"),
    AgentRequest.READY: (request_bodies.Body, "become ready for calls"),
    AgentRequest.NOT_READY: (request_bodies.ReasonBody, "become not ready, now or after the current call"),
    AgentRequest.LOGOUT: (request_bodies.Body, "log out"),
    AgentRequest.END_WRAP_UP: (request_bodies.Body, "end wrap-up"),
    AgentRequest.EXTEND_WRAP_UP: (request_bodies.Body, "extend wrap-up, up to the queue's maximum"),
}

CALL_ROUTES: dict[CallRequest, tuple[type[request_bodies.Body], frozenset[TokenRole], str]] = {
    CallRequest.HANG_UP: (request_bodies.Body, SUPERVISORS, "end the call"),
    CallRequest.MOVE: (request_bodies.ToQueueBody, SUPERVISORS, "move the call to another queue; its arrival time is kept"),
    CallRequest.HEAD_START: (
        request_bodies.SecondsBody,
        SUPERVISORS,
        "give a waiting call this head start instead of its tier's",
    ),
    CallRequest.PULL: (request_bodies.ToAgentBody, SUPERVISORS, "offer a waiting call to this agent immediately"),
    CallRequest.TRANSFER: (request_bodies.ToAnyBody, STAFF, "blind transfer; the agent is released immediately"),
    CallRequest.CONSULT: (
        request_bodies.ConsultBody,
        STAFF,
        "start an attended transfer: consult the target, an agent of the queue if it is one, while the caller hears music",
    ),
    CallRequest.COMPLETE: (request_bodies.Body, STAFF, "after a consult: complete the transfer; the agent leaves the call"),
    CallRequest.RETURN: (request_bodies.Body, STAFF, "after a consult: cancel the transfer and return to the caller"),
    CallRequest.CONFERENCE: (request_bodies.Body, STAFF, "after a consult: connect all three parties"),
    CallRequest.HOLD: (request_bodies.Body, STAFF, "put the caller on hold, with the queue's music"),
    CallRequest.UNHOLD: (request_bodies.Body, STAFF, "end the hold: caller and agent talk again"),
    CallRequest.RECORD: (request_bodies.Body, STAFF, "start recording this conversation"),
    CallRequest.PAUSE_RECORDING: (request_bodies.Body, STAFF, "pause the recording"),
    CallRequest.RESUME_RECORDING: (request_bodies.Body, STAFF, "resume the recording"),
    CallRequest.SURVEY: (request_bodies.Body, STAFF, "release the agent and send the caller to the queue's survey"),
    CallRequest.LISTEN: (request_bodies.PhoneBody, SUPERVISORS, "listen to the conversation at this phone"),
    CallRequest.WHISPER: (request_bodies.PhoneBody, SUPERVISORS, "listen, and speak to the agent only"),
    CallRequest.BARGE: (request_bodies.PhoneBody, SUPERVISORS, "barge in: join the conversation"),
    CallRequest.TAKE_OVER: (request_bodies.PhoneBody, SUPERVISORS, "take over the call from the agent"),
    CallRequest.RELEASE: (request_bodies.Body, SUPERVISORS, "end supervision"),
}

_QUEUE = Query("queue", "return only items of this queue", {"type": "string", "minLength": 1})
_CALL = Query("call", "the call ID", {"type": "string"}, required=True)
_LIMIT = Query("limit", "maximum number of results", {"type": "integer", "minimum": 0, "maximum": 999_999, "default": 1000})
_EACH = Query("limit", "maximum number of callers of each queue", {**_LIMIT.schema, "default": MAX_WAITING_SHOWN})
_TYPES = Query("types", "return only facts of these types (comma-separated)", {"type": "string", "minLength": 1})
_LAST = Query("Last-Event-ID", "ID of the last fact received; the stream resumes after it", {"type": "string"}, place="header")
_TEXT = {"type": "string", "minLength": 1}
_WHEN = {"type": "string", "examples": ["2026-11-28", "2026-11-28T09:30"], "minLength": 1}
_LANGUAGE = {"type": "string", "enum": list(Language), "default": "en"}
_REPORT = (
    Query("from", "first day, or moment; default: today", _WHEN),
    Query("to", "last day, or moment; default: now", _WHEN),
    Query("by", "length of the intervals; default: the whole period", {"type": "string", "enum": list(By)}),
    *(Query(one, f"only these: {one} names, comma-separated", _TEXT) for one in NAME_OPTIONS),
    Query("number", "only calls of this phone number", _TEXT),
    Query("outcome", "only calls with this outcome", _TEXT),
    Query("score", "only calls with a mean rating in this range: 1-2, or 5", _TEXT),
    Query("call", "the call, by its ID", _TEXT),
    Query("together", "one row for all names, such as several queues", {"type": "boolean", "default": False}),
    Query("newest", "the newest first, where a report has one row for each call", {"type": "boolean", "default": False}),
    Query("limit", "largest number of rows", {"type": "integer", "minimum": 0, "maximum": MOST_ROWS_ASKED}),
    Query("offset", "number of rows to skip", {"type": "integer", "minimum": 0, "maximum": MOST_SKIPPED}),
    Query("format", "form of the report", {"type": "string", "enum": list(ReportForm), "default": "json"}),
    Query("language", "of headings and definitions in files", _LANGUAGE),
)


def segment(request: AgentRequest | CallRequest) -> str:
    """A request as the last segment of a path: ``not-ready``."""
    return request.value.replace("_", "-")


def _of_agents(request: AgentRequest) -> Route:
    body, what = AGENT_ROUTES[request]
    faults = (404, 409, 504) + ((429,) if request is AgentRequest.LOGIN else ())
    path = f"/api/agents/{{id}}/{segment(request)}"
    return post(
        path,
        "agent_request",
        what,
        response_bodies.AgentView,
        roles=STAFF,
        body=body,
        faults=faults,
        request=request,
        limited=Limited.AGENT,
    )


def _of_calls(request: CallRequest) -> Route:
    body, roles, what = CALL_ROUTES[request]
    path = f"/api/calls/{{id}}/{segment(request)}"
    return post(
        path,
        "call_request",
        what,
        response_bodies.RequestAccepted,
        roles=roles,
        body=body,
        faults=(404, 409, 504),
        request=request,
        limited=Limited.CALL,
    )


def _explain(path: str, handler: str, what: str) -> Route:
    """Explanations name everybody involved: not for agent tokens."""
    return get(path, handler, what, response_bodies.Explanation, roles=WATCHERS, faults=(404,))


ROUTES: tuple[Route, ...] = (
    get("/healthz", "health", "liveness: is the process healthy", response_bodies.Health, roles=None, faults=(503,)),
    get(
        "/readyz",
        "ready",
        "readiness: can calls be accepted, and if not, what is missing",
        response_bodies.Readiness,
        roles=None,
        faults=(503,),
    ),
    get("/metrics", "metrics", "metrics in the Prometheus text format", str, roles=None, media="text/plain"),
    get("/api/openapi.json", "openapi", "this OpenAPI document", dict[str, Any], limited=Limited.OPEN),
    *SESSION_ROUTES,
    *VIEW_ROUTES,
    *NAMES_ROUTES,
    *PHONE_ROUTES,
    get("/api/queues", "queues", "list queues", list[response_bodies.QueueView], limited=Limited.ROWS),
    get("/api/queues/{name}", "queue", "get a queue", response_bodies.QueueView, faults=(404,), limited=Limited.QUEUE),
    get(
        "/api/agents",
        "agents",
        "list agents; an agent token returns only that agent",
        list[response_bodies.AgentView],
        limited=Limited.ROWS,
    ),
    get("/api/agents/{id}", "agent", "get an agent", response_bodies.AgentView, faults=(404,), limited=Limited.AGENT),
    get(
        "/api/calls",
        "calls",
        "list live calls, oldest first; an agent token returns only the agent's current call",
        list[response_bodies.CallView],
        query=(_QUEUE, _LIMIT),
        faults=(404,),
        limited=Limited.ROWS,
    ),
    get(
        "/api/calls/{id}",
        "call",
        "get a call with its timeline",
        response_bodies.CallTimeline,
        faults=(404,),
        limited=Limited.CALL,
    ),
    get(
        "/api/waiting",
        "waiting",
        "list waiting callers in the order in which they will be served, how many there are, and what needs attention",
        response_bodies.WaitingView,
        roles=WATCHERS,
        query=(_EACH,),
        limited=Limited.ROWS,
    ),
    get(
        "/api/explain/agents/{id}",
        "explain_agent",
        "explain why an agent does or does not get calls",
        response_bodies.Explanation,
        faults=(404,),
        limited=Limited.AGENT,
    ),
    get(
        "/api/explain/queues/{name}",
        "explain_queue",
        "explain who is waiting in a queue, and for which agents",
        response_bodies.Explanation,
        roles=WATCHERS,
        faults=(404,),
        limited=Limited.QUEUE,
    ),
    get(
        "/api/explain/calls/{id}",
        "explain_call",
        "explain what happened to a call, and why",
        response_bodies.Explanation,
        roles=WATCHERS,
        faults=(404,),
        limited=Limited.CALL,
    ),
    get(
        "/api/facts",
        "facts",
        "list the recent facts of a call, oldest first",
        list[response_bodies.FactView],
        query=(_CALL,),
        faults=(404,),
        limited=Limited.CALL,
    ),
    get(
        "/api/events",
        "events",
        "stream facts as server-sent events; resumes after Last-Event-ID",
        str,
        query=(_TYPES, _QUEUE, _LAST),
        faults=(404, 503),
        media="text/event-stream",
        limited=Limited.ROWS,
    ),
    get(
        "/api/reports",
        "reports",
        "list the reports with their options and columns",
        list[response_bodies.ReportView],
        query=(Query("language", "of titles, headings and definitions", _LANGUAGE),),
        faults=NOT_NOW,
        limited=Limited.ROWS,
    ),
    get(
        "/api/reports/{name}",
        "report",
        "get a report on the history; an agent token returns only that agent's figures. Moments are epoch seconds",
        list[dict[str, str | float | dict[str, str | float | bool] | None]],
        query=_REPORT,
        faults=(404, *NOT_NOW),
        other_media=tuple(sorted({media for media in MEDIA.values() if media != "application/json"})),
        limited=Limited.ROWS,
    ),
    *map(_of_agents, AGENT_ROUTES),
    *map(_of_calls, CALL_ROUTES),
    post(
        "/api/reload",
        "reload",
        "reload the configuration from disk, or preview the changes; an invalid one is refused as a whole, and so is one "
        "that removes a queue with callers or callbacks, unless forced",
        reload_schemas.Reloaded,
        roles=ADMINS,
        body=reload_schemas.ReloadBody,
        faults=(409, 504),
        limited=Limited.WHOLE_FLOOR,
    ),
    post(
        "/api/step-down",
        "step_down",
        "have the standby lead; this instance becomes the standby, and calls go on",
        response_bodies.SteppedDown,
        roles=ADMINS,
        faults=(409, 504),
        limited=Limited.WHOLE_FLOOR,
    ),
    *CALLBACK_ROUTES,
    get(
        "/api/campaigns", "campaigns", "list campaigns", list[response_bodies.CampaignView], roles=WATCHERS, limited=Limited.ROWS
    ),
    get(
        "/api/campaigns/{name}",
        "campaign",
        "get a campaign with the figures of its database",
        response_bodies.CampaignDetailsView,
        roles=WATCHERS,
        faults=(404, *NOT_NOW),
        limited=Limited.ROWS,
    ),
    *(
        post(
            f"/api/campaigns/{{name}}/{verb}",
            f"{verb}_campaign",
            what,
            response_bodies.CampaignView,
            roles=SUPERVISORS,
            body=request_bodies.Body,
            faults=(404, 409, 504),
            limited=Limited.ROWS,
        )
        for verb, what in (
            ("start", "start dialling"),
            ("pause", "pause dialling until started again; calls in progress continue"),
            ("stop", "stop dialling until started again"),
        )
    ),
    post(
        "/api/campaigns/{name}/leads",
        "add_leads",
        "add leads; rejected leads are returned with the reason",
        response_bodies.LeadsEntered,
        roles=SUPERVISORS,
        body=request_bodies.LeadsBody,
        faults=(404, *NOT_NOW),
        recorded="leads_add",
        limited=Limited.ROWS,
    ),
    post(
        "/api/agents/{id}/note",
        "add_note",
        "add a note to the agent's call, during the call or in wrap-up; notes that were added before stay",
        response_bodies.NoteView,
        roles=STAFF,
        body=request_bodies.NoteBody,
        faults=(404, 409, 504),
        limited=Limited.AGENT,
    ),
    post(
        "/api/agents/{id}/disposition",
        "set_disposition",
        "set the disposition of the agent's call, during the call or in wrap-up",
        response_bodies.DispositionView,
        roles=STAFF,
        body=request_bodies.DispositionBody,
        faults=(404, 409, 504),
        limited=Limited.AGENT,
    ),
    get(
        "/api/do-not-call",
        "blocks",
        "get the do-not-call list, newest first",
        list[response_bodies.Blocked],
        roles=SUPERVISORS,
        faults=NOT_NOW,
        limited=Limited.WHOLE_FLOOR,
    ),
    post(
        "/api/do-not-call",
        "block",
        "add a number to the do-not-call list, for all campaigns or one",
        response_bodies.Blocked,
        roles=SUPERVISORS,
        body=request_bodies.BlockBody,
        faults=(404, 409, *NOT_NOW),
        recorded="do_not_call_add",
        limited=Limited.WHOLE_FLOOR,
    ),
    post(
        "/api/do-not-call/remove",
        "unblock",
        "remove a number from the do-not-call list, for all campaigns or one",
        response_bodies.Unblocked,
        roles=SUPERVISORS,
        body=request_bodies.UnblockBody,
        faults=(404, 409, *NOT_NOW),
        recorded="do_not_call_remove",
        limited=Limited.WHOLE_FLOOR,
    ),
    *(
        post(
            f"/api/person/{act}",
            f"{act}_person",
            what,
            person_schemas.PersonView,
            roles=ADMINS,
            body=person_schemas.PersonBody,
            faults=(404, 409, 503, 504),
            recorded=f"person_{act}" if act in ("show", "export") else "",  # the others are written down with what they did
            limited=Limited.WHOLE_FLOOR,
        )
        for act, what in person_schemas.PERSON_ACTS.items()
    ),
    *CUSTOMER_ROUTES,
    *QUALITY_ROUTES,
    *RECORDING_ROUTES,
    *HOURS_ROUTES,
    get("/api/bypass", "bypass", "get the bypass state", response_bodies.SwitchView, roles=WATCHERS, limited=Limited.OPEN),
    post(
        "/api/bypass",
        "turn_bypass",
        "turn bypass on (new calls go straight to the fallback) or off",
        response_bodies.SwitchView,
        roles=ADMINS,
        body=request_bodies.SwitchBody,
        faults=(409, 504),
        limited=Limited.WHOLE_FLOOR,
    ),
)
