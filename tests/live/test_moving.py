"""Moving over from app_queue: what Asterisk tells of its members is read, and a queue of FreePBX's kind works as before."""

import asyncio
import base64
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from callbridge.cli.conf_files import read_conf
from callbridge.cli.importing.asterisk import Sources, convert
from callbridge.cli.importing.members import read_members
from callbridge.cli.importing.phones import Member
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
CUT = """
[cut]
type = user
password = first;second

[meant]
type = user
password = first\\;second
"""


@pytest.fixture(params=[22, 16])
async def moving(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    pbx = Pbx(request.param, phones=[PhoneSpec(name="1001"), PhoneSpec(name="1002")])
    for name, text in (("queues.conf", QUEUES), ("extensions.conf", DIALPLAN), ("ari.conf", CUT)):
        path = pbx.folder / "etc" / name
        path.write_text((path.read_text() if path.exists() and name != "queues.conf" else "") + text)
    async with pbx:
        yield pbx


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
