"""A ledger whose database says nothing: nothing else stops for it, nothing piles up, and all is written, once, when it is back.

First a database that is stuck for as long as a test wants, then a real PostgreSQL that stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import DatabaseError, OperationalError

from callbridge.adapters.database import BadDatabase, NotAnswering
from callbridge.adapters.ledger import (
    CampaignLedger,
    LedgerRequests,
    LedgerStore,
    NoLedger,
    requests,
    service,
    trial,
    trouble_of,
    writer,
)
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.system.tasks import end
from callbridge.adapters.views.board import Board
from callbridge.core.model.events import (
    AnyEvent,
    AttemptClosed,
    AttemptsReserved,
    CampaignRecalled,
    LeadsFound,
    NumberBlocked,
    OrderFailed,
)
from callbridge.core.model.orders import BlockNumber, CloseAttempt, FindLeads, ReserveAttempts
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.adapters.postgres import impatient, new_database, stopped
from tests.adapters.test_ledger import T0, TERMS, attempt, fill, number
from tests.adapters.waiting import HANGS
from tests.core.test_campaigns import begin as begin_campaign
from tests.core.test_campaigns import house

pytestmark = pytest.mark.slow

LONG = True


class Stuck(LedgerStore):
    """A database that can be made to say nothing; anybody who is cut off from it gets what a broken connection gives."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"sqlite:///{folder}/ledger.db")
        self.answers = threading.Event()
        self.answers.set()
        self.can_be_cut = True
        self.cuts: set[int] = set()
        self.asked: list[str] = []

    def cut(self, thread: int) -> None:
        if self.can_be_cut:
            self.cuts.add(thread)

    def _wait(self, what: str) -> None:
        self.asked.append(what)
        while not self.answers.wait(0.002):
            if threading.get_ident() in self.cuts:
                self.cuts.discard(threading.get_ident())
                raise OperationalError(what, {}, Exception("server closed the connection unexpectedly"))

    def open(self) -> None:
        try:
            self._wait("open")
        except OperationalError:
            raise NotAnswering("it does not answer") from None
        super().open()

    def ping(self) -> None:
        self._wait("ping")
        super().ping()

    def find(self, *arguments: Any, **more: Any) -> Any:
        self._wait("find")
        return super().find(*arguments, **more)

    def record(self, attempt: Any, *arguments: Any, **more: Any) -> None:
        self._wait(f"record {attempt.id}")
        super().record(attempt, *arguments, **more)

    def count(self, campaign: str) -> dict[str, int]:
        self._wait("count")
        return super().count(campaign)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stuck]:
    """And everybody's patience is short."""
    for module, name, seconds in (
        (writer, "WRITE_WITHIN", 0.2),
        (writer, "LAST_WITHIN", 0.1),
        (writer, "WRITE_RETRY", 0.02),
        (writer, "PING_EVERY", 0.1),
        (service, "START_WITHIN", HANGS),
        (service, "OPEN_AGAIN", 0.05),
        (requests, "LEDGER_TIMEOUT", 0.3),
    ):
        monkeypatch.setattr(module, name, seconds)
    with closing(Stuck(tmp_path)) as made:
        LedgerStore.open(made)
        fill(made, 100)
        monkeypatch.setattr(service, "LedgerStore", lambda url, within: made)
        yield made
        made.answers.set()


class Running:
    """A ledger at work, and what it tells."""

    def __init__(self, url: str = "", alive: frozenset[str] = frozenset(), wall: Callable[[], float] = lambda: T0) -> None:
        self.told: list[AnyEvent] = []
        self.ledger = CampaignLedger(url, self.told.append, lambda: T0, wall, lambda: alive, ZoneInfo("UTC"))
        self.ledger.adopt({"spring": TERMS}, PhoneNumbers("GB"))
        self.world = begin_campaign(house()).story.world
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Running:
        self.told += await self.ledger.begin()
        self.task = asyncio.create_task(self.ledger.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.task is not None
        await end((self.task,))
        await self.ledger.close()

    def desk(self) -> LedgerRequests:
        return LedgerRequests(
            world=self.world,
            store=self.ledger.store,
            now=lambda: T0,
            wall=lambda: T0,
            day_began=lambda: 0.0,
            post=self.told.append,
            readers=self.ledger.readers,
            trouble=self.ledger.trouble,
        )

    def of(self, kind: type[object]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    async def until(self, wanted: Callable[[], object], limit: float = HANGS) -> None:
        async with asyncio.timeout(limit):
            while not wanted():
                await asyncio.sleep(0.005)


def reserve(book: LedgerStore, count: int) -> list[str]:
    """So many attempts under way."""
    names = [f"a{index}" for index in range(1, count + 1)]
    book.reserve("spring", TERMS, [(name, index) for index, name in enumerate(names, 1)], T0)
    return names


async def nothing_else_waits(metrics: Metrics) -> None:
    """A scrape, a name's address and a job of the loop's executor come to their end while a database (or a disk) is silent."""
    async with asyncio.timeout(HANGS):
        resolved = asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
        await asyncio.gather(metrics.render(), resolved, asyncio.to_thread(lambda: None))


async def test_a_database_that_answers_late_holds_up_a_start_for_a_moment_only_and_is_not_called_away(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "HOLDS_START", 0.05)
    stuck.answers.clear()
    began = time.monotonic()
    async with Running() as running:
        assert time.monotonic() - began < HANGS / 2, "callers are served now"
        assert running.told == []
        stuck.answers.set()
        await running.until(lambda: running.of(CampaignRecalled))
        assert running.ledger.trouble() == ""


async def test_an_end_does_not_wait_for_a_database_that_has_not_answered_at_start(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "HOLDS_START", 0.05)
    stuck.answers.clear()
    began = time.monotonic()
    async with Running():
        pass
    assert time.monotonic() - began < HANGS / 2


async def test_requests_about_campaigns_keep_nothing_else_waiting_and_those_too_many_are_refused_at_once(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PING_EVERY", 10 * HANGS)  # nobody knows yet that it does not answer
    async with Running() as running:
        await running.until(lambda: "open" in stuck.asked)
        metrics = Metrics(Board(), lambda: 0.0)
        stuck.answers.clear()
        stuck.can_be_cut = False
        waiting = [asyncio.create_task(running.desk().campaign("spring")) for _ in range(20)]
        said: list[str] = []
        for task in waiting:
            task.add_done_callback(lambda task: said.append(str(task.exception())))
        await nothing_else_waits(metrics)
        await running.until(lambda: len(said) == 20)
        assert all(isinstance(task.exception(), NoLedger) for task in waiting)
        busy = ["the database is busy with other requests: try again later"]
        most = service.READERS + service.MAX_WAITING_REQUESTS
        assert said[:-most] == busy * (20 - most), "they are told before anybody is given up"
        assert busy[0] not in said[-most:]
        assert stuck.asked.count("count") == service.READERS
        stuck.answers.set()
        found: dict[str, object] | None = None
        async with asyncio.timeout(HANGS):
            while found is None:
                with contextlib.suppress(NoLedger):
                    found = await running.desk().campaign("spring")
                await asyncio.sleep(0.01)
        assert found["leads"] == {"ready": 100}


async def test_a_request_that_is_given_up_frees_its_thread(stuck: Stuck) -> None:
    async with Running() as running:
        await running.until(lambda: "open" in stuck.asked)
        stuck.answers.clear()
        for _ in range(service.READERS + service.MAX_WAITING_REQUESTS + 1):
            running.ledger.writer.works()  # as if nobody knew yet
            with pytest.raises(NoLedger, match="does not answer"):
                await running.desk().campaign("spring")


async def test_while_it_is_known_to_be_away_nobody_waits_and_everybody_is_told_since_when(stuck: Stuck) -> None:
    async with Running() as running:
        stuck.answers.clear()
        await running.until(running.ledger.trouble)  # nothing was asked of it: it was looked after
        assert running.ledger.trouble() == "the database has not answered since 1970-01-12 13:46:40"
        assert running.ledger.figures() == (False, 0)
        asked = stuck.asked.count("count")
        for _ in range(50):
            with pytest.raises(NoLedger, match="since 1970-01-12 13:46:40"):
                await running.desk().campaign("spring")
        assert stuck.asked.count("count") == asked
        (row,) = running.desk().campaigns()
        assert (row["state"], row["why_not"]) == ("running", running.ledger.trouble())
        stuck.answers.set()
        await running.until(lambda: not running.ledger.trouble())
        assert running.ledger.figures() == (True, 0)


@pytest.mark.parametrize("can_be_cut", [True, False])
async def test_what_cannot_be_written_waits_once_and_is_written_once(stuck: Stuck, can_be_cut: bool) -> None:
    names = reserve(stuck, 60)
    async with Running(alive=frozenset(names)) as running:
        await running.until(lambda: "open" in stuck.asked)
        stuck.answers.clear()
        stuck.can_be_cut = can_be_cut
        for round in range(40):
            for index, name in enumerate(names, 1):
                running.ledger.perform(CloseAttempt(attempt=attempt(name, index), at=T0 + round))
            running.ledger.perform(FindLeads(campaign="spring", count=5))
            running.ledger.perform(BlockNumber(number=number(99), campaign="", reason="asked", by="amy"))
            if round % 10 == 0:
                await asyncio.sleep(0.05)
        await running.until(running.ledger.trouble)
        up, pending = running.ledger.figures()
        assert not up
        assert pending <= 63, "an order for each attempt, one to find leads, one number, and one that is tried"
        stuck.answers.set()
        await running.until(lambda: not running.ledger.writer.waiting)
        closed = [event.attempt for event in running.of(AttemptClosed)]
        assert set(closed) == set(names)
        assert len(closed) <= 61
        assert len(running.of(NumberBlocked)) == 1
        assert stuck.outcomes("spring", 0.0) == {"busy": 60}
        assert running.ledger.figures() == (True, 0)


async def test_a_question_that_has_no_answer_does_not_stand_before_what_must_be_written(stuck: Stuck) -> None:
    """Finding leads may be what is too slow, and not the database."""
    names = reserve(stuck, 1)

    class Slow(OperationalError):
        pass

    def find(*_: Any, **__: Any) -> Any:
        raise Slow("SELECT", {}, Exception("canceling statement due to statement timeout"))

    stuck.find = find  # type: ignore[method-assign]
    async with Running(alive=frozenset(names)) as running:
        running.ledger.perform(FindLeads(campaign="spring", count=5))
        running.ledger.perform(CloseAttempt(attempt=attempt("a1"), at=T0))
        await running.until(lambda: running.of(AttemptClosed))
        assert running.of(LeadsFound) == []


async def test_what_raises_is_told_so_that_it_is_tried_again_later(stuck: Stuck) -> None:
    def record(*_: Any, **__: Any) -> None:
        raise ValueError("odd")

    stuck.record = record  # type: ignore[method-assign]
    async with Running() as running:
        order = CloseAttempt(attempt=attempt("a1"), at=T0)
        running.ledger.perform(order)
        await running.until(lambda: running.of(OrderFailed))
        (failed,) = running.of(OrderFailed)
        assert failed.order == order


async def test_a_start_does_not_wait_for_it_and_what_was_left_open_is_closed_when_it_answers(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "START_WITHIN", 0.2)
    names = reserve(stuck, 3)
    stuck.answers.clear()
    async with Running(alive=frozenset({"a3"})) as running:
        assert running.told == []
        assert "has not answered since" in running.ledger.trouble()
        running.ledger.perform(FindLeads(campaign="spring", count=2))
        await asyncio.sleep(0.2)
        assert running.told == [], "nobody is found, so nobody is dialled"
        assert await running.ledger.recall({"summer"}) == []
        running.ledger.adopt({"spring": TERMS, "summer": TERMS}, PhoneNumbers("GB"))
        stuck.answers.set()
        await running.until(lambda: running.of(LeadsFound))
        first, second, *others = running.told
        assert {type(first), type(second)} == {CampaignRecalled}, "the windows, before anybody may be dialled"
        assert [type(event) for event in others] == [LeadsFound]
        assert stuck.outcomes("spring", 0.0) == {"unknown": 2, "under way": 1}
        assert names[2] == "a3"


async def test_a_database_that_is_none_any_more_ends_nothing_but_campaigns(stuck: Stuck) -> None:
    def ping() -> None:
        raise DatabaseError("SELECT", {}, Exception("file is not a database"))

    stuck.ping = ping  # type: ignore[method-assign]
    async with Running() as running:
        await running.until(running.ledger.trouble)
        running.ledger.perform(FindLeads(campaign="spring", count=2))
        await running.until(lambda: running.of(LeadsFound))
        assert running.task is not None
        assert not running.task.done()


async def test_an_end_does_not_wait_for_it(stuck: Stuck) -> None:
    async with Running() as running:
        await running.until(lambda: "open" in stuck.asked)
        stuck.answers.clear()
        stuck.can_be_cut = False
        for index in range(1, 30):
            running.ledger.perform(CloseAttempt(attempt=attempt(f"a{index}", index), at=T0))
    assert not stuck.answers.is_set()


async def test_a_disk_for_recordings_that_is_stuck_costs_one_figure_and_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go, looks = threading.Event(), list[str]()

    def usage(folder: Path) -> object:
        looks.append(str(folder))
        assert let_go.wait(HANGS)
        raise OSError

    monkeypatch.setattr("callbridge.adapters.files.disk.shutil.disk_usage", usage)
    monkeypatch.setattr("callbridge.adapters.files.disk.DISK_TIMEOUT", 0.05)
    metrics = Metrics(Board(), lambda: 0.0, recordings=tmp_path)
    texts = [await metrics.render() for _ in range(10)]
    assert all(b"callbridge_recording_disk_free_bytes NaN" in text for text in texts)
    assert len(looks) == 1
    await nothing_else_waits(Metrics(Board(), lambda: 0.0))
    let_go.set()


async def test_the_gauges_are_there_where_a_ledger_is() -> None:
    metrics = Metrics(Board(), lambda: 0.0)
    assert b"\ncallbridge_ledger_up " not in await metrics.render()
    metrics.ledger = lambda: (False, 7)
    text = await metrics.render()
    assert b"\ncallbridge_ledger_up 0.0\n" in text
    assert b"\ncallbridge_ledger_pending 7.0\n" in text


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_postgresql_that_stands_still_stops_nothing_and_is_caught_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "WRITE_WITHIN", 5.0)
    monkeypatch.setattr(writer, "PING_EVERY", 1.0)
    url, metrics = impatient(new_database()), Metrics(Board(), lambda: 0.0)
    with closing(LedgerStore(url)) as book:
        book.open()
        fill(book, 100)
        names = reserve(book, 60)
        async with Running(url, frozenset(names)) as running:
            metrics.ledger = running.ledger.figures
            assert (await running.desk().campaign("spring") or {})["leads"] == {"ready": 40, "dialling": 60}
            with stopped():
                waiting = [asyncio.create_task(running.desk().campaign("spring")) for _ in range(12)]
                for index, name in enumerate(names, 1):
                    running.ledger.perform(CloseAttempt(attempt=attempt(name, index), at=T0))
                running.ledger.perform(FindLeads(campaign="spring", count=5))
                await nothing_else_waits(metrics)
                assert not running.ledger.trouble(), "they were done before anybody had given the database up"
                while not (running.ledger.trouble() and all(task.done() for task in waiting)):
                    await nothing_else_waits(metrics)
                    await asyncio.sleep(0.2)
                assert all(isinstance(task.exception(), NoLedger) for task in waiting)
                up, pending = running.ledger.figures()
                assert (up, pending) == (False, 61)
                assert b"\ncallbridge_ledger_up 0.0\n" in await metrics.render()
                monkeypatch.setattr(requests, "LEDGER_TIMEOUT", 10 * HANGS)
                with pytest.raises(NoLedger, match="since"):
                    async with asyncio.timeout(HANGS):
                        await running.desk().campaign("spring")
            await running.until(lambda: not running.ledger.writer.waiting)
            assert sorted(event.attempt for event in running.of(AttemptClosed)) == sorted(names)
            assert book.outcomes("spring", 0.0) == {"busy": 60}
            assert running.ledger.trouble() == ""
            assert (await running.desk().campaign("spring") or {})["outcomes_today"] == {"busy": 60}


@pytest.mark.slow
async def test_a_start_beside_a_postgresql_that_stands_still_goes_on_and_so_does_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "OPEN_AGAIN", 0.5)
    url = impatient(new_database())
    with closing(LedgerStore(url)) as book:
        book.open()
        fill(book, 2)
        reserve(book, 1)
        with stopped():  # for as long as it takes
            async with asyncio.timeout(HANGS), Running(url):
                pass
            running = await Running(url).__aenter__()
        running.ledger.perform(ReserveAttempts(campaign="spring", attempts=(("b1", 2),)))
        await running.until(lambda: running.of(AttemptsReserved))
        assert book.outcomes("spring", 0.0) == {"unknown": 1, "under way": 1}
        await running.__aexit__()


# -- at start, before anything is taken over ------------------------------------------------------------------------


async def test_a_start_is_told_why_the_ledger_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "TRIAL_TIMEOUT", HANGS)
    url = f"sqlite:///{tmp_path}/x.db"
    assert await trouble_of(url) == ""
    assert "unable to open" in await trouble_of(f"sqlite:///{tmp_path}/no/such/folder/x.db")
    with closing(LedgerStore(url)) as book, book._engine.begin() as link:
        link.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BadDatabase, match="newer"):
        await trouble_of(url)
    monkeypatch.setattr(trial, "TRIAL_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert await trouble_of(f"postgresql+psycopg://u@127.0.0.1:{silent.getsockname()[1]}/x") == "no answer within 0.5 s"
