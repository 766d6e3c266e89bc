"""Campaigns whose callbridge dies, on the real PBX: nobody is lost, nobody is called twice, nobody is left in silence."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from callbridge.adapters.ledger import LedgerStore
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.process import Process
from tests.lab.sip import Phone, PhoneScript
from tests.live.campaign import MESSAGE, VOICE, command, house_of, leads_file, number, people, wire
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
LONG = True

ON_16 = {"test_a_death_while_the_pbx_listens_leaves_people_with_the_dialplans_message"}


async def kill(house: House, bridge: Callbridge) -> None:
    house.explains_pbx("Stasis app 'callbridge' (doesn't exist|not active|not registered)")
    await bridge.kill()


async def the_attempt(folder: Path) -> dict[str, object]:
    """The only one, when it is closed."""
    book = LedgerStore(f"sqlite:///{folder}/ledger.db")
    async with asyncio.timeout(20):
        while True:
            (row,) = await asyncio.to_thread(lambda: list(book.attempts("spring", 0.0, 1e12)))
            if row["outcome"]:
                return dict(row)
            await asyncio.sleep(0.1)


async def test_kill_9_in_the_middle_loses_nobody_and_calls_nobody_twice(house: House, pbx: Pbx, tmp_path: Path) -> None:
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
        book = LedgerStore(f"sqlite:///{tmp_path}/ledger.db")
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
    assert missing <= lost, "anybody who was not called has an attempt of which nobody knows"


async def test_a_death_while_the_pbx_listens_leaves_people_with_the_dialplans_message(
    house: House, pbx: Pbx, tmp_path: Path
) -> None:
    bridge = await house.open(house_of(tmp_path, ("1001",), dial="PJSIP/{number}@1005", amd=True))
    await command(bridge, "load", "spring", leads_file(tmp_path, range(1)))
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.02)) as ann, Softphone(pbx, "1005", tone=VOICE) as customer:
        await command(bridge, "start", "spring")
        await customer.until_state("CONFIRMED", limit=15)
        async with asyncio.timeout(2):
            while "AMD" not in await pbx.cli("core show channels concise"):
                await asyncio.sleep(0.05)
        await kill(house, bridge)
        await customer.until_hears(MESSAGE, limit=10)
        await bridge.start()
        await customer.until_state("DISCONNECTED", limit=15)
        row = await the_attempt(tmp_path)
        assert (row["outcome"] in ("abandoned", "unknown"), row["abandoned"]) == (True, 1)
        assert ann.records() == []
        await command(bridge, "stop", "spring")


async def test_a_person_who_takes_over_plays_the_message_to_those_who_wait(house: House, pbx: Pbx, tmp_path: Path) -> None:
    bridge = await house.open(house_of(tmp_path, ("1001",), dial="PJSIP/{number}@1005", connect_within="6s"))
    await command(bridge, "load", "spring", leads_file(tmp_path, range(1)))
    async with Phone(pbx, "1001", PhoneScript.rings_out()), Softphone(pbx, "1005", tone=VOICE) as customer:
        await command(bridge, "start", "spring")
        await customer.until_state("CONFIRMED", limit=15)
        await bridge.until_state("1001", "ringing")
        await kill(house, bridge)
        await bridge.start()
        await customer.until_hears(MESSAGE, limit=15)
        await customer.until_state("DISCONNECTED", limit=15)
        row = await the_attempt(tmp_path)
        assert (row["outcome"], row["abandoned"]) == ("abandoned", 1)
        await command(bridge, "stop", "spring")


async def test_rescue_sends_those_who_wait_to_the_dialplans_message(house: House, pbx: Pbx, tmp_path: Path) -> None:
    bridge = await house.open(house_of(tmp_path, ("1001",), dial="PJSIP/{number}@1005", connect_within="6s"))
    await command(bridge, "load", "spring", leads_file(tmp_path, range(1)))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Phone(pbx, "1001", PhoneScript.rings_out()))
        customer = await stack.enter_async_context(Softphone(pbx, "1005", tone=VOICE))
        await command(bridge, "start", "spring")
        await customer.until_state("CONFIRMED", limit=15)
        await bridge.until_state("1001", "ringing")
        await kill(house, bridge)
        log = bridge.folder / "rescue"
        rescuing = await Process.callbridge("rescue", "-c", bridge.path, log=log)
        await customer.until_hears(MESSAGE, limit=40)
        assert await rescuing.wait(40) == 0
        said = [json.loads(line)["event"] for line in log.read_text().splitlines()]
        assert said.count("a campaign's customer was sent to the safe-harbour message") == 1
        await bridge.start()
        row = await the_attempt(tmp_path)
        assert (row["number"], row["outcome"] in ("abandoned", "unknown"), row["abandoned"]) == (number(0), True, 1)
        await command(bridge, "stop", "spring")
