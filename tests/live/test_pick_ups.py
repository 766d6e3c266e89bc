"""Agents who pick up in the second in which callbridge dies, on the real PBX: they hear the caller as soon as it is back."""

import asyncio
import time

import pytest

from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {"test_who_picks_up_while_callbridge_is_down_is_not_rung_again"}

RINGS = 2.0


async def test_who_picks_up_while_callbridge_is_down_is_not_rung_again(house: House, pbx: Pbx) -> None:
    """The agent heard silence until the restart, was hung up then, and the phone rang again."""
    house.explains_pbx("outbound websocket per-call config|Stasis app 'callbridge' (doesn't exist|not active|not registered)")
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1})}, queue_defaults={"ring_for": 20}))
    async with (
        Phone(pbx, "1001", PhoneScript.answers(ring=RINGS)) as phone,
        Callers(pbx, [Call(dialled="support", number="49301", hang_up_after=12)]) as callers,
    ):
        await phone.until(lambda record: record.ringing_at)
        await bridge.until_state("ann", "ringing")
        await bridge.kill()
        await phone.until(lambda record: record.answered_at)
        await asyncio.sleep(0.5)
        await bridge.start()
        back = time.time()
        talk = await bridge.until("talk_began", agent="ann")
        assert talk["at"] - back < 1.0 + house.slack
        (record,) = phone.records()
        assert record.ended_at is None
        assert callers.records()[0].ended_at is None
        (offer,) = bridge.facts("offer_ended")
        assert offer["result"] == "answered"
        await callers.wait(30)
        await bridge.until("call_ended")
    assert len(phone.records()) == 1
