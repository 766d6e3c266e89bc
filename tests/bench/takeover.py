"""How soon a standby takes over: from the leader's death (kill -9) to the first INVITE of the new leader, on a real Asterisk.

In every round somebody waits for an agent whose phone rings. The leader is killed at a moment of its own, the standby takes over,
and the phone is offered the call again; then the dead one is started again and stands by. Beside it: how long 10,000 saved calls
take to be loaded, as a standby does that.

``python -m tests.bench takeover [--rounds N]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import Meta, Whole
from callbridge.adapters.system.garbage import postponed
from callbridge.core.model.world import World
from tests.adapters.worlds import call, customer_leg, plan
from tests.bench.handover import percentile
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.test_starting import own_redis

CONFIG = floor(
    {"ann": agent("1001", {"support": 1})},
    {"support": {"steps": [{"skills": "support"}], "ring_for": 300}},
)
READY_WITHIN, RINGS_WITHIN = 60.0, 20.0
LOADED = 10_000
LOADS = 5


def run(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args(words).rounds
    took = asyncio.run(_rounds(rounds))
    loaded = asyncio.run(_load())
    return {
        "rounds": len(took),
        "takeover_p50_s": round(percentile(took, 0.5), 2),
        "takeover_p99_s": round(percentile(took, 0.99), 2),
        "takeover_max_s": round(max(took), 2),
        "calls_loaded": LOADED,
        "load_ms": round(percentile(loaded, 0.5) * 1000),
    }


async def _rounds(rounds: int) -> list[float]:
    async with contextlib.AsyncExitStack() as stack:
        redis = await stack.enter_async_context(RedisServer())
        pbx = await stack.enter_async_context(Pbx(22, phones=[PhoneSpec(name="1001")]))
        phone = await stack.enter_async_context(Phone(pbx, "1001", PhoneScript.rings_out()))
        ones = [await stack.enter_async_context(_instance(pbx, redis, name)) for name in ("first", "second")]
        callers = Callers(pbx, [Call(dialled="support", number="4930001")], rate=1.0)
        stack.push_async_callback(callers.stop)
        leader, other = ones
        await leader.until_ready(READY_WITHIN)
        await callers.start()
        await phone.until(lambda record: record.ringing_at)
        took = []
        for _ in range(rounds):
            await _stands_by(other)
            await asyncio.sleep(random.uniform(0.5, 1.0))
            took.append(await _killed(leader, phone))
            leader, other = other, leader
            await other.launch()
        return took


async def _killed(leader: Callbridge, phone: Phone) -> float:
    """Seconds until the phone gets another INVITE."""
    known = {record.call_id for record in phone.records()}
    died = time.time()
    await leader.kill()
    again = await phone.until(lambda record: record.call_id not in known, RINGS_WITHIN)
    return again.invite_at - died


@contextlib.asynccontextmanager
async def _instance(pbx: Pbx, redis: RedisServer, name: str) -> AsyncIterator[Callbridge]:
    one = Callbridge(pbx, CONFIG | {"standby": {"address": f"http://{name}.example:8090"}}, redis=redis, warm=True)
    try:
        await one.launch()
        if name == "first":
            await one.until_ready(READY_WITHIN)
        yield one
    finally:
        await one.close()


async def _stands_by(other: Callbridge) -> None:
    async with asyncio.timeout(READY_WITHIN):
        while True:
            missing = (await other.probe())[1].get("missing", [])
            if len(missing) == 1 and missing[0].endswith(" leads"):
                return
            await asyncio.sleep(0.05)


async def _load() -> list[float]:
    """Seconds from the claim to the world with all its indexes, each time by a standby that had preloaded it."""
    took = []
    with own_redis() as server:
        store = RedisStore(server.settings())
        await store.take_over()
        calls = [call(number) for number in range(LOADED)]
        rows: dict[str, dict[str, object]] = {
            "calls": {one.id: one for one in calls},
            "legs": {leg.id: leg for leg in map(customer_leg, range(LOADED))},
        }
        await store.save_all(Whole(number=1, rows=rows, meta=Meta(now=1.0, seq=1, day="2026-11-21")))
        for _ in range(LOADS):
            await store.preload()
            began = time.monotonic()
            with postponed():
                saved = await store.load()
                assert saved is not None
                world = World(plan(), "bench", 1)
                world.restore(saved.rows)
            took.append(time.monotonic() - began)
            assert len(world.calls.rows()) == LOADED
        await store.close()
    return took
