"""A fake ARI server with callers: each is put through to an agent, whose phone answers at once and hangs up at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.adapters.fake_ari import Answer, FakeAri


class CallingAri(FakeAri):
    """``states``: of the channels that there are."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, str] = {}
        self._names = count(1)
        self._gone: dict[str, asyncio.Event] = {}
        self._agents: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, entry: str) -> None:
        """A caller, from the first ring to the end of the channel."""
        channel = f"caller-{next(self._names)}"
        self._gone[channel] = asyncio.Event()
        self.states[channel] = "Ring"
        await self._tell("StasisStart", channel, args=["inbound", entry])
        await self._gone[channel].wait()
        del self._gone[channel]

    async def settled(self) -> None:
        """Until everything is said."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _answer(self, line: str) -> Answer:
        method, _, target = line.partition(" ")
        url = urlsplit(target)
        match method, [unquote(part) for part in url.path.strip("/").split("/")]:
            case "POST", ["channels", "create"]:
                body = self.bodies[line]
                self._soon(self._created(body["channelId"], body["appArgs"].split(",")))
                return 200, {"id": body["channelId"]}
            case "POST", ["channels", channel, "dial"]:
                self._soon(self._answered(channel, "Ringing", "Up"))
            case "POST", ["channels", channel, "answer"]:
                self._soon(self._answered(channel, "Up"))
            case "POST", ["bridges", bridge, "addChannel"]:
                self._soon(self._joined(bridge, parse_qs(url.query)["channel"][0].split(",")))
            case "DELETE", ["channels", channel]:
                self._soon(self._ended(channel))
            case _:
                return super()._answer(line)
        return 204, None

    def _soon(self, news: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(news)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, kind: str, channel: str, **fields: Any) -> None:
        about = {"id": channel, "name": f"PJSIP/{channel}", "state": self.states[channel]}
        await self.say(kind, channel=about, **fields)

    async def _created(self, channel: str, args: list[str]) -> None:
        self.states[channel] = "Down"
        self._agents.add(channel)
        await self._tell("StasisStart", channel, args=args)

    async def _answered(self, channel: str, *states: str) -> None:
        for state in states:
            if channel in self.states:
                self.states[channel] = state
                await self._tell("ChannelStateChange", channel)

    async def _joined(self, bridge: str, channels: list[str]) -> None:
        for channel in channels:
            await self._tell("ChannelEnteredBridge", channel, bridge={"id": bridge})
        for channel in channels:
            if channel in self._agents:
                await self._ended(channel)

    async def _ended(self, channel: str) -> None:
        if channel not in self.states:
            return
        await self._tell("StasisEnd", channel)
        await self._tell("ChannelDestroyed", channel, cause=16)
        del self.states[channel]
        self._agents.discard(channel)
        if channel in self._gone:
            self._gone[channel].set()
