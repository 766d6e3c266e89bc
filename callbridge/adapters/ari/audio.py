"""Watches for the first audio of callers who have been answered and from whom none has come yet.

No event of ARI or AMI reports it, so Asterisk is asked how much it has received. Rules of this file: one request at a time, and a
pause after each; no leg more often than every ASK_EVERY seconds; a leg that is audible, or gone, never again. When there are more
legs than there is time for, those asked least come first: many silent callers do not hold up the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NoReturn

from callbridge.adapters.ari.http import Reply, odd_as_refusal
from callbridge.adapters.pbx_link import NotSent, OrderRefused, TimedOut
from callbridge.core.model.events import AnyEvent, CallerAudible
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import WatchAudio
from callbridge.wire import ari as wire

ASK_EVERY = 0.25
"""Seconds between two questions about one leg."""
ASK_PAUSE = 0.005
"""Seconds between two questions: Asterisk is asked at most 200 times a second."""


@dataclass(slots=True)
class _Watched:
    request: wire.Request
    until: float
    asked: int = 0


class AudioWatch:
    """``write`` sends one request, or raises NotSent, TimedOut or OrderRefused. CallerAudible is posted."""

    def __init__(
        self, write: Callable[[wire.Request], Awaitable[Reply]], post: Callable[[AnyEvent], None], now: Callable[[], float]
    ) -> None:
        self._write, self._post, self._now = write, post, now
        self._watched: dict[LegId, _Watched] = {}
        self._later: list[tuple[float, LegId]] = []
        """When each leg may be asked about next."""
        self._due: list[tuple[int, float, LegId]] = []
        """Of those whose time has come: how often asked, and since when due."""
        self._news = asyncio.Event()

    def watch(self, order: WatchAudio, request: wire.Request) -> None:
        """Watch this leg from now on; one that is watched already, for longer."""
        known = self._watched.get(order.leg)
        if known is not None:
            known.until = max(known.until, order.until)
            return
        self._watched[order.leg] = _Watched(request, order.until)
        heappush(self._later, (self._now() + order.after, order.leg))
        self._news.set()

    def clear(self) -> None:
        """The link is lost; the core orders again what it still wants to know."""
        self._watched.clear()
        self._later.clear()
        self._due.clear()

    async def run(self) -> NoReturn:
        """Ask, for as long as the link is up."""
        while True:
            leg = self._next()
            if leg is not None:
                await self._ask(leg)
                await asyncio.sleep(ASK_PAUSE)
                continue
            self._news.clear()
            wait = max(0.0, self._later[0][0] - self._now()) if self._later else None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    def _next(self) -> LegId | None:
        """The leg to ask about now."""
        now = self._now()
        while self._later and self._later[0][0] <= now:
            due, leg = heappop(self._later)
            heappush(self._due, (self._watched[leg].asked, due, leg))
        while self._due:
            _, _, leg = heappop(self._due)
            if self._watched[leg].until > now:
                return leg
            del self._watched[leg]
        return None

    async def _ask(self, leg: LegId) -> None:
        watched = self._watched[leg]
        audible: bool | None
        try:
            reply = await self._write(watched.request)
            with odd_as_refusal(reply):
                audible = wire.is_audible(reply.status, reply.body)
        except (NotSent, TimedOut):
            audible = False
        except OrderRefused:
            audible = True  # there is no telling
        if leg not in self._watched:
            return  # the link was lost meanwhile
        if audible is False:
            watched.asked += 1
            heappush(self._later, (self._now() + ASK_EVERY, leg))
            return
        del self._watched[leg]
        if audible:
            self._post(CallerAudible(at=self._now(), leg=leg))
