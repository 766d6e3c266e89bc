"""What the links to a PBX have in common: how they fail, how they wait, and who watches them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

TRIED = 60.0
"""Seconds within which a link that is down must have been tried again: more than its longest wait and time-outs."""


class OrderTrouble(Exception):
    """An order came to nothing, or nobody knows."""


class NotSent(OrderTrouble):
    """Nothing was written: the link is down or its ownership is in doubt."""


class LinkEnded(NotSent):
    """Nothing was written, and nothing will be: nobody keeps the link up any more."""


class TimedOut(OrderTrouble):
    """Written, but no answer came: it may have worked."""


class OrderRefused(OrderTrouble):
    """Asterisk said no; ``status`` is HTTP's (0 on AMI), ``detail`` Asterisk's own words."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail


class LinkLost(Exception):
    """A connection is of no more use; why is the message."""


class LinkObserver(Protocol):
    """Who counts: called in passing, must return at once and not raise."""

    def link(self, pbx: str, link: str, up: bool) -> None:
        """The link ``ari`` or ``ami`` came up (listed and fresh) or went down."""

    def heard(self, pbx: str, kind: str) -> None:
        """One event of this kind came in (a closed set of kinds)."""

    def performed(self, pbx: str, order: str, result: str, seconds: float) -> None:
        """``result``: ``done``, ``refused``, ``timeout``, ``unsent`` or ``cancelled``."""


class UnobservedLink:
    """The observer that does not look."""

    def link(self, pbx: str, link: str, up: bool) -> None:
        pass

    def heard(self, pbx: str, kind: str) -> None:
        pass

    def performed(self, pbx: str, order: str, result: str, seconds: float) -> None:
        pass


@dataclass(slots=True)
class Backoff:
    """Waits between attempts in seconds: doubled from ``first`` up to ``most``, each cut by chance to at least a half."""

    first: float
    most: float
    failures: int = 0

    def next(self) -> float:
        longest = min(self.most, self.first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return random.uniform(longest / 2, longest)

    def reset(self) -> None:
        self.failures = 0
