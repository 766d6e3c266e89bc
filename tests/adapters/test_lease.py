"""The lease in a real Redis: one claim at a time, tokens that only grow, and a leader that writes again what Redis lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

import pytest
from redis.asyncio import Redis

from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.lease import Overwrites, RedisLease
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import Displaced, StoreDown

from .conftest import RedisServer

NOW = 1_800_000_000.0


@pytest.fixture
def settings(redis_server: RedisServer) -> RedisSettings:
    return redis_server.settings()


@pytest.fixture
async def redis(settings: RedisSettings) -> AsyncIterator[Redis]:
    client = connect(settings)
    yield client
    await client.aclose()


Make = Callable[..., RedisLease]


@pytest.fixture
async def make(settings: RedisSettings) -> AsyncIterator[Make]:
    made: list[RedisLease] = []

    def one(holder: str, wall: float = NOW) -> RedisLease:
        made.append(RedisLease(settings, holder=holder, address=f"http://{holder}:8090", clock=lambda: wall))
        return made[-1]

    yield one
    for each in made:
        await each.close()


@pytest.mark.parametrize("spoiled", ["meta", "lease", "standbys"])
async def test_a_key_of_another_type_keeps_nobody_from_leading(
    make: Make, settings: RedisSettings, redis: Redis, spoiled: str
) -> None:
    a, b = make("a"), make("b", NOW + 10)
    await a.claim(await a.look(True))
    for holder in (a, b):  # while one leads, and while nobody can
        key = settings.private(spoiled)
        await redis.delete(key)
        await redis.set(key, "of another")
        await holder.look(True)
        claimed = await holder.claim(await holder.look(True))
        assert claimed is not None
        assert await holder.renew(claimed.token, Overwrites.OWN) is not None
    kept = [key async for key in redis.scan_iter(match=settings.private("unreadable:*"))]
    assert [await redis.get(key) for key in kept] == [b"of another"] * 2


@pytest.mark.parametrize("spoiled", ["meta", "lease", "standbys"])
async def test_a_leader_goes_on_when_a_key_becomes_another_type(
    make: Make, settings: RedisSettings, redis: Redis, spoiled: str
) -> None:
    a = make("a")
    claimed = await a.claim(await a.look(True))
    assert claimed is not None
    await redis.delete(settings.private(spoiled))
    await redis.rpush(settings.private(spoiled), "of another")
    assert await a.renew(claimed.token, Overwrites.MISSING) is not None
    assert (await a.look()).holder == "a"
    await a.release(claimed.token)
    assert (await a.look()).given_up


async def test_a_lease_names_the_pbxs_to_which_its_holder_has_no_link(make: Make) -> None:
    a, b = make("a"), make("b", NOW + 10)
    claimed = await a.claim(await a.look())
    assert claimed is not None
    await a.renew(claimed.token, Overwrites.OWN, ["west", "east"])
    assert (await b.look()).unlinked == (await b.held())[0].unlinked == {"west", "east"}
    assert await b.claim(await b.look()) is not None
    assert (await a.look()).unlinked == frozenset(), "of the new holder nothing is known yet"


async def test_a_lease_tells_its_holder_s_time_and_no_other_s(make: Make, settings: RedisSettings, redis: Redis) -> None:
    a, b = make("a"), make("b", NOW + 10)
    claimed = await a.claim(await a.look())
    assert claimed is not None
    assert (await b.look()).now is None
    await a.renew(claimed.token, Overwrites.OWN, (), NOW + 0.1234567)
    assert (await b.look()).now == (await b.held())[0].now == NOW + 0.1234567
    for odd in ("soon", "nan", "inf"):
        await redis.hset(settings.private("lease"), "now", odd)
        assert (await b.look()).now is None
    await a.renew(claimed.token, Overwrites.OWN, (), NOW)
    assert await b.claim(await b.look()) is not None
    assert (await a.look()).now is None, "of the new holder nothing is known yet"


async def test_a_claim_takes_only_the_lease_that_was_seen(make: Make) -> None:
    a, b = make("a"), make("b")
    nothing = await a.look()
    assert nothing.missing
    claimed = await a.claim(nothing)
    assert claimed is not None
    assert claimed.token == int(NOW * 1000)
    assert await b.claim(nothing) is None
    found = await b.look()
    assert (found.holder, found.address, found.given_up) == ("a", "http://a:8090", False)
    await a.renew(claimed.token, Overwrites.ANY)
    assert await b.claim(found) is None  # it has been renewed since
    taken = await b.claim(await b.look())
    assert taken is not None
    assert taken.token == claimed.token + 1
    with pytest.raises(Displaced):
        await a.renew(claimed.token, Overwrites.ANY)


async def test_of_many_who_saw_the_same_lease_one_gets_it(make: Make) -> None:
    all_of_them = [make(f"i{index}") for index in range(8)]
    found = await all_of_them[0].look()
    got = await asyncio.gather(*(each.claim(found) for each in all_of_them))
    assert len([one for one in got if one is not None]) == 1


@pytest.mark.parametrize("off", [-3600.0, 3600.0])
async def test_a_token_is_newer_than_every_other_whatever_the_clock_says(make: Make, settings: RedisSettings, off: float) -> None:
    store = RedisStore(settings, clock=lambda: NOW)
    alone = await store.take_over()  # by an instance without a standby
    await store.close()
    a, b = make("a", NOW + off), make("b", NOW)
    first = await a.claim(await a.look())
    assert first is not None
    second = await b.claim(await b.look())
    assert second is not None
    assert alone < first.token < second.token


async def test_the_claim_is_the_token_of_the_saved_world(make: Make, settings: RedisSettings) -> None:
    former = RedisStore(settings, clock=lambda: NOW)
    await former.take_over()
    a = make("a")
    claimed = await a.claim(await a.look())
    assert claimed is not None
    assert await former.holds() is False
    mine = RedisStore(settings)
    mine.lead(claimed.token, claimed.number)
    assert await mine.holds() is True
    for each in (former, mine):
        await each.close()


async def test_a_released_lease_says_so_until_it_is_claimed(make: Make) -> None:
    a, b = make("a"), make("b")
    claimed = await a.claim(await a.look())
    assert claimed is not None
    await b.release(claimed.token)  # not its own
    assert not (await b.look()).given_up
    await a.release(claimed.token)
    found = await b.look()
    assert found.given_up
    assert await b.claim(found) is not None
    assert not (await a.look()).given_up
    await a.release(claimed.token)  # not its own any more
    assert not (await a.look()).given_up


async def test_a_leader_writes_its_lease_again_where_redis_lost_it(make: Make, redis: Redis, settings: RedisSettings) -> None:
    a = make("a")
    claimed = await a.claim(await a.look())
    assert claimed is not None
    await redis.delete(settings.private("lease"))
    assert await a.renew(claimed.token, Overwrites.OWN) is None
    assert (await a.look()).missing
    for over in (Overwrites.MISSING, Overwrites.ANY):
        await redis.flushall()  # restarted empty
        assert await a.renew(claimed.token, over) == 0
        assert (await a.look()).holder == "a"


async def test_a_redis_that_went_back_to_an_older_state_is_corrected_by_the_leader_alone(
    make: Make, redis: Redis, settings: RedisSettings
) -> None:
    a, b = make("a"), make("b")
    first = await a.claim(await a.look())
    assert first is not None
    keys = [settings.private(name) for name in ("lease", "meta")]
    before = [await redis.dump(key) for key in keys]
    second = await b.claim(await b.look())
    assert second is not None
    for key, dumped in zip(keys, before, strict=True):  # a fail-over to a replica that was behind
        assert dumped is not None
        await redis.restore(key, 0, dumped, replace=True)
    assert (await b.look()).holder == "a"
    with pytest.raises(Displaced):  # it has not renewed for long, and cannot know which of the two is older
        await b.renew(second.token, Overwrites.OWN)
    assert await b.renew(second.token, Overwrites.ANY) == 0
    with pytest.raises(Displaced):
        await a.renew(first.token, Overwrites.ANY)
    assert (await b.look()).token == str(second.token)


async def test_the_leader_knows_how_many_standbys_could_take_over(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = make("a"), make("b"), make("c")
    claimed = await a.claim(await a.look())
    assert claimed is not None
    renew = partial(a.renew, claimed.token, Overwrites.ANY)
    assert await renew() == 0
    await b.look(able=True)
    await c.look(able=False)
    assert await renew() == 1
    await c.look(able=True)
    await c.look()
    assert await renew() == 2
    taken = await b.claim(await b.look())  # who leads is no standby
    assert taken is not None
    assert await b.renew(taken.token, Overwrites.ANY) == 1
    monkeypatch.setattr("callbridge.adapters.redis.lease._REPORTS_LAST", -1.0)
    assert await b.renew(taken.token, Overwrites.ANY) == 0  # what was said long ago does not count


async def test_a_redis_that_does_not_answer_is_trouble_within_half_a_second(settings: RedisSettings) -> None:
    lease = RedisLease(replace(settings, url="redis://127.0.0.1:9/0"), holder="a", address="http://a")
    with pytest.raises(StoreDown):
        await lease.look()
    await lease.close()


async def test_garbage_in_the_lease_is_a_lease_that_can_be_claimed(make: Make, redis: Redis, settings: RedisSettings) -> None:
    await redis.hset(settings.private("lease"), mapping={"token": "x", "holder": b"\xff", "beat": "?"})
    a = make("a")
    found = await a.look()
    assert not found.missing
    assert await a.claim(found) is not None
