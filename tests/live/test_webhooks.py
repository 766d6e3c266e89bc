"""Others are told of live calls: the screen pop while the phone rings, and nothing lost when they or we restart."""

import asyncio
from typing import Any

import pytest

from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.waiting import until
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Phone, PhoneScript, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]
LINK = "https://crm.example/?number={number}&tier={tier}&queue={queue}&call={call}&agent={agent}"
GOLD = "4930777"


def _config(receiver: Receiver) -> dict[str, Any]:
    hook = receiver.hook()
    webhook = {"name": hook.name, "url": hook.url, "secret": SECRET, "link": LINK, "unmasked": True}
    tiers = {"order": ["gold", "standard"], "numbers": {"gold": [GOLD]}}
    return floor({"ann": agent("1001", {"support": 1})}, tiers=tiers, webhooks=[webhook])


def _kinds(receiver: Receiver, which: str) -> list[str]:
    """The events of one call, repetitions left out."""
    return list(dict.fromkeys(event["type"] for event in receiver.got if event["call"] == which))


async def test_a_screen_pop_comes_while_the_phone_rings_and_nothing_is_lost_over_restarts(house: House, pbx: Pbx) -> None:
    async with Receiver() as receiver, Phone(pbx, "1001", PhoneScript.answers(ring=1.0, talk=1.0)):
        bridge = await house.open(_config(receiver))
        calling = asyncio.create_task(call(pbx, Call(dialled="support", number=GOLD)))
        await until(lambda: receiver.got, 10)
        assert bridge.facts("talk_began") == []
        await calling
        first = (await bridge.until("call_ended"))["call"]
        await until(lambda: _kinds(receiver, first) == ["offer", "answer", "end"], 10)
        offer = receiver.got[0]
        assert (offer["tier"], offer["queue"], offer["agent"], offer["collected"]) == ("gold", "support", "ann", {})
        assert offer["number"].endswith(GOLD)
        assert offer["link"].endswith(f"tier=gold&queue=support&call={first}&agent=ann")
        assert receiver.forged == 0

        await receiver.stop()
        await call(pbx, Call(dialled="support", number="4930555"))
        second = (await bridge.until("call_ended", count=2))["call"]
        await bridge.until("wrap_up_ended", count=2)
        await bridge.kill()
        await bridge.start()
        await receiver.start()
        await until(lambda: _kinds(receiver, second) == ["offer", "answer", "end"], 20)
        assert {event["call"] for event in receiver.got} == {first, second}
