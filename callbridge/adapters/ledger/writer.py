"""The ledger at work: orders of the core go in, one after the other, and come back as events when they are in the database.

A database that is away holds campaigns up and loses nothing: what is to be written waits, and is tried again. It has a thread of
its own, and no order twice in its line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Mapping
from typing import Any, assert_never

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from callbridge.adapters.ledger.block_list import BlockEntry
from callbridge.adapters.ledger.rules import LedgerTerms
from callbridge.adapters.ledger.store import LedgerStore
from callbridge.adapters.system.threads import Threads, ThreadsBusy
from callbridge.core.model.events import AnyEvent, AttemptClosed, AttemptsReserved, LeadsFound, NumberBlocked, OrderFailed, Why
from callbridge.core.model.orders import BlockNumber, CloseAttempt, FindLeads, OfLedger, ReserveAttempts
from callbridge.wire.phone_numbers import PhoneNumbers

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

WRITE_RETRY = 1.0
WRITE_WITHIN = 30.0
"""Seconds after which a database that has not answered counts as away."""
LAST_WITHIN = 1.0
"""Seconds for each order when we end."""
PING_EVERY = 10.0
"""Seconds without an order after which the database is asked whether it is there."""
AWAY = (OperationalError, InterfaceError, TimeoutError, ThreadsBusy)


class LedgerWriter:
    """``now`` and ``wall``: our clock, and the one on the wall, both epoch seconds."""

    def __init__(
        self, store: LedgerStore, post: Callable[[AnyEvent], None], now: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self.store = store
        self.troubled = ""
        """Why the database cannot be written now."""
        self.troubled_since: float | None = None
        """By the clock on the wall."""
        self._post, self._now, self._wall = post, now, wall
        self._terms: Mapping[str, LedgerTerms] = {}
        self._orders: dict[Hashable, OfLedger] = {}
        """What waits, by what it is about, in its order."""
        self._come = asyncio.Event()
        self._current: OfLedger | None = None
        self._numbers = PhoneNumbers()
        self._threads = Threads("ledger")

    def adopt(self, terms: Mapping[str, LedgerTerms], numbers: PhoneNumbers | None = None) -> None:
        """The campaigns' rules from now on; ``numbers``: how callers' numbers are read."""
        self._terms, self._numbers = dict(terms), numbers or PhoneNumbers()

    @property
    def terms(self) -> Mapping[str, LedgerTerms]:
        return self._terms

    @property
    def waiting(self) -> int:
        """Orders that are not carried out yet."""
        return len(self._orders) + (self._current is not None)

    def perform(self, order: OfLedger) -> None:
        """Returns at once. The result comes as an event; a later order replaces a waiting one about the same."""
        self._orders[_about(order)] = order
        self._come.set()

    async def execute(self, work: Callable[[], Any], within: float | None = None) -> Any:
        """Have the database do something in the writer's thread. Raises any of AWAY."""
        async with asyncio.timeout(WRITE_WITHIN if within is None else within):
            return await self._threads.run(work, self.store.cut)

    def fails(self, trouble: Exception) -> None:
        """It is away: told when it begins to be."""
        why = _why(trouble)
        if self.troubled_since is None:
            self.troubled_since = self._wall()
            log.error("the campaign database cannot be written; waiting for it", why=why)
        self.troubled = why

    def works(self) -> None:
        if self.troubled_since is not None:
            log.info("the campaign database is back")
        self.troubled, self.troubled_since = "", None

    async def close(self) -> None:
        """Write what is still to be written, if possible; the next start takes up the rest."""
        left = ([self._current] if self._current is not None else []) + list(self._orders.values())
        self._orders.clear()
        for order in left:
            try:
                await self.execute(lambda order=order: self.write(order), LAST_WITHIN)  # type: ignore[misc]
            except AWAY as trouble:
                log.error("the campaign database was unavailable at shutdown", why=_why(trouble))
                break
            except Exception:  # whatever it is, the others are written all the same
                log.exception("a campaign order cannot be written; skipped", order=type(order).__name__)
        with contextlib.suppress(*AWAY):
            await self.execute(self.store.close, LAST_WITHIN)
        self._threads.close()

    async def run(self) -> None:
        while True:
            if await self._any():
                key = next(iter(self._orders))
                self._current = self._orders.pop(key)
                if not await self._carry_out(self._current):
                    self._orders.setdefault(key, self._current)  # behind those that may go
                self._current = None
            else:
                await self._ping()

    async def _any(self) -> bool:
        """Wait for an order; False when none came for a while."""
        if not self._orders:
            self._come.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_RETRY if self.troubled else PING_EVERY):
                    await self._come.wait()
        return bool(self._orders)

    async def _ping(self) -> None:
        try:
            await self.execute(self.store.ping)
        except (SQLAlchemyError, *AWAY) as trouble:
            self.fails(trouble)
        else:
            self.works()

    async def _carry_out(self, order: OfLedger) -> bool:
        """False: a question that has had no answer. What must be written is tried until it is."""
        while True:
            try:
                told = await self.execute(lambda: self.write(order))
            except AWAY as trouble:
                self.fails(trouble)
                await asyncio.sleep(WRITE_RETRY)
                if isinstance(order, FindLeads):
                    return False
                continue
            except Exception as fault:  # whatever it is, one order that cannot be written must not stop all campaigns
                log.exception("a campaign order cannot be written; skipped", order=type(order).__name__)
                told = self._refused(order, fault)
            self.works()
            self._post(told)
            return True

    def _refused(self, order: OfLedger, fault: Exception) -> AnyEvent:
        """What comes of an order that cannot be carried out."""
        match order:
            case FindLeads(campaign=campaign):
                return LeadsFound(at=self._now(), campaign=campaign, leads=(), ready=0)
            case ReserveAttempts(campaign=campaign, attempts=attempts):
                refused = {attempt: "an error of the ledger" for attempt, _ in attempts}
                return AttemptsReserved(at=self._now(), campaign=campaign, reserved=(), refused=refused)
            case _:
                return OrderFailed(at=self._now(), order=order, why=Why.REFUSED, detail=type(fault).__name__)

    def write(self, order: OfLedger) -> AnyEvent:
        """Carry out one order now; gives what is to be told. Blocks."""
        wall = self._wall()
        match order:
            case FindLeads(campaign=campaign):
                terms = self._terms.get(campaign)
                found, ready = self.store.find(campaign, terms, order.count, order.known, wall, order.busy) if terms else ((), 0)
                return LeadsFound(at=self._now(), campaign=campaign, leads=found, ready=ready)
            case ReserveAttempts(campaign=campaign):
                terms = self._terms.get(campaign)
                if terms is None:
                    refused = {attempt: "no such campaign" for attempt, _ in order.attempts}
                    return AttemptsReserved(at=self._now(), campaign=campaign, reserved=(), refused=refused)
                reserved, refused = self.store.reserve(campaign, terms, order.attempts, wall)
                return AttemptsReserved(at=self._now(), campaign=campaign, reserved=reserved, refused=refused)
            case CloseAttempt(attempt=attempt):
                self.store.record(attempt, self._terms.get(attempt.campaign), order.at, offset=wall - self._now())
                said = attempt.disposition, attempt.call_back_at
                return AttemptClosed(at=self._now(), attempt=attempt.id, disposition=said[0], call_back_at=said[1])
            case BlockNumber():
                number = self._numbers.identity(order.number) or order.number
                self.store.block([BlockEntry(number, order.campaign, order.reason, order.by, wall)])
                block = f"{order.campaign}|{order.number}"
                return NumberBlocked(at=self._now(), number=number, campaign=order.campaign, block=block)
            case _:
                assert_never(order)


def _about(order: OfLedger) -> Hashable:
    match order:
        case FindLeads(campaign=campaign):
            return "find", campaign
        case CloseAttempt(attempt=attempt):
            return "close", attempt.id
        case BlockNumber(number=number, campaign=campaign):
            return "block", campaign, number
        case ReserveAttempts(attempts=attempts):
            return "reserve", attempts
        case _:
            assert_never(order)


def _why(trouble: Exception) -> str:
    if isinstance(trouble, TimeoutError | ThreadsBusy):
        return "it does not answer"
    return (str(trouble).splitlines() or [type(trouble).__name__])[0]
