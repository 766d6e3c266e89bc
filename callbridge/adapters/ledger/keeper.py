"""The ledger at work: orders of the core go in, one after the other, and come back as events when they are in the database.

A database that is away holds campaigns up and loses nothing: what is to be written waits, and is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from callbridge.adapters.ledger.book import Block, Book, Terms
from callbridge.adapters.ledger.leads import canonical
from callbridge.core.events import AnyEvent, AttemptClosed, AttemptsReserved, LeadsFound, NumberBlocked
from callbridge.core.orders import BlockNumber, CloseAttempt, FindLeads, OfLedger, ReserveAttempts

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RETRY = 1.0


class Keeper:
    """``now`` and ``wall``: our clock, and the one on the wall, both epoch seconds."""

    def __init__(self, book: Book, tell: Callable[[AnyEvent], None], now: Callable[[], float], wall: Callable[[], float]) -> None:
        self.book = book
        self.troubled = ""
        """Why the database cannot be written now."""
        self._tell, self._now, self._wall = tell, now, wall
        self._terms: Mapping[str, Terms] = {}
        self._orders: asyncio.Queue[OfLedger] = asyncio.Queue()
        self._current: OfLedger | None = None
        self._region: str | None = None

    def adopt(self, terms: Mapping[str, Terms], region: str | None = None) -> None:
        """The campaigns' rules from now on; ``region``: whose national numbers callers have."""
        self._terms, self._region = dict(terms), region

    @property
    def terms(self) -> Mapping[str, Terms]:
        return self._terms

    @property
    def waiting(self) -> int:
        """Orders that are not carried out yet."""
        return self._orders.qsize() + (self._current is not None)

    def perform(self, order: OfLedger) -> None:
        """Returns at once; what it comes to is told."""
        self._orders.put_nowait(order)

    async def close(self) -> None:
        """Write what is still to be written, if that goes; the next start takes up the rest."""
        left = [self._current] if self._current is not None else []
        while not self._orders.empty():
            left.append(self._orders.get_nowait())
        for order in left:
            try:
                await asyncio.to_thread(self.write, order)
            except (OperationalError, InterfaceError) as trouble:
                log.error("the campaigns' database was away at the end", why=str(trouble).splitlines()[0])
                break
            except Exception:  # whatever it is, the others are written all the same
                log.exception("an order of the campaigns cannot be written; left out", order=type(order).__name__)
        await asyncio.to_thread(self.book.close)

    async def run(self) -> None:
        while True:
            order = await self._orders.get()
            self._current = order
            await self._carry_out(order)
            self._current = None

    async def _carry_out(self, order: OfLedger) -> None:
        while True:
            try:
                told = await asyncio.to_thread(self.write, order)
            except (OperationalError, InterfaceError) as trouble:
                if not self.troubled:
                    log.error("the campaigns' database cannot be written; waiting for it", why=str(trouble).splitlines()[0])
                self.troubled = str(trouble).splitlines()[0]
                await asyncio.sleep(RETRY)
                continue
            except Exception:  # whatever it is, one order that cannot be written must not stop all campaigns
                log.exception("an order of the campaigns cannot be written; left out", order=type(order).__name__)
                told = self._empty(order)
            if self.troubled:
                log.info("the campaigns' database is back")
                self.troubled = ""
            if told is not None:
                self._tell(told)
            return

    def _empty(self, order: OfLedger) -> AnyEvent | None:
        """What comes of an order that cannot be carried out."""
        match order:
            case FindLeads(campaign=campaign):
                return LeadsFound(at=self._now(), campaign=campaign, leads=(), ready=0)
            case ReserveAttempts(campaign=campaign, attempts=attempts):
                refused = {attempt: "a fault of the ledger" for attempt, _ in attempts}
                return AttemptsReserved(at=self._now(), campaign=campaign, reserved=(), refused=refused)
            case _:
                return None

    def write(self, order: OfLedger) -> AnyEvent | None:
        """Carry out one order now; gives what is to be told. Blocks."""
        wall = self._wall()
        match order:
            case FindLeads(campaign=campaign):
                terms = self._terms.get(campaign)
                found, ready = self.book.find(campaign, terms, order.count, order.known, wall, order.agents) if terms else ((), 0)
                return LeadsFound(at=self._now(), campaign=campaign, leads=found, ready=ready)
            case ReserveAttempts(campaign=campaign):
                terms = self._terms.get(campaign)
                if terms is None:
                    refused = {attempt: "no such campaign" for attempt, _ in order.attempts}
                    return AttemptsReserved(at=self._now(), campaign=campaign, reserved=(), refused=refused)
                reserved, refused = self.book.reserve(campaign, terms, order.attempts, wall)
                return AttemptsReserved(at=self._now(), campaign=campaign, reserved=reserved, refused=refused)
            case CloseAttempt(attempt=attempt):
                self.book.record(attempt, self._terms.get(attempt.campaign), order.at, offset=wall - self._now())
                said = attempt.disposition, attempt.call_back_at
                return AttemptClosed(at=self._now(), attempt=attempt.id, disposition=said[0], call_back_at=said[1])
            case BlockNumber():
                number = canonical(order.number, self._region) or order.number
                self.book.block([Block(number, order.campaign, order.reason, order.by, wall)])
                block = f"{order.campaign}|{order.number}"
                return NumberBlocked(at=self._now(), number=number, campaign=order.campaign, block=block)
        return None
