"""One inbox, one consumer: events are stepped in batches, each batch is saved once, and only then are its orders sent.

Save, then act: the state is in the store before Asterisk gets an order, unless the store is degraded; then we act anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from callbridge.adapters.pbx_link import NotSent, OrderRefused, OrderTrouble
from callbridge.core.engine import step
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.events import (
    AnyEvent,
    CallerArrived,
    ClockMoved,
    DayBegan,
    EntityFaulted,
    FeatureDialled,
    OrderFailed,
    PbxHeard,
    PbxLost,
    PbxReport,
    PbxSnapshot,
    PinEntered,
    PlanChanged,
    StoreChanged,
    SubmittedEvent,
    Why,
)
from callbridge.core.model.facts import AnyFact, CallDiverted, RequestRefused
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.orders import HangUp, LeaveToDialplan, Order, calls_a_customer
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.slices import SliceFailed
from callbridge.core.model.world import Outcome, World
from callbridge.core.reload.plan_diff import Difference
from callbridge.runtime.clock import Clock, day_of, next_midnight
from callbridge.runtime.evacuation import Evacuated, evacuate, everybody
from callbridge.runtime.fault_entity import entity_of
from callbridge.runtime.gaps import Gaps
from callbridge.runtime.lanes import Lanes
from callbridge.runtime.pbx_load import PbxLoad
from callbridge.runtime.saver import Saver

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

INTERNAL_ERROR = Sentence("internal error; see the log of callbridge")
MAX_EVENTS = 256
MAX_STEPPING = 0.005
"""Seconds of stepping after which a batch is saved and its orders are sent, full or not."""
NEW_CALLS_AGE = 1.0
"""Age of an event, in seconds, above which new calls go to the fallback."""
NO_HEARTBEAT = 1.0
"""Seconds without a heartbeat after which a PBX is slow, whatever the last one said."""
RESYNC_AGE = 3.0
INBOX_LIMIT = 50_000
"""Seconds that the oldest event of a PBX has waited, or number of waiting events, above which those of PBXs are discarded for new
snapshots. Not again before so many seconds: those snapshots may wait behind other events, and would be discarded, too."""
SAVE_AT_LEAST = 1.0
"""Seconds without a change after which we save anyway: to record how long we have been listening (times of events that we miss
are estimated from there), and to detect that the store has lost its data while nothing happened."""
LAG_CHECK_EVERY = 0.5
FAULTS_TOO_MANY = 5
FAULTS_WITHIN = 10.0


class Watcher(Protocol):
    """Derives everything else from events and facts: metrics, logs, projections. Returns at once and does not raise."""

    def batch(
        self, facts: Sequence[AnyFact], changed: Mapping[tuple[str, str], object | None], ages: Sequence[float], waiting: int
    ) -> None:
        """A batch was stepped and saved, and its orders were sent. ``ages``: of its events, in seconds; ``waiting``: events left
        in the inbox."""

    def saved(self, seconds: float, *, degraded: bool) -> None:
        """A save has ended, successfully or not."""

    def degraded(self, degraded: bool) -> None:
        """Whether the store is behind; called regularly."""

    def lagged(self, seconds: float) -> None:
        """The event loop was late by so many seconds."""


class Fatal(RuntimeError):
    """The runtime cannot continue; the message says why."""


class Runtime:
    """Owns the world. Everything else posts events to it and carries out its orders."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        saver: Saver,
        *,
        perform: Callable[[Order], Awaitable[None]],
        resync: Callable[[str], None],
        listen: Callable[[str], None],
        caught_up: Callable[[], Awaitable[object]],
        zone: ZoneInfo,
        watcher: Watcher,
    ) -> None:
        """``perform`` carries out one order or raises OrderTrouble; ``resync`` drops the event socket of a PBX; ``listen`` asks
        for an early PbxHeard of a PBX; ``caught_up`` returns when all events sent before now are in the inbox."""
        self.world = world
        self.clock = clock
        self.lanes = Lanes(perform, self._order_failed)
        self.accepting = True
        self._perform = perform
        self._saver = saver
        self._resync = resync
        self._listen = listen
        self._caught_up = caught_up
        self._gaps = Gaps(clock.now)
        self._late, self._back_at = False, 0.0
        self._zone = zone
        self._watcher = watcher
        self._ages: list[float] = []
        self._orders: list[Order] = []
        """Of the current batch, until they are in the lanes."""
        self._inbox: deque[AnyEvent] = deque()
        self._wake = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Outcome]] = {}
        self._switch_over: dict[int, Callable[[], None]] = {}
        self._loads: dict[str, PbxLoad] = {}
        self._faults: deque[float] = deque(maxlen=FAULTS_TOO_MANY)
        self._midnight = 0.0
        self._saved_at = 0.0
        self._resynced_at = -RESYNC_AGE
        """When we last discarded the events of all PBXs."""
        self._posted_degraded = False

    # -- in -----------------------------------------------------------------------------------------------------

    def post(self, event: AnyEvent) -> None:
        """Put an event into the inbox; returns at once."""
        self._inbox.append(event)
        self._wake.set()

    async def submit(
        self,
        event: SubmittedEvent | PlanChanged,
    ) -> RequestRefused | None:
        """Submit a request to the core. Returns the refusal, or None when the request was carried out."""
        outcome = await self._answer_to(event)
        return next((fact for fact in outcome.facts if isinstance(fact, RequestRefused)), None)

    async def check_pin(self, event: PinEntered) -> bool:
        """Whether an agent's PIN was right, and could be tried."""
        return (await self._answer_to(event)).answer is True

    async def adopt(self, event: PlanChanged, switch_over: Callable[[], None]) -> Difference | None:
        """Submit a new plan. Returns what it changes, or would change; None when adopting it raised. ``switch_over`` is
        called only when the plan is in force, before any order of that step is sent."""
        self._switch_over[id(event)] = switch_over
        outcome = await self._answer_to(event)
        return outcome.answer if isinstance(outcome.answer, Difference) else None

    async def _answer_to(self, event: AnyEvent) -> Outcome:
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._answers[id(event)] = answer
        self.post(event)
        return await answer

    @property
    def waiting(self) -> int:
        """Events in the inbox."""
        return len(self._inbox)

    @property
    def behind(self) -> float:
        """Age of the oldest event in the inbox, in seconds."""
        return self.clock.now() - self._inbox[0].at if self._inbox else 0.0

    @property
    def silent(self) -> float:
        """Seconds since the last batch was saved, which happens at least every second; 0 before the first time."""
        return self.clock.now() - self._saved_at if self._saved_at else 0.0

    # -- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Consume the inbox until cancelled. Raises Fatal when continuing would do harm, and whatever the tick or the saver
        raises."""
        ticking = asyncio.create_task(self._tick(), name="tick")
        try:
            while not ticking.done():
                await self._sleep()
                if self._gaps.look():
                    await self._caught_up()
                    log.warning("the event loop stalled", seconds=round(self._gaps.made_up(), 3))
                    self._late, self._back_at = True, self.clock.now()
                await self._batch()
                for pbx in self.world.to_hear():
                    self._listen(pbx)
            ticking.result()
        finally:
            ticking.cancel()

    async def _sleep(self) -> None:
        """Sleep until a deadline is due or an event arrives."""
        if self._inbox:
            await asyncio.sleep(0)
            return
        self._wake.clear()
        due = self.world.next_deadline()
        wait = min(self._midnight, self._saved_at + SAVE_AT_LEAST, *(() if due is None else (due,)))
        patience = max(0.0, wait - self.clock.now())
        self._gaps.rest(patience)
        try:
            async with asyncio.timeout(patience):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _batch(self) -> None:
        """Step the waiting events, save once, then send the orders."""
        began = time.monotonic()
        orders = self._orders
        facts: list[AnyFact] = []
        changed: dict[tuple[str, str], object | None] = {}
        answers: list[tuple[asyncio.Future[Outcome], Outcome]] = []
        self._shed_load()
        self._day()
        for stepped in range(MAX_EVENTS):
            if (stepped and time.monotonic() - began > MAX_STEPPING) or (event := self._next()) is None:
                break
            outcome = self._step(event)
            orders += outcome.orders
            facts += outcome.facts
            changed |= outcome.changed
            answer = self._answers.pop(id(event), None)
            if answer is not None:
                answers.append((answer, outcome))
            switch_over = self._switch_over.pop(id(event), None)
            if switch_over is not None and isinstance(event, PlanChanged) and self.world.plan is event.plan:
                switch_over()
        changed |= self._saver.totals.count(facts)
        safe = True
        if changed or facts or self.clock.now() >= self._saved_at + SAVE_AT_LEAST:
            safe = await self._save(changed, facts)
        if self._saver.displaced:
            orders.clear()
        for order in orders:
            if safe or not calls_a_customer(order):
                self.lanes.put(order)
            else:  # after a restart we would not know of it, and call the customer twice
                self._order_failed(order, NotSent("not saved"))
        if orders:
            self._orders = []
            await asyncio.sleep(0)  # let the orders' first bytes go out before the facts are published
        ages, self._ages = self._ages, []
        self._watcher.batch(facts, changed, ages, len(self._inbox))
        for answer, outcome in answers:
            if not answer.done():
                answer.set_result(outcome)

    async def _save(self, changed: Mapping[tuple[str, str], object | None], facts: list[AnyFact]) -> bool:
        """Save a batch; True when it is safe in the store."""
        began = time.monotonic()
        self._saved_at = self.clock.now()
        if not self._inbox:  # events that wait there happened before now
            self.world.now = max(self.world.now, self._saved_at)
        safe = await self._saver.save(changed, facts)
        self._post_store_state()
        self._watcher.saved(time.monotonic() - began, degraded=self._saver.degraded)
        return safe

    def _next(self) -> AnyEvent | None:
        """The next event, a deadline before events that happened after it. None when there is none, or after a gap."""
        if self._gaps.look():
            return None
        now = self.clock.now()
        if self.world.unfinished is not None:
            return self.world.take_due(now)
        if self._late:
            self._late = bool(self._inbox)
            if self._late:
                return self._inbox.popleft()
        first = self._inbox[0].at if self._inbox else now
        due = self.world.take_due(min(first, now))
        if due is not None:
            return due
        return self._inbox.popleft() if self._inbox else None

    def _step(self, event: AnyEvent) -> Outcome:
        now = self.clock.now()
        self._ages.append(max(0.0, now - event.at))
        if isinstance(event, CallerArrived) and (not self.accepting or self._age(event) > NEW_CALLS_AGE):
            event = replace(event, overloaded=True)
        event = self._loaded(event)
        if isinstance(event, PbxLost):
            self.lanes.freeze(event.pbx)
        try:
            outcome = step(self.world, event)
        except SliceFailed as fault:
            raise Fatal(f"the rest of a snapshot or a reload could not be stepped: {fault}") from fault
        except Exception as fault:  # noqa: BLE001 - any bug of ours: the entity is quarantined, the rest goes on
            self._not_done(event)
            return self._quarantine(event, fault)
        self._give_up_faulted(outcome, event)
        return outcome

    def _loaded(self, event: AnyEvent) -> AnyEvent:
        """Measure how the PBX keeps up; a new caller is told to the core with the share that it can take."""
        limit = self.world.plan.load_limit
        if limit is None or not isinstance(event, CallerArrived | PbxHeard | PbxLost):
            return event
        load = self._loads.setdefault(event.pbx if not isinstance(event, CallerArrived) else pbx_of(event.leg), PbxLoad())
        match event:
            case PbxLost():
                load.lost()
            case PbxHeard():
                load.heard(event.until, self.clock.now(), limit.responds_within)
            case CallerArrived():
                load.late(self.clock.now(), limit.responds_within, NO_HEARTBEAT)
                return replace(event, admitted=load.admitted)
        return event

    def _post_store_state(self) -> None:
        """While the store is degraded the core must not call customers: after a restart we would not know of those calls."""
        if self._saver.degraded is not self._posted_degraded:
            self._posted_degraded = self._saver.degraded
            self.post(StoreChanged(at=self.clock.now(), safe=not self._saver.degraded))

    # -- trouble ------------------------------------------------------------------------------------------------

    def _quarantine(self, event: AnyEvent, fault: Exception) -> Outcome:
        """A step raised an exception: a bug of ours. Its entity is given up so that all others go on."""
        log.error("a step raised an exception", about=type(event).__name__, fault=repr(fault), exc_info=fault)
        if isinstance(event, PbxSnapshot | EntityFaulted):
            raise Fatal(f"a {type(event).__name__} could not be stepped: {fault!r}") from fault
        if isinstance(event, CallerArrived):
            self._count_fault()
            return Outcome(orders=[self._to_fallback(event)], facts=[self._diverted(event)])
        if isinstance(event, FeatureDialled):
            self._count_fault()
            return Outcome(orders=[HangUp(leg=event.leg)])
        who = entity_of(self.world, event)
        return self._give_up(*who) if who is not None else Outcome()

    def _not_done(self, event: AnyEvent) -> None:
        """Answer the requester of an event whose step raised."""
        answer = self._answers.pop(id(event), None)
        if answer is not None and not answer.done():
            refused = RequestRefused(seq=0, at=event.at, request="", reason=INTERNAL_ERROR)
            answer.set_result(Outcome(facts=[refused]))

    def _give_up_faulted(self, outcome: Outcome, event: AnyEvent) -> None:
        """Give up the entities about which a decision after this event raised, and merge the results into the outcome."""
        for fault in outcome.faults:
            log.error(
                "a decision raised an exception",
                kind=fault.kind,
                id=fault.id,
                about=type(event).__name__,
                at=event.at,
                exc_info=fault.error,
            )
            merge(outcome, self._give_up(fault.kind, fault.id))

    def _give_up(self, kind: str, key: str) -> Outcome:
        self._count_fault()
        event = EntityFaulted(at=self.clock.now(), kind=kind, id=key)
        try:
            outcome = step(self.world, event)
        except Exception as fault:
            raise Fatal(f"the clean-up after a fault of {kind} {key} raised: {fault!r}") from fault
        self._give_up_faulted(outcome, event)
        return outcome

    def _to_fallback(self, event: CallerArrived) -> Order:
        return LeaveToDialplan(leg=event.leg, context=self.world.plan.fallback_context, extension=event.entry or "unknown")

    def _diverted(self, event: CallerArrived) -> CallDiverted:
        seq, at = self.world.next_seq(), self.clock.now()
        return CallDiverted(seq=seq, at=at, leg=event.leg, entry=event.entry, reason=DiversionReason.FAULT)

    def _count_fault(self) -> None:
        now = self.clock.now()
        self._faults.append(now)
        if len(self._faults) == FAULTS_TOO_MANY and now - self._faults[0] < FAULTS_WITHIN:
            self.accepting = False
            raise Fatal(f"{FAULTS_TOO_MANY} quarantines within {FAULTS_WITHIN:g} s")

    async def evacuate(self) -> Evacuated:
        """Before a fatal exit, when no event is stepped any more: send everybody who is not in a conversation to the fallback."""
        self.accepting = False
        for pbx in self.world.plan.pbxs:
            self.lanes.freeze(pbx)  # no more phones ring for callers who are about to leave
        whom = everybody(self.world, self._orders, self._inbox)
        for order in whom.hang_ups:
            self.lanes.put(order)
        done = await evacuate(whom, self._perform)
        await self.lanes.close()
        return done

    def _order_failed(self, order: Order, trouble: OrderTrouble) -> None:
        why, status, detail = Why.TIMEOUT, 0, str(trouble)
        if isinstance(trouble, NotSent):
            why = Why.UNSENT
        elif isinstance(trouble, OrderRefused):
            why, status, detail = Why.REFUSED, trouble.status, trouble.detail
        self.post(OrderFailed(at=self.clock.now(), order=order, why=why, status=status, detail=detail))

    def _shed_load(self) -> None:
        """Too far behind to process everything: discard the waiting events and the sockets, and start from snapshots."""
        oldest = next((event for event in self._inbox if isinstance(event, PbxReport)), None)
        now = self.clock.now()
        if oldest is None or now < self._resynced_at + RESYNC_AGE:
            return  # a snapshot would not help, or the one that we asked for waits here
        age = self._age(oldest)
        if age < RESYNC_AGE and len(self._inbox) < INBOX_LIMIT:
            return
        log.error("overload: events discarded for a new snapshot", age=round(age, 3), waiting=len(self._inbox))
        self._inbox = deque(event for event in self._inbox if not isinstance(event, PbxReport))
        self._resynced_at = now
        for pbx in self.world.plan.pbxs:
            self._resync(pbx)

    def _age(self, event: AnyEvent) -> float:
        """Seconds that the event has waited while we were running: a stalled process is not an overload."""
        return self.clock.now() - max(event.at, self._back_at)

    # -- time ---------------------------------------------------------------------------------------------------

    def _day(self) -> None:
        wall = self.clock.now() + self.world.wall_offset
        if wall >= self._midnight + self.world.wall_offset or not self.world.day:
            self._midnight = next_midnight(wall, self._zone) - self.world.wall_offset
            self._inbox.appendleft(DayBegan(at=self.clock.now(), day=day_of(wall, self._zone)))

    async def _tick(self) -> None:
        """Twice a second: measure the loop's lag, and look whether the wall clock was changed."""
        while True:
            due = time.monotonic() + LAG_CHECK_EVERY
            await asyncio.sleep(LAG_CHECK_EVERY)
            self._watcher.degraded(self._saver.degraded)
            self._post_store_state()
            self._watcher.lagged(max(0.0, time.monotonic() - due))
            offset = self.clock.wall_offset()
            if abs(offset - self.world.wall_offset) > 1.0:
                self._midnight = 0.0
                self.post(ClockMoved(at=self.clock.now(), offset=offset))


def merge(outcome: Outcome, more: Outcome) -> None:
    outcome.orders += more.orders
    outcome.facts += more.facts
    outcome.changed |= more.changed
