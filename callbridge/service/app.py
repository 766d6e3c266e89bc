"""Builds the parts from the settings, starts them in order, and stops them in order."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from callbridge.adapters.ami.fallback_queue import FallbackQueue
from callbridge.adapters.ami.link import Ami
from callbridge.adapters.ari import ownership
from callbridge.adapters.ari.link import Ari
from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.files.tiers import TierFile
from callbridge.adapters.http import EventFeed, ReloadResult
from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.ledger import CampaignLedger, region_of, trouble_of
from callbridge.adapters.logs import log as logs
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.lookups.lookup import Lookups
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.pbx_link import NotSent
from callbridge.adapters.redis import timeline_archive
from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.redis.cursors import Trimmer
from callbridge.adapters.redis.fact_stream import FACTS_READER, FactStream
from callbridge.adapters.redis.projection import RedisProjection
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import MemoryStore, Store
from callbridge.adapters.system.systemd import Manager
from callbridge.adapters.system.tasks import end
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.campaigns import campaign_figures
from callbridge.adapters.views.timelines import Timelines
from callbridge.adapters.webhooks.feed import WebhookFeeds
from callbridge.core.entities.switches import is_on
from callbridge.core.model.events import BYPASS, CampaignRecalled, PlanChanged
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.orders import (
    DropBridge,
    InspectPhone,
    LookUp,
    OfLedger,
    Order,
    PauseRecording,
    Ring,
    StartRecording,
    StopRecording,
)
from callbridge.core.model.world import World
from callbridge.core.recovery import snapshots
from callbridge.core.reload import plan_change
from callbridge.runtime import Clock, Runtime
from callbridge.runtime.loop import Fatal
from callbridge.runtime.pulse import Pulse
from callbridge.runtime.saver import Saver
from callbridge.service.adapter_settings import (
    ami_settings,
    ari_settings,
    door,
    fallback_settings,
    hook_settings,
    ledger_terms,
    lookup_settings,
    redis_settings,
)
from callbridge.service.publisher import Publisher, boot_name
from callbridge.service.reloading import Reloads
from callbridge.service.starting import Start
from callbridge.settings.models import Settings
from callbridge.settings.resolve import memory_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

DONE, FAILED, REPLACED = 0, 1, 3
SHUTDOWN_TIMEOUT = 4.0
"""Seconds that an orderly stop may take."""
STUCK = 10.0
"""Age of the oldest unread event, in seconds, from which on we are not alive."""


class App:
    """One running callbridge. ``stop`` may be called from anywhere on the loop; the first exit code given stays."""

    def __init__(self, settings: Settings, config: Path, drain: logs.Drain) -> None:
        self.settings = settings
        self.config = config
        self._drain = drain
        self.manager = Manager(os.environ, os.getpid())
        self.exit_code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.links: dict[str, Ari] = {}
        self.phones: dict[str, Ami] = {}
        self.fallbacks: list[FallbackQueue] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._reloads = Reloads(self)
        self.ledger: CampaignLedger | None = None
        self._started = False
        redis = self._redis()
        self.store: Store = MemoryStore() if redis is None else RedisStore(redis)
        wait = settings.redis.wait_at_start if settings.redis is not None else 0.0
        doors = [door(settings.instance, pbx) for pbx in settings.pbx]
        self._start = Start(self.store, wait, self.manager.status, lambda: ownership.look(doors), self._ledger_trouble)

    def stop(self, code: int) -> None:
        if not self.exit_code.done():
            self.exit_code.set_result(code)

    # -- building -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Everything up, in order: store, world, views, HTTP, links."""
        settings = self.settings
        plan = settings.plan()
        taken = await self._start.take_over()
        gc.disable()  # until all is built: collecting in between took most of the time
        self._token, saved = taken.token, taken.saved
        self.clock = Clock(not_before=saved.meta.now if saved else 0.0)
        self.world = World(plan, boot_name())
        if saved is not None:
            self.world.now, self.world.seq, self.world.day = saved.meta.now, saved.meta.seq, saved.meta.day
            self.world.restore(
                saved.calls,
                saved.legs,
                saved.agents,
                saved.tallies,
                saved.switches,
                saved.callbacks,
                saved.places,
                saved.campaigns,
                saved.attempts,
                saved.blocks,
            )
            for bad in saved.bad:
                log.error("a saved row cannot be read", table=bad.table, key=bad.key, why=bad.problem)
            log.info("world restored", calls=len(saved.calls), legs=len(saved.legs), agents=len(saved.agents))
            plan_change.restored(self.world)
        for pbx in plan.pbxs:
            snapshots.lost(self.world, pbx)  # before the first deadline: nothing is heard until the first snapshot
        self.board = Board.of(self.world, masked=settings.log.mask_numbers)
        totals = Totals(label_agents=settings.metrics.label_agents)
        totals.restore(saved.totals if saved else (), plan)
        self.metrics = Metrics(self.board, self.clock.now, totals, recordings=settings.metrics.recordings)
        self.metrics.adopt(plan, [hook.name for hook in settings.webhooks])
        self.metrics.note({}, self.world.now)
        self.metrics.campaigns = lambda: campaign_figures(self.world)
        self.metrics.on_leader(True)
        self.metrics.on_switches(self.world.switches.values())
        self.timelines = Timelines(mask=settings.log.mask_numbers)
        self.feed = EventFeed(str(self._token), seq=self.world.seq, masked=settings.log.mask_numbers)
        self.explainer = Explainer(self.world, self.board, self.timelines, self.clock.now, self._archive())
        self.hooks = WebhookFeeds(
            self._run, self.metrics, redis=self._redis(), calls=self.world.calls.values, token=int(self.clock.now() * 1000)
        )
        self.memory = LastAgents(self.clock.now, self.board.number_of, redis=self._redis())
        projection = self._projection()
        await self.hooks.adopt(hook_settings(settings))
        facts = logs.FactLog(level=settings.log.level.upper(), stream=self._drain, mask=settings.log.mask_numbers)
        self.saver = Saver(
            self.store,
            self.world,
            self._displaced,
            on_lost=lambda count: self.metrics.facts_lost("outbox", count),
            totals=totals,
        )
        if taken.behind:
            self.saver.start_behind(taken.behind)
        self.runtime = Runtime(
            self.world,
            self.clock,
            self.saver,
            perform=self._perform,
            resync=self._resync,
            listen=self._listen,
            caught_up=self._caught_up,
            zone=ZoneInfo(settings.instance.timezone),
            watcher=Publisher(
                self.world,
                self.board,
                self.metrics,
                self.timelines,
                self.feed,
                facts,
                projection,
                self.hooks,
                self.memory,
                self.fallbacks,
            ),
        )
        self.lookups = Lookups(self.runtime.tell, self.clock.now, redis=self._redis(), memory=self.memory)
        self._know(settings)
        recalled = await self._begin_ledger(settings)
        self._run("memory", self.memory.run())
        self.tiers = self._tier_book(settings)
        await self.tiers.load()
        self._link(last_heard_at=saved.meta.now if saved else None)
        adopted = asyncio.create_task(self.runtime.ask(PlanChanged(at=self.clock.now(), plan=plan, force=True)), name="plan")
        await asyncio.sleep(0)  # it is told, before all else
        for each in recalled:
            self.runtime.tell(each)
        self.pulse = Pulse(self.clock.now)
        self._run("pulse", self.pulse.run())
        self._run("runtime", self._consume())
        self._tier_watch = self._run("tiers", self.tiers.watch())
        for name, link in self.links.items():
            self._run(f"ari {name}", link.run())
            self._run(f"ami {name}", self.phones[name].run())
        for fallback in self.fallbacks:
            self._run(f"fallback {fallback.settings.pbx}", fallback.run())
        await adopted  # who asks from now on sees the queues and agents of the configuration
        gc.freeze()  # what lives as long as the process need not be looked at again and again
        gc.enable()
        self._started = True

    def _redis(self) -> RedisSettings | None:
        return redis_settings(self.settings)

    def _projection(self) -> RedisProjection | None:
        redis, store = self._redis(), self.store
        if redis is None or not isinstance(store, RedisStore):
            return None
        projection = RedisProjection(redis, self.board, aside=store.aside, told=self.metrics.on_redis)
        self._run("keys", store.aside.watch())
        self._run("projection", projection.run())
        self._run("facts", FactStream(redis, masked=self.settings.log.mask_numbers, token=lambda: store.token).run())
        trimmer = Trimmer(
            redis, lambda: {FACTS_READER, timeline_archive.TIMELINES_READER, *self.hooks.readers()}, self.metrics.facts_lost
        )
        self._run("outbox", trimmer.run())
        return projection

    async def _ledger_trouble(self) -> str:
        """Why the ledger cannot be opened now. Raises BadDatabase."""
        ledger = self.settings.ledger
        return await trouble_of(ledger.database.get_secret_value()) if ledger is not None else ""

    async def _begin_ledger(self, settings: Settings) -> list[CampaignRecalled]:
        """Open the campaigns' ledger, or go on trying while all else runs. Raises BadDatabase."""
        if settings.ledger is None:
            return []
        url, zone = settings.ledger.database.get_secret_value(), ZoneInfo(settings.instance.timezone)
        self.ledger = CampaignLedger(url, self.runtime.tell, self.clock.now, self.wall, lambda: self.world.attempts, zone)
        self.ledger.adopt(ledger_terms(settings), region_of(settings.tiers.country_code or ""))
        self.metrics.ledger = self.ledger.figures
        recalled = await self.ledger.begin()
        self._run("ledger", self.ledger.run())
        return recalled

    def wall(self) -> float:
        """Epoch seconds by the clock on the wall."""
        return self.clock.now() + self.clock.wall_offset()

    def _archive(self) -> timeline_archive.TimelineArchive | None:
        redis, store = self._redis(), self.store
        if redis is None or not isinstance(store, RedisStore):
            return None
        archive = timeline_archive.TimelineArchive(redis, masked=self.settings.log.mask_numbers, token=lambda: store.token)
        self._run("timelines", archive.run())
        return archive

    def _know(self, settings: Settings) -> None:
        """What is asked about callers, from now on."""
        country = settings.tiers.country_code or ""
        repeat = settings.repeat_calls.within if settings.repeat_calls is not None else 0.0
        renamed = {queue.renamed_from: name for name, queue in settings.queues.items() if queue.renamed_from is not None}
        self.memory.adopt(memory_of(settings), repeat, country, renamed)
        self.lookups.adopt(lookup_settings(settings), settings.tiers.order, country)

    def _tier_book(self, settings: Settings) -> TierFile:
        tiers = settings.tiers
        return TierFile(
            tiers.order,
            tiers.default,
            tiers.numbers,
            tiers.csv,
            tiers.country_code or "",
            report=lambda line: log.warning("tiers", why=line),
        )

    def _link(self, last_heard_at: float | None) -> None:
        for pbx in self.settings.pbx:
            self.metrics.expect(pbx.name)
            self.links[pbx.name] = Ari(
                ari_settings(self.settings.instance, pbx),
                tell=self.runtime.tell,
                now=self.clock.now,
                tier_of=self._tier_of,
                on_replaced=self._replaced,
                holds=self.store.holds,
                observer=self.metrics,
                last_heard_at=last_heard_at,
            )
            self.phones[pbx.name] = Ami(ami_settings(pbx), tell=self.runtime.tell, now=self.clock.now, observer=self.metrics)
            self.fallbacks.append(self._fallback(pbx.name))

    def _fallback(self, pbx: str) -> FallbackQueue:
        def serving() -> bool:
            heard = self.links[pbx].fresh and pbx not in self.world.down
            return heard and self.runtime.accepting and not is_on(self.world, BYPASS)

        settings = fallback_settings(self.settings, pbx)
        return FallbackQueue(settings, self.phones[pbx], self.world, serving=serving, now=self.clock.now)

    # -- running ------------------------------------------------------------------------------------------------

    async def _perform(self, order: Order) -> None:
        """Carry out one order on its PBX, or ask another system."""
        if isinstance(order, LookUp):
            await self.lookups.perform(order)
            return
        if isinstance(order, OfLedger):
            if self.ledger is None:
                raise NotSent("no ledger is configured")
            self.ledger.perform(order)
            return
        if isinstance(order, StartRecording | PauseRecording | StopRecording):
            await self._phones_of(pbx_of(order.leg)).record(order)
            return
        pbx = order.pbx if isinstance(order, DropBridge | InspectPhone) else pbx_of(order.legs[0])
        link = self.links.get(pbx)
        if link is None:
            raise NotSent(f"no PBX {pbx} is configured")
        await link.perform(order)
        if isinstance(order, Ring):
            self.metrics.rang(order.leg)

    def _phones_of(self, pbx: str) -> Ami:
        link = self.phones.get(pbx)
        if link is None:
            raise NotSent(f"no PBX {pbx} is configured")
        return link

    def _tier_of(self, number: str) -> str:
        return self.tiers.tier_of(number)  # the book in force now: a reload brings another

    def _resync(self, pbx: str) -> None:
        self.links[pbx].resync("overload")

    def _listen(self, pbx: str) -> None:
        if pbx in self.links:
            self.links[pbx].listen()

    async def _caught_up(self) -> None:
        await asyncio.gather(*(link.caught_up() for link in self.links.values()))

    def _displaced(self) -> None:
        log.error("another instance has taken the store; standing down")
        self.stop(REPLACED)

    def _replaced(self) -> None:
        self.stop(REPLACED)

    async def _consume(self) -> None:
        try:
            await self.runtime.run()
        except Fatal as fault:
            log.critical("cannot go on", why=str(fault))
            evacuated = await self.runtime.evacuate()
            log.critical("waiting callers were sent to the fallback", callers=evacuated)
            self.stop(FAILED)

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that ends by itself with an error ends the whole: better restarted than lame."""
        if not task.cancelled() and task.exception() is not None:
            log.critical("a part of callbridge failed", part=task.get_name(), exc_info=task.exception())
            self.stop(FAILED)

    async def reload(self, *, dry_run: bool = False, force: bool = False, by: str = "") -> ReloadResult:
        """Load the configuration; in force on return; refused whole, with the faults given, when it is wrong, asks for what
        only a restart can do, or takes a queue from callers or callbacks in it. Who asked may stop waiting: it goes on."""
        return await self._reloads.reload(dry_run=dry_run, force=force, by=by)

    async def close(self) -> None:
        """Stop hearing and acting. Calls stay in the PBX; the next start takes them up again."""
        await end(self._tasks)
        await self.hooks.close()
        await self.runtime.lanes.close()
        await self.saver.close()
        await self.lookups.close()
        await self.memory.close()
        if self.ledger is not None:
            await self.ledger.close()

    # -- for HTTP -----------------------------------------------------------------------------------------------

    def missing(self) -> list[str]:
        """What is not up that should be."""
        if not self._started:
            return self._start.missing()
        missing = [f"pbx {name}: no ARI link" for name, link in self.links.items() if not link.fresh]
        missing += [f"pbx {name}: no AMI link" for name, link in self.phones.items() if not link.up]
        return missing + ([f"the store is behind: {self.saver.why}"] if self.saver.degraded else [])

    def notes(self) -> list[str]:
        """What somebody should know, though we do our work."""
        set_aside = list(self.store.aside.notes) if isinstance(self.store, RedisStore) else []
        silent = self.ledger.trouble() if self.ledger is not None else ""
        return set_aside + ([f"ledger: {silent}; campaigns are held"] if silent else [])

    def ailing(self) -> list[str]:
        """Why we are not alive: events are not worked on, or a link is not even tried. A PBX that is away is no fault of ours."""
        if not self._started or not self.pulse.has_settled:
            return []  # waiting at the start is no fault either, nor what a process finds that stood still itself
        late = max(self.runtime.behind, self.runtime.silent)
        ailing = [f"the runtime stands still for {late:.0f} s"] if late >= STUCK else []
        for kind, links in (("ARI", self.links), ("AMI", self.phones)):
            ailing += [f"pbx {name}: the {kind} link is not tried any more" for name, link in links.items() if not link.alive]
        return ailing

    def alive(self) -> bool:
        return not self.ailing()
