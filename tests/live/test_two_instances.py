"""Two callbridges, each with an application of its own, beside one PBX: what one makes is none of the other's business."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
import pytest

from callbridge.cli.doctor import examine
from callbridge.cli.doctor.findings import Level
from callbridge.settings.loading import load
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.process import Process
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.scene import pause

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
DIALPLAN = """
[lab](+)
exten => second,1,Stasis(second,inbound,support)
 same => n,Hangup()
"""
PHONES = [PhoneSpec(name="1001", line="steady"), PhoneSpec(name="1002", line="steady"), PhoneSpec(name="1003")]


def _floor(phone: str, prefix: str = "", **more: Any) -> dict[str, Any]:
    """An agent who talks, and nobody for anybody who else calls."""
    instance = {"timezone": "UTC"} | more | ({"prefix": prefix} if prefix else {})
    people = {"ann": agent(phone, {"support": 1}), "bell": agent("1003", {"support": 1}, login=False)}
    return floor(people, queue_defaults={"ring_for": 60}) | {"instance": instance}


@dataclass
class House:
    pbx: Pbx
    first: Callbridge
    second: Callbridge
    callers: dict[str, Callers] = field(default_factory=dict)
    phone: Phone | None = None

    async def call(self, number: str, dialled: str) -> None:
        self.callers[number] = Callers(self.pbx, [Call(dialled=dialled, number=number)])
        await self.callers[number].start()

    def answered(self, number: str) -> bool:
        return any(record.answered_at for record in self.callers[number].records())

    async def seen(self, app: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The channels and bridges of an application, as the PBX lists them."""
        headers = {"Authorization": aiohttp.encode_basic_auth(self.pbx.ari_user, self.pbx.ari_password)}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def ask(path: str) -> Any:
                async with session.get(f"{self.pbx.ari_url}{path}") as answer:
                    return json.loads(await answer.text())

            channels = [one for one in await ask("/channels") if one["dialplan"]["app_data"].startswith(f"{app},")]
            bridges = [one for one in await ask("/bridges") if one["name"].startswith(f"{app},")]
        return (
            {one["id"]: (one["name"], one["state"], one["creationtime"]) for one in channels},
            {one["id"]: sorted(one["channels"]) for one in bridges},
        )


@contextlib.asynccontextmanager
async def house(version: int, prefix: str) -> AsyncIterator[House]:
    """Each has a conversation and a caller who waits. ``prefix``: of both; else each has its own."""
    async with contextlib.AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(Pbx(version, phones=PHONES, extra={"extensions.conf": DIALPLAN}))
        phone = await stack.enter_async_context(Phone(pbx, "steady", PhoneScript.answers(0.05)))
        redises = [await stack.enter_async_context(RedisServer()) for _ in range(2)]
        first = await stack.enter_async_context(Callbridge(pbx, _floor("1001", prefix), redis=redises[0], warm=True))
        config = _floor("1002", prefix, app="second")
        second = await stack.enter_async_context(Callbridge(pbx, config, redis=redises[1], warm=True))
        found = House(pbx, first, second, phone=phone)
        try:
            for number, dialled in (("49301", "support"), ("49302", "support"), ("49303", "second"), ("49304", "second")):
                await found.call(number, dialled)
                bridge = first if dialled == "support" else second
                if number in ("49301", "49303"):
                    await bridge.until("talk_began")
                else:
                    await bridge.until("call_arrived", count=2)
                await bridge.eventually(partial(found.answered, number))
            yield found
        finally:
            for callers in found.callers.values():
                await callers.stop()


def _nobody_was_cut(two: House, *numbers: str) -> None:
    for number in numbers:
        (record,) = two.callers[number].records()
        assert record.ended_at is None, number


@pytest.mark.parametrize(("version", "prefix"), [(22, ""), (22, "cb"), (16, "")])
async def test_a_restart_of_one_harms_nothing_of_the_other(version: int, prefix: str) -> None:
    async with house(version, prefix) as two:
        theirs = await two.seen("second")
        ids = {one.partition("-")[0] for one in theirs[0] if not one.startswith("lab-")}
        assert ids == {prefix or "cb_second"}
        for _ in range(2):
            await two.first.kill()
            await two.first.start()
            await two.first.until_state("ann", "talking")
            assert await two.seen("second") == theirs
        ours = await two.seen("callbridge")
        await two.second.kill()
        await two.second.start()
        await two.second.until_state("ann", "talking")
        await pause(1.0)
        assert await two.seen("callbridge") == ours
        assert await two.seen("second") == theirs
        _nobody_was_cut(two, "49301", "49302", "49303", "49304")
        for bridge in (two.first, two.second):
            assert sorted(row["state"] for row in await bridge.calls()) == ["talking", "waiting"]
            assert bridge.facts("difference_found") == []


@pytest.mark.parametrize("prefix", ["", "cb"])
async def test_a_rescue_of_one_harms_nothing_of_the_other(prefix: str) -> None:
    async with house(22, prefix) as two, Phone(two.pbx, "1003", PhoneScript.rings_out()) as bell:
        await two.second.ask("bell", "login")  # for anybody who waits: a leg of the second one in no bridge
        await bell.until(lambda record: record.ringing_at)
        theirs = await two.seen("second")
        await two.first.kill()
        rescue = await Process.callbridge("rescue", "-c", two.first.path, log=two.first.folder / "rescue")
        assert await rescue.wait(40) == 0
        said = [json.loads(line) for line in (two.first.folder / "rescue").read_text().splitlines()]
        helped = [line for line in said if line["event"] == "a stranded caller was sent to the fallback"]
        assert len(helped) == 1
        assert await two.seen("second") == theirs
        _nobody_was_cut(two, "49301", "49303", "49304")
        assert sorted(row["state"] for row in await two.second.calls()) == ["offered", "talking"]
        assert [line for line in two.second.lines() if line["event"] in ("call_ended", "offer_ended")] == [
            two.second.facts("offer_ended", agent="ann")[0]
        ]


async def test_the_doctor_tells_ids_that_are_alike() -> None:
    async with house(22, "cb") as two:
        warnings = [each async for each in examine(load(two.first.path, {})) if each.level is Level.WARNING]
        assert any("application 'second' have ids with our prefix, cb-" in each.said for each in warnings)
