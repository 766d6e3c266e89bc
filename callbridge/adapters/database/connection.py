"""Connections to the database: bounds for a database that says nothing, and a way to free a thread that waits for one.

A server that is stopped, or behind a network that swallows all, acknowledges what it is sent or sends nothing at all: neither its
own time limits nor the kernel's are met. Only the caller who waits can say that it is enough, so ``cut`` shuts the connection.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import weakref
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from callbridge.adapters.database.files import file_of, make_private
from callbridge.adapters.database.schema import migrate

DATABASE_CONNECT_TIMEOUT = 5
"""Seconds."""
POSTGRESQL = {
    "connect_timeout": DATABASE_CONNECT_TIMEOUT,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""As libpq names them. What the URL says holds."""

_LINE = "line"


class BadDatabase(RuntimeError):
    """The database cannot be used; the message says why, in one line and without its password."""


class NotConfigured(Exception):
    """A part of callbridge that is not configured, so a retry does not help. The message names the section to add. The errors of
    such parts are of this kind, too."""


class NotAnswering(BadDatabase):
    """It may be usable, but is away, or cannot be opened now."""


class Database:
    """``url`` as SQLAlchemy has it: ``sqlite:////var/lib/callbridge/callbridge.db``, ``postgresql+psycopg://...``.
    ``statement_within``: seconds that one statement may take on the server (PostgreSQL); None: as long as it takes. Raises
    BadDatabase when there is no such kind of database here."""

    def __init__(self, url: str, statement_within: float | None = None) -> None:
        self.engine = _engine(url)
        self._file = file_of(url)
        self._at_work: dict[int, socket.socket] = {}
        """Thread -> the line of the connection that it uses."""
        self._was_cut: set[socket.socket] = set()
        self._lock = threading.Lock()
        event.listen(self.engine, "connect", self._connected, insert=True)  # before it is first asked for its version
        event.listen(self.engine, "checkout", self._taken)
        event.listen(self.engine, "checkin", self._given_back)
        if statement_within is not None and self.engine.dialect.name == "postgresql":
            self._limit = f"SET LOCAL statement_timeout = {round(statement_within * 1000)}"
            event.listen(self.engine, "begin", self._begun)

    def open(self) -> None:
        """Create its tables, or bring those of an older version up to date. Raises BadDatabase, NotAnswering when it may be
        better later."""
        if self._file is not None:
            make_private(self._file)
        try:
            problem = migrate(self.engine)
        except (OperationalError, InterfaceError) as trouble:
            raise NotAnswering(cause_of(trouble)) from None
        except SQLAlchemyError as trouble:
            raise BadDatabase(cause_of(trouble)) from None
        if problem:
            raise BadDatabase(problem)

    def ping(self) -> None:
        """Does it answer? Raises SQLAlchemyError."""
        with self.engine.begin() as link:
            link.execute(select(1))

    def close(self) -> None:
        self.engine.dispose()

    def cut(self, thread: int) -> None:
        """End what this thread waits for, if it waits for a server: it raises OperationalError there. A connection that is being
        made has its own limit."""
        with self._lock:
            line = self._at_work.get(thread)
            if line is not None:
                self._was_cut.add(line)
                with contextlib.suppress(OSError):  # it has ended by itself
                    line.shutdown(socket.SHUT_RDWR)

    def _connected(self, link: Any, record: ConnectionPoolEntry) -> None:
        """Keeps a handle of its own: the number of the driver's may be that of another connection in a moment."""
        if self.engine.dialect.name == "postgresql" and hasattr(link, "fileno"):
            line = socket.socket(fileno=os.dup(link.fileno()))
            weakref.finalize(link, line.close)
            record.info[_LINE] = line
            self._taken(link, record)

    def _taken(self, _link: Any, record: ConnectionPoolEntry, *_: object) -> None:
        line = record.info.get(_LINE)
        if line is not None:
            self._at_work[threading.get_ident()] = line

    def _given_back(self, _link: Any, record: ConnectionPoolEntry) -> None:
        """A connection that was cut when its last statement was answered already looks well: it is not used again."""
        with self._lock:
            line = self._at_work.pop(threading.get_ident(), None)
            if line is not None and line in self._was_cut:
                self._was_cut.discard(line)
                record.invalidate()

    def _begun(self, link: Connection) -> None:
        """Not streamed, whatever else is on this connection: PostgreSQL declares no cursor for it."""
        link.exec_driver_sql(self._limit, execution_options={"stream_results": False, "yield_per": None})


def cause_of(trouble: SQLAlchemyError) -> str:
    """Why, in one line."""
    cause = trouble.orig if isinstance(trouble, DBAPIError) else trouble
    return " ".join(str(cause).split())[:300]


def _engine(url: str) -> Engine:
    try:
        memory = url in ("sqlite://", "sqlite:///:memory:")
        extra: dict[str, Any] = {"connect_args": {"check_same_thread": False}, "poolclass": StaticPool} if memory else {}
        engine = create_engine(url, **extra)
        if engine.dialect.name == "postgresql" and engine.dialect.driver in ("psycopg", "psycopg2"):
            event.listen(engine, "do_connect", _bounded)
            event.listen(engine, "connect", _postgresql)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as trouble:
        raise BadDatabase(f"not a database that can be used here: {trouble}".splitlines()[0]) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite)
    return engine


def _bounded(_dialect: Any, _record: Any, _arguments: Any, settings: dict[str, Any]) -> None:
    for name, value in POSTGRESQL.items():
        settings.setdefault(name, value)


def _postgresql(link: Any, _: object) -> None:
    """By default PostgreSQL expects a page found by an index to cost four times one of a whole table, as on a turning disk. So it
    read a year of talks to find those of a day. On an SSD, and in memory, they cost the same."""
    link.autocommit = True
    with link.cursor() as cursor:
        cursor.execute("SET random_page_cost = 1.1")
    link.autocommit = False


def _sqlite(link: Any, _: object) -> None:
    """Readers beside one writer, others waited for, safe on the disk when a transaction ends, and no files elsewhere: a service's
    /tmp may be read-only."""
    for pragma in ("journal_mode=WAL", "busy_timeout=10000", "synchronous=FULL", "temp_store=MEMORY"):
        link.execute(f"PRAGMA {pragma}")
