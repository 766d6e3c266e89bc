"""``/oidc`` and ``/oidc/callback``: where a browser goes to sign on, and where the provider sends it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import hdrs, web

from callbridge.adapters.http.accounts import Account, Accounts
from callbridge.adapters.http.limits import address_of
from callbridge.adapters.http.log_in import LogIns, set_cookie
from callbridge.adapters.http.oidc import SIGN_ON_WITHIN, Oidc, SignOnFailed
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.rate_limit import RateLimit

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SIGN_ON = "/oidc"
_COOKIE = "callbridge-oidc"
_FAILED = "/?log_in=failed"
"""The page says so; why is in the log."""
MOST_SIGN_ONS = 60
"""Of one address, within a minute."""


class OidcPages:
    def __init__(
        self, oidc: Oidc, log_ins: LogIns, accounts: Callable[[], Accounts], opened: Callable[[Account, str], None]
    ) -> None:
        """``opened`` is called with the account and the address of each log-in."""
        self._oidc, self._log_ins, self._accounts, self._opened = oidc, log_ins, accounts, opened
        self._limit = RateLimit(MOST_SIGN_ONS, now=asyncio.get_running_loop().time)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(SIGN_ON, self.begin)
        app.router.add_get(f"{SIGN_ON}/callback", self.finish)

        async def close(_: web.Application) -> None:
            await self._oidc.close()

        app.on_cleanup.append(close)

    async def begin(self, request: web.Request) -> web.Response:
        address = address_of(request.remote)
        if wait := self._limit.wait(address):
            raise Problem(429, "too many log-ins from this address", retry_after=wait)
        self._limit.count(address)
        try:
            where, browser = await self._oidc.begin()
        except SignOnFailed as failed:
            return self._failed(failed, address)
        response = _redirect(where)
        response.set_cookie(
            _COOKIE,
            browser,
            path=SIGN_ON,
            max_age=int(SIGN_ON_WITHIN),
            httponly=True,
            samesite="Lax",  # the provider's page sends the browser back
            secure=request.secure or None,
        )
        return response

    async def finish(self, request: web.Request) -> web.Response:
        address, query = address_of(request.remote), request.query
        try:
            name = await self._oidc.finish(query.get("state", ""), query.get("code", ""), request.cookies.get(_COOKIE, ""))
            account = self._accounts().users.get(name) or self._accounts().agents.get(name)
            if account is None:
                raise SignOnFailed("the provider knows somebody who is neither a user nor an agent here")
        except SignOnFailed as failed:
            return self._failed(failed, address)
        session_id = await self._log_ins.sessions.open(account)
        self._opened(account, address)
        response = _redirect("/")
        response.del_cookie(_COOKIE, path=SIGN_ON)
        set_cookie(response, request, session_id)
        return response

    def _failed(self, failed: SignOnFailed, address: str) -> web.Response:
        log.warning("single sign-on failed", why=str(failed), address=address)
        return _redirect(_FAILED)


def _redirect(where: str) -> web.Response:
    return web.Response(status=302, headers={hdrs.LOCATION: where})
