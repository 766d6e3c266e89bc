"""One customer, whatever the trunk sends: tier, repeat calls, callbacks and the do-not-call list know every spelling."""

import asyncio
from pathlib import Path

import pytest

from callbridge.cli.client import ApiError
from callbridge.cli.number import found
from callbridge.settings.loading import load
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Phone, PhoneScript, Talk, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {"test_every_spelling_that_a_trunk_sends_is_one_customer"}
SPELLINGS = ("13800138000", "8613800138000", "013800138000", "+8613800138000", "008613800138000")
WHO = "+8613800138000"
TALKS = PhoneScript(ring=0.1, steps=[Talk(0.3)], hangs_up=True)


async def test_every_spelling_that_a_trunk_sends_is_one_customer(house: House, pbx: Pbx, tmp_path: Path) -> None:
    (tmp_path / "managers.csv").write_text("number;manager\n138 0013 8000;王小明\n", encoding="gb18030")
    config = floor(
        {"ann": agent("1001", {"support": 1})},
        {"support": {"steps": [{"skills": "support"}], "wrap_up": 0.1, "short_talk": 0.1, "callback": {}}},
        region="CN",
        tiers={"numbers": {"gold": ["138 0013 8000"]}},
        lookups={"managers": {"csv": str(tmp_path / "managers.csv")}},
        repeat_calls={"within": "1h"},
        callbacks={"numbers": ["X.", "+X."], "do_not_call": ["139 0013 9000"]},
        outside={"dial": "PJSIP/{number}@1005"},
    )
    bridge = await house.open(config)
    async with Phone(pbx, "1001", TALKS):
        for count, number in enumerate(SPELLINGS, 1):
            await call(pbx, Call(dialled="support", number=number))
            await bridge.until("call_ended", count=count)
    arrived = bridge.facts("call_arrived")
    assert [fact["tier"] for fact in arrived] == ["gold"] * len(SPELLINGS)
    assert len(bridge.facts("call_repeated")) == len(SPELLINGS) - 1

    await bridge.ask("ann", "not-ready", reason="lunch")
    made = await asyncio.to_thread(bridge.client.call_back, "support", SPELLINGS[0])
    for number in SPELLINGS[1:]:
        with pytest.raises(ApiError, match="this number already has a callback in this queue"):
            await asyncio.to_thread(bridge.client.call_back, "support", number)
    with pytest.raises(ApiError, match="the number is on the do-not-call list"):
        await asyncio.to_thread(bridge.client.call_back, "support", "8613900139000")

    known = await found(load(bridge.path), "+86 138 0013 8000")
    assert (known["e164"], known["tier"], known["last_agent"]["last_agent"]) == (WHO, "gold", "ann")
    assert known["lookups"] == {"managers": {"manager": "王小明"}}
    assert [(one["id"], one["number"]) for one in known["callbacks"]] == [(made["id"], SPELLINGS[0])]
    await asyncio.to_thread(bridge.client.change_callback, made["id"], "cancel")
