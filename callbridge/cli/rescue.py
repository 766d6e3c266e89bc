"""``callbridge rescue``: sends the callers whom a dead callbridge left in Asterisk to the fallback.

It needs only ARI: no queues, and no Redis. The owner writes a new stamp to a global variable of the PBX every few seconds; if the
stamp does not change for STAMP_TIMEOUT seconds of our own clock, the owner is dead, unless an instance of a pair holds the lease
and has a link to the PBX, or could take the lease (``lease_guard``). An owner that starts again and again writes a stamp that
stands still; no lease counts then. The stamp is read again before each channel; if it has changed, we stop: the owner is back.
Two rescues at the same time do no harm: a channel that the other one has moved is no longer in Stasis, and Asterisk refuses our
request.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass

import structlog

from callbridge.adapters.ari.http import AriHttp
from callbridge.adapters.logs import log as logs
from callbridge.adapters.pbx_link import OrderTrouble
from callbridge.cli.lease_guard import LeaseGuard, guard_of
from callbridge.core.model.plan import SAFE_HARBOUR_CONTEXT
from callbridge.settings.faults import Fault
from callbridge.settings.models import Settings
from callbridge.wire import ari as wire

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

DONE, FAILED = 0, 1
STAMP_TIMEOUT = 15.0
"""Seconds without a change of the stamp: a living owner would have written five."""
CHECK_EVERY = 1.0
REQUEST_LIMIT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueScope:
    """What is ours on one PBX, and where its callers go."""

    pbx: str
    app: str
    prefix: str
    context: str


class Rescue:
    """One PBX."""

    def __init__(self, ours: RescueScope, http: AriHttp, guard: LeaseGuard) -> None:
        self._ours = ours
        self._http = http
        self._guard = guard

    async def once(self) -> bool:
        """Watch until the stamp changes or STAMP_TIMEOUT has passed; then move the stranded callers.

        False when something could not be done. Raises OrderTrouble when the PBX does not answer.
        """
        stamp, since = await self._stamp(), time.monotonic()
        while time.monotonic() - since < STAMP_TIMEOUT:
            await self._guard.look()
            await asyncio.sleep(CHECK_EVERY)
            if await self._stamp() != stamp:
                return True
        return await self._send_all(stamp)

    async def _served_by(self, stamp: str) -> str:
        """Who serves the callers in spite of the stamp, or is going to; empty when nobody does."""
        if stamp == wire.RESTARTING:
            return ""
        await self._guard.look()
        return self._guard.holder(self._ours.pbx)

    async def _stamp(self) -> str:
        return wire.stamped((await self._http.request(wire.stamp_request(self._ours.app))).body)

    async def _send_all(self, stamp: str) -> bool:
        ours = self._ours
        if holder := await self._served_by(stamp):
            log.info("the callers are left to an instance that is there", pbx=ours.pbx, stamp=stamp, instance=holder)
            return True
        lists = [(await self._http.request(request)).body for request in wire.stranded_requests(ours.app)]
        found = wire.stranded(*lists, app=ours.app, prefix=ours.prefix)
        if not stamp:  # nobody has ever owned this application here: legs with our prefix may belong to another one
            found = tuple(one for one in found if one.entry is not None)
        failed = 0
        for one in found:
            if await self._stamp() != stamp:
                log.info("the owner is back; nothing left to do", pbx=ours.pbx)
                return failed == 0
            if holder := await self._served_by(stamp):
                log.info("an instance takes the callers; nothing left to do", pbx=ours.pbx, instance=holder)
                return failed == 0
            failed += not await self._send(one)
        if found:
            log.warning("rescue done", pbx=ours.pbx, stamp=stamp, channels=len(found), failed=failed)
        return failed == 0

    async def _send(self, one: wire.Stranded) -> bool:
        """Move one channel; False when Asterisk refuses."""
        ours = self._ours
        if one.campaign:
            request = wire.send_on(one.channel, SAFE_HARBOUR_CONTEXT, one.campaign)
        else:
            request = wire.drop(one.channel) if one.entry is None else wire.send_on(one.channel, ours.context, one.entry)
        try:
            reply = await self._http.request(request)
        except OrderTrouble as refusal:
            log.error("a stranded channel could not be moved", pbx=ours.pbx, channel=one.channel, why=str(refusal))
            return False
        if one.campaign:
            log.warning("a campaign's customer was sent to the safe-harbour message", pbx=ours.pbx, channel=one.channel)
        elif one.entry is None:
            log.warning("an orphaned leg was hung up", pbx=ours.pbx, channel=one.channel)
        elif reply.status < 300:
            log.warning("a stranded caller was sent to the fallback", pbx=ours.pbx, channel=one.channel, entry=one.entry)
        return True


async def rescue(settings: Settings, faults: tuple[Fault, ...] = (), *, watch: bool) -> int:
    """Check every PBX once, or ``watch`` until stopped; returns the exit code."""
    logs.configure(level=settings.log.level.upper(), mask=settings.log.mask_numbers)
    if faults:
        log.warning("the configuration has errors; rescue ignores those parts", faults=len(faults), first=str(faults[0]))
    guard = guard_of(settings, faults)
    looks = [asyncio.create_task(_look_after(settings, index, guard, watch=watch)) for index in range(len(settings.pbx))]
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, _stop, looks)
    results = await asyncio.gather(*looks, return_exceptions=True)
    await guard.close()
    for trouble in results:
        if isinstance(trouble, BaseException) and not isinstance(trouble, asyncio.CancelledError):
            raise trouble
    return FAILED if False in results else DONE


def _stop(looks: list[asyncio.Task[bool]]) -> None:
    for look in looks:
        look.cancel()


async def _look_after(settings: Settings, index: int, guard: LeaseGuard, *, watch: bool) -> bool:
    pbx, instance = settings.pbx[index], settings.instance
    ours = RescueScope(pbx=pbx.name, app=instance.app, prefix=instance.prefix, context=settings.fallback.context)
    async with AriHttp(
        pbx.ari.url,
        user=pbx.ari.user,
        password=pbx.ari.password.get_secret_value(),
        request_timeout=REQUEST_LIMIT,
        connect_timeout=REQUEST_LIMIT,
        connections=1,
        may_write=lambda: True,
    ) as http:
        one = Rescue(ours, http, guard)
        while True:
            good = await _once(one, pbx.name)
            if not watch:
                return good
            await asyncio.sleep(CHECK_EVERY)


async def _once(one: Rescue, pbx: str) -> bool:
    try:
        return await one.once()
    except (OrderTrouble, wire.Malformed) as trouble:
        log.error("the PBX cannot be queried", pbx=pbx, why=str(trouble))
        return False
