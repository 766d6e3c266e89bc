"""The watch for callers' first audio: asked no more than necessary, one at a time, and nobody waits for silent others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from callbridge.adapters.ari import audio
from callbridge.adapters.ari.audio import AudioWatch
from callbridge.adapters.ari.http import Reply
from callbridge.adapters.pbx_link import NotSent, OrderRefused, OrderTrouble, TimedOut
from callbridge.core.model.events import AnyEvent, CallerAudible
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import WatchAudio
from callbridge.wire.ari import Request, requests
from tests.adapters.waiting import HANGS
from tests.virtual_time import virtual_time

ONE, TWO = LegId("a/one"), LegId("a/two")
AGAIN = 0.02
GONE = Reply(404, b'{"message": "Channel not found"}')


def received(packets: int) -> Reply:
    return Reply(200, json.dumps({"rxcount": packets, "txcount": 99}).encode())


class Asterisk:
    """``replies``: by channel, one for each question; the last one is repeated."""

    def __init__(self, **replies: list[Reply | OrderTrouble]) -> None:
        self.replies = replies
        self.asked: list[str] = []
        self.at: list[float] = []
        self.told: list[AnyEvent] = []
        self.under_way = 0
        loop = asyncio.get_running_loop()
        self.watch = AudioWatch(self.write, self.told.append, loop.time)
        self.now = loop.time

    async def write(self, request: Request) -> Reply:
        channel = request.path.split("/")[2]
        assert request == Request("GET", f"/channels/{channel}/rtp_statistics", pardons=request.pardons)
        assert self.under_way == 0, "one request at a time"
        self.asked.append(channel)
        self.at.append(self.now())
        self.under_way += 1
        await asyncio.sleep(0)
        self.under_way -= 1
        known = self.replies[channel]
        reply = known.pop(0) if len(known) > 1 else known[0]
        if isinstance(reply, OrderTrouble):
            raise reply
        return reply

    def order(self, leg: LegId, *, lasts: float = 5.0, after: float = 0.0) -> None:
        order = WatchAudio(leg=leg, until=self.now() + lasts, after=after)
        self.watch.watch(order, *requests(order, app="app"))

    async def until_told(self, *legs: LegId) -> None:
        async with asyncio.timeout(HANGS):
            while len(self.told) < len(legs):
                await asyncio.sleep(0.001)
        assert [event.leg for event in self.told if isinstance(event, CallerAudible)] == list(legs)

    async def until_quiet(self) -> None:
        async with asyncio.timeout(HANGS):
            while self.watch._watched:
                await asyncio.sleep(0.001)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.watch.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "ASK_EVERY", AGAIN)
    monkeypatch.setattr(audio, "ASK_PAUSE", 0.0)


@virtual_time
async def test_a_leg_is_asked_about_until_audio_comes_and_never_again() -> None:
    pbx = Asterisk(one=[received(0), received(0), received(1)])
    async with pbx.running():
        pbx.order(ONE)
        await pbx.until_told(ONE)
        await asyncio.sleep(2 * AGAIN)
    assert pbx.asked == ["one"] * 3
    assert all(later - sooner >= AGAIN for sooner, later in zip(pbx.at, pbx.at[1:], strict=False))


@virtual_time
async def test_nobody_is_asked_about_before_it_is_worth_it() -> None:
    pbx = Asterisk(one=[received(7)])
    async with pbx.running():
        began = pbx.now()
        pbx.order(ONE, after=0.05)
        await pbx.until_told(ONE)
    assert pbx.at[0] - began >= 0.05


@pytest.mark.parametrize(
    "reply",
    [
        Reply(403, b'{"message": "Unsupported channel type"}'),
        Reply(404, b'{"message": "RTP info not found"}'),
        Reply(404, b"<html>"),
        Reply(200, b"[]"),
        Reply(200, b"{}"),
        Reply(200, b"<html>"),
        OrderRefused(500, "no"),
    ],
    ids=["no_rtp", "no_info", "no_such_request", "list", "nothing", "html", "refused"],
)
@virtual_time
async def test_where_there_is_no_telling_a_leg_is_audible(reply: Reply | OrderTrouble) -> None:
    pbx = Asterisk(one=[reply])
    async with pbx.running():
        pbx.order(ONE)
        await pbx.until_told(ONE)
    assert pbx.asked == ["one"]


@virtual_time
async def test_a_leg_that_is_gone_is_not_asked_about_again() -> None:
    pbx = Asterisk(one=[received(0), GONE])
    async with pbx.running():
        pbx.order(ONE)
        await pbx.until_quiet()
    assert (pbx.asked, pbx.told) == (["one"] * 2, [])


@virtual_time
async def test_a_watch_ends_with_its_time() -> None:
    pbx = Asterisk(one=[received(0)])
    async with pbx.running():
        pbx.order(ONE, lasts=3.5 * AGAIN)
        await pbx.until_quiet()
    assert 2 <= len(pbx.asked) <= 4
    assert pbx.told == []


@pytest.mark.parametrize("trouble", [NotSent("down"), TimedOut("late")], ids=["unsent", "late"])
@virtual_time
async def test_a_question_that_was_not_answered_is_asked_again(trouble: OrderTrouble) -> None:
    pbx = Asterisk(one=[trouble, received(1)])
    async with pbx.running():
        pbx.order(ONE)
        await pbx.until_told(ONE)
    assert pbx.asked == ["one"] * 2


@virtual_time
async def test_a_second_order_for_a_leg_is_no_second_watch() -> None:
    pbx = Asterisk(one=[received(0), received(0), received(1)])
    async with pbx.running():
        pbx.order(ONE, lasts=0.5 * AGAIN)
        pbx.order(ONE)
        await pbx.until_told(ONE)
    assert pbx.asked == ["one"] * 3


@virtual_time
async def test_with_the_link_every_watch_ends_and_may_begin_again() -> None:
    pbx = Asterisk(one=[received(0)], two=[received(1)])
    pbx.order(ONE)
    pbx.watch.clear()
    async with pbx.running():
        pbx.order(TWO)
        await pbx.until_told(TWO)
        await asyncio.sleep(2 * AGAIN)
    assert pbx.asked == ["two"]


@virtual_time
async def test_who_has_just_come_does_not_wait_for_a_thousand_silent_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = [f"s{number}" for number in range(1000)]
    replies: dict[str, list[Reply | OrderTrouble]] = {name: [received(0)] for name in silent}
    pbx = Asterisk(**replies, one=[received(1)])
    async with pbx.running():
        for name in silent:
            pbx.order(LegId(f"a/{name}"))
        async with asyncio.timeout(HANGS):
            while len(pbx.asked) < len(silent):
                await asyncio.sleep(0.001)
        monkeypatch.setattr(audio, "ASK_PAUSE", 0.001)  # all of them are due again: it takes a second to ask them
        await asyncio.sleep(2 * AGAIN)
        before = len(pbx.asked)
        pbx.order(ONE)
        await pbx.until_told(ONE)
    assert len(pbx.asked) - before < 5
