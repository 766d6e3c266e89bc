"""The ledger of a term: opened when its database answers, at start or later, and its state.

An unavailable database affects campaigns only, never a start or an inbound call. Nobody is dialled until it has been opened once:
first the attempts that an earlier run left open are closed, and the core gets the campaigns' recent answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, NotAnswering
from callbridge.adapters.ledger.requests import NoLedger
from callbridge.adapters.ledger.rules import LedgerTerms
from callbridge.adapters.ledger.store import LedgerStore
from callbridge.adapters.ledger.writer import AWAY, LedgerWriter
from callbridge.adapters.system.tasks import end
from callbridge.adapters.system.threads import Threads
from callbridge.core.model.events import AnyEvent, CampaignRecalled
from callbridge.core.model.orders import OfLedger
from callbridge.core.pacing.budget import ANSWERS_KEPT_FOR
from callbridge.wire.phone_numbers import PhoneNumbers

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

STATEMENT_WITHIN = 20.0
"""Seconds that one statement may take on the server."""
HOLDS_START = 1.0
"""Seconds for which a start waits: nobody is served before it is over."""
START_WITHIN = 5.0
"""Seconds after which a database that has not answered at start counts as away."""
OPEN_WITHIN = 120.0
"""Seconds for closing old attempts and reading the windows, when opened later."""
OPEN_AGAIN = 5.0
RECALL_WITHIN = 30.0
READERS, MAX_WAITING_REQUESTS = 3, 6
"""Requests that the database handles concurrently, and that may wait; more are refused."""


class CampaignLedger:
    """``alive``: the attempts that the core has in hand. Raises BadDatabase when there is no such kind of database."""

    def __init__(
        self,
        url: str,
        post: Callable[[AnyEvent], None],
        now: Callable[[], float],
        wall: Callable[[], float],
        alive: Callable[[], Collection[str]],
        zone: ZoneInfo,
    ) -> None:
        self.store = LedgerStore(url, STATEMENT_WITHIN)
        self.writer = LedgerWriter(self.store, post, now, wall)
        self.readers = Threads("the ledger's requests", READERS, MAX_WAITING_REQUESTS)
        self._post, self._now, self._wall, self._alive, self._zone = post, now, wall, alive, zone
        self._open = False
        self._opening: asyncio.Task[list[CampaignRecalled]] | None = None
        """At start, while it is not known whether the database answers."""

    def adopt(self, terms: Mapping[str, LedgerTerms], numbers: PhoneNumbers) -> None:
        """The campaigns and their rules from now on."""
        self.writer.adopt(terms, numbers)

    def perform(self, order: OfLedger) -> None:
        self.writer.perform(order)

    async def begin(self) -> list[CampaignRecalled]:
        """Open it at start; gives what the core is to know before it dials, if the database answers soon. Else callers come
        first, and ``run`` tells it. Raises BadDatabase when it never will be of use."""
        self._opening = asyncio.create_task(self._opened(START_WITHIN), name="the ledger at start")
        await asyncio.wait((self._opening,), timeout=HOLDS_START)
        return await self._opened_at_start(self._opening) if self._opening.done() else []

    async def _opened_at_start(self, opening: asyncio.Task[list[CampaignRecalled]]) -> list[CampaignRecalled]:
        try:
            return await opening
        except (NotAnswering, *AWAY) as trouble:
            self.writer.fails(trouble)
            return []
        finally:
            self._opening = None

    async def run(self) -> None:
        if self._opening is not None:
            for each in await self._opened_at_start(self._opening):
                self._post(each)
        while not self._open:
            await asyncio.sleep(OPEN_AGAIN)
            try:
                recalled = await self._opened(OPEN_WITHIN)
            except (BadDatabase, SQLAlchemyError, *AWAY) as trouble:
                self.writer.fails(trouble)
                continue
            self.writer.works()
            for each in recalled:
                self._post(each)
        await self.writer.run()

    async def recall(self, campaigns: Iterable[str]) -> list[CampaignRecalled]:
        """The recent attempts of campaigns that are new in a configuration. Raises NoLedger."""
        names = sorted(campaigns)
        if not names or not self._open:
            return []  # otherwise posted when it is opened
        if why := self.trouble():
            raise NoLedger(why)
        since = self._wall() - ANSWERS_KEPT_FOR
        try:
            async with asyncio.timeout(RECALL_WITHIN):
                hours = await self.readers.run(lambda: [self.store.window(name, since) for name in names], self.store.cut)
        except (SQLAlchemyError, *AWAY) as trouble:
            raise NoLedger("the database does not answer") from trouble
        return [
            CampaignRecalled(at=self._now(), campaign=name, hours=tuple(found)) for name, found in zip(names, hours, strict=True)
        ]

    def trouble(self) -> str:
        """Why it is unavailable, and since when; empty when it is available."""
        since = self.writer.troubled_since
        if since is None:
            return ""
        return f"the database has not answered since {datetime.fromtimestamp(since, self._zone):%Y-%m-%d %H:%M:%S}"

    def figures(self) -> tuple[bool, int]:
        """Is it up, and how many orders wait for it?"""
        return self.writer.troubled_since is None, self.writer.waiting

    async def close(self) -> None:
        if self._opening is not None:
            await end((self._opening,))
        if self._open:
            await self.writer.close()
        self.readers.close()

    async def _opened(self, within: float) -> list[CampaignRecalled]:
        terms: Mapping[str, LedgerTerms] = {}
        wall, lost, hours = self._wall(), 0, dict[str, list[tuple[float, int, int]]]()

        def work() -> None:
            nonlocal lost, hours
            self.store.open()
            lost += self.store.sweep(alive, terms, wall)
            hours = {name: self.store.window(name, wall - ANSWERS_KEPT_FOR) for name in terms}

        while not self._open:
            terms, alive = self.writer.terms, frozenset(self._alive())
            await self.writer.execute(work, within)
            self._open = self.writer.terms.keys() <= terms.keys()  # otherwise campaigns were added meanwhile
        if lost:
            log.warning("attempts with an unknown outcome", attempts=lost)
        return [CampaignRecalled(at=self._now(), campaign=name, hours=tuple(found)) for name, found in hours.items()]
