"""Readers of an outbox at work, and what they tell of themselves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from callbridge.adapters.outbox import Outbox, OutboxReader, OutboxReaders
from callbridge.adapters.outbox.envelope import BEGINNING, Place
from callbridge.adapters.outbox.readers import FACTS_PER_READ
from callbridge.adapters.system.tasks import end


class Books:
    """The observer that remembers, of readers and of webhooks."""

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.waiting: dict[str, int] = {}
        self.left: dict[str, int] = {}
        """Reader -> facts that it has not been handed."""

    def delivered(self, hook: str, result: str) -> None:
        self.results[result] += 1

    def backlog(self, hook: str, waiting: int) -> None:
        self.waiting[hook] = waiting

    def hook_gone(self, hook: str) -> None:
        self.waiting.pop(hook, None)

    def facts_lost(self, reader: str, count: int) -> None:
        self.lost[reader] += count

    def behind(self, reader: str, facts: int) -> None:
        self.left[reader] = facts

    def reader_gone(self, reader: str) -> None:
        self.left.pop(reader, None)


class Tasks:
    """Starts parts, and knows how they ended."""

    def __init__(self) -> None:
        self.all: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.all.append(asyncio.create_task(work, name=name))
        return self.all[-1]

    async def kill(self) -> None:
        await end(self.all)

    def failed(self) -> list[BaseException | None]:
        return [task.exception() for task in self.all if task.done() and not task.cancelled() and task.exception() is not None]


@asynccontextmanager
async def at_work(outbox: Outbox, *readers: OutboxReader, books: Books | None = None) -> AsyncIterator[OutboxReaders]:
    """They read, until the end."""
    tasks = Tasks()
    reading = OutboxReaders(outbox, tasks.start, books or Books())
    for reader in readers:
        reading.add(reader)
    try:
        yield reading
    finally:
        await reading.close()
        assert not tasks.failed()


async def drained(outbox: Outbox, reader: OutboxReader, *, since: Place | None = None) -> None:
    """Hand the reader all that is there after its place, or after ``since``."""
    feed = outbox.feed(reader.name, reader.wants)
    feed.seek(since or await reader.place() or BEGINNING)
    while True:
        await outbox.fill(feed)
        facts, place = feed.peek(FACTS_PER_READ)
        if place == feed.place:
            break
        if facts:
            await reader.handle(facts)
        feed.advance(len(facts), place)
    outbox.leave(reader.name, gone=False)
