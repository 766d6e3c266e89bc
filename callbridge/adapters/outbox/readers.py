"""The readers of the outbox, each in a task of its own: one that is slow or fails costs its own freshness, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from callbridge.adapters.outbox.envelope import Envelope, Place
from callbridge.adapters.outbox.feed import Cursor, Outbox
from callbridge.adapters.system.tasks import end

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

FACTS_PER_READ = 250
"""Facts handed to a reader at once."""
FIRST_READER_PAUSE, MAX_READER_PAUSE = 0.25, 2.0
"""Seconds before a reader that failed tries again, doubling up to the longest."""
SAVED_EVERY, SAVED_ANYWAY = 0.4, 5.0
"""Seconds between saves of a place: when it changed, and when it did not (a store that forgot it must know)."""
NO_ROOM = 0.5
"""Seconds between looks at a reader that has no room."""
LAST_FACTS = 1.0
"""Seconds that readers have at the end to take what is saved."""
_LAST_SAVE = 0.5
"""Seconds that saving the place may take at the end."""
_SAID_AGAIN = 60.0
"""Seconds after which a reader that still fails is worth another line in the log."""

StartTask = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Runs a part of callbridge under a name."""


class OutboxReader(ABC):
    """Something that is made from facts. It is handed every fact that it wants at least once, in order, by ``handle``; what
    makes handling one twice harmless is the fact's id."""

    name: str
    """Under which its place is kept, and by which metrics and log call it."""
    wants: Collection[str] | None = None
    """Types of facts; None for all."""
    gather: float = 0.01
    """Seconds after a batch in which more may come: one batch for a burst instead of one for each save."""

    @abstractmethod
    async def handle(self, facts: Sequence[Envelope]) -> None:
        """Take the next facts. Whatever is raised, they are handed over again after a pause."""

    async def place(self) -> Place | None:
        """Where it goes on, if it keeps that itself, with what it makes; asked at the start and after each failure. None: the
        outbox keeps it, and a new reader begins with what happens from now on."""
        return None

    def owed(self) -> Sequence[str]:
        """Ids of the facts that it took and is not done with, oldest first: after a restart they are handed over again."""
        return ()

    @property
    def has_room(self) -> bool:
        """May it be handed more? What it is not handed waits in the outbox."""
        return True

    @property
    def done(self) -> bool:
        """It wants no more, ever."""
        return False


class ReaderObserver(Protocol):
    """Who counts."""

    def behind(self, reader: str, facts: int) -> None:
        """So many facts are saved that the reader has not been handed."""

    def facts_lost(self, reader: str, count: int) -> None: ...

    def reader_gone(self, reader: str) -> None:
        """There is no such reader any more."""


class OutboxReaders:
    """All readers of an outbox in this process."""

    def __init__(self, outbox: Outbox, start: StartTask, observer: ReaderObserver) -> None:
        self._outbox = outbox
        self._start = start
        self._observer = observer
        self._at_work: dict[str, tuple[_AtWork, asyncio.Task[None]]] = {}
        self._names: set[str] = set()

    def names(self) -> frozenset[str]:
        """The readers for which the outbox must be kept, those that are only away for a moment included."""
        return frozenset(self._names - {name for name, (work, _) in self._at_work.items() if work.reader.done})

    def add(self, reader: OutboxReader) -> None:
        """From now on it is handed facts, from its place on."""
        work = _AtWork(self._outbox, reader, self._observer)
        self._names.add(reader.name)
        self._at_work[reader.name] = work, self._start(f"reader {reader.name}", work.run())

    async def remove(self, name: str, *, gone: bool) -> None:
        """Stop it. ``gone``: for good; else the next reader of this name goes on from its place."""
        work, task = self._at_work.pop(name)
        await end((task,))
        await work.close()
        self._outbox.leave(name, gone=gone or work.reader.done)
        if gone:
            self._names.discard(name)
            self._observer.reader_gone(name)

    async def close(self) -> None:
        """Stop all, once those that work have been handed what is saved: without Redis it is lost with this process."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_FACTS):
                await asyncio.gather(*(work.caught_up() for work, _ in self._at_work.values()))
        await asyncio.gather(*(self.remove(name, gone=False) for name in list(self._at_work)))


class _AtWork:
    """One reader, handed what comes, with its place."""

    def __init__(self, outbox: Outbox, reader: OutboxReader, observer: ReaderObserver) -> None:
        self.reader = reader
        self._outbox = outbox
        self._observer = observer
        self._feed = outbox.feed(reader.name, reader.wants)
        self._begun = False
        self._fails = False
        self._turned = asyncio.Event()
        self._saved: Cursor | None = None
        self._saved_at = 0.0
        self._said_at = 0.0

    async def caught_up(self) -> None:
        """Until it has taken what waits for it; at once when it fails, has no room or is done."""
        while self._feed.behind and self._begun and not self._fails and self.reader.has_room and not self.reader.done:
            self._turned.clear()
            await self._turned.wait()

    async def run(self) -> None:
        """Hand over what comes until cancelled, or until the reader is done."""
        pause = FIRST_READER_PAUSE
        while not self.reader.done:
            try:
                await self._turn()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this reader's trouble only
                self._say(error, first=pause == FIRST_READER_PAUSE)
                self._begun, self._saved, self._fails = False, None, True
                self._turned.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_READER_PAUSE)
            else:
                pause, self._fails = FIRST_READER_PAUSE, False
                self._turned.set()
        self._outbox.leave(self.reader.name, gone=True)
        self._observer.reader_gone(self.reader.name)

    def _say(self, error: Exception, *, first: bool) -> None:
        now = asyncio.get_running_loop().time()
        if not first and now < self._said_at + _SAID_AGAIN:
            return
        self._said_at = now
        expected = isinstance(error, (OSError, *self._outbox.trouble))
        log.warning(
            "an outbox reader failed; retrying",
            reader=self.reader.name,
            error=type(error).__name__,
            exc_info=None if expected else error,
        )

    async def close(self) -> None:
        """Save the place once more, when the store lets us."""
        if self._feed.place is None or self.reader.done:
            return
        trouble: tuple[type[Exception], ...] = (TimeoutError, *self._outbox.trouble)
        try:
            async with asyncio.timeout(_LAST_SAVE):
                await self._outbox.save(self.reader.name, self._cursor(self._feed.place))
        except trouble as error:
            log.warning("an outbox reader's place was not saved", reader=self.reader.name, error=type(error).__name__)

    async def _turn(self) -> None:
        """Hand over the next facts, or wait for some."""
        if not self._begun:
            await self._begin()
        await self._remember()
        if not self.reader.has_room:
            await asyncio.sleep(NO_ROOM)
            return
        await self._outbox.fill(self._feed)
        facts, place = self._feed.peek(FACTS_PER_READ)
        if place == self._feed.place:
            await self._feed.wait(SAVED_EVERY)
            return
        if facts:
            await self.reader.handle(facts)
        self._feed.advance(len(facts), place)
        await asyncio.sleep(self.reader.gather if len(facts) < FACTS_PER_READ else 0.0)

    async def _begin(self) -> None:
        name = self.reader.name
        if self._feed.place is None:  # after a failure it is known how far we were
            await self._go_on()
            # What happens from now on is kept for it, also while its own place cannot be asked for, and over a restart then.
            if self._feed.place is not None:
                await self._outbox.save(name, self._cursor(self._feed.place))
        own = await self.reader.place()
        if own is not None:
            self._feed.seek(own)
        self._begun = True

    async def _go_on(self) -> None:
        """From the saved place, and with what was owed there."""
        name = self.reader.name
        cursor = await self._outbox.cursor(name)
        if cursor is None:
            self._feed.seek(await self._outbox.last())
            return
        for start in range(0, len(cursor.owed), FACTS_PER_READ):
            ids = cursor.owed[start : start + FACTS_PER_READ]
            found = await self._outbox.facts(name, ids)
            await self.reader.handle(found)
            if len(found) < len(ids):
                log.error("undelivered facts are not in the outbox any more", reader=name, facts=len(ids) - len(found))
                self._observer.facts_lost(name, len(ids) - len(found))
        self._feed.seek(cursor.read)

    async def _remember(self) -> None:
        """Save the place, and tell how far it is from the end."""
        since = asyncio.get_running_loop().time() - self._saved_at
        place = self._feed.place
        if place is None or (self._saved is not None and since < SAVED_EVERY):
            return
        cursor = self._cursor(place)
        if cursor != self._saved or since >= SAVED_ANYWAY:
            await self._outbox.save(self.reader.name, cursor)
            self._saved, self._saved_at = cursor, asyncio.get_running_loop().time()
        lost, self._feed.lost = self._feed.lost, 0
        if lost:
            self._observer.facts_lost(self.reader.name, lost)
        last = await self._outbox.last()
        self._observer.behind(self.reader.name, max(0, last[1] - place[1]))

    def _cursor(self, place: Place) -> Cursor:
        return Cursor(read=place, owed=tuple(self.reader.owed()))
