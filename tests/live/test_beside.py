"""Beside an existing PBX: the sample files as they are, the rights that they give and no more, and FreePBX's way of files.

What the lab cannot show: a FreePBX itself. Its extensions.conf stands here as a likeness, with the contexts and includes
that callbridge meets; which program writes those files, and its own agents, follow-me and voicemail, are not here.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

import pytest

from callbridge.adapters.ami.link import Ami, AmiSettings
from callbridge.adapters.pbx_link import OrderRefused
from tests.lab import build
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.config import PBX_HOST, TRUNK_HOST
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.sip import Call, Callers, Phone, PhoneScript, Talk, Transfer, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

SAMPLES = build.ROOT / "dialplan" / "samples"
PHONES = [PhoneSpec(name="1001"), PhoneSpec(name="1002")]
ANSWERS = PhoneScript.answers(ring=0.1, talk=0.6)
FLOOR = floor({"ann": agent("1001", {"support": 1}), "bob": agent("1002", {"sales": 1})}, {
    "support": {"steps": [{"skills": "support"}]},
    "sales": {"steps": [{"skills": "sales"}]},
})  # fmt: skip
LEGACY = "eventfilter = Event: DeviceStateChange"
ADVANCED = "eventfilter(action(include),name(DeviceStateChange)) ="


def sample(pbx: Pbx, name: str, *changes: tuple[str, str]) -> str:
    """A sample file with what nobody's machines share: ports, addresses, secrets. Each change must change something."""
    own = {
        "http.conf": [("bindport = 8088", f"bindport = {pbx.http_port}")],
        "ari.conf": [("change-me-ari", pbx.ari_password)],
        "manager.conf": [("port = 5038", f"port = {pbx.ami_port}"), ("change-me-ami", pbx.ami_secret)],
        "pjsip.conf": [("0.0.0.0:5060", f"{PBX_HOST}:{pbx.sip_port}"), ("match = 192.0.2.10", f"match = {TRUNK_HOST}")],
    }
    text = (SAMPLES / name).read_text()
    for old, new in (*own.get(name, ()), *changes):
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


@asynccontextmanager
async def pbx_with(
    version: int,
    files: Mapping[str, tuple[tuple[str, str], ...]],
    besides: Mapping[str, str] = MappingProxyType({}),
    more_of: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Pbx]:
    """A PBX whose configuration is that of the samples, wherever there is one; ``besides`` replaces other files."""
    pbx = Pbx(version, phones=PHONES, verbose=3)
    etc = pbx.folder / "etc"
    for path in sorted(SAMPLES.glob("*.conf")):
        (etc / path.name).write_text(sample(pbx, path.name, *files.get(path.name, ())))
    for name, text in besides.items():
        (etc / name).write_text(text)
    for name, text in more_of.items():
        (etc / name).write_text((etc / name).read_text() + text)
    # The lab's phones stand at fixed addresses and neither register nor answer OPTIONS.
    with (pbx.folder / "etc" / "pjsip.conf").open("a") as more:
        for phone in PHONES:
            host, port = pbx.address(phone.name)
            more.write(f"\n[{phone.name}](+type=aor)\nqualify_frequency=0\ncontact=sip:{phone.name}@{host}:{port}\n")
    async with pbx:
        yield pbx


@pytest.mark.parametrize(
    ("version", "filters"),
    [(22, ()), (22, ((LEGACY, f";{LEGACY}"), (f";{ADVANCED}", ADVANCED))), (16, ())],
    ids=["22", "22-filter-by-name", "16"],
)
async def test_the_samples_as_they_are_route_a_call_and_show_the_phones(
    version: int, filters: tuple[tuple[str, str], ...]
) -> None:
    async with pbx_with(version, {"manager.conf": filters}) as pbx, House(pbx) as house:
        assert pbx.boot_problems() == []
        bridge = await house.open(FLOOR)
        async with Phone(pbx, "1001", ANSWERS), Phone(pbx, "1002", PhoneScript.answers(talk=1.5)):
            made = await call(pbx, Call(dialled="support"))
            # A call that is none of ours is seen by AMI only.
            async with Callers(pbx, [Call(dialled="dial-1002")]) as private:
                await bridge.until_state("bob", "busy_elsewhere")
                await private.wait()
            await bridge.until_state("bob", "ready")
        assert (made.final_code, made.ended_by) == (200, "pbx")
        assert bridge.facts("visit_ended")[0]["outcome"] == "answered"
        assert "callbridge-fallback" in await pbx.cli("queue show callbridge-fallback")
        await house.at_the_end()


LESS: dict[str, tuple[str, tuple[str, str], str, str]] = {
    "ami-write": (
        "manager.conf",
        ("write = reporting,agent,call", "write = agent"),
        "ami login refused",
        r"DeviceStateList: Permission denied: manager\.conf must grant 'write = reporting'",
    ),
    "ami-secret": ("manager.conf", ("secret = ", "secret = not-"), "ami login refused", "Authentication failed"),
    "ami-address": ("manager.conf", ("permit = 127.0.0.1", "permit = 192.0.2.1"), "ami login refused", "Authentication failed"),
    "ari-write": ("ari.conf", ("read_only = no", "read_only = yes"), "ari link down", "403 Write access denied"),
    "ari-password": ("ari.conf", ("password = ", "password = not-"), "ari link down", "401"),
}  # fmt: skip


@pytest.mark.parametrize("missing", LESS)
async def test_one_right_less_is_one_clear_line_of_the_log(missing: str) -> None:
    file, change, event, why = LESS[missing]
    async with pbx_with(22, {file: (change,)}) as pbx:
        bridge = Callbridge(pbx, FLOOR, warm=True)
        try:
            with pytest.raises(TimeoutError):
                await bridge.start(limit=4)
            line = await bridge.until(event)
            assert re.search(why, line["why"]), line
            assert line["level"] in ("warning", "error")
        finally:
            await bridge.close()


async def test_the_sample_user_may_do_what_callbridge_does_and_no_more() -> None:
    async with pbx_with(22, {}) as pbx:
        settings = AmiSettings(name="pbx1", user=pbx.ami_user, secret=pbx.ami_secret, host=PBX_HOST, port=pbx.ami_port)
        async with _linked(Ami(settings, post=lambda _: None, now=lambda: 0.0)) as ami:
            member = {"Queue": "callbridge-fallback", "Interface": "PJSIP/1001"}
            for action in ("QueueAdd", "QueuePause", "QueueRemove"):
                await ami.send_action(action, member | {"Paused": "true"})
            assert len(await ami.send_action("QueueStatus", {"Queue": "callbridge-fallback"}, many=True)) >= 2
            for action, fields in DENIED.items():
                with pytest.raises(OrderRefused, match="Permission denied"):
                    await ami.send_action(action, fields)


FREEPBX = {
    # As the program writes it: three files, of which the last is the user's.
    "extensions.conf": """[general]
static=yes
writeprotect=no

#include extensions_additional.conf
#include extensions_custom.conf

[from-trunk]
include => from-pstn

[from-pstn]
include => ext-did
include => ext-did-catchall

[from-phones]
include => from-internal

[from-internal]
include => from-internal-xfer
include => bad-number

[from-internal-xfer]
include => from-internal-custom
include => from-internal-additional

[bad-number]
exten => s,1,Hangup(1)
""",
    "extensions_additional.conf": """[ext-did]
exten => 4930123456,1,Set(__FROM_DID=${EXTEN})
 same => n,Goto(customdests,dest-1,1)
exten => 4930123457,1,Goto(from-did-direct,1002,1)
exten => 4930123458,1,Goto(ext-queues,600,1)
exten => 4930123459,1,Goto(customdests,dest-2,1)
exten => 4930123460,1,Goto(customdests,dest-3,1)

[ext-did-catchall]
exten => _X.,1,Goto(bad-number,s,1)

[customdests]
exten => dest-1,1,NoOp(a destination of the user)
 same => n,Goto(callbridge-inbound,support,1)
exten => dest-2,1,Goto(callbridge-or-queue,support,1)
exten => dest-3,1,Goto(callbridge-inbound,a_b,1)

[from-did-direct]
include => ext-local

[from-internal-additional]
include => ext-local
include => ext-queues

[ext-local]
exten => 1001,1,Dial(PJSIP/1001,20)
exten => 1002,1,Dial(PJSIP/1002,20)

[ext-queues]
exten => 600,1,Answer()
 same => n,Queue(600)
 same => n,Hangup()
""",
}
QUEUE_600 = "\n[600]\nstrategy = ringall\nmember => PJSIP/1002\n"


@asynccontextmanager
async def freepbx() -> AsyncIterator[Pbx]:
    async with pbx_with(22, {}, FREEPBX, {"queues.conf": QUEUE_600}) as pbx:
        yield pbx


async def test_on_a_freepbx_likeness_a_call_goes_through_callbridge_and_its_own_ways_stay() -> None:
    async with freepbx() as pbx, House(pbx) as house:
        assert pbx.boot_problems() == []
        bridge = await house.open(FLOOR)
        async with Phone(pbx, "1001", ANSWERS) as ann, Phone(pbx, "1002", ANSWERS) as bob:
            made = await call(pbx, Call(dialled="4930123456", number="49301"))
            assert (made.final_code, [record.caller_number for record in ann.records()]) == (200, ["49301"])
            for number, dialled in (("49302", "4930123457"), ("49303", "4930123458")):
                await call(pbx, Call(dialled=dialled, number=number))
            assert [record.caller_number for record in bob.records()] == ["49302", "49303"]
        assert [fact["entry"] for fact in bridge.facts("call_arrived")] == ["support"]
        await house.at_the_end()


async def test_on_a_freepbx_likeness_an_agent_transfers_to_an_entry_and_the_call_stays_one() -> None:
    async with freepbx() as pbx, House(pbx) as house:
        bridge = await house.open(FLOOR)
        script = PhoneScript(ring=0.1, steps=[Talk(0.4), Transfer("callbridge-sales")], hangs_up=True)
        async with Phone(pbx, "1001", script), Phone(pbx, "1002", ANSWERS):
            made = await call(pbx, Call(dialled="4930123456"))
            ended = await bridge.until("call_ended")
        assert (made.ended_by, ended["segments"]) == ("pbx", 2)
        assert [fact["queue"] for fact in bridge.facts("visit_ended", outcome="answered")] == ["support", "sales"]
        await house.at_the_end()


async def test_on_a_freepbx_likeness_people_answer_while_callbridge_is_away() -> None:
    async with freepbx() as pbx:
        await pbx.cli("queue add member PJSIP/1001 to callbridge-fallback")
        async with Phone(pbx, "1001", ANSWERS) as own, Phone(pbx, "1002", ANSWERS) as programs:
            for number, dialled in (("49301", "4930123456"), ("49302", "4930123460"), ("49303", "4930123459")):
                assert (await call(pbx, Call(dialled=dialled, number=number))).ended_at
            assert [record.caller_number for record in own.records()] == ["49301", "49302"]
            assert [record.caller_number for record in programs.records()] == ["49303"]


DENIED: dict[str, dict[str, str]] = {
    "Originate": {"Channel": "Local/s@nowhere", "Application": "Wait", "Async": "true"},
    "Command": {"Command": "core show version"},
    "UpdateConfig": {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"},
    "GetConfig": {"Filename": "manager.conf"},
    "ModuleLoad": {"LoadType": "reload"},
    "DBPut": {"Family": "x", "Key": "y", "Val": "z"},
    "Filter": {"Operation": "Add", "Filter": "Event: Newchannel"},
    "UserEvent": {"UserEvent": "x"},
}


@asynccontextmanager
async def _linked(ami: Ami) -> AsyncIterator[Ami]:
    running = asyncio.create_task(ami.run())
    try:
        async with asyncio.timeout(5):
            while not ami.up:
                await asyncio.sleep(0.02)
        yield ami
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
