"""A ledger on a database in memory, for tests that are not about its schema: tables take 20 ms to make, and 2 to copy."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any

from callbridge.adapters.ledger import LedgerStore

_COMPILED: dict[Any, Any] = {}
"""Statements that were compiled, for the books of all tests: SQLAlchemy has them for each database, and compiles them again."""


def opened() -> LedgerStore:
    """A new ledger without an entry."""
    store = _bare()
    with store._engine.connect() as link:
        _driver_of(link).deserialize(_empty())
    store.open()
    return store


@cache
def _empty() -> bytes:
    store = _bare()
    store.open()
    with store._engine.connect() as link:
        return _driver_of(link).serialize()


def _bare() -> LedgerStore:
    store = LedgerStore("sqlite://")
    store._engine = store._engine.execution_options(compiled_cache=_COMPILED)
    return store


def _driver_of(link: Any) -> sqlite3.Connection:
    driver = link.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
