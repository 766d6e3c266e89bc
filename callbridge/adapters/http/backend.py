"""What the HTTP interface asks of the house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from callbridge.adapters.ledger import LedgerRequests
from callbridge.adapters.views.board import Board
from callbridge.core.model.events import (
    AgentRequested,
    CallbackChangeRequested,
    CallRequested,
    CampaignRequested,
    LeadDisposed,
    SwitchTurned,
)
from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.switch import Switch

Asked = AgentRequested | CallRequested | CallbackChangeRequested | CampaignRequested | LeadDisposed | SwitchTurned
"""What may be asked of the core."""


class Backend(Protocol):
    """Where asking goes and what can be seen; the runtime's. Asking may raise TimeoutError when no answer comes."""

    def now(self) -> float:
        """The moment, as events carry it."""

    async def ask(self, event: Asked) -> RequestRefused | None:
        """Ask; None when it was done."""

    async def reload(self, *, dry_run: bool = False, force: bool = False, by: str = "") -> ReloadResult:
        """Load the configuration; in force when this returns unless there are faults; with ``dry_run`` only what it would do.
        ``force``: also when it takes a queue from callers or callbacks in it."""

    def switch(self, name: str) -> Switch | None:
        """How a switch stands; None when nobody ever turned it."""

    def hours(self) -> list[dict[str, object]]:
        """Every calendar as it is now."""

    def callbacks(self) -> list[dict[str, object]]:
        """Every callback that is owed, in the order in which they will be kept."""

    def ledger(self) -> LedgerRequests:
        """Campaigns and what is written of them."""

    def tier_of(self, number: str) -> str:
        """The tier of this number, as for callers."""

    def callback_to(self, queue: str, number: str) -> dict[str, object] | None:
        """The callback that this number is owed in this queue."""

    def board(self) -> Board: ...

    async def explain(self, kind: str, name: str) -> dict[str, Any] | None:
        """Why an agent gets no calls, a queue does not move, a call went where it went: ``kind`` is ``agents``,
        ``queues`` or ``calls``; None when there is no such thing."""

    async def waiting(self) -> dict[str, Any]:
        """The first callers of every queue, in the order in which they are served."""

    def timeline(self, call: str) -> list[dict[str, Any]] | None:
        """The facts of a call, oldest first, as plain data; None when nothing is known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadResult:
    """``faults``: why the configuration was refused, a line each. ``report``: what it changes and whom that touches, as
    ``reload_report`` makes it; empty when the configuration could not even be read."""

    faults: Sequence[str] = ()
    report: Mapping[str, Any] = field(default_factory=dict)
