"""The AMI link against a fake server: states in the right order, every slicing, and no zombie."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from callbridge.adapters.ami.link import Ami, AmiSettings, WholeCharacters
from callbridge.adapters.pbx_link import NotSent, OrderRefused, TimedOut
from callbridge.core.model.events import DeviceChanged, DevicesListed
from tests.adapters.fake_ami import FakeAmi
from tests.adapters.waiting import HANGS, Counts, running, until
from tests.examples import cases

CHANGE = "Event: DeviceStateChange\nDevice: PJSIP/1001\nState: {}\n\n"


class Rig:
    def __init__(self, fake: FakeAmi, **changes: Any) -> None:
        self.told: list[DeviceChanged | DevicesListed] = []
        self.counts = Counts()
        settings = {"ping_every": 0.05, "answer_limit": HANGS, "retry_first": 0.01, "retry_most": 0.05} | changes
        self.ami = Ami(
            AmiSettings(name="a", user="u", secret="s", port=fake.port, **settings),
            post=self.told.append,
            now=time.time,
            observer=self.counts,
        )

    def states(self) -> list[object]:
        return [event.state if isinstance(event, DeviceChanged) else dict(event.states) for event in self.told]


@pytest.fixture
async def fake() -> AsyncIterator[FakeAmi]:
    async with FakeAmi().serve() as server:
        yield server


async def test_a_login_lists_the_phones_and_changes_follow(fake: FakeAmi) -> None:
    rig = Rig(fake)
    async with running(rig.ami.run()):
        await until(lambda: rig.ami.up)
        await fake.say(CHANGE.format("INUSE"))
        await until(lambda: len(rig.told) == 2)
        await until(lambda: fake.names().count("Ping") >= 2)
    assert rig.states() == [{"PJSIP/1001": "NOT_INUSE"}, "INUSE"]
    assert fake.names()[:2] == ["Login", "DeviceStateList"]
    assert {action["Async"] for action in fake.asked} == {"false"}
    assert rig.counts.links == [("ami", True), ("ami", False)]


async def test_a_change_right_behind_the_list_is_told_behind_it(fake: FakeAmi) -> None:
    rig = Rig(fake)
    fake.after_list = CHANGE.format("RINGING")
    async with running(rig.ami.run()):
        await until(lambda: len(rig.told) == 2)
    assert rig.states() == [{"PJSIP/1001": "NOT_INUSE"}, "RINGING"]


async def test_the_states_are_listed_again_after_every_loss(fake: FakeAmi) -> None:
    rig = Rig(fake)
    async with running(rig.ami.run()):
        await until(lambda: rig.ami.up)
        fake.states["PJSIP/1001"] = "UNAVAILABLE"
        fake.drop()
        await until(lambda: len(rig.told) == 2)
        await fake.say("Event: Shutdown\nShutdown: Cleanly\n\n")
        await until(lambda: len(rig.told) == 3)
    assert rig.states()[1:] == [{"PJSIP/1001": "UNAVAILABLE"}] * 2
    assert fake.connections == 3


async def test_a_peer_that_answers_no_ping_is_left(fake: FakeAmi) -> None:
    rig = Rig(fake, answer_limit=0.1)
    async with running(rig.ami.run()):
        await until(lambda: rig.ami.up)
        fake.silent = {"Ping"}
        await until(lambda: fake.connections == 2)


async def test_a_wrong_password_is_not_hammered(fake: FakeAmi) -> None:
    fake.refusals = {"Login": "Authentication failed"}
    rig = Rig(fake, retry_refused=0.2)
    async with running(rig.ami.run()):
        await asyncio.sleep(0.1)
        assert fake.names() == ["Login"]
        fake.refusals = {}
        await until(lambda: rig.ami.up)


@pytest.mark.parametrize("refused", ["Login", "DeviceStateList"])
async def test_a_pbx_that_is_shutting_down_or_booting_is_asked_again_soon(fake: FakeAmi, refused: str) -> None:
    fake.refusals = {refused: "Asterisk is shutting down"}
    rig = Rig(fake)
    async with running(rig.ami.run()):
        await until(lambda: fake.connections == 2)
        fake.refusals = {}
        await until(lambda: rig.ami.up)


async def test_a_right_that_is_missing_is_named_and_not_asked_for_again_at_once(fake: FakeAmi) -> None:
    fake.refusals = {"DeviceStateList": "Permission denied"}
    with capture_logs() as lines:
        async with running(Rig(fake).ami.run()):
            await until(lambda: "DeviceStateList" in fake.names())
            await asyncio.sleep(0.3)
            assert fake.connections == 1
    why = "DeviceStateList: Permission denied: manager.conf must grant 'write = reporting'"
    assert [line["why"] for line in lines if line["event"] == "ami login refused"] == [why]


async def test_closing_leaves_no_zombie(fake: FakeAmi) -> None:
    rig = Rig(fake)
    async with running(rig.ami.run()):
        await until(lambda: rig.ami.up)
        fake.drop()
    await asyncio.sleep(0.1)
    assert fake.connections == 1
    assert not rig.ami.up


async def test_an_action_is_cleaned_and_answered(fake: FakeAmi) -> None:
    rig = Rig(fake)
    async with running(rig.ami.run()):
        await until(lambda: rig.ami.up)
        (answer,) = await rig.ami.send_action("QueueAdd", {"Reply": "Added interface to queue\r\nAction: Evil", "Queue": "q"})
        assert answer["Message"] == "Added interface to queueAction: Evil"
        queued = await rig.ami.send_action("Originate", {"Reply": "Originate successfully queued"})
        assert queued[0]["Response"] == "Success"
        fake.refusals = {"QueuePause": "Interface not found"}
        with pytest.raises(OrderRefused, match="Interface not found"):
            await rig.ami.send_action("QueuePause", {})
        assert len(await rig.ami.send_action("DeviceStateList", many=True)) == 4
        await fake.say(CHANGE.format("ONHOLD"))
        await until(lambda: rig.states()[-1] == "ONHOLD")
    assert "Evil" not in fake.names()


async def test_an_unanswered_action_is_never_sent_again(fake: FakeAmi) -> None:
    rig = Rig(fake, answer_limit=0.1)
    fake.silent = {"Originate"}
    async with running(rig.ami.run()):
        await until(lambda: rig.ami.up)
        with pytest.raises(TimedOut):
            await rig.ami.send_action("Originate")
        with pytest.raises(NotSent):
            await rig.ami.send_action("Originate")
        await until(lambda: rig.ami.up)
        await fake.say("Event: FullyBooted\nStatus: Fully Booted\n\n")
        await asyncio.sleep(0.02)
    assert fake.names().count("Originate") == 1


@pytest.mark.parametrize("size", cases([1, 2, 3, 7, 64], fast=[2, 3, 7, 64]))
async def test_the_slicing_of_the_stream_does_not_matter(fake: FakeAmi, size: int) -> None:
    fake.slice = size
    fake.states = {"PJSIP/Zoë€😀": "INUSE"}
    rig = Rig(fake, ping_every=5.0)
    async with running(rig.ami.run()):
        await until(lambda: rig.ami.up)  # a slice is sent when the one before is read: hundreds of turns
    assert rig.states() == [{"PJSIP/Zoë€😀": "INUSE"}]


class Sink:
    """As much of panoramisk's manager and transport as a protocol needs."""

    save_stream = None

    def __init__(self) -> None:
        self.names: list[str] = []
        self.aborted = False

    def dispatch(self, message: Any) -> None:
        self.names.append(message.calleridname)

    def abort(self) -> None:
        self.aborted = True


def protocol(sink: Sink) -> WholeCharacters:
    made = WholeCharacters()
    made.connection_made(sink)
    made.factory, made.encoding = sink, "utf8"
    return made


def test_no_cut_between_two_segments_loses_a_character() -> None:
    data = "Event: Newchannel\r\nCallerIDName: Zoë €😀 Ñ\r\n\r\n".encode()
    for cut in range(len(data)):
        sink = Sink()
        reader = protocol(sink)
        reader.data_received(data[:cut])
        reader.data_received(data[cut:])
        assert sink.names == ["Zoë €😀 Ñ"]


def test_bytes_that_are_no_utf8_spoil_only_themselves() -> None:
    sink = Sink()
    protocol(sink).data_received(b"Event: Newchannel\r\nCallerIDName: Zo\xeb X\r\n\r\n")
    assert sink.names == ["Zo\ufffd X"]


def test_a_header_that_is_there_twice_ends_no_connection() -> None:
    """A UserEvent of any dialplan may add one. panoramisk makes a list of it, which it cannot compare with ``shutdown``."""
    sink = Sink()
    protocol(sink).data_received(b"Event: UserEvent\r\nEvent: x\r\nCallerIDName: Ada\r\nCallerIDName: Bob\r\n\r\n")
    assert sink.names == ["Ada"]


def test_a_message_without_end_is_not_collected_for_ever() -> None:
    sink = Sink()
    reader = protocol(sink)
    for _ in range(20):
        reader.data_received(b"x" * 100_000)
    assert sink.aborted
