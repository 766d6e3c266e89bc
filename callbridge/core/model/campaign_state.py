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
    """The ledger had no leads at the last request."""
    requested_at: float | None = None
    """When leads were requested that have not come yet."""
    request_after: float = 0.0
    """Leads are not requested again before this time."""
    decision: Decision = field(default_factory=lambda: Decision(0, "nobody"))
    held_back: str = ""
    """Why dialling is suspended, whatever the pacer says."""
    short_of: str = ""
    """What allowed fewer dials than were decided: ``leads``, ``lines`` or ``calls per second``."""
    agents: int = 0
    busy: int = 0
    """Agents of the campaign on duty, and those of them who are talking or in wrap-up."""
    decided_at: float = float("-inf")
    changed: bool = True
    wakes_at: float | None = None
    allowance: float = 1.0
    """Dials that the calls per second still allow."""
