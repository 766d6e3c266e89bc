"""The closure: a calendar, a queue or an entry that somebody closes for a time, as a holiday in the configuration would.

A calendar that is closed is closed for everybody who depends on it. For callers in a queue that is closed, or who came by an
entry that is closed, every calendar is. A closure is over by itself when its time is.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("calendar", "queue", "entry")


@dataclass(frozen=True, kw_only=True)
class Closure:
    """``kind`` and ``name``: what is closed. ``begins`` and ``ends``: epoch seconds of the clock on the wall. ``by``: who closed
    it, ``reason``: why."""

    id: str
    kind: str
    name: str
    begins: float
    ends: float
    made_at: float
    by: str = ""
    reason: str = ""
    deadline: float | None = None

    @property
    def target(self) -> str:
        """What is closed, as people write it: ``calendar:office``."""
        return f"{self.kind}:{self.name}"

    @property
    def queue(self) -> str:
        """The queue, if it is one that is closed."""
        return self.name if self.kind == "queue" else ""

    def holds(self, wall: float) -> bool:
        return self.begins <= wall < self.ends
