"""A receptionist's transfer: a phone that is no agent calls an entry and gives us a customer, whose call it is from then on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.waiting import until
from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, Fact, agent, floor
from tests.lab.capture import Capture
from tests.lab.pbx import PHONES_HOST, Pbx
from tests.lab.process import output
from tests.lab.sip import Call, Phone, PhoneScript, call
from tests.live.house import House
from tests.live.raw_caller import RawCall
from tests.live.test_flows import SAY_CHOOSE
from tests.live.test_privacy import answers, everything_in
from tests.live.test_withheld import ASSERTED, DIGITS, NAME, knows, said_to
from tests.telling import NUMBER, where

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_a_customer_who_is_given_to_us_is_the_caller",
    "test_a_customer_with_a_tier_is_served_before_those_who_came_earlier",
    "test_a_customer_who_is_sent_to_an_entry_is_a_caller_like_any_other",
    "test_a_withheld_number_is_shown_to_nobody",
    "test_a_conversation_is_adopted_after_a_start_without_a_saved_world",
    "test_the_number_is_found_after_a_start_without_a_saved_world",
}
PJSIP = """
[1002](+type=endpoint)
callerid="Reception" <1002>

[1003](+type=endpoint)
send_pai=yes
trust_id_outbound=yes
"""
DESK, ANN = "1002", "1003"
VOICE, REPLY, THIRD = sounds.TONES["caller"], sounds.TONES["agent"], sounds.TONES["third"]
PLAIN = ("Privacy: none",)
PATIENCE = 50.0
"""Seconds after which a customer leaves whom a test has forgotten."""


def config(folder: Path, receiver: Receiver, **more: Any) -> dict[str, Any]:
    hook, link = receiver.hook(), "https://crm.example/?number={number}&agent={agent}"
    menu = {
        "nodes": {"ask": {"menu": SAY_CHOOSE, "keys": {"1": "on"}, "otherwise": "on", "wait": "20s"}, "on": {"queue": "support"}}
    }
    return floor(
        {"ann": agent(ANN, {"support": 1})},
        {"support": {"steps": [{"skills": "support"}], "ring_for": 15, "wrap_up": 1}},
        log={"mask_numbers": False},
        region="DE",
        tiers={"numbers": {"gold": [NUMBER]}},
        webhooks=[{"name": hook.name, "url": hook.url, "secret": SECRET, "link": link, "unmasked": True}],
        flows={"menu": menu},
        database={"url": f"sqlite:///{folder}/ledger.db"},
        **more,
    ) | {"entries": {"support": {"queue": "support"}, "menu": {"flow": "menu"}}}


@asynccontextmanager
async def reception(pbx: Pbx, *, headers: tuple[str, ...] = PLAIN) -> AsyncIterator[Softphone]:
    """A desk that has a customer on the line, who stays to the end."""
    shown = (b"Anonymous", b"anonymous") if headers == ASSERTED else (NAME.encode(), DIGITS.encode())
    async with Softphone(pbx, DESK, tone=THIRD) as desk:
        customer = RawCall(pbx, f"dial-{DESK}", name=shown[0], user=shown[1], headers=headers)
        calling = asyncio.create_task(customer.make(patience=PATIENCE))
        await desk.until_state("CONFIRMED")
        yield desk
        customer.hang_up()
        await calling


async def given(desk: Softphone, bridge: Callbridge, to: str = "support") -> int:
    """The desk calls an entry beside the customer; the number of that call at the desk."""
    consult = await desk.call(to)
    await desk.until_state("CONFIRMED", consult)
    await bridge.eventually(lambda: [fact for fact in bridge.facts("call_arrived") if said(fact, "number") == DESK])
    return consult


def said(fact: Fact, name: str) -> Any:
    """A person's number or name in a line of the log; what is withheld stands there like any other text."""
    return fact.get(f"pii.{name}", fact.get(name, ""))


async def busy(bridge: Callbridge) -> None:
    await bridge.ask("ann", "not-ready", reason="pause")


@pytest.mark.parametrize("when", ["waiting", "ringing", "talking", "flow"])
async def test_a_customer_who_is_given_to_us_is_the_caller(house: House, pbx: Pbx, tmp_path: Path, when: str) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver))
        wire = Capture(pbx.folder / f"reception-{when}.pcap", PHONES_HOST)
        async with wire, reception(pbx) as desk, Softphone(pbx, ANN, tone=REPLY, answers=False) as ann:
            if when == "waiting":
                await busy(bridge)
            consult = await given(desk, bridge, "menu" if when == "flow" else "support")
            if when in ("ringing", "talking"):
                await ann.until_state("EARLY")
            if when == "talking":
                ann.answer()
                await bridge.until("talk_began")
            desk.transfer_to(consult)
            changed = await bridge.until("caller_changed")
            (row,) = await bridge.calls()
            if when == "waiting":
                await bridge.ask("ann", "ready")
            if when == "flow":
                shown = ""
            else:
                await ann.until_state("EARLY")
                await bridge.eventually(lambda: f"sip:{DIGITS}@" in said_to(pbx.address(ANN)[1], wire))
                shown = said_to(pbx.address(ANN)[1], wire)
                if when != "talking":
                    ann.answer()
                await bridge.until("talk_began")
            told = await asyncio.to_thread(bridge.client.explain, "calls", changed["call"])
        ended = await bridge.until("call_ended")
        await until(lambda: "end" in {event["type"] for event in receiver.got}, 10)
    talker = {"waiting": "", "flow": ""}.get(when, "ann")
    assert (said(changed, "number"), said(changed, "name"), changed["tier"]) == (DIGITS, NAME, "gold")
    assert (changed["phone"], changed.get("agent", ""), changed["talking"]) == (f"PJSIP/{DESK}", talker, when == "talking")
    assert (row["number"], row["tier"], row["id"]) == (DIGITS, "gold", ended["call"])
    assert f"transferred here by PJSIP/{DESK}: the caller is" in str(told)
    assert when == "flow" or f"sip:{DIGITS}@" in shown
    popped = [event for event in receiver.got if event["type"] == "caller"]
    assert [(event["number"], event["tier"], event["agent"]) for event in popped] == [(DIGITS, "gold", talker)]
    assert [event["number"] for event in receiver.got if event["type"] == "end"] == [DIGITS]
    assert len(bridge.facts("call_arrived")) == len(bridge.facts("call_ended")) == 1


async def test_a_customer_with_a_tier_is_served_before_those_who_came_earlier(house: House, pbx: Pbx, tmp_path: Path) -> None:
    async with Receiver() as receiver:
        settings = config(tmp_path, receiver)
        settings["queues"]["support"]["tiers"] = {"gold": {"head_start": "10m", "steps": [{"skills": "support"}]}}
        bridge = await house.open(settings)
        await busy(bridge)
        async with reception(pbx) as desk, Phone(pbx, ANN, PhoneScript.answers(ring=0.2, talk=0.5)):
            first = asyncio.create_task(call(pbx, Call(dialled="support", number="4930100")))
            await bridge.until("visit_began")
            consult = await given(desk, bridge)
            await bridge.until("visit_began", count=2)
            desk.transfer_to(consult)
            changed = await bridge.until("caller_changed")
            await bridge.ask("ann", "ready")
            await bridge.until("call_ended", count=2, limit=15)
            await first
    talks = [fact["call"] for fact in bridge.facts("talk_began")]
    assert talks[0] == changed["call"]
    assert [fact["tier"] for fact in bridge.facts("visit_ended", call=changed["call"])] == ["gold"]


async def test_a_customer_who_is_sent_to_an_entry_is_a_caller_like_any_other(house: House, pbx: Pbx, tmp_path: Path) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver))
        async with reception(pbx) as desk, Phone(pbx, ANN, PhoneScript.answers(ring=0.2, talk=0.5)) as phone:
            desk.transfer("support")
            arrived = await bridge.until("call_arrived")
            await bridge.until("call_ended")
            (record,) = phone.records()
    assert (said(arrived, "number"), said(arrived, "name"), arrived["tier"], record.caller_number) == (
        DIGITS,
        NAME,
        "gold",
        DIGITS,
    )


@pytest.mark.parametrize("headers", [ASSERTED, ("Privacy: user;id",)], ids=["asserted", "from"])
@pytest.mark.parametrize("when", ["waiting", "ringing", "talking"])
async def test_a_withheld_number_is_shown_to_nobody(
    house: House, pbx: Pbx, tmp_path: Path, when: str, headers: tuple[str, ...]
) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver))
        wire = Capture(pbx.folder / f"reception-withheld-{when}-{len(headers)}.pcap", PHONES_HOST)
        async with wire, reception(pbx, headers=headers) as desk, Softphone(pbx, ANN, tone=REPLY, answers=False) as ann:
            if when == "waiting":
                await busy(bridge)
            consult = await given(desk, bridge)
            if when in ("ringing", "talking"):
                await ann.until_state("EARLY")
            if when == "talking":
                ann.answer()
                await bridge.until("talk_began")
            desk.transfer_to(consult)
            changed = await bridge.until("caller_changed")
            if when == "waiting":
                await bridge.ask("ann", "ready")
            if when != "talking":
                await ann.until_state("EARLY")
                ann.answer()
            await bridge.until("talk_began")
            during = await answers(bridge)
            await bridge.eventually(lambda: "sip:withheld@" in said_to(pbx.address(ANN)[1], wire) or when != "talking")
        await bridge.until("call_ended")
        await until(lambda: "end" in {event["type"] for event in receiver.got}, 10)
    assert (said(changed, "number"), said(changed, "name"), changed["tier"]) == ("withheld", "withheld", "gold")
    world, public = await everything_in(house.redis.url)
    outputs = {
        "the phone": said_to(pbx.address(ANN)[1], wire),
        "the saved world": world,
        "Redis": "".join(public),
        "HTTP": "".join([*during, *(await answers(bridge))]),
        "webhooks": json.dumps(receiver.got),
        "the log": bridge.log.read_text(),
    }
    assert {name: where(text) or NAME for name, text in outputs.items() if knows(text)} == {}


async def test_the_number_is_kept_over_a_restart(house: House, pbx: Pbx, tmp_path: Path) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver))
        async with reception(pbx) as desk:
            await busy(bridge)
            consult = await given(desk, bridge)
            desk.transfer_to(consult)
            await bridge.until("caller_changed")
            await bridge.kill()
            await bridge.start()
            (row,) = await bridge.calls()
        await bridge.until("call_ended")
    assert (row["number"], row["tier"]) == (DIGITS, "gold")


@pytest.mark.parametrize("headers", [PLAIN, ASSERTED], ids=["shown", "withheld"])
async def test_a_conversation_is_adopted_after_a_start_without_a_saved_world(
    house: House, pbx: Pbx, tmp_path: Path, headers: tuple[str, ...]
) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver))
        async with reception(pbx, headers=headers) as desk, Softphone(pbx, ANN, tone=REPLY) as ann:
            consult = await given(desk, bridge)
            talk = await bridge.until("talk_began")
            desk.transfer_to(consult)
            await bridge.until("caller_changed")
            await bridge.kill()
            await output("redis-cli", "-u", house.redis.url, "flushall")
            await bridge.start()
            adopted = await bridge.until("call_adopted")
            changed = await bridge.until("caller_changed", count=2)
            assert await bridge.state("ann") == "talking"
            assert not [event for event in ann.events if event.get("state") == "DISCONNECTED"]
        await bridge.until("call_ended")
    assert (adopted["call"], adopted["agent"]) == (talk["call"], "ann")
    assert said(changed, "number") == ("withheld" if headers == ASSERTED else DIGITS)
    assert headers != ASSERTED or not knows(bridge.log.read_text())


@pytest.mark.parametrize("headers", [PLAIN, ASSERTED], ids=["shown", "withheld"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_the_number_is_found_after_a_start_without_a_saved_world(
    house: House, pbx: Pbx, tmp_path: Path, when: str, headers: tuple[str, ...]
) -> None:
    """The transfer happens before callbridge dies, or while nobody is there to hear of it."""
    async with Receiver() as receiver:
        settings = config(tmp_path, receiver)
        # An agent who is ready again after the start would be rung. Of a phone that is not there Asterisk goes on to repeat the
        # INVITE for half a minute, so that the phone of the next test gets a call that is over.
        settings["agents"]["ann"]["login"] = False
        bridge = await house.open(settings)
        async with reception(pbx, headers=headers) as desk:
            consult = await given(desk, bridge)
            if when == "before":
                desk.transfer_to(consult)
                await bridge.until("caller_changed")
            await bridge.kill()
            await output("redis-cli", "-u", house.redis.url, "flushall")
            if when == "meanwhile":
                desk.transfer_to(consult)
                await desk.until_state("DISCONNECTED", consult)
            again = await house.open(settings)
            await again.until("call_arrived", found_waiting=True)
            changed: Fact = await again.until("caller_changed")
            (row,) = await again.calls()
        await again.until("call_ended")
    withheld = headers == ASSERTED
    assert (said(changed, "number"), row["number"]) == (("withheld", "withheld") if withheld else (DIGITS, DIGITS))
    assert not withheld or not knows(again.log.read_text())
