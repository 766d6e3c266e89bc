"""A real redis-server for the tests of this folder, on a free port, with nothing on disk; and an empty history."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.redis.connection import RedisSettings

from .postgres import new_database
from .waiting import HANGS

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


@dataclass(slots=True)
class RedisServer:
    """One server, which tests may stop (SIGSTOP), kill and start again empty."""

    port: int
    folder: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + HANGS
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 0.2) as peer:
                    peer.sendall(b"PING\r\n")
                    if peer.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                time.sleep(0.01)
        raise TimeoutError("redis-server did not come up")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def settings(self, **changes: object) -> RedisSettings:
        """Patient, unless a test says otherwise: it is about a Redis that does not answer in time."""
        times = {"connect_timeout": HANGS, "timeout": HANGS}
        return RedisSettings(url=f"redis://127.0.0.1:{self.port}/0", **(times | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def one_redis() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None and "CI" not in os.environ:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(port, folder)
        server.start()
        yield server
        if server.process is not None:
            server.kill()


@pytest.fixture
def redis_server(one_redis: RedisServer) -> RedisServer:
    """The server, running and empty."""
    if one_redis.process is None:
        one_redis.start()
    one_redis.go_on()
    with socket.create_connection(("127.0.0.1", one_redis.port), HANGS) as peer:
        peer.sendall(b"FLUSHALL\r\n")
        assert peer.recv(16).startswith(b"+OK")
    return one_redis


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryStore]:
    """An empty history."""
    url = f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()
    with closing(HistoryStore(url, People())) as made:
        made.open()
        yield made
