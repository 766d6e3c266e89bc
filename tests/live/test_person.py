"""A running callbridge forgets a person who has called: in database, Redis and memory."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers
from tests.live.house import House
from tests.live.test_history import read, written
from tests.live.wire import FLOOR, phones_of

pytestmark = [pytest.mark.live, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
NUMBER = "+442079460123"


async def test_a_person_who_has_called_is_forgotten_everywhere(house: House, pbx: Pbx, tmp_path: Path) -> None:
    path = tmp_path / "callbridge.db"
    more = {"database": {"url": f"sqlite:///{path}"}, "repeat_calls": {"within": "1d"}, "log": {"mask_numbers": False}}
    bridge = await house.open(FLOOR | more)
    wire = await phones_of(pbx)
    async with Callers(pbx, [Call(dialled="support", number=NUMBER)]) as callers:
        await callers.wait()
    await written(bridge, path, 1)
    async with Redis.from_url(house.redis.url) as redis:
        async with asyncio.timeout(10):
            while not (await redis.keys("*talked:*") and await redis.keys("*timeline:*")):
                await asyncio.sleep(0.05)
        found = await asyncio.to_thread(bridge.client.erase_person, NUMBER)
        places = {row["place"]: (row["found"], row["erased"]) for row in found["places"] if row["found"]}
        assert places["calls"] == places["timelines"] == places["timelines in memory"] == (1, 1)
        assert places["public stream"][0] == places["public stream"][1] > 5
        assert places["last agent in memory"] == (1, 1)
        assert not await redis.keys("*talked:*") and not await redis.keys("*timeline:*")
        assert "79460123" not in str(await redis.xrange("callbridge:facts"))
    with closing(sqlite3.connect(path)) as link:
        assert not [line for line in link.iterdump() if "79460123" in line]
    assert read(path, "SELECT kind, request, by FROM changes WHERE kind = 'person'") == [("person", "erase", "local")]
    assert read(path, "SELECT outcome FROM calls") == [("answered",)]
    for phone in wire.phones:
        await phone.stop()
