"""A URL of Redis: one server, several, or Sentinels."""

from __future__ import annotations

import pytest

from callbridge.wire.redis_url import Servers, servers_of


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("redis://r1", Servers("redis://r1/", (("r1", 6379),))),
        ("rediss://u:p@r1:1/2?x=y", Servers("rediss://u:p@r1:1/2?x=y", (("r1", 1),))),
        ("unix:///run/redis.sock?db=1", Servers("unix:///run/redis.sock?db=1", ())),
        ("redis://:p,w@r1,[::1]:7,r3/0", Servers("redis://:p,w@r1/0", (("r1", 6379), ("::1", 7), ("r3", 6379)))),
        ("redis+sentinel://:p@s1,s2:9/main/3", Servers("redis://:p@s1/3", (("s1", 26379), ("s2", 9)), "main")),
        ("rediss+sentinel://s1/main", Servers("rediss://s1/", (("s1", 26379),), "main")),
        ("redis+cluster://:p@n1,n2:7", Servers("redis://:p@n1/", (("n1", 6379), ("n2", 7)), "", True)),
        ("rediss+cluster://n1/0", Servers("rediss://n1/0", (("n1", 6379),), "", True)),
    ],
)
def test_it_says_where_redis_is(url: str, servers: Servers) -> None:
    assert servers_of(url) == servers
    assert servers.several is (len(servers.hosts) > 1 or "+" in url)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:6379",
        "http://r1",
        "redis://",
        "redis://r1,",
        "redis://r1:0",
        "redis://r1:x",
        "redis+sentinel://s1",
        "unix://",
        "redis+cluster://n1/2",
    ],
)
def test_what_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        servers_of(url)
