"""Limits per client and in total, and what is refused above them.

By default no client gets more than half of anything, so that a faulty or malicious client leaves room for the others. Behind a
reverse proxy all clients share one address.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass, field

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

REFUSALS = (
    "connections",
    "connections_each",
    "unread",
    "event_readers",
    "event_readers_each",
    "content_coding",
    "log_ins",
    "view_readers_user",
    "view_readers_address",
    "slow_screen",
)
"""Reasons for a refusal, as counted: a limit was reached, too much was sent without reading answers, the body is
compressed, there were too many log-ins, or a screen did not take what was sent."""
_LOG_AGAIN = 60.0
"""Seconds between lines of the log about the same reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """``asking``: seconds for a whole request's head; ``idle``: seconds between requests, in which the previous answer has to be
    fetched, too; ``unread``: bytes that a connection may send between two answers."""

    connections: int = 512
    connections_each: int = 256
    """From one address."""
    event_readers: int = 100
    event_readers_each: int = 50
    """Of one user, and from one address."""
    view_readers_user: int = 20
    """Open screens of one user."""
    view_readers_address: int = 256
    """Open screens from one address."""
    asking: float = 10.0
    idle: float = 75.0
    unread: int = 1024 * 1024


@dataclass(slots=True)
class Refusals:
    """Counts refusals, and logs them at intervals."""

    count: Callable[[str], None] = lambda reason: None
    _logged_at: dict[str, float] = field(default_factory=dict)

    def note(self, reason: str, now: float, **about: object) -> None:
        self.count(reason)
        if now >= self._logged_at.get(reason, float("-inf")) + _LOG_AGAIN:
            self._logged_at[reason] = now
            log.warning("http refused", reason=reason, **about)


class Connections:
    """The open connections, in all and by address."""

    def __init__(self, limits: ConnectionLimits, refusals: Refusals, proxies: Container[str] = ()) -> None:
        """``proxies``: addresses that all clients share, and that may have all connections."""
        self._proxies = proxies
        self.limits = limits
        self.refusals = refusals
        self._open: Counter[str] = Counter()
        self._total = 0

    def take(self, address: str, now: float) -> bool:
        """A place for one more from this address; False when there is none."""
        if self._total >= self.limits.connections:
            self.refusals.note("connections", now, open=self._total)
            return False
        if self._open[address] >= self.limits.connections_each and address not in self._proxies:
            self.refusals.note("connections_each", now, address=address, open=self._open[address])
            return False
        self._total += 1
        self._open[address] += 1
        return True

    def free(self, address: str) -> None:
        self._total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


def address_of(remote: str | None) -> str:
    """Whom to count: an address, of IPv6 the network that one household gets."""
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)  # a socket for both: all of IPv4 would be one network
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
