"""A fault that callbridge cannot survive, on the real PBX: callers who talk to nobody are in the fallback, and talks go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

ON_16 = {"test_a_fatal_fault_sends_on_all_who_talk_to_nobody"}

TALKS, TRANSFERRED, IN_FLOW, WAITS, CONSULTED = "49301", "49302", "49303", "49304", "49305"
MENU = {
    "ask": {"menu": "sound:/lab/sounds/tones/third", "keys": {"1": "bye"}, "wait": "60s", "otherwise": "bye"},
    "bye": {"goodbye": "beep"},
}


def desks() -> dict[str, Any]:
    """Ann talks, bob transfers to bell, who lets it ring, dan asks eve first."""
    skills = {"ann": ("1001", "talk"), "bob": ("1002", "hand"), "bell": ("1003", "bell")}
    skills |= {"dan": ("1005", "ask"), "eve": ("1006", "eve")}
    queues = {name: {"steps": [{"skills": name}]} for _, name in skills.values()} | {"wait": {"steps": [{"skills": "wait"}]}}
    staff = {who: agent(phone, {skill: 1}) for who, (phone, skill) in skills.items()}
    whole = floor(staff, queues, skills=["wait"], queue_defaults={"ring_for": 60})
    return whole | {"flows": {"menu": {"nodes": MENU}}, "entries": whole["entries"] | {"menu": {"flow": "menu"}}}


async def call_of(bridge: Callbridge, number: str) -> str:
    return str(next(row["id"] for row in await bridge.calls() if row["number"] == number))


async def everybody_in_place(bridge: Callbridge, eve: Phone) -> None:
    await bridge.until("talk_began", count=3)
    await bridge.until("call_arrived", count=5)
    await asyncio.to_thread(bridge.client.act_on_call, await call_of(bridge, TRANSFERRED), "transfer", to="agent:bell")
    await asyncio.to_thread(bridge.client.act_on_call, await call_of(bridge, CONSULTED), "consult", to="agent:eve")
    await bridge.until("transfer_started", count=2)
    await bridge.until_state("bell", "ringing")
    await eve.until(lambda record: record.answered_at)
    await bridge.until("flow_stepped", node="ask")


async def until_in_fallback(pbx: Pbx, count: int) -> None:
    async with asyncio.timeout(10):
        while f" has {count} calls" not in await pbx.cli("queue show callbridge-fallback"):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("place", ["publish", "save"])
async def test_a_fatal_fault_sends_on_all_who_talk_to_nobody(house: House, pbx: Pbx, place: str) -> None:
    flag = house.redis.folder / "bug"
    bridge = await house.open(desks(), module=("tests.lab.bug", place, str(flag)))
    for event in ("a component failed", "waiting callers were sent to the fallback"):
        house.explains(event)
    house.explains_pbx("outbound websocket per-call config|Stasis app 'callbridge' (doesn't exist|not active|not registered)")
    calls = {"talk": TALKS, "hand": TRANSFERRED, "menu": IN_FLOW, "wait": WAITS, "ask": CONSULTED}
    async with (
        Phone(pbx, "1001", PhoneScript.answers()) as ann,
        Phone(pbx, "1002", PhoneScript.answers()),
        Phone(pbx, "1003", PhoneScript.rings_out()) as bell,
        Phone(pbx, "1005", PhoneScript.answers()),
        Phone(pbx, "1006", PhoneScript.answers()) as eve,
        Callers(pbx, [Call(dialled=entry, number=number) for entry, number in calls.items()]) as callers,
    ):
        await everybody_in_place(bridge, eve)
        flag.touch()
        assert await bridge.process.wait(10) == 1
        await until_in_fallback(pbx, 4)
        last = bridge.facts("waiting callers were sent to the fallback")[0]
        assert (last["callers"], last["left_in_asterisk"]) == (4, 0)
        talking = next(record for record in callers.records() if record.number == TALKS)
        assert (talking.ended_at, ann.records()[0].ended_at) == (None, None)
        assert bell.records()[0].outcome == "cancelled"
        assert eve.records()[0].ended_by == "pbx"
        flag.unlink()
        await bridge.start()
        await bridge.until_state("ann", "talking")
        await pbx.hang_up_all()
        await bridge.until("call_ended", count=5)
