"""Campaigns on the real PBX: every lead ends with what its phone did, counted on the wire; nobody is called twice for one."""

import asyncio
import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from callbridge.adapters.ledger import LedgerStore
from tests.lab import sounds
from tests.lab.audio import Softphone, longest_silence
from tests.lab.bridge import Callbridge, Fact
from tests.lab.pbx import Pbx
from tests.lab.sip import Phone, PhoneScript, Talk
from tests.live.campaign import BY_DIGIT, MESSAGE, REPLY, VOICE, all_called, command, house_of, leads_file, number, people, wire
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
LONG = True

ON_16 = {"test_every_lead_ends_with_what_its_phone_did", "test_a_person_who_hears_no_agent_hears_the_message_and_may_opt_out"}


async def test_every_lead_ends_with_what_its_phone_did(house: House, pbx: Pbx, tmp_path: Path) -> None:
    count = 200 if pbx.version == 22 else 60
    bridge = await house.open(house_of(tmp_path))
    said = await command(bridge, "load", "spring", leads_file(tmp_path, range(count)))
    assert f"{count} rows: {count} loaded, 0 rejected" in said
    async with people(pbx) as town:
        await command(bridge, "start", "spring")
        await all_called(bridge, count, 240)
        sent = wire(town)
    book = LedgerStore(f"sqlite:///{tmp_path}/ledger.db")
    for index in range(count):
        lead = book.lead("spring", number(index))
        assert lead is not None
        expected = BY_DIGIT[number(index)[-1]]
        assert lead["outcome"] in ((expected, "abandoned") if expected == "answered" else (expected,)), (number(index), lead)
    assert sent == Counter(number(index) for index in range(count)), "one INVITE for each attempt"
    outcomes = book.outcomes("spring", 0.0)
    assert sum(outcomes.values()) == count
    on_the_wire = {outcome: len(phone.records()) for outcome, phone in town.items()}
    assert {name: outcomes.get(name, 0) for name in on_the_wire if name != "answered"} == {
        name: found for name, found in on_the_wire.items() if name != "answered"
    }
    assert outcomes["answered"] + outcomes.get("abandoned", 0) == on_the_wire["answered"]
    assert not left_alone(bridge), "one line for each free agent leaves nobody alone"
    delays = sorted(float(fact["delay"]) for fact in bridge.facts("attempt_ended", outcome="answered"))
    assert delays[-1] <= 2.0
    audit = await command(bridge, "audit", "spring", "--csv", tmp_path / "proof.csv")
    assert f"{count} attempts written to" in audit
    with (tmp_path / "proof.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["outcome"] for row in rows) == Counter(outcomes)


def left_alone(bridge: Callbridge) -> list[Fact]:
    """The attempts whose customer waited for an agent for two seconds, in vain. Some of the town's people hang up half a second
    after they answered, which a crowded machine can be too slow for."""
    lasted = {fact["call"]: float(fact["lasted"]) for fact in bridge.facts("call_ended")}
    return [
        attempt
        for attempt in bridge.facts("attempt_ended", outcome="abandoned")
        if lasted[attempt["call"]] - float(attempt["rang"]) >= 2.0
    ]


async def test_a_person_who_hears_no_agent_hears_the_message_and_may_opt_out(house: House, pbx: Pbx, tmp_path: Path) -> None:
    """The phone that should answer by itself does not."""
    bridge = await house.open(
        house_of(tmp_path, ("1001",), dial="PJSIP/{number}@1005", opted_out="/lab/sounds/tones/third", attempts={"most": 6})
    )
    path = leads_file(tmp_path, range(1))
    await command(bridge, "load", "spring", path)
    async with Phone(pbx, "1001", PhoneScript.rings_out()), Softphone(pbx, "1005", tone=VOICE) as customer:
        await command(bridge, "start", "spring")
        ended = await bridge.until("attempt_ended", limit=20)
        assert ended["outcome"] == "abandoned"
        await customer.until_hears(MESSAGE, limit=10)
        assert longest_silence(customer.recording()) < 3.0, "two seconds for an agent, and then the message"
        customer.press("9")
        blocked = await bridge.until("opted_out", limit=10)
        assert (blocked["reason"], blocked["pii.number"]) == ("opted_out", number(0))
        await customer.until_hears(sounds.TONES["third"], limit=10)
        await customer.until_state("DISCONNECTED")
        await bridge.until("call_ended")
        await command(bridge, "stop", "spring")
    status = await asyncio.to_thread(bridge.client.campaign, "spring")
    assert (status["answers"], status["abandoned"]) == (1, 1)
    assert len(left_alone(bridge)) == 1
    said = await command(bridge, "load", "spring", path, code=1)
    assert "1 rows: 0 loaded, 1 rejected" in said
    assert "on the do-not-call list" in said


async def test_an_agent_at_a_nailed_up_phone_hears_a_beep_and_then_the_lead(house: House, pbx: Pbx, tmp_path: Path) -> None:
    bridge = await house.open(house_of(tmp_path, ("1001",), connect="nailed_up", dial="PJSIP/{number}@1005"))
    await command(bridge, "load", "spring", leads_file(tmp_path, range(1)))
    async with Softphone(pbx, "1001", tone=REPLY) as ann, Softphone(pbx, "1005", tone=VOICE) as customer:
        await bridge.until_state("1001", "ready", limit=15)
        await command(bridge, "start", "spring")
        await customer.until_hears(REPLY, limit=15)
        await ann.until_hears(VOICE)
        (ended,) = bridge.facts("attempt_ended")
        assert ended["outcome"] == "answered"
        assert float(ended["delay"]) < 2.0
        customer.hang_up()
        await bridge.until("talk_ended")
        await bridge.ask("1001", "logout")
        await ann.until_state("DISCONNECTED")


async def test_power_pays_for_whom_it_leaves_alone_and_goes_back_to_one_line(house: House, pbx: Pbx, tmp_path: Path) -> None:
    """Eight lines for two agents, and everybody answers: most hear the message, and nobody calls them again for three days."""
    bridge = await house.open(house_of(tmp_path, ("1001", "1002"), mode="power", factor=4, attempts={"most": 6}))
    count = 16
    answering = [index for index in range(100) if BY_DIGIT[number(index)[-1]] == "answered"][:count]
    await command(bridge, "load", "spring", leads_file(tmp_path, answering))
    async with people(pbx) as town:
        await command(bridge, "start", "spring")
        await all_called(bridge, count, 120)
        records = sorted(town["answered"].records(), key=lambda record: record.invite_at)
        await bridge.eventually(lambda: len(bridge.facts("call_ended")) == count, 20)
        await bridge.eventually(lambda: bridge.client.campaign("spring")["leads_ready"] == 0)  # asked for every 5 s
        status = await asyncio.to_thread(bridge.client.campaign, "spring")
        await command(bridge, "stop", "spring")
    ends = {
        fact["outcome"]: len(bridge.facts("attempt_ended", outcome=fact["outcome"])) for fact in bridge.facts("attempt_ended")
    }
    assert ends["abandoned"] >= 2
    assert (status["answers"], status["abandoned"]) == (count, ends["abandoned"])
    at_once = [sum(one.invite_at <= each.invite_at < (one.ended_at or 0.0) for one in records) for each in records]
    assert max(at_once[:8]) == 8, "four lines for each agent"
    paid = bridge.facts("attempt_ended", outcome="abandoned")[0]["at"]
    later = [busy for each, busy in zip(records, at_once, strict=True) if each.invite_at > paid + 3.0]
    assert all(busy <= 4 for busy in later), "one line for each agent, beside those who talk"
    assert (status["leads_ready"], status["why_not"]) == (0, "no lead may be dialled now")
    assert status["next_due_at"] - bridge.facts("attempt_ended", outcome="abandoned")[0]["at"] == pytest.approx(
        72 * 3600.0, abs=30
    )
    audit = json.loads(await command(bridge, "audit", "spring", "--json"))
    (day,) = audit["days"]
    assert (day["live"], day["abandoned"], audit["outcomes"]) == (count, ends["abandoned"], ends)


async def test_a_machine_is_spoken_to_after_its_greeting(house: House, pbx: Pbx, tmp_path: Path) -> None:
    bridge = await house.open(house_of(tmp_path, ("1001",), dial="PJSIP/{number}@1005", amd=True, leave_message=True))
    await command(bridge, "load", "spring", leads_file(tmp_path, range(1)))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.02)) as agent, Softphone(pbx, "1005", tone=VOICE) as machine:
        await command(bridge, "start", "spring")
        ended = await bridge.until("attempt_ended", limit=20)
        assert ended["outcome"] == "machine"
        await asyncio.sleep(2.0)
        assert not machine.hears(MESSAGE), "it still greets"
        machine.fall_silent()
        await machine.until_hears(MESSAGE, limit=10)
        await machine.until_state("DISCONNECTED", limit=15)
        await command(bridge, "stop", "spring")
        assert agent.records() == []


@pytest.mark.parametrize(
    ("greeting", "heard", "outcome"), [(0.6, "HUMAN", "answered"), (20.0, "MACHINE", "machine"), (0.0, "NOTSURE", "answered")]
)
async def test_the_pbx_hears_whether_it_is_a_machine(
    house: House, pbx: Pbx, tmp_path: Path, greeting: float, heard: str, outcome: str
) -> None:
    """Somebody says hello and waits; a machine talks on; somebody says nothing."""
    bridge = await house.open(house_of(tmp_path, ("1001",), dial="PJSIP/{number}@1005", amd=True))
    speech = tmp_path / "greeting.ulaw"
    sounds.write_ulaw(speech, sounds.tone(VOICE, greeting) + [0] * 8000 * 30)
    await command(bridge, "load", "spring", leads_file(tmp_path, range(1)))
    async with (
        Phone(pbx, "1001", PhoneScript.answers(ring=0.02)),
        Phone(pbx, "1005", PhoneScript(ring=0.3, audio=speech, steps=[Talk(6.0)], hangs_up=True)),
    ):
        await command(bridge, "start", "spring")
        ended = await bridge.until("attempt_ended", limit=20)
        assert ended["outcome"] == outcome
        await bridge.until("call_ended", limit=15)
    book = LedgerStore(f"sqlite:///{tmp_path}/ledger.db")
    async with asyncio.timeout(5):
        while not (rows := list(book.attempts("spring", 0.0, 1e12)))[0]["outcome"]:
            await asyncio.sleep(0.1)
    assert rows[0]["heard"].startswith(heard)
    if heard == "HUMAN":
        assert ended["late"] is False
        assert 0.5 < rows[0]["connected_at"] - rows[0]["spoken_at"] < 2.0
