"""Closures by date on the real PBX: made, honoured, kept over a restart, and over by themselves."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16: tuple[str, ...] = ()
ALWAYS = {"office": {"week": {"mon-sun": "00:00-24:00"}}}


def office() -> dict[str, Any]:
    """Callers of support are served by ann, and while it is closed by ben of the night."""
    queues: dict[str, dict[str, Any]] = {
        "support": {
            "steps": [{"skills": "support"}],
            "overflow": [{"when": {"closed": "office"}, "queue": "night", "reason": "closed"}],
        },
        "night": {"steps": [{"skills": "night"}]},
    }
    return floor({"ann": agent("1001", {"support": 1}), "ben": agent("1002", {"night": 1})}, queues, calendars=ALWAYS)


async def answered_by(bridge: Callbridge, pbx: Pbx, number: str) -> str:
    """Who answers a caller of support."""
    known = len(bridge.facts("talk_began"))
    async with Callers(pbx, [Call(dialled="support", number=number)], rate=5) as callers:
        answered = await bridge.until("talk_began", count=known + 1)
        await callers.wait()
    await bridge.until("call_ended", count=known + 1)
    return str(answered["agent"])


async def test_a_queue_is_closed_for_a_time_over_a_restart_and_open_again_when_that_is_over(house: House, pbx: Pbx) -> None:
    bridge = await house.open(office())
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)), Phone(pbx, "1002", PhoneScript.answers(talk=0.5)):
        assert await answered_by(bridge, pbx, "+442079460110") == "ann"
        client, ends = bridge.client, time.time() + 12.0
        made = await asyncio.to_thread(client.close_for, "queue:support", ends, reason="staff meeting")
        later = await asyncio.to_thread(client.close_for, "calendar:office", ends + 9000.0, begins=ends + 3600.0)
        assert await answered_by(bridge, pbx, "+442079460111") == "ben"
        await bridge.kill()
        await bridge.start()
        kept = await asyncio.to_thread(client.closures)
        assert [(row["id"], row["closed"], row["reason"]) for row in kept] == [
            (made["id"], True, "staff meeting"),
            (later["id"], False, ""),
        ]
        assert await answered_by(bridge, pbx, "+442079460112") == "ben"
        over = await bridge.until("closure_ended", limit=20.0)
        assert (over["closure"], over["outcome"]) == (made["id"], "over")
        assert over["at"] >= ends
        assert await answered_by(bridge, pbx, "+442079460113") == "ann"
        assert (await asyncio.to_thread(client.reopen, later["id"]))["target"] == "calendar:office"
        assert await asyncio.to_thread(client.closures) == []
