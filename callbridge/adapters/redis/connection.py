"""How we reach Redis: one place for its address, its names and its short temper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import hiredis
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from callbridge.adapters.redis.primary import ToPrimary
from callbridge.wire.redis_url import servers_of

TROUBLE = (RedisError, OSError, TimeoutError)
"""What a Redis that is down, slow or confused raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """Times in seconds. ``world`` names one cluster of callbridge instances that share their calls."""

    url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    prefix: str = "callbridge:"
    world: str = "main"
    connect_timeout: float = 0.5
    timeout: float = 1.0
    """For any one answer: generous, because the runtime has a budget of its own."""
    outbox_cap: int = 100_000
    facts_cap: int = 100_000
    """Facts kept in the outbox and in the public stream, about."""

    number_key: bytes = field(default=b"", repr=False)
    """The secret with which numbers in names of keys are hashed."""

    def private(self, name: str) -> str:
        """A key of the saved world. The braces keep all of them in one slot of a Redis Cluster; a prefix with braces of its own
        keeps all keys there."""
        return f"{self.prefix}{{{self.world}}}:{name}"

    def public(self, name: str) -> str:
        return f"{self.prefix}{name}"


class _Packing(Connection):
    """Commands are packed in C: the client's own packing took a tenth of all our time under load."""

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *rest = args
        words = name.encode().split() if isinstance(name, str) else name.split()
        try:
            return [hiredis.pack_command((*words, *rest))]
        except (TypeError, UnicodeEncodeError):  # something rare, such as a lone surrogate: as the client does it
            return super().pack_command(*args)

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Written at once where the socket takes it all; the client's own way makes a task with a timer for every write."""
        if isinstance(command, list) and self._writer is not None and not self.health_check_interval:
            self._writer.writelines(command)
            if not self._writer.transport.get_write_buffer_size() and not self._writer.is_closing():
                return
            command = []  # what is left is waited for
        await super().send_packed_command(command, check_health)


class _PrimaryOverTcp(ToPrimary, _Packing):
    pass


class _PrimaryOverTls(ToPrimary, SSLConnection):
    pass


def connect(settings: RedisSettings, *, timeout: float | None = None) -> Redis:
    """A client that connects when first used, and never repeats a command by itself: what repeats is decided above.

    Text that UTF-8 cannot carry (lone surrogates) is sent as ``?``.
    """
    servers = servers_of(settings.url)
    common: dict[str, Any] = {
        "socket_connect_timeout": settings.connect_timeout,
        "socket_timeout": settings.timeout if timeout is None else timeout,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "client_name": "callbridge",
        "protocol": 2,
        "encoding_errors": "replace",
    }
    if not servers.several:  # TLS and sockets of files have classes of their own
        return Redis.from_url(settings.url, connection_class=_Packing, **common)
    url = parse_url(servers.url)
    kind = _PrimaryOverTls if url.pop("connection_class", None) is SSLConnection else _PrimaryOverTcp
    return Redis.from_pool(ConnectionPool(connection_class=kind, servers=servers, prefix=settings.prefix, **{**url, **common}))
