"""Who talked to whom last: kept as long as it is of use, known at the next call, never a reason to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.core.model.facts import TalkBegan
from tests.adapters.conftest import RedisServer

NUMBERS = {"c1": "+44 20 7946", "c2": "anonymous"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["redis", "none"])
async def memory(request: pytest.FixtureRequest, redis_server: RedisServer) -> AsyncIterator[tuple[LastAgents, Clock]]:
    clock = Clock()
    settings = redis_server.settings() if request.param == "redis" else None
    made = LastAgents(clock, lambda call: NUMBERS.get(call, ""), redis=settings)
    made.adopt(3600.0, 600.0, "44")
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
    assert (await recall(known, "0044207946"))["last_at"] == "900.000"
    known.on_facts([talk()])
    while (await recall(known, "0044207946"))["last_at"] == "900.000":
        await asyncio.sleep(0.01)
    expected = {"last_agent": "ann", "last_queue": "support", "last_at": "1000.000", "repeat": "yes"}
    assert await recall(known, "0044207946") == expected
    assert await recall(known, "0207946") == expected
    clock.now = 1700.0
    assert "repeat" not in await recall(known, "+44207946")


async def test_a_person_who_has_no_number_is_nobody(memory: tuple[LastAgents, Clock]) -> None:
    known, _ = memory
    known.on_facts([talk("c2"), talk("gone")])
    await asyncio.sleep(0.05)
    for number in ("", "anonymous", "+44207946"):
        assert not await known.recall(number)


async def test_nothing_is_kept_when_it_is_of_no_use(memory: tuple[LastAgents, Clock]) -> None:
    known, _ = memory
    known.adopt(0.0, 0.0, "")
    known.on_facts([talk()])
    await asyncio.sleep(0.05)
    assert not await known.recall("+44207946")


async def test_without_redis_it_is_forgotten_in_time() -> None:
    clock = Clock()
    known = LastAgents(clock, lambda call: NUMBERS.get(call, ""), redis=None)
    known.adopt(60.0, 60.0, "")
    known.on_facts([talk()])
    assert await known.recall("+44207946")
    clock.now = 1061.0
    assert not await known.recall("+44207946")


async def test_garbage_in_redis_is_nothing(redis_server: RedisServer) -> None:
    settings = redis_server.settings()
    known = LastAgents(Clock(), lambda call: "", redis=settings)
    for row in (b"{", b"[]", b'{"agent": 1}', b"\xff"):
        redis = known._redis
        assert redis is not None
        await redis.set(f"{settings.private('talked')}:{known._who('+441')}", row)
        assert not await known.recall("+441")
    await known.close()


async def test_a_queue_is_called_as_it_is_called_now(memory: tuple[LastAgents, Clock]) -> None:
    known, _ = memory
    known.on_facts([talk()])
    assert (await recall(known, "0044207946"))["last_queue"] == "support"
    known.adopt(3600.0, 600.0, "44", {"support": "helpdesk"})
    assert (await recall(known, "0044207946"))["last_queue"] == "helpdesk"
