"""A Redis Cluster of three nodes without replicas, on free ports, with nothing on disk."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from tests.adapters.waiting import HANGS

SLOTS = 16_384
NODES = 3


@dataclass
class RedisCluster:
    folder: Path
    ports: list[int] = field(default_factory=list)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{port}' for port in self.ports)}"

    async def tell(self, node: int, *words: str) -> Any:
        async with Redis(host="127.0.0.1", port=self.ports[node]) as client:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]

    async def keys(self) -> list[list[str]]:
        """Of each node."""
        return [[key.decode() for key in await self.tell(node, "KEYS", "*")] for node in range(NODES)]

    async def give(self, key: str, to: int) -> None:
        """Move the slot of a key, with all that is in it, to another node."""
        slot, ids = str(key_slot(key.encode())), [(await self.tell(node, "CLUSTER", "MYID")).decode() for node in range(NODES)]
        holders = [node for node in range(NODES) if node != to and await self.tell(node, "CLUSTER", "COUNTKEYSINSLOT", slot)]
        for node in holders:
            await self.tell(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[node])
            await self.tell(node, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to])
            while found := await self.tell(node, "CLUSTER", "GETKEYSINSLOT", slot, "100"):
                names = [name.decode() for name in found]
                await self.tell(node, "MIGRATE", "127.0.0.1", str(self.ports[to]), "", "0", "5000", "KEYS", *names)
        for node in (to, *(other for other in range(NODES) if other != to)):
            await self.tell(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[to])


@contextlib.asynccontextmanager
async def redis_cluster(folder: Path) -> AsyncIterator[RedisCluster]:
    made = RedisCluster(folder, [_free_port() for _ in range(NODES)])
    try:
        for port in made.ports:
            home = folder / str(port)
            home.mkdir(parents=True)
            command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
            command += ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
            made.running.append(subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL))
        async with asyncio.timeout(HANGS):
            await _joined(made)
        yield made
    finally:
        for process in made.running:
            process.kill()
            process.wait()


async def _joined(made: RedisCluster) -> None:
    for node, port in enumerate(made.ports):
        while True:
            with contextlib.suppress(RedisError):
                await made.tell(node, "PING")
                break
            await asyncio.sleep(0.05)
        share = SLOTS // NODES
        last = SLOTS - 1 if node == NODES - 1 else (node + 1) * share - 1
        await made.tell(node, "CLUSTER", "ADDSLOTSRANGE", str(node * share), str(last))
        if node:
            await made.tell(0, "CLUSTER", "MEET", "127.0.0.1", str(port))
    while True:
        states = [await made.tell(node, "CLUSTER", "INFO") for node in range(NODES)]
        if all(b"cluster_state:ok" in state and b"cluster_known_nodes:3" in state for state in states):
            return
        await asyncio.sleep(0.05)


def _free_port() -> int:
    """The bus of a node has the port that is 10,000 higher."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port + 10_000 < 65_536:
                with contextlib.suppress(OSError):
                    bus.bind(("127.0.0.1", port + 10_000))
                    return port
