"""The database's schema: created at once where there is none, else brought up to date by the migrations, one after the other.

Alembic keeps the number of the last migration in the table ``alembic_version``. A test compares what the migrations make with
the tables of this package, so a change of a table without a migration is found.
"""

from __future__ import annotations

import logging
import threading
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect

from callbridge.adapters.database import history_tables, ledger_tables, quality_tables
from callbridge.adapters.database.metadata import metadata

ALL_TABLES = (*ledger_tables.LEDGER_TABLES, *history_tables.HISTORY_TABLES, *quality_tables.QUALITY_TABLES)
logging.getLogger("alembic").setLevel(logging.WARNING)
"""Which kind of database it found is no news at every start."""
_ONE_AT_A_TIME = threading.Lock()
"""Alembic's environment is one for the process."""
_LOCK_NUMBER = 0x63616C6C
"""Of the advisory lock in PostgreSQL: two instances may open an empty database at the same moment."""


def migrate(engine: Engine) -> str:
    """Bring the schema up to date; returns why that is impossible. Raises SQLAlchemyError."""
    with _ONE_AT_A_TIME, engine.connect() as link:
        if _is_current(link):
            return ""
        with link.begin():
            _lock(link)
            return _migrate(link)


@cache
def head() -> str:
    """The number of the newest migration. Asked whenever a database is opened, and found by loading all of them."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def _is_current(link: Connection) -> bool:
    """Nothing to do, and nothing to lock. The transaction that asking began is over afterwards."""
    with link.begin():
        return MigrationContext.configure(link).get_current_revision() == head()


def _lock(link: Connection) -> None:
    if link.dialect.name == "sqlite":
        link.exec_driver_sql("BEGIN IMMEDIATE")
    elif link.dialect.name == "postgresql":
        link.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")


def _migrate(link: Connection) -> str:
    config = _config()
    config.attributes["connection"] = link
    if not set(inspect(link).get_table_names()) & {table.name for table in ALL_TABLES}:
        metadata.create_all(link)
        command.stamp(config, "head")
        return ""
    try:
        command.upgrade(config, "head")
    except CommandError:
        found = MigrationContext.configure(link).get_current_revision()
        return f"the database has schema {found}; this callbridge knows up to {head()}: start the newer one"
    return ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config
