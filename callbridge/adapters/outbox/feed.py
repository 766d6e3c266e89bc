"""What one reader has yet to be handed, and how an outbox brings it there.

A fact is in the outbox once it is saved with the world, no earlier: while the store is behind, readers hear nothing, and
afterwards everything. What this process has saved is put into the feed of each reader; only a feed that is not *live* (after
a start, a take-over, or when it was too far behind) is filled from the store.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from callbridge.adapters.outbox.envelope import BEGINNING, Envelope, Place, place_of

WINDOW = 2_000
"""Facts that wait in a feed beyond which the store is read instead."""
_AFTER_ORDERS = 0.001
"""Seconds after a save in which its orders go out: readers are woken later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a reader has come: everything up to ``read`` was handed to it, and it is done with all but ``owed`` (ids,
    oldest first)."""

    read: Place
    owed: tuple[str, ...] = ()

    @property
    def kept(self) -> Place:
        """What comes after, and this fact itself where it is owed, must be kept for the reader."""
        return place_of(self.owed[0]) if self.owed else self.read


class Feed:
    """``queue``: the facts that the reader wants after ``place``, up to ``end``. ``live``: what is saved is added to it."""

    def __init__(self, wants: Collection[str] | None, *, most: int = WINDOW) -> None:
        """``wants``: types of facts; None for all."""
        self.wants = wants
        self.most = most
        self.queue: deque[Envelope] = deque()
        self.place: Place | None = None
        self.end = BEGINNING
        self.live = False
        self.lost = 0
        """Facts that the reader will never be handed, since this was last looked at."""
        self._reading = False
        self._wake = asyncio.Event()

    @property
    def behind(self) -> bool:
        """Is there more for the reader, or may there be more in the store?"""
        return bool(self.queue) or not self.live or self._reading

    def seek(self, place: Place) -> None:
        """Go on after this place."""
        if self.place is not None and self.place <= place <= self.end:
            while self.queue and place_of(self.queue[0].id) <= place:
                self.queue.popleft()
        else:
            self.queue.clear()
            self.live, self.end = False, place
        self.place = place

    def add(self, facts: Sequence[Envelope], last: Place, *, follows: bool) -> None:
        """These were saved, the last of them at ``last``. ``follows``: nothing is missing before them."""
        self.live = self.live and follows
        if not self.live:
            return
        if place_of(facts[0].id) <= self.end:  # read from the store before the save was known to have worked
            facts = [fact for fact in facts if place_of(fact.id) > self.end]
        self.queue.extend(self._wanted(facts))
        self.end = max(self.end, last)
        self._bound()

    def peek(self, most: int) -> tuple[list[Envelope], Place]:
        """The next facts, and the place up to which they are all there is for this reader."""
        facts = list(islice(self.queue, most))
        return facts, (place_of(facts[-1].id) if len(facts) < len(self.queue) else self.end)

    def advance(self, count: int, place: Place) -> None:
        """The reader took so many facts, and is now at ``place``."""
        for _ in range(count):
            self.queue.popleft()
        self.place = place

    def begin_page(self) -> Place:
        """The store is about to be read from here on. What is saved meanwhile is added already: it may be in the page or not."""
        self.live = self._reading = True
        return self.end

    def no_page(self, began: Place) -> None:
        """Reading failed."""
        self.queue.clear()
        self.live, self.end, self._reading = False, began, False

    def page(self, facts: Sequence[Envelope], end: Place, *, more: bool) -> None:
        """What the store had, up to ``end``; ``more``: it may have more."""
        later = [] if more else [fact for fact in self.queue if place_of(fact.id) > end]
        self.queue = deque((*self._wanted(facts), *later))
        self.end = end if more else max(self.end, end)
        self.live, self._reading = self.live and not more, False

    async def wait(self, seconds: float) -> None:
        """Until something was saved, or for so long."""
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    def wake(self) -> None:
        self._wake.set()

    def _wanted(self, facts: Sequence[Envelope]) -> Sequence[Envelope]:
        wants = self.wants
        return facts if wants is None else [fact for fact in facts if fact.type in wants]

    def _bound(self) -> None:
        """Too many wait: the store is read when these are through."""
        self.live = self.live and len(self.queue) <= self.most


class Outbox(Protocol):
    """Where readers get facts from. Reading and saving raise ``trouble`` while the store is away."""

    @property
    def trouble(self) -> tuple[type[Exception], ...]: ...

    def feed(self, reader: str, wants: Collection[str] | None) -> Feed:
        """The feed of a reader that begins."""

    def leave(self, reader: str, *, gone: bool) -> None:
        """The reader stops. ``gone``: for good; else it goes on later where it was."""

    async def fill(self, feed: Feed) -> None:
        """Bring a feed that is empty and not live what the store has for it."""

    async def last(self) -> Place:
        """The place of the last fact: there a new reader begins."""

    async def cursor(self, reader: str) -> Cursor | None:
        """How far the reader had come; None when it is new."""

    async def save(self, reader: str, cursor: Cursor) -> None: ...

    async def facts(self, reader: str, ids: Sequence[str]) -> list[Envelope]:
        """Those of the facts that the reader is owed that are still there."""


class Feeds:
    """The feeds of an outbox in this process, and the facts that its store has saved. To be inherited by outboxes."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}
        self._last: Place | None = None
        """The last fact that we saved."""
        self._waking: asyncio.TimerHandle | None = None

    def append(self, facts: Sequence[Envelope]) -> None:
        """These are saved. A save that was repeated may bring some again."""
        if self._last is not None and facts and place_of(facts[0].id) <= self._last:
            known = self._last
            facts = [fact for fact in facts if place_of(fact.id) > known]
        if not facts:
            return
        (token, seq), last = place_of(facts[0].id), place_of(facts[-1].id)
        follows = self._last == (token, seq - 1)
        for feed in self._feeds.values():
            feed.add(facts, last, follows=follows)
        self._last = last
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(_AFTER_ORDERS, self._wake)

    def begin_term(self) -> None:
        """Others may have written since we last did."""
        self._last = None

    def _wake(self) -> None:
        self._waking = None
        for feed in self._feeds.values():
            feed.wake()
