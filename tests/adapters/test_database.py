"""The database's schema: what the migrations make is what the tables say, in SQLite and PostgreSQL, from nothing and from any
version; and a database that cannot be used is said in a line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from callbridge.adapters.database import BadDatabase, Database, schema
from callbridge.adapters.database.ledger_tables import LEDGER_TABLES, leads
from callbridge.adapters.database.metadata import metadata
from tests.databases import REALLY_MIGRATE
from tests.examples import cases

from .postgres import new_database

Url = Callable[[], str]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield f"sqlite:///{tmp_path}/x.db" if request.param == "sqlite" else new_database(empty=True)


@pytest.fixture(autouse=True)
def really_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere the tables of an empty database are copied (tests/databases.py)."""
    monkeypatch.setattr(schema, "_migrate", REALLY_MIGRATE)


def differences(database: Database) -> list[object]:
    with database.engine.connect() as link:
        return list(compare_metadata(MigrationContext.configure(link), metadata))


def migrated(database: Database, to: str) -> None:
    """As an older version left it."""
    config = schema._config()
    with database.engine.begin() as link:
        config.attributes["connection"] = link
        command.upgrade(config, to)


def test_an_empty_database_gets_all_tables(url: str) -> None:
    with closing(Database(url)) as database:
        database.open()
        assert differences(database) == []
        database.open()


def test_what_migrations_do_without_trouble_is_not_in_our_log() -> None:
    assert not logging.getLogger("alembic.runtime.migration").isEnabledFor(logging.INFO)
    assert logging.getLogger("alembic.runtime.migration").isEnabledFor(logging.WARNING)


VERSIONS = [each.revision for each in ScriptDirectory.from_config(schema._config()).walk_revisions()]
"""The newest first."""


@pytest.mark.parametrize("version", cases(VERSIONS, fast=[VERSIONS[1], VERSIONS[-1]]))
def test_every_older_version_is_brought_up_to_date(url: str, version: str) -> None:
    with closing(Database(url)) as database:
        migrated(database, version)
        database.open()
        assert differences(database) == []


def test_a_ledger_from_before_versions_is_kept(url: str) -> None:
    with closing(Database(url)) as database:
        with database.engine.begin() as link:
            metadata.create_all(link, tables=list(LEDGER_TABLES))
            next(index for index in leads.indexes if index.name == "leads_agent").drop(link)  # which came later
            link.execute(leads.insert().values(campaign="spring", number="+442079460000", loaded_at=1.0, changed_at=1.0))
        database.open()
        assert differences(database) == []
        with database.engine.connect() as link:
            assert link.execute(leads.select()).one().number == "+442079460000"


def test_two_may_open_an_empty_database_at_the_same_moment(url: str) -> None:
    troubles: list[Exception] = []

    def work() -> None:
        try:
            with closing(Database(url)) as database:
                database.open()
        except Exception as trouble:  # noqa: BLE001 - told below
            troubles.append(trouble)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert troubles == []


def test_a_newer_database_is_left_alone(url: str) -> None:
    with closing(Database(url)) as database:
        database.open()
        with database.engine.begin() as link:
            link.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        before = sorted(inspect(database.engine).get_table_names())
        with pytest.raises(BadDatabase, match=r"^the database has schema 9999; .* knows up to \d+: start the newer one$"):
            database.open()
        assert sorted(inspect(database.engine).get_table_names()) == before


class LoggedMessages(logging.Handler):
    """What a logger and those below it say."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        logging.getLogger(name).addHandler(self)
        try:
            yield
        finally:
            logging.getLogger(name).removeHandler(self)


@pytest.mark.slow
def test_a_connection_that_was_lost_meanwhile_is_told_as_any_other_trouble() -> None:
    logged = LoggedMessages()
    with logged.at("sqlalchemy.pool"), closing(Database(new_database(empty=True), statement_within=5.0)) as database:
        with database.engine.begin() as link:
            own = link.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with create_engine(database.engine.url, poolclass=NullPool).connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({own}, 5000)")
        with pytest.raises(OperationalError):
            database.ping()
        database.ping()
    assert logged.messages == []


@pytest.mark.slow
def test_a_connection_that_is_cut_after_its_last_answer_is_not_used_again() -> None:
    with closing(Database(new_database())) as database:
        with database.engine.connect() as link:
            link.execute(text("SELECT 1"))
            link.commit()
            database.cut(threading.get_ident())
        database.ping()
