"""A caller who never acknowledges the answer: Asterisk shows such a call like any other until it gives up.

It does so after 64 times its timer T1 (RFC 3261, 13.3.1.4), which is 32 s by default; here T1 is shorter, and with it everything
that is waited for.
"""

import asyncio

import pytest

from tests.lab.pbx import Pbx
from tests.lab.sip import Phone, PhoneScript
from tests.live.house import House
from tests.live.raw_caller import RawCall
from tests.live.test_audio_awaited import awaiting, calling
from tests.live.test_offers import both

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

T1 = 0.1
GIVES_UP = 64 * T1
PJSIP = f"""
[system]
type=system
timer_t1={round(T1 * 1000)}
timer_b={round(GIVES_UP * 1000)}
"""


async def test_no_agent_rings_for_a_caller_who_never_acknowledges_the_answer(house: House, pbx: Pbx) -> None:
    bridge = await house.open(awaiting(f"{GIVES_UP + 3.0}s"))
    caller = RawCall(pbx, "support", acknowledges=False)
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)) as phone, calling(caller, GIVES_UP + 13.0):
        arrived = await bridge.until("call_arrived")
        await asyncio.sleep(1.0)
        shown = await asyncio.to_thread(bridge.client.explain, "calls", arrived["call"])
        assert "no audio from the caller yet" in str(shown["lines"])
        other = RawCall(pbx, "support", user=b"49302")
        other.speaks.set()
        assert await other.make(10.0) == 200
        assert [record.caller_number for record in phone.records()] == ["49302"], "others are served meanwhile"
        ended = await bridge.until("visit_ended", call=arrived["call"], limit=40.0)
        (inaudible,) = bridge.facts("caller_inaudible")
        assert len(phone.records()) == 1
        assert await bridge.state("ann") == "ready"
    assert caller.ended_by_pbx
    assert inaudible["outcome"] == "lost"
    assert abs(inaudible["lasted"] - GIVES_UP) < 1.0 + house.slack
    assert ended["outcome"] == "abandoned"
    assert bridge.facts("offer_made", call=arrived["call"]) == []


async def test_a_caller_who_never_acknowledges_the_answer_is_told_as_lost(house: House, pbx: Pbx) -> None:
    """No state and no event of the PBX differs."""
    bridge = await both(house)
    caller = RawCall(pbx, "support", acknowledges=False)
    async with Phone(pbx, "1001", PhoneScript.answers()) as phone:
        made = asyncio.create_task(caller.make(40.0))
        await bridge.until("talk_began")
        lost = await bridge.until("talk_ended", limit=40.0)
        seen = await phone.until(lambda record: record.ended_at)
        await bridge.until("call_ended")
        await made
    assert (lost["ended_by"], seen.ended_by) == ("caller_lost", "pbx")
    assert abs(lost["talked"] - GIVES_UP) < 1.0 + house.slack
