"""Sessions of people who have logged in, by the hash of the session's id: what a restart or a take-over finds again."""

from __future__ import annotations

import structlog
from redis.asyncio import Redis

from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class RedisSessions:
    """Redis being away loses no session that we have in memory; ``get`` raises ConnectionError, for it knows nothing."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._redis: Redis = connect(settings)

    async def put(self, key: str, text: str, seconds: float) -> bool:
        try:
            await self._redis.set(self._place(key), text, px=max(1, int(seconds * 1000)))
        except TROUBLE as error:
            log.warning("a session was not written to redis", error=type(error).__name__)
            return False
        return True

    async def get(self, key: str) -> str | None:
        try:
            found = await self._redis.get(self._place(key))
        except TROUBLE as error:
            log.warning("a session was not read from redis", error=type(error).__name__)
            raise ConnectionError from error
        return found.decode(errors="replace") if isinstance(found, bytes) else None

    async def drop(self, key: str) -> None:
        try:
            await self._redis.delete(self._place(key))
        except TROUBLE as error:
            log.warning("a session was not deleted from redis", error=type(error).__name__)

    async def close(self) -> None:
        await self._redis.aclose()

    def _place(self, key: str) -> str:
        return self._settings.private(f"session:{key}")
