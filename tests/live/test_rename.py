"""A queue is renamed, or taken away, while callers wait in it and a callback is owed: said first, and nobody is thrown out."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

import pytest

from callbridge.cli.client import ApiError
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House, served
from tests.live.test_fallback import until_waiting

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
LONG = True
ON_16 = {"test_callers_and_a_callback_keep_their_places_when_their_queue_is_renamed"}

NUMBERS = [f"493010{index}" for index in range(4)]
CUSTOMER = "1005"
LOOK = 6.0
"""Seconds within which callbridge has looked at the fallback queue once more."""


def desk(*queues: str, entry: str = "support", **more: Any) -> dict[str, Any]:
    """These queues, served by the same agent; the first one, with more settings, by this entry."""
    own = {"steps": [{"skills": "support"}], "callback": {"ring_for": "10s"}}
    config = floor(
        {"ann": agent("1001", {"support": 1}, login=False)},
        dict.fromkeys(queues, own),
        callbacks={"numbers": ["XXXX"]},
        outside={"dial": "PJSIP/{number}"},
        fallback={"mirror": False, "pull_back": True},
    )
    config["entries"] = {entry: {"queue": queues[0]}}
    config["queues"][queues[0]] = own | more
    return config


async def four_wait(bridge: Callbridge) -> str:
    """Four callers, half a second apart, and a customer who is owed a callback: gives its id."""
    await bridge.until("visit_began", count=4)
    owed = await asyncio.to_thread(bridge.client.call_back, "support", CUSTOMER)
    return str(owed["id"])


def callers(pbx: Pbx) -> Callers:
    return Callers(pbx, [Call(dialled="support", number=number, hang_up_after=60) for number in NUMBERS], rate=2)


async def command(bridge: Callbridge, *words: str) -> tuple[int, str]:
    """`callbridge reload ...` as people type it: exit code and what it said."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "callbridge", "reload", *words, "--url", bridge.url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, said.decode()


async def waiting(bridge: Callbridge) -> list[tuple[str, str]]:
    rows = await bridge.calls()
    return [(str(row["number"]), str(row["queue"])) for row in rows if row["state"] == "waiting"]


async def callbacks(bridge: Callbridge) -> list[tuple[str, str]]:
    return [(str(row["id"]), str(row["queue"])) for row in await asyncio.to_thread(bridge.client.callbacks)]


async def are_served(bridge: Callbridge, pbx: Pbx, queue: str) -> None:
    """All four in the order in which they came, then the customer who is owed a callback."""
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)) as ann, Phone(pbx, CUSTOMER, PhoneScript.answers(talk=0.5)):
        await bridge.ask("ann", "login")
        assert (await bridge.until("callback_ended", limit=40))["outcome"] == "kept"
        await bridge.until("talk_ended", count=5)
        assert served(ann.records())[:4] == NUMBERS
        await bridge.ask("ann", "logout")
    row = await bridge.queue(queue)
    assert (row["offered"], row["answered"], row["failed"], row["overflowed"]) == (4, 4, 0, 0)


async def test_callers_and_a_callback_keep_their_places_when_their_queue_is_renamed(house: House, pbx: Pbx) -> None:
    house.explains("reload refused")
    bridge = await house.open(desk("support"))
    async with callers(pbx) as calls:
        owed = await four_wait(bridge)
        arrived = {fact["pii.number"]: fact["at"] for fact in bridge.facts("call_arrived")}

        bridge.write_config(desk("helpdesk"))
        bridge.process.signal(signal.SIGHUP)
        refused = await bridge.until("reload refused")
        assert refused["fault"].startswith("queue support is no longer configured but has 4 waiting callers and 1 callback")
        assert "callbridge reload --force" in refused["hint"]
        with pytest.raises(ApiError, match="4 waiting callers and 1 callback: set renamed_from: support"):
            await asyncio.to_thread(bridge.client.reload)
        code, said = await command(bridge, "--dry-run")
        assert (code, said.splitlines()[0]) == (1, "dry run: would be refused; 1 queue added, 1 queue gone, 1 entry changed")
        assert await waiting(bridge) == [(number, "support") for number in NUMBERS]

        bridge.write_config(desk("helpdesk", renamed_from="support"))
        code, said = await command(bridge, "--dry-run", "--json")
        tried = json.loads(said)
        assert (code, tried["reloaded"], tried["refused"]) == (0, False, [])
        code, said = await command(bridge)
        assert (code, said.splitlines()[0]) == (0, "reloaded: 1 queue renamed, 1 entry changed")
        (renamed,) = [line.split() for line in said.splitlines() if line.startswith("queue ")]
        assert renamed[1:7] == ["helpdesk", "renamed", "from", "support", "4", "1"]
        assert await waiting(bridge) == [(number, "helpdesk") for number in NUMBERS]
        assert await callbacks(bridge) == [(owed, "helpdesk")]
        row = await bridge.queue("helpdesk")
        assert (row["waiting"], row["offered"], row["callbacks_waiting"]) == (4, 4, 1)
        assert {fact["pii.number"]: fact["at"] for fact in bridge.facts("call_arrived")} == arrived
        await asyncio.to_thread(bridge.client.reload)  # the name before may stay in the configuration
        assert len(bridge.facts("queue_renamed")) == 1
        await are_served(bridge, pbx, "helpdesk")
        await calls.wait()
    assert bridge.facts("call_diverted") == []


async def test_a_restart_with_the_new_name_carries_them_over_too(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desk("support"))
    async with callers(pbx) as calls:
        owed = await four_wait(bridge)
        await bridge.stop()
        bridge.write_config(desk("helpdesk", renamed_from="support"))
        await bridge.start()
        assert await waiting(bridge) == [(number, "helpdesk") for number in NUMBERS]
        assert await callbacks(bridge) == [(owed, "helpdesk")]
        await are_served(bridge, pbx, "helpdesk")
        await calls.wait()
    assert bridge.facts("call_diverted") == []


@pytest.mark.parametrize("by", ["reload", "restart"])
async def test_without_their_queue_they_go_where_their_entry_leads_now(house: House, pbx: Pbx, by: str) -> None:
    bridge = await house.open(desk("support", "general"))
    async with callers(pbx) as calls:
        owed = await four_wait(bridge)
        if by == "reload":
            bridge.write_config(desk("general"))
            code, said = await command(bridge, "--force")
            assert code == 0
            assert "callers go to queue general; callbacks go to queue general" in said
        else:
            await bridge.stop()
            bridge.write_config(desk("general"))
            await bridge.start()
        await bridge.until("visit_ended", count=4, outcome="overflowed", to="queue:general", reason="queue_removed")
        await bridge.eventually(lambda: len(bridge.facts("callback_moved", callback=owed)) == 1)
        assert await waiting(bridge) == [(number, "general") for number in NUMBERS]
        assert await callbacks(bridge) == [(owed, "general")]
        await are_served(bridge, pbx, "general")
        await calls.wait()
    assert bridge.facts("call_diverted") == []


async def test_whom_nothing_is_left_for_waits_in_the_fallback_and_comes_back_with_an_entry(house: House, pbx: Pbx) -> None:
    """Queue and entry are gone: over a restart they stay there, and come back as soon as the entry leads somewhere."""
    bridge = await house.open(desk("support"))
    async with callers(pbx) as calls:
        owed = await four_wait(bridge)
        bridge.write_config(desk("helpdesk", entry="helpdesk"))
        code, said = await command(bridge, "--force")
        assert (code, "callers go to the fallback; callbacks go to no queue: they are kept until one can take them" in said) == (
            0,
            True,
        )
        await until_waiting(pbx, 4)
        assert await callbacks(bridge) == [(owed, "support")], "owed all the same"
        await bridge.stop()
        await bridge.start()
        await asyncio.sleep(LOOK)
        await until_waiting(pbx, 4)
        back = desk("helpdesk", entry="helpdesk", renamed_from="support")
        back["entries"]["helpdesk"]["renamed_from"] = "support"
        bridge.write_config(back)
        assert (await asyncio.to_thread(bridge.client.reload))["reloaded"]
        await until_waiting(pbx, 0, LOOK + house.slack)
        await bridge.until("call_arrived", count=4, entry="helpdesk")
        assert sorted(await waiting(bridge)) == [(number, "helpdesk") for number in NUMBERS]
        assert await callbacks(bridge) == [(owed, "helpdesk")]
        await pbx.hang_up_all()
        await calls.wait()
        await asyncio.to_thread(bridge.client.change_callback, owed, "cancel")
