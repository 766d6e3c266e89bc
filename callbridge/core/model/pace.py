"""The pace of a queue: how long it takes from one answer to the next while callers wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Never saved: after a restart it is measured again."""

    queue: str
    answered_at: float
    others: bool
    """Whether somebody was left waiting then: only so the time to the next answer says something."""
    interval: float = 0.0
    """Seconds, smoothed."""
    count: int = 0
