"""The measures of the compressed hour (``live/test_hour``) are right: what reads the stream takes each fact once, and the books
excuse a caller who left before the overflow, and nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.lab.crowding import Crowding
from tests.lab.records import CallRecord
from tests.lab.redis import RedisServer
from tests.live.hour_books import Books, told_of
from tests.live.hour_floor import tier_of
from tests.live.hour_run import STREAM, Breaks, Deeds, Fact, StreamReader

NUMBER = "+442079460060"
BACK = 110.0
"""callbridge is down for the ten seconds before."""


async def test_each_fact_is_taken_once_although_redis_forgets_everything_during_a_read() -> None:
    async with RedisServer() as server, Redis.from_url(server.url) as redis, StreamReader(server) as stream:
        for seq in range(1, 11):
            entry: dict[Any, Any] = {"type": "visit_began", "id": f"7-{seq}", "seq": seq, "at": 1.0, "data": "{}", "call": "c"}
            await redis.xadd(STREAM, entry, id=f"7-{seq}")
            await asyncio.gather(stream.read(), stream.forget())
    assert [fact["seq"] for fact in stream.facts] == list(range(1, 11))


@pytest.mark.parametrize(
    ("queue", "began", "ended", "excused"),
    [
        pytest.param("away", 112.0, 112.2, True, id="taken out of the fallback just before"),
        pytest.param("nobody", 112.0, 112.2, True, id="the same on the way to the dialplan"),
        pytest.param("away", 99.9, 109.0, True, id="in the queue when callbridge went down"),
        pytest.param("away", 112.0, 115.0, False, id="the overflow was long due"),
        pytest.param("away", 90.0, 99.0, False, id="the overflow was due before callbridge went down"),
        pytest.param("away", 99.9, 113.0, False, id="callbridge was back before"),
        pytest.param("away", 130.0, 130.2, False, id="callbridge was not away"),
    ],
)
def test_who_left_before_the_overflow_was_due_is_excused(queue: str, began: float, ended: float, excused: bool) -> None:
    differences = list(_books(queue, began, ended).differences())
    assert (differences == []) is excused, differences
    assert excused or "visits" in differences[0]


def _books(queue: str, began: float, ended: float) -> Books:
    """Of one caller, who hung up in the queue."""
    arrived = ended - 12.0
    caller = CallRecord(name="ann", number=NUMBER, dialled=queue, started_at=arrived, ended_at=ended, ended_by="caller")
    tier = tier_of(NUMBER)
    left = {"queue": queue, "outcome": "abandoned", "tier": tier, "within_target": False, "waited": 12.0}
    facts: list[Fact] = [
        {"event": "call_arrived", "call": "c1", "at": arrived, "direction": "in", "number": NUMBER, "tier": tier},
        {"event": "visit_began", "call": "c1", "at": began, "queue": queue},
        {"event": "visit_ended", "call": "c1", "at": ended} | left,
        {"event": "call_ended", "call": "c1", "at": ended},
    ]
    return Books([caller], {}, told_of(facts), Deeds(), Breaks([(BACK - 10.0, BACK)]), Crowding())
