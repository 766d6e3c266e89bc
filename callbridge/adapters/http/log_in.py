"""Logging in: by a user's password, an agent's PIN or a token; and the cookie that comes of it.

Every failure says the same and takes as long: nobody learns which names exist. Attempts are limited by account and by address; an
address from which an account has logged in before is counted apart, so that strangers cannot lock its owner out.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import web

from callbridge.adapters.http.accounts import Account, AccountKind, Accounts
from callbridge.adapters.http.auth import Caller
from callbridge.adapters.http.limits import Refusals
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.rate_limit import RateLimit
from callbridge.adapters.http.sessions import Sessions, WebSession
from callbridge.adapters.system.threads import Threads, ThreadsBusy
from callbridge.core.model.sentence import Sentence
from callbridge.wire.passwords import PasswordHash

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOG_IN_FAILED = Sentence("the log-in failed: check the name and the password or PIN, and try again")
COOKIE, SECURE_COOKIE = "callbridge", "__Host-callbridge"
"""A browser takes the second from https only, and from no other host of the domain."""
MOST_OF_ACCOUNT, MOST_OF_ADDRESS = 10, 30
WITHIN = 300.0
"""Failed log-ins within so many seconds, after which the account, or the address, has to wait as long: as after wrong PINs. Every
refusal says so, for all names alike."""
MOST_KNOWN = 10_000
"""Accounts and addresses that are remembered."""
MOST_PASSWORDS_WAITING = 32
"""Passwords that wait to be checked: each takes a quarter of a second."""
PASSWORD_NICENESS = 15
_NOBODY = PasswordHash(salt=bytes(16), key=bytes(32))

CheckPin = Callable[[str, str, str], Awaitable[bool]]
"""Of an agent, the PIN, and from where."""


class LogIns:
    """One for the whole application. ``tokens``: those that the configuration has, by their text."""

    def __init__(
        self,
        sessions: Sessions,
        accounts: Callable[[], Accounts],
        tokens: Mapping[str, Account],
        check_pin: CheckPin,
        refusals: Refusals,
    ) -> None:
        now = asyncio.get_running_loop().time
        self.sessions = sessions
        self._accounts, self._tokens, self._check_pin, self._refusals = accounts, tokens, check_pin, refusals
        self._of_account = RateLimit(MOST_OF_ACCOUNT, now=now, within=WITHIN, shut=WITHIN)
        self._of_address = RateLimit(MOST_OF_ADDRESS, now=now, within=WITHIN, shut=WITHIN)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._threads = Threads("passwords", 1, MOST_PASSWORDS_WAITING)

    async def by_password(self, name: str, password: str, address: str) -> Account:
        """A user's name and password, or an agent's id and PIN. Raises Problem."""
        count = self._counted(name, address)
        account = await self._proven(name, password, address)
        return self._succeeded(account, count, address) if account is not None else self._failed(name, address)

    async def by_token(self, token: str, address: str) -> Account:
        """Raises Problem."""
        count = self._counted("", address)
        said = token.encode(errors="surrogatepass")
        found = [account for text, account in self._tokens.items() if hmac.compare_digest(said, text.encode())]
        return self._succeeded(found[0], count, address) if found else self._failed("", address)

    async def _proven(self, name: str, password: str, address: str) -> Account | None:
        """The right PIN is quick; whatever is wrong takes as long as a password."""
        accounts = self._accounts()
        user, agent = accounts.users.get(name), accounts.agents.get(name)
        if user is None and await self._check_pin(name, password, f"web {address}") and agent is not None:
            return agent
        kept = user.password if user is not None else None
        right = await self._matches(kept or _NOBODY, password)
        return user if right and kept is not None else None

    async def _matches(self, kept: PasswordHash, password: str) -> bool:
        try:
            return await self._threads.run(lambda: _matches_in_thread(kept, password))
        except ThreadsBusy:
            self._refusals.note("log_ins", asyncio.get_running_loop().time())
            raise Problem(503, "too many log-ins at a time", retry_after=5.0) from None

    def _counted(self, name: str, address: str) -> str:
        """The name under which the account's attempts are counted. Raises Problem when it is too many."""
        count = f"at {address}: {name}" if (name, address) in self._known else f"anywhere: {name}"  # no name looks like both
        wait = max(self._of_address.wait(address), self._of_account.wait(count) if name else 0.0)
        if wait:
            self._refusals.note("log_ins", asyncio.get_running_loop().time(), address=address)
            raise Problem(429, "too many failed log-ins", retry_after=wait)
        self._of_address.count(address)  # before it is known to fail: many at the same time are as many
        if name:
            self._of_account.count(count)
        return count

    def _succeeded(self, account: Account, count: str, address: str) -> Account:
        self._of_address.forgive(address)
        self._of_account.forgive(count)
        self._known[account.name, address] = None
        self._known.move_to_end((account.name, address))
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return account

    def _failed(self, name: str, address: str) -> Account:
        known = name in self._accounts().users or name in self._accounts().agents
        log.warning("log-in failed", user=name if known else "unknown", address=address)  # it may be a password that was typed
        raise Problem(401, LOG_IN_FAILED, locked_for=WITHIN)

    # -- sessions -----------------------------------------------------------------------------------------------

    async def of(self, request: web.Request) -> tuple[WebSession, Account] | None:
        """The session of this cookie, or None. Raises Problem when that cannot be known now."""
        session_id = cookie_of(request)
        try:
            session = await self.sessions.find(session_id) if session_id else None
        except ConnectionError:
            raise Problem(503, "sessions cannot be read at the moment", retry_after=2) from None
        if session is None:
            return None
        account = self.account_of(session)
        if account is None:
            await self.sessions.end(session_id)
            return None
        return session, account

    def account_of(self, session: WebSession) -> Account | None:
        """The account, as long as it exists and is proven by the same secret."""
        accounts = self._accounts()
        found: Account | None
        match session.kind:
            case AccountKind.USER:
                found = accounts.users.get(session.name)
            case AccountKind.AGENT:
                found = accounts.agents.get(session.name)
            case _:
                found = next((one for one in self._tokens.values() if one.name == session.name), None)
        if found is None or not hmac.compare_digest(self.sessions.proof(found), session.proof):
            return None
        return found

    def watching(self, request: web.Request, who: Caller) -> Callable[[], Awaitable[bool]]:
        """For a stream, which outlives its request: may it go on? It uses the session; with another role or team it has to begin
        again."""

        async def goes_on() -> bool:
            if who.session is not None:
                try:
                    found = await self.of(request)
                except Problem:
                    return True  # asked again soon
                if found is None or (found[1].role, found[1].teams) != (who.role, who.teams):
                    return False
            return self._accounts().scope(who.teams) == who.scope

        return goes_on


def _matches_in_thread(kept: PasswordHash, password: str) -> bool:
    """Strangers can have passwords checked without end: calls go first."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PASSWORD_NICENESS)  # of this thread only
    return kept.matches(password)


def cookie_of(request: web.Request) -> str:
    return request.cookies.get(SECURE_COOKIE if request.secure else COOKIE, "")


def set_cookie(response: web.StreamResponse, request: web.Request, session_id: str) -> None:
    """It ends with the browser; how long the session lasts is ours to say."""
    name = SECURE_COOKIE if request.secure else COOKIE
    response.set_cookie(name, session_id, path="/", httponly=True, samesite="Strict", secure=request.secure or None)


def delete_cookie(response: web.StreamResponse, request: web.Request) -> None:
    name = SECURE_COOKIE if request.secure else COOKIE
    response.del_cookie(name, path="/", httponly=True, samesite="Strict", secure=request.secure or None)
