"""The pulse: a process that stood still gives everybody a turn before it judges them."""

from __future__ import annotations

import asyncio

import pytest

from callbridge.runtime import pulse
from callbridge.runtime.pulse import BEAT_EVERY, BEAT_LATE, TURN, Pulse
from tests.adapters.waiting import HANGS


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.pulse = Pulse(lambda: self.at)

    def runs(self, seconds: float) -> None:
        for _ in range(round(seconds / BEAT_EVERY)):
            self.at += BEAT_EVERY
            self.pulse.look()

    def stands_still(self, seconds: float) -> None:
        self.at += seconds


def test_a_process_that_runs_may_judge_at_any_time() -> None:
    time = Time()
    assert time.pulse.has_settled
    time.runs(30.0)
    time.stands_still(BEAT_EVERY + BEAT_LATE)
    assert time.pulse.has_settled


def test_after_a_standstill_everybody_has_a_turn_first() -> None:
    time = Time()
    time.stands_still(12.0)
    assert not time.pulse.has_settled, "asked before the beat that was due"
    time.runs(TURN - BEAT_EVERY)
    assert not time.pulse.has_settled
    time.runs(BEAT_EVERY)
    assert time.pulse.has_settled


def test_who_stands_still_all_the_time_is_judged() -> None:
    time = Time()
    judged = 0
    for _ in range(10):
        time.stands_still(6.0)
        time.runs(2.0)
        judged += time.pulse.has_settled
    assert judged >= 3


async def test_it_beats_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "BEAT_EVERY", 0.001)
    looked = asyncio.Event()
    made = Pulse(lambda: 0.0)
    monkeypatch.setattr(made, "look", looked.set)
    beating = asyncio.create_task(made.run())
    async with asyncio.timeout(HANGS):
        await looked.wait()
    beating.cancel()
