"""A desk for the tests of HTTP: a living world behind it, and the core answers at once."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from callbridge.adapters.facts.person_place import PersonHeld, PersonsAway
from callbridge.adapters.history.recordings import RecordingService
from callbridge.adapters.http import (
    Accounts,
    EventFeed,
    HttpSettings,
    NoStandby,
    Probes,
    ReloadResult,
    Sessions,
    SessionTerms,
    ViewFeed,
    make_app,
)
from callbridge.adapters.http.explain_routes import Explainer, FloorAlert
from callbridge.adapters.http.scope import Scope
from callbridge.adapters.ledger import LedgerRequests
from callbridge.adapters.quality.service import QualityService
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.reports.contacts import ContactService
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.calendars import hours
from callbridge.adapters.views.callbacks import callback_queues, callback_to, callbacks
from callbridge.adapters.views.closures import closable, closures
from callbridge.adapters.views.reload_report import reload_report
from callbridge.adapters.views.timelines import Timelines
from callbridge.core.model.events import (
    AnyEvent,
    PinEntered,
    PlanChanged,
    QualityMeasured,
    RequestCarriedOut,
    SubmittedEvent,
    TokenUsed,
)
from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.plan import Plan
from callbridge.core.model.script_answers import ScriptAnswers
from callbridge.core.model.switch import Switch
from callbridge.core.model.world import Outcome
from callbridge.core.reload.plan_diff import Difference, difference
from tests.adapters.toy_ledger import toy_ledger
from tests.adapters.toy_quality import toy_quality, toy_recordings
from tests.adapters.toy_reports import toy_contacts, toy_reports
from tests.adapters.worlds import Busy

Client = TestClient[Any, Any]


class ToyDesk:
    """``fault`` is raised by every ask while it is set; ``faults`` are those of the configuration, ``coming`` is
    what a reload finds in it."""

    def __init__(
        self, *, feed: EventFeed | None = None, quality: QualityService | None = None, recordings: RecordingService | None = None
    ) -> None:
        self.busy = Busy(8)
        self.people = Accounts()
        self.opened = Sessions(SessionTerms(), lambda: self.wall_clock)
        self.wall_clock = 1_790_000_000.0
        self.stories = Timelines()
        self._reports = toy_reports()
        self.earlier = toy_contacts()
        self._quality = quality or toy_quality()
        self._recordings = recordings or toy_recordings()
        self.made = Board.of(self.busy.world)
        self.shown = ViewFeed(self.made)
        self.feed = feed or EventFeed("run", seq=self.busy.world.seq)
        self.fault: Exception | None = None
        self.faults: list[str] = []
        self.coming: Plan | None = None
        self.reloads = 0
        self.standby, self.stepped_down = "http://cb2.example:8090", list[str]()
        self.looked = 0
        self.asked: list[SubmittedEvent] = []
        self.noted: list[TokenUsed] = []
        self.carried_out = list[tuple[str, str, str]]()

    def run(self, times: int) -> None:
        for _ in range(times):
            self._note(self.busy.any())

    def tell(self, event: AnyEvent) -> Outcome:
        outcome = self.busy.happens(event)
        self._note(outcome)
        return outcome

    def _note(self, outcome: Outcome) -> None:
        self.shown.touch(self.made.note(self.busy.world, outcome.changed))
        self.stories.on_facts(outcome.facts)
        self.feed.on_facts(outcome.facts)

    def views(self) -> ViewFeed:
        return self.shown

    async def floor_alerts(self) -> list[FloorAlert]:
        return await self._explainer().alerts()

    def now(self) -> float:
        return self.busy.now

    def wall(self) -> float:
        return self.wall_clock

    async def submit(self, event: SubmittedEvent) -> RequestRefused | None:
        if self.fault is not None:
            raise self.fault
        self.asked.append(event)
        return next((fact for fact in self.tell(event).facts if isinstance(fact, RequestRefused)), None)

    def accounts(self) -> Accounts:
        return self.people

    def sessions(self) -> Sessions:
        return self.opened

    async def check_pin(self, agent: str, pin: str, place: str) -> bool:
        if self.fault is not None:
            raise self.fault
        return self.tell(PinEntered(at=self.now(), agent=agent, pin=pin, place=place)).answer is True

    def note(self, event: TokenUsed | RequestCarriedOut | QualityMeasured) -> None:
        if isinstance(event, QualityMeasured):
            self.tell(event)
        elif isinstance(event, RequestCarriedOut):
            self.carried_out.append((event.by, event.request, event.to))
            self.tell(event)
        else:
            self.noted.append(event)

    async def reload(self, *, dry_run: bool = False, force: bool = False, by: str = "") -> ReloadResult:
        self.reloads += 1
        if self.faults:
            return ReloadResult(faults=self.faults)
        plan = self.coming or self.busy.world.plan
        found = difference(self.busy.world, plan)
        if not dry_run:
            answer = self.tell(PlanChanged(at=self.now(), plan=plan, force=force, by=by)).answer
            assert isinstance(answer, Difference)
            found = answer
        report = reload_report(found, dry_run=dry_run, force=force)
        return ReloadResult(faults=[] if dry_run else report["refused"], report=report)

    async def step_down(self, by: str) -> str:
        self.stepped_down.append(by)
        if not self.standby:
            raise NoStandby("no standby could take over now")
        return self.standby

    def switch(self, name: str) -> Switch | None:
        return self.busy.world.switches.get(name)

    def hours(self) -> list[dict[str, object]]:
        return hours(self.busy.world)

    def closures(self) -> list[dict[str, object]]:
        return closures(self.busy.world)

    def closable(self) -> list[str]:
        return closable(self.busy.world)

    def callback_queues(self) -> list[str]:
        return callback_queues(self.busy.world)

    def callbacks(self) -> list[dict[str, object]]:
        return callbacks(self.busy.world)

    def ledger(self) -> LedgerRequests:
        return toy_ledger(self.busy.world, self.now, lambda event: None)

    def reports(self) -> ReportService:
        return self._reports

    def contacts(self) -> ContactService:
        return self.earlier

    def quality(self) -> QualityService:
        return self._quality

    def recordings(self) -> RecordingService:
        return self._recordings

    def tier_of(self, number: str) -> str:
        return "diamond" if number.endswith("0001") else ""

    def callback_to(self, queue: str, number: str) -> dict[str, object] | None:
        return callback_to(self.busy.world, queue, number)

    async def person(self, act: str, number: str, *, by: str, reason: str = "") -> dict[str, Any]:
        if number.endswith("0409"):
            raise PersonHeld("under a legal hold by ops (court): release it first")
        if number.endswith("0503"):
            raise PersonsAway("Redis: TimeoutError")
        place = {"place": "calls", "found": 1, "erased": int(act == "erase"), "note": f"{act} by {by}: {reason}"}
        return {"places": [place], "files": ["a.wav"], "held": None, "tables": {}}

    def script_answers(self, call: str) -> ScriptAnswers | None:
        return self.busy.world.script_answers.get(call)

    def board(self) -> Board:
        self.looked += 1
        return self.made

    async def explain(self, kind: str, name: str, scope: Scope | None = None) -> dict[str, Any] | None:
        return await self._explainer().explain(kind, name, scope)

    async def waiting(self, limit: int | None = None, scope: Scope | None = None) -> dict[str, Any]:
        return await self._explainer().waiting(limit, scope)

    def _explainer(self) -> Explainer:
        return Explainer(self.busy.world, self.made, self.stories, self.now)

    def timeline(self, call: str) -> list[dict[str, Any]] | None:
        return self.stories.timeline(call)


async def render() -> bytes:
    return b"callbridge_leader 1.0\n"


def probes(*, healthy: bool = True, missing: tuple[str, ...] = ()) -> Probes:
    return Probes(unhealthy=lambda: [] if healthy else ["stuck"], missing=lambda: list(missing), metrics=render)


def client_of(desk: ToyDesk, settings: HttpSettings, asked: Probes | None = None) -> Client:
    return TestClient(TestServer(make_app(settings, desk, asked or probes(), desk.feed)))
