"""Authentication and roles.

A bearer token has a role, and so has the cookie of somebody who has logged in (``log_in``). Without any configured token or user,
only a loopback address serves ``/api``, and only under a loopback name (DNS rebinding: a web page that rebinds its own name to
127.0.0.1 sends that name as Host); every client without a cookie is an admin then.
A POST must have the content type JSON: a web page of another origin cannot send that without a preflight request, which is
never granted; and a request with a cookie must come from a page of ours (``same_origin``). An address that keeps sending wrong
tokens is blocked for a while.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from callbridge.adapters.http.accounts import Account, AccountKind, Accounts, TokenRole
from callbridge.adapters.http.limits import ConnectionLimits, address_of
from callbridge.adapters.http.oidc import OidcSettings
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.proxies import TrustedProxies
from callbridge.adapters.http.rate_limit import RateLimit
from callbridge.adapters.http.same_origin import check_origin
from callbridge.adapters.http.scope import WHOLE_FLOOR, Scope
from callbridge.adapters.http.sessions import WebSession

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_KEY = "key"
ADMIN, LOCAL = "admin", "local"
"""Names of the client with the single ``http.token``, and of a client where no token is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    name: str
    role: TokenRole
    token: str = field(repr=False)
    agent: str = ""
    """With the role ``agent``: whose it is."""
    teams: tuple[str, ...] = ()
    """Whose queues and agents it sees and acts on; none: all."""

    @property
    def account(self) -> Account:
        """To log in with it."""
        return Account(
            kind=AccountKind.TOKEN,
            name=self.name,
            shown=self.name,
            role=self.role,
            agent=self.agent,
            teams=self.teams,
            secret=self.token,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """``token`` is an admin's. ``wrong_tokens`` and ``logins``: how many a minute from one address, and for one agent."""

    host: str = "127.0.0.1"
    token: str = field(default="", repr=False)
    tokens: Sequence[ApiToken] = ()
    wrong_tokens: int = 10
    logins: int = 10
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    oidc: OidcSettings | None = None

    @property
    def all_tokens(self) -> dict[str, Account]:
        """By their text."""
        admin = [ApiToken(name=ADMIN, role=TokenRole.ADMIN, token=self.token)] if self.token else []
        return {token.token: token.account for token in (*self.tokens, *admin)}


@dataclass(frozen=True, slots=True)
class Caller:
    """The client of a request. ``agent`` is set for an agent, who sees and acts for itself only; ``session``: of a client who is
    known by a cookie."""

    name: str
    role: TokenRole
    agent: str = ""
    teams: tuple[str, ...] = ()
    scope: Scope = WHOLE_FLOOR
    session: WebSession | None = None
    wall: str = ""
    """The only wallboard that the client sees, by the key of its link."""

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


class SignedIn(Protocol):
    """Knows clients by their cookies."""

    async def of(self, request: web.Request) -> tuple[WebSession, Account] | None: ...


def guard(
    settings: HttpSettings,
    told: Callable[[Caller, str], None] | None = None,
    *,
    signed_in: SignedIn | None = None,
    accounts: Callable[[], Accounts] = Accounts,
) -> Middleware:
    """Admits authorized clients and stores the client with the request. ``told`` is called when a token is used for the first
    time in a day: by whom, and from where. ``accounts``: those in force."""
    guarding = _Guard(settings, told, signed_in, accounts)
    loopback = is_loopback(settings.host)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not guarding.closed and loopback and not is_loopback(_host_name(request.host)):
            raise Problem(403, "unknown host name")
        if request.path == "/api" or request.path.startswith("/api/"):
            await guarding.admit(request)
        return await handler(request)

    return guarded


class _Guard:
    def __init__(
        self,
        settings: HttpSettings,
        told: Callable[[Caller, str], None] | None,
        signed_in: SignedIn | None,
        accounts: Callable[[], Accounts],
    ) -> None:
        now = asyncio.get_running_loop().time
        self._known = [(f"Bearer {text}".encode(), account) for text, account in settings.all_tokens.items()]
        self._loopback = is_loopback(settings.host)
        self._sign_on: dict[str, Any] = {"sign_on": "/oidc"} if settings.oidc is not None else {}
        self._proxied = bool(settings.proxies.networks)
        self._wrong = RateLimit(settings.wrong_tokens, now=now)
        self._logins = Logins(told, now) if told is not None else None
        self._signed_in, self._accounts = signed_in, accounts

    @property
    def closed(self) -> bool:
        """Does everybody need a token or a log-in? Behind a proxy all look as if they were on this machine."""
        return bool(self._known) or bool(self._accounts().users) or self._proxied

    async def admit(self, request: web.Request) -> None:
        """Raises Problem."""
        if (request.method, request.path) in OPEN_TO_ALL:
            return
        if (wall := self._wall(request)) is not None:
            who = Caller(f"wall {wall}", TokenRole.VIEWER, wall=wall)
        elif self.closed and hdrs.AUTHORIZATION in request.headers:
            who = self._caller(self._recognised(request))
            if self._logins is not None:
                self._logins.used(who, address_of(request.remote))
        elif self._signed_in is not None and (found := await self._signed_in.of(request)) is not None:
            check_origin(request, cookie=True)
            who = self._caller(found[1], found[0])
        elif self.closed:
            raise Problem(401, "a log-in or a valid bearer token is required", **self._sign_on)
        else:
            check_origin(request, cookie=False)
            who = _local(self._loopback)
        _caller.set(who)

    def _wall(self, request: web.Request) -> str | None:
        """The wallboard whose key the request gives; None when it gives none."""
        name = request.match_info.get("name", "")
        if not request.path.startswith("/api/walls/") or _KEY not in request.query or request.method != hdrs.METH_GET:
            return None
        wall, said = self._accounts().walls.get(name), request.query[_KEY].encode(errors="surrogatepass")
        if wall is not None and wall.key and hmac.compare_digest(said, wall.key.encode()):
            return name
        raise self._wrong_secret(address_of(request.remote), "the link of this wallboard is not valid")

    def _caller(self, account: Account, session: WebSession | None = None) -> Caller:
        scope = self._accounts().scope(account.teams)
        return Caller(account.name, account.role, account.agent, account.teams, scope, session)

    def _recognised(self, request: web.Request) -> Account:
        """Whose token it is. All tokens are compared, each in constant time, so that timing reveals nothing. A correct token is
        always admitted, even from a blocked address: nobody else on that address can lock the operator out."""
        address = address_of(request.remote)
        said = request.headers[hdrs.AUTHORIZATION].encode(errors="surrogateescape")
        found = [account for token, account in self._known if hmac.compare_digest(said, token)]
        if found:
            return found[0]
        raise self._wrong_secret(address, "a valid bearer token is required")

    def _wrong_secret(self, address: str, detail: str) -> Problem:
        if wait := self._wrong.wait(address):
            return Problem(429, "too many wrong tokens from this address", retry_after=wait)
        self._wrong.count(address)
        if self._wrong.wait(address):
            log.warning("too many wrong tokens; address blocked for a minute", address=address)
        return Problem(401, detail)


OPEN_TO_ALL = frozenset({(hdrs.METH_POST, "/api/session")})
"""Requests below ``/api`` that need neither."""


def _local(loopback: bool) -> Caller:
    if not loopback:
        raise Problem(403, "no token is configured, so the API answers on loopback only")
    return Caller(LOCAL, TokenRole.ADMIN)


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
