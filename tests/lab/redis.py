"""One private Redis server: its own port and folder, nothing kept unless asked for.

Rule of this file: it is a plain process under our own id; killing it loses what a crash would lose.
"""

import asyncio
import shutil
import signal
import socket
from typing import Self

from tests.lab import scratch
from tests.lab.ports import PortBlock
from tests.lab.process import Process

HOST = "127.0.0.1"


class RedisServer:
    """A Redis to break: `async with RedisServer() as redis: ... redis.url ...`"""

    def __init__(self, *, appendonly: bool = False) -> None:
        self.folder = scratch.folder("cb-redis-")
        self._ports = PortBlock(1)
        self.port = self._ports.take(HOST, socket.SOCK_STREAM)
        self.appendonly = appendonly
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._running().pid

    async def start(self, limit: float = 10.0) -> None:
        """Start, and return when it answers."""
        options = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.folder),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self.appendonly else "no",
            "appendfsync": "everysec",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = await Process.start(["redis-server", *words], self.folder / "log")
        async with asyncio.timeout(limit):
            while not await self._answers():
                self._running()
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.end()

    async def kill(self) -> None:
        if self._process is not None:
            await self._process.kill()

    async def restart(self) -> None:
        """Stop and start at the same port; only with `appendonly` are the data still there."""
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        self._running().signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().signal(signal.SIGCONT)

    async def close(self) -> None:
        """Stop, and give files and port back."""
        await self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._ports.release()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.write(b"PING\r\n")
        answer = await reader.readline()
        writer.close()
        return answer.startswith(b"+PONG")

    def _running(self) -> Process:
        if self._process is None or not self._process.running:
            raise RuntimeError(f"Redis is not running, see {self.folder / 'log'}")
        return self._process
