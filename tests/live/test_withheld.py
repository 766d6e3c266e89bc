"""A caller who withholds the number: it chooses the tier and is shown to nobody: on the wire, in outputs, in the saved world."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.waiting import until
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.capture import Capture
from tests.lab.pbx import PHONES_HOST, TRUNK_HOST, Pbx
from tests.lab.sip import Phone, PhoneScript
from tests.live.house import House
from tests.live.raw_caller import RawCall
from tests.live.test_privacy import answers, everything_in, post
from tests.telling import NUMBER, tells, where

ON_16 = {"test_a_withheld_number_routes_and_is_shown_to_nobody"}
pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

PJSIP = """
[1002](+type=endpoint)
send_pai=yes
send_rpid=yes

[1003](+type=endpoint)
send_pai=yes
send_rpid=yes
trust_id_outbound=yes
"""
NAME = "Erika Mustermann"
DIGITS = NUMBER.lstrip("+")
ASSERTED = (f'P-Asserted-Identity: "{NAME}" <sip:{DIGITS}@{TRUNK_HOST}>', "Privacy: id")
"""What a carrier sends that we trust. Without the first header the PBX believes From, and does not read the second."""
CASES = pytest.mark.parametrize(
    ("phone", "said", "user", "headers"),
    [("1003", b"Anonymous", b"anonymous", ASSERTED), ("1002", NAME.encode(), DIGITS.encode(), ("Privacy: user;id",))],
    ids=["asserted", "from"],
)


def config(folder: Path, receiver: Receiver, phone: str = "1001", **more: Any) -> dict[str, Any]:
    hook, link = receiver.hook(), "https://crm.example/?number={number}&name={name}"
    return floor(
        {"ann": agent(phone, {"support": 1}), "bob": agent("1004", {"sales": 1})},
        {"support": {"steps": [{"skills": "support"}]}, "sales": {"steps": [{"skills": "sales"}]}},
        log={"mask_numbers": False},
        region="DE",
        tiers={"numbers": {"gold": [NUMBER]}},
        database={"url": f"sqlite:///{folder}/ledger.db"},
        repeat_calls={"within": "1h"},
        webhooks=[{"name": hook.name, "url": hook.url, "secret": SECRET, "link": link, "unmasked": True}],
        **more,
    )


def knows(text: str) -> bool:
    return tells(text) or "Mustermann" in text


@CASES
async def test_a_withheld_number_routes_and_is_shown_to_nobody(
    house: House, pbx: Pbx, tmp_path: Path, phone: str, said: bytes, user: bytes, headers: tuple[str, ...]
) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver, phone))
        wire = Capture(pbx.folder / f"withheld-{user.decode()}.pcap", PHONES_HOST)
        async with wire, Phone(pbx, phone, PhoneScript.answers(ring=0.3, talk=2.0)) as desk:
            calling = asyncio.create_task(RawCall(pbx, "support", name=said, user=user, headers=headers).make())
            await bridge.until("talk_began")
            assert await kept_by_the_pbx(pbx, bridge) == DIGITS
            during = await answers(bridge)
            assert await calling == 200
            await bridge.until("call_ended")
            (record,) = desk.records()
            await bridge.eventually(lambda: b"BYE sip:" in wire.path.read_bytes())
        await until(lambda: "end" in {event["type"] for event in receiver.got}, 10)
    (arrived,) = bridge.facts("call_arrived")
    assert (arrived["tier"], record.caller_name) == ("gold", "gold support withheld")
    world, public = await everything_in(house.redis.url)
    heard = said_to(desk.port, wire)
    assert f"INVITE sip:{phone}@" in heard
    outputs = {
        "the phone": heard,
        "the saved world": world,
        "Redis": "".join(public),
        "HTTP": "".join([*during, *(await answers(bridge))]),
        "webhooks": json.dumps(receiver.got),
        "the log": bridge.log.read_text(),
    }
    assert {name: where(text) or NAME for name, text in outputs.items() if knows(text)} == {}
    assert {(event["number"], event["name"]) for event in receiver.got} == {("withheld", "withheld")}


async def test_somebody_outside_sees_an_anonymous_caller(house: House, pbx: Pbx, tmp_path: Path) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver, outside={"dial": "PJSIP/{number}@1005"}))
        wire = Capture(pbx.folder / "outside.pcap", PHONES_HOST)
        async with wire, Phone(pbx, "1001", PhoneScript.answers(talk=20.0)), Phone(pbx, "1005", PhoneScript.answers()) as far:
            calling = asyncio.create_task(RawCall(pbx, "support", name=b"Anonymous", user=b"anonymous", headers=ASSERTED).make())
            began = await bridge.until("talk_began")
            await post(bridge, f"/api/calls/{began['call']}/transfer", {"to": "number:+4930555"})
            await calling
            await bridge.until("call_ended")
            await bridge.eventually(lambda: "BYE sip:" in said_to(far.port, wire))
    heard = said_to(far.port, wire)
    assert "sip:anonymous@anonymous.invalid" in heard
    assert not knows(heard)
    assert "sip:withheld@" not in heard


async def test_a_withheld_number_is_shown_where_the_configuration_says_so(house: House, pbx: Pbx, tmp_path: Path) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver, withheld_numbers={"show": True}))
        async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)) as phone:
            await RawCall(pbx, "support", name=b"Anonymous", user=b"anonymous", headers=ASSERTED).make()
            await bridge.until("call_ended")
            (record,) = phone.records()
    assert (record.caller_number, record.caller_name) == (DIGITS, "gold support")


async def test_who_withholds_no_number_is_shown(house: House, pbx: Pbx, tmp_path: Path) -> None:
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver))
        async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)) as phone:
            await RawCall(pbx, "support", name=NAME.encode(), user=DIGITS.encode(), headers=("Privacy: none",)).make()
            await bridge.until("call_ended")
            (record,) = phone.records()
    assert record.caller_number == DIGITS


async def kept_by_the_pbx(pbx: Pbx, bridge: Callbridge) -> str:
    """The number in the caller's channel, for records of the PBX's own: only somebody with access to the PBX can read it."""
    (arrived,) = bridge.facts("call_arrived")
    headers = {"Authorization": aiohttp.encode_basic_auth(pbx.ari_user, pbx.ari_password)}
    path = f"{pbx.ari_url}/channels/{arrived['uniqueid']}/variable?variable=CALLERID(ANI-num)"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(path) as answer:
        value: str = (await answer.json())["value"]
        return value


def said_to(port: int, wire: Capture) -> str:
    """All SIP between the PBX and the phone at this port; other labs share the address."""
    return "".join(text.decode(errors="replace") for text in wire.of_port(port))
