"""People at their screens: a supervisor of one team beside real calls, PINs over HTTP, and a restart under an open page."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from callbridge.wire.passwords import hashed
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House
from tests.live.test_features import dial

pytestmark = [pytest.mark.live, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

PASSWORD, PIN, WRONG = "correct horse", "4711", "0000"
QUEUES = {name: {"steps": [{"skills": name}]} for name in ("support", "sales")}


def config() -> dict[str, Any]:
    agents = {"1001": agent("1001", {"support": 1}) | {"pin": PIN}, "1002": agent("1002", {"sales": 1})}
    people = {"maria": {"role": "supervisor", "teams": ["front"], "password": str(hashed(PASSWORD, b"0123456789abcdef"))}}
    teams = {"front": {"queues": ["support"], "agents": ["1001"]}}
    tokens = [{"name": "tests", "role": "admin", "token": "tests"}]
    return floor(agents, QUEUES, users=people, teams=teams, http={"tokens": tokens})


class Browser:
    """One person's: it has a cookie, and sends where its requests come from."""

    def __init__(self, bridge: Callbridge, address: str = "127.0.0.1") -> None:
        self.url = bridge.url
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        self.session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": bridge.url}, connector=connector
        )
        self.parts: dict[str, dict[str, Any]] = {}
        self.streams = 0

    async def log_in(self, user: str, password: str) -> int:
        async with self.session.post(f"{self.url}/api/session", json={"user": user, "password": password}) as answer:
            return answer.status

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(f"{self.url}/api/{path}") as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: dict[str, Any]) -> int:
        async with self.session.post(f"{self.url}/api/{path}", json=body) as answer:
            return answer.status

    async def watch(self) -> None:
        """Follow the stream as a page does, again and again."""
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with self.session.get(f"{self.url}/api/views") as answer:
                    if answer.status == 200:
                        await self._follow(answer)
            await asyncio.sleep(0.1)

    async def _follow(self, answer: aiohttp.ClientResponse) -> None:
        name = ""
        while line := await answer.content.readline():
            if line.startswith(b"event: "):
                name = line[7:].decode().strip()
            elif line.startswith(b"data: "):
                self._apply(name, json.loads(line[6:])["parts"])

    def _apply(self, name: str, parts: dict[str, dict[str, Any]]) -> None:
        if name == "whole":
            self.parts, self.streams = parts, self.streams + 1
            return
        for part, rows in parts.items():
            for key, row in rows.items():
                if row is None:
                    self.parts[part].pop(key)
                else:
                    self.parts[part][key] = row

    def states(self) -> set[str]:
        return {str(row["state"]) for row in self.parts.get("calls", {}).values()}


@contextlib.asynccontextmanager
async def browser(bridge: Callbridge, address: str = "127.0.0.1", *, watches: bool = False) -> AsyncIterator[Browser]:
    made = Browser(bridge, address)
    async with made.session, asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(made.watch()) if watches else None
        yield made
        if watching is not None:
            watching.cancel()


async def test_a_supervisor_sees_and_ends_the_calls_of_the_own_team(house: House, pbx: Pbx) -> None:
    bridge = await house.open(config())
    answering = PhoneScript.answers(talk=30)
    async with Phone(pbx, "1001", answering), Phone(pbx, "1002", answering), browser(bridge, watches=True) as maria:
        assert await maria.log_in("maria", "wrong") == 401
        assert await maria.log_in("maria", PASSWORD) == 200
        await bridge.eventually(lambda: maria.streams)
        assert (set(maria.parts["queues"]), set(maria.parts["agents"])) == ({"support"}, {"1001"})
        calls = [Call(dialled="support", number="49301"), Call(dialled="sales", number="49302")]
        async with Callers(pbx, calls, rate=5) as callers:
            await bridge.until("talk_began", count=2)
            await bridge.eventually(lambda: maria.states() == {"talking"})
            (own,) = maria.parts["calls"]
            assert maria.parts["agents"]["1001"]["call"] == own
            (other,) = [str(row["id"]) for row in await bridge.calls() if row["id"] != own]
            assert await maria.post(f"calls/{other}/hang-up", {}) == 403
            assert await maria.post(f"calls/{own}/hang-up", {}) == 200
            await bridge.until("call_ended", call=own)
            await bridge.eventually(lambda: not maria.parts["calls"] and not maria.parts["queues"]["support"]["waiting"])
            assert len(await bridge.calls()) == 1
            await asyncio.to_thread(bridge.client.act_on_call, other, "hang-up")
            made = await callers.wait()
    assert [record.ended_by for record in made] == ["pbx", "pbx"]
    granted = [(fact["request"], fact["by"], fact["call"]) for fact in bridge.facts("request_granted")]
    assert granted == [("hang_up", "maria", own), ("hang_up", "tests", other)]
    assert [(fact["by"], fact["role"]) for fact in bridge.facts("api_logged_in") if fact["by"] == "maria"] == [
        ("maria", "supervisor")
    ]


async def test_a_page_that_is_open_over_a_restart_goes_on_without_a_log_in(house: House, pbx: Pbx) -> None:
    bridge = await house.open(config())
    async with Phone(pbx, "1001", PhoneScript.answers(talk=30)), browser(bridge, watches=True) as maria:
        assert await maria.log_in("maria", PASSWORD) == 200
        async with Callers(pbx, [Call(dialled="support", number="49303")], rate=5) as callers:
            await bridge.until("talk_began")
            await bridge.eventually(lambda: maria.states() == {"talking"})
            (call,) = maria.parts["calls"]
            before = maria.streams
            await bridge.stop()
            await bridge.start()
            await bridge.eventually(lambda: maria.streams > before and maria.states() == {"talking"})
            assert list(maria.parts["calls"]) == [call]
            assert await maria.post(f"calls/{call}/hang-up", {}) == 200
            await callers.wait()
        without = config() | {"users": {"boss": config()["users"]["maria"]}}
        bridge.write_config(without)
        await asyncio.to_thread(bridge.client.reload)
        assert (await maria.get("session"))[0] == 401


async def test_pins_that_are_guessed_over_http_are_locked_as_at_phones(house: House, pbx: Pbx) -> None:
    house.explains("log-in failed")
    house.explains("agent_alerted")
    agents = {"1001": agent("1001", {"support": 1}, login=False) | {"pin": PIN}}
    bridge = await house.open(floor(agents, http=config()["http"]))
    async with contextlib.AsyncExitStack() as stack:
        several = [await stack.enter_async_context(browser(bridge, f"127.0.0.{number}")) for number in (21, 22, 23)]
        for each in several[:2]:
            for _ in range(5):
                assert await each.log_in("1001", WRONG) == 401
        assert {fact["kind"] for fact in bridge.facts("agent_alerted")} == {"pin_locked"}
        refused = [await each.log_in("1001", PIN) for each in several]
        assert 200 not in refused
        await dial(pbx, "1001", "*11", f"{PIN}#")
        assert await bridge.state("1001") == "ready"
