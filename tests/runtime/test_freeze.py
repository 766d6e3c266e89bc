"""The process stands still while a phone rings: what was said meanwhile is heard before anybody is blamed for silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from callbridge.core.model.events import AnyEvent, CallerArrived, LegAnswered, LegRinging, PbxHeard, PbxLost, PlanChanged
from callbridge.core.model.facts import AgentChanged, CallArrived, CallDiverted, OfferEnded
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import Bridge, Ring
from callbridge.core.model.world import World
from callbridge.runtime import Clock, loop
from tests.core.story import PBX
from tests.runtime.fakes import PLAN, House, house

FROZEN = 10.0
"""Seconds; a phone rings for 4."""


class Jumping(Clock):
    """A clock that jumps when the test says so, as it does for a process that was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0.0

    def now(self) -> float:
        return super().now() + self.lost

    def jump(self, seconds: float = FROZEN) -> None:
        self.lost += seconds


class Wire:
    """What the PBX has said and nobody has read; it is read when the runtime asks for it, or catches up."""

    def __init__(self, one: House) -> None:
        self.one = one
        self.unread: list[Callable[[float], AnyEvent]] = []
        self.asked: list[str] = []
        one.runtime._listen = self.listen
        one.runtime._caught_up = self.caught_up
        one.runtime.post(PbxHeard(at=one.runtime.clock.now(), pbx=PBX, until=one.runtime.clock.now()))

    def listen(self, pbx: str) -> None:
        self.asked.append(pbx)
        asyncio.get_running_loop().call_later(0.01, self.read)

    async def caught_up(self) -> None:
        await asyncio.sleep(0.01)
        self.read()

    def read(self) -> None:
        now = self.one.runtime.clock.now()
        unread, self.unread = self.unread, []
        for said in unread:
            self.one.runtime.post(said(now))
        self.one.runtime.post(PbxHeard(at=now, pbx=PBX, until=now))


def _caller(one: House, name: str) -> CallerArrived:
    at = one.runtime.clock.now()
    return CallerArrived(
        at=at,
        leg=leg_id(PBX, name),
        entry="support",
        channel_name=f"PJSIP/trunk-{name}",
        number="+44",
        name=name,
        tier="standard",
    )


async def _ringing(one: House) -> LegId:
    one.runtime.post(PlanChanged(at=one.runtime.clock.now(), plan=PLAN))
    await one.until(lambda: "bob" in one.world.agents)
    one.runtime.post(_caller(one, "ann"))
    await one.until(lambda: any(isinstance(order, Ring) for order in one.line.sent))
    (ring,) = (order for order in one.line.sent if isinstance(order, Ring))
    one.runtime.post(LegRinging(at=one.runtime.clock.now(), leg=ring.leg))
    await one.until(lambda: one.world.legs[ring.leg].rang)
    return ring.leg


def _once(real: Callable[..., Any], clock: Jumping) -> Callable[..., Any]:
    """The function, which stands still before its work the next time it is called."""
    left = [True]

    def standing_still(*args: Any, **named: Any) -> Any:
        if left and left.pop():
            clock.jump()
        return real(*args, **named)

    return standing_still


PLACES = ["asleep", "step", "save", "publish", "taking"]


def _plant(place: str, one: House, clock: Jumping, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "asleep":
        clock.jump()
        return
    owner, name = {
        "step": (loop, "step"),
        "save": (one.store, "save"),
        "publish": (one.memory, "batch"),
        "taking": (World, "take_due"),
    }[place]
    monkeypatch.setattr(owner, name, _once(getattr(owner, name), clock))
    one.runtime.post(_caller(one, "eve"))  # something to do


@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_given_while_we_stood_still_beats_the_deadline_wherever_that_was(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Jumping()
    async with house(clock=clock) as one:
        wire = Wire(one)
        leg = await _ringing(one)
        wire.unread.append(lambda now: LegAnswered(at=now, leg=leg))
        _plant(place, one, clock, monkeypatch)
        await one.until(lambda: any(isinstance(order, Bridge) for order in one.line.sent))
        assert clock.lost == FROZEN
        assert one.seen(OfferEnded) == []


@pytest.mark.parametrize("place", PLACES)
async def test_who_did_not_pick_up_while_we_stood_still_is_found_out_when_all_has_been_heard(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Jumping()
    async with house(clock=clock) as one:
        Wire(one)
        await _ringing(one)
        _plant(place, one, clock, monkeypatch)
        await one.until(lambda: one.seen(OfferEnded))
        assert [fact.result for fact in one.seen(OfferEnded)] == ["no_answer"]


async def test_what_was_told_just_before_we_stood_still_is_heard_and_no_overload() -> None:
    clock = Jumping()
    async with house(clock=clock) as one:
        Wire(one)
        leg = await _ringing(one)
        one.runtime.post(LegAnswered(at=clock.now(), leg=leg))
        one.runtime.post(_caller(one, "eve"))
        clock.jump()
        await one.until(lambda: any(isinstance(order, Bridge) for order in one.line.sent))
        await one.until(lambda: len(one.seen(CallArrived)) == 2)
        assert one.resyncs == []
        assert one.seen(CallDiverted) == []


async def test_nobody_is_blamed_while_the_link_is_behind_and_all_else_goes_on() -> None:
    """Our loop is in time, the PBX is not heard: the phone's silence means nothing, but another caller's arrival does."""
    clock = Jumping()
    async with house(clock=clock) as one:
        wire = Wire(one)
        leg = await _ringing(one)
        wire.read = lambda: None  # type: ignore[method-assign]
        for _ in range(12):
            clock.jump(0.4)
            one.runtime.post(_caller(one, f"c{clock.lost}"))
            await one.until(lambda: one.runtime.waiting == 0)
        await one.until(lambda: wire.asked)
        assert len(one.world.calls) == 13
        assert one.seen(OfferEnded) == []
        now = clock.now()
        one.runtime.post(LegAnswered(at=now, leg=leg))
        one.runtime.post(PbxHeard(at=now, pbx=PBX, until=now))
        await one.until(lambda: any(isinstance(order, Bridge) for order in one.line.sent))
        assert one.seen(OfferEnded) == []


async def test_nobody_is_blamed_when_the_link_breaks_over_it() -> None:
    clock = Jumping()
    async with house(clock=clock) as one:
        wire = Wire(one)
        await _ringing(one)

        async def lost() -> None:
            one.runtime.post(PbxLost(at=clock.now(), pbx=PBX))

        one.runtime._caught_up = lost
        wire.read = lambda: None  # type: ignore[method-assign]
        clock.jump()
        await one.until(lambda: PBX in one.world.down)
        for _ in range(5):
            clock.jump(0.4)
            one.runtime.post(_caller(one, f"c{clock.lost}"))
            await one.until(lambda: one.runtime.waiting == 0)
        assert one.seen(OfferEnded) == []
        assert [fact for fact in one.seen(AgentChanged) if fact.state == "not_ready"] == []
