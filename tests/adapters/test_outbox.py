"""What readers of the outbox may rely on, in memory and in Redis: every fact at least once, in order, whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from callbridge.adapters.outbox import MemoryOutbox, OutboxReader, OutboxReaders, readers
from callbridge.adapters.outbox.envelope import Envelope, Place, place_of, read_back
from callbridge.adapters.outbox.feed import Feeds
from callbridge.adapters.redis.connection import connect
from callbridge.adapters.redis.outbox import RedisOutbox
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import Delta, MemoryStore, Meta, Store, Whole
from callbridge.core.model.facts import AnyFact, CallRepeated, RequestGranted, RequestRefused
from tests.adapters.conftest import RedisServer
from tests.adapters.reading import Books, Tasks, at_work
from tests.adapters.waiting import HANGS, until

WORLD = "callbridge:{main}:"
OUTBOX = f"{WORLD}outbox"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "SAVED_EVERY", 0.02)
    monkeypatch.setattr(readers, "FIRST_READER_PAUSE", 0.01)
    monkeypatch.setattr(readers, "MAX_READER_PAUSE", 0.1)
    monkeypatch.setattr(readers, "NO_ROOM", 0.01)


class Notebook(OutboxReader):
    """Remembers what it is handed; fails as often as it is asked to, before or after it has noted a batch."""

    gather = 0.001

    def __init__(self, name: str = "notebook", wants: Collection[str] | None = None) -> None:
        self.name = name
        self.wants = wants
        self.got: list[str] = []
        self.batches: list[int] = []
        self.fails = 0
        self.fault: Exception = OSError("no")
        self.fails_after = 0
        self.tries: list[float] = []
        self.room = True
        self.owes: set[int] = set()
        """Seqs of facts that it takes and is not done with."""
        self.own: Place | None = None

    async def handle(self, facts: Sequence[Envelope]) -> None:
        self.tries.append(time.monotonic())
        if self.fails:
            self.fails -= 1
            raise self.fault
        self.got += [fact.id for fact in facts]
        self.batches.append(len(facts))
        if self.fails_after:
            self.fails_after -= 1
            raise OSError("noted, and not heard of")

    async def place(self) -> Place | None:
        return self.own

    def owed(self) -> Sequence[str]:
        return [one for one in self.got if place_of(one)[1] in self.owes]

    @property
    def has_room(self) -> bool:
        return self.room


def fact(seq: int) -> AnyFact:
    return RequestRefused(seq=seq, at=1.0, agent="ann", request="ready", reason="no", call="c1")


class Leader:
    """Saves facts, as the runtime does."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.outbox = store.outbox
        self.token = 0
        self.seq = 0
        self.ids: list[str] = []

    async def leads(self) -> None:
        self.token = await self.store.take_over()
        await self.store.load()

    async def saves(self, *counts: int) -> None:
        """For each count a save with so many facts."""
        for count in counts:
            facts = [fact(self.seq + n) for n in range(1, count + 1)]
            await self.store.save(Delta(number=self.store.number + 1, changed={}, meta=Meta(seq=self.seq + count), facts=facts))
            self.seq += count
            self.ids += [f"{self.token}-{one.seq}" for one in facts]


async def begun(leader: Leader, *those: Notebook) -> None:
    """They have a place."""
    for reader in those:
        async with asyncio.timeout(HANGS):
            while await leader.outbox.cursor(reader.name) is None:
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def followed(leader: Leader, *those: Notebook, books: Books | None = None) -> AsyncIterator[OutboxReaders]:
    """These readers are at work, and each has its place."""
    async with at_work(leader.outbox, *those, books=books) as reading:
        await begun(leader, *those)
        yield reading


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(redis_server.settings())
    yield client
    await client.aclose()


@pytest.fixture
async def leading(redis_server: RedisServer) -> AsyncIterator[Leader]:
    """Leads on Redis."""
    leader = Leader(RedisStore(redis_server.settings()))
    await leader.leads()
    yield leader
    await leader.store.close()


class TestOutbox:
    """The same for every outbox."""

    @pytest.fixture(params=["memory", "redis"])
    async def store(self, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
        if request.param == "memory":
            made: Store = MemoryStore()
        else:
            made = RedisStore(request.getfixturevalue("redis_server").settings())
        yield made
        await made.close()

    @pytest.fixture
    async def leader(self, store: Store) -> Leader:
        leader = Leader(store)
        await leader.leads()
        return leader

    async def test_what_is_saved_is_handed_over_once_and_in_order(self, leader: Leader) -> None:
        first, second = Notebook("first"), Notebook("second")
        async with followed(leader, first, second):
            for _ in range(20):
                await leader.saves(1, 7, 30)
                await asyncio.sleep(0.002)
            await until(lambda: len(first.got) == len(second.got) == len(leader.ids))
        assert first.got == second.got == leader.ids

    async def test_a_new_reader_begins_with_what_happens_from_now_on(self, leader: Leader) -> None:
        await leader.saves(5)
        late = Notebook()
        async with followed(leader, late):
            await leader.saves(3)
            await until(lambda: len(late.got) == 3)
        assert late.got == leader.ids[5:]

    async def test_a_reader_gets_the_kinds_that_it_wants(self, leader: Leader) -> None:
        books, picky = Books(), Notebook(wants={"request_granted"})
        async with followed(leader, picky, books=books):
            others = [CallRepeated(seq=1, at=1.0, call="c1", after=1.0), fact(2), fact(4)]
            wanted = RequestGranted(seq=3, at=1.0, agent="ann", request="ready", by="ops")
            facts = sorted([*others, wanted], key=lambda one: one.seq)
            await leader.store.save(Delta(number=leader.store.number + 1, changed={}, meta=Meta(), facts=facts))
            await until(lambda: picky.got)
            await until(lambda: books.left.get("notebook") == 0)
        assert picky.got == [f"{leader.token}-3"]

    async def test_a_reader_that_fails_is_asked_again_later_and_misses_nothing(self, leader: Leader) -> None:
        failing, well = Notebook("failing"), Notebook("well")
        async with followed(leader, failing, well):
            failing.fails = 5
            await leader.saves(10)
            await until(lambda: len(well.got) == 10)
            await leader.saves(10)
            await until(lambda: len(failing.got) == 20)
            await until(lambda: len(well.got) == 20)
        assert failing.got == well.got == leader.ids
        pauses = [later - sooner for sooner, later in zip(failing.tries[:5], failing.tries[1:6], strict=True)]
        assert all(pause >= least for pause, least in zip(pauses, [0.01, 0.02, 0.04, 0.08, 0.1], strict=True))

    async def test_a_fault_of_a_reader_is_logged_once_with_its_traceback_and_ends_nothing(self, leader: Leader) -> None:
        faulty = Notebook()
        with capture_logs() as logs:
            async with followed(leader, faulty):
                faulty.fails, faulty.fault = 4, KeyError("a bug")
                await leader.saves(2)
                await until(lambda: len(faulty.got) == 2)
        assert faulty.got == leader.ids
        (line,) = (line for line in logs if line["event"] == "an outbox reader failed; retrying")
        assert (line["reader"], line["error"], line["exc_info"]) == ("notebook", "KeyError", faulty.fault)

    async def test_a_batch_whose_end_was_not_heard_of_is_handed_over_again(self, leader: Leader) -> None:
        unsure = Notebook()
        async with followed(leader, unsure):
            unsure.fails_after = 1
            await leader.saves(4)
            await until(lambda: len(unsure.got) == 8)
            await leader.saves(1)
            await until(lambda: len(unsure.got) == 9)
        assert unsure.got == leader.ids[:4] + leader.ids

    async def test_a_reader_that_keeps_its_own_place_gets_nothing_twice(self, leader: Leader) -> None:
        class Exact(Notebook):
            """Writes what it got and where it is in one transaction."""

            async def handle(self, facts: Sequence[Envelope]) -> None:
                try:
                    await super().handle(facts)
                finally:
                    if self.got:
                        self.own = place_of(self.got[-1])

        exact = Exact()
        exact.own = (0, 0)
        async with followed(leader, exact):
            exact.fails_after = 2
            await leader.saves(3)
            await until(lambda: len(exact.got) == 3)
            await leader.saves(3, 3)
            await until(lambda: len(exact.got) == 9)
        assert exact.got == leader.ids

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_a_new_reader_that_cannot_tell_its_place_yet_misses_nothing_meanwhile(
        self, leader: Leader, restarts: bool
    ) -> None:
        class Away(Notebook):
            """Its database is not there when it is first asked."""

            away = True

            async def place(self) -> Place | None:
                if self.away:
                    raise OSError("no")
                return self.own

        reader = Away()
        async with at_work(leader.outbox, reader):
            await begun(leader, reader)
            await leader.saves(10)
            await asyncio.sleep(0.05)
            if not restarts:
                reader.away = False
                await until(lambda: len(reader.got) == 10)
        if restarts:
            await leader.saves(10)
            reader.away = False
            async with at_work(leader.outbox, reader):
                await until(lambda: len(reader.got) == 20)
        assert reader.got == leader.ids

    async def test_a_reader_without_room_is_handed_no_more_until_it_has(self, leader: Leader) -> None:
        full = Notebook()
        async with followed(leader, full):
            full.room = False
            await asyncio.sleep(0.1)
            await leader.saves(400)
            await asyncio.sleep(0.1)
            assert full.got == []
            full.room = True
            await until(lambda: len(full.got) == 400)
        assert full.got == leader.ids
        assert max(full.batches) <= readers.FACTS_PER_READ

    async def test_after_an_end_in_order_the_next_run_goes_on_exactly_there(self, leader: Leader) -> None:
        before, after = Notebook(), Notebook()
        async with followed(leader, before):
            await leader.saves(10)
            await until(lambda: len(before.got) == 10)
        await leader.saves(10)
        async with at_work(leader.outbox, after):
            await leader.saves(10)
            await until(lambda: len(after.got) == 20)
        assert before.got + after.got == leader.ids

    @pytest.mark.parametrize("follows", [True, False], ids=["in-the-feed", "in-the-store"])
    async def test_at_an_end_in_order_readers_take_what_is_saved_but_wait_for_no_reader_that_fails(
        self, leader: Leader, monkeypatch: pytest.MonkeyPatch, follows: bool
    ) -> None:
        class Held(Notebook):
            """Takes its time with what is saved last."""

            async def handle(self, facts: Sequence[Envelope]) -> None:
                await go_on.wait()
                await super().handle(facts)

        monkeypatch.setattr(readers, "LAST_FACTS", 10 * HANGS)
        slow, failing, go_on = Held("slow"), Notebook("failing"), asyncio.Event()
        go_on.set()
        loop = asyncio.get_running_loop()
        async with followed(leader, slow, failing):
            failing.fails = 1_000
            await leader.saves(10)
            await until(lambda: len(slow.got) == 10)
            go_on.clear()
            if not follows:  # nor does it when the reader has read a save from the store before the saver knew that it worked
                assert isinstance(leader.outbox, Feeds)
                leader.outbox.begin_term()
            await leader.saves(10)
            assert len(slow.got) == 10
            loop.call_later(0.2, go_on.set)
            began = loop.time()
        assert slow.got == leader.ids
        assert failing.got == []
        assert loop.time() - began < HANGS

    async def test_what_a_reader_was_owed_is_handed_to_the_next(self, leader: Leader) -> None:
        before, after, books = Notebook(), Notebook(), Books()
        async with followed(leader, before):
            before.owes = {3, 8}
            await leader.saves(10)
            await until(lambda: len(before.got) == 10)
            await asyncio.sleep(0.05)
        async with at_work(leader.outbox, after, books=books):
            await leader.saves(1)
            await until(lambda: len(after.got) == 3)
        assert after.got == [leader.ids[2], leader.ids[7], leader.ids[10]]
        assert books.lost == {}

    async def test_after_a_crash_the_place_that_was_saved_counts(self, leader: Leader, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readers, "SAVED_EVERY", 0.3)
        killed, after, tasks = Notebook(), Notebook(), Tasks()
        reading = readers.OutboxReaders(leader.outbox, tasks.start, Books())
        reading.add(killed)
        await begun(leader, killed)
        for _ in range(30):
            await leader.saves(3)
            await asyncio.sleep(0.02)
        await tasks.kill()
        async with at_work(leader.outbox, after):
            await leader.saves(3)
            await until(lambda: leader.ids[-1] in after.got)
        again = after.got[: after.got.index(killed.got[-1]) + 1] if killed.got[-1] in after.got else []
        assert killed.got[len(killed.got) - len(again) :] == again
        assert killed.got + after.got[len(again) :] == leader.ids
        assert len(again) < 90

    async def test_a_new_token_breaks_nothing(self, leader: Leader) -> None:
        reader = Notebook()
        async with followed(leader, reader):
            await leader.saves(5)
            await leader.leads()
            await leader.saves(5)
            await until(lambda: len(reader.got) == 10)
        assert reader.got == leader.ids
        assert len({one.partition("-")[0] for one in leader.ids}) == 2

    async def test_facts_that_a_repeated_save_brings_again_are_handed_over_once(self, leader: Leader) -> None:
        reader = Notebook()
        async with followed(leader, reader):
            await leader.saves(3)
            whole = Whole(number=leader.store.number + 1, rows={}, meta=Meta(), facts=[fact(2), fact(3), fact(4)])
            await leader.store.save_all(whole)
            await until(lambda: len(reader.got) == 4)
        assert reader.got == [f"{leader.token}-{seq}" for seq in (1, 2, 3, 4)]

    async def test_a_reader_that_is_done_is_handed_no_more_and_kept_for_no_longer(self, leader: Leader) -> None:
        class Once(Notebook):
            @property
            def done(self) -> bool:
                return bool(self.got)

        once, other, books = Once("once"), Notebook("other"), Books()
        async with followed(leader, once, other, books=books) as reading:
            await until(lambda: books.left.keys() == {"once", "other"})
            assert reading.names() == {"once", "other"}
            await leader.saves(1)
            await until(lambda: once.got and other.got)
            await until(lambda: reading.names() == books.left.keys() == {"other"})
            await leader.saves(1)
            await until(lambda: len(other.got) == 2)
        assert once.got == leader.ids[:1]

    async def test_how_far_a_reader_is_behind_is_told(self, leader: Leader) -> None:
        books, reader = Books(), Notebook()
        async with followed(leader, reader, books=books):
            reader.room = False
            await asyncio.sleep(0.1)
            await leader.saves(30, 12)
            await until(lambda: books.left["notebook"] == 42)
            reader.room = True
            await until(lambda: books.left["notebook"] == 0)


# -- memory only ------------------------------------------------------------------------------------------------------


async def test_in_memory_beyond_the_cap_the_oldest_fact_is_lost_and_counted() -> None:
    store, reader, books = MemoryStore(), Notebook(), Books()
    store.outbox = MemoryOutbox(most=100)
    leader = Leader(store)
    await leader.leads()
    async with followed(leader, reader, books=books):
        reader.room = False
        await asyncio.sleep(0.05)
        await leader.saves(*[10] * 18)
        reader.room = True
        await until(lambda: len(reader.got) == 100)
        await until(lambda: books.lost)
    assert reader.got == leader.ids[80:]
    assert books.lost == {"notebook": 80}


async def test_in_memory_nothing_is_kept_that_nobody_wants() -> None:
    store, reader = MemoryStore(), Notebook(wants={"request_granted"})
    leader = Leader(store)
    await leader.leads()
    assert store.outbox.wanted == frozenset()
    async with followed(leader, reader) as reading:
        assert store.outbox.wanted == {RequestGranted}
        await reading.remove("notebook", gone=True)
        assert store.outbox.wanted == frozenset()


# -- Redis only -------------------------------------------------------------------------------------------------------


async def _calls(redis: Redis) -> dict[str, int]:
    """Command -> how often Redis was asked."""
    stats: Any = await redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): figures["calls"] for name, figures in stats.items()}


async def test_what_we_have_written_ourselves_is_not_read_back(redis_server: RedisServer, redis: Redis) -> None:
    leader, reader = Leader(RedisStore(redis_server.settings())), Notebook()
    outbox = leader.store.outbox
    assert isinstance(outbox, RedisOutbox)
    await leader.leads()
    async with followed(leader, reader):
        await leader.saves(1)
        await until(lambda: len(reader.got) == 1 and outbox._feeds[reader.name].live)  # the first one may be read back
        await redis.config_resetstat()
        for _ in range(100):
            await leader.saves(3)
            await asyncio.sleep(0.001)
        await until(lambda: len(reader.got) == 301)
        asked = await _calls(redis)
        assert (asked.get("xrange", 0), asked.get("xread", 0), asked["xadd"]) == (0, 0, 300)
    assert reader.got == leader.ids
    await leader.store.close()


async def test_one_that_falls_behind_what_is_kept_in_this_process_catches_up_from_the_stream(
    redis_server: RedisServer, redis: Redis
) -> None:
    store, slow, quick = RedisStore(redis_server.settings()), Notebook("slow"), Notebook("quick")
    store.outbox = RedisOutbox(redis_server.settings(), most=50)
    leader = Leader(store)
    await leader.leads()
    async with followed(leader, slow, quick):
        await leader.saves(1)
        await until(lambda: slow.got and quick.got)
        slow.room = False
        await asyncio.sleep(0.05)
        for _ in range(70):
            await leader.saves(10)
        await until(lambda: len(quick.got) == 701)
        assert len(store.outbox._feeds["slow"].queue) <= 60
        slow.room = True
        while len(slow.got) < 701:  # what is saved while it reads the stream is neither lost nor doubled
            await leader.saves(1)
            await asyncio.sleep(0.001)
        await until(lambda: len(slow.got) == len(leader.ids))
        await redis.config_resetstat()
        await leader.saves(5)
        await until(lambda: len(slow.got) == len(leader.ids))
        assert "xrange" not in await _calls(redis)
    assert slow.got == quick.got == leader.ids
    await store.close()


async def test_a_take_over_goes_on_with_what_the_former_leader_wrote(redis_server: RedisServer) -> None:
    former, later = (Leader(RedisStore(redis_server.settings())) for _ in range(2))
    before, after = Notebook(), Notebook()
    await former.leads()
    async with followed(former, before):
        await former.saves(5)
        await until(lambda: len(before.got) == 5)
    await former.saves(600)
    await later.leads()
    later.seq = former.seq
    await later.saves(3)  # saved before anybody reads
    async with at_work(later.outbox, after):
        await later.saves(2, 2)
        await until(lambda: len(after.got) == 607)
    assert before.got + after.got == former.ids + later.ids
    await former.leads()
    assert await former.outbox.last() == place_of(later.ids[-1])
    for each in (former, later):
        await each.store.close()


async def test_facts_that_were_not_saved_are_handed_over_when_they_are(redis_server: RedisServer, leading: Leader) -> None:
    leader, reader = leading, Notebook()
    async with followed(leader, reader):
        await leader.saves(2)
        await until(lambda: len(reader.got) == 2)
        await _saved_unheard(redis_server, leader, 3)
        await asyncio.sleep(0.1)
        assert len(reader.got) in (2, 5), "not fed; but who had to look into the stream meanwhile has found them there"
        whole = Whole(number=leader.store.number + 1, rows={}, meta=Meta(), facts=[fact(seq) for seq in range(3, 8)])
        await leader.store.save_all(whole)
        leader.seq = 7
        await leader.saves(1)
        await until(lambda: len(reader.got) >= 8)
    assert reader.got == [f"{leader.token}-{seq}" for seq in range(1, 9)]


async def test_facts_of_a_save_that_we_never_hear_of_are_handed_over_all_the_same(
    redis_server: RedisServer, leading: Leader
) -> None:
    """It was too slow for us; then so many facts are owed that the oldest, which are in the stream, are given up."""
    leader, reader = leading, Notebook()
    async with followed(leader, reader):
        await leader.saves(2)
        await until(lambda: len(reader.got) == 2)
        await _saved_unheard(redis_server, leader, 3)
        await leader.store.save_all(Whole(number=leader.store.number + 1, rows={}, meta=Meta(), facts=[fact(6), fact(7)]))
        await until(lambda: len(reader.got) >= 7)
        leader.seq = 7
        await leader.saves(1)
        await until(lambda: len(reader.got) >= 8)
    assert reader.got == [f"{leader.token}-{seq}" for seq in range(1, 9)]


async def test_what_a_reader_found_in_the_stream_before_we_knew_of_it_is_handed_over_once(
    redis_server: RedisServer, leading: Leader
) -> None:
    leader, early, late = leading, Notebook("early"), Notebook("late")
    late.own = (0, 0)
    async with followed(leader, early) as reading:
        await leader.saves(2)
        await until(lambda: len(early.got) == 2)
        await _saved_unheard(redis_server, leader, 3)
        reading.add(late)
        await until(lambda: len(late.got) == 5)
        assert len(early.got) in (2, 5), "not fed; but if it had to look into the stream meanwhile, it has found them there"
        whole = Whole(number=leader.store.number + 1, rows={}, meta=Meta(), facts=[fact(seq) for seq in range(3, 7)])
        await leader.store.save_all(whole)
        await until(lambda: len(early.got) >= 6 and len(late.got) >= 6)
    assert early.got == late.got == [f"{leader.token}-{seq}" for seq in range(1, 7)]


async def _saved_unheard(redis_server: RedisServer, leader: Leader, count: int) -> None:
    """A save that is in Redis, and that the store takes for failed: it was given up before Redis answered."""
    redis_server.pause()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(leader.saves(count), 0.05)
    redis_server.go_on()


async def test_a_redis_that_lost_everything_is_read_from_its_new_beginning(redis_server: RedisServer, leading: Leader) -> None:
    leader, reader = leading, Notebook()
    async with followed(leader, reader):
        await leader.saves(3)
        await until(lambda: len(reader.got) == 3)
        redis_server.kill()
        await asyncio.sleep(0.1)
        redis_server.start()
        await leader.leads()
        await leader.saves(4)
        await until(lambda: len(reader.got) == 7)
    assert reader.got == leader.ids


async def test_reading_that_fails_half_way_loses_nothing(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    leader, before, after = Leader(RedisStore(redis_server.settings())), Notebook(), Notebook()
    await leader.leads()
    async with followed(leader, before):
        pass
    await leader.saves(400)
    outbox = leader.store.outbox
    assert isinstance(outbox, RedisOutbox)
    real, failures = outbox._redis.xrange, [2]

    async def failing(*args: Any, **more: Any) -> Any:
        found = await real(*args, **more)
        await leader.saves(2)  # saved while the page is on its way
        if failures[0]:
            failures[0] -= 1
            raise OSError("cut off")
        return found

    monkeypatch.setattr(outbox._redis, "xrange", failing)
    async with at_work(leader.outbox, after):
        await until(lambda: len(after.got) == len(leader.ids) > 400)
    assert after.got == leader.ids
    await leader.store.close()


@pytest.mark.parametrize(
    "change", [{b"seq": b"x"}, {b"at": b"x"}, {b"v": b""}, {b"data": b"[]"}, {b"data": b"{"}, {b"type": b"\xff"}]
)
def test_what_is_no_fact_is_passed_over(change: dict[bytes, bytes]) -> None:
    plain = dict.fromkeys(b"id type call pbx uniqueid linkedid personal".split(), b"")
    entry = plain | {b"seq": b"1", b"at": b"1.5", b"v": b"1", b"data": b"{}"}
    assert read_back(b"7-1", entry) is not None
    assert read_back(b"7-1", entry | change) is None
    assert read_back(b"7-1", {name: value for name, value in entry.items() if name != b"pbx"}) is None
