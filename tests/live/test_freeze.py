"""We stand still while a phone rings, and its agent picks up meanwhile: nobody is blamed for what we did not hear."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.lab.stall import is_stopped
from tests.live.forwarder import Forwarder
from tests.live.house import CUT_OFF, House
from tests.live.scene import now, pause

LONG = True
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

RING_FOR = 2.0
PICKS_UP = 1.0
FIRST, SECOND = "4930001", "4930002"
PLACES = ("asleep", "store away", "step", "save", "publish")
"""Where the process is stopped: while it waits, while it waits for a Redis that is stopped too, or in the middle of its work."""
ON_16 = {
    "test_a_freeze_in_the_middle_of_a_save_blames_nobody",
    "test_who_picks_up_while_we_stand_still_and_hangs_up_again_has_refused_nothing",
}


def _stop(house: House, bridge: Callbridge, place: str, flag: Path) -> None:
    """Have callbridge stop at this place: at once, or when somebody who calls gives it something to do."""
    if place == "asleep":
        bridge.process.signal(signal.SIGSTOP)
    elif place == "store away":
        house.redis.freeze()
    else:
        flag.touch()


async def _freeze_while_the_phone_rings(house: House, pbx: Pbx, place: str, seconds: float) -> None:
    flag = house.redis.folder / "stop"
    bridge = await _open(house, place, flag)
    second = Callers(pbx, [Call(dialled="support", number=SECOND, hang_up_after=seconds + 1.5)])
    async with (
        Phone(pbx, "1001", PhoneScript.answers(PICKS_UP, talk=seconds + 2.0)) as phone,
        Callers(pbx, [Call(dialled="support", number=FIRST)]) as first,
    ):
        await phone.until(lambda record: record.ringing_at)
        _stop(house, bridge, place, flag)
        async with second:
            if place == "store away":
                await phone.until(lambda record: record.answered_at)
                bridge.process.signal(signal.SIGSTOP)
            await bridge.eventually(lambda: is_stopped(bridge.process.pid), 3.0)
            await phone.until(lambda record: record.answered_at)
            await pause(seconds - PICKS_UP)
            bridge.process.signal(signal.SIGCONT)
            house.redis.thaw()
            await bridge.until("offer_ended")
            assert {fact["result"] for fact in bridge.facts("offer_ended")} <= {"answered", "cancelled"}
            await bridge.until("talk_began", agent="ann")
            (served,) = await first.wait(60)
            await second.wait(60)
        assert served.ended_by == "pbx"
        assert {fact["result"] for fact in bridge.facts("offer_ended")} <= {"answered", "cancelled"}
        assert bridge.facts("agent_changed", agent="ann", state="not_ready") == []
        await bridge.until_state("ann", "ready")


async def _open(house: House, place: str, flag: Path, link: dict[str, Any] | None = None) -> Callbridge:
    config: dict[str, Any] = floor({"ann": agent("1001", {"support": 1})}, queue_defaults={"ring_for": RING_FOR, "wrap_up": 0})
    if link is not None:
        config["pbx"] = link
    house.explains_pbx(CUT_OFF)
    planted = place not in ("asleep", "store away")
    return await house.open(config, module=("tests.lab.stall", place, str(flag)) if planted else ())


@pytest.mark.parametrize(
    ("place", "seconds"), [*((place, 3.0) for place in PLACES), *((place, 12.0) for place in ("asleep", "save", "publish"))]
)
async def test_who_picks_up_while_we_stand_still_is_not_paused(house: House, pbx: Pbx, place: str, seconds: float) -> None:
    await _freeze_while_the_phone_rings(house, pbx, place, seconds)


async def test_a_freeze_in_the_middle_of_a_save_blames_nobody(house: House, pbx: Pbx) -> None:
    """Shorter than the age that our echo may have: the link stays up, and only the order of what is looked at decides."""
    await _freeze_while_the_phone_rings(house, pbx, "save", 2.5)


async def test_who_picks_up_while_we_stand_still_and_hangs_up_again_has_refused_nothing(house: House, pbx: Pbx) -> None:
    """Shorter than the age that our echo may have: answer and end are heard one after the other, as if nothing lay between."""
    bridge = await _open(house, "asleep", Path())
    async with (
        Phone(pbx, "1001", PhoneScript.answers(PICKS_UP, talk=1.3)) as phone,
        Callers(pbx, [Call(dialled="support", number=FIRST, hang_up_after=8.0)]) as first,
    ):
        await phone.until(lambda record: record.ringing_at)
        _stop(house, bridge, "asleep", Path())
        record = await phone.until(lambda record: record.ended_at)
        bridge.process.signal(signal.SIGCONT)
        ended = await bridge.until("offer_ended", agent="ann")
        assert ended["result"] == "cancelled", record
        await first.wait(60)
    assert "rejected" not in {fact["result"] for fact in bridge.facts("offer_ended")}


async def test_who_picks_up_while_nothing_comes_through_is_not_paused(house: House, pbx: Pbx) -> None:
    """We are in time, and the wire is not: the end of the ringing passes before the answer is heard."""
    async with Forwarder() as wire:
        bridge = await _open(house, "asleep", Path(), await wire.to(pbx))
        async with (
            Phone(pbx, "1001", PhoneScript.answers(PICKS_UP, talk=3.0)) as phone,
            Callers(pbx, [Call(dialled="support", number=FIRST)]) as first,
        ):
            rang = await phone.until(lambda record: record.ringing_at)
            wire.hold()
            await pause(rang.invite_at + RING_FOR + 0.3 - now())
            wire.restore()
            await bridge.until("talk_began", agent="ann")
            await first.wait(60)
        assert [fact["result"] for fact in bridge.facts("offer_ended")] == ["answered"]
        assert len(bridge.facts("ari link up")) == 1
        await bridge.until_state("ann", "ready")
