"""Who talked to whom last: kept as long as it is of use, known at the next call, never a reason to wait."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.lookups.lookup import Lookups, LookupSettings
from callbridge.adapters.redis.connection import connect
from callbridge.core.model.events import AnyEvent, LookedUp
from callbridge.core.model.facts import CallerChanged, TalkBegan
from callbridge.core.model.orders import LookUp
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.adapters.conftest import RedisServer

NUMBERS = {"c1": "+44 20 7946 0001", "c2": "anonymous"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["redis", "none"])
async def memory(request: pytest.FixtureRequest, redis_server: RedisServer) -> AsyncIterator[tuple[LastAgents, Clock]]:
    clock = Clock()
    settings = redis_server.settings() if request.param == "redis" else None
    made = LastAgents(clock, lambda call: NUMBERS.get(call, ""), redis=settings)
    made.adopt(3600.0, 600.0, PhoneNumbers("GB"))
    running = asyncio.create_task(made.run())
    yield made, clock
    running.cancel()
    await made.close()


def talk(call: str = "c1", at: float = 1000.0) -> TalkBegan:
    return TalkBegan(seq=1, at=at, call=call, agent="ann", queue="support", leg="l", waited=1.0)


async def recall(memory: LastAgents, number: str) -> dict[str, str]:
    for _ in range(100):
        if found := await memory.recall(number):
            return dict(found)
        await asyncio.sleep(0.01)
    return {}


async def test_the_last_talk_is_known_however_the_number_is_written(memory: tuple[LastAgents, Clock]) -> None:
    known, clock = memory
    known.on_facts([talk(at=900.0)])
    assert (await recall(known, "00442079460001"))["last_at"] == "900.000"
    known.on_facts([talk()])
    while (await recall(known, "00442079460001"))["last_at"] == "900.000":
        await asyncio.sleep(0.01)
    expected = {"last_agent": "ann", "last_queue": "support", "last_at": "1000.000", "repeat": "yes"}
    assert await recall(known, "00442079460001") == expected
    assert await recall(known, "02079460001") == expected
    clock.now = 1700.0
    assert "repeat" not in await recall(known, "+442079460001")


async def test_who_is_given_to_an_agent_in_a_talk_has_talked_to_that_agent(memory: tuple[LastAgents, Clock]) -> None:
    known, _ = memory
    given = CallerChanged(
        seq=1, at=990.0, call="c1", agent="ann", queue="support", leg="l", number="", name="", tier="", phone="", talking=False
    )
    known.on_facts([given, replace(given, at=995.0, talking=True)])
    assert (await recall(known, "00442079460001"))["last_at"] == "995.000"


async def test_a_person_who_has_no_number_is_nobody(memory: tuple[LastAgents, Clock]) -> None:
    known, _ = memory
    known.on_facts([talk("c2"), talk("gone")])
    await asyncio.sleep(0.05)
    for number in ("", "anonymous", "+442079460001"):
        assert not await known.recall(number)


async def test_nothing_is_kept_when_it_is_of_no_use(memory: tuple[LastAgents, Clock]) -> None:
    known, _ = memory
    known.adopt(0.0, 0.0, PhoneNumbers())
    known.on_facts([talk()])
    await asyncio.sleep(0.05)
    assert not await known.recall("+442079460001")


async def test_without_redis_it_is_forgotten_in_time() -> None:
    clock = Clock()
    known = LastAgents(clock, lambda call: NUMBERS.get(call, ""), redis=None)
    known.adopt(60.0, 60.0, PhoneNumbers())
    known.on_facts([talk()])
    assert await known.recall("+442079460001")
    clock.now = 1061.0
    assert not await known.recall("+442079460001")


async def test_garbage_in_redis_is_nothing(redis_server: RedisServer) -> None:
    settings = redis_server.settings()
    known = LastAgents(Clock(), lambda call: "", redis=settings)
    for row in (b"{", b"[]", b'{"agent": 1}', b"\xff"):
        redis = known._redis
        assert redis is not None
        await redis.set(f"{settings.private('talked')}:{known._who('+441')}", row)
        assert not await known.recall("+441")
    await known.close()


async def test_no_key_in_redis_is_found_by_trying_numbers(redis_server: RedisServer) -> None:
    """The hash was not keyed: all numbers of a country are tried in minutes."""
    settings = replace(redis_server.settings(), number_key=b"one key")
    known = LastAgents(Clock(), lambda call: "+442079460001", redis=settings)
    known.adopt(3600.0, 600.0, PhoneNumbers("GB"))
    running = asyncio.create_task(known.run())
    known.on_facts([talk()])
    assert (await recall(known, "+442079460001"))["last_agent"] == "ann"
    lookups = Lookups(lambda event: None, lambda: 5.0, redis=settings)
    lookups.adopt([LookupSettings(name="survey:a", deadline=1.0, once=3600.0)], ())
    await lookups.perform(LookUp(lookup="survey:a", call="c1", question="q1", values={"caller": "+442079460001"}))
    guesses = {hashlib.sha256(number.encode()).hexdigest()[:32] for number in ("+442079460001", "442079460001")}
    async with connect(settings) as redis:
        keys = [str(key) for key in await redis.keys("*")]
    assert len(keys) == 2
    assert not [key for key in keys for guess in guesses if guess in key]
    other = LastAgents(Clock(), lambda call: "", redis=replace(settings, number_key=b"another key"))
    other.adopt(3600.0, 600.0, PhoneNumbers("GB"))
    assert not await other.recall("+442079460001")
    assert await known.forget("+442079460001")
    running.cancel()
    for each in (known, other, lookups):
        await each.close()


async def test_what_was_written_down_without_a_key_is_known_until_its_time_is_over(redis_server: RedisServer) -> None:
    settings = replace(redis_server.settings(), number_key=b"one key")
    known = LastAgents(Clock(), lambda call: "", redis=settings)
    known.adopt(3600.0, 600.0, PhoneNumbers("GB"))
    lookups = Lookups(lambda event: None, lambda: 5.0, redis=settings)
    async with connect(settings) as redis:
        key = hashlib.sha256(b"442079460001").hexdigest()[:32]
        await redis.set(f"{settings.private('talked')}:{key}", '{"agent": "ann", "queue": "support", "at": 900}')
        asked = hashlib.sha256(b"+442079460001").hexdigest()[:32]
        await redis.set(f"{settings.private('asked')}:survey:a:{asked}", "1", ex=3600)
    assert (await known.recall("020 7946 0001"))["last_agent"] == "ann"
    assert await known.forget("020 7946 0001")
    assert not await known.recall("020 7946 0001")
    told: list[AnyEvent] = []
    lookups = Lookups(told.append, lambda: 5.0, redis=settings)
    lookups.adopt([LookupSettings(name="survey:a", deadline=1.0, once=3600.0)], ())
    await lookups.perform(LookUp(lookup="survey:a", call="c1", question="q1", values={"caller": "+442079460001"}))
    assert [event.found for event in told if isinstance(event, LookedUp)] == [None]
    for each in (known, lookups):
        await each.close()


async def test_what_was_written_down_under_the_number_as_it_came_is_still_known(redis_server: RedisServer) -> None:
    """2125551234 was nobody's +12125551234 before numbers were read by their country."""
    settings = redis_server.settings()
    known = LastAgents(Clock(), lambda call: "", redis=settings)
    known.adopt(3600.0, 600.0, PhoneNumbers("US"))
    async with connect(settings) as redis:
        key = hashlib.sha256(b"2125551234").hexdigest()[:32]
        await redis.set(f"{settings.private('talked')}:{key}", '{"agent": "ann", "queue": "support", "at": 900}')
    assert (await known.recall("2125551234"))["last_agent"] == "ann"
    assert not await known.recall("2125551235")
    await known.close()


@pytest.mark.parametrize(
    ("region", "talked", "again"), [("US", "2125551234", "+1 212 555 1234"), ("CN", "13800138000", "8613800138000")]
)
async def test_the_last_talk_is_known_in_every_country(region: str, talked: str, again: str) -> None:
    known = LastAgents(Clock(), lambda call: talked, redis=None)
    known.adopt(3600.0, 600.0, PhoneNumbers(region))
    known.on_facts([talk()])
    assert (await known.recall(again))["repeat"] == "yes"


async def test_a_queue_is_called_as_it_is_called_now(memory: tuple[LastAgents, Clock]) -> None:
    known, _ = memory
    known.on_facts([talk()])
    assert (await recall(known, "00442079460001"))["last_queue"] == "support"
    known.adopt(3600.0, 600.0, PhoneNumbers("GB"), {"support": "helpdesk"})
    assert (await recall(known, "00442079460001"))["last_queue"] == "helpdesk"
