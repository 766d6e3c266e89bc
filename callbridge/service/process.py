"""The process: what lives from start to exit, whether we lead or not. It has at most one term at a time; without one it waits.

``stop`` may be called from anywhere on the loop; the first exit code wins. With ``standby:`` another instance may lead after us:
then only the term ends (``term_over``), and the process waits to lead again.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path

import structlog

from callbridge.adapters.ari import ownership
from callbridge.adapters.ari.restarts import Restarts
from callbridge.adapters.history.recording_retention import RecordingRetention
from callbridge.adapters.history.recordings import RecordingService
from callbridge.adapters.http import NoStandby, ReloadResult, Role, ServedCertificate
from callbridge.adapters.ledger import trouble_of
from callbridge.adapters.logs import log as logs
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.quality.service import QualityService
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.reports.contacts import ContactService
from callbridge.adapters.store import MemoryStore, Store
from callbridge.adapters.system.systemd import Manager
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timelines import Timelines
from callbridge.runtime import Clock
from callbridge.runtime.loop import Fatal
from callbridge.service import observing
from callbridge.service import term as terms
from callbridge.service.accounts import KeptSessions
from callbridge.service.adapter_settings import history_url, ownership_check, recording_terms, redis_settings, tls_files
from callbridge.service.agent_pages import known_as
from callbridge.service.alerting import Alerting
from callbridge.service.fatal_callbacks import FatalCallbacks
from callbridge.service.leading import Leading
from callbridge.service.pair import lease_of, next_leader, standby_of
from callbridge.service.parts import Parts
from callbridge.service.quality_settings import quality_site
from callbridge.service.reloading import Reloads
from callbridge.service.report_site import report_site
from callbridge.service.standby import Standby
from callbridge.service.starting import Start
from callbridge.service.term import Term
from callbridge.service.warm_links import GivenLinks
from callbridge.settings.models import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

DONE, FAILED, REPLACED = 0, 1, 3
SHUTDOWN_TIMEOUT = 4.0
"""Seconds that an orderly shutdown may take."""

EVACUATION = "evacuation"
NO_STANDBY = "no standby could take over"
CONNECTED_WITHIN = 3.0
"""Seconds that a new term has to connect to a PBX before that counts as having no link."""


class Process:
    """One running callbridge. ``term`` is None while we wait to lead, and after."""

    def __init__(self, settings: Settings, config: Path, drain: logs.Drain, *, observes: bool = False) -> None:
        """``observes``: the queues are the PBX's own, and only AMI is used."""
        self.settings = settings
        self.observes = observes
        self.config = config
        self.manager = Manager(os.environ, os.getpid())
        self.exit_code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.parts = Parts(self.part_failed)
        self.term: Term | None = None
        self.alerting: Alerting | None = None
        masked = settings.log.mask_numbers
        self.fact_log = logs.FactLog(level=settings.log.level.upper(), stream=drain, mask=masked)
        self.timelines = Timelines(mask=masked)
        self.metrics = Metrics(Board(masked=masked), Clock().now, recordings=settings.metrics.recordings)
        redis = redis_settings(settings)
        self.store: Store = MemoryStore() if redis is None else RedisStore(redis)
        url = history_url(settings)
        self.reports = ReportService(url, lambda: report_site(self.settings))
        self.contacts = ContactService(url, lambda number: known_as(self.settings, number))
        self.quality = QualityService(url, lambda: quality_site(self.settings), FatalCallbacks(lambda: self.settings))
        self.recordings = RecordingService(url, lambda: self.settings.metrics.recordings)
        self.retention = RecordingRetention(url, lambda: recording_terms(self.settings), self.metrics.recordings, time.time)
        self._failing = False
        self._masked = masked
        self.kept_sessions = KeptSessions(settings)
        files = tls_files(settings.http)
        self.certificate = ServedCertificate(files) if files is not None else None
        self.term_over = asyncio.Event()
        """The term is to end, because another instance leads or is to lead."""
        self.leading: Leading | None = None
        self.restarts = Restarts()
        self.given = GivenLinks()
        """Connections with which the links of the next term begin."""
        self.supervised = False
        """The service manager has been told that we are ready, and is told that we are alive."""
        self._reloads = Reloads(self)
        wait = settings.redis.wait_at_start if settings.redis is not None else 0.0
        checks = [] if observes else [ownership_check(settings.instance, pbx) for pbx in settings.pbx]
        self._start: Start | Standby = Start(
            self.store, wait, self.manager.status, lambda: ownership.check_owners(checks), self.ledger_trouble
        )
        self._lease = None if observes else lease_of(settings, redis)
        if self._lease is not None:
            self._start = standby_of(self, self._lease, checks)
            self.metrics.standby.count = lambda: self.leading.standbys if self.leading is not None else None

    def stop(self, code: int) -> None:
        if not self.exit_code.done():
            self.exit_code.set_result(code)

    @property
    def has_standby(self) -> bool:
        """Is this one of several instances?"""
        return self._lease is not None

    @property
    def stands_by(self) -> bool:
        """Does another instance lead, or none?"""
        return self.has_standby and self.leading is None

    @property
    def leader(self) -> str:
        """The address of the leader, where it is another instance and known."""
        return self._start.leader if isinstance(self._start, Standby) else ""

    async def begin_term(self) -> Term:
        """Start leading as soon as we may. Raises BadDatabase, FutureSchema and PlanNotAdopted."""
        self.term_over.clear()
        self.kept_sessions.sessions.begin()
        begin = observing.begin if self.observes else terms.begin
        taken = await self._start.take_over()
        if isinstance(self._start, Standby):
            self.given = await self._start.links.hand_over()
        self.term = await begin(self, taken)
        self.alerting = Alerting(self, self.term)
        await self.alerting.adopt(self.settings, self.term.world.plan)
        self.alerting.start()
        return self.term

    async def end_term(self) -> None:
        self.kept_sessions.sessions.begin()
        if self.term is not None:
            term, self.term = self.term, None
            if self.exit_code.done() and self.exit_code.result() == DONE:
                await term.links.leave()
            await term.end(self._release)
            if self.alerting is not None:
                await self.alerting.close()
            self.metrics.end_term()
            self.timelines = Timelines(mask=self._masked)
            gc.unfreeze()  # the term may have been frozen, and another one may follow
        await self._release()
        await self.given.close()

    async def _release(self) -> None:
        """Nothing is ordered or saved by us any more: a standby may lead at once."""
        if self.leading is not None:
            leading, self.leading = self.leading, None
            await leading.release()

    async def close(self) -> None:
        """Calls stay in the PBX; the next start takes them over."""
        await self.parts.close()
        await self.end_term()
        self.reports.close()
        self.contacts.close()
        self.quality.close()
        self.recordings.close()
        self.retention.close()
        await self.kept_sessions.close()
        await self.store.close()
        if self._lease is not None:
            await self._lease.close()

    async def reload(self, *, dry_run: bool = False, force: bool = False, by: str = "") -> ReloadResult:
        """Load the configuration; it is in force on return. It is refused as a whole, with its faults, when it is invalid, needs
        a restart, or removes a queue with callers or callbacks. The caller may be cancelled; the reload continues."""
        return await self._reloads.reload(dry_run=dry_run, force=force, by=by)

    async def ledger_trouble(self) -> str:
        """Why the ledger cannot be opened now. Raises BadDatabase."""
        database = self.settings.database
        return await trouble_of(database.url.get_secret_value()) if database is not None else ""

    # -- what ends it -------------------------------------------------------------------------------------------

    def displaced(self) -> None:
        log.error("another instance has taken the store; standing down")
        self.stand_down()

    def replaced(self) -> None:
        """Another client has taken our application permanently."""
        self.stand_down()

    def stand_down(self) -> None:
        """Another instance leads, or is to lead: become its standby, or end where we are no pair."""
        if self.has_standby:
            self.term_over.set()
        else:
            self.stop(REPLACED)

    async def step_down(self, by: str) -> str:
        """Have a standby lead. Returns its address, when we do not act any more. Raises NoStandby."""
        leading, lease = self.leading, self._lease
        if lease is None:
            raise NoStandby("this instance runs alone: there is no section 'standby' in its configuration")
        if leading is None or not leading.standbys:
            raise NoStandby("no standby could take over now; /readyz of each says why")
        log.warning("stepping down", by=by, standbys=leading.standbys)
        self.term_over.set()
        await leading.released.wait()
        return await next_leader(lease)

    def give_up(self) -> None:
        """A standby has a link to the PBX, and we have none."""
        log.error("no PBX can be reached, and a standby can reach it: it is to lead")
        self.stand_down()

    def unlinked(self) -> list[str]:
        """The PBXs to which we have no link; none while we have not had the time to connect."""
        term = self.term
        connecting = term is None or term.clock.now() - term.began_at < CONNECTED_WITHIN
        return [] if term is None or connecting else term.links.unlinked()

    def time(self) -> float | None:
        """The time of our term; None while there is none."""
        return self.term.clock.now() if self.term is not None else None

    async def holds(self) -> bool | None:
        """Is our token in force? None when that cannot be known."""
        return await self.store.holds() if self.leading is None else await self.leading.holds()

    def part_failed(self, part: str, fault: BaseException) -> None:
        """A component that ends with an error ends the whole process in an orderly way: a restart is better than half a
        service."""
        if isinstance(fault, Fatal):
            log.critical("fatal error", why=str(fault))
        else:
            log.critical("a component failed", part=part, exc_info=fault)
        if self.exit_code.done():
            return  # already stopping: another instance may have the calls, so they are not ours to move
        if self.term is None or part == EVACUATION:
            self.stop(FAILED)
        elif self.leading is not None and self.leading.standbys:
            log.critical("a standby takes over; no caller is sent to the fallback", standbys=self.leading.standbys)
            self.stop(FAILED)
        elif not self._failing:
            self._failing = True
            self.parts.run(EVACUATION, self._evacuate(self.term))

    async def _evacuate(self, term: Term) -> None:
        evacuated = await term.evacuate()
        log.critical("waiting callers were sent to the fallback", callers=evacuated.sent, left_in_asterisk=evacuated.left)
        self.stop(FAILED)

    # -- for HTTP and the service manager -----------------------------------------------------------------------

    def missing(self) -> list[str]:
        """What should be up and is not."""
        return self._start.missing() if self.term is None else self.term.missing()

    def role(self) -> Role:
        """Do we lead, and if another instance does, where is it?"""
        return Role("leader") if self.term is not None else Role("standby" if self.has_standby else "starting", self.leader)

    def notes(self) -> list[str]:
        """What an operator should know although we are ready."""
        set_aside = list(self.store.aside.notes) if isinstance(self.store, RedisStore) else []
        starts = self.restarts.too_many()
        again = [f"started {starts} times in a minute: callers are left to rescue for now"] if starts else []
        alone = [NO_STANDBY] if self.leading is not None and not self.leading.standbys else []
        return again + alone + set_aside + (self.term.notes() if self.term is not None else [])

    def unhealthy(self) -> list[str]:
        """Why we are not alive. Waiting to lead is not a reason."""
        return self.term.unhealthy() if self.term is not None else []

    def quiet(self) -> bool:
        """Would nobody notice if we did nothing for a tenth of a second?"""
        return self.term is None or self.term.quiet()

    def alive(self) -> bool:
        return not self.unhealthy()
