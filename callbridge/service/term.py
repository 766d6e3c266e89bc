"""A term of leadership: the world, the runtime that owns it, and everything that acts or tells by them.

A term is complete or does not exist: ``begin`` gives it when all of it runs, or leaves nothing behind. What lives longer than a
term - settings, HTTP, log, metrics, timelines, the connection to the store - is the process's.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

import structlog

from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.files.tiers import TierFile
from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.ledger import CampaignLedger, LedgerTerms, region_of
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.pbx_link import NotSent
from callbridge.adapters.store import Saved
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.campaigns import campaign_figures
from callbridge.core.model.events import PlanChanged
from callbridge.core.model.orders import LookUp, OfLedger, OfPbx, OfRecording
from callbridge.core.model.plan import Plan
from callbridge.core.model.world import World
from callbridge.core.recovery import snapshots
from callbridge.core.reload import plan_change
from callbridge.runtime import Clock, Performers, Runtime
from callbridge.runtime.evacuation import Evacuated
from callbridge.runtime.pulse import Pulse
from callbridge.runtime.saver import Saver
from callbridge.service.adapter_settings import hook_settings, ledger_terms, redis_settings
from callbridge.service.callers import CallerSources, tier_file
from callbridge.service.fact_readers import FactReaders
from callbridge.service.links import Links
from callbridge.service.parts import Parts
from callbridge.service.publisher import boot_name
from callbridge.service.starting import Taken
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.process import Process

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RUNTIME = "runtime"
"""The name of the part that consumes the inbox."""
STUCK = 10.0
"""Age of the oldest unread event, in seconds, from which on we are not alive."""


class PlanNotAdopted(RuntimeError):
    """The step that was to bring agents, callers and campaigns to the configuration raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Everything that ends when we lead no more."""

    token: int
    clock: Clock
    pulse: Pulse
    world: World
    board: Board
    runtime: Runtime
    saver: Saver
    links: Links
    readers: FactReaders
    callers: CallerSources
    ledger: CampaignLedger | None
    explainer: Explainer
    parts: Parts

    def adopt(self, settings: Settings, tiers: TierFile, terms: dict[str, LedgerTerms]) -> None:
        """Everything beside the core goes by this configuration from now on."""
        self.callers.adopt(settings, tiers)
        if self.ledger is not None:
            self.ledger.adopt(terms, region_of(settings.tiers.country_code or ""))

    async def evacuate(self) -> Evacuated:
        """Before an end in trouble: nothing is decided any more, and everybody who talks to nobody is sent on."""
        await self.parts.stop(RUNTIME)
        return await self.runtime.evacuate()

    async def end(self) -> None:
        """Stop hearing and acting. Calls stay in the PBX; the next term, here or elsewhere, takes them up again."""
        await self.parts.close()
        closings = [self.readers.close, self.runtime.lanes.close, self.saver.close, self.callers.close]
        for close in closings + ([self.ledger.close] if self.ledger is not None else []):
            try:
                await close()
            except Exception:  # whatever it is, the others are closed all the same
                log.exception("not closed in order", part=close.__qualname__)

    # -- how it is ----------------------------------------------------------------------------------------------

    def missing(self) -> list[str]:
        """What is not up that should be."""
        return self.links.missing() + ([f"the store is behind: {self.saver.why}"] if self.saver.degraded else [])

    def notes(self) -> list[str]:
        """What somebody should know, though we do our work."""
        silent = self.ledger.trouble() if self.ledger is not None else ""
        return [f"ledger: {silent}; campaigns are held"] if silent else []

    def ailing(self) -> list[str]:
        """Why we are not alive: events are not worked on, or a link is not even tried. What a process finds that stood still
        itself is no fault."""
        if not self.pulse.has_settled:
            return []
        late = max(self.runtime.behind, self.runtime.silent)
        return ([f"the runtime stands still for {late:.0f} s"] if late >= STUCK else []) + self.links.ailing()


async def begin(process: Process, taken: Taken) -> Term:
    """A term on what was taken over, running. Raises BadDatabase and PlanNotAdopted."""
    with _without_collecting():
        term = _build(process, taken)
        try:
            await _start(term, process, taken)
        except BaseException:
            await term.end()
            raise
    return term


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Collecting garbage in between took most of the time of a start; and what lives as long as the term need not be looked at
    again and again."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


# -- building: nothing runs yet ---------------------------------------------------------------------------------------


def _build(process: Process, taken: Taken) -> Term:
    settings, saved = process.settings, taken.saved
    plan, redis = settings.plan(), redis_settings(settings)
    clock = Clock(not_before=saved.meta.now if saved else 0.0)
    world = _world(plan, saved)
    board = Board.of(world, masked=settings.log.mask_numbers)
    totals = _totals(process, plan, saved)
    _show(process, world, board, totals, clock)
    parts, links, performers = Parts(process.part_failed), Links(process.metrics), Performers()
    memory = LastAgents(clock.now, board.number_of, redis=redis)
    readers = _readers(process, parts, world, board, clock, taken.token, memory, links)
    saver = _saver(process, world, totals)
    runtime = Runtime(
        world,
        clock,
        saver,
        perform=performers.perform,
        resync=links.resync,
        listen=links.listen,
        caught_up=links.caught_up,
        zone=ZoneInfo(settings.instance.timezone),
        watcher=readers.publisher,
    )
    callers = CallerSources(parts, runtime.tell, clock.now, memory, redis=redis)
    ledger = _ledger(settings, runtime, process)
    links.open(
        settings,
        world,
        clock,
        tell=runtime.tell,
        tier_of=callers.tier_of,
        accepting=lambda: runtime.accepting,
        holds=process.store.holds,
        on_replaced=process.replaced,
        last_heard_at=saved.meta.now if saved else None,
    )
    _register(performers, links, callers, ledger)
    return Term(
        token=taken.token,
        clock=clock,
        pulse=Pulse(clock.now),
        world=world,
        board=board,
        runtime=runtime,
        saver=saver,
        links=links,
        readers=readers,
        callers=callers,
        ledger=ledger,
        explainer=Explainer(world, board, process.timelines, clock.now, readers.archive),
        parts=parts,
    )


def _world(plan: Plan, saved: Saved | None) -> World:
    """The saved world, or an empty one; of no PBX anything is heard yet."""
    world = World(plan, boot_name())
    if saved is not None:
        world.now, world.seq, world.day = saved.meta.now, saved.meta.seq, saved.meta.day
        world.restore(saved.rows)
        for bad in saved.bad:
            log.error("a saved row cannot be read", table=bad.table, key=bad.key, why=bad.problem)
        log.info("world restored", **{name: len(saved.rows[name]) for name in ("calls", "legs", "agents")})
        plan_change.restored(world)
    for pbx in plan.pbxs:
        snapshots.lost(world, pbx)  # before the first deadline: nothing is heard until the first snapshot
    return world


def _totals(process: Process, plan: Plan, saved: Saved | None) -> Totals:
    totals = Totals(label_agents=process.settings.metrics.label_agents)
    totals.restore(saved.totals if saved else (), plan)
    return totals


def _show(process: Process, world: World, board: Board, totals: Totals, clock: Clock) -> None:
    """The metrics show this world from now on."""
    metrics = process.metrics
    metrics.begin_term(board, totals, clock.now)
    metrics.adopt(world.plan, [hook.name for hook in process.settings.webhooks])
    metrics.note({}, world.now)
    metrics.campaigns = lambda: campaign_figures(world)
    metrics.on_switches(world.switches.values())


def _readers(
    process: Process, parts: Parts, world: World, board: Board, clock: Clock, token: int, memory: LastAgents, links: Links
) -> FactReaders:
    return FactReaders(
        parts,
        world,
        board,
        clock.now,
        token,
        store=process.store,
        redis=redis_settings(process.settings),
        metrics=process.metrics,
        timelines=process.timelines,
        memory=memory,
        fallbacks=links.fallbacks,
        log=process.fact_log,
        masked=process.settings.log.mask_numbers,
    )


def _saver(process: Process, world: World, totals: Totals) -> Saver:
    lost = process.metrics.facts_lost
    return Saver(process.store, world, process.displaced, on_lost=lambda count: lost("outbox", count), totals=totals)


def _ledger(settings: Settings, runtime: Runtime, process: Process) -> CampaignLedger | None:
    if settings.ledger is None:
        return None
    url, zone = settings.ledger.database.get_secret_value(), ZoneInfo(settings.instance.timezone)
    clock, world = runtime.clock, runtime.world
    ledger = CampaignLedger(url, runtime.tell, clock.now, clock.wall, lambda: world.attempts, zone)
    ledger.adopt(ledger_terms(settings), region_of(settings.tiers.country_code or ""))
    process.metrics.ledger = ledger.figures
    return ledger


def _register(performers: Performers, links: Links, callers: CallerSources, ledger: CampaignLedger | None) -> None:
    async def write(order: OfLedger) -> None:
        if ledger is None:
            raise NotSent("no ledger is configured")
        ledger.perform(order)

    performers.register(links.perform, *get_args(OfPbx))
    performers.register(links.record, *get_args(OfRecording))
    performers.register(callers.lookups.perform, LookUp)
    performers.register(write, *get_args(OfLedger))
    performers.check()


# -- starting -----------------------------------------------------------------------------------------------------------


async def _start(term: Term, process: Process, taken: Taken) -> None:
    """The campaigns' ledger is opened, or tried again while all else runs. The runtime is given the plan before all else."""
    settings, runtime = process.settings, term.runtime
    if taken.behind:
        term.saver.start_behind(taken.behind)
    recalled = await term.ledger.begin() if term.ledger is not None else []
    tiers = tier_file(settings)
    await tiers.load()
    term.callers.adopt(settings, tiers)
    await term.readers.hooks.adopt(hook_settings(settings))
    adopted = asyncio.create_task(_adopt_plan(term), name="plan")
    try:
        await asyncio.sleep(0)  # it is in the inbox
        for each in recalled:
            runtime.tell(each)
        _run(term)
        await adopted  # who asks from now on sees the queues and agents of the configuration
    finally:
        adopted.cancel()


async def _adopt_plan(term: Term) -> None:
    """Raises PlanNotAdopted: without its agents a term would be ready and serve nobody."""
    plan = PlanChanged(at=term.clock.now(), plan=term.world.plan, force=True)
    if await term.runtime.adopt(plan, lambda: None) is None:
        raise PlanNotAdopted("a fault of callbridge while the configuration was adopted; the log says more")


def _run(term: Term) -> None:
    parts = term.parts
    parts.run("pulse", term.pulse.run())
    parts.run(RUNTIME, term.runtime.run())
    term.readers.start()
    term.callers.start()
    if term.ledger is not None:
        parts.run("ledger", term.ledger.run())
    term.links.start(parts)
