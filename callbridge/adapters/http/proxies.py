"""Reverse proxies: whom a request is from, and under which address the browser sees us, when a proxy passes it on.

``X-Forwarded-For``, ``-Proto`` and ``-Host`` are believed from the addresses that the configuration names and from nobody else: a
client could write them as well. Of the addresses in ``X-Forwarded-For`` the last that is no proxy of ours counts; what stands
before it may have been written by the client.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

_FORWARDED_HOST = "X-Forwarded-Host"
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    networks: Sequence[Network] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> TrustedProxies:
        return cls(tuple(ipaddress.ip_network(name, strict=False) for name in names))

    def __contains__(self, address: object) -> bool:
        try:
            found = ipaddress.ip_address(str(address).partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self.networks if network.version == found.version)

    def client(self, peer: str, forwarded: Iterable[str]) -> str:
        """The address of the client; ``forwarded``: the headers, in their order."""
        at = peer
        for said in reversed([part.strip() for header in forwarded for part in header.split(",")]):
            if at not in self:
                return at
            if not _is_address(said):
                return at  # what a proxy of ours would not write
            at = said
        return at


def behind(proxies: TrustedProxies) -> Middleware:
    """Shows handlers the request as the browser made it."""

    @web.middleware
    async def seen_through(request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = request.remote or ""
        if not proxies.networks or peer not in proxies:
            return await handler(request)
        scheme, host = _last(request, hdrs.X_FORWARDED_PROTO).lower(), _last(request, _FORWARDED_HOST)
        clone = request.clone(
            remote=proxies.client(peer, request.headers.getall(hdrs.X_FORWARDED_FOR, ())),
            scheme=scheme if scheme in ("http", "https") else request.scheme,
            host=host if _HOST.fullmatch(host) else request.host,
        )
        return await handler(clone)

    return seen_through


def _last(request: web.Request, header: str) -> str:
    """What the nearest proxy has added."""
    return ",".join(request.headers.getall(header, ())).rpartition(",")[2].strip()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
