"""What a running campaign has learned and at hand. Learned and fetched again after a start, so never saved, and never undone."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from callbridge.core.model.attempt import Lead
from callbridge.core.pacing.pacer import Decision, Pacer


@dataclass(slots=True)
class CampaignState:
    """``hopper``: leads at hand; ``ready``: how many the ledger has that may be dialled; ``decision``: the last one."""

    pacer: Pacer
    hopper: deque[Lead] = field(default_factory=deque)
    ready: int = 0
    dry: bool = False
    """The ledger had none to give when it was asked last."""
    asked_at: float | None = None
    """When leads were asked for that have not come yet."""
    asks_at: float = 0.0
    """Not before this moment are leads asked for again."""
    decision: Decision = field(default_factory=lambda: Decision(0, "nobody"))
    held_back: str = ""
    """Why nobody is dialled at all, whatever the pacer says."""
    short_of: str = ""
    """What allowed fewer dials than were decided: ``leads``, ``lines`` or ``calls per second``."""
    agents: int = 0
    busy: int = 0
    """Agents of the campaign who are at work, and those of them who talk or write up."""
    decided_at: float = float("-inf")
    changed: bool = True
    wakes_at: float | None = None
    allowance: float = 1.0
    """Dials that the calls per second still allow."""
