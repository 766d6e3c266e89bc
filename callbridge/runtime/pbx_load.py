"""How many new callers a PBX can take: what share of them is let in while it is too slow for those it has. Pure.

A PBX that has more to do than it can responds later and later: our heartbeat comes back late. The number of callers at which that
begins depends on the machine, codecs and music, so it is not counted but measured. The share follows the delay and its trend, as
in PIE (RFC 8033) for packets, but by factors, so that it settles as fast at any load: where the delay stays at the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

BY_DELAY, BY_TREND = 0.1, 0.5
"""By what factor (as an exponent) the share falls at each heartbeat that is late by the target, or later by the target than the
one before. Settles from three times the capacity within 4 s (tests/runtime/test_pbx_load.py)."""
RISE = 0.25
"""The least exponent by which it rises at each heartbeat while the PBX responds within half the target."""
STEEPEST = 0.7
"""The largest exponent: one odd heartbeat does not halve the callers."""
LEAST_ADMITTED = 0.01
"""So few are let in at least: else nothing would show that the PBX has recovered."""


@dataclass(slots=True)
class PbxLoad:
    """Of one PBX. ``admitted``: the share of new callers to let in. Times in seconds."""

    admitted: float = 1.0
    _delay: float = 0.0
    _heard_until: float | None = None

    def heard(self, sent_at: float, now: float, target: float) -> None:
        """A heartbeat sent then has come back, and has been taken from the inbox now. The first one after a connect waited for
        the list of what is there, and says nothing."""
        if self._heard_until is not None:
            self._follow(now - sent_at, target)
        self._heard_until = sent_at

    def late(self, now: float, target: float, every: float) -> None:
        """A caller has arrived: no heartbeat may have come back for a while, which are sent ``every`` so often."""
        overdue = now - self._heard_until - every if self._heard_until is not None else 0.0
        if overdue > max(self._delay, target):
            self._follow(overdue, target)

    def lost(self) -> None:
        """The link is down: what it is like afterwards is not known."""
        self.admitted, self._delay, self._heard_until = 1.0, 0.0, None

    def _follow(self, delay: float, target: float) -> None:
        falls = (BY_DELAY * (delay - target) + BY_TREND * (delay - self._delay)) / target
        if max(delay, self._delay) < target / 2:
            falls = min(falls, -RISE)
        self.admitted = min(1.0, max(LEAST_ADMITTED, self.admitted * exp(-max(-STEEPEST, min(STEEPEST, falls)))))
        self._delay = delay
