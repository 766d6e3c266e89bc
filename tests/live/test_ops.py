"""Ops beside real calls: why an agent gets none, a call's story after kill -9, and the wallboard."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


async def command(bridge: Callbridge, *words: str) -> tuple[int | None, str, str]:
    """The real command, as ops type it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callbridge", *words, "--url", bridge.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, trouble = await process.communicate()
    return process.returncode, said.decode(), trouble.decode()


async def test_a_story_outlives_kill_9_and_is_told_in_words(pbx: Pbx, house: House) -> None:
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1}), "bob": agent("1002", {"support": 1}, login=False)}))
    async with Phone(pbx, "1001"):
        await call(pbx, Call(dialled="support", hang_up_after=1.0))
        arrived = await bridge.until("call_arrived")
        await bridge.until("call_ended")
    await asyncio.sleep(0.5)
    await bridge.kill()
    await bridge.start()
    code, story, _ = await command(bridge, "calls", "show", str(arrived["call"]))
    assert code == 0
    lines = story.splitlines()
    assert "arrived at entry support" in lines[1]
    assert any("offered to Agent 1001 (ann)" in line for line in lines)
    assert any("connected to Agent 1001 (ann)" in line for line in lines)
    assert any(": answered, 1 conversation with agents" in line for line in lines[-2:]), "the wrap-up may end after the call"
    assert await command(bridge, "calls", "show", "cb-call-never-1") == (
        1,
        "",
        "callbridge: no such call: cb-call-never-1, live or ended within the last day\n",
    )


async def test_why_an_agent_gets_no_calls_and_a_caller_waits(pbx: Pbx, house: House) -> None:
    agents: dict[str, Any] = {
        "ann": agent("1001", {"support": 1}, login=False),
        "bob": agent("1002", {"other": 1}),
        "tom": agent("2002", {"support": 1}),
    }
    bridge = await house.open(floor(agents))
    async with Callers(pbx, [Call(dialled="support")]) as callers:
        await bridge.until("visit_began")
        _, ann, _ = await command(bridge, "agents", "show", "ann")
        _, bob, _ = await command(bridge, "agents", "show", "bob")
        _, tom, _ = await command(bridge, "agents", "show", "tom")
        _, queue, _ = await command(bridge, "queues", "show", "support")
        _, board, _ = await command(bridge, "top", "--once")
        await pbx.hang_up_all()
        await callers.wait()
    assert "logged out: gets no calls until the next login" in ann
    assert "no step of any queue matches the agent's skills: other 1" in bob
    assert "the phone PJSIP/2002 cannot be reached" in tom
    assert "not offered: no matching agent is available: Agent 2002 (tom) offline" in queue
    assert "1 logged out" in queue
    assert "links up" in board
    assert "logged out" in board
    assert "waits" in board
