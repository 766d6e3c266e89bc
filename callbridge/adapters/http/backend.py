"""What the HTTP interface needs of the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from callbridge.adapters.history.recordings import RecordingService
from callbridge.adapters.http.accounts import Accounts
from callbridge.adapters.http.explain_routes import FloorAlert
from callbridge.adapters.http.scope import Scope
from callbridge.adapters.http.sessions import Sessions
from callbridge.adapters.http.view_feed import ViewFeed
from callbridge.adapters.ledger import LedgerRequests
from callbridge.adapters.quality.service import QualityService
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.reports.contacts import ContactService
from callbridge.adapters.views.board import Board
from callbridge.core.model.events import (
    QualityMeasured,
    RequestCarriedOut,
    SubmittedEvent,
    TokenUsed,
)
from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.script_answers import ScriptAnswers
from callbridge.core.model.switch import Switch


class NoStandby(Exception):
    """Nobody could take over; the message says why."""


class Backend(Protocol):
    """Submits requests and reads views. ``submit`` raises TimeoutError when no answer comes."""

    def views(self) -> ViewFeed:
        """The changes of what screens show."""

    async def floor_alerts(self) -> Sequence[FloorAlert]:
        """What needs a supervisor's attention now."""

    def now(self) -> float:
        """The present time, as events carry it."""

    def wall(self) -> float:
        """The present time by the clock on the wall, epoch seconds."""

    async def submit(self, event: SubmittedEvent) -> RequestRefused | None:
        """Submit a request; None when it was carried out."""

    def accounts(self) -> Accounts:
        """Who can log in, by the configuration in force."""

    def sessions(self) -> Sessions:
        """Of those who have logged in."""

    async def check_pin(self, agent: str, pin: str, place: str) -> bool:
        """Whether this is the agent's PIN, and may be tried from there. Raises TimeoutError."""

    def note(self, event: TokenUsed | RequestCarriedOut | QualityMeasured) -> None:
        """Have the core record this; returns at once."""

    async def reload(self, *, dry_run: bool = False, force: bool = False, by: str = "") -> ReloadResult:
        """Load the configuration; it is in force on return unless there are faults. ``dry_run``: only report the changes.
        ``force``: also when a queue with callers or callbacks is removed."""

    async def step_down(self, by: str) -> str:
        """Have a standby lead. Returns the address of the new leader, when we do not act any more. Raises NoStandby."""

    def switch(self, name: str) -> Switch | None:
        """The state of a switch; None when it was never set."""

    def hours(self) -> list[dict[str, object]]:
        """The present state of every calendar."""

    def closures(self) -> list[dict[str, object]]:
        """Every closure by date, the next to begin first."""

    def closable(self) -> list[str]:
        """All that can be closed, as ``kind:name``."""

    def callbacks(self) -> list[dict[str, object]]:
        """Every open callback, in the order in which they will be made."""

    def callback_queues(self) -> list[str]:
        """The queues in which a callback can be made."""

    def ledger(self) -> LedgerRequests:
        """Campaigns and their figures in the database."""

    def reports(self) -> ReportService:
        """Figures of the past, from the history."""

    def contacts(self) -> ContactService:
        """Earlier calls of customers."""

    def quality(self) -> QualityService:
        """Reviews of recordings."""

    def recordings(self) -> RecordingService:
        """Recordings to be played."""

    def tier_of(self, number: str) -> str:
        """The tier of this number, as for inbound calls."""

    def callback_to(self, queue: str, number: str) -> dict[str, object] | None:
        """The open callback of this number in this queue."""

    def board(self) -> Board: ...

    def script_answers(self, call: str) -> ScriptAnswers | None:
        """What was answered in the script of a call that an agent has, or has just had."""

    async def explain(self, kind: str, name: str, scope: Scope | None = None) -> dict[str, Any] | None:
        """Why an agent gets no calls, a queue does not move, or what happened to a call. ``kind``: ``agents``, ``queues`` or
        ``calls``. None when it does not exist. ``scope``: callers outside it are not named."""

    async def waiting(self, limit: int | None = None, scope: Scope | None = None) -> dict[str, Any]:
        """The first ``limit`` callers of every queue, in the order in which they will be served, and how many there are.
        ``scope``: only those in it."""

    async def person(self, act: str, number: str, *, by: str, reason: str = "") -> dict[str, Any]:
        """What is kept about a person, after ``act`` (``PERSON_ACTS``), as PersonView has it. Raises NoPerson, PersonHeld,
        PersonsAway."""

    def timeline(self, call: str) -> list[dict[str, Any]] | None:
        """The facts of a call, oldest first, as plain data; None when the call is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadResult:
    """``faults``: why the configuration was refused, one line each. ``report``: what it changes and who is affected, as made by
    ``reload_report``; empty when the configuration could not be read."""

    faults: Sequence[str] = ()
    report: Mapping[str, Any] = field(default_factory=dict)
