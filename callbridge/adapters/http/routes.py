"""The table of routes: what there is, who may use it, what comes in, what goes out, and what can go wrong.

One line a route; one line in ``AGENT_ROUTES`` or ``CALL_ROUTES`` for a new thing to ask. The server, the guard and the
OpenAPI document read this table and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from callbridge.adapters.http import reload_schemas, schemas
from callbridge.adapters.http.auth import TokenRole
from callbridge.core.model.events import AgentRequest, CallRequest

EVERYBODY = frozenset(TokenRole)
WATCHERS = EVERYBODY - {TokenRole.AGENT}
STAFF = EVERYBODY - {TokenRole.VIEWER}
SUPERVISORS = frozenset({TokenRole.SUPERVISOR, TokenRole.ADMIN})
ADMINS = frozenset({TokenRole.ADMIN})


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query, or a header. ``schema`` is its JSON schema."""

    name: str
    what: str
    schema: dict[str, Any]
    required: bool = False
    place: Literal["query", "header"] = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``handler`` is a method of the site. ``roles``: None for what needs no token. ``faults``: statuses of its own,
    beside those that all of its kind have."""

    method: str
    path: str
    handler: str
    what: str
    answer: Any
    roles: frozenset[TokenRole] | None = EVERYBODY
    body: type[schemas.Body] | None = None
    query: tuple[Query, ...] = ()
    faults: tuple[int, ...] = ()
    media: str = "application/json"
    act: AgentRequest | CallRequest | None = None


AGENT_ROUTES: dict[AgentRequest, tuple[type[schemas.Body], str]] = {
    AgentRequest.LOGIN: (schemas.PhoneBody, "log in and be ready, here or at another phone"),
    AgentRequest.READY: (schemas.Body, "be ready for calls"),
    AgentRequest.NOT_READY: (schemas.ReasonBody, "take no calls, now or after the one in hand"),
    AgentRequest.LOGOUT: (schemas.Body, "log out"),
    AgentRequest.END_WRAP_UP: (schemas.Body, "be done with the notes"),
    AgentRequest.EXTEND_WRAP_UP: (schemas.Body, "have more time for the notes, up to the queue's maximum"),
}

CALL_ROUTES: dict[CallRequest, tuple[type[schemas.Body], frozenset[TokenRole], str]] = {
    CallRequest.HANG_UP: (schemas.Body, SUPERVISORS, "end the call"),
    CallRequest.MOVE: (schemas.ToQueueBody, SUPERVISORS, "send the call to another queue; its arrival is kept"),
    CallRequest.HEAD_START: (schemas.SecondsBody, SUPERVISORS, "give a waiting call this advantage instead of its tier's"),
    CallRequest.PULL: (schemas.ToAgentBody, SUPERVISORS, "offer a waiting call to this agent now"),
    CallRequest.TRANSFER: (schemas.ToAnyBody, STAFF, "hand the call on; its agent is free at once"),
    CallRequest.CONSULT: (schemas.ToPersonBody, STAFF, "have a word with somebody while the caller hears music"),
    CallRequest.COMPLETE: (schemas.Body, STAFF, "after a consult: the agent leaves, the others go on"),
    CallRequest.RETURN: (schemas.Body, STAFF, "after a consult: back to the caller"),
    CallRequest.CONFERENCE: (schemas.Body, STAFF, "after a consult: all three"),
    CallRequest.RECORD: (schemas.Body, STAFF, "record this talk from now on"),
    CallRequest.PAUSE_RECORDING: (schemas.Body, STAFF, "write nothing for a while"),
    CallRequest.RESUME_RECORDING: (schemas.Body, STAFF, "go on recording"),
    CallRequest.SURVEY: (schemas.Body, STAFF, "the agent is free, the caller is led into the queue's survey"),
    CallRequest.LISTEN: (schemas.PhoneBody, SUPERVISORS, "hear the talk at this phone"),
    CallRequest.WHISPER: (schemas.PhoneBody, SUPERVISORS, "hear the talk, and be heard by the agent only"),
    CallRequest.BARGE: (schemas.PhoneBody, SUPERVISORS, "take part in the talk"),
    CallRequest.TAKE_OVER: (schemas.PhoneBody, SUPERVISORS, "take the agent's place"),
    CallRequest.RELEASE: (schemas.Body, SUPERVISORS, "leave the talk again"),
}

_QUEUE = Query("queue", "only what belongs to this queue", {"type": "string", "minLength": 1})
_CALL = Query("call", "of which call", {"type": "string"}, required=True)
_LIMIT = Query("limit", "at most so many", {"type": "integer", "minimum": 0, "maximum": 999_999, "default": 1000})
_TYPES = Query("types", "only facts of these types, joined by commas", {"type": "string", "minLength": 1})
_LAST = Query("Last-Event-ID", "the id of the last fact that was seen", {"type": "string"}, place="header")


def segment(ask: AgentRequest | CallRequest) -> str:
    """An ask as the last part of a path: ``not-ready``."""
    return ask.value.replace("_", "-")


def _get(path: str, handler: str, what: str, answer: Any, **more: Any) -> Route:
    return Route(method="GET", path=path, handler=handler, what=what, answer=answer, **more)


def _post(path: str, handler: str, what: str, answer: Any, **more: Any) -> Route:
    return Route(method="POST", path=path, handler=handler, what=what, answer=answer, **more)


def _of_agents(ask: AgentRequest) -> Route:
    body, what = AGENT_ROUTES[ask]
    faults = (404, 409, 504) + ((429,) if ask is AgentRequest.LOGIN else ())
    path = f"/api/agents/{{id}}/{segment(ask)}"
    return _post(path, "ask_agent", what, schemas.AgentView, roles=STAFF, body=body, faults=faults, act=ask)


def _of_calls(ask: CallRequest) -> Route:
    body, roles, what = CALL_ROUTES[ask]
    path = f"/api/calls/{{id}}/{segment(ask)}"
    return _post(path, "ask_call", what, schemas.Asked, roles=roles, body=body, faults=(404, 409, 504), act=ask)


def _explain(path: str, handler: str, what: str) -> Route:
    """Explanations name everybody concerned: not for agents' tokens."""
    return _get(path, handler, what, schemas.Explanation, roles=WATCHERS, faults=(404,))


ROUTES: tuple[Route, ...] = (
    _get("/healthz", "health", "is the process well", schemas.Health, roles=None, faults=(503,)),
    _get("/readyz", "ready", "can calls be taken; what is missing", schemas.Readiness, roles=None, faults=(503,)),
    _get("/metrics", "metrics", "for Prometheus", str, roles=None, media="text/plain"),
    _get("/api/openapi.json", "openapi", "this document", dict[str, Any]),
    _get("/api/queues", "queues", "all queues", list[schemas.QueueView]),
    _get("/api/queues/{name}", "queue", "one queue", schemas.QueueView, faults=(404,)),
    _get("/api/agents", "agents", "all agents; an agent sees itself", list[schemas.AgentView]),
    _get("/api/agents/{id}", "agent", "one agent", schemas.AgentView, faults=(404,)),
    _get(
        "/api/calls",
        "calls",
        "the living calls, oldest first; an agent sees the one in hand",
        list[schemas.CallView],
        query=(_QUEUE, _LIMIT),
        faults=(404,),
    ),
    _get("/api/calls/{id}", "call", "one call with its story", schemas.CallTimeline, faults=(404,)),
    _get("/api/waiting", "waiting", "who waits, in the order of service", schemas.WaitingView, roles=WATCHERS),
    _get("/api/explain/agents/{id}", "explain_agent", "why an agent gets calls, or none", schemas.Explanation, faults=(404,)),
    _get(
        "/api/explain/queues/{name}",
        "explain_queue",
        "who waits, and for whom",
        schemas.Explanation,
        roles=WATCHERS,
        faults=(404,),
    ),
    _get(
        "/api/explain/calls/{id}",
        "explain_call",
        "what became of a call, and why",
        schemas.Explanation,
        roles=WATCHERS,
        faults=(404,),
    ),
    _get("/api/facts", "facts", "the last facts of a call, oldest first", list[schemas.FactView], query=(_CALL,), faults=(404,)),
    _get(
        "/api/events",
        "events",
        "facts as they happen, as server-sent events; Last-Event-ID goes on from there",
        str,
        query=(_TYPES, _QUEUE, _LAST),
        faults=(404, 503),
        media="text/event-stream",
    ),
    *map(_of_agents, AGENT_ROUTES),
    *map(_of_calls, CALL_ROUTES),
    _post(
        "/api/reload",
        "reload",
        "load the configuration from disk, or only say what that would do; refused whole when it is wrong, and unless forced "
        "when it takes a queue from callers or callbacks in it",
        reload_schemas.Reloaded,
        roles=ADMINS,
        body=reload_schemas.ReloadBody,
        faults=(409, 504),
    ),
    _get("/api/callbacks", "callbacks", "every callback that is owed", list[schemas.CallbackView], roles=WATCHERS),
    _post(
        "/api/callbacks",
        "make_callback",
        "promise a customer a callback; the same number in the same queue has one only",
        schemas.CallbackView,
        roles=SUPERVISORS,
        body=schemas.CallbackBody,
        faults=(404, 409, 504),
    ),
    _post(
        "/api/callbacks/{id}/cancel",
        "cancel_callback",
        "owe it no more; a phone that rings for it stops",
        schemas.CallbackEndedView,
        roles=SUPERVISORS,
        body=schemas.Body,
        faults=(404, 409, 504),
    ),
    _get("/api/campaigns", "campaigns", "every campaign as it is now", list[schemas.CampaignView], roles=WATCHERS),
    _get(
        "/api/campaigns/{name}",
        "campaign",
        "one campaign, with what its ledger says",
        schemas.CampaignDetailsView,
        roles=WATCHERS,
        faults=(404, 503),
    ),
    *(
        _post(
            f"/api/campaigns/{{name}}/{verb}",
            f"{verb}_campaign",
            what,
            schemas.CampaignView,
            roles=SUPERVISORS,
            body=schemas.Body,
            faults=(404, 409, 504),
        )
        for verb, what in (
            ("start", "dial"),
            ("pause", "dial nobody until it is started again; who is on the line is served"),
            ("stop", "dial nobody until it is started again"),
        )
    ),
    _post(
        "/api/campaigns/{name}/leads",
        "add_leads",
        "enter leads; what is not entered is told with its reason",
        schemas.LeadsEntered,
        roles=SUPERVISORS,
        body=schemas.LeadsBody,
        faults=(404, 503),
    ),
    _post(
        "/api/agents/{id}/disposition",
        "dispose",
        "say what the campaign's call in hand, or in wrap-up, came to",
        schemas.Disposed,
        roles=STAFF,
        body=schemas.DispositionBody,
        faults=(404, 409, 504),
    ),
    _get(
        "/api/do-not-call",
        "blocks",
        "the do-not-call list, the latest first",
        list[schemas.Blocked],
        roles=SUPERVISORS,
        faults=(503,),
    ),
    _post(
        "/api/do-not-call",
        "block",
        "never call a number again, for any campaign or for one",
        schemas.Blocked,
        roles=SUPERVISORS,
        body=schemas.BlockBody,
        faults=(404, 409, 503),
    ),
    _post(
        "/api/do-not-call/remove",
        "unblock",
        "let a number be called again, by all campaigns or by one",
        schemas.Unblocked,
        roles=SUPERVISORS,
        body=schemas.UnblockBody,
        faults=(404, 409, 503),
    ),
    _get("/api/hours", "hours", "all calendars: who is open", list[schemas.CalendarView], roles=WATCHERS),
    _post(
        "/api/hours/{name}",
        "close_hours",
        "close a calendar at once, whatever its hours say, or let its hours hold again",
        schemas.CalendarView,
        roles=SUPERVISORS,
        body=schemas.ClosedBody,
        faults=(404, 409, 504),
    ),
    _get("/api/bypass", "bypass", "do new calls go to the fallback at once", schemas.SwitchView, roles=WATCHERS),
    _post(
        "/api/bypass",
        "turn_bypass",
        "send new calls to the fallback at once, or no more",
        schemas.SwitchView,
        roles=ADMINS,
        body=schemas.SwitchBody,
        faults=(409, 504),
    ),
)
