"""The ledger at work: orders of the core go in, one after the other, and come back as events when they are in the database.

A database that is away holds campaigns up and loses nothing: what is to be written waits, and is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.ledger.book import Block, Book, Terms
from callbridge.core.events import AnyEvent, AttemptClosed, AttemptsReserved, LeadsFound
from callbridge.core.orders import BlockNumber, CloseAttempt, DisposeLead, FindLeads, OfLedger, ReserveAttempts

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
        self._busy = False

    def adopt(self, terms: Mapping[str, Terms]) -> None:
        """The campaigns' rules from now on."""
        self._terms = dict(terms)

    @property
    def terms(self) -> Mapping[str, Terms]:
        return self._terms

    @property
    def waiting(self) -> int:
        """Orders that are not carried out yet."""
        return self._orders.qsize() + self._busy

    def perform(self, order: OfLedger) -> None:
        """Returns at once; what it comes to is told."""
        self._orders.put_nowait(order)

    async def close(self) -> None:
        """Write what is still to be written, if that goes; the next start takes up the rest."""
        while not self._orders.empty():
            order = self._orders.get_nowait()
            try:
                await asyncio.to_thread(self.write, order)
            except SQLAlchemyError as trouble:
                log.error("the campaigns' database was away at the end", why=str(trouble).splitlines()[0])
                break
        await asyncio.to_thread(self.book.close)

    async def run(self) -> None:
        while True:
            order = await self._orders.get()
            self._busy = True
            await self._carry_out(order)
            self._busy = False

    async def _carry_out(self, order: OfLedger) -> None:
        while True:
            try:
                told = await asyncio.to_thread(self.write, order)
            except SQLAlchemyError as trouble:
                if not self.troubled:
                    log.error("the campaigns' database cannot be written; waiting for it", why=str(trouble).splitlines()[0])
                self.troubled = str(trouble).splitlines()[0]
                await asyncio.sleep(RETRY)
                continue
            if self.troubled:
                log.info("the campaigns' database is back")
                self.troubled = ""
            if told is not None:
                self._tell(told)
            return

    def write(self, order: OfLedger) -> AnyEvent | None:
        """Carry out one order now; gives what is to be told. Blocks."""
        wall = self._wall()
        match order:
            case FindLeads(campaign=campaign):
                terms = self._terms.get(campaign)
                found, ready = self.book.find(campaign, terms, order.count, order.known, wall) if terms else ((), 0)
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
                return AttemptClosed(at=self._now(), attempt=attempt.id)
            case DisposeLead():
                again = self._terms[order.campaign].again.get(order.code) if order.campaign in self._terms else None
                self.book.dispose(
                    order.attempt,
                    order.lead,
                    order.code,
                    again_after=again,
                    call_back_at=order.call_back_at,
                    agent=order.agent if order.own else "",
                    wall=wall,
                )
            case BlockNumber():
                self.book.block([Block(order.number, order.campaign, order.reason, order.by, wall)])
        return None
