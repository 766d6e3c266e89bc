"""A wire between callbridge and Asterisk's HTTP or AMI port that can be cut, held still, refused or long."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Self

from tests.lab.pbx import PBX_HOST, Pbx


class Forwarder:
    """``async with Forwarder() as wire: await setting(..., via=wire.to)``

    ``latency``: seconds that everything takes on its way to Asterisk."""

    def __init__(self, latency: float = 0.0) -> None:
        self._latency = latency
        self._server: asyncio.Server | None = None
        self._target = 0
        self._refusing = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def to(self, pbx: Pbx) -> dict[str, Any]:
        """Lead to this PBX; gives what a configuration says of it."""
        self._target = pbx.http_port
        url = f"http://{PBX_HOST}:{self.port}/ari"
        return {"ari": {"url": url, "user": pbx.ari_user, "password": pbx.ari_password}}

    async def to_ami(self, pbx: Pbx) -> dict[str, Any]:
        """The same for its AMI."""
        self._target = pbx.ami_port
        return {"ami": {"port": self.port, "user": pbx.ami_user, "secret": pbx.ami_secret}}

    def to_port(self, port: int) -> str:
        """Lead to a Redis on this machine; gives its URL."""
        self._target = port
        return f"redis://{PBX_HOST}:{self.port}/0"

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self, *, refuse: bool = False) -> None:
        """End every connection; with ``refuse`` no new one comes through until ``restore``."""
        self._refusing = refuse
        for writer in list(self._writers):
            writer.transport.abort()

    def hold(self) -> None:
        """Nothing passes, nothing breaks."""
        self._flowing.clear()

    def restore(self) -> None:
        self._refusing = False
        self._flowing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, PBX_HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        self._flowing.set()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(PBX_HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        there = self._delayed(reader, far_writer) if self._latency else self._pump(reader, far_writer)
        pumps = [asyncio.create_task(there), asyncio.create_task(self._pump(far_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()

    async def _delayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each piece arrives so much later, in its order, and holds up none behind it."""
        clock = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - clock.time())
                await self._flowing.wait()
                writer.write(data)

        delivering = asyncio.create_task(deliver())
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    under_way.put_nowait((clock.time() + self._latency, data))
        finally:
            delivering.cancel()
