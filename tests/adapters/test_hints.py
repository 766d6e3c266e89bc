"""The hints of extensions, read over AMI from a fake server."""

import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from callbridge.adapters.ami.hints import Hints
from callbridge.adapters.ami.link import Ami, AmiSettings
from callbridge.core.model.events import HintRead
from tests.adapters.fake_ami import FakeAmi
from tests.adapters.waiting import running, until

ANN = {"ann": "1001@ext-local"}


class Rig:
    def __init__(self, fake: FakeAmi, hints: dict[str, str]) -> None:
        self.told: list[tuple[str, tuple[str, ...]]] = []
        settings = AmiSettings(name="a", user="u", secret="s", port=fake.port, ping_every=1.0, retry_first=0.01)
        self.fake, self.wanted = fake, hints
        self.ami = Ami(settings, post=lambda event: None, now=time.time)
        self.hints = Hints(self.ami, lambda: self.wanted, post=self.learn, now=time.time, every=0.0)

    def learn(self, event: HintRead) -> None:
        self.told.append((event.agent, event.devices))

    def says(self, hint: str) -> None:
        self.fake.says["ExtensionState"] = {"Exten": "1001", "Context": "ext-local", "Hint": hint, "Status": "0"}

    def asked(self) -> list[tuple[str, str]]:
        return [(each["Exten"], each["Context"]) for each in self.fake.asked if each["Action"] == "ExtensionState"]

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async with running(self.ami.run()), running(self.hints.run()):
            yield


@pytest.fixture
async def fake() -> AsyncIterator[FakeAmi]:
    async with FakeAmi().serve() as server:
        yield server


async def test_the_devices_of_a_hint_are_told_when_they_change(fake: FakeAmi) -> None:
    rig = Rig(fake, ANN)
    rig.says("PJSIP/1001&Custom:DND1001,CustomPresence:1001")
    async with rig.at_work():
        await until(lambda: len(rig.asked()) >= 2)
        assert rig.told == [("ann", ("PJSIP/1001", "Custom:DND1001"))], "once"
        rig.says("PJSIP/1001")
        await until(lambda: len(rig.told) == 2)
        rig.wanted = {}
        await until(lambda: len(rig.told) == 3)
    assert rig.told[1:] == [("ann", ("PJSIP/1001",)), ("ann", ())]
    assert set(rig.asked()) == {("1001", "ext-local")}


async def test_a_hint_that_does_not_exist_is_logged_once(fake: FakeAmi) -> None:
    rig = Rig(fake, ANN)
    rig.says("")
    with capture_logs() as logged:
        async with rig.at_work():
            await until(lambda: len(rig.asked()) >= 3)
    assert [line["hint"] for line in logged if line["event"] == "the PBX has no such hint"] == ["1001@ext-local"]
    assert rig.told == []


async def test_without_hints_nothing_is_asked(fake: FakeAmi) -> None:
    rig = Rig(fake, {})
    async with rig.at_work():
        await until(lambda: rig.ami.up)
        rig.wanted = ANN
        await until(lambda: len(rig.asked()) == 1)
