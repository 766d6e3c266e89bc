"""A ledger on a database in memory, for tests that are not about its schema."""

from __future__ import annotations

from callbridge.adapters.ledger import LedgerStore


def opened() -> LedgerStore:
    """A new ledger without an entry."""
    store = LedgerStore("sqlite://")
    store.open()
    return store
