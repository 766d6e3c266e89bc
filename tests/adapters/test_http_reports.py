"""Reports by HTTP: what each role gets, in every form, what is refused, and what a slow reader or a slow database costs."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.http import ApiToken, HttpSettings, TokenRole
from callbridge.adapters.ledger import LedgerRequests
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.adapters.report_forms import service as services
from callbridge.adapters.report_forms.forms import ReportForm
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.reports.asking import NoHistory, ReportRequest, make_report
from callbridge.core.model.facts import CallQuality
from callbridge.wire.reports import CATALOGUE, ReportOption
from tests.adapters.days import facts_of
from tests.adapters.http_desk import Client, ToyDesk, client_of
from tests.adapters.postgres import new_database
from tests.adapters.toy_reports import NINE, SITE, one_day, toy_reports, toy_url
from tests.adapters.waiting import HANGS

pytestmark = pytest.mark.slow

SETTINGS = HttpSettings(
    tokens=[
        ApiToken(name="wallboard", role=TokenRole.VIEWER, token="view"),
        ApiToken(name="ann", role=TokenRole.AGENT, token="ann", agent="ann"),
        ApiToken(name="boss", role=TokenRole.SUPERVISOR, token="boss"),
    ],
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with client_of(ToyDesk(), SETTINGS) as made:
        yield made


async def got(client: Client, path: str, token: str = "boss", status: int = 200) -> Any:
    async with client.get(path, headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json() if "json" in answer.content_type else await answer.read()


async def test_the_catalogue_lists_options_and_columns(client: Client) -> None:
    listed = {one["name"]: one for one in await got(client, "/api/reports")}
    assert listed.keys() == CATALOGUE.keys()
    assert listed["queues"]["options"] == ["by", "entry", "queue", "tier", "together"]
    (level,) = (one for one in listed["queues"]["columns"] if one["name"] == "service_level")
    assert level == {
        "name": "service_level",
        "kind": "share",
        "heading": "service level",
        "definition": "answered within the target / (answered + abandoned)",
    }
    assert (listed["queues"]["title"], listed["queues"]["charted"]) == ("Queues", ["offered", "abandoned"])
    chinese = {one["name"]: one for one in await got(client, "/api/reports?language=zh")}
    assert chinese["queues"]["title"] == "队列报表"
    assert chinese["queues"]["columns"][0]["heading"] == "时段"
    assert "no such language" in (await got(client, "/api/reports?language=fr", status=400))["detail"]
    assert [one["name"] for one in await got(client, "/api/reports", "ann")] == [
        name for name, one in CATALOGUE.items() if one.own
    ]
    assert [one["name"] for one in await got(client, "/api/reports", "view")] == [
        name for name, one in CATALOGUE.items() if not one.about_callers
    ]


async def test_calls_come_in_pages_the_newest_first_if_wanted(client: Client) -> None:
    day = "/api/reports/calls?from=2026-11-28&to=2026-11-28"

    async def page(more: str) -> str:
        return "".join(row["call"] for row in await got(client, f"{day}&{more}"))

    assert [await page(more) for more in ("limit=2", "newest=true&limit=2", "newest=true&limit=2&offset=2")] == ["ab", "cb", "a"]
    assert [await page(more) for more in ("offset=1", "limit=0", "offset=3")] == ["bc", "abc", ""]
    assert len(await got(client, "/api/reports/heatmap?from=2026-11-28&to=2026-11-28&limit=3&offset=1")) == 3
    for wrong in ("limit=-1", "limit=x", "limit=100001", "offset=10001", "newest=yes"):
        await got(client, f"{day}&{wrong}", status=400)
    assert "newest" in (await got(client, "/api/reports/queues?newest=true", status=400))["detail"]


async def test_the_story_of_a_call_is_told_to_those_of_its_queues(client: Client) -> None:
    path = "/api/reports/call?call=c&queue=support"
    rows = await got(client, path)
    assert [row["what"] for row in rows][:2] == ["call arrived", "queue entered"]
    lines = list(csv.DictReader(io.StringIO((await got(client, f"{path}&format=csv")).decode())))
    assert [(rows[at]["details"], lines[at]["details"]) for at in (0, -1)] == [
        ({"entry": "=main", "tier": "gold"}, "entry =main, tier gold"),
        ({"outcome": "abandoned"}, "outcome abandoned"),
    ]
    (described,) = (one for one in await got(client, "/api/reports") if one["name"] == "call")
    assert {one["name"]: one["kind"] for one in described["columns"]}["details"] == "fields"
    await got(client, "/api/reports/call?call=c&queue=q0", status=404)


async def test_a_report_comes_in_each_form(client: Client) -> None:
    path = "/api/reports/queues?from=2026-11-28&to=2026-11-28&by=day&queue=support,q0"
    (row,) = await got(client, path)
    assert (row["interval"], row["queue"], row["offered"], row["service_level"]) == ("2026-11-28", "support", 3, 0.3333)
    (line,) = csv.DictReader(io.StringIO((await got(client, f"{path}&format=csv")).decode()))
    assert (line["queue"], line["asa"]) == ("support", "25.0")
    assert (await got(client, f"{path}&format=excel")).startswith(b"\xef\xbb\xbf")
    assert (await got(client, f"{path}&format=html")).startswith(b"<!doctype html>")
    book: Any = load_workbook(io.BytesIO(await got(client, f"{path}&format=xlsx&language=zh")))
    assert [cell.value for cell in book["队列报表"]["C"]] == ["呼入量", 3]


async def test_one_call_and_names_together(client: Client) -> None:
    (row,) = await got(client, "/api/reports/tiers?from=2026-11-28&to=2026-11-28&together=true")
    assert (row["tier"], row["offered"]) == ("all", 3)
    assert (await got(client, "/api/reports/call?call=none", status=404))["detail"] == "no call 'none' in the history"
    assert (await got(client, "/api/reports/call", status=400))["detail"] == "the report call needs call"
    assert (await got(client, "/api/reports/call?call=none", "ann", 403))["detail"] == "this token has no access to this report"


async def test_files_are_attachments_that_nothing_keeps(client: Client) -> None:
    async with client.get("/api/reports/queues?format=excel", headers={"Authorization": "Bearer boss"}) as answer:
        assert answer.headers["Content-Disposition"] == 'attachment; filename="queues.csv"'
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


async def test_an_agents_token_gets_the_agents_own_figures(client: Client) -> None:
    assert [row["agent"] for row in await got(client, "/api/reports/agents?from=2026-11-28", "ann")] == ["ann"]
    assert (await got(client, "/api/reports/agents?agent=a0", "ann", 403))["detail"] == "this token is for one agent"
    assert (await got(client, "/api/reports/queues", "ann", 403))["detail"] == "this token has no access to this report"
    await got(client, "/api/reports/queues", "view")


def _measured(at: float, seq: int, agent: str) -> CallQuality:
    """By a browser's phone: nobody on a simulated day has one."""
    return CallQuality(
        seq=seq, at=at, call=f"of-{agent}", agent=agent, queue="q0", mos=4.2, worst_mos=4.0, codec="opus", received=900, lost=1
    )


@pytest.mark.parametrize("name", [name for name, one in CATALOGUE.items() if one.own])
async def test_a_report_that_agents_may_have_tells_of_the_one_agent_only(tmp_path: Path, name: str) -> None:
    """Of a simulated day on which several agents worked."""
    facts, url = facts_of(8), f"sqlite:///{tmp_path}/history.db"
    with closing(HistoryStore(url, People())) as store:
        store.open()
        store.write(facts, 0.0)
        measured = [_measured(facts[-1].at, seq, agent) for seq, agent in enumerate(("a0", "a1"), 1)]
        store.write(tuple(Stamper().stamp(99, measured)), 0.0)
    service = ReportService(url, lambda: SITE, lambda: facts[-1].at + 1)
    rows: dict[bool, Any] = {}
    for narrowed in (False, True):
        names = {ReportOption.AGENT: ("a0",)} if narrowed else {}
        asked = ReportRequest(name=name, begin=f"{datetime.fromtimestamp(facts[0].at - 86_400, UTC):%Y-%m-%d}", names=names)
        rows[narrowed] = json.loads(b"".join([piece async for piece in service.stream(asked, ReportForm.JSON)]))
    assert len({row["agent"] for row in rows[False]}) > 1
    assert {row["agent"] for row in rows[True]} <= {"a0", ""}


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("nothing", 404, "no such report"),
        ("queues?from=28.11.2026", 400, "'28.11.2026' is not a date: expected 2026-11-28, or 2026-11-28T09:30"),
        ("queues?from=2026-11-28&to=2026-11-27", 400, "the period ends before it begins"),
        ("calls?from=2026-11-28&to=2026-11-27", 400, "the period ends before it begins"),
        ("queues?from=2099-01-01&to=2099-02-01", 400, "the period lies in the future"),
        ("calls?from=2099-01-01", 400, "the period lies in the future"),
        ("queues?queue=suport", 404, "no such queue: 'suport' (known: q0, support)"),
        ("agents?queue=support", 400, "the report agents takes no queue: it takes by, agent"),
        ("queues?queue=a%00", 400, "a parameter must not contain control characters"),
        ("calls?outcome=answerd", 404, "no such outcome: 'answerd' (known: abandoned, agent_gone, answered, "),
        ("calls?from=2026-11-28&outcome=answered%27--", 404, "no such outcome: 'answered'--' (known: "),
        ("queues?by=2h", 400, "no such interval: '2h' (known: whole, 15m"),
        ("queues?format=pdf", 400, "no such format: 'pdf' (known: json, csv, excel, xlsx, html"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(client: Client, path: str, status: int, detail: str) -> None:
    assert (await got(client, f"/api/reports/{path}", status=status))["detail"].startswith(detail)


async def test_without_a_history_it_is_said(tmp_path: Any) -> None:
    away = f"sqlite:///{tmp_path}/x/none.db"
    for url, words in ((None, "there is no history: add the section"), (away, "the history cannot be read: ")):
        with pytest.raises(NoHistory, match=words):
            await everything(ReportService(url, lambda: SITE))


async def test_what_the_configuration_does_not_have_is_not_implemented_rather_than_away() -> None:
    """Nobody needs to try again: the answer says which section is to be added."""

    class WithoutDatabase(ToyDesk):
        def reports(self) -> ReportService:
            return reports

        def ledger(self) -> LedgerRequests:
            return replace(super().ledger(), store=None)

    with closing(ReportService(None, lambda: SITE)) as reports:
        async with client_of(WithoutDatabase(), SETTINGS) as client:
            for path in ("reports/queues", "do-not-call"):
                async with client.get(f"/api/{path}", headers={"Authorization": "Bearer boss"}) as answer:
                    assert (answer.status, "Retry-After" in answer.headers) == (501, False)
                    assert "add the section 'database:' to the configuration" in (await answer.json())["detail"]


async def everything(reports: ReportService, name: str = "queues") -> list[bytes]:
    asked = ReportRequest(name=name, begin="2026-11-28", by="15m")
    return [piece async for piece in reports.stream(asked, ReportForm.JSON)]


@pytest.fixture(scope="module")
def on_postgresql() -> str:
    url = new_database()
    one_day(url)
    return url


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOGUE)
async def test_every_report_is_made_on_postgresql_as_on_sqlite(on_postgresql: str, name: str) -> None:
    by, call = ("1h" if "by" in CATALOGUE[name].options else ""), ("a" if CATALOGUE[name].needs is ReportOption.CALL else "")
    asked = ReportRequest(name=name, begin="2026-11-27", end="2026-11-28", by=by, call=call)
    made = []
    for url in (on_postgresql, toy_url()):
        service = ReportService(url, lambda: SITE, lambda: NINE + 3600)
        with closing(service):
            made += [b"".join([piece async for piece in service.stream(asked, ReportForm.JSON)])]
    assert made[0] == made[1]
    assert made[0].startswith(b"[")


async def test_more_reports_than_may_wait_are_refused_and_the_others_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()

    def when_free(*asked: Any) -> Any:
        assert free.wait(HANGS)
        return make_report(*asked)

    monkeypatch.setattr(services, "make_report", when_free)
    reports = toy_reports()
    most = services.REPORTS_AT_ONCE + services.MOST_REPORTS_WAITING
    asked = [asyncio.ensure_future(everything(reports)) for _ in range(most + 3)]
    done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=HANGS)
    assert "too many reports" in str(done.pop().exception())
    free.set()
    await asyncio.wait(waiting, timeout=HANGS)
    results = [one for one in asked if one.exception() is None]
    assert len(results) == most
    rows = [json.loads(b"".join(one.result())) for one in results]
    assert all(one == rows[0] for one in rows)


async def test_a_reader_who_leaves_and_one_who_is_slow_free_their_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PIECE_READ_WITHIN", 0.1)
    monkeypatch.setattr(services, "written", lambda *_: (b"piece" for _ in range(1000)))
    reports = ReportService(toy_url(), lambda: SITE, lambda: NINE + 3600)
    asked = ReportRequest(name="queues", begin="2026-11-28")
    leaving = reports.stream(asked, ReportForm.JSON)
    assert await anext(leaving) == b"piece"
    await leaving.aclose()
    slow = reports.stream(asked, ReportForm.JSON)
    assert await anext(slow) == b"piece"
    async with asyncio.timeout(HANGS):
        while reports._threads._open:
            await asyncio.sleep(0.02)
    await slow.aclose()


async def test_a_database_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PIECE_WITHIN", 0.05)
    freed = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(services, "make_report", lambda *_: asyncio.run_coroutine_threadsafe(freed.wait(), loop).result())
    with pytest.raises(NoHistory, match="does not answer in time"):
        await everything(ReportService(toy_url(), lambda: SITE))
    freed.set()
