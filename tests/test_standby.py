"""A standby: what it verifies before it takes anything, and when it does; a healthy leader is never displaced."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from callbridge.adapters.ari.ownership import OwnershipSeen
from callbridge.adapters.facts.migrations import SCHEMA
from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.lease import RedisLease
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import Displaced
from callbridge.runtime.lease import LeaseTimes
from callbridge.service.leading import Leading
from callbridge.service.standby import Standby
from callbridge.service.starting import Taken
from callbridge.service.warm_links import WarmLinks
from tests.adapters.conftest import RedisServer
from tests.adapters.test_store import delta, numbers
from tests.adapters.waiting import HANGS, until
from tests.test_starting import own_redis

LONG = True
TIMES = LeaseTimes(ttl=0.5)
PLENTY = 2.5 * TIMES.ttl
"""Seconds in which a standby that may take over does."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with own_redis() as made:
        yield made


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(server.settings())
    yield client
    await client.aclose()


class ToyChecks(WarmLinks):
    """What the PBXs say."""

    def __init__(self, trouble: dict[str, str] | None) -> None:
        super().__init__([], [], 1.0)
        self.trouble = trouble or {"pbx1": ""}
        self.rejected: list[str] = []

    def refused(self) -> list[str]:
        return self.rejected

    async def look(self) -> list[OwnershipSeen]:
        return [OwnershipSeen(pbx=pbx, trouble=why) for pbx, why in self.trouble.items()]


class Instance:
    """One of several, without a world of its own: its standby, and its lease when it leads."""

    def __init__(
        self,
        settings: RedisSettings,
        name: str,
        *,
        clock: Callable[[], float] = time.time,
        trouble: dict[str, str] | None = None,
        times: LeaseTimes = TIMES,
    ) -> None:
        self.times = times
        self.lease = RedisLease(settings, holder=name, address=f"http://{name}:8090", clock=clock)
        self.store = RedisStore(settings, clock=clock)
        self.checks, self.ledger, self.linked = ToyChecks(trouble), "", True
        self.leading: Leading | None = None
        self.ends: list[str] = []
        self.standby = Standby(
            lease=self.lease,
            times=times,
            store=self.store,
            links=self.checks,
            ledger=self._ledger,
            status=lambda text: None,
            lead=self._lead,
        )
        self.task: asyncio.Task[Taken] | None = None

    async def _ledger(self) -> str:
        return self.ledger

    def _lead(self, token: int, claimed_at: float) -> Leading:
        self.leading = Leading(
            self.lease,
            self.times,
            token=token,
            claimed_at=claimed_at,
            unlinked=lambda: () if self.linked else ("pbx1",),
            now=lambda: None,
            pbxs=1,
            displaced=lambda: self.ends.append("displaced"),
            give_up=lambda: self.ends.append("gave up"),
        )
        return self.leading

    def start(self) -> asyncio.Task[Taken]:
        self.task = asyncio.create_task(self.standby.take_over())
        return self.task

    async def leads(self, limit: float = HANGS) -> Taken:
        return await asyncio.wait_for(asyncio.shield(self.task or self.start()), limit)

    async def dies(self) -> None:
        """Like kill -9: nothing is released."""
        if self.leading is not None:
            await self.leading.end()

    async def close(self) -> None:
        await self.dies()
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.lease.close()
        await self.store.close()


@contextlib.asynccontextmanager
async def instances(server: RedisServer, *made: Instance) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for each in made:
            await each.close()


@contextlib.asynccontextmanager
async def pair(server: RedisServer, times: LeaseTimes = TIMES, **trouble: str) -> AsyncIterator[tuple[Instance, Instance]]:
    """One that leads, with a saved world, and one that stands by."""
    settings = patient(server)
    a, b = Instance(settings, "a", times=times), Instance(settings, "b", trouble=trouble, times=times)
    await nobody_leads(settings)
    async with instances(server, a, b):
        await a.leads()
        await a.store.save(delta(a.store.number + 1, a.store.number + 1))
        b.start()
        await until(lambda: b.standby.leader == "http://a:8090")
        yield a, b


async def nobody_leads(settings: RedisSettings) -> None:
    """A leader of yesterday has released the lease."""
    former = RedisLease(settings, holder="former", address="", clock=lambda: 1.0)
    claimed = await former.claim(await former.look())
    assert claimed is not None
    await former.release(claimed.token)
    await former.close()


def patient(server: RedisServer) -> RedisSettings:
    return replace(server.settings(), connect_timeout=HANGS, timeout=HANGS)


async def watches(b: Instance, seconds: float = PLENTY) -> None:
    """It stands by all the time."""
    assert b.task is not None
    done, _ = await asyncio.wait((b.task,), timeout=seconds)
    assert not done


async def test_the_first_of_all_leads_after_nobody_has_written_a_lease_for_four_times(server: RedisServer) -> None:
    a = Instance(patient(server), "a")
    async with instances(server, a):
        began = time.monotonic()
        taken = await a.leads()
        assert time.monotonic() - began >= 4 * TIMES.ttl
        assert taken.saved is None


async def test_a_dead_leader_is_replaced_after_one_time_with_all_that_it_saved(server: RedisServer) -> None:
    async with pair(server) as (a, b):
        saved = a.store.number
        await a.dies()
        died = time.monotonic()
        taken = await b.leads()
        assert time.monotonic() - died >= TIMES.ttl - TIMES.renew_every
        assert a.leading is not None
        assert taken.token > a.leading.token
        assert taken.saved is not None
        assert numbers(taken.saved) == [saved]
        with pytest.raises(Displaced):
            await a.store.save(delta(saved + 1, saved + 1))


@pytest.mark.parametrize("spoiled", ["meta", "lease", "standbys", "calls", "outbox"])
async def test_a_dead_leader_is_replaced_though_a_key_is_of_another_type(server: RedisServer, spoiled: str) -> None:
    async with pair(server) as (a, b):
        await a.dies()
        redis = connect(server.settings())
        await redis.delete(server.settings().private(spoiled))
        await redis.set(server.settings().private(spoiled), "of another")
        await redis.aclose()
        taken = await b.leads()
        assert taken.saved is not None
        assert bool(numbers(taken.saved)) == (spoiled not in ("meta", "calls"))


async def test_a_healthy_leader_is_left_alone(server: RedisServer) -> None:
    async with pair(server) as (a, b):
        await watches(b)
        assert a.ends == []
        assert a.leading is not None
        assert a.leading.standbys == 1
        assert b.standby.missing() == ["standby: http://a:8090 leads"]


async def test_a_released_lease_is_taken_at_once(server: RedisServer) -> None:
    async with pair(server, LeaseTimes(ttl=15.0)) as (a, b):
        await until(lambda: b.standby._examined.able)
        assert a.leading is not None
        await a.leading.release()
        released = time.monotonic()
        await b.leads()
        assert time.monotonic() - released < 15.0


async def test_a_standby_with_a_wrong_password_says_so_and_takes_nothing_even_from_a_dead_leader(server: RedisServer) -> None:
    async with pair(server, pbx1="401 Unauthorized") as (a, b):
        await watches(b)
        assert b.standby.missing() == ["standby: http://a:8090 leads", "pbx pbx1: 401 Unauthorized"]
        assert a.leading is not None
        assert (a.ends, a.leading.standbys) == ([], 0)
        await a.dies()
        await watches(b)
        assert b.standby.missing()[0] == "standby: no leader is known"
        b.checks.trouble = {"pbx1": ""}  # corrected
        await b.leads()


async def test_a_standby_whose_ami_login_is_refused_lets_others_go_first(server: RedisServer) -> None:
    async with pair(server) as (a, b):
        b.checks.rejected = ["pbx pbx1: AMI login refused: Authentication failed"]
        assert a.leading is not None
        leading = a.leading
        named = ["standby: http://a:8090 leads", "pbx pbx1: AMI login refused: Authentication failed"]
        await until(lambda: b.standby.missing() == named)
        await until(lambda: not leading.standbys)
        await a.dies()
        await b.leads()


async def test_a_standby_of_an_older_version_waits_for_one_that_can_read_the_world(server: RedisServer, redis: Redis) -> None:
    async with pair(server) as (a, b):
        await redis.hset(server.settings().private("meta"), "schema", str(SCHEMA + 1))
        await a.dies()
        await watches(b)
        assert f"schema {SCHEMA + 1}" in " ".join(b.standby.missing())


@pytest.mark.parametrize("off", [-3600.0, 3600.0])
async def test_a_standby_with_another_clock_leaves_a_healthy_leader_alone_and_replaces_a_dead_one(
    server: RedisServer, off: float
) -> None:
    settings = patient(server)
    a, b = Instance(settings, "a"), Instance(settings, "b", clock=lambda: time.time() + off)
    await nobody_leads(settings)
    async with instances(server, a, b):
        first = await a.leads()
        b.start()
        await watches(b)
        assert a.ends == []
        await a.dies()
        assert (await b.leads()).token > first.token


async def test_a_standby_without_a_ledger_lets_a_better_one_go_first(server: RedisServer) -> None:
    async with pair(server) as (a, b):
        b.ledger = "unable to open database file"
        c = Instance(patient(server), "c")
        async with instances(server, c):
            c.start()
            await until(lambda: c.standby.leader == "http://a:8090")
            await a.dies()
            await c.leads()
            await watches(b)
            await c.dies()
            await b.leads()  # there is nobody else


async def test_a_lease_that_is_deleted_is_written_again_and_costs_the_leader_nothing(server: RedisServer, redis: Redis) -> None:
    async with pair(server) as (a, b):
        for _ in range(3):
            await redis.delete(server.settings().private("lease"))
            await watches(b, TIMES.ttl)
        assert a.ends == []
        assert b.standby.leader == "http://a:8090"


async def test_after_a_restart_of_redis_that_lost_everything_the_leader_still_leads(server: RedisServer) -> None:
    async with pair(server) as (a, b):
        server.kill()
        await asyncio.sleep(2 * TIMES.ttl)  # so long that nobody can tell whose the lease was
        server.start()
        await watches(b, 3 * TIMES.ttl)
        assert a.ends == []
        await until(lambda: b.standby.leader == "http://a:8090")


async def test_a_redis_that_stands_still_displaces_nobody(server: RedisServer) -> None:
    async with pair(server) as (a, b):
        server.pause()
        await watches(b, 3 * TIMES.ttl)
        assert b.standby.leader == ""
        assert a.leading is not None
        assert await a.leading.holds() is None
        server.go_on()
        await watches(b, TIMES.ttl)
        assert a.ends == []
        assert await a.leading.holds() is True


async def test_a_leader_that_comes_back_too_late_is_told_and_does_not_take_the_lease_back(server: RedisServer) -> None:
    async with pair(server) as (a, b):
        await a.dies()
        await b.leads()
        assert a.leading is not None
        assert await a.leading.holds() is False
        assert a.ends == ["displaced"]
        assert b.leading is not None
        assert await b.leading.holds() is True
        again = Instance(patient(server), "again")
        async with instances(server, again):
            again.start()
            await watches(again)  # and no ping-pong


async def test_a_leader_without_a_pbx_gives_up_for_a_standby_that_has_one(server: RedisServer) -> None:
    async with pair(server) as (a, b):
        a.linked = False
        await until(lambda: a.ends)
        assert a.ends[0] == "gave up"
        assert a.leading is not None
        await a.leading.release()
        await b.leads()


async def test_a_leader_without_a_pbx_stays_where_no_standby_has_one(server: RedisServer) -> None:
    async with pair(server, pbx1="Cannot connect") as (a, b):
        a.linked = False
        await watches(b)
        assert a.ends == []


async def test_who_serves_without_a_standby_in_its_configuration_is_not_displaced_by_one_that_has_it(server: RedisServer) -> None:
    settings = patient(server)
    alone, b = RedisStore(settings), Instance(settings, "b")
    async with instances(server, b):
        await alone.take_over()
        b.start()
        until_then = time.monotonic() + 6 * TIMES.ttl
        while time.monotonic() < until_then:  # as every owner does, at least every second
            await alone.save(delta(alone.number + 1, alone.number + 1))
            await watches(b, 0.5)
        assert "an instance without `standby:` leads" in b.standby.missing()[0]
        assert await alone.holds() is True
        await alone.close()
        await b.leads()
