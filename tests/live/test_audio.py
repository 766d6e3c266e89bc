"""Bridged means voice: the caller's tone is heard at the agent and the agent's at the caller, however the agent is connected."""

import pytest

from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

VOICE, REPLY, MUSIC = sounds.TONES["caller"], sounds.TONES["agent"], sounds.TONES["music"]


@pytest.mark.parametrize("connect", ["ring", "auto_answer", "nailed_up"])
async def test_caller_and_agent_hear_each_other(house: House, pbx: Pbx, connect: str) -> None:
    bridge = await house.open(floor({"ann": agent("1008", {"support": 1}, connect, login=False)}))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as desk,
        Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        first = await caller.call("support")
        await caller.until_hears(MUSIC, first)
        await bridge.ask("ann", "login")
        await bridge.until("talk_began")
        await desk.until_hears(VOICE)
        await caller.until_hears(REPLY, first)
        assert not caller.hears(MUSIC, first, last=0.3)
        assert not desk.hears(REPLY)
        caller.hang_up(first)
        await bridge.until("talk_ended")
        await bridge.until("wrap_up_ended")
        # The next caller over the same phone, and over the same leg where it is nailed up.
        second = await caller.call("support")
        await bridge.until("talk_began", count=2)
        leg = 1 if connect == "nailed_up" else 2
        await desk.until("media", call=leg)
        await caller.until_hears(REPLY, second)
        await desk.until_hears(VOICE, leg)
        caller.hang_up(second)
        await bridge.until("talk_ended", count=2)
        await bridge.ask("ann", "logout")
        await desk.until_state("DISCONNECTED", leg)


async def test_a_held_caller_hears_music_and_a_resumed_one_the_agent(house: House, pbx: Pbx) -> None:
    bridge = await house.open(floor({"ann": agent("1008", {"support": 1})}))
    async with Softphone(pbx, "1008", tone=REPLY) as desk, Softphone(pbx, "1", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await caller.until_hears(REPLY)
        desk.hold()
        await caller.until_hears(MUSIC)
        desk.unhold()
        await caller.until_hears(REPLY)
        desk.hang_up()
        await caller.until_state("DISCONNECTED")
        talk = await bridge.until("talk_ended")
    assert 0.4 < talk["hold_seconds"] < talk["talked"]
