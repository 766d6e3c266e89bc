"""The outbox without Redis: what a reader has not been handed, or is not done with, is kept for it in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from itertools import islice

from callbridge.adapters.facts.codec import FACT_KINDS
from callbridge.adapters.outbox.envelope import BEGINNING, Envelope, Place, place_of
from callbridge.adapters.outbox.feed import Cursor, Feed, Feeds
from callbridge.core.model.facts import AnyFact

MAX_FACTS_IN_MEMORY = 20_000
"""Facts kept for a reader; beyond them the oldest is lost to it."""


class _KeptFeed(Feed):
    """There is nowhere else to read from: it is live from the beginning, and remembers what the reader is not done with."""

    def __init__(self, wants: Collection[str] | None, place: Place, *, most: int) -> None:
        super().__init__(wants, most=most)
        self.end, self.live = place, True
        self.taken: dict[str, Envelope] = {}

    def seek(self, place: Place) -> None:
        facts = (self.taken | {fact.id: fact for fact in self.queue}).values()
        self.queue = deque(fact for fact in facts if place_of(fact.id) > place)
        self.place = place

    def add(self, facts: Sequence[Envelope], last: Place, *, follows: bool) -> None:
        super().add(facts, last, follows=True)

    def advance(self, count: int, place: Place) -> None:
        self.taken |= {fact.id: fact for fact in islice(self.queue, count)}
        super().advance(count, place)

    def done(self, cursor: Cursor) -> None:
        owed = set(cursor.owed)
        self.taken = {name: fact for name, fact in self.taken.items() if name in owed or place_of(name) > cursor.read}

    def _bound(self) -> None:
        while len(self.queue) > self.most:
            self.queue.popleft()
            self.lost += 1


class MemoryOutbox(Feeds):
    """``most``: facts kept for a reader that does not take them."""

    trouble: tuple[type[Exception], ...] = ()

    def __init__(self, *, most: int = MAX_FACTS_IN_MEMORY) -> None:
        super().__init__()
        self._most = most
        self._kept: dict[str, _KeptFeed] = {}
        self._cursors: dict[str, Cursor] = {}
        self.wanted: frozenset[type[AnyFact]] = frozenset()
        """The kinds of facts that any reader wants: no others are needed here."""

    def feed(self, reader: str, wants: Collection[str] | None) -> Feed:
        feed = self._kept.get(reader)
        if feed is None:
            feed = self._kept[reader] = _KeptFeed(wants, self._last or BEGINNING, most=self._most)
        feed.wants, feed.place = wants, None
        self._feeds[reader] = feed
        self._note_wanted()
        return feed

    def leave(self, reader: str, *, gone: bool) -> None:
        """A reader that comes back goes on where it was: until then its facts are kept."""
        if gone:
            for each in (self._feeds, self._kept, self._cursors):
                each.pop(reader, None)
            self._note_wanted()

    async def fill(self, feed: Feed) -> None:
        """Nothing is anywhere else."""

    async def last(self) -> Place:
        return self._last or BEGINNING

    async def cursor(self, reader: str) -> Cursor | None:
        return self._cursors.get(reader)

    async def save(self, reader: str, cursor: Cursor) -> None:
        self._cursors[reader] = cursor
        self._kept[reader].done(cursor)

    async def facts(self, reader: str, ids: Sequence[str]) -> list[Envelope]:
        taken = self._kept[reader].taken
        return [taken[each] for each in ids if each in taken]

    def _note_wanted(self) -> None:
        wants = [feed.wants for feed in self._feeds.values()]
        names = FACT_KINDS.keys() if None in wants else {name for each in wants if each is not None for name in each}
        self.wanted = frozenset(FACT_KINDS[name] for name in names)
