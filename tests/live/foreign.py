"""Somebody else on the same PBX: a Stasis application with a bridge of its own, and a conference."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers


@dataclass
class Foreign:
    pbx: Pbx
    session: aiohttp.ClientSession
    callers: Callers
    ended: list[str] = field(default_factory=list)
    """Events that say that one of our channels or bridges is gone."""
    before: dict[str, Any] = field(default_factory=dict)

    async def ask(self, method: str, path: str) -> Any:
        async with self.session.request(method, f"{self.pbx.ari_url}{path}") as answer:
            text = await answer.text()
            assert answer.status < 300, text
            return json.loads(text) if text else None

    async def _state(self) -> dict[str, Any]:
        channels = {
            one["id"]: (one["name"], one["creationtime"], one["state"])
            for one in await self.ask("GET", "/channels")
            if one["dialplan"]["app_name"] in ("ConfBridge", "Stasis") and one["caller"]["number"].startswith("77")
        }
        bridges = {
            one["id"]: sorted(one["channels"])
            for one in await self.ask("GET", "/bridges")
            if one["id"] == "foreign-bridge" or one["bridge_class"] == "confbridge" or one["creator"] == "ConfBridge"
        }
        return {"channels": channels, "bridges": bridges}

    async def unharmed(self) -> None:
        assert await self._state() == self.before
        assert self.ended == []
        assert [record.ended_at for record in self.callers.records()] == [None] * 4


@contextlib.asynccontextmanager
async def foreign(pbx: Pbx) -> AsyncIterator[Foreign]:
    """Two callers in the other application's bridge, two in a conference."""
    headers = {"Authorization": aiohttp.encode_basic_auth(pbx.ari_user, pbx.ari_password)}
    calls = [Call(dialled=where, number=f"77{number}") for number, where in enumerate(["foreign", "conf-foreign"] * 2)]
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        socket = await stack.enter_async_context(session.ws_connect(f"{pbx.ari_url}/events?app=foreignapp"))
        callers = Callers(pbx, calls)
        other = Foreign(pbx, session, callers)
        await other.ask("POST", "/bridges?type=mixing&bridgeId=foreign-bridge")
        await callers.start()
        stack.push_async_callback(callers.stop)
        entered = asyncio.Semaphore(0)

        async def listen() -> None:
            async for message in socket:
                event = json.loads(message.data)
                if event["type"] == "StasisStart":
                    channel = event["channel"]["id"]
                    await other.ask("POST", f"/channels/{channel}/answer")
                    await other.ask("POST", f"/bridges/foreign-bridge/addChannel?channel={channel}")
                    entered.release()
                elif event["type"] in ("StasisEnd", "ChannelLeftBridge", "BridgeDestroyed", "ApplicationReplaced"):
                    other.ended.append(event["type"])

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(10):
            await entered.acquire()
            await entered.acquire()
            while len((await other._state())["channels"]) < 4:
                await asyncio.sleep(0.05)
            while sum(map(len, (await other._state())["bridges"].values())) < 4:
                await asyncio.sleep(0.05)
        other.before = await other._state()
        try:
            yield other
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
