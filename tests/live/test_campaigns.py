"""Campaigns on the real PBX: every lead ends with what its phone did, counted on the wire; nobody is called twice for one."""

import asyncio
import csv
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from callbridge.adapters.ledger import Book
from tests.lab import sounds
from tests.lab.audio import Softphone, longest_silence
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Phone, PhoneScript, Talk
from tests.live.campaign import command, leads_file, number
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

ON_16 = {"test_every_lead_ends_with_what_its_phone_did", "test_whoever_hears_no_agent_hears_the_message_and_may_opt_out"}

VOICE, REPLY, MESSAGE = (sounds.TONES[name] for name in ("caller", "agent", "apology"))
AGENTS = ("1001", "1002", "1003", "1004", "1010", "1011", "1012", "1013")
BEHAVIOUR = {
    "answered": ("1005", PhoneScript(ring=(0.2, 2.0), steps=[Talk(0.5, 1.5)], hangs_up=True)),
    "busy": ("1006", PhoneScript.rejects(486)),
    "no_answer": ("1007", PhoneScript.rings_out()),
    "rejected": ("1008", PhoneScript.rejects(603)),
    "invalid": ("1009", PhoneScript.rejects(404)),
}
BY_DIGIT = {
    digit: outcome
    for outcome, digits in {"answered": "01234", "busy": "56", "no_answer": "7", "rejected": "8", "invalid": "9"}.items()
    for digit in digits
}
"""The last digit of a number says what its phone does."""


def campaign(**more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "queue": "support",
        "mode": "progressive",
        "dial": "Local/{number}@lab-campaign/n",
        "number": "+442079460999",
        "ring_for": "15s",
        "lines": 40,
        "per_second": 20,
        "message": "/lab/sounds/tones/apology",
        "attempts": {"most": 1},
    }
    return given | more


def house_of(tmp_path: Path, agents: tuple[str, ...] = AGENTS, **more: Any) -> dict[str, Any]:
    staff = {name: agent(name, {"support": 1}) | {"connect": more.pop("connect", "auto_answer")} for name in agents}
    return floor(
        staff,
        {"support": {"steps": [{"skills": "support"}], "wrap_up": "0.3s"}},
        ledger={"database": f"sqlite:///{tmp_path}/ledger.db", "per_day": 20, "gap": "0s"},
        campaigns={"spring": campaign(**more)},
        tiers={"country_code": "+44"},
    )


@asynccontextmanager
async def people(pbx: Pbx, talk: tuple[float, float] = (0.5, 1.5)) -> AsyncIterator[dict[str, Phone]]:
    """The phones of agents and of the whole town, by what they do."""
    async with AsyncExitStack() as stack:
        for name in AGENTS:
            await stack.enter_async_context(Phone(pbx, name, PhoneScript.answers(ring=0.02)))
        town = {}
        for outcome, (where, script) in BEHAVIOUR.items():
            town[outcome] = await stack.enter_async_context(Phone(pbx, where, script))
        yield town


async def all_called(bridge: Callbridge, count: int, limit: float) -> None:
    try:
        async with asyncio.timeout(limit):
            while len(bridge.facts("attempt_ended")) < count:
                await asyncio.sleep(0.2)
    except TimeoutError:
        status = await asyncio.to_thread(bridge.client.campaign, "spring")
        raise AssertionError(f"{len(bridge.facts('attempt_ended'))} of {count}: {status}") from None
    await asyncio.sleep(1.5)


def wire(town: dict[str, Phone]) -> Counter[str]:
    """INVITEs by the number that they are for."""
    return Counter(record.phone for phone in town.values() for record in phone.records())


async def test_every_lead_ends_with_what_its_phone_did(house: House, pbx: Pbx, tmp_path: Path) -> None:
    count = 200 if pbx.version == 22 else 60
    bridge = await house.open(house_of(tmp_path))
    said = await command(bridge, "load", "spring", leads_file(tmp_path, range(count)))
    assert f"{count} rows: {count} entered, 0 not" in said
    async with people(pbx) as town:
        await command(bridge, "start", "spring")
        await all_called(bridge, count, 240)
        sent = wire(town)
    book = Book(f"sqlite:///{tmp_path}/ledger.db")
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
    assert outcomes.get("abandoned", 0) <= 0.03 * on_the_wire["answered"], "one line for each free agent leaves nobody alone"
    delays = sorted(float(fact["delay"]) for fact in bridge.facts("attempt_ended", outcome="answered"))
    assert delays[-1] <= 2.0
    audit = await command(bridge, "audit", "spring", "--csv", tmp_path / "proof.csv")
    assert f"{count} attempts are in" in audit
    with (tmp_path / "proof.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["outcome"] for row in rows) == Counter(outcomes)


async def test_kill_9_in_the_middle_loses_nobody_and_calls_nobody_twice(house: House, pbx: Pbx, tmp_path: Path) -> None:
    house.explains_pbx("[wW]eb ?[sS]ocket")
    house.explains("attempts of which")
    count = 120
    bridge = await house.open(house_of(tmp_path))
    await command(bridge, "load", "spring", leads_file(tmp_path, range(count)))
    async with people(pbx) as town:
        await command(bridge, "start", "spring")
        for kills in (20, 50, 80):
            await bridge.eventually(lambda done=kills: len(bridge.facts("attempt_ended")) >= done, limit=90)  # type: ignore[misc]
            await bridge.kill()
            await asyncio.sleep(0.5)
            await bridge.start()
        book = Book(f"sqlite:///{tmp_path}/ledger.db")
        async with asyncio.timeout(120):
            while sum(count for state, count in book.count("spring").items() if state in ("ready", "dialling")):
                left = await asyncio.to_thread(book.count, "spring")
                if set(left) <= {"ready", "done: reached"} | {name for name in left if name.startswith("done")}:
                    due = [book.lead("spring", number(index)) for index in range(count)]
                    if all(lead is not None and lead["attempts"] == 1 for lead in due):
                        break
                await asyncio.sleep(0.5)
        await asyncio.sleep(1.0)
        sent = wire(town)
    assert max(sent.values()) == 1, "one INVITE for an attempt, three deaths notwithstanding"
    outcomes = book.outcomes("spring", 0.0)
    assert "under way" not in outcomes
    assert sum(outcomes.values()) == count, "every lead was tried once, and every attempt is in the books"
    missing = {number(index) for index in range(count)} - set(sent)
    lost = {row["number"] for row in book.attempts("spring", 0.0, 1e12) if row["outcome"] == "unknown"}
    assert missing <= lost, "whoever was not called has an attempt of which nobody knows"


async def test_whoever_hears_no_agent_hears_the_message_and_may_opt_out(house: House, pbx: Pbx, tmp_path: Path) -> None:
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
        assert (blocked["reason"], blocked["number"]) == ("opted_out", number(0))
        await customer.until_hears(sounds.TONES["third"], limit=10)
        await customer.until_state("DISCONNECTED")
        await bridge.until("call_ended")
        await command(bridge, "stop", "spring")
    status = await asyncio.to_thread(bridge.client.campaign, "spring")
    assert (status["answers"], status["abandoned"]) == (1, 1)
    said = await command(bridge, "load", "spring", path)
    assert "1 rows: 0 entered, 1 not" in said
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
    book = Book(f"sqlite:///{tmp_path}/ledger.db")
    async with asyncio.timeout(5):
        while not (rows := list(book.attempts("spring", 0.0, 1e12)))[0]["outcome"]:
            await asyncio.sleep(0.1)
    assert rows[0]["heard"].startswith(heard)
    if heard == "HUMAN":
        assert ended["late"] is False
        assert 0.5 < rows[0]["connected_at"] - rows[0]["spoken_at"] < 2.0
