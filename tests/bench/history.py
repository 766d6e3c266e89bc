"""The history when it is large: how long the report of one day takes, and how many facts a second are written.

``--calls N`` (10,000,000), ``--databases sqlite,postgresql``. A year of calls is made (``years``); the SQLite file is kept in
``build/`` for the next time, PostgreSQL is a server of the benchmark's own. The report of a day is all queues and all agents by
hour, of a day in the middle and of the last one; the slowest of three runs counts. Facts are those of a busy floor, as its core
told them, and come through the outbox to the reader and the store that are in service, while another floor takes 40 % of the
loop's time.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, event, text

from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import agent_states, calls, cursors, offers, segments, visits
from callbridge.adapters.history import HistoryReader, HistoryStore, People, Retention
from callbridge.adapters.history.rows import WANTED
from callbridge.adapters.outbox.envelope import Envelope, Stamper, place_of
from callbridge.adapters.outbox.memory import MemoryOutbox
from callbridge.adapters.reports.agents import report_agents
from callbridge.adapters.reports.intervals import By, intervals
from callbridge.adapters.reports.queues import report_queues
from callbridge.core.engine import step
from callbridge.core.model.events import AnyEvent
from callbridge.core.model.facts import AnyFact
from tests.adapters import postgres
from tests.adapters.reading import at_work
from tests.bench.core import Floor
from tests.bench.years import BEGAN, DAY, DAYS, fill

CACHE = Path(__file__).resolve().parents[2] / "build"
FACTS = 60_000
SAVED_AT_ONCE = 60
"""Facts of one save."""
FLOOR_TURN, FLOOR_SHARE = 0.004, 0.4
RUNS = 3
MOST = 10_000_000
GIVE_UP = 300.0


@dataclass
class ToldFloor(Floor):
    """One that remembers what was told."""

    told: list[AnyFact] = field(default_factory=list)

    def take(self, event: AnyEvent) -> None:
        outcome = step(self.world, event)
        self.told += outcome.facts
        for order in outcome.orders:
            self.obey(order)


def run(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="tests.bench history")
    parser.add_argument("--calls", type=int, default=MOST)
    parser.add_argument("--databases", default="sqlite,postgresql")
    options = parser.parse_args(words)
    rows = [_measure(kind, options.calls) for kind in options.databases.split(",")]
    return {"days": DAYS, "rows": rows}


def _measure(kind: str, many: int) -> dict[str, Any]:
    with _database(kind, many) as (url, made_in, there):
        with closing(Database(url)) as database:
            database.open()
            found = [_reports(database, day) for day in (DAYS // 2, DAYS - 1)]
            size = _size(database)
        facts, seconds = asyncio.run(_write(url))
    worst = {name: round(max(one[name] for one in found), 3) for name in found[0]}
    return {
        "database": kind,
        "calls": there,
        "gigabytes": size,
        "made_in_s": made_in,
        "queues_report_s": worst["queues"],
        "agents_report_s": worst["agents"],
        "day_report_s": round(worst["queues"] + worst["agents"], 3),
        "facts": facts,
        "facts_per_s": round(facts / seconds),
    }


# -- the database -----------------------------------------------------------------------------------------------------


@contextmanager
def _database(kind: str, many: int) -> Iterator[tuple[str, float, int]]:
    """A filled database, how long filling it took, and how many calls are in it."""
    if kind == "postgresql":
        url = postgres.new_database()
        yield (url, *_filled(url, many))
        return
    CACHE.mkdir(exist_ok=True)
    kept = CACHE / f"history-{many}.db"
    made_in = 0.0
    if not kept.exists():
        being_made = kept.with_suffix(".part")
        being_made.unlink(missing_ok=True)
        made_in, _ = _filled(f"sqlite:///{being_made}", many)
        being_made.rename(kept)
    url = f"sqlite:///{kept}"
    try:
        yield url, made_in, max(1, many // DAYS) * DAYS
    finally:
        _without_the_floor(url)


def _filled(url: str, many: int) -> tuple[float, int]:
    began = time.monotonic()
    with closing(Database(url)) as database:
        if url.startswith("sqlite"):
            event.listen(database.engine, "connect", _fast)
        database.open()
        there = fill(database.engine, many)
        if url.startswith("sqlite"):
            with database.engine.connect() as link:
                link.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return round(time.monotonic() - began, 1), there


def _fast(link: Any, _: object) -> None:
    """Nothing is lost that cannot be made again."""
    link.execute("PRAGMA synchronous=OFF")
    link.execute("PRAGMA cache_size=-200000")


def _without_the_floor(url: str) -> None:
    """What was written while it was measured goes, so that the file can be kept."""
    with closing(Database(url)) as database, database.engine.begin() as link:
        for table in (calls, visits, offers, segments):
            link.execute(delete(table).where(table.c.call >= "cb-", table.c.call < "cb."))
        link.execute(delete(agent_states).where(agent_states.c.agent >= "a", agent_states.c.agent < "aa"))
        link.execute(delete(cursors))


def _size(database: Database) -> float:
    wanted = "SELECT pg_database_size(current_database())"
    if database.engine.dialect.name == "sqlite":
        wanted = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with database.engine.connect() as link:
        return round(float(link.scalar(text(wanted)) or 0) / 1e9, 2)


# -- reports ----------------------------------------------------------------------------------------------------------


def _reports(database: Database, day: int) -> dict[str, float]:
    begin, end = BEGAN + day * DAY, BEGAN + (day + 1) * DAY
    pieces = intervals(begin, end, By.HOUR, ZoneInfo("UTC"))
    made: dict[str, Callable[[], int]] = {
        "queues": lambda: len(report_queues(database.engine, pieces)),
        "agents": lambda: len(report_agents(database.engine, pieces, end)),
    }
    found = {}
    for name, work in made.items():
        times = []
        for _ in range(RUNS):
            began = time.monotonic()
            rows = work()
            times.append(time.monotonic() - began)
            assert rows > 10, f"the report {name} is empty"
        found[name] = max(times)
    return found


# -- the writer -------------------------------------------------------------------------------------------------------


async def _write(url: str) -> tuple[int, float]:
    """Facts that the history has written, and how long that took beside a floor."""
    store, outbox = HistoryStore(url, People()), MemoryOutbox(most=10 * FACTS)
    reader = HistoryReader(store, Retention(), time.time, ZoneInfo("UTC"))
    facts = [fact for fact in _facts() if fact.type in WANTED]
    store.open()
    store.write(facts[:1], time.time())  # a reader that has no place yet begins at the end
    floor = asyncio.create_task(_floor())
    async with at_work(outbox, reader):
        while await outbox.cursor(reader.name) is None:  # until it has begun, it begins at the end
            await asyncio.sleep(0.01)
        began = time.monotonic()
        for at in range(1, len(facts), SAVED_AT_ONCE):
            outbox.append(facts[at : at + SAVED_AT_ONCE])
        last = place_of(facts[-1].id)
        while await reader.place() != last:
            if time.monotonic() - began > GIVE_UP:
                raise RuntimeError("the facts were not written in time")
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - began
    floor.cancel()
    await reader.close()
    return len(facts) - 1, seconds


def _facts() -> list[Envelope]:
    floor = ToldFloor(agents=100, waiting=200, rng=random.Random(2))
    floor.fill()
    while len(floor.told) < FACTS:
        floor.turn()
    return Stamper().stamp(int(time.time() * 1000), floor.told)


async def _floor() -> None:
    """A core at work on the same loop, as in service."""
    floor = Floor(agents=100, waiting=200, rng=random.Random(3))
    floor.fill()
    for _ in itertools.count():
        until = time.monotonic() + FLOOR_TURN
        while time.monotonic() < until:
            floor.turn()
        await asyncio.sleep(FLOOR_TURN * (1 / FLOOR_SHARE - 1))
