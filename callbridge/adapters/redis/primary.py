"""Connections that lead to the server that accepts writes, whichever of several that is now.

Which one it is, is found out at each connection: it is asked of the Sentinels, of the nodes of a cluster, or of the servers
themselves. Where the answer is of no use the next one is asked, for a Sentinel may not know of a fail-over yet. A server
that turns out to be a replica, at the start or in the middle, loses the connection, and the next one is looked for; so does the
node of a cluster that has given our keys away. All of our keys carry one hash tag, so that one node has them, and neither
scripts nor transactions need to know of a cluster.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from callbridge.wire.redis_url import Servers

if TYPE_CHECKING:
    from redis.asyncio import Connection as _Base
else:
    _Base = object


_Ask = Callable[[str, int], Awaitable[tuple[str, int] | None]]
_Places = AsyncGenerator[tuple[str, int], None]
_MOVING = (AskError, ClusterDownError, TryAgainError)
"""What the nodes of a cluster say while keys change places; of AskError there is a kind for those that have."""


class ToPrimary(_Base):
    """To be mixed into a class of connections. ``servers`` and ``prefix``, which begins all keys, are keywords of the pool."""

    def __init__(self, *, servers: Servers, prefix: str, **more: Any) -> None:
        super().__init__(**more)
        self._servers, self._prefix = servers, prefix

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        if self.is_connected:
            return
        trouble: Exception = ConnectionError("no server accepts writes")
        async with aclosing(self._candidates()) as places:
            async for host, port in places:
                self.host, self.port = host, port
                try:
                    await super().connect_check_health(check_health=check_health, retry_socket_connect=retry_socket_connect)
                    if await self._is_primary():
                        return
                    trouble = ConnectionError(f"{host}:{port} is a replica")
                except (ConnectionError, TimeoutError) as error:
                    trouble = error
                await self.disconnect()
        raise trouble

    async def read_response(self, *words: Any, **more: Any) -> Any:
        try:
            return await super().read_response(*words, **more)
        except ReadOnlyError as error:
            await self.disconnect()
            raise ConnectionError(f"{self.host}:{self.port} has become a replica") from error
        except _MOVING as error:
            await self.disconnect()
            raise ConnectionError(f"{self.host}:{self.port} has not our keys: {error}") from error

    def _candidates(self) -> _Places:
        """The servers to be tried, the one before first."""
        servers = self._servers
        if servers.sentinel:
            return self._named_by("Sentinel", self._by_sentinel, ConnectionError(f"no Sentinel knows {servers.sentinel}"))
        if servers.cluster:
            return self._named_by("cluster", self._by_node, ConnectionError("no node has our keys"))
        return self._listed()

    async def _listed(self) -> _Places:
        for place in sorted(self._servers.hosts, key=lambda place: place != (self.host, self.port)):
            yield place

    async def _named_by(self, what: str, ask: _Ask, trouble: Exception) -> _Places:
        """What those that know the servers answer. The next one is asked when the answer of the one before was of no use."""
        named: set[tuple[str, int]] = set()
        for host, port in self._servers.hosts:
            try:
                found = await ask(host, port)
            except RedisError as error:
                trouble = error
                continue
            if found and found not in named:
                named.add(found)
                yield found
        if not named:
            raise ConnectionError(f"{what}: {trouble}") from trouble

    async def _by_sentinel(self, host: str, port: int) -> tuple[str, int] | None:
        """Sentinels require no password."""
        limit = self.socket_connect_timeout
        async with Redis(host=host, port=port, socket_connect_timeout=limit, socket_timeout=limit, protocol=2) as sentinel:
            found = await _asked(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._servers.sentinel)
        return (_text(found[0]), int(found[1])) if found else None

    async def _by_node(self, host: str, port: int) -> tuple[str, int] | None:
        """The node for our keys, as this one says. One that knows no other host for itself means the one that was asked."""
        limit, base = self.socket_connect_timeout, urlsplit(self._servers.url)
        place = f"[{host}]" if ":" in host else host
        url = urlunsplit(base._replace(netloc=f"{base.netloc.rpartition('@')[0]}@{place}:{port}".removeprefix("@")))
        async with Redis.from_url(url, socket_connect_timeout=limit, socket_timeout=limit, protocol=2) as node:
            ranges = await _asked(node, "CLUSTER", "SLOTS")
        slot = key_slot(self._prefix.encode())
        for first, last, (name, at, *_), *_ in ranges:
            if int(first) <= slot <= int(last):
                return _text(name) or host, int(at)
        return None

    async def _is_primary(self) -> bool:
        await self.send_command("ROLE")
        try:
            role = await self.read_response()
        except ResponseError:  # we are not permitted to ask
            return True
        return bool(role) and role[0] in (b"master", "master")


async def _asked(server: Redis, *words: str) -> Any:
    return await server.execute_command(*words)  # type: ignore[no-untyped-call]


def _text(word: bytes | str | None) -> str:
    return word.decode() if isinstance(word, bytes) else word or ""
