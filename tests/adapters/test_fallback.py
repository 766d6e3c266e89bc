"""The fallback queue's mirror and way back against a fake AMI: what is asked, in which order, and what is only said once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import structlog

from callbridge.adapters.ami.fallback_queue import FallbackQueue, FallbackSettings
from callbridge.adapters.ami.link import Ami, AmiSettings
from callbridge.core.engine import step
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AnyEvent,
    CallerArrived,
    DayBegan,
    DevicesListed,
    PbxSnapshot,
    PlanChanged,
)
from callbridge.core.model.facts import CallDiverted
from callbridge.core.model.ids import leg_id
from callbridge.core.model.plan import ToQueue
from callbridge.core.model.world import World
from tests.adapters.fake_ami import FakeAmi
from tests.adapters.waiting import running, until
from tests.core.story import agent, plan, queue

pytestmark = pytest.mark.slow

PLAN = plan([queue("support")], [agent("ann"), agent("bob", login=False)])
PARAMS = {"Event": "QueueParams", "Queue": "fb"}
ANN = {
    "Event": "QueueMember",
    "Queue": "fb",
    "Name": "callbridge:ann",
    "Location": "PJSIP/ann",
    "Membership": "dynamic",
    "Paused": "0",
}
ENTRY = {"Event": "QueueEntry", "Queue": "fb", "Position": "1", "Channel": "PJSIP/t-1", "Uniqueid": "1.1"}


class Rig:
    def __init__(self, fake: FakeAmi) -> None:
        self.fake = fake
        self.world = World(PLAN, "t")
        self.serving = True
        self.ami = Ami(AmiSettings(name="a", user="u", secret="s", port=fake.port), post=lambda event: None, now=time.time)
        settings = FallbackSettings(pbx="a", queue="fb", look_every=0.05, retry_first=0.01, retry_most=0.02)
        self.queue = FallbackQueue(settings, self.ami, self.world, serving=lambda: self.serving, now=time.time)
        self.happens(DayBegan(at=1.0, day="2026-11-21"))
        self.happens(PbxSnapshot(at=1.0, pbx="pbx", requested_at=1.0, last_heard_at=1.0, legs=(), bridges=()))
        self.happens(DevicesListed(at=1.0, states={}))
        self.happens(PlanChanged(at=1.0, plan=PLAN))

    def happens(self, event: AnyEvent) -> None:
        outcome = step(self.world, event)
        self.queue.note(outcome.facts, outcome.changed)

    def asked(self, action: str) -> list[dict[str, str]]:
        return [asked for asked in self.fake.asked if asked["Action"] == action]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with FakeAmi().serve() as fake:
        fake.lists = {"QueueStatus": [PARAMS], "CoreShowChannels": [], "ShowDialPlan": []}
        fake.says = {"Getvar CALLBRIDGE_ENTRY": {"Value": "support"}}
        made = Rig(fake)
        async with running(made.ami.run()), running(made.queue.run()):
            yield made


async def test_who_is_missing_is_added_once_and_a_change_follows_at_once(rig: Rig) -> None:
    await until(lambda: rig.asked("QueueAdd"))
    (added,) = rig.asked("QueueAdd")
    assert (added["Queue"], added["Interface"], added["MemberName"], added["Paused"]) == (
        "fb",
        "PJSIP/ann",
        "callbridge:ann",
        "false",
    )
    rig.fake.lists["QueueStatus"] = [PARAMS, ANN]
    rig.happens(AgentRequested(at=2.0, agent="ann", request=AgentRequest.NOT_READY))
    await until(lambda: rig.asked("QueuePause"))
    rig.fake.lists["QueueStatus"] = [PARAMS, ANN | {"Paused": "1"}]
    rig.happens(AgentRequested(at=3.0, agent="ann", request=AgentRequest.LOGOUT))
    await until(lambda: rig.asked("QueueRemove"))


async def test_nothing_that_only_work_changes_is_told_to_the_pbx(rig: Rig) -> None:
    rig.fake.lists["QueueStatus"] = [PARAMS, ANN]
    await until(lambda: len(rig.asked("QueueStatus")) >= 3)
    before = len(rig.asked("QueueAdd"))
    rig.happens(CallerArrived(at=2.0, leg=leg_id("pbx", "1"), entry="support", channel_name="", number="", name="", tier=""))
    assert rig.world.agents["ann"].call
    await until(lambda: len(rig.asked("QueueStatus")) >= 6)
    assert len(rig.asked("QueueAdd")) == before <= 1
    assert {asked["Action"] for asked in rig.fake.asked} <= {"Login", "DeviceStateList", "QueueStatus", "QueueAdd", "Ping"}


@pytest.mark.parametrize(
    ("action", "words", "add"),
    [
        ("QueueAdd", "Permission denied", "agent to this AMI user's write= in manager.conf"),
        ("QueueStatus", "Invalid/unknown command: QueueStatus.", "load = app_queue.so to modules.conf"),
        ("Redirect", "Permission denied", "call and reporting to this AMI user's write= in manager.conf"),
        ("Getvar", "Permission denied", "call and reporting to this AMI user's write= in manager.conf"),
        ("ShowDialPlan", "Did not find context callbridge-return", "the context [callbridge-return] of callbridge.conf"),
    ],
)
async def test_what_people_must_mend_is_said_once_with_what_to_add(rig: Rig, action: str, words: str, add: str) -> None:
    with structlog.testing.capture_logs() as lines:
        rig.fake.refusals = {action: words}
        rig.fake.lists["QueueStatus"] = [PARAMS, ENTRY]
        await until(lambda: len(rig.asked(action)) >= 3)
    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert [line["add"] for line in warnings] == [add]
    assert rig.ami.up


async def test_a_queue_that_is_not_there_is_said_once(rig: Rig) -> None:
    with structlog.testing.capture_logs() as lines:
        rig.fake.lists["QueueStatus"] = []
        asked = len(rig.asked("QueueStatus"))
        await until(lambda: len(rig.asked("QueueStatus")) >= asked + 4)
    assert [line["add"] for line in lines if line["log_level"] == "warning"] == ["a section [fb] to queues.conf"]


async def test_a_waiting_caller_is_sent_to_the_way_back(rig: Rig) -> None:
    rig.fake.lists["QueueStatus"] = [PARAMS, ENTRY]
    await until(lambda: rig.asked("Redirect"))
    asked = rig.asked("Redirect")[0]
    assert (asked["Channel"], asked["Context"], asked["Exten"], asked["Priority"]) == (
        "PJSIP/t-1",
        "callbridge-return",
        "support",
        "1",
    )
    names = rig.fake.names()
    assert names.index("ShowDialPlan") < names.index("CoreShowChannels") < names.index("Redirect")


async def _stays(rig: Rig) -> bool:
    looks = len(rig.asked("QueueStatus"))
    rig.fake.lists["QueueStatus"] = [PARAMS, ANN, ENTRY]
    await until(lambda: len(rig.asked("QueueStatus")) >= looks + 4)
    return not rig.asked("Redirect")


async def test_nobody_comes_back_to_somebody_who_does_not_serve(rig: Rig) -> None:
    rig.serving = False
    assert await _stays(rig)


async def test_whom_we_sent_away_stays(rig: Rig) -> None:
    sent = CallDiverted(seq=1, at=time.time(), leg=leg_id("a", "1.1"), entry="support", reason=DiversionReason.FAULT)
    rig.queue.note([sent], {})
    assert await _stays(rig)
    rig.queue.note([replace(sent, leg=leg_id("a", "2.2"), reason=DiversionReason.BYPASS)], {})
    rig.fake.lists["QueueStatus"] = [PARAMS, ANN, ENTRY | {"Uniqueid": "2.2"}]
    await until(lambda: rig.asked("Redirect"))


@pytest.mark.parametrize("entry", ["", "unheard-of"])
async def test_a_caller_of_no_entry_of_ours_stays(rig: Rig, entry: str) -> None:
    rig.fake.says = {"Getvar CALLBRIDGE_ENTRY": {"Value": entry}}
    assert await _stays(rig)


async def test_a_caller_who_was_sent_there_on_purpose_stays_though_nobody_remembers_it(rig: Rig) -> None:
    rig.fake.says["Getvar CALLBRIDGE_STAYS"] = {"Value": "1"}
    assert await _stays(rig)
    rig.fake.says["Getvar CALLBRIDGE_STAYS"] = {"Value": "(null)"}
    await until(lambda: rig.asked("Redirect"))


async def test_a_caller_who_was_pulled_back_three_times_stays(rig: Rig) -> None:
    rig.fake.says["Getvar CALLBRIDGE_RETURNS"] = {"Value": "3"}
    assert await _stays(rig)


async def test_a_caller_who_is_being_rung_for_stays(rig: Rig) -> None:
    channel = {"Event": "CoreShowChannel", "Linkedid": "1.1"}
    rig.fake.lists["CoreShowChannels"] = [
        channel | {"Uniqueid": "1.1", "Application": "Queue"},
        channel | {"Uniqueid": "1.2", "Application": "AppQueue"},
    ]
    assert await _stays(rig)


async def test_after_a_loss_of_the_link_the_queue_is_listed_before_anything_is_changed(rig: Rig) -> None:
    await until(lambda: rig.asked("QueueAdd"))
    rig.fake.lists["QueueStatus"] = [PARAMS, ANN]
    rig.fake.drop()
    await until(lambda: not rig.ami.up)
    rig.happens(AgentRequested(at=2.0, agent="bob", request=AgentRequest.LOGIN))
    before = len(rig.fake.asked)
    await until(lambda: any(asked["Interface"] == "PJSIP/bob" for asked in rig.asked("QueueAdd")))
    names = [asked["Action"] for asked in rig.fake.asked[before:]]
    assert names.index("QueueStatus") < names.index("QueueAdd")


async def test_whom_a_configuration_without_the_queue_sent_away_comes_back_with_the_next_that_has_the_entry(rig: Rig) -> None:
    """Also under another name, and after a restart, which forgets who was sent away and why."""
    sent = CallDiverted(seq=1, at=time.time(), leg=leg_id("a", "1.1"), entry="support", reason=DiversionReason.QUEUE_REMOVED)
    rig.queue.note([sent], {})
    rig.happens(PlanChanged(at=2.0, plan=replace(PLAN, entries={})))
    assert await _stays(rig)
    rig.happens(
        PlanChanged(at=3.0, plan=replace(PLAN, entries={"desk": ToQueue("support")}, renamed_entries={"support": "desk"}))
    )
    await until(lambda: rig.asked("Redirect"))
    assert rig.asked("Redirect")[0]["Exten"] == "desk"
