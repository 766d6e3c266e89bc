"""What the links to a PBX have in common: errors, back-off and observers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

TRIED = 60.0
"""Seconds within which a link that is down must have been retried: longer than its longest back-off and time-outs."""


class OrderTrouble(Exception):
    """An order failed, or its result is unknown."""


class NotSent(OrderTrouble):
    """Nothing was sent: the link is down or its ownership is in doubt."""


class LinkEnded(NotSent):
    """Nothing was sent, and nothing will be: the link has ended for good."""


class TimedOut(OrderTrouble):
    """Sent, but no answer came: it may have worked."""


class OrderRefused(OrderTrouble):
    """Asterisk refused; ``status`` is the HTTP status (0 for AMI), ``detail`` Asterisk's message."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail


class LinkLost(Exception):
    """The connection is lost; the message says why."""


class LinkObserver(Protocol):
    """Collects metrics of the links: must return at once and not raise."""

    def link(self, pbx: str, link: str, up: bool) -> None:
        """The link ``ari`` or ``ami`` came up (listed and fresh) or went down."""

    def received(self, pbx: str, kind: str) -> None:
        """One event of this type was received (a closed set of types)."""

    def performed(self, pbx: str, order: str, result: str, seconds: float) -> None:
        """``result``: ``done``, ``refused``, ``timeout``, ``unsent`` or ``cancelled``."""


class UnobservedLink:
    """An observer that does nothing."""

    def link(self, pbx: str, link: str, up: bool) -> None:
        pass

    def received(self, pbx: str, kind: str) -> None:
        pass

    def performed(self, pbx: str, order: str, result: str, seconds: float) -> None:
        pass


@dataclass(slots=True)
class Backoff:
    """Delays between attempts in seconds: doubled from ``first`` up to ``most``, with random jitter down to one half."""

    first: float
    most: float
    failures: int = 0

    def next(self) -> float:
        longest = min(self.most, self.first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return random.uniform(longest / 2, longest)

    def reset(self) -> None:
        self.failures = 0
