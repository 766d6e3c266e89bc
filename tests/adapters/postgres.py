"""A PostgreSQL of the tests' own: one server for each test process, started when the first test asks, a database for each test.

It refuses to run as root, so for root it runs as the user whom its Debian package brings; nothing of it outlives the process.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from callbridge.adapters.database import Database
from tests.adapters.waiting import HANGS

USER = "postgres"
NUMBERS = itertools.count()
RUNNING: list[subprocess.Popen[bytes]] = []
"""The server, when it was started."""


def new_database(*, empty: bool = False) -> str:
    """The URL of a database without a row; ``empty``: without tables, too. Copying the tables takes half the time of creating
    them."""
    return _created(f"ledger{next(NUMBERS)}", "template1" if empty else _with_tables())


@functools.cache
def _with_tables() -> str:
    """The name of a database that is copied, as the migrations make it."""
    name = "tables"
    with contextlib.closing(Database(_created(name, "template1"))) as database:
        database.open()
    return name


def _created(name: str, template: str) -> str:
    port = server()
    engine = create_engine(url(port, "postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as link:
        link.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    return url(port, name)


@contextlib.contextmanager
def stopped() -> Iterator[None]:
    """The server and all its processes stand still: who has a connection waits, and who wants one waits, too."""
    (server,) = RUNNING
    os.kill(server.pid, signal.SIGSTOP)  # it begins no more of them
    children = [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in (*children, server.pid):
            os.kill(pid, signal.SIGCONT)


def url(port: int, database: str) -> str:
    """Patient, for tests that are not about a server that does not answer; ``impatient`` is for those that are."""
    return f"postgresql+psycopg://{USER}@127.0.0.1:{port}/{database}?connect_timeout={round(HANGS)}"


def impatient(url: str) -> str:
    """With callbridge's own limits, as people write it."""
    return url.partition("?")[0]


@functools.cache
def server() -> int:
    """Start it; gives its port."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        if "CI" in os.environ:
            raise FileNotFoundError("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    initdb = programs[-1]
    folder = Path(tempfile.mkdtemp(prefix="cb-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    folder.chmod(0o755)
    data = folder / "data"
    made: list[str | Path] = [initdb, "-D", data, "-U", USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    if _begun(made, folder).wait(60):
        raise RuntimeError(f"initdb failed: {(folder / 'log').read_text()}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "fsync": "off"}
    options |= {"full_page_writes": "off", "autovacuum": "off"}  # it would start the more often the more databases there are
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    running = _begun([initdb.with_name("postgres"), "-D", data, "-p", str(port), *words], folder)
    atexit.register(_stop, running, folder)
    RUNNING.append(running)
    _wait_for(port)
    return port


def _begun(words: list[str | Path], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        if os.geteuid() != 0:
            return subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
        return subprocess.Popen(words, cwd=folder, user=USER, group=USER, extra_groups=(), stdout=log, stderr=log)


def _wait_for(port: int) -> None:
    engine = create_engine(url(port, "postgres"), poolclass=NullPool)
    deadline = time.monotonic() + HANGS
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _stop(running: subprocess.Popen[bytes], folder: Path) -> None:
    running.send_signal(signal.SIGINT)  # at once, anybody who is connected
    running.wait(HANGS)
    shutil.rmtree(folder, ignore_errors=True)
