"""Phones whose contacts come and go, and a PBX that reloads its phones under load."""

import asyncio
import re
from typing import Any

import aiohttp
import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript, Talk, register
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_fifty_flaps_of_a_contact_do_not_flood_the_facts",
    "test_a_reload_of_the_phones_under_load_loses_no_place_and_blames_nobody",
}
NOW: dict[str, Any] = {"wrap_up": 0}


async def heard(bridge: Callbridge) -> float:
    """How many changes of devices' states callbridge has heard of."""
    async with aiohttp.ClientSession() as session, session.get(f"{bridge.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if "pbx_events_total{" in line and "DeviceStateChange" in line)


async def test_fifty_flaps_of_a_contact_do_not_flood_the_facts(house: House, pbx: Pbx) -> None:
    house.explains_pbx(r"Could not create dialog|outgoing session")  # an offer may meet the phone without a contact
    bridge = await house.open(floor({"ann": agent("2001", {"support": 1})}, queue_defaults=NOW))
    async with Phone(pbx, "2001", PhoneScript.answers(talk=0.4)), Callers(pbx, [Call(dialled="support")]) as callers:
        for _ in range(50):
            await register(pbx, "2001")
            await register(pbx, "2001", expires=0)
        await register(pbx, "2001")
        (made,) = await callers.wait()
        await bridge.until("call_ended")
        told = [fact for fact in bridge.facts("agent_changed", agent="ann") if "offline" in (fact["state"], fact["previous"])]
        seen = await heard(bridge)
        await register(pbx, "2001", expires=0)
    assert made.answered_at
    assert seen >= 50, "else nothing has flapped"
    assert len(told) <= 6
    assert {fact["result"] for fact in bridge.facts("offer_ended")} <= {"answered", "offline"}


@pytest.mark.parametrize("command", ["pjsip reload", "core reload"])  # the second one is FreePBX's "Apply Config"
async def test_a_reload_of_the_phones_under_load_loses_no_place_and_blames_nobody(house: House, pbx: Pbx, command: str) -> None:
    agents = {name: agent(name, {"support": 1}) for name in ("3001", "3002", "3003", "3004")}
    bridge = await house.open(floor(agents, queue_defaults=NOW | {"offline": {"rest": 1}}))
    calls = [Call(dialled="support", number=f"49301{n:02}") for n in range(24)]
    # Longer than callbridge may stand still on a crowded machine: who hangs up before it has heard of the answer has rejected.
    script = PhoneScript(ring=(0.05, 0.2), steps=[Talk(2.0, 2.4)], hangs_up=True)
    async with Phone(pbx, "3001", script), Callers(pbx, calls, rate=6) as callers:
        for change in ("yes", "no", "yes", "no"):
            await asyncio.sleep(0.7)  # the time itself: reloads spread over the load
            conf = pbx.folder / "etc" / "pjsip.conf"
            text = re.sub(r"\n(send_rpid=\w+\n)?dtmf_mode", f"\nsend_rpid={change}\ndtmf_mode", conf.read_text())
            conf.write_text(text)
            await pbx.cli(command)
        made = await callers.wait()
        await bridge.until("call_ended", count=len(calls), limit=20)
    assert all(record.answered_at for record in made)
    assert [fact["outcome"] for fact in bridge.facts("visit_ended")] == ["answered"] * len(calls)
    ended = {(fact["result"], fact.get("cause", 0)) for fact in bridge.facts("offer_ended")}
    assert ended <= {("answered", 0), ("offline", 0)}
    assert [fact for fact in bridge.facts("agent_changed") if fact.get("reason") == "rona"] == []
