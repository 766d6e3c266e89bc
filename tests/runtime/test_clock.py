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


@pytest.mark.parametrize("wrong_by", [3600.0, -3600.0, 3.0])
def test_a_clock_continues_the_former_leader_s_time_where_the_wall_clock_contradicts_it(wrong_by: float) -> None:
    leader_now = time.time() - wrong_by
    clock = Clock(leader_now - 0.5, leader_now - time.monotonic())
    assert 0.0 <= clock.now() - leader_now < 1.0
    assert wrong_by - 1.0 < clock.corrected < wrong_by + 1.0
    assert wrong_by - 1.0 < clock.wall_offset() < wrong_by + 1.0


@pytest.mark.parametrize("differs", [1.5, -1.5, None])
def test_what_a_reading_is_delayed_by_is_no_wrong_clock(differs: float | None) -> None:
    ahead = None if differs is None else time.time() - differs - time.monotonic()
    clock = Clock(time.time() - 5.0, ahead)
    assert (clock.corrected, round(clock.wall_offset(), 1)) == (0.0, 0.0)


def test_a_clock_never_goes_on_before_the_saved_world_s_time() -> None:
    saved = time.time() + 7200.0
    assert Clock(saved, time.time() - 3600.0 - time.monotonic()).now() >= saved


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
