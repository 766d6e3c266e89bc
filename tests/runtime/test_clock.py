"""The clock: never backwards, anchored once; midnight where the zone has it."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from callbridge.core.model.facts import CallArrived
from callbridge.runtime import Clock
from callbridge.runtime.clock import day_of, next_midnight
from tests.runtime.fakes import house
from tests.runtime.test_loop import _caller


def test_the_clock_goes_on_from_the_saved_world_s_time() -> None:
    ahead = time.time() + 3600.0
    clock = Clock(not_before=ahead)
    assert clock.now() >= ahead
    assert -3601.0 < clock.wall_offset() < -3599.0


def test_the_clock_ignores_that_somebody_moves_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    before = clock.now()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 500.0)
    assert 0.0 <= clock.now() - before < 5.0
    assert -501.0 < clock.wall_offset() < -499.0


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        ("UTC", "2026-11-21T00:00:00+00:00", 24),
        ("Europe/London", "2026-03-29T00:00:00+00:00", 23),
        ("Europe/London", "2026-10-25T00:00:00+01:00", 25),
        ("Asia/Shanghai", "2026-11-21T00:00:00+08:00", 24),
    ],
)
def test_a_day_is_as_long_as_its_zone_says(zone: str, at: str, hours: int) -> None:
    began = datetime.fromisoformat(at).timestamp()
    assert next_midnight(began, ZoneInfo(zone)) - began == hours * 3600
    assert day_of(began, ZoneInfo(zone)) == at[:10]
    assert day_of(next_midnight(began, ZoneInfo(zone)) - 0.001, ZoneInfo(zone)) == at[:10]


async def test_a_moved_wall_clock_is_told_and_moves_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as one:
        one.runtime.post(_caller(one.runtime.clock.now(), "ann"))
        await one.until(lambda: one.seen(CallArrived))
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 7200.0)
        await one.until(lambda: one.world.wall_offset > 7199.0)
        assert one.world.now < real() + 5.0
