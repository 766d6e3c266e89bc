"""What a route is: method, path, roles, body, response and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from callbridge.adapters.http.accounts import TokenRole
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.request_bodies import Body
from callbridge.core.model.events import AgentRequest, CallRequest

EVERYBODY = frozenset(TokenRole)
WATCHERS = EVERYBODY - {TokenRole.AGENT}
STAFF = EVERYBODY - {TokenRole.VIEWER}
SUPERVISORS = frozenset({TokenRole.SUPERVISOR, TokenRole.ADMIN})
NOT_NOW = (501, 503)
"""What the history or the ledger is asked for: the configuration has no database, or it does not answer now."""
ADMINS = frozenset({TokenRole.ADMIN})


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter or a header. ``schema`` is its JSON schema."""

    name: str
    what: str
    schema: dict[str, Any]
    required: bool = False
    place: Literal["query", "header"] = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``handler`` is the name of a handler's method. ``roles``: None when no token is needed. ``faults``: error statuses in
    addition to those that all routes of its kind have. ``other_media``: what the answer may be instead of ``media``. ``ranges``:
    whether a range of its bytes may be requested. ``status``: of an answer that is no error; 204 has no body.
    ``limited``: what clients with teams get of it. ``recorded``: the request in the audit, where its handler leaves no other
    record with the name of the client."""

    method: str
    path: str
    handler: str
    what: str
    answer: Any
    roles: frozenset[TokenRole] | None = EVERYBODY
    body: type[Body] | None = None
    query: tuple[Query, ...] = ()
    faults: tuple[int, ...] = ()
    media: str = "application/json"
    other_media: tuple[str, ...] = ()
    ranges: bool = False
    request: AgentRequest | CallRequest | None = None
    status: int = 200
    limited: Limited | None = None
    recorded: str = ""


def get(path: str, handler: str, what: str, answer: Any, **more: Any) -> Route:
    return Route(method="GET", path=path, handler=handler, what=what, answer=answer, **more)


def post(path: str, handler: str, what: str, answer: Any, **more: Any) -> Route:
    return Route(method="POST", path=path, handler=handler, what=what, answer=answer, **more)
