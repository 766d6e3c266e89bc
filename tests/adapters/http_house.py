"""The HTTP application on a real socket with a real runtime and world behind it, in a thread of its own.

For clients that block, as programs of others do. Callers arrive before it opens, and wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from callbridge.adapters.facts.person_place import PersonHeld, PersonsAway
from callbridge.adapters.history.recordings import RecordingService
from callbridge.adapters.http import (
    Accounts,
    EventFeed,
    HttpSettings,
    NoStandby,
    ReloadResult,
    Sessions,
    SessionTerms,
    ViewFeed,
    listening,
    make_app,
)
from callbridge.adapters.http.explain_routes import Explainer, FloorAlert
from callbridge.adapters.http.scope import Scope
from callbridge.adapters.ledger import LedgerRequests
from callbridge.adapters.quality.service import QualityService
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.reports.contacts import ContactService
from callbridge.adapters.store import MemoryStore
from callbridge.adapters.system.tasks import end
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.calendars import hours
from callbridge.adapters.views.callbacks import callback_queues, callback_to, callbacks
from callbridge.adapters.views.closures import closable, closures
from callbridge.adapters.views.reload_report import reload_report
from callbridge.adapters.views.timelines import Timelines
from callbridge.core.model.events import (
    CallerArrived,
    DevicesListed,
    PbxSnapshot,
    PinEntered,
    PlanChanged,
    QualityMeasured,
    RequestCarriedOut,
    SubmittedEvent,
    TokenUsed,
)
from callbridge.core.model.facts import AnyFact, RequestRefused
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import Order
from callbridge.core.model.script_answers import ScriptAnswers
from callbridge.core.model.switch import Switch
from callbridge.core.model.world import World
from callbridge.core.reload.plan_diff import difference
from callbridge.runtime import Clock, Runtime
from callbridge.runtime.saver import Saver
from tests.adapters.http_desk import probes
from tests.adapters.toy_ledger import toy_ledger
from tests.adapters.toy_quality import toy_quality, toy_recordings
from tests.adapters.toy_reports import toy_contacts, toy_reports
from tests.adapters.waiting import HANGS
from tests.adapters.worlds import PBX, plan


class House:
    """The desk, and the watcher, of a runtime whose PBX does nothing at all."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._sessions = Sessions(SessionTerms(), time.time)
        self.world = World(plan(), "t")
        self.board_made = Board.of(self.world)
        self.shown = ViewFeed(self.board_made)
        self.stories = Timelines()
        self._reports = toy_reports()
        self.earlier = toy_contacts()
        self._quality = toy_quality()
        self._recordings = toy_recordings()
        self.feed = EventFeed("run", seq=self.world.seq)
        store = MemoryStore()
        self.runtime = Runtime(
            self.world,
            self.clock,
            Saver(store, self.world, lambda: None),
            perform=self._perform,
            resync=lambda _: None,
            listen=lambda _: None,
            caught_up=self._caught_up,
            zone=ZoneInfo("UTC"),
            watcher=self,
        )
        self.store = store

    async def _perform(self, order: Order) -> None:
        """A PBX that answers yes and then says nothing."""

    async def _caught_up(self) -> None:
        """Nothing was said."""

    # -- the watcher

    def batch(
        self, facts: Sequence[AnyFact], changed: Mapping[tuple[str, str], object | None], ages: Sequence[float], waiting: int
    ) -> None:
        self.shown.touch(self.board_made.note(self.world, changed))
        self.stories.on_facts(facts)
        self.feed.on_facts(facts)

    def saved(self, seconds: float, *, degraded: bool) -> None: ...

    def degraded(self, degraded: bool) -> None: ...

    def lagged(self, seconds: float) -> None: ...

    # -- the desk

    def views(self) -> ViewFeed:
        return self.shown

    async def floor_alerts(self) -> list[FloorAlert]:
        return await self._explainer().alerts()

    def now(self) -> float:
        return self.clock.now()

    def wall(self) -> float:
        return time.time()

    async def submit(self, event: SubmittedEvent) -> RequestRefused | None:
        async with asyncio.timeout(HANGS):
            return await self.runtime.submit(event)

    def accounts(self) -> Accounts:
        return Accounts()

    def sessions(self) -> Sessions:
        return self._sessions

    async def check_pin(self, agent: str, pin: str, place: str) -> bool:
        return await self.runtime.check_pin(PinEntered(at=self.clock.now(), agent=agent, pin=pin, place=place))

    def note(self, event: TokenUsed | RequestCarriedOut | QualityMeasured) -> None:
        self.runtime.post(event)

    async def reload(self, *, dry_run: bool = False, force: bool = False, by: str = "") -> ReloadResult:
        found = difference(self.world, plan())
        if not dry_run:
            adopted = await self.runtime.adopt(PlanChanged(at=self.clock.now(), plan=plan(), force=force, by=by), lambda: None)
            assert adopted is not None
            found = adopted
        return ReloadResult(report=reload_report(found, dry_run=dry_run, force=force))

    async def step_down(self, by: str) -> str:
        raise NoStandby("this instance runs alone")

    def switch(self, name: str) -> Switch | None:
        return self.world.switches.get(name)

    def hours(self) -> list[dict[str, object]]:
        return hours(self.world)

    def closures(self) -> list[dict[str, object]]:
        return closures(self.world)

    def closable(self) -> list[str]:
        return closable(self.world)

    def callback_queues(self) -> list[str]:
        return callback_queues(self.world)

    def callbacks(self) -> list[dict[str, object]]:
        return callbacks(self.world)

    def ledger(self) -> LedgerRequests:
        return toy_ledger(self.world, self.clock.now, self.runtime.post)

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
        return callback_to(self.world, queue, number)

    async def person(self, act: str, number: str, *, by: str, reason: str = "") -> dict[str, Any]:
        if number.endswith("0409"):
            raise PersonHeld("under a legal hold by ops (court): release it first")
        if number.endswith("0503"):
            raise PersonsAway("Redis: TimeoutError")
        place = {"place": "calls", "found": 1, "erased": int(act == "erase"), "note": f"{act} by {by}: {reason}"}
        return {"places": [place], "files": ["a.wav"], "held": None, "tables": {}}

    def script_answers(self, call: str) -> ScriptAnswers | None:
        return None

    def board(self) -> Board:
        return self.board_made

    async def explain(self, kind: str, name: str, scope: Scope | None = None) -> dict[str, Any] | None:
        return await self._explainer().explain(kind, name, scope)

    async def waiting(self, limit: int | None = None, scope: Scope | None = None) -> dict[str, Any]:
        return await self._explainer().waiting(limit, scope)

    def _explainer(self) -> Explainer:
        return Explainer(self.world, self.board_made, self.stories, self.now)

    def timeline(self, call: str) -> list[dict[str, Any]] | None:
        return self.stories.timeline(call)

    # -- its day

    def begin(self, callers: int) -> None:
        now = self.clock.now()
        self.runtime.post(PbxSnapshot(at=now, pbx=PBX, requested_at=now, last_heard_at=now, legs=(), bridges=()))
        self.runtime.post(DevicesListed(at=now, states={}))
        self.runtime.post(PlanChanged(at=now, plan=plan()))
        for number in range(callers):
            self.runtime.post(arrival(now, number))


def arrival(now: float, number: int) -> CallerArrived:
    return CallerArrived(
        at=now,
        leg=leg_id(PBX, f"customer-{number}"),
        entry=f"q{number % 3}",
        channel_name=f"PJSIP/trunk-{number}",
        number="+442079460123",
        name="安娜 😀",
        tier="standard",
    )


@contextlib.contextmanager
def open_house(settings: HttpSettings, callers: int = 30) -> Iterator[tuple[str, House]]:
    """The house, and the URL under which it is open."""
    opened: list[tuple[str, House]] = []
    up = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def live() -> None:
        house = House()
        await house.store.take_over()
        house.begin(callers)
        running = asyncio.create_task(house.runtime.run())
        async with asyncio.timeout(HANGS):
            while len(house.board_made.calls) < callers:
                await asyncio.sleep(0.01)
        address = socket.create_server(("127.0.0.1", 0))
        async with listening(make_app(settings, house, probes(), house.feed), address):
            opened.append((f"http://127.0.0.1:{address.getsockname()[1]}", house))
            up.set()
            await stop.wait()
        await end((running,))
        await house.runtime.lanes.close()

    def run(life: Coroutine[Any, Any, None]) -> None:
        try:
            loop.run_until_complete(life)
        finally:
            up.set()
            loop.close()

    thread = threading.Thread(target=run, args=(live(),))
    thread.start()
    try:
        assert up.wait(10)
        yield opened[0]
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
