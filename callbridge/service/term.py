"""A term of leadership: the world, the runtime that owns it, and everything that acts on it or publishes from it.

A term is complete or does not exist: ``begin`` returns it when all of it runs, or leaves nothing behind. What lives longer than a
term - settings, HTTP, log, metrics, timelines, the connection to the store - belongs to the process.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

import structlog

from callbridge.adapters.files.tiers import TierFile
from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.ledger import CampaignLedger, LedgerTerms
from callbridge.adapters.pbx_link import NotSent
from callbridge.adapters.quality.feed import ScoreFeed
from callbridge.adapters.store import Saved
from callbridge.adapters.system.garbage import postponed
from callbridge.adapters.views.board import Board
from callbridge.core.model.events import PlanChanged
from callbridge.core.model.orders import LookUp, OfLedger, OfPbx, OfRecording
from callbridge.core.model.plan import Plan
from callbridge.core.model.world import World
from callbridge.core.recovery import removed_pbxs, snapshots
from callbridge.core.reload import plan_change
from callbridge.core.requests.scores import scores_published
from callbridge.observe import ObservedFloor
from callbridge.runtime import Clock, Performers, Runtime
from callbridge.runtime.evacuation import Evacuated
from callbridge.runtime.observing import BesideRuntime
from callbridge.runtime.pulse import Pulse
from callbridge.runtime.saver import Saver
from callbridge.service.accounts import user_names
from callbridge.service.adapter_settings import hook_settings, ledger_terms
from callbridge.service.agent_pages import agent_pages
from callbridge.service.callers import CallerSources, tier_file
from callbridge.service.fact_readers import FactReaders
from callbridge.service.links import Links
from callbridge.service.observed import counted, floor_beside, forget_observed
from callbridge.service.parts import Parts
from callbridge.service.publisher import boot_name
from callbridge.service.starting import Taken
from callbridge.service.surroundings import Surroundings, surroundings
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.process import Process

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RUNTIME = "runtime"
"""The name of the component that consumes the inbox."""
EIGHT_DIGITS = 10_000_000
"""Ids are numbered from here, so that none is the beginning of another: Asterisk 22 refuses to create a channel whose id is the
beginning of an existing channel's id, as if it were the same."""
STUCK = 10.0
"""Age of the oldest unread event, in seconds, from which on we count as hung."""


class PlanNotAdopted(RuntimeError):
    """The step that applies the configuration to agents, callers and campaigns raised."""


async def _nobody_waits() -> None:
    """Nobody waits for the end of the term."""


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
    began_at: float

    def adopt(self, settings: Settings, tiers: TierFile, terms: dict[str, LedgerTerms]) -> None:
        """Everything outside the core uses this configuration from now on."""
        self.callers.adopt(settings, tiers)
        self.readers.views.pages = agent_pages(settings)
        self.board.users = user_names(settings)
        if self.ledger is not None:
            self.ledger.adopt(terms, settings.numbers)

    async def evacuate(self) -> Evacuated:
        """Before a fatal exit: stop deciding, and send everybody who is not in a conversation to the fallback."""
        await self.parts.stop(RUNTIME)
        return await self.runtime.evacuate()

    async def end(self, passive: Callable[[], Awaitable[None]] = _nobody_waits) -> None:
        """Stop listening and acting. Calls stay in the PBX; the next term, here or elsewhere, takes them over. Readers end
        last: what was saved until then is handed to them. ``passive`` is called when nothing more is ordered, saved or
        dialled for campaigns."""
        await self.parts.close()
        ledger = [self.ledger.close] if self.ledger is not None else []
        acting = [self.runtime.lanes.close, self.saver.close, *ledger]
        for close in [*acting, passive, self.readers.close, self.callers.close]:
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
        links = [] if self.links.serving() else self.links.missing()
        return links + ([f"the store is behind: {self.saver.why}"] if self.saver.degraded else [])

    def notes(self) -> list[str]:
        """What an operator should know although we are ready."""
        silent = self.ledger.trouble() if self.ledger is not None else ""
        behind = self.readers.history.trouble() if self.readers.history is not None else ""
        notes = [f"ledger: {silent}; campaigns are on hold"] if silent else []
        lost = self.links.missing() if self.links.serving() else []
        return lost + notes + ([f"history: {behind}; calls go on"] if behind else [])

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
    plan = settings.plan()
    waits = saved is not None and bool(saved.rows["calls"])  # else a clock that was wrong is right again from here on
    clock = Clock(saved.meta.now if saved else 0.0, taken.ahead if waits else None)
    if clock.corrected:
        log.warning("our clock differs from the former leader's, whose time continues", ahead=round(clock.corrected, 1))
    world = _world(plan, saved)
    floor = floor_beside(world, saved, settings) if settings.observe is not None else None
    if floor is None:
        forget_observed(world)
    around = surroundings(process, taken, clock, world, counted(plan, floor))
    links, performers = around.links, Performers()
    runtime = _runtime(settings, world, clock, around.saver, performers, links, around.readers, floor)
    callers = around.callers(runtime, settings)
    ledger = _ledger(settings, runtime, process)
    links.open(
        settings,
        world,
        clock,
        post=runtime.post,
        received=callers.received,
        accepting=lambda: runtime.accepting,
        holds=process.holds,
        on_replaced=process.replaced,
        last_heard_at=saved.meta.now if saved else None,
        given=process.given,
        restarts=process.restarts,
    )
    if isinstance(runtime, BesideRuntime):
        links.listen_to(settings, clock, runtime.see)
    _register(performers, links, callers, ledger)
    return assembled(around, runtime, callers, ledger)


def assembled(around: Surroundings, runtime: Runtime, callers: CallerSources, ledger: CampaignLedger | None = None) -> Term:
    return Term(
        token=around.token,
        clock=around.clock,
        pulse=Pulse(around.clock.now),
        world=around.world,
        board=around.board,
        runtime=runtime,
        saver=around.saver,
        links=around.links,
        readers=around.readers,
        callers=callers,
        ledger=ledger,
        explainer=around.explainer,
        parts=around.parts,
        began_at=around.clock.now(),
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
        removed_pbxs.restored(world)
    for pbx in plan.pbxs:
        snapshots.lost(world, pbx)  # before the first deadline: the PBX is down until its first snapshot
    return world


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
    await adopt_settings(term, settings)
    adopted = asyncio.create_task(_adopt_plan(term), name="plan")
    try:
        await asyncio.sleep(0)  # let it reach the inbox
        for each in recalled:
            runtime.post(each)
        for leg in removed_pbxs.ended(term.world):
            runtime.post(leg)
        _run(term, process)
        await adopted  # from now on requests see the configured queues and agents
    finally:
        adopted.cancel()


async def adopt_settings(term: Term, settings: Settings) -> None:
    """The parts around the world are given what they need of the configuration."""
    tiers = tier_file(settings)
    await tiers.load()
    term.callers.adopt(settings, tiers)
    term.readers.views.pages = agent_pages(settings)
    term.board.users = user_names(settings)
    await term.readers.hooks.adopt(hook_settings(settings))


async def _adopt_plan(term: Term) -> None:
    """Raises PlanNotAdopted: a term without agents would report ready and serve nobody."""
    plan = PlanChanged(at=term.clock.now(), plan=term.world.plan, force=True)
    if await term.runtime.adopt(plan, lambda: None) is None:
        raise PlanNotAdopted("internal error while the configuration was applied; see the log")


def run(term: Term) -> None:
    """Start the parts of every term; the links are last."""
    term.parts.run("pulse", term.pulse.run())
    term.parts.run(RUNTIME, term.runtime.run())
    term.readers.start()
    term.callers.start()
    term.links.start(term.parts)


def _run(term: Term, process: Process) -> None:
    parts = term.parts
    if term.ledger is not None:
        parts.run("ledger", term.ledger.run())
    scores = ScoreFeed(process.quality, term.runtime.post, term.clock.now, lambda: scores_published(term.world))
    parts.run("scores", scores.run())
    parts.run("old recordings", process.retention.run())
    run(term)
