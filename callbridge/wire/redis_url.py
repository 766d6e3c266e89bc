"""Where Redis is, as a URL says it: one server, several of which one accepts writes, the Sentinels that know which one does, or
nodes of a Redis Cluster.

    redis://:PASSWORD@redis.example:6379/0
    redis://:PASSWORD@redis1.example,redis2.example:6380/0
    redis+sentinel://:PASSWORD@sentinel1.example,sentinel2.example/NAME/0
    redis+cluster://:PASSWORD@node1.example,node2.example,node3.example

User and password are those of Redis. ``rediss`` in place of ``redis`` is TLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
REDIS_PORT, SENTINEL_PORT = 6379, 26379


@dataclass(frozen=True, slots=True)
class Servers:
    """``url``: that of the first server, for all else that it says. ``sentinel``: what the Sentinels at ``hosts`` call the
    primary; empty where the hosts are the servers. ``cluster``: the hosts are nodes, each of which knows all of them."""

    url: str
    hosts: tuple[tuple[str, int], ...]
    sentinel: str = ""
    cluster: bool = False

    @property
    def several(self) -> bool:
        """Is it to be found out which server accepts writes?"""
        return len(self.hosts) > 1 or bool(self.sentinel) or self.cluster


def servers_of(url: str) -> Servers:
    """Raises ValueError."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(f"expected one of {', '.join(SCHEMES)} before ://")
    if scheme == "unix":
        if not urlsplit(url).path:
            raise ValueError("expected the path of a socket")
        return Servers(url, ())
    place, _, path = rest.partition("/")
    user, at, listed = place.rpartition("@")
    through, cluster = scheme.endswith("+sentinel"), scheme.endswith("+cluster")
    if cluster and path not in ("", "0"):
        raise ValueError("a cluster has the database 0 only")
    hosts = tuple(_host(each, SENTINEL_PORT if through else REDIS_PORT) for each in listed.split(","))
    name = ""
    if through:
        name, _, path = path.partition("/")
        if not name:
            raise ValueError("expected the name of the primary after the Sentinels: /NAME")
    first = listed.split(",")[0]
    return Servers(f"{scheme.partition('+')[0]}://{user}{at}{first}/{path}", hosts, name, cluster)


def _host(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port == 0 or parts.path or "@" in text:
        raise ValueError("expected HOST or HOST:PORT, several with commas")
    return parts.hostname, parts.port or port
