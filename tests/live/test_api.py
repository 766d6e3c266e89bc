"""What supervisors and programs do over HTTP, with real calls: act on them, hear of them, reload, and the bypass."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.lab.bridge import ApiError, Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]

QUEUES = {name: {"steps": [{"skills": name}]} for name in ("support", "sales")}
TOKENS = [
    {"name": "boss", "role": "supervisor", "token": "boss"},
    {"name": "ann", "role": "agent", "agent": "ann", "token": "ann"},
]


@contextlib.asynccontextmanager
async def announcing(bridge: Callbridge) -> AsyncIterator[list[dict[str, Any]]]:
    """The facts that the stream tells, as they come."""
    heard: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as session, session.get(f"{bridge.url}/api/events") as answer:

        async def listen() -> None:
            while line := await answer.content.readline():
                if line.startswith(b"data: "):
                    heard.append(json.loads(line[6:]))

        listening = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            listening.cancel()
            await asyncio.wait((listening,))


async def test_a_supervisor_hangs_up_moves_and_pulls_calls(house: House, pbx: Pbx) -> None:
    agents = {"ann": agent("1001", {"sales": 1}), "ben": agent("1002", {"support": 1}, login=False)}
    bridge = await house.open(floor(agents, QUEUES))
    calls = [Call(dialled="support", number=f"4930{number}") for number in (1, 2)]
    async with announcing(bridge) as heard, Phone(pbx, "1001", PhoneScript.answers(talk=0.5)) as ann:
        async with Callers(pbx, calls, rate=5) as callers:
            await bridge.until("visit_began", count=2)
            first, second = [str(row["id"]) for row in await bridge.calls()]
            await asyncio.to_thread(bridge.client.act_on_call, first, "hang-up")
            await asyncio.to_thread(bridge.client.act_on_call, second, "move", to="queue:sales")
            made = await callers.wait()
        await bridge.until("call_ended", count=2)
        await bridge.until_state("ann", "ready")
        async with Callers(pbx, [Call(dialled="support", number="49303")], rate=5) as callers:
            await bridge.until("visit_began", count=4)
            third = str((await bridge.calls())[0]["id"])
            await asyncio.to_thread(bridge.client.act_on_call, third, "pull", to="agent:ann")
            await callers.wait()
        await bridge.until("call_ended", count=3)
        await bridge.eventually(lambda: [fact.get("type") for fact in heard].count("call_ended") == 3)
    assert [record.ended_by for record in made] == ["pbx", "pbx"]
    assert len(ann.records()) == 2
    granted = [(fact["request"], fact["by"], fact["call"]) for fact in heard if fact.get("type") == "request_granted"]
    assert granted == [("hang_up", "local", first), ("move", "local", second), ("pull", "local", third)]
    logged = [(line["event"], line["seq"]) for line in bridge.lines() if "seq" in line]
    told = [(fact["type"], fact["seq"]) for fact in heard if "seq" in fact]
    assert told == [line for line in logged if told[0][1] <= line[1] <= told[-1][1]]


async def test_tokens_reload_and_bypass(house: House, pbx: Pbx) -> None:
    config = floor({"ann": agent("1001", {"sales": 1}, login=False)}, QUEUES, skills=["support"])
    bridge = await house.open(config)
    house.explains("reload refused")
    bridge.write_config(config | {"entries": {"support": {"queue": "nowhere"}}})
    with pytest.raises(ApiError, match="no such queue: 'nowhere'"):
        await asyncio.to_thread(bridge.client.reload)
    bridge.write_config(config | {"queues": QUEUES | {"new": {"steps": [{"skills": "sales"}]}}})
    await asyncio.to_thread(bridge.client.reload)
    assert (await bridge.queue("new"))["waiting"] == 0

    turned = await asyncio.to_thread(bridge.client.bypass, True)
    assert (turned["on"], turned["by"]) == (True, "local")
    await call(pbx, Call(dialled="support", hang_up_after=0.5))
    await bridge.until("call_diverted", reason="bypass")
    await asyncio.to_thread(bridge.client.bypass, False)
    await call(pbx, Call(dialled="support", hang_up_after=0.5))
    assert len(bridge.facts("visit_began")) == 1


async def test_an_agent_with_a_token_works_and_no_more(house: House, pbx: Pbx) -> None:
    agents = {name: agent(phone, {"sales": 1}, login=False) for name, phone in (("ann", "1001"), ("ben", "1002"))}
    config = floor(agents, QUEUES, skills=["support"])
    bridge = await house.open(config)
    await bridge.stop()
    whole = json.loads(bridge.path.read_text())
    whole["http"]["tokens"] = TOKENS
    bridge.path.write_text(json.dumps(whole))
    await bridge.start()
    ann = type(bridge.client)(bridge.url, "ann")
    assert (await asyncio.to_thread(ann.act, "ann", "login"))["state"] == "ready"
    for forbidden in (lambda: ann.act("ben", "login"), ann.reload, lambda: ann.act_on_call("x", "hang-up")):
        with pytest.raises(ApiError, match=r"token is for one agent|requires one of the roles"):
            await asyncio.to_thread(forbidden)
    bridge.client = type(bridge.client)(bridge.url, "boss")
    assert await bridge.state("ann") == "ready"
