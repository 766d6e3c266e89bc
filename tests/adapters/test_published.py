"""What a standby reads of its leader equals what the leader itself shows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from callbridge.adapters.facts.codec import FutureSchema, encode_row
from callbridge.adapters.facts.migrations import SCHEMA
from callbridge.adapters.redis.connection import connect
from callbridge.adapters.redis.published import PublishedViews
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import Meta, StoreDown, Whole
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.callbacks import callbacks, in_order
from callbridge.adapters.views.published import view_of, waiting_view
from callbridge.adapters.views.waiters import by_queue
from callbridge.adapters.views.waiters import in_order as in_line
from callbridge.core.model.events import CallbackChange, CallbackChangeRequested
from callbridge.core.model.saved_tables import SAVED_TABLES
from callbridge.core.model.switch import BYPASS, Switch
from callbridge.core.model.world import World
from tests.adapters.conftest import RedisServer
from tests.adapters.test_projection import Running
from tests.adapters.worlds import Busy


async def saved(server: RedisServer, world: World) -> None:
    store = RedisStore(server.settings())
    await store.take_over()
    rows = {one.name: world.saved(one).rows() for one in SAVED_TABLES}
    await store.save_all(Whole(number=1, rows=rows, meta=Meta(now=world.now, seq=world.seq, day=world.day)))
    await store.close()


@pytest.fixture
async def read(redis_server: RedisServer) -> AsyncIterator[PublishedViews]:
    views = PublishedViews(redis_server.settings(), lambda: ["q0", "q1", "q2"])
    yield views
    await views.close()


async def test_every_view_is_read_as_it_was_written(redis_server: RedisServer, read: PublishedViews) -> None:
    running = Running(redis_server)
    while not (running.board.ended and len(running.board.calls) > 3):
        running.change(10)
    board, world = running.board, running.busy.world
    await running.projection.flush()
    await saved(redis_server, world)
    assert await read.views("queue") == {name: board.queue(name) for name in sorted(board.queues)}
    assert await read.views("agent") == {name: board.agent(name) for name in sorted(board.agents)}
    assert await read.views("call") == {name: board.call(name) for name in sorted(board.calls)}
    types = {name: type(value) for name, value in (await read.view("queue", "q0") or {}).items()}
    assert types == {name: type(value) for name, value in (board.queue("q0") or {}).items()}
    ended = next(iter(board.ended))
    assert await read.view("call", ended) == board.call(ended)
    assert await read.view("call", "nobody") is None
    await running.projection.close()


def test_callers_are_in_line_as_the_leader_has_them() -> None:
    busy, seen = Busy(5), 0
    for _ in range(300):
        busy.any()
        world, board = busy.world, Board.of(busy.world)
        views = {name: board.call(name) or {} for name in board.calls}
        found = waiting_view(views, world.plan, world.now, 3)
        lines = {queue: in_line(world, calls, 3) for queue, calls in by_queue(world.calls.values()).items()}
        assert {row["id"]: (row["position"], row["steps"]) for row in found["waiting"]} == {
            one.call.id: (one.position, 2) for line in lines.values() for one in line
        }
        assert found["totals"] == {queue: len(calls) for queue, calls in by_queue(world.calls.values()).items()}
        seen += found["total"]
    assert seen > 100


async def test_callbacks_and_switches_come_from_the_saved_world(redis_server: RedisServer, read: PublishedViews) -> None:
    busy = Busy(5)
    for number in range(3):
        asked = {"queue": f"q{number}", "number": f"+44207946012{number}", "tier": "standard", "by": "eva"}
        busy.happens(CallbackChangeRequested(at=busy.now, change=CallbackChange.MAKE, **asked))  # type: ignore[arg-type]
    assert len(busy.world.callbacks) == 3
    await saved(redis_server, busy.world)
    assert in_order(await read.callbacks()) == callbacks(busy.world)
    assert await read.switch(BYPASS) is None
    redis, key = connect(redis_server.settings()), redis_server.settings().private("switches")
    await redis.hset(key, BYPASS, encode_row("switches", Switch(id=BYPASS, on=True, by="eva", since=7.0)))
    assert await read.switch(BYPASS) == Switch(id=BYPASS, on=True, by="eva", since=7.0)
    await redis.hset(key, BYPASS, json.dumps([SCHEMA + 1, {}]))
    with pytest.raises(FutureSchema):
        await read.switch(BYPASS)
    await redis.aclose()


async def test_a_list_serves_again_for_a_moment(redis_server: RedisServer, read: PublishedViews) -> None:
    redis = connect(redis_server.settings())
    await redis.hset("callbridge:queue:q0", "waiting", 1)
    assert await read.views("queue") == {"q0": {"waiting": 1}}
    await redis.hset("callbridge:queue:q0", "waiting", 2)
    assert await read.views("queue") == {"q0": {"waiting": 1}}
    assert await read.view("queue", "q0") == {"waiting": 2}
    await redis.aclose()


async def test_a_redis_that_is_away_is_named(redis_server: RedisServer) -> None:
    views = PublishedViews(redis_server.settings(connect_timeout=0.2, timeout=0.2), lambda: ["q0"])
    redis_server.kill()
    with pytest.raises(StoreDown, match="Redis cannot be reached"):
        await views.views("queue")
    await views.close()


def test_what_another_program_wrote_stays_text() -> None:
    assert view_of({b"waiting": b"many", b"since": b"", b"state": b"1", b"ewt_seconds": b"2.5", b"seq": b"7"}) == {
        "waiting": "many",
        "since": "",
        "state": "1",
        "ewt_seconds": 2.5,
        "seq": 7,
    }
