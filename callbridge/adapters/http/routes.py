"""The table of routes: what there is, who may use it, what comes in, what goes out, and what can go wrong.

One line a route; one line in ``AGENT_ACTS`` or ``CALL_ACTS`` for a new thing to ask. The server, the guard and the
OpenAPI document read this table and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from callbridge.adapters.http import bodies, reload_bodies
from callbridge.adapters.http.door import Role
from callbridge.core.events import Ask, CallAsk

EVERYBODY = frozenset(Role)
WATCHERS = EVERYBODY - {Role.AGENT}
STAFF = EVERYBODY - {Role.VIEWER}
SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})


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
    roles: frozenset[Role] | None = EVERYBODY
    body: type[bodies.Body] | None = None
    query: tuple[Query, ...] = ()
    faults: tuple[int, ...] = ()
    media: str = "application/json"
    act: Ask | CallAsk | None = None


AGENT_ACTS: dict[Ask, tuple[type[bodies.Body], str]] = {
    Ask.LOGIN: (bodies.PhoneBody, "log in and be ready, here or at another phone"),
    Ask.READY: (bodies.Body, "be ready for calls"),
    Ask.NOT_READY: (bodies.ReasonBody, "take no calls, now or after the one in hand"),
    Ask.LOGOUT: (bodies.Body, "log out"),
    Ask.END_WRAP_UP: (bodies.Body, "be done with the notes"),
    Ask.EXTEND_WRAP_UP: (bodies.Body, "have more time for the notes, up to the queue's maximum"),
}

CALL_ACTS: dict[CallAsk, tuple[type[bodies.Body], frozenset[Role], str]] = {
    CallAsk.HANG_UP: (bodies.Body, SUPERVISORS, "end the call"),
    CallAsk.MOVE: (bodies.ToQueueBody, SUPERVISORS, "send the call to another queue; its arrival is kept"),
    CallAsk.HEAD_START: (bodies.SecondsBody, SUPERVISORS, "give a waiting call this advantage instead of its tier's"),
    CallAsk.PULL: (bodies.ToAgentBody, SUPERVISORS, "offer a waiting call to this agent now"),
    CallAsk.HAND_ON: (bodies.ToAnyBody, STAFF, "hand the call on; its agent is free at once"),
    CallAsk.CONSULT: (bodies.ToPersonBody, STAFF, "have a word with somebody while the caller hears music"),
    CallAsk.COMPLETE: (bodies.Body, STAFF, "after a consult: the agent leaves, the others go on"),
    CallAsk.RETURN: (bodies.Body, STAFF, "after a consult: back to the caller"),
    CallAsk.CONFERENCE: (bodies.Body, STAFF, "after a consult: all three"),
    CallAsk.RECORD: (bodies.Body, STAFF, "record this talk from now on"),
    CallAsk.PAUSE_RECORDING: (bodies.Body, STAFF, "write nothing for a while"),
    CallAsk.RESUME_RECORDING: (bodies.Body, STAFF, "go on recording"),
    CallAsk.SURVEY: (bodies.Body, STAFF, "the agent is free, the caller is led into the queue's survey"),
    CallAsk.LISTEN: (bodies.PhoneBody, SUPERVISORS, "hear the talk at this phone"),
    CallAsk.WHISPER: (bodies.PhoneBody, SUPERVISORS, "hear the talk, and be heard by the agent only"),
    CallAsk.BARGE: (bodies.PhoneBody, SUPERVISORS, "take part in the talk"),
    CallAsk.TAKE_OVER: (bodies.PhoneBody, SUPERVISORS, "take the agent's place"),
    CallAsk.RELEASE: (bodies.Body, SUPERVISORS, "leave the talk again"),
}

_QUEUE = Query("queue", "only what belongs to this queue", {"type": "string", "minLength": 1})
_CALL = Query("call", "of which call", {"type": "string"}, required=True)
_LIMIT = Query("limit", "at most so many", {"type": "integer", "minimum": 0, "maximum": 999_999, "default": 1000})
_TYPES = Query("types", "only facts of these types, joined by commas", {"type": "string", "minLength": 1})
_LAST = Query("Last-Event-ID", "the id of the last fact that was seen", {"type": "string"}, place="header")


def segment(ask: Ask | CallAsk) -> str:
    """An ask as the last part of a path: ``not-ready``."""
    return ask.value.replace("_", "-")


def _get(path: str, handler: str, what: str, answer: Any, **more: Any) -> Route:
    return Route(method="GET", path=path, handler=handler, what=what, answer=answer, **more)


def _post(path: str, handler: str, what: str, answer: Any, **more: Any) -> Route:
    return Route(method="POST", path=path, handler=handler, what=what, answer=answer, **more)


def _of_agents(ask: Ask) -> Route:
    body, what = AGENT_ACTS[ask]
    faults = (404, 409, 504) + ((429,) if ask is Ask.LOGIN else ())
    path = f"/api/agents/{{id}}/{segment(ask)}"
    return _post(path, "ask_agent", what, bodies.Agent, roles=STAFF, body=body, faults=faults, act=ask)


def _of_calls(ask: CallAsk) -> Route:
    body, roles, what = CALL_ACTS[ask]
    path = f"/api/calls/{{id}}/{segment(ask)}"
    return _post(path, "ask_call", what, bodies.Asked, roles=roles, body=body, faults=(404, 409, 504), act=ask)


def _explain(path: str, handler: str, what: str) -> Route:
    """Explanations name everybody concerned: not for agents' tokens."""
    return _get(path, handler, what, bodies.Explained, roles=WATCHERS, faults=(404,))


ROUTES: tuple[Route, ...] = (
    _get("/healthz", "health", "is the process well", bodies.Health, roles=None, faults=(503,)),
    _get("/readyz", "ready", "can calls be taken; what is missing", bodies.Readiness, roles=None, faults=(503,)),
    _get("/metrics", "metrics", "for Prometheus", str, roles=None, media="text/plain"),
    _get("/api/openapi.json", "openapi", "this document", dict[str, Any]),
    _get("/api/queues", "queues", "all queues", list[bodies.Queue]),
    _get("/api/queues/{name}", "queue", "one queue", bodies.Queue, faults=(404,)),
    _get("/api/agents", "agents", "all agents; an agent sees itself", list[bodies.Agent]),
    _get("/api/agents/{id}", "agent", "one agent", bodies.Agent, faults=(404,)),
    _get(
        "/api/calls",
        "calls",
        "the living calls, oldest first; an agent sees the one in hand",
        list[bodies.Call],
        query=(_QUEUE, _LIMIT),
        faults=(404,),
    ),
    _get("/api/calls/{id}", "call", "one call with its story", bodies.CallStory, faults=(404,)),
    _get("/api/waiting", "waiting", "who waits, in the order of service", bodies.Waiting, roles=WATCHERS),
    _get("/api/explain/agents/{id}", "explain_agent", "why an agent gets calls, or none", bodies.Explained, faults=(404,)),
    _get(
        "/api/explain/queues/{name}", "explain_queue", "who waits, and for whom", bodies.Explained, roles=WATCHERS, faults=(404,)
    ),
    _get(
        "/api/explain/calls/{id}",
        "explain_call",
        "what became of a call, and why",
        bodies.Explained,
        roles=WATCHERS,
        faults=(404,),
    ),
    _get("/api/facts", "facts", "the last facts of a call, oldest first", list[bodies.Fact], query=(_CALL,), faults=(404,)),
    _get(
        "/api/events",
        "events",
        "facts as they happen, as server-sent events; Last-Event-ID goes on from there",
        str,
        query=(_TYPES, _QUEUE, _LAST),
        faults=(404, 503),
        media="text/event-stream",
    ),
    *map(_of_agents, AGENT_ACTS),
    *map(_of_calls, CALL_ACTS),
    _post(
        "/api/reload",
        "reload",
        "load the configuration from disk, or only say what that would do; refused whole when it is wrong, and unless forced "
        "when it takes a queue from callers or callbacks in it",
        reload_bodies.Reloaded,
        roles=ADMINS,
        body=reload_bodies.ReloadBody,
        faults=(409, 504),
    ),
    _get("/api/callbacks", "callbacks", "every callback that is owed", list[bodies.Callback], roles=WATCHERS),
    _post(
        "/api/callbacks",
        "make_callback",
        "promise a customer a callback; the same number in the same queue has one only",
        bodies.Callback,
        roles=SUPERVISORS,
        body=bodies.CallbackBody,
        faults=(404, 409, 504),
    ),
    _post(
        "/api/callbacks/{id}/cancel",
        "cancel_callback",
        "owe it no more; a phone that rings for it stops",
        bodies.CallbackEnded,
        roles=SUPERVISORS,
        body=bodies.Body,
        faults=(404, 409, 504),
    ),
    _get("/api/campaigns", "campaigns", "every campaign as it is now", list[bodies.Campaign], roles=WATCHERS),
    _get(
        "/api/campaigns/{name}",
        "campaign",
        "one campaign, with what its ledger says",
        bodies.CampaignDetails,
        roles=WATCHERS,
        faults=(404, 503),
    ),
    *(
        _post(
            f"/api/campaigns/{{name}}/{verb}",
            f"{verb}_campaign",
            what,
            bodies.Campaign,
            roles=SUPERVISORS,
            body=bodies.Body,
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
        bodies.LeadsEntered,
        roles=SUPERVISORS,
        body=bodies.LeadsBody,
        faults=(404, 503),
    ),
    _post(
        "/api/agents/{id}/disposition",
        "dispose",
        "say what the campaign's call in hand, or in wrap-up, came to",
        bodies.Disposed,
        roles=STAFF,
        body=bodies.DispositionBody,
        faults=(404, 409, 504),
    ),
    _get(
        "/api/do-not-call",
        "blocks",
        "the do-not-call list, the latest first",
        list[bodies.Blocked],
        roles=SUPERVISORS,
        faults=(503,),
    ),
    _post(
        "/api/do-not-call",
        "block",
        "never call a number again, for any campaign or for one",
        bodies.Blocked,
        roles=SUPERVISORS,
        body=bodies.BlockBody,
        faults=(404, 409, 503),
    ),
    _post(
        "/api/do-not-call/remove",
        "unblock",
        "let a number be called again, by all campaigns or by one",
        bodies.Unblocked,
        roles=SUPERVISORS,
        body=bodies.UnblockBody,
        faults=(404, 409, 503),
    ),
    _get("/api/hours", "hours", "all calendars: who is open", list[bodies.Hours], roles=WATCHERS),
    _post(
        "/api/hours/{name}",
        "close_hours",
        "close a calendar at once, whatever its hours say, or let its hours hold again",
        bodies.Hours,
        roles=SUPERVISORS,
        body=bodies.ClosedBody,
        faults=(404, 409, 504),
    ),
    _get("/api/bypass", "bypass", "do new calls go to the fallback at once", bodies.Switch, roles=WATCHERS),
    _post(
        "/api/bypass",
        "turn_bypass",
        "send new calls to the fallback at once, or no more",
        bodies.Switch,
        roles=ADMINS,
        body=bodies.SwitchBody,
        faults=(409, 504),
    ),
)
