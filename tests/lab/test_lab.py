"""The lab proves itself: PBX, callers, phones, ears and Redis, on both versions and without callbridge.

Rule of this file: what a benchmark or a live test will trust is shown here to be true, and to turn
false when something is broken on purpose.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.build import find_mirror
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import (
    Call,
    Callers,
    CallerScript,
    Hold,
    Phone,
    PhoneScript,
    Press,
    Talk,
    Transfer,
    call,
    register,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.live]

NAMES = [str(number) for number in range(1001, 1010)]
PHONES = [
    *(PhoneSpec(name=name) for name in NAMES),
    PhoneSpec(name="2001", contact="register"),
    PhoneSpec(name="2002", contact="none"),
    *(PhoneSpec(name=str(number), line="bank") for number in range(3001, 3005)),
]
DIGITS = """
[from-trunk](+)
exten => digits,1,Answer()
 same => n,Read(PRESSED,,3,,,5)
 same => n,Verbose(1,pressed ${PRESSED})
 same => n,Hangup()
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    async with Pbx(request.param, phones=PHONES, extra={"extensions.conf": DIGITS}, verbose=3) as running:
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _nothing_is_left(pbx: Pbx) -> AsyncIterator[None]:
    """Every test leaves a silent PBX behind; else its callers would be counted in the next one."""
    yield
    try:
        await pbx.quiet()
    finally:
        await pbx.hang_up_all()


async def test_it_boots_without_a_complaint(pbx: Pbx) -> None:
    assert pbx.boot_problems() == []
    assert f"Asterisk {pbx.version}." in await pbx.cli("core show version")


async def test_a_console_that_is_slow_to_answer_during_the_boot_is_asked_again(pbx: Pbx, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def slow_at_first(command: str) -> str:
        asked.append(command)
        if len(asked) == 1:
            raise TimeoutError
        return "Asterisk has fully booted."

    monkeypatch.setattr(pbx, "cli", slow_at_first)
    await pbx._booted()
    assert len(asked) == 2


async def test_two_labs_of_one_version_live_side_by_side(pbx: Pbx) -> None:
    async with Pbx(pbx.version, phones=[PhoneSpec(name="1001")]) as other, Phone(other, "1001") as phone:
        there, here = await asyncio.gather(
            call(other, Call(dialled="dial-1001", hang_up_after=0.2)),
            call(pbx, Call(dialled="echo", hang_up_after=0.2)),
        )
        assert (there.final_code, here.final_code) == (200, 200)
        assert len(phone.records()) == 1
        assert other.boot_problems() == []


async def test_a_phone_may_hang_up_first(pbx: Pbx) -> None:
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.3, talk=0.5)) as phone:
        before = time.time()
        made = await call(pbx, Call(dialled="dial-1001", name="ann", number="49301"))
        seen = await phone.until(lambda record: record.ended_at)
    assert (made.name, made.final_code, made.ended_by) == ("ann", 200, "pbx")
    assert (seen.phone, seen.caller_number, seen.outcome, seen.ended_by) == ("1001", "49301", "answered", "phone")
    assert made.answered_at
    assert seen.ringing_at
    assert seen.answered_at
    assert seen.ended_at
    # SIPp notes what it sends when it has sent it: by then the other side may have it already.
    late = 0.05
    assert before <= made.started_at
    assert made.started_at - late <= seen.invite_at <= seen.ringing_at <= seen.answered_at <= made.answered_at + late
    assert seen.answered_at - seen.ringing_at == pytest.approx(0.3, abs=0.05)
    assert seen.ended_at - seen.answered_at == pytest.approx(0.5, abs=0.05)


async def test_a_phone_that_was_killed_and_started_again_has_the_records_of_both_runs(pbx: Pbx) -> None:
    async with Phone(pbx, "1008", PhoneScript.answers(ring=0.05, talk=0.2)) as phone:
        await call(pbx, Call(dialled="dial-1008", number="4410"))
        await phone.process.kill()
        await phone.start()
        await call(pbx, Call(dialled="dial-1008", number="4411"))
        assert [(one.caller_number, one.outcome) for one in phone.records()] == [("4410", "answered"), ("4411", "answered")]


async def test_a_caller_may_hang_up_first(pbx: Pbx) -> None:
    async with Phone(pbx, "1002") as phone:
        made = await call(pbx, Call(dialled="dial-1002", hang_up_after=0.4))
        seen = await phone.until(lambda record: record.ended_at)
    assert made.answered_at
    assert made.ended_at
    assert (made.ended_by, seen.ended_by) == ("caller", "pbx")
    assert made.ended_at - made.answered_at == pytest.approx(0.4, abs=0.2)


async def test_a_caller_who_gives_up_stops_the_ringing(pbx: Pbx) -> None:
    async with Phone(pbx, "1003", PhoneScript.rings_out()) as phone:
        made = await call(pbx, Call(dialled="dial-1003"), CallerScript(cancel_after=0.5))
        seen = await phone.until(lambda record: record.code)
    assert (made.final_code, made.ended_by, made.answered_at) == (487, "caller", None)
    assert (seen.outcome, seen.code, seen.ended_by) == ("cancelled", 487, "pbx")


async def test_an_answer_that_crosses_the_cancel_leaves_nobody_behind(pbx: Pbx) -> None:
    async with Phone(pbx, "1003", PhoneScript.answers(ring=0.4)) as phone:
        for moment in (0.394, 0.398, 0.402, 0.406):
            made = await call(pbx, Call(dialled="dial-1003", hang_up_after=0.1), CallerScript(cancel_after=moment))
            assert made.ended_by == "caller"
            await pbx.quiet()
        assert all(record.ended_at for record in phone.records())


@pytest.mark.parametrize("code", [404, 480, 486, 603])
async def test_a_phone_may_refuse_in_many_ways(pbx: Pbx, code: int) -> None:
    async with Phone(pbx, "1004", PhoneScript.rejects(code)) as phone:
        made = await call(pbx, Call(dialled="dial-1004"))
        seen = await phone.until(lambda record: record.ended_at)
    assert (seen.outcome, seen.code) == ("rejected", code)
    assert made.answered_at is None
    assert made.final_code is not None
    assert made.final_code >= 400


async def test_a_phone_comes_and_goes_by_registration(pbx: Pbx) -> None:
    async with Phone(pbx, "2001"):
        assert (await call(pbx, Call(dialled="dial-2001"))).answered_at is None
        await register(pbx, "2001")
        assert (await call(pbx, Call(dialled="dial-2001", hang_up_after=0.1))).answered_at
        await register(pbx, "2001", expires=0)
        assert (await call(pbx, Call(dialled="dial-2001"))).answered_at is None
    assert (await call(pbx, Call(dialled="dial-2002"))).answered_at is None


async def test_one_process_serves_many_phones_and_many_callers_told_apart(pbx: Pbx) -> None:
    calls = [
        Call(dialled=f"dial-{3001 + n % 4}", name=f"c{n}", number=str(5000 + n), hang_up_after=0.2 + n / 100) for n in range(40)
    ]
    async with Phone(pbx, "bank", PhoneScript.answers(ring=0.05)) as bank, Callers(pbx, calls, rate=80) as callers:
        made = await callers.wait()
        seen = {record.caller_number: record for record in bank.records()}
    assert [record.name for record in made] == [each.name for each in calls]
    assert made[-1].started_at - made[0].started_at == pytest.approx(39 / 80, abs=0.2)
    for each, record in zip(calls, made, strict=True):
        assert record.ended_by == "caller"
        assert record.answered_at
        assert record.ended_at
        assert record.ended_at - record.answered_at == pytest.approx(each.hang_up_after or 0, abs=0.15)
        assert f"dial-{seen[each.number].phone}" == each.dialled


async def test_a_hostile_name_reaches_the_phone_and_breaks_nothing(pbx: Pbx) -> None:
    name = 'Robert"); DROP <sip:x@y> [len] & ${EXTEN} Zoë'
    async with Phone(pbx, "1001") as phone:
        made = await call(pbx, Call(dialled="dial-1001", hang_up_after=0.1), CallerScript(display=name))
        seen = await phone.until(lambda record: record.headers)
    assert made.final_code == 200
    assert "[len] & ${EXTEN} Zoë" in seen.caller_name


@pytest.mark.parametrize("info", [False, True], ids=["rfc4733", "info"])
async def test_pressed_keys_arrive(pbx: Pbx, info: bool) -> None:
    pressed = "4*2" if info else "772"
    made = await call(pbx, Call(dialled="digits"), CallerScript(steps=[Talk(0.3), Press(pressed, info=info)]))
    assert made.ended_by == "pbx"
    assert f"pressed {pressed}" in pbx.log_path.read_text()


async def test_keys_that_are_pressed_before_the_answer_wait_for_the_audio(pbx: Pbx) -> None:
    async with Softphone(pbx, "4930100", trunk=True) as caller:
        await caller.call("digits")
        caller.press("481")
        await caller.until_state("DISCONNECTED")
    assert "pressed 481" in pbx.log_path.read_text()


async def test_a_phone_may_hold_and_come_back(pbx: Pbx) -> None:
    script = PhoneScript(steps=[Talk(0.2), Hold(0.4), Talk(0.2)], hangs_up=True)
    async with Phone(pbx, "1005", script) as phone:
        made = await call(pbx, Call(dialled="dial-1005"))
        seen = await phone.until(lambda record: record.ended_at)
    assert (made.ended_by, seen.ended_by) == ("pbx", "phone")
    assert seen.answered_at
    assert seen.ended_at
    assert 0.8 <= seen.ended_at - seen.answered_at < 1.2


async def test_a_phone_may_transfer_the_caller_away(pbx: Pbx) -> None:
    script = PhoneScript(steps=[Talk(0.2), Transfer("1007")], hangs_up=True)
    async with Phone(pbx, "1006", script) as first, Phone(pbx, "1007") as second:
        made = await call(pbx, Call(dialled="dial-1006", hang_up_after=1.5))
        assert (await second.until(lambda record: record.ended_at)).outcome == "answered"
        assert (await first.until(lambda record: record.ended_at)).ended_by == "phone"
    assert made.ended_by == "caller"


async def test_a_foreign_conference_and_music_answer(pbx: Pbx) -> None:
    calls = [Call(dialled=number, hang_up_after=0.3) for number in ("conf-foreign", "music")]
    async with Callers(pbx, calls) as callers:
        assert [record.final_code for record in await callers.wait()] == [200, 200]


async def test_without_its_owner_an_entry_goes_on_to_the_fallback(pbx: Pbx) -> None:
    async with Softphone(pbx, "4930100", trunk=True) as caller:
        waiting = await caller.call("sales-vip")
        await caller.until("media", call=waiting)
        await asyncio.sleep(1.2)
        assert "4930100" in await pbx.cli("core show channels concise")
        assert "callbridge-fallback" in await pbx.cli("core show channels concise")
        assert caller.hears(sounds.TONES["music"])


async def test_caller_and_agent_hear_each_other(pbx: Pbx) -> None:
    voice, reply = sounds.TONES["caller"], sounds.TONES["agent"]
    async with Softphone(pbx, "1008", tone=reply) as agent, Softphone(pbx, "1", trunk=True, tone=voice) as caller:
        await caller.call("dial-1008")
        await asyncio.gather(caller.until("media"), agent.until("media"))
        await agent.until_hears(voice)
        await caller.until_hears(reply)
        assert (agent.hears(reply), caller.hears(voice)) == (False, False)
        agent.hold()
        await caller.until_hears(sounds.TONES["music"])
        await caller.until_hears_no_more(reply)
        agent.unhold()
        await caller.until_hears(reply)
        agent.hang_up()
        await caller.until_state("DISCONNECTED")


async def test_a_muted_phone_is_noticed(pbx: Pbx) -> None:
    async with Softphone(pbx, "1008") as agent, Softphone(pbx, "1", trunk=True, tone=sounds.TONES["caller"]) as caller:
        await caller.call("dial-1008")
        await asyncio.gather(caller.until("media"), agent.until("media"))
        await asyncio.sleep(1.2)
        assert not any(caller.hears(frequency) for frequency in sounds.TONES.values())


async def test_an_attended_transfer_joins_the_others(pbx: Pbx) -> None:
    voice, third = sounds.TONES["caller"], sounds.TONES["third"]
    async with (
        Softphone(pbx, "1008", tone=sounds.TONES["agent"]) as agent,
        Softphone(pbx, "1009", tone=third) as expert,
        Softphone(pbx, "1", trunk=True, tone=voice) as caller,
    ):
        await caller.call("dial-1008")
        await agent.until("media")
        consult = await agent.call("1009")
        await agent.until_state("CONFIRMED", consult)
        agent.transfer_to(consult)
        await agent.until_state("DISCONNECTED", 1)
        await asyncio.gather(expert.until_hears(voice), caller.until_hears(third))


async def test_a_tone_of_the_simple_callers_is_heard_too(pbx: Pbx) -> None:
    """SIPp's own stream: cheap enough for a load test."""
    voice = CallerScript(audio="caller")
    async with Softphone(pbx, "1008") as agent:
        await call(pbx, Call(dialled="dial-1008", hang_up_after=1.5), voice)
        assert agent.hears(sounds.TONES["caller"])


async def test_the_pbx_survives_its_own_death(pbx: Pbx) -> None:
    async with Pbx(pbx.version) as mortal:
        pid, port = mortal.pid, mortal.sip_port
        await mortal.kill()
        await mortal.start()
        assert mortal.pid != pid
        assert mortal.sip_port == port
        assert (await call(mortal, Call(dialled="echo", hang_up_after=0.1))).final_code == 200
        mortal.freeze()
        async with Callers(mortal, [Call(dialled="echo")], script=CallerScript(cancel_after=0.3)) as callers:
            await asyncio.sleep(0.6)
            assert callers.records()[0].final_code is None
            mortal.thaw()
            assert [record.ended_by for record in await callers.wait()] == ["caller"]
        await mortal.quiet()


async def test_redis_forgets_or_remembers_as_told() -> None:
    for appendonly in (False, True):
        async with RedisServer(appendonly=appendonly) as redis:
            assert await _redis(redis, "SET a 1") == "+OK"
            await redis.restart()
            assert await _redis(redis, "EXISTS a") == f":{int(appendonly)}"


async def _redis(server: RedisServer, command: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{command}\r\n".encode())
    answer = (await reader.readline()).decode().strip()
    writer.close()
    return answer


async def test_the_mirror_is_read_from_both_forms_of_sources(tmp_path: Path) -> None:
    etc = tmp_path
    (etc / "sources.list.d").mkdir()
    (etc / "sources.list").write_text("# deb https://no/debian x y\ndeb [arch=amd64] https://one/debian x main\n")
    assert find_mirror(etc) == "https://one/debian"
    (etc / "sources.list").unlink()
    stanzas = "Types: deb\nEnabled: no\nURIs: https://no/debian\n\nTypes: deb\nURIs: https://two/debian/\n"
    (etc / "sources.list.d" / "debian.sources").write_text(stanzas)
    assert find_mirror(etc) == "https://two/debian/"
