"""What must end ends, also when a library forgets that it was cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callbridge.adapters.outbox.envelope import FIELDS
from callbridge.adapters.redis.connection import connect
from callbridge.adapters.redis.fact_stream import FactStream
from callbridge.adapters.redis.outbox import RedisOutbox
from callbridge.adapters.system.tasks import end
from tests.adapters.conftest import RedisServer
from tests.adapters.reading import at_work
from tests.adapters.waiting import HANGS


async def test_a_task_that_forgets_a_cancellation_ends_all_the_same() -> None:
    forgot = 0

    async def forgetful() -> None:
        nonlocal forgot
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if forgot == 2:
                    raise
                forgot += 1

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)
    await end((task,))
    assert task.cancelled()
    assert forgot == 2


async def test_a_task_that_fails_while_it_ends_keeps_its_error() -> None:
    async def failing() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            raise ValueError("on the way out")

    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await end((task,))
    with pytest.raises(ValueError, match="on the way out"):
        task.result()


@pytest.mark.parametrize("turns", range(0, 30, 3))
async def test_a_copy_of_facts_ends_wherever_it_is(redis_server: RedisServer, turns: int) -> None:
    """After any number of turns of the loop: Python 3.11 loses the first cancellation at about one in four of them."""
    settings = redis_server.settings()
    entry: dict[Any, Any] = dict.fromkeys(FIELDS, "1") | {"data": "{}", "personal": ""}
    redis = connect(settings)
    for number in range(1, 20):
        await redis.xadd(settings.private("outbox"), entry, id=f"1-{number}")
    stream, outbox = FactStream(settings), RedisOutbox(settings)
    async with asyncio.timeout(HANGS), at_work(outbox, stream):
        for _ in range(turns):
            await asyncio.sleep(0)
    await outbox.close()
    await stream.close()
    await redis.aclose()
