"""A reload: read and check, submit the plan to the core, and switch over everything else only when the core has adopted it.

read --(wrong, or for a restart only)--> refused
     --(dry run)--> what it would do
     --> the core --(refused, or raised)--> refused, nothing is changed
                  --> settings, tiers, memory, lookups, ledger at the same moment; then certificate, webhooks and alerts,
                      of which each may fail: the plan is in force, so that is a warning
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import structlog

from callbridge.adapters.files.tiers import TierFile
from callbridge.adapters.http import BadCertificate, ReloadResult
from callbridge.adapters.ledger import LedgerTerms, NoLedger
from callbridge.adapters.views.reload_report import reload_report
from callbridge.core.model.events import CampaignRecalled, PlanChanged
from callbridge.core.model.plan import Plan
from callbridge.core.model.sentence import Sentence
from callbridge.core.reload.plan_diff import Difference, difference
from callbridge.core.reload.sentences import listed
from callbridge.service.adapter_settings import hook_settings, ledger_terms
from callbridge.service.callers import tier_file
from callbridge.settings.differences import KeyChange, differences
from callbridge.settings.faults import ConfigFaults
from callbridge.settings.loading import load
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.adapters.webhooks.body import WebhookSettings
    from callbridge.service.process import Process
    from callbridge.service.term import Term

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RESTART_ONLY = ("instance", "pbx", "redis", "standby", "http", "log", "metrics", "fallback", "observe", "database", "history")
"""Sections of the configuration that are read at start only."""
OF_THE_PLAN = ("queues", "queue_defaults", "entries", "flows", "calendars", "surveys", "campaigns", "agents", "skills")
"""Sections whose changes are reported one by one."""
HOW_TO_FORCE = "callbridge reload --dry-run shows who is affected, callbridge reload --force reloads anyway"


class ReloadRefused(Exception):
    """The configuration is refused; one line per fault."""

    def __init__(self, *faults: Sentence) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class _Next:
    """A configuration that was read and checked, with what was derived from it in a thread."""

    settings: Settings
    plan: Plan
    hooks: list[WebhookSettings]
    ledger: dict[str, LedgerTerms]
    keys: list[KeyChange]

    @property
    def details(self) -> str:
        """The changed keys, as in ``ConfigReloaded``."""
        return json.dumps([asdict(one) for one in self.keys], ensure_ascii=False)


class Reloads:
    """One reload at a time. The requester may be cancelled; a reload that has begun is completed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Task[ReloadResult]] = set()

    async def reload(self, *, dry_run: bool, force: bool, by: str) -> ReloadResult:
        """Returns the result; refusals are logged."""
        work = asyncio.create_task(self._in_turn(dry_run=dry_run, force=force, by=by), name="reload")
        self._running.add(work)
        work.add_done_callback(self._running.discard)
        return await asyncio.shield(work)

    async def _in_turn(self, *, dry_run: bool, force: bool, by: str) -> ReloadResult:
        async with self._one_at_a_time:
            try:
                return await self._reload(dry_run=dry_run, force=force, by=by)
            except ReloadRefused as refused:
                if not dry_run:
                    _log_refused(refused.faults, by)
                return ReloadResult(faults=refused.faults)
            except Exception:  # any bug of ours: it must not look like a success
                log.exception("a reload raised an exception", by=by)
                return ReloadResult(faults=(Sentence("internal error; see the log"),))

    async def _reload(self, *, dry_run: bool, force: bool, by: str) -> ReloadResult:
        term = self._process.term
        if term is None and not self._process.stands_by:
            raise ReloadRefused(Sentence("still starting"))
        coming, tiers = await self._read()
        if term is None:
            return ReloadResult() if dry_run else self._of_a_standby(coming.settings, by)
        if dry_run:
            found = difference(term.world, coming.plan)
            return ReloadResult(report=self._report(found, coming, tiers, dry_run=True, force=force))
        recalled = await self._recall(term, coming.settings)
        sections = _other_sections(self._process.settings, coming.settings)
        event = PlanChanged(at=term.clock.now(), plan=coming.plan, force=force, by=by, details=coming.details)
        adopted = await term.runtime.adopt(event, lambda: self._switch_over(term, coming, tiers, recalled))
        if adopted is None:
            raise ReloadRefused(Sentence("internal error while the configuration was applied; see the log"))
        report = self._report(adopted, coming, tiers, dry_run=False, force=force, sections=sections)
        if report["refused"]:
            _log_refused(report["refused"], by, hint=HOW_TO_FORCE)
            return ReloadResult(faults=report["refused"], report=report)
        report["warnings"] += await self._follow(term, coming, by)
        _log_done(coming.settings, report, by)
        return ReloadResult(report=report)

    async def _follow(self, term: Term, coming: _Next, by: str) -> list[Sentence]:
        """Switch over what the core does not decide. Returns what could not follow."""
        failed = self._renew_certificate()
        try:
            await term.readers.hooks.adopt(coming.hooks)
        except Exception:  # any bug of ours
            log.exception("a reload raised an exception", by=by)
            failed.append(Sentence("internal error: the webhooks are those from before; see the log, then restart callbridge"))
        if self._process.alerting is not None:
            try:
                await self._process.alerting.adopt(coming.settings, coming.plan)
            except Exception:  # any bug of ours
                log.exception("a reload raised an exception", by=by)
                failed.append(Sentence("internal error: the alerts are those from before; see the log, then restart callbridge"))
        return failed

    def _renew_certificate(self) -> list[Sentence]:
        """It was checked with the configuration; new connections get it. Returns why not."""
        if self._process.certificate is not None:
            try:
                self._process.certificate.renew()
            except BadCertificate as trouble:
                log.error("the certificate was not renewed", why=str(trouble))
                return [Sentence("the certificate was not renewed: {why}", why=str(trouble))]
        return []

    def _of_a_standby(self, settings: Settings, by: str) -> ReloadResult:
        """It is in force when this instance leads; until then nobody is affected."""
        self._process.settings = settings
        self._renew_certificate()
        log.info("reloaded; in force when this instance leads", queues=len(settings.queues), agents=len(settings.agents), by=by)
        return ReloadResult()

    async def _read(self) -> tuple[_Next, TierFile]:
        """Raises ReloadRefused with everything that is wrong."""

        def read() -> _Next:
            settings = load(self._process.config, observed=self._process.observes)
            return _Next(
                settings=settings,
                plan=settings.plan(),
                hooks=hook_settings(settings),
                ledger=ledger_terms(settings),
                keys=differences(self._process.settings, settings),
            )

        try:
            coming = await asyncio.to_thread(read)
        except ConfigFaults as wrong:
            raise ReloadRefused(*(fault.in_parts for fault in wrong.faults)) from None
        faults = []
        if self._process.certificate is not None:
            try:
                await asyncio.to_thread(self._process.certificate.check)
            except BadCertificate as wrong:
                faults.append(Sentence(str(wrong)))
        fixed = [name for name in RESTART_ONLY if getattr(coming.settings, name) != getattr(self._process.settings, name)]
        if fixed:
            faults.append(Sentence("changes to {sections} need a restart", sections=listed([Sentence(name) for name in fixed])))
        tiers = tier_file(coming.settings)
        if self._process.term is not None and not await tiers.load():
            faults.append(Sentence("tiers.csv: {file} {fault}", file=str(coming.settings.tiers.csv), fault=tiers.fault))
        if faults:
            raise ReloadRefused(*faults)
        return coming, tiers

    async def _recall(self, term: Term, settings: Settings) -> list[CampaignRecalled]:
        """The recent attempts of campaigns that are new in this configuration."""
        try:
            new = settings.campaigns.keys() - self._process.settings.campaigns.keys()
            return await term.ledger.recall(new) if term.ledger is not None else []
        except NoLedger as trouble:
            cause = trouble.args[0] if trouble.args and isinstance(trouble.args[0], str) else str(trouble)
            unread = Sentence("{cause}: the history of the new campaigns cannot be read", cause=cause)
            raise ReloadRefused(unread) from None

    def _switch_over(self, term: Term, coming: _Next, tiers: TierFile, recalled: list[CampaignRecalled]) -> None:
        """The core has adopted the plan: everything else adopts it before any order of that step is sent."""
        self._process.settings = coming.settings
        term.adopt(coming.settings, tiers, coming.ledger)
        self._process.metrics.adopt(coming.plan, [hook.name for hook in coming.settings.webhooks])
        for each in recalled:
            term.runtime.post(each)

    def _report(
        self, found: Difference, coming: _Next, tiers: TierFile, *, dry_run: bool, force: bool, sections: list[str] | None = None
    ) -> dict[str, Any]:
        others = _other_sections(self._process.settings, coming.settings) if sections is None else sections
        csv, keys = str(coming.settings.tiers.csv), map(asdict, coming.keys)
        warnings = [one.in_parts for one in coming.settings.warnings]
        warnings += [Sentence("{file}: {row}", file=csv, row=row) for row in tiers.left_out()]
        return reload_report(found, dry_run=dry_run, force=force, sections=others, warnings=warnings, keys=keys)


def _other_sections(old: Settings, new: Settings) -> list[str]:
    known = (*OF_THE_PLAN, *RESTART_ONLY)
    return [name for name in Settings.model_fields if name not in known and getattr(old, name) != getattr(new, name)]


def _log_refused(faults: Sequence[str], by: str, **more: str) -> None:
    for fault in faults:
        log.error("reload refused", fault=fault, by=by, **more)


def _log_done(settings: Settings, report: dict[str, Any], by: str) -> None:
    for warning in settings.warnings:  # what the tier file left out was logged when it was read
        log.warning("the configuration is probably not what was intended", why=str(warning))
    touched = {kind: sum(len(row[kind]) for row in report["changes"] if row["kind"] == "queue") for kind in _TOUCHED}
    counts = {"queues": len(settings.queues), "agents": len(settings.agents), "campaigns": len(settings.campaigns)}
    log.info("reloaded", **counts, changes=len(report["changes"]), forced=report["forced"], by=by, **touched)


_TOUCHED = ("callers", "callbacks", "talks")
