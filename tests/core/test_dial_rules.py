"""When a number may be dialled: each rule alone, at its edges, on the clock of the person's own wall."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from callbridge.core.model.calendar import Calendar
from callbridge.core.model.dial_rules import DAY, NEVER, DialLimits, Frequency, Past, verdict

LONDON = "Europe/London"
WEEKDAYS = (((9 * 60, 20 * 60),),) * 5 + ((), ())
CALENDAR = Calendar("day", ZoneInfo(LONDON), WEEKDAYS, {"2026-12-25": ()})
LIMITS = DialLimits(CALENDAR, per_day=2, most=4, retry={"busy": 600.0, "no_answer": 3600.0, "abandoned": 60.0})
FREQUENCY = Frequency(per_day=3, gap=300.0)


def at(text: str, zone: str = LONDON) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


NOON = at("2026-11-23T12:00")  # a Monday


def said(*past: Past, wall: float = NOON, zones: tuple[str, ...] = (LONDON,), blocked: float | None = None) -> tuple[str, float]:
    found = verdict("spring", LIMITS, FREQUENCY, zones=zones, past=past, blocked_until=blocked, wall=wall)
    return found.reason, found.again_at


def test_a_number_that_was_never_dialled_may_be() -> None:
    assert said() == ("", 0.0)


@pytest.mark.parametrize(("until", "reason"), [(NEVER, "do_not_call"), (NOON + 1, "do_not_call"), (NOON - 1, ""), (None, "")])
def test_the_do_not_call_list_holds_until_it_ends(until: float | None, reason: str) -> None:
    assert said(blocked=until)[0] == reason


@pytest.mark.parametrize(
    ("moment", "zones", "opens"),
    [
        ("2026-11-23T08:59", (LONDON,), "2026-11-23T09:00"),
        ("2026-11-23T20:00", (LONDON,), "2026-11-24T09:00"),
        ("2026-11-27T20:00", (LONDON,), "2026-11-30T09:00"),
        ("2026-12-25T12:00", (LONDON,), "2026-12-28T09:00"),
        ("2026-11-23T12:00", ("America/New_York",), "2026-11-23T14:00"),
        ("2026-11-23T12:00", ("America/New_York", "America/Los_Angeles"), "2026-11-23T17:00"),
    ],
)
def test_people_are_called_when_it_is_open_wherever_they_may_be(moment: str, zones: tuple[str, ...], opens: str) -> None:
    assert said(wall=at(moment), zones=zones) == ("hours", at(opens))


def test_the_hour_that_spring_leaves_out_moves_nothing_else() -> None:
    limits = DialLimits(Calendar("night", ZoneInfo(LONDON), (((90, 240),),) * 7))
    found = verdict("spring", limits, FREQUENCY, zones=(LONDON,), past=(), blocked_until=None, wall=at("2027-03-28T00:59"))
    assert found.reason == "hours"
    assert found.again_at == at("2027-03-28T02:00")


def test_each_outcome_has_its_delay() -> None:
    assert said(Past(NOON - 599, "spring", "busy")) == ("retry", NOON + 1)
    assert said(Past(NOON - 600, "spring", "busy")) == ("", 0.0)
    assert said(Past(NOON - 9 * DAY, "spring", "invalid")) == ("retry", NEVER)


def test_an_attempt_under_way_is_waited_for() -> None:
    assert said(Past(NOON - 3600, "spring", ""))[0] == "under_way"


def test_so_many_in_all_and_so_many_a_day() -> None:
    old = [Past(NOON - (5 + days) * DAY, "spring", "busy") for days in range(4)]
    assert said(*old) == ("attempts", NEVER)
    today = [Past(NOON - 3 * 3600, "spring", "busy"), Past(NOON - 2 * 3600, "spring", "busy")]
    assert said(*today) == ("per_day", at("2026-11-24T00:00"))


def test_the_day_is_that_of_the_person() -> None:
    """Eleven in the evening in London is the next day in Tokyo."""
    evening = at("2026-11-23T15:30")
    past = [Past(evening - 4 * 3600, "spring", "busy"), Past(evening - 3 * 3600, "spring", "busy")]
    assert said(*past, wall=evening)[0] == "per_day"
    night = verdict(
        "spring",
        DialLimits(per_day=2, retry={"busy": 0.0}),
        Frequency(9, 0.0),
        zones=("Asia/Tokyo",),
        past=past,
        blocked_until=None,
        wall=evening,
    )
    assert night.reason == ""


def test_all_campaigns_together_have_a_gap_and_a_limit() -> None:
    assert said(Past(NOON - 299, "summer", "busy")) == ("frequency", NOON + 1)
    others = [Past(NOON - hours * 3600, "summer", "busy") for hours in (1, 2, 3)]
    assert said(*others) == ("frequency", at("2026-11-24T00:00"))


@pytest.mark.parametrize("outcome", ["abandoned", "unknown"])
def test_a_person_who_was_left_alone_is_left_in_peace_by_all_campaigns(outcome: str) -> None:
    past = Past(NOON - 71 * 3600, "summer", outcome)
    assert said(past)[0] == "after_abandoned"
    assert said(Past(NOON - 73 * 3600, "summer", outcome))[0] == ""


def test_the_latest_of_several_reasons_holds() -> None:
    found = said(Past(NOON - 100, "spring", "busy"), Past(NOON - 50 * 3600, "summer", "abandoned"))
    assert found == ("after_abandoned", NOON + 22 * 3600)
