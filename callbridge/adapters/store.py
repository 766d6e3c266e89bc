"""Where the world is kept: the protocol, and the store of those who live without Redis.

Rules of every store. A save is all or nothing. Saves are numbered: a delta is applied only on top of exactly the
number that this store last saw saved, so neither a late write nor a lost one can leave a world that never was.
After a save whose end is not known, the store wants the whole (``SnapshotOwed``) before it takes another delta.
The newest token wins; a store with an older one never writes again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from callbridge.adapters.facts.codec import TABLES
from callbridge.adapters.facts.totals import TABLE, Total
from callbridge.adapters.outbox import MemoryOutbox, Outbox
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.saved_tables import SAVED_TABLES
from callbridge.core.model.world_view import WorldView

OWNER_SILENT = 3.0
"""Seconds without a save after which an owner is gone: each saves every second, even when nothing happens."""


class Displaced(Exception):
    """A newer token is in force: somebody else leads."""


class StoreDown(Exception):
    """The store cannot be reached, is too slow or refuses; whether the save happened is not known."""


class StoreRefuses(StoreDown):
    """The store answers, and refuses."""


class Unreadable(StoreRefuses):
    """A key of the store has the wrong type, or the world's figures cannot be read. ``set_aside`` helps."""


class SnapshotOwed(StoreDown):
    """Nothing was written: what is stored is not what this delta builds on. ``save_all`` writes it again whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """The world's own figures: its time (epoch seconds), the last fact's number, the day."""

    now: float = 0.0
    seq: int = 0
    day: str = ""

    @classmethod
    def of(cls, world: WorldView) -> Meta:
        return cls(now=world.now, seq=world.seq, day=world.day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one batch changed. ``number`` grows by any amount from save to save."""

    number: int
    changed: Mapping[tuple[str, str], object | None]
    """(table, key) -> row, None when dropped; tables that are not saved are left out by the store."""
    meta: Meta
    facts: Sequence[AnyFact] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The whole world at one moment; rows are frozen, so it may be encoded while the world goes on."""

    number: int
    rows: Mapping[str, Mapping[str, object]]
    """Table -> key -> row."""
    meta: Meta
    facts: Sequence[AnyFact] = ()
    """Facts that no save has surely taken yet; told twice does no harm."""

    @classmethod
    def of(cls, world: WorldView, number: int, facts: Sequence[AnyFact] = (), totals: Mapping[str, Total] | None = None) -> Whole:
        rows: dict[str, Mapping[str, object]] = {name: dict(table.rows()) for name, table in world.saved_tables().items()}
        rows[TABLE] = totals or {}
        return cls(number=number, rows=rows, meta=Meta.of(world), facts=tuple(facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRowFound:
    table: str
    key: str
    problem: str


@dataclass(slots=True, kw_only=True)
class Saved:
    """A world as it was saved; ``bad`` are the rows that could not be read, left out."""

    number: int
    meta: Meta
    rows: dict[str, list[Any]] = field(default_factory=lambda: {one.name: [] for one in SAVED_TABLES})
    """Of each table of the world, as ``World.restore`` takes them."""
    totals: list[Total] = field(default_factory=list)
    bad: list[BadRowFound] = field(default_factory=list)

    def add(self, table: str, row: object) -> None:
        if isinstance(row, Total):
            self.totals.append(row)
        else:
            self.rows[table].append(row)


class Store(Protocol):
    """Every method may raise StoreDown; the saves also Displaced. A save may be cancelled at any moment."""

    @property
    def durable(self) -> bool:
        """Does what is saved outlive the process?"""

    @property
    def outbox(self) -> Outbox:
        """The facts that were saved, for their readers."""

    @property
    def number(self) -> int:
        """Of the last save that anybody sent: the next one must be greater. Known after ``take_over``."""

    @property
    def snapshot_owed(self) -> bool:
        """Must the next save be ``save_all``?"""

    async def take_over(self) -> int:
        """Become the leader: a token newer than every one before."""

    async def look(self) -> object:
        """Whose world is saved, and its last save, to be compared; None when there is none. Changes nothing. Raises
        FutureSchema, Unreadable or StoreDown."""

    async def holds(self) -> bool | None:
        """Is our token in force? None when that cannot be known."""

    async def set_aside(self) -> None:
        """Move out of the way what cannot be read, and what is of no use without it."""

    async def load(self) -> Saved | None:
        """The saved world; None when there is none. Raises FutureSchema."""

    async def save(self, delta: Delta) -> None: ...

    async def save_all(self, whole: Whole) -> None: ...

    async def reset(self) -> None:
        """Forget everything. For tests."""

    async def close(self) -> None: ...


class SaveNumbers:
    """The numbers of a store: which save was sent last, and which is known to be in."""

    def __init__(self) -> None:
        self.sent = 0
        self.saved = 0

    @property
    def owed(self) -> bool:
        return self.sent != self.saved

    def begin(self, number: int) -> int:
        """A delta is about to go out; gives the number that it builds on. Raises SnapshotOwed."""
        if self.owed:
            raise SnapshotOwed(f"save {self.sent} was never confirmed")
        return self.begin_whole(number)

    def begin_whole(self, number: int) -> int:
        if number <= self.sent:
            raise ValueError(f"save {number} comes after save {self.sent}")
        self.sent = number
        return self.saved

    def confirm(self, number: int) -> None:
        self.saved = max(self.saved, number)

    def owe(self) -> None:
        """What is stored is not in the form in which we save: the next save must be of everything."""
        self.saved = -1

    def start(self, number: int) -> None:
        self.sent = self.saved = number


class MemoryStore:
    """The world outlives a take-over within this process, nothing more."""

    durable = False

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.outbox = MemoryOutbox()
        self._stamper = Stamper()
        self._clock = clock
        self._token = 0
        self._forget()

    def _forget(self) -> None:
        self._ledger = SaveNumbers()
        self._rows: dict[str, dict[str, object]] = {table: {} for table in TABLES}
        self._meta = Meta()

    @property
    def number(self) -> int:
        return self._ledger.sent

    @property
    def snapshot_owed(self) -> bool:
        return self._ledger.owed

    async def take_over(self) -> int:
        self._token = max(int(self._clock() * 1000), self._token + 1)
        return self._token

    async def look(self) -> object:
        """What is in memory is nobody else's."""
        return None

    async def holds(self) -> bool | None:
        """Nobody else sees this memory: nothing is known of others."""
        return None

    async def set_aside(self) -> None:
        """There is nothing to move."""

    async def load(self) -> Saved | None:
        if not self._ledger.saved:
            return None
        saved = Saved(number=self._ledger.saved, meta=self._meta)
        for table, rows in self._rows.items():
            for row in rows.values():
                saved.add(table, row)
        return saved

    async def save(self, delta: Delta) -> None:
        self._ledger.begin(delta.number)
        for (table, key), row in delta.changed.items():
            if table not in self._rows:
                continue
            if row is None:
                self._rows[table].pop(key, None)
            else:
                self._rows[table][key] = row
        self._done(delta)

    async def save_all(self, whole: Whole) -> None:
        self._ledger.begin_whole(whole.number)
        self._rows = {table: dict(whole.rows.get(table, {})) for table in TABLES}
        self._done(whole)

    def _done(self, save: Delta | Whole) -> None:
        self._meta = save.meta
        self._ledger.confirm(save.number)
        self.outbox.append(self._stamper.stamp(self._token, save.facts, only=self.outbox.wanted))

    async def reset(self) -> None:
        self._forget()

    async def close(self) -> None:
        """Nothing is open."""
