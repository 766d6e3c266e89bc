"""Recordings over AMI: whose MixMonitor is stopped or paused, also after a restart, which knows no ID."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from callbridge.adapters.ami.recorder import REMOVED_WITHIN, Recorder
from callbridge.adapters.pbx_link import OrderRefused
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import CheckRecording, OfRecording, PauseRecording, StartRecording, StopRecording
from callbridge.wire.ami import recording_request
from tests.adapters.fake_ami import FakeAmi
from tests.adapters.test_ami import Rig
from tests.adapters.waiting import running, until

LEG = leg_id("a", "1700000000.1")
START, CHECK, STOP = (kind(leg=LEG, call="c", file="day/c-1.wav") for kind in (StartRecording, CheckRecording, StopRecording))
PAUSE = PauseRecording(leg=LEG, call="c", file="day/c-1.wav", paused=True)
RESUME = PauseRecording(leg=LEG, call="c", file="day/c-1.wav", paused=False)
VARIABLE = recording_request(START)["Variable"]
BEGUN = ["MixMonitor", "Getvar", "MixMonitorMute", "StopMixMonitor"]


@asynccontextmanager
async def recorder(fake: FakeAmi) -> AsyncIterator[Recorder]:
    """As after a start: it knows of no recording."""
    rig = Rig(fake)
    async with running(rig.ami.run()):
        await until(lambda: rig.ami.up)
        yield Recorder(rig.ami, now=time.time, observer=rig.counts)


@pytest.fixture
async def fake() -> AsyncIterator[FakeAmi]:
    async with FakeAmi().serve() as server:
        yield server


def sent(fake: FakeAmi) -> list[tuple[str, str | None]]:
    """Actions about recordings, and the MixMonitor that each names."""
    return [(one["Action"], one.get("MixMonitorID")) for one in fake.asked if one["Action"] in BEGUN]


async def test_each_file_has_an_id_of_its_own_on_the_channel(fake: FakeAmi) -> None:
    fake.says["MixMonitor"] = {"MixMonitorID": "0x1"}
    async with recorder(fake) as ours:
        await ours.record(START)
        await ours.record(PAUSE)
        await ours.record(CHECK)
        await ours.record(STOP)
    assert sent(fake) == [("MixMonitor", None), ("MixMonitorMute", "0x1"), ("StopMixMonitor", "0x1")]
    (start,) = (one for one in fake.asked if one["Action"] == "MixMonitor")
    assert (start["Options"], start["Channel"]) == (f"i({VARIABLE})", "1700000000.1")
    other = StartRecording(leg=LEG, call="c", file="day/c-2.wav")
    assert recording_request(other)["Variable"] != VARIABLE


@pytest.mark.parametrize(("order", "action"), [(STOP, "StopMixMonitor"), (PAUSE, "MixMonitorMute"), (RESUME, "MixMonitorMute")])
async def test_after_a_restart_the_channel_says_which_recording_is_ours(fake: FakeAmi, order: OfRecording, action: str) -> None:
    fake.says[f"Getvar {VARIABLE}"] = {"Variable": VARIABLE, "Value": "0x7f"}
    async with recorder(fake) as ours:
        await ours.record(order)
    assert sent(fake) == [("Getvar", None), (action, "0x7f")]


async def test_what_was_never_started_is_not_stopped_as_that_would_end_another_recording(fake: FakeAmi) -> None:
    async with recorder(fake) as ours:
        await ours.record(STOP)
        await ours.record(PAUSE)
        with pytest.raises(OrderRefused, match="it was never started"):
            await ours.record(RESUME)
    assert {action for action, _ in sent(fake)} == {"Getvar"}


async def test_a_look_tells_whether_a_recording_was_started(fake: FakeAmi) -> None:
    async with recorder(fake) as ours:
        with pytest.raises(OrderRefused, match="it was never started"):
            await ours.record(CHECK)
        fake.says[f"Getvar {VARIABLE}"] = {"Value": "0x7f"}
        await ours.record(CHECK)
        await ours.record(CHECK)
        await ours.record(STOP)
    assert sent(fake) == [("Getvar", None), ("Getvar", None), ("StopMixMonitor", "0x7f")]


async def test_a_channel_that_has_ended_needs_no_look_and_no_stop(fake: FakeAmi) -> None:
    fake.refusals["Getvar"] = "No such channel"
    async with recorder(fake) as ours:
        await ours.record(CHECK)
        await ours.record(STOP)
        with pytest.raises(OrderRefused, match="No such channel"):
            await ours.record(PAUSE)


async def test_a_look_waits_for_the_link(fake: FakeAmi) -> None:
    """After a restart ARI may be there before AMI."""
    fake.says[f"Getvar {VARIABLE}"] = {"Value": "0x7f"}
    rig = Rig(fake)
    ours = Recorder(rig.ami, now=time.time, observer=rig.counts)
    looks = running(ours.record(CHECK))
    async with looks as look, running(rig.ami.run()):
        await until(look.done)
        look.result()
    assert rig.counts.results == [("CheckRecording", "done")]


async def test_a_recording_that_follows_another_on_its_leg_waits_until_that_one_is_removed(fake: FakeAmi) -> None:
    """Else it shares the decoders of the one before."""
    fake.says["MixMonitor"] = {"MixMonitorID": "0x1"}
    async with recorder(fake) as ours:
        await ours.record(START)
        await ours.record(STOP)
        await ours.record(StartRecording(leg=LEG, call="c", file="day/c-2.wav"))
    times = {one.get("File", one["Action"]): at for one, at in zip(fake.asked, fake.asked_at, strict=True)}
    assert times["day/c-2.wav"] - times["StopMixMonitor"] >= REMOVED_WITHIN * 0.95


async def test_a_recording_on_another_leg_and_the_one_after_the_next_do_not_wait(fake: FakeAmi) -> None:
    fake.says["MixMonitor"] = {"MixMonitorID": "0x1"}
    other = leg_id("a", "1700000000.2")
    async with recorder(fake) as ours:
        await ours.record(START)
        await ours.record(STOP)
        assert set(ours._stopped) == {LEG}
        await ours.record(StartRecording(leg=other, call="d", file="day/d-1.wav"))
        assert set(ours._stopped) == {LEG}, "it has not waited for another leg's"
        await ours.record(StartRecording(leg=LEG, call="c", file="day/c-2.wav"))
        assert not ours._stopped, "the next one has nothing to wait for"
