"""Recordings across consults, with a tone for each party: what is in which file, how long it is, and no file too many."""

import asyncio
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House, crowded

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

RECORDS = True
"""This module's AMI user may start MixMonitor."""
ON_16 = {"test_after_a_consult_that_failed_the_recording_goes_on_without_it"}

VOICE, REPLY, THIRD, MUSIC = (sounds.TONES[name] for name in ("caller", "agent", "third", "music"))
AUDIBLE = 0.01
TALK = 1.0
"""Seconds of talk before somebody hangs up. What a softphone hears says nothing about the file: MixMonitor starts a little later,
and drops what arrives in bursts: it empties its queues of both sides when they are more than 100 ms out of step."""


@pytest.fixture(autouse=True)
def empty(pbx: Pbx) -> None:
    for path in monitor(pbx).glob("*.wav"):
        path.unlink()


def desks(connect: str = "ring", **more: Any) -> dict[str, Any]:
    """Ann talks to callers; bob is whom she asks."""
    queue = {"steps": [{"skills": "support"}], "ring_for": "2s", "record": {"file": "{call}-{part}.wav"}}
    return floor({"ann": agent("1008", {"support": 1}, connect), "bob": agent("1007", {"sales": 1})}, {"support": queue | more})


@dataclass(frozen=True)
class Heard:
    """A recording, quarter by quarter of a second."""

    rate: int
    samples: list[int]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def seconds_of(self, tone: float) -> float:
        quarter = self.rate // 4
        parts = [self.samples[start : start + quarter] for start in range(0, len(self.samples) - quarter + 1, quarter)]
        return sum(sounds.level(part, self.rate, tone) > AUDIBLE for part in parts) / 4

    def begins_with(self, tone: float) -> bool:
        return sounds.level(self.samples[: self.rate], self.rate, tone) > AUDIBLE

    def ends_with(self, tone: float) -> bool:
        return sounds.level(self.samples[-round(TALK * self.rate) :], self.rate, tone) > AUDIBLE


def monitor(pbx: Pbx) -> Path:
    return pbx.folder / "spool" / "monitor"


async def closed(pbx: Pbx, file: str) -> Heard:
    """The recording, once Asterisk has closed it: until then its header does not say how long it is."""
    path = monitor(pbx) / file
    for _ in range(100):
        if path.exists() and await asyncio.to_thread(_frames, path) > 0:
            break
        await asyncio.sleep(0.1)
    return Heard(*sounds.read_wav(path))


def _frames(path: Path) -> int:
    try:
        with wave.open(str(path)) as file:
            return int(file.getnframes())
    except (wave.Error, EOFError):
        return 0


async def recorded(bridge: Callbridge, pbx: Pbx, segments: int) -> list[Heard]:
    """The call's recordings in order, none missing and none too many, each as long as was said."""
    ended = await bridge.until("call_ended")
    told = bridge.facts("call_recorded")
    assert [fact["file"] for fact in told] == [f"{ended['call']}-{part}.wav" for part in range(1, segments + 1)]
    found = [await closed(pbx, fact["file"]) for fact in told]
    assert sorted(path.name for path in monitor(pbx).glob("*.wav")) == [fact["file"] for fact in told]
    for fact, recording in zip(told, found, strict=True):
        # Frames that a phone in this process could not send in time are in no file.
        assert recording.seconds == pytest.approx(fact["lasted"], abs=0.4 + crowded())
    shown = await asyncio.to_thread(bridge.client.call, ended["call"])
    lines = str(shown["timeline"])
    for fact in told:
        assert fact["file"] in lines, "the timeline names it"
    return found


async def act(bridge: Callbridge, what: str, **more: Any) -> None:
    (row,) = await bridge.calls()
    await asyncio.to_thread(bridge.client.act_on_call, row["id"], what, **more)


@pytest.mark.parametrize("fails", ["no_answer", "rejected", "cancelled", "hung_up"])
async def test_after_a_consult_that_failed_the_recording_goes_on_without_it(house: House, pbx: Pbx, fails: str) -> None:
    bridge = await house.open(desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD, answers=fails in ("cancelled", "hung_up")) as bob,
        Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        await caller.until_hears(REPLY)
        await act(bridge, "consult", to="agent:bob")
        await caller.until_hears(MUSIC)
        match fails:
            case "rejected":
                await bob.until_state("EARLY")
                bob.hang_up(code=486)
            case "cancelled":
                await asyncio.gather(bob.until_hears(REPLY), ann.until_hears(THIRD))
                await act(bridge, "return")
            case "hung_up":
                await asyncio.gather(bob.until_hears(REPLY), ann.until_hears(THIRD))
                bob.hang_up()
        assert (await bridge.until("transfer_ended"))["result"] == {"cancelled": "returned", "hung_up": "returned"}.get(
            fails, fails
        )
        await asyncio.gather(ann.until_hears(VOICE), caller.until_hears(REPLY))
        await caller.until_hears_no_more(MUSIC)
        await asyncio.sleep(TALK)
        caller.hang_up()
        (recording,) = await recorded(bridge, pbx, 1)
    assert recording.begins_with(VOICE)
    assert recording.begins_with(REPLY)
    assert recording.ends_with(VOICE)
    assert recording.ends_with(REPLY)
    assert recording.seconds_of(MUSIC) > 0, "what the caller heard meanwhile"
    assert recording.seconds_of(THIRD) == 0.0
    quiet = recording.seconds - recording.seconds_of(REPLY)
    assert quiet >= recording.seconds_of(MUSIC) - 0.5, "nothing of what the agent said in the consult"


@pytest.mark.parametrize("connect", ["ring", "nailed_up"])
async def test_a_consult_made_by_the_phone_is_in_no_file(house: House, pbx: Pbx, connect: str) -> None:
    bridge = await house.open(desks(connect))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        if connect == "nailed_up":
            await bridge.until("agent_changed", agent="ann", state="ready")
        await caller.call("support")
        await ann.until_hears(VOICE)
        await caller.until_hears(REPLY)
        ann.hold()
        asked = await ann.call("1007")
        await ann.until_state("CONFIRMED", asked)
        await bob.until_hears(REPLY)
        bob.hang_up()
        await ann.until_state("DISCONNECTED", asked)
        ann.unhold()
        await caller.until_hears(REPLY)
        await caller.until_hears_no_more(MUSIC)
        await asyncio.sleep(TALK)
        caller.hang_up()
        (recording,) = await recorded(bridge, pbx, 1)
        if connect == "nailed_up":
            await bridge.ask("ann", "logout")
    assert recording.begins_with(REPLY)
    assert recording.ends_with(VOICE)
    assert recording.ends_with(REPLY)
    assert recording.seconds_of(THIRD) == 0.0


@pytest.mark.parametrize("connect", ["ring", "nailed_up"])
async def test_a_completed_consult_has_a_file_for_each_agent(house: House, pbx: Pbx, connect: str) -> None:
    bridge = await house.open(desks(connect))
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        if connect == "nailed_up":
            await bridge.until("agent_changed", agent="ann", state="ready")
        await caller.call("support")
        await ann.until_hears(VOICE)
        await caller.until_hears(REPLY)
        await act(bridge, "consult", to="agent:bob")
        await asyncio.gather(bob.until_hears(REPLY), ann.until_hears(THIRD))
        await act(bridge, "complete")
        await asyncio.gather(caller.until_hears(THIRD), bob.until_hears(VOICE))
        await asyncio.sleep(TALK)
        caller.hang_up()
        first, second = await recorded(bridge, pbx, 2)
        if connect == "nailed_up":
            await bridge.ask("ann", "logout")
    assert first.begins_with(REPLY)
    assert first.seconds_of(THIRD) == 0.0
    assert second.ends_with(THIRD)
    assert second.ends_with(VOICE)
    assert second.seconds_of(REPLY) == 0.0


async def test_a_pause_lasts_over_a_consult(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        await act(bridge, "pause-recording")
        await act(bridge, "consult", to="agent:bob")
        await bob.until_hears(REPLY)
        await act(bridge, "return")
        await asyncio.gather(ann.until_hears(VOICE), caller.until_hears(REPLY))
        await act(bridge, "resume-recording")
        await asyncio.sleep(TALK)
        caller.hang_up()
        (recording,) = await recorded(bridge, pbx, 1)
    (told,) = bridge.facts("call_recorded")
    assert recording.seconds_of(VOICE) == pytest.approx(told["lasted"] - told["paused"], abs=0.6)
    assert recording.seconds_of(MUSIC) == recording.seconds_of(THIRD) == 0.0
    assert recording.ends_with(REPLY)
