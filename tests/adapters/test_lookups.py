"""Other systems that know callers: whatever they do, one answer is told in time, and nothing odd gets in."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from callbridge.adapters.lookups.lookup import LARGEST_LOOKUP_REPLY, Lookups, LookupSettings, read
from callbridge.core.model.events import AnyEvent, LookedUp
from callbridge.core.model.orders import LookUp
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.adapters.conftest import RedisServer
from tests.adapters.waiting import HANGS

TIERS = ("gold", "standard")


class System:
    """Answers with what it is told to; ``delay`` in seconds."""

    def __init__(self) -> None:
        self.answer: bytes = b'{"tier": "gold", "account": 77}'
        self.status = 200
        self.delay = 0.0
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.raw_path)
        self.headers = dict(request.headers)
        if self.delay:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b'{"tier": ')
            await asyncio.sleep(self.delay)
            return response
        return web.Response(body=self.answer, status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def system() -> AsyncIterator[System]:
    made = System()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        made.port = probe.getsockname()[1]
    app = web.Application()
    app.router.add_get("/{path:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.port).start()
    yield made
    await runner.cleanup()


async def asked(settings: LookupSettings, *, redis: Any = None, caller: str = "+49 30/1?x=1") -> LookedUp:
    told: list[AnyEvent] = []
    lookups = Lookups(told.append, lambda: 5.0, redis=redis)
    lookups.adopt([settings], TIERS, PhoneNumbers("GB"))
    try:
        await lookups.perform(LookUp(lookup="crm", call="c1", question="q1", values={"caller": caller}))
    finally:
        await lookups.close()
    (event,) = told
    assert isinstance(event, LookedUp)
    assert (event.call, event.question, event.at) == ("c1", "q1", 5.0)
    return event


def crm(system: System, **more: Any) -> LookupSettings:
    settings: dict[str, Any] = {"name": "crm", "deadline": 2.0, "url": f"http://127.0.0.1:{system.port}/of/{{caller}}"}
    return LookupSettings(**settings | more)


async def test_an_answer_is_told_and_the_number_cannot_leave_its_place(system: System) -> None:
    event = await asked(crm(system, token="secret"))
    assert event.found == {"tier": "gold", "account": "77"}
    assert system.paths == ["/of/%2B49%2030%2F1%3Fx%3D1"]
    assert system.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, b"{}"),
        (302, b"{}"),
        (200, b"not json"),
        (200, b"[1]"),
        (200, b"[" * 100_000),
        (200, b"\xff\xfe"),
        (200, json.dumps({"a": "x" * LARGEST_LOOKUP_REPLY}).encode()),
    ],
)
async def test_what_cannot_be_used_is_no_answer(system: System, status: int, answer: bytes) -> None:
    system.status, system.answer = status, answer
    assert (await asked(crm(system))).found is None
    assert len(system.paths) == 1, "nobody is followed elsewhere"


@pytest.mark.parametrize("caller", ["020 7946 0001", "00442079460001", "442079460001", "+44 (0)20 7946 0001"])
async def test_other_systems_and_lists_are_asked_in_one_spelling(system: System, caller: str) -> None:
    await asked(crm(system), caller=caller)
    assert system.paths == ["/of/%2B442079460001"]
    listed = LookupSettings(name="crm", deadline=1.0, rows={"+442079460001": {"agent": "ann"}})
    assert (await asked(listed, caller=caller)).found == {"agent": "ann"}


@pytest.mark.parametrize("caller", ["", ".", ".."])
async def test_a_number_that_would_change_the_path_is_not_asked_about(system: System, caller: str) -> None:
    assert (await asked(crm(system), caller=caller)).found is None
    assert system.paths == []


@pytest.mark.parametrize("caller", ["\ud800", "x" * 3000])
async def test_any_number_is_told_an_answer(system: System, caller: str) -> None:
    assert (await asked(crm(system), caller=caller)).found is not None


async def test_what_no_header_can_carry_is_no_answer(system: System) -> None:
    assert (await asked(crm(system, token="a\nb"))).found is None


async def test_nobody_known_is_an_answer(system: System) -> None:
    system.status = 404
    assert (await asked(crm(system))).found == {}


async def test_the_deadline_holds_whatever_trickles_in(system: System) -> None:
    system.delay = 10 * HANGS
    began = time.monotonic()
    assert (await asked(crm(system, deadline=0.2))).found is None
    assert time.monotonic() - began < HANGS


async def test_nobody_at_the_address_and_an_unknown_lookup_are_no_answer() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert (await asked(LookupSettings(name="crm", deadline=1.0, url=f"http://127.0.0.1:{port}/"))).found is None
    assert (await asked(LookupSettings(name="other", deadline=1.0, url="http://127.0.0.1:1/"))).found is None


async def test_a_hash_in_redis_answers(redis_server: RedisServer) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(redis_server.settings().url) as redis:
        await redis.hset("customers:4930", mapping={"tier": "gold", "language": "zh", "tier2": b"\xff"})
    settings = LookupSettings(name="crm", deadline=1.0, key="customers:{caller}")
    event = await asked(settings, redis=redis_server.settings(), caller="4930")
    assert event.found is not None
    assert (event.found["tier"], event.found["language"]) == ("gold", "zh")
    assert (await asked(settings, caller="4930")).found is None, "there is no Redis"


@pytest.mark.parametrize("stored", [False, True])
async def test_the_same_caller_is_asked_once_within_the_time(redis_server: RedisServer, stored: bool) -> None:
    told: list[AnyEvent] = []
    lookups = Lookups(told.append, lambda: 5.0, redis=redis_server.settings() if stored else None)
    survey = LookupSettings(name="survey:a", deadline=1.0, once=3600.0)
    lookups.adopt([survey, LookupSettings(name="survey:b", deadline=1.0, once=0.0)], TIERS)
    for lookup, caller in (("a", "1"), ("a", "1"), ("a", "2"), ("b", "1"), ("b", "1"), ("a", ""), ("a", "")):
        await lookups.perform(LookUp(lookup=f"survey:{lookup}", call="c1", question="q1", values={"caller": caller}))
    await lookups.close()
    answers = [event.found is not None for event in told if isinstance(event, LookedUp)]
    assert answers == [True, False, True, True, True, True, True]


def test_only_short_values_under_plain_names_get_in() -> None:
    odd: dict[Any, Any] = {
        "tier": "platinum",
        "language": "../../etc",
        "Name": "x",
        "long": "x" * 101,
        "list": [1],
        "none": None,
        "truth": True,
        "empty": "",
        "control": "a\x07",
        "good": "王小明",
        "number": 3.5,
        5: "x",
    }
    assert read(odd, TIERS) == {"good": "王小明", "number": "3.5", "truth": "yes"}
    assert read({"last_agent": "1001", "repeat": "yes", "record": False}, TIERS) == {"record": "no"}
    assert len(read({f"v{n}": "x" for n in range(200)}, TIERS)) == 50
