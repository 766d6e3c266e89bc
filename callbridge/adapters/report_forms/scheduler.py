"""Sends reports when they are due: not again after a restart, once after a time in which we were away, and again where it failed.

What has been sent to each target stands in the database. A report is noted as sent after it was: only a crash between the two
sends it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import cause_of
from callbridge.adapters.mail import MailSettings
from callbridge.adapters.report_forms.delivered import delivered_until, delivery_key, note_delivered
from callbridge.adapters.report_forms.deliveries import ReportDeliveries, ReportFile, ReportNotDelivered, ReportTarget
from callbridge.adapters.report_forms.forms import MEDIA, SUFFIX, ReportForm
from callbridge.adapters.report_forms.schedule import DueReport, ReportPeriod, latest_due
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.report_forms.words import Language, title
from callbridge.adapters.reports.asking import BadReportRequest, NoHistory, ReportRequest
from callbridge.adapters.system.threads import Threads, ThreadsBusy
from callbridge.core.model.sentence import Sentence

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SCHEDULE_EVERY = 20.0
"""Seconds."""
FIRST_REPORT_RETRY, MAX_REPORT_RETRY = 60.0, 3600.0
"""Seconds until a report that failed is sent again, doubling up to the longest."""
NOTE_WITHIN = 30.0
MOST_BYTES = 200 * 1024 * 1024
"""Of a report that is sent; a longer one is a fault of its schedule."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledReport:
    """``targets``: a text that stands for each, and where it is. ``request``: without its period."""

    name: str
    request: ReportRequest
    period: ReportPeriod
    at: str
    form: ReportForm
    language: Language
    targets: Sequence[tuple[str, ReportTarget]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlan:
    """What the configuration says now."""

    zone: ZoneInfo
    scheduled: Sequence[ScheduledReport]
    mail: MailSettings | None


class ScheduleObserver(Protocol):
    """Who counts."""

    def report_sent(self, schedule: str, result: str) -> None:
        """One attempt: ``done`` or ``failed``."""

    def reports_owed(self, owed: dict[str, int]) -> None:
        """Of each schedule, the targets that a report could not be sent to yet."""


@dataclass(slots=True)
class _Progress:
    """Of one schedule and target. ``until``: the end of the last period that was sent."""

    until: float | None = None
    failures: int = 0
    again_at: float = 0.0


class ReportScheduler:
    """``plan`` is asked at each look, so a reload is in force within seconds. ``wall``: the clock on the wall.
    ``behind``: the history cannot be written now, so a report would lack something."""

    def __init__(
        self,
        plan: Callable[[], ReportPlan],
        reports: ReportService,
        observer: ScheduleObserver,
        wall: Callable[[], float],
        behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self._behind = behind
        self._plan, self._reports, self._observer, self._wall = plan, reports, observer, wall
        self._deliveries = ReportDeliveries()
        self._threads = Threads("report schedule")
        self._progress: dict[str, _Progress] = {}

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(SCHEDULE_EVERY)
                if not self._behind():
                    await self.look()
        finally:
            self._deliveries.close()
            self._threads.close()

    async def look(self) -> None:
        """Send what is due."""
        plan = self._plan()
        owed: dict[str, int] = {}
        for one in plan.scheduled:
            due = latest_due(one.period, one.at, plan.zone, self._wall())
            made: ReportFile | None = None
            for text, target in one.targets:
                key = delivery_key(one.name, text)
                progress = self._progress.setdefault(key, _Progress())
                try:
                    if await self._is_due(key, progress, due):
                        made = made or await self._make(one, due)
                        await self._deliveries.deliver(made, target, plan.mail)
                        await self._note(key, progress, due)
                        self._observer.report_sent(one.name, "done")
                        log.info("report sent", report=one.name, period=due.label)
                except (ReportNotDelivered, NoHistory, BadReportRequest) as trouble:
                    self._failed(one, due, progress, str(trouble))
                except Exception as fault:  # noqa: BLE001 - whatever is wrong with a report, calls go on
                    self._failed(one, due, progress, f"an internal error: {fault!r}")
                owed[one.name] = owed.get(one.name, 0) + (progress.failures > 0)
        self._observer.reports_owed(owed)

    async def _is_due(self, key: str, progress: _Progress, due: DueReport) -> bool:
        """A schedule that is new begins with the next report."""
        if self._wall() < progress.again_at:
            return False
        if progress.until is None:
            found = await self._ask(lambda engine: delivered_until(engine, key))
            if found is None:
                await self._note(key, progress, due)
            else:
                progress.until = found
        return progress.until is not None and progress.until < int(due.ended)

    async def _note(self, key: str, progress: _Progress, due: DueReport) -> None:
        now = self._wall()
        progress.until = due.ended  # even if it cannot be noted: this process does not send it again
        progress.failures, progress.again_at = 0, 0.0
        await self._ask(lambda engine: note_delivered(engine, key, due.ended, now))

    async def _make(self, one: ScheduledReport, due: DueReport) -> ReportFile:
        request = ReportRequest(
            name=one.request.name,
            begin=due.first.isoformat(),
            end=due.last.isoformat(),
            by=one.request.by,
            names=one.request.names,
        )
        content = bytearray()
        async for piece in self._reports.stream(request, one.form, one.language):
            content += piece
            if len(content) > MOST_BYTES:
                raise ReportNotDelivered(f"it has more than {MOST_BYTES:,} bytes: choose a shorter period or longer intervals")
        days = due.first.isoformat() + (f" – {due.last.isoformat()}" if due.last > due.first else "")
        return ReportFile(
            key=f"{one.name}/{due.label}",
            name=f"{one.name}-{due.label}.{SUFFIX.get(one.form, one.form)}",
            media=MEDIA[one.form],
            content=bytes(content),
            subject=f"{title(one.request.name, one.language)}, {due.label} ({one.name})",
            text=f"{title(one.request.name, one.language)}: {days}\n",
        )

    async def _ask(self, work: Callable[[Engine], Found]) -> Found:
        """Of the database. Raises NoHistory."""
        database = self._reports.database()
        try:
            async with asyncio.timeout(NOTE_WITHIN):
                return await self._threads.run(lambda: work(database.engine), database.cut)
        except (TimeoutError, ThreadsBusy):
            raise NoHistory("the database does not answer") from None
        except SQLAlchemyError as trouble:
            raise NoHistory(Sentence("the history cannot be read: {cause}", cause=cause_of(trouble))) from None

    def _failed(self, one: ScheduledReport, due: DueReport, progress: _Progress, why: str) -> None:
        pause = min(MAX_REPORT_RETRY, FIRST_REPORT_RETRY * 2.0 ** min(progress.failures, 20))
        progress.failures += 1
        progress.again_at = self._wall() + pause
        self._observer.report_sent(one.name, "failed")
        log.error("report not sent", report=one.name, period=due.label, why=why, attempts=progress.failures, again_in=pause)
