"""Recent facts in memory, for event-stream readers that come and go, and the position of each reader.

Publishing costs the runtime one append. Readers fetch at their own pace; a reader that falls too far behind is dropped.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Iterable, Set
from dataclasses import dataclass
from typing import Any

from callbridge.adapters.facts.codec import fact_type
from callbridge.adapters.http.scope import WHOLE_FLOOR, Scope
from callbridge.adapters.views.supervision import tells_of_supervision
from callbridge.adapters.views.timelines import plain_fact
from callbridge.core.model.facts import AnyFact

FACTS_KEPT = 10_000
"""Facts in memory: a connected reader may be this far behind. A reader that reconnects gets at most half of them again."""
FACTS_PER_TURN = 200
"""Facts that are serialized before the loop gets a turn."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of a reader. Empty: everything. ``agent``: what is about this agent, but for who supervises."""

    types: Set[str] = frozenset()
    queue: str = ""
    agent: str = ""
    scope: Scope = WHOLE_FLOOR

    def takes(self, fact: AnyFact) -> bool:
        return (
            (not self.queue or fact.queue == self.queue)
            and (not self.agent or (fact.agent == self.agent and not _of_supervision(fact)))
            and (self.scope.whole or self.scope.either(fact.queue, fact.agent))
            and (not self.types or fact_type(fact) in self.types)
        )


def _of_supervision(fact: AnyFact) -> bool:
    return tells_of_supervision(fact_type(fact), getattr(fact, "request", ""))


@dataclass(slots=True)
class _KeptFact:
    """A fact and its text, which is made once for all readers, when the first one wants it."""

    fact: AnyFact
    text: bytes = b""


class EventFeed:
    """``run`` identifies this run and is the prefix of every ID, so that IDs of another run are recognized; ``seq``: of the last
    fact before this run."""

    def __init__(self, run: str, *, seq: int = 0, masked: bool = True, kept: int = FACTS_KEPT) -> None:
        self.closed = False
        self.readers: set[EventReader] = set()
        self._run = run
        self._masked = masked
        self._kept = kept
        self._facts: deque[_KeptFact] = deque(maxlen=kept)
        self._forgotten = seq
        """The seq of the last fact that is not kept."""
        self.end = 0
        """The position after the last fact: the number of facts so far."""
        self._news = asyncio.Event()

    def on_facts(self, facts: Iterable[AnyFact]) -> None:
        """Add facts; returns at once."""
        for fact in facts:
            if len(self._facts) == self._kept:
                self._forgotten = self._facts[0].fact.seq
            self._facts.append(_KeptFact(fact))
            self.end += 1
        self._wake()

    def close(self) -> None:
        """No more facts will come: disconnect the readers."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
        for reader in self.readers:
            if self.closed or self.behind(reader):
                reader.give_up()

    # -- reading ------------------------------------------------------------------------------------------------

    def behind(self, reader: EventReader) -> bool:
        """Whether the next fact for this reader is no longer in memory."""
        return self.end - reader.place > self._kept

    def id_at(self, place: int) -> str:
        """The id of the fact before ``place``."""
        return f"{self._run}-{self._seq_before(place)}"

    def place_after(self, fact_id: str) -> tuple[int, bool]:
        """The position after a fact, and whether no fact was lost in between."""
        oldest = max(self._start, self.end - self._kept // 2)
        run, _, number = fact_id.rpartition("-")
        if run != self._run or not (number.isascii() and number.isdigit() and len(number) < 19):
            return oldest, False
        place = self.end
        while place > oldest and self._seq_before(place) > int(number):
            place -= 1
        return place, self._seq_before(place) <= int(number)

    def since(self, place: int, wanted: Wanted) -> tuple[list[bytes], int]:
        """The next facts from ``place`` on that match the filter, as server-sent events, and the position after them."""
        after = min(place + FACTS_PER_TURN, self.end)
        facts = [self._facts[index - self._start] for index in range(place, after)]
        return [self._event(one) for one in facts if wanted.takes(one.fact)], after

    async def news(self) -> None:
        """Return when a fact was added."""
        await self._news.wait()

    @property
    def _start(self) -> int:
        return self.end - len(self._facts)

    def _seq_before(self, place: int) -> int:
        return self._facts[place - self._start - 1].fact.seq if place > self._start else self._forgotten

    def _event(self, one: _KeptFact) -> bytes:
        if not one.text:
            fact_id = f"{self._run}-{one.fact.seq}"
            one.text = sse(fact_type(one.fact), {"id": fact_id, **plain_fact(one.fact, mask=self._masked)}, fact_id)
        return one.text


class EventReader:
    """The position of one reader; ``give_up`` ends a write that is waiting."""

    def __init__(self, place: int, transport: asyncio.BaseTransport | None, user: str = "", address: str = "") -> None:
        self.place = place
        self.user = user
        self.address = address
        self._transport = transport
        self._writing: asyncio.Timeout | None = None
        self._given_up = False

    @property
    def gone(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def give_up(self) -> None:
        if not self._given_up and self._writing is not None and not self._writing.expired():
            self._given_up = True
            self._writing.reschedule(asyncio.get_running_loop().time())

    async def wait_for(self, writing: Awaitable[object], patience: float) -> None:
        """Await a write. Raises TimeoutError when it takes too long, or when the reader has been given up."""
        try:
            async with asyncio.timeout(patience) as self._writing:
                await writing
        finally:
            self._writing = None


def sse(event: str, data: dict[str, Any], event_id: str = "") -> bytes:
    """One server-sent event. Non-ASCII characters are escaped, so that no caller-supplied name can end a line."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
