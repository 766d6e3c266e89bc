"""Deletes recordings past their retention period: the files below one folder that the history's rows name.

A file goes only if its row says that it is due, nobody holds it (a legal hold, a review or dispute that is open), and the way to
it leads through folders below the one of the recordings and no links. The row stays, with the moment.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import structlog
from sqlalchemy import ColumnElement, Engine, and_, false, func, not_, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database, cause_of
from callbridge.adapters.database.history_tables import calls, legal_holds, recordings
from callbridge.adapters.database.quality_tables import quality_samples, quality_scores
from callbridge.adapters.system.threads import Threads, ThreadsBusy

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

DAY = 86_400.0
FIRST_DELETION_AFTER, DELETE_EVERY = 60.0, 3600.0
"""Seconds after the start, and between rounds."""
RECORDINGS_AT_ONCE = 500
ROUND_WITHIN = 3000.0
DUE_FOUND_WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingTerms:
    """``days`` a recording is kept, ``queues``: other numbers for these; None: for ever. ``folder``: where the PBX records."""

    folder: Path
    days: int | None = None
    queues: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class DeletionRound:
    """Result for the recordings that were due, by queue; ``bytes`` of the files; ``failed``: (queue, file, why)."""

    deleted: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    """Recordings whose file no longer existed."""
    failed: list[tuple[str, str, str]] = field(default_factory=list)
    """Queue, file, why."""
    bytes: int = 0


class NotDeletable(OSError):
    """The file must not be deleted; the message says why."""


class FolderAway(Exception):
    """The recordings folder is unavailable; the message says why."""


def delete_due(
    engine: Engine,
    terms: RecordingTerms,
    now: float,
    *,
    dry_run: bool = False,
    each: Callable[[Mapping[str, Any]], None] | None = None,
) -> DeletionRound:
    """Delete the recordings that are due. ``dry_run``: only say what would be. ``each``: is called with the row of each file that
    is, or would be, deleted. Raises SQLAlchemyError and FolderAway."""
    done = DeletionRound()
    for row in _due(engine, terms, now):
        queue = row["queue"] or ""
        if not dry_run and _is_held_meanwhile(engine, row["fact"]):
            continue
        try:
            size = delete_below(terms.folder, row["file"], dry_run=dry_run)
        except FileNotFoundError:
            _see_that_it_is_mounted(terms.folder)
            done.missing[queue] += 1
        except OSError as why:
            done.failed.append((queue, row["file"], why.strerror or str(why)))
            continue
        else:
            done.deleted[queue] += 1
            done.bytes += size
            if each is not None:
                each(row)
        if not dry_run:
            _note(engine, row["fact"], now)
    return done


def _see_that_it_is_mounted(folder: Path) -> None:
    """Files on a disk that is not mounted do not count as missing. Raises FolderAway."""
    try:
        with os.scandir(folder) as entries:
            if next(entries, None) is not None:
                return
    except OSError as why:
        raise FolderAway(f"{folder}: {why.strerror}") from None
    raise FolderAway(f"{folder} is empty: is its disk mounted?")


def _due(engine: Engine, terms: RecordingTerms, now: float) -> Iterator[dict[str, Any]]:
    after: tuple[float, str] = (float("-inf"), "")
    while True:
        wanted = _wanted(terms, now, after)
        with engine.connect() as link:
            rows = [dict(row) for row in link.execute(wanted).mappings()]
        yield from rows
        if len(rows) < RECORDINGS_AT_ONCE:
            return
        after = rows[-1]["at"], rows[-1]["fact"]


def _is_held_meanwhile(engine: Engine, fact: str) -> bool:
    """Rows are found many at a time, and their files may take long: what is held since then stays."""
    with engine.connect() as link:
        return link.scalar(select(recordings.c.fact).where(recordings.c.fact == fact, or_(_held(), _under_review()))) is not None


def _wanted(terms: RecordingTerms, now: float, after: tuple[float, str]) -> Any:
    own = recordings.c
    queue = func.coalesce(own.queue, "")
    due: list[ColumnElement[bool]] = [and_(queue == name, own.at < now - days * DAY) for name, days in terms.queues.items()]
    if terms.days is not None:
        due.append(and_(queue.not_in(list(terms.queues)), own.at < now - terms.days * DAY))
    wanted = select(own.fact, own.queue, own.call, own.file, own.at)
    wanted = wanted.where(own.kind == "talk", func.coalesce(own.file, "") != "", own.deleted_at.is_(None))
    wanted = wanted.where(or_(false(), *due), not_(_held()), not_(_under_review()))
    wanted = wanted.where(or_(own.at > after[0], and_(own.at == after[0], own.fact > after[1]))) if after[1] else wanted
    return wanted.order_by(own.at, own.fact).limit(RECORDINGS_AT_ONCE)


def _held() -> ColumnElement[bool]:
    """Of a person with a legal hold."""
    held = select(legal_holds.c.person)
    return select(calls.c.call).where(calls.c.call == recordings.c.call, calls.c.person.in_(held)).exists()


def _under_review() -> ColumnElement[bool]:
    own = quality_scores.c
    disputed = and_(own.disputed_at.is_not(None), own.settled_at.is_(None))
    return select(own.id).where(own.recording == recordings.c.fact, or_(own.scored_at.is_(None), disputed)).exists()


def _note(engine: Engine, fact: str, now: float) -> None:
    """It is no longer played or assigned for review."""
    with engine.begin() as link:
        link.execute(update(recordings).where(recordings.c.fact == fact).values(deleted_at=now))
        link.execute(update(quality_samples).where(quality_samples.c.recording == fact).values(file=""))


def delete_below(folder: Path, name: str, *, dry_run: bool = False) -> int:
    """Delete a regular file below ``folder``; returns its size. Symbolic links on the path are not followed, so that nobody with
    write access there can lead out of the folder. Raises FileNotFoundError, NotDeletable and OSError."""
    parts = PurePosixPath(name).parts
    if not parts or any(part in ("/", "..") for part in parts) or "\0" in name:
        raise NotDeletable("it is outside the recordings folder")
    with _opened(folder, parts[:-1]) as handle:
        found = os.stat(parts[-1], dir_fd=handle, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise NotDeletable("it is not a regular file")
        if not dry_run:
            os.unlink(parts[-1], dir_fd=handle)
    return found.st_size


@contextmanager
def _opened(folder: Path, parts: tuple[str, ...]) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    handle = os.open(folder, flags)
    try:
        for part in parts:
            below = os.open(part, flags | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


# -- now and then, while callbridge serves ----------------------------------------------------------------------------


class DeletionWatcher(Protocol):
    """Counts."""

    def recordings_deleted(self, queue: str, result: str, count: int) -> None: ...


class RecordingRetention:
    """``url``: of the history; ``terms`` are asked at each round, None: everything is kept."""

    def __init__(
        self, url: str | None, terms: Callable[[], RecordingTerms | None], watcher: DeletionWatcher, wall: Callable[[], float]
    ) -> None:
        self._url, self._terms, self._watcher, self._wall = url, terms, watcher, wall
        self._threads = Threads("recordings that are due")

    async def run(self) -> None:
        await asyncio.sleep(FIRST_DELETION_AFTER)
        while True:
            await self.once()
            await asyncio.sleep(DELETE_EVERY)

    async def once(self) -> None:
        """Whatever goes wrong is logged, and tried again at the next round."""
        terms = self._terms()
        if self._url is None or terms is None:
            return
        url, now = self._url, self._wall()

        def work() -> DeletionRound:
            database = Database(url, DUE_FOUND_WITHIN)
            try:
                return delete_due(database.engine, terms, now)
            finally:
                database.close()

        try:
            async with asyncio.timeout(ROUND_WITHIN):
                done = await self._threads.run(work)
        except (BadDatabase, FolderAway, SQLAlchemyError, ThreadsBusy, TimeoutError) as trouble:
            why = cause_of(trouble) if isinstance(trouble, SQLAlchemyError) else str(trouble) or "it takes too long"
            log.warning("recordings that are due cannot be deleted", why=why)
            return
        self._count(done)

    def _count(self, done: DeletionRound) -> None:
        for result, counted in (
            ("deleted", done.deleted),
            ("missing", done.missing),
            ("failed", Counter(queue for queue, _, _ in done.failed)),
        ):
            for queue, count in counted.items():
                self._watcher.recordings_deleted(queue, result, count)
        if done.deleted or done.missing:
            log.info(
                "old recordings were deleted",
                files=done.deleted.total(),
                missing=done.missing.total(),
                megabytes=done.bytes // 10**6,
            )
        if done.failed:
            _, file, why = done.failed[0]
            log.error("recordings cannot be deleted", recordings=len(done.failed), file=file, why=why)

    def close(self) -> None:
        self._threads.close()
