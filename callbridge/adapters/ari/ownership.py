"""Who owns our application on a PBX? Asterisk gives it to the newest client that opens it.

Two signs identify an owner. The *store*: an instance that takes over takes the token there first. The *stamp*: the instance that
owns the application writes a new value to a global variable of the PBX every three seconds; a debugging client does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from callbridge.adapters.ari.http import ORDERS_AT_ONCE, AriHttp, Pools, Reply
from callbridge.adapters.pbx_link import Backoff, OrderTrouble
from callbridge.wire import ari as wire

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Holds = Callable[[], Awaitable[bool | None]]
"""Is our token in force? None when unknown: no store, or it does not answer."""
SendRequest = Callable[[wire.Request], Awaitable[Reply]]

STAMPED = 5.0
"""Seconds within which the stamp of a living owner changes."""
PEACE = 600.0
"""Seconds after which a replacement is forgotten."""
FIRST_TAKEOVER_PAUSE, MAX_TAKEOVER_PAUSE = 0.4, 30.0
"""Seconds before the application is taken back, doubling, so that two clients do not fight over it continuously."""
_STAMP_CHECK_EVERY = 0.5
CHECK_TIMEOUT = 2.0
"""Seconds that a PBX has to answer at start."""
WARMED_EVERY = 4.0
"""Seconds after which connections are used that are kept open for a leader to be."""


async def nobody_knows() -> bool | None:
    """Without a store it is unknown whose token is in force."""
    return None


async def read_stamp(send: SendRequest, app: str) -> str:
    """The last stamp of the owner; empty when there has never been one. Raises OrderTrouble."""
    try:
        return wire.stamped((await send(wire.stamp_request(app))).body)
    except wire.Malformed as error:
        raise OrderTrouble(f"invalid answer: {error}") from error


class Replacements:
    """How often another client has taken our application on one PBX, and what follows. ``replaced`` is called each time that we
    may take it back."""

    def __init__(self, pbx: str, app: str, now: Callable[[], float], holds: Holds, replaced: Callable[[], None]) -> None:
        self._pbx = pbx
        self._app = app
        self._now = now
        self._holds = holds
        self._replaced = replaced
        self._backoff = Backoff(FIRST_TAKEOVER_PAUSE, MAX_TAKEOVER_PAUSE)
        self._times: list[float] = []

    async def may_open(self, send: SendRequest) -> bool:
        """May we open the application, where a standby may have taken it meanwhile? If the store does not say, the stamp does."""
        holds = await self._holds()
        if holds is False or (holds is None and await self._another_stamps(send)):
            log.error("another instance leads; the application is left to it", pbx=self._pbx)
            return False
        return True

    async def may_return(self, send: SendRequest) -> bool:
        """Another client has taken the application. Returns True, after a delay, if it is not an owner and we may take it
        back."""
        now = self._now()
        self._times = [at for at in self._times if now - at < PEACE] + [now]
        if len(self._times) == 1:
            self._backoff.reset()
        holds = await self._holds()
        if holds is False:
            log.error("another instance has taken the application; standing down", pbx=self._pbx)
            return False
        # While our token is in force, the first one is assumed to be a debugging client; a second one may be a callbridge
        # with a store of its own.
        if (holds is None or len(self._times) > 1) and await self._another_stamps(send):
            log.error("another callbridge owns the application; standing down", pbx=self._pbx)
            return False
        self._replaced()
        wait = self._backoff.next()
        log.error(
            "another client opened our application; taking it back",
            pbx=self._pbx,
            times=len(self._times),
            retry_in=round(wait, 3),
        )
        await asyncio.sleep(wait)
        return True

    async def _another_stamps(self, send: SendRequest) -> bool:
        """Does the stamp change although we no longer write it?"""
        clock = asyncio.get_running_loop().time
        until, first = clock() + STAMPED, None
        while clock() < until:
            try:
                stamp = await read_stamp(send, self._app)
            except OrderTrouble as trouble:
                log.info("the owner's stamp cannot be read", pbx=self._pbx, why=str(trouble))
            else:
                first = stamp if first is None else first
                if stamp != first:
                    return True
            await asyncio.sleep(_STAMP_CHECK_EVERY)
        return False


# -- at start ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipCheck:
    """How to check one PBX at start."""

    pbx: str
    url: str
    app: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipSeen:
    """``trouble``: why the PBX does not accept us; empty when it does. ``stamp``: the last one of its owner."""

    pbx: str
    trouble: str = ""
    stamp: str = ""


class OwnershipChecks:
    """Reads the owner's stamp on every PBX: does it answer, does it accept our login, is an owner alive? Opens no event socket.
    The connections are kept until ``close`` or ``take``. ``warm``: as many as a link begins with, and one for its orders."""

    def __init__(self, checks: Sequence[OwnershipCheck], timeout: float = CHECK_TIMEOUT, *, warm: bool = False) -> None:
        self._checks, self._timeout, self._warm = checks, timeout, warm
        self._open: dict[str, AriHttp] = {}
        self._warmed_at: dict[str, float] = {}

    def take(self, pbx: str) -> Pools | None:
        """The connections to this PBX are the caller's from now on."""
        http = self._open.pop(pbx, None)
        return http.detach() if http is not None else None

    async def look(self) -> list[OwnershipSeen]:
        return list(await asyncio.gather(*(self._look_at(check) for check in self._checks)))

    async def close(self) -> None:
        closing, self._open = self._open, {}
        for http in closing.values():
            await http.close()

    async def _keep_warm(self, check: OwnershipCheck, http: AriHttp) -> None:
        """A socket, its heartbeats and its lists are under way at the same time, and then an order."""
        now = asyncio.get_running_loop().time()
        if not self._warm or now - self._warmed_at.get(check.pbx, float("-inf")) < WARMED_EVERY:
            return
        self._warmed_at[check.pbx] = now
        await asyncio.gather(*(read_stamp(send, check.app) for send in (http.request, http.request, http.request, http.write)))

    async def _look_at(self, check: OwnershipCheck) -> OwnershipSeen:
        if check.pbx not in self._open:
            self._warmed_at.pop(check.pbx, None)
            self._open[check.pbx] = AriHttp(
                check.url,
                user=check.user,
                password=check.password,
                request_timeout=self._timeout,
                connect_timeout=self._timeout,
                connections=ORDERS_AT_ONCE + 1,
                may_write=lambda: True,  # only stamps are read here
            )
        http = self._open[check.pbx]
        try:
            stamp = await read_stamp(http.request, check.app)
            await self._keep_warm(check, http)
            return OwnershipSeen(pbx=check.pbx, stamp=stamp)
        except OrderTrouble as trouble:
            return OwnershipSeen(pbx=check.pbx, trouble=str(trouble))


async def check_owners(checks: Sequence[OwnershipCheck]) -> list[OwnershipSeen]:
    """Look once."""
    looking = OwnershipChecks(checks)
    try:
        return await looking.look()
    finally:
        await looking.close()
