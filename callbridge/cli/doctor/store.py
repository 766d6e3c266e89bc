"""Examines Redis: whether it is there, keeps what it is given, and whether our names are ours. Only reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from redis.exceptions import AuthenticationError, ResponseError

from callbridge.adapters.redis.connection import TROUBLE, RedisSettings, connect
from callbridge.cli.doctor.findings import Finding, fault, ok, unseen, warning
from callbridge.settings.models import Settings

MOST_KEYS = 20_000
"""Keys looked at for names that are not ours."""
_PUBLIC = ("queue:", "agent:", "call:")


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    if settings.redis is None:
        yield warning("redis", "none is configured: a restart forgets who was waiting for how long", "section redis")
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
        yield fault("redis", f"it does not let us in: {trouble}", "user and password in redis.url")
    except ResponseError as trouble:
        yield fault("redis", f"it refuses what we need: {trouble}", "the ACL of our user: all commands on keys of our prefix")
    except TROUBLE as trouble:
        yield fault("redis", f"no answer: {trouble or type(trouble).__name__}", "is it running, is redis.url right?")
    finally:
        await redis.aclose()


def persistence(info: Mapping[str, Any]) -> Iterator[Finding]:
    """What INFO says about keeping."""
    yield ok("redis", f"answers, version {info.get('redis_version', '?')}")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if int(info.get("maxmemory") or 0) and policy != "noeviction":
        said = f"throws keys away when memory is short ({policy}): calls could be forgotten"
        yield fault("redis", said, "maxmemory-policy noeviction, and enough memory")
    if info.get("role") == "slave":
        yield fault("redis", "is a replica: it cannot be written", "redis.url must name the primary")
    if int(info.get("aof_enabled") or 0):
        yield ok("redis", "append-only file is on: a crash of Redis loses a second at most")
    elif "rdb_bgsave_in_progress" not in info:
        yield unseen("redis", "does not say how it keeps what it is given")
    else:
        said = "no append-only file: when Redis itself crashes, everything since its last snapshot is forgotten"
        yield warning("redis", said, "appendonly yes in redis.conf (a crash of callbridge alone loses nothing either way)")
    if str(info.get("rdb_last_bgsave_status", "ok")) != "ok" or str(info.get("aof_last_write_status", "ok")) != "ok":
        yield fault("redis", "could not write to its disk the last time it tried", "its log, its disk")


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
        if seen >= MOST_KEYS:
            break
    for finding in names(link, strangers, worlds):
        yield finding


def names(link: RedisSettings, strangers: set[str], worlds: set[str]) -> Iterator[Finding]:
    """``strangers``: keys below our prefix that callbridge does not make; ``worlds``: instances that use the prefix."""
    others = sorted(worlds - {link.world})
    if others:
        said = f"the prefix {link.prefix} is used by another instance, too: {', '.join(others[:3])}; the public keys would mix"
        yield fault("redis names", said, "a redis.prefix of its own for each instance.app")
    if strangers:
        some = ", ".join(sorted(strangers)[:3])
        yield warning(
            "redis names", f"{len(strangers)} keys below {link.prefix} are not ours: {some}", "choose another redis.prefix"
        )
    if not others and not strangers:
        yield ok("redis names", f"the prefix {link.prefix} is ours alone")


def _literal(prefix: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix)
