"""Nothing that a PBX tells an agent's phone by itself holds a withheld number, however busy the PBX is.

Asterisk tells a phone whom it is connected with as soon as the other party changes, and before callbridge knows of it: when a
receptionist transfers a customer in mid-talk, and when a trunk has something new to say about its caller.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tests.adapters.waiting import until
from tests.lab.bridge import agent, floor
from tests.lab.pbx import TRUNK_HOST, Pbx
from tests.lab.process import Process
from tests.live.house import House
from tests.live.raw_phone import RawPhone
from tests.live.test_withheld import ASSERTED, DIGITS, NAME, knows

ON_16 = {
    "test_ten_transfers_at_once_tell_no_phone_a_withheld_number",
    "test_a_trunk_that_says_more_about_its_caller_in_mid_talk_tells_no_phone",
    "test_the_queue_of_the_pbx_tells_no_phone_either",
}
pytestmark = [pytest.mark.live, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

DESK = "1002"
AGENTS = [str(number) for number in range(1004, 1014)]
PJSIP = "".join(f"[{name}](+type=endpoint)\nsend_pai=yes\nsend_rpid=yes\ntrust_id_outbound=yes\n" for name in AGENTS)
ROUNDS = 3
BUSY = 2
"""Processes that only burn time, beside the PBX and callbridge."""


def config() -> dict[str, Any]:
    agents = {f"agent{phone}": agent(phone, {"support": 1}) for phone in AGENTS}
    queue = {"steps": [{"skills": "support"}], "ring_for": 30, "wrap_up": 0}
    return floor(agents, {"support": queue}, log={"mask_numbers": False}, region="DE")


@asynccontextmanager
async def busy(pbx: Pbx) -> AsyncIterator[None]:
    burners = [await Process.start([sys.executable, "-c", "while True: pass"], pbx.folder / f"busy-{n}.log") for n in range(BUSY)]
    try:
        yield
    finally:
        for burner in burners:
            await burner.kill()


@asynccontextmanager
async def phones(pbx: Pbx) -> AsyncIterator[dict[str, RawPhone]]:
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(RawPhone(pbx, name, *pbx.address(name))) for name in (DESK, *AGENTS)}


@pytest.mark.parametrize("headers", [ASSERTED, ("Privacy: user;id",)], ids=["asserted", "from"])
async def test_ten_transfers_at_once_tell_no_phone_a_withheld_number(house: House, pbx: Pbx, headers: tuple[str, ...]) -> None:
    bridge = await house.open(config())
    user, name = ("anonymous", "Anonymous") if headers == ASSERTED else (DIGITS, NAME)
    async with phones(pbx) as phone, RawPhone(pbx, user, TRUNK_HOST, pbx.ports.take(TRUNK_HOST), name) as trunk, busy(pbx):
        desk = phone[DESK]
        for one in range(ROUNDS):
            done, shown_before = one * len(AGENTS), {each: told(phone[each]) for each in AGENTS}
            customers = await asyncio.gather(*(trunk.call(f"dial-{DESK}", headers) for _ in AGENTS))
            consults = await asyncio.gather(*(desk.call("support") for _ in AGENTS))
            await bridge.until("talk_began", count=done + len(AGENTS), limit=30)
            pairs = zip(desk.incoming[done:], consults, strict=True)
            await asyncio.gather(*(desk.transfer(customer, consult) for customer, consult in pairs))
            await bridge.until("caller_changed", count=done + len(AGENTS), limit=30)
            await asyncio.gather(*(until(partial(is_told_again, phone[each], shown_before[each]), 20) for each in AGENTS))
            await asyncio.gather(*(trunk.hang_up(customer) for customer in customers))
            await bridge.until("call_ended", count=done + len(AGENTS), limit=30)
    leaks = {each: leaking for each in AGENTS if (leaking := [text for text in phone[each].heard if knows(text)])}
    assert {each: len(texts) for each, texts in leaks.items()} == {}, next(iter(leaks.values()))[0]


async def test_the_queue_of_the_pbx_tells_no_phone_either(house: House, pbx: Pbx) -> None:
    """The trunk says more about a caller who waits; then the PBX's own queue rings an agent's phone."""
    support = {"steps": [{"skills": "support", "for": 1}], "then": {"dialplan": "callbridge-fallback,support"}}
    queues: dict[str, dict[str, Any]] = {"support": support, "sales": {"steps": [{"skills": "sales"}]}}
    agents = {"ann": agent(AGENTS[0], {"sales": 1}), "bob": agent(AGENTS[1], {"support": 1}) | {"login": False}}
    bridge = await house.open(floor(agents, queues, region="DE", fallback={"mirror": True, "pull_back": False}))
    first = (f"P-Asserted-Identity: <sip:+4930999@{TRUNK_HOST}>", "Privacy: id")
    async with phones(pbx) as phone, RawPhone(pbx, "4930999", TRUNK_HOST, pbx.ports.take(TRUNK_HOST)) as trunk:
        customer = await trunk.call("support", first)
        await trunk.invite_again(customer, (f'P-Asserted-Identity: "{NAME}" <sip:{DIGITS}@{TRUNK_HOST}>', "Privacy: id"))
        await until(lambda: bool(phone[AGENTS[0]].incoming), 20)
        await trunk.hang_up(customer)
        await bridge.until("call_ended")
    heard = phone[AGENTS[0]].heard
    assert [text for text in heard if knows(text)] == []
    assert "sip:withheld@" in heard[0]


def is_told_again(phone: RawPhone, before: int) -> bool:
    return told(phone) > before


def told(phone: RawPhone) -> int:
    """How often this phone was told, in a conversation, that its caller withholds the number."""
    return sum(message.startswith(("UPDATE", "INVITE")) and "<sip:withheld@" in message for message in phone.heard)


@pytest.mark.parametrize("withheld", [True, False], ids=["withheld", "shown"])
async def test_a_trunk_that_says_more_about_its_caller_in_mid_talk_tells_no_phone(house: House, pbx: Pbx, withheld: bool) -> None:
    bridge = await house.open(config())
    more = f'P-Asserted-Identity: "{NAME}" <sip:{DIGITS}@{TRUNK_HOST}>'
    first = (f"P-Asserted-Identity: <sip:+4930999@{TRUNK_HOST}>", "Privacy: id") if withheld else ("Privacy: none",)
    async with phones(pbx) as phone, RawPhone(pbx, "4930999", TRUNK_HOST, pbx.ports.take(TRUNK_HOST)) as trunk:
        customer = await trunk.call("support", first)
        await bridge.until("talk_began")
        before = runs(pbx)
        await trunk.invite_again(customer, (more, "Privacy: id"))
        # Before there was something to look for in the log, the phone was told.
        await until(lambda: runs(pbx) > before or any(knows(text) for each in AGENTS for text in phone[each].heard), 10)
        await trunk.hang_up(customer)
        await bridge.until("call_ended")
    assert [text for each in AGENTS for text in phone[each].heard if knows(text)] == []


def runs(pbx: Pbx) -> int:
    """How often the PBX has asked the dialplan before it told a phone something by itself."""
    return pbx.log_path.read_text(errors="replace").count("[s@callbridge-connected-line:1]")
