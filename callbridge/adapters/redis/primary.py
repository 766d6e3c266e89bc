"""Connections that lead to the server that accepts writes, whichever of several that is now.

Which one it is, is found out at each connection: it is asked of the Sentinels, or of the servers themselves. A server that turns
out to be a replica, at the start or in the middle, loses the connection, and the next one is looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError, ReadOnlyError, RedisError, ResponseError, TimeoutError

from callbridge.wire.redis_url import Servers

if TYPE_CHECKING:
    from redis.asyncio import Connection as _Base
else:
    _Base = object


class ToPrimary(_Base):
    """To be mixed into a class of connections. ``servers`` is a keyword of the pool."""

    def __init__(self, *, servers: Servers, **more: Any) -> None:
        super().__init__(**more)
        self._servers = servers

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        if self.is_connected:
            return
        trouble: Exception = ConnectionError("no server accepts writes")
        for host, port in await self._candidates():
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

    async def _candidates(self) -> list[tuple[str, int]]:
        """The servers to be tried, the one before first."""
        servers = self._servers
        if not servers.sentinel:
            return sorted(servers.hosts, key=lambda place: place != (self.host, self.port))
        trouble: Exception = ConnectionError(f"no Sentinel knows {servers.sentinel}")
        for host, port in servers.hosts:
            limit = self.socket_connect_timeout
            sentinel = Redis(host=host, port=port, socket_connect_timeout=limit, socket_timeout=limit, protocol=2)
            try:
                found: Any = await sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", servers.sentinel)  # type: ignore[no-untyped-call]
            except RedisError as error:
                trouble = error
            else:
                if found:
                    name, at = found
                    return [(name.decode() if isinstance(name, bytes) else str(name), int(at))]
            finally:
                await sentinel.aclose()
        raise ConnectionError(f"Sentinel: {trouble}") from trouble

    async def _is_primary(self) -> bool:
        await self.send_command("ROLE")
        try:
            role = await self.read_response()
        except ResponseError:  # we are not permitted to ask
            return True
        return bool(role) and role[0] in (b"master", "master")
