"""What an agent's phone shows in the course of a call: what callbridge says, and nothing of the PBX's own."""

import re
from contextlib import AsyncExitStack
from functools import partial

import pytest

from tests.adapters.waiting import until
from tests.lab.bridge import agent, floor
from tests.lab.pbx import TRUNK_HOST, Pbx
from tests.live.house import House
from tests.live.raw_phone import RawPhone
from tests.live.test_privacy import post

ON_16 = {"test_the_line_of_a_nailed_up_agent_shows_each_caller"}
pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ANN, BOB = "1003", "1004"
PJSIP = f"[{ANN}](+type=endpoint)\nsend_pai=yes\n\n[{BOB}](+type=endpoint)\nsend_pai=yes\n"
CALLERS = ("4930111", "4930222")
_ASSERTED = re.compile(r"^P-Asserted-Identity: (.*?)\r?$", re.MULTILINE)


def shown(phone: RawPhone) -> list[str]:
    """What this phone was told to show, in order, without what it showed already."""
    said = [one for message in phone.heard for one in _ASSERTED.findall(message)]
    return [one for before, one in zip(["", *said], said, strict=False) if one != before]


def _shows(phone: RawPhone, number: str) -> bool:
    return f"<sip:{number}@" in shown(phone)[-1]


async def test_the_line_of_a_nailed_up_agent_shows_each_caller(house: House, pbx: Pbx) -> None:
    settings = floor(
        {"ann": agent(ANN, {"support": 1}, "nailed_up")}, {"support": {"steps": [{"skills": "support"}], "wrap_up": 0}}
    )
    async with RawPhone(pbx, ANN, *pbx.address(ANN)) as ann:
        bridge = await house.open(settings)
        for count, number in enumerate(CALLERS, 1):
            async with RawPhone(pbx, number, TRUNK_HOST, pbx.ports.take(TRUNK_HOST), "Ada") as caller:
                call = await caller.call("support")
                await bridge.until("talk_began", count=count)
                await until(partial(_shows, ann, number), 5)
                await caller.hang_up(call)
            await bridge.until("call_ended", count=count)
        await bridge.ask("ann", "logout")
        await until(lambda: any(message.startswith("BYE") for message in ann.heard), 5)
    first, second = shown(ann)[-2:]
    assert ('"standard support Ada" <sip:4930111@' in first, '"standard support Ada" <sip:4930222@' in second) == (True, True)


async def test_in_a_transfer_both_phones_show_the_customer(house: House, pbx: Pbx) -> None:
    agents = {"ann": agent(ANN, {"support": 1}), "bob": agent(BOB, {"sales": 1})}
    queues = {name: {"steps": [{"skills": name}], "wrap_up": 0} for name in ("support", "sales")}
    bridge = await house.open(floor(agents, queues))
    async with AsyncExitStack() as stack:
        ann, bob = [await stack.enter_async_context(RawPhone(pbx, name, *pbx.address(name))) for name in (ANN, BOB)]
        caller = await stack.enter_async_context(RawPhone(pbx, CALLERS[0], TRUNK_HOST, pbx.ports.take(TRUNK_HOST), "Ada"))
        call = await caller.call("support")
        began = await bridge.until("talk_began")
        await post(bridge, f"/api/calls/{began['call']}/consult", {"to": "agent:bob"})
        await bridge.until("transfer_started")
        await bridge.eventually(lambda: bridge.facts("agent_changed", agent="bob", state="talking"))
        await post(bridge, f"/api/calls/{began['call']}/complete", {})
        await bridge.until("talk_began", count=2)
        await caller.hang_up(call)
        await bridge.until("call_ended")
    assert [f"<sip:{CALLERS[0]}@" in one for phone in (ann, bob) for one in shown(phone)] == [True, True]
