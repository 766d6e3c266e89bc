"""What calls leave behind in a process that is never idle."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbridge.adapters.system.garbage import postponed
from callbridge.wire.webhooks import EVENTS
from tests.adapters.calling_ari import CallingAri
from tests.adapters.conftest import RedisServer
from tests.adapters.fake_ami import FakeAmi
from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.waiting import HANGS, until
from tests.test_ending import rig
from tests.test_starting import own_redis

pytestmark = pytest.mark.slow

CALLS = 50


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with own_redis() as made:
        yield made


async def test_calls_leave_nothing_to_the_garbage_collector(server: RedisServer, tmp_path: Path) -> None:
    """With a history, a webhook and Redis. What refers to itself in a circle is freed by the collector alone; what was in use
    when it set aside what survives, not before nobody is on the line."""
    pbx, phones = CallingAri(), FakeAmi()
    pbx.app = "app"
    agent = {"name": "Ann", "skills": {"support": 1}, "phone": "PJSIP/1001", "login": True}
    async with phones.serve(), Receiver() as receiver:
        hook = {"name": "crm", "url": receiver.hook().url, "secret": SECRET, "events": list(EVENTS)}
        more = {
            "agents": {"ann": agent},
            "queue_defaults": {"wrap_up": 0, "short_talk": 0},
            "redis": {"url": server.settings().url},
            "database": {"url": f"sqlite:///{tmp_path}/history.db"},
            "webhooks": [hook],
            "log": {"level": "warning"},
        }
        async with rig(tmp_path, ari=pbx, ami_port=phones.port, **more) as one:
            await _calls(pbx, receiver, 10)
            gc.collect()
            with postponed():
                await _calls(pbx, receiver, CALLS)
                assert gc.collect() < 5 * CALLS  # a new connection leaves six
            assert one.process.missing() == []


async def _calls(pbx: CallingAri, receiver: Receiver, number: int) -> None:
    """One after the other, until the webhook has heard of their ends."""
    heard = sum(event["type"] == "end" for event in receiver.got)
    for _ in range(number):
        async with asyncio.timeout(HANGS):
            await pbx.call("support")
    await pbx.settled()
    await until(lambda: sum(event["type"] == "end" for event in receiver.got) == heard + number)
