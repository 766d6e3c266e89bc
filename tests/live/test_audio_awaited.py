"""Callers from whom no audio comes, with ``wait_for_audio``: no agent rings for somebody who does not hear anything."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Phone, PhoneScript, call
from tests.live.house import House
from tests.live.raw_caller import RawCall

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]
ON_16 = {
    "test_an_agent_rings_when_the_first_audio_has_come",
    "test_a_caller_of_whom_the_pbx_cannot_tell_is_offered_at_once",
}
ASKED_EVERY = 0.25


def awaiting(wait: Any = "35s", **more: Any) -> dict[str, Any]:
    """One agent; audio is waited for in the queue ``support``, and not in ``sales``."""
    queues = {
        "support": {"steps": [{"skills": "support"}], "wait_for_audio": wait, **more},
        "sales": {"steps": [{"skills": "support"}]},
    }
    return floor({"ann": agent("1001", {"support": 1})}, queues)


@contextlib.asynccontextmanager
async def calling(caller: RawCall, patience: float) -> AsyncIterator[asyncio.Task[int]]:
    made = asyncio.create_task(caller.make(patience))
    try:
        yield made
    finally:
        await made


async def test_an_agent_rings_when_the_first_audio_has_come(house: House, pbx: Pbx) -> None:
    bridge = await house.open(awaiting())
    caller = RawCall(pbx, "support")
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)) as phone, calling(caller, 10.0):
        await bridge.until("visit_began")
        await asyncio.sleep(1.5)
        assert phone.records() == []
        caller.speaks.set()
        spoke = time.time()
        made = await bridge.until("offer_made")
        assert 0.0 < made["at"] - spoke < ASKED_EVERY + 0.15 + house.slack
        (inaudible,) = bridge.facts("caller_inaudible")
        assert inaudible["outcome"] == "heard"
        await bridge.until("talk_began")
    assert len(phone.records()) == 1


async def test_a_caller_who_talks_at_once_is_hardly_kept_waiting(house: House, pbx: Pbx) -> None:
    bridge = await house.open(awaiting())
    caller = RawCall(pbx, "support")
    caller.speaks.set()
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)), calling(caller, 10.0):
        began = await bridge.until("visit_began")
        made = await bridge.until("offer_made")
        await bridge.until("talk_began")
    assert made["at"] - began["at"] < ASKED_EVERY + 0.2 + house.slack
    assert bridge.facts("caller_inaudible") == []


async def test_without_audio_the_caller_is_offered_when_the_time_is_over(house: House, pbx: Pbx) -> None:
    bridge = await house.open(awaiting("2s"))
    caller = RawCall(pbx, "support")
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)), calling(caller, 10.0):
        made = await bridge.until("offer_made")
        (inaudible,) = bridge.facts("caller_inaudible")
        await bridge.until("talk_began")
    assert inaudible["outcome"] == "timed_out"
    assert inaudible["lasted"] == pytest.approx(2.0, abs=0.1)
    assert made["waited"] == pytest.approx(2.0, abs=0.2 + house.slack)


async def test_queues_that_do_not_wait_for_audio_offer_as_ever_also_by_overflow(house: House, pbx: Pbx) -> None:
    bridge = await house.open(awaiting(overflow=[{"when": {"waited": "2s"}, "queue": "sales"}]))
    first, second = RawCall(pbx, "sales", acknowledges=False), RawCall(pbx, "support", user=b"49302")
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)) as phone, calling(first, 3.0):
        await bridge.until("talk_ended")
        async with calling(second, 8.0):
            began = await bridge.until("visit_began", queue="support")
            made = await bridge.until("offer_made", call=began["call"])
            await bridge.until("talk_ended", call=began["call"])
    assert made["queue"] == "sales"
    assert made["at"] - began["at"] == pytest.approx(2.0, abs=0.2 + house.slack)
    assert [record.caller_number for record in phone.records()] == ["4930100", "49302"]


async def test_a_restart_goes_on_waiting_for_audio(house: House, pbx: Pbx) -> None:
    bridge = await house.open(awaiting())
    caller = RawCall(pbx, "support")
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)) as phone, calling(caller, 20.0):
        await bridge.until("visit_began")
        await asyncio.sleep(0.6)
        await bridge.kill()
        await bridge.start()
        await bridge.until_state("ann", "ready")
        await asyncio.sleep(1.0)
        assert phone.records() == []
        caller.speaks.set()
        await bridge.until("talk_began")
    assert len(phone.records()) == 1
    assert [fact["outcome"] for fact in bridge.facts("caller_inaudible")] == ["heard"]


async def test_a_caller_of_whom_the_pbx_cannot_tell_is_offered_at_once(house: House, pbx: Pbx) -> None:
    """A forwarder's call comes as a Local channel, which has no RTP of its own."""
    bridge = await house.open(awaiting())
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)):
        await call(pbx, Call(dialled="forwarded"))
        began = await bridge.until("visit_began")
        made = await bridge.until("offer_made")
        await bridge.until("talk_began")
    assert made["at"] - began["at"] < 0.05 + house.slack
