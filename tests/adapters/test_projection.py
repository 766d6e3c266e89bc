"""The public keys in Redis and the board behind them, against a plain scan of the world."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from callbridge.adapters.outbox.envelope import BEGINNING
from callbridge.adapters.redis import projection as redis_projection
from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.fact_stream import FactStream
from callbridge.adapters.redis.projection import RedisProjection
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import Delta, Meta
from callbridge.adapters.system.tasks import end
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.rows import View
from callbridge.core.model.agent import State, published
from callbridge.core.model.events import AgentRequest, AgentRequested, PlanChanged
from callbridge.core.model.world import World
from tests.adapters.conftest import RedisServer
from tests.adapters.reading import at_work, drained
from tests.adapters.waiting import HANGS
from tests.adapters.worlds import Busy, plan
from tests.examples import seeds
from tests.virtual_time import virtual_time

STATES = ("ready", "ringing", "connecting", "talking", "wrap_up", "not_ready", "busy_elsewhere", "offline")
OUTCOMES = {"offered", "answered", "abandoned", "short_abandoned", "overflowed", "failed"}
QUEUE_FIELDS = {
    "waiting",
    "waiting_today",
    "oldest_arrived_at",
    "callbacks_waiting",
    "ewt_seconds",
    "sl",
    "answer_within",
    "sl_target",
    "updated_at",
    "seq",
    "agents_logged_in",
}
QUEUE_FIELDS |= OUTCOMES | {f"agents_{state}" for state in STATES}
AGENT_FIELDS = {"name", "state", "reason", "since", "queue", "call", "phone", "device", "until", "next_state"}
AGENT_FIELDS |= {"next_reason", "updated_at", "seq"}
CALL_FIELDS = {
    "state",
    "queue",
    "tier",
    "number",
    "arrived_at",
    "step",
    "agent",
    "agent_name",
    "transfer",
    "transfer_failed",
    "transfer_failed_to",
    "recording",
    "held_since",
    "held_by",
    "updated_at",
    "seq",
}
STAMP = {"updated_at", "seq"}


def scanned_queue(world: World, name: str) -> dict[str, object]:
    """The queue by looking at everything: slow and plain."""
    inside = [call for call in world.calls.values() if call.visit is not None and call.visit.queue == name]
    waiting = [call.arrived_at for call in inside if not call.is_uncertain]
    steps = [step for routing in world.plan.queues[name].routings.values() for step in routing.steps]
    fitting = [one for one in world.agents.values() if any(step.needs.strength(one.profile) is not None for step in steps)]
    states = [published(one)[0] for one in fitting]
    tally = world.tally(name, world.day)
    return {
        "waiting": len(waiting),
        "oldest_arrived_at": min(waiting) if waiting else "",
        "agents_logged_in": sum(state is not State.LOGGED_OUT for state in states),
        **{f"agents_{state}": states.count(state) for state in State if state is not State.LOGGED_OUT},
        "callbacks_waiting": 0,
        "ewt_seconds": "",
        "waiting_today": sum(call.visit is not None and call.visit.day == world.day for call in inside if not call.is_uncertain),
        "offered": tally.offered,
        "answered": tally.answered,
        "abandoned": tally.abandoned,
        "short_abandoned": tally.short_abandoned,
        "overflowed": tally.overflowed,
        "failed": tally.failed,
        "sl": "" if tally.service_level is None else round(tally.service_level, 4),
        "answer_within": max(routing.answer_within for routing in world.plan.queues[name].routings.values()),
        "sl_target": world.plan.queues[name].sl_target,
    }


def without_stamp(view: View | None) -> dict[str, object]:
    assert view is not None
    return {key: value for key, value in view.items() if key not in STAMP}


def as_stored(view: View | None) -> dict[bytes, bytes]:
    assert view is not None
    return {key.encode(): str(value).encode() for key, value in view.items()}


async def until(holds: Callable[[], object], seconds: float = HANGS) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", seeds(5, fast=2))
def test_the_board_equals_a_scan_after_every_change(seed: int) -> None:
    busy = Busy(seed)
    board = Board.of(busy.world)
    for _ in range(250):
        before = {key: board.view(key) for key in board.alive()}
        touched = board.note(busy.world, busy.any().changed)
        for name in busy.world.plan.queues:
            assert without_stamp(board.queue(name)) == scanned_queue(busy.world, name)
        assert set(board.calls) == set(busy.world.calls)
        after = {key: board.view(key) for key in board.alive()}
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert changed <= touched
    fresh = Board.of(busy.world)
    assert fresh.alive() == board.alive()
    assert all(without_stamp(fresh.view(key)) == without_stamp(board.view(key)) for key in board.alive())


def test_views_have_exactly_the_promised_fields() -> None:
    busy = Busy(1)
    board = Board.of(busy.world)
    while not busy.world.calls.rows():
        board.note(busy.world, busy.any().changed)
    assert set(board.queue("q0") or ()) == QUEUE_FIELDS
    assert set(board.agent("a0") or ()) == AGENT_FIELDS
    name = next(iter(busy.world.calls))
    view = board.call(name)
    assert set(view or ()) == CALL_FIELDS
    assert view is not None
    assert view["number"] == "+44*****123"
    assert board.call("nobody") is None and board.agent("nobody") is None and board.queue("nothing") is None


def test_a_new_plan_moves_agents_between_queues() -> None:
    busy = Busy(2)
    board = Board.of(busy.world)
    for _ in range(100):
        board.note(busy.world, busy.any().changed)
    outcome = busy.happens(PlanChanged(at=busy.now, plan=plan(queues=2), force=True))
    touched = board.note(busy.world, outcome.changed)
    assert ("queue", "q2") in touched
    assert board.queue("q2") is None
    for name in busy.world.plan.queues:
        assert without_stamp(board.queue(name)) == scanned_queue(busy.world, name)


async def test_names_that_utf8_cannot_carry_do_not_stop_the_projection(redis_server: RedisServer, redis: Redis) -> None:
    running = Running(redis_server)
    world = running.busy.world
    world.agents.put("a0", replace(world.agents["a0"], name="\ud800安\r\n"))
    running.projection.touch(running.board.note(world, world.commit().changed))
    await running.projection.flush()
    assert await redis.hget("callbridge:agent:a0", "name") == "?安\r\n".encode()
    await running.projection.close()


def test_an_agent_is_touched_when_the_call_in_hand_changes() -> None:
    busy = Busy(4)
    board = Board.of(busy.world)
    while not (segments := [call.segment for call in busy.world.calls.values() if call.segment is not None]):
        board.note(busy.world, busy.any().changed)
    holder = segments[0].agent
    call = busy.world.calls[busy.world.agents[holder].call]
    busy.world.calls.put(call.id, replace(call, segment=replace(segments[0], queue="elsewhere")))
    assert ("agent", holder) in board.note(busy.world, busy.world.commit().changed)
    assert (board.agent(holder) or {})["queue"] == "elsewhere"


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(redis_server.settings())
    yield client
    await client.aclose()


class Running:
    """A busy world with its board and projection."""

    def __init__(self, server: RedisServer, seed: int = 3, timeout: float = HANGS) -> None:
        self.busy = Busy(seed)
        self.board = Board.of(self.busy.world)
        self.health: list[bool] = []
        self.projection = RedisProjection(server.settings(timeout=timeout), self.board, told=self.health.append)

    def change(self, times: int = 1) -> None:
        for _ in range(times):
            self.projection.touch(self.board.note(self.busy.world, self.busy.any().changed))

    async def equals(self, redis: Redis) -> bool:
        for kind, name in self.board.alive():
            if await redis.hgetall(f"callbridge:{kind}:{name}") != as_stored(self.board.view((kind, name))):
                return False
        return True


@contextlib.asynccontextmanager
async def writing(made: Running) -> AsyncIterator[Running]:
    task = asyncio.create_task(made.projection.run())
    yield made
    await end((task,))
    await made.projection.close()


@pytest.fixture
async def running(redis_server: RedisServer) -> AsyncIterator[Running]:
    async with writing(Running(redis_server)) as made:
        yield made


async def test_redis_shows_what_a_scan_shows(running: Running, redis: Redis) -> None:
    for _ in range(20):
        running.change(20)
        await asyncio.sleep(0.005)
    await until(lambda: running.equals(redis))


async def test_a_call_that_ended_stays_for_an_hour(running: Running, redis: Redis) -> None:
    while not running.board.ended:
        running.change()
    name = next(reversed(running.board.ended))
    await until(lambda: redis.exists(f"callbridge:call:{name}"))
    assert await redis.hget(f"callbridge:call:{name}", "state") == b"ended"
    assert 3590 <= await redis.ttl(f"callbridge:call:{name}") <= 3600


async def test_subscribers_get_the_whole_queue_at_most_forty_times_a_second(running: Running, redis: Redis) -> None:
    listener: Any = redis.pubsub()
    await listener.subscribe("callbridge:queue:q0")
    assert (await listener.get_message(timeout=1.0) or {})["type"] == "subscribe"
    await until(lambda: running.equals(redis))
    began = asyncio.get_running_loop().time()
    for _ in range(100):
        running.change(3)
        await asyncio.sleep(0.002)
    await until(lambda: running.equals(redis))
    messages: list[dict[str, Any]] = []
    shown = running.board.queue("q0")
    assert shown is not None
    async with asyncio.timeout(HANGS):
        while not messages or messages[-1] != {"queue": "q0"} | dict(shown):
            message = await listener.get_message(timeout=1.0)
            messages += [json.loads(message["data"])] if message is not None else []
    assert 2 <= len(messages) <= 40 * (asyncio.get_running_loop().time() - began) + 2
    assert [message["seq"] for message in messages] == sorted(message["seq"] for message in messages)
    await listener.aclose()


async def test_stale_keys_go_at_the_start(redis_server: RedisServer, redis: Redis) -> None:
    await redis.hset("callbridge:queue:closed", "waiting", 3)
    await redis.hset("callbridge:call:lost", "state", "waiting")
    await redis.hset("callbridge:call:over", "state", "ended")
    await redis.expire("callbridge:call:over", 100)
    await redis.hset("other:queue:theirs", "waiting", 3)
    running = Running(redis_server)
    await running.projection.flush()
    assert await redis.exists("callbridge:queue:closed", "callbridge:call:lost") == 0
    assert await redis.exists("callbridge:call:over", "other:queue:theirs") == 2
    assert await running.equals(redis)
    await running.projection.close()


async def test_a_dead_redis_costs_freshness_only(redis_server: RedisServer, running: Running, redis: Redis) -> None:
    await until(lambda: running.equals(redis))
    redis_server.kill()
    running.change(200)
    await until(lambda: False in running.health)
    running.change(200)
    redis_server.start()
    await redis.connection_pool.disconnect()  # our own connection is gone, too
    await until(lambda: running.equals(redis))
    await until(lambda: running.health[-1])


async def test_a_hanging_redis_does_not_hold_a_change(redis_server: RedisServer, redis: Redis) -> None:
    running = Running(redis_server, timeout=0.2)
    async with writing(running):
        await until(lambda: running.equals(redis))
        redis_server.pause()
        running.change(200)
        await until(lambda: False in running.health)
        redis_server.go_on()
        await until(lambda: running.equals(redis))


@pytest.mark.slow
async def test_a_redis_flushed_in_a_quiet_moment_is_found_out(running: Running, redis: Redis) -> None:
    await until(lambda: running.equals(redis))
    await redis.flushall()
    await until(lambda: running.equals(redis))


async def test_a_redis_flushed_under_load_never_keeps_half_a_hash(running: Running, redis: Redis) -> None:
    await until(lambda: running.equals(redis))
    for _ in range(5):
        running.change(20)
        await asyncio.sleep(0.01)
        await redis.flushall()
    running.change(5)
    await until(lambda: running.equals(redis))


async def test_a_call_that_ended_while_redis_was_away_is_there_ended(
    redis_server: RedisServer, running: Running, redis: Redis
) -> None:
    await until(lambda: running.equals(redis))
    redis_server.kill()
    ended = len(running.board.ended)
    while len(running.board.ended) < ended + 3:
        running.change()
    await until(lambda: False in running.health)
    redis_server.start()
    await redis.connection_pool.disconnect()
    for name in list(running.board.ended)[ended:]:
        await until(lambda name=name: redis.exists(f"callbridge:call:{name}"))  # type: ignore[misc]
        assert await redis.hget(f"callbridge:call:{name}", "state") == b"ended"
        assert 3590 <= await redis.ttl(f"callbridge:call:{name}") <= 3600


@virtual_time
async def test_the_first_change_after_quiet_is_written_at_once_and_the_next_after_a_pause() -> None:
    clock = asyncio.get_running_loop().time
    written: list[float] = []

    class Noted(RedisProjection):
        async def flush(self) -> None:
            written.append(clock())

    projection = Noted(RedisSettings(), Board.of(Busy(3).world))
    task = asyncio.create_task(projection.run())
    await asyncio.sleep(1.0)
    written.clear()
    began = clock()
    for _ in range(10):
        projection.touch([("queue", "q0")])
        await asyncio.sleep(0.001)
    await asyncio.sleep(1.0)
    assert written == [began, pytest.approx(began + 1 / redis_projection.FLUSHES)]
    await end((task,))
    await projection.close()


async def test_only_what_changed_is_written(redis_server: RedisServer, redis: Redis) -> None:
    running = Running(redis_server)
    await running.projection.flush()
    await redis.hset("callbridge:agent:a0", "name", "as somebody else wrote it")
    outcome = running.busy.happens(AgentRequested(at=running.busy.now, agent="a0", request=AgentRequest.LOGIN))
    running.projection.touch(running.board.note(running.busy.world, outcome.changed))
    await running.projection.flush()
    assert await redis.hmget("callbridge:agent:a0", "name", "state") == [b"as somebody else wrote it", b"ready"]
    await running.projection.close()


async def test_the_public_stream_has_every_fact_once_and_masked(redis_server: RedisServer, redis: Redis) -> None:
    settings = redis_server.settings()
    store, stream, busy = RedisStore(settings), FactStream(settings), Busy(5)
    token = await store.take_over()
    told: list[int] = []
    for number in range(1, 200):
        outcome = busy.any()
        told += [fact.seq for fact in outcome.facts]
        await store.save(Delta(number=number, changed=outcome.changed, meta=Meta.of(busy.world), facts=outcome.facts))
    await drained(store.outbox, stream)
    assert await stream.place() == (token, told[-1])
    await drained(store.outbox, stream, since=BEGINNING)
    assert await stream.place() == (token, told[-1])
    entries: Any = await redis.xrange("callbridge:facts")
    assert [entry[b"id"].decode() for _, entry in entries] == [f"{token}-{seq}" for seq in told]
    assert set(entries[0][1]) == set(b"id seq at type call pbx uniqueid linkedid v data".split())
    assert not any(b"2079460" in entry[b"data"] for _, entry in entries)
    arrived = next(entry for _, entry in entries if entry[b"type"] == b"call_arrived")
    ended = next(entry for _, entry in entries if entry[b"type"] == b"call_ended")
    assert json.loads(arrived[b"data"])["number"] == "+44*****123"
    assert (ended[b"pbx"], ended[b"uniqueid"][:2]) == (b"pbx", b"1.")
    await store.close()
    await stream.close()


async def test_the_public_stream_goes_on_after_redis_came_back(redis_server: RedisServer, redis: Redis) -> None:
    settings = redis_server.settings()
    store, stream, busy = RedisStore(settings), FactStream(settings), Busy(6)
    await store.take_over()
    async with at_work(store.outbox, stream):
        redis_server.kill()
        await asyncio.sleep(0.1)
        redis_server.start()
        await store.take_over()
        outcome = busy.any()
        while not outcome.facts:
            outcome = busy.any()
        await store.save(Delta(number=1, changed=outcome.changed, meta=Meta.of(busy.world), facts=outcome.facts))

        async def complete() -> bool:
            return bool(await redis.xlen("callbridge:facts") == len(outcome.facts))

        await until(complete)
    await store.close()
    await stream.close()
