"""``/api/session``: log in, who am I, log out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from aiohttp import web
from pydantic import ConfigDict, Field, model_validator

from callbridge.adapters.http.accounts import Account, Accounts
from callbridge.adapters.http.auth import caller
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.limits import address_of
from callbridge.adapters.http.log_in import LogIns, cookie_of, delete_cookie, set_cookie
from callbridge.adapters.http.request_bodies import Body, body_of
from callbridge.adapters.http.response_bodies import ResponseBody
from callbridge.adapters.http.route import Route, get, post
from callbridge.adapters.http.same_origin import check_origin

_ABSENT, _GIVEN = {"maxLength": 0}, {"minLength": 1}
_ONE_WAY: dict[str, Any] = {
    "oneOf": [
        {"required": ["user"], "properties": {"user": _GIVEN, "token": _ABSENT}},
        {"required": ["token"], "properties": {"token": _GIVEN, "user": _ABSENT, "password": _ABSENT}},
    ]
}


class LogInBody(Body):
    """A user's name and password, an agent's id and PIN, or a token."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_ONE_WAY)

    user: str = Field(default="", max_length=64)
    password: str = Field(default="", max_length=200, repr=False)
    token: str = Field(default="", max_length=400, repr=False)

    @model_validator(mode="after")
    def _one_way(self) -> LogInBody:
        if bool(self.token) is bool(self.user) or (self.token and self.password):
            raise ValueError("give user and password, or a token")
        return self


class SessionView(ResponseBody):
    """Who has logged in. ``agent``: the agent's id, of an agent; ``teams``: empty for the whole floor; ``reasons``: why an agent
    may be not ready; ``expires_in``: seconds until the session ends if it is not used, null without a session; ``phone``: the
    phone that the own page is, null for none."""

    user: str
    name: str
    role: Literal["viewer", "agent", "supervisor", "admin"]
    agent: str | None
    teams: list[str]
    language: str | None
    reasons: list[str]
    expires_in: float | None
    phone: str | None


SESSION_ROUTES: tuple[Route, ...] = (
    post(
        "/api/session",
        "log_in",
        "log in with a password, an agent's PIN or a token; the answer sets a cookie",
        SessionView,
        roles=None,
        body=LogInBody,
        faults=(400, 401, 429, 503),
    ),
    get("/api/session", "session", "who has logged in, or whose token it is", SessionView, limited=Limited.OPEN),
    Route(
        method="DELETE",
        path="/api/session",
        handler="log_out",
        what="log out: the session ends and its cookie is deleted",
        answer=None,
        status=204,
        limited=Limited.OPEN,
    ),
)


class SessionHandlers:
    def __init__(self, log_ins: LogIns, accounts: Callable[[], Accounts], opened: Any) -> None:
        """``opened`` is called with the account and the address of each log-in."""
        self._log_ins, self._accounts, self._opened = log_ins, accounts, opened

    async def log_in(self, request: web.Request) -> web.Response:
        check_origin(request, cookie=False)
        body, address = await body_of(request, LogInBody), address_of(request.remote)
        if body.token:
            account = await self._log_ins.by_token(body.token, address)
        else:
            account = await self._log_ins.by_password(body.user, body.password, address)
        sessions, before = self._log_ins.sessions, cookie_of(request)
        if before:
            await sessions.end(before)
        session_id = await sessions.open(account)
        self._opened(account, address)
        response = web.json_response(self._view(account, min(sessions.terms.idle, sessions.terms.lasts)))
        set_cookie(response, request, session_id)
        return response

    async def session(self, request: web.Request) -> web.Response:
        who = caller()
        if who.session is not None and (account := self._log_ins.account_of(who.session)) is not None:
            return web.json_response(self._view(account, self._log_ins.sessions.left(who.session)))
        view = {"user": who.name, "name": who.name, "role": who.role.value, "agent": who.agent or None, "teams": list(who.teams)}
        return web.json_response(
            view | {"language": None, "reasons": list(self._accounts().reasons), "expires_in": None, "phone": None}
        )

    async def log_out(self, request: web.Request) -> web.Response:
        if session_id := cookie_of(request):
            await self._log_ins.sessions.end(session_id)
        response = web.Response(status=204)
        delete_cookie(response, request)
        return response

    def _view(self, account: Account, left: float) -> dict[str, Any]:
        phone = self._accounts().phone_of(account)
        return {
            "user": account.name,
            "name": account.shown,
            "role": account.role.value,
            "agent": account.agent or None,
            "teams": list(account.teams),
            "language": account.language or None,
            "reasons": list(self._accounts().reasons),
            "expires_in": round(left, 1),
            "phone": phone.phone if phone is not None else None,
        }
