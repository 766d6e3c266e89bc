"""Moving over from app_queue: what Asterisk tells of its members is read, and a queue of FreePBX's kind works as before."""

import asyncio
import base64
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import yaml

from callbridge.cli.conf_files import read_conf
from callbridge.cli.doctor import examine
from callbridge.cli.doctor.findings import Level
from callbridge.cli.importing.asterisk import Sources, convert
from callbridge.cli.importing.members import read_members
from callbridge.cli.importing.phones import Member
from callbridge.settings.loading import load
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.sip import Call, Phone, PhoneScript, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

QUEUES = """
[general]
persistentmembers = yes

[600]
strategy = rrordered
servicelevel = 60
timeout = 9000
member => Local/1001@from-queue/n,0,Agent One,hint:1001@ext-local
"""
DIALPLAN = """
[ext-queues]
exten => 600,1,Answer()
 same => n,Set(QMAXWAIT=${IF($[${LEN(${VQ_MAXWAIT})}>0]?${VQ_MAXWAIT}:2)})
 same => n,Queue(600,t,,,${QMAXWAIT})
 same => n,Set(QDEST=${VQ_DEST})
 same => n(gotodest),GotoIf($["${QDEST}"=""]?ext-local,vmu1001,1:${CUT(QDEST,^,1)},${CUT(QDEST,^,2)},${CUT(QDEST,^,3)})

[ext-local]
exten => 1001,hint,PJSIP/1001&Custom:DND1001,CustomPresence:1001
exten => vmu1001,1,Dial(PJSIP/1002,20)

[from-queue]
exten => _X.,1,Dial(PJSIP/${EXTEN})

[from-trunk](+)
exten => old-600,1,Goto(ext-queues,600,1)
exten => new-600,1,Goto(callbridge-inbound,600,1)
"""
THREE_QUEUES = """
[general]
persistentmembers=yes
[600]
servicelevel=60
timeout=15
member=Local/1001@from-queue/n,0,"Agent One",hint:1001@ext-local
member=Local/5551234567@from-queue/n,5,"Night Service"
[601]
context=ivr-601
member=Local/1002@from-queue/n,0,"Agent Two",hint:1002@ext-local
[602]
strategy=leastrecent
"""
CUT = """
[cut]
type = user
password = first;second

[meant]
type = user
password = first\\;second
"""


def module_lines(queue: str, record: str, wait: str, destination: str) -> str:
    """A queue as FreePBX's module writes it into ext-queues."""
    return f"""
exten => {queue},1,Answer
exten => {queue},n,Set(QAGI=${{IF($[${{LEN(${{VQ_AGI}})}}>0]?${{VQ_AGI}}:${{QAGI}})}})
exten => {queue},n,Gosub(sub-record-check,s,1(q,{queue},{record}))
exten => {queue},n,Set(QMAXWAIT=${{IF($[${{LEN(${{VQ_MAXWAIT}})}}>0]?${{VQ_MAXWAIT}}:{wait})}})
exten => {queue},n(qcall),Queue({queue},t,,${{QAANNOUNCE}},${{QMAXWAIT}},${{QAGI}},,${{QGOSUB}},${{QRULE}},${{QPOSITION}})
exten => {queue},n,Set(QDEST=${{VQ_DEST}})
exten => {queue},n(gotodest),GotoIf($["${{QDEST}}"=""]?{destination}:${{CUT(QDEST,^,1)}},${{CUT(QDEST,^,2)}},${{CUT(QDEST,^,3)}})
"""


THREE_IN_THE_DIALPLAN = f"""
[ext-queues]
{module_lines("600", "yes", "30", "ext-local,vmu1001,1")}
{module_lines("601", "dontcare", " ", "app-blackhole,hangup,1")}
{module_lines("602", "no", "2", "ext-queues,600,1")}

[sub-record-check]
exten => s,1,Return()

[ivr-601]
exten => 1,1,Goto(ext-queues,600,1)

[app-blackhole]
exten => hangup,1,Hangup()

[ext-local]
exten => 1001,hint,PJSIP/1001&Custom:DND1001,CustomPresence:1001
exten => 1002,hint,PJSIP/1002&PJSIP/1003&Custom:DND1002,CustomPresence:1002
exten => vmu1001,1,Answer()

[from-trunk](+)
exten => 5551000,1,Goto(callbridge-inbound,600,1)
exten => 5551001,1,Goto(callbridge-inbound,601,1)
exten => 5551002,1,Goto(callbridge-inbound,602,1)
"""


@pytest.fixture(params=[22, 16])
async def moving(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    async with pbx_with(request.param, {"queues.conf": QUEUES, "extensions.conf": DIALPLAN, "ari.conf": CUT}) as pbx:
        yield pbx


@pytest.fixture(params=[22, 16])
async def three(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    async with pbx_with(request.param, {"queues.conf": THREE_QUEUES, "extensions.conf": THREE_IN_THE_DIALPLAN}) as pbx:
        yield pbx


def pbx_with(version: int, files: Mapping[str, str]) -> Pbx:
    pbx = Pbx(version, phones=[PhoneSpec(name=name) for name in ("1001", "1002", "1003")])
    manager = pbx.folder / "etc" / "manager.conf"
    manager.write_text(manager.read_text().replace("write=reporting", "write=system,reporting"))  # to record
    for name, text in files.items():
        path = pbx.folder / "etc" / name
        path.write_text((path.read_text() if path.exists() and name != "queues.conf" else "") + text)
    return pbx


async def test_what_the_pbx_tells_of_its_members_is_read(moving: Pbx) -> None:
    await moving.cli('queue add member PJSIP/1002 to 600 penalty 2 as "Bob (night)" state_interface PJSIP/1002')
    await moving.cli("queue pause member PJSIP/1002 queue 600 reason lunch")
    await moving.cli("queue add member PJSIP/1001 to 600")
    fixed = Member("Local/1001@from-queue/n", 0, "Agent One", "hint:1001@ext-local")
    shown = read_members(await moving.cli("queue show 600"))
    assert [*shown.members] == ["600"]
    assert sorted(shown.members["600"], key=lambda member: member.interface) == [
        fixed,
        Member("PJSIP/1001", fixed=False),
        Member("PJSIP/1002", 2, "Bob (night)", fixed=False),
    ]
    assert (shown.strategies["600"], shown.targets["600"]) == ("rrordered", "60")
    stored = read_members(await moving.cli("database show Queue/PersistentMembers"))
    found = {member.interface: (member.penalty, member.name, member.fixed) for member in stored.members["600"]}
    assert found["PJSIP/1002"] == (2, "Bob (night)", False)
    assert found["PJSIP/1001"][0] == 0


async def test_a_caller_whom_nobody_serves_goes_where_the_old_queue_sent_him(moving: Pbx) -> None:
    etc = moving.folder / "etc"
    result = convert(Sources(queues=read_conf(etc / "queues.conf"), extensions=read_conf(etc / "extensions.conf")))
    config: dict[str, Any] = yaml.safe_load(result.text)
    del config["pbx"]
    assert config["agents"]["1001"]["phone"] == "PJSIP/1001"
    async with House(moving) as house, Phone(moving, "1002", PhoneScript.answers(ring=0.1, talk=0.6)) as voicemail:
        await call(moving, Call(dialled="old-600", number="49301"))
        assert [record.caller_number for record in voicemail.records()] == ["49301"]
        bridge = await house.open(config | {"fallback": {"mirror": False, "pull_back": False}})
        await call(moving, Call(dialled="new-600", number="49302"))
        assert [record.caller_number for record in voicemail.records()] == ["49301", "49302"]
        (ended,) = bridge.facts("visit_ended")
        assert (ended["outcome"], ended["reason"]) == ("overflowed", "waited_too_long")
        assert 1.9 < ended["waited"] < 3.0 + house.slack
        await house.at_the_end()


async def test_three_queues_come_over_as_they_are_printed(three: Pbx) -> None:
    """What the page about moving promises: import, no fault for check and doctor, and each queue serves its callers."""
    etc = three.folder / "etc"
    result = convert(Sources(queues=read_conf(etc / "queues.conf"), extensions=read_conf(etc / "extensions.conf")))
    config: dict[str, Any] = yaml.safe_load(result.text)
    del config["pbx"]
    script = PhoneScript.answers(ring=0.2, talk=1.5)  # longer than short_talk
    async with House(three) as house, Phone(three, "1001", script) as one, Phone(three, "1003", script) as two:
        # 1002's second device answers; nobody is at the first one.
        bridge = await house.open(config | {"fallback": {"mirror": False, "pull_back": False}})
        found = [finding async for finding in examine(load(bridge.path))]
        assert [finding.said for finding in found if finding.level is Level.FAULT] == []
        for number in ("5551000", "5551001", "5551002"):
            await call(three, Call(dialled=number, number="4930123456"))
        assert (len(one.records()), len(two.records())) == (2, 1)
        assert [(fact["queue"], fact["outcome"]) for fact in bridge.facts("visit_ended")] == [
            ("600", "answered"),
            ("601", "answered"),
            ("602", "overflowed"),
            ("600", "answered"),
        ]
        assert {fact["queue"] for fact in bridge.facts("call_recorded")} == {"600"}
        await house.at_the_end()


async def test_a_semicolon_in_a_password_cuts_it(moving: Pbx) -> None:
    """Why `doctor --etc` looks for it."""

    def status(user: str, password: str) -> int:
        request = urllib.request.Request(f"{moving.ari_url}/asterisk/info")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
        try:
            return int(urllib.request.urlopen(request, timeout=10).status)
        except urllib.error.HTTPError as refused:
            return refused.code

    given = [("cut", "first;second"), ("cut", "first"), ("meant", "first;second"), ("meant", "first")]
    assert [await asyncio.to_thread(status, *each) for each in given] == [401, 200, 200, 401]
    sections = read_conf(moving.folder / "etc" / "ari.conf").sections
    cut = {section.name: section.all("password")[0].cut for section in sections if section.name in ("cut", "meant")}
    assert cut == {"cut": True, "meant": False}
