"""Scheduled reports: when they are due, and that each target gets each report once, over restarts, absences and failures."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from callbridge.adapters.mail import MailSettings
from callbridge.adapters.report_forms import deliveries
from callbridge.adapters.report_forms.deliveries import ReportTarget, ToFolder, ToMail, ToWebhook
from callbridge.adapters.report_forms.forms import ReportForm
from callbridge.adapters.report_forms.schedule import ReportPeriod, latest_due
from callbridge.adapters.report_forms.scheduler import FIRST_REPORT_RETRY, ReportPlan, ReportScheduler, ScheduledReport
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.report_forms.words import Language
from callbridge.adapters.reports.asking import ReportRequest
from tests.adapters.postgres import new_database
from tests.adapters.smtp_server import smtp_server
from tests.adapters.toy_reports import SITE, one_day

LONDON, BERLIN = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")


def moment(text: str, zone: ZoneInfo = LONDON) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


# -- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "now", "label", "first", "last"),
    [
        ("yesterday", "2026-11-29T07:00", "2026-11-28", "2026-11-28", "2026-11-28"),
        ("yesterday", "2026-11-29T06:59", "2026-11-27", "2026-11-27", "2026-11-27"),
        ("last_week", "2026-11-30T07:00", "2026-W48", "2026-11-23", "2026-11-29"),
        ("last_week", "2026-11-30T06:59", "2026-W47", "2026-11-16", "2026-11-22"),
        ("last_week", "2027-01-05T12:00", "2026-W53", "2026-12-28", "2027-01-03"),
        ("last_month", "2026-12-01T07:00", "2026-11", "2026-11-01", "2026-11-30"),
        ("last_month", "2026-12-01T06:00", "2026-10", "2026-10-01", "2026-10-31"),
        ("last_month", "2027-01-31T23:59", "2026-12", "2026-12-01", "2026-12-31"),
    ],
)
def test_the_report_that_was_due_last(period: str, now: str, label: str, first: str, last: str) -> None:
    due = latest_due(ReportPeriod(period), "07:00", LONDON, moment(now))
    assert (due.label, due.first.isoformat(), due.last.isoformat()) == (label, first, last)
    assert due.ended <= due.due <= moment(now)


def test_a_time_that_a_change_of_the_clocks_leaves_out_or_repeats_comes_once() -> None:
    for day in ("2026-03-29", "2026-10-25"):
        begin = moment(f"{day}T00:00", BERLIN)
        labels = [latest_due(ReportPeriod.YESTERDAY, "02:30", BERLIN, begin + at * 60).label for at in range(24 * 60)]
        assert len(set(labels)) == 2
        assert labels == sorted(labels)


# -- sending ----------------------------------------------------------------------------------------------------------


@dataclass
class Site:
    """A history of 2026-11-28, a clock that the test moves, and what is counted."""

    url: str
    now: float = moment("2026-11-28T12:00")
    mail: MailSettings | None = None
    scheduled: list[ScheduledReport] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    owed: dict[str, int] = field(default_factory=dict)
    services: list[ReportService] = field(default_factory=list)

    def report_sent(self, schedule: str, result: str) -> None:
        self.sent.append((schedule, result))

    def reports_owed(self, owed: dict[str, int]) -> None:
        self.owed = owed

    def started(self) -> ReportScheduler:
        """As after a start: it remembers nothing."""
        service = ReportService(self.url, lambda: SITE, lambda: self.now)
        self.services.append(service)
        return ReportScheduler(
            lambda: ReportPlan(zone=LONDON, scheduled=self.scheduled, mail=self.mail), service, self, lambda: self.now
        )

    def schedule(self, *targets: ReportTarget, form: ReportForm = ReportForm.CSV) -> None:
        named: Sequence[tuple[str, ReportTarget]] = [(repr(target), target) for target in targets]
        request = ReportRequest(name="queues", by="day")
        self.scheduled = [
            ScheduledReport(
                name="morning",
                request=request,
                period=ReportPeriod.YESTERDAY,
                at="07:00",
                form=form,
                language=Language.ENGLISH,
                targets=named,
            )
        ]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    url = f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()
    one_day(url)
    made = Site(url)
    yield made
    for service in made.services:
        service.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "reports"
    made.mkdir()
    return made


@dataclass
class Posted:
    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@asynccontextmanager
async def receiver() -> AsyncIterator[Posted]:
    posted = Posted()

    async def take(request: web.Request) -> web.Response:
        posted.got.append((dict(request.headers), await request.read()))
        return web.Response(status=posted.status)

    app = web.Application()
    app.router.add_post("/reports", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    assert runner.addresses
    posted.url = f"http://127.0.0.1:{runner.addresses[0][1]}/reports"
    try:
        yield posted
    finally:
        await runner.cleanup()


async def test_each_target_gets_each_report_once_also_after_restarts(site: Site, folder: Path) -> None:
    async with smtp_server() as server, receiver() as posted:
        site.mail = MailSettings(host="127.0.0.1", port=server.port, sender="cb@example.com", tls="off")
        site.schedule(ToMail(("lead@example.com",)), ToFolder(folder), ToWebhook(posted.url, "a secret of the tests"))
        scheduler = site.started()
        await scheduler.look()
        assert (server.messages, list(folder.iterdir()), posted.got) == ([], [], [])  # a new schedule begins with the next one
        site.now = moment("2026-11-29T07:00")
        for again in (scheduler, scheduler, site.started()):
            await again.look()
        (mailed,) = server.messages
        (file,) = folder.iterdir()
        ((headers, body),) = posted.got
    (attached,) = mailed.iter_attachments()
    assert mailed["Subject"] == "Queues, 2026-11-28 (morning)"
    assert (file.name, attached.get_filename()) == ("morning-2026-11-28.csv",) * 2
    content = file.read_bytes()
    assert b"2026-11-28,support,3,2,1," in content
    assert body == content == str(attached.get_content()).encode().replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")
    signed = hmac.new(b"a secret of the tests", headers["X-Callbridge-Timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["X-Callbridge-Signature"] == f"sha256={signed.hexdigest()}"
    assert headers["X-Callbridge-Id"] == "morning/2026-11-28"
    assert site.sent == [("morning", "done")] * 3


async def test_after_an_absence_the_last_report_is_made_up_for_once(site: Site, folder: Path) -> None:
    site.schedule(ToFolder(folder))
    await site.started().look()
    site.now = moment("2026-12-02T11:00")
    scheduler = site.started()
    await scheduler.look()
    await scheduler.look()
    assert [file.name for file in folder.iterdir()] == ["morning-2026-12-01.csv"]


async def test_a_target_that_fails_is_tried_again_later_and_holds_up_no_other(site: Site, folder: Path, tmp_path: Path) -> None:
    async with receiver() as posted:
        posted.status = 503
        missing = tmp_path / "missing"
        site.schedule(ToWebhook(posted.url, "a secret of the tests"), ToFolder(missing), ToFolder(folder))
        scheduler = site.started()
        await scheduler.look()
        site.now = due = moment("2026-11-29T07:00")
        await scheduler.look()
        assert len(list(folder.iterdir())) == 1
        assert (site.owed, len(posted.got)) == ({"morning": 2}, 1)
        site.now += FIRST_REPORT_RETRY - 1
        await scheduler.look()
        assert len(posted.got) == 1
        posted.status = 200
        site.now = due + FIRST_REPORT_RETRY
        await scheduler.look()
        assert (site.owed, len(posted.got)) == ({"morning": 1}, 2)
        missing.mkdir()
        site.now += 2 * FIRST_REPORT_RETRY
        await scheduler.look()
        assert site.owed == {"morning": 0}
        assert [file.name for file in missing.iterdir()] == ["morning-2026-11-28.csv"]
    assert sorted(site.sent) == [("morning", "done")] * 3 + [("morning", "failed")] * 3


async def test_a_failed_report_is_still_owed_after_a_restart(site: Site, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    site.schedule(ToFolder(missing))
    await site.started().look()
    site.now = moment("2026-11-29T07:00")
    await site.started().look()
    missing.mkdir()
    await site.started().look()
    assert [file.name for file in missing.iterdir()] == ["morning-2026-11-28.csv"]


async def test_a_mail_that_is_too_large_or_has_no_server_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.schedule(ToMail(("lead@example.com",)))
    scheduler = site.started()
    await scheduler.look()
    site.now = moment("2026-11-29T07:00")
    await scheduler.look()
    site.mail = MailSettings(host="127.0.0.1", port=1, sender="cb@example.com", tls="off")
    monkeypatch.setattr(deliveries, "MOST_MAILED", 10)
    site.now += FIRST_REPORT_RETRY
    await scheduler.look()
    said = capsys.readouterr().out
    assert "there is no section 'mail:'" in said
    assert "too many for a mail: use a folder" in said
    assert site.sent == [("morning", "failed")] * 2


async def test_a_database_that_is_away_and_a_fault_of_a_report_cost_a_delay_only(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.schedule(ToFolder(folder))
    scheduler = site.started()
    await scheduler.look()
    site.now = moment("2026-11-29T07:00")
    with monkeypatch.context() as broken:
        broken.setattr("callbridge.adapters.report_forms.service.make_report", lambda *_: json.loads("no JSON"))
        await scheduler.look()
    assert site.owed == {"morning": 1}
    await replace(site, url="sqlite:////no/such/folder/history.db").started().look()
    site.now += FIRST_REPORT_RETRY
    await scheduler.look()
    assert [file.name for file in folder.iterdir()] == ["morning-2026-11-28.csv"]


async def test_what_a_reload_schedules_differently_begins_with_the_next_report(site: Site, folder: Path) -> None:
    scheduler = site.started()
    await scheduler.look()
    site.now = moment("2026-11-29T12:00")
    site.schedule(ToFolder(folder), form=ReportForm.XLSX)
    await scheduler.look()
    assert list(folder.iterdir()) == []
    site.now = moment("2026-11-30T07:00")
    await scheduler.look()
    names: Any = [file.name for file in folder.iterdir()]
    assert names == ["morning-2026-11-29.xlsx"]
