"""A primary and a replica of Redis, and three Sentinels that watch over them.

Rule of this file: it is used as a plain `RedisServer`, whose URL names the Sentinels. What is killed, and comes back, is the
server that was the primary at the start.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.lab.ports import PortBlock
from tests.lab.process import Process
from tests.lab.redis import HOST, RedisServer

NAME, COUNT, QUORUM = "main", 3, 2
DOWN_AFTER = 2.0
"""Seconds without an answer after which a Sentinel takes the primary for dead. A replica that has followed nobody for ten times
as long is not promoted."""


class GuardedRedis(RedisServer):
    """`async with GuardedRedis() as redis: ... redis.url ...`: its Sentinels promote the replica when the primary dies."""

    def __init__(self) -> None:
        super().__init__()
        self.replica = RedisServer()
        self.sentinels: list[Process] = []
        self._sentinel_ports = PortBlock(COUNT)
        self._places = [self._sentinel_ports.take(HOST, socket.SOCK_STREAM) for _ in range(COUNT)]

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'{HOST}:{port}' for port in self._places)}/{NAME}/0"

    async def start(self, limit: float = 20.0) -> None:
        """All of them; returns when the replica is up to date, and every Sentinel knows it and the other Sentinels."""
        await super().start()
        await self.replica.start()
        await told(self.port, "CONFIG", "SET", "repl-diskless-sync-delay", "0")  # else 5 s, for other replicas that may come
        await told(self.replica.port, "REPLICAOF", HOST, str(self.port))
        await _until(lambda: self._follows(self.replica.port, self.port), limit)
        for port in self._places:
            self.sentinels.append(await self._start_sentinel(port))
        await _until(self._know_each_other, limit)

    async def back(self) -> None:
        """The former primary starts again, as its service manager would do; returns when it follows the promoted one."""
        await super().start()
        await _until(lambda: self._follows(self.port, self.replica.port), 30.0)

    async def stop_following(self) -> None:
        """What is written from now on does not reach the replica, as if a password had been changed on the primary only."""
        await told(self.replica.port, "CONFIG", "SET", "masterauth", "changed")
        await told(self.replica.port, "CLIENT", "KILL", "TYPE", "master")

    async def until_promoted(self, limit: float = 30.0) -> None:
        """The replica accepts writes."""
        await _until(self._is_promoted, limit)

    async def close(self) -> None:
        for each in self.sentinels:
            await each.kill()
        await self.replica.close()
        await super().close()
        self._sentinel_ports.release()

    async def _start_sentinel(self, port: int) -> Process:
        folder = self.folder / f"sentinel-{port}"
        folder.mkdir()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind {HOST}\ndir {folder}\nsentinel monitor {NAME} {HOST} {self.port} {QUORUM}\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER * 1000:.0f}\nsentinel failover-timeout {NAME} 6000\n"
        )
        return await Process.start(["redis-server", config, "--sentinel"], folder / "log")

    async def _know_each_other(self) -> bool:
        for port in self._places:
            fields = await told(port, "SENTINEL", "MASTER", NAME)
            known = dict(zip(fields[::2], fields[1::2], strict=True))
            if (known["num-other-sentinels"], known["num-slaves"], known["flags"]) != (str(COUNT - 1), "1", "master"):
                return False
        return True

    async def _follows(self, replica: int, primary: int) -> bool:
        role = await told(replica, "ROLE")
        return bool(role[0] == "slave" and role[2:4] == [primary, "connected"])

    async def _is_promoted(self) -> bool:
        return bool((await told(self.replica.port, "ROLE"))[0] == "master")


async def told(port: int, *words: str) -> Any:
    """What the server, or the Sentinel, at this port answers."""
    async with Redis(host=HOST, port=port, decode_responses=True, protocol=2) as client:
        return await client.execute_command(*words)  # type: ignore[no-untyped-call]


async def _until(true: Callable[[], Awaitable[bool]], limit: float) -> None:
    async with asyncio.timeout(limit):
        while True:
            try:
                if await true():
                    return
            except RedisError:
                pass  # it starts, or loads what the other one has sent
            await asyncio.sleep(0.05)
