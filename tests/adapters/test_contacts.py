"""The contacts of phones, asked for over AMI from a fake server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from callbridge.adapters.ami.contacts import Contacts
from callbridge.adapters.ami.link import Ami, AmiSettings
from callbridge.core.model.events import ContactsChanged
from callbridge.wire.ami import contacts_of
from tests.adapters.fake_ami import FakeAmi
from tests.adapters.waiting import running, until

ONE, TWO, THREE = "sip:a@192.0.2.1:5060", "sip:a@192.0.2.2:5060;transport=ws", "sip:a@192.0.2.3"


def value(*uris: str, phone: str = "both") -> str:
    """As version 16 and 22 write it."""
    return "&".join(f"PJSIP/{phone}/{uri}" for uri in uris)


@pytest.mark.parametrize(
    ("said", "contacts"),
    [
        (value(TWO, ONE), (ONE, TWO)),
        (value(ONE), (ONE,)),
        (value(ONE, ONE), (ONE,)),
        ("", ()),
        ("nonsense", ()),
        (value("sip:a@192.0.2.1\r\nAction: Command", ONE), (ONE,)),
        (value(*(f"sip:{n}@192.0.2.1" for n in range(20))), tuple(sorted(f"sip:{n}@192.0.2.1" for n in range(20)))[:8]),
    ],
)
def test_contacts_are_read_as_the_pbx_writes_them(said: str, contacts: tuple[str, ...]) -> None:
    assert contacts_of("PJSIP/both", said) == contacts


class Rig:
    def __init__(self, fake: FakeAmi, phones: set[str], all_every: float = 0.0) -> None:
        self.told: list[tuple[str, tuple[str, ...]]] = []
        settings = AmiSettings(name="a", user="u", secret="s", port=fake.port, ping_every=1.0, retry_first=0.01)
        self.fake, self.phones = fake, phones
        self.ami = Ami(settings, post=lambda event: None, now=time.time)
        self.contacts = Contacts(self.ami, lambda: self.phones, post=self.learn, now=time.time, every=0.02, all_every=all_every)

    def learn(self, event: ContactsChanged) -> None:
        self.told.append((event.phone, event.contacts))

    def says(self, *uris: str) -> None:
        self.fake.says["Getvar PJSIP_DIAL_CONTACTS(both)"] = {"Value": value(*uris)}

    def asked(self) -> list[str]:
        return [action["Variable"] for action in self.fake.asked if action["Action"] == "Getvar"]

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async with running(self.ami.run()), running(self.contacts.run()):
            yield


@pytest.fixture
async def fake() -> AsyncIterator[FakeAmi]:
    async with FakeAmi().serve() as server:
        yield server


async def test_devices_at_one_account_are_told_when_they_change(fake: FakeAmi) -> None:
    rig = Rig(fake, {"PJSIP/both", "PJSIP/one", "SIP/7", "PJSIP/both/sip:x@192.0.2.9", "PJSIP/5@trunk"})
    rig.says(ONE, TWO)
    async with rig.at_work():
        await until(lambda: len(rig.asked()) >= 6)
        assert rig.told == [("PJSIP/both", (ONE, TWO))], "once"
        rig.says(ONE, TWO, THREE)
        await until(lambda: len(rig.told) == 2)
        rig.says(THREE)
        await until(lambda: len(rig.told) == 3)
    assert [contacts for _, contacts in rig.told[1:]] == [(ONE, TWO, THREE), ()]
    assert set(rig.asked()) == {"PJSIP_DIAL_CONTACTS(both)", "PJSIP_DIAL_CONTACTS(one)"}


async def test_phones_with_one_device_are_seldom_asked_about(fake: FakeAmi) -> None:
    rig = Rig(fake, {"PJSIP/both", "PJSIP/one"}, all_every=60.0)
    rig.says(ONE, TWO)
    async with rig.at_work():
        await until(lambda: len(rig.asked()) >= 6)
    assert rig.asked().count("PJSIP_DIAL_CONTACTS(one)") == 1


async def test_a_phone_that_is_no_agents_any_more_is_forgotten(fake: FakeAmi) -> None:
    rig = Rig(fake, {"PJSIP/both"})
    rig.says(ONE, TWO)
    async with rig.at_work():
        await until(lambda: len(rig.told) == 1)
        rig.phones = set()
        await until(lambda: len(rig.told) == 2)
    assert rig.told[1] == ("PJSIP/both", ())


async def test_a_pbx_that_does_not_say_changes_nothing(fake: FakeAmi) -> None:
    fake.refusals = {"Getvar": "Permission denied"}
    rig = Rig(fake, {"PJSIP/both"})
    async with rig.at_work():
        await until(lambda: len(rig.asked()) >= 3)
        assert (rig.told, fake.connections) == ([], 1)


async def test_after_a_loss_all_are_asked_about_again(fake: FakeAmi) -> None:
    rig = Rig(fake, {"PJSIP/both", "PJSIP/one"}, all_every=60.0)
    async with rig.at_work():
        await until(lambda: len(rig.asked()) == 2)
        fake.refusals = {"Login": "shutting down"}
        fake.drop()
        await asyncio.sleep(0.3)
        fake.refusals = {}
        await until(lambda: len(rig.asked()) == 4)


async def test_phones_that_become_known_after_the_link_is_up_are_asked_about_soon(fake: FakeAmi) -> None:
    rig = Rig(fake, set(), all_every=60.0)
    async with rig.at_work():
        await until(lambda: rig.ami.up)
        await asyncio.sleep(0.3)
        rig.phones = {"PJSIP/both"}
        await until(lambda: len(rig.asked()) == 1)
