"""Authentication and roles.

A bearer token has a role. Without any configured token, only a loopback address serves ``/api``, and only under a loopback
name (DNS rebinding: a web page that rebinds its own name to 127.0.0.1 sends that name as Host); every client is an admin then.
A POST must have the content type JSON: a web page of another origin cannot send that without a preflight request, which is
never granted. An address that keeps sending wrong tokens is blocked for a while.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from callbridge.adapters.http.limits import ConnectionLimits, address_of
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.rate_limit import RateLimit

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

ADMIN, LOCAL = "admin", "local"
"""Names of the client with the single ``http.token``, and of a client where no token is needed."""


class TokenRole(StrEnum):
    """The role of a token. An ``agent`` token sees queues, and sees and acts for its own agent only."""

    VIEWER = "viewer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    name: str
    role: TokenRole
    token: str = field(repr=False)
    agent: str = ""
    """With the role ``agent``: whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """``token`` is an admin's. ``wrong_tokens`` and ``logins``: how many a minute from one address, and for one agent."""

    host: str = "127.0.0.1"
    token: str = field(default="", repr=False)
    tokens: Sequence[ApiToken] = ()
    wrong_tokens: int = 10
    logins: int = 10
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)


@dataclass(frozen=True, slots=True)
class Caller:
    """The client of a request. ``agent`` is set for an agent token, which is for this agent only."""

    name: str
    role: TokenRole
    agent: str = ""

    @property
    def by(self) -> str:
        """The name for the audit: an agent's own id, else the token's name."""
        return self.agent or self.name


_caller: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """The client of the current request; each request has its own context."""
    return _caller.get()


LOGIN_LASTS = 86_400.0
"""Seconds after which the use of a token from the same address counts as a log-in again."""
MOST_LOGINS = 10_000
"""Tokens and addresses that are remembered."""


class Logins:
    """Which use of a token counts as a login: the first from an address in a day. ``told`` is called with who and from where."""

    def __init__(self, told: Callable[[Caller, str], None], now: Callable[[], float]) -> None:
        self._told, self._now = told, now
        self._seen: dict[tuple[str, str], float] = {}
        """(token's name, address) -> when it was a log-in, oldest first."""

    def used(self, who: Caller, address: str) -> None:
        now, key = self._now(), (who.name, address)
        if now - self._seen.get(key, float("-inf")) < LOGIN_LASTS:
            return
        self._seen.pop(key, None)
        if len(self._seen) >= MOST_LOGINS:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = now
        self._told(who, address)


def guard(settings: HttpSettings, told: Callable[[Caller, str], None] | None = None) -> Middleware:
    """Admits authorized clients and stores the client with the request. ``told`` is called at each login: who, and from where."""
    tokens = list(settings.tokens)
    if settings.token:
        tokens.append(ApiToken(name=ADMIN, role=TokenRole.ADMIN, token=settings.token))
    known = [(f"Bearer {token.token}".encode(), Caller(token.name, token.role, token.agent)) for token in tokens]
    loopback = is_loopback(settings.host)
    wrong = RateLimit(settings.wrong_tokens, now=asyncio.get_running_loop().time) if known else None
    logins = Logins(told, asyncio.get_running_loop().time) if told is not None else None

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not known and loopback and not is_loopback(_host_name(request.host)):
            raise Problem(403, "unknown host name")
        if request.path == "/api" or request.path.startswith("/api/"):
            if wrong is None:
                _caller.set(_local(loopback))
            else:
                who = _recognised(request, known, wrong)
                _caller.set(who)
                if logins is not None:
                    logins.used(who, address_of(request.remote))
        return await handler(request)

    return guarded


def _local(loopback: bool) -> Caller:
    if not loopback:
        raise Problem(403, "no token is configured, so the API answers on loopback only")
    return Caller(LOCAL, TokenRole.ADMIN)


def _recognised(request: web.Request, known: list[tuple[bytes, Caller]], wrong: RateLimit) -> Caller:
    """The client with this token. All tokens are compared, each in constant time, so that timing reveals nothing. A correct token
    is always admitted, even from a blocked address: nobody else on that address can lock the operator out."""
    address = address_of(request.remote)
    given = request.headers.get(hdrs.AUTHORIZATION)
    said = given.encode(errors="surrogateescape") if given is not None else b""
    found = [caller for token, caller in known if hmac.compare_digest(said, token)]
    if found:
        return found[0]
    if wait := wrong.wait(address):
        raise Problem(429, "too many wrong tokens from this address", retry_after=wait)
    if given is not None:
        wrong.count(address)
        if wrong.wait(address):
            log.warning("too many wrong tokens; address blocked for a minute", address=address)
    raise Problem(401, "a valid bearer token is required")


def _host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
