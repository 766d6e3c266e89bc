"""Callers on hold by request, with a tone for each party: who hears what, what is counted, and that the phone's own hold fits."""

import asyncio
from typing import Any

import pytest

from callbridge.cli.client import ApiError
from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {"test_the_caller_on_hold_hears_music_and_the_agent_nothing"}

VOICE, REPLY, MUSIC = (sounds.TONES[name] for name in ("caller", "agent", "music"))


def desks(connect: str = "ring") -> dict[str, Any]:
    return floor({"ann": agent("1008", {"support": 1}, connect)}, {"support": {"steps": [{"skills": "support"}]}})


async def act(bridge: Callbridge, what: str) -> None:
    (row,) = await bridge.calls()
    await asyncio.to_thread(bridge.client.act_on_call, row["id"], what)


async def row(bridge: Callbridge) -> dict[str, Any]:
    (found,) = await bridge.calls()
    return found


@pytest.mark.parametrize("connect", ["ring", "nailed_up"])
async def test_the_caller_on_hold_hears_music_and_the_agent_nothing(house: House, pbx: Pbx, connect: str) -> None:
    bridge = await house.open(desks(connect))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        if connect == "nailed_up":
            await bridge.until("agent_changed", agent="ann", state="ready")
        await caller.call("support")
        await asyncio.gather(ann.until_hears(VOICE), caller.until_hears(REPLY))
        for _ in range(2):
            await act(bridge, "hold")
            await caller.until_hears(MUSIC)
            await asyncio.gather(ann.until_hears_no_more(VOICE), caller.until_hears_no_more(REPLY))
            assert (await row(bridge))["held_by"] == "request"
            assert not ann.hears(MUSIC, last=0.5)
            await act(bridge, "unhold")
            await asyncio.gather(ann.until_hears(VOICE), caller.until_hears(REPLY))
            await caller.until_hears_no_more(MUSIC)
            assert (await row(bridge))["held_since"] == ""
        await act(bridge, "hold")
        await caller.until_hears(MUSIC)
        caller.hang_up()
        ended = await bridge.until("talk_ended")
        assert 0.5 < ended["hold_seconds"] < ended["talked"]
        if connect == "nailed_up":
            await bridge.ask("ann", "logout")


async def test_hold_at_the_phone_and_by_request_at_once(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await asyncio.gather(ann.until_hears(VOICE), caller.until_hears(REPLY))
        ann.hold()
        await caller.until_hears(MUSIC)
        async with asyncio.timeout(10.0):
            while (await row(bridge))["held_by"] != "phone":
                await asyncio.sleep(0.05)
        with pytest.raises(ApiError, match="the agent's phone has put the caller on hold already"):
            await act(bridge, "hold")
        with pytest.raises(ApiError, match="only the phone can end that"):
            await act(bridge, "unhold")
        ann.unhold()
        await caller.until_hears(REPLY)
        await act(bridge, "hold")
        await caller.until_hears(MUSIC)
        ann.hold()
        await asyncio.sleep(0.5)
        ann.unhold()
        await caller.until_hears(MUSIC)
        await act(bridge, "unhold")
        await asyncio.gather(ann.until_hears(VOICE), caller.until_hears(REPLY))
        await caller.until_hears_no_more(MUSIC)
        caller.hang_up()
        assert (await bridge.until("talk_ended"))["hold_seconds"] > 0.5
