"""What the databases of all tests share: statements that are compiled, and what an empty database becomes.

SQLAlchemy compiles each statement for each database again, and creating the tables takes 40 ms of a processor: of tests that open
a database for each case, most of the time was that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event

from callbridge.adapters.database import schema


class _Compiled(dict[Any, Any]):
    """Statements by the kind of database. SQLAlchemy's key begins with the dialect, an object of one database."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_by_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_by_kind(key), compiled)


def _by_kind(key: Any) -> Hashable:
    dialect, *rest = key
    return dialect.name, dialect.driver, *rest


_COMPILED = _Compiled()
REALLY_MIGRATE = schema._migrate


def share() -> None:
    """Have all databases of this process share them."""
    if schema._migrate is REALLY_MIGRATE:
        event.listen(Engine, "engine_connect", _knows_what_is_compiled)
        schema._migrate = _migrate


def _knows_what_is_compiled(link: Connection) -> None:
    link.execution_options(compiled_cache=_COMPILED)


def _migrate(link: Connection) -> str:
    """As the real one, but the tables of an empty SQLite database are copied: in the same transaction if it is a file, all at
    once if it is in memory, where only this connection sees it."""
    if link.dialect.name != "sqlite" or link.exec_driver_sql("SELECT EXISTS (SELECT * FROM sqlite_master)").scalar_one():
        return REALLY_MIGRATE(link)
    driver = _driver_of(link)
    _, _, file = driver.execute("PRAGMA database_list").fetchone()
    if not file:
        driver.deserialize(_made().as_bytes)
        return ""
    for statement in _made().statements:
        driver.execute(statement)
    return ""


class _Made(NamedTuple):
    """An empty database, as the real migrations make it."""

    as_bytes: bytes
    statements: list[str]


@cache
def _made() -> _Made:
    engine = create_engine("sqlite://")
    with engine.begin() as link:
        assert REALLY_MIGRATE(link) == ""
        driver = _driver_of(link)
        dumped = [statement for statement in driver.iterdump() if statement not in ("BEGIN TRANSACTION;", "COMMIT;")]
    return _Made(driver.serialize(), dumped)


def _driver_of(link: Connection) -> sqlite3.Connection:
    driver = link.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
