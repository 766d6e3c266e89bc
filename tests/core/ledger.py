"""The campaigns' ledger for stories: the real store on a database in memory, asked and answered at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from callbridge.adapters.ledger import LedgerStore, LedgerTerms, LedgerWriter
from callbridge.core.model.events import AnyEvent, OrderFailed, Why
from callbridge.core.model.orders import BlockNumber, CloseAttempt, OfLedger
from tests.memory_ledger import opened

LATER = 0.005


class ToyLedger:
    """``silent``: the database is away; what is asked meanwhile is answered by ``speak``. ``broken``: it answers, and cannot
    write down what became of attempts, nor blocks. The database is made
    when it is first asked: most stories have no campaign, and making it takes longer than they do."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.silent = False
        self.broken = False
        self._now = now
        self._held: list[OfLedger] = []

    @cached_property
    def store(self) -> LedgerStore:
        return opened()

    @cached_property
    def _keeper(self) -> LedgerWriter:
        return LedgerWriter(self.store, lambda event: None, self._now, self._now)

    def adopt(self, terms: dict[str, LedgerTerms]) -> None:
        self._keeper.adopt(terms)

    def obey(self, order: OfLedger, soon: Callable[[Callable[[float], AnyEvent], float], None]) -> None:
        if self.silent:
            self._held.append(order)
            return
        if self.broken and isinstance(order, CloseAttempt | BlockNumber):
            soon(lambda at: OrderFailed(at=at, order=order, why=Why.REFUSED, detail="DataError"), LATER)
            return
        told = self._keeper.write(order)
        if told is not None:
            soon(lambda at: replace(told, at=at), LATER)

    def forget(self) -> None:
        """The process that asked is dead, and with it what the database had not heard."""
        self.silent = False
        self._held.clear()

    def speak(self, soon: Callable[[Callable[[float], AnyEvent], float], None]) -> None:
        self.silent = False
        held, self._held = self._held, []
        for order in held:
            self.obey(order, soon)
