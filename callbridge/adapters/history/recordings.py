"""Recordings played over HTTP: found below one folder by the history's row, read in threads, every listener recorded.

The path comes from the row alone, and what it leads to must be a regular file below the folder: a link out of it is refused.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database, NotConfigured, cause_of
from callbridge.adapters.database.history_tables import changes, recordings
from callbridge.adapters.database.sentence_parts import with_parts
from callbridge.adapters.system.threads import Threads, ThreadsBusy
from callbridge.core.model.sentence import Sentence

MOST_PLAYED, MOST_PLAYED_EACH = 20, 10
"""Recordings that are read at the same time, in all and by one listener: each holds a file open, and a client that reads slowly
holds it for long."""
PLAYED_AGAIN_AFTER = 3600.0
"""Seconds within which the same listener's further requests for a recording are one playback: players ask in pieces."""
MOST_LISTENERS = 10_000
"""Playbacks that are remembered."""
_OPENED_WITHIN = 20.0
_READ_WITHIN = 10.0
_QUERY_WITHIN = 10.0
_BUSY = Sentence("too many recordings are being played: try again later")
_LISTED = ("fact", "call", "segment", "queue", "agent", "kind", "file", "at", "lasted", "paused", "failure", "deleted_at")

Found = TypeVar("Found")


class NoRecording(LookupError):
    """The recording cannot be played; the message says why."""


class RecordingsAway(RuntimeError):
    """Nothing can be played now; the message says why."""


class RecordingsNotConfigured(RecordingsAway, NotConfigured):
    """Nothing can be played here."""


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """An open file; its receiver closes it by ``RecordingService.close_file``."""

    handle: int
    size: int
    name: str
    by: str


class RecordingService:
    """``url``: of the history; None: there is none. ``folder``: where the PBX records, asked at each request; None: not here."""

    def __init__(self, url: str | None, folder: Callable[[], Path | None], wall: Callable[[], float] = time.time) -> None:
        self._url, self._folder, self._wall = url, folder, wall
        self._threads = Threads("recordings", 2, 64)
        self._database: Database | None = None
        self._heard: dict[tuple[str, str], float] = {}
        """(listener, recording) -> when it was written down, oldest first."""
        self._open: Counter[str] = Counter()
        """By listener."""

    async def of_call(self, call: str) -> list[dict[str, Any]]:
        """The recordings of a call, oldest first; ``failure`` in parts, if it has any. Raises RecordingsAway."""
        columns = [recordings.c[name] for name in (*_LISTED, "failure_parts")]
        wanted = select(*columns).where(recordings.c.call == call).order_by(recordings.c.at)

        def work(engine: Engine) -> list[dict[str, Any]]:
            with engine.begin() as link:
                rows = [dict(row) for row in link.execute(wanted).mappings()]
            return [row | {"failure": with_parts(row["failure"], row.pop("failure_parts"))} for row in rows]

        return await self._ask(work)

    async def open(self, recording: str, by: str, may: Callable[[Mapping[str, Any]], bool] = lambda row: True) -> OpenRecording:
        """Open it for ``by``, which is a row of ``changes`` before anything is heard. ``may``: whether ``by`` may hear the one of
        this row. Raises NoRecording and RecordingsAway."""
        folder, now = self._folder(), self._wall()
        if folder is None:
            raise RecordingsNotConfigured("no recordings folder: add 'metrics: {recordings: ...}' to the configuration")
        if self._open.total() >= MOST_PLAYED or self._open[by] >= MOST_PLAYED_EACH:
            raise RecordingsAway(_BUSY)
        self._open[by] += 1

        def work(engine: Engine) -> OpenRecording:
            row = _row(engine, recording, may)
            handle, size = open_below(folder, row["file"])
            try:
                self._write_down(engine, row, by, now)
            except BaseException:
                os.close(handle)
                raise
            return OpenRecording(handle, size, Path(row["file"]).name, by)

        task = asyncio.ensure_future(self._ask(work))
        try:
            async with asyncio.timeout(_OPENED_WITHIN):
                return await asyncio.shield(task)
        except BaseException:
            task.add_done_callback(lambda task: self._abandoned(task, by))
            raise

    def _abandoned(self, task: asyncio.Task[OpenRecording], by: str) -> None:
        """Nobody waits for it any more; the thread may have opened it all the same."""
        self._free(by)
        if not task.cancelled() and task.exception() is None:
            os.close(task.result().handle)

    async def read(self, opened: OpenRecording, offset: int, count: int) -> bytes:
        """Empty at the end. Raises RecordingsAway, OSError, and TimeoutError when the disk does not answer."""
        try:
            async with asyncio.timeout(_READ_WITHIN):
                return await self._threads.run(lambda: os.pread(opened.handle, count, offset))
        except ThreadsBusy:
            raise RecordingsAway(_BUSY) from None

    def close_file(self, opened: OpenRecording) -> None:
        self._free(opened.by)
        os.close(opened.handle)

    def _free(self, by: str) -> None:
        self._open[by] -= 1
        if not self._open[by]:
            del self._open[by]

    def _write_down(self, engine: Engine, row: dict[str, Any], by: str, now: float) -> None:
        key = (by, row["fact"])
        if now - self._heard.get(key, float("-inf")) < PLAYED_AGAIN_AFTER:
            return
        kept = {name: row[name] for name in ("call", "queue", "agent")}
        written = {"fact": f"played-{secrets.token_hex(16)}", "at": now, "kind": "playback", "by": by, "request": "play"}
        with engine.begin() as link:
            link.execute(insert(changes).values(kept | written | {"granted": True, "target": row["fact"]}))
        self._heard.pop(key, None)
        while len(self._heard) >= MOST_LISTENERS:
            del self._heard[next(iter(self._heard))]
        self._heard[key] = now

    async def _ask(self, work: Callable[[Engine], Found]) -> Found:
        if self._url is None:
            raise RecordingsNotConfigured("there is no history: add the section 'database:' to the configuration")
        url = self._url

        def connected() -> Found:
            self._database = self._database or Database(url, _QUERY_WITHIN)
            return work(self._database.engine)

        try:
            return await self._threads.run(connected)
        except ThreadsBusy:
            raise RecordingsAway(_BUSY) from None
        except BadDatabase as trouble:
            raise RecordingsAway(Sentence("the history: {cause}", cause=str(trouble))) from None
        except SQLAlchemyError as trouble:
            raise RecordingsAway(Sentence("the history: {cause}", cause=cause_of(trouble))) from None

    def close(self) -> None:
        """The threads end by themselves, connections that are not in use are closed."""
        self._threads.close()
        if self._database is not None:
            self._database.close()


def _row(engine: Engine, recording: str, may: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """Raises NoRecording."""
    wanted = select(*(recordings.c[name] for name in _LISTED)).where(recordings.c.fact == recording)
    with engine.begin() as link:
        row = link.execute(wanted).mappings().one_or_none()
    if row is None or not may(dict(row)):
        raise NoRecording("no such recording")
    if row["kind"] != "talk":
        raise NoRecording("voicemails are not in the recordings folder")
    if not row["file"]:
        raise NoRecording("the person in this recording has been erased")
    if row["deleted_at"] is not None:
        raise NoRecording("the recording has been deleted after its retention period")
    return dict(row)


def open_below(folder: Path, name: str) -> tuple[int, int]:
    """A regular file below ``folder``, open for reading, and its size. Raises NoRecording."""
    try:
        there = (folder / name).resolve(strict=True)
        if not there.is_relative_to(folder.resolve(strict=True)):
            raise NoRecording("the file is outside the recordings folder")
        handle = os.open(there, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError, RuntimeError):  # a loop of links, or a name that is none
        raise NoRecording("the file does not exist, or callbridge has no permission to read it") from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise NoRecording("the file is not a recording")
    return handle, found.st_size
