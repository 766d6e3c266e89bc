"""Checks Redis: whether it answers, persists data, and whether the key prefix is used by callbridge alone. Read-only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from redis.exceptions import AuthenticationError, ResponseError

from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.cli.doctor.findings import Finding, fault, ok, unseen, warning
from callbridge.settings.models import Settings

MAX_KEYS = 20_000
"""Maximum number of keys scanned for foreign names."""
_PUBLIC = ("queue:", "agent:", "call:")


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    if settings.redis is None:
        yield warning("redis", "not configured: waiting times are lost on restart", "add the section redis: to the configuration")
        return
    link = RedisSettings(url=settings.redis.url, prefix=settings.redis.prefix, world=settings.instance.app, timeout=3.0)
    redis = connect(link)
    try:
        info: Any = await redis.info()
        for finding in persistence(info):
            yield finding
        async for finding in _names(redis, link):
            yield finding
    except AuthenticationError as trouble:
        yield fault("redis", f"login refused: {trouble}", "check user and password in redis.url")
    except ResponseError as trouble:
        yield fault("redis", f"permission denied: {trouble}", "the user's ACL must allow all commands on keys with our prefix")
    except TROUBLE as trouble:
        yield fault(
            "redis",
            f"no answer: {trouble or type(trouble).__name__}",
            "check that Redis is running and that redis.url is correct",
        )
    finally:
        await redis.aclose()


def persistence(info: Mapping[str, Any]) -> Iterator[Finding]:
    """Persistence, according to INFO."""
    yield ok("redis", f"answers, version {info.get('redis_version', '?')}")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if int(info.get("maxmemory") or 0) and policy != "noeviction":
        said = f"evicts keys when memory runs low ({policy}): calls could be lost"
        yield fault("redis", said, "set maxmemory-policy noeviction, and provide enough memory")
    if info.get("role") == "slave":
        yield fault("redis", "is a read-only replica", "redis.url must name the primary")
    if int(info.get("aof_enabled") or 0):
        yield ok("redis", "append-only file is on: a crash of Redis loses at most one second")
    elif "rdb_bgsave_in_progress" not in info:
        yield unseen("redis", "does not report its persistence settings")
    else:
        said = "no append-only file: if Redis crashes, everything since its last snapshot is lost"
        yield warning("redis", said, "set appendonly yes in redis.conf (a crash of callbridge alone loses nothing either way)")
    if str(info.get("rdb_last_bgsave_status", "ok")) != "ok" or str(info.get("aof_last_write_status", "ok")) != "ok":
        yield fault("redis", "the last write to disk failed", "check the log and the disk of Redis")


async def _names(redis: Any, link: RedisSettings) -> AsyncIterator[Finding]:
    strangers: set[str] = set()
    worlds: set[str] = set()
    seen = 0
    async for key in redis.scan_iter(match=f"{_literal(link.prefix)}*", count=1000):
        name = key.decode(errors="replace").removeprefix(link.prefix)
        seen += 1
        if name.startswith("{"):
            worlds.add(name[1:].partition("}")[0])
        elif not name.startswith(_PUBLIC) and name != "facts":
            strangers.add(name)
        if seen >= MAX_KEYS:
            break
    for finding in names(link, strangers, worlds):
        yield finding


def names(link: RedisSettings, strangers: set[str], worlds: set[str]) -> Iterator[Finding]:
    """``strangers``: keys with our prefix that callbridge does not create; ``worlds``: instances that use the prefix."""
    others = sorted(worlds - {link.world})
    if others:
        said = f"the prefix {link.prefix} is also used by another instance: {', '.join(others[:3])}; public keys would clash"
        yield fault("redis names", said, "give each instance.app its own redis.prefix")
    if strangers:
        some = ", ".join(sorted(strangers)[:3])
        yield warning(
            "redis names",
            f"{len(strangers)} keys with the prefix {link.prefix} do not belong to callbridge: {some}",
            "choose another redis.prefix",
        )
    if not others and not strangers:
        yield ok("redis names", f"the prefix {link.prefix} is used by this instance only")


def _literal(prefix: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix)
