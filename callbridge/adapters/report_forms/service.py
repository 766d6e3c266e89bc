"""Reports for programs that ask the running callbridge: made in threads of their own, passed on while they are read.

A report may take long, and so may a client that reads it: neither holds up the loop, the history's writer or other reports for
longer than the bounds below. What is wrong with a request is known before the first piece.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from callbridge.adapters.database import BadDatabase, Database, cause_of
from callbridge.adapters.database.metadata import metadata
from callbridge.adapters.report_forms.forms import ReportForm, written
from callbridge.adapters.report_forms.words import Language, definition, long_heading, phrase, title
from callbridge.adapters.reports.asking import HistoryNotConfigured, NoHistory, ReportRequest, ReportSite, make_report
from callbridge.adapters.reports.registry import REPORTS
from callbridge.adapters.reports.report import Report, ReportQuery
from callbridge.adapters.system.threads import Threads, ThreadsBusy
from callbridge.core.model.sentence import Sentence
from callbridge.wire.reports import CATALOGUE, ReportDescription

REPORTS_AT_ONCE = 2
MOST_REPORTS_WAITING = 6
PIECE_WITHIN = 120.0
"""Seconds that the database may take for the next piece, and for the first."""
PIECE_READ_WITHIN = 60.0
"""Seconds that a client may take to read a piece."""
_PIECES_AHEAD = 4


class _Left(Exception):
    """Nobody reads on."""


@dataclass(frozen=True, slots=True)
class _Ended:
    fault: BaseException | None = None


_Item = bytes | _Ended


class ReportService:
    """``url``: of the history; None: there is none. ``site`` is asked at each request, ``wall`` is the clock on the wall."""

    def __init__(self, url: str | None, site: Callable[[], ReportSite], wall: Callable[[], float] = time.time) -> None:
        self._url, self._site, self._wall = url, site, wall
        self._threads = Threads("reports", REPORTS_AT_ONCE, MOST_REPORTS_WAITING)
        self._database: Database | None = None
        self._described: list[tuple[ReportDescription, Report]] = []

    async def catalogue(self, language: Language = Language.ENGLISH) -> list[dict[str, Any]]:
        """Every report with its options and columns; columns that are named after what the history holds come on top."""
        if not self._described:
            self._described = await self._threads.run(_described)
        return [_listed(one, report, language) for one, report in self._described]

    async def stream(
        self, request: ReportRequest, form: ReportForm, language: Language = Language.ENGLISH
    ) -> AsyncGenerator[bytes, None]:
        """The report in pieces. Raises BadReportRequest and NoHistory, with few exceptions before the first piece."""
        database = self.database()
        pieces = _Pieces(asyncio.get_running_loop())
        site, now = self._site(), self._wall()

        def work() -> None:
            try:
                report, query = make_report(database.engine, site, request, now)
                for piece in written(report, query, form, language):
                    pieces.put(piece)
            except _Left:
                return
            except Exception as fault:  # noqa: BLE001 - it is raised where the pieces are read
                pieces.put(_Ended(fault))
            else:
                pieces.put(_Ended())

        job = asyncio.create_task(self._threads.run(work, database.cut))
        job.add_done_callback(pieces.ended)
        try:
            async for piece in pieces.read():
                yield piece
        except ThreadsBusy:
            raise NoHistory("too many reports are being made: try again later") from None
        except BadDatabase as trouble:
            raise NoHistory(Sentence("the history cannot be read: {cause}", cause=str(trouble))) from None
        except SQLAlchemyError as trouble:
            raise NoHistory(Sentence("the history cannot be read: {cause}", cause=cause_of(trouble))) from None
        finally:
            pieces.leave()
            job.cancel()

    def database(self) -> Database:
        """The history's. Raises NoHistory."""
        if self._url is None:
            raise HistoryNotConfigured("there is no history: add the section 'database:' to the configuration")
        self._database = self._database or Database(self._url, PIECE_WITHIN)
        return self._database

    def close(self) -> None:
        """The threads end by themselves, connections that are not in use are closed."""
        self._threads.close()
        if self._database is not None:
            self._database.close()


class _Pieces:
    """From a thread to the loop, a few ahead of who reads them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(_PIECES_AHEAD)
        self._left = False

    def put(self, item: _Item) -> None:
        """In the thread. Waits for room. Raises _Left when nobody reads on."""
        if self._left:
            raise _Left
        done = asyncio.run_coroutine_threadsafe(self._queue.put(item), self._loop)
        try:
            done.result(PIECE_READ_WITHIN)
        except (TimeoutError, CancelledError):
            done.cancel()
            raise _Left from None

    def ended(self, job: asyncio.Task[None]) -> None:
        """The work could not begin, because too much else waits."""
        if not job.cancelled() and (fault := job.exception()) is not None:
            self._queue.put_nowait(_Ended(fault))

    async def read(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(PIECE_WITHIN):
                    item = await self._queue.get()
            except TimeoutError:
                raise NoHistory("the history cannot be read: the database does not answer in time") from None
            if isinstance(item, _Ended):
                if item.fault is not None:
                    raise item.fault
                return
            yield item

    def leave(self) -> None:
        """A thread that waits for room goes on, and finds that nobody reads."""
        self._left = True
        while not self._queue.empty():
            self._queue.get_nowait()


def _described() -> list[tuple[ReportDescription, Report]]:
    """Made on a history in which there is nothing."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine)
    query = ReportQuery(begin=0.0, end=1.0, now=1.0, zone=ZoneInfo("UTC"))
    described = [(one, replace(REPORTS[name](engine, query), rows=())) for name, one in CATALOGUE.items()]
    engine.dispose()
    return described


def _listed(one: ReportDescription, report: Report, language: Language) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "kind": column.kind.value,
            "heading": long_heading(column, language),
            "definition": definition(column, language),
        }
        for column in report.columns
    ]
    words = {"title": title(one.name, language), "summary": phrase(one.summary, language)}
    return {"name": one.name, **words, "options": sorted(one.options), "charted": list(report.charted), "columns": columns}
