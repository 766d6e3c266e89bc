"""The measures of the compressed hour (``live/test_hour``) are right: what reads the stream takes each fact once, and the books
excuse a caller who left before the overflow or was on the way to another agent, and nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.lab.crowding import Crowding
from tests.lab.records import CallRecord, PhoneRecord
from tests.lab.redis import RedisServer
from tests.live.hour_books import Books, Told, told_of
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


@pytest.mark.parametrize(
    ("given", "excused"),
    [
        pytest.param(99.9, True, id="on the way when callbridge went down"),
        pytest.param(96.0, False, id="the colleague would have had the call before"),
        pytest.param(None, False, id="nobody gave the call away"),
    ],
)
def test_a_caller_on_the_way_to_another_agent_may_be_in_the_queue_again(given: float | None, excused: bool) -> None:
    deeds = Deeds()
    if given is not None:
        deeds.acts["c1"].append(("transfer agent:1152", given))
    differences = list(_transferred(deeds).differences())
    assert (differences == []) is excused, differences
    assert excused or "visits" in differences[0]


def test_calls_of_one_number_are_joined_in_order_of_time() -> None:
    books = [_books("nobody", 112.0, 112.2), _books("nobody", 130.0, 142.0)]
    assert list(books[0].differences()) == []
    callers = [one.callers[0] for one in reversed(books)]
    both = Books(callers, {}, {**books[0].calls, "c2": told_with(books[1], "c2")}, Deeds(), books[0].breaks, Crowding())
    assert [line.partition("(")[2][:2] for line in both.differences()] == ["c2"], "it left long after the overflow was due"
    lost = Books(callers, {}, {}, Deeds(), books[0].breaks, Crowding())
    assert list(lost.differences()) == [f"{NUMBER} to nobody, nobody: 0 calls in the facts, 1 on the wire"]
    assert lost.unseen == [NUMBER], "the first came and left while callbridge was down"


def told_with(books: Books, call: str) -> Told:
    (told,) = books.calls.values()
    return replace(told, arrived=told.arrived | {"call": call})


def _transferred(deeds: Deeds) -> Books:
    """Of one caller, who talked to 1151 and after the outage to 1152."""
    talks = [("1151", 90.0, 99.95), ("1152", BACK + 1.0, BACK + 5.0)]
    caller = CallRecord(name="ann", number=NUMBER, dialled="desk", started_at=89.0, ended_at=BACK + 5.0, ended_by="caller")
    tier = tier_of(NUMBER)
    facts: list[Fact] = [
        {"event": "call_arrived", "call": "c1", "at": 89.0, "direction": "in", "number": NUMBER, "tier": tier},
        {"event": "call_ended", "call": "c1", "at": BACK + 5.0},
    ]
    rung = []
    for (agent, began, ended), came in zip(talks, (89.0, BACK), strict=True):
        about = {"call": "c1", "queue": "desk", "agent": agent}
        left = {"outcome": "answered", "tier": tier, "within_target": True, "waited": began - came}
        facts += [
            about | {"event": "visit_began", "at": came},
            about | {"event": "visit_ended", "at": began} | left,
            about | {"event": "talk_began", "at": began},
            about | {"event": "talk_ended", "at": ended, "talked": ended - began, "ended_by": "customer"},
        ]
        record = PhoneRecord(call_id=agent, phone=agent, invite_at=began - 0.2, answered_at=began, ended_at=ended)
        rung.append(replace(record, outcome="answered", ended_by="pbx"))
    return Books([caller], {"c1": rung}, told_of(facts), deeds, Breaks([(BACK - 10.0, BACK)]), Crowding())
