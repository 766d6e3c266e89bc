"""A ledger desk for the HTTP tests, on a database in memory: one campaign, ``spring``, with two leads."""

from __future__ import annotations

import functools
from collections.abc import Callable

from callbridge.adapters.ledger import LedgerRequests, LedgerStore
from callbridge.core.model.events import AnyEvent
from callbridge.core.model.world import World


@functools.cache
def book() -> LedgerStore:
    made = LedgerStore("sqlite://")
    made.open()
    made.load("spring", [{"number": f"+44207946000{index}", "name": f"Lead {index}"} for index in range(2)], 0.0)
    return made


def toy_ledger(world: World, now: Callable[[], float], tell: Callable[[AnyEvent], None]) -> LedgerRequests:
    return LedgerRequests(world=world, store=book(), now=now, wall=now, day_began=lambda: 0.0, post=tell)
