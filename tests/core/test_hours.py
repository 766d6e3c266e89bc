"""Calendars: weekdays, holidays, and the two days of the year that are not 24 hours long."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from callbridge.core.model.calendar import Calendar

ZONE = ZoneInfo("Europe/London")
OFFICE = Calendar(
    name="office",
    zone=ZONE,
    week=(*(((480, 1080),) for _ in range(5)), ((540, 720), (780, 900)), ()),
    holidays={"2026-12-25": (), "2026-12-24": ((480, 720),)},
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-20 07:59:59", False),
        ("2026-11-20 08:00:00", True),
        ("2026-11-20 17:59:59", True),
        ("2026-11-20 18:00:00", False),
        ("2026-11-21 12:30:00", False),
        ("2026-11-21 13:00:00", True),
        ("2026-11-22 12:00:00", False),
        ("2026-12-24 11:59:00", True),
        ("2026-12-24 12:00:00", False),
        ("2026-12-25 12:00:00", False),
    ],
)
def test_hours_are_those_of_the_day(moment: str, is_open: bool) -> None:
    assert OFFICE.is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "change"),
    [
        ("2026-11-20 07:00:00", "2026-11-20 08:00:00"),
        ("2026-11-20 08:00:00", "2026-11-20 18:00:00"),
        ("2026-11-20 18:00:00", "2026-11-21 09:00:00"),
        ("2026-11-21 12:00:00", "2026-11-21 13:00:00"),
        ("2026-11-21 15:00:00", "2026-11-23 00:00:00"),
    ],
)
def test_the_next_change_is_known(moment: str, change: str) -> None:
    assert OFFICE.changes_after(at(moment)) == at(change)


def test_the_next_opening_is_known_over_weekends_and_holidays() -> None:
    assert OFFICE.opens_after(at("2026-11-21 16:00:00")) == at("2026-11-23 08:00:00")
    assert OFFICE.opens_after(at("2026-12-24 13:00:00")) == at("2026-12-26 09:00:00")
    assert OFFICE.opens_after(at("2026-11-20 12:00:00")) == at("2026-11-20 12:00:00")
    never = Calendar(name="never", zone=ZONE, week=((),) * 7)
    assert never.opens_after(at("2026-11-20 12:00:00")) is None


def test_clocks_put_back_and_forward_change_nothing_on_the_wall() -> None:
    always = Calendar(name="day", zone=ZONE, week=tuple(((480, 1080),) for _ in range(7)))
    for day in ("2026-03-29", "2026-10-25"):  # 23 and 25 hours long
        assert always.opens_after(at(f"{day} 00:30:00")) == at(f"{day} 08:00:00")
        assert always.changes_after(at(f"{day} 08:00:00")) == at(f"{day} 18:00:00")
        assert not always.is_open(at(f"{day} 18:00:00"))
