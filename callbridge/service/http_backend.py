"""The backend of the HTTP interface: submits its requests to the core and reads the views."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from callbridge.adapters.facts.privacy import scrub
from callbridge.adapters.history.recordings import RecordingService
from callbridge.adapters.http import Accounts, ReloadResult, Sessions
from callbridge.adapters.http.explain_routes import FloorAlert
from callbridge.adapters.http.scope import Scope
from callbridge.adapters.http.view_feed import ViewFeed
from callbridge.adapters.ledger import LedgerRequests, day_began
from callbridge.adapters.quality.service import QualityService
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.reports.contacts import ContactService
from callbridge.adapters.system.threads import Threads
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.calendars import hours
from callbridge.adapters.views.callbacks import callback_queues, callback_to, callbacks
from callbridge.adapters.views.closures import closable, closures
from callbridge.core.model.events import PinEntered, QualityMeasured, RequestCarriedOut, SubmittedEvent, TokenUsed
from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.script_answers import ScriptAnswers
from callbridge.core.model.switch import Switch
from callbridge.service.accounts import AccountsInForce
from callbridge.service.persons import LivePersons, PersonStores

if TYPE_CHECKING:
    from callbridge.service.process import Process
    from callbridge.service.term import Term

ASKING = 5.0
"""Seconds after which a request without an answer fails with a time-out."""
RELOADING = 60.0


class HttpBackend:
    """Implements ``Backend``. Requests raise TimeoutError when no answer comes."""

    def __init__(self, process: Process, term: Term) -> None:
        self._process, self._term = process, term
        self._accounts = AccountsInForce()

    def views(self) -> ViewFeed:
        return self._term.readers.views

    async def floor_alerts(self) -> list[FloorAlert]:
        return await self._term.explainer.alerts()

    def now(self) -> float:
        return self._term.clock.now()

    def wall(self) -> float:
        return self._term.clock.wall()

    async def submit(self, event: SubmittedEvent) -> RequestRefused | None:
        async with asyncio.timeout(ASKING):
            return await self._term.runtime.submit(event)

    def accounts(self) -> Accounts:
        return self._accounts(self._process.settings)

    def sessions(self) -> Sessions:
        return self._process.kept_sessions.sessions

    async def check_pin(self, agent: str, pin: str, place: str) -> bool:
        async with asyncio.timeout(ASKING):
            return await self._term.runtime.check_pin(PinEntered(at=self.now(), agent=agent, pin=pin, place=place))

    def note(self, event: TokenUsed | RequestCarriedOut | QualityMeasured) -> None:
        self._term.runtime.post(event)

    async def reload(self, *, dry_run: bool = False, force: bool = False, by: str = "") -> ReloadResult:
        async with asyncio.timeout(RELOADING):
            done = await self._process.reload(dry_run=dry_run, force=force, by=by)
        return _scrubbed(done) if self._process.settings.log.mask_numbers else done

    async def step_down(self, by: str) -> str:
        async with asyncio.timeout(ASKING):
            return await self._process.step_down(by)

    def switch(self, name: str) -> Switch | None:
        return self._term.world.switches.get(name)

    def hours(self) -> list[dict[str, object]]:
        """Every calendar as it is now."""
        return hours(self._term.world)

    def closures(self) -> list[dict[str, object]]:
        """Every closure by date."""
        return closures(self._term.world, masked=self._term.board.masked)

    def closable(self) -> list[str]:
        """All that can be closed."""
        return closable(self._term.world)

    def callbacks(self) -> list[dict[str, object]]:
        """Every open callback."""
        return callbacks(self._term.world, masked=self._term.board.masked)

    def callback_queues(self) -> list[str]:
        """The queues in which a callback can be made."""
        return callback_queues(self._term.world)

    def ledger(self) -> LedgerRequests:
        """Campaigns and their figures in the database."""
        settings, term, ledger = self._process.settings, self._term, self._term.ledger
        zone = settings.instance.timezone
        return LedgerRequests(
            world=term.world,
            store=ledger.store if ledger is not None else None,
            now=term.clock.now,
            wall=term.clock.wall,
            day_began=lambda: day_began(term.clock.wall(), ZoneInfo(zone)),
            post=term.runtime.post,
            readers=ledger.readers if ledger is not None else Threads("no ledger"),
            trouble=ledger.trouble if ledger is not None else lambda: "",
            zone=zone,
            numbers=settings.numbers,
            numbers_of={name: settings.numbers_of(name) for name in settings.campaigns},
            masked=settings.log.mask_numbers,
        )

    def reports(self) -> ReportService:
        """Figures of the past."""
        return self._process.reports

    def contacts(self) -> ContactService:
        """Earlier calls of customers."""
        return self._process.contacts

    def quality(self) -> QualityService:
        """Reviews of recordings."""
        return self._process.quality

    def recordings(self) -> RecordingService:
        """Recordings to be played."""
        return self._process.recordings

    def tier_of(self, number: str) -> str:
        return self._term.callers.tier_of(number)

    def callback_to(self, queue: str, number: str) -> dict[str, object] | None:
        return callback_to(self._term.world, queue, number, masked=self._term.board.masked)

    def script_answers(self, call: str) -> ScriptAnswers | None:
        return self._term.world.script_answers.get(call)

    def board(self) -> Board:
        return self._term.board

    async def explain(self, kind: str, name: str, scope: Scope | None = None) -> dict[str, Any] | None:
        return await self._term.explainer.explain(kind, name, scope)

    async def waiting(self, limit: int | None = None, scope: Scope | None = None) -> dict[str, Any]:
        return await self._term.explainer.waiting(limit, scope)

    async def person(self, act: str, number: str, *, by: str, reason: str = "") -> dict[str, Any]:
        settings, at = self._process.settings, self._term.clock.wall()
        stores = PersonStores(settings, number)
        match act:
            case "erase":
                await asyncio.to_thread(stores.check_not_held)
                live = LivePersons(settings, self._term, self._process.timelines, self.submit)
                places, calls = await live.erase(stores.number, by, self.now())
                found = await asyncio.to_thread(stores.erase, by, at, calls)
                found = replace(found, places=(*found.places, *places))
            case "export":
                found = await asyncio.to_thread(stores.export)
            case _:
                if act == "hold":
                    await asyncio.to_thread(stores.hold, by, reason, at)
                elif act == "release":
                    await asyncio.to_thread(stores.release, by, at)
                found = await asyncio.to_thread(stores.show)
        return found.as_data(masked=settings.log.mask_numbers)

    def timeline(self, call: str) -> list[dict[str, Any]] | None:
        return self._process.timelines.timeline(call)


def _scrubbed(done: ReloadResult) -> ReloadResult:
    """Faults and warnings may quote a line of a file that holds numbers."""
    quoted = {key: [scrub(line) for line in done.report[key]] for key in ("refused", "warnings") if key in done.report}
    return ReloadResult(faults=[scrub(fault) for fault in done.faults], report={**done.report, **quoted})
