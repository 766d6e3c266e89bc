"""What time it is for the leader, as a standby reads it in the lease: a standby that takes over continues that time.

Waits and deadlines are in the leader's time. If the wall clocks of the two machines differ, a standby that began with its own
would add the difference to all of them. Pure.
"""

from __future__ import annotations

from collections import deque

KEPT = 20
"""Readings, of which the least delayed counts. Few enough that the drift between two clocks does not matter."""


class LeaderTime:
    """``ahead``: seconds by which the leader's time is ahead of this machine's monotonic clock; None while it is not known."""

    def __init__(self) -> None:
        self._token = ""
        self._ahead: deque[float] = deque(maxlen=KEPT)
        self._last = 0.0

    def read(self, token: str, now: float | None, at: float) -> None:
        """``now`` was the leader's time when it last renewed its lease, which we have read at ``at``. Each delay makes it seem to
        be less far ahead than it is."""
        if token != self._token:
            self._token, self._last = token, 0.0
            self._ahead.clear()
        if now is not None and now != self._last:
            self._last = now
            self._ahead.append(now - at)

    @property
    def ahead(self) -> float | None:
        return max(self._ahead, default=None)
