"""A term of leadership: the world, the runtime that owns it, and everything that acts on it or publishes from it.

A term is complete or does not exist: ``begin`` returns it when all of it runs, or leaves nothing behind. What lives longer than a
term - settings, HTTP, log, metrics, timelines, the connection to the store - belongs to the process.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

import structlog

from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.files.tiers import TierFile
from callbridge.adapters.history import HistoryReader, HistoryStore, Survivors
from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.ledger import CampaignLedger, LedgerTerms
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.pbx_link import NotSent
from callbridge.adapters.quality.feed import ScoreFeed
from callbridge.adapters.store import Saved
from callbridge.adapters.system.garbage import postponed
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.campaigns import campaign_figures
from callbridge.core.model.agent import published
from callbridge.core.model.events import PlanChanged
from callbridge.core.model.orders import LookUp, OfLedger, OfPbx, OfRecording
from callbridge.core.model.plan import Plan
from callbridge.core.model.world import World
from callbridge.core.recovery import snapshots
from callbridge.core.reload import plan_change
from callbridge.core.requests.scores import scores_published
from callbridge.observe import ObservedFloor
from callbridge.runtime import Clock, Performers, Runtime
from callbridge.runtime.evacuation import Evacuated
from callbridge.runtime.observing import BesideRuntime
from callbridge.runtime.pulse import Pulse
from callbridge.runtime.saver import Saver
from callbridge.service.adapter_settings import history_days, history_people, hook_settings, ledger_terms, redis_settings
from callbridge.service.callers import CallerSources, tier_file
from callbridge.service.fact_readers import FactReaders
from callbridge.service.links import Links
from callbridge.service.observed import counted, floor_beside, forget_observed
from callbridge.service.parts import Parts
from callbridge.service.publisher import boot_name
from callbridge.service.starting import Taken
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.process import Process

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RUNTIME = "runtime"
"""The name of the component that consumes the inbox."""
EIGHT_DIGITS = 10_000_000
"""Ids are numbered from here, so that none is the beginning of another: Asterisk 22 refuses to create a channel whose id is the
beginning of an existing channel's id, as if it were the same."""
HISTORY_STATEMENT_WITHIN = 20.0
"""Seconds that one statement of the history may take on the server."""
STUCK = 10.0
"""Age of the oldest unread event, in seconds, from which on we count as hung."""


class PlanNotAdopted(RuntimeError):
    """The step that applies the configuration to agents, callers and campaigns raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Everything that ends when we stop leading."""

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
        """Everything outside the core uses this configuration from now on."""
        self.callers.adopt(settings, tiers)
        if self.ledger is not None:
            self.ledger.adopt(terms, settings.numbers)

    async def evacuate(self) -> Evacuated:
        """Before a fatal exit: stop deciding, and send everybody who is not in a conversation to the fallback."""
        await self.parts.stop(RUNTIME)
        return await self.runtime.evacuate()

    async def end(self) -> None:
        """Stop listening and acting. Calls stay in the PBX; the next term, here or elsewhere, takes them over. Readers end
        last: what was saved until then is handed to them."""
        await self.parts.close()
        closings = [self.runtime.lanes.close, self.saver.close, self.readers.close, self.callers.close]
        for close in closings + ([self.ledger.close] if self.ledger is not None else []):
            try:
                await close()
            except Exception:  # whatever it is, the others must still be closed
                log.exception("a component could not be closed", part=close.__qualname__)

    # -- how it is ----------------------------------------------------------------------------------------------

    def quiet(self) -> bool:
        """Is nobody on the line, and nothing to decide?"""
        return not self.world.calls and not self.runtime.waiting

    def missing(self) -> list[str]:
        """What should be up and is not."""
        return self.links.missing() + ([f"the store is behind: {self.saver.why}"] if self.saver.degraded else [])

    def notes(self) -> list[str]:
        """What an operator should know although we are ready."""
        silent = self.ledger.trouble() if self.ledger is not None else ""
        behind = self.readers.history.trouble() if self.readers.history is not None else ""
        notes = [f"ledger: {silent}; campaigns are on hold"] if silent else []
        return notes + ([f"history: {behind}; calls go on"] if behind else [])

    def unhealthy(self) -> list[str]:
        """Why we are not alive: events are not being processed, or a link is no longer being retried. Nothing counts right after
        the process itself was stalled."""
        if not self.pulse.has_settled:
            return []
        late = max(self.runtime.behind, self.runtime.silent)
        return ([f"the runtime has been stalled for {late:.0f} s"] if late >= STUCK else []) + self.links.unhealthy()


async def begin(process: Process, taken: Taken) -> Term:
    """Build and start a term on what was taken over. Raises BadDatabase and PlanNotAdopted."""
    with postponed():  # garbage collection took most of the time of a start
        term = _build(process, taken)
        try:
            await _start(term, process, taken)
        except BaseException:
            await term.end()
            raise
        gc.freeze()  # what lives as long as the term need not be examined again
    return term


# -- building: nothing runs yet ---------------------------------------------------------------------------------------


def _build(process: Process, taken: Taken) -> Term:
    settings, saved = process.settings, taken.saved
    plan, redis = settings.plan(), redis_settings(settings)
    clock = Clock(not_before=saved.meta.now if saved else 0.0)
    world = _world(plan, saved)
    floor = floor_beside(world, saved, settings) if settings.observe is not None else None
    if floor is None:
        forget_observed(world)
    board = Board.of(world, masked=settings.log.mask_numbers)
    totals = make_totals(process, counted(plan, floor), saved)
    show_world(process, world, board, totals, clock)
    parts, links, performers = Parts(process.part_failed), Links(process.metrics), Performers()
    memory = LastAgents(clock.now, board.number_of, redis=redis)
    readers = make_readers(process, world, board, taken.token, memory, links, clock)
    saver = make_saver(process, world, totals)
    runtime = _runtime(settings, world, clock, saver, performers, links, readers, floor)
    callers = CallerSources(parts, runtime.post, clock.now, memory, redis=redis)
    ledger = _ledger(settings, runtime, process)
    links.open(
        settings,
        world,
        clock,
        post=runtime.post,
        received=callers.received,
        accepting=lambda: runtime.accepting,
        holds=process.store.holds,
        on_replaced=process.replaced,
        last_heard_at=saved.meta.now if saved else None,
    )
    if isinstance(runtime, BesideRuntime):
        links.listen_to(settings, clock, runtime.see)
    _register(performers, links, callers, ledger)
    process.metrics.history.is_up = history_is_written(readers.history)
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
    """The saved world, or an empty one; every PBX counts as down until its first snapshot."""
    world = World(plan, boot_name(), EIGHT_DIGITS)
    if saved is not None:
        world.now, world.seq, world.day = saved.meta.now, saved.meta.seq, saved.meta.day
        world.restore(saved.rows)
        for bad in saved.bad:
            log.error("a saved row cannot be read", table=bad.table, key=bad.key, why=bad.problem)
        log.info("world restored", **{name: len(saved.rows[name]) for name in ("calls", "legs", "agents")})
        plan_change.restored(world)
    for pbx in plan.pbxs:
        snapshots.lost(world, pbx)  # before the first deadline: the PBX is down until its first snapshot
    return world


def make_totals(process: Process, plan: Plan, saved: Saved | None) -> Totals:
    totals = Totals(label_agents=process.settings.metrics.label_agents)
    totals.restore(saved.totals if saved else (), plan)
    return totals


def show_world(process: Process, world: World, board: Board, totals: Totals, clock: Clock) -> None:
    """The metrics show this world from now on."""
    metrics = process.metrics
    metrics.begin_term(board, totals, clock.now)
    metrics.adopt(world.plan, [hook.name for hook in process.settings.webhooks])
    metrics.note({}, world.now)
    metrics.campaigns = lambda: campaign_figures(world)
    metrics.on_switches(world.switches.values())


def make_readers(
    process: Process, world: World, board: Board, token: int, memory: LastAgents, links: Links, clock: Clock
) -> FactReaders:
    return FactReaders(
        Parts(process.part_failed),
        world,
        board,
        token,
        store=process.store,
        redis=redis_settings(process.settings),
        metrics=process.metrics,
        timelines=process.timelines,
        memory=memory,
        fallbacks=links.fallbacks,
        log=process.fact_log,
        history=_history(process.settings, clock, _survivors(world, token)),
        masked=process.settings.log.mask_numbers,
    )


def _survivors(world: World, token: int) -> Survivors:
    """What goes on of all that the history may hold as open."""
    return Survivors(
        token=token,
        calls=frozenset(world.calls.rows()) | frozenset(world.observed_calls.rows()),
        callbacks=frozenset(world.callbacks.rows()),
        agents={one.id: published(one)[0] for one in (*world.observed_agents.values(), *world.agents.values())},
    )


def _history(settings: Settings, clock: Clock, survivors: Survivors) -> HistoryReader | None:
    if settings.database is None or not settings.history.keep:
        return None
    url = settings.database.url.get_secret_value()
    store = HistoryStore(url, history_people(settings), HISTORY_STATEMENT_WITHIN, survivors)
    return HistoryReader(store, history_days(settings), clock.wall, ZoneInfo(settings.instance.timezone))


def history_is_written(history: HistoryReader | None) -> Callable[[], bool | None]:
    return lambda: None if history is None else not history.trouble()


def make_saver(process: Process, world: World, totals: Totals) -> Saver:
    lost = process.metrics.facts_lost
    return Saver(process.store, world, process.displaced, on_lost=lambda count: lost("outbox", count), totals=totals)


def _runtime(
    settings: Settings,
    world: World,
    clock: Clock,
    saver: Saver,
    performers: Performers,
    links: Links,
    readers: FactReaders,
    floor: ObservedFloor | None,
) -> Runtime:
    runtime = (Runtime if floor is None else BesideRuntime)(
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
    if isinstance(runtime, BesideRuntime) and floor is not None:
        runtime.watch(floor)
    return runtime


def _ledger(settings: Settings, runtime: Runtime, process: Process) -> CampaignLedger | None:
    if settings.database is None:
        return None
    url, zone = settings.database.url.get_secret_value(), ZoneInfo(settings.instance.timezone)
    clock, world = runtime.clock, runtime.world
    ledger = CampaignLedger(url, runtime.post, clock.now, clock.wall, lambda: world.attempts, zone)
    ledger.adopt(ledger_terms(settings), settings.numbers)
    process.metrics.ledger = ledger.figures
    return ledger


def _register(performers: Performers, links: Links, callers: CallerSources, ledger: CampaignLedger | None) -> None:
    async def write(order: OfLedger) -> None:
        if ledger is None:
            raise NotSent("no database is configured")
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
    recalled = await term.ledger.begin() if term.ledger is not None and settings.campaigns else []
    tiers = tier_file(settings)
    await tiers.load()
    term.callers.adopt(settings, tiers)
    await term.readers.hooks.adopt(hook_settings(settings))
    adopted = asyncio.create_task(_adopt_plan(term), name="plan")
    try:
        await asyncio.sleep(0)  # let it reach the inbox
        for each in recalled:
            runtime.post(each)
        _run(term, process)
        await adopted  # from now on requests see the configured queues and agents
    finally:
        adopted.cancel()


async def _adopt_plan(term: Term) -> None:
    """Raises PlanNotAdopted: a term without agents would report ready and serve nobody."""
    plan = PlanChanged(at=term.clock.now(), plan=term.world.plan, force=True)
    if await term.runtime.adopt(plan, lambda: None) is None:
        raise PlanNotAdopted("internal error while the configuration was applied; see the log")


def _run(term: Term, process: Process) -> None:
    parts = term.parts
    parts.run("pulse", term.pulse.run())
    parts.run(RUNTIME, term.runtime.run())
    term.readers.start()
    term.callers.start()
    if term.ledger is not None:
        parts.run("ledger", term.ledger.run())
    scores = ScoreFeed(process.quality, term.runtime.post, term.clock.now, lambda: scores_published(term.world))
    parts.run("scores", scores.run())
    parts.run("old recordings", process.retention.run())
    term.links.start(parts)
