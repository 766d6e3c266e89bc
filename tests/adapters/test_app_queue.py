"""The link that listens to app_queue: the list first, events in order, again after every reconnect, and no right to write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from structlog.testing import capture_logs

from callbridge.adapters.ami.app_queue import AppQueueLink
from callbridge.adapters.ami.link import AmiSettings
from callbridge.adapters.system.tasks import end
from callbridge.observe import AmiHeard, QueuesListed
from tests.adapters.fake_ami import FakeAmi
from tests.adapters.waiting import HANGS

LISTING = [{"Event": "QueueParams", "Queue": "support"}, {"Event": "QueueMember", "Queue": "support", "Location": "PJSIP/1001"}]
JOIN = "Event: QueueCallerJoin\nQueue: support\nUniqueid: c1\n\n"


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(HANGS):
        while not true():
            await asyncio.sleep(0.01)


async def test_every_connection_begins_with_the_list_and_goes_on_with_the_events() -> None:
    fake, seen = FakeAmi(), list[AmiHeard | QueuesListed]()
    fake.lists["QueueStatus"] = LISTING
    async with fake.serve():
        settings = AmiSettings(name="pbx1", user="u", secret="s", port=fake.port, retry_first=0.01)
        link = AppQueueLink(settings, see=seen.append, now=time.time, day=lambda: "2026-11-29")
        running = asyncio.create_task(link.run())
        try:
            await until(lambda: link.up)
            await fake.say(JOIN + "Event: Newexten\nUniqueid: c1\n\n")
            await until(lambda: len(seen) == 2)
            fake.drop()
            await until(lambda: len(seen) == 3)
        finally:
            await end((running,))
    first, heard, again = seen
    assert isinstance(first, QueuesListed)
    assert [message["Queue"] for message in first.messages if message.get("Event") == "QueueParams"] == ["support"]
    assert isinstance(heard, AmiHeard)
    assert (heard.message["Event"], heard.message["Uniqueid"], heard.day) == ("QueueCallerJoin", "c1", "2026-11-29")
    assert isinstance(again, QueuesListed)
    assert next(action for action in fake.asked if action["Action"] == "Login")["Events"] == "agent,call"
    assert set(fake.names()) <= {"Login", "QueueStatus", "Ping"}


async def looked_at(joins: str) -> list[dict[str, object]]:
    """What is logged of a link on which these events come before two looks at a queue in which c1 and c2 wait."""
    fake = FakeAmi()
    fake.lists["QueueStatus"] = LISTING
    with capture_logs() as logged:
        async with fake.serve():
            settings = AmiSettings(name="pbx1", user="u", secret="s", port=fake.port, ping_every=0.01)
            link = AppQueueLink(settings, see=lambda _event: None, now=time.time, day=lambda: "2026-11-29")
            running = asyncio.create_task(link.run())
            try:
                await until(lambda: link.up)
                await fake.say(joins)
                waits = {"c0": "0", "c1": "5", "c2": "10"}
                entries = [{"Event": "QueueEntry", "Uniqueid": caller, "Wait": wait} for caller, wait in waits.items()]
                fake.lists["QueueStatus"] = LISTING + entries
                before = fake.names().count("QueueStatus")
                pings = fake.names().count("Ping")
                await until(lambda: fake.names().count("QueueStatus") >= before + 1 and fake.names().count("Ping") > pings + 14)
            finally:
                await end((running,))
    return [dict(line) for line in logged if line["event"] == "callers wait of whom the PBX has told nothing"]


async def test_a_user_who_is_sent_nothing_of_queues_is_noticed_and_said_once() -> None:
    assert await looked_at(JOIN + JOIN.replace("c1", "c2")) == []
    (said,) = await looked_at(JOIN)
    assert (said["callers"], said["add"]) == (1, "agent,call to this AMI user's read= in manager.conf")
